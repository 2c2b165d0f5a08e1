//! `/domains/{id}/dmarc/sources/{source_ip}`: one sending address, and the records behind its figures.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::json;

use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, days_in_name, file_name};
use super::owned::{OwnedDomain, path_text};
use super::paging::page_sized;
use super::places::{instant, source_place, source_place_text};
use super::range::day_range;
use super::records::listed_max;
use super::state::AppState;
use crate::api::{RecordBody, ReportMention, SourceBody, SourceDetail, SourceRecord};
use crate::enrich::{Senders, SourceFigures, home_range};
use crate::store::{AddressName, ReportSummary, SourceRecords};

/// The address of `{source_ip}`; `unknown` stands for the records without a readable one.
#[derive(Debug)]
pub(super) struct AddressInPath(pub Option<IpAddr>);

impl FromRequestParts<AppState> for AddressInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let text = path_text(parts, state, "source_ip").await.unwrap_or_default();
        if text == UNKNOWN {
            return Ok(Self(None));
        }
        let address: Result<IpAddr, _> = text.parse();
        address
            .map(|address| Self(Some(address.to_canonical())))
            .map_err(|_| ApiError::not_found("Source"))
    }
}

/// Parameters apart from the range.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "before",
        says: "Continues after the answer with this `next`.",
        schema: || {
            json!({ "type": "string", "pattern": "^[0-9]{1,15}_[1-9][0-9]{0,17}(_[1-9][0-9]{0,17})?$",
        "examples": ["1774137600_1", "1774137600_1_50"] })
        },
    },
    Parameter {
        name: "per_page",
        says: "Records per answer. Default: 50. Larger values are reduced to the limit of the installation (default \
            100).",
        schema: || json!({ "type": "integer", "minimum": 1 }),
    },
];

const UNKNOWN: &str = "unknown";
/// The word of an address that DNS was not asked about.
const NOT_ASKED: &str = "not_asked";
/// Records of an answer if the client does not say.
const RECORDS: u32 = 50;

/// `GET /domains/{id}/dmarc/sources/{source_ip}`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    AddressInPath(address): AddressInPath,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let range = day_range(&mut parameters, state.today());
    let before = parameters.word("before", &["the text of next"], source_place);
    let count = page_sized(&mut parameters, &state.config, RECORDS).per_page as usize;
    parameters.finish()?;
    let most = (count, listed_max(&state.config));
    let whose = (domain.id, address);
    let sent = state.store.source_by_way(whose, range, home_range(range).first).await?;
    let found = state.store.records_behind(whose, (range, &sent), before, most).await?;
    let tables = state.tables.current();
    let senders = Senders::read_one(&state.store, &domain, &tables, sent).await?;
    let source = senders.source(address).ok_or_else(|| ApiError::not_found("Source"))?;
    let ptr = match address {
        Some(address) => state.store.address_name(address).await?,
        None => None,
    };
    let name = |_: &_| {
        let address = address.map_or_else(|| UNKNOWN.to_owned(), |address| address.to_string());
        file_name(&[domain.name.as_str(), &address, "records", &days_in_name(range)])
    };
    Ok(listing.answer(detail(&source, ptr.as_ref(), &found), name))
}

fn detail<'f>(source: &SourceFigures<'_>, ptr: Option<&AddressName>, found: &'f SourceRecords) -> SourceDetail<'f> {
    let records = found.records.iter().map(|one| SourceRecord {
        report: mention(&one.report),
        record: RecordBody::from(&one.record),
    });
    SourceDetail {
        source: SourceBody::from(source),
        ptr_state: ptr.map_or(NOT_ASKED, |known| known.state.word()).into(),
        records: records.collect(),
        reports_without_records: found.without_records,
        next: found.next.as_ref().map(source_place_text),
    }
}

fn mention(report: &ReportSummary) -> ReportMention<'_> {
    ReportMention {
        id: report.no.0,
        org_name: report.org_name.as_deref().map(Cow::Borrowed),
        date_range_begin: instant(report.window.begin),
        date_range_end: instant(report.window.end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PTR_STATES;
    use crate::store::AddressState;

    #[test]
    fn documented_words_are_the_words() {
        let states = AddressState::ALL.iter().map(|state| state.word());
        assert!(states.chain([NOT_ASKED]).eq(PTR_STATES));
    }
}
