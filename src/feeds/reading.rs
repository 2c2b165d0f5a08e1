//! Reading feeds: one node reads one feed at a time, a fault ends in a longer and longer pause, and the state of each
//! feed is reported to `health`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::outcome::{Contents, Disposal, Failure};
use crate::base::clock::Clock;
use crate::base::text;
use crate::health::{Condition, Health, Trouble};
use crate::ingest::{Belonging, Intake, IntakeError, MESSAGE_TOO_LARGE, Outcome, Problem, RawMessage, UNFETCHABLE};
use crate::jobs::{Held, Leases, jittered};
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};

const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(15 * 60);
/// Variation of a pause, so that feeds of one server do not act at the same time.
const SPREAD_PERMILLE: u32 = 250;
/// Maximum number of characters of a feed's message in the log.
const LOGGED_BYTES_MAX: usize = 400;
/// Attempts before a message that cannot be fetched is quarantined.
pub(super) const ATTEMPTS_MAX: u32 = 3;

/// A place that is read repeatedly.
pub(crate) trait Feed: Send + Sync {
    /// Kind and place, as in `maildir:/var/mail/reports`. The state of a feed is stored by name and place, so a feed
    /// that has moved is another one.
    fn place(&self) -> String;

    /// What the feed holds.
    fn contents(&self) -> Contents;

    /// Reads the feed until something fails, or until it must be begun again (`Ok`). A mail is moved, marked or forgotten
    /// only after [`Reading::submit`] has answered. The future may be dropped wherever it waits, as if the program had
    /// been killed there.
    fn read<'a>(&'a self, reading: &'a Arc<Reading>) -> BoxFuture<'a, Result<(), Failure>>;
}

/// The settings that all feeds have.
#[derive(Debug, Clone)]
pub(crate) struct FeedSettings {
    /// The operator's name for it.
    pub name: String,
    pub belonging: Belonging,
    /// Interval between two looks.
    pub poll: Duration,
}

/// What reading feeds needs.
#[derive(Debug, Clone)]
pub(crate) struct Feeds {
    pub intake: Intake,
    pub leases: Leases,
    pub metrics: Metrics,
    pub health: Health,
    /// Longer messages are not read.
    pub message_bytes_max: u64,
}

/// The reading of one feed.
pub(crate) struct Reading {
    pub all: Feeds,
    pub settings: FeedSettings,
    /// Key of the stored state of the feed.
    pub key: String,
    pub stop: CancellationToken,
    contents: Contents,
    /// Faults since it was last read with success.
    failures: AtomicU32,
}

impl Feeds {
    /// Reads all of `feeds` until `stop`.
    pub async fn run(self, feeds: Vec<(FeedSettings, Box<dyn Feed>)>, stop: CancellationToken) {
        let mut running = JoinSet::new();
        for (settings, feed) in feeds {
            let reading = Reading {
                all: self.clone(),
                key: format!("{} {}", settings.name, feed.place()),
                settings,
                stop: stop.clone(),
                contents: feed.contents(),
                failures: AtomicU32::new(0),
            };
            running.spawn(Arc::new(reading).run(feed));
        }
        // The intake ends when no sender is left.
        drop(self);
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "feed stopped: internal error; it is not read until this program is started again");
            }
        }
    }
}

impl Reading {
    async fn run(self: Arc<Self>, feed: Box<dyn Feed>) {
        let (leases, lease) = (&self.all.leases, format!("feed {}", self.key));
        self.say(Condition::Starting);
        while !self.stop.is_cancelled() {
            // Work that is dropped in the middle is done again, as after a kill.
            let held = leases.hold(&lease, feed.read(&self));
            let Some(held) = self.stop.run_until_cancelled(held).await else {
                break;
            };
            let pause = match held {
                // A new token is due. Wait first: a server may issue tokens that have already expired.
                Ok(Held::Done(Ok(()))) => BACK_OFF_MIN,
                Ok(Held::Done(Err(failure))) => self.failed(&failure),
                Ok(Held::Elsewhere) => {
                    self.say(Condition::Elsewhere);
                    // The node that reads it knows.
                    self.say_put_off(0);
                    leases.pace.lease_asked_every
                }
                Ok(Held::Lost) => {
                    self.say_put_off(0);
                    tracing::warn!(feed = self.name(), "feed stopped: another node reads it now");
                    leases.pace.lease_asked_every
                }
                Ok(Held::RanOut) => self.failed(&Failure::new(Trouble::Database, "its lease could not be renewed")),
                Err(error) => self.failed(&error.into()),
            };
            self.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        leases.give_back(&lease).await;
        self.all.metrics.feeds().set_down(self.name());
    }

    pub fn store(&self) -> &Store {
        &self.all.leases.store
    }

    pub fn clock(&self) -> &Clock {
        &self.all.leases.clock
    }

    /// The operator's name for the feed.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    fn say(&self, condition: Condition) {
        match condition {
            Condition::Reading => self.all.metrics.feeds().set_up(self.name()),
            _ => self.all.metrics.feeds().set_down(self.name()),
        }
        self.all.health.say(self.name(), condition, self.clock().now());
    }

    /// Notes that the feed was read to its end.
    pub fn succeeded(&self) {
        self.progressed();
        self.was_read();
    }

    /// Notes that the feed was read to its end. It may fail right afterwards, every time, so pauses keep growing
    /// until it has [`progressed`](Self::progressed).
    pub fn was_read(&self) {
        let now = self.clock().now();
        self.all.metrics.feeds().set_up(self.name());
        self.all.metrics.feeds().set_read_at(self.name(), now);
        if self.all.health.say_read(self.name(), now) {
            tracing::info!(feed = self.name(), "feed is being read");
        }
    }

