//! What needs attention.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pagination::Pagination;
use super::schema::{Address, DayText, DomainKey, Instant, NameText, Word};

/// What needs attention, the most important first: what concerns messages, by their number; then held reports; then domains that
/// are not verified; then the quarantine.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Attention {
    /// When it was looked for. Accounts with more than 500 domains are told what was found up to a minute ago.
    #[schemars(with = "Instant")]
    pub found_at: String,
    /// The 20 most important items of each kind. With `kind`, a page of the items of that kind.
    pub items: Vec<AttentionItem>,
    /// Number of items of each kind, including those not listed.
    pub totals: AttentionTotals,
    /// The position of this page among the items of `kind`; null without `kind`.
    pub pagination: Option<Pagination>,
}

/// Number of items of each kind.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AttentionTotals {
    /// Domains with messages that fail although their owner can make them pass.
    pub to_fix: u64,
    /// Domains with new addresses whose messages all fail.
    pub failing_sources: u64,
    /// Domains whose required DNS records are missing or wrong.
    pub records_missing: u64,
    /// Reporters that went silent, counted per domain.
    pub reporter_silent: u64,
    /// Reports that are held until the owner accepts them.
    pub reports_held: u64,
    /// Messages in quarantine.
    pub quarantined: u64,
}

/// One thing to look at.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AttentionItem {
    /// `to_fix`: services or own hosts send messages that fail, which the owner can make pass. `failing_sources`: new addresses whose messages all fail. `records_missing`: required DNS records of the domain are
    /// missing or wrong. `reporter_silent`: a regular reporter has stopped sending reports. `reports_held`: reports of the
    /// domain wait for a decision of the owner. `quarantined`: mail that could not be read.
    #[schemars(extend("enum" = ATTENTION_KINDS))]
    pub kind: Word,
    /// Id of the domain; null if the item is about the whole account.
    #[schemars(with = "Option<DomainKey>")]
    pub domain_id: Option<String>,
    #[schemars(with = "Option<NameText>")]
    pub domain: Option<String>,
    /// The domain's name in Unicode; null if it is the same.
    #[schemars(example = &"münchner.example")]
    pub unicode_name: Option<String>,
    /// Number of services to fix, addresses, held reports or quarantined messages; 0 for other kinds.
    pub count: u64,
    /// Messages to fix, of those addresses or of that reporter. For `records_missing` and `reports_held`, messages of the domain.
    pub messages: u64,
    /// The address with the most messages.
    #[schemars(with = "Option<Address>")]
    pub source_ip: Option<String>,
    /// Name of the silent reporter, as it writes it, or of the service with the most messages to fix.
    pub org_name: Option<String>,
    /// Last day covered by a report of the silent reporter.
    #[schemars(with = "Option<DayText>")]
    pub last_report: Option<String>,
    /// What is the matter, one sentence.
    #[schemars(example = &"2 senders of yours fail: 1,234 messages in 30 days, most of SendGrid.")]
    pub reason: String,
    /// What to do about it, one sentence.
    #[schemars(example = &"Accept the reports that you trust.")]
    pub action: String,
}

/// What an item can be about, what matters most first.
pub const ATTENTION_KINDS: [&str; 6] = [
    "to_fix",
    "failing_sources",
    "records_missing",
    "reporter_silent",
    "reports_held",
    "quarantined",
];
