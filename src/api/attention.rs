//! What needs attention.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pagination::Pagination;
use super::schema::{Address, DayText, DomainKey, NameText, Word};

/// What needs attention, the most important first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Attention {
    /// Of each kind the 20 that matter most; with `kind`, a page of all of that kind.
    pub items: Vec<AttentionItem>,
    /// How many there are, listed or not.
    pub totals: AttentionTotals,
    /// Of the items of `kind`; null without it.
    pub pagination: Option<Pagination>,
}

/// How many there are of each kind.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AttentionTotals {
    /// Domains with addresses that are new and of which no message passes.
    pub failing_sources: u64,
    /// Domains whose DNS records are not as they should be.
    pub records_missing: u64,
    /// Reporters that went silent, counted for each domain.
    pub reporter_silent: u64,
    /// Reports that are held until the owner accepts them.
    pub reports_held: u64,
    /// Messages in quarantine.
    pub quarantined: u64,
}

/// One thing to look at.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AttentionItem {
    /// `failing_sources`: addresses that are new and of which no message passes. `records_missing`: the domain's DNS
    /// records are not as they should be. `reporter_silent`: who used to report does not any more. `reports_held`: reports
    /// of the domain wait for a decision of the owner. `quarantined`: mail that could not be read.
    #[schemars(extend("enum" = ATTENTION_KINDS))]
    pub kind: Word,
    /// The domain; null for what concerns the account.
    #[schemars(with = "Option<DomainKey>")]
    pub domain_id: Option<String>,
    #[schemars(with = "Option<NameText>")]
    pub domain: Option<String>,
    /// The domain's name in Unicode; null if it is the same.
    #[schemars(example = &"münchner.example")]
    pub unicode_name: Option<String>,
    /// Addresses, reports that are held, or messages in quarantine.
    pub count: u64,
    /// Messages of those addresses, or of the reporter; for missing records and held reports, of the domain.
    pub messages: u64,
    /// The address with the most messages.
    #[schemars(with = "Option<Address>")]
    pub source_ip: Option<String>,
    /// Who is silent, as it calls itself.
    pub org_name: Option<String>,
    /// The last day of the windows of its reports.
    #[schemars(with = "Option<DayText>")]
    pub last_report: Option<String>,
}

/// What an item can be about, what matters most first.
pub const ATTENTION_KINDS: [&str; 5] = [
    "failing_sources",
    "records_missing",
    "reporter_silent",
    "reports_held",
    "quarantined",
];
