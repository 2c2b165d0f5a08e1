//! Batches: what arrived while the last transaction ran is the next one. An idle system takes a single message at once, a
//! busy one hundreds.
//!
//! Two stages, so that both cores work: while a batch is being written, the next one is unpacked and parsed (`lanes.rs`),
//! what is large on rayon's threads, largest message first; what comes one by one, as it comes. Batches are written in the
//! order in which they were gathered; on PostgreSQL, where several transactions can write at once, each is shared out by
//! domain. A message of the slow lane has a transaction of its own.

mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, mpsc, oneshot};

pub(super) use self::writer::Writer;
use super::lanes::{Parser, Ready, SHARED_BYTES_MIN};
use super::options::{IntakeOptions, IntakeSettings};
use super::owners::Job;
use super::read::reader;

/// Batches that may be parsed, or wait parsed, beyond those that are being written.
const AHEAD: u32 = 1;

/// Runs until the queue is closed and empty.
pub(super) async fn run(writer: Writer, queue: mpsc::Receiver<Job>, waiting: Arc<AtomicUsize>) {
    let options = writer.options.clone();
    let (parser, slow) = Parser::start(writer.clock.clone(), writer.metrics.clone(), &options, reader(&options));
    let batches_max = writer.batches_max();
    let under_way = Arc::new(Semaphore::new(batches_max));
    let mut gathering = Gathering {
        queue,
        options: options.clone(),
        under_way: Arc::clone(&under_way),
        parser: parser.clone(),
    };
    let (parsed, batches) = mpsc::channel(batches_max);
    let metrics = writer.metrics.clone();
    let written = tokio::spawn(writer.run(parser, batches, slow));
    while let Ok(permit) = Arc::clone(&under_way).acquire_owned().await
        && let Some(batch) = gathering.next().await
    {
        waiting.fetch_sub(batch.messages, Ordering::Relaxed);
        metrics.set_queue_depth(waiting.load(Ordering::Relaxed), options.settings.queue_messages_max);
        if parsed.send((permit, batch.pieces)).await.is_err() {
            break;
        }
    }
    drop((parsed, gathering));
    if let Err(error) = written.await {
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

/// A batch filled to this part of its limit is closed without waiting for a free writer.
const EARLY_BATCH_DIVISOR: usize = 4;

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
            if batch.is_full(&self.options, EARLY_BATCH_DIVISOR) || self.under_way.try_acquire_many(AHEAD).is_ok() {
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

    /// Whether it is, or would be with this number of messages and bytes.
    fn is_full(&self, options: &IntakeOptions, times: usize) -> bool {
        let IntakeSettings {
            batch_messages_max,
            batch_bytes_max,
            ..
        } = options.settings;
        self.messages * times >= batch_messages_max || self.bytes * times >= batch_bytes_max
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
