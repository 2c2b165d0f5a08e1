//! Background jobs: each runs periodically, on the node that has its lease.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Held, Leases, jittered};
use crate::base::{Millis, text};
use crate::metrics::{JobOutcome, Metrics};

/// How much a pause between two runs varies: nodes, and jobs of one period, do not come all at once.
const SPREAD_PERMILLE: u32 = 100;

/// Why a run of a job failed.
pub type JobError = Box<dyn Error + Send + Sync>;

/// Runs jobs until it is stopped.
#[derive(Debug)]
pub struct Jobs {
    node: Arc<Node>,
    running: TaskTracker,
}

/// What every job of this node needs.
#[derive(Debug)]
struct Node {
    leases: Leases,
    metrics: Metrics,
    stop: CancellationToken,
}

impl Jobs {
    /// Nothing runs yet.
    pub fn new(leases: Leases, metrics: Metrics) -> Self {
        let stop = CancellationToken::new();
        Self {
            node: Arc::new(Node { leases, metrics, stop }),
            running: TaskTracker::new(),
        }
    }

    /// Runs `work` on the node that has the job's lease, when it gets the lease and then every `period`, a tenth more or
    /// less, counted from the end of one run to the begin of the next. `work` is given *now*; it is dropped where it
    /// waits when the lease is lost or the node stops. An error is logged and counted, and so is a panic.
    pub fn start<Work, Run>(&self, name: &'static str, period: Duration, work: Work)
    where
        Work: Fn(Millis) -> Run + Send + Sync + 'static,
        Run: Future<Output = Result<(), JobError>> + Send,
    {
        self.start_after(name, Duration::ZERO, period, work);
    }

    /// As [`Self::start`]; the first run is `first` after the node got the lease.
    pub fn start_after<Work, Run>(&self, name: &'static str, first: Duration, period: Duration, work: Work)
    where
        Work: Fn(Millis) -> Run + Send + Sync + 'static,
        Run: Future<Output = Result<(), JobError>> + Send,
    {
        let node = Arc::clone(&self.node);
        self.running.spawn(async move {
            node.stop
                .run_until_cancelled(node.keep(name, first, period, &work))
                .await;
            node.metrics.set_job_not_held(name);
            node.leases.give_back(name).await;
        });
    }

    /// Ends every job where it waits, and releases the leases.
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
        Run: Future<Output = Result<(), JobError>>,
    {
        loop {
            let working = async {
                self.metrics.set_job_held(name);
                sleep(first).await;
                self.run_periodically(name, period, work).await
            };
            match self.leases.hold(name, working).await {
                Ok(Held::Elsewhere) => {}
                Ok(Held::Done(never)) => match never {},
                Ok(Held::Lost | Held::RanOut) => {
                    self.metrics.set_job_not_held(name);
                    tracing::warn!(
                        job = name,
                        "job stopped: this node lost its lease, and another may do the job now"
                    );
                }
                Err(error) => tracing::warn!(job = name, %error, "no lease can be taken; it is tried again"),
            }
            sleep(self.leases.pace.lease_asked_every).await;
        }
    }

    async fn run_periodically<Work, Run>(
        &self,
        name: &'static str,
        period: Duration,
        work: &Work,
    ) -> std::convert::Infallible
    where
        Work: Fn(Millis) -> Run,
        Run: Future<Output = Result<(), JobError>>,
    {
        let Leases {
            clock, pace, random, ..
        } = &self.leases;
        loop {
            let began = clock.monotonic();
            // A panic ends this run and no other; what it wrote and did not commit is rolled back.
            let ended = AssertUnwindSafe(work(clock.now())).catch_unwind().await;
            let took = clock.monotonic().saturating_sub(began);
            match &ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(
                        job = name,
                        error = text::causes(&**error),
                        "a job failed; it is tried again"
                    );
                }
                Err(_) => tracing::error!(job = name, "a job panicked; it is tried again"),
            }
            let (outcome, pause) = match ended {
                Ok(Ok(())) => (JobOutcome::Done, period),
                Ok(Err(_)) | Err(_) => (JobOutcome::Failed, period.min(pace.retry_after)),
            };
            self.metrics.observe_job(name, outcome, took);
            sleep(jittered(pause, SPREAD_PERMILLE, random())).await;
        }
    }
}
