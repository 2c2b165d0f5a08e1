//! The intake: a bounded queue in front of the batches.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hashbrown::HashMap;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::arrived::{Arrived, How, RawMessage};
use super::batch::{self, Writer};
use super::deferred::Deferred;
use super::envelope::Envelope;
use super::options::{IntakeError, IntakeOptions};
use super::owners::{Answer, Askers, Job};
use super::provenance::{Authenticator, Checked, Look};
use super::refused::Refusals;
use crate::base::clock::Clock;
use crate::base::{AccountId, DomainId, SetAsideId};
use crate::metrics::Metrics;
use crate::store::{
    Admitted, Belonging, Domain, Fate, NOT_CONFIGURED, Outcome, Problem, Provenance, Refused, Store, message_digest,
};
use crate::unpack::Context;

/// Reason for a message longer than `limits.message_bytes_max`, which was not read.
pub const MESSAGE_TOO_LARGE: &str = "message_too_large";
/// Reason for a message that its origin lists but does not deliver.
pub const UNFETCHABLE: &str = "unfetchable";
/// Reasons of [`Intake::quarantine`]. A note is stored for these, and a replay would find no report in it.
const NOT_HAD: [&str; 2] = [MESSAGE_TOO_LARGE, UNFETCHABLE];

/// The provenance of a mail, and the processor time of its check.
type Verified = (Provenance, Duration);

/// The outcome of messages that had waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Claimed {
    /// Messages that were replayed.
    pub messages: u64,
    /// Reports in them that count now.
    pub counted: u64,
    /// Those that contradict another one: they are kept, and one of them counts.
    pub conflicts: u64,
    /// Those that are held until the owner of the domain accepts them.
    pub held: u64,
    /// Those that had been counted already.
    pub duplicates: u64,
}

impl Claimed {
    /// Adds a message.
    pub fn add(&mut self, outcome: &Outcome) {
        self.messages += 1;
        for report in &outcome.reports {
            match report.fate {
                Fate::Stored | Fate::Completed if report.acceptance.may_count() => self.counted += 1,
                Fate::Stored | Fate::Completed => self.held += 1,
                Fate::Conflict => self.conflicts += 1,
                Fate::Duplicate => self.duplicates += 1,
            }
        }
        for report in &outcome.tls_reports {
            match report.fate {
                Fate::Duplicate => self.duplicates += 1,
                Fate::Conflict => self.conflicts += 1,
                _ if report.acceptance.may_count() => self.counted += 1,
                _ => self.held += 1,
            }
        }
        match outcome.failure.as_ref().map(|report| report.fate) {
            Some(Fate::Duplicate) => self.duplicates += 1,
            Some(_) => self.counted += 1,
            None => {}
        }
    }
}

/// The intake. Cheap to clone. When the last clone is dropped, waiting messages are finished and the batches end.
#[derive(Debug, Clone)]
pub struct Intake {
    jobs: mpsc::Sender<Job>,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) authenticator: Option<Authenticator>,
    pub(super) day_addresses_max: usize,
    deferred: Arc<Deferred>,
    refusals: Refusals,
    waiting: Arc<AtomicUsize>,
    waiting_max: usize,
}

impl Intake {
    /// Starts the intake into `store`. The handle ends after the last [`Intake`] is dropped and everything is committed.
    ///
    /// # Panics
    /// If the system gives no threads.
    pub fn start(clock: Clock, store: Store, metrics: Metrics, options: IntakeOptions) -> (Self, JoinHandle<()>) {
        let (jobs, queue) = mpsc::channel(options.settings.queue_messages_max.max(1));
        let waiting = Arc::new(AtomicUsize::new(0));
        let intake = Self {
            jobs,
            store: store.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            authenticator: options.authenticator.clone(),
            day_addresses_max: options.keep.day_addresses_max,
            deferred: Arc::default(),
            refusals: Refusals::new(store.clone()),
            waiting: Arc::clone(&waiting),
            waiting_max: options.settings.queue_messages_max.max(1),
        };
        let writer = Writer::new(clock, store, metrics, options);
        let running = tokio::spawn(batch::run(writer, queue, waiting));
        (intake, running)
    }

