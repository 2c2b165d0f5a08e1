//! Where messages are read: a fast lane, which takes one batch after the other, and a slow lane.
//!
//! A message that unfolds to much or takes long leaves its batch. Its thread goes on with it in a seat of the slow lane, and
//! another thread goes on with the batch: what is small waits neither for its reading nor for its transaction. Without a
//! free seat its work is dropped and begins again when one is free. A seat is free again when what was read in it is written,
//! so that the seats bound the memory.

mod batch;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use rayon::ThreadPool;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::arrived::Arrived;
use super::journal::{Entry, Journal};
use super::options::{IntakeError, IntakeOptions, SlowOptions};
use super::owners::{Askers, Job};
use crate::base::clock::Clock;
use crate::metrics::Metrics;
use crate::store::NewMessage;

use batch::Batch;
pub(super) use batch::Ready;
pub(super) use watch::Watch;
use watch::{Place, Who};

/// Mail of a batch that is shared out among threads, bytes.
pub(super) const SHARED_BYTES_MIN: usize = 256 * 1024;
/// Parsing recurses into hostile structures; the guards bound how deep, this gives the room.
const STACK_BYTES: usize = 8 << 20;
const THREADS: &str = "a system that gives no threads cannot run this program";

/// A message that was read in the slow lane.
pub(super) struct Slow {
    pub message: NewMessage,
    pub askers: Askers,
    /// Given back when the message is written.
    pub held: Held,
}

/// What is held until a message of the slow lane is written: its seat, and its row in the journal.
pub(super) struct Held {
    _seat: Seat,
    _noted: Option<Entry>,
}

/// Unpacks and parses batches, one at a time, on threads of its own.
#[derive(Clone)]
pub(super) struct Parser {
    requests: mpsc::Sender<Request>,
    /// Requests that are not done.
    busy: Arc<AtomicUsize>,
}

/// A batch to be parsed: what there is room for, and `least` messages in any case.
struct Request {
    jobs: Vec<Job>,
    least: usize,
    done: oneshot::Sender<Ready>,
}

/// Reads a message. Returns it unread if [`Watch::ask`] dropped its work.
pub(super) type Read = dyn Fn(Arrived, &Watch<'_>) -> Result<NewMessage, Box<Arrived>> + Send + Sync;

impl Parser {
    /// The threads end after the last clone, when all is read. What was read in the slow lane comes out of the receiver,
    /// which ends with them.
    pub fn start(
        clock: Clock,
        metrics: Metrics,
        options: &IntakeOptions,
        read: Box<Read>,
    ) -> (Self, UnboundedReceiver<Slow>) {
        let (requests, asked) = mpsc::channel::<Request>();
        let (slow, out) = unbounded_channel();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.settings.threads)
            .stack_size(STACK_BYTES)
            .thread_name(|nth| format!("parse-{nth}"))
            .build()
            .expect(THREADS);
        let busy = Arc::new(AtomicUsize::new(0));
        let lanes = Arc::new(Lanes {
            asked: Mutex::new(asked),
            pool,
            clock,
            metrics,
            read,
            taken: Arc::default(),
            bytes_max: options.parsed_bytes_max,
            slow: options.settings.slow,
            journal: options.journal.as_deref().map(Journal::in_folder).unwrap_or_default(),
            seats: Mutex::default(),
            out: slow,
            busy: Arc::clone(&busy),
        });
        lanes.spawn("parse", |lanes| lanes.serve(None)).expect(THREADS);
        (Self { requests, busy }, out)
    }

    pub fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    pub fn parse(&self, jobs: Vec<Job>, least: usize) -> oneshot::Receiver<Ready> {
        let (done, ready) = oneshot::channel();
        self.busy.fetch_add(1, Ordering::Relaxed);
        // Should the thread be gone, so is `done`, and the senders see that nothing was taken.
        let _ = self.requests.send(Request { jobs, least, done });
        ready
    }
}

/// What all threads know.
struct Lanes {
    /// Held by the one thread that serves the fast lane, while it has nothing to do.
    asked: Mutex<mpsc::Receiver<Request>>,
    /// Helps with batches that are worth several threads. To wake others for small ones would take longer.
    pool: ThreadPool,
    clock: Clock,
    metrics: Metrics,
    read: Box<Read>,
    taken: Arc<AtomicUsize>,
    bytes_max: usize,
    slow: SlowOptions,
    journal: Journal,
    seats: Mutex<Seats>,
    out: UnboundedSender<Slow>,
    busy: Arc<AtomicUsize>,
}

/// The slow lane.
#[derive(Default)]
struct Seats {
    taken: usize,
    /// Begins again when a seat is free.
    waiting: VecDeque<Job>,
    /// Mail among what waits.
    waiting_mail: usize,
}

/// A place in the slow lane.
struct Seat(Arc<Lanes>);

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.0.seats();
        let Some(job) = seats.waiting.pop_front() else {
            seats.taken -= 1;
            return;
        };
        seats.waiting_mail -= usize::from(is_mail(&job));
        drop(seats);
        let seat = Self(Arc::clone(&self.0));
        self.0.start_slowly(job, seat);
    }
}

