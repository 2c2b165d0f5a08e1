//! A batch of messages into the database, in one transaction: the only way a report gets in.
//!
//! Place (whose is it), decide (new, duplicate, conflict), insert, move the roll-ups, keep the bytes. After an error
//! nothing of the batch is there. If domains are on several servers, it is one transaction per domain (`by_domain.rs`).

mod arrived;
mod by_domain;
mod changes;
mod crowd;
mod decide;
mod decision;
mod failures;
mod insert;
mod judge;
mod keep;
mod lookup;
mod pieces;
mod place;
mod quota;
mod rechecks;
mod register;
mod restore;
mod settle;
mod slices;
mod tell;
mod tls;

use super::db::{Conn, Layout};
use super::memory::Memory;
use super::moves::Moves;
use super::{
    Belonging, Fate, NewMessage, NewReport, Outcome, Problem, Store, StoreError, StoredFailure, StoredReport,
    StoredTlsReport, domains,
};
use crate::base::{DomainId, Millis};

use decide::Decisions;
use keep::{Copies, Originals};
use place::{Batch, Claim, Placed, TlsClaim};
pub use rechecks::{Undecided, UndecidedCheck};

/// How batches are committed.
pub struct CommitOptions<'o> {
    /// When it is committed: events are due from then on, whenever their mail came.
    pub now: Millis,
    /// Whether to keep the bytes of messages whose reports are counted.
    pub keep_originals: bool,
    /// Makes the random names of a domain that is added on sight.
    pub fresh: &'o (dyn Fn() -> FreshDomain + Sync),
    pub limits: KeepLimits,
}

/// How much is kept of what strangers can send in any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepLimits {
    /// Texts of one report that contradict each other: of those that are vouched for, and of the others.
    pub versions_max: usize,
    /// Quota of mail with an envelope that nothing vouches for, per account and day. Ten times as much for mail that
    /// passed DMARC: anyone passes it for their own domain.
    pub set_aside_day_max: DayQuota,
    /// Quota of held reports from such mail.
    pub held_day_max: DayQuota,
    /// Quota of all that is kept of TLS reports that anyone posts to a domain.
    pub posted_day_max: DayQuota,
    /// Different source addresses of a domain on one day, about. A report that would bring more is held.
    pub day_addresses_max: usize,
}

/// What may be set aside in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayQuota {
    /// Rows: one a message, or one for each domain that its unclaimed reports are about; one for each held report.
    pub messages: u64,
    /// Their bytes in the database, about.
    pub bytes: u64,
}

impl DayQuota {
    const NONE: Self = Self { messages: 0, bytes: 0 };
}

impl KeepLimits {
    /// The default limits.
    pub const DEFAULT: Self = Self {
        versions_max: 20,
        set_aside_day_max: DayQuota {
            messages: 2_000,
            bytes: 64 << 20,
        },
        held_day_max: DayQuota {
            messages: 2_000,
            bytes: 64 << 20,
        },
        posted_day_max: DayQuota {
            messages: 2_000,
            bytes: 32 << 20,
        },
        day_addresses_max: 250_000,
    };
}

