//! `/webhooks`: where an account is told of events. A secret is shown once, in the answer that makes it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::client::Client;
use super::error::ApiError;
use super::fields::{Members, Parameters};
use super::owned::{NumberInPath, OwnedDelivery, OwnedWebhook};
use super::paging::page;
use super::state::AppState;
use super::targets::{self, EVENTS_MAX, checked_events, is_event, shown};
use crate::api::{
    DeliveryList, GRACE_HOURS_MAX, REPLAY_MAX, REPLAY_MINUTES_MAX, RemovedInBoth, Replayed, Success, WebhookBody,
    WebhookDelivery, WebhookItem, WebhookItemSnake, WebhookList, WebhookOne, WebhookSnake, WebhookTested,
    WebhookWithSecret,
};
use crate::base::clock::format_instant;
use crate::base::{Millis, TargetId};
use crate::notify::Secret;
use crate::store::{ALL_EVENTS, Replay, ReplayFilter, Target, Webhook, WebhookChanges};

/// Hours for which an old secret signs too if the client does not say.
const GRACE_HOURS_DEFAULT: u64 = 24;
/// `POST /webhooks`
pub(super) async fn create(
    State(state): State<AppState>,
    client: Client,
    mut members: Members,
) -> Result<(StatusCode, Json<WebhookWithSecret>), ApiError> {
    let url = members.required_text("url");
    let url = checked_url(&state, &mut members, url);
    let events = members.required_texts("events", EVENTS_MAX);
    let events = checked_events(&mut members, events);
    // It is shown nowhere.
    members.text("description");
    members.finish()?;
    let (Some(url), Some(events)) = (url, events) else {
        return Err(ApiError::internal());
    };
    let created = state
        .targets
        .create_webhook(client.account, url, events, &random()?)
        .await?;
    let (webhook, secret) = created
        .ok_or_else(|| ApiError::conflict("The account has as many webhooks as it may have: remove others first"))?;
    let now = state.clock.now();
    Ok((StatusCode::CREATED, Json(with_secret(&webhook, &secret, now))))
}

/// `GET /webhooks`
pub(super) async fn list(State(state): State<AppState>, client: Client) -> Result<Json<WebhookList>, ApiError> {
    let now = state.clock.now();
    let webhooks = state.store.webhooks(client.account).await?;
    let item = |webhook: &Target<Webhook>| {
        let (at, status) = webhook.last.map(|(at, status)| (format_instant(at), status)).unzip();
        let status = status.flatten();
        WebhookItem {
            webhook: body(webhook, now),
            snake: WebhookItemSnake {
                last_delivery_at: at.clone(),
                last_delivery_status: status,
            },
            last_delivery_at: at,
            last_delivery_status: status,
        }
    };
    Ok(Json(WebhookList {
        webhooks: webhooks.iter().map(item).collect(),
    }))
}

/// `GET /webhooks/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedWebhook(webhook): OwnedWebhook,
) -> Result<Json<WebhookOne>, ApiError> {
    Ok(Json(one(&webhook, state.clock.now())))
}

/// `PATCH /webhooks/{id}`
pub(super) async fn update(
    State(state): State<AppState>,
    OwnedWebhook(webhook): OwnedWebhook,
    mut members: Members,
) -> Result<Json<WebhookOne>, ApiError> {
    let url = members.text("url");
    let url = checked_url(&state, &mut members, url);
    let events = members.texts("events", EVENTS_MAX);
    let changes = WebhookChanges {
        url,
        events: checked_events(&mut members, events),
        active: members.flag("enabled"),
    };
    members.finish()?;
    let changed = state
        .store
        .change_webhook(webhook.account, webhook.id, changes, state.clock.now())
        .await?;
    let changed = changed.ok_or_else(|| ApiError::not_found("Webhook"))?;
    Ok(Json(one(&changed, state.clock.now())))
}

/// `DELETE /webhooks/{id}`
pub(super) async fn remove(
    State(state): State<AppState>,
    client: Client,
    NumberInPath(number): NumberInPath,
) -> Result<Json<RemovedInBoth>, ApiError> {
    if !state.store.remove_webhook(client.account, TargetId(number)).await? {
        return Err(ApiError::not_found("Webhook"));
    }
    Ok(Json(RemovedInBoth {
        success: true,
        deleted: true,
    }))
}

/// `POST /webhooks/{id}/test`
pub(super) async fn test(
    State(state): State<AppState>,
    OwnedWebhook(webhook): OwnedWebhook,
) -> Result<Json<WebhookTested>, ApiError> {
    let tried = state.targets.test(&webhook.any()).await?;
    Ok(Json(WebhookTested {
        success: tried.is_delivered,
        status_code: tried.status,
        response_time_ms: u64::try_from(tried.took.as_millis()).unwrap_or(u64::MAX),
    }))
}

/// `POST /webhooks/{id}/rotate-secret`
pub(super) async fn rotate(
    State(state): State<AppState>,
    OwnedWebhook(webhook): OwnedWebhook,
    mut members: Members,
) -> Result<Json<WebhookWithSecret>, ApiError> {
    let hours = members
        .clearable_number("graceHours", 0..=GRACE_HOURS_MAX.into())
        .flatten();
    members.finish()?;
    let hours = u32::try_from(hours.unwrap_or(GRACE_HOURS_DEFAULT)).unwrap_or(GRACE_HOURS_MAX);
    let random = random()?;
    let rotated = state.targets.rotate(webhook.account, webhook.id, hours, &random);
    let (webhook, secret) = rotated.await?.ok_or_else(|| ApiError::not_found("Webhook"))?;
    Ok(Json(with_secret(&webhook, &secret, state.clock.now())))
}

