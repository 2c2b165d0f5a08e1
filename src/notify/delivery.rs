//! The job that delivers: due deliveries of all webhooks, a few of each at a time, so that one that is dead delays no other.
//!
//! The job's lease keeps two nodes from sending the same. What is in flight is remembered here and not in the database: a
//! node that dies leaves its deliveries due, and the next one sends them again, under the same id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;

use super::schedule::Bounds;
use super::webhooks::Webhooks;
use crate::base::{DeliveryId, WebhookId};
use crate::store::{StoreError, Webhook};

/// Interval between searches for due deliveries while some are in flight.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A delivery that has landed.
struct Landed {
    id: DeliveryId,
    webhook: WebhookId,
    kept: Result<(), StoreError>,
}

/// What is in flight.
#[derive(Default)]
struct InFlight<'w> {
    all: FuturesUnordered<BoxFuture<'w, Landed>>,
    ids: BTreeSet<DeliveryId>,
    by_webhook: BTreeMap<WebhookId, usize>,
    /// Webhooks whose last attempt had failed.
    failing: BTreeSet<WebhookId>,
}

impl Webhooks {
    /// Sends what is due until nothing is. `random` returns random numbers, for jitter.
    ///
    /// # Errors
    /// The database fails. What was in flight is sent again later.
    pub async fn deliver(&self, random: fn() -> u64) -> Result<(), StoreError> {
        let mut flights = InFlight::default();
        loop {
            self.launch(&mut flights, random).await?;
            let Some(landed) = flights.next().await else {
                return Ok(());
            };
            for landed in landed {
                flights.forget(&landed);
                landed.kept?;
            }
        }
    }

    /// Notes how many deliveries wait.
    ///
    /// # Errors
    /// The database fails.
    pub async fn count_waiting(&self) -> Result<(), StoreError> {
        let waiting = self.store().deliveries_waiting().await?;
        self.metrics().set_deliveries_waiting(waiting);
        Ok(())
    }

    async fn launch<'w>(&'w self, flights: &mut InFlight<'w>, random: fn() -> u64) -> Result<(), StoreError> {
        let now = self.clock().now();
        for webhook in self.store().webhooks_due(now).await? {
            let seats = flights.seats(&webhook, self.bounds());
            if seats == 0 {
                continue;
            }
            let flying = flights.by_webhook.get(&webhook.id).copied().unwrap_or(0);
            let due = self.store().deliveries_due(webhook.id, now, seats + flying).await?;
            let due = due.into_iter().filter(|delivery| !flights.ids.contains(&delivery.id));
            for delivery in due.take(seats).collect::<Vec<_>>() {
                flights.note(&webhook, delivery.id);
                let webhook = webhook.clone();
                flights.all.push(Box::pin(async move {
                    Landed {
                        id: delivery.id,
                        webhook: webhook.id,
                        kept: self.attempt(&webhook, &delivery, random()).await,
                    }
                }));
            }
        }
        Ok(())
    }
}

impl InFlight<'_> {
    /// How many more may be sent to a webhook.
    fn seats(&self, webhook: &Webhook, bounds: Bounds) -> usize {
        let flying = self.by_webhook.get(&webhook.id).copied().unwrap_or(0);
        let free = bounds.in_flight_max.saturating_sub(self.ids.len());
        if webhook.failures == 0 {
            return free.min(bounds.per_webhook_max.saturating_sub(flying));
        }
        let is_full = self.failing.len() >= bounds.in_flight_max / 2;
        usize::from(free > 0 && flying == 0 && !is_full)
    }

    fn note(&mut self, webhook: &Webhook, id: DeliveryId) {
        self.ids.insert(id);
        *self.by_webhook.entry(webhook.id).or_default() += 1;
        if webhook.failures > 0 {
            self.failing.insert(webhook.id);
        }
    }

    fn forget(&mut self, landed: &Landed) {
        self.ids.remove(&landed.id);
        if let Some(flying) = self.by_webhook.get_mut(&landed.webhook) {
            *flying -= 1;
            if *flying == 0 {
                self.by_webhook.remove(&landed.webhook);
                self.failing.remove(&landed.webhook);
            }
        }
    }

    /// What has landed, after at most [`LOOK_EVERY`]; `None` if nothing is in flight.
    async fn next(&mut self) -> Option<Vec<Landed>> {
        if self.all.is_empty() {
            return None;
        }
        tokio::select! {
            landed = self.all.next() => Some(landed.into_iter().collect()),
            () = sleep(LOOK_EVERY) => Some(Vec::new()),
        }
    }
}
