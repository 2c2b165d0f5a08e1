//! `/overview`, `/attention` and `/arrivals`: all domains of an account at a glance.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::error::ApiError;
use super::fields::Parameters;
use super::figures::{DayBody, pass_rate, today};
use super::gate::Client;
use super::openapi::Parameter;
use super::paging::{Pagination, cut, page};
use super::range::{FROM, TO, day_range};
use super::records::PolicyBody;
use super::reports::ReportItem;
use super::schema::{Address, DayText, DomainKey, Instant, NameText, StatusWord};
use super::state::AppState;
use crate::clock::format_instant;
use crate::report::DayRange;
use crate::store::{Domain, DomainFigures, DomainStatus, Page, Reporter, SetAsideKind};

/// A page of the account's domains with their figures: those with the most messages first, then by name.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Overview {
    domains: Vec<OverviewItem>,
    /// Messages of all domains.
    total_messages: u64,
    /// Those that did not pass.
    failed_messages: u64,
    /// Of 100, how many passed.
    pass_rate: f64,
    /// First day of the range.
    #[schemars(with = "DayText")]
    from: String,
    /// Last day of the range.
    #[schemars(with = "DayText")]
    to: String,
    pagination: Pagination,
}

/// A domain with its figures.
#[derive(Debug, Serialize, JsonSchema)]
struct OverviewItem {
    #[schemars(with = "DomainKey")]
    id: String,
    #[schemars(with = "NameText")]
    name: String,
    /// `pending`, `verified` or `failed`.
    #[schemars(with = "StatusWord")]
    status: &'static str,
    /// As the report that came last found it; null without reports.
    policy: Option<PolicyBody>,
    total_messages: u64,
    failed_messages: u64,
    pass_rate: f64,
    /// Every day of the range, ascending.
    daily_stats: Vec<DayBody>,
    /// When the last report came.
    #[schemars(with = "Option<Instant>")]
    last_report_at: Option<String>,
}

/// What somebody should look at, what matters most first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Attention {
    items: Vec<AttentionItem>,
}

/// One thing to look at.
#[derive(Debug, Serialize, JsonSchema)]
struct AttentionItem {
    /// `failing_sources`: addresses that are new and of which no message passes. `records_missing`: the domain's DNS
    /// records are not as they should be. `reporter_silent`: who used to report does not any more. `quarantined`: mail
    /// that could not be read.
    #[schemars(extend("enum" = ["failing_sources", "records_missing", "reporter_silent", "quarantined"]))]
    kind: &'static str,
    /// The domain; null for what concerns the account.
    #[schemars(with = "Option<DomainKey>")]
    domain_id: Option<String>,
    #[schemars(with = "Option<NameText>")]
    domain: Option<String>,
    /// Addresses, or messages in quarantine.
    count: u64,
    /// Messages of those addresses.
    messages: u64,
    /// The address with the most messages.
    #[schemars(with = "Option<Address>")]
    source_ip: Option<String>,
    /// Who is silent, as it calls itself.
    org_name: Option<String>,
    /// The last day on which it reported.
    #[schemars(with = "Option<DayText>")]
    last_report: Option<String>,
}

/// What came last, the latest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Arrivals {
    reports: Vec<ArrivalItem>,
}

/// A report that came, with the domain it is about.
#[derive(Debug, Serialize, JsonSchema)]
struct ArrivalItem {
    #[schemars(with = "DomainKey")]
    domain_id: String,
    #[schemars(with = "NameText")]
    domain_name: String,
    #[serde(flatten)]
    report: ReportItem,
}

/// Domains that are looked at for what needs attention, and for what came last: those with the most messages.
const DOMAINS_MAX: usize = 200;
/// Items listed of each kind.
const OF_KIND_MAX: usize = 20;
/// How far back is looked for what is new or silent.
const ATTENTION_DAYS: i32 = 30;
/// An address is new for so long.
const NEW_DAYS: i32 = 7;
/// Addresses with fewer messages in all are not worth a call.
const NEW_MESSAGES_MIN: u64 = 5;
/// Longest range of an overview: it looks at each day of each domain.
const OVERVIEW_DAYS_MAX: u64 = 92;
const ARRIVALS: u32 = 50;

