//! `/digests`: the state of domains by mail, weekly or monthly.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::channels::{no_question, tested};
use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::{Members, Parameters};
use super::owned::{OwnedDigest, OwnedDomain, digest_key, find_domain};
use super::state::AppState;
use crate::api::{
    CHANNEL_NAME_CHARS_MAX, ChannelTested, DIGEST_DOMAINS_MAX, DigestBody, DigestList, DigestPreview, Success,
};
use crate::base::clock::format_instant;
use crate::base::{AccountId, DomainId, MailAddress, Period};
use crate::insight::{DigestScope, digest};
use crate::notify::{DigestChanges, NewDigest, digest_forms};
use crate::store::{Digest, Target};

/// `POST /digests`
pub(super) async fn create(
    State(state): State<AppState>,
    client: Client,
    mut members: Members,
) -> Result<(StatusCode, Json<DigestBody>), ApiError> {
    let name = members.required_plain_text("name", CHANNEL_NAME_CHARS_MAX);
    let email = members.required_text("email");
    let to = address(&mut members, email);
    let period = members.required_word("period", Period::ALL, Period::word);
    let domains = members.texts("domains", DIGEST_DOMAINS_MAX);
    check_domains(&mut members, domains.as_deref());
    members.finish()?;
    let (Some(name), Some(to), Some(period)) = (name, to, period) else {
        return Err(ApiError::internal());
    };
    let domains = match domains {
        None => None,
        Some(keys) => Some(own_domains(&state, client, &keys).await?),
    };
    let new = NewDigest {
        name,
        to,
        period,
        domains,
    };
    let created = state.targets.create_digest(client.account, new).await?;
    let digest = created
        .ok_or_else(|| ApiError::conflict("The account has as many digests as it may have: remove others first"))?;
    Ok((StatusCode::CREATED, Json(body(&state, &digest).await?)))
}

/// `GET /digests`
pub(super) async fn list(State(state): State<AppState>, client: Client) -> Result<Json<DigestList>, ApiError> {
    let mut digests = Vec::new();
    for digest in state.store.digests(client.account).await? {
        digests.push(body(&state, &digest).await?);
    }
    let sends_mail = state.targets.sends_mail();
    Ok(Json(DigestList { digests, sends_mail }))
}

/// `GET /digests/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedDigest(digest): OwnedDigest,
) -> Result<Json<DigestBody>, ApiError> {
    body(&state, &digest).await.map(Json)
}

/// `PUT /digests/{id}`
pub(super) async fn update(
    State(state): State<AppState>,
    client: Client,
    OwnedDigest(digest): OwnedDigest,
    mut members: Members,
) -> Result<Json<DigestBody>, ApiError> {
    let name = members.plain_text("name", CHANNEL_NAME_CHARS_MAX);
    if name.as_deref() == Some("") {
        members.refuse("name", "must not be empty");
    }
    let email = members.text("email");
    let to = address(&mut members, email);
    let period = members.word("period", Period::ALL, Period::word);
    let domains = members.clearable_texts("domains", DIGEST_DOMAINS_MAX);
    check_domains(&mut members, domains.as_ref().and_then(Option::as_deref));
    let active = members.flag("enabled");
    members.finish()?;
    let domains = match domains {
        None => None,
        Some(None) => Some(None),
        Some(Some(keys)) => Some(Some(own_domains(&state, client, &keys).await?)),
    };
    let changes = DigestChanges {
        name,
        to,
        period,
        domains,
        active,
    };
    let changed = state.targets.change_digest(&digest, changes).await?;
    let changed = changed.ok_or_else(|| ApiError::not_found("Digest"))?;
    body(&state, &changed).await.map(Json)
}

/// `DELETE /digests/{id}`
pub(super) async fn remove(
    State(state): State<AppState>,
    OwnedDigest(digest): OwnedDigest,
) -> Result<Json<Success>, ApiError> {
    match state.store.remove_digest(digest.account, digest.id).await? {
        true => Ok(Json(Success { success: true })),
        false => Err(ApiError::not_found("Digest")),
    }
}

