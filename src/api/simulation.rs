//! What another policy, another SPF record or a service put right would do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{
    AlignmentWord, DayText, FlowWord, OriginWord, OverrideWord, PLAIN, PolicyWord, RowsPath, TestingWord, Word,
};
use super::senders::FlowsBody;

/// Longest SPF record that can be tried, and longest name of a service, in characters.
pub const SPF_CHARS_MAX: usize = 4_096;
pub const SERVICE_CHARS_MAX: usize = 253;

/// What is tried. A tag that is left out keeps its published value.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulationInput {
    /// Policy for the domain.
    #[schemars(with = "PolicyWord", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<String>,
    /// Policy for subdomains.
    #[schemars(with = "PolicyWord", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sp: Option<String>,
    /// Policy for subdomains that do not exist.
    #[schemars(with = "PolicyWord", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub np: Option<String>,
    /// DKIM alignment.
    #[schemars(with = "AlignmentWord", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adkim: Option<String>,
    /// SPF alignment.
    #[schemars(with = "AlignmentWord", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aspf: Option<String>,
    /// Test mode: `y` asks for one level less.
    #[schemars(with = "TestingWord", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t: Option<String>,
    /// Obsolete: the percentage of failing messages that the policy is asked for. The others get one level less. Receivers
    /// that follow RFC 9989 ignore it.
    #[schemars(range(min = 0, max = 100), extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pct: Option<u8>,
    /// An SPF record in place of the domain's own. What it refers to is looked up once.
    #[schemars(with = "String", length(min = 1, max = SPF_CHARS_MAX), regex(pattern = PLAIN),
        example = &"v=spf1 ip4:198.51.100.0/24 -all", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spf: Option<String>,
    /// Names of services, as `/dmarc/services` has them, in any case: their messages pass. Up to 50.
    #[schemars(extend("maxItems" = 50), inner(length(min = 1, max = SERVICE_CHARS_MAX), regex(pattern = PLAIN)),
        extend("examples" = [["Twilio SendGrid"]]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<String>,
}

/// What would change. Every message of the range is judged by the authentication results in its record.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Simulation")]
pub struct SimulationBody {
    /// First day of the range.
    #[schemars(with = "DayText")]
    pub from: String,
    /// Last day of the range.
    #[schemars(with = "DayText")]
    pub to: String,
    /// Where the published policy is known from: the last look at DNS, the newest report, or nothing.
    #[schemars(with = "OriginWord")]
    pub origin: Word,
    /// The policy that is published now. Absent tags are null.
    pub published: TagsBody,
    /// The policy that was tried.
    pub tried: TagsBody,
    /// The SPF record that was tried; null if none was.
    pub spf: Option<SpfTrialBody>,
    /// Number of messages that were judged.
    pub messages: u64,
    #[serde(flatten)]
    pub shift: ShiftBody,
    /// `after`, if reporters apply the policy as often as they did in this range. An estimate.
    pub expected_after: CountsBody,
    pub services: ServiceShifts,
    /// Every flow, also those without messages.
    pub flows: Vec<FlowShift>,
    /// Domains in From headers.
    pub subdomains: SubdomainShifts,
    pub reporters: ReporterShifts,
    pub overrides: OverridesBody,
    /// Records with a reported result that their own evidence contradicts. They are judged by the evidence.
    pub contradictions: RecordCount,
    /// Whether all reports of the range have their records. Those without are in no other figure.
    pub records_kept: bool,
    pub without_records: ReportCount,
    /// Messages under the record of a subdomain, to which the tried tags do not apply.
    pub under_other_records: u64,
    /// Failing messages of subdomains below the first 50, or with a name that DNS did not answer for, while `np` matters. The
    /// subdomain is taken to exist.
    pub existence_unknown: u64,
    pub rows: RowsBody,
}

/// Tags of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PolicyTags")]
pub struct TagsBody {
    #[schemars(with = "Option<PolicyWord>")]
    pub p: Option<Word>,
    #[schemars(with = "Option<PolicyWord>")]
    pub sp: Option<Word>,
    #[schemars(with = "Option<PolicyWord>")]
    pub np: Option<Word>,
    #[schemars(with = "Option<AlignmentWord>")]
    pub adkim: Option<Word>,
    #[schemars(with = "Option<AlignmentWord>")]
    pub aspf: Option<Word>,
    #[schemars(with = "Option<TestingWord>")]
    pub t: Option<Word>,
    pub pct: Option<u8>,
}

/// What DNS says to an SPF record that is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SpfTrial")]
pub struct SpfTrialBody {
    /// DNS lookups of the whole record. Receivers allow ten.
    pub lookups: u32,
    /// Why receivers give up before the end of the record; null if they do not.
    #[schemars(example = &"it needs more than 10 DNS lookups")]
    pub problem: Option<String>,
    /// Whether a term depends on more than the address, or DNS did not answer: its messages are `unknown`, unless another
    /// term decides.
    pub uncertain: bool,
}

