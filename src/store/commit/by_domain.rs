//! A batch if domains are on several servers: one transaction per domain, so that none needs two servers to agree.
//!
//! Finds the owner of every report, commits domain by domain, then commits what is set aside. Answers only after all. What a fault cuts
//! off comes again, and what was committed before it is then known. The rows of `domains` are on the coordinator: held
//! there, they keep other writers away from what the domain has elsewhere. A report that is sliced, or that may have been
//! left in a domain above, takes one transaction on the servers of all its domains, which Citus commits in two phases.

use hashbrown::HashSet;

use super::super::db::Layout;
use super::super::{Acceptance, NewMessage, Outcome, Store, StoreError};
use super::keep::{self, Copies};
use super::place::{Batch, Claim, FailureClaim, Placed, TlsClaim};
use super::{CommitOptions, Counted, PLACED_MAX, count, moving_on, outcomes, place, register, tell};
use crate::base::DomainId;

/// Reports of the batch that are committed, by message and position.
type Done = HashSet<(usize, usize)>;

impl Store {
    /// [`Store::commit`] if domains are on several servers.
    pub(super) async fn commit_by_domain(
        &self,
        batch: &mut [NewMessage],
        options: &CommitOptions<'_>,
    ) -> Result<Vec<Outcome>, StoreError> {
        debug_assert_eq!(self.layout(), Layout::ByDomain);
        let mut progress = Progress::default();
        for _ in 0..PLACED_MAX {
            let mut write = self.write().await?;
            let (mut conn, memory) = write.parts();
            memory.refresh(&mut conn).await?;
            let mut placed = place::place(&mut conn, memory, batch).await?;
            let version = memory.domains_version();
            write.commit().await?;
            let whole = Part {
                claims: std::mem::take(&mut placed.claims),
                tls: std::mem::take(&mut placed.tls),
                failures: std::mem::take(&mut placed.failures),
            };
            for part in together(whole, &progress) {
                let mut write = self.write().await?;
                let (mut conn, memory) = write.parts();
                memory.refresh(&mut conn).await?;
                let mut wanted = affected_domains(&placed, &part);
                wanted.extend(
                    register::slice_domains(&mut conn, batch, &part.claims)
                        .await?
                        .iter()
                        .map(|slice| slice.1),
                );
                let mut held = conn.hold(wanted).await?;
                held.sort_unstable();
                if part.claims.iter().any(|claim| claim.slice.is_some()) {
                    keep::lock(&mut conn, batch, &placed).await?;
                }
                memory.refresh(&mut conn).await?;
                // Once for all of them would do, were it not that domains come and go meanwhile.
                let is_same = memory.domains_version() == version || {
                    let now = place::place(&mut conn, memory, batch).await?;
                    let of_tls = part.tls.iter().all(|claim| now.tls.contains(claim));
                    let of_failures = part.failures.iter().all(|claim| now.failures.contains(claim));
                    let now: HashSet<_> = now.claims.iter().map(place_of).collect();
                    of_tls && of_failures && part.claims.iter().all(|claim| now.contains(&place_of(claim)))
                };
                let is_held = |domain: &DomainId| held.binary_search(domain).is_ok();
                if !is_same || !affected_domains(&placed, &part).iter().all(is_held) {
                    continue;
                }
                let counting = Batch {
                    messages: batch,
                    placed: &placed,
                    claims: &part.claims,
                    tls: &part.tls,
                    failures: &part.failures,
                    held: &held,
                };
                if let Some(counted) = count(&mut conn, memory, counting, &mut progress.copies, options).await? {
                    write.commit().await?;
                    progress.add(&part, counted);
                }
            }
            if let Some(outcomes) = self.conclude(batch, options, &placed, &mut progress).await? {
                return Ok(outcomes);
            }
        }
        Err(moving_on())
    }

