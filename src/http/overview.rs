//! `/overview`: all domains of an account at a glance.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, days_in_name, file_name};
use super::paging::{Part, page};
use super::range::{FROM, TO, day_range};
use super::state::AppState;
use super::sums::{pass_rate, total};
use crate::api::{DayBody, Overview, OverviewItem, PolicyBody};
use crate::base::clock::format_instant;
use crate::base::{Day, DayRange, NameSearch};
use crate::store::{Domain, DomainFigures};

/// Longest range of an overview: it looks at each day of each domain.
const OVERVIEW_DAYS_MAX: u64 = 92;

/// The range, shorter than elsewhere, and what selects domains.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "days",
        says: "The last N days, including today. Default: 30. Cannot be combined with `from` and `to`, which \
               are at most 92 days.",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": OVERVIEW_DAYS_MAX }),
    },
    FROM,
    TO,
    Parameter {
        name: "search",
        says: "Only domains with this text in their name, in Unicode or as A-labels, in any letter case.",
        schema: || json!({ "type": "string", "examples": ["example"] }),
    },
];

/// `GET /overview`
pub(super) async fn overview(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let range = day_range(&mut parameters, state.today());
    let page = page(&mut parameters, &state.config);
    let part = Part::from_parameters(&mut parameters, page);
    if range.len() > OVERVIEW_DAYS_MAX {
        parameters.refuse(
            "days",
            format!("must not ask for more than {OVERVIEW_DAYS_MAX} days of all domains"),
        );
    }
    let search = NameSearch::new(parameters.text("search").unwrap_or_default());
    parameters.finish()?;
    let mut domains = by_messages(&state, client, range).await?;
    let last_day = last_day(&state, &domains, range).await?;
    let total_domains = domains.len() as u64;
    let sum = |of: fn(&DomainFigures) -> u64| total(domains.iter().map(|(_, figures)| of(figures)));
    let (pass, fail) = (sum(|one| one.totals.pass), sum(|one| one.totals.fail));
    domains.retain(|(domain, _)| search.finds(&domain.name));
    let shown = part.cut(&domains);
    let ids: Vec<_> = shown.iter().map(|(domain, _)| domain.id).collect();
    let mut latest = state.store.latest(&ids, state.clock.now()).await?;
    let items = shown.iter().map(|(domain, figures)| {
        let latest = latest.remove(&domain.id);
        OverviewItem {
            id: domain.public_id.clone(),
            name: domain.name.to_string(),
            unicode_name: domain.name.unicode(),
            status: domain.status.word().into(),
            policy: latest.as_ref().map(|latest| PolicyBody::from(&latest.policy)),
            total_messages: figures.totals.messages(),
            failed_messages: figures.totals.fail,
            pass_rate: pass_rate(figures.totals.pass, figures.totals.fail),
            daily_stats: every_day(figures, range),
            last_report_at: latest.as_ref().map(|latest| format_instant(latest.until)),
            last_arrived_at: latest.map(|latest| format_instant(latest.arrived_at)),
        }
    });
    let overview = Overview {
        domains: items.collect(),
        total_domains,
        total_messages: pass.saturating_add(fail),
        failed_messages: fail,
        pass_rate: pass_rate(pass, fail),
        last_day: last_day.map(|day| day.to_string()),
        from: range.first.to_string(),
        to: range.last.to_string(),
        pagination: part.pagination(domains.len()),
    };
    Ok(listing.answer(overview, |_| file_name(&["domains", &days_in_name(range)])))
}

/// The last day up to the range's end for which messages were reported. Only where the range has none is it looked for.
async fn last_day(
    state: &AppState,
    domains: &[(Domain, DomainFigures)],
    range: DayRange,
) -> Result<Option<Day>, ApiError> {
    let within = domains.iter().filter_map(|(_, figures)| figures.days.last());
    if let Some(day) = within.map(|day| day.day).max() {
        return Ok(Some(day));
    }
    let ids: Vec<_> = domains.iter().map(|(domain, _)| domain.id).collect();
    Ok(state.store.last_day(&ids, range.last).await?)
}

/// The client's domains with their figures: those with the most messages first, then by name.
pub(super) async fn by_messages(
    state: &AppState,
    client: Client,
    range: DayRange,
) -> Result<Vec<(Domain, DomainFigures)>, ApiError> {
    let mut domains = state.store.domains(client.account).await?;
    domains.retain(|domain| client.may_see(domain.id));
    let ids: Vec<_> = domains.iter().map(|domain| domain.id).collect();
    let mut figures = state.store.overview(&ids, range).await?;
    let mut domains: Vec<_> = domains
        .into_iter()
        .map(|domain| {
            let figures = figures.remove(&domain.id).unwrap_or_default();
            (domain, figures)
        })
        .collect();
    domains.sort_by(|(a, of_a), (b, of_b)| {
        let messages = of_b.totals.messages().cmp(&of_a.totals.messages());
        messages.then_with(|| a.name.as_str().cmp(b.name.as_str()))
    });
    Ok(domains)
}

fn every_day(figures: &DomainFigures, range: DayRange) -> Vec<DayBody> {
    let mut known = figures.days.iter().peekable();
    let days = range.iter().map(|day| match known.next_if(|known| known.day == day) {
        Some(known) => DayBody::from(known),
        None => DayBody::empty(day),
    });
    days.collect()
}
