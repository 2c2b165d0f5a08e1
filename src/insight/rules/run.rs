//! Applies the rules to every domain that has something new, and sums up each day for each account.

use super::facts;
use super::summary::{Open, summary};
use super::{DAY, judge};
use crate::base::{AccountId, Day, Millis, SetAsideKind};
use crate::enrich::Tables;
use crate::insight::attention::{attention, attention_stretches};
use crate::store::{Domain, Store, StoreError, StoredFinding, StretchTotals, Stretches};
use crate::tally::Totals;

/// A domain is judged for new reports at most this often.
const JUDGED_APART: Millis = DAY / 4;
/// The time of the UTC day from which on the day before is summed up: most reporters have reported by then.
const SUMMARY_AFTER: Millis = DAY / 3;

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Domains that were judged.
    pub domains: u64,
    /// Events about domains.
    pub events: u64,
    /// Accounts that were told of a day.
    pub summaries: u64,
}

/// Judges the domains with new reports, all others once per day, and tells each account of yesterday. It may be dropped at any time:
/// what is not done is done by the next run.
///
/// # Errors
/// The database is unavailable. A domain whose rows are damaged is left out, with a line in the log.
pub async fn apply_rules(store: &Store, tables: &Tables, now: Millis) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    let yesterday = Day::from_unix(now.div_euclid(1_000)).plus(-1);
    let waiting = match now.rem_euclid(DAY) >= SUMMARY_AFTER {
        true => store.accounts_to_sum_up(yesterday).await?,
        false => Vec::new(),
    };
    for account in store.accounts().await? {
        let domains = store.domains(account.id).await?;
        let ids: Vec<_> = domains.iter().map(|domain| domain.id).collect();
        // One question for all: most domains have nothing new, and there are many.
        let judged = store.judged(&ids).await?;
        for domain in &domains {
            match apply(store, (domain, judged.get(&domain.id)), tables, now).await {
                Ok(None) => {}
                Ok(Some(events)) => {
                    applied.domains += 1;
                    applied.events += events as u64;
                }
                Err(error @ StoreError::Damaged { .. }) => {
                    tracing::error!(domain = %domain.id, %error, "no rules are applied to this domain");
                }
                Err(error) => return Err(error),
            }
        }
        if !waiting.contains(&account.id) || !store.wants_summary(account.id, yesterday).await? {
            continue;
        }
        match Box::pin(sum_up(store, account.id, domains, tables, now)).await {
            Ok(is_told) => applied.summaries += u64::from(is_told),
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::error!(account = %account.id, %error, "the day is not summed up for this account");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(applied)
}

/// Judges a domain if it is due. Returns the number of events.
async fn apply(
    store: &Store,
    (domain, judged): (&Domain, Option<&StoredFinding>),
    tables: &Tables,
    now: Millis,
) -> Result<Option<usize>, StoreError> {
    let is_due = |judged: &StoredFinding| judged.detail["due"].as_i64().is_some_and(|due| due <= now);
    let is_same_day = |judged: &StoredFinding| judged.opened_at.div_euclid(DAY) == now.div_euclid(DAY);
    let settled = judged.filter(|judged| is_same_day(judged) && !is_due(judged));
    // What is new is not asked of a domain that is not judged again yet.
    if settled.is_some_and(|judged| (0..JUDGED_APART).contains(&now.saturating_sub(judged.opened_at))) {
        return Ok(None);
    }
    let latest = store.latest_report(domain.id).await?.map(|no| no.0);
    if settled.is_some_and(|judged| judged.detail["report"].as_i64() == latest) {
        return Ok(None);
    }
    let facts = Box::pin(facts::read(store, domain, latest, now, tables)).await?;
    let events = store.judge_domain(domain, now, &|known| judge(&facts, known)).await?;
    Ok(Some(events))
}

/// Tells an account of yesterday, if it was not told yet.
async fn sum_up(
    store: &Store,
    account: AccountId,
    domains: Vec<Domain>,
    tables: &Tables,
    now: Millis,
) -> Result<bool, StoreError> {
    let today = Day::from_unix(now.div_euclid(1_000));
    let yesterday = today.plus(-1);
    if domains.is_empty() {
        return Ok(false);
    }
    let mut open = Vec::new();
    for domain in &domains {
        open.extend(Open::all_in(domain, &store.findings(domain.id).await?, now));
    }
    let day = Stretches {
        first: [yesterday, yesterday, today],
        last: yesterday,
    };
    let mut totals = Totals::default();
    for of_domain in store.totals_of_account(account, day).await?.values() {
        totals.add(&of_domain.of[1]);
    }
    let stretches = attention_stretches(today);
    let mut figures = store.totals_of_account(account, stretches).await?;
    let count = domains.len();
    let domains = domains.into_iter().map(|domain| {
        let totals: StretchTotals = figures.remove(&domain.id).unwrap_or_default();
        (domain, totals)
    });
    let quarantined = store.set_aside_total(account, SetAsideKind::Quarantined).await?;
    let found = Box::pin(attention(store, domains.collect(), quarantined, now, tables)).await?;
    let data = summary(yesterday, count, &totals, &open, &found);
    store.tell_summary(account, yesterday, data, now).await
}
