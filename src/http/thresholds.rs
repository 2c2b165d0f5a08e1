//! From when on rules tell: for an account, and for a domain.

use axum::Json;
use axum::extract::State;

use super::client::Client;
use super::error::ApiError;
use super::fields::Members;
use super::owned::OwnedDomain;
use super::state::AppState;
use crate::api::{ThresholdBody, ThresholdList};
use crate::base::{AccountId, DomainId};
use crate::store::{Threshold, ThresholdChanges, Thresholds};

/// `GET /thresholds`
pub(super) async fn of_account(State(state): State<AppState>, client: Client) -> Result<Json<ThresholdList>, ApiError> {
    list(&state, client.account, None).await
}

/// `PATCH /thresholds`
pub(super) async fn set_of_account(
    State(state): State<AppState>,
    client: Client,
    members: Members,
) -> Result<Json<ThresholdList>, ApiError> {
    let changes = changes(members)?;
    state.store.set_thresholds(client.account, None, &changes).await?;
    list(&state, client.account, None).await
}

/// `GET /domains/{id}/dmarc/thresholds`
pub(super) async fn of_domain(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<ThresholdList>, ApiError> {
    list(&state, domain.account, Some(domain.id)).await
}

/// `PATCH /domains/{id}/dmarc/thresholds`
pub(super) async fn set_of_domain(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    members: Members,
) -> Result<Json<ThresholdList>, ApiError> {
    let changes = changes(members)?;
    let place = (domain.account, Some(domain.id));
    state.store.set_thresholds(place.0, place.1, &changes).await?;
    list(&state, place.0, place.1).await
}

/// Reads the body of [`crate::api::ThresholdPatch`].
fn changes(mut members: Members) -> Result<ThresholdChanges, ApiError> {
    let change = |threshold: &Threshold| {
        let value = members.clearable_number(threshold.word(), threshold.range())?;
        Some((*threshold, value))
    };
    let changes = Threshold::ALL.iter().filter_map(change).collect();
    members.finish()?;
    Ok(changes)
}

async fn list(state: &AppState, account: AccountId, domain: Option<DomainId>) -> Result<Json<ThresholdList>, ApiError> {
    let thresholds = state.store.thresholds(account, domain).await?;
    let all = Threshold::ALL.iter().map(|one| body(&thresholds, *one));
    Ok(Json(ThresholdList {
        thresholds: all.collect(),
    }))
}

fn body(thresholds: &Thresholds, one: Threshold) -> ThresholdBody {
    let set_by = match (thresholds.domain.get(one), thresholds.account.get(one)) {
        (Some(_), _) => "domain",
        (None, Some(_)) => "account",
        (None, None) => "default",
    };
    ThresholdBody {
        name: one.word().into(),
        value: thresholds.value(one),
        set_by: set_by.into(),
        default: one.default(),
        min: *one.range().start(),
        max: *one.range().end(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_thresholds_are_the_thresholds() {
        let document: serde_json::Value = serde_json::from_str(crate::http::openapi()).unwrap();
        let members = document["components"]["schemas"]["ThresholdPatch"]["properties"]
            .as_object()
            .unwrap();
        assert_eq!(members.len(), Threshold::ALL.len());
        let page = include_str!("../../docs/events.md");
        for threshold in Threshold::ALL {
            let member = &members[threshold.word()];
            let range = (member["minimum"].as_u64(), member["maximum"].as_u64());
            let expect = (Some(*threshold.range().start()), Some(*threshold.range().end()));
            assert_eq!(range, expect, "{member}");
            let row = format!(
                "| `{}` | {} | {} to ",
                threshold.word(),
                threshold.default(),
                threshold.range().start()
            );
            assert!(page.contains(&row), "{row}");
        }
    }
}
