//! A batch that is being read, by one thread or several.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::{Lanes, Request, lock};
use crate::ingest::owners::{Askers, Job};
use crate::ingest::parsed_bytes::ParsedBytes;
use crate::store::NewMessage;

/// A batch that has been read: messages, and whom to tell, in the same order.
pub(in super::super) struct Ready {
    pub messages: Vec<NewMessage>,
    pub askers: Vec<Askers>,
    /// Not read for lack of room; it follows when this is written.
    pub rest: Vec<Job>,
    pub parsed: ParsedBytes,
}

/// A batch that is being read.
pub(super) struct Batch {
    pub slots: Vec<Mutex<Slot>>,
    /// Largest first: the batch is done when its last message is, and a big report met late would keep one core idle.
    order: Vec<usize>,
    next: AtomicUsize,
    least: usize,
    parsed: Mutex<ParsedBytes>,
    done: Mutex<Option<oneshot::Sender<Ready>>>,
    open: Mutex<Open>,
    closed: Condvar,
}

#[derive(Default)]
struct Open {
    /// Messages that are being read and have not left the batch.
    count: usize,
    /// Whether the batch is closed: nothing more is read.
    is_closed: bool,
    /// Whether a thread waits until the batch can be closed. A wake-up is a system call even when no thread waits.
    is_awaited: bool,
}

/// A message of a batch before and after it is read.
pub(super) enum Slot {
    Raw(Box<Job>),
    Done(Box<NewMessage>, Askers),
    /// It is being read, or has left the batch. Its sender sees that nothing was taken if reading it fails.
    Gone,
}

impl Batch {
    pub fn new(request: Request, all: &Arc<AtomicUsize>) -> Self {
        let lengths: Vec<_> = request.jobs.iter().map(|job| job.message.raw.bytes.len()).collect();
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&nth| std::cmp::Reverse(lengths[nth]));
        let slots = request.jobs.into_iter().map(|job| Mutex::new(Slot::Raw(Box::new(job))));
        Self {
            slots: slots.collect(),
            order,
            next: AtomicUsize::new(0),
            least: request.least,
            parsed: Mutex::new(ParsedBytes::new(all)),
            done: Mutex::new(Some(request.done)),
            open: Mutex::default(),
            closed: Condvar::new(),
        }
    }

    /// The next message to read, if there is room for it.
    pub fn take(&self, lanes: &Lanes) -> Option<(usize, Job)> {
        let has_room =
            self.next.load(Ordering::Relaxed) < self.least || lanes.taken.load(Ordering::Relaxed) < lanes.bytes_max;
        if !has_room {
            return None;
        }
        {
            let mut open = lock(&self.open);
            if open.is_closed {
                return None;
            }
            // Counted before it is taken: who waits for what is open must not miss it.
            open.count += 1;
        }
        let nth = self.order.get(self.next.fetch_add(1, Ordering::Relaxed));
        let slot = nth.map(|&nth| (nth, std::mem::replace(&mut *lock(&self.slots[nth]), Slot::Gone)));
        match slot {
            Some((nth, Slot::Raw(job))) => Some((nth, *job)),
            _ => {
                self.leave();
                None
            }
        }
    }

    pub fn put(&self, nth: usize, message: NewMessage, mut askers: Askers) {
        let reports = message.reports.iter().map(|(_, report)| report.bytes_held());
        let tls = message.tls_reports.iter().map(|(_, report)| report.bytes_held());
        let failure = message.failure.iter().map(|report| report.bytes_held());
        let bytes = reports.chain(tls).chain(failure).sum();
        let parsed = lock(&self.parsed);
        if askers.are_several() {
            // It is held longer than the batch.
            let own = ParsedBytes::new(&parsed.all);
            own.take(bytes);
            askers.hold(own);
        } else {
            parsed.take(bytes);
        }
        drop(parsed);
        *lock(&self.slots[nth]) = Slot::Done(Box::new(message), askers);
    }

    /// One message less is waited for.
    pub fn leave(&self) {
        let mut open = lock(&self.open);
        open.count -= 1;
        if open.count == 0 && open.is_awaited {
            self.closed.notify_all();
        }
    }

    /// Waits until nothing of it is being read; nothing more is then.
    pub fn close(&self) {
        let mut open = lock(&self.open);
        open.is_awaited = true;
        while open.count > 0 {
            open = self.closed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        open.is_closed = true;
    }

    /// Hands on what was read. To be called once, when it is closed.
    pub fn deliver(&self, all: &Arc<AtomicUsize>) {
        let mut ready = Ready {
            messages: Vec::with_capacity(self.slots.len()),
            askers: Vec::with_capacity(self.slots.len()),
            rest: Vec::new(),
            parsed: std::mem::replace(&mut *lock(&self.parsed), ParsedBytes::new(all)),
        };
        for slot in &self.slots {
            match std::mem::replace(&mut *lock(slot), Slot::Gone) {
                Slot::Raw(job) => ready.rest.push(*job),
                Slot::Done(message, askers) => {
                    ready.messages.push(*message);
                    ready.askers.push(askers);
                }
                Slot::Gone => {}
            }
        }
        if let Some(done) = lock(&self.done).take() {
            // The writer is gone only if it failed; then no caller waits for this batch either.
            let _ = done.send(ready);
        }
    }
}
