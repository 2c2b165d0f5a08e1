//! Every route, with who may call it. Nothing is reachable that is not in this table.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn_with_state;

use super::entry::{Access, Entry, Route, route};
use super::envelope::envelope;
use super::error::ApiError;
use super::gate::gate;
use super::openapi::Doc;
use super::service::{Health, Readiness};
use super::state::AppState;
use super::{
    api_keys, arrivals, attention, breakdown, domains, export, figures, inbound, openapi, overview, paging, quarantine,
    range, refused, report_record, reports, service, source, trust, upload,
};
use crate::api::{
    AcceptedAnswer, AnyObject, ApiKeyWithSecret, Arrivals, Attention, DecisionInput, DomainBody, DomainInput,
    DomainList, DomainPatch, IpInput, KeyBody, KeyInput, KeyList, MailList, MessageList, Overview, RecordBody,
    RefusedList, Removed, ReportBody, ReportItem, ReportList, ReporterInput, ReporterList, SenderList, SignatureList,
    SourceDetail, SourceList, StatsBody, Success, Taken, TrustBody, TrustPatch, VerifyBody,
};

/// What every node answers, whatever else it does.
const SERVICE: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

#[expect(clippy::too_many_lines, reason = "a table: a row a route")]
fn table() -> Vec<Entry> {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    vec![
        route(
            &get,
            "/healthz",
            Access::Open,
            "Does the process answer?",
            service::healthz,
        )
        .answers::<Health>(200),
        route(
            &get,
            "/readyz",
            Access::Open,
            "Can requests and messages be taken?",
            service::readyz,
        )
        .answers::<Readiness>(200),
        route(
            &get,
            "/metrics",
            Access::Open,
            "Figures for Prometheus",
            service::metrics,
        )
        .also(&[(404, "This installation does not show its figures to you.")])
        .answers_bytes(&["application/openmetrics-text"]),
        route(&get, "/openapi.json", Access::Open, "Show this document", openapi::show).answers::<AnyObject>(200),
        route(&post, "/domains", Access::Account, "Add a domain", domains::create)
            .takes::<DomainInput>()
            .also(&[(
                409,
                "The account has a domain of that name, or the first request with this Idempotency-Key still runs.",
            )])
            .answers::<DomainBody>(201),
        route(
            &get,
            "/domains",
            Access::Read,
            "List the domains, newest first",
            domains::list,
        )
        .long()
        .answers::<DomainList>(200),
        route(
            &get,
            "/domains/{id}",
            Access::Read,
            "Show a domain and the DNS records it must publish",
            domains::show,
        )
        .answers::<DomainBody>(200),
        route(
            &delete,
            "/domains/{id}",
            Access::Write,
            "Remove a domain; its reports move to the closest one above it, or are removed",
            domains::remove,
        )
        .answers::<Removed>(200),
        route(
            &patch,
            "/domains/{id}",
            Access::Write,
            "Change a domain's settings",
            domains::update,
        )
        .takes::<DomainPatch>()
        .answers::<DomainBody>(200),
        route(
            &post,
            "/domains/{id}/verify",
            Access::Write,
            "Look at a domain's DNS records now",
            domains::verify,
        )
        .answers::<VerifyBody>(200),
        route(
            &post,
            "/domains/{id}/ip",
            Access::Write,
            "Let a domain send from an address of its own",
            domains::assign_ip,
        )
        .takes::<IpInput>()
        .answers::<Success>(200),
        route(
            &delete,
            "/domains/{id}/ip",
            Access::Write,
            "Let a domain send from the shared addresses",
            domains::release_ip,
        )
        .answers::<Success>(200),
        route(
            &get,
            "/domains/{id}/dmarc/reports",
            Access::Read,
            "List reports, newest window first",
            reports::list,
        )
        .long()
        .parameters(&[paging::PARAMETERS, paging::AFTER_REPORT, range::OPEN, reports::FILTERS])
        .answers::<ReportList>(200),
        route(
            &post,
            "/domains/{id}/dmarc/reports",
            Access::Write,
            "Hand in reports",
            upload::upload,
        )
        .takes_report()
        .answers::<Taken>(201),
        route(
            &get,
            "/domains/{id}/dmarc/reports/{report_id}",
            Access::Read,
            "Show a report with its rows",
            reports::show,
        )
        .long()
        .parameters(&[paging::PARAMETERS, paging::AFTER_NUMBER])
        .answers::<ReportBody<'_>>(200),
        route(
            &get,
            "/domains/{id}/dmarc/reports/{report_id}/records/{number}",
            Access::Read,
            "Show a row of a report with all of its results",
            report_record::record,
        )
        .long()
        .answers::<RecordBody<'_>>(200),
        route(
            &get,
            "/domains/{id}/dmarc/reports/{report_id}/original",
            Access::Read,
            "Fetch a report as it was received",
            reports::original,
        )
        .long()
        .answers_bytes(reports::ORIGINAL_TYPES),
        route(
            &post,
            "/domains/{id}/dmarc/reports/{report_id}/discount",
            Access::Write,
            "Take a report out of the figures; it stays listed",
            trust::discount,
        )
        .takes::<DecisionInput>()
        .also(&[(
            409,
            "Its records have been dropped for their age, so its figures cannot be moved.",
        )])
        .answers::<ReportItem>(200),
        route(
            &post,
            "/domains/{id}/dmarc/reports/{report_id}/count",
            Access::Write,
            "Let a report count that is held, was discounted, or lost a conflict",
            trust::count,
        )
        .takes::<DecisionInput>()
        .also(&[(
            409,
            "Its records have been dropped for their age, so its figures cannot be moved.",
        )])
        .answers::<ReportItem>(200),
        route(
            &get,
            "/domains/{id}/dmarc/trust",
            Access::Read,
            "Show which reports count",
            trust::show,
        )
        .answers::<TrustBody>(200),
        route(
            &patch,
            "/domains/{id}/dmarc/trust",
            Access::Write,
            "Change which reports count from now on",
            trust::update,
        )
        .takes::<TrustPatch>()
        .answers::<TrustBody>(200),
        route(
            &post,
            "/domains/{id}/dmarc/reporters/accept",
            Access::Write,
            "Let the held reports of a reporter count, and all that come from now on",
            trust::accept,
        )
        .takes::<ReporterInput>()
        .also(&[(409, "The domain has accepted as many reporters as it can.")])
        .answers::<AcceptedAnswer>(200),
        route(
            &post,
            "/domains/{id}/dmarc/reporters/withdraw",
            Access::Write,
            "Hold the reports of an accepted reporter again, those that come from now on",
            trust::withdraw,
        )
        .takes::<ReporterInput>()
        .answers::<TrustBody>(200),
        route(
            &get,
            "/domains/{id}/dmarc/stats",
            Access::Read,
            "Show the figures of a range of days",
            figures::stats,
        )
        .long()
        .parameters(&[range::DAYS])
        .answers::<StatsBody>(200),
        route(
            &get,
            "/domains/{id}/dmarc/sources",
            Access::Read,
            "List who sends, by messages",
            figures::sources,
        )
        .long()
        .parameters(&[range::DAYS, paging::PARAMETERS, paging::AFTER_ROWS, figures::FILTERS])
        .answers::<SourceList>(200),
        route(
            &get,
            "/domains/{id}/dmarc/export",
            Access::Read,
            "Export every row",
            export::export,
        )
        .long()
        .parameters(&[range::OPEN, export::PARAMETERS])
        .answers_bytes(export::TYPES),
        route(
            &get,
            "/domains/{id}/dmarc/sources/{source_ip}",
            Access::Read,
            "Show a sending address and the rows behind its figures",
            source::show,
        )
        .long()
        .parameters(&[range::DAYS, source::PARAMETERS])
        .answers::<SourceDetail<'_>>(200),
        route(
            &get,
            "/domains/{id}/dmarc/senders",
            Access::Read,
            "List who sends by organisation or network, by messages",
            breakdown::senders,
        )
        .long()
        .parameters(&[range::DAYS, paging::PARAMETERS, paging::AFTER_ROWS])
        .answers::<SenderList>(200),
        route(
            &get,
            "/domains/{id}/dmarc/reporters",
            Access::Read,
            "List who reports, by messages",
            breakdown::reporters,
        )
        .long()
        .parameters(&[range::DAYS, paging::PARAMETERS, paging::AFTER_ROWS])
        .answers::<ReporterList>(200),
        route(
            &get,
            "/domains/{id}/dmarc/dkim",
            Access::Read,
            "List who signs, by messages",
            breakdown::signatures,
        )
        .long()
        .parameters(&[range::DAYS, paging::PARAMETERS, paging::AFTER_ROWS])
        .answers::<SignatureList>(200),
        route(
            &get,
            "/overview",
            Access::Read,
            "List the domains with their figures, by messages",
            overview::overview,
        )
        .long()
        .parameters(&[paging::PARAMETERS, paging::AFTER_ROWS, overview::PARAMETERS])
        .answers::<Overview>(200),
        route(
            &get,
            "/attention",
            Access::Read,
            "List what needs attention",
            attention::attention,
        )
        .long()
        .parameters(&[attention::PARAMETERS, paging::PARAMETERS, paging::AFTER_ROWS])
        .answers::<Attention>(200),
        route(
            &get,
            "/arrivals",
            Access::Read,
            "List the reports that came last",
            arrivals::arrivals,
        )
        .long()
        .parameters(&[paging::PARAMETERS, paging::AFTER_NUMBER])
        .answers::<Arrivals>(200),
        route(
            &get,
            "/domains/{id}/inbound",
            Access::Read,
            "List other mail to the domain, newest first",
            inbound::list,
        )
        .long()
        .parameters(&[paging::PARAMETERS, paging::AFTER_NUMBER])
        .answers::<MailList>(200),
        route(
            &get,
            "/domains/{id}/inbound/{message_id}",
            Access::Read,
            "Fetch a mail as it came",
            inbound::show,
        )
        .long()
        .answers_bytes(inbound::TYPES),
        route(
            &get,
            "/quarantine",
            Access::Account,
            "List what became no counted report, newest first",
            quarantine::list,
        )
        .long()
        .parameters(&[paging::PARAMETERS, paging::AFTER_NUMBER, quarantine::PARAMETERS])
        .answers::<MessageList>(200),
        route(
            &get,
            "/refused",
            Access::Account,
            "List the mail that was not taken in the last 30 days, by day and reason",
            refused::list,
        )
        .answers::<RefusedList>(200),
        route(
            &post,
            "/quarantine/{id}/replay",
            Access::Account,
            "Read a message again",
            quarantine::replay,
        )
        .answers::<Taken>(200),
        route(&post, "/api-keys", Access::Account, "Make an API key", api_keys::create)
            .takes::<KeyInput>()
            .also(&[(404, "The account has no such domain.")])
            .answers::<ApiKeyWithSecret>(201),
        route(
            &get,
            "/api-keys",
            Access::Account,
            "List the API keys, newest first",
            api_keys::list,
        )
        .answers::<KeyList>(200),
        route(
            &get,
            "/api-keys/{id}",
            Access::Account,
            "Show an API key, without its secret",
            api_keys::show,
        )
        .answers::<KeyBody>(200),
        route(
            &post,
            "/api-keys/{id}/rotate",
            Access::Account,
            "Give an API key another secret",
            api_keys::rotate,
        )
        .answers::<ApiKeyWithSecret>(200),
        route(
            &delete,
            "/api-keys/{id}",
            Access::Account,
            "Remove an API key: it is refused at once",
            api_keys::remove,
        )
        .answers::<Removed>(200),
    ]
}

