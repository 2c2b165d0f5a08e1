//! What rules found, and snoozes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema::{DomainKey, FindingKey, Instant, NameText, PLAIN, Word};
use super::trust::WHY_CHARS_MAX;

/// Words of `kind` of a finding.
pub const FINDING_KINDS: [&str; 6] = [
    "record_changed",
    "policy_changed",
    "service_new",
    "service_broken",
    "reporter_silent",
    "volume_changed",
];
/// Words of `state` of a finding.
pub const FINDING_STATES: [&str; 3] = ["open", "snoozed", "ended"];
/// Longest snooze, days.
pub const SNOOZE_DAYS_MAX: i64 = 90;

/// Findings, those that began last first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct FindingList {
    pub findings: Vec<FindingBody>,
    /// Whether earlier findings exist.
    pub more: bool,
    /// Value of `after` that continues the list. Absent at the end and on an empty page. Pages reach the first 10,000
    /// findings.
    #[schemars(example = &"4711")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What a rule found about a domain, from its begin to its end. docs/events.md has the rules.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub struct FindingBody {
    /// Id of the object, as paths take it.
    #[schemars(with = "FindingKey")]
    pub id: String,
    #[schemars(with = "DomainKey")]
    pub domain_id: String,
    #[schemars(with = "NameText")]
    pub domain: String,
    /// The domain's name in Unicode; null if it is the same.
    #[schemars(example = &"münchner.example")]
    pub unicode_name: Option<String>,
    /// The rule.
    #[schemars(extend("enum" = FINDING_KINDS))]
    pub kind: Word,
    /// What it is about: the name of a service, a reporter, the purpose of a record. Null: the domain itself, or most reporters.
    #[schemars(example = &"Mailchimp")]
    pub subject: Option<String>,
    /// `open`: it holds. `snoozed`: it holds, and nothing is told of it for now. `ended`: it does not hold any more, or was of
    /// one moment.
    #[schemars(extend("enum" = FINDING_STATES))]
    pub state: Word,
    /// What is the matter, a title.
    #[schemars(example = &"A service fails for yourdomain.com")]
    pub title: String,
    /// The same in one or two sentences. It may have texts of reporters.
    #[schemars(example = &"Mailchimp since 2026-03-21. 12,000 messages, 340 failed.")]
    pub text: String,
    /// When it was found.
    #[schemars(with = "Instant")]
    pub began_at: String,
    /// When it ended; null while it holds.
    #[schemars(with = "Option<Instant>")]
    pub ended_at: Option<String>,
    /// When an event was last written about the subject; null if none was.
    #[schemars(with = "Option<Instant>")]
    pub told_at: Option<String>,
    /// `data` of the event, without the domain.
    pub data: Map<String, Value>,
    /// The last snooze, also one that is over; null if there was none.
    pub snooze: Option<SnoozeBody>,
}

/// Who did not want to hear of a finding.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Snooze")]
pub struct SnoozeBody {
    /// No event is written before.
    #[schemars(with = "Instant")]
    pub until: String,
    /// The note that was left; null without one.
    #[schemars(example = &"Known, the vendor is on it")]
    pub note: Option<String>,
    /// Who wanted it.
    #[schemars(example = &"key dashboard")]
    pub by: String,
    /// When they did.
    #[schemars(with = "Instant")]
    pub at: String,
}

/// For how long nothing is told of a finding.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeInput {
    /// The end, in the next 90 days.
    #[schemars(with = "Instant")]
    pub until: String,
    /// A note for those who read it later.
    #[schemars(length(min = 1, max = WHY_CHARS_MAX), regex(pattern = PLAIN), example = &"Known, the vendor is on it")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
