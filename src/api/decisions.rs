//! What the owner of a domain decided about senders.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pagination::Pagination;
use super::schema::{Instant, PLAIN, SubjectKindWord, WhoseWord, Word};
use super::trust::WHY_CHARS_MAX;

/// A page of decisions, in order of the first decision about each sender.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SenderDecisionList {
    pub decisions: Vec<SenderDecisionBody>,
    pub pagination: Pagination,
}

/// What the owner of a domain decided about a sender.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SenderDecision")]
pub struct SenderDecisionBody {
    /// Number of the object, as paths take it.
    pub id: i64,
    /// What the subject is.
    #[schemars(with = "SubjectKindWord")]
    pub kind: Word,
    /// The name of a service, a MAIL FROM domain, or an address or network.
    #[schemars(example = &"Mailchimp")]
    pub subject: String,
    /// Whose the sender is; null: only a name is given.
    #[schemars(with = "Option<WhoseWord>")]
    pub decision: Option<Word>,
    /// The owner's own name for the addresses of a network; null without one.
    #[schemars(example = &"Office Berlin")]
    pub name: Option<String>,
    /// The note that was left; null without one.
    #[schemars(example = &"Newsletters, set up by marketing")]
    pub note: Option<String>,
    /// Who decided last.
    #[schemars(example = &"key dashboard")]
    pub by: String,
    /// When it was decided last.
    #[schemars(with = "Instant")]
    pub decided_at: String,
}

/// A decision about a sender. It replaces an earlier one about the same.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SenderDecisionInput {
    /// What the subject is.
    #[schemars(with = "SubjectKindWord")]
    pub kind: String,
    /// `service`: a `name` of `/services`, in any case. `mail_from`: a domain with which MAIL FROM passed, and all below it; at
    /// most one label below a registered domain. `network`: an address, or a network such as `192.0.2.0/24`.
    #[schemars(length(min = 1, max = SUBJECT_CHARS_MAX), regex(pattern = PLAIN), example = &"Mailchimp")]
    pub subject: String,
    /// `ours`: what it sends without an aligned pass is to be fixed. `not_ours`: what it sends without an aligned pass is left out
    /// of what the owner has to look at. `forwarder`: it passes on what others sent. Null, for a network that gets a name: nothing is decided.
    #[schemars(with = "Option<WhoseWord>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The owner's own name for the addresses; only of a network.
    #[schemars(length(min = 1, max = OWN_NAME_CHARS_MAX), regex(pattern = PLAIN))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A note for those who read the decision later.
    #[schemars(length(min = 1, max = WHY_CHARS_MAX), regex(pattern = PLAIN), example = &"Newsletters, set up by marketing")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Longest subject of a decision, in characters.
pub const SUBJECT_CHARS_MAX: usize = 253;
/// Longest name that an owner gives addresses, in characters.
pub const OWN_NAME_CHARS_MAX: usize = 80;
