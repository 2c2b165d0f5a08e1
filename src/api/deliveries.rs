//! Events, and their deliveries to webhooks and channels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema::Instant;

/// Kinds of events, as docs/events.md has them.
pub const EVENT_KINDS: [&str; 16] = [
    "domain.verified",
    "domain.failed",
    "domain.record_changed",
    "dmarc.report.received",
    "dmarc.quarantined",
    "dmarc.policy.changed",
    "dmarc.service.new",
    "dmarc.service.broken",
    "dmarc.service.recovered",
    "dmarc.reporter.silent",
    "dmarc.volume.changed",
    "dmarc.summary",
    "tls.failure",
    "feed.failing",
    "feed.recovered",
    "webhook.test",
];
/// In a list of kinds: all of them.
pub const ALL_EVENTS: &str = "*";

/// The form of a kind of events.
pub const EVENT: &str = r"^(\*|[a-zA-Z0-9_]{1,40}(\.[a-zA-Z0-9_]{1,40}){0,4})$";

/// An event for a webhook.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery")]
#[serde(rename_all = "camelCase")]
pub struct WebhookDelivery {
    #[serde(flatten)]
    pub delivery: DeliveryBody,
    /// The webhook.
    pub webhook_id: i64,
    /// As `webhookId`.
    #[serde(rename = "webhook_id")]
    pub webhook_id_snake: i64,
}

/// An event for a channel.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelDelivery {
    #[serde(flatten)]
    pub delivery: DeliveryBody,
    /// The channel.
    #[schemars(example = &"nc_1")]
    pub channel_id: String,
    /// As `channelId`.
    #[serde(rename = "channel_id")]
    #[schemars(example = &"nc_1")]
    pub channel_id_snake: String,
}

/// An event on its way.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryBody {
    /// Number of the object, as paths take it.
    pub id: i64,
    /// The kind of the event.
    #[schemars(example = &"dmarc.report.received")]
    pub event_type: String,
    /// The event. To a webhook it is sent as it is, to a channel in words.
    pub payload: Map<String, Value>,
    /// HTTP status of the last answer; null before the first attempt and without an answer.
    pub status_code: Option<u16>,
    /// The beginning of the last answer, or why nothing was sent.
    #[schemars(example = &"ok")]
    pub response_body: Option<String>,
    /// Attempts since the event happened or was replayed last.
    pub attempts: u64,
    /// When the next attempt is due; null if there is none.
    #[schemars(with = "Option<Instant>")]
    pub next_retry_at: Option<String>,
    /// When the receiver accepted it. Null with `nextRetryAt` null: it failed.
    #[schemars(with = "Option<Instant>")]
    pub delivered_at: Option<String>,
    /// When the event happened.
    #[schemars(with = "Instant")]
    pub created_at: String,
    #[serde(flatten)]
    pub snake: DeliverySnake,
}

/// The same fields in the spelling of PostStack's reference page.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeliverySnake {
    /// As `eventType`.
    #[schemars(example = &"dmarc.report.received")]
    pub event: String,
    /// As `eventType`.
    #[schemars(example = &"dmarc.report.received")]
    pub event_type: String,
    /// As `statusCode`.
    pub status_code: Option<u16>,
    /// As `responseBody`.
    #[schemars(example = &"ok")]
    pub response_body: Option<String>,
    /// Whether the receiver accepted it.
    pub success: bool,
    /// As `nextRetryAt`.
    #[schemars(with = "Option<Instant>")]
    pub next_attempt_at: Option<String>,
    /// As `nextRetryAt`.
    #[schemars(with = "Option<Instant>")]
    pub next_retry_at: Option<String>,
    /// As `deliveredAt`.
    #[schemars(with = "Option<Instant>")]
    pub delivered_at: Option<String>,
    /// As `createdAt`.
    #[schemars(with = "Instant")]
    pub created_at: String,
}

/// A page of deliveries to a webhook, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryList {
    pub deliveries: Vec<WebhookDelivery>,
    pub pagination: DeliveryPagination,
}

/// A page of deliveries to a channel, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelDeliveryList {
    pub deliveries: Vec<ChannelDelivery>,
    pub meta: DeliveryPagination,
}

/// The position of a page in its list, in both spellings.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryPagination {
    /// Number of this page, counted from 1.
    pub page: u32,
    /// Rows on a full page.
    pub per_page: u32,
    /// Number of deliveries, counted up to 100,001.
    pub total: u64,
    /// Number of pages for `total` rows; 0 for an empty list.
    pub total_pages: u64,
    #[serde(flatten)]
    pub snake: DeliveryPaginationSnake,
}

/// The same fields in the spelling of PostStack's reference page.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryPaginationSnake {
    /// As `perPage`.
    pub per_page: u32,
    /// As `totalPages`.
    pub total_pages: u64,
}