    /// Sets aside what became no counted report. `None` if others are to be committed first, since domains came and went.
    async fn conclude(
        &self,
        batch: &mut [NewMessage],
        options: &CommitOptions<'_>,
        placed: &Placed,
        progress: &mut Progress,
    ) -> Result<Option<Vec<Outcome>>, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        memory.refresh(&mut conn).await?;
        conn.hold(super::addressed(batch).collect()).await?;
        super::refuse(batch, &progress.counted, options);
        keep::lock(&mut conn, batch, placed).await?;
        memory.refresh(&mut conn).await?;
        let mut placed = place::place(&mut conn, memory, batch).await?;
        super::refuse(batch, &progress.counted, options);
        let is_done = |claim: &Claim| progress.done.contains(&(claim.message, claim.report));
        let is_tls_done = |claim: &TlsClaim| progress.done_tls.contains(&(claim.message, claim.report));
        let is_failure_done = |claim: &FailureClaim| progress.done_failures.contains(&claim.message);
        let are_done = placed.tls.iter().all(is_tls_done) && placed.failures.iter().all(is_failure_done);
        if !placed.claims.iter().all(is_done) || !are_done {
            return Ok(None);
        }
        let mut counted = std::mem::take(&mut progress.counted);
        counted.stored.sort_by_key(|(claim, _)| (claim.message, claim.report));
        counted
            .stored_tls
            .sort_by_key(|(claim, _)| (claim.message, claim.report));
        let mut outcomes = outcomes(batch, counted, &progress.copies);
        placed.unclaimed.retain(|at| !progress.whole.contains(at));
        placed.tls_unclaimed.retain(|at| !progress.done_tls.contains(at));
        keep::set_aside(&mut conn, memory, batch, &placed.waiting(), &mut outcomes, options).await?;
        tell::quarantined(&mut conn, memory, batch, &outcomes, options.now).await?;
        write.commit().await?;
        Ok(Some(outcomes))
    }
}

/// What of a batch is committed.
#[derive(Default)]
struct Progress {
    counted: Counted,
    copies: Copies,
    done: Done,
    done_tls: Done,
    /// By message.
    done_failures: HashSet<usize>,
    /// Their domain may be removed before the batch is answered: they went with it, and wait for nothing.
    whole: Done,
}

impl Progress {
    fn add(&mut self, part: &Part, counted: Counted) {
        let Part { claims, tls, failures } = part;
        self.counted.add(counted);
        self.done_failures.extend(failures.iter().map(|claim| claim.message));
        self.done_tls
            .extend(tls.iter().map(|claim| (claim.message, claim.report)));
        self.done
            .extend(claims.iter().map(|claim| (claim.message, claim.report)));
        let wholly = claims.iter().filter(|claim| claim.slice.is_none());
        self.whole.extend(wholly.map(|claim| (claim.message, claim.report)));
    }
}

/// What a claim is about, and where.
fn place_of(claim: &Claim) -> (usize, usize, DomainId, bool, Acceptance) {
    let Claim {
        message,
        report,
        domain,
        slice,
        acceptance,
        ..
    } = *claim;
    (message, report, domain, slice.is_some(), acceptance)
}

/// The domains that claims may change.
fn affected_domains(placed: &Placed, part: &Part) -> Vec<DomainId> {
    let Part { claims, tls, failures } = part;
    let above = |domain: DomainId| placed.above.get(&domain).into_iter().flatten().copied();
    let tls = tls.iter().map(|claim| claim.domain);
    let failures = failures.iter().map(|claim| claim.domain);
    let all = claims.iter().map(|claim| claim.domain).chain(tls).chain(failures);
    all.flat_map(|domain| std::iter::once(domain).chain(above(domain)))
        .collect()
}

/// Claims of one transaction.
#[derive(Default)]
struct Part {
    claims: Vec<Claim>,
    tls: Vec<TlsClaim>,
    failures: Vec<FailureClaim>,
}

/// The claims that are not done, those of one transaction together: the whole reports of a domain, the slices of one, the TLS
/// reports of a domain, or its failure reports.
fn together(whole: Part, progress: &Progress) -> Vec<Part> {
    let Part { claims, tls, failures } = whole;
    let mut rest_failures = failures;
    rest_failures.retain(|claim| !progress.done_failures.contains(&claim.message));
    rest_failures.sort_by_key(|claim| claim.domain.0);
    let mut rest_tls = tls;
    rest_tls.retain(|claim| !progress.done_tls.contains(&(claim.message, claim.report)));
    rest_tls.sort_by_key(|claim| claim.domain.0);
    let mut rest: Vec<_> = claims;
    rest.retain(|claim| !progress.done.contains(&(claim.message, claim.report)));
    rest.sort_by_key(|claim| match claim.slice {
        None => (false, claim.domain.0, 0),
        Some(_) => (true, claim.message as i64, claim.report),
    });
    let is_one = |a: &Claim, b: &Claim| match (a.slice, b.slice) {
        (None, None) => a.domain == b.domain,
        (Some(_), Some(_)) => (a.message, a.report) == (b.message, b.report),
        _ => false,
    };
    let reports = rest.chunk_by(is_one).map(|claims| Part {
        claims: claims.to_vec(),
        ..Part::default()
    });
    let tls = rest_tls.chunk_by(|a, b| a.domain == b.domain).map(|tls| Part {
        tls: tls.to_vec(),
        ..Part::default()
    });
    let failures = rest_failures
        .chunk_by(|a, b| a.domain == b.domain)
        .map(|failures| Part {
            failures: failures.to_vec(),
            ..Part::default()
        });
    reports.chain(tls).chain(failures).collect()
}
