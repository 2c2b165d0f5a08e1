//! Writing batches: each is shared out among the writers, and what the database refuses is tried in halves.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::JoinSet;

use super::AHEAD;
use crate::base::clock::Clock;
use crate::ingest::lanes::{Parser, Ready, Slow};
use crate::ingest::options::{IntakeError, IntakeOptions, IntakeSettings};
use crate::ingest::owners::{Askers, GoingOn};
use crate::ingest::parsed_bytes::ParsedBytes;
use crate::metrics::Metrics;
use crate::store::{CommitOptions, Fate, NewMessage, Outcome, Problem, Store, StoreError, StoredTlsReport};

/// What it takes to write batches.
pub(in crate::ingest) struct Writer {
    pub clock: Clock,
    pub store: Store,
    pub metrics: Metrics,
    pub options: IntakeOptions,
    /// When the log said last that a quota is used up, monotonic.
    said_at: Mutex<Option<Duration>>,
}

/// How often the log says that a quota is used up.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// What one writer gets of a batch.
struct Piece {
    messages: Vec<NewMessage>,
    askers: Vec<Askers>,
    _parsed: Arc<ParsedBytes>,
    _unwritten: mpsc::Sender<()>,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Ready {
    /// The pieces of a batch as one. One whose parsing failed as a whole (no message can make it: each is guarded) drops its
    /// answers, and the senders see that nothing was taken; `None` if that is all of them.
    async fn join(pieces: Vec<oneshot::Receiver<Self>>) -> Option<Self> {
        let mut all: Option<Self> = None;
        for piece in pieces {
            match (piece.await, &mut all) {
                (Ok(ready), None) => all = Some(ready),
                (Ok(ready), Some(all)) => {
                    all.messages.extend(ready.messages);
                    all.askers.extend(ready.askers);
                    all.rest.extend(ready.rest);
                    all.parsed.absorb(ready.parsed);
                }
                (Err(_), _) => {}
            }
        }
        all
    }

    /// A piece for each writer, in the order of the batch.
    fn share_out(self, writers: usize, unwritten: mpsc::Sender<()>, permit: &Arc<OwnedSemaphorePermit>) -> Vec<Piece> {
        let parsed = Arc::new(self.parsed);
        let piece = || Piece {
            messages: Vec::new(),
            askers: Vec::new(),
            _parsed: Arc::clone(&parsed),
            _unwritten: unwritten.clone(),
            _permit: Arc::clone(permit),
        };
        let mut pieces: Vec<_> = (0..writers).map(|_| piece()).collect();
        for (message, askers) in self.messages.into_iter().zip(self.askers) {
            let piece = &mut pieces[message.writer(writers)];
            piece.messages.push(message);
            piece.askers.push(askers);
        }
        pieces
    }
}

impl Writer {
    /// Nothing is written yet.
    pub fn new(clock: Clock, store: Store, metrics: Metrics, options: IntakeOptions) -> Self {
        Self {
            clock,
            store,
            metrics,
            options,
            said_at: Mutex::default(),
        }
    }

    /// Batches that are under way at once.
    pub(super) fn batches_max(&self) -> usize {
        self.store.writers_at_once() + AHEAD as usize
    }

    /// Shares each batch out among the writers, until there are no more.
    pub(super) async fn run(
        self,
        parser: Parser,
        mut batches: mpsc::Receiver<(OwnedSemaphorePermit, Vec<oneshot::Receiver<Ready>>)>,
        slow: mpsc::UnboundedReceiver<Slow>,
    ) {
        let mut running = JoinSet::new();
        let mut writers = Vec::new();
        let batches_max = self.batches_max();
        let shared = Arc::new(self);
        for _ in 0..shared.store.writers_at_once() {
            // So that one with much to do does not keep the others from the next batch.
            let (writer, pieces) = mpsc::channel(batches_max);
            shared.start(&mut running, Arc::clone(&shared).write_pieces(pieces));
            writers.push(writer);
        }
        shared.start(&mut running, Arc::clone(&shared).write_slow(slow));
        while let Some((permit, mut pieces)) = batches.recv().await {
            let permit = Arc::new(permit);
            while let Some(mut ready) = Ready::join(pieces).await {
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
        // The slow lane ends when the last message in it is written.
        drop((writers, parser));
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a writer failed");
            }
        }
    }

    fn start(&self, running: &mut JoinSet<()>, writer: impl Future<Output = ()> + Send + 'static) {
        if self.store.is_embedded() {
            // On one thread of its own: what is freed there was often taken there, and the runtime need not be told of
            // every wait.
            let runtime = Handle::current();
            running.spawn_blocking(move || runtime.block_on(writer));
        } else {
            running.spawn(writer);
        }
    }

    fn commit(&self) -> CommitOptions<'_> {
        CommitOptions {
            now: self.clock.now(),
            keep_originals: self.options.keep_originals,
            fresh: &self.options.fresh,
            limits: self.options.keep,
        }
    }

    /// Writes what comes out of the slow lane, each message in a transaction of its own, and for each of its owners.
    async fn write_slow(self: Arc<Self>, mut slow: mpsc::UnboundedReceiver<Slow>) {
        while let Some(slow) = slow.recv().await {
            let Slow { message, askers, held } = slow;
            self.metrics.count_slow_message();
            let mut going_on = GoingOn::default();
            self.write_one(vec![message], vec![askers], &mut going_on).await;
            while let (messages, askers, _admitted) = going_on.next(&self.store, 1, usize::MAX).await
                && !messages.is_empty()
            {
                self.write_one(messages, askers, &mut going_on).await;
            }
            drop(held);
        }
    }

