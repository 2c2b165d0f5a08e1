//! `/domains/{id}/dkim/rotate`: from one DKIM key of a domain to the next. Each route answers how far the domain is.

use axum::Json;
use axum::extract::State;
use serde_json::json;

use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::owned::OwnedDomain;
use super::state::AppState;
use crate::api::{RotationBody, RotationOne, RotationSnake};
use crate::base::clock::format_instant;
use crate::domains::{KeyRotation, Wait};
use crate::store::{Domain, RotationStage};

/// What [`activate`] reads.
pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "force",
    says: "Whether the next key signs at once, although caches may be without its record. DNS is asked for the record in any \
        case. Default: false.",
    schema: || json!({ "type": "boolean" }),
}];

/// `POST /domains/{id}/dkim/rotate`
pub(super) async fn start(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<RotationOne>, ApiError> {
    let rotation = state.domains.rotate(&domain).await?;
    Ok(Json(RotationOne::new(&domain, &rotation)))
}

/// `GET /domains/{id}/dkim/rotate`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<RotationOne>, ApiError> {
    let rotation = state.domains.rotation(&domain).await?;
    Ok(Json(RotationOne::new(&domain, &rotation)))
}

/// `POST /domains/{id}/dkim/rotate/activate`
pub(super) async fn activate(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<RotationOne>, ApiError> {
    let wait = parameters.word("force", &["true", "false"], |word| match word {
        "true" => Some(Wait::Skipped),
        "false" => Some(Wait::Kept),
        _ => None,
    });
    parameters.finish()?;
    let wait = wait.unwrap_or(Wait::Kept);
    let rotation = state.domains.activate_rotation(&domain, wait).await?;
    Ok(Json(RotationOne::new(&domain, &rotation)))
}

/// `DELETE /domains/{id}/dkim/rotate`
pub(super) async fn cancel(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<RotationOne>, ApiError> {
    let rotation = state.domains.cancel_rotation(&domain).await?;
    Ok(Json(RotationOne::new(&domain, &rotation)))
}

impl RotationOne {
    /// The answer about a domain with these keys.
    pub fn new(domain: &Domain, keys: &KeyRotation) -> Self {
        let bare = RotationBody::new(domain, keys);
        Self {
            rotation: bare.clone(),
            bare,
        }
    }
}

impl RotationBody {
    fn new(domain: &Domain, keys: &KeyRotation) -> Self {
        let rotation = keys.rotation.as_ref();
        let (mut published, mut retire_after) = (None, None);
        match rotation.map(|rotation| rotation.stage) {
            Some(RotationStage::Ready {
                published_at,
                activates_after,
            }) => published = Some((format_instant(published_at), format_instant(activates_after))),
            Some(RotationStage::Retiring { retire_after: at, .. }) => retire_after = Some(format_instant(at)),
            Some(RotationStage::PendingDns) | None => {}
        }
        let (published_at, activates_after) = published.unzip();
        let retired = rotation.filter(|_| retire_after.is_some());
        let pending = rotation.filter(|_| retire_after.is_none());
        let record = keys.record.as_ref().filter(|_| pending.is_some());
        let snake = RotationSnake {
            domain_id: domain.public_id.clone(),
            active_selector: keys.active_selector.clone(),
            pending_selector: pending.map(|key| key.selector.clone()),
            pending_public_key: keys.public_key.clone().filter(|_| pending.is_some()),
            pending_record_name: record.map(|(name, _)| name.clone()),
            pending_record_value: record.map(|(_, value)| value.clone()),
            started_at: rotation.map(|key| format_instant(key.started_at)),
            published_at,
            activates_after,
            retired_selector: retired.map(|key| key.selector.clone()),
            retire_after,
        };
        Self {
            state: keys.state().word().into(),
            domain_id: snake.domain_id.clone(),
            active_selector: snake.active_selector.clone(),
            pending_selector: snake.pending_selector.clone(),
            pending_public_key: snake.pending_public_key.clone(),
            pending_record_name: snake.pending_record_name.clone(),
            pending_record_value: snake.pending_record_value.clone(),
            started_at: snake.started_at.clone(),
            published_at: snake.published_at.clone(),
            activates_after: snake.activates_after.clone(),
            retired_selector: snake.retired_selector.clone(),
            retire_after: snake.retire_after.clone(),
            snake,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::api::ROTATION_STATES;
    use crate::domains::RotationState;

    #[test]
    fn documented_words_are_the_words() {
        assert!(RotationState::ALL.iter().map(|state| state.word()).eq(ROTATION_STATES));
    }
}
