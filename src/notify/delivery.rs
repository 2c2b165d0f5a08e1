//! The job that delivers: due deliveries of all targets, each at its place (`places.rs`). What came of attempts that end
//! together is kept in one transaction.
//!
//! The job's lease keeps two nodes from sending the same. What is in flight is remembered here and not in the database: a
//! node that dies leaves its deliveries due, and the next one sends them again, under the same id.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::attempts::Made;
use super::places::{Claim, Places};
use super::targets::Targets;
use crate::base::{AccountId, DeliveryId, Millis, TargetId};
use crate::store::{AttemptOutcome, Delivery, StoreError, Target};

/// Interval between searches for due deliveries while some are in flight, and pause after the database failed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the first attempt of a batch that ended waits for others before they are kept.
const GATHER_MAX: Duration = Duration::from_millis(25);
/// Attempts that are kept at once.
const BATCH_MAX: usize = 100;
/// Deliveries of a target that are read at once.
const READ_AHEAD: usize = 16;
/// Failures of the database in a row before the job fails. What ended and was not kept is then sent again.
const FAULTS_MAX: u32 = 5;

/// An attempt that ended.
struct Landed {
    target: Arc<Target>,
    delivery: Delivery,
    made: Made,
}

/// A target with something due, as the last search found it.
struct Due {
    target: Arc<Target>,
    since: Millis,
    /// Read already, the longest due first.
    ready: VecDeque<Delivery>,
}

/// Attempts, from the search to what is kept of them.
struct Round<'w> {
    flying: FuturesUnordered<BoxFuture<'w, Landed>>,
    places: Places,
    due: BTreeMap<TargetId, Due>,
    /// `None`: the next search is due at once.
    searched_at: Option<Instant>,
    landed: Vec<Landed>,
    /// In flight, or landed and not kept: the database says that they are due.
    open: BTreeMap<DeliveryId, TargetId>,
    faults: u32,
}

impl Targets {
    /// Sends what is due until nothing is. `random` returns random numbers, for jitter.
    ///
    /// # Errors
    /// The database fails again and again. What was in flight is sent again later.
    pub async fn deliver(&self, random: fn() -> u64) -> Result<(), StoreError> {
        let mut round = Round::new(Places::new(self.bounds()));
        loop {
            // What is not kept fills the memory: nothing more is sent meanwhile.
            if round.landed.is_empty() {
                let launched = self.launch(&mut round, random).await;
                round.note(launched)?;
            }
            if round.is_over() {
                return Ok(());
            }
            self.gather(&mut round, random).await;
            let kept = self.keep(&mut round).await;
            round.note(kept)?;
        }
    }

    /// Notes how many deliveries wait.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_waiting(&self) -> Result<(), StoreError> {
        let waiting = self.store().deliveries_waiting().await?;
        self.metrics().set_deliveries_waiting(waiting);
        Ok(())
    }

    /// Searches, unless the last search still helps, and gives away the free places.
    async fn launch<'w>(&'w self, round: &mut Round<'w>, random: fn() -> u64) -> Result<(), StoreError> {
        let now = self.clock().now();
        if round.wants_search() {
            round.found(self.store().targets_due(now).await?);
        }
        while let Some(id) = round.next(|_| true) {
            let open = round.open.values().filter(|target| **target == id).count();
            let Some(due) = round.due.get_mut(&id) else { break };
            if due.ready.is_empty() {
                let found = self.store().deliveries_due(id, now, open + READ_AHEAD).await?;
                let fresh = found
                    .into_iter()
                    .filter(|delivery| !round.open.contains_key(&delivery.id));
                due.ready.extend(fresh.take(READ_AHEAD));
            }
            if due.ready.is_empty() {
                round.due.remove(&id);
            } else {
                self.start(round, id, random);
            }
        }
        Ok(())
    }

    /// Waits for an attempt that ends, and a moment for more. Those whose places they leave are started meanwhile, as far as
    /// they are read.
    async fn gather<'w>(&'w self, round: &mut Round<'w>, random: fn() -> u64) {
        if round.faults > 0 {
            sleep(LOOK_EVERY).await;
        }
        let Ok(Some(first)) = timeout(LOOK_EVERY, round.flying.next()).await else {
            return;
        };
        round.land(first);
        let until = Instant::now() + GATHER_MAX;
        while round.landed.len() < BATCH_MAX {
            while let Some(id) = round.next(|due| !due.ready.is_empty()) {
                self.start(round, id, random);
            }
            tokio::select! {
                landed = round.flying.next() => match landed {
                    Some(landed) => round.land(landed),
                    None => return,
                },
                () = sleep_until(until) => return,
            }
        }
    }

    fn start<'w>(&'w self, round: &mut Round<'w>, id: TargetId, random: fn() -> u64) {
        let Some(due) = round.due.get_mut(&id) else { return };
        let Some(delivery) = due.ready.pop_front() else { return };
        let (target, claim) = (Arc::clone(&due.target), due.claim());
        round.places.take(claim);
        round.open.insert(delivery.id, id);
        round.flying.push(Box::pin(async move {
            let made = self.attempt(&target, &delivery, random()).await;
            Landed { target, delivery, made }
        }));
    }

    /// Keeps what landed. After an error it is kept the next time.
    async fn keep(&self, round: &mut Round<'_>) -> Result<(), StoreError> {
        if round.landed.is_empty() {
            return Ok(());
        }
        let attempts: Vec<_> = round
            .landed
            .iter()
            .map(|landed| (&landed.delivery, &landed.made.attempt))
            .collect();
        let failing = self.store().keep_attempts(&attempts).await?;
        let landed = round.kept();
        let is_held_back = |landed: &&Landed| matches!(landed.made.attempt.outcome, AttemptOutcome::HeldBack(_));
        if let Some(Landed { made, .. }) = landed.iter().find(is_held_back) {
            tracing::warn!(
                error = made.attempt.response,
                "events cannot be sent now; they are tried again, and no receiver is blamed"
            );
        }
        for Landed { target, made, .. } in &landed {
            // It fails again, and is then judged again.
            if let Err(error) = self.judge(target, made, failing.get(&target.id).copied()).await {
                tracing::warn!(target = %target.id, %error, "a webhook or channel could not be switched off");
            }
        }
        Ok(())
    }
}

