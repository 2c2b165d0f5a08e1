//! Digests: the state of domains by mail, weekly or monthly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::channels::CHANNEL_NAME_CHARS_MAX;
use super::schema::{AnyObject, DigestKey, DomainKey, Instant, MailText, PeriodWord, Word};

/// Domains of one digest.
pub const DIGEST_DOMAINS_MAX: usize = 100;

/// A digest to create.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigestInput {
    /// A name for its owner.
    #[schemars(length(min = 1, max = CHANNEL_NAME_CHARS_MAX), regex(pattern = super::PLAIN), example = &"For the board")]
    pub name: String,
    /// Whom it goes to. The owner of the address is asked once, and nothing else is sent before they agree.
    #[schemars(with = "MailText")]
    pub email: String,
    #[schemars(with = "PeriodWord")]
    pub period: String,
    /// The domains that it is about. Default, and null: all of the account, also those that are added later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<DomainKey>>", length(min = 1, max = DIGEST_DOMAINS_MAX))]
    pub domains: Option<Vec<String>>,
}

/// Changes of a digest. What is absent stays.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigestPut {
    /// As in a new digest.
    #[schemars(length(min = 1, max = CHANNEL_NAME_CHARS_MAX), regex(pattern = super::PLAIN), example = &"For the board")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As in a new digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<MailText>")]
    pub email: Option<String>,
    /// As in a new digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<PeriodWord>")]
    pub period: Option<String>,
    /// As in a new digest. Null: all of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<DomainKey>>", length(min = 1, max = DIGEST_DOMAINS_MAX))]
    pub domains: Option<Vec<String>>,
    /// Whether it is sent; answers call it `active`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// A digest.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Digest")]
pub struct DigestBody {
    /// Id of the object, as paths take it.
    #[schemars(with = "DigestKey")]
    pub id: String,
    #[schemars(example = &"For the board")]
    pub name: String,
    /// Whom it goes to; null if it cannot be decrypted.
    #[schemars(with = "Option<MailText>")]
    pub email: Option<String>,
    #[schemars(with = "PeriodWord")]
    pub period: Word,
    /// The domains that it is about, without those that were removed; null for all.
    #[schemars(with = "Option<Vec<DomainKey>>")]
    pub domains: Option<Vec<String>>,
    /// Whether it is sent. Requests call it `enabled`.
    pub active: bool,
    /// When it was switched off, by its reader or because of failures.
    #[schemars(with = "Option<Instant>")]
    pub disabled_at: Option<String>,
    /// Why it is off, one sentence; null if its owner switched it off.
    #[schemars(example = &"Its reader unsubscribed")]
    pub disabled_reason: Option<String>,
    /// When the last attempt to send it was.
    #[schemars(with = "Option<Instant>")]
    pub last_used_at: Option<String>,
    /// The code of the mail server's answer then.
    pub last_status: Option<u16>,
    #[schemars(with = "Instant")]
    pub created_at: String,
    /// When its owner changed it last.
    #[schemars(with = "Instant")]
    pub updated_at: String,
}

/// The account's digests, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DigestList {
    pub digests: Vec<DigestBody>,
    /// Whether this installation sends mail: whether `outbound.mail` and `notify.page_url` are set.
    pub sends_mail: bool,
}

/// A digest as it would be sent about the newest period that is over.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DigestPreview {
    #[schemars(example = &"DMARC of yourdomain.com, 2026-03-16 to 2026-03-22")]
    pub subject: String,
    #[schemars(example = &"Nothing to do.")]
    pub text: String,
    /// A whole document. It loads nothing.
    #[schemars(example = &"<!DOCTYPE html><html></html>")]
    pub html: String,
    /// Its figures and lists, as in docs/digests.md.
    #[schemars(with = "AnyObject")]
    pub data: Value,
}

/// What a link in a mail does.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MailLinkBody {
    /// `agree`: its reader agrees to mail of an account. `leave`: they end all mail of it.
    #[schemars(example = &"leave")]
    pub does: Word,
}
