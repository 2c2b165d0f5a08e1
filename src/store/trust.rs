//! Which reports may count: what is decided by the limit of a domain, and what its owner decides.
//!
//! A report is held if nothing vouches for the mail that carried it, if it is about more messages than its domain's limit, or
//! if a day would have too many addresses with it. The owner accepts it, or all of a reporter; any report can be discounted, and counted again. Each decision moves
//! the sums in its own transaction (`commit/judge.rs`).

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::base::{AccountId, DomainId, Millis, ReportNo, words};
use crate::report::aggregate::Reporter;

use super::cut::COUNT_END;
use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{Cut, NewReport, ReportFilter, ReportPlace, ReportSummary, Store, StoreError, reports};

/// Reporters that a domain may have accepted.
pub const ACCEPTED_REPORTERS_MAX: usize = 500;
/// Decisions that are kept about one report; the oldest goes first.
const HISTORY_ENTRIES_MAX: usize = 50;
/// Bytes of what is kept of who decided, and why.
const BY_BYTES_MAX: usize = 128;
const WHY_BYTES_MAX: usize = 512;

words! {
    /// Whether a report may count. Of the reports of one identity that may, one does.
    Acceptance: i64 {
        /// It may.
        Open = 0 "open",
        /// Held: the mail that carried it passed neither DMARC nor an aligned SPF or DKIM check.
        Unvouched = 1 "unvouched",
        /// Held: it is about more messages than the limit of its domain.
        Implausible = 2 "implausible",
        /// Held: with it, a day of its domain would have more source addresses than the limit.
        Crowded = 3 "crowded",
        /// Held: who the mail that carried it is from could not be found out yet. It is checked again.
        Undecided = 4 "undecided",
        /// The owner has taken it out of the figures.
        Discounted = 5 "discounted",
        /// The owner has put it into the figures, before all others of its identity.
        Accepted = 6 "accepted",
    }
}

impl Acceptance {
    /// Those that wait for a decision of the owner, or for a check; their codes are side by side.
    pub const HELD: RangeInclusive<Self> = Self::Unvouched..=Self::Undecided;

    /// Whether the report may count.
    pub const fn may_count(self) -> bool {
        matches!(self, Self::Open | Self::Accepted)
    }

    /// Whether it waits for a decision of the owner, or for a check.
    pub const fn is_held(self) -> bool {
        matches!(
            self,
            Self::Unvouched | Self::Implausible | Self::Crowded | Self::Undecided
        )
    }

    /// What it becomes when the same contents arrive once more with `other`. Evidence that lets a report count releases one
    /// that is held; what the owner decided stays.
    pub fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Discounted | Self::Accepted, _) => self,
            (_, Self::Discounted | Self::Accepted) => other,
            // Another mail with the same contents is no reason to look at this one no more.
            (Self::Undecided, Self::Unvouched) | (Self::Unvouched, Self::Undecided) => Self::Undecided,
            _ => self.min(other),
        }
    }
}

/// Reports by whether they count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReportStanding {
    /// Those that do.
    #[default]
    Counted,
    /// Those that wait for a decision of the owner.
    Held,
    /// Those that the owner has taken out of the figures.
    Discounted,
}

/// Who decides, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// For people: a key by its name, or the command line.
    pub by: String,
    pub why: Option<String>,
    pub at: Millis,
}

/// What an owner decides about a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It counts, before all others of its identity.
    Count,
    /// It does not count.
    Discount,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// It holds now. Decided again, nothing changes.
    Done,
    /// The domain has no such report.
    Missing,
    /// Retention has dropped the records of this report, or of the one that counts in its place: the sums cannot be moved.
    RecordsGone,
}

/// A decision that was made about a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    pub at: Millis,
    /// A stable word: `counted`, `discounted`, `released` (its reporter was accepted, or its mail passed a later check),
    /// `checked` (its mail was checked again, and the report is still held) or `superseded` (another report of its identity
    /// was counted in its place).
    pub action: String,
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A reporter whose reports count, whatever carried them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedReporter {
    /// Its mail domain, else its name in lower case: [`Reporter`].
    pub reporter: String,
    pub at: Millis,
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What the owner of a domain has decided about its reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Messages that a report may be about; `None`: the installation's limit.
    pub report_messages_max: Option<u64>,
    /// In the order in which they were accepted.
    pub reporters: Vec<AcceptedReporter>,
}

impl Trust {
    /// From the row of a domain.
    pub(super) fn read(domain: DomainId, row: &Row) -> Result<Self, StoreError> {
        let damaged = |what| StoreError::damaged("domains", domain, what);
        let messages_max = row.opt_int("report_messages_max")?.map(u64::try_from).transpose();
        let reporters = row.opt_text("accepted_reporters")?;
        let reporters = reporters.map(|json| serde_json::from_str(&json)).transpose();
        Ok(Self {
            report_messages_max: messages_max.map_err(|_| damaged("its limit of messages is below 0"))?,
            reporters: reporters
                .map_err(|_| damaged("its accepted reporters are not readable"))?
                .unwrap_or_default(),
        })
    }

