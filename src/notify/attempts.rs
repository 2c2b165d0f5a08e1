//! Attempts to deliver an event to a target, and what comes of them.

use std::time::Duration;

use serde_json::json;

use super::heard::{Heard, Meaning};
use super::platforms::{self, GONE, Request};
use super::schedule::{after_failure, after_own_fault, is_hopeless};
use super::targets::{Targets, TargetsError};
use crate::base::clock::format_instant;
use crate::base::{DeliveryId, text};
use crate::metrics::DeliveryOutcome;
use crate::outbound::{Answer, ExchangeError, Refusal, Url};
use crate::store::{
    Address, Attempt, AttemptOutcome, Delivery, Event, EventKind, Failing, Platform, RESPONSE_BYTES_MAX, StoreError,
    Target,
};

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    pub is_delivered: bool,
    pub status: Option<u16>,
    /// The beginning of the answer, or why there is none.
    pub response: String,
    pub took: Duration,
}

/// An attempt that was made.
#[derive(Debug)]
pub(super) struct Made {
    pub attempt: Attempt,
    /// Why the target is switched off at once.
    pub gone: Option<String>,
}

impl Targets {
    /// Sends an event to a target now, whether it is on or not, and keeps nothing.
    ///
    /// # Errors
    /// [`TargetsError::NoClient`], [`TargetsError::Keys`].
    pub async fn test(&self, target: &Target) -> Result<Tried, TargetsError> {
        let now = self.now();
        let cause = [target.id.0, now];
        let mut event = Event::new(target.account, None, EventKind::WebhookTest, now, &cause);
        event.data = json!({ "webhook_id": target.id.0 });
        let delivery = Delivery {
            id: DeliveryId(0),
            target: target.id,
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
        let began = self.clock().monotonic();
        let heard = self.send(target, &delivery).await?;
        let took = self.clock().monotonic().saturating_sub(began);
        Ok(Tried::new(&heard, took))
    }

    /// Makes one attempt at a delivery. Nothing is kept.
    pub(super) async fn attempt(&self, target: &Target, delivery: &Delivery, random: u64) -> Made {
        let sent = self.send(target, delivery).await;
        let at = self.now();
        let failed = |retry_after| after_failure(delivery.attempts + 1, retry_after, at, random);
        let held_back = || after_own_fault(delivery.created_at, at, random);
        let heard = sent.unwrap_or_else(|error| Heard {
            status: None,
            response: error.to_string(),
            meaning: Meaning::HeldBack,
        });
        let mut gone = None;
        let (outcome, counted) = match heard.meaning {
            Meaning::Accepted => (AttemptOutcome::Delivered, DeliveryOutcome::Delivered),
            Meaning::Failed(retry_after) => (failed(retry_after), DeliveryOutcome::Failed),
            Meaning::Refused => (failed(None), DeliveryOutcome::Refused),
            Meaning::Gone(why) => {
                gone = Some(why);
                (AttemptOutcome::GivenUp, DeliveryOutcome::Failed)
            }
            Meaning::HeldBack => (held_back(), DeliveryOutcome::HeldBack),
        };
        self.metrics().count_delivery(counted);
        let attempt = Attempt {
            at,
            status: heard.status,
            response: shown(&heard.response),
            outcome,
        };
        Made { attempt, gone }
    }

    /// Switches a target off if what came of an attempt says so, the last of a batch that was kept.
    pub(super) async fn judge(&self, target: &Target, made: &Made, failing: Option<Failing>) -> Result<(), StoreError> {
        let at = made.attempt.at;
        let reason = match (&made.gone, failing) {
            (Some(why), _) => why.clone(),
            (None, Some(failing)) if is_hopeless(failing, at) => format!(
                "{} attempts in a row failed, the first of them at {}",
                failing.attempts,
                format_instant(failing.since)
            ),
            _ => return Ok(()),
        };
        if self.store().disable_target(target.id, &reason, at).await? {
            tracing::warn!(target = %target.id, account = %target.account, reason, "a webhook or channel was switched off");
        }
        Ok(())
    }

    /// Sends what a target is told now. The error is this installation's own.
    async fn send(&self, target: &Target, delivery: &Delivery) -> Result<Heard, TargetsError> {
        match &target.address {
            Address::Webhook(webhook) => {
                let request = self.webhook_request(target.account, webhook, delivery)?;
                self.post(request, webhook_meaning).await
            }
            Address::Channel(channel) if channel.platform == Platform::Email => {
                self.mail_event((target.account, target.id), channel, delivery).await
            }
            Address::Channel(channel) => {
                let request = self.channel_request(target.account, channel, delivery)?;
                self.post(request, |answer| platforms::meaning(channel.platform, answer))
                    .await
            }
            Address::Digest(digest) => self.mail_digest((target.account, target.id), digest, delivery).await,
        }
    }

    async fn post(&self, request: Request, meaning: impl Fn(&Answer) -> Meaning) -> Result<Heard, TargetsError> {
        let client = self.client()?;
        let sent = match Url::parse(&request.url) {
            Ok(url) => client.post(&url, request.post).await,
            Err(error) => Err(ExchangeError::Unreachable(error.to_string())),
        };
        Ok(match sent {
            Ok(answer) => Heard {
                status: Some(answer.status),
                meaning: meaning(&answer),
                response: body(&answer),
            },
            Err(error) => Heard {
                status: None,
                meaning: match &error {
                    ExchangeError::Refused(Refusal::NoResolver) => Meaning::HeldBack,
                    ExchangeError::Refused(_) => Meaning::Refused,
                    _ => Meaning::Failed(None),
                },
                response: text::causes(&error),
            },
        })
    }
}

impl Tried {
    pub(super) fn new(heard: &Heard, took: Duration) -> Self {
        Self {
            is_delivered: heard.is_accepted(),
            status: heard.status,
            response: shown(&heard.response),
            took,
        }
    }
}

fn webhook_meaning(answer: &Answer) -> Meaning {
    match answer.status {
        200..300 => Meaning::Accepted,
        GONE => Meaning::Gone("The receiver answered 410 Gone".to_owned()),
        _ => Meaning::Failed(answer.retry_after),
    }
}

fn body(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn shown(response: &str) -> String {
    text::shown(response, RESPONSE_BYTES_MAX).into_owned()
}