/// Messages by what is asked for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AskedCounts")]
pub struct CountsBody {
    /// Messages that pass DMARC. They are in `none`, too.
    pub pass: u64,
    /// Messages for which nothing is asked.
    pub none: u64,
    pub quarantine: u64,
    pub reject: u64,
    /// Messages for which it cannot be known whether they pass. They are in none of the others.
    pub unknown: u64,
}

/// `after` less `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AskedDifference")]
pub struct DifferenceBody {
    pub pass: i64,
    pub none: i64,
    pub quarantine: i64,
    pub reject: i64,
    pub unknown: i64,
}

/// Messages now and after the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Shift")]
pub struct ShiftBody {
    /// By the published policy.
    pub now: CountsBody,
    /// By what is tried.
    pub after: CountsBody,
    pub difference: DifferenceBody,
}

/// Services: first those for which most changes, then those with most messages.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServiceShifts {
    /// Up to 50.
    pub rows: Vec<ServiceShift>,
    /// Number of rows with those that are not listed.
    pub total: u64,
    /// Whether some are not listed.
    pub more: bool,
}

/// The messages of one service.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServiceShift {
    /// The name, as `/dmarc/services` has it; null for messages that nothing names.
    #[schemars(example = &"Twilio SendGrid")]
    pub name: Option<String>,
    /// The flow of most of its messages.
    #[schemars(with = "FlowWord")]
    pub flow: Word,
    pub flows: FlowsBody,
    /// Number of messages.
    pub messages: u64,
    #[serde(flatten)]
    pub shift: ShiftBody,
    /// Path of the rows behind these figures.
    #[schemars(with = "Option<RowsPath>")]
    pub rows: Option<String>,
}

/// The messages of one flow.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct FlowShift {
    #[schemars(with = "FlowWord")]
    pub flow: Word,
    /// Number of messages.
    pub messages: u64,
    #[serde(flatten)]
    pub shift: ShiftBody,
    /// Path of the rows behind these figures.
    #[schemars(with = "RowsPath")]
    pub rows: String,
}

/// Domains in From headers: first those for which most changes, then those with most messages.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SubdomainShifts {
    /// Up to 50.
    pub rows: Vec<SubdomainShift>,
    /// Number of rows with those that are not listed.
    pub total: u64,
    /// Whether some are not listed.
    pub more: bool,
}

/// The messages of one domain in From headers.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SubdomainShift {
    /// The domain in the From header, or the policy domain of reports that have none. Null: all beyond the first 20,000.
    #[schemars(example = &"news.yourdomain.com")]
    pub header_from: Option<String>,
    /// Whether DNS has the name; null if it was not asked or did not answer. It is asked where `np` matters.
    pub exists: Option<bool>,
    /// Number of messages.
    pub messages: u64,
    #[serde(flatten)]
    pub shift: ShiftBody,
    /// Path of the list of all these domains.
    #[schemars(with = "RowsPath")]
    pub rows: String,
}

/// Reporters: first those for which most changes, then those with most messages.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReporterShifts {
    /// Up to 50.
    pub rows: Vec<ReporterShift>,
    /// Number of rows with those that are not listed.
    pub total: u64,
    /// Whether some are not listed.
    pub more: bool,
}

/// The messages that one reporter reported.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReporterShift {
    /// Name of the reporter; null for reports without one.
    #[schemars(example = &"google.com")]
    pub org_name: Option<String>,
    /// Number of messages.
    pub messages: u64,
    #[serde(flatten)]
    pub shift: ShiftBody,
    /// Messages that failed by their own evidence.
    pub failing: u64,
    /// Those to which the reporter did not apply the policy.
    pub overridden: u64,
    /// Path of the reports behind these figures.
    #[schemars(with = "Option<RowsPath>")]
    pub rows: Option<String>,
}

/// How often reporters did not apply the policy of their reports to failing messages.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Overrides")]
pub struct OverridesBody {
    /// Messages that failed by their own evidence.
    pub failing: u64,
    /// Those for which less was done than was asked. Where nothing was asked: those with a reason.
    pub overridden: u64,
    /// Percentage of `failing` that was overridden.
    pub rate: f64,
    /// By the first reason, most messages first.
    pub reasons: Vec<ReasonCount>,
}

/// Messages that were overridden for one reason.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReasonCount {
    /// The type of the reason; `unstated` without one.
    #[schemars(with = "OverrideWord")]
    pub reason: Word,
    /// Number of messages.
    pub messages: u64,
}

/// Records with their messages.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RecordCount {
    pub records: u64,
    pub messages: u64,
}

/// Reports with their messages in the range.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportCount {
    pub reports: u64,
    pub messages: u64,
}

/// Paths of what is behind the totals.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RowPaths")]
pub struct RowsBody {
    /// The sums of the same range: `messages` and the messages of `without_records` together.
    #[schemars(with = "RowsPath")]
    pub stats: String,
    /// Every record of the reports that begin in the range.
    #[schemars(with = "RowsPath")]
    pub export: String,
}
