//! Lines of a message: own words and foreign text, told apart.

use crate::base::text;

/// Longest text of a stranger in a message, bytes.
const FOREIGN_BYTES_MAX: usize = 300;
/// Longest text of our own, bytes. Only a name of a domain makes one long.
pub(super) const OWN_BYTES_MAX: usize = 400;

/// How soon a person should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Info,
    Warning,
}

/// A line of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(pub Vec<Span>);

/// A part of a line, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    /// Words of this program, and names of the owner's domains.
    Own(String),
    /// What a stranger wrote.
    Foreign(String),
}

impl Line {
    pub fn own(mut self, own: &str) -> Self {
        if !own.is_empty() {
            self.0.push(Span::Own(text::shown(own, OWN_BYTES_MAX).into_owned()));
        }
        self
    }

    pub fn foreign(mut self, foreign: &str) -> Self {
        if !foreign.is_empty() {
            self.0
                .push(Span::Foreign(text::shown(foreign, FOREIGN_BYTES_MAX).into_owned()));
        }
        self
    }
}

impl Span {
    pub fn text(&self) -> &str {
        match self {
            Self::Own(text) | Self::Foreign(text) => text,
        }
    }
}