impl Default for KeepLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
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

    /// Commits a batch and returns an outcome per message, in order. When this returns, all of it is on disk. The
    /// messages stay as they were, so that parts of a batch that was refused can be tried.
    ///
    /// Must be awaited to its end: a dropped call may have committed or not.
    ///
    /// # Errors
    /// Nothing of the batch is in the database; only after a lost connection during the commit itself it may be, and
    /// sending it again is then counted as duplicates. If domains are on several servers, that of some may be.
    pub async fn commit_slice(
        &self,
        batch: &mut [NewMessage],
        options: &CommitOptions<'_>,
    ) -> Result<Vec<Outcome>, StoreError> {
        self.add_on_sight(batch, options).await?;
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
        Err(moving_on())
    }

    /// Adds the policy domains of what is to be counted for domains that are added on sight: in transactions of their own,
    /// since they hold other domains than the batch does.
    async fn add_on_sight(&self, batch: &[NewMessage], options: &CommitOptions<'_>) -> Result<(), StoreError> {
        let adds = |message: &NewMessage| matches!(message.belonging, Belonging::AddDomains(_));
        if !batch
            .iter()
            .any(|message| adds(message) && message.domains_to_add().next().is_some())
        {
            return Ok(());
        }
        let mut write = self.write().await?;
        let (mut conn, memory) = write.parts();
        memory.refresh(&mut conn).await?;
        let names = place::to_add(&mut conn, memory, batch).await?;
        let fresh = |(account, name, now)| domains::Fresh {
            account,
            domain: place::on_sight(name, (options.fresh)()),
            now,
        };
        let receivers = domains::add_empty(&mut conn, memory, names.into_iter().map(fresh).collect()).await?;
        write.commit().await?;
        // Each by itself: in one transaction, rows would be held in no order.
        for fresh in receivers {
            let mut write = self.write().await?;
            let (mut conn, memory) = write.parts();
            domains::add(&mut conn, memory, fresh).await?;
            write.commit().await?;
        }
        Ok(())
    }
}

/// The error of a batch whose domains were repeatedly added and removed while it was placed.
fn moving_on() -> StoreError {
    let removed = std::io::Error::other("domains were repeatedly added and removed while reports for them came");
    StoreError::Unavailable(removed.into())
}

/// Tries to find domain rows that are not changed by another node between being found and being held.
const PLACED_MAX: usize = 20;

/// `None` if other domains are to be held than were, since some were added or removed meanwhile: nothing of the
/// transaction may stay.
async fn commit(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: &mut [NewMessage],
    options: &CommitOptions<'_>,
) -> Result<Option<Vec<Outcome>>, StoreError> {
    memory.refresh(conn).await?;
    let mut placed = place::place(conn, memory, batch).await?;
    let Some(held) = hold(conn, memory, batch, &mut placed).await? else {
        return Ok(None);
    };
    let (mut copies, claims) = (Copies::default(), std::mem::take(&mut placed.claims));
    let (tls, failures) = (std::mem::take(&mut placed.tls), std::mem::take(&mut placed.failures));
    let whole = Batch {
        messages: batch,
        placed: &placed,
        claims: &claims,
        tls: &tls,
        failures: &failures,
        held: &held,
    };
    let counted = count(conn, memory, whole, &mut copies, options).await?;
    let Some(counted) = counted else {
        return Ok(None);
    };
    refuse(batch, &counted, options);
    if counted.is_any_refused() {
        keep::lock(conn, batch, &placed).await?;
    }
    let mut outcomes = outcomes(batch, counted, &copies);
    keep::set_aside(conn, memory, batch, &placed.waiting(), &mut outcomes, options).await?;
    tell::quarantined(conn, memory, batch, &outcomes, options.now).await?;
    Ok(Some(outcomes))
}

/// What became of the claims of a batch.
#[derive(Default)]
struct Counted {
    stored: Vec<(Claim, StoredReport)>,
    stored_tls: Vec<(TlsClaim, StoredTlsReport)>,
    /// By message.
    stored_failures: Vec<(usize, StoredFailure)>,
    /// Message and report of versions too many.
    refused: Vec<(usize, usize)>,
    refused_tls: Vec<(usize, usize)>,
    /// Messages whose held, posted or failure reports were not kept.
    over_quota: Vec<usize>,
}

impl Counted {
    fn is_any_refused(&self) -> bool {
        !self.refused.is_empty() || !self.refused_tls.is_empty()
    }

    fn add(&mut self, other: Self) {
        self.stored.extend(other.stored);
        self.stored_tls.extend(other.stored_tls);
        self.stored_failures.extend(other.stored_failures);
        self.refused.extend(other.refused);
        self.refused_tls.extend(other.refused_tls);
        self.over_quota.extend(other.over_quota);
    }
}

