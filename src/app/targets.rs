//! Webhooks and channels: what they are connected with, and the jobs that serve them.

use std::time::Duration;

use super::domain_options::random;
use crate::base::Millis;
use crate::config::Config;
use crate::dns::Dns;
use crate::domains::Domains;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::notify::Targets;
use crate::outbound::{self, Client, Guard, Mailer};
use crate::store::Store;

/// Interval between searches for due deliveries.
const DELIVER_EVERY: Duration = Duration::from_secs(1);
/// Interval between counts of waiting deliveries.
const COUNT_EVERY: Duration = Duration::from_secs(60);
const PURGE_EVERY: Duration = Duration::from_secs(3_600);
const DAY: Millis = 24 * 3_600_000;

/// What serves them. Without certificate authorities nothing is sent; [`start_jobs`] warns of it.
pub(super) fn targets(config: &Config, domains: &Domains, metrics: &Metrics) -> Targets {
    let dns = Dns::new(&config.domains.dns);
    let guard = Guard::new(config.outbound.clone(), dns.ok());
    let connector = outbound::connector(config.outbound.ca_file.as_deref());
    let connector =
        connector.inspect_err(|error| tracing::debug!(%error, "nothing can be sent to webhooks and channels"));
    let connector = connector.ok();
    let mailer = Mailer::new(config.outbound.mail.clone(), connector.clone());
    if mailer.is_some() && config.notify.channels.page.is_none() {
        tracing::warn!("no mail is sent: set notify.page_url, which links in mail lead to");
    }
    let client = connector.map(|connector| Client::for_customers(connector, guard.clone()));
    Targets::new(domains, metrics.clone(), guard, client, config.notify.channels.clone()).with_mailer(mailer)
}

/// Starts the jobs that deliver, count and forget.
pub(super) fn start_jobs(jobs: &Jobs, store: &Store, targets: &Targets, deliveries_days: u32) {
    if targets.can_send() {
        let deliver = targets.clone();
        jobs.start("deliver", DELIVER_EVERY, move |_| {
            let targets = deliver.clone();
            async move { Ok(targets.deliver(|| u64::from_ne_bytes(random())).await?) }
        });
    } else {
        tracing::warn!(
            "nothing is sent to webhooks and channels: this system has no certificates of authorities (Debian: ca-certificates), or \
             outbound.ca_file cannot be read"
        );
    }
    let count = targets.clone();
    jobs.start("delivery-figures", COUNT_EVERY, move |_| {
        let targets = count.clone();
        async move { Ok(targets.count_waiting().await?) }
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
                "deleted deliveries of events that are older than notify.deliveries_days"
            );
            Ok(())
        }
    });
}
