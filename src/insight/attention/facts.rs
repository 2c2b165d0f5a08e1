//! What needs attention is judged by, read from the store.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use super::super::reporters::{is_silent, reporters_in};
use super::{ATTENTION_DAYS, FAILING_MESSAGES_MIN, Facts, Findings, NEW_DAYS, Senders, Silent, judge};
use crate::base::numbers::total;
use crate::base::{Day, DayRange, Millis};
use crate::enrich::{self, Flow, ServiceFigures, Tables};
use crate::store::{Domain, FindingKind, Reporter, Source, Store, StoreError, StoredFinding, StretchTotals, Stretches};

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

/// All findings about domains with their totals in [`attention_stretches`], and about `quarantined` messages. What rules found and
/// the owner snoozed is left out.
pub async fn attention(
    store: &Store,
    domains: Vec<(Domain, StretchTotals)>,
    quarantined: u64,
    now: Millis,
    tables: &Tables,
) -> Result<Findings, StoreError> {
    let ids: Vec<_> = domains.iter().map(|(domain, _)| domain.id).collect();
    let held = store.held_counts(&ids).await?;
    let mut all = Vec::with_capacity(domains.len());
    for (domain, totals) in domains {
        let held = held.get(&domain.id).copied().unwrap_or_default();
        all.push(facts(store, (domain, totals), held, now, tables).await?);
    }
    Ok(judge(all, quarantined))
}

async fn facts(
    store: &Store,
    (domain, totals): (Domain, StretchTotals),
    held: u64,
    now: Millis,
    tables: &Tables,
) -> Result<Facts, StoreError> {
    let today = Day::from_unix(now.div_euclid(1_000));
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
    let mut silent = Vec::new();
    if messages > 0 {
        silent = store.reporters(facts.domain.id, range).await?;
        silent.retain(|one| is_silent(one, range));
    }
    let fails = before.fail.saturating_add(recent.fail) >= FAILING_MESSAGES_MIN;
    if silent.is_empty() && !fails {
        return Ok(facts);
    }
    let snoozed = Snoozed(store.snoozed_findings(facts.domain.id, now).await?);
    silent.retain(|one| !snoozed.has_reporter(one));
    facts.silent = silent.iter().map(self::silent).collect();
    if fails {
        let senders = enrich::Senders::read(store, &facts.domain, range, tables).await?;
        // All messages of a new address that fails are failed messages of these days.
        if recent.fail >= FAILING_MESSAGES_MIN {
            facts.failing = failing(&senders.failing_since(today.plus(1 - NEW_DAYS)));
        }
        let mut services = senders.gather().services;
        services.retain(|service| !snoozed.has_service(service));
        facts.to_fix = to_fix(&services);
    }
    Ok(facts)
}

/// What rules found about a domain, and its owner does not want to hear of now.
struct Snoozed(Vec<StoredFinding>);

impl Snoozed {
    /// Whether the silence of a reporter is among it, alone or as one of most of them. A subject is its name in lower case.
    fn has_reporter(&self, reporter: &Reporter) -> bool {
        let name = reporter.org_name.to_lowercase();
        self.of_kind(FindingKind::ReporterSilent)
            .any(|finding| match &*finding.subject {
                "" => reporters_in(finding).any(|one| one == name),
                subject => subject == name,
            })
    }

    /// Whether the failure of a service is.
    fn has_service(&self, service: &ServiceFigures) -> bool {
        let name = service.named.as_ref().map(|named| &*named.name);
        self.of_kind(FindingKind::ServiceBroken)
            .any(|finding| Some(&*finding.subject) == name)
    }

    fn of_kind(&self, kind: FindingKind) -> impl Iterator<Item = &StoredFinding> {
        self.0.iter().filter(move |finding| finding.kind == kind)
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_snooze_of_most_reporters_is_of_those_that_were_silent_then() {
        let snoozed = |subject: &str, detail| {
            Snoozed(vec![StoredFinding {
                no: None,
                kind: FindingKind::ReporterSilent,
                subject: subject.to_owned(),
                is_open: true,
                opened_at: 1,
                ended_at: None,
                told_at: 1,
                detail,
                data: serde_json::Value::Null,
                snooze: None,
            }])
        };
        let reporter = |name: &str| Reporter {
            org_name: name.to_owned(),
            pass: 1,
            fail: 0,
            reports: 1,
            report_days: 1,
            last_report: None,
        };
        let most = snoozed("", json!({ "reporters": ["google.com", "yahoo"] }));
        let one = snoozed("google.com", json!({}));
        for (name, in_most, is_one) in [
            ("Google.com", true, true),
            ("Yahoo", true, false),
            ("later", false, false),
        ] {
            let reporter = reporter(name);
            let found = (most.has_reporter(&reporter), one.has_reporter(&reporter));
            assert_eq!(found, (in_most, is_one), "{name}");
        }
    }
}
