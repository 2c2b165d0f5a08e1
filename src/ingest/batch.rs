//! Batches: what arrived while the last transaction ran is the next one. An idle system takes a single message at once, a
//! busy one hundreds.
//!
//! Two stages, so that both cores work: while a batch is being written, the next one is unpacked and parsed, what is large
//! on rayon's threads, largest message first; what comes one by one, as it comes. Batches are written in the order in which
//! they were gathered; on PostgreSQL, where several transactions can write at once, each is shared out by domain.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use futures_util::FutureExt as _;
use rayon::ThreadPool;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use super::intake::{IntakeError, IntakeOptions, RawMessage, digest};
use super::process::{ProcessLimits, Processed, process_as};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::report::Reporter;
use crate::store::{
    Authenticated, CommitOptions, Fate, NewMessage, NewReport, Outcome, Problem, Provenance, SetAsideId, Store,
    StoreError,
};
use crate::unpack::Context;

/// A message with whom to tell.
pub(super) struct Job {
    pub message: Arrived,
    pub answer: oneshot::Sender<Result<Outcome, IntakeError>>,
}

/// A message, and what is known of it beside its bytes.
pub(super) struct Arrived {
    pub raw: RawMessage,
    pub provenance: Option<Provenance>,
    pub how: How,
}

/// What is done with a message.
pub(super) enum How {
    /// It is read, and kept in any case.
    Keep(Context),
    /// It is read; if there is no report in it, it stays where it is, and nothing is kept of it here.
    KeepReports(Context),
    /// It is not read but set aside with this reason: its bytes are only a note about it.
    SetAside(Problem),
    /// It was set aside before and comes again.
    Replay(SetAsideId),
}

type Answer = oneshot::Sender<Result<Outcome, IntakeError>>;

/// A batch that has been parsed: messages, and whom to tell, in the same order.
struct Ready {
    messages: Vec<NewMessage>,
    answers: Vec<Answer>,
    /// Not parsed for want of room; it follows when this is written.
    rest: Vec<Job>,
    room: Room,
}

/// What parsed messages take in memory until they are written: a few kilobytes of mail may unfold to hundreds of
/// megabytes, so counting messages, or their bytes, is not enough.
struct Room {
    taken: AtomicUsize,
    /// Of all batches.
    all: Arc<AtomicUsize>,
}

impl Room {
    fn take(&self, bytes: usize) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }

    fn absorb(&mut self, mut other: Self) {
        *self.taken.get_mut() += std::mem::take(other.taken.get_mut());
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.all.fetch_sub(*self.taken.get_mut(), Ordering::Relaxed);
    }
}

/// Unpacks and parses batches, one at a time, on threads of its own.
#[derive(Clone)]
struct Parser {
    requests: std::sync::mpsc::Sender<Request>,
    /// Requests that are not done.
    busy: Arc<AtomicUsize>,
}

/// A batch to be parsed: what there is room for, and `least` messages in any case.
struct Request {
    jobs: Vec<Job>,
    least: usize,
    done: oneshot::Sender<Ready>,
}

