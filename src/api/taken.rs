//! What became of reports that were handed in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure_reports::TakenFailure;
use super::reports::ReportItem;
use super::schema::{SetAsideWord, Word};
use super::tls::TlsReportItem;

/// The result of an upload, after everything has been stored.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Taken {
    /// Reports that were new.
    pub reports: Vec<TakenReport>,
    /// TLS reports that were new.
    pub tls_reports: Vec<TakenTlsReport>,
    /// Failure reports that were new.
    pub failure_reports: Vec<TakenFailure>,
    /// Number of reports that were stored already. Each stays counted once.
    pub duplicates: u64,
    /// How many of the duplicates had lost their rows to retention. Their rows are stored again.
    pub restored: u64,
    /// Parts that did not become reports, with the reason. They are kept.
    pub quarantined: Vec<TakenAside>,
}

/// A report that was new.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TakenReport {
    #[serde(flatten)]
    pub report: ReportItem,
    /// `stored`; `completed`: it replaced a piece of the same report that had arrived before; `conflict`: it
    /// contradicts another report; `held`: it is about more messages or addresses than the limits.
    #[schemars(extend("enum" = ["stored", "completed", "conflict", "held"]))]
    pub outcome: Word,
    /// Id of the domain that the report belongs to: the closest domain of the account at or above the one whose
    /// policy it is about.
    #[schemars(example = &"dom_k3v9x2m1p0q8r7s6")]
    pub domain_id: String,
    /// Name of that domain.
    #[schemars(example = &"yourdomain.com")]
    pub domain_name: String,
    /// Where in the message the report was: attachment and member names.
    #[schemars(example = &"report.xml.gz")]
    pub leaf: String,
}

/// A TLS report that was new.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TakenTlsReport {
    #[serde(flatten)]
    pub report: TlsReportItem,
    /// `stored`; `conflict`: it contradicts another report; `held`: nothing vouches for it.
    #[schemars(extend("enum" = ["stored", "conflict", "held"]))]
    pub outcome: Word,
    /// Id of the domain that the report belongs to.
    #[schemars(example = &"dom_k3v9x2m1p0q8r7s6")]
    pub domain_id: String,
    /// Name of that domain.
    #[schemars(example = &"yourdomain.com")]
    pub domain_name: String,
    /// Where in the message the report was: attachment and member names.
    #[schemars(example = &"report.json.gz")]
    pub leaf: String,
}

/// A part that did not become a report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TakenAside {
    /// Number under `/quarantine`.
    pub id: i64,
    /// `quarantined`, `unclaimed` or `other`.
    #[schemars(with = "SetAsideWord")]
    pub kind: Word,
    /// Why, as a stable word.
    #[schemars(example = &"not_xml")]
    pub reason: String,
    /// One sentence.
    #[schemars(example = &"The text does not begin with an element")]
    pub detail: String,
    /// Where in the message: attachment and member names.
    #[schemars(example = &"report.xml.gz")]
    pub leaf: String,
    /// Byte offset in the text; null if unknown.
    pub offset: Option<u64>,
    /// Domain that an unclaimed report is about. The report counts once that domain is added.
    #[schemars(example = &"yourdomain.com")]
    pub policy_domain: Option<String>,
}
