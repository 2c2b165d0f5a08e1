//! Sources that are read repeatedly: mailboxes over IMAP, Maildirs, watched folders. What they have in common: one
//! node reads one at a time, a fault ends in a longer and longer pause, and how each is doing is said to `health`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::imap::{self, ImapSettings};
use super::maildir::{self, MaildirSettings};
use super::watched;
use crate::base::clock::Clock;
use crate::base::text;
use crate::health::{Condition, Health, Trouble};
use crate::ingest::{Belonging, Intake, IntakeError, MESSAGE_TOO_LARGE, Outcome, Problem, RawMessage, UNFETCHABLE};
use crate::metrics::Metrics;
use crate::store::{SetAsideKind, Store, StoreError};

/// How long a lease lasts, and how often it is asked for and renewed. As for the background jobs.
const LEASE: Duration = Duration::from_secs(40);
const LEASE_EVERY: Duration = Duration::from_secs(10);
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(15 * 60);
/// Maximum number of characters of a source's message in the log.
const LOGGED_BYTES_MAX: usize = 400;
/// Attempts before a message that cannot be fetched is quarantined.
pub(super) const ATTEMPTS_MAX: u32 = 3;

/// One source.
#[derive(Debug, Clone)]
pub struct Source {
    /// What the operator calls it.
    pub name: String,
    pub belonging: Belonging,
    /// How often it is looked at.
    pub poll: Duration,
    pub kind: Kind,
}

/// What it is, and where.
#[derive(Debug, Clone)]
pub enum Kind {
    Imap(Box<ImapSettings>),
    Maildir(MaildirSettings),
    Folder(PathBuf),
}

/// What reading sources needs.
#[derive(Debug, Clone)]
pub struct Sources {
    pub clock: Clock,
    pub intake: Intake,
    pub store: Store,
    pub metrics: Metrics,
    pub health: Health,
    /// The name of this node, by which it holds leases: unlike that of any other node of this database.
    pub node: String,
    /// Longer messages are not read.
    pub message_bytes_max: u64,
    /// Makes random numbers, for jitter.
    pub random: fn() -> u64,
}

/// A source that is being read, and what reading it needs.
pub(super) struct Reading {
    pub all: Sources,
    pub source: Source,
    /// What is remembered of it is remembered by this name: a source that is elsewhere now is another one.
    pub key: String,
    pub stop: CancellationToken,
    /// Of a mailbox: what was moved and came back, in all connections.
    pub returned: std::sync::Mutex<imap::Returned>,
    /// Faults since it was last read with success.
    failures: AtomicU32,
}

/// Why a source cannot be read now.
#[derive(Debug)]
pub(super) struct Failure {
    pub trouble: Trouble,
    /// For people; from a server, perhaps.
    pub detail: String,
}

impl Failure {
    pub fn new(trouble: Trouble, detail: impl std::fmt::Display) -> Self {
        Self {
            trouble,
            detail: detail.to_string(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Trouble::Database, error)
    }
}

impl From<IntakeError> for Failure {
    fn from(error: IntakeError) -> Self {
        Self::new(Trouble::Database, error)
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its reports are in the database.
    Taken,
    /// It is in quarantine: why.
    Failed(String),
    /// There is no report in it.
    Other,
    /// It could not be stored, and the database is not to blame.
    Unstorable(String),
}

impl Sources {
    /// Reads all, until told to stop.
    pub async fn run(self, sources: Vec<Source>, stop: CancellationToken) {
        let mut running = JoinSet::new();
        for source in sources {
            let place = match &source.kind {
                Kind::Imap(imap) => format!("imap:{}@{}/{}", imap.user, imap.host, imap.folder),
                Kind::Maildir(maildir) => format!("maildir:{}", maildir.path.display()),
                Kind::Folder(path) => format!("folder:{}", path.display()),
            };
            let reading = Reading {
                all: self.clone(),
                key: format!("{} {place}", source.name),
                source,
                stop: stop.clone(),
                returned: std::sync::Mutex::default(),
                failures: AtomicU32::new(0),
            };
            running.spawn(reading.run());
        }
        // The intake ends when no sender is left.
        drop(self);
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a source broke down; it is not read until this program is started again");
            }
        }
    }
}

