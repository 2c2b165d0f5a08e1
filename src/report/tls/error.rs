//! Why nothing of a TLS report could be kept.

use std::io;

use crate::base::budget::Breach;

/// Why a text gave no TLS report, and where.
#[derive(Debug, thiserror::Error)]
#[error("{kind} (at byte {offset})")]
pub struct ParseError {
    pub kind: ParseErrorKind,
    /// Byte offset in the text; 0 if the whole text is meant.
    pub offset: u64,
}

/// The reason; [`ParseErrorKind::word`] is the stable word for it in the database and the API.
#[derive(Debug, thiserror::Error)]
pub enum ParseErrorKind {
    /// JSON of another kind, or a list.
    #[error("no TLS report in it: it is not an object with policies or a report-id")]
    NotAReport,
    /// The text breaks off, or is not JSON.
    #[error("broken JSON: {0}")]
    Malformed(String),
    /// With the first date that cannot be read, as it stands in the text.
    #[error("TLS report has no usable date-range{}", .0.as_deref().map(|date| format!(": \"{date}\" is not a readable date")).unwrap_or_default())]
    NoDateRange(Option<Box<str>>),
    #[error("TLS report is longer than {0} bytes (limits.tls_bytes_max)")]
    TooLarge(usize),
    #[error("objects and lists are nested deeper than {0}")]
    TooDeep(usize),
    #[error("TLS report has more than {0} policies")]
    TooManyPolicies(usize),
    #[error("TLS report has more than {0} failures (limits.tls_failures_max)")]
    TooManyFailures(usize),
    /// A limit of the whole message: nothing more of it is read.
    #[error("{0}")]
    Budget(Breach),
    /// The text itself could not be read to its end: the error is the reader's own (limit, time, archive).
    #[error("text could not be read: {0}")]
    Read(#[source] io::Error),
}

impl ParseErrorKind {
    /// The stable word for this reason.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotAReport => "not_a_report",
            Self::Malformed(_) => "malformed_json",
            Self::NoDateRange(_) => "no_date_range",
            Self::TooLarge(_) => "too_large",
            Self::TooDeep(_) => "too_deep",
            Self::TooManyPolicies(_) => "too_many_policies",
            Self::TooManyFailures(_) => "too_many_failures",
            Self::Budget(breach) => breach.word(),
            Self::Read(_) => "unreadable",
        }
    }
}

impl From<Breach> for ParseErrorKind {
    fn from(breach: Breach) -> Self {
        Self::Budget(breach)
    }
}
