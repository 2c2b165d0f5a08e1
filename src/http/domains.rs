//! `/domains`: adding, listing, showing, changing, checking and removing a domain, and the address it sends from.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use tokio::time::{Duration, timeout};

use super::client::Client;
use super::domain_input::{WantedDomain, read_changes, read_ip};
use super::error::ApiError;
use super::fields::{Members, Parameters};
use super::idempotency::Seed;
use super::listing::{Listing, file_name};
use super::owned::OwnedDomain;
use super::state::AppState;
use crate::api::{
    DomainBody, DomainList, DomainOne, FieldError, NewestDomain, RemovedInBoth, Success, VerifyBody, VerifyOne,
};
use crate::base::AccountId;
use crate::domains::{Conflict, DomainNames, IDENTIFIER_RANDOM_BYTES, NameField, conflicts, public_id, rua_token};
use crate::store::{Domain, DomainChanges, NewDomain, StoreError};

/// `POST /domains`
pub(super) async fn create(
    State(state): State<AppState>,
    client: Client,
    seed: Option<Extension<Seed>>,
    members: Members,
) -> Result<(StatusCode, Json<DomainOne>), ApiError> {
    let input = WantedDomain::read(members)?;
    let names = DomainNames {
        name: &input.name,
        region: input.region,
        custom_return_path: input.custom_return_path.as_ref(),
        tracking_domain: None,
    };
    check_together(&state, client.account, names, |_| true).await?;
    // A try whose first one was cut off after the commit finds by its id that the domain is its own.
    let random_id = seed.map_or_else(random, |Extension(Seed(seed))| Ok(seed))?;
    let new = NewDomain {
        public_id: public_id(&random_id),
        name: input.name,
        region: input.region,
        tls_mode: input.tls_mode,
        open_tracking: input.open_tracking,
        click_tracking: input.click_tracking,
        custom_return_path: input.custom_return_path,
        rua_token: rua_token(&random()?),
    };
    let domain = add(&state, client.account, new).await?;
    claim(&state, &domain).await;
    Ok((StatusCode::CREATED, body(&state, domain).await?))
}

/// `GET /domains`
pub(super) async fn list(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    parameters.finish()?;
    let domains = state.store.domains(client.account).await?;
    let seen = domains.iter().filter(|domain| client.may_see(domain.id));
    let name = |_: &_| file_name(&["domains", &state.today().to_string()]);
    Ok(listing.answer(DomainList::from_domains(seen), name))
}

/// `GET /domains/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<DomainOne>, ApiError> {
    body(&state, domain).await
}

/// `PATCH /domains/{id}`
pub(super) async fn update(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    members: Members,
) -> Result<Json<DomainOne>, ApiError> {
    let changes = read_changes(members, &domain)?;
    if changes == DomainChanges::default() {
        return body(&state, domain).await;
    }
    let now = state.clock.now();
    let wanted = changes.clone().applied_to(domain.clone(), now);
    let is_changed = |field| match field {
        NameField::Name => false,
        NameField::CustomReturnPath => wanted.custom_return_path != domain.custom_return_path,
        NameField::TrackingDomain => wanted.tracking_domain != domain.tracking_domain,
    };
    check_together(&state, domain.account, DomainNames::from(&wanted), is_changed).await?;
    let changed = state
        .store
        .update_domain(domain.account, domain.id, changes, now)
        .await?;
    body(&state, changed.ok_or_else(missing)?).await
}

