//! What reports are worth by their own evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{Address, ContradictionWord, DayText, RowsPath, Word};
use super::simulation::ReportCount;

/// Which reporters contradict their own evidence, and the figures without them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Plausibility")]
pub struct PlausibilityBody {
    /// First day of the range.
    #[schemars(with = "DayText")]
    pub from: String,
    /// Last day of the range.
    #[schemars(with = "DayText")]
    pub to: String,
    /// All reporters, a sentence.
    #[schemars(example = &"1 of 12 reporters contradicts its own evidence in more than 1 message of 100.")]
    pub says: String,
    /// All messages.
    pub all: PlausibleFigures,
    /// Messages of reporters of which not more than one message in 100 contradicts its evidence.
    pub plausible: PlausibleFigures,
    /// Messages of reports whose mail passed DMARC for the reporter: `authenticated` is `pass`.
    pub authenticated: PlausibleFigures,
    /// Reporters, those with the most contradicting messages first; at most 50.
    pub reporters: Vec<ReporterPlausibilityBody>,
    /// Number of reporters.
    pub total: u64,
    /// Whether all reports of the range have their records. Those without are in no other figure.
    pub records_kept: bool,
    pub without_records: ReportCount,
}

/// Messages, and how many pass.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PlausibleFigures {
    /// Number of messages.
    pub messages: u64,
    /// Those that pass by the words of the reporters, as in all other figures.
    pub pass_count: u64,
    /// Those that pass by the evidence of the reporters.
    pub pass_by_evidence: u64,
}

/// How often a reporter contradicts its own evidence.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReporterPlausibility")]
pub struct ReporterPlausibilityBody {
    /// Name of the reporter; null for reports without one.
    #[schemars(example = &"google.com")]
    pub org_name: Option<String>,
    /// Whether more than one of its messages in 100 contradicts its evidence.
    pub contradicts_itself: bool,
    /// The reporter, a sentence or two.
    #[schemars(example = &"40 of 1,600 messages contradict their evidence: SPF is said to be aligned, and no result that passed is.")]
    pub says: String,
    /// Number of records.
    pub records: u64,
    /// Those that contradict their evidence.
    pub contradicting_records: u64,
    /// Number of messages.
    pub messages: u64,
    /// Those of contradicting records.
    pub contradicting_messages: u64,
    /// Percentage of the messages that contradict their evidence.
    pub rate: f64,
    /// The same of the first half of the range; null without messages.
    pub rate_before: Option<f64>,
    /// The same of the second half; null without messages.
    pub rate_after: Option<f64>,
    /// By kind, most messages first. A message may be in several.
    pub kinds: Vec<ContradictionCount>,
    /// The newest, at most 5.
    pub examples: Vec<ContradictionExample>,
}

/// Messages that contradict their evidence in one way.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ContradictionCount {
    #[schemars(with = "ContradictionWord")]
    pub kind: Word,
    /// Number of messages.
    pub messages: u64,
}

/// A record that contradicts its evidence.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ContradictionExample {
    /// Day on which the window of its report begins.
    #[schemars(with = "DayText")]
    pub day: String,
    /// The sending address; null where the report has none.
    #[schemars(with = "Option<Address>")]
    pub source_ip: Option<String>,
    /// Its kinds of contradiction.
    #[schemars(with = "Vec<ContradictionWord>")]
    pub kinds: Vec<Word>,
    /// Number of messages.
    pub messages: u64,
    /// Path of the report that has the record.
    #[schemars(with = "RowsPath")]
    pub report: String,
}