    /// Writes pieces in order. A message that is for others as well goes on with the next piece, so that no other waits for
    /// more than one transaction of it; if such messages hold half of the memory, they go first.
    async fn write_pieces(self: Arc<Self>, mut pieces: mpsc::Receiver<Piece>) {
        let mut going_on = GoingOn::default();
        loop {
            let piece = if going_on.is_empty() {
                let Some(piece) = pieces.recv().await else { return };
                Some(piece)
            } else if going_on.bytes() <= self.options.parsed_bytes_max / 2 {
                pieces.try_recv().ok()
            } else {
                None
            };
            let IntakeSettings {
                batch_messages_max,
                batch_bytes_max,
                ..
            } = self.options.settings;
            let (mut messages, mut askers, _admitted) =
                going_on.next(&self.store, batch_messages_max, batch_bytes_max).await;
            let Some(piece) = piece else {
                self.write_one(messages, askers, &mut going_on).await;
                continue;
            };
            let Piece {
                messages: mut first,
                askers: mut senders,
                _parsed,
                _unwritten,
                _permit,
            } = piece;
            first.append(&mut messages);
            senders.append(&mut askers);
            self.write_one(first, senders, &mut going_on).await;
        }
    }
}

impl Writer {
    /// Writes a batch and tells the senders; what is for others as well goes on. A batch that the database refuses, though it
    /// is there, is tried in halves, down to the message that it is about: that one is set aside, and no other is refused
    /// for it.
    async fn write_one(&self, mut messages: Vec<NewMessage>, mut askers: Vec<Askers>, going_on: &mut GoingOn) {
        let Self {
            clock, store, metrics, ..
        } = self;
        let commit = self.commit();
        let mut pieces = vec![(0..messages.len(), true)];
        while let Some((piece, is_first_try)) = pieces.pop() {
            let (batch, senders) = (&mut messages[piece.clone()], &mut askers[piece.clone()]);
            let (started, count) = (clock.monotonic(), batch.len());
            // Should writing panic, the transaction is rolled back as it is dropped.
            let error = match AssertUnwindSafe(store.commit_slice(batch, &commit))
                .catch_unwind()
                .await
            {
                Ok(Ok(outcomes)) => {
                    metrics.observe_batch(count, clock.monotonic().saturating_sub(started));
                    for ((message, sender), outcome) in batch.iter_mut().zip(senders).zip(outcomes) {
                        self.count(&outcome);
                        sender.tell(message, outcome);
                    }
                    continue;
                }
                Ok(Err(error @ (StoreError::Unavailable(_) | StoreError::Full(_)))) => {
                    refuse(error, senders);
                    continue;
                }
                Ok(Err(error)) => Some(error),
                Err(_) => None,
            };
            let said = error.as_ref().map_or("a panic".to_owned(), ToString::to_string);
            match (batch, senders) {
                ([only], [sender]) if is_first_try => {
                    tracing::error!(
                        error = said,
                        origin = only.origin,
                        "a message cannot be stored; it is set aside"
                    );
                    sender.take_out(only, not_storable(said));
                    pieces.push((piece, false));
                }
                ([_], senders) => match error {
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
        going_on.add(messages, askers);
    }
}

fn refuse(error: StoreError, senders: &mut [Askers]) {
    let count = senders.len();
    tracing::error!(%error, messages = count, "a batch could not be stored; its senders are told to try again");
    let error = IntakeError::from(error);
    for sender in senders {
        sender.refuse(error.clone());
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

impl Writer {
    fn count_tls(&self, report: &StoredTlsReport) {
        let figures = self.metrics.tls();
        figures.count_report(match report.fate {
            Fate::Duplicate => "duplicate",
            Fate::Conflict => "conflict",
            Fate::Stored | Fate::Completed if report.acceptance.is_held() => "held",
            Fate::Stored | Fate::Completed => "stored",
        });
        for (policy, [successful, failed]) in &report.counts.sessions {
            figures.count_sessions(policy, "successful", *successful);
            figures.count_sessions(policy, "failed", *failed);
        }
        for (result_type, sessions) in &report.counts.failures {
            figures.count_failures(result_type, *sessions);
        }
    }

    fn count(&self, outcome: &Outcome) {
        let metrics = &self.metrics;
        for report in &outcome.reports {
            metrics.count_report(match report.fate {
                Fate::Stored if report.acceptance.is_held() => "held",
                Fate::Stored => "stored",
                Fate::Duplicate => "duplicate",
                Fate::Conflict => "conflict",
                Fate::Completed => "completed",
            });
        }
        for report in &outcome.tls_reports {
            self.count_tls(report);
        }
        if outcome.over_quota {
            metrics.count_set_aside_refused();
            let (now, mut said) = (
                self.clock.monotonic(),
                self.said_at.lock().unwrap_or_else(PoisonError::into_inner),
            );
            if said.is_none_or(|said| now.saturating_sub(said) >= SAID_EVERY) {
                *said = Some(now);
                tracing::warn!(
                    "mail that cannot be counted, or whose reports would be held, is answered with 452: today's quota of its account \
                     is used up (limits.set_aside_*_per_day_max, limits.held_*_per_day_max)"
                );
            }
        }
        for note in &outcome.set_aside {
            metrics.count_set_aside(note.kind.word(), &note.reason);
        }
    }
}