    fn accepts(&self, reporter: &str) -> bool {
        self.reporters.iter().any(|accepted| accepted.reporter == reporter)
    }
}

/// Whether a new report about `messages` may count in a domain.
pub(super) fn acceptance(trust: Option<&Trust>, new: &NewReport, messages: u64) -> Acceptance {
    let own = trust.and_then(|trust| trust.report_messages_max);
    if messages > own.unwrap_or(new.messages_max) {
        return Acceptance::Implausible;
    }
    match trust {
        Some(trust) if new.acceptance.is_held() && !trust.reporters.is_empty() => {
            match trust.accepts(Reporter::of(&new.report.metadata).as_str()) {
                true => Acceptance::Open,
                false => new.acceptance,
            }
        }
        _ => new.acceptance,
    }
}

/// A stored history.
pub(super) fn history(no: ReportNo, json: Option<String>) -> Result<Vec<HistoryEntry>, StoreError> {
    let history = json.map(|json| serde_json::from_str(&json)).transpose();
    let history = history.map_err(|_| StoreError::damaged("reports", no, "history is not readable"))?;
    Ok(history.unwrap_or_default())
}

/// The stored form of a history with one entry more.
pub(super) fn continued(mut history: Vec<HistoryEntry>, action: &str, actor: &Actor) -> String {
    history.push(HistoryEntry {
        at: actor.at,
        action: action.to_owned(),
        by: cut(&actor.by, BY_BYTES_MAX),
        why: actor.why.as_deref().map(|why| cut(why, WHY_BYTES_MAX)),
    });
    stored(history)
}

/// The stored form of two histories of one report, by time. One that cannot be read is left out.
pub(super) fn joined(one: Option<&str>, other: Option<&str>) -> Option<String> {
    let read = |json: &str| serde_json::from_str::<Vec<HistoryEntry>>(json).unwrap_or_default();
    match (one, other) {
        (one, None) => one.map(str::to_owned),
        (None, other) => other.map(str::to_owned),
        (Some(one), Some(other)) => {
            let mut both = read(one);
            both.extend(read(other));
            both.sort_by_key(|entry| entry.at);
            both.dedup();
            Some(stored(both))
        }
    }
}

fn stored(mut history: Vec<HistoryEntry>) -> String {
    let over = history.len().saturating_sub(HISTORY_ENTRIES_MAX);
    history.drain(..over);
    serde_json::to_string(&history).expect("texts and numbers always have a JSON form")
}

