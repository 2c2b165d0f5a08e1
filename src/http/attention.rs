//! `/attention`: what needs attention, in all domains of an account.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, file_name};
use super::overview::by_messages;
use super::paging::{Part, page};
use super::senders;
use super::state::AppState;
use super::sums::total;
use crate::api::{ATTENTION_KINDS, Attention, AttentionItem, AttentionTotals};
use crate::base::{DayRange, DomainStatus, SetAsideKind};
use crate::insight::is_silent;
use crate::store::{Domain, DomainFigures};

/// Items listed of each kind, if no kind is asked for.
const OF_KIND_MAX: usize = 20;
/// How far back is looked for what is new or silent.
const ATTENTION_DAYS: i32 = 30;
/// Days for which a source counts as new.
const NEW_DAYS: i32 = 7;
/// Addresses with fewer messages in all are not worth a call.
const NEW_MESSAGES_MIN: u64 = 5;

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
    let found = find(&state, client).await?;
    let [failing, missing, silent, held, quarantined] = &found;
    let totals = AttentionTotals {
        failing_sources: failing.len() as u64,
        records_missing: missing.len() as u64,
        reporter_silent: silent.len() as u64,
        reports_held: held.iter().map(|item| item.count).sum(),
        quarantined: quarantined.iter().map(|item| item.count).sum(),
    };
    let pagination = kind.map(|kind| part.pagination(found[kind].len()));
    let items = found.into_iter().enumerate().flat_map(|(nth, mut items)| {
        match kind {
            None => items.truncate(OF_KIND_MAX),
            Some(kind) if kind == nth => {
                let shown = part.rows.within(items.len());
                items.truncate(shown.end);
                items.drain(..shown.start);
            }
            Some(_) => items.clear(),
        }
        items
    });
    let attention = Attention {
        items: items.collect(),
        totals,
        pagination,
    };
    let kind = kind.map_or("", |kind| ATTENTION_KINDS[kind]);
    let name = |_: &_| file_name(&["needs-attention", kind, &state.today().to_string()]);
    Ok(listing.answer(attention, name))
}

/// All there is of each of [`ATTENTION_KINDS`], each with the most messages first: nothing is cut before it is in order.
async fn find(state: &AppState, client: Client) -> Result<[Vec<AttentionItem>; 5], ApiError> {
    let today = state.today();
    let range = DayRange::ending(today, ATTENTION_DAYS);
    let domains = by_messages(state, client, range).await?;
    let missing = domains
        .iter()
        .filter(|(domain, _)| domain.status != DomainStatus::Verified);
    let missing = missing.map(|(domain, figures)| AttentionItem {
        messages: figures.totals.messages(),
        ..about(domain, "records_missing")
    });
    let missing = missing.collect();
    let (mut failing, mut silent, mut held) = (Vec::new(), Vec::new(), Vec::new());
    let ids: Vec<_> = domains.iter().map(|(domain, _)| domain.id).collect();
    let held_counts = state.store.held_counts(&ids).await?;
    for (domain, figures) in &domains {
        let count = held_counts.get(&domain.id).copied().unwrap_or_default();
        held.extend((count > 0).then(|| AttentionItem {
            count,
            messages: figures.totals.messages(),
            ..about(domain, "reports_held")
        }));
        failing.extend(failing_sources(state, domain, figures, range).await?);
        if figures.totals.messages() > 0 {
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
    failing.sort_by_key(|item: &AttentionItem| std::cmp::Reverse(item.messages));
    silent.sort_by_key(|item: &AttentionItem| std::cmp::Reverse(item.messages));
    held.sort_by_key(|item: &AttentionItem| std::cmp::Reverse(item.count));
    Ok([failing, missing, silent, held, quarantined(state, client).await?])
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

async fn failing_sources(
    state: &AppState,
    domain: &Domain,
    figures: &DomainFigures,
    range: DayRange,
) -> Result<Option<AttentionItem>, ApiError> {
    let since = range.last.plus(1 - NEW_DAYS);
    // All messages of a new address that fails are failed messages of these days.
    let recent = figures.days.iter().filter(|day| day.day >= since);
    if recent.map(|day| day.totals.fail).fold(0, u64::saturating_add) < NEW_MESSAGES_MIN {
        return Ok(None);
    }
    let tables = state.tables.current();
    let senders = senders::read(state, &tables, domain, range).await?;
    let sources = senders.failing_since(since);
    let messages = total(sources.iter().map(|source| source.totals.messages()));
    if messages < NEW_MESSAGES_MIN {
        return Ok(None);
    }
    let largest = sources.first().and_then(|source| source.address);
    Ok(Some(AttentionItem {
        count: sources.len() as u64,
        messages,
        source_ip: largest.map(|address| address.to_string()),
        ..about(domain, "failing_sources")
    }))
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
