//! What checks of a domain's DNS find and decide.

use serde::{Deserialize, Serialize};

use super::IpAddress;
use crate::base::{AccountId, DomainId, DomainStatus, Millis, Network, Purpose};

/// What is known of a domain's DNS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DomainDns {
    /// `None` until the first request for what the domain must publish.
    pub dkim: Option<DkimKey>,
    /// The key that signs next, or the one that signed before; `None` unless the domain changes its key.
    pub rotation: Option<OtherKey>,
    /// What was found of each record when it was last looked at; nothing before the first time.
    pub checks: Vec<RecordCheck>,
    /// `None`: it sends from the shared addresses.
    pub dedicated_ip: Option<IpAddress>,
    /// Networks of its own SPF record.
    pub own_networks: Vec<Network>,
    /// Hash of the token with which TLS reports about it are posted; `None` if it has none.
    pub tls_token: Option<Vec<u8>>,
}

/// The public half of the key that a domain's mail is signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimKey {
    pub selector: String,
    /// RSA, DER of a SubjectPublicKeyInfo (RFC 5280).
    pub public_key: Vec<u8>,
    pub created_at: Millis,
    /// The beginning of the encrypted private half: it names the key that it was encrypted with (`domains/keyring.rs`).
    pub sealed_with: Vec<u8>,
    /// How many selectors the domain has been given: none is given twice.
    pub selectors_made: u32,
}

/// A key for a domain; its private half reaches the store encrypted.
#[derive(Debug, Clone)]
pub struct NewDkimKey {
    pub selector: String,
    pub public_key: Vec<u8>,
    pub sealed_key: Vec<u8>,
}

/// The key of a domain that does not sign: the next one, or the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherKey {
    pub selector: String,
    /// RSA, DER of a SubjectPublicKeyInfo (RFC 5280).
    pub public_key: Vec<u8>,
    /// The beginning of the encrypted private half; `None` once it has signed for the last time.
    pub sealed_with: Option<Vec<u8>>,
    pub started_at: Millis,
    pub stage: RotationStage,
}

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationStage {
    /// The record of the next key is not in DNS.
    PendingDns,
    /// It is there.
    Ready {
        /// When it was first seen.
        published_at: Millis,
        /// When the next key may sign.
        activates_after: Millis,
    },
    /// The next key signs, and this is the one before.
    Retiring {
        /// Since when the next key signs.
        switched_at: Millis,
        /// When this one is forgotten at the latest.
        retire_after: Millis,
    },
}

/// What a look at DNS saw of the record of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Exactly this key.
    Seen,
    /// Nothing, or something else.
    Absent,
    /// DNS could not be asked.
    Unread,
}

/// What a look at DNS saw of the key that does not sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationSight {
    pub selector: String,
    pub sight: Sight,
}

/// A step from one key to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationStep {
    /// The record of the next key is there.
    Publish {
        published_at: Millis,
        activates_after: Millis,
    },
    /// It is there no longer.
    Unpublish,
    /// The next key signs from now on.
    Switch { switched_at: Millis, retire_after: Millis },
}

/// What was found of one record that a domain must publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCheck {
    #[serde(with = "word")]
    pub purpose: Purpose,
    /// Which record that was: what was found of another one says nothing. See `DnsRecord::fingerprint`.
    pub expected: String,
    pub verified: bool,
    /// What DNS has, capped.
    pub found: Vec<String>,
    /// One sentence: what to change.
    pub problem: Option<String>,
    /// What the look came to.
    pub state: RecordState,
    /// The name that it was looked for at, if that is another than the record's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What to publish in place of what was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<Suggestion>,
}

/// What a look at a record came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// DNS has not been asked yet, or not for this record.
    #[default]
    Unchecked,
    /// It is there, as it should be.
    Found,
    /// It is not there.
    Missing,
    /// DNS could not be asked.
    Unreadable,
    /// What is there must be changed.
    Wrong,
}

impl RecordState {
    /// A stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unchecked => "unchecked",
            Self::Found => "found",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::Wrong => "wrong",
        }
    }

    /// Human-readable text.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Unchecked => "not asked yet",
            Self::Found => "found",
            Self::Missing => "missing",
            Self::Unreadable => "could not be read",
            Self::Wrong => "to be changed",
        }
    }
}

/// A record to publish: everything that the published one says, and what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Suggestion {
    pub value: String,
    /// The parts of `value` that the published record does not have, in order.
    pub added: Vec<String>,
    /// Published records that must go, because only one may be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// The record that was wanted at the time: with other settings the suggestion is void.
    pub wanted: String,
}

/// The result of checking a record, before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFinding {
    pub check: RecordCheck,
    /// Whether the domain's status depends on it.
    pub required: bool,
    /// Whether DNS could not be asked. Only `check.problem` is then known.
    pub unreadable: bool,
}

/// A domain that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainFinding {
    pub domain: DomainId,
    /// When the look began.
    pub at: Millis,
    /// [`super::Domain::updated_at`] of the settings that it looked for.
    pub updated_at: Millis,
    /// Selector of the key that it looked for as the one that signs.
    pub selector: Option<String>,
    /// What it saw of the key that signs next, or signed before.
    pub rotation: Option<RotationSight>,
    pub records: Vec<RecordFinding>,
    /// Networks of its own SPF record; `None` if DNS did not answer: the known ones stay.
    pub own_networks: Option<Vec<Network>>,
}

/// Where a domain stands before a check is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub domain: DomainId,
    pub account: AccountId,
    pub status: DomainStatus,
    pub created_at: Millis,
    pub verified_at: Option<Millis>,
    pub last_checked_at: Option<Millis>,
    /// How often in a row it was found wanting while it was verified.
    pub misses: i64,
    /// When the last of these was counted.
    pub missed_at: Option<Millis>,
    pub checks: Vec<RecordCheck>,
    /// Networks of its own SPF record.
    pub own_networks: Vec<Network>,
    /// Selector of the key that signs.
    pub selector: Option<String>,
    pub rotation: Option<OtherKey>,
}

/// What a check makes of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub status: DomainStatus,
    pub verified_at: Option<Millis>,
    pub misses: i64,
    pub missed_at: Option<Millis>,
    pub next_check_at: Millis,
    pub checks: Vec<RecordCheck>,
    /// Networks of its own SPF record.
    pub own_networks: Vec<Network>,
    /// The next step from one key to the next.
    pub rotation: Option<RotationStep>,
}

/// A purpose as its word.
mod word {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use super::Purpose;

    pub(super) fn serialize<S: Serializer>(purpose: &Purpose, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(purpose.word())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Purpose, D::Error> {
        let word = String::deserialize(from)?;
        Purpose::from_word(&word).ok_or_else(|| D::Error::custom("no purpose"))
    }
}
