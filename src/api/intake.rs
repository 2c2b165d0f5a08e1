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

/// A message that became no counted report, or such a part of a message.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Message")]
pub struct MessageItem {
    /// Number of the object, as paths take it.
    pub id: i64,
    /// `quarantined`, `unclaimed` or `other`.
    #[schemars(with = "SetAsideWord")]
    pub kind: Word,
    /// Why, as a stable word.
    #[schemars(example = &"not_xml")]
    pub reason: String,
    /// One sentence. It may contain text of the message.
    #[schemars(example = &"The text does not begin with an element")]
    pub detail: String,
    /// Where in the message: attachment and member names.
    #[schemars(example = &"report.xml.gz")]
    pub leaf: String,
    /// Byte offset in the text; null if unknown.
    pub offset: Option<u64>,
    /// Domain that an unclaimed report is about.
    #[schemars(example = &"yourdomain.com")]
    pub policy_domain: Option<String>,
    /// How the message arrived.
    #[schemars(example = &"upload with key 1")]
    pub origin: String,
    /// Time of the first arrival.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// Number of arrivals.
    pub arrivals: u64,
    /// Length in bytes.
    pub size_bytes: u64,
}

/// A message that was set aside, with the place that reading stopped at.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MessageDetail {
    #[serde(flatten)]
    pub message: MessageItem,
    /// A piece of the text that could not be read, or of the message if that text cannot be found; null if its bytes are no longer
    /// kept.
    pub excerpt: Option<ExcerptBody>,
}

/// A piece of a text. It is a stranger's. Whatever is not UTF-8 in it is replaced.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Excerpt")]
pub struct ExcerptBody {
    /// Place of its first byte in the text.
    pub first_byte: u64,
    #[schemars(example = &"<feedback><report_metadata>")]
    pub before: String,
    /// The character that reading stopped at; empty if that is not known, or is the end of the text.
    #[schemars(example = &"&")]
    pub at: String,
    #[schemars(example = &"</report_metadata>")]
    pub after: String,
}

/// Messages that are counted by reason and sender, newest first: each is read.
pub const GROUPED_MESSAGES_MAX: u32 = 10_000;

/// The newest 10,000 messages set aside, by reason and sender, most first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MessageGroups {
    pub groups: Vec<MessageGroup>,
    /// Whether there are older messages, which are not counted here.
    pub more: bool,
}

/// Messages that were set aside for one reason, and came from one sender.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MessageGroup {
    /// Why, as a stable word.
    #[schemars(example = &"not_xml")]
    pub reason: String,
    /// The sender of the mails, the folder of the files, or else how they arrived.
    #[schemars(example = &"reports@mail.example.net")]
    pub sender: String,
    /// Number of messages.
    pub messages: u64,
    /// Number of the newest of them, as paths take it.
    pub newest_id: i64,
    /// Time of the first arrival of the newest.
    #[schemars(with = "Instant")]
    pub last_at: String,
}

/// A page of mails, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MailList {
    pub messages: Vec<MailItem>,
    pub pagination: Pagination,
}

/// Mail that holds no report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MailItem {
    /// Number of the object, as paths take it.
    pub id: i64,
    /// Kind of mail, as a stable word such as `mail`, `bounce` or `tls_report`.
    #[schemars(example = &"mail")]
    pub kind: String,
    /// The server that delivered the mail: its address, and the name and sender that it stated.
    #[schemars(example = &"192.0.2.25 (mail.example.net) from <a@example.net>")]
    pub origin: String,
    /// Time of the first arrival.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// Number of arrivals.
    pub arrivals: u64,
    /// Length in bytes.
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
