//! `/healthz`, `/readyz`, `/metrics`: for the operator.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::ApiError;
use super::gate::peer_address;
use super::state::{AppState, MetricsAccess};
use crate::api::Instant;
use crate::base::clock::format_instant;
use crate::health::{Condition, FeedHealth, Trouble};

/// The process answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Health {
    /// Always `ok`.
    #[schemars(extend("enum" = ["ok"]))]
    status: &'static str,
    /// Of this program.
    #[schemars(example = &"1.0.0")]
    version: &'static str,
}

/// Requests and messages can be taken.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Readiness {
    /// Always `ready`: what is not is a 503.
    #[schemars(extend("enum" = ["ready"]))]
    status: &'static str,
    /// Messages waiting to be stored.
    queue_depth: usize,
    /// How many may wait.
    queue_depth_max: usize,
    /// Mailboxes, Maildirs and folders that this node reads, by name. One that fails makes nothing else unready.
    feeds: Vec<Feed>,
    /// What the operator has to set before everything works, one sentence each. It makes nothing unready.
    #[schemars(example = &["Mail servers cannot send reports to this installation yet: set installation.rua_host."])]
    advice: Vec<String>,
}

/// The state of a mailbox or folder. It contains no text from a server, because no sign-in is needed to see it.
#[derive(Debug, Serialize, JsonSchema)]
struct Feed {
    /// As the settings call it.
    #[schemars(example = &"imap office")]
    name: String,
    /// `starting`, `reading`, `elsewhere` (another node reads it) or `failing`.
    #[schemars(extend("enum" = ["starting", "reading", "elsewhere", "failing"]))]
    condition: &'static str,
    /// Since when it is in that condition.
    #[schemars(with = "Instant")]
    since: String,
    /// When it was last read to its end.
    #[schemars(with = "Option<Instant>")]
    read_at: Option<String>,
    /// Why it fails: a stable word.
    #[schemars(example = &"login_refused")]
    reason: Option<&'static str>,
    /// What to do about it.
    #[schemars(example = &"see whether user and password or token are right")]
    advice: Option<&'static str>,
}

impl Feed {
    fn of(name: String, health: &FeedHealth) -> Self {
        let trouble = match health.condition {
            Condition::Failing(trouble) => Some(trouble),
            Condition::Starting | Condition::Reading | Condition::Elsewhere => None,
        };
        Self {
            name,
            condition: health.condition.word(),
            since: format_instant(health.since),
            read_at: health.read_at.map(format_instant),
            reason: trouble.map(Trouble::word),
            advice: trouble.map(Trouble::advice),
        }
    }
}

/// `GET /healthz`
pub(super) async fn healthz() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
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
        status: "ready",
        queue_depth,
        queue_depth_max,
        feeds: feeds.map(|(name, health)| Feed::of(name, &health)).collect(),
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

/// From this machine and for itself: what a proxy on this machine hands on comes from elsewhere, and it says so.
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
