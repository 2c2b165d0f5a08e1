//! `/domains/{id}/tls/address`: the address at which anyone may post TLS reports about a domain. Its owner makes, replaces and
//! removes it; the secret part is shown once.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::error::ApiError;
use super::owned::OwnedDomain;
use super::state::AppState;
use crate::api::{Removed, TlsTokenBody, TlsTokenMade};
use crate::base::clock::format_instant;
use crate::domains::{tls_record_name, tls_record_value};
use crate::keys::PostToken;

/// `POST /domains/{id}/tls/address`
pub(super) async fn create(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<(StatusCode, Json<TlsTokenMade>), ApiError> {
    let mut random = [0; PostToken::RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        ApiError::internal()
    })?;
    let (token, now) = (PostToken::generate(&random), state.clock.now());
    let hash = token.hash();
    let put = state.store.put_tls_token(domain.account, domain.id, Some((&hash, now)));
    if !put.await? {
        return Err(ApiError::not_found("Domain"));
    }
    let path = format!("/tlsrpt/{}", token.reveal());
    let rua = state.config.public_url.url_for(&path);
    let made = TlsTokenMade {
        created_at: format_instant(now),
        record_name: tls_record_name(&domain),
        record_value: tls_record_value(&domain, state.domains.names(), rua.as_deref()),
        path,
        rua,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// `GET /domains/{id}/tls/address`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<TlsTokenBody>, ApiError> {
    let created_at = state.store.tls_token(domain.account, domain.id).await?;
    Ok(Json(TlsTokenBody {
        created_at: created_at.map(format_instant),
        record_name: tls_record_name(&domain),
        record_value: tls_record_value(&domain, state.domains.names(), None),
    }))
}

/// `DELETE /domains/{id}/tls/address`
pub(super) async fn remove(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<Removed>, ApiError> {
    // Whether it had one makes no difference: it has none now.
    state.store.put_tls_token(domain.account, domain.id, None).await?;
    Ok(Json(Removed { deleted: true }))
}