/// The range, shorter than elsewhere, and what selects domains.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "days",
        says: "The last so many days up to today; 30 if nothing is said. Cannot be combined with `from` and `to`, which \
               are at most 92 days.",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": OVERVIEW_DAYS_MAX }),
    },
    FROM,
    TO,
    Parameter {
        name: "search",
        says: "Only domains with this in their name.",
        schema: || json!({ "type": "string", "examples": ["example"] }),
    },
];

/// `GET /overview`
pub(super) async fn overview(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Json<Overview>, ApiError> {
    let range = day_range(&mut parameters, today(&state));
    let page = page(&mut parameters, &state.config);
    if range.len() > OVERVIEW_DAYS_MAX {
        parameters.refuse(
            "days",
            format!("must not ask for more than {OVERVIEW_DAYS_MAX} days of all domains"),
        );
    }
    let search = parameters.text("search").unwrap_or_default().to_lowercase();
    parameters.finish()?;
    let mut domains = by_messages(&state, client, range).await?;
    domains.retain(|(domain, _)| domain.name.as_str().contains(&search));
    let sum = |of: fn(&DomainFigures) -> u64| domains.iter().map(|(_, figures)| of(figures)).sum::<u64>();
    let (pass, fail) = (sum(|one| one.totals.pass), sum(|one| one.totals.fail));
    let shown = cut(&domains, page);
    let ids: Vec<_> = shown.iter().map(|(domain, _)| domain.id).collect();
    let mut latest = state.store.latest(&ids).await?;
    let items = shown.iter().map(|(domain, figures)| {
        let latest = latest.remove(&domain.id);
        OverviewItem {
            id: domain.public_id.clone(),
            name: domain.name.to_string(),
            status: domain.status.word(),
            policy: latest.as_ref().map(|latest| PolicyBody::from(&latest.policy)),
            total_messages: figures.totals.messages(),
            failed_messages: figures.totals.fail,
            pass_rate: pass_rate(figures.totals.pass, figures.totals.fail),
            daily_stats: every_day(figures, range),
            last_report_at: latest.map(|latest| format_instant(latest.received_at)),
        }
    });
    Ok(Json(Overview {
        domains: items.collect(),
        total_messages: pass + fail,
        failed_messages: fail,
        pass_rate: pass_rate(pass, fail),
        from: range.first.to_string(),
        to: range.last.to_string(),
        pagination: Pagination::new(page, domains.len() as u64),
    }))
}

/// `GET /attention`
pub(super) async fn attention(State(state): State<AppState>, client: Client) -> Result<Json<Attention>, ApiError> {
    let today = today(&state);
    let range = DayRange {
        first: today.plus(1 - ATTENTION_DAYS),
        last: today,
    };
    let mut domains = by_messages(&state, client, range).await?;
    let missing = domains
        .iter()
        .filter(|(domain, _)| domain.status != DomainStatus::Verified);
    let mut missing: Vec<AttentionItem> = missing.map(|(domain, _)| about(domain, "records_missing")).collect();
    missing.truncate(OF_KIND_MAX);
    domains.truncate(DOMAINS_MAX);
    let (mut failing, mut silent) = (Vec::new(), Vec::new());
    for (domain, figures) in &domains {
        if figures.totals.fail > 0 {
            failing.extend(failing_sources(&state, domain, range).await?);
        }
        if figures.totals.messages() > 0 {
            let reporters = state.store.reporters(domain.id, range).await?;
            let quiet = reporters.iter().filter(|reporter| is_silent(reporter, range));
            silent.extend(quiet.map(|reporter| AttentionItem {
                messages: reporter.pass + reporter.fail,
                org_name: Some(reporter.org_name.clone()),
                last_report: reporter.last_report.map(|day| day.to_string()),
                ..about(domain, "reporter_silent")
            }));
        }
    }
    failing.sort_by_key(|item: &AttentionItem| std::cmp::Reverse(item.messages));
    silent.sort_by_key(|item: &AttentionItem| std::cmp::Reverse(item.messages));
    failing.truncate(OF_KIND_MAX);
    silent.truncate(OF_KIND_MAX);
    let mut items = failing;
    items.append(&mut missing);
    items.append(&mut silent);
    if client.domain.is_none() {
        let page = Page { page: 1, per_page: 1 };
        let kind = Some(SetAsideKind::Quarantined);
        let (_, count) = state.store.set_aside(Some(client.account), kind, page).await?;
        if count > 0 {
            items.push(AttentionItem {
                count,
                ..item("quarantined")
            });
        }
    }
    Ok(Json(Attention { items }))
}

/// `GET /arrivals`
pub(super) async fn arrivals(State(state): State<AppState>, client: Client) -> Result<Json<Arrivals>, ApiError> {
    let today = today(&state);
    let range = DayRange {
        first: today.plus(1 - ATTENTION_DAYS),
        last: today,
    };
    let mut domains = by_messages(&state, client, range).await?;
    domains.truncate(DOMAINS_MAX);
    let ids: Vec<_> = domains.iter().map(|(domain, _)| domain.id).collect();
    let arrivals = state.store.arrivals(&ids, ARRIVALS).await?;
    let reports = arrivals.into_iter().filter_map(|(id, report)| {
        let (domain, _) = domains.iter().find(|(domain, _)| domain.id == id)?;
        Some(ArrivalItem {
            domain_id: domain.public_id.clone(),
            domain_name: domain.name.to_string(),
            report: ReportItem::from(report),
        })
    });
    Ok(Json(Arrivals {
        reports: reports.collect(),
    }))
}

/// The client's domains with their figures: those with the most messages first, then by name.
async fn by_messages(
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

async fn failing_sources(
    state: &AppState,
    domain: &Domain,
    range: DayRange,
) -> Result<Option<AttentionItem>, ApiError> {
    let since = range.last.plus(1 - NEW_DAYS);
    let sources = state.store.new_failing_sources(domain.id, range, since).await?;
    let messages = sources.iter().map(|source| source.totals.messages()).sum();
    if messages < NEW_MESSAGES_MIN {
        return Ok(None);
    }
    let largest = sources.first().and_then(|source| source.address);
    Ok(Some(AttentionItem {
        count: sources.len() as u64,
        messages,
        source_ip: largest.map(|address| address.to_string()),
        ..about(domain, "failing_sources")
    }))
}

/// Reported on many days, and then on none for much longer than it used to leave between two.
fn is_silent(reporter: &Reporter, range: DayRange) -> bool {
    let Some(last) = reporter.last_report else { return false };
    let quiet = i64::from(range.last.0 - last.0);
    let spoken = i64::from(last.0 - range.first.0) + 1;
    let days = i64::try_from(reporter.report_days).unwrap_or(i64::MAX);
    // Reports of a day come on the next one, or the one after.
    days >= 4 && quiet >= 5 && quiet > 3 * spoken / days
}

fn about(domain: &Domain, kind: &'static str) -> AttentionItem {
    AttentionItem {
        domain_id: Some(domain.public_id.clone()),
        domain: Some(domain.name.to_string()),
        ..item(kind)
    }
}

fn item(kind: &'static str) -> AttentionItem {
    AttentionItem {
        kind,
        domain_id: None,
        domain: None,
        count: 0,
        messages: 0,
        source_ip: None,
        org_name: None,
        last_report: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Day;

    #[test]
    fn silence_is_measured_by_what_was_usual() {
        let range = DayRange {
            first: Day(100),
            last: Day(129),
        };
        for (report_days, last, silent) in [
            (25, 128, false),
            (20, 125, false),
            (20, 124, true),
            (3, 110, false),
            (4, 124, false),
            (4, 110, true),
        ] {
            let reporter = Reporter {
                org_name: String::new(),
                pass: 1,
                fail: 0,
                reports: report_days,
                report_days,
                last_report: Some(Day(last)),
            };
            assert_eq!(is_silent(&reporter, range), silent, "{report_days} days, last {last}");
        }
    }
}
