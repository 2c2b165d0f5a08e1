//! `POST /tlsrpt/{token}`: TLS reports that mail servers post (RFC 8460, 5.4). There is no key: a client that knows the address
//! may post, and the DNS publishes it. So nothing that is answered says anything about the account, and what one address and
//! one peer may do is bounded before anything is read.

use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::{Extension, Json};

use super::client::peer_address;
use super::error::ApiError;
use super::owned::path_text;
use super::rate::{Allowance, Bucket};
use super::state::AppState;
use crate::api::Success;
use crate::base::text::shown;
use crate::base::{AccountId, DomainId, SetAsideKind};
use crate::ingest::{Belonging, Fate, IntakeError, Outcome, RawMessage};
use crate::keys::PostToken;

/// How much of a reason is answered.
const DETAIL_BYTES_MAX: usize = 300;
/// `Retry-After` of a post for which the quota of the day is used up.
const QUOTA_RETRY_SECONDS: u64 = 60;

/// Who posts to which domain: in the extensions of those that passed the gate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Poster {
    account: AccountId,
    domain: DomainId,
    peer: IpAddr,
}

impl Poster {
    /// Finds the domain of the token in the path, and counts the request against the rates of its peer and of the domain.
    ///
    /// What is looked up is the SHA-256 of the token, by the index. How far a search in an index gets tells at most how many leading
    /// bits a hash shares with a stored one, and a client cannot choose the bits of a hash. Texts of any form are looked up alike.
    pub async fn admit(
        state: &AppState,
        parts: &mut Parts,
    ) -> Result<Option<Allowance>, (ApiError, Option<Allowance>)> {
        let now = state.clock.monotonic();
        let refused = |word, error| {
            state.metrics.count_post(word);
            error
        };
        let within = |allowance: Option<Allowance>| match allowance.and_then(|left| left.retry_after_seconds) {
            Some(seconds) => {
                let error = refused("limited", ApiError::rate_limit_exceeded(seconds));
                Err((error, allowance))
            }
            None => Ok(allowance),
        };
        let peer = peer_address(&parts.extensions);
        let of_peer = within(state.posts.take(Bucket::peer(peer), now))?;
        let token = path_text(parts, state, "token").await.unwrap_or_default();
        let hash = PostToken::of_request(&token).hash();
        let domain = state.store.domain_by_tls_token(&hash).await;
        let domain = domain.map_err(|error| (refused("failed", error.into()), of_peer))?;
        let Some(domain) = domain else {
            return Err((refused("unknown", ApiError::not_found("Address")), of_peer));
        };
        let allowance = within(state.posts.take(Bucket::Domain(domain.id), now))?;
        parts.extensions.insert(Self {
            account: domain.account,
            domain: domain.id,
            peer,
        });
        Ok(allowance)
    }
}

/// `POST /tlsrpt/{token}`
pub(super) async fn post(
    State(state): State<AppState>,
    Extension(Poster { account, domain, peer }): Extension<Poster>,
    body: Bytes,
) -> Result<(StatusCode, Json<Success>), ApiError> {
    if body.is_empty() {
        state.metrics.count_post("unreadable");
        return Err(ApiError::invalid_request("There is no report in the body: it is empty"));
    }
    let raw = RawMessage {
        bytes: Vec::from(body),
        received_at: state.clock.now(),
        origin: format!("posted by {peer}"),
        belonging: Belonging::Domain(account, domain),
        envelope: None,
    };
    let answer = match state.intake.submit_post(raw, peer).await {
        Ok(outcome) => answer(&outcome),
        Err(IntakeError::OverQuota) => {
            let message = "This address has taken as much as it may today; post the report again tomorrow";
            Err(("over_quota", ApiError::busy(message, QUOTA_RETRY_SECONDS)))
        }
        Err(error) => Err(("failed", error.into())),
    };
    let word = answer.as_ref().map_or_else(|(word, _)| *word, |word| *word);
    state.metrics.count_post(word);
    match answer {
        Ok(_) => Ok((StatusCode::CREATED, Json(Success { success: true }))),
        Err((_, error)) => Err(error),
    }
}

/// The word for the metrics; or why a post was not taken, with the answer.
fn answer(outcome: &Outcome) -> Result<&'static str, (&'static str, ApiError)> {
    if let Some(report) = outcome.tls_reports.first() {
        return Ok(match report.fate {
            Fate::Duplicate => "duplicate",
            Fate::Conflict => "conflict",
            Fate::Stored | Fate::Completed => "stored",
        });
    }
    match outcome.set_aside.first() {
        Some(note) if note.kind == SetAsideKind::Quarantined => {
            let detail = shown(&note.detail, DETAIL_BYTES_MAX);
            let message = format!("No TLS report could be read ({}): {detail}", note.reason);
            Err(("unreadable", ApiError::invalid_request(message)))
        }
        _ => Ok("unclaimed"),
    }
}
