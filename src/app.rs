//! Wiring: what is started in which order, and stopped in the other.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::clock::Clock;
use crate::config::{Config, MetricsReaders};
use crate::domains::{self, IDENTIFIER_RANDOM_BYTES, ServiceNames};
use crate::http::{self, AppState, HttpConfig, MetricsAccess, Rate};
use crate::ingest::{FreshDomain, Intake, IntakeOptions, ProcessLimits};
use crate::keys::ApiSecret;
use crate::metrics::Metrics;
use crate::page;
use crate::report::{self, DomainName};
use crate::store::{
    Account, ApiKey, Domain, DomainId, Location, NewDomain, NewKey, Permission, Purged, Region, Retention, Store,
    StoreError, TlsMode,
};
use crate::unpack;

const PURGE_EVERY: Duration = Duration::from_secs(3_600);
const DATABASE_FILE: &str = "tallymark.sqlite";

/// The database and the intake, running.
#[derive(Debug)]
pub struct App {
    pub config: Config,
    pub clock: Clock,
    pub store: Store,
    pub intake: Intake,
    metrics: Metrics,
    batches: JoinHandle<()>,
}

/// Where the database is.
pub fn database(config: &Config) -> Result<Location, StoreError> {
    let database = &config.database;
    if database.url.is_empty() {
        return Ok(Location::File(database.dir.join(DATABASE_FILE)));
    }
    Location::parse(&database.url)
}

impl App {
    /// Opens the database, making it and its folder if they are missing, and starts the intake.
    pub async fn open(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let location = database(&config)?;
        if let Location::File(path) = &location
            && let Some(dir) = path.parent()
        {
            make_private_dir(dir).with_context(|| format!("folder {} cannot be made", dir.display()))?;
        }
        let store = Store::open(location.clone())
            .await
            .with_context(|| format!("database {location}"))?;
        let metrics = Metrics::new();
        let options = intake_options(&config);
        let (intake, batches) = Intake::start(clock.clone(), store.clone(), metrics.clone(), options);
        Ok(Self {
            config,
            clock,
            store,
            intake,
            metrics,
            batches,
        })
    }

    /// Serves the API until the process is told to stop (SIGINT, SIGTERM), then stops everything.
    pub async fn serve(self, listener: TcpListener) -> anyhow::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let told_to_stop = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            tracing::info!("stopping: running requests are answered first");
        };
        let state = AppState::new(
            self.store.clone(),
            self.intake.clone(),
            self.clock.clone(),
            self.metrics.clone(),
            http_config(&self.config),
        );
        let purging = tokio::spawn(purge_again_and_again(
            self.store.clone(),
            self.clock.clone(),
            retention(&self.config),
        ));
        let router = page::router(http::router(state), self.store.clone(), self.clock.clone());
        let served = http::serve(listener, router, told_to_stop).await;
        purging.abort();
        // It may hold a connection to the database until it has ended.
        let _ = purging.await;
        self.close().await;
        tracing::info!("stopped");
        Ok(served?)
    }

    /// Finishes what was taken in, then closes the database.
    pub async fn close(self) {
        // The batches end when the last way in is gone; what waits is committed first.
        drop(self.intake);
        if self.batches.await.is_err() {
            tracing::error!("the intake broke down while it was stopping");
        }
        self.store.close().await;
    }

    /// The host names that domains must point to.
    pub fn names(&self) -> ServiceNames {
        service_names(&self.config)
    }

    /// Adds a domain with everything at its default; the caller then lets the intake claim its reports.
    pub async fn add_domain(&self, account: &Account, name: DomainName) -> Result<Domain, StoreError> {
        let FreshDomain { public_id, rua_token } = fresh_domain();
        let domain = NewDomain {
            public_id,
            name,
            region: Region::EuWest1,
            tls_mode: TlsMode::Opportunistic,
            open_tracking: false,
            click_tracking: false,
            custom_return_path: None,
            rua_token,
        };
        self.store.add_domain(account.id, domain, self.clock.now()).await
    }

    /// Makes a key; the secret is nowhere else.
    pub async fn add_key(
        &self,
        account: &Account,
        name: &str,
        permission: Permission,
        domain: Option<DomainId>,
    ) -> anyhow::Result<(ApiSecret, ApiKey)> {
        let mut random = [0; ApiSecret::RANDOM_BYTES];
        getrandom::fill(&mut random).context("the system gives no random numbers")?;
        let secret = ApiSecret::generate(account.mode, &random);
        let key = NewKey {
            name: name.to_owned(),
            permission,
            domain,
            prefix: secret.prefix().to_owned(),
            hash: secret.hash(),
        };
        let key = self.store.add_key(account.id, key, self.clock.now()).await?;
        Ok((secret, key))
    }
}

