//! `/attention`: what needs attention, in all domains of an account.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::known_findings::Found;
use super::listing::{Listing, file_name};
use super::overview::entries;
use super::overview_entry::Entry;
use super::paging::{Part, page};
use super::state::AppState;
use crate::api::{ATTENTION_KINDS, Attention, AttentionItem, AttentionTotals};
use crate::base::SetAsideKind;
use crate::base::clock::format_instant;
use crate::base::numbers::total;
use crate::insight::{self, Concern, Finding, Findings, attention_stretches};

/// An account with more domains is told what was found a short while ago.
const FRESH_DOMAINS_MAX: usize = 500;

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
    let kind = parameters.word("kind", &ATTENTION_KINDS, Concern::from_word);
    parameters.finish()?;
    let found = found(&state, client).await?;
    let findings = &found.findings;
    let items = match kind {
        None => findings.most_important().iter().map(AttentionItem::from).collect(),
        Some(kind) => part.cut(findings.about(kind)).iter().map(AttentionItem::from).collect(),
    };
    let attention = Attention {
        found_at: format_instant(found.at),
        items,
        totals: AttentionTotals::from(findings),
        pagination: kind.map(|kind| part.pagination(findings.about(kind).len())),
    };
    let kind = kind.map_or("", Concern::word);
    let name = |_: &_| file_name(&["needs-attention", kind, &state.today().to_string()]);
    Ok(listing.answer(attention, name))
}

/// What is found, or was found a short while ago if the account has many domains.
async fn found(state: &AppState, client: Client) -> Result<Arc<Found>, ApiError> {
    let (of, now) = ((client.account, client.domain), state.clock.now());
    if let Some(found) = state.findings.known(of, now) {
        return Ok(found);
    }
    let entries = entries(state, client, attention_stretches(state.today())).await?;
    let looking = state.clone();
    let is_large = entries.len() > FRESH_DOMAINS_MAX;
    let search = async move { find(&looking, client, entries).await };
    if !is_large {
        return Ok(Arc::new(Found {
            findings: search.await?,
            at: now,
        }));
    }
    state.findings.recent(of, now, search).await
}

/// All findings about the entries, and about the quarantine if the client may see it.
async fn find(state: &AppState, client: Client, entries: Vec<Entry>) -> Result<Findings, ApiError> {
    let quarantined = match client.domain {
        Some(_) => 0,
        None => {
            let kind = SetAsideKind::Quarantined;
            state.store.set_aside_total(client.account, kind).await?
        }
    };
    let domains = entries.into_iter().map(|entry| (entry.domain, entry.totals)).collect();
    let tables = state.tables.current();
    Ok(insight::attention(&state.store, domains, quarantined, state.clock.now(), &tables).await?)
}

impl From<&Findings> for AttentionTotals {
    fn from(findings: &Findings) -> Self {
        let items = |concern| findings.about(concern).len() as u64;
        let counts = |concern| total(findings.about(concern).iter().map(|finding| finding.count));
        Self {
            to_fix: items(Concern::ToFix),
            failing_sources: items(Concern::FailingSources),
            records_missing: items(Concern::RecordsMissing),
            reporter_silent: items(Concern::ReporterSilent),
            reports_held: counts(Concern::ReportsHeld),
            quarantined: counts(Concern::Quarantined),
        }
    }
}

impl From<&Finding> for AttentionItem {
    fn from(finding: &Finding) -> Self {
        let domain = finding.domain.as_ref();
        Self {
            kind: finding.concern.word().into(),
            domain_id: domain.map(|domain| domain.public_id.clone()),
            domain: domain.map(|domain| domain.name.to_string()),
            unicode_name: domain.and_then(|domain| domain.name.unicode()),
            count: finding.count,
            messages: finding.messages,
            source_ip: finding.address.map(|address| address.to_string()),
            org_name: finding.name.clone(),
            last_report: finding.last_report.map(|day| day.to_string()),
            reason: finding.reason(),
            action: finding.action().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_words_are_the_words() {
        assert!(Concern::ALL.iter().map(|concern| concern.word()).eq(ATTENTION_KINDS));
    }
}
