//! A batch if domains are on several servers: one transaction per domain, so that none needs two servers to agree.
//!
//! Finds the owner of every report, commits domain by domain, then commits what is set aside. Answers only after all. What a fault cuts
//! off comes again, and what was committed before it is then known. The rows of `domains` are on the coordinator: held
//! there, they keep other writers away from what the domain has elsewhere. A report that is sliced, or that may have been
//! left in a domain above, takes one transaction on the servers of all its domains, which Citus commits in two phases.

use hashbrown::HashSet;

use super::super::db::Layout;
use super::super::{Acceptance, NewMessage, Outcome, Store, StoreError, StoredReport};
use super::keep::{self, Copies};
use super::place::{Batch, Claim, Placed};
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
            let claims = std::mem::take(&mut placed.claims);
            for claims in together(claims, &progress.done) {
                let mut write = self.write().await?;
                let (mut conn, memory) = write.parts();
                memory.refresh(&mut conn).await?;
                let mut wanted = affected_domains(&placed, &claims);
                wanted.extend(
                    register::slice_domains(&mut conn, batch, &claims)
                        .await?
                        .iter()
                        .map(|slice| slice.1),
                );
                let mut held = conn.hold(wanted).await?;
                held.sort_unstable();
                if claims.iter().any(|claim| claim.slice.is_some()) {
                    keep::lock(&mut conn, batch, &placed).await?;
                }
                memory.refresh(&mut conn).await?;
                // Once for all of them would do, were it not that domains come and go meanwhile.
                let is_same = memory.domains_version() == version || {
                    let now = place::place(&mut conn, memory, batch).await?;
                    let now: HashSet<_> = now.claims.iter().map(place_of).collect();
                    claims.iter().all(|claim| now.contains(&place_of(claim)))
                };
                let is_held = |domain: &DomainId| held.binary_search(domain).is_ok();
                if !is_same || !affected_domains(&placed, &claims).iter().all(is_held) {
                    continue;
                }
                let part = Batch {
                    messages: batch,
                    placed: &placed,
                    claims: &claims,
                    held: &held,
                };
                if let Some(counted) = count(&mut conn, memory, part, &mut progress.copies, options).await? {
                    write.commit().await?;
                    progress.add(&claims, counted);
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
        super::refuse(batch, &progress.refused, options);
        keep::lock(&mut conn, batch, placed).await?;
        memory.refresh(&mut conn).await?;
        let mut placed = place::place(&mut conn, memory, batch).await?;
        super::refuse(batch, &progress.refused, options);
        let is_done = |claim: &Claim| progress.done.contains(&(claim.message, claim.report));
        if !placed.claims.iter().all(is_done) {
            return Ok(None);
        }
        let mut stored = std::mem::take(&mut progress.stored);
        stored.sort_by_key(|(claim, _)| (claim.message, claim.report));
        let mut outcomes = outcomes(batch, stored, &progress.over_quota, &progress.copies);
        placed.unclaimed.retain(|at| !progress.whole.contains(at));
        placed.unclaimed.sort_unstable();
        keep::set_aside(&mut conn, memory, batch, &placed.unclaimed, &mut outcomes, options).await?;
        tell::quarantined(&mut conn, memory, batch, &outcomes, options.now).await?;
        write.commit().await?;
        Ok(Some(outcomes))
    }
}

/// What of a batch is committed.
#[derive(Default)]
struct Progress {
    stored: Vec<(Claim, StoredReport)>,
    /// Message and report of versions too many.
    refused: Vec<(usize, usize)>,
    /// Messages whose held reports were not kept.
    over_quota: Vec<usize>,
    copies: Copies,
    done: Done,
    /// Their domain may be removed before the batch is answered: they went with it, and wait for nothing.
    whole: Done,
}

impl Progress {
    fn add(&mut self, claims: &[Claim], counted: Counted) {
        self.stored.extend(counted.stored);
        self.refused.extend(counted.refused);
        self.over_quota.extend(counted.over_quota);
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
fn affected_domains(placed: &Placed, claims: &[Claim]) -> Vec<DomainId> {
    let above = |claim: &Claim| placed.above.get(&claim.domain).into_iter().flatten().copied();
    let all = claims
        .iter()
        .flat_map(|claim| std::iter::once(claim.domain).chain(above(claim)));
    all.collect()
}

/// The claims that are not done, those of one transaction together: the whole reports of a domain, or the slices of one.
fn together(claims: Vec<Claim>, done: &Done) -> Vec<Vec<Claim>> {
    let mut rest: Vec<_> = claims;
    rest.retain(|claim| !done.contains(&(claim.message, claim.report)));
    rest.sort_by_key(|claim| match claim.slice {
        None => (false, claim.domain.0, 0),
        Some(_) => (true, claim.message as i64, claim.report),
    });
    let is_one = |a: &Claim, b: &Claim| match (a.slice, b.slice) {
        (None, None) => a.domain == b.domain,
        (Some(_), Some(_)) => (a.message, a.report) == (b.message, b.report),
        _ => false,
    };
    rest.chunk_by(is_one).map(<[Claim]>::to_vec).collect()
}
