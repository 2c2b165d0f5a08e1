//! Batches: what arrived while the last transaction ran is the next one. No timer: an idle system takes a single message
//! at once, a busy one hundreds.
//!
//! Two stages, so that both cores work: while a batch is being written, the next ones are unpacked and parsed on rayon's
//! threads, largest message first. Batches are written in the order in which they were gathered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::ThreadPool;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use tokio::sync::{mpsc, oneshot};

use super::intake::{IntakeError, IntakeOptions, RawMessage, digest};
use super::process::{ProcessLimits, Processed, process};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::report::Reporter;
use crate::store::{
    Authenticated, CommitOptions, Fate, NewMessage, NewReport, Outcome, Provenance, SetAsideId, Store, StoreError,
};

/// A message with whom to tell.
pub(super) struct Job {
    pub message: Arrived,
    pub answer: oneshot::Sender<Result<Outcome, IntakeError>>,
}

/// A message, and what is known of it beside its bytes.
pub(super) struct Arrived {
    pub raw: RawMessage,
    pub provenance: Option<Provenance>,
    pub replay: Option<SetAsideId>,
}

type Answer = oneshot::Sender<Result<Outcome, IntakeError>>;

/// A batch that has been parsed: messages, and whom to tell, in the same order.
struct Ready {
    messages: Vec<NewMessage>,
    answers: Vec<Answer>,
}

/// Batches between the stages: parsed or being parsed.
const AHEAD: usize = 2;
/// Parsing recurses into hostile structures; the guards bound how deep, this gives the room.
const STACK_BYTES: usize = 8 << 20;

/// Runs until the queue is closed and empty.
pub(super) async fn run(
    clock: Clock,
    store: Store,
    metrics: Metrics,
    options: IntakeOptions,
    mut queue: mpsc::Receiver<Job>,
    waiting: Arc<AtomicUsize>,
) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .stack_size(STACK_BYTES)
        .thread_name(|nth| format!("parse-{nth}"))
        .build()
        .expect("a system that gives no threads cannot run this program");
    let pool = Arc::new(pool);
    let (parsed, batches) = mpsc::channel(AHEAD);
    let writer = tokio::spawn(write(clock.clone(), store, metrics.clone(), options.clone(), batches));
    while let Some(jobs) = gather(&mut queue, &options).await {
        waiting.fetch_sub(jobs.len(), Ordering::Relaxed);
        metrics.set_queue_depth(waiting.load(Ordering::Relaxed), options.queue_messages_max);
        let (done, ready) = oneshot::channel();
        let (pool_of_job, clock, limits) = (Arc::clone(&pool), clock.clone(), options.limits);
        pool.spawn(move || {
            // The writer has gone only if it failed; then nobody waits for this batch either.
            let _ = done.send(parse(&pool_of_job, &clock, &limits, jobs));
        });
        if parsed.send(ready).await.is_err() {
            break;
        }
    }
    drop(parsed);
    if let Err(error) = writer.await {
        tracing::error!(%error, "the writer failed; nothing more is taken in until the program is started again");
    }
}

/// The next message and what else waits already.
async fn gather(queue: &mut mpsc::Receiver<Job>, options: &IntakeOptions) -> Option<Vec<Job>> {
    let first = queue.recv().await?;
    let mut bytes = first.message.raw.bytes.len();
    let mut jobs = vec![first];
    while jobs.len() < options.batch_messages_max && bytes < options.batch_bytes_max {
        let Ok(job) = queue.try_recv() else { break };
        bytes += job.message.raw.bytes.len();
        jobs.push(job);
    }
    Some(jobs)
}

