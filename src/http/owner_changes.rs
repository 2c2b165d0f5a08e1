//! `/domains/{id}/dmarc/changes`: what the owner of a domain says they changed.

use axum::Json;
use axum::extract::State;
use axum::response::Response;

use super::client::Client;
use super::error::ApiError;
use super::fields::{Members, Parameters};
use super::owned::{OwnedChange, OwnedDomain};
use super::ranked::Listed;
use super::state::AppState;
use super::trust::actor;
use crate::api::{OwnerChangeBody, OwnerChangeList, Removed, SUBJECT_CHARS_MAX, WHY_CHARS_MAX};
use crate::base::Millis;
use crate::base::clock::{format_instant, parse_instant};
use crate::insight::CHANGES_DAYS;
use crate::store::{ChangeKind, Noted, OwnerChange, Posted};

const DAY: Millis = 24 * 3_600_000;

/// `GET /domains/{id}/dmarc/changes`
pub(super) async fn list(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listed = Listed::read(&mut parameters, &state);
    parameters.finish()?;
    let changes = state.store.owner_changes(domain.id).await?;
    let list = OwnerChangeList {
        pagination: listed.part.pagination(changes.len()),
        changes: listed.part.cut(&changes).iter().map(OwnerChangeBody::from).collect(),
    };
    Ok(listed.answer(list, &domain, ("changes", &state.today().to_string())))
}

/// `POST /domains/{id}/dmarc/changes`
pub(super) async fn post(
    State(state): State<AppState>,
    client: Client,
    OwnedDomain(domain): OwnedDomain,
    members: Members,
) -> Result<Json<OwnerChangeBody>, ApiError> {
    let (posted, note) = read(members, state.clock.now())?;
    let actor = actor(&state, client, note).await?;
    let place = (domain.account, domain.id);
    match state.store.post_change(place, posted, actor).await? {
        Noted::Done(change) => Ok(Json(OwnerChangeBody::from(&change))),
        Noted::Missing => Err(ApiError::not_found("Domain")),
        Noted::Full => Err(ApiError::conflict(
            "No more changes can be posted for this domain: remove others first",
        )),
    }
}

/// `DELETE /domains/{id}/dmarc/changes/{change_id}`
pub(super) async fn remove(
    State(state): State<AppState>,
    OwnedChange(domain, id): OwnedChange,
) -> Result<Json<Removed>, ApiError> {
    let place = (domain.account, domain.id);
    if !state.store.remove_change(place, id).await? {
        return Err(ApiError::not_found("Change"));
    }
    Ok(Json(Removed { deleted: true }))
}

/// Reads the body of [`crate::api::OwnerChangeInput`].
fn read(mut members: Members, now: Millis) -> Result<(Posted, Option<String>), ApiError> {
    let kind = members.required_word("kind", ChangeKind::ALL, ChangeKind::word);
    let service = members.plain_text("service", SUBJECT_CHARS_MAX);
    let note = members.plain_text("note", WHY_CHARS_MAX);
    let at = match members.text("at") {
        None => now,
        Some(text) => instant(&mut members, &text, now),
    };
    members.finish()?;
    let posted = Posted {
        kind: kind.ok_or_else(ApiError::internal)?,
        at,
        service: service.map(|name| name.trim().to_owned()),
    };
    Ok((posted, note))
}

/// An instant of the days that changes are listed for.
fn instant(members: &mut Members, text: &str, now: Millis) -> Millis {
    let days = i64::from(CHANGES_DAYS);
    let at = parse_instant(text).filter(|at| (0..=days * DAY).contains(&now.saturating_sub(*at)));
    at.unwrap_or_else(|| {
        let message = format!("must be an instant of the last {days} days, such as 2026-03-20T10:00:00Z");
        members.refuse("at", message);
        now
    })
}

impl From<&OwnerChange> for OwnerChangeBody {
    fn from(change: &OwnerChange) -> Self {
        let OwnerChange { id, posted, actor } = change;
        Self {
            id: id.0,
            kind: posted.kind.word().into(),
            at: format_instant(posted.at),
            service: posted.service.clone(),
            note: actor.why.clone(),
            by: actor.by.clone(),
            posted_at: format_instant(actor.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::api::CHANGE_KINDS;
    use crate::store::ChangeKind;

    #[test]
    fn documented_words_are_the_words() {
        assert!(ChangeKind::ALL.iter().map(|kind| kind.word()).eq(CHANGE_KINDS));
    }
}
