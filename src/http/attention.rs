//! `/attention`: what needs attention, in all domains of an account.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::findings::{Found, Items};
use super::listing::{Listing, file_name};
use super::overview::entries;
use super::overview_entry::Entry;
use super::paging::{Part, page};
use super::senders;
use super::state::AppState;
use super::sums::total;
use crate::api::{ATTENTION_KINDS, Attention, AttentionItem, AttentionTotals};
use crate::base::clock::format_instant;
use crate::base::{Day, DayRange, DomainStatus, SetAsideKind};
use crate::enrich::{Flow, ServiceFigures};
use crate::insight::is_silent;
use crate::store::{Domain, Stretches};

/// Items listed of each kind, if no kind is asked for.
const OF_KIND_MAX: usize = 20;
/// How far back is looked for what is new or silent.
const ATTENTION_DAYS: i32 = 30;
/// Days for which a source counts as new.
const NEW_DAYS: i32 = 7;
/// Senders with fewer messages in all are not worth a call.
const FAILING_MESSAGES_MIN: u64 = 5;
/// An account with more domains is told what was found a short while ago.
const FRESH_DOMAINS_MAX: usize = 500;
/// Flows of messages that the owner can make pass.
const TO_FIX: [Flow; 2] = [Flow::Unaligned, Flow::OwnMissingInSpf];

/// The parameter `kind`.
pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "kind",
    says: "Only items of this kind, page by page. Default: up to 20 items of each kind, on one page.",
    schema: || json!({ "type": "string", "enum": ATTENTION_KINDS }),
}];

/// `GET /attention`
pub(super) async fn attention(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let page = page(&mut parameters, &state.config);
    let part = Part::from_parameters(&mut parameters, page);
    let kind = parameters.word("kind", &ATTENTION_KINDS, |word| {
        ATTENTION_KINDS.iter().position(|kind| *kind == word)
    });
    parameters.finish()?;
    let found = found(&state, client).await?;
    let [to_fix, failing, missing, silent, held, quarantined] = &found.items;
    let totals = AttentionTotals {
        to_fix: to_fix.len() as u64,
        failing_sources: failing.len() as u64,
        records_missing: missing.len() as u64,
        reporter_silent: silent.len() as u64,
        reports_held: held.iter().map(|item| item.count).sum(),
        quarantined: quarantined.iter().map(|item| item.count).sum(),
    };
    let pagination = kind.map(|kind| part.pagination(found.items[kind].len()));
    let items = match kind {
        None => most_important(&found.items),
        Some(kind) => part.cut(&found.items[kind]).to_vec(),
    };
    let attention = Attention {
        found_at: format_instant(found.at),
        items,
        totals,
        pagination,
    };
    let kind = kind.map_or("", |kind| ATTENTION_KINDS[kind]);
    let name = |_: &_| file_name(&["needs-attention", kind, &state.today().to_string()]);
    Ok(listing.answer(attention, name))
}

/// Some of each kind: what concerns messages, by their number; then held reports, domains that are not verified, the quarantine.
fn most_important(of_kinds: &Items) -> Vec<AttentionItem> {
    let some = of_kinds.iter().flat_map(|items| items.iter().take(OF_KIND_MAX));
    let mut items: Vec<_> = some.cloned().collect();
    items.sort_by_key(|item| {
        let rank = match item.kind.as_ref() {
            "quarantined" => 3,
            "records_missing" => 2,
            // How many messages they are about is not known to be true.
            "reports_held" => 1,
            _ => 0,
        };
        (rank, Reverse(item.messages))
    });
    items
}

/// What is found, or was found a short while ago if the account has many domains.
async fn found(state: &AppState, client: Client) -> Result<Arc<Found>, ApiError> {
    let (of, now) = ((client.account, client.domain), state.clock.now());
    if let Some(found) = state.findings.known(of, now) {
        return Ok(found);
    }
    let entries = entries(state, client, stretches(state.today())).await?;
    let looking = state.clone();
    let is_large = entries.len() > FRESH_DOMAINS_MAX;
    let search = async move { find(&looking, client, entries).await };
    if !is_large {
        return Ok(Arc::new(Found {
            items: search.await?,
            at: now,
        }));
    }
    state.findings.recent(of, now, search).await
}

/// The days before those of new sources, and those.
fn stretches(today: Day) -> Stretches {
    let range = DayRange::ending(today, ATTENTION_DAYS);
    Stretches {
        first: [range.first, range.first, today.plus(1 - NEW_DAYS)],
        last: today,
    }
}