    /// Counts a refused message for the owner of the account; `reason` is a stable word.
    pub fn note_refused(&self, account: AccountId, reason: &'static str, bytes: u64) {
        self.refusals
            .note(account, reason, Refused::one(bytes, self.clock.now()));
    }

    /// Makes room on the disk, if possible.
    pub async fn make_room(&self) {
        if let Err(error) = self.store.make_room().await {
            tracing::warn!(%error, "no room could be made on the disk");
        }
    }

    /// Whether the disk has room for a message of `bytes`. If it is nearly full, room is made first if possible.
    pub async fn has_room(&self, bytes: u64) -> bool {
        self.store.admit(bytes).await.is_ok()
    }

    /// Takes a message and answers after its transaction has been committed. Waits while the queue is full, and first, for mail,
    /// at most the time that checking its sender may take. Other messages do not wait for it.
    ///
    /// After a caller that stops waiting, the message is committed all the same or not at all.
    pub async fn submit(&self, mut raw: RawMessage) -> Result<Outcome, IntakeError> {
        let provenance = self.provenance(&mut raw).await?;
        self.send(raw, provenance, How::Keep(Context::File)).await
    }

    /// As [`Self::submit`], for files that stay in place if they have no report. Nothing of such a file is stored,
    /// and its outcome is empty.
    pub async fn submit_reports(&self, mut raw: RawMessage) -> Result<Outcome, IntakeError> {
        let provenance = self.provenance(&mut raw).await?;
        self.send(raw, provenance, How::KeepReports(Context::File)).await
    }

    /// As [`Self::submit_reports`], for a mailbox that also receives other mail.
    pub async fn submit_mailbox(&self, mut raw: RawMessage) -> Result<Outcome, IntakeError> {
        let provenance = self.provenance(&mut raw).await?;
        self.send(raw, provenance, How::KeepReports(Context::Mailbox)).await
    }

    /// As [`Self::submit`], for a TLS report that a peer posted who need only know the address of the domain. Nothing else in
    /// it is read, and what is kept of it has a quota.
    pub async fn submit_post(&self, raw: RawMessage, peer: IpAddr) -> Result<Outcome, IntakeError> {
        let mail = (Provenance::posted(peer), Duration::ZERO);
        self.send(raw, Some(mail), How::Keep(Context::Post)).await
    }

    /// Quarantines a placeholder for a message that could not be fetched. The note in `raw.bytes` is deterministic, so
    /// repeats are stored once.
    pub async fn quarantine(&self, raw: RawMessage, problem: Problem) -> Result<Outcome, IntakeError> {
        self.send(raw, None, How::SetAside(problem)).await
    }

    /// As [`Self::submit`], for mail to one or several recipients. The mail is checked, read and held in memory once,
    /// and stored for one owner after the other. Returns an outcome per owner, in order. A repeat for those that
    /// failed may be a duplicate.
    pub async fn submit_to(&self, mut raw: RawMessage, all: &[Belonging]) -> Vec<Result<Outcome, IntakeError>> {
        match self.provenance(&mut raw).await {
            Ok(provenance) => self.deliver(raw, provenance, all).await,
            Err(error) => vec![Err(error); all.len()],
        }
    }

    /// As [`Self::submit_to`], for callers that can ask the sender to try again: mail whose sender cannot be
    /// authenticated now is refused once.
    ///
    /// # Errors
    /// [`IntakeError::Undecided`], for all of them and once for the same bytes.
    pub async fn submit_or_defer(&self, mut raw: RawMessage, all: &[Belonging]) -> Vec<Result<Outcome, IntakeError>> {
        let provenance = match self.provenance(&mut raw).await {
            Ok(provenance) => provenance,
            Err(error) => return vec![Err(error); all.len()],
        };
        if provenance.as_ref().is_some_and(|(mail, _)| mail.is_undecided())
            && self
                .deferred
                .is_first(message_digest(&raw.bytes), self.clock.monotonic())
        {
            return vec![Err(IntakeError::Undecided); all.len()];
        }
        self.deliver(raw, provenance, all).await
    }