/// Every route. GET routes answer HEAD too.
pub fn routes() -> Vec<Route> {
    table().into_iter().map(|entry| entry.route).collect()
}

/// Every route with what the document says about it.
pub(super) fn documented() -> Vec<(Route, Doc)> {
    table().into_iter().map(|entry| (entry.route, entry.doc)).collect()
}

/// The API as a service. Requests should carry their peer, as [`super::serve()`] does.
pub fn router(state: AppState) -> Router {
    router_of(table(), state)
}

/// The routes of a node that does not serve the API: its health, for the operator.
pub fn service_router(state: AppState) -> Router {
    let mut table = table();
    table.retain(|entry| SERVICE.contains(&entry.route.path));
    router_of(table, state)
}

fn router_of(table: Vec<Entry>, state: AppState) -> Router {
    let mut router = Router::new();
    for Entry { route, handler, .. } in table {
        let path = route.path;
        let gate = from_fn_with_state((state.clone(), Arc::new(route)), gate);
        router = router.route(path, handler.route_layer(gate));
    }
    router
        .fallback(async || ApiError::not_found("Path"))
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(from_fn_with_state(state.clone(), envelope))
        // The gate reads every body within the limit of its route.
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_service_itself_is_open_and_nothing_is_changed_by_reading() {
        for route in routes() {
            let service = SERVICE.contains(&route.path) || route.path == "/openapi.json";
            assert_eq!(route.access == Access::Open, service, "{route:?}");
            if route.access == Access::Read {
                assert_eq!(route.method, Method::GET, "{route:?}");
            }
            if route.method != Method::GET {
                assert!(matches!(route.access, Access::Write | Access::Account), "{route:?}");
            }
        }
    }
}