/// What unpacking and parsing one message may cost.
pub fn process_limits(config: &Config) -> ProcessLimits {
    let limits = &config.limits;
    ProcessLimits {
        unpack: unpack::Limits {
            mime_depth_max: limits.mime_depth_max,
            mime_parts_max: limits.mime_parts_max,
            rfc822_levels_max: limits.rfc822_levels_max,
            header_bytes_max: limits.header_bytes_max,
            header_fields_max: limits.header_fields_max,
            archive_entries_max: limits.archive_entries_max,
            archive_nesting_max: limits.archive_nesting_max,
            archive_bytes_max: limits.archive_bytes_max,
            xml_bytes_max: limits.xml_bytes_max,
            inflated_bytes_max: limits.inflated_bytes_max,
        },
        report: report::Limits {
            event_bytes_max: limits.event_bytes_max,
            depth_max: limits.xml_depth_max,
            attributes_max: limits.attributes_max,
            records_max: limits.records_max,
            evidence_max: limits.evidence_max,
            results_max: limits.results_max,
            ..report::Limits::default()
        },
        time_max: Duration::from_secs(limits.seconds_max),
        ..ProcessLimits::default()
    }
}

fn http_config(config: &Config) -> HttpConfig {
    let http = &config.http;
    HttpConfig {
        api_body_bytes_max: http.api_body_bytes_max,
        upload_bytes_max: http.upload_bytes_max,
        uploads_in_flight_bytes_max: http.uploads_in_flight_bytes_max,
        page_size_default: http.page_size_default,
        page_size_max: http.page_size_max,
        rate: (http.rate_per_second > 0).then_some(Rate {
            per_second: http.rate_per_second,
            burst: http.rate_burst,
        }),
        answer_time_max: Duration::from_secs(http.answer_seconds_max),
        exports_max: http.exports_max,
        metrics: match http.metrics {
            MetricsReaders::Loopback => MetricsAccess::Loopback,
            MetricsReaders::Everybody => MetricsAccess::Everybody,
            MetricsReaders::Nobody => MetricsAccess::Nobody,
        },
        ..HttpConfig::new(service_names(config))
    }
}

fn service_names(config: &Config) -> ServiceNames {
    ServiceNames::of_one_node(config.service.host.name(), config.service.rua_host.name())
}

fn intake_options(config: &Config) -> IntakeOptions {
    IntakeOptions {
        limits: process_limits(config),
        queue_messages_max: config.intake.queue_messages_max,
        batch_messages_max: config.intake.batch_messages_max,
        batch_bytes_max: config.intake.batch_bytes_max,
        threads: config.intake.threads,
        keep_originals: config.retention.originals_days > 0,
        ..IntakeOptions::new(fresh_domain)
    }
}

fn retention(config: &Config) -> Retention {
    Retention {
        originals_days: config.retention.originals_days,
        records_days: config.retention.records_days,
        set_aside_days: config.retention.set_aside_days,
    }
}

/// Drops what is too old, soon after the start and then every hour.
async fn purge_again_and_again(store: Store, clock: Clock, retention: Retention) {
    let mut hourly = tokio::time::interval(PURGE_EVERY);
    hourly.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hourly.tick().await;
        match store.purge(retention, clock.now()).await {
            Ok(purged) if purged == Purged::default() => {}
            Ok(purged) => tracing::info!(
                originals = purged.originals,
                reports = purged.reports,
                set_aside = purged.set_aside,
                "dropped what is older than it is to be kept"
            ),
            Err(error) => tracing::error!(%error, "what is too old could not be dropped; it is tried again"),
        }
    }
}

/// Random names for a new domain row.
fn fresh_domain() -> FreshDomain {
    let random = || {
        let mut random = [0; IDENTIFIER_RANDOM_BYTES];
        getrandom::fill(&mut random).expect("a system without random numbers runs nothing that is secure");
        random
    };
    FreshDomain {
        public_id: domains::public_id(&random()),
        rua_token: domains::rua_token(&random()),
    }
}

/// Reports say who writes to whom: the folder is for its owner alone.
fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}