    async fn deliver(
        &self,
        mut raw: RawMessage,
        provenance: Option<Verified>,
        all: &[Belonging],
    ) -> Vec<Result<Outcome, IntakeError>> {
        let how = How::Keep(Context::ReportAddress);
        if let [only] = all {
            raw.belonging = *only;
            return vec![self.send(raw, provenance, how).await];
        }
        // Owners of one account are adjacent, in the order in which the accounts are named.
        let mut accounts = HashMap::new();
        let mut order: Vec<_> = (0..all.len()).collect();
        for belonging in all {
            let next = accounts.len();
            accounts.entry(belonging.account()).or_insert(next);
        }
        order.sort_by_key(|&nth| accounts[&all[nth].account()]);
        let (answers, waiting): (Vec<_>, Vec<_>) = order.iter().map(|_| oneshot::channel()).unzip();
        let mut answers = order.iter().map(|&nth| all[nth]).zip(answers);
        let Some((first, answer)) = answers.next() else {
            return Vec::new();
        };
        raw.belonging = first;
        let _room = match self
            .hand_in(raw, provenance, how, Askers::several(answer, answers))
            .await
        {
            Ok(room) => room,
            Err(error) => return vec![Err(error); all.len()],
        };
        let mut outcomes = vec![Err(IntakeError::Closed); all.len()];
        for (nth, answered) in order.into_iter().zip(waiting) {
            outcomes[nth] = answered.await.unwrap_or(Err(IntakeError::Closed));
        }
        outcomes
    }

    /// Authenticates a message.
    async fn provenance(&self, raw: &mut RawMessage) -> Result<Option<Verified>, IntakeError> {
        let Some(envelope) = raw.envelope.take() else {
            return Box::pin(self.fetched(raw)).await;
        };
        let Some(authenticator) = &self.authenticator else {
            return Ok(Some((envelope.unchecked(NOT_CONFIGURED), Duration::ZERO)));
        };
        let bytes = std::mem::take(&mut raw.bytes);
        let checked = self.check(authenticator, bytes, envelope).await?;
        raw.bytes = checked.bytes;
        Ok(Some((checked.provenance, checked.cost.time)))
    }

    /// Authenticates a message without an envelope, if it is a mail of which something can be found out.
    async fn fetched(&self, raw: &mut RawMessage) -> Result<Option<Verified>, IntakeError> {
        let Some(authenticator) = &self.authenticator else {
            return Ok(None);
        };
        match authenticator.look(&raw.bytes, self.clock.now()) {
            Look::Nothing => return Ok(None),
            Look::Known(found) => return Ok(Some((*found, Duration::ZERO))),
            Look::Signed => {}
        }
        let started = self.clock.monotonic();
        let bytes = std::mem::take(&mut raw.bytes);
        let checked = authenticator.check_fetched(&self.clock, bytes).await;
        let checked = checked.ok_or(IntakeError::Closed)?;
        self.observe(&checked, started);
        raw.bytes = checked.bytes;
        Ok(Some((checked.provenance, checked.cost.time)))
    }

    fn observe(&self, checked: &Checked, started: Duration) {
        let took = self.clock.monotonic().saturating_sub(started);
        let word = checked.provenance.dmarc.word();
        self.metrics.observe_provenance(word, checked.cost.questions, took);
    }

    /// Checks a mail, and counts it.
    pub(super) async fn check(
        &self,
        authenticator: &Authenticator,
        bytes: Vec<u8>,
        envelope: Envelope,
    ) -> Result<Checked, IntakeError> {
        let started = self.clock.monotonic();
        let checked = authenticator.check(&self.clock, bytes, envelope).await;
        let checked = checked.ok_or(IntakeError::Closed)?;
        self.observe(&checked, started);
        Ok(checked)
    }

