//! `/domains/{id}/dmarc/stats`: sums, from the roll-ups.

use axum::extract::State;
use axum::response::Response;

use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, days_in_name, file_name};
use super::owned::OwnedDomain;
use super::range::day_range;
use super::state::AppState;
use super::sums::pass_rate;
use crate::api::{DayBody, Dispositions, StatsBody};
use crate::base::Day;
use crate::store::{DayTotals, Stats};

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
