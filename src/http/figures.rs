//! `/domains/{id}/dmarc/stats` and `/sources`: sums, from the roll-ups.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, days_in_name, file_name};
use super::owned::OwnedDomain;
use super::paging::{Part, largest_page};
use super::range::day_range;
use super::result_filter::{RESULT, result_filter};
use super::state::AppState;
use super::sums::pass_rate;
use crate::api::{DayBody, Dispositions, SourceBody, SourceList, StatsBody};
use crate::base::Day;
use crate::store::{DayTotals, Source, SourceOrder, SourceQuery, Stats};

/// Parameters that select sources.
pub(super) const FILTERS: &[Parameter] = &[
    RESULT,
    Parameter {
        name: "network",
        says: "Only addresses in this network.",
        schema: || json!({ "type": "string", "format": "network", "examples": ["192.0.2.0/24"] }),
    },
    Parameter {
        name: "sort",
        says: "Order of the list. The largest, latest or highest comes first.",
        schema: || json!({ "type": "string", "enum": ORDERS.map(|(word, _)| word) }),
    },
    Parameter {
        name: "order",
        says: "`asc` reverses the order.",
        schema: || json!({ "type": "string", "enum": ["asc", "desc"] }),
    },
];

/// `GET /domains/{id}/dmarc/stats`
pub(super) async fn stats(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let range = day_range(&mut parameters, state.today());
    parameters.finish()?;
    let stats = state.store.stats(domain.id, range).await?;
    let within = stats.days.iter().rfind(|day| day.totals.messages() > 0);
    let last_day = match within {
        Some(day) => Some(day.day),
        None => state.store.last_day(&[domain.id], range.last).await?,
    };
    let stats = StatsBody {
        last_day: last_day.map(|day| day.to_string()),
        ..StatsBody::from(stats)
    };
    let name = |_: &_| file_name(&[domain.name.as_str(), "days", &days_in_name(range)]);
    Ok(listing.answer(stats, name))
}

/// `GET /domains/{id}/dmarc/sources`
pub(super) async fn sources(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let range = day_range(&mut parameters, state.today());
    let page = largest_page(&mut parameters, &state.config);
    let part = Part::from_parameters(&mut parameters, page);
    let query = SourceQuery {
        result: result_filter(&mut parameters),
        network: parameters.parsed("network"),
        order: parameters
            .word("sort", &ORDERS.map(|(word, _)| word), order)
            .unwrap_or_default(),
        ascending: parameters
            .word("order", &["asc", "desc"], is_ascending)
            .unwrap_or(false),
    };
    parameters.finish()?;
    let sources = state.store.sources(domain.id, range, &query, part.rows).await?;
    let list = SourceList {
        sources: sources.sources.iter().map(SourceBody::from).collect(),
        total: sources.total,
        pagination: part.pagination(usize::try_from(sources.total).unwrap_or(usize::MAX)),
    };
    let name = |_: &_| file_name(&[domain.name.as_str(), "sources", &days_in_name(range)]);
    Ok(listing.answer(list, name))
}

/// What `sort` can say; the largest, latest or highest come first unless `order` is `asc`.
const ORDERS: [(&str, SourceOrder); 7] = [
    ("count", SourceOrder::Messages),
    ("pass_count", SourceOrder::Pass),
    ("fail_count", SourceOrder::Fail),
    ("pass_rate", SourceOrder::PassRate),
    ("source_ip", SourceOrder::Address),
    ("first_seen", SourceOrder::FirstSeen),
    ("last_seen", SourceOrder::LastSeen),
];

fn order(word: &str) -> Option<SourceOrder> {
    let found = ORDERS.iter().find(|(other, _)| *other == word);
    found.map(|(_, order)| *order)
}

fn is_ascending(word: &str) -> Option<bool> {
    match word {
        "asc" => Some(true),
        "desc" => Some(false),
        _ => None,
    }
}

impl From<Stats> for StatsBody {
    fn from(stats: Stats) -> Self {
        Self {
            total_messages: stats.totals.messages(),
            pass_rate: pass_rate(stats.totals.pass, stats.totals.fail),
            failed_messages: stats.totals.fail,
            daily_stats: stats.days.iter().map(DayBody::from).collect(),
            from: stats.range.first.to_string(),
            to: stats.range.last.to_string(),
            last_day: None,
            dispositions: Dispositions::from(&stats.totals),
            dkim_aligned: stats.totals.dkim_aligned,
            spf_aligned: stats.totals.spf_aligned,
            reports: stats.reports,
            sources: stats.sources,
        }
    }
}

impl DayBody {
    /// A day without messages.
    pub(super) fn empty(day: Day) -> Self {
        Self {
            date: day.to_string(),
            pass: 0,
            fail: 0,
        }
    }
}

impl From<&DayTotals> for DayBody {
    fn from(day: &DayTotals) -> Self {
        Self {
            date: day.day.to_string(),
            pass: day.totals.pass,
            fail: day.totals.fail,
        }
    }
}

/// Who runs an address is learned by a later part of the program: not known yet.
impl From<&Source> for SourceBody {
    fn from(source: &Source) -> Self {
        Self {
            source_ip: source.address,
            org_name: None,
            count: source.totals.messages(),
            pass_count: source.totals.pass,
            fail_count: source.totals.fail,
            ptr: None,
            asn: None,
            country: None,
            first_seen: source.first_seen.to_string(),
            last_seen: source.last_seen.to_string(),
            dkim_aligned: source.totals.dkim_aligned,
            spf_aligned: source.totals.spf_aligned,
            dispositions: Dispositions::from(&source.totals),
        }
    }
}
