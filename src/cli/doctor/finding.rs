//! A line of the doctor: what was looked at, how it is, and what to do next.

use serde_json::{Value, json};

/// How it is, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Ok,
    /// It works, but not as well as it could.
    Warn,
    /// Reports cannot arrive, or cannot be read.
    Fail,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
pub(super) struct Checked {
    /// In one or two words.
    pub what: &'static str,
    pub state: State,
    /// What was found. It may have text from DNS or the settings.
    pub says: String,
    /// What to do about it; `None` if all is well.
    pub next: Option<String>,
}

impl Checked {
    pub(super) fn ok(what: &'static str, says: String) -> Self {
        Self {
            what,
            state: State::Ok,
            says,
            next: None,
        }
    }

    pub(super) fn warn(what: &'static str, says: String, next: impl Into<String>) -> Self {
        Self {
            what,
            state: State::Warn,
            says,
            next: Some(next.into()),
        }
    }

    pub(super) fn fail(what: &'static str, says: String, next: impl Into<String>) -> Self {
        Self {
            state: State::Fail,
            ..Self::warn(what, says, next)
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "check": self.what,
            "state": self.state.word(),
            "says": self.says,
            "next": self.next,
        })
    }
}
