//! The change of a domain from one DKIM key to the next. PostStack's clients disagree about spelling and envelopes, so both are
//! answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{DomainKey, Instant, RotationStateWord, Word};

/// The rotation of a domain, in an envelope and bare.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DkimRotationAnswer")]
pub struct RotationOne {
    pub rotation: RotationBody,
    #[serde(flatten)]
    pub bare: RotationBody,
}

/// How far a domain is from one DKIM key to the next.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DkimRotation")]
#[serde(rename_all = "camelCase")]
pub struct RotationBody {
    /// Id of the domain.
    #[schemars(with = "DomainKey")]
    pub domain_id: String,
    /// `idle`: no change is under way. `pending_dns`: the next key is made, and its record is to be published; the present key
    /// signs. `ready`: the record was seen. `retiring`: the next key signs, and the record of the one before must stay.
    #[schemars(with = "RotationStateWord")]
    pub state: Word,
    /// Selector of the key that signs; null if the domain has none yet.
    #[schemars(example = &"tallymark")]
    pub active_selector: Option<String>,
    /// Selector of the next key.
    #[schemars(example = &"tallymark2")]
    pub pending_selector: Option<String>,
    /// The next public key: a SubjectPublicKeyInfo (RFC 5280) in base64.
    #[schemars(example = &"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")]
    pub pending_public_key: Option<String>,
    /// Name of the TXT record to publish.
    #[schemars(example = &"tallymark2._domainkey.yourdomain.com")]
    pub pending_record_name: Option<String>,
    /// The record to publish.
    #[schemars(example = &"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")]
    pub pending_record_value: Option<String>,
    /// When the next key was made.
    #[schemars(with = "Option<Instant>")]
    pub started_at: Option<String>,
    /// When its record was first seen; null while it is not there.
    #[schemars(with = "Option<Instant>")]
    pub published_at: Option<String>,
    /// When it signs by itself, if its record is still there.
    #[schemars(with = "Option<Instant>")]
    pub activates_after: Option<String>,
    /// Selector of the key before, whose record must stay.
    #[schemars(example = &"tallymark")]
    pub retired_selector: Option<String>,
    /// Until when it must stay at the longest. It ends earlier if every reporter that saw the key reports without it.
    #[schemars(with = "Option<Instant>")]
    pub retire_after: Option<String>,
    #[serde(flatten)]
    pub snake: RotationSnake,
}

/// The same fields in the spelling of the documented API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RotationSnake {
    /// As `domainId`.
    #[schemars(with = "DomainKey")]
    pub domain_id: String,
    /// As `activeSelector`.
    #[schemars(example = &"tallymark")]
    pub active_selector: Option<String>,
    /// As `pendingSelector`.
    #[schemars(example = &"tallymark2")]
    pub pending_selector: Option<String>,
    /// As `pendingPublicKey`.
    #[schemars(example = &"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")]
    pub pending_public_key: Option<String>,
    /// As `pendingRecordName`.
    #[schemars(example = &"tallymark2._domainkey.yourdomain.com")]
    pub pending_record_name: Option<String>,
    /// As `pendingRecordValue`.
    #[schemars(example = &"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")]
    pub pending_record_value: Option<String>,
    /// As `startedAt`.
    #[schemars(with = "Option<Instant>")]
    pub started_at: Option<String>,
    /// As `publishedAt`.
    #[schemars(with = "Option<Instant>")]
    pub published_at: Option<String>,
    /// As `activatesAfter`.
    #[schemars(with = "Option<Instant>")]
    pub activates_after: Option<String>,
    /// As `retiredSelector`.
    #[schemars(example = &"tallymark")]
    pub retired_selector: Option<String>,
    /// As `retireAfter`.
    #[schemars(with = "Option<Instant>")]
    pub retire_after: Option<String>,
}
