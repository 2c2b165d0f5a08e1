//! What came of sending something.

use std::time::Duration;

/// What an answer of a receiver means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Accepted,
    /// Not now, and not before this time has passed if the receiver named one.
    Failed(Option<Duration>),
    /// Nothing was sent: the place is one that customers must not send us to.
    Refused,
    /// Never again: the place does not exist any more, or does not let us in. One sentence.
    Gone(String),
    /// This installation could not send it, or its own server did not take it. The receiver is not to blame.
    HeldBack,
}

/// What a receiver answered, or why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    /// Of HTTP, or the code of a mail server.
    pub status: Option<u16>,
    pub response: String,
    pub meaning: Meaning,
}

impl Heard {
    pub fn is_accepted(&self) -> bool {
        self.meaning == Meaning::Accepted
    }
}
