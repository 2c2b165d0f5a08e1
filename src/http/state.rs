//! What every handler can reach.

use std::ops::Deref;
use std::sync::Arc;

use super::config::HttpConfig;
use super::kept::KeptAnswers;
use super::key_uses::KeyUses;
use super::known_findings::KnownFindings;
use super::rate::RateLimiter;
use super::shares::Shares;
use crate::base::Day;
use crate::base::clock::Clock;
use crate::domains::Domains;
use crate::enrich::{LiveTables, NamesFiles};
use crate::health::Health;
use crate::ingest::Intake;
use crate::metrics::Metrics;
use crate::notify::{ChannelOptions, Targets};
use crate::outbound::{Guard, OutboundSettings};
use crate::store::Store;

/// What every handler can reach. It is cloned for each layer of each request, which costs one count.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Parts>);

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What an [`AppState`] gives access to.
#[derive(Debug, Clone)]
pub struct Parts {
    pub store: Store,
    pub intake: Intake,
    pub domains: Domains,
    pub clock: Clock,
    pub metrics: Metrics,
    /// The state of the feeds that this node reads.
    pub health: Health,
    pub config: Arc<HttpConfig>,
    /// What names of senders come from.
    pub tables: Arc<LiveTables>,
    pub targets: Targets,
    pub(super) limiter: Arc<RateLimiter>,
    /// What is posted without a key, by peer and by domain.
    pub(super) posts: Arc<RateLimiter>,
    pub(super) shares: Arc<Shares>,
    pub(super) kept: KeptAnswers,
    pub(super) key_uses: KeyUses,
    pub(super) findings: KnownFindings,
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
        // Strict, and without a client: nothing is sent.
        let guard = Guard::new(OutboundSettings::default(), None);
        Self(Arc::new(Parts {
            targets: Targets::new(&domains, metrics.clone(), guard, None, ChannelOptions::default()),
            limiter: Arc::new(RateLimiter::new(config.rate)),
            posts: Arc::new(RateLimiter::new(config.post_rate)),
            shares: Arc::new(Shares::new(&config)),
            kept: KeptAnswers::new(config.kept_answers_per_account_bytes_max),
            key_uses: KeyUses::default(),
            findings: KnownFindings::default(),
            config: Arc::new(config),
            tables: Arc::new(LiveTables::new(NamesFiles::default())),
            store,
            intake,
            domains,
            clock,
            metrics,
            health: Health::default(),
        }))
    }

    /// The current UTC day.
    pub(super) fn today(&self) -> Day {
        Day::from_unix(self.clock.now().div_euclid(1_000))
    }

    fn with(self, change: impl FnOnce(&mut Parts)) -> Self {
        let mut parts = Arc::unwrap_or_clone(self.0);
        change(&mut parts);
        Self(Arc::new(parts))
    }

    /// With names from these tables, and not only from those that are compiled in.
    pub fn with_tables(self, tables: Arc<LiveTables>) -> Self {
        self.with(|parts| parts.tables = tables)
    }

    /// With webhooks and channels that are connected to.
    pub fn with_targets(self, targets: Targets) -> Self {
        self.with(|parts| parts.targets = targets)
    }

    /// With the state of this node's feeds.
    pub fn with_health(self, health: Health) -> Self {
        self.with(|parts| parts.health = health)
    }
}
