//! What serves targets: the database, the keyring, and the client of everything that is sent. `webhooks.rs`, `channels.rs`,
//! `attempts.rs` and `delivery.rs` have what is done with them.

use std::sync::Arc;

use super::platforms::Places;
use super::schedule::Bounds;
use crate::base::clock::Clock;
use crate::base::{AccountId, Millis};
use crate::domains::{Domains, DomainsError};
use crate::metrics::Metrics;
use crate::outbound::{Client, Guard, Mailer, Url};
use crate::store::{SealedSecrets, Store, StoreError};

/// Targets whose secrets are encrypted again at a time.
const RESEAL_PAGE: u32 = 200;

/// Why something cannot be done with a target.
#[derive(Debug, thiserror::Error)]
pub enum TargetsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret cannot be encrypted or decrypted.
    #[error("secrets of webhooks and channels cannot be used: {0}")]
    Keys(#[from] DomainsError),
    /// The installation cannot send anything.
    #[error("this installation cannot connect to webhooks and channels")]
    NoClient,
    /// There is no server for mail, or no page that links in it could lead to.
    #[error("this installation sends no mail: outbound.mail and notify.page_url are to be set")]
    NoMail,
    /// What is stored is not an address.
    #[error("the stored address cannot be read")]
    Address,
    /// The owner of the address has not agreed to mail.
    #[error("the owner of the address has not agreed yet")]
    Unconfirmed,
    /// The question whether mail is wanted was asked too often, or its reader left.
    #[error(
        "this address was asked too often or its reader unsubscribed in the last 30 days, or the account asked too often today"
    )]
    TooManyQuestions,
}

/// What the operator says about messages in channels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelOptions {
    /// The URL of the web page, for links; `None`: messages have no links.
    pub page: Option<String>,
    pub places: Places,
}

/// Keeps and serves targets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Targets(Arc<Shared>);

#[derive(Debug, Clone)]
struct Shared {
    store: Store,
    clock: Clock,
    metrics: Metrics,
    /// Has the keyring.
    domains: Domains,
    guard: Guard,
    /// `None`: nothing can be sent.
    client: Option<Client>,
    /// `None`: no mail can be sent.
    mailer: Option<Mailer>,
    bounds: Bounds,
    channels: ChannelOptions,
}

impl Targets {
    /// `guard` says where customers may send us; nothing is sent without a `client`.
    pub fn new(
        domains: &Domains,
        metrics: Metrics,
        guard: Guard,
        client: Option<Client>,
        channels: ChannelOptions,
    ) -> Self {
        Self(Arc::new(Shared {
            store: domains.store().clone(),
            clock: domains.clock().clone(),
            metrics,
            domains: domains.clone(),
            guard,
            client,
            mailer: None,
            bounds: Bounds::default(),
            channels,
        }))
    }

    /// With a server that mail is handed over to.
    #[must_use]
    pub fn with_mailer(self, mailer: Option<Mailer>) -> Self {
        let shared = Shared::clone(&self.0);
        Self(Arc::new(Shared { mailer, ..shared }))
    }

    /// What is wrong with a URL, as the rest of a sentence; what only a name server knows is not checked.
    ///
    /// # Errors
    /// That.
    pub fn check_url(&self, url: &str) -> Result<(), String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        self.0.guard.check(&url).map_err(|refusal| refusal.to_string())
    }

    /// Encrypts every secret with the keyring's first key that is not yet. Returns the number of targets. What the keyring
    /// cannot decrypt stays as it is.
    ///
    /// # Errors
    /// [`TargetsError::Store`]; [`TargetsError::Keys`] if the library fails.
    pub async fn reseal(&self) -> Result<u64, TargetsError> {
        let (mut after, mut done) = (i64::MIN, 0);
        loop {
            let page = self.0.store.sealed_target_secrets(after, RESEAL_PAGE).await?;
            let Some(last) = page.last() else { return Ok(done) };
            after = last.id.0;
            for old in page {
                let all = [Some(&old.secret), old.previous.as_ref()];
                if all
                    .into_iter()
                    .flatten()
                    .all(|sealed| self.0.domains.is_sealed_now(sealed))
                {
                    continue;
                }
                let again = |sealed: &Vec<u8>| {
                    let secret = self.open(old.account, sealed)?;
                    self.seal(old.account, &secret)
                };
                let Ok(secret) = again(&old.secret) else { continue };
                let new = SealedSecrets {
                    secret,
                    // One that cannot be decrypted signs no more.
                    previous: old.previous.as_ref().and_then(|sealed| again(sealed).ok()),
                    ..old.clone()
                };
                done += u64::from(self.0.store.reseal_target(&old, &new).await?);
            }
        }
    }

    pub(super) fn seal(&self, account: AccountId, secret: &str) -> Result<Vec<u8>, TargetsError> {
        let place = place(account);
        Ok(self.0.domains.seal(&place, secret.as_bytes())?)
    }

    pub(super) fn open(&self, account: AccountId, sealed: &[u8]) -> Result<String, TargetsError> {
        let opened = self.0.domains.open(&place(account), sealed)?;
        Ok(String::from_utf8_lossy(&opened).into_owned())
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn now(&self) -> Millis {
        self.0.clock.now()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.0.bounds
    }

    pub(super) fn channel_options(&self) -> &ChannelOptions {
        &self.0.channels
    }

    pub(super) fn client(&self) -> Result<&Client, TargetsError> {
        self.0.client.as_ref().ok_or(TargetsError::NoClient)
    }

    pub(super) fn mailer(&self) -> Option<&Mailer> {
        self.0.mailer.as_ref()
    }

    pub(super) fn domains(&self) -> &Domains {
        &self.0.domains
    }

    /// Whether events can be sent, in whatever way.
    pub fn can_send(&self) -> bool {
        self.0.client.is_some() || self.0.mailer.is_some()
    }
}

/// What the secrets of an account are bound to when they are encrypted.
fn place(account: AccountId) -> String {
    format!("targets of account {account}")
}
