//! Work that one node does at a time, and another node within a minute when that node dies.
//!
//! A lease is a row in the database ([`Store::take_lease`]). Every node asks for it repeatedly; the one that has it
//! works and renews. A node that stops releases its leases. Work must tolerate being done twice: a node that was
//! suspended learns only afterwards that its lease has gone.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::base::Millis;
use crate::base::clock::Clock;
use crate::store::{Store, StoreError};

/// The timing of leases.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time from taking or renewing a lease until another node may take it. Much longer than nodes' clocks may differ.
    pub lease_lasts: Duration,
    /// Interval between two tries to take or renew a lease. After a node's death, its work moves within the sum of both.
    pub lease_asked_every: Duration,
    /// A job that failed is tried again after this, or its period if that is shorter.
    pub retry_after: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lease_lasts: Duration::from_secs(40),
            lease_asked_every: Duration::from_secs(10),
            retry_after: Duration::from_secs(60),
        }
    }
}

/// What a node needs to take leases.
#[derive(Debug, Clone)]
pub struct Leases {
    pub store: Store,
    pub clock: Clock,
    pub pace: Pace,
    /// The name by which this node holds leases, unique among the nodes of the database.
    pub holder: String,
    /// Returns random numbers, for jitter.
    pub random: fn() -> u64,
}

/// The outcome of work under a lease.
#[derive(Debug, PartialEq, Eq)]
pub enum Held<T> {
    /// The work ended by itself. The lease is still this node's.
    Done(T),
    /// Another node has the lease. The work was not begun.
    Elsewhere,
    /// The work was dropped where it waited: another node has taken the lease.
    Lost,
    /// The work was dropped where it waited: the lease could not be renewed before it ran out.
    RanOut,
}

impl Leases {
    /// Asks for a lease, and works while it has it: the lease is renewed meanwhile, and `work` is dropped when it is gone.
    ///
    /// # Errors
    /// The database cannot be asked. The work was not begun.
    pub async fn hold<T>(&self, name: &str, work: impl Future<Output = T>) -> Result<Held<T>, StoreError> {
        let asked_at = self.clock.monotonic();
        if !self.ask(name).await? {
            return Ok(Held::Elsewhere);
        }
        let mut work = pin!(work);
        Ok(tokio::select! {
            // First, so that a node that was suspended sees that its lease has gone before it continues.
            biased;
            gone = self.renew_until_gone(name, asked_at) => gone,
            done = &mut work => Held::Done(done),
        })
    }

    /// Releases a lease, so that another node need not wait until it expires.
    pub async fn give_back(&self, name: &str) {
        let given = self.store.release_lease(name, &self.holder);
        match timeout(self.pace.lease_asked_every, given).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(lease = name, %error, "lease not given back; it runs out by itself"),
            Err(_) => tracing::warn!(
                lease = name,
                "lease not given back: the database does not answer; the lease runs out by itself"
            ),
        }
    }

    async fn ask(&self, name: &str) -> Result<bool, StoreError> {
        let lasts = Millis::try_from(self.pace.lease_lasts.as_millis()).unwrap_or(Millis::MAX);
        self.store.take_lease(name, &self.holder, self.clock.now(), lasts).await
    }

    /// `taken_at`: monotonic time from which the lease lasts.
    async fn renew_until_gone<T>(&self, name: &str, mut taken_at: Duration) -> Held<T> {
        loop {
            sleep(self.pace.lease_asked_every).await;
            let asked_at = self.clock.monotonic();
            let Some(left) = (taken_at + self.pace.lease_lasts).checked_sub(asked_at) else {
                return Held::RanOut;
            };
            match timeout(left, self.ask(name)).await {
                Ok(Ok(true)) => taken_at = asked_at,
                Ok(Ok(false)) => return Held::Lost,
                Err(_) => return Held::RanOut,
                Ok(Err(error)) => tracing::warn!(lease = name, %error, "lease not renewed; it is tried again"),
            }
        }
    }
}
