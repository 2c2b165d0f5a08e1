//! `Idempotency-Key`: the same POST again, from the same API key, is answered as the first one was, and not done again.
//!
//! The first answer is kept in the database, sealed with what the client showed (see [`AnswerSeal`]). A request that
//! began runs to its end even if its client goes away, so that the next try finds the answer. What failed on our side is
//! forgotten: the next try runs it.

use std::panic::{AssertUnwindSafe, resume_unwind};

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use sha2::{Digest as _, Sha256};
use tokio::time::Duration;
use tracing::Instrument as _;

use super::client::Client;
use super::error::ApiError;
use super::state::AppState;
use crate::api::FieldError;
use crate::base::{AccountId, Millis};
use crate::keys::{AnswerSeal, ApiSecret};
use crate::store::{Begun, RequestMemory, RequestName};

/// A client's key is taken up to this length, bytes.
pub(super) const KEY_BYTES_MAX: usize = 255;
/// Longest answer that is stored, in bytes. Only an upload of very many reports has a longer one, and its repeat
/// counts nothing twice.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// How long an answer is kept.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
/// Time after the answer deadline before another node may take over a request. Larger than the clock skew between nodes.
const GRACE: Duration = Duration::from_secs(60);
/// From this length, a body is hashed on another thread, because hashing takes longer than other requests should wait.
const HASHED_ASIDE_BYTES: usize = 256 * 1024;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Identifies one request over all of its tries. In a request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed(pub [u8; 16]);

/// The instant from before which requests are forgotten.
pub fn forgotten(now: Millis) -> Millis {
    now.saturating_sub(millis(REMEMBERED))
}

/// A request with an idempotency key.
struct Named {
    name: RequestName,
    account: AccountId,
    seal: AnswerSeal,
    /// Random, one per try.
    owner: [u8; 16],
}

/// Runs a POST with `run`. With an Idempotency-Key, the answer is stored, and a repeat gets the stored answer.
pub(super) async fn once<Run>(
    state: &AppState,
    client: Client,
    secret: &ApiSecret,
    request: Request,
    run: impl FnOnce(Request) -> Run,
) -> Response
where
    Run: Future<Output = Response> + Send + 'static,
{
    let named = match Named::from_request(client, secret, &request) {
        Ok(Some(named)) => named,
        Ok(None) => return run(request).await,
        Err(error) => return error.into_response(),
    };
    let (mut parts, body) = request.into_parts();
    // The gate has read the body within the limit of its route. A route without a body has none.
    let bytes_max = state.config.upload_bytes_max.max(state.config.api_body_bytes_max);
    let Ok(body) = to_bytes(body, bytes_max).await else {
        return ApiError::invalid_request("The body broke off").into_response();
    };
    let hash = hash_of(&body).await;
    match named.begin(state, &hash).await {
        Err(error) => error.into_response(),
        Ok(Some(answer)) => answer,
        Ok(None) => {
            parts.extensions.insert(named.seed(&hash));
            let run = run(Request::from_parts(parts, Body::from(body)));
            let (state, span) = (state.clone(), tracing::Span::current());
            let task = tokio::spawn(async move { named.finish(&state, run).await }.instrument(span));
            match task.await {
                Ok(response) => response,
                // The gate handles the panic, as every other.
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                Err(_) => ApiError::unavailable().into_response(),
            }
        }
    }
}

impl Named {
    fn from_request(client: Client, secret: &ApiSecret, request: &Request) -> Result<Option<Self>, ApiError> {
        let Some(key) = idempotency_key(request.headers())? else {
            return Ok(None);
        };
        let mut scope = Sha256::new();
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        scope.update(path);
        scope.update([0]);
        scope.update(key);
        let mut owner = [0; 16];
        let random = getrandom::fill(&mut owner).ok();
        let seal = AnswerSeal::new(secret, key).filter(|_| random.is_some());
        Ok(Some(Self {
            name: RequestName {
                key: client.key,
                scope: scope.finalize().into(),
            },
            account: client.account,
            seal: seal.ok_or_else(ApiError::internal)?,
            owner,
        }))
    }

    fn seed(&self, body_hash: &[u8; 32]) -> Seed {
        let mut hash = Sha256::new();
        hash.update(self.name.key.0.to_be_bytes());
        hash.update(self.name.scope);
        hash.update(body_hash);
        let mut seed = [0; 16];
        seed.copy_from_slice(&hash.finalize()[..16]);
        Seed(seed)
    }

