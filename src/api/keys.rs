//! API keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{DomainKey, Instant, ModeWord, PLAIN, PermissionWord, Word};

/// An API key without its secret.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ApiKey")]
pub struct KeyBody {
    /// Its number.
    pub id: i64,
    /// What it is for, in the client's words.
    #[schemars(example = &"dashboard")]
    pub name: String,
    /// How the secret begins, to tell keys apart.
    #[schemars(example = &"sk_live_3kX9")]
    pub key_prefix: String,
    /// What it may do.
    #[schemars(with = "PermissionWord")]
    pub permission: Word,
    /// That of its account.
    #[schemars(with = "ModeWord")]
    pub mode: Word,
    /// The only domain it is for; null is all.
    #[schemars(with = "Option<DomainKey>")]
    pub domain_id: Option<String>,
    /// When it was last used, to some minutes.
    #[schemars(with = "Option<Instant>")]
    pub last_used_at: Option<String>,
    /// When it was made.
    #[schemars(with = "Instant")]
    pub created_at: String,
}

/// A key with its secret: the only time that it is shown.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyWithSecret {
    #[serde(flatten)]
    pub body: KeyBody,
    /// The secret. Only its hash is kept.
    #[schemars(example = &"sk_live_3kX9vQ2mB7tR5wY8zL1nC4dF6gH0jK3pS5uV7xA9bE2")]
    pub key: String,
}

/// The account's keys, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeyList {
    /// The whole list, without those that were deleted.
    pub api_keys: Vec<KeyBody>,
}

/// A key that a client wants to have.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyInput {
    /// What it is for, in the client's words.
    #[schemars(length(min = 1, max = KEY_NAME_CHARS_MAX), regex(pattern = PLAIN), example = &"dashboard")]
    pub name: String,
    /// What it may do.
    #[schemars(with = "PermissionWord")]
    pub permission: String,
    /// The only domain it is for; all if not given.
    #[schemars(with = "Option<DomainKey>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_id: Option<String>,
    /// Taken for the sake of the provider's clients, which send it with `full_access`; makes no difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_full_access: Option<bool>,
}

/// Longest name of a key, in characters.
pub const KEY_NAME_CHARS_MAX: usize = 100;
