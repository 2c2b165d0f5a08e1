//! `/arrivals`: the reports that came last, of all domains of an account.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::ApiError;
use super::fields::Parameters;
use super::gate::Client;
use super::paging::{page_sized, rows_before};
use super::reports::ReportItem;
use super::schema::{DomainKey, NameText};
use super::state::AppState;

/// What came last, the latest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Arrivals {
    reports: Vec<ArrivalItem>,
    /// Whether there are older ones. Up to 10,000 are listed here, and pages behind these are empty; the reports of each
    /// domain are listed in full.
    more: bool,
}

/// A report that came, with the domain that it is about.
#[derive(Debug, Serialize, JsonSchema)]
struct ArrivalItem {
    #[schemars(with = "DomainKey")]
    domain_id: String,
    #[schemars(with = "NameText")]
    domain_name: String,
    /// The domain's name in Unicode; null if it is the same.
    #[schemars(example = &"münchner.example")]
    unicode_name: Option<String>,
    #[serde(flatten)]
    report: ReportItem,
}

/// Reports on a page if the client does not say.
const PER_PAGE: u32 = 50;
/// Reports that can be listed: each page is found among all that came after it.
const ARRIVALS_MAX: u64 = 10_000;

/// `GET /arrivals`
pub(super) async fn arrivals(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Json<Arrivals>, ApiError> {
    let page = page_sized(&mut parameters, &state.config, PER_PAGE);
    parameters.finish()?;
    // A page behind the last that can be listed is empty, and `more` says that there are older ones.
    let reach = page.offset().saturating_add(u64::from(page.per_page)).min(ARRIVALS_MAX);
    let mut domains = state.store.domains(client.account).await?;
    domains.retain(|domain| client.may_see(domain.id));
    let ids: Vec<_> = domains.iter().map(|domain| domain.id).collect();
    // One more than is listed tells whether there are more.
    let count = u32::try_from(reach + 1).unwrap_or(u32::MAX);
    let arrivals = state.store.arrivals(&ids, count).await?;
    let more = arrivals.len() as u64 > reach;
    let by_id: std::collections::HashMap<_, _> = domains.iter().map(|domain| (domain.id, domain)).collect();
    let shown = arrivals
        .into_iter()
        .take(ARRIVALS_MAX as usize)
        .skip(rows_before(page))
        .take(page.per_page as usize);
    let reports = shown.filter_map(|(id, report)| {
        let domain = by_id.get(&id)?;
        Some(ArrivalItem {
            domain_id: domain.public_id.clone(),
            domain_name: domain.name.to_string(),
            unicode_name: domain.name.unicode(),
            report: ReportItem::from(report),
        })
    });
    Ok(Json(Arrivals {
        reports: reports.collect(),
        more,
    }))
}
