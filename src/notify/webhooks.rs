//! Webhooks: their secrets, which are stored encrypted, and attempts to deliver to them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::schedule::{Bounds, after_failure, after_own_fault, is_hopeless};
use super::signature::{Secret, sign};
use crate::base::clock::{Clock, format_instant};
use crate::base::{AccountId, DeliveryId, Millis, WebhookId, text};
use crate::domains::{Domains, DomainsError};
use crate::metrics::{DeliveryOutcome, Metrics};
use crate::outbound::{Answer, Client, ExchangeError, Guard, Post, Refusal, Url};
use crate::store::{
    Attempt, AttemptOutcome, Delivery, Event, EventKind, Failing, NewWebhook, RESPONSE_BYTES_MAX, Rotation,
    SealedSecrets, Store, StoreError, Wanted, Webhook,
};

/// Webhooks whose secrets are encrypted again at a time.
const RESEAL_PAGE: u32 = 200;
const HOUR: Millis = 3_600_000;

/// Why something cannot be done with a webhook.
#[derive(Debug, thiserror::Error)]
pub enum WebhooksError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret cannot be encrypted or decrypted.
    #[error("secrets of webhooks cannot be used: {0}")]
    Keys(#[from] DomainsError),
    /// The installation cannot send anything.
    #[error("this installation cannot connect to webhooks")]
    NoClient,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    pub is_delivered: bool,
    pub status: Option<u16>,
    pub took: Duration,
}

/// Keeps and serves webhooks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    clock: Clock,
    metrics: Metrics,
    /// Has the keyring.
    domains: Domains,
    guard: Guard,
    /// `None`: nothing can be sent.
    client: Option<Client>,
    bounds: Bounds,
}

impl Webhooks {
    /// `guard` says where customers may send us; nothing is sent without a `client`.
    pub fn new(domains: &Domains, metrics: Metrics, guard: Guard, client: Option<Client>) -> Self {
        Self(Arc::new(Shared {
            store: domains.store().clone(),
            clock: domains.clock().clone(),
            metrics,
            domains: domains.clone(),
            guard,
            client,
            bounds: Bounds::default(),
        }))
    }

