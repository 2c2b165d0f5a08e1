//! Every route, with who may call it. Nothing is reachable that is not in this table.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::envelope::envelope;
use super::error::ApiError;
use super::gate::gate;
use super::state::AppState;
use super::{breakdown, domains, export, figures, overview, quarantine, reports, service, source, upload};

/// A verb on a path, as axum writes paths (`/domains/{id}`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub body: Body,
}

/// Who may call a route. A key that is bound to one domain finds no other one, whatever the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Everybody, without a key.
    Open,
    /// Keys with `full_access` and `read_only`.
    Read,
    /// Keys with `full_access`.
    Write,
    /// Keys with `full_access` that are not bound to one domain: it concerns the account as a whole.
    Account,
}

/// What a route takes as its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// Nothing: if there is one it is not read.
    None,
    /// A JSON object of at most `api_body_bytes_max`.
    Json,
    /// A report, a mail or a form with several, of at most `upload_bytes_max`.
    Upload,
}

/// What every node answers, whatever else it does.
const SERVICE: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

#[rustfmt::skip]
fn table() -> Vec<Entry> {
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    vec![
        entry(&get, "/healthz", Access::Open, Body::None, service::healthz),
        entry(&get, "/readyz", Access::Open, Body::None, service::readyz),
        entry(&get, "/metrics", Access::Open, Body::None, service::metrics),

        entry(&post, "/domains", Access::Account, Body::Json, domains::create),
        entry(&get, "/domains", Access::Read, Body::None, domains::list),
        entry(&get, "/domains/{id}", Access::Read, Body::None, domains::show),
        entry(&delete, "/domains/{id}", Access::Write, Body::None, domains::remove),

        entry(&get, "/domains/{id}/dmarc/reports", Access::Read, Body::None, reports::list),
        entry(&post, "/domains/{id}/dmarc/reports", Access::Write, Body::Upload, upload::upload),
        entry(&get, "/domains/{id}/dmarc/reports/{report_id}", Access::Read, Body::None, reports::show),
        entry(&get, "/domains/{id}/dmarc/reports/{report_id}/original", Access::Read, Body::None, reports::original),
        entry(&get, "/domains/{id}/dmarc/stats", Access::Read, Body::None, figures::stats),
        entry(&get, "/domains/{id}/dmarc/sources", Access::Read, Body::None, figures::sources),
        entry(&get, "/domains/{id}/dmarc/export", Access::Read, Body::None, export::export),

        entry(&get, "/domains/{id}/dmarc/sources/{source_ip}", Access::Read, Body::None, source::show),
        entry(&get, "/domains/{id}/dmarc/senders", Access::Read, Body::None, breakdown::senders),
        entry(&get, "/domains/{id}/dmarc/reporters", Access::Read, Body::None, breakdown::reporters),
        entry(&get, "/domains/{id}/dmarc/dkim", Access::Read, Body::None, breakdown::signatures),

        entry(&get, "/overview", Access::Read, Body::None, overview::overview),
        entry(&get, "/attention", Access::Read, Body::None, overview::attention),
        entry(&get, "/arrivals", Access::Read, Body::None, overview::arrivals),

        entry(&get, "/quarantine", Access::Account, Body::None, quarantine::list),
        entry(&post, "/quarantine/{id}/replay", Access::Account, Body::None, quarantine::replay),
    ]
}

/// Every route. GET routes answer HEAD too.
pub fn routes() -> Vec<Route> {
    table().into_iter().map(|entry| entry.route).collect()
}

/// The API as a service. Requests should carry their peer, as [`super::serve()`] does.
pub fn router(state: AppState) -> Router {
    router_of(table(), state)
}

/// What a node answers that does not serve the API: whether it is well, for whoever runs it.
pub fn service_router(state: AppState) -> Router {
    let mut table = table();
    table.retain(|entry| SERVICE.contains(&entry.route.path));
    router_of(table, state)
}

fn router_of(table: Vec<Entry>, state: AppState) -> Router {
    let mut router = Router::new();
    for Entry { route, handler } in table {
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

struct Entry {
    route: Route,
    handler: MethodRouter<AppState>,
}

fn entry<H, T>(method: &Method, path: &'static str, access: Access, body: Body, handler: H) -> Entry
where
    H: Handler<T, AppState>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).expect("the table has standard methods only");
    Entry {
        route: Route {
            method: method.clone(),
            path,
            access,
            body,
        },
        handler: on(filter, handler),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_service_itself_is_open_and_nothing_is_changed_by_reading() {
        for route in routes() {
            let service = SERVICE.contains(&route.path);
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
