//! Changes that the owner of a domain says they made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decisions::SUBJECT_CHARS_MAX;
use super::pagination::Pagination;
use super::schema::{ChangeKindWord, Instant, PLAIN, Word};
use super::trust::WHY_CHARS_MAX;

/// A page of posted changes, in order of posting.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct OwnerChangeList {
    pub changes: Vec<OwnerChangeBody>,
    pub pagination: Pagination,
}

/// A change that the owner of a domain says they made. Its receipt is in `/dmarc/receipts` for 90 days.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OwnerChange")]
pub struct OwnerChangeBody {
    /// Number of the object, as paths take it.
    pub id: i64,
    /// What was changed.
    #[schemars(with = "ChangeKindWord")]
    pub kind: Word,
    /// When it was changed.
    #[schemars(with = "Instant")]
    pub at: String,
    /// The only service that it is about; null: the whole domain.
    #[schemars(example = &"Mailchimp")]
    pub service: Option<String>,
    /// The note that was left; null without one.
    #[schemars(example = &"Own-domain DKIM switched on for news.yourdomain.com")]
    pub note: Option<String>,
    /// Who posted it.
    #[schemars(example = &"key dashboard")]
    pub by: String,
    /// When it was posted.
    #[schemars(with = "Instant")]
    pub posted_at: String,
}

/// A change. The same change is stored once, however often it is posted.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnerChangeInput {
    /// `dkim`: a signature or its key. `spf`: an SPF record or a MAIL FROM domain. `dmarc`: the policy.
    #[schemars(with = "ChangeKindWord")]
    pub kind: String,
    /// When it was changed: at most 90 days ago, and not in the future. Without it, now.
    #[schemars(with = "Instant")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The only service that it is about: a `name` of `/services`, in any case. Without one, the receipt is about all.
    #[schemars(length(min = 1, max = SUBJECT_CHARS_MAX), regex(pattern = PLAIN), example = &"Mailchimp")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// A note for those who read the receipt later.
    #[schemars(length(min = 1, max = WHY_CHARS_MAX), regex(pattern = PLAIN), example = &"Own-domain DKIM switched on")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