fn parse(pool: &ThreadPool, clock: &Clock, limits: &ProcessLimits, jobs: Vec<Job>) -> Ready {
    let mut answers = Vec::with_capacity(jobs.len());
    let mut messages: Vec<Slot> = Vec::with_capacity(jobs.len());
    for job in jobs {
        answers.push(job.answer);
        messages.push(std::sync::Mutex::new(Work::Raw(Box::new(job.message))));
    }
    // Largest first: the batch is done when its last message is, and a big report met late would keep one core idle.
    let mut order: Vec<usize> = (0..messages.len()).collect();
    order.sort_by_key(|&nth| std::cmp::Reverse(messages[nth].lock().map_or(0, |work| work.len())));
    let next = AtomicUsize::new(0);
    let threads = pool.current_num_threads().min(messages.len()).max(1);
    pool.install(|| {
        (0..threads).into_par_iter().for_each(|_| {
            while let Some(&nth) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut work = messages[nth].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                work.advance(clock, limits);
            }
        });
    });
    let messages = messages
        .into_iter()
        .map(|slot| slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
    Ready {
        messages: messages.filter_map(Work::done).collect(),
        answers,
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

    fn advance(&mut self, clock: &Clock, limits: &ProcessLimits) {
        if let Self::Raw(message) = std::mem::replace(self, Self::Taken) {
            *self = Self::Done(Box::new(prepare(clock, limits, *message)));
        }
    }

    fn done(self) -> Option<NewMessage> {
        match self {
            Self::Done(message) => Some(*message),
            Self::Raw(..) | Self::Taken => None,
        }
    }
}

fn prepare(clock: &Clock, limits: &ProcessLimits, message: Arrived) -> NewMessage {
    let Arrived {
        raw,
        provenance,
        replay,
    } = message;
    let Processed {
        reports,
        problems,
        other,
    } = process(clock, &raw.bytes, limits);
    let reports = reports.into_iter().map(|found| {
        let reporter = Reporter::of(&found.parsed.report.metadata);
        let authenticated = provenance
            .as_ref()
            .map_or(Authenticated::Unknown, |provenance| provenance.verdict_on(&reporter));
        (found.leaf, NewReport::of(found.parsed, authenticated))
    });
    NewMessage {
        belonging: raw.belonging,
        digest: digest(&raw.bytes),
        received_at: raw.received_at,
        origin: raw.origin,
        reports: reports.collect(),
        provenance,
        problems,
        other,
        replay,
        bytes: raw.bytes,
    }
}

/// Writes batches in order and tells the senders.
async fn write(
    clock: Clock,
    store: Store,
    metrics: Metrics,
    options: IntakeOptions,
    mut batches: mpsc::Receiver<oneshot::Receiver<Ready>>,
) {
    let commit = CommitOptions {
        keep_originals: options.keep_originals,
        fresh: &options.fresh,
    };
    while let Some(batch) = batches.recv().await {
        // A batch whose parsing failed as a whole (no message can make it: each is guarded) drops its answers, and the
        // senders see that nothing was taken.
        let Ok(Ready { messages, answers }) = batch.await else {
            continue;
        };
        let started = clock.monotonic();
        let count = messages.len();
        match store.commit(messages, &commit).await {
            Ok(outcomes) => {
                metrics.observe_batch(count, clock.monotonic().saturating_sub(started));
                for (answer, outcome) in answers.into_iter().zip(outcomes) {
                    count_outcome(&metrics, &outcome);
                    // A sender that has gone is told when it sends again: duplicate.
                    let _ = answer.send(Ok(outcome));
                }
            }
            Err(error) => refuse(error, count, answers),
        }
    }
}

fn refuse(error: StoreError, count: usize, answers: Vec<Answer>) {
    tracing::error!(%error, messages = count, "a batch could not be stored; its senders are told to try again");
    let error = IntakeError::from(error);
    for answer in answers {
        let _ = answer.send(Err(error.clone()));
    }
}

fn count_outcome(metrics: &Metrics, outcome: &Outcome) {
    for report in &outcome.reports {
        metrics.count_report(match report.fate {
            Fate::Stored => "stored",
            Fate::Duplicate => "duplicate",
            Fate::Conflict => "conflict",
        });
    }
    for note in &outcome.set_aside {
        metrics.count_set_aside(note.kind.word(), &note.reason);
    }
}