impl Parser {
    /// The threads end with the last clone.
    fn start(clock: Clock, options: &IntakeOptions) -> Self {
        let (requests, asked) = std::sync::mpsc::channel::<Request>();
        let parsing = Parsing::new(clock, options);
        let busy = Arc::new(AtomicUsize::new(0));
        let done_with = Arc::clone(&busy);
        let parse = move || {
            for Request { jobs, least, done } in asked {
                // Without it a panic would end the thread. The senders of the batch are refused, the next one goes on.
                match catch_unwind(AssertUnwindSafe(|| parsing.parse(jobs, least))) {
                    // The writer has gone only if it failed; then nobody waits for this batch either.
                    Ok(ready) => _ = done.send(ready),
                    Err(_) => tracing::error!("a batch could not be parsed; its senders are told to try again"),
                }
                done_with.fetch_sub(1, Ordering::Relaxed);
            }
        };
        std::thread::Builder::new()
            .name("parse".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(parse)
            .expect(THREADS);
        Self { requests, busy }
    }

    fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    fn parse(&self, jobs: Vec<Job>, least: usize) -> oneshot::Receiver<Ready> {
        let (done, ready) = oneshot::channel();
        self.busy.fetch_add(1, Ordering::Relaxed);
        // Should the thread be gone, so is `done`, and the senders see that nothing was taken.
        let _ = self.requests.send(Request { jobs, least, done });
        ready
    }
}

const THREADS: &str = "a system that gives no threads cannot run this program";

/// What it takes to parse.
struct Parsing {
    /// For batches that are worth several threads. Small ones are parsed where they are: to wake others would take longer.
    pool: ThreadPool,
    clock: Clock,
    limits: ProcessLimits,
    taken: Arc<AtomicUsize>,
    bytes_max: usize,
}

impl Parsing {
    fn new(clock: Clock, options: &IntakeOptions) -> Self {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .stack_size(STACK_BYTES)
            .thread_name(|nth| format!("parse-{nth}"))
            .build()
            .expect(THREADS);
        Self {
            pool,
            clock,
            limits: options.limits,
            taken: Arc::default(),
            bytes_max: options.parsed_bytes_max,
        }
    }
}

/// Batches that may be parsed, or wait parsed, beyond those that are being written.
const AHEAD: u32 = 1;
/// Mail of a batch that is shared out among threads, bytes.
const SHARED_BYTES_MIN: usize = 256 * 1024;
/// Parsing recurses into hostile structures; the guards bound how deep, this gives the room.
const STACK_BYTES: usize = 8 << 20;

/// Runs until the queue is closed and empty.
pub(super) async fn run(
    clock: Clock,
    store: Store,
    metrics: Metrics,
    options: IntakeOptions,
    queue: mpsc::Receiver<Job>,
    waiting: Arc<AtomicUsize>,
) {
    let parser = Parser::start(clock.clone(), &options);
    let batches_max = store.writers_at_once() + AHEAD as usize;
    let under_way = Arc::new(Semaphore::new(batches_max));
    let mut gathering = Gathering {
        queue,
        options: options.clone(),
        under_way: Arc::clone(&under_way),
        parser: parser.clone(),
    };
    let (parsed, batches) = mpsc::channel(batches_max);
    let writing = Writing {
        clock,
        store,
        metrics: metrics.clone(),
        options: options.clone(),
        parser,
    };
    let writer = tokio::spawn(write(writing, batches, batches_max));
    while let Ok(permit) = Arc::clone(&under_way).acquire_owned().await
        && let Some(batch) = gathering.next().await
    {
        waiting.fetch_sub(batch.messages, Ordering::Relaxed);
        metrics.set_queue_depth(waiting.load(Ordering::Relaxed), options.queue_messages_max);
        if parsed.send((permit, batch.pieces)).await.is_err() {
            break;
        }
    }
    drop(parsed);
    if let Err(error) = writer.await {
        tracing::error!(%error, "the writer failed; nothing more is taken in until the program is started again");
    }
}

/// Makes batches of what waits.
struct Gathering {
    queue: mpsc::Receiver<Job>,
    options: IntakeOptions,
    under_way: Arc<Semaphore>,
    parser: Parser,
}

/// This part of a full batch is worth a transaction.
const WORTH: usize = 4;

impl Gathering {
    /// The next message, and what else comes until a writer is free, or until it is worth a transaction of its own: each
    /// costs a wait for the disk, and what is in one waits for it together. What has come is parsed while it waits, so that
    /// the writer need not.
    async fn next(&mut self) -> Option<Gathered> {
        let mut batch = Gathered::default();
        batch.add(self.queue.recv().await?);
        while !batch.is_full(&self.options, 1) {
            if let Ok(job) = self.queue.try_recv() {
                batch.add(job);
                continue;
            }
            // Besides our own: as many as there are writers are not under way then.
            if batch.is_full(&self.options, WORTH) || self.under_way.try_acquire_many(AHEAD).is_ok() {
                break;
            }
            // While it is busy, what is large is gathered: several threads parse that.
            if self.parser.is_idle() || batch.unparsed_bytes() < SHARED_BYTES_MIN {
                batch.parse(&self.parser);
            }
            tokio::select! {
                biased;
                _free = self.under_way.acquire_many(AHEAD) => {}
                job = self.queue.recv() => match job {
                    Some(job) => batch.add(job),
                    None => break,
                }
            }
        }
        batch.parse(&self.parser);
        Some(batch)
    }
}

#[derive(Default)]
struct Gathered {
    messages: usize,
    bytes: usize,
    /// Those that are parsed or being parsed, and those that are not.
    pieces: Vec<oneshot::Receiver<Ready>>,
    jobs: Vec<Job>,
}

impl Gathered {
    fn add(&mut self, job: Job) {
        self.messages += 1;
        self.bytes += job.message.raw.bytes.len();
        self.jobs.push(job);
    }