/// Holds what the batch may change. From here on no other transaction writes for these domains, and none is added or removed in a
/// way that would place the batch otherwise: what is read of them stays true until the commit. `None` if that would take
/// other domains by now.
async fn hold(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: &mut [NewMessage],
    placed: &mut Placed,
) -> Result<Option<Vec<DomainId>>, StoreError> {
    let mut wanted: Vec<_> = placed.domains().chain(addressed(batch)).collect();
    wanted.extend(
        register::slice_domains(conn, batch, &placed.claims)
            .await?
            .iter()
            .map(|slice| slice.1),
    );
    let mut held = conn.hold(wanted).await?;
    held.sort_unstable();
    if conn.is_sqlite() {
        return Ok(Some(held));
    }
    keep::lock(conn, batch, placed).await?;
    if memory.refresh(conn).await? {
        *placed = place::place(conn, memory, batch).await?;
    }
    let all_held = placed.domains().all(|domain| held.binary_search(&domain).is_ok());
    Ok(all_held.then_some(held))
}

/// Counts the reports of domains that are held. `None` if others are to be held, too.
async fn count(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: Batch<'_>,
    copies: &mut Copies,
    options: &CommitOptions<'_>,
) -> Result<Option<Counted>, StoreError> {
    let Some(mut decisions) = decide::decide(conn, memory, batch, options.limits).await? else {
        return Ok(None);
    };
    let mut tls = tls::decide(conn, memory, batch, options.limits).await?;
    let mut failures = failures::decide(conn, memory, batch, options.limits).await?;
    restore::find(conn, batch, &mut decisions).await?;
    let mut moves = Moves::default();
    let messages = batch.messages;
    let originals = if options.keep_originals {
        let new = decisions.new_originals().chain(tls.new_reports());
        Originals::new(messages, new, &batch.placed.waiting(), copies)
    } else {
        Originals::default()
    };
    decisions.apply_changes(conn, messages, &mut moves).await?;
    insert::insert(conn, batch, &decisions, &originals).await?;
    insert::gather(batch, &decisions, &mut moves);
    restore::restore(conn, batch, &decisions, &originals).await?;
    let large = moves.apply(conn, memory).await?;
    crowd::learn(memory, &large, options.limits.day_addresses_max);
    originals.write(conn, messages).await?;
    tell::received(conn, memory, batch, &decisions, options.now).await?;
    tell::tls_failures(conn, memory, batch, &tls, options.now).await?;
    let stored = stored(batch, &decisions);
    let (stored_tls, refused_tls) = (std::mem::take(&mut tls.stored), std::mem::take(&mut tls.refused));
    let stored_failures = std::mem::take(&mut failures.stored);
    let over_quota_elsewhere = [
        std::mem::take(&mut tls.over_quota),
        std::mem::take(&mut failures.over_quota),
    ];
    let Decisions {
        refused,
        mut over_quota,
        quotas,
        ..
    } = decisions;
    if let Some(quotas) = quotas {
        quotas.write(conn).await?;
    }
    tls.write(conn, batch, &originals).await?;
    failures.write(conn, batch).await?;
    over_quota.extend(over_quota_elsewhere.into_iter().flatten());
    Ok(Some(Counted {
        stored,
        stored_tls,
        stored_failures,
        refused,
        refused_tls,
        over_quota,
    }))
}

/// Notes with the messages which of their reports are versions too many.
fn refuse(batch: &mut [NewMessage], counted: &Counted, options: &CommitOptions<'_>) {
    let problem = |leaf: &str, about: &str| Problem {
        leaf: leaf.to_owned(),
        reason: TOO_MANY_VERSIONS,
        detail: format!(
            "{} other versions of this report about {about} are kept already, each with other content \
                (limits.report_versions_max)",
            options.limits.versions_max
        ),
        offset: None,
    };
    for &(message, report) in &counted.refused {
        let message = &mut batch[message];
        let (leaf, new) = &message.reports[report];
        message.problems.push(problem(leaf, &new.report.policy.domain));
    }
    for &(message, report) in &counted.refused_tls {
        let message = &mut batch[message];
        let (leaf, new) = &message.tls_reports[report];
        message.problems.push(problem(leaf, &new.report.domain));
    }
}

