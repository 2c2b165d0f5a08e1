//! What is common to all feeds: what they hold, what becomes of a mail in them, and why they cannot be read.

use std::time::Duration;

use crate::base::SetAsideKind;
use crate::health::Trouble;
use crate::ingest::{IntakeError, Outcome};
use crate::outbound::{ExchangeError, TlsError};
use crate::store::StoreError;

/// What a feed holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Mail of any kind: mail without a report is left alone.
    Mail,
    /// Files that were put there as reports: one without a report is quarantined.
    Reports,
}

/// Why a feed cannot be read now.
#[derive(Debug)]
pub(crate) struct Failure {
    pub trouble: Trouble,
    /// Human-readable; it may quote a server.
    pub detail: String,
    /// The time for which the server asks to be left alone.
    pub pause: Duration,
}

impl Failure {
    pub fn new(trouble: Trouble, detail: impl std::fmt::Display) -> Self {
        Self {
            trouble,
            detail: detail.to_string(),
            pause: Duration::ZERO,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Trouble::Database, error)
    }
}

impl From<IntakeError> for Failure {
    fn from(error: IntakeError) -> Self {
        Self::new(Trouble::Database, error)
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        let trouble = match &error {
            TlsError::Authorities { .. } => Trouble::Secret,
            _ => Trouble::Tls,
        };
        Self::new(trouble, error)
    }
}

impl From<ExchangeError> for Failure {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Tls(error) => error.into(),
            ExchangeError::Late(_) => Self::new(Trouble::Silent, error),
            ExchangeError::Refused(_) | ExchangeError::Unreachable(_) => Self::new(Trouble::Unreachable, error),
        }
    }
}

/// What became of a mail in a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disposal {
    /// Its reports are in the database.
    Taken,
    /// It is in quarantine: why.
    Failed(String),
    /// It holds no report.
    Other,
    /// It could not be stored, and the database is not to blame.
    Unstorable(String),
}

impl Disposal {
    /// A stable word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Failed(_) => "failed",
            Self::Other => "other",
            Self::Unstorable(_) => "put_off",
        }
    }
}

impl From<&Outcome> for Disposal {
    fn from(outcome: &Outcome) -> Self {
        let quarantined = outcome
            .set_aside
            .iter()
            .find(|note| note.kind == SetAsideKind::Quarantined);
        match quarantined {
            Some(note) => Self::Failed(format!("{}: {}", note.reason, note.detail)),
            None if !outcome.has_reports() && outcome.set_aside.is_empty() => Self::Other,
            None => Self::Taken,
        }
    }
}