    /// What is wrong with a URL, as the rest of a sentence; what only a name server knows is not checked.
    ///
    /// # Errors
    /// That.
    pub fn check_url(&self, url: &str) -> Result<(), String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        self.0.guard.check(&url).map_err(|refusal| refusal.to_string())
    }

    /// Adds a webhook with a new secret. `None` if the account has as many as it may have.
    ///
    /// # Errors
    /// [`WebhooksError::Keys`] if the secret cannot be encrypted, [`WebhooksError::Store`].
    pub async fn create(
        &self,
        account: AccountId,
        url: String,
        events: Wanted,
        random: &[u8; Secret::RANDOM_BYTES],
    ) -> Result<Option<(Webhook, Secret)>, WebhooksError> {
        let secret = Secret::generate(random);
        let new = NewWebhook {
            url,
            events,
            secret: self.seal(account, &secret)?,
        };
        let added = self.0.store.add_webhook(account, new, self.0.clock.now()).await?;
        Ok(added.map(|webhook| (webhook, secret)))
    }

    /// Gives a webhook a new secret. The old one signs too for `grace_hours`. `None` if the account has no such webhook.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn rotate(
        &self,
        account: AccountId,
        id: WebhookId,
        grace_hours: u32,
        random: &[u8; Secret::RANDOM_BYTES],
    ) -> Result<Option<(Webhook, Secret)>, WebhooksError> {
        let (secret, at) = (Secret::generate(random), self.0.clock.now());
        let grace = i64::from(grace_hours).saturating_mul(HOUR);
        let rotation = Rotation {
            secret: self.seal(account, &secret)?,
            at,
            previous_until: (grace > 0).then(|| at.saturating_add(grace)),
        };
        let rotated = self.0.store.rotate_webhook(account, id, &rotation).await?;
        Ok(rotated.map(|webhook| (webhook, secret)))
    }

    /// Sends an event to a webhook now, whether it is on or not, and keeps nothing.
    ///
    /// # Errors
    /// [`WebhooksError::NoClient`].
    pub async fn test(&self, webhook: &Webhook) -> Result<Tried, WebhooksError> {
        let now = self.0.clock.now();
        let mut event = Event::new(webhook.account, EventKind::WebhookTest, now, &[webhook.id.0, now]);
        event.data = json!({ "webhook_id": webhook.id.0 });
        let delivery = Delivery {
            id: DeliveryId(0),
            webhook: webhook.id,
            payload: event.payload(),
            event_id: event.id,
            event: event.kind.word().to_owned(),
            attempts: 0,
            next_at: None,
            delivered_at: None,
            status: None,
            response: None,
            created_at: now,
        };
        let began = self.0.clock.monotonic();
        let sent = self.send(webhook, &delivery).await?;
        let took = self.0.clock.monotonic().saturating_sub(began);
        let status = sent.as_ref().ok().map(|answer| answer.status);
        Ok(Tried {
            is_delivered: status.is_some_and(is_success),
            status,
            took,
        })
    }

    /// Encrypts every secret with the keyring's first key that is not yet. Returns the number of webhooks. What the keyring
    /// cannot decrypt stays as it is.
    ///
    /// # Errors
    /// [`WebhooksError::Store`]; [`WebhooksError::Keys`] if the library fails.
    pub async fn reseal(&self) -> Result<u64, WebhooksError> {
        let (mut after, mut done) = (i64::MIN, 0);
        loop {
            let page = self.0.store.sealed_webhook_secrets(after, RESEAL_PAGE).await?;
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
                done += u64::from(self.0.store.reseal_webhook(&old, &new).await?);
            }
        }
    }

    /// Makes one attempt at a delivery. Nothing is kept.
    pub(super) async fn attempt(&self, webhook: &Webhook, delivery: &Delivery, random: u64) -> Attempt {
        let sent = self.send(webhook, delivery).await;
        let at = self.0.clock.now();
        let failed = |retry_after| after_failure(delivery.attempts + 1, retry_after, at, random);
        let held_back = || after_own_fault(delivery.created_at, at, random);
        let (status, response, outcome) = match sent {
            Ok(Ok(answer)) => {
                let outcome = match answer.status {
                    status if is_success(status) => AttemptOutcome::Delivered,
                    GONE => AttemptOutcome::GivenUp,
                    _ => failed(answer.retry_after),
                };
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                self.count(outcome, DeliveryOutcome::Failed);
                (Some(answer.status), body, outcome)
            }
            Ok(Err(error)) => {
                let (outcome, counted) = match &error {
                    ExchangeError::Refused(Refusal::NoResolver) => (held_back(), DeliveryOutcome::HeldBack),
                    ExchangeError::Refused(_) => (failed(None), DeliveryOutcome::Refused),
                    _ => (failed(None), DeliveryOutcome::Failed),
                };
                self.count(outcome, counted);
                (None, text::causes(&error), outcome)
            }
            Err(error) => {
                let outcome = held_back();
                self.count(outcome, DeliveryOutcome::HeldBack);
                (None, error.to_string(), outcome)
            }
        };
        Attempt {
            at,
            status,
            response: text::shown(&response, RESPONSE_BYTES_MAX).into_owned(),
            outcome,
        }
    }

    fn count(&self, outcome: AttemptOutcome, otherwise: DeliveryOutcome) {
        self.0.metrics.count_delivery(match outcome {
            AttemptOutcome::Delivered => DeliveryOutcome::Delivered,
            _ => otherwise,
        });
    }

    /// Switches a webhook off if what came of an attempt says so, the last of a batch that was kept.
    pub(super) async fn judge(
        &self,
        webhook: &Webhook,
        attempt: &Attempt,
        failing: Option<Failing>,
    ) -> Result<(), StoreError> {
        let reason = match (attempt.status, failing) {
            (Some(GONE), _) => "The receiver answered 410 Gone".to_owned(),
            (_, Some(failing)) if is_hopeless(failing, attempt.at) => format!(
                "{} attempts in a row failed, the first of them at {}",
                failing.attempts,
                format_instant(failing.since)
            ),
            _ => return Ok(()),
        };
        if self.0.store.disable_webhook(webhook.id, &reason, attempt.at).await? {
            tracing::warn!(webhook = %webhook.id, account = %webhook.account, reason, "a webhook was switched off");
        }
        Ok(())
    }

    /// The outer error is this installation's, the inner one the exchange's.
    async fn send(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
    ) -> Result<Result<Answer, ExchangeError>, WebhooksError> {
        let client = self.0.client.as_ref().ok_or(WebhooksError::NoClient)?;
        let now = self.0.clock.now();
        let mut secrets = vec![self.open(webhook.account, &webhook.secret)?];
        if let Some((previous, _)) = webhook.previous.as_ref().filter(|(_, until)| *until > now) {
            secrets.extend(self.open(webhook.account, previous).ok());
        }
        let body = delivery.payload.clone();
        let headers = sign(&secrets, &delivery.event_id, now.div_euclid(1_000), &body);
        let post = Post {
            headers,
            content_type: "application/json",
            body,
        };
        Ok(match Url::parse(&webhook.url) {
            Ok(url) => client.post(&url, post).await,
            Err(error) => Err(ExchangeError::Unreachable(error.to_string())),
        })
    }

    fn seal(&self, account: AccountId, secret: &Secret) -> Result<Vec<u8>, WebhooksError> {
        let place = place(account);
        Ok(self.0.domains.seal(&place, secret.reveal().as_bytes())?)
    }

    fn open(&self, account: AccountId, sealed: &[u8]) -> Result<Secret, WebhooksError> {
        let opened = self.0.domains.open(&place(account), sealed)?;
        Ok(Secret::new(String::from_utf8_lossy(&opened)))
    }

    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.0.bounds
    }

    /// Whether events can be sent.
    pub fn can_send(&self) -> bool {
        self.0.client.is_some()
    }
}

/// RFC 9110, 15.5.11: the receiver wants nothing more.
const GONE: u16 = 410;

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// What the secrets of an account are bound to when they are encrypted.
fn place(account: AccountId) -> String {
    format!("webhooks of account {account}")
}