    /// `None`: it is the first, and must run.
    async fn begin(&self, state: &AppState, body_hash: &[u8; 32]) -> Result<Option<Response>, ApiError> {
        let now = state.clock.now();
        let memory = RequestMemory {
            forgotten: forgotten(now),
            given_up: now.saturating_sub(millis(state.config.answer_time_max + GRACE)),
        };
        let begun = state
            .store
            .begin_request(&self.name, body_hash, &self.owner, now, memory);
        match begun.await? {
            Begun::First => Ok(None),
            Begun::Running => Err(ApiError::conflict(
                "The first request with this Idempotency-Key is still running",
            )),
            Begun::Differs => Err(ApiError::unprocessable(vec![FieldError::new(
                "Idempotency-Key",
                "was used before with another body",
            )])),
            Begun::Answered { status, answer } => {
                let answer = self.seal.open(&answer).ok_or_else(|| {
                    ApiError::conflict(
                        "The first answer to this Idempotency-Key was for an API key that has changed since",
                    )
                })?;
                let status = StatusCode::from_u16(status).map_err(|_| ApiError::internal())?;
                let mut response = (status, Bytes::from(answer)).into_response();
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(REPLAYED, HeaderValue::from_static("true"));
                Ok(Some(response))
            }
        }
    }

    /// Runs the request and stores its answer, if another try could not change it.
    async fn finish(self, state: &AppState, run: impl Future<Output = Response>) -> Response {
        let response = match AssertUnwindSafe(run).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => {
                self.forget(state).await;
                resume_unwind(panic)
            }
        };
        let length = response.body().size_hint().exact();
        if !is_kept(response.status()) || length.is_none_or(|length| length > ANSWER_BYTES_MAX as u64) {
            self.forget(state).await;
            return response;
        }
        let (parts, body) = response.into_parts();
        let Ok(body) = to_bytes(body, ANSWER_BYTES_MAX).await else {
            self.forget(state).await;
            return ApiError::internal().into_response();
        };
        let status = parts.status.as_u16();
        if let Some(closed) = self.seal.close(&body) {
            let kept = state
                .store
                .finish_request(&self.name, &self.owner, status, &closed)
                .await;
            match kept {
                Ok(_) => state.kept.note(&state.store, self.account, closed.len()).await,
                Err(error) => {
                    tracing::warn!(%error, "an answer could not be stored for a repeat of its request");
                }
            }
        }
        Response::from_parts(parts, Body::from(body))
    }

    async fn forget(&self, state: &AppState) {
        if let Err(error) = state.store.forget_request(&self.name, &self.owner).await {
            tracing::warn!(%error, "a request that failed blocks its Idempotency-Key for some minutes");
        }
    }
}

/// Whether an answer is stored. Those that another try may change are not: our faults, a slow network, a spent rate.
fn is_kept(status: StatusCode) -> bool {
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    !status.is_server_error() && !passing.contains(&status)
}

/// The idempotency key of a request: visible ASCII. Several keys are refused.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&[u8]>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = values.next().map(HeaderValue::as_bytes) else {
        return Ok(None);
    };
    let fits = (1..=KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if fits && values.next().is_none() {
        return Ok(Some(key));
    }
    Err(ApiError::invalid_request(format!(
        "Idempotency-Key must be 1 to {KEY_BYTES_MAX} letters, digits and signs"
    )))
}

async fn hash_of(body: &Bytes) -> [u8; 32] {
    if body.len() < HASHED_ASIDE_BYTES {
        return Sha256::digest(body).into();
    }
    let bytes = body.clone();
    let hashed = tokio::task::spawn_blocking(move || Sha256::digest(&bytes).into()).await;
    hashed.unwrap_or_else(|_| Sha256::digest(body).into())
}

fn millis(time: Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_plain_token() {
        let long = "a".repeat(256);
        for (values, expect) in [
            (vec![], Ok(None)),
            (vec!["3f0b-7c1e"], Ok(Some(&b"3f0b-7c1e"[..]))),
            (vec![""], Err(())),
            (vec!["a b"], Err(())),
            (vec![long.as_str()], Err(())),
            (vec!["a", "a"], Err(())),
        ] {
            let pairs = values.iter().map(|value| (IDEMPOTENCY_KEY, value.parse().unwrap()));
            let headers: HeaderMap = pairs.collect();
            assert_eq!(idempotency_key(&headers).map_err(drop), expect, "{values:?}");
        }
    }

    #[test]
    fn only_answers_that_stay_true_are_kept() {
        for (status, kept) in [
            (201, true),
            (404, true),
            (422, true),
            (408, false),
            (429, false),
            (503, false),
        ] {
            assert_eq!(is_kept(StatusCode::from_u16(status).unwrap()), kept, "{status}");
        }
    }
}
