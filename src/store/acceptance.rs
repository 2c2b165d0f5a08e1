//! Whether a report may count, and what its owner decided about it, as the database holds it.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::db::Row;
use crate::base::{DomainId, Millis, ReportNo, words};

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
    /// Human-readable: a key by its name, or the command line.
    pub by: String,
    pub why: Option<String>,
    pub at: Millis,
}

impl Actor {
    /// What of it is kept.
    pub(super) fn kept(&self) -> Self {
        Self {
            by: cut(&self.by, BY_BYTES_MAX),
            why: self.why.as_deref().map(|why| cut(why, WHY_BYTES_MAX)),
            at: self.at,
        }
    }
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
    /// Its mail domain, else its name in lower case: [`crate::report::aggregate::Reporter`].
    pub reporter: String,
    pub at: Millis,
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl AcceptedReporter {
    pub(super) fn new(reporter: &str, actor: &Actor) -> Self {
        let Actor { by, why, at } = actor.kept();
        Self {
            reporter: reporter.to_owned(),
            at,
            by,
            why,
        }
    }
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

    /// Whether a reporter is one of these.
    pub(super) fn accepts(&self, reporter: &str) -> bool {
        self.reporters.iter().any(|accepted| accepted.reporter == reporter)
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
    let Actor { by, why, at } = actor.kept();
    history.push(HistoryEntry {
        at,
        action: action.to_owned(),
        by,
        why,
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
