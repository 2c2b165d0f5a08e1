//! Wiring: what is started in which order, and stopped in the other.

mod accounts;
mod claims;
mod digests;
mod domain_options;
mod feed_events;
mod feeds;
mod mail;
mod names;
mod options;
mod place;
mod purge;
mod rules;
mod sign_in;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::base::clock::Clock;
use crate::base::{DomainId, DomainName, Millis, Permission, Region, TlsMode};
use crate::config::{Config, Role};
use crate::dns::Dns;
use crate::domains::{Domains, Round, ServiceNames};
use crate::enrich::LiveTables;
use crate::enrich::Ptr;
use crate::health::Health;
use crate::http::{self, AppState};
use crate::ingest::{FreshDomain, Intake, Rechecked};
use crate::insight::end_rotations;
use crate::jobs::{JobError, Jobs, Leases, Pace};
use crate::keys::{ApiSecret, PostToken};
use crate::metrics::Metrics;
use crate::notify::Targets;
use crate::page::{PageOptions, SignInLink};
use crate::store::{Account, ApiKey, Domain, Location, NewDomain, NewKey, Store, StoreError};
use crate::{heap, page};

pub use accounts::{DEMO_ACCOUNT, Unnamed, add_default_account, unnamed_account};
pub use claims::{claim_all, claim_earlier_ones};
pub use digests::tell_digests;
pub use domain_options::service_names;
use domain_options::{fresh_domain, random};
pub use mail::Mail;
pub use options::{names_files, process_limits, tables};
pub use place::{ServerLock, database, free_bytes, is_there, may_write, not_opened};
pub use purge::{Purge, Purging};

const HOUR: Duration = Duration::from_secs(3_600);
/// Interval between searches for due domains. Each domain has its own due time.
const CHECK_EVERY: Duration = Duration::from_secs(30);
/// Interval between searches for unclaimed reports whose domain exists.
const CLAIM_EVERY: Duration = Duration::from_secs(300);
/// Interval between searches for held reports that are due for another check.
const RECHECK_EVERY: Duration = Duration::from_secs(300);
/// Interval between two pieces of other mail that an upgrade has read again.
const REREAD_EVERY: Duration = Duration::from_secs(30);
/// Interval between searches for sending addresses that new reports mention, and the first after the start: what is loaded
/// at the start comes first.
const PTR_EVERY: Duration = Duration::from_secs(300);
/// How often reports are asked whether a DKIM key is still in use. They come once a day as a rule.
const ROTATIONS_EVERY: Duration = Duration::from_secs(6 * 3_600);
const PTR_AFTER: Duration = Duration::from_secs(60);

/// The database and the intake, running.
#[derive(Debug)]
pub struct App {
    pub config: Config,
    pub clock: Clock,
    pub store: Store,
    pub intake: Intake,
    pub domains: Domains,
    pub targets: Targets,
    /// The link that signs in once.
    sign_in_link: Option<SignInLink>,
    metrics: Metrics,
    batches: JoinHandle<()>,
}

/// The signals that stop the process.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Held only so that SIGHUP does not end the process. Each component that reloads has its own listener.
    _hangup: Signal,
}

impl App {
    /// Opens the database, creating it and its folder if they are missing, and starts the intake.
    pub async fn open(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let location = database(&config)?;
        if let Location::File(path) = &location
            && let Some(dir) = path.parent()
        {
            place::make_private_dir(dir)?;
        }
        // Before the database, so that a wrong setting does not create one.
        let options = options::intake(&config, options::authenticator(&config));
        let store = Store::open_with(location.clone(), config.database.connections)
            .await
            .map_err(|error| place::not_opened(&location, error))?;
        let metrics = Metrics::new();
        let domains = domain_options::domains(&config, &store).await?;
        if let Some(trouble) = &domains.key_trouble {
            tracing::warn!("{trouble}");
        }
        let domains = Domains::new(store.clone(), clock.clone(), metrics.clone(), domains);
        let targets = targets::targets(&config, &domains, &metrics);
        let (intake, batches) = Intake::start(clock.clone(), store.clone(), metrics.clone(), options);
        Ok(Self {
            config,
            clock,
            store,
            intake,
            domains,
            targets,
            sign_in_link: None,
            metrics,
            batches,
        })
    }