/// Whether the message is mail with an envelope. It is from strangers, and its sender can wait.
fn is_mail(job: &Job) -> bool {
    job.message.provenance.is_some()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lanes {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        lock(&self.seats)
    }

    /// Runs something on a thread of its own. Where the system gives none, what it would have run is dropped.
    fn spawn(self: &Arc<Self>, name: &str, run: impl FnOnce(Arc<Self>) + Send + 'static) -> io::Result<()> {
        let lanes = Arc::clone(self);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK_BYTES);
        thread.spawn(move || run(lanes)).map(drop)
    }

    /// Reads a message in the slow lane.
    fn start_slowly(self: &Arc<Self>, job: Job, seat: Seat) {
        if let Err(error) = self.spawn("parse-slow", move |lanes| lanes.read_slowly(job, seat)) {
            tracing::error!(%error, "no thread to read a large message; its sender is told to try again");
        }
    }

    /// Serves the fast lane, from a batch that was begun on, until there are no more requests or this thread leaves it.
    fn serve(self: Arc<Self>, begun: Option<Arc<Batch>>) {
        let mut begun = begun;
        loop {
            let batch = match begun.take() {
                Some(batch) => batch,
                None => {
                    let request = lock(&self.asked).recv();
                    let Ok(request) = request else { return };
                    self.begin(request)
                }
            };
            if !self.work(&batch, Who::Server) {
                return;
            }
            batch.close();
            batch.deliver(&self.taken);
            self.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn begin(self: &Arc<Self>, request: Request) -> Arc<Batch> {
        let bytes: usize = request.jobs.iter().map(|job| job.message.raw.bytes.len()).sum();
        let batch = Arc::new(Batch::new(request, &self.taken));
        if bytes >= SHARED_BYTES_MIN {
            for _ in 1..self.pool.current_num_threads().min(batch.slots.len()) {
                let (lanes, batch) = (Arc::clone(self), Arc::clone(&batch));
                self.pool.spawn(move || _ = lanes.work(&batch, Who::Helper));
            }
        }
        batch
    }

    /// Reads messages of a batch. False if this thread has left it.
    fn work(self: &Arc<Self>, batch: &Arc<Batch>, who: Who) -> bool {
        while let Some((nth, job)) = batch.take(self) {
            let watch = Watch::new(self, who, Some((batch, nth)));
            if !self.read_one(job, watch) {
                return false;
            }
        }
        true
    }

    fn read_slowly(self: &Arc<Self>, job: Job, seat: Seat) {
        let watch = Watch::new(self, Who::Slow, None);
        watch.place.replace(Place::Slow(seat));
        self.read_one(job, watch);
    }

    /// Reads a message and hands it on. False if this thread has left its batch.
    fn read_one(self: &Arc<Self>, Job { message, askers }: Job, watch: Watch<'_>) -> bool {
        // A panic costs this message only: its sender sees that nothing was taken.
        self.metrics.count_message_read();
        let read = catch_unwind(AssertUnwindSafe(|| (self.read)(message, &watch)));
        let Watch {
            batch,
            place,
            who,
            noted,
            ..
        } = watch;
        let noted = noted.into_inner().flatten();
        match (read, place.into_inner()) {
            (Ok(Ok(message)), Place::Slow(seat)) => {
                let held = Held {
                    _seat: seat,
                    _noted: noted,
                };
                // The writer has gone only if it failed.
                let _ = self.out.send(Slow { message, askers, held });
                false
            }
            (Ok(Ok(message)), Place::Fast | Place::Dropped) => {
                if let Some((batch, nth)) = batch {
                    batch.put(nth, message, askers);
                    batch.leave();
                }
                true
            }
            (Ok(Err(message)), place) => {
                let message = *message;
                self.wait_for_seat(Job { message, askers });
                if let Some((batch, _)) = batch.filter(|_| !matches!(place, Place::Slow(_))) {
                    batch.leave();
                }
                true
            }
            (Err(_), place) => {
                tracing::error!("a message could not be read; its sender is told to try again");
                let has_left = matches!(place, Place::Slow(_)) && who != Who::Slow;
                if let Some((batch, _)) = batch.filter(|_| !has_left) {
                    batch.leave();
                }
                !has_left
            }
        }
    }

    /// A message whose work was dropped, since no seat was free.
    fn wait_for_seat(self: &Arc<Self>, job: Job) {
        let is_mail = is_mail(&job);
        let mut seats = self.seats();
        if seats.taken < self.slow.seats() {
            seats.taken += 1;
            drop(seats);
            return self.start_slowly(job, Seat(Arc::clone(self)));
        }
        if is_mail && seats.waiting_mail >= self.slow.waiting_max {
            drop(seats);
            return job.askers.refuse_all(&IntakeError::Busy);
        }
        seats.waiting_mail += usize::from(is_mail);
        seats.waiting.push_back(job);
    }
}
