//! `/api-keys`: who may use the API. A secret is shown once, in the answer that makes it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::client::Client;
use super::error::ApiError;
use super::fields::{Members, Parameters};
use super::listing::{Listing, file_name};
use super::owned::{NumberInPath, find_domain};
use super::state::AppState;
use crate::api::{ApiKeyWithSecret, KEY_NAME_CHARS_MAX, KeyBody, KeyList, Removed};
use crate::base::clock::format_instant;
use crate::base::{KeyId, Permission};
use crate::keys::ApiSecret;
use crate::store::{Account, ApiKey, Domain, NewKey};

/// A key to make.
struct WantedKey {
    name: String,
    permission: Permission,
    domain_id: Option<String>,
}

/// `POST /api-keys`
pub(super) async fn create(
    State(state): State<AppState>,
    client: Client,
    members: Members,
) -> Result<(StatusCode, Json<ApiKeyWithSecret>), ApiError> {
    let input = read_input(members)?;
    let account = account(&state, client).await?;
    let domain = match &input.domain_id {
        None => None,
        Some(id) => Some(find_domain(&state, client, id).await?),
    };
    let secret = fresh_secret(&account)?;
    let key = NewKey {
        name: input.name,
        permission: input.permission,
        domain: domain.as_ref().map(|domain| domain.id),
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
    };
    let key = state.store.add_key(account.id, key, state.clock.now()).await?;
    let body = key_body(key, &account, domain.as_slice());
    Ok((StatusCode::CREATED, Json(with_secret(body, &secret))))
}

/// `GET /api-keys`
pub(super) async fn list(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    parameters.finish()?;
    let account = account(&state, client).await?;
    let domains = state.store.domains(account.id).await?;
    let keys = state.store.keys(account.id).await?;
    let keys = keys.into_iter().filter(|key| key.revoked_at.is_none());
    let api_keys = keys.map(|key| key_body(key, &account, &domains)).collect();
    let name = |_: &_| file_name(&["api-keys", &state.today().to_string()]);
    Ok(listing.answer(KeyList { api_keys }, name))
}

/// `GET /api-keys/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    client: Client,
    NumberInPath(number): NumberInPath,
) -> Result<Json<KeyBody>, ApiError> {
    body_of(&state, client, KeyId(number)).await.map(Json)
}

/// `POST /api-keys/{id}/rotate`
pub(super) async fn rotate(
    State(state): State<AppState>,
    client: Client,
    NumberInPath(number): NumberInPath,
) -> Result<Json<ApiKeyWithSecret>, ApiError> {
    let account = account(&state, client).await?;
    let secret = fresh_secret(&account)?;
    let (key, hash) = (KeyId(number), secret.hash());
    let rotated = state.store.rotate_key(account.id, key, secret.prefix(), &hash);
    if !rotated.await? {
        return Err(missing());
    }
    let body = body_of(&state, client, key).await?;
    Ok(Json(with_secret(body, &secret)))
}

/// `DELETE /api-keys/{id}`
pub(super) async fn remove(
    State(state): State<AppState>,
    client: Client,
    NumberInPath(number): NumberInPath,
) -> Result<Json<Removed>, ApiError> {
    let now = state.clock.now();
    if !state.store.revoke_key(client.account, KeyId(number), now).await? {
        return Err(missing());
    }
    Ok(Json(Removed { deleted: true }))
}

fn missing() -> ApiError {
    ApiError::not_found("API key")
}

/// Reads the body of [`crate::api::KeyInput`].
fn read_input(mut members: Members) -> Result<WantedKey, ApiError> {
    let name = members.required_text("name");
    if let Some(name) = &name {
        let fits = (1..=KEY_NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if !fits {
            members.refuse(
                "name",
                format!("must be plain text of 1 to {KEY_NAME_CHARS_MAX} characters"),
            );
        }
    }
    let permission = members.required_word("permission", Permission::ALL, Permission::word);
    let domain_id = members.text("domain_id");
    // Its value makes no difference.
    members.flag("allow_full_access");
    members.finish()?;
    let (Some(name), Some(permission)) = (name, permission) else {
        return Err(ApiError::internal());
    };
    Ok(WantedKey {
        name,
        permission,
        domain_id,
    })
}

async fn account(state: &AppState, client: Client) -> Result<Account, ApiError> {
    // An account is never removed: a key without one is a fault of ours.
    state
        .store
        .account(client.account)
        .await?
        .ok_or_else(ApiError::internal)
}

async fn body_of(state: &AppState, client: Client, key: KeyId) -> Result<KeyBody, ApiError> {
    let account = account(state, client).await?;
    let key = state.store.key_of_account(account.id, key).await?;
    let key = key.filter(|key| key.revoked_at.is_none()).ok_or_else(missing)?;
    let domain = match key.domain {
        None => None,
        Some(domain) => state.store.domain_by_id(account.id, domain).await?,
    };
    Ok(key_body(key, &account, domain.as_slice()))
}

fn fresh_secret(account: &Account) -> Result<ApiSecret, ApiError> {
    let mut random = [0; ApiSecret::RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        ApiError::internal()
    })?;
    Ok(ApiSecret::generate(account.mode, &random))
}

/// `domains`: at least the one that the key is bound to.
fn key_body(key: ApiKey, account: &Account, domains: &[Domain]) -> KeyBody {
    let domain = domains.iter().find(|domain| Some(domain.id) == key.domain);
    KeyBody {
        id: key.id.0,
        name: key.name,
        key_prefix: key.prefix,
        permission: key.permission.word().into(),
        mode: account.mode.word().into(),
        domain_id: domain.map(|domain| domain.public_id.clone()),
        last_used_at: key.last_used_at.map(format_instant),
        created_at: format_instant(key.created_at),
    }
}

fn with_secret(body: KeyBody, secret: &ApiSecret) -> ApiKeyWithSecret {
    ApiKeyWithSecret {
        body,
        key: secret.reveal().to_owned(),
    }
}
