//! API keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{DomainKey, Instant, ModeWord, PLAIN, PermissionWord, Word};

/// An API key without its secret.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ApiKey")]
pub struct KeyBody {
    /// Number of the object, as paths take it.
    pub id: i64,
    /// What the key is for, in the client's words.
    #[schemars(example = &"dashboard")]
    pub name: String,
    /// The first characters of the secret, to tell keys apart.
    #[schemars(example = &"sk_live_3kX9")]
    pub key_prefix: String,
    /// What the key permits.
    #[schemars(with = "PermissionWord")]
    pub permission: Word,
    /// Mode of the account: `live` or `test`.
    #[schemars(with = "ModeWord")]
    pub mode: Word,
    /// The only domain that the key can access; null: all domains.
    #[schemars(with = "Option<DomainKey>")]
    pub domain_id: Option<String>,
    /// When the key was last used, accurate to some minutes.
    #[schemars(with = "Option<Instant>")]
    pub last_used_at: Option<String>,
    /// When the key was created.
    #[schemars(with = "Instant")]
    pub created_at: String,
}

/// A key with its secret, which is shown only here.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyWithSecret {
    #[serde(flatten)]
    pub body: KeyBody,
    /// The secret. Only its hash is stored.
    #[schemars(example = &"sk_live_3kX9vQ2mB7tR5wY8zL1nC4dF6gH0jK3pS5uV7xA9bE2")]
    pub key: String,
}

/// The account's keys, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeyList {
    /// The whole list, without those that were deleted.
    pub api_keys: Vec<KeyBody>,
}

/// A key to create.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyInput {
    /// What the key is for, in the client's words.
    #[schemars(length(min = 1, max = KEY_NAME_CHARS_MAX), regex(pattern = PLAIN), example = &"dashboard")]
    pub name: String,
    /// What the key permits.
    #[schemars(with = "PermissionWord")]
    pub permission: String,
    /// The only domain that the key can access. Default: all domains.
    #[schemars(with = "Option<DomainKey>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_id: Option<String>,
    /// Has no effect. PostStack's clients send it with `full_access`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_full_access: Option<bool>,
}

/// Longest name of a key, in characters.
pub const KEY_NAME_CHARS_MAX: usize = 100;
