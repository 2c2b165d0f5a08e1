//! Which reporters have seen a change work.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{ChangeCauseWord, DayText, Instant, ReceiptStandingWord, Word};

/// Receipts for changes, the newest change first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptList {
    /// The newest ten changes of the last 90 days, or the one that was asked about.
    pub receipts: Vec<ReceiptBody>,
}

/// A change, and what reporters say since. Only windows that begin after it count.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChangeReceipt")]
pub struct ReceiptBody {
    /// Number of a posted change, as `/dmarc/changes/{change_id}` takes it; null for others.
    pub change_id: Option<i64>,
    /// The change: when a check found the record, or the owner decided; or the instant that was asked about or posted.
    #[schemars(with = "Instant")]
    pub at: String,
    /// `record`: a DNS record is another one. `decision`: the owner decided about a sender. `posted`: the owner posted it.
    /// `stated`: the instant was asked about.
    #[schemars(with = "ChangeCauseWord")]
    pub cause: Word,
    /// The purpose of the record, the sender that was decided about, or the kind of the posted change; null for a stated one.
    #[schemars(example = &"spf")]
    pub subject: Option<String>,
    /// The only service that it is about; null: all.
    #[schemars(example = &"Mailchimp")]
    pub only_service: Option<String>,
    /// The note of a posted change; null without one.
    #[schemars(example = &"Own-domain DKIM switched on for news.yourdomain.com")]
    pub note: Option<String>,
    /// Who posted it; null for others.
    #[schemars(example = &"key dashboard")]
    pub by: Option<String>,
    /// Whether there is a service that failed, and each is confirmed.
    pub is_closed: bool,
    /// The change, a sentence.
    #[schemars(example = &"The spf record changed: 1 of 2 services that failed are confirmed to pass.")]
    pub says: String,
    /// Services that failed in the 30 days before or since, those with the most failing messages first; at most 20.
    pub services: Vec<ServiceReceiptBody>,
    /// Number of such services.
    pub total: u64,
}

/// What reporters say of a service since a change.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ServiceReceipt")]
pub struct ServiceReceiptBody {
    /// The name, as `/dmarc/services` has it; null for messages that nothing names.
    #[schemars(example = &"Mailchimp")]
    pub service: Option<String>,
    /// `confirmed`: by all reporters that have 95 % of its messages together. `failing`: at one at least. `waiting`: for one at
    /// least.
    #[schemars(with = "ReceiptStandingWord")]
    pub standing: Word,
    /// The service, a sentence.
    #[schemars(example = &"Confirmed by Google and Yahoo, waiting for Microsoft; last failing message before the change 2026-05-12.")]
    pub says: String,
    /// Messages of the 30 days before.
    pub messages_before: u64,
    /// Those of them that failed.
    pub failed_before: u64,
    /// Last day of the newest window before the change with a failing message; null without one.
    #[schemars(with = "Option<DayText>")]
    pub last_failing: Option<String>,
    /// Reporters, those with the most messages first; at most 20. Small ones that have not reported since are left out.
    pub reporters: Vec<ReporterReceiptBody>,
}

/// What a reporter says of a service since a change.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReporterReceipt")]
pub struct ReporterReceiptBody {
    /// Name of the reporter; null for reports without one.
    #[schemars(example = &"google.com")]
    pub org_name: Option<String>,
    /// `waiting`: no window that begins after the change has messages of the service.
    #[schemars(with = "ReceiptStandingWord")]
    pub standing: Word,
    /// Messages of windows that begin after the change, which pass.
    pub pass_count: u64,
    /// Those that fail.
    pub fail_count: u64,
}
