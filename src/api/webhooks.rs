//! Webhooks. PostStack's clients disagree about spelling and envelopes, so both are answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deliveries::EVENT;
use super::schema::Instant;

/// Longest grace period of an old secret, hours.
pub const GRACE_HOURS_MAX: u32 = 168;
/// How far back failed deliveries are replayed, minutes.
pub const REPLAY_MINUTES_MAX: u32 = 30 * 24 * 60;
/// Deliveries of one replay.
pub const REPLAY_MAX: u32 = 1_000;

/// A webhook to create.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookInput {
    /// Where events are sent: https, and a host with public addresses, unless the installation allows others.
    #[schemars(length(min = 1, max = 2048), extend("format" = "webhook-url"), example = &"https://example.com/hooks/tallymark")]
    pub url: String,
    /// Kinds of events, as in docs/events.md; `*` stands for all. About domains: `domain.verified`, `domain.failed`,
    /// `domain.record_changed`, `dmarc.policy.changed`. About messages: `dmarc.service.new`, `dmarc.service.broken`,
    /// `dmarc.service.recovered`, `dmarc.volume.changed`. About reports: `dmarc.report.received`, `dmarc.reporter.silent`,
    /// `dmarc.quarantined`, `tls.failure`, `feed.failing`, `feed.recovered`. Every day: `dmarc.summary`. On request:
    /// `webhook.test`. Kinds that this installation never sends are accepted.
    #[schemars(length(min = 1, max = 50), inner(regex(pattern = EVENT)), example = &["dmarc.report.received"])]
    pub events: Vec<String>,
    /// Has no effect. Older clients of PostStack send it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"Our alerts")]
    pub description: Option<String>,
}

/// Changes of a webhook. What is absent stays.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookPatch {
    /// As in a new webhook.
    #[schemars(length(min = 1, max = 2048), extend("format" = "webhook-url"), example = &"https://example.com/hooks/tallymark")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// As in a new webhook.
    #[schemars(length(min = 1, max = 50), inner(regex(pattern = EVENT)), example = &["dmarc.report.received"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// Whether events are sent; answers call it `active`. Switching a webhook off gives up what waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// How a secret is replaced.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RotateInput {
    /// Hours for which the old secret signs too. Default: 24. 0: the old secret is invalid at once.
    #[schemars(range(max = GRACE_HOURS_MAX))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_hours: Option<u32>,
}

/// Which failed deliveries are replayed.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReplayInput {
    /// Only deliveries of the last minutes. Default: 30 days, which is the maximum.
    #[schemars(range(min = 1, max = REPLAY_MINUTES_MAX))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_minutes: Option<u32>,
    /// Only events of this kind.
    #[schemars(regex(pattern = EVENT), example = &"dmarc.report.received")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Maximum number of deliveries. Default: 1,000; larger numbers are reduced to it.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A webhook, without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Webhook")]
#[serde(rename_all = "camelCase")]
pub struct WebhookBody {
    /// Number of the object, as paths take it.
    pub id: i64,
    /// Where events are sent.
    #[schemars(example = &"https://example.com/hooks/tallymark")]
    pub url: String,
    /// Kinds of events that are sent.
    #[schemars(example = &["dmarc.report.received"])]
    pub events: Vec<String>,
    /// Whether events are sent. Requests call it `enabled`.
    pub active: bool,
    /// When the webhook was created.
    #[schemars(with = "Instant")]
    pub created_at: String,
    /// When the secret was replaced last.
    #[schemars(with = "Option<Instant>")]
    pub secret_rotated_at: Option<String>,
    /// Until when the secret before signs too; null if it does not.
    #[schemars(with = "Option<Instant>")]
    pub previous_secret_expires_at: Option<String>,
    /// Attempts that failed in a row.
    pub consecutive_failures: u64,
    /// When the webhook was switched off because of failures.
    #[schemars(with = "Option<Instant>")]
    pub disabled_at: Option<String>,
    /// Why it was, one sentence.
    #[schemars(example = &"The receiver answered 410 Gone")]
    pub disabled_reason: Option<String>,
    #[serde(flatten)]
    pub snake: WebhookSnake,
}

/// The same fields in the spelling of PostStack's reference page.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct WebhookSnake {
    /// As `createdAt`.
    #[schemars(with = "Instant")]
    pub created_at: String,
    /// As `secretRotatedAt`.
    #[schemars(with = "Option<Instant>")]
    pub secret_rotated_at: Option<String>,
    /// As `previousSecretExpiresAt`.
    #[schemars(with = "Option<Instant>")]
    pub previous_secret_expires_at: Option<String>,
    /// As `consecutiveFailures`.
    pub consecutive_failures: u64,
    /// As `disabledAt`.
    #[schemars(with = "Option<Instant>")]
    pub disabled_at: Option<String>,
    /// As `disabledReason`.
    #[schemars(example = &"The receiver answered 410 Gone")]
    pub disabled_reason: Option<String>,
}

/// One webhook, in an envelope and bare.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WebhookOne {
    pub webhook: WebhookBody,
    #[serde(flatten)]
    pub bare: WebhookBody,
}

/// A webhook with its secret, which is shown only here.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookWithSecret {
    #[serde(flatten)]
    pub one: WebhookOne,
    /// The secret. PostStack's signature uses its text, that of Standard Webhooks the bytes that it encodes.
    #[schemars(example = &"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
    pub signing_secret: String,
    /// As `signingSecret`.
    #[serde(rename = "signing_secret")]
    #[schemars(example = &"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
    pub signing_secret_snake: String,
}

/// A webhook in a list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookItem {
    #[serde(flatten)]
    pub webhook: WebhookBody,
    /// When the last attempt was.
    #[schemars(with = "Option<Instant>")]
    pub last_delivery_at: Option<String>,
    /// HTTP status of its answer; null without one.
    pub last_delivery_status: Option<u16>,
    #[serde(flatten)]
    pub snake: WebhookItemSnake,
}

/// The same fields in the spelling of PostStack's reference page.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WebhookItemSnake {
    /// As `lastDeliveryAt`.
    #[schemars(with = "Option<Instant>")]
    pub last_delivery_at: Option<String>,
    /// As `lastDeliveryStatus`.
    pub last_delivery_status: Option<u16>,
}

/// The account's webhooks, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WebhookList {
    pub webhooks: Vec<WebhookItem>,
}

/// What came of a test.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WebhookTested {
    /// Whether the receiver answered with a status from 200 to 299.
    pub success: bool,
    /// Its status; null without an answer.
    pub status_code: Option<u16>,
    /// Time until the answer, milliseconds.
    pub response_time_ms: u64,
}

/// What a replay of failed deliveries made due again.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Replayed {
    /// Deliveries that are due again.
    pub replayed: u64,
    /// Failed deliveries of the same choice that are left, counted up to 100,001.
    pub remaining: u64,
}
