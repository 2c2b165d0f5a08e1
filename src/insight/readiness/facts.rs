//! What readiness is judged by, read from the store.

use super::super::published::{NewestReports, Published, published, without_defaults};
use super::super::reporters::is_silent;
use super::{Facts, NEW_DAYS, Readiness, SenderFacts, judge};
use crate::base::{Day, DayRange, DomainStatus, Millis};
use crate::enrich::{Flow, Senders, Tables};
use crate::report::aggregate::PolicyPublished;
use crate::store::{Domain, Reporter, Store, StoreError};

/// Reporters that together have this percentage of the messages are large.
const LARGE_PERCENT: u128 = 80;

/// Whether the policy of a domain may be stricter, by the messages of a range of days.
pub async fn readiness(
    store: &Store,
    domain: &Domain,
    (range, now): (DayRange, Millis),
    tables: &Tables,
) -> Result<Readiness, StoreError> {
    let mut reports = NewestReports::new(store, domain);
    let published = published(&mut reports, now).await?;
    let days = store.day_totals(domain.id, range).await?;
    let senders = Senders::read(store, domain, range, tables).await?;
    let gathered = senders.gather();
    let since = range.last.plus(1 - NEW_DAYS);
    let new = gathered.sources.iter().filter(|one| one.source.first_seen >= since);
    let to_fix = new
        .map(|one| one.flows.messages_in(Flow::Unaligned))
        .filter(|messages| *messages > 0);
    let new_senders = to_fix.fold((0, 0), |(count, sum): (u64, u64), messages| {
        (count + 1, sum.saturating_add(messages))
    });
    let facts = Facts {
        range,
        seen_since: seen_since(&mut reports, &published).await?,
        published,
        days: days.iter().filter(|day| day.totals.messages() > 0).count() as u64,
        flows: gathered.flows,
        senders: gathered
            .services
            .into_iter()
            .map(|one| SenderFacts {
                named: one.named,
                sources: one.sources,
                flows: one.flows,
            })
            .collect(),
        new_senders,
        has_records: domain.status == DomainStatus::Verified,
        silent: silent(store.reporters(domain.id, range).await?, range),
    };
    Ok(judge(facts))
}

/// The large reporters that are silent, by their names.
fn silent(mut reporters: Vec<Reporter>, range: DayRange) -> Vec<String> {
    let messages = |one: &Reporter| u128::from(one.pass.saturating_add(one.fail));
    reporters.sort_by(|a, b| messages(b).cmp(&messages(a)).then_with(|| a.org_name.cmp(&b.org_name)));
    let all: u128 = reporters.iter().map(messages).sum();
    let mut before = 0;
    let large = reporters.iter().take_while(|one| {
        let is_large = before * 100 < all * LARGE_PERCENT;
        before += messages(one);
        is_large
    });
    let silent = large.filter(|one| is_silent(one, range));
    silent.map(|one| one.org_name.clone()).collect()
}

/// The first day from which on every report about the domain itself saw the policy as it is now, as far as reports were looked
/// through; `None` if the newest did not.
async fn seen_since(reports: &mut NewestReports<'_>, now: &Published) -> Result<Option<Day>, StoreError> {
    let wanted = asked(&now.policy);
    let same = reports.own().await?.take_while(|one| asked(&one.policy) == wanted);
    Ok(same.map(|one| Day::from_unix(one.window.begin)).last())
}

/// What of a policy receivers act on.
fn asked(policy: &PolicyPublished) -> impl PartialEq + use<> {
    let PolicyPublished {
        p,
        sp,
        np,
        testing,
        pct,
        ..
    } = without_defaults(policy.clone());
    (p, sp, np, testing.unwrap_or(false), pct.unwrap_or(100))
}