    /// Whether it is, or would be if there were so many of it.
    fn is_full(&self, options: &IntakeOptions, times: usize) -> bool {
        self.messages * times >= options.batch_messages_max || self.bytes * times >= options.batch_bytes_max
    }

    fn unparsed_bytes(&self) -> usize {
        self.jobs.iter().map(|job| job.message.raw.bytes.len()).sum()
    }

    fn parse(&mut self, parser: &Parser) {
        if !self.jobs.is_empty() {
            self.pieces.push(parser.parse(std::mem::take(&mut self.jobs), 0));
        }
    }
}

impl Parsing {
    fn parse(&self, jobs: Vec<Job>, least: usize) -> Ready {
        let mut all_answers = Vec::with_capacity(jobs.len());
        let mut slots: Vec<Slot> = Vec::with_capacity(jobs.len());
        let bytes: usize = jobs.iter().map(|job| job.message.raw.bytes.len()).sum();
        for job in jobs {
            all_answers.push(job.answer);
            slots.push(std::sync::Mutex::new(Work::Raw(Box::new(job.message))));
        }
        // Largest first: the batch is done when its last message is, and a big report met late would keep one core idle.
        let mut order: Vec<usize> = (0..slots.len()).collect();
        order.sort_by_key(|&nth| std::cmp::Reverse(slots[nth].lock().map_or(0, |work| work.len())));
        let room = Room {
            taken: AtomicUsize::new(0),
            all: Arc::clone(&self.taken),
        };
        let next = AtomicUsize::new(0);
        let has_room = || next.load(Ordering::Relaxed) < least || self.taken.load(Ordering::Relaxed) < self.bytes_max;
        let work = || {
            while has_room() {
                let Some(&nth) = order.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    break;
                };
                let mut work = slots[nth].lock().unwrap_or_else(PoisonError::into_inner);
                room.take(work.advance(&self.clock, &self.limits));
            }
        };
        if bytes < SHARED_BYTES_MIN || slots.len() == 1 {
            work();
        } else {
            let threads = self.pool.current_num_threads().min(slots.len());
            self.pool.install(|| (0..threads).into_par_iter().for_each(|_| work()));
        }
        let mut ready = Ready {
            messages: Vec::with_capacity(slots.len()),
            answers: Vec::with_capacity(slots.len()),
            rest: Vec::new(),
            room,
        };
        for (slot, answer) in slots.into_iter().zip(all_answers) {
            match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
                Work::Raw(message) => ready.rest.push(Job {
                    message: *message,
                    answer,
                }),
                Work::Done(message) => {
                    ready.messages.push(*message);
                    ready.answers.push(answer);
                }
                // Its parsing failed; the sender sees that nothing was taken.
                Work::Taken => {}
            }
        }
        ready
    }
}

type Slot = std::sync::Mutex<Work>;

/// A message before and after parsing.
enum Work {
    Raw(Box<Arrived>),
    Done(Box<NewMessage>),
    Taken,
}

impl Work {
    fn len(&self) -> usize {
        match self {
            Self::Raw(message) => message.raw.bytes.len(),
            Self::Done(_) | Self::Taken => 0,
        }
    }

    /// Parses; gives the bytes that the outcome takes.
    fn advance(&mut self, clock: &Clock, limits: &ProcessLimits) -> usize {
        let Self::Raw(message) = std::mem::replace(self, Self::Taken) else {
            return 0;
        };
        let message = prepare(clock, limits, *message);
        let bytes = message.reports.iter().map(|(_, report)| report.bytes_held()).sum();
        *self = Self::Done(Box::new(message));
        bytes
    }
}

