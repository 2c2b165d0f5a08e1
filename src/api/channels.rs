//! Channels of chat platforms and alike. As for webhooks, both spellings and both envelopes are answered.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deliveries::EVENT;
use super::schema::{ChannelKey, DomainKey, Instant, MailText, PlatformWord, Word};

/// Longest name of a channel, characters.
pub const CHANNEL_NAME_CHARS_MAX: usize = 100;

/// A channel to create.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ChannelInput {
    /// What the channel is on. It cannot be changed.
    #[serde(rename = "type")]
    #[schemars(with = "PlatformWord")]
    pub platform: String,
    /// A name for its owner.
    #[schemars(length(min = 1, max = CHANNEL_NAME_CHARS_MAX), regex(pattern = super::PLAIN), example = &"Our alerts")]
    pub name: String,
    /// Kinds of events, as in docs/events.md; `*` stands for all. Kinds that this installation never sends are accepted.
    #[schemars(length(min = 1, max = 50), inner(regex(pattern = EVENT)), example = &["dmarc.report.received"])]
    pub events: Vec<String>,
    pub config: ChannelConfig,
    /// Only events of this domain. Default: events of all domains, and those that are not of a domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DomainKey>")]
    pub domain_id: Option<String>,
    /// Null: this installation has no mailboxes of users.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<()>")]
    pub mailbox_id: Option<i64>,
}

/// Changes of a channel. What is absent stays.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ChannelPut {
    /// As in a new channel.
    #[schemars(length(min = 1, max = CHANNEL_NAME_CHARS_MAX), regex(pattern = super::PLAIN), example = &"Our alerts")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As in a new channel.
    #[schemars(length(min = 1, max = 50), inner(regex(pattern = EVENT)), example = &["dmarc.report.received"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// Its members replace those of the channel. Absent ones stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ChannelConfig>,
    /// As in a new channel. Null: events of all domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DomainKey>")]
    pub domain_id: Option<String>,
    /// As in a new channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<()>")]
    pub mailbox_id: Option<i64>,
    /// Whether events are sent; answers call it `active`. Switching a channel off gives up what waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Where a channel is, and what lets this installation in. It is stored encrypted, and no answer has it. slack, discord, teams and
/// mattermost take `webhookUrl`; telegram takes `botToken` and `chatId`; ntfy takes `webhookUrl` and perhaps `accessToken`;
/// pagerduty takes `routingKey` and perhaps `webhookUrl`; email takes `address`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ChannelConfig {
    /// The URL of an incoming webhook; of ntfy that of a topic; of pagerduty another place that takes its events. The same rules
    /// hold as for the URL of a webhook.
    #[schemars(length(min = 1, max = 2048), extend("format" = "webhook-url"), example = &"https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXX")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
    /// The token of a bot.
    #[schemars(regex(pattern = "^[0-9]{1,20}:[A-Za-z0-9_-]{1,200}$"), example = &"123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot_token: Option<String>,
    /// Number of a chat, also as a JSON number, or `@` and the name of a channel.
    #[schemars(regex(pattern = "^(0|-?[1-9][0-9]{0,17}|@[A-Za-z0-9_]{1,64})$"), example = &"-1001234567890")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<String>,
    /// An access token of ntfy.
    #[schemars(regex(pattern = "^[!-~]{1,200}$"), example = &"tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// An address for mail. Its owner is asked once, and nothing else is sent before they agree.
    #[schemars(with = "Option<MailText>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The integration key of a service.
    #[schemars(regex(pattern = "^[!-~]{1,200}$"), example = &"0123456789abcdef0123456789abcdef")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing_key: Option<String>,
}

/// A channel, without its secrets.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NotificationChannel")]
#[serde(rename_all = "camelCase")]
pub struct ChannelBody {
    /// Id of the object, as paths take it.
    #[schemars(with = "ChannelKey")]
    pub id: String,
    /// As `id`.
    #[schemars(with = "ChannelKey")]
    pub public_id: String,
    /// What the channel is on.
    #[serde(rename = "type")]
    #[schemars(with = "PlatformWord")]
    pub platform: Word,
    #[schemars(example = &"Our alerts")]
    pub name: String,
    /// The domain that the events must be of; null for all events.
    #[schemars(with = "Option<DomainKey>")]
    pub domain_id: Option<String>,
    /// Always null.
    #[schemars(with = "()")]
    pub mailbox_id: Option<i64>,
    /// Kinds of events that are sent.
    #[schemars(example = &["dmarc.report.received"])]
    pub events: Vec<String>,
    /// Whether events are sent. Requests call it `enabled`.
    pub active: bool,
    /// Its `config`, with the secret parts left out. Empty if they cannot be decrypted.
    #[schemars(example = &BTreeMap::from([("webhookUrl", "https://hooks.slack.com/\u{2026}XXXX")]))]
    pub config_summary: BTreeMap<String, String>,
    /// Attempts that failed in a row.
    pub consecutive_failures: u64,
    /// When the channel was switched off because of failures, or because its domain was removed.
    #[schemars(with = "Option<Instant>")]
    pub disabled_at: Option<String>,
    /// Why it was, one sentence.
    #[schemars(example = &"Slack answered 404: the channel does not exist any more")]
    pub disabled_reason: Option<String>,
    /// When the last attempt was.
    #[schemars(with = "Option<Instant>")]
    pub last_used_at: Option<String>,
    /// When the channel was created.
    #[schemars(with = "Instant")]
    pub created_at: String,
    /// When it was changed last.
    #[schemars(with = "Instant")]
    pub updated_at: String,
    #[serde(flatten)]
    pub snake: ChannelSnake,
}

/// The same fields in the other spelling.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ChannelSnake {
    /// As `id`.
    #[schemars(with = "ChannelKey")]
    pub public_id: String,
    /// As `domainId`.
    #[schemars(with = "Option<DomainKey>")]
    pub domain_id: Option<String>,
    /// As `mailboxId`.
    #[schemars(with = "()")]
    pub mailbox_id: Option<i64>,
    /// As `configSummary`.
    #[schemars(example = &BTreeMap::from([("webhookUrl", "https://hooks.slack.com/\u{2026}XXXX")]))]
    pub config_summary: BTreeMap<String, String>,
    /// As `consecutiveFailures`.
    pub consecutive_failures: u64,
    /// As `disabledAt`.
    #[schemars(with = "Option<Instant>")]
    pub disabled_at: Option<String>,
    /// As `disabledReason`.
    #[schemars(example = &"Slack answered 404: the channel does not exist any more")]
    pub disabled_reason: Option<String>,
    /// As `lastUsedAt`.
    #[schemars(with = "Option<Instant>")]
    pub last_used_at: Option<String>,
    /// As `createdAt`.
    #[schemars(with = "Instant")]
    pub created_at: String,
    /// As `updatedAt`.
    #[schemars(with = "Instant")]
    pub updated_at: String,
}

/// One channel, in an envelope and bare.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelOne {
    pub channel: ChannelBody,
    #[serde(flatten)]
    pub bare: ChannelBody,
}

/// The account's channels, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChannelList {
    pub channels: Vec<ChannelBody>,
}

/// What came of a test.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelTested {
    /// Whether the platform took the message.
    pub success: bool,
    /// HTTP status of its answer; null without one.
    pub status_code: Option<u16>,
    /// The beginning of its answer, or why there is none.
    #[schemars(example = &"ok")]
    pub response_body: Option<String>,
}
