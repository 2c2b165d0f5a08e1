//! What the API, the commands and the jobs do with a domain's DNS: one handle with everything they need for it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::check::{KeyInDns, PublishedSpf, SpfTrial};
use super::dkim;
use super::keyring::{Keyring, KeyringError};
use super::records::{DnsRecord, ServiceNames, advice, records, rua_address};
use super::rotation::RotationOptions;
use super::{check, rotation, standing};
use crate::base::clock::Clock;
use crate::base::{DomainName, DomainStatus, Purpose};
use crate::dns::{Dns, Freshness};
use crate::metrics::Metrics;
use crate::store::{
    DkimKey, Domain, DomainDns, DomainFinding, IpAddress, Kept, KeyRole, NewDkimKey, RotationStep, Store, StoreError,
};

/// What a domain's DNS is looked after with.
#[derive(Debug)]
pub struct DomainsOptions {
    /// What domains must point to.
    pub names: ServiceNames,
    /// `None`: there are no keys for DKIM; domains that have none get none, and none is shown.
    pub keyring: Option<Keyring>,
    /// Where a key is made when one is needed and there is no keyring. `None`: none is made.
    pub new_key_file: Option<PathBuf>,
    /// Why some or all private keys cannot be used, one sentence. Nothing else depends on them.
    pub key_trouble: Option<String>,
    /// `None`: nothing can be checked.
    pub dns: Option<Dns>,
    /// One look at one domain.
    pub check_time_max: Duration,
    /// Domains that the background looks at, at the same time.
    pub domains_in_flight_max: usize,
    /// Domains that the background begins to look at in a second.
    pub domains_per_second_max: u32,
    /// How long a domain takes from one DKIM key to the next.
    pub rotation: RotationOptions,
}

impl DomainsOptions {
    /// Neither keys nor checks.
    pub fn new(names: ServiceNames) -> Self {
        Self {
            names,
            keyring: None,
            new_key_file: None,
            key_trouble: None,
            dns: None,
            check_time_max: Duration::from_secs(9),
            domains_in_flight_max: 64,
            domains_per_second_max: 100,
            rotation: RotationOptions::default(),
        }
    }
}

/// Why something cannot be done with a domain.
#[derive(Debug, thiserror::Error)]
pub enum DomainsError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys that keys are encrypted with.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The installation has no name servers, or no keyring.
    #[error("{0}")]
    NotSetUp(&'static str),
    /// The domain is gone.
    #[error("the domain was removed meanwhile")]
    Gone,
    /// Where the domain stands forbids it. One sentence.
    #[error("{0}")]
    Refused(String),
    /// Name servers did not answer. One sentence.
    #[error("{0}")]
    Unread(String),
    /// The system gives no random numbers, or the process is stopping.
    #[error("no key could be made")]
    NoKey,
}

/// What a domain must publish, and what else its DNS record list depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The required ones first, with what was found of each when it was last looked at.
    pub records: Vec<DnsRecord>,
    /// The address that only it sends from.
    pub dedicated_ip: Option<IpAddress>,
    /// Its own address for reports, without `mailto:`; `None` while the host for reports is not set.
    pub rua_address: Option<String>,
    /// What the operator has to set before all records can be offered, one sentence each.
    pub advice: Vec<String>,
}

/// Looks after domains' DNS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Domains(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    clock: Clock,
    metrics: Metrics,
    options: DomainsOptions,
    /// Keys that are being made: each takes a core.
    making: Semaphore,
    /// Made since the start, because there was none.
    made: OnceLock<Keyring>,
}

/// Keys that are made at the same time.
const MAKING_MAX: usize = 2;

impl Domains {
    /// Ready; sends nothing yet.
    pub fn new(store: Store, clock: Clock, metrics: Metrics, options: DomainsOptions) -> Self {
        Self(Arc::new(Shared {
            store,
            clock,
            metrics,
            options,
            making: Semaphore::new(MAKING_MAX),
            made: OnceLock::new(),
        }))
    }

    /// Why some or all private keys cannot be used, one sentence; `None` if they can.
    pub fn key_trouble(&self) -> Option<&str> {
        self.0.options.key_trouble.as_deref()
    }

    /// The hostnames that domains must point to.
    pub fn names(&self) -> &ServiceNames {
        &self.0.options.names
    }

    /// Whether there are name servers to ask.
    pub fn can_check(&self) -> bool {
        self.0.options.dns.is_some()
    }

