//! What every handler can reach.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::key_uses::KeyUses;
use super::rate::{Rate, RateLimiter};
use crate::clock::Clock;
use crate::domains::Domains;
use crate::health::Health;
use crate::ingest::Intake;
use crate::metrics::Metrics;
use crate::store::Store;

/// The limits and names of the API.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// A body that is no upload, bytes.
    pub api_body_bytes_max: usize,
    /// An uploaded report or mail, or several in one form, bytes.
    pub upload_bytes_max: usize,
    /// All uploads that are being received or stored, bytes; further ones wait.
    pub uploads_in_flight_bytes_max: usize,
    /// Rows on a page if the client does not say.
    pub page_size_default: u32,
    /// Larger wishes are cut down to this.
    pub page_size_max: u32,
    /// For each key; `None` is no limit.
    pub rate: Option<Rate>,
    /// From the last byte of the body to the first byte of the answer.
    pub answer_time_max: Duration,
    /// From the head of the request to the last byte of its body.
    pub body_time_max: Duration,
    /// How long a client that reads an export may stop reading.
    pub export_stall_time_max: Duration,
    /// Exports at the same time: each has thousands of rows in memory, and asks the database without a pause.
    pub exports_max: usize,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
}

/// Who may read `/metrics`: figures, no report text, but they tell how busy an installation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Who connects from this machine, and not on behalf of somebody else (a proxy says so by its headers).
    Loopback,
    Everybody,
    Nobody,
}

/// What every handler can reach. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub store: Store,
    pub intake: Intake,
    pub domains: Domains,
    pub clock: Clock,
    pub metrics: Metrics,
    /// How the sources are doing that this node reads by itself.
    pub health: Health,
    pub config: Arc<HttpConfig>,
    pub(super) limiter: Arc<RateLimiter>,
    /// In KiB.
    pub(super) uploads: Arc<Semaphore>,
    pub(super) exports: Arc<Semaphore>,
    pub(super) key_uses: KeyUses,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            api_body_bytes_max: 64 * 1024,
            upload_bytes_max: 25 * 1024 * 1024,
            uploads_in_flight_bytes_max: 256 * 1024 * 1024,
            page_size_default: 20,
            page_size_max: 100,
            rate: Some(Rate {
                per_second: 20,
                burst: 200,
            }),
            answer_time_max: Duration::from_secs(60),
            body_time_max: Duration::from_secs(120),
            export_stall_time_max: Duration::from_secs(60),
            exports_max: 8,
            metrics: MetricsAccess::Loopback,
        }
    }
}

impl AppState {
    /// Everything the API needs; `metrics` is the same handle that the other rooms count with.
    pub fn new(
        store: Store,
        intake: Intake,
        domains: Domains,
        clock: Clock,
        metrics: Metrics,
        config: HttpConfig,
    ) -> Self {
        // At least one upload of full size must fit, else it would wait for ever.
        let uploads_bytes = config.uploads_in_flight_bytes_max.max(config.upload_bytes_max);
        Self {
            limiter: Arc::new(RateLimiter::new(config.rate)),
            uploads: Arc::new(Semaphore::new(kibibytes(uploads_bytes).min(u32::MAX as usize))),
            key_uses: KeyUses::default(),
            exports: Arc::new(Semaphore::new(config.exports_max)),
            config: Arc::new(config),
            store,
            intake,
            domains,
            clock,
            metrics,
            health: Health::default(),
        }
    }

    /// With what this node's sources say.
    pub fn with_health(self, health: Health) -> Self {
        Self { health, ..self }
    }
}

/// Bytes in KiB, rounded up.
pub(super) fn kibibytes(bytes: usize) -> usize {
    bytes.div_ceil(1024)
}
