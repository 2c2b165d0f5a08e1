//! `/healthz`, `/readyz`, `/metrics`: for whoever runs the service.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::ApiError;
use super::gate::peer_address;
use super::state::{AppState, MetricsAccess};

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
    Ok(Json(Readiness {
        status: "ready",
        queue_depth,
        queue_depth_max,
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
    state.metrics.set_uptime(state.clock.monotonic());
    let (text, media_type) = state.metrics.encode();
    Ok(([(header::CONTENT_TYPE, media_type)], text).into_response())
}

/// From this machine and for itself: what a proxy on this machine hands on comes from elsewhere, and it says so.
fn is_local(request: &Request) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    peer_address(request.extensions()).is_loopback()
        && forwarded.iter().all(|name| !request.headers().contains_key(*name))
}