fn prepare(clock: &Clock, limits: &ProcessLimits, message: Arrived) -> NewMessage {
    let Arrived { raw, provenance, how } = message;
    let keeps_reports_only = matches!(how, How::KeepReports(_));
    let (processed, replay) = match how {
        How::SetAside(problem) => {
            let unread = Processed {
                problems: vec![problem],
                ..Processed::default()
            };
            (unread, None)
        }
        // However it came: what was set aside then is not forgotten now.
        How::Replay(id) => (process_as(Context::ReportAddress, clock, &raw.bytes, limits), Some(id)),
        How::Keep(context) | How::KeepReports(context) => (process_as(context, clock, &raw.bytes, limits), None),
    };
    let Processed {
        reports,
        problems,
        other,
    } = processed;
    let acceptance = limits.admission.of(provenance.as_ref());
    let messages_max = limits.admission.report_messages_max;
    let reports = reports.into_iter().map(|found| {
        let reporter = Reporter::of(&found.parsed.report.metadata);
        let authenticated = provenance
            .as_ref()
            .map_or(Authenticated::Unknown, |provenance| provenance.verdict_on(&reporter));
        let report = NewReport::of(found.parsed, authenticated).admitted(acceptance, messages_max);
        (found.leaf, report)
    });
    NewMessage {
        belonging: raw.belonging,
        digest: digest(&raw.bytes),
        received_at: raw.received_at,
        origin: raw.origin,
        reports: reports.collect(),
        provenance,
        problems,
        other: (!keeps_reports_only).then_some(other),
        replay,
        bytes: raw.bytes,
    }
}

/// Shares each batch out among the writers, until there are no more.
async fn write(
    writing: Writing,
    mut batches: mpsc::Receiver<(OwnedSemaphorePermit, Vec<oneshot::Receiver<Ready>>)>,
    batches_max: usize,
) {
    let parser = writing.parser.clone();
    let mut running = JoinSet::new();
    let mut writers = Vec::new();
    let writing = Arc::new(writing);
    for _ in 0..writing.store.writers_at_once() {
        // So that one with much to do does not keep the others from the next batch.
        let (writer, pieces) = mpsc::channel(batches_max);
        let pieces = Arc::clone(&writing).write_pieces(pieces);
        if writing.store.is_embedded() {
            // On one thread of its own: what is freed there was often taken there, and the runtime need not be told of
            // every wait.
            let runtime = Handle::current();
            running.spawn_blocking(move || runtime.block_on(pieces));
        } else {
            running.spawn(pieces);
        }
        writers.push(writer);
    }
    while let Some((permit, mut pieces)) = batches.recv().await {
        let permit = Arc::new(permit);
        while let Some(mut ready) = Ready::of(pieces).await {
            let rest = std::mem::take(&mut ready.rest);
            let (unwritten, mut written) = mpsc::channel(1);
            for (writer, piece) in writers.iter().zip(ready.share_out(writers.len(), unwritten, &permit)) {
                // Without room for a single message there is nothing to write yet.
                if !piece.messages.is_empty() && writer.send(piece).await.is_err() {
                    return;
                }
            }
            if rest.is_empty() {
                break;
            }
            // Nothing is ever sent: it ends when the last piece is gone.
            let _ = written.recv().await;
            pieces = vec![parser.parse(rest, 1)];
        }
    }
    drop(writers);
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a writer failed");
        }
    }
}

