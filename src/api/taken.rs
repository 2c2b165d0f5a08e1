//! What became of reports that were handed in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reports::ReportItem;
use super::schema::{SetAsideWord, Word};

/// What became of what was handed in, after it has been stored.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Taken {
    /// Reports that are new here.
    pub reports: Vec<TakenReport>,
    /// Reports that were here already: each was counted once, and still is.
    pub duplicates: u64,
    /// Of these, reports whose rows retention had dropped: the rows are kept again.
    pub restored: u64,
    /// What could not be read, or does not belong here; it is kept.
    pub quarantined: Vec<TakenAside>,
}

/// A report that is new here.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TakenReport {
    #[serde(flatten)]
    pub report: ReportItem,
    /// `stored`; `completed` if it took the place of a piece of it that had come before; `conflict` if it contradicts
    /// another one; `held` if it is about more messages or addresses than the limits.
    #[schemars(extend("enum" = ["stored", "completed", "conflict", "held"]))]
    pub outcome: Word,
    /// Id of the domain that it belongs to: the closest one of the account at or above the domain whose policy was found.
    #[schemars(example = &"dom_k3v9x2m1p0q8r7s6")]
    pub domain_id: String,
    /// Name of that domain.
    #[schemars(example = &"yourdomain.com")]
    pub domain_name: String,
    /// Where in the message it was: attachment and member names.
    #[schemars(example = &"report.xml.gz")]
    pub leaf: String,
}

/// Something that became no report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TakenAside {
    /// Its number under `/quarantine`.
    pub id: i64,
    /// `quarantined`, `unclaimed` or `other`.
    #[schemars(with = "SetAsideWord")]
    pub kind: Word,
    /// A stable word: why.
    #[schemars(example = &"not_xml")]
    pub reason: String,
    /// One sentence.
    #[schemars(example = &"The text does not begin with an element")]
    pub detail: String,
    /// Where in the message: attachment and member names.
    #[schemars(example = &"report.xml.gz")]
    pub leaf: String,
    /// Byte in the text, where one is known.
    pub offset: Option<u64>,
    /// For unclaimed reports: the domain that they are about. They are counted when it is added.
    #[schemars(example = &"yourdomain.com")]
    pub policy_domain: Option<String>,
}