impl Reading {
    async fn run(self) {
        self.say(Condition::Starting);
        let reading = Arc::new(self);
        while !reading.stop.is_cancelled() {
            let pause = match reading.take_lease().await {
                Ok(true) => reading.read_until_it_fails().await,
                Ok(false) => {
                    reading.say(Condition::Elsewhere);
                    LEASE_EVERY
                }
                Err(failure) => reading.failed(&failure),
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = reading.stop.cancelled() => {}
            }
        }
        if let Err(error) = reading
            .all
            .store
            .release_lease(&reading.lease(), &reading.all.node)
            .await
        {
            tracing::debug!(%error, "a lease could not be given up; it runs out");
        }
        reading.all.metrics.set_source_up(&reading.source.name, false);
    }

    /// Gives for how long to leave it alone then.
    async fn read_until_it_fails(self: &Arc<Self>) -> Duration {
        let read = async {
            match &self.source.kind {
                Kind::Imap(settings) => imap::read(self, settings).await,
                Kind::Maildir(settings) => maildir::read(self, settings).await,
                Kind::Folder(path) => watched::read(self, path).await,
            }
        };
        // Whatever is dropped in the middle is as if this program had been killed there: it is done again.
        tokio::select! {
            failure = read => match failure {
                // A new token is due. Wait first: a server may issue tokens that have already expired.
                Ok(()) => BACK_OFF_MIN,
                Err(failure) => self.failed(&failure),
            },
            failure = self.keep_lease() => match failure {
                Some(failure) => self.failed(&failure),
                None => {
                    tracing::warn!(source = self.source.name, "another node reads this source now");
                    LEASE_EVERY
                }
            },
            () = self.stop.cancelled() => Duration::ZERO,
        }
    }

    fn lease(&self) -> String {
        format!("source {}", self.key)
    }

    async fn take_lease(&self) -> Result<bool, Failure> {
        let lasts = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
        let Sources { store, node, clock, .. } = &self.all;
        Ok(store.take_lease(&self.lease(), node, clock.now(), lasts).await?)
    }

    /// Renews the lease until it is lost (`None`) or the database fails for too long.
    async fn keep_lease(&self) -> Option<Failure> {
        let mut misses = 0;
        loop {
            tokio::time::sleep(LEASE_EVERY).await;
            match self.take_lease().await {
                Ok(true) => misses = 0,
                Ok(false) => return None,
                // By then it has run out.
                Err(failure) if misses == 2 => return Some(failure),
                Err(_) => misses += 1,
            }
        }
    }

    fn say(&self, condition: Condition) {
        let is_up = condition == Condition::Reading;
        self.all.metrics.set_source_up(&self.source.name, is_up);
        self.all.health.say(&self.source.name, condition, self.all.clock.now());
    }

    /// It was read to its end.
    pub fn succeeded(&self) {
        self.progressed();
        self.was_read();
    }

    /// It was read to its end, and may fail right after that, every time: pauses go on growing until it has
    /// [`progressed`](Self::progressed).
    pub fn was_read(&self) {
        let now = self.all.clock.now();
        self.all.metrics.set_source_up(&self.source.name, true);
        self.all.metrics.set_source_read_at(&self.source.name, now);
        if self.all.health.say_read(&self.source.name, now) {
            tracing::info!(source = self.source.name, "source is being read");
        }
    }

