//! What one message may still cost, shared by everything nested in it.

use super::limits::Limits;
use super::problem::Reason;
use std::cell::Cell;

/// The shared budget of one message. Cells, because readers of texts draw on it while the walk holds it too.
pub(super) struct Budget<'a> {
    pub limits: &'a Limits,
    stop: &'a dyn Fn() -> bool,
    slow: Cell<bool>,
    entries: Cell<usize>,
    parts: Cell<usize>,
    inflated: Cell<u64>,
}

impl<'a> Budget<'a> {
    pub fn new(limits: &'a Limits, stop: &'a dyn Fn() -> bool) -> Self {
        Self {
            limits,
            stop,
            slow: Cell::new(false),
            entries: Cell::new(0),
            parts: Cell::new(0),
            inflated: Cell::new(0),
        }
    }

    /// Asks the caller's clock; once it ran out it stays so.
    pub fn check_time(&self) -> Result<(), Reason> {
        if !self.slow.get() && (self.stop)() {
            self.slow.set(true);
        }
        if self.slow.get() { Err(Reason::TooSlow) } else { Ok(()) }
    }

    /// Whether the caller's clock has run out at an earlier question.
    pub fn is_slow(&self) -> bool {
        self.slow.get()
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

    pub fn spend_inflated(&self, bytes: u64) -> Result<(), Reason> {
        self.inflated.set(self.inflated.get().saturating_add(bytes));
        if self.inflated.get() > self.limits.inflated_bytes_max {
            Err(Reason::TooLarge)
        } else {
            Ok(())
        }
    }
}