impl Due {
    fn claim(&self) -> Claim {
        Claim {
            account: self.target.account,
            target: self.target.id,
            is_failing: self.target.failures > 0,
            since: self
                .ready
                .front()
                .and_then(|delivery| delivery.next_at)
                .unwrap_or(self.since),
        }
    }
}

impl<'w> Round<'w> {
    fn new(places: Places) -> Self {
        Self {
            flying: FuturesUnordered::new(),
            places,
            due: BTreeMap::new(),
            searched_at: None,
            landed: Vec::new(),
            open: BTreeMap::new(),
            faults: 0,
        }
    }

    fn wants_search(&self) -> bool {
        self.due.is_empty() || self.searched_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY)
    }

    /// What was read before is read again: it may have been given up, or the target changed.
    fn found(&mut self, targets: Vec<(Target, Millis)>) {
        self.searched_at = Some(Instant::now());
        let due = |(target, since): (Target, Millis)| {
            let due = Due {
                target: Arc::new(target),
                since,
                ready: VecDeque::new(),
            };
            (due.target.id, due)
        };
        self.due = targets.into_iter().map(due).collect();
        let accounts: BTreeSet<AccountId> = self.due.values().map(|due| due.target.account).collect();
        self.places.forget_others(&accounts);
    }

    /// Who gets the next place, of those that `may`.
    fn next(&self, may: impl Fn(&Due) -> bool) -> Option<TargetId> {
        let due = self.due.values().filter(|due| may(due));
        self.places.next(due.map(Due::claim))
    }

    fn land(&mut self, landed: Landed) {
        self.places.leave(landed.target.account, landed.target.id);
        if landed.made.attempt.outcome != AttemptOutcome::Delivered {
            // It has fewer places from now on: the next search says how many.
            self.due.remove(&landed.target.id);
        }
        self.landed.push(landed);
    }

    /// What landed is kept.
    fn kept(&mut self) -> Vec<Landed> {
        let landed = std::mem::take(&mut self.landed);
        for Landed { delivery, made, .. } in &landed {
            self.open.remove(&delivery.id);
            if made.attempt.outcome != AttemptOutcome::Delivered {
                self.searched_at = None;
            }
        }
        landed
    }

    fn is_over(&self) -> bool {
        self.flying.is_empty() && self.landed.is_empty()
    }

    /// One failure of the database does not end what is in flight.
    fn note(&mut self, done: Result<(), StoreError>) -> Result<(), StoreError> {
        let Err(error) = done else {
            self.faults = 0;
            return Ok(());
        };
        self.faults += 1;
        if self.faults >= FAULTS_MAX || self.flying.is_empty() && self.landed.is_empty() {
            return Err(error);
        }
        tracing::warn!(%error, "deliveries of events wait for the database; it is tried again");
        Ok(())
    }
}