/// `DELETE /domains/{id}`
pub(super) async fn remove(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<RemovedInBoth>, ApiError> {
    let now = state.clock.now();
    let removed = state.store.remove_domain(domain.account, &domain.public_id, now);
    if !removed.await? {
        return Err(missing());
    }
    Ok(Json(RemovedInBoth {
        success: true,
        deleted: true,
    }))
}

/// `POST /domains/{id}/verify`
pub(super) async fn verify(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<VerifyOne>, ApiError> {
    let (domain, published) = state.domains.verify(&domain).await?;
    let whole = DomainBody::new(domain, published);
    Ok(Json(VerifyOne {
        domain: NewestDomain::from(&whole),
        queued: true,
        bare: VerifyBody::from(whole),
    }))
}

/// `POST /domains/{id}/ip`
pub(super) async fn assign_ip(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    members: Members,
) -> Result<Json<Success>, ApiError> {
    let ip = read_ip(members)?;
    let now = state.clock.now();
    if !state.store.assign_ip(domain.account, domain.id, ip, now).await? {
        return Err(ApiError::not_found("IP address"));
    }
    Ok(Json(Success { success: true }))
}

/// `DELETE /domains/{id}/ip`
pub(super) async fn release_ip(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<Success>, ApiError> {
    // Whether it had one makes no difference: it has none now.
    state
        .store
        .release_ip(domain.account, domain.id, state.clock.now())
        .await?;
    Ok(Json(Success { success: true }))
}

/// Refuses settings that no zone could publish beside each other, or beside those of the account's other domains. What the
/// request does not change is not its mistake.
async fn check_together(
    state: &AppState,
    account: AccountId,
    names: DomainNames<'_>,
    is_changed: impl Fn(NameField) -> bool,
) -> Result<(), ApiError> {
    let at = [Some(names.name), names.custom_return_path, names.tracking_domain];
    let mut others = state.store.domains_at_names(account, at).await?;
    others.retain(|other| other.name != *names.name);
    let mut refused: Vec<FieldError> = Vec::new();
    for Conflict { fields, says } in conflicts(names, &others, state.domains.names()) {
        for field in fields.into_iter().filter(|field| is_changed(*field)) {
            if !refused.iter().any(|error| error.field == field.word()) {
                refused.push(FieldError::new(field.word(), &says));
            }
        }
    }
    match refused.is_empty() {
        true => Ok(()),
        false => Err(ApiError::unprocessable(refused)),
    }
}

fn missing() -> ApiError {
    ApiError::not_found("Domain")
}

async fn body(state: &AppState, domain: Domain) -> Result<Json<DomainOne>, ApiError> {
    let published = state.domains.published(&domain).await?;
    let bare = DomainBody::new(domain, published);
    Ok(Json(DomainOne {
        domain: NewestDomain::from(&bare),
        bare,
    }))
}

/// Adds the domain, or finds the one that the first try of the same request added.
async fn add(state: &AppState, account: AccountId, new: NewDomain) -> Result<Domain, ApiError> {
    let (name, public_id) = (new.name.clone(), new.public_id.clone());
    match state.store.add_domain(account, new, state.clock.now()).await {
        Err(StoreError::Exists(_)) => {
            let there = state.store.domain_by_name(account, &name).await?;
            let own = there.filter(|domain| domain.public_id == public_id);
            own.ok_or_else(|| ApiError::conflict("This domain has been added already"))
        }
        added => Ok(added?),
    }
}

/// Counts the reports that came before the domain was added. Most often there are none or a few, and the client sees
/// them at once; if there are many it does not wait.
async fn claim(state: &AppState, domain: &Domain) {
    let (intake, account, id) = (state.intake.clone(), domain.account, domain.id);
    let claiming = tokio::spawn(async move {
        if let Err(error) = intake.claim(account, id).await {
            tracing::error!(%error, domain = %id, "the unclaimed reports of a new domain could not be counted");
        }
    });
    let _ = timeout(CLAIM_WAIT_MAX, claiming).await;
}

const CLAIM_WAIT_MAX: Duration = Duration::from_secs(10);

fn random() -> Result<[u8; IDENTIFIER_RANDOM_BYTES], ApiError> {
    let mut bytes = [0; IDENTIFIER_RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        ApiError::internal()
    })?;
    Ok(bytes)
}
