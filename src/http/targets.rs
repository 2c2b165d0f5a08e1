//! What webhooks and channels have in common: kinds of events, and deliveries.

use super::error::ApiError;
use super::fields::Members;
use super::state::AppState;
use crate::api::{DeliveryBody, DeliveryPagination, DeliveryPaginationSnake, DeliverySnake, Success};
use crate::base::clock::format_instant;
use crate::base::{DeliveryId, TargetId, text};
use crate::notify::TargetsError;
use crate::store::{ALL_EVENTS, Delivery, EventKind, Page, Replay, Wanted};

/// `Retry-After` where an address was asked as often as it may be on one day.
const QUESTION_RETRY_SECONDS: u64 = 3_600;
/// Kinds of events of one target, and bytes of each.
pub(super) const EVENTS_MAX: usize = 50;
const EVENT_BYTES_MAX: usize = 204;

/// PostStack's other kinds are accepted: a client may subscribe to all that it knows.
pub(super) fn checked_events(members: &mut Members, events: Option<Vec<String>>) -> Option<Wanted> {
    let events = events?;
    if events.is_empty() {
        members.refuse("events", "must name at least one kind of events");
    }
    if let Some(bad) = events.iter().find(|event| !is_event(event)) {
        let known: Vec<_> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
        let known = known.join(", ");
        members.refuse(
            "events",
            format!("{} is not a kind of events, as {known} are", shown(bad)),
        );
    }
    Some(Wanted::new(events))
}

pub(super) fn shown(text: &str) -> std::borrow::Cow<'_, str> {
    text::shown(text, 100)
}

/// Whether a text has the form of a kind of events: words with dots between them.
pub(super) fn is_event(text: &str) -> bool {
    let is_word = |word: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (1..=40).contains(&word.len()) && word.bytes().all(plain)
    };
    text == ALL_EVENTS || text.len() <= EVENT_BYTES_MAX && text.split('.').count() <= 5 && text.split('.').all(is_word)
}

/// A page of the deliveries to a target, newest first, and its place in the list.
pub(super) async fn deliveries(
    state: &AppState,
    id: TargetId,
    Page { page, per_page }: Page,
) -> Result<(Vec<DeliveryBody>, DeliveryPagination), ApiError> {
    let (rows, total) = state.store.deliveries(id, Page { page, per_page }).await?;
    let total_pages = total.div_ceil(per_page.into());
    let pagination = DeliveryPagination {
        page,
        per_page,
        total,
        total_pages,
        snake: DeliveryPaginationSnake { per_page, total_pages },
    };
    Ok((rows.into_iter().map(delivery_body).collect(), pagination))
}

/// Makes a delivery to a target due again.
pub(super) async fn replay(state: &AppState, id: TargetId, delivery: DeliveryId) -> Result<Success, ApiError> {
    match state.store.replay_delivery(id, delivery, state.clock.now()).await? {
        Replay::Due { .. } => Ok(Success { success: true }),
        Replay::Off => Err(is_off()),
        Replay::Unknown => Err(ApiError::not_found("Delivery")),
    }
}

/// The answer to a replay for a target that is off.
pub(super) fn is_off() -> ApiError {
    ApiError::conflict("It is switched off, so nothing would be sent: switch it on first, with \"enabled\": true")
}

fn delivery_body(delivery: Delivery) -> DeliveryBody {
    let snake = DeliverySnake {
        event: delivery.event.clone(),
        event_type: delivery.event.clone(),
        status_code: delivery.status,
        response_body: delivery.response.clone(),
        success: delivery.delivered_at.is_some(),
        next_attempt_at: delivery.next_at.map(format_instant),
        next_retry_at: delivery.next_at.map(format_instant),
        delivered_at: delivery.delivered_at.map(format_instant),
        created_at: format_instant(delivery.created_at),
    };
    DeliveryBody {
        id: delivery.id.0,
        event_type: delivery.event,
        // It was written by this program.
        payload: serde_json::from_str(&delivery.payload).unwrap_or_default(),
        status_code: snake.status_code,
        response_body: delivery.response,
        attempts: delivery.attempts,
        next_retry_at: snake.next_retry_at.clone(),
        delivered_at: snake.delivered_at.clone(),
        created_at: snake.created_at.clone(),
        snake,
    }
}

impl From<TargetsError> for ApiError {
    fn from(error: TargetsError) -> Self {
        match error {
            TargetsError::Store(error) => Self::from(error),
            TargetsError::Keys(_) => {
                tracing::error!(%error, "a request for a webhook or channel failed: its secret cannot be encrypted or decrypted");
                Self::not_ready("This installation has no master key for the secrets of webhooks and channels")
            }
            // Not 503: asking again does not help.
            TargetsError::NoMail => {
                Self::conflict("This installation sends no mail: its operator sets outbound.mail and notify.page_url")
            }
            TargetsError::Address => {
                tracing::error!(%error, "a request for a channel or digest failed");
                Self::internal()
            }
            TargetsError::Unconfirmed => Self::conflict(
                "The owner of the address has not agreed to mail yet: they follow the link in the mail that was sent to them",
            ),
            TargetsError::TooManyQuestions => Self::rate_limit_exceeded(QUESTION_RETRY_SECONDS),
            TargetsError::NoClient => {
                tracing::warn!(%error, "a request was refused because of what this installation lacks");
                Self::not_ready("This installation cannot connect to webhooks and channels")
            }
        }
    }
}
