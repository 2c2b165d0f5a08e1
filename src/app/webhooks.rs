//! Webhooks: what they are connected with, and the jobs that serve them.

use std::time::Duration;

use super::domain_options::random;
use crate::base::Millis;
use crate::config::Config;
use crate::dns::Dns;
use crate::domains::Domains;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::notify::Webhooks;
use crate::outbound::{self, Client, Guard};
use crate::store::Store;

/// Interval between searches for due deliveries.
const DELIVER_EVERY: Duration = Duration::from_secs(1);
/// Interval between counts of waiting deliveries.
const COUNT_EVERY: Duration = Duration::from_secs(60);
const PURGE_EVERY: Duration = Duration::from_secs(3_600);
const DAY: Millis = 24 * 3_600_000;

/// What serves webhooks. Without certificate authorities nothing is sent; [`start_jobs`] warns of it.
pub(super) fn webhooks(config: &Config, domains: &Domains, metrics: &Metrics) -> Webhooks {
    let dns = Dns::new(&config.domains.dns);
    let guard = Guard::new(config.outbound.clone(), dns.ok());
    let connector = outbound::connector(config.outbound.ca_file.as_deref());
    let connector = connector.inspect_err(|error| tracing::debug!(%error, "nothing can be sent to webhooks"));
    let client = connector
        .ok()
        .map(|connector| Client::for_customers(connector, guard.clone()));
    Webhooks::new(domains, metrics.clone(), guard, client)
}

/// Starts the jobs that deliver, count and forget.
pub(super) fn start_jobs(jobs: &Jobs, store: &Store, webhooks: &Webhooks, deliveries_days: u32) {
    if webhooks.can_send() {
        let deliver = webhooks.clone();
        jobs.start("webhooks", DELIVER_EVERY, move |_| {
            let webhooks = deliver.clone();
            async move { Ok(webhooks.deliver(|| u64::from_ne_bytes(random())).await?) }
        });
    } else {
        tracing::warn!(
            "nothing is sent to webhooks: this system has no certificates of authorities (Debian: ca-certificates), or \
             outbound.ca_file cannot be read"
        );
    }
    let count = webhooks.clone();
    jobs.start("webhook-figures", COUNT_EVERY, move |_| {
        let webhooks = count.clone();
        async move { Ok(webhooks.count_waiting().await?) }
    });
    let store = store.clone();
    // A clock that was wrong at the start is set by then.
    jobs.start_after("deliveries", PURGE_EVERY, PURGE_EVERY, move |now| {
        let store = store.clone();
        async move {
            let kept = DAY.saturating_mul(deliveries_days.into());
            let purged = store.purge_deliveries(now.saturating_sub(kept)).await?;
            tracing::debug!(
                purged,
                "deleted deliveries to webhooks that are older than notify.deliveries_days"
            );
            Ok(())
        }
    });
}