    async fn send(&self, raw: RawMessage, mail: Option<Verified>, how: How) -> Result<Outcome, IntakeError> {
        let (answer, answered): (Answer, _) = oneshot::channel();
        let _room = self.hand_in(raw, mail, how, Askers::one(answer)).await?;
        answered.await.map_err(|_| IntakeError::Closed)?
    }

    /// Puts a message into the queue. The caller holds its room on the disk until all owners are answered.
    async fn hand_in(
        &self,
        raw: RawMessage,
        mail: Option<Verified>,
        how: How,
        askers: Askers,
    ) -> Result<Admitted, IntakeError> {
        let room = self.store.admit(raw.bytes.len() as u64).await?;
        let permit = self.jobs.reserve().await.map_err(|_| IntakeError::Closed)?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let (provenance, spent) = mail.map_or((None, Duration::ZERO), |(mail, spent)| (Some(mail), spent));
        let message = Arrived {
            raw,
            provenance,
            how,
            spent,
        };
        permit.send(Job { message, askers });
        Ok(room)
    }

    /// Replays a message that was set aside. Its row is removed unless it is set aside for the same reason again.
    /// `None` if there is no such message, or its bytes are no longer stored.
    pub async fn replay(&self, id: SetAsideId) -> Result<Option<Outcome>, IntakeError> {
        self.feed_in_again(id, How::Replay(id)).await
    }

    /// As [`Self::replay`], for what no person asked for: a message that ended the process twice is not read once more.
    pub(super) async fn reread(&self, id: SetAsideId) -> Result<Option<Outcome>, IntakeError> {
        self.feed_in_again(id, How::Reread(id)).await
    }

    async fn feed_in_again(&self, id: SetAsideId, how: How) -> Result<Option<Outcome>, IntakeError> {
        let Some(aside) = self.store.set_aside_by_id(id).await? else {
            return Ok(None);
        };
        if NOT_HAD.contains(&aside.reason.as_str()) {
            return Ok(None);
        }
        let Some(bytes) = self.store.set_aside_bytes(id).await? else {
            return Ok(None);
        };
        let belonging = match aside.domain {
            // The domain may have been removed since.
            Some(domain) if self.store.domain_by_id(aside.account, domain).await?.is_some() => {
                Belonging::Domain(aside.account, domain)
            }
            _ => Belonging::Account(aside.account),
        };
        let raw = RawMessage {
            bytes,
            received_at: aside.received_at,
            origin: aside.origin,
            belonging,
            envelope: None,
        };
        // The first check stays valid: keys and records of that day may be gone from the DNS by now.
        let provenance = self.store.set_aside_provenance(id).await?;
        let mail = provenance.map(|mail| (mail, Duration::ZERO));
        Ok(Some(self.send(raw, mail, how).await?))
    }

    /// Counts the unclaimed reports for a domain that has just been added: those about it and names below it, and the
    /// records about it in reports about names above it.
    pub async fn claim(&self, account: AccountId, domain: DomainId) -> Result<Claimed, IntakeError> {
        let mut claimed = Claimed::default();
        let Some(Domain { name, .. }) = self.store.domain_by_id(account, domain).await? else {
            return Ok(claimed);
        };
        for unclaimed in self.store.unclaimed_names(account).await? {
            if !name.covers(&unclaimed) && !name.ancestors().any(|above| above == unclaimed) {
                continue;
            }
            for id in self.store.unclaimed(account, &unclaimed).await? {
                if let Some(outcome) = self.replay(id).await? {
                    claimed.add(&outcome);
                    tracing::debug!(%id, left = outcome.set_aside.len(), "unclaimed message fed in again");
                }
            }
        }
        self.store.domains_claimed(&[domain]).await?;
        Ok(claimed)
    }

    /// Number of waiting messages, and its maximum.
    pub fn depth(&self) -> (usize, usize) {
        (self.waiting.load(Ordering::Relaxed), self.waiting_max)
    }

    /// The clock of the arrival times.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}