fn cut(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

impl Store {
    /// What the owner of a domain has decided about its reports.
    pub async fn trust(&self, domain: DomainId) -> Result<Trust, StoreError> {
        let mut conn = self.read().await?;
        read(&mut Conn(&mut conn), domain).await.map(Option::unwrap_or_default)
    }

    /// Sets the messages that a report of a domain may be about, for reports that come from now on; `None`: as many as the
    /// installation allows. False if the account has no such domain.
    pub async fn set_report_messages_max(
        &self,
        account: AccountId,
        domain: DomainId,
        messages_max: Option<u64>,
    ) -> Result<bool, StoreError> {
        let change = |trust: &mut Trust| trust.report_messages_max = messages_max;
        self.change_trust(account, domain, change).await
    }

    /// Lets the reports of a reporter count from now on, whatever carries them. Those that are held stay so until
    /// [`Self::release_reporter`]. False if the account has no such domain, or it has accepted too many.
    pub async fn accept_reporter(
        &self,
        account: AccountId,
        domain: DomainId,
        reporter: &str,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let mut is_full = false;
        let change = |trust: &mut Trust| {
            is_full = trust.reporters.len() >= ACCEPTED_REPORTERS_MAX;
            if !is_full && !trust.accepts(reporter) {
                trust.reporters.push(AcceptedReporter {
                    reporter: reporter.to_owned(),
                    at: actor.at,
                    by: cut(&actor.by, BY_BYTES_MAX),
                    why: actor.why.as_deref().map(|why| cut(why, WHY_BYTES_MAX)),
                });
            }
        };
        let found = self.change_trust(account, domain, change).await?;
        Ok(found && !is_full)
    }

    /// Takes back that a reporter was accepted. What counts by now stays in the figures. False if it was not accepted.
    pub async fn withdraw_reporter(
        &self,
        account: AccountId,
        domain: DomainId,
        reporter: &str,
    ) -> Result<bool, StoreError> {
        let mut was_accepted = false;
        let change = |trust: &mut Trust| {
            was_accepted = trust.accepts(reporter);
            trust.reporters.retain(|accepted| accepted.reporter != reporter);
        };
        let found = self.change_trust(account, domain, change).await?;
        Ok(found && was_accepted)
    }

    async fn change_trust(
        &self,
        account: AccountId,
        domain: DomainId,
        change: impl FnOnce(&mut Trust),
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().int(account.0).int(domain.0);
        if conn.first(sql!("domain_by_id"), args).await?.is_none() || !conn.hold(vec![domain]).await?.contains(&domain)
        {
            return Ok(false);
        }
        let Some(before) = read(&mut conn, domain).await? else {
            return Ok(false);
        };
        let mut trust = before.clone();
        change(&mut trust);
        if trust == before {
            return Ok(true);
        }
        let reporters = (!trust.reporters.is_empty())
            .then(|| serde_json::to_string(&trust.reporters).expect("texts and numbers always have a JSON form"));
        let messages_max = trust
            .report_messages_max
            .map(|max| i64::try_from(max).unwrap_or(i64::MAX));
        let args = Args::default().int(domain.0).opt_int(messages_max);
        conn.run(sql!("domain_set_trust"), args.opt_text(reporters.as_deref()))
            .await?;
        // Writers forget what they know of domains.
        conn.run(sql!("domains_changed"), Args::default()).await?;
        write.commit().await?;
        Ok(true)
    }
}

impl Store {
    /// A page of the reports of a domain that the figures do not have, of a range of kinds, and how many there are in all, up
    /// to [`super::COUNTED_ROWS_MAX`] and one more. Each kind is in order: a page of several is merged.
    pub(super) async fn reports_by_acceptance(
        &self,
        domain: DomainId,
        filter: &ReportFilter,
        acceptances: RangeInclusive<Acceptance>,
        cut: Cut<ReportPlace>,
    ) -> Result<(Vec<ReportSummary>, u64), StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let total = count_of(&mut conn, domain, filter, &acceptances, COUNT_END).await?;
        let (count, before) = cut.window();
        if before.cast_unsigned() >= total {
            return Ok((Vec::new(), total));
        }
        // Rows before a page of several kinds can be of any kind.
        let codes = codes(&acceptances);
        let is_one = codes.start() == codes.end();
        let (first, walked_over) = match is_one {
            true => (count, before),
            false => (count.saturating_add(before), 0),
        };
        let mut found = Vec::new();
        for code in codes {
            let (args, no) = reports::filtered_below(domain, filter, cut.place());
            let args = args.int(code).int(first).int(walked_over).int(no);
            let rows = conn.all(sql!("report_list_by_acceptance"), args).await?;
            for row in &rows {
                found.push(reports::summary(row)?);
            }
        }
        if !is_one {
            found.sort_unstable_by_key(|report: &ReportSummary| Reverse((report.window.begin, report.no)));
            let index = |rows: i64| usize::try_from(rows).unwrap_or(usize::MAX);
            found.drain(..index(before).min(found.len()));
            found.truncate(index(count));
        }
        Ok((found, total))
    }

    /// How many reports of each of these domains wait for a decision of its owner. Domains without are left out.
    pub async fn held_counts(&self, domains: &[DomainId]) -> Result<HashMap<DomainId, u64>, StoreError> {
        let mut conn = self.read().await?;
        let mut counts = HashMap::new();
        for &domain in domains {
            let (mut conn, filter) = (Conn(&mut conn), ReportFilter::default());
            let count = count_of(&mut conn, domain, &filter, &Acceptance::HELD, i64::MAX).await?;
            if count > 0 {
                counts.insert(domain, count);
            }
        }
        Ok(counts)
    }

    /// How many reports of a domain wait for a decision of its owner.
    pub async fn held_count(&self, domain: DomainId) -> Result<u64, StoreError> {
        Ok(self.held_counts(&[domain]).await?.remove(&domain).unwrap_or_default())
    }
}

/// The stored codes of a range.
fn codes(acceptances: &RangeInclusive<Acceptance>) -> RangeInclusive<i64> {
    acceptances.start().code()..=acceptances.end().code()
}

/// How many reports of a range of kinds there are, up to a number.
async fn count_of(
    conn: &mut Conn<'_>,
    domain: DomainId,
    filter: &ReportFilter,
    acceptances: &RangeInclusive<Acceptance>,
    end: i64,
) -> Result<u64, StoreError> {
    let codes = codes(acceptances);
    let args = reports::filtered(domain, filter)
        .int(*codes.start())
        .int(*codes.end())
        .int(end);
    let row = conn.first(sql!("report_count_by_acceptance"), args).await?;
    row.map_or(Ok(0), |row| row.count("total"))
}

async fn read(conn: &mut Conn<'_>, domain: DomainId) -> Result<Option<Trust>, StoreError> {
    let row = conn.first(sql!("domain_trust"), Args::default().int(domain.0)).await?;
    row.map(|row| Trust::read(domain, &row)).transpose()
}
