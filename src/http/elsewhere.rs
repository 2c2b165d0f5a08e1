//! `/domains/{id}/dmarc/sources/{source_ip}/domains`: for which other domains of the account an address sent.

use std::cmp::Reverse;

use axum::Json;
use axum::extract::State;

use super::client::Client;
use super::error::ApiError;
use super::fields::Parameters;
use super::overview::entries;
use super::overview_entry::Entry;
use super::owned::OwnedDomain;
use super::range::day_range;
use super::source::AddressInPath;
use super::state::AppState;
use crate::api::{SourceDomain, SourceDomainList};
use crate::store::{Source, Stretches};

/// Domains that are listed.
const LISTED_MAX: usize = 100;
/// Domains that are looked through, each with a statement of its own.
const SEARCHED_MAX: usize = 500;
/// Bytes of roll-ups that are read; the domain that exceeds it is the last.
const READ_BYTES_MAX: usize = 16 * 1024 * 1024;

/// `GET /domains/{id}/dmarc/sources/{source_ip}/domains`
pub(super) async fn show(
    State(state): State<AppState>,
    client: Client,
    OwnedDomain(domain): OwnedDomain,
    AddressInPath(address): AddressInPath,
    mut parameters: Parameters,
) -> Result<Json<SourceDomainList>, ApiError> {
    let range = day_range(&mut parameters, state.today());
    parameters.finish()?;
    let address = address.ok_or_else(|| ApiError::not_found("Source"))?;
    let mut others = entries(&state, client, Stretches::one(range)).await?;
    others.retain(|entry| entry.domain.id != domain.id && entry.now().messages() > 0);
    others.sort_by_key(|entry| (Reverse(entry.now().messages()), entry.domain.id));
    let (mut found, mut searched, mut read) = (Vec::new(), 0, 0);
    for entry in others.iter().take(SEARCHED_MAX) {
        let (source, bytes) = state.store.source_figures(entry.domain.id, address, range).await?;
        found.extend(source.map(|source| sent_for(entry, &source)));
        searched += 1;
        read += bytes;
        if read > READ_BYTES_MAX {
            break;
        }
    }
    found.sort_by(|a, b| (Reverse(a.count), &a.name).cmp(&(Reverse(b.count), &b.name)));
    let total = found.len() as u64;
    found.truncate(LISTED_MAX);
    Ok(Json(SourceDomainList {
        domains: found,
        total,
        searched_domains: searched,
        total_domains: others.len() as u64,
    }))
}

fn sent_for(entry: &Entry, source: &Source) -> SourceDomain {
    let totals = &source.totals;
    SourceDomain {
        id: entry.domain.public_id.clone(),
        name: entry.domain.name.to_string(),
        unicode_name: entry.domain.name.unicode(),
        count: totals.messages(),
        pass_count: totals.pass,
        fail_count: totals.fail,
        first_seen: source.first_seen.to_string(),
        last_seen: source.last_seen.to_string(),
    }
}