/// The rows that messages of the batch are addressed to.
fn addressed(batch: &[NewMessage]) -> impl Iterator<Item = DomainId> {
    batch.iter().filter_map(|message| message.belonging.domain())
}

fn stored(batch: Batch<'_>, decisions: &Decisions) -> Vec<(Claim, StoredReport)> {
    let stored = decisions.all.iter().enumerate().map(|(nth, decision)| {
        let claim = decision.claim;
        let (leaf, new) = &batch.messages[claim.message].reports[claim.report];
        let slice = batch.slice_of(&claim);
        let stored = StoredReport {
            no: decision.no,
            acceptance: decision.acceptance,
            domain: claim.domain,
            fate: decision.fate,
            policy_domain: new.report.policy.domain.to_string(),
            records: slice.map_or(new.report.records.len(), |slice| slice.records.len()) as u64,
            messages: slice.map_or(new.messages(), |slice| slice.totals.messages()),
            replaced: decision.replaced,
            leaf: leaf.clone(),
            window: new.report.metadata.window,
            restored: decisions.restored.binary_search_by_key(&nth, |one| one.nth).is_ok(),
        };
        (claim, stored)
    });
    stored.collect()
}

fn outcomes(batch: &[NewMessage], counted: Counted, copies: &Copies) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::default(); batch.len()];
    for message in counted.over_quota {
        outcomes[message].over_quota = true;
    }
    for (message, stored) in counted.stored_failures {
        let outcome = &mut outcomes[message];
        if is_new(stored.fate) {
            outcome.kept_bytes = batch[message].room.reports_bytes;
        }
        outcome.failure = Some(stored);
    }
    for (claim, stored) in counted.stored_tls {
        let outcome = &mut outcomes[claim.message];
        if is_new(stored.fate) {
            outcome.kept_bytes = batch[claim.message].room.reports_bytes;
        }
        outcome.tls_reports.push(stored);
    }
    for (claim, stored) in counted.stored {
        let outcome = &mut outcomes[claim.message];
        if is_new(stored.fate) || stored.restored {
            outcome.kept_bytes = batch[claim.message].room.reports_bytes;
        }
        outcome.reports.push(stored);
    }
    for (message, bytes) in copies {
        outcomes[*message].kept_bytes += bytes;
    }
    outcomes
}

fn report_of<'b>(batch: &'b [NewMessage], claim: &Claim) -> &'b NewReport {
    &batch[claim.message].reports[claim.report].1
}

const MISADDRESSED: &str = "misaddressed";
const DOMAIN_UNKNOWN: &str = "domain_unknown";
const TOO_MANY_VERSIONS: &str = "too_many_versions";

/// The problem of a report that belongs to a domain other than `only`.
fn misaddressed(leaf: &str, policy_domain: &str, belongs_to: &str, only: &str) -> Problem {
    let whose = match policy_domain == belongs_to {
        true => String::new(),
        false => format!(" and belongs to {belongs_to}"),
    };
    Problem {
        leaf: leaf.to_owned(),
        reason: MISADDRESSED,
        detail: format!(
            "the report is about {policy_domain}{whose}, and this API key may only hand in reports of {only}: \
             use a key of the whole account"
        ),
        offset: None,
    }
}

/// The problem of a TLS report that names no domain and came to no address of one.
fn domain_unknown(leaf: &str) -> Problem {
    Problem {
        leaf: leaf.to_owned(),
        reason: DOMAIN_UNKNOWN,
        detail: "nothing says which domain this TLS report is about: upload it for the domain".to_owned(),
        offset: None,
    }
}

fn is_new(fate: Fate) -> bool {
    fate != Fate::Duplicate
}