    /// Listens for signals; to be called before this process says that it serves. Until then SIGTERM and SIGHUP
    /// end it on the spot.
    pub fn signals() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Serves the roles of this node until SIGINT or SIGTERM, then stops everything. Running requests and messages
    /// are finished first.
    pub async fn serve(self, mut signals: Signals, listener: TcpListener, mail: Option<Mail>) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let told_to_stop = async {
            tokio::select! {
                _ = signals.interrupt.recv() => {}
                _ = signals.terminate.recv() => {}
            }
            tracing::info!("stopping: running requests are answered first");
            stop.cancel();
        };
        let connections = self.config.http.connections.clone();
        let health = Health::default();
        let (spool, store) = (mail.as_ref().map(Mail::disk_look), self.store.clone());
        health.watch_disk(move || {
            let is_spool_short = spool.as_ref().is_some_and(|is_short| is_short());
            store.is_disk_short() || is_spool_short
        });
        self.store.keep_ballast();
        let tables = Arc::new(LiveTables::new(options::names_files(&self.config)));
        names::read_changed(&tables, &self.metrics);
        let state = AppState::new(
            self.store.clone(),
            self.intake.clone(),
            self.domains.clone(),
            self.clock.clone(),
            self.metrics.clone(),
            options::http(&self.config),
        )
        .with_health(health.clone())
        .with_targets(self.targets.clone())
        .with_tables(Arc::clone(&tables));
        let router = if self.does(Role::Api) {
            let options = PageOptions {
                sign_in_link: self.sign_in_link.clone(),
                ..options::page(&self.config)
            };
            page::router_with(http::router(state), self.store.clone(), self.clock.clone(), options)
        } else {
            http::service_router(state)
        };
        let jobs = Jobs::new(self.leases(), self.metrics.clone());
        if self.does(Role::Jobs) {
            self.start_jobs(&jobs).await;
            rules::start_job(&jobs, &self.store, &tables);
            digests::start_job(&jobs, &self.store, &tables);
        }
        // Before mail is received: what the settings get wrong must not cut a conversation off.
        let feeds = match self.does(Role::Imap) {
            true => Some(self.start_feeds(&health).await?),
            false => None,
        };
        let receiving = mail.map(|mail| tokio::spawn(mail.serve(stop.clone())));
        let heap = tokio::spawn(heap::keep_small());
        let naming = tokio::spawn(names::keep_current(tables, self.metrics.clone()));
        let served = http::serve_within(connections, listener, router, told_to_stop).await;
        heap.abort();
        naming.abort();
        stop.cancel();
        if let Some(receiving) = receiving
            && receiving.await.is_err()
        {
            tracing::error!("receiving mail failed while it was stopping");
        }
        if let Some(feeds) = feeds {
            feeds.stop().await;
        }
        jobs.stop().await;
        self.close().await;
        tracing::info!("stopped");
        Ok(served?)
    }

    fn leases(&self) -> Leases {
        let name = options::node_name(&self.config);
        Leases {
            store: self.store.clone(),
            clock: self.clock.clone(),
            pace: Pace::default(),
            // Unique per process: two nodes with one name, or a node and its restart, have different holders.
            holder: format!("{name} {:016x}", u64::from_ne_bytes(random())),
            random: || u64::from_ne_bytes(random()),
        }
    }

    fn does(&self, role: Role) -> bool {
        self.config.node.roles.contains(&role)
    }

    /// Every background job, with how often it runs.
    async fn start_jobs(&self, jobs: &Jobs) {
        let purging = Arc::new(self.purging());
        if let Err(error) = purging.begin().await {
            tracing::warn!(%error, "cannot tell which data retention may delete; the job tries again in an hour");
        }
        jobs.start_after("purge", purge::PURGE_EVERY, purge::PURGE_EVERY, move |_| {
            let purging = Arc::clone(&purging);
            async move { Ok(purging.run().await.map(drop)?) }
        });
        let store = self.store.clone();
        jobs.start("idempotency", HOUR, move |now| {
            let store = store.clone();
            async move {
                let purged = store.purge_requests(http::forgotten(now)).await?;
                tracing::debug!(purged, "deleted stored answers that are older than a day");
                Ok(())
            }
        });
        targets::start_jobs(jobs, &self.store, &self.targets, self.config.notify.deliveries_days);
        let (store, intake) = (self.store.clone(), self.intake.clone());
        jobs.start("claims", CLAIM_EVERY, move |_| {
            let (store, intake) = (store.clone(), intake.clone());
            async move { claim(&store, &intake).await }
        });
        let intake = self.intake.clone();
        jobs.start("rereads", REREAD_EVERY, move |_| {
            let intake = intake.clone();
            async move { claims::read_again(&intake).await }
        });
        if self.intake.can_check() {
            let intake = self.intake.clone();
            jobs.start("rechecks", RECHECK_EVERY, move |now| {
                let intake = intake.clone();
                async move { check_again(&intake, now).await }
            });
        }
        if self.domains.can_check() {
            let domains = self.domains.clone();
            jobs.start("domains", CHECK_EVERY, move |_| {
                let domains = domains.clone();
                async move { check_domains(&domains).await }
            });
        }
        let store = self.store.clone();
        jobs.start("rotations", ROTATIONS_EVERY, move |now| {
            let store = store.clone();
            async move { Ok(end_rotations(&store, now).await.map(drop)?) }
        });
        if let Some(ptr) = self.ptr() {
            let ptr = Arc::new(ptr);
            jobs.start_after("ptr", PTR_AFTER, PTR_EVERY, move |_| {
                let ptr = Arc::clone(&ptr);
                async move { Ok(ptr.run().await?) }
            });
        }
    }

    /// The job that asks for the names of sending addresses; `None` if the settings do not want it, or there are no name
    /// servers to ask.
    pub fn ptr(&self) -> Option<Ptr> {
        let enrich = &self.config.enrich;
        let dns = enrich.ptr.then(|| Dns::new(&self.config.domains.dns))?;
        let dns = dns.inspect_err(|error| {
            tracing::warn!(%error, "the names of sending addresses are not asked for; set domains.resolvers");
        });
        let (clock, metrics) = (self.clock.clone(), self.metrics.clone());
        let options = enrich.ptr_options.clone();
        Some(Ptr::new(self.store.clone(), dns.ok()?, clock, metrics, options))
    }

    /// The job that deletes data older than retention allows.
    pub fn purging(&self) -> Purging {
        let retention = self.config.retention.kept;
        Purging::new(self.store.clone(), self.clock.clone(), self.metrics.clone(), retention)
    }

    /// Finishes the accepted messages, then closes the database.
    pub async fn close(self) {
        // The batches end when the last intake is dropped. Waiting messages are committed first.
        drop(self.intake);
        if self.batches.await.is_err() {
            tracing::error!("the intake failed while it was stopping");
        }
        self.store.close().await;
    }

    /// Logs the settings that the operator must make before everything works.
    pub fn log_advice(&self) {
        for advice in self.domains.names().advice() {
            tracing::warn!("{advice}");
        }
    }

    /// The hostnames that domains must point to.
    pub fn names(&self) -> ServiceNames {
        self.domains.names().clone()
    }

    /// Gives a domain another address at which TLS reports are posted. `None` if the domain was removed meanwhile.
    pub async fn add_tls_token(&self, domain: &Domain) -> Result<Option<PostToken>, StoreError> {
        let token = PostToken::generate(&random());
        let put = (&token.hash(), self.clock.now());
        let is_put = self.store.put_tls_token(domain.account, domain.id, Some(put)).await?;
        Ok(is_put.then_some(token))
    }

    /// Adds a domain with default settings. The caller then lets the intake claim its reports.
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

    /// Creates a key. The secret is stored nowhere.
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

/// Checks the domains that are due.
async fn check_domains(domains: &Domains) -> Result<(), JobError> {
    let Round { checked, changed } = domains.check_due().await?;
    if checked > 0 {
        tracing::info!(checked, changed, "checked the DNS records of domains");
    }
    Ok(())
}

/// Counts unclaimed reports whose domain exists.
async fn claim(store: &Store, intake: &Intake) -> Result<(), JobError> {
    let messages = claim_all(store, intake).await?;
    if messages > 0 {
        tracing::info!(messages, "replayed messages with unclaimed reports whose domain exists");
    }
    Ok(())
}

/// Checks the mails of held reports again, where they could not be authenticated.
async fn check_again(intake: &Intake, now: Millis) -> Result<(), JobError> {
    let Rechecked {
        released,
        held,
        undecided,
    } = intake.check_again(now).await?;
    if released + held + undecided > 0 {
        tracing::info!(released, held, undecided, "checked the mails of held reports again");
    }
    Ok(())
}