    /// Which of these names are in DNS, whatever they have. A name whose answer is unknown is left out; without name servers
    /// all are. Takes as long as one look at a domain at most.
    pub async fn existing(&self, names: &[Box<str>]) -> HashMap<Box<str>, bool> {
        let Some(dns) = &self.0.options.dns else {
            return HashMap::new();
        };
        let time_max = self.0.options.check_time_max;
        let asked = names.iter().map(|name| async move {
            let answer = timeout(time_max, dns.exists(name, Freshness::Shared)).await;
            Some((name.clone(), answer.ok()?.ok()?))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// An SPF record, read as one that the domain publishes, with what DNS says to it now.
    ///
    /// # Errors
    /// One sentence about what makes the text no SPF record.
    pub async fn try_spf(&self, domain: &DomainName, text: &str) -> Result<SpfTrial, String> {
        let options = &self.0.options;
        check::try_spf(options.dns.as_ref(), domain, text, options.check_time_max).await
    }

    /// The SPF record that DNS has for the domain now.
    pub async fn published_spf(&self, domain: &DomainName) -> PublishedSpf {
        let options = &self.0.options;
        check::published_spf(options.dns.as_ref(), domain, options.check_time_max).await
    }

    /// What DNS has at the names of DKIM keys, in their order.
    pub async fn selector_keys(&self, names: &[String]) -> Vec<KeyInDns> {
        let options = &self.0.options;
        check::selector_keys(options.dns.as_ref(), names, options.check_time_max).await
    }

    /// What the domain must publish. A domain without a DKIM key gets one: it is made at the first request.
    ///
    /// # Errors
    /// [`DomainsError::Store`], [`DomainsError::NoKey`].
    pub async fn published(&self, domain: &Domain) -> Result<Published, DomainsError> {
        let mut dns = self.0.store.domain_dns(domain.id).await?;
        let options = &self.0.options;
        let can_seal = options.new_key_file.is_some() || self.keyring().is_some();
        if dns.dkim.is_none() && can_seal && options.names.signs() {
            dns.dkim = self.make_key(domain).await?;
        }
        Ok(self.publish(domain, dns))
    }

    fn publish(&self, domain: &Domain, dns: DomainDns) -> Published {
        let names = self.names();
        let mut records = records(domain, &dns, names);
        for record in &mut records {
            let (sealed, command) = match record.purpose {
                Purpose::Dkim => (dns.dkim.as_ref().map(|key| &key.sealed_with), "dkim-key --renew"),
                Purpose::DkimRotation => (
                    dns.rotation.as_ref().and_then(|key| key.sealed_with.as_ref()),
                    "rotate-dkim --cancel",
                ),
                _ => continue,
            };
            if sealed.is_some_and(|sealed| self.is_lost(sealed)) {
                // A key that cannot sign must not be published.
                record.suggestion = None;
                record.problem = Some(format!(
                    "The private key of this record is lost, because the master key that it was encrypted with is not here. \
                     Bring the master key back, or replace the key: tallymark domains {command} {}",
                    domain.name
                ));
            }
        }
        Published {
            records,
            rua_address: rua_address(domain, names),
            dedicated_ip: dns.dedicated_ip,
            advice: advice(domain, names),
        }
    }

    /// Whether a private key was encrypted with a key that is not here.
    pub(super) fn is_lost(&self, sealed: &[u8]) -> bool {
        self.keyring().is_none_or(|keyring| keyring.knows(sealed).is_err())
    }

    /// Looks at the domain's records now, in at most ten seconds, keeps what was found and moves the domain on. Returns the
    /// domain as it is then.
    ///
    /// # Errors
    /// [`DomainsError::NotSetUp`] without name servers, [`DomainsError::Gone`], [`DomainsError::Store`].
    pub async fn verify(&self, domain: &Domain) -> Result<(Domain, Published), DomainsError> {
        self.published(domain).await?;
        let finding = self.look(domain).await?;
        self.keep(&[finding]).await?;
        let moved = self.0.store.domain_by_id(domain.account, domain.id).await?;
        let moved = moved.ok_or(DomainsError::Gone)?;
        let dns = self.0.store.domain_dns(moved.id).await?;
        let published = self.publish(&moved, dns);
        Ok((moved, published))
    }

    /// The domain's private DKIM key as PEM (PKCS #8), for the mail server that signs with it. A domain that has no key gets
    /// one.
    ///
    /// # Errors
    /// [`DomainsError::NotSetUp`] without a keyring, [`DomainsError::Keyring`] if it is encrypted with another.
    pub async fn private_key(&self, domain: &Domain) -> Result<String, DomainsError> {
        if self.0.store.sealed_dkim_key(domain.id).await?.is_none() {
            self.make_key(domain).await?;
        }
        let sealed = self.0.store.sealed_dkim_key(domain.id).await?;
        let sealed = sealed.ok_or(DomainsError::Gone)?;
        let Some(keyring) = self.keyring() else {
            let place = self.0.options.new_key_file.as_ref();
            let place = place.map_or("domains.master_keys".to_owned(), |path| path.display().to_string());
            return Err(KeyringError::Foreign { place }.into());
        };
        Ok(dkim::pem(&keyring.open(&domain.public_id, &sealed)?))
    }

    /// Gives the domain another key, with a selector of its own: the record of the old one may stay until no mail that was
    /// signed with it is on its way.
    ///
    /// # Errors
    /// [`DomainsError::NotSetUp`] and [`DomainsError::Keyring`] if no key can be encrypted, [`DomainsError::Gone`] if the
    /// domain is gone or another has renewed its key at the same time.
    pub async fn renew_key(&self, domain: &Domain) -> Result<(), DomainsError> {
        let store = &self.0.store;
        let (known, old) = (
            store.domain_dns(domain.id).await?.dkim,
            store.sealed_dkim_key(domain.id).await?,
        );
        let (Some(known), Some(old)) = (known, old) else {
            return self.make_key(domain).await.map(drop);
        };
        let made = known.selectors_made + 1;
        let key = self.fresh_key(domain, dkim::selector(made)).await?;
        let is_done = store
            .replace_dkim_key(domain.id, (&old, made), &key, self.0.clock.now())
            .await?;
        is_done.then_some(()).ok_or(DomainsError::Gone)
    }

    /// Encrypts every private key with the keyring's first key that is not yet. Returns their number. One that the keyring cannot
    /// decrypt stays as it is: see [`Self::lost_keys`].
    ///
    /// # Errors
    /// [`DomainsError::Store`]; [`DomainsError::Keyring`] if the library fails.
    pub async fn reseal(&self) -> Result<u64, DomainsError> {
        let Some(keyring) = self.keyring() else {
            return Ok(0);
        };
        let mut done = 0;
        // A key that begins to sign between the two is found twice rather than never.
        for role in [KeyRole::Next, KeyRole::Signing] {
            let mut after = i64::MIN;
            loop {
                let page = self.0.store.sealed_dkim_keys(role, after, RESEAL_PAGE).await?;
                let Some((last, ..)) = page.last() else { break };
                after = last.0;
                for (domain, public_id, sealed) in page {
                    if !keyring.is_current(&sealed)
                        && let Ok(secret) = keyring.open(&public_id, &sealed)
                    {
                        let (place, again) = ((domain, role), keyring.seal(&public_id, &secret)?);
                        done += u64::from(self.0.store.reseal_dkim_key(place, &sealed, &again).await?);
                    }
                }
            }
        }
        Ok(done)
    }

    /// The public ids of the domains whose private keys that sign were encrypted with a key that is not here.
    ///
    /// # Errors
    /// [`DomainsError::Store`].
    pub async fn lost_keys(&self) -> Result<Vec<String>, DomainsError> {
        let (mut after, mut lost) = (i64::MIN, Vec::new());
        loop {
            let signing = KeyRole::Signing;
            let page = self.0.store.sealed_dkim_keys(signing, after, RESEAL_PAGE).await?;
            let Some((last, ..)) = page.last() else {
                return Ok(lost);
            };
            after = last.0;
            let of_page = page.into_iter().filter(|(_, _, sealed)| self.is_lost(sealed));
            lost.extend(of_page.map(|(_, public_id, _)| public_id));
        }
    }

    /// Encrypts a secret that is not a DKIM key, for `place` alone.
    ///
    /// # Errors
    /// [`DomainsError::NotSetUp`] and [`DomainsError::Keyring`] if there is no key to encrypt with.
    pub fn seal(&self, place: &str, secret: &[u8]) -> Result<Vec<u8>, DomainsError> {
        Ok(self.keyring_to_seal()?.seal(place, secret)?)
    }

    /// Decrypts what [`Self::seal`] returned for this `place`.
    ///
    /// # Errors
    /// [`DomainsError::NotSetUp`] without a keyring, [`DomainsError::Keyring`] if it was encrypted with another.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, DomainsError> {
        let keyring = self.keyring().ok_or(DomainsError::NotSetUp(
            "the master key is missing: set domains.master_keys, or copy master.key from where it is kept",
        ))?;
        Ok(keyring.open(place, sealed)?)
    }

    /// Whether a secret was encrypted with the key that encrypts now.
    pub fn is_sealed_now(&self, sealed: &[u8]) -> bool {
        self.keyring().is_some_and(|keyring| keyring.is_current(sealed))
    }

    fn keyring(&self) -> Option<&Keyring> {
        self.0.options.keyring.as_ref().or_else(|| self.0.made.get())
    }

    /// The keyring, made if there is none and it may be.
    fn keyring_to_seal(&self) -> Result<&Keyring, DomainsError> {
        if let Some(keyring) = self.keyring() {
            return Ok(keyring);
        }
        let Some(path) = &self.0.options.new_key_file else {
            return Err(DomainsError::NotSetUp(
                "there is no key to encrypt secrets with: set domains.master_keys, or move a master.key that cannot be read \
                 away",
            ));
        };
        let made = Keyring::make(path)?;
        tracing::warn!(
            path = %path.display(),
            "made a new master key, because the old one is missing; if that one is found, add its line to the file"
        );
        Ok(self.0.made.get_or_init(|| made))
    }

    pub(super) async fn make_key(&self, domain: &Domain) -> Result<Option<DkimKey>, DomainsError> {
        let key = self.fresh_key(domain, dkim::selector(1)).await?;
        self.0.store.add_dkim_key(domain.id, &key, self.0.clock.now()).await?;
        // Another may have been first: then that one's it is.
        Ok(self.0.store.domain_dns(domain.id).await?.dkim)
    }

    pub(super) async fn fresh_key(&self, domain: &Domain, selector: String) -> Result<NewDkimKey, DomainsError> {
        let keyring = self.keyring_to_seal()?;
        // Never closed: it always gives a permit.
        let _permit = self.0.making.acquire().await;
        let fresh = spawn_blocking(dkim::generate).await.ok().flatten();
        let fresh = fresh.ok_or(DomainsError::NoKey)?;
        Ok(NewDkimKey {
            selector,
            sealed_key: keyring.seal(&domain.public_id, &fresh.private_key)?,
            public_key: fresh.public_key,
        })
    }

    /// Looks at the domain's records, by its settings as they are now; keeps nothing.
    pub(super) async fn look(&self, domain: &Domain) -> Result<DomainFinding, DomainsError> {
        let options = &self.0.options;
        let asked = options.dns.as_ref();
        let asked = asked.ok_or(DomainsError::NotSetUp("there are no name servers to ask"))?;
        let at = self.0.clock.now();
        // The caller may have read it long ago: a round reads pages of domains ahead.
        let domain = self.0.store.domain_by_id(domain.account, domain.id).await?;
        let domain = domain.ok_or(DomainsError::Gone)?;
        let known = self.0.store.domain_dns(domain.id).await?;
        let found = check::look(asked, &domain, &known, &options.names, options.check_time_max).await;
        Ok(DomainFinding {
            domain: domain.id,
            at,
            updated_at: domain.updated_at,
            rotation: rotation::sight(&known, &found.records),
            selector: known.dkim.map(|key| key.selector),
            records: found.records,
            own_networks: found.own_networks,
        })
    }

    /// Keeps what was found; every change of status is logged and counted.
    pub(super) async fn keep(&self, found: &[DomainFinding]) -> Result<Vec<Kept>, DomainsError> {
        let now = self.0.clock.now();
        let decide = |standing: &_, found: &_| {
            let decision = standing::decide(standing, found, now);
            self.with_rotation(decision, standing, found, now)
        };
        let kept = self.0.store.keep_checks(found, &decide).await?;
        for kept in kept.iter().copied() {
            log_rotation(kept);
            let Kept {
                domain, before, after, ..
            } = kept;
            self.0.metrics.count_domain_check(after.word());
            if before != after {
                self.0.metrics.count_domain_change(before.word(), after.word());
                let (from, to) = (before.word(), after.word());
                if after == DomainStatus::Failed {
                    tracing::warn!(%domain, from, to, "a domain's DNS records are missing");
                } else {
                    tracing::info!(%domain, from, to, "a domain's DNS records are all there");
                }
            }
        }
        Ok(kept)
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The settings.
    pub(super) fn options(&self) -> &DomainsOptions {
        &self.0.options
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Shortest interval between two background checks.
    pub(super) fn domain_every(&self) -> Duration {
        Duration::from_secs(1) / self.0.options.domains_per_second_max.max(1)
    }

    pub(super) fn domains_in_flight_max(&self) -> usize {
        self.0.options.domains_in_flight_max.max(1)
    }
}

const RESEAL_PAGE: u32 = 200;

fn log_rotation(kept: Kept) {
    let domain = kept.domain;
    match kept.rotation {
        Some(RotationStep::Publish { .. }) => {
            tracing::info!(%domain, "the record of a domain's next DKIM key is there")
        }
        Some(RotationStep::Unpublish) => {
            tracing::warn!(%domain, "the record of a domain's next DKIM key is gone: the key before keeps signing");
        }
        Some(RotationStep::Switch { .. }) => tracing::info!(%domain, "a domain signs with its next DKIM key"),
        None => {}
    }
}
