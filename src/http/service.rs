//! `/healthz`, `/readyz`, `/metrics`: for the operator.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::client::peer_address;
use super::config::MetricsAccess;
use super::error::ApiError;
use super::state::AppState;
use crate::api::{FeedBody, Health, Readiness};
use crate::base::clock::format_instant;
use crate::health::{Condition, FeedHealth};

impl FeedBody {
    fn new(name: String, health: &FeedHealth) -> Self {
        let trouble = match health.condition {
            Condition::Failing(trouble) => Some(trouble),
            Condition::Starting | Condition::Reading | Condition::Elsewhere => None,
        };
        Self {
            name,
            condition: health.condition.word().into(),
            since: format_instant(health.since),
            read_at: health.read_at.map(format_instant),
            put_off: health.put_off,
            reason: trouble.map(|trouble| trouble.word().into()),
            advice: trouble.map(|trouble| trouble.advice().into()),
        }
    }
}

/// What [`metrics`] are sent as.
pub(super) const METRICS_TYPES: &[&str] = &["application/openmetrics-text"];

/// `GET /healthz`
pub(super) async fn healthz() -> Json<Health> {
    Json(Health {
        status: "ok".into(),
        version: env!("CARGO_PKG_VERSION").into(),
    })
}

/// `GET /readyz`
pub(super) async fn readyz(State(state): State<AppState>) -> Result<Json<Readiness>, ApiError> {
    state.store.ping().await?;
    let (queue_depth, queue_depth_max) = state.intake.depth();
    if queue_depth >= queue_depth_max {
        return Err(ApiError::unavailable());
    }
    if state.health.is_disk_short() {
        return Err(ApiError::not_ready(
            "Mail is refused for now: too little disk is free; the log says how much is needed",
        ));
    }
    if state.store.is_log_gone().await {
        return Err(ApiError::not_ready(
            "Nothing new is taken: the database's log was removed while it is in use. Start the program again",
        ));
    }
    let feeds = state.health.feeds().into_iter();
    Ok(Json(Readiness {
        status: "ready".into(),
        queue_depth,
        queue_depth_max,
        feeds: feeds.map(|(name, health)| FeedBody::new(name, &health)).collect(),
        advice: state.domains.names().advice(),
    }))
}

/// `GET /metrics`
pub(super) async fn metrics(State(state): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let allowed = match state.config.metrics {
        MetricsAccess::Everybody => true,
        MetricsAccess::Nobody => false,
        MetricsAccess::Loopback => is_local(&request),
    };
    if !allowed {
        return Err(ApiError::not_found("Path"));
    }
    let (depth, depth_max) = state.intake.depth();
    state.metrics.set_queue_depth(depth, depth_max);
    // Looks, and sets its own figure.
    state.health.is_disk_short();
    state.metrics.set_uptime(state.clock.monotonic());
    let (text, media_type) = state.metrics.encode();
    Ok(([(header::CONTENT_TYPE, media_type)], text).into_response())
}

/// Whether the request is from this machine. What a local proxy passes on is not, and has a header that says so.
fn is_local(request: &Request) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    peer_address(request.extensions()).is_loopback()
        && forwarded.iter().all(|name| !request.headers().contains_key(*name))
        && request.headers().get_all(header::HOST).iter().all(names_this_machine)
}

/// Whether the client asks this machine by a name that no name server can give away: a page in a browser here, whose own
/// name was made to point here (DNS rebinding), asks by that name.
fn names_this_machine(host: &HeaderValue) -> bool {
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| {
        let name = host.host().trim_end_matches('.').to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        // RFC 6761, 6.3: these are always this machine.
        name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
    })
}
