//! The days of `/domains/{id}/dmarc/stats` by service or by reporter.

use serde::Serialize;

use super::error::ApiError;
use super::state::AppState;
use crate::api::{PartBody, StatsBody};
use crate::base::DayRange;
use crate::base::numbers::total;
use crate::enrich::largest_services_by_day;
use crate::store::{Domain, NAMED_REPORTERS, StoreError};
use crate::tally::Carriers;

/// What days are split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Service,
    /// Of all carriers: reporters have no other sums.
    Reporter,
}

impl By {
    /// From the word of `include`.
    pub fn included(word: &str) -> Option<Self> {
        match word {
            "services" => Some(Self::Service),
            "reporters" => Some(Self::Reporter),
            _ => None,
        }
    }

    /// What a file with these days has in its name.
    pub const fn in_name(self) -> &'static str {
        match self {
            Self::Service => "days-by-service",
            Self::Reporter => "days-by-reporter",
        }
    }
}

/// Adds to `stats` the messages of those with the most, and of all others.
pub(super) async fn add(
    state: &AppState,
    domain: &Domain,
    (range, carriers): (DayRange, Carriers),
    (by, stats): (By, &mut StatsBody),
) -> Result<(), ApiError> {
    let largest = match by {
        By::Service => {
            let tables = state.tables.current();
            let services = largest_services_by_day(&state.store, domain, (range, carriers), &tables).await?;
            services
                .into_iter()
                .map(|(name, days)| (name.to_string(), days))
                .collect()
        }
        By::Reporter => reporters(state, domain, range).await?,
    };
    let mut others: Vec<u64> = stats
        .daily_stats
        .iter()
        .map(|day| day.pass.saturating_add(day.fail))
        .collect();
    let mut parts: Vec<PartBody> = largest.into_iter().map(|(name, days)| part(Some(name), days)).collect();
    for part in &parts {
        for (left, messages) in others.iter_mut().zip(&part.daily_messages) {
            // A report may have been stored between two reads.
            *left = left.saturating_sub(*messages);
        }
    }
    parts.retain(|part| part.total_messages > 0);
    parts.push(part(None, others));
    stats.parts = Some(parts);
    Ok(())
}

fn part(name: Option<String>, daily_messages: Vec<u64>) -> PartBody {
    PartBody {
        name,
        total_messages: total(daily_messages.iter().copied()),
        daily_messages,
    }
}

/// The reporters with most messages, without those that do not give their name.
async fn reporters(state: &AppState, domain: &Domain, range: DayRange) -> Result<Vec<(String, Vec<u64>)>, StoreError> {
    let all = state.store.reporters(domain.id, range).await?;
    let names = all.iter().map(|one| one.org_name.as_str());
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).take(NAMED_REPORTERS).collect();
    let mut found: Vec<_> = names
        .iter()
        .map(|name| ((*name).to_owned(), vec![0_u64; range.iter().count()]))
        .collect();
    for one in state.store.reporter_days(domain.id, range, &names).await? {
        let nth = usize::try_from(one.day.0 - range.first.0).ok();
        let of_name = found.iter_mut().find(|(name, _)| *name == one.org_name);
        if let Some(sum) = of_name.and_then(|(_, days)| days.get_mut(nth?)) {
            *sum = sum.saturating_add(one.messages);
        }
    }
    Ok(found)
}

/// The days with their parts, for CSV: a row for each part of each day.
#[derive(Debug, Serialize)]
pub(super) struct PartDays {
    pub days: Vec<PartDay>,
}

/// The messages of a day that are of one part.
#[derive(Debug, Serialize)]
pub(super) struct PartDay {
    pub date: String,
    /// Empty for all others.
    pub name: Option<String>,
    pub messages: u64,
}

impl From<&StatsBody> for PartDays {
    fn from(stats: &StatsBody) -> Self {
        let parts = stats.parts.as_deref().unwrap_or_default();
        let of_day = |(nth, date): (usize, &String)| {
            let row = |part: &PartBody| PartDay {
                date: date.clone(),
                name: part.name.clone(),
                messages: part.daily_messages.get(nth).copied().unwrap_or(0),
            };
            parts.iter().map(row).collect::<Vec<_>>()
        };
        let dates = stats.daily_stats.iter().map(|day| &day.date).enumerate();
        Self {
            days: dates.flat_map(of_day).collect(),
        }
    }
}