    /// Some of it was read, or waiting for more of it worked: the next pause is a short one.
    pub fn progressed(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Notes a fault; gives for how long to leave the source alone.
    fn failed(&self, failure: &Failure) -> Duration {
        let nth = self.failures.fetch_add(1, Ordering::Relaxed);
        let pause = back_off(nth, (self.all.random)());
        let Failure { trouble, detail } = failure;
        self.say(Condition::Failing(*trouble));
        self.all.metrics.count_source_failure(&self.source.name, trouble.word());
        tracing::warn!(
            source = self.source.name,
            reason = trouble.word(),
            detail = %capped(detail),
            again_in_ms = pause.as_millis(),
            "source cannot be read: {}",
            trouble.advice()
        );
        pause
    }

    /// Hands a message in and says what became of it, after the commit.
    pub async fn submit(&self, origin: String, bytes: Vec<u8>) -> Result<Verdict, IntakeError> {
        let raw = self.raw(origin, bytes);
        self.judge(match self.source.kind {
            Kind::Imap(_) | Kind::Maildir(_) => self.all.intake.submit_mailbox(raw).await,
            Kind::Folder(_) => self.all.intake.submit_reports(raw).await,
        })
    }

    /// Puts a message in quarantine that is longer than it may be, unread. `name`: which message of this source.
    pub async fn too_large(&self, origin: String, name: &str, bytes: u64) -> Result<Verdict, IntakeError> {
        let max = self.all.message_bytes_max;
        let detail = format!("{bytes} bytes, more than the {max} of limits.message_bytes_max: it was not read");
        self.not_had(origin, name, MESSAGE_TOO_LARGE, detail).await
    }

    /// Quarantines a placeholder for a message that cannot be fetched.
    pub async fn unfetchable(&self, origin: String, name: &str, why: &str) -> Result<Verdict, IntakeError> {
        let detail = format!("tried {ATTEMPTS_MAX} times in vain: {}", capped(why));
        self.not_had(origin, name, UNFETCHABLE, detail).await
    }

    async fn not_had(
        &self,
        origin: String,
        name: &str,
        reason: &'static str,
        detail: String,
    ) -> Result<Verdict, IntakeError> {
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
        match self.judge(self.all.intake.quarantine(raw, problem).await)? {
            // A note of our own cannot be at fault.
            Verdict::Unstorable(_) => Err(IntakeError::Closed),
            verdict => Ok(verdict),
        }
    }

    fn raw(&self, origin: String, bytes: Vec<u8>) -> RawMessage {
        RawMessage {
            bytes,
            received_at: self.all.clock.now(),
            origin,
            belonging: self.source.belonging,
            envelope: None,
        }
    }

    fn judge(&self, outcome: Result<Outcome, IntakeError>) -> Result<Verdict, IntakeError> {
        let verdict = match outcome {
            Ok(outcome) => verdict(&outcome),
            Err(IntakeError::Store(error)) if !matches!(*error, StoreError::Unavailable(_) | StoreError::Full(_)) => {
                Verdict::Unstorable(error.to_string())
            }
            // Writing it made the intake fail, or one that came with it did.
            Err(IntakeError::Closed) if !self.stop.is_cancelled() => Verdict::Unstorable("internal error".to_owned()),
            Err(error) => return Err(error),
        };
        let word = match &verdict {
            Verdict::Taken => "taken",
            Verdict::Failed(_) => "failed",
            Verdict::Other => "other",
            Verdict::Unstorable(_) => "put_off",
        };
        self.all.metrics.count_source_message(&self.source.name, word);
        Ok(verdict)
    }
}

fn verdict(outcome: &Outcome) -> Verdict {
    let quarantined = outcome
        .set_aside
        .iter()
        .find(|note| note.kind == SetAsideKind::Quarantined);
    match quarantined {
        Some(note) => Verdict::Failed(format!("{}: {}", note.reason, note.detail)),
        None if outcome.reports.is_empty() && outcome.set_aside.is_empty() => Verdict::Other,
        None => Verdict::Taken,
    }
}

/// Doubles with each fault in a row; a quarter more or less, so that many sources of one server do not come at once.
fn back_off(nth: u32, random: u64) -> Duration {
    let pause = BACK_OFF_MIN.saturating_mul(1 << nth.min(20)).min(BACK_OFF_MAX);
    let permille = u32::try_from(750 + random % 501).unwrap_or(1_000);
    (pause * permille / 1_000).min(BACK_OFF_MAX)
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
    fn what_a_stranger_says_is_one_short_line() {
        assert_eq!(capped("a\r\nb\u{1b}[31m"), "a\\u{d}\\u{a}b\\u{1b}[31m");
        assert!(capped(&"x".repeat(1_000_000)).len() <= LOGGED_BYTES_MAX);
    }
}
