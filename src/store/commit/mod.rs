//! A batch of messages into the database, in one transaction: the only way a report gets in.
//!
//! Place (whose is it), decide (new, duplicate, conflict), insert, move the roll-ups, keep the bytes. After an error
//! nothing of the batch is there. Where domains lie on several servers, it is one transaction a domain (`by_domain.rs`).

mod by_domain;
mod decide;
mod insert;
mod keep;
mod place;
mod restore;
mod rollups;

use super::db::{Args, Conn, Layout};
use super::memory::Memory;
use super::sql::sql;
use super::{Belonging, DomainId, Fate, NewMessage, NewReport, Outcome, Problem, Store, StoreError, StoredReport};

use decide::Decisions;
use keep::{Copies, Originals};
use place::{Claim, Names};
use restore::Restored;
pub(super) use rollups::Moves;

/// How batches are committed.
pub struct CommitOptions<'o> {
    /// Keep the bytes of messages whose reports are counted.
    pub keep_originals: bool,
    /// Makes the random names of a domain that is added on sight.
    pub fresh: &'o (dyn Fn() -> FreshDomain + Sync),
}

/// The random names of a new domain row.
#[derive(Debug, Clone)]
pub struct FreshDomain {
    pub public_id: String,
    pub rua_token: String,
}

impl Store {
    /// As [`Self::commit_slice`], for who needs the batch no more.
    ///
    /// # Errors
    /// As there.
    pub async fn commit(
        &self,
        mut batch: Vec<NewMessage>,
        options: &CommitOptions<'_>,
    ) -> Result<Vec<Outcome>, StoreError> {
        self.commit_slice(&mut batch, options).await
    }

    /// Commits a batch and gives an outcome for each message, in order. When this returns, all of it is on disk. The
    /// messages stay as they were, so that parts of a batch that was refused can be tried.
    ///
    /// Must be awaited to its end: a dropped call may have committed or not.
    ///
    /// # Errors
    /// Nothing of the batch is in the database; only after a lost connection during the commit itself it may be, and
    /// sending it again is then counted as duplicates. Where domains lie on several servers, that of some may be.
    pub async fn commit_slice(
        &self,
        batch: &mut [NewMessage],
        options: &CommitOptions<'_>,
    ) -> Result<Vec<Outcome>, StoreError> {
        if self.layout() == Layout::ByDomain {
            return self.commit_by_domain(batch, options).await;
        }
        for _ in 0..PLACED_MAX {
            let mut write = self.write().await?;
            let (mut conn, memory) = write.parts();
            if let Some(outcomes) = commit(&mut conn, memory, batch, options).await? {
                write.commit().await?;
                return Ok(outcomes);
            }
        }
        let removed = std::io::Error::other("domains were removed again and again while reports came for them");
        Err(StoreError::Unavailable(removed.into()))
    }
}

/// Tries to find domain rows that are not removed by another node between being found and being held.
const PLACED_MAX: usize = 5;

/// `None` if a domain that reports belong to was removed meanwhile: nothing of the transaction may stay.
async fn commit(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: &mut [NewMessage],
    options: &CommitOptions<'_>,
) -> Result<Option<Vec<Outcome>>, StoreError> {
    memory.refresh(conn).await?;
    let placed = place::place(conn, memory, batch, options.fresh).await?;
    // From here on nobody else writes for these domains: what is read of them stays true until the commit.
    let held = conn.hold(domains(batch, &placed.claims)).await?;
    if !placed.claims.iter().all(|claim| held.contains(&claim.domain)) {
        return Ok(None);
    }
    let mut copies = Copies::default();
    let stored = count(conn, memory, batch, &placed.claims, &placed.names, &mut copies, options).await?;
    let mut outcomes = outcomes(batch, stored);
    let added = placed.added;
    keep::set_aside(conn, memory, batch, placed.unclaimed, &mut outcomes).await?;
    if added {
        conn.run(sql!("domains_changed"), Args::default()).await?;
    }
    Ok(Some(outcomes))
}

/// Counts the reports of domains that are held.
async fn count(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: &[NewMessage],
    claims: &[Claim],
    names: &Names,
    copies: &mut Copies,
    options: &CommitOptions<'_>,
) -> Result<Vec<(Claim, StoredReport)>, StoreError> {
    let mut decisions = decide::decide(conn, memory, batch, claims).await?;
    let restored = restore::find(conn, batch, &decisions).await?;
    let mut moves = Moves::default();
    let originals = if options.keep_originals {
        Originals::of(batch, &decisions, &restored, copies)
    } else {
        Originals::default()
    };
    insert::insert(conn, memory, batch, &decisions, names, &mut moves, &originals).await?;
    restore::restore(conn, memory, batch, &decisions, &restored, names, &originals).await?;
    decisions.apply_changes(conn, batch, &mut moves).await?;
    moves.apply(conn).await?;
    originals.write(conn, batch).await?;
    Ok(stored(batch, &decisions, &restored))
}

/// Whose rows the batch may change.
fn domains(batch: &[NewMessage], claims: &[Claim]) -> Vec<DomainId> {
    let addressed = batch.iter().filter_map(|message| match message.belonging {
        Belonging::Domain(_, domain) => Some(domain),
        Belonging::Account(_) | Belonging::AddDomains(_) => None,
    });
    claims.iter().map(|claim| claim.domain).chain(addressed).collect()
}

fn stored(batch: &[NewMessage], decisions: &Decisions, restored: &[Restored]) -> Vec<(Claim, StoredReport)> {
    let stored = decisions.all.iter().enumerate().map(|(nth, decision)| {
        let claim = decision.claim;
        let (leaf, new) = &batch[claim.message].reports[claim.report];
        let stored = StoredReport {
            no: decision.no,
            domain: claim.domain,
            fate: decision.fate,
            policy_domain: new.report.policy.domain.to_string(),
            records: new.report.records.len() as u64,
            messages: new.messages(),
            leaf: leaf.clone(),
            window: new.report.metadata.window,
            restored: restored.binary_search_by_key(&nth, |one| one.nth).is_ok(),
        };
        (claim, stored)
    });
    stored.collect()
}

fn outcomes(batch: &[NewMessage], stored: Vec<(Claim, StoredReport)>) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::default(); batch.len()];
    for (claim, stored) in stored {
        outcomes[claim.message].reports.push(stored);
    }
    outcomes
}

fn report_of<'b>(batch: &'b [NewMessage], claim: &Claim) -> &'b NewReport {
    &batch[claim.message].reports[claim.report].1
}

const MISADDRESSED: &str = "misaddressed";

fn misaddressed(leaf: &str, policy_domain: &str, domain: &str) -> Problem {
    Problem {
        leaf: leaf.to_owned(),
        reason: MISADDRESSED,
        detail: format!("the report is about {policy_domain}, which is not {domain} or below it"),
        offset: None,
    }
}

fn is_new(fate: Fate) -> bool {
    fate != Fate::Duplicate
}
