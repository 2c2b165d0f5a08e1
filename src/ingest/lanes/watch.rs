//! Watches over the reading of one message: when it leaves the fast lane, and when the journal has it.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::{Lanes, Seat};
use crate::base::clock::Clock;
use crate::ingest::journal::{Digest, Entry};
use crate::store::message_digest;

/// Smallest message, as received or unpacked, that is noted in the journal while it is read, in bytes. For smaller ones
/// the note would cost more than the reading.
const NOTED_BYTES_MIN: u64 = 512 * 1024;
/// The same for the bytes as they come: some of the work is done before anything is unpacked.
const NOTED_RAW_BYTES_MIN: usize = 64 * 1024;

/// Who reads a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The thread that serves the fast lane: if it leaves, another takes its place.
    Server,
    /// One of the pool.
    Helper,
    /// A thread of the slow lane.
    Slow,
}

/// Where a message is.
pub(super) enum Place {
    Fast,
    Slow(Seat),
    /// Its work is to be dropped.
    Dropped,
}

/// Watches over the reading of one message.
pub(in super::super) struct Watch<'l> {
    lanes: &'l Arc<Lanes>,
    pub(super) who: Who,
    pub(super) batch: Option<(&'l Arc<Batch>, usize)>,
    started: Duration,
    /// Bytes, as far as this was told.
    unpacked: Cell<u64>,
    pub(super) place: RefCell<Place>,
    digest: OnceCell<Digest>,
    pub(super) noted: OnceCell<Option<Entry>>,
}

impl<'l> Watch<'l> {
    pub(super) fn new(lanes: &'l Arc<Lanes>, who: Who, batch: Option<(&'l Arc<Batch>, usize)>) -> Self {
        Self {
            started: lanes.clock.monotonic(),
            lanes,
            who,
            batch,
            unpacked: Cell::new(0),
            place: RefCell::new(Place::Fast),
            digest: OnceCell::new(),
            noted: OnceCell::new(),
        }
    }

    pub fn clock(&self) -> &Clock {
        &self.lanes.clock
    }

    /// The identity of the message.
    pub fn digest(&self, bytes: &[u8]) -> Digest {
        *self.digest.get_or_init(|| message_digest(bytes))
    }

    /// To be called before anything is done with the bytes. Returns how often the process ended with this message, if that is
    /// too often.
    pub fn begin(&self, bytes: &[u8]) -> Option<u8> {
        if bytes.len() >= NOTED_RAW_BYTES_MIN {
            self.note(bytes);
        }
        let journal = &self.lanes.journal;
        journal.knows_any().then(|| journal.ended_with(&self.digest(bytes)))?
    }

    /// To be called when the message was read.
    pub fn end(&self, bytes: &[u8]) {
        if self.lanes.journal.knows_any() {
            self.lanes.journal.forget(&self.digest(bytes));
        }
    }

    /// To be called for each 64 KiB that are unpacked, with how many bytes that are in all. Once it says true, the work on the
    /// message is to be dropped.
    pub fn ask(&self, bytes: &[u8], unpacked: u64) -> bool {
        self.unpacked.set(unpacked);
        if unpacked >= NOTED_BYTES_MIN {
            self.note(bytes);
        }
        if self.is_slow() && !self.leave() {
            self.place.replace(Place::Dropped);
        }
        self.is_dropped()
    }

    /// To be called when all is unpacked. What follows is linear in what was found: of much of it, small mail does not wait
    /// for that either; but nothing is dropped any more.
    pub fn unpacked(&self) {
        if self.is_slow() {
            self.leave();
        }
    }

    /// Whether it is in the fast lane and does not belong there.
    fn is_slow(&self) -> bool {
        let slow = &self.lanes.slow;
        let is_fast = matches!(*self.place.borrow(), Place::Fast) && self.batch.is_some();
        let took = || self.lanes.clock.monotonic().saturating_sub(self.started);
        is_fast && (self.unpacked.get() > slow.bytes || took() >= slow.after)
    }

    /// Whether the work on the message is to be dropped.
    pub fn is_dropped(&self) -> bool {
        matches!(*self.place.borrow(), Place::Dropped)
    }

    fn note(&self, bytes: &[u8]) {
        self.noted.get_or_init(|| self.lanes.journal.begin(&self.digest(bytes)));
    }

    /// Leaves the fast lane. False if no seat is free.
    fn leave(&self) -> bool {
        let Some((batch, _)) = self.batch else { return true };
        let mut seats = self.lanes.seats();
        if seats.taken >= self.lanes.slow.seats() {
            return false;
        }
        seats.taken += 1;
        drop(seats);
        let seat = Seat(Arc::clone(self.lanes));
        if self.who == Who::Server {
            let batch = Arc::clone(batch);
            // Without another thread, this one continues with all of it.
            if let Err(error) = self.lanes.spawn("parse", move |lanes| lanes.serve(Some(batch))) {
                tracing::warn!(%error, "no thread for the slow lane: small mail waits for a large message");
                return true;
            }
        }
        self.place.replace(Place::Slow(seat));
        batch.leave();
        true
    }
}