    /// Notes how many messages are left alone for now.
    pub fn say_put_off(&self, messages: usize) {
        self.all.metrics.feeds().set_put_off(self.name(), messages as u64);
        self.all.health.say_put_off(self.name(), messages as u64);
    }

    /// Notes that a message is left alone for now.
    pub fn put_off(&self, message: &str, why: &str) {
        tracing::warn!(
            feed = self.name(),
            message = %capped(message),
            detail = %capped(why),
            "failed three times over this message: it is left alone for now, and tried again later"
        );
    }

    /// Notes that a part of the feed was read, or that waiting for more worked. The next pause is short.
    pub fn progressed(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Notes a fault. Returns the time for which to leave the feed alone.
    fn failed(&self, failure: &Failure) -> Duration {
        let nth = self.failures.fetch_add(1, Ordering::Relaxed);
        let Failure { trouble, detail, pause } = failure;
        let pause = back_off(nth, (self.all.leases.random)()).max((*pause).min(BACK_OFF_MAX));
        self.say(Condition::Failing(*trouble));
        self.all.metrics.feeds().count_failure(self.name(), trouble.word());
        tracing::warn!(
            feed = self.name(),
            reason = trouble.word(),
            detail = %capped(detail),
            again_in_ms = pause.as_millis(),
            "feed stopped: {}; {}",
            trouble.summary(),
            trouble.advice()
        );
        pause
    }

    /// Submits a message and returns its outcome, after the commit.
    pub async fn submit(&self, origin: String, bytes: Vec<u8>) -> Result<Disposal, IntakeError> {
        let raw = self.raw(origin, bytes);
        self.dispose(match self.contents {
            Contents::Mail => self.all.intake.submit_mailbox(raw).await,
            Contents::Reports => self.all.intake.submit_reports(raw).await,
        })
    }

    /// Quarantines a note about a message that is too long, unread. `name` identifies the message in this feed.
    pub async fn too_large(&self, origin: String, name: &str, bytes: u64) -> Result<Disposal, IntakeError> {
        let max = self.all.message_bytes_max;
        let detail = format!("{bytes} bytes, more than the {max} of limits.message_bytes_max: it was not read");
        self.quarantine_note(origin, name, MESSAGE_TOO_LARGE, detail).await
    }

    /// Quarantines a placeholder for a message that cannot be fetched.
    pub async fn unfetchable(&self, origin: String, name: &str, why: &str) -> Result<Disposal, IntakeError> {
        let detail = format!("tried {ATTEMPTS_MAX} times in vain: {}", capped(why));
        self.quarantine_note(origin, name, UNFETCHABLE, detail).await
    }

    /// Quarantines a note of our own instead of a message that was not read.
    async fn quarantine_note(
        &self,
        origin: String,
        name: &str,
        reason: &'static str,
        detail: String,
    ) -> Result<Disposal, IntakeError> {
        let note = format!(
            "Not the message, but a note: {} {name} was not read ({reason}).\n",
            self.key
        );
        let problem = Problem {
            leaf: String::new(),
            reason,
            detail,
            offset: None,
        };
        let raw = self.raw(origin, note.into_bytes());
        match self.dispose(self.all.intake.quarantine(raw, problem).await)? {
            // Our own note cannot be at fault.
            Disposal::Unstorable(_) => Err(IntakeError::Closed),
            disposal => Ok(disposal),
        }
    }

    fn raw(&self, origin: String, bytes: Vec<u8>) -> RawMessage {
        RawMessage {
            bytes,
            received_at: self.clock().now(),
            origin,
            belonging: self.settings.belonging,
            envelope: None,
        }
    }

    fn dispose(&self, outcome: Result<Outcome, IntakeError>) -> Result<Disposal, IntakeError> {
        let disposal = match outcome {
            Ok(outcome) => Disposal::from(&outcome),
            Err(IntakeError::Store(error)) if !matches!(*error, StoreError::Unavailable(_) | StoreError::Full(_)) => {
                Disposal::Unstorable(error.to_string())
            }
            // The intake failed while it wrote this message, or one in the same batch.
            Err(IntakeError::Closed) if !self.stop.is_cancelled() => Disposal::Unstorable("internal error".to_owned()),
            Err(error) => return Err(error),
        };
        self.all.metrics.feeds().count_message(self.name(), disposal.word());
        Ok(disposal)
    }
}

/// The pause after a fault: doubles with each fault in a row.
fn back_off(nth: u32, random: u64) -> Duration {
    let pause = BACK_OFF_MIN.saturating_mul(1 << nth.min(20)).min(BACK_OFF_MAX);
    jittered(pause, SPREAD_PERMILLE, random).min(BACK_OFF_MAX)
}

/// A stranger's text for the log: one line, of bounded length.
pub(super) fn capped(text: &str) -> String {
    text::shown(text, LOGGED_BYTES_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_quarter_of_an_hour() {
        let seconds = |nth, random| back_off(nth, random).as_secs_f64();
        assert_eq!((seconds(0, 250), seconds(1, 250), seconds(5, 250)), (1.0, 2.0, 32.0));
        assert_eq!((seconds(0, 0), seconds(0, 500)), (0.75, 1.25));
        for nth in [10, 20, 1_000, u32::MAX] {
            assert_eq!(seconds(nth, 500), 900.0);
        }
    }

    #[test]
    fn foreign_texts_become_one_short_line() {
        assert_eq!(capped("a\r\nb\u{1b}[31m"), "a\\u{d}\\u{a}b\\u{1b}[31m");
        assert!(capped(&"x".repeat(1_000_000)).len() <= LOGGED_BYTES_MAX);
    }
}
