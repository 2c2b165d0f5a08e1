//! Why nothing of a report could be kept.

use std::io;

use crate::base::budget::Breach;

/// Why a text gave no report, and where.
#[derive(Debug, thiserror::Error)]
#[error("{kind} (at byte {offset})")]
pub struct ParseError {
    pub kind: ParseErrorKind,
    /// Byte offset in the UTF-8 text.
    pub offset: u64,
}

/// The reason; [`ParseErrorKind::word`] is the stable word for it in the database and the API.
#[derive(Debug, thiserror::Error)]
pub enum ParseErrorKind {
    /// No element `feedback` in it: some other text, XML or not.
    #[error("no aggregate report in it: there is no feedback element")]
    NotAReport,
    /// The markup is broken, or the text breaks off, in a way that leaves no complete record or no usable header.
    #[error("broken markup: {0}")]
    Malformed(String),
    #[error("report has no report_metadata")]
    NoMetadata,
    #[error("report has no policy domain")]
    NoPolicyDomain,
    /// With the first date that cannot be read, as it stands in the text.
    #[error("report has no usable date range{}", .0.as_deref().map(|date| format!(": \"{date}\" is not a readable date")).unwrap_or_default())]
    NoDateRange(Option<Box<str>>),
    #[error("a text or tag exceeds {0} bytes")]
    EventTooLarge(usize),
    #[error("elements are nested deeper than {0}")]
    TooDeep(usize),
    #[error("a tag has more than {0} attributes")]
    TooManyAttributes(usize),
    #[error("report has more than {0} records")]
    TooManyRecords(usize),
    #[error("report has more than {0} kinds of records")]
    TooMuchEvidence(usize),
    /// A limit of the whole message: nothing more of it is read.
    #[error("{0}")]
    Budget(Breach),
    #[error("text holds more reports than are read: those after the first {0} were ignored")]
    TooManyReports(usize),
    /// The text itself could not be read to its end: the error is the reader's own (limit, time, archive).
    #[error("text could not be read: {0}")]
    Read(#[source] io::Error),
}

impl ParseErrorKind {
    /// The stable word for this reason.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotAReport => "not_a_report",
            Self::Malformed(_) => "malformed_xml",
            Self::NoMetadata => "no_metadata",
            Self::NoPolicyDomain => "no_policy_domain",
            Self::NoDateRange(_) => "no_date_range",
            Self::EventTooLarge(_) => "event_too_large",
            Self::TooDeep(_) => "too_deep",
            Self::TooManyAttributes(_) => "too_many_attributes",
            Self::TooManyRecords(_) => "too_many_records",
            Self::TooMuchEvidence(_) => "too_much_evidence",
            Self::Budget(breach) => breach.word(),
            Self::TooManyReports(_) => "too_many_reports",
            Self::Read(_) => "unreadable",
        }
    }
}
