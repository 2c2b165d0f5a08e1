//! The budget of the message, with what only unpacking counts.

use super::limits::Limits;
use super::problem::Reason;
use crate::base::budget::{self, Held};
use std::cell::Cell;

/// What all that is nested in one message draws on. It consists of cells, because readers of texts draw on it while the
/// walk holds it as well.
pub(super) struct Budget<'a> {
    pub limits: &'a Limits,
    cost: &'a budget::Budget<'a>,
    entries: Cell<usize>,
    parts: Cell<usize>,
    inflated: Cell<u64>,
}

/// Steps that a member of an archive costs: its inflater is reset, and its beginning is inflated twice.
const EVENTS_PER_MEMBER: u64 = 16;

impl<'a> Budget<'a> {
    pub fn new(limits: &'a Limits, cost: &'a budget::Budget<'a>) -> Self {
        Self {
            limits,
            cost,
            entries: Cell::new(0),
            parts: Cell::new(0),
            inflated: Cell::new(0),
        }
    }

    /// Asks the clock. Once any limit of the message is exceeded, every answer is that limit.
    pub fn check(&self) -> Result<(), Reason> {
        Ok(self.cost.check()?)
    }

    /// Why all work on the message ends, if it does.
    pub fn spent(&self) -> Option<Reason> {
        self.cost.breach().map(Reason::from)
    }

    /// Draws memory for a piece that is decoded or unpacked as a whole, for as long as the answer lives.
    pub fn hold(&self, bytes: usize) -> Result<Held<'_>, Reason> {
        Ok(self.cost.hold(bytes)?)
    }

    /// Draws what opening a member of a compressed file costs.
    pub fn spend_member(&self) -> Result<(), Reason> {
        Ok(self.cost.spend_events(EVENTS_PER_MEMBER)?)
    }

    pub fn spend_part(&self) -> Result<(), Reason> {
        self.parts.set(self.parts.get() + 1);
        if self.parts.get() > self.limits.mime_parts_max {
            Err(Reason::MimeTooComplex)
        } else {
            Ok(())
        }
    }

    pub fn spend_entries(&self, count: usize) -> Result<(), Reason> {
        // What is not opened costs nothing: a small archive behind a large one is still read.
        let entries = self.entries.get().saturating_add(count);
        if entries > self.limits.archive_entries_max {
            return Err(Reason::ArchiveTooComplex);
        }
        self.entries.set(entries);
        Ok(())
    }

    /// Notes bytes that came out of a text or an archive, for the decision whether to continue.
    pub fn note_unpacked(&self, bytes: u64) {
        self.cost.note_unpacked(bytes);
    }

    pub fn spend_inflated(&self, bytes: u64) -> Result<(), Reason> {
        self.inflated.set(self.inflated.get().saturating_add(bytes));
        if self.inflated.get() > self.limits.inflated_bytes_max {
            Err(Reason::TooLarge)
        } else {
            Ok(())
        }
    }
}