/// `GET /webhooks/{id}/deliveries`
pub(super) async fn deliveries(
    State(state): State<AppState>,
    OwnedWebhook(webhook): OwnedWebhook,
    mut parameters: Parameters,
) -> Result<Json<DeliveryList>, ApiError> {
    let page = page(&mut parameters, &state.config);
    parameters.finish()?;
    let (rows, pagination) = targets::deliveries(&state, webhook.id, page).await?;
    let delivery = |delivery| WebhookDelivery {
        webhook_id: webhook.id.0,
        webhook_id_snake: webhook.id.0,
        delivery,
    };
    Ok(Json(DeliveryList {
        deliveries: rows.into_iter().map(delivery).collect(),
        pagination,
    }))
}

/// `POST /webhooks/{id}/deliveries/{delivery_id}/replay`
pub(super) async fn replay(
    State(state): State<AppState>,
    OwnedDelivery(webhook, delivery): OwnedDelivery,
) -> Result<Json<Success>, ApiError> {
    targets::replay(&state, webhook.id, delivery).await.map(Json)
}

/// `POST /webhooks/{id}/deliveries/batch-replay`
pub(super) async fn replay_failed(
    State(state): State<AppState>,
    OwnedWebhook(webhook): OwnedWebhook,
    mut members: Members,
) -> Result<Json<Replayed>, ApiError> {
    let minutes = members.clearable_number("withinMinutes", 1..=REPLAY_MINUTES_MAX.into());
    let event = members.text("eventType");
    let limit = members.clearable_number("limit", 1..=u64::MAX);
    if let Some(event) = event.as_ref().filter(|event| !is_event(event)) {
        members.refuse("eventType", format!("{} is not a kind of events", shown(event)));
    }
    members.finish()?;
    let now = state.clock.now();
    let minutes = minutes.flatten().unwrap_or(REPLAY_MINUTES_MAX.into());
    let filter = ReplayFilter {
        since: now.saturating_sub(minutes.cast_signed().saturating_mul(60_000)),
        event: event.filter(|event| event != ALL_EVENTS),
        limit: limit
            .flatten()
            .map_or(REPLAY_MAX, |limit| u32::try_from(limit).unwrap_or(REPLAY_MAX))
            .min(REPLAY_MAX),
    };
    match state.store.replay_failed(webhook.id, &filter, now).await? {
        Replay::Due { replayed, left } => Ok(Json(Replayed {
            replayed,
            remaining: left,
        })),
        Replay::Off | Replay::Unknown => Err(targets::is_off()),
    }
}

fn checked_url(state: &AppState, members: &mut Members, url: Option<String>) -> Option<String> {
    let url = url?;
    if let Err(error) = state.targets.check_url(&url) {
        members.refuse("url", error);
    }
    Some(url)
}

fn random() -> Result<[u8; Secret::RANDOM_BYTES], ApiError> {
    let mut random = [0; Secret::RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        ApiError::internal()
    })?;
    Ok(random)
}

fn body(webhook: &Target<Webhook>, now: Millis) -> WebhookBody {
    let until = webhook.address.previous.as_ref().map(|(_, until)| *until);
    let snake = WebhookSnake {
        created_at: format_instant(webhook.created_at),
        secret_rotated_at: webhook.address.rotated_at.map(format_instant),
        previous_secret_expires_at: until.filter(|until| *until > now).map(format_instant),
        consecutive_failures: webhook.failures,
        disabled_at: webhook.disabled.as_ref().map(|(at, _)| format_instant(*at)),
        disabled_reason: webhook.disabled.as_ref().map(|(_, why)| why.clone()),
    };
    WebhookBody {
        id: webhook.id.0,
        url: webhook.address.url.clone(),
        events: webhook.events.words().to_vec(),
        active: webhook.active,
        created_at: snake.created_at.clone(),
        secret_rotated_at: snake.secret_rotated_at.clone(),
        previous_secret_expires_at: snake.previous_secret_expires_at.clone(),
        consecutive_failures: snake.consecutive_failures,
        disabled_at: snake.disabled_at.clone(),
        disabled_reason: snake.disabled_reason.clone(),
        snake,
    }
}

fn one(webhook: &Target<Webhook>, now: Millis) -> WebhookOne {
    let body = body(webhook, now);
    WebhookOne {
        webhook: body.clone(),
        bare: body,
    }
}

fn with_secret(webhook: &Target<Webhook>, secret: &Secret, now: Millis) -> WebhookWithSecret {
    WebhookWithSecret {
        one: one(webhook, now),
        signing_secret: secret.reveal().to_owned(),
        signing_secret_snake: secret.reveal().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::store::EventKind;

    #[test]
    fn every_kind_of_events_is_documented() {
        let mut listed = crate::api::EVENT_KINDS.to_vec();
        let mut known: Vec<_> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!((listed, crate::api::ALL_EVENTS), (known, crate::store::ALL_EVENTS));
        let (openapi, page) = (crate::http::openapi(), include_str!("../../docs/events.md"));
        for kind in EventKind::ALL {
            let word = format!("`{}`", kind.word());
            assert!(openapi.contains(&word) && page.contains(&word), "{word}");
        }
    }
}
