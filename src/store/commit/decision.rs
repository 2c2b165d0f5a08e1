//! What was decided about one report of a batch.

use super::super::{Acceptance, Fate};
use super::place::Claim;
use crate::base::{Authenticated, ReportNo};

/// What was decided about one claim of the batch.
#[derive(Debug)]
pub(super) struct Decision {
    pub claim: Claim,
    pub no: ReportNo,
    pub fate: Fate,
    /// Whether a new report counts.
    pub counted: bool,
    pub arrivals: i64,
    pub authenticated: Authenticated,
    pub acceptance: Acceptance,
    /// Whether the text was cut off, and the whole text has not arrived.
    pub cut: bool,
    /// Position in the batch of the message that vouches for it, else of the one that brought it.
    pub carrier: usize,
    /// Messages that counted before, in the piece that it replaces.
    pub replaced: u64,
}

/// A report whose records are stored again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Restored {
    /// Position in [`super::decide::Decisions::all`].
    pub nth: usize,
    /// Whether its original is gone as well.
    pub without_original: bool,
}