/// All there is of each of [`ATTENTION_KINDS`], each with the most messages first: nothing is cut before it is in order.
async fn find(state: &AppState, client: Client, mut entries: Vec<Entry>) -> Result<Items, ApiError> {
    let range = DayRange::ending(state.today(), ATTENTION_DAYS);
    entries.sort_by_key(|entry| (Reverse(entry.now().messages()), entry.domain.name.to_string()));
    let missing = entries
        .iter()
        .filter(|entry| entry.domain.status != DomainStatus::Verified);
    let missing = missing.map(|entry| AttentionItem {
        messages: entry.now().messages(),
        ..about(&entry.domain, "records_missing")
    });
    let missing = missing.collect();
    let (mut to_fix, mut failing, mut silent, mut held) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let ids: Vec<_> = entries.iter().map(|entry| entry.domain.id).collect();
    let held_counts = state.store.held_counts(&ids).await?;
    for entry in &entries {
        let domain = &entry.domain;
        let count = held_counts.get(&domain.id).copied().unwrap_or_default();
        held.extend((count > 0).then(|| AttentionItem {
            count,
            messages: entry.now().messages(),
            ..about(domain, "reports_held")
        }));
        let [fixes, new] = failing_senders(state, entry, range).await?;
        to_fix.extend(fixes);
        failing.extend(new);
        if entry.now().messages() > 0 {
            let reporters = state.store.reporters(domain.id, range).await?;
            let quiet = reporters.iter().filter(|reporter| is_silent(reporter, range));
            silent.extend(quiet.map(|reporter| AttentionItem {
                messages: reporter.pass.saturating_add(reporter.fail),
                org_name: Some(reporter.org_name.clone()),
                last_report: reporter.last_report.map(|day| day.to_string()),
                ..about(domain, "reporter_silent")
            }));
        }
    }
    for items in [&mut to_fix, &mut failing, &mut silent] {
        items.sort_by_key(|item: &AttentionItem| Reverse(item.messages));
    }
    held.sort_by_key(|item: &AttentionItem| Reverse(item.count));
    Ok([
        to_fix,
        failing,
        missing,
        silent,
        held,
        quarantined(state, client).await?,
    ])
}

/// One item, if there is a message in quarantine that the client may see.
async fn quarantined(state: &AppState, client: Client) -> Result<Vec<AttentionItem>, ApiError> {
    if client.domain.is_some() {
        return Ok(Vec::new());
    }
    let kind = SetAsideKind::Quarantined;
    let count = state.store.set_aside_total(client.account, kind).await?;
    let item = AttentionItem {
        count,
        ..item("quarantined")
    };
    Ok((count > 0).then_some(item).into_iter().collect())
}

/// What the owner can make pass, and what is new and fails.
async fn failing_senders(
    state: &AppState,
    entry: &Entry,
    range: DayRange,
) -> Result<[Option<AttentionItem>; 2], ApiError> {
    if entry.now().fail < FAILING_MESSAGES_MIN {
        return Ok([None, None]);
    }
    let domain = &entry.domain;
    let tables = state.tables.current();
    let senders = senders::read(state, &tables, domain, range).await?;
    let new = match entry.totals.of[2].fail {
        // All messages of a new address that fails are failed messages of these days.
        ..FAILING_MESSAGES_MIN => Vec::new(),
        _ => senders.failing_since(range.last.plus(1 - NEW_DAYS)),
    };
    let messages = total(new.iter().map(|source| source.totals.messages()));
    let new = (messages >= FAILING_MESSAGES_MIN).then(|| AttentionItem {
        count: new.len() as u64,
        messages,
        source_ip: new.first().and_then(|source| source.address).map(|at| at.to_string()),
        ..about(domain, "failing_sources")
    });
    let services = senders.gather().services;
    let fixes = |service: &ServiceFigures| total(TO_FIX.iter().map(|flow| service.flows.messages_in(*flow)));
    let to_fix: Vec<_> = services.iter().filter(|service| fixes(service) > 0).collect();
    let messages = total(to_fix.iter().map(|service| fixes(service)));
    let largest = to_fix.iter().max_by_key(|service| fixes(service));
    let largest = largest.and_then(|service| service.named.as_ref());
    let to_fix = (messages >= FAILING_MESSAGES_MIN).then(|| AttentionItem {
        count: to_fix.len() as u64,
        messages,
        org_name: largest.map(|named| named.name.to_string()),
        ..about(domain, "to_fix")
    });
    Ok([to_fix, new])
}

fn about(domain: &Domain, kind: &'static str) -> AttentionItem {
    AttentionItem {
        domain_id: Some(domain.public_id.clone()),
        domain: Some(domain.name.to_string()),
        unicode_name: domain.name.unicode(),
        ..item(kind)
    }
}

fn item(kind: &'static str) -> AttentionItem {
    AttentionItem {
        kind: kind.into(),
        domain_id: None,
        domain: None,
        unicode_name: None,
        count: 0,
        messages: 0,
        source_ip: None,
        org_name: None,
        last_report: None,
    }
}
