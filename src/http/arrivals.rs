//! `/arrivals`: the reports that came last, of all domains of an account.

use axum::extract::State;
use axum::response::Response;

use super::client::Client;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, file_name};
use super::paging::page_sized;
use super::places::row_number;
use super::state::AppState;
use crate::api::{ArrivalItem, Arrivals, ReportItem};
use crate::base::ReportNo;

/// Reports on a page if the client does not say.
const PER_PAGE: u32 = 50;
/// Number of reports that pages reach: a page reads all reports before it.
const ARRIVALS_MAX: u64 = 10_000;

/// `GET /arrivals`
pub(super) async fn arrivals(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let page = page_sized(&mut parameters, &state.config, PER_PAGE);
    let after = parameters.word("after", &["the text of next"], row_number);
    parameters.finish()?;
    let before = if after.is_some() { 0 } else { page.offset() };
    // A page beyond the limit is empty, and `more` is true.
    let reach = before.saturating_add(u64::from(page.per_page)).min(ARRIVALS_MAX);
    let mut domains = state.store.domains(client.account).await?;
    domains.retain(|domain| client.may_see(domain.id));
    let ids: Vec<_> = domains.iter().map(|domain| domain.id).collect();
    // One more than is listed, to know whether there are more.
    let count = u32::try_from(reach + 1).unwrap_or(u32::MAX);
    let mut arrivals = state.store.arrivals(&ids, after.map(ReportNo), count).await?;
    let more = arrivals.len() as u64 > reach;
    arrivals.truncate(usize::try_from(reach).unwrap_or(usize::MAX));
    arrivals.drain(..usize::try_from(before).unwrap_or(usize::MAX).min(arrivals.len()));
    let next = arrivals
        .last()
        .filter(|_| more)
        .map(|(_, report)| report.no.to_string());
    let by_id: std::collections::HashMap<_, _> = domains.iter().map(|domain| (domain.id, domain)).collect();
    let reports = arrivals.into_iter().filter_map(|(id, report)| {
        let domain = by_id.get(&id)?;
        Some(ArrivalItem {
            domain_id: domain.public_id.clone(),
            domain_name: domain.name.to_string(),
            unicode_name: domain.name.unicode(),
            report: ReportItem::from(report),
        })
    });
    let arrivals = Arrivals {
        reports: reports.collect(),
        more,
        next,
    };
    let name = |_: &_| file_name(&["reports-as-they-came", &state.today().to_string()]);
    Ok(listing.answer(arrivals, name))
}
