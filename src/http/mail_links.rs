//! `/mail-links/{token}`: what links in mail do. There is no key: the link is what lets in. A link that this
//! installation did not make does nothing, and looks like one that is too old.

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;

use super::client::peer_address;
use super::error::ApiError;
use super::owned::MailToken;
use super::rate::{Allowance, Bucket};
use super::state::AppState;
use crate::api::{MailLinkBody, Success};
use crate::notify::Offer;

/// Counts a request against the rate of its peer.
///
/// # Errors
/// The peer asks too often.
pub(super) fn admit(state: &AppState, parts: &Parts) -> Result<Option<Allowance>, (ApiError, Option<Allowance>)> {
    let peer = Bucket::peer(peer_address(&parts.extensions));
    let allowance = state.posts.take(peer, state.clock.monotonic());
    match allowance.and_then(|left| left.retry_after_seconds) {
        Some(seconds) => Err((ApiError::rate_limit_exceeded(seconds), allowance)),
        None => Ok(allowance),
    }
}

/// `GET /mail-links/{token}`
pub(super) async fn show(
    State(state): State<AppState>,
    MailToken(token): MailToken,
) -> Result<Json<MailLinkBody>, ApiError> {
    let does = match state.targets.offer(&token).ok_or_else(unknown)? {
        Offer::Agree => "agree",
        Offer::Leave => "leave",
    };
    Ok(Json(MailLinkBody { does: does.into() }))
}

/// `POST /mail-links/{token}/agree`
pub(super) async fn agree(
    State(state): State<AppState>,
    MailToken(token): MailToken,
) -> Result<Json<Success>, ApiError> {
    match state.targets.agree(&token).await? {
        true => Ok(Json(Success { success: true })),
        false => Err(unknown()),
    }
}

/// `POST /mail-links/{token}/leave`
pub(super) async fn leave(
    State(state): State<AppState>,
    MailToken(token): MailToken,
) -> Result<Json<Success>, ApiError> {
    match state.targets.leave(&token).await? {
        true => Ok(Json(Success { success: true })),
        false => Err(unknown()),
    }
}

fn unknown() -> ApiError {
    ApiError::not_found("Link")
}
