//! What came in and is not counted, and what was refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pagination::Pagination;
use super::schema::{DayText, Instant, SetAsideWord, Word};

/// A page of messages set aside, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MessageList")]
pub struct MessageList {
    pub messages: Vec<MessageItem>,
    pub pagination: Pagination,
}

/// A message that became no counted report, or the part of one that did not.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Message")]
pub struct MessageItem {
    /// Its number.
    pub id: i64,
    /// `quarantined`, `unclaimed` or `other`.
    #[schemars(with = "SetAsideWord")]
    pub kind: Word,
    /// A stable word: why.
    #[schemars(example = &"not_xml")]
    pub reason: String,
    /// One sentence. Text of the message may be in it.
    #[schemars(example = &"The text does not begin with an element")]
    pub detail: String,
    /// Where in the message: attachment and member names.
    #[schemars(example = &"report.xml.gz")]
    pub leaf: String,
    /// Byte in the text, where one is known.
    pub offset: Option<u64>,
    /// Whom an unclaimed report is about.
    #[schemars(example = &"yourdomain.com")]
    pub policy_domain: Option<String>,
    /// How it came.
    #[schemars(example = &"upload with key 1")]
    pub origin: String,
    /// When it first came.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// How often it came.
    pub arrivals: u64,
    /// Its length.
    pub size_bytes: u64,
}

/// A page of mails, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MailList {
    pub messages: Vec<MailItem>,
    pub pagination: Pagination,
}

/// Other mail: it is not a report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MailItem {
    /// Its number.
    pub id: i64,
    /// What it is: a stable word, such as `mail`, `bounce`, `tls_report`.
    #[schemars(example = &"mail")]
    pub kind: String,
    /// Who brought it: the peer's address, name and sender. The peer's own text.
    #[schemars(example = &"192.0.2.25 (mail.example.net) from <a@example.net>")]
    pub origin: String,
    /// When it first came.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// How often it came.
    pub arrivals: u64,
    /// Its length.
    pub size_bytes: u64,
}

/// Mail for the account that was refused in the last 30 days, the latest day first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RefusedList {
    pub refused: Vec<RefusedItem>,
}

/// Mail that was refused on one day for one reason.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RefusedItem {
    /// The UTC day.
    #[schemars(with = "DayText")]
    pub date: String,
    /// The reason, a stable word. The metric `tallymark_smtp_refused_total` has the same.
    #[schemars(example = &"over_quota")]
    pub reason: String,
    /// Number of refusals. A message that its sender sends again is counted again.
    pub messages: u64,
    /// Total size of the refused messages in bytes.
    pub bytes: u64,
    /// Time of the first refusal.
    #[schemars(with = "Instant")]
    pub first_at: String,
    /// Time of the last refusal.
    #[schemars(with = "Instant")]
    pub last_at: String,
    /// Whether the senders were told to try again.
    pub comes_again: bool,
    /// One or more sentences: what happened, and what to do.
    #[schemars(example = &"The messages had no report that can be counted here.")]
    pub says: Word,
}
