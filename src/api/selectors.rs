//! How the DKIM selectors of a domain are used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{DayText, KeyInDnsWord, SelectorStandingWord, Word};

/// The DKIM selectors of a domain and its subdomains, by the signatures of the last 400 days.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SelectorList {
    /// Last day that reports are known of; null without reports. Pauses are measured up to it.
    #[schemars(with = "Option<DayText>")]
    pub known_until: Option<String>,
    /// Failing ones first, then those that pass, pause and have ended; those with most messages first. At most 200.
    pub selectors: Vec<SelectorBody>,
    /// Number of selectors.
    pub total: u64,
}

/// A DKIM selector.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Selector")]
pub struct SelectorBody {
    /// Domain of the signature, `d=`.
    #[schemars(example = &"yourdomain.com")]
    pub domain: String,
    /// Selector of the signature, `s=`.
    #[schemars(example = &"s1")]
    pub selector: String,
    /// Name of the key in DNS.
    #[schemars(example = &"s1._domainkey.yourdomain.com")]
    pub key_name: String,
    /// `failing` and `passing` are active. `recent`: it pauses longer than usual, and may come again. `historical`: it is not
    /// expected again.
    #[schemars(with = "SelectorStandingWord")]
    pub standing: Word,
    /// What DNS has at `key_name` now. `not_known`: no answer came, or it was not asked: the keys of the first 50 selectors are.
    #[schemars(with = "KeyInDnsWord")]
    pub key: Word,
    /// The selector, in one sentence or two.
    #[schemars(example = &"No message for 41 days at any of 12 active reporters, and the key is still in DNS: remove it.")]
    pub says: String,
    /// First day with a message, of the last 400.
    #[schemars(with = "DayText")]
    pub first_seen: String,
    /// Last day with a message.
    #[schemars(with = "DayText")]
    pub last_seen: String,
    /// Days with messages.
    pub days: u64,
    /// Days from `last_seen` to `known_until`.
    pub quiet_days: u64,
    /// Its longest pause between two days with messages, in days.
    pub longest_pause: u64,
    /// Messages of its last 30 days whose signature passed.
    pub pass_count: u64,
    /// Those whose signature failed.
    pub fail_count: u64,
    /// Reporters that reported about days after `last_seen`.
    pub active_reporters: u64,
}
