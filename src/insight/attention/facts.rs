//! What needs attention is judged by, read from the store.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use super::super::reporters::is_silent;
use super::{ATTENTION_DAYS, FAILING_MESSAGES_MIN, Facts, Findings, NEW_DAYS, Senders, Silent, judge};
use crate::base::numbers::total;
use crate::base::{Day, DayRange};
use crate::enrich::{self, Flow, ServiceFigures, Tables};
use crate::store::{Domain, Reporter, Source, Store, StoreError, StretchTotals, Stretches};

/// Flows of messages that the owner can make pass.
const TO_FIX: [Flow; 2] = [Flow::Unaligned, Flow::OwnMissingInSpf];

/// The stretches that [`attention`] wants the totals of: the days before those of new sources, and those.
pub fn attention_stretches(today: Day) -> Stretches {
    let range = DayRange::ending(today, ATTENTION_DAYS);
    Stretches {
        first: [range.first, range.first, today.plus(1 - NEW_DAYS)],
        last: today,
    }
}

/// All findings about domains with their totals in [`attention_stretches`], and about `quarantined` messages.
pub async fn attention(
    store: &Store,
    domains: Vec<(Domain, StretchTotals)>,
    quarantined: u64,
    today: Day,
    tables: &Tables,
) -> Result<Findings, StoreError> {
    let ids: Vec<_> = domains.iter().map(|(domain, _)| domain.id).collect();
    let held = store.held_counts(&ids).await?;
    let mut all = Vec::with_capacity(domains.len());
    for (domain, totals) in domains {
        let held = held.get(&domain.id).copied().unwrap_or_default();
        all.push(facts(store, (domain, totals), held, today, tables).await?);
    }
    Ok(judge(all, quarantined))
}

async fn facts(
    store: &Store,
    (domain, totals): (Domain, StretchTotals),
    held: u64,
    today: Day,
    tables: &Tables,
) -> Result<Facts, StoreError> {
    let range = DayRange::ending(today, ATTENTION_DAYS);
    let [_, before, recent] = totals.of;
    let messages = before.messages().saturating_add(recent.messages());
    let mut facts = Facts {
        messages,
        held,
        to_fix: Senders::none(),
        failing: Senders::none(),
        silent: Vec::new(),
        domain: Arc::new(domain),
    };
    // Most domains of a large account have nothing to look at.
    if messages > 0 {
        let reporters = store.reporters(facts.domain.id, range).await?;
        facts.silent = reporters
            .iter()
            .filter(|one| is_silent(one, range))
            .map(silent)
            .collect();
    }
    if before.fail.saturating_add(recent.fail) >= FAILING_MESSAGES_MIN {
        let senders = enrich::Senders::read(store, &facts.domain, range, tables).await?;
        // All messages of a new address that fails are failed messages of these days.
        if recent.fail >= FAILING_MESSAGES_MIN {
            facts.failing = failing(&senders.failing_since(today.plus(1 - NEW_DAYS)));
        }
        facts.to_fix = to_fix(&senders.gather().services);
    }
    Ok(facts)
}

impl<T> Senders<T> {
    fn none() -> Self {
        Self {
            count: 0,
            messages: 0,
            largest: None,
        }
    }
}

fn silent(reporter: &Reporter) -> Silent {
    Silent {
        org_name: reporter.org_name.clone(),
        messages: reporter.pass.saturating_add(reporter.fail),
        last_report: reporter.last_report,
    }
}

/// `new`: those with the most messages first.
fn failing(new: &[Source]) -> Senders<IpAddr> {
    Senders {
        count: new.len() as u64,
        messages: total(new.iter().map(|source| source.totals.messages())),
        largest: new.first().and_then(|source| source.address),
    }
}

fn to_fix(services: &[ServiceFigures]) -> Senders<String> {
    let fixes = |service: &ServiceFigures| total(TO_FIX.iter().map(|flow| service.flows.messages_in(*flow)));
    let mut failing: Vec<_> = services.iter().filter(|service| fixes(service) > 0).collect();
    failing.sort_by_key(|service| Reverse(fixes(service)));
    let named = failing.first().and_then(|service| service.named.as_ref());
    Senders {
        count: failing.len() as u64,
        messages: total(failing.iter().map(|service| fixes(service))),
        largest: named.map(|named| named.name.to_string()),
    }
}
