//! `/domains/{id}/dmarc/stats` and `/sources`: sums, from the roll-ups.

use axum::Json;
use axum::extract::State;
use serde_json::json;

use super::error::ApiError;
use super::fields::Parameters;
use super::openapi::Parameter;
use super::owned::OwnedDomain;
use super::paging::{Part, largest_page};
use super::range::day_range;
use super::reports::{RESULT, result_filter};
use super::state::AppState;
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
        says: "What comes first: the largest, latest or highest of this.",
        schema: || json!({ "type": "string", "enum": ORDERS.map(|(word, _)| word) }),
    },
    Parameter {
        name: "order",
        says: "`asc` turns the order around.",
        schema: || json!({ "type": "string", "enum": ["asc", "desc"] }),
    },
];

/// `GET /domains/{id}/dmarc/stats`
pub(super) async fn stats(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<StatsBody>, ApiError> {
    let range = day_range(&mut parameters, today(&state));
    parameters.finish()?;
    let stats = state.store.stats(domain.id, range).await?;
    let within = stats.days.iter().rfind(|day| day.totals.messages() > 0);
    let last_day = match within {
        Some(day) => Some(day.day),
        None => state.store.last_day(&[domain.id], range.last).await?,
    };
    Ok(Json(StatsBody {
        last_day: last_day.map(|day| day.to_string()),
        ..StatsBody::from(stats)
    }))
}

/// `GET /domains/{id}/dmarc/sources`
pub(super) async fn sources(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<SourceList>, ApiError> {
    let range = day_range(&mut parameters, today(&state));
    let page = largest_page(&mut parameters, &state.config);
    let part = Part::of(&mut parameters, page);
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
    Ok(Json(SourceList {
        sources: sources.sources.iter().map(SourceBody::from).collect(),
        total: sources.total,
        pagination: part.pagination(usize::try_from(sources.total).unwrap_or(usize::MAX)),
    }))
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

/// The current UTC day.
pub(super) fn today(state: &AppState) -> Day {
    Day::from_unix(state.clock.now().div_euclid(1_000))
}

/// Computed in whole tenths, so that no binary fraction decides about a half.
pub(super) fn pass_rate(pass: u64, fail: u64) -> f64 {
    let (pass, messages) = (u128::from(pass), u128::from(pass) + u128::from(fail));
    if messages == 0 {
        return 0.0;
    }
    let tenths = (pass * 2_000 + messages) / (messages * 2);
    tenths as f64 / 10.0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pass_rate_is_rounded_to_one_decimal_half_up() {
        for (pass, fail, expect) in [
            (0, 0, "0.0"),
            (44_865, 135, "99.7"),
            (1, 0, "100.0"),
            (0, 5, "0.0"),
            (1, 2, "33.3"),
            (2, 1, "66.7"),
            (1, 1_999, "0.1"),
            (9_996, 4, "100.0"),
            (9_994, 6, "99.9"),
            (u64::MAX - 1, 1, "100.0"),
        ] {
            assert_eq!(
                serde_json::to_string(&pass_rate(pass, fail)).unwrap(),
                expect,
                "{pass} of {fail}"
            );
        }
    }
}