/// `POST /digests/{id}/confirm`
pub(super) async fn confirm(
    State(state): State<AppState>,
    OwnedDigest(digest): OwnedDigest,
) -> Result<Json<ChannelTested>, ApiError> {
    let asked = state.targets.ask_reader_again(&digest).await?;
    asked.map(|tried| Json(tested(tried))).ok_or_else(no_question)
}

/// `GET /digests/{id}/preview`
pub(super) async fn preview(
    State(state): State<AppState>,
    OwnedDigest(found): OwnedDigest,
) -> Result<Json<DigestPreview>, ApiError> {
    let scope = DigestScope {
        account: found.account,
        period: found.address.period,
        range: found.address.period.last_before(state.today()),
        domains: found.address.domains,
    };
    let shown = forms(&state, &scope).await?;
    shown
        .map(Json)
        .ok_or_else(|| ApiError::conflict("The account has none of the domains of this digest"))
}

/// The parameter `period`.
pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "period",
    says: "`weekly`: Monday to Sunday. `monthly`: a month of the calendar. The newest one that is over. Default: `weekly`.",
    schema: || json!({ "type": "string", "enum": PERIODS }),
}];
const PERIODS: [&str; 2] = ["weekly", "monthly"];

/// `GET /domains/{id}/dmarc/digest`
pub(super) async fn of_domain(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<DigestPreview>, ApiError> {
    let period = parameters.word("period", &PERIODS, Period::from_word);
    parameters.finish()?;
    let period = period.unwrap_or(Period::Weekly);
    let scope = DigestScope {
        account: domain.account,
        period,
        range: period.last_before(state.today()),
        domains: Some(vec![domain.id]),
    };
    let shown = forms(&state, &scope).await?;
    shown.map(Json).ok_or_else(|| ApiError::not_found("Domain"))
}

/// A digest in all forms; `None` if none of its domains is left.
async fn forms(state: &AppState, scope: &DigestScope) -> Result<Option<DigestPreview>, ApiError> {
    let tables = state.tables.current();
    let data = Box::pin(digest(&state.store, scope, state.clock.now(), &tables)).await?;
    Ok(data.map(|data| {
        let forms = digest_forms(&data, state.targets.page());
        DigestPreview {
            subject: forms.subject,
            text: forms.text,
            html: forms.html,
            data,
        }
    }))
}

fn address(members: &mut Members, text: Option<String>) -> Option<MailAddress> {
    match MailAddress::parse(&text?) {
        Ok(address) => Some(address),
        Err(error) => {
            members.refuse("email", error);
            None
        }
    }
}

fn check_domains(members: &mut Members, domains: Option<&[String]>) {
    if domains.is_some_and(<[String]>::is_empty) {
        members.refuse("domains", "must name at least one domain, or be null for all");
    }
}

async fn own_domains(state: &AppState, client: Client, keys: &[String]) -> Result<Vec<DomainId>, ApiError> {
    let mut domains = Vec::with_capacity(keys.len());
    for key in keys {
        let id = find_domain(state, client, key).await?.id;
        if !domains.contains(&id) {
            domains.push(id);
        }
    }
    Ok(domains)
}

async fn body(state: &AppState, digest: &Target<Digest>) -> Result<DigestBody, ApiError> {
    let email = state.targets.recipient(digest.account, &digest.address).ok();
    let domains = match &digest.address.domains {
        None => None,
        Some(ids) => Some(public_ids(state, digest.account, ids).await?),
    };
    Ok(DigestBody {
        id: digest_key(digest.id),
        name: digest.address.name.clone(),
        email: email.map(|email| email.as_str().to_owned()),
        period: digest.address.period.word().into(),
        domains,
        active: digest.active,
        disabled_at: digest.disabled.as_ref().map(|(at, _)| format_instant(*at)),
        disabled_reason: digest.disabled.as_ref().map(|(_, why)| why.clone()),
        last_used_at: digest.last.map(|(at, _)| format_instant(at)),
        last_status: digest.last.and_then(|(_, status)| status),
        created_at: format_instant(digest.created_at),
        updated_at: format_instant(digest.updated_at),
    })
}

async fn public_ids(state: &AppState, account: AccountId, ids: &[DomainId]) -> Result<Vec<String>, ApiError> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(state.store.domain_public_id(account, *id).await?);
    }
    Ok(found)
}
