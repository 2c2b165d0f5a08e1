//! The state of a node.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{Instant, Word};

/// The process answers.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Always `ok`.
    #[schemars(extend("enum" = ["ok"]))]
    pub status: Word,
    /// Of this program.
    #[schemars(example = &"1.0.0")]
    pub version: Word,
}

/// Requests and messages can be taken.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    /// Always `ready`: what is not is a 503.
    #[schemars(extend("enum" = ["ready"]))]
    pub status: Word,
    /// Messages waiting to be stored.
    pub queue_depth: usize,
    /// How many may wait.
    pub queue_depth_max: usize,
    /// Mailboxes, Maildirs and folders that this node reads, by name. One that fails makes nothing else unready.
    pub feeds: Vec<FeedBody>,
    /// What the operator has to set before everything works, one sentence each. It makes nothing unready.
    #[schemars(example = &["Mail servers cannot send reports to this installation yet: set installation.rua_host."])]
    pub advice: Vec<String>,
}

/// The state of a mailbox or folder. It contains no text from a server, because no sign-in is needed to see it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Feed")]
pub struct FeedBody {
    /// As the settings call it.
    #[schemars(example = &"imap office")]
    pub name: String,
    /// `starting`, `reading`, `elsewhere` (another node reads it) or `failing`.
    #[schemars(extend("enum" = ["starting", "reading", "elsewhere", "failing"]))]
    pub condition: Word,
    /// Since when it is in that condition.
    #[schemars(with = "Instant")]
    pub since: String,
    /// When it was last read to its end.
    #[schemars(with = "Option<Instant>")]
    pub read_at: Option<String>,
    /// Why it fails: a stable word.
    #[schemars(example = &"login_refused")]
    pub reason: Option<Word>,
    /// What to do about it.
    #[schemars(example = &"see whether user and password or token are right")]
    pub advice: Option<Word>,
}
