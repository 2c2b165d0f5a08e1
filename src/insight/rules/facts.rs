//! What rules judge by, read from the store: a constant number of questions, each by an index.

use super::policy::SeenPolicy;
use super::{Facts, HISTORY_DAYS};
use crate::base::{Day, DayRange, Millis};
use crate::enrich::{Tables, services_by_day};
use crate::insight::completeness::{Completeness, history_range};
use crate::store::{Domain, Store, StoreError};

/// Reads the facts about a domain. `latest_report`: the number of its latest report.
pub(super) async fn read(
    store: &Store,
    domain: &Domain,
    latest_report: Option<i64>,
    now: Millis,
    tables: &Tables,
) -> Result<Facts, StoreError> {
    let seconds = now.div_euclid(1_000);
    let today = Day::from_unix(seconds);
    let range = DayRange::ending(today, HISTORY_DAYS);
    let arrivals = store.report_arrivals(domain.id, history_range(today)).await?;
    let latest = store.latest(&[domain.id], now).await?.remove(&domain.id);
    let own = latest.filter(|latest| *latest.policy.domain == *domain.name.as_str());
    Ok(Facts {
        now,
        days: store.day_totals(domain.id, range).await?,
        completeness: Completeness::learn(&arrivals, seconds),
        services: services_by_day(store, domain, range, tables).await?,
        policy: own.map(|latest| SeenPolicy::new(&latest.policy, latest.until)),
        latest_report,
        thresholds: store.thresholds(domain.account, Some(domain.id)).await?,
    })
}
