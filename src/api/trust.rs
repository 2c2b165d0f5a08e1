//! Which reports of a domain count.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::schema::{Instant, PLAIN};

/// Which reports of a domain count.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Trust")]
pub struct TrustBody {
    /// Maximum number of messages that one report may be about. Reports about more are held. Null: the limit of the
    /// installation.
    pub report_messages_max: Option<u64>,
    /// Reporters whose reports count, whatever mail carried them.
    pub accepted_reporters: Vec<AcceptedBody>,
    /// Reports that are held now.
    pub held_reports: u64,
}

/// A reporter that was accepted.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AcceptedReporter")]
pub struct AcceptedBody {
    /// Mail domain of the reporter, or its name in lower case if it has none.
    #[schemars(example = &"google.com")]
    pub reporter: String,
    /// When it was accepted.
    #[schemars(with = "Instant")]
    pub accepted_at: String,
    /// Who accepted it.
    #[schemars(example = &"key dashboard")]
    pub by: String,
    /// The reason that was given; null without one.
    pub why: Option<String>,
}

/// The result of accepting a reporter.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AcceptedAnswer {
    /// Number of held reports that were released.
    pub released: u64,
    /// Whether more reports of the reporter are held. If so, accept it again.
    pub more: bool,
    /// Which reports count now.
    pub trust: TrustBody,
}

/// Changes to the rules for which reports count. Absent fields stay unchanged.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustPatch {
    /// Maximum number of messages that one report may be about. Null: the limit of the installation.
    #[schemars(with = "Option<u64>", range(min = 1, max = REPORT_MESSAGES_MAX))]
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub report_messages_max: Change<u64>,
}

/// The reason for a decision.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionInput {
    /// The reason, shown in the report's history.
    #[schemars(length(min = 1, max = WHY_CHARS_MAX), regex(pattern = PLAIN), example = &"forged")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A reporter, and the reason for the decision about it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReporterInput {
    /// Key of the reporter, as in the field `reporter` of a report.
    #[schemars(length(min = 1, max = REPORTER_CHARS_MAX), regex(pattern = PLAIN), example = &"google.com")]
    pub reporter: String,
    /// The reason, shown in the history of the reports.
    #[schemars(length(min = 1, max = WHY_CHARS_MAX), regex(pattern = PLAIN), example = &"known to us")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The largest limit of messages of a report.
pub const REPORT_MESSAGES_MAX: u64 = 1_000_000_000_000;
/// Longest reason of a decision, in characters.
pub const WHY_CHARS_MAX: usize = 200;
/// Longest name of a reporter, in characters.
pub const REPORTER_CHARS_MAX: usize = 512;
