//! Background jobs: each on one node at a time, and on another within a minute when that node dies.
//!
//! A job's lease is a row in the database ([`Store::take_lease`]); every node asks for it repeatedly, and the one
//! that has it runs the job and renews. A node that stops gives its leases back. What a job does must bear being done
//! twice: a node that stood still learns only when it goes on that its lease has gone.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::random;
use crate::base::Millis;
use crate::base::clock::Clock;
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};

/// How leases are kept.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// From taking or renewing a lease until another node may have it. Much longer than nodes' clocks may differ.
    pub lease_lasts: Duration,
    /// Between two tries to take a lease, or to renew it. After a node's death a job moves within both together.
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

/// Runs jobs until it is stopped.
#[derive(Debug)]
pub struct Jobs {
    node: Arc<Node>,
    running: TaskTracker,
}

/// What every job of this node needs.
#[derive(Debug)]
struct Node {
    store: Store,
    clock: Clock,
    metrics: Metrics,
    pace: Pace,
    /// Of this process alone: two nodes of one name, or one that was started again, are not taken for each other.
    holder: String,
    stop: CancellationToken,
}

impl Jobs {
    /// Nothing runs yet. `name` says to people which node it is.
    pub fn new(store: Store, clock: Clock, metrics: Metrics, name: &str, pace: Pace) -> Self {
        let node = Node {
            store,
            clock,
            metrics,
            pace,
            holder: format!("{name} {:016x}", u64::from_ne_bytes(random())),
            stop: CancellationToken::new(),
        };
        Self {
            node: Arc::new(node),
            running: TaskTracker::new(),
        }
    }

    /// Runs `work` on the node that has the job's lease, when it gets the lease and then every `period`, a tenth more or
    /// less, counted from the end of one run to the begin of the next. `work` is given *now*; it is dropped where it
    /// waits when the lease is lost or the node stops. An error is logged and counted, and so is a panic.
    pub fn start<Work, Run>(&self, name: &'static str, period: Duration, work: Work)
    where
        Work: Fn(Millis) -> Run + Send + Sync + 'static,
        Run: Future<Output = anyhow::Result<()>> + Send,
    {
        self.start_after(name, Duration::ZERO, period, work);
    }

    /// As [`Self::start`]; the first run is `first` after the node got the lease.
    pub fn start_after<Work, Run>(&self, name: &'static str, first: Duration, period: Duration, work: Work)
    where
        Work: Fn(Millis) -> Run + Send + Sync + 'static,
        Run: Future<Output = anyhow::Result<()>> + Send,
    {
        let node = Arc::clone(&self.node);
        self.running.spawn(async move {
            node.stop
                .run_until_cancelled(node.keep(name, first, period, &work))
                .await;
            node.metrics.set_job_held(name, false);
            match timeout(
                node.pace.lease_asked_every,
                node.store.release_lease(name, &node.holder),
            )
            .await
            {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(job = name, %error, "the lease runs out by itself"),
                Err(_) => tracing::warn!(job = name, "the database does not answer; the lease runs out by itself"),
            }
        });
    }

    /// Ends every job where it waits and gives the leases back.
    pub async fn stop(self) {
        self.node.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }
}

impl Node {
    /// Asks for the lease, and works while it has it.
    async fn keep<Work, Run>(&self, name: &'static str, first: Duration, period: Duration, work: &Work)
    where
        Work: Fn(Millis) -> Run,
        Run: Future<Output = anyhow::Result<()>>,
    {
        loop {
            let asked = self.clock.monotonic();
            match self.ask(name).await {
                Ok(true) => {
                    self.metrics.set_job_held(name, true);
                    tokio::select! {
                        // First, so that a node that stood still sees that its lease has gone before it goes on.
                        biased;
                        () = self.renew_until_lost(name, asked) => {}
                        () = async {
                            sleep(first).await;
                            self.work_again_and_again(name, period, work).await;
                        } => {}
                    }
                    self.metrics.set_job_held(name, false);
                    tracing::warn!(job = name, "this node lost the lease; another may do the job now");
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(job = name, %error, "no lease can be taken; it is tried again"),
            }
            sleep(self.pace.lease_asked_every).await;
        }
    }

    async fn ask(&self, name: &str) -> Result<bool, StoreError> {
        let lasts = Millis::try_from(self.pace.lease_lasts.as_millis()).unwrap_or(Millis::MAX);
        self.store.take_lease(name, &self.holder, self.clock.now(), lasts).await
    }

    /// `taken`: monotonic time from which the lease lasts.
    async fn renew_until_lost(&self, name: &str, mut taken: Duration) {
        loop {
            sleep(self.pace.lease_asked_every).await;
            let asked = self.clock.monotonic();
            let Some(left) = (taken + self.pace.lease_lasts).checked_sub(asked) else {
                return;
            };
            match timeout(left, self.ask(name)).await {
                Ok(Ok(true)) => taken = asked,
                Ok(Ok(false)) | Err(_) => return,
                Ok(Err(error)) => tracing::warn!(job = name, %error, "the lease cannot be renewed; it is tried again"),
            }
        }
    }

    async fn work_again_and_again<Work, Run>(&self, name: &'static str, period: Duration, work: &Work)
    where
        Work: Fn(Millis) -> Run,
        Run: Future<Output = anyhow::Result<()>>,
    {
        loop {
            let began = self.clock.monotonic();
            // A panic ends this run and no other; what it wrote and did not commit is rolled back.
            let ended = AssertUnwindSafe(work(self.clock.now())).catch_unwind().await;
            let took = self.clock.monotonic().saturating_sub(began);
            let done = match ended {
                Ok(Ok(())) => true,
                Ok(Err(error)) => {
                    tracing::error!(
                        job = name,
                        error = super::reasons(&error),
                        "a job failed; it is tried again"
                    );
                    false
                }
                Err(_) => {
                    tracing::error!(job = name, "a job panicked; it is tried again");
                    false
                }
            };
            self.metrics.observe_job(name, done, took);
            let pause = if done {
                period
            } else {
                period.min(self.pace.retry_after)
            };
            // Nodes, and jobs of one period, do not come all at once.
            let tenths = f64::from(u32::from_ne_bytes(random())) / f64::from(u32::MAX) * 0.2;
            sleep(pause.mul_f64(0.9 + tenths)).await;
        }
    }
}
