//! `/overview`: all domains of an account at a glance.

use axum::extract::State;
use axum::response::Response;
use hashbrown::HashMap;

use super::client::Client;
use super::comparison::Comparison;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, days_in_name, file_name};
use super::overview_choice::{Choice, folded};
use super::overview_entry::Entry;
use super::paging::{Part, page};
use super::range::range_of_all;
use super::state::AppState;
use super::sums::pass_rate;
use crate::api::{DayBody, Overview, OverviewItem, PolicyBody};
use crate::base::clock::format_instant;
use crate::base::{Day, DayRange, DomainId};
use crate::store::{DomainFigures, Stretches};
use crate::tally::Totals;

/// `GET /overview`
pub(super) async fn overview(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let range = range_of_all(&mut parameters, state.today());
    let page = page(&mut parameters, &state.config);
    let part = Part::from_parameters(&mut parameters, page);
    let choice = Choice::read(&mut parameters);
    parameters.finish()?;
    let comparison = Comparison::new(range, state.today());
    let entries = entries(&state, client, comparison.stretches()).await?;
    let last_day = last_day(&state, &entries, range).await?;
    let total_domains = entries.len() as u64;
    let mut sums = [Totals::default(); 3];
    for entry in &entries {
        sums.iter_mut().zip(&entry.totals.of).for_each(|(sum, of)| sum.add(of));
    }
    let mut chosen = chosen(&state, &choice, entries).await?;
    let pagination = part.pagination(chosen.len());
    let rows = part.rows.within(chosen.len());
    chosen.truncate(rows.end);
    chosen.drain(..rows.start);
    if !choice.needs_reports() {
        read_latest(&state, &mut chosen).await?;
    }
    // A line of CSV has no days.
    let days = match listing.is_csv() {
        true => HashMap::new(),
        false => days_of(&state, &chosen, range).await?,
    };
    let items = chosen.iter().map(|entry| item(entry, every_day(&days, entry, range)));
    let mut now = sums[1];
    now.add(&sums[2]);
    let overview = Overview {
        domains: items.collect(),
        total_domains,
        total_messages: now.messages(),
        failed_messages: now.fail,
        pass_rate: pass_rate(now.pass, now.fail),
        comparison: comparison.body(&sums[0], &sums[1]),
        last_day: last_day.map(|day| day.to_string()),
        from: range.first.to_string(),
        to: range.last.to_string(),
        pagination,
    };
    Ok(listing.answer(overview, |_| file_name(&["domains", &days_in_name(range)])))
}

/// The client's domains with their figures, in no order.
pub(super) async fn entries(state: &AppState, client: Client, stretches: Stretches) -> Result<Vec<Entry>, ApiError> {
    let mut domains = state.store.domains(client.account).await?;
    domains.retain(|domain| client.may_see(domain.id));
    let mut totals = state.store.totals_of_account(client.account, stretches).await?;
    let entries = domains.into_iter().map(|domain| {
        let totals = totals.remove(&domain.id).unwrap_or_default();
        Entry::new(domain, totals)
    });
    Ok(entries.collect())
}

/// The entries that are asked for, in the order that is asked for.
async fn chosen(state: &AppState, choice: &Choice, mut entries: Vec<Entry>) -> Result<Vec<Entry>, ApiError> {
    entries.retain(|entry| choice.selects(entry));
    if choice.needs_reports() {
        read_latest(state, &mut entries).await?;
        entries.retain(|entry| choice.selects_policy(entry));
    }
    if choice.is_folded {
        entries = folded(entries);
    }
    choice.sort(&mut entries);
    Ok(entries)
}

async fn read_latest(state: &AppState, entries: &mut [Entry]) -> Result<(), ApiError> {
    let ids: Vec<_> = entries.iter().map(|entry| entry.domain.id).collect();
    let mut latest = state.store.latest(&ids, state.clock.now()).await?;
    for entry in entries {
        entry.latest = latest.remove(&entry.domain.id);
    }
    Ok(())
}

/// The last day up to the range's end for which messages were reported. Only where no day that was looked at has any is it
/// looked for.
async fn last_day(state: &AppState, entries: &[Entry], range: DayRange) -> Result<Option<Day>, ApiError> {
    let seen = entries.iter().filter_map(|entry| entry.totals.last_day).max();
    if seen.is_some() {
        return Ok(seen);
    }
    let ids: Vec<_> = entries.iter().map(|entry| entry.domain.id).collect();
    Ok(state.store.last_day(&ids, range.last).await?)
}

async fn days_of(
    state: &AppState,
    entries: &[Entry],
    range: DayRange,
) -> Result<HashMap<DomainId, DomainFigures>, ApiError> {
    let ids: Vec<_> = entries.iter().flat_map(|entry| &entry.members).copied().collect();
    Ok(state.store.overview(&ids, range).await?)
}

fn item(entry: &Entry, daily_stats: Vec<DayBody>) -> OverviewItem {
    let (domain, latest) = (&entry.domain, entry.latest.as_ref());
    let (now, before) = (entry.now(), entry.before());
    OverviewItem {
        id: domain.public_id.clone(),
        name: domain.name.to_string(),
        unicode_name: domain.name.unicode(),
        status: domain.status.word().into(),
        tags: domain.tags.iter().map(str::to_owned).collect(),
        organisation: entry.organisation().to_owned(),
        folded_domains: entry.members.len() as u64,
        policy: latest.map(|latest| PolicyBody::from(&latest.policy)),
        total_messages: now.messages(),
        failed_messages: now.fail,
        pass_rate: pass_rate(now.pass, now.fail),
        messages_before: before.messages(),
        failed_before: before.fail,
        change: entry.change(),
        daily_stats,
        last_report_at: latest.map(|latest| format_instant(latest.until)),
        last_arrived_at: latest.map(|latest| format_instant(latest.arrived_at)),
    }
}

/// Every day of the range, summed over the members of the entry.
fn every_day(days: &HashMap<DomainId, DomainFigures>, entry: &Entry, range: DayRange) -> Vec<DayBody> {
    let mut all: Vec<_> = range.iter().map(DayBody::empty).collect();
    let known = entry.members.iter().filter_map(|member| days.get(member));
    for known in known.flat_map(|figures| &figures.days) {
        let nth = known
            .day
            .0
            .checked_sub(range.first.0)
            .and_then(|nth| usize::try_from(nth).ok());
        if let Some(day) = nth.and_then(|nth| all.get_mut(nth)) {
            day.pass = day.pass.saturating_add(known.totals.pass);
            day.fail = day.fail.saturating_add(known.totals.fail);
        }
    }
    all
}