/// What one writer gets of a batch.
struct Piece {
    messages: Vec<NewMessage>,
    answers: Vec<Answer>,
    _room: Arc<Room>,
    _unwritten: mpsc::Sender<()>,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Ready {
    /// The pieces of a batch as one. One whose parsing failed as a whole (no message can make it: each is guarded) drops its
    /// answers, and the senders see that nothing was taken; `None` if that is all of them.
    async fn of(pieces: Vec<oneshot::Receiver<Self>>) -> Option<Self> {
        let mut all: Option<Self> = None;
        for piece in pieces {
            match (piece.await, &mut all) {
                (Ok(ready), None) => all = Some(ready),
                (Ok(ready), Some(all)) => {
                    all.messages.extend(ready.messages);
                    all.answers.extend(ready.answers);
                    all.rest.extend(ready.rest);
                    all.room.absorb(ready.room);
                }
                (Err(_), _) => {}
            }
        }
        all
    }

    /// A piece for each writer, in the order of the batch.
    fn share_out(self, writers: usize, unwritten: mpsc::Sender<()>, permit: &Arc<OwnedSemaphorePermit>) -> Vec<Piece> {
        let room = Arc::new(self.room);
        let piece = || Piece {
            messages: Vec::new(),
            answers: Vec::new(),
            _room: Arc::clone(&room),
            _unwritten: unwritten.clone(),
            _permit: Arc::clone(permit),
        };
        let mut pieces: Vec<_> = (0..writers).map(|_| piece()).collect();
        for (message, answer) in self.messages.into_iter().zip(self.answers) {
            let piece = &mut pieces[message.writer(writers)];
            piece.messages.push(message);
            piece.answers.push(answer);
        }
        pieces
    }
}

/// What it takes to write a batch.
struct Writing {
    clock: Clock,
    store: Store,
    metrics: Metrics,
    options: IntakeOptions,
    parser: Parser,
}

impl Writing {
    /// Writes pieces in order.
    async fn write_pieces(self: Arc<Self>, mut pieces: mpsc::Receiver<Piece>) {
        let commit = CommitOptions {
            keep_originals: self.options.keep_originals,
            fresh: &self.options.fresh,
        };
        while let Some(piece) = pieces.recv().await {
            let Piece {
                messages,
                answers,
                _room,
                _unwritten,
                _permit,
            } = piece;
            write_one(&self.clock, &self.store, &self.metrics, &commit, messages, answers).await;
        }
    }
}

/// Writes a batch and tells the senders. One that the database refuses, though it is there, is tried in halves, down to
/// the message that it is about: that one is set aside, and nobody else is refused for it.
async fn write_one(
    clock: &Clock,
    store: &Store,
    metrics: &Metrics,
    commit: &CommitOptions<'_>,
    mut messages: Vec<NewMessage>,
    answers: Vec<Answer>,
) {
    let mut answers: Vec<_> = answers.into_iter().map(Some).collect();
    let mut pieces = vec![(0..messages.len(), true)];
    while let Some((piece, is_first_try)) = pieces.pop() {
        let (batch, senders) = (&mut messages[piece.clone()], &mut answers[piece.clone()]);
        let (started, count) = (clock.monotonic(), batch.len());
        // Should writing panic, the transaction is rolled back as it is dropped.
        let error = match AssertUnwindSafe(store.commit_slice(batch, commit)).catch_unwind().await {
            Ok(Ok(outcomes)) => {
                metrics.observe_batch(count, clock.monotonic().saturating_sub(started));
                for (answer, outcome) in senders.iter_mut().filter_map(Option::take).zip(outcomes) {
                    count_outcome(metrics, &outcome);
                    // A sender that has gone is told when it sends again: duplicate.
                    let _ = answer.send(Ok(outcome));
                }
                continue;
            }
            Ok(Err(error @ StoreError::Unavailable(_))) => {
                refuse(error, senders);
                continue;
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let said = error.as_ref().map_or("a panic".to_owned(), ToString::to_string);
        match batch {
            [only] if is_first_try => {
                tracing::error!(
                    error = said,
                    origin = only.origin,
                    "a message cannot be stored; it is set aside"
                );
                only.reports.clear();
                only.problems.clear();
                only.problems.push(not_storable(said));
                pieces.push((piece, false));
            }
            [_] => match error {
                Some(error) => refuse(error, senders),
                None => tracing::error!("a message cannot even be set aside; its sender is told to try again"),
            },
            _ => {
                tracing::warn!(
                    error = said,
                    messages = count,
                    "a batch was refused; it is tried in halves"
                );
                let middle = piece.start + count / 2;
                pieces.push((middle..piece.end, true));
                pieces.push((piece.start..middle, true));
            }
        }
    }
}

fn refuse(error: StoreError, senders: &mut [Option<Answer>]) {
    let count = senders.len();
    tracing::error!(%error, messages = count, "a batch could not be stored; its senders are told to try again");
    let error = IntakeError::from(error);
    for answer in senders.iter_mut().filter_map(Option::take) {
        let _ = answer.send(Err(error.clone()));
    }
}

fn not_storable(detail: String) -> Problem {
    Problem {
        leaf: String::new(),
        reason: "not_storable",
        detail: format!("the database did not take its reports: {detail}"),
        offset: None,
    }
}

fn count_outcome(metrics: &Metrics, outcome: &Outcome) {
    for report in &outcome.reports {
        metrics.count_report(match report.fate {
            Fate::Stored if report.acceptance.is_held() => "held",
            Fate::Stored => "stored",
            Fate::Duplicate => "duplicate",
            Fate::Conflict => "conflict",
            Fate::Completed => "completed",
        });
    }
    for note in &outcome.set_aside {
        metrics.count_set_aside(note.kind.word(), &note.reason);
    }
}
