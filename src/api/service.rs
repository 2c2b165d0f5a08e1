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
    /// Version of Tallymark.
    #[schemars(example = &"1.0.0")]
    pub version: Word,
}

/// The node accepts requests and messages.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Readiness {
    /// Always `ready`. A node that is not ready answers 503.
    #[schemars(extend("enum" = ["ready"]))]
    pub status: Word,
    /// Messages waiting to be stored.
    pub queue_depth: usize,
    /// Maximum number of waiting messages.
    pub queue_depth_max: usize,
    /// Mailboxes, Maildirs and folders that this node reads, by name. A failing feed does not make the node unready.
    pub feeds: Vec<FeedBody>,
    /// Settings that the operator must make before everything works, one sentence each. They do not make the node unready.
    #[schemars(example = &["Mail servers cannot send reports to this installation yet: set installation.rua_host."])]
    pub advice: Vec<String>,
}

/// The state of a mailbox or folder. It contains no text from a server, because no sign-in is needed to see it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Feed")]
pub struct FeedBody {
    /// Name of the feed in the settings.
    #[schemars(example = &"imap office")]
    pub name: String,
    /// `starting`, `reading`, `elsewhere` (another node reads it) or `failing`.
    #[schemars(extend("enum" = ["starting", "reading", "elsewhere", "failing"]))]
    pub condition: Word,
    /// When the condition began.
    #[schemars(with = "Instant")]
    pub since: String,
    /// When the feed was last read to its end.
    #[schemars(with = "Option<Instant>")]
    pub read_at: Option<String>,
    /// Messages that are left alone for now, because the server closes the connection over them each time. Each is tried again later.
    pub put_off: u64,
    /// Why the feed fails, as a stable word.
    #[schemars(example = &"login_refused")]
    pub reason: Option<Word>,
    /// What the operator can do about the failure.
    #[schemars(example = &"see whether user and password or token are right")]
    pub advice: Option<Word>,
}
