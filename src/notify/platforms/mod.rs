//! The platforms of channels: how each is configured, what is sent to it, and what its answers mean. A file for each.

mod discord;
mod email;
mod escaping;
mod mattermost;
mod ntfy;
mod pagerduty;
mod settings;
mod slack;
mod teams;
mod telegram;

use std::time::Duration;

use serde_json::Value;

pub(super) use self::email::{address as mail_address, mail};
pub use self::settings::{Field, fields};
pub(super) use self::settings::{Secrets, summary};
use super::heard::Meaning;
use super::message::Message;
use crate::outbound::{Answer, Post};
use crate::store::Platform;

/// Where the operator wants platforms with one place for all to be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The API of Telegram, without a slash at the end.
    pub telegram: String,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            telegram: "https://api.telegram.org".to_owned(),
        }
    }
}

/// What is sent, and where.
#[derive(Debug)]
pub(super) struct Request {
    pub url: String,
    pub post: Post,
}

/// The request for a message; `None` for a platform that is not spoken to over HTTP.
pub(super) fn request(platform: Platform, secrets: &Secrets, message: &Message, places: &Places) -> Option<Request> {
    Some(match platform {
        Platform::Slack => slack::request(secrets, message),
        Platform::Discord => discord::request(secrets, message),
        Platform::Telegram => telegram::request(secrets, message, places),
        Platform::Teams => teams::request(secrets, message),
        Platform::Mattermost => mattermost::request(secrets, message),
        Platform::Ntfy => ntfy::request(secrets, message),
        Platform::PagerDuty => pagerduty::request(secrets, message),
        Platform::Email => return None,
    })
}

/// What the answer of a platform means.
pub(super) fn meaning(platform: Platform, answer: &Answer) -> Meaning {
    let name = name(platform);
    let gone = |why: &str| Meaning::Gone(format!("{name} answered {}: {why}", answer.status));
    match (platform, answer.status) {
        // It says so in the body, whatever the status is.
        (Platform::Telegram, 200..300) if !telegram::is_accepted(answer) => Meaning::Failed(retry_after(answer)),
        (_, 200..300) => Meaning::Accepted,
        (_, GONE) => gone("the channel does not exist any more"),
        // Servers of one's own answer 404 also while they are changed.
        (Platform::Mattermost | Platform::Ntfy, _) => Meaning::Failed(retry_after(answer)),
        (Platform::Telegram, 401 | 404) => gone("the bot token is not valid"),
        (Platform::Telegram, 403) => gone("the bot may not write to the chat"),
        (_, 404) => gone("the channel does not exist any more"),
        _ => Meaning::Failed(retry_after(answer)),
    }
}

/// RFC 9110, 15.5.11: the receiver wants nothing more.
pub(super) const GONE: u16 = 410;

/// As its makers write it.
fn name(platform: Platform) -> &'static str {
    match platform {
        Platform::Slack => "Slack",
        Platform::Discord => "Discord",
        Platform::Telegram => "Telegram",
        Platform::Teams => "Microsoft Teams",
        Platform::Mattermost => "Mattermost",
        Platform::Ntfy => "ntfy",
        Platform::PagerDuty => "PagerDuty",
        Platform::Email => "The mail server",
    }
}

/// What the header field says, else what Discord and Telegram say in the body. Both write fractions of seconds.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let of_body = || {
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        let seconds = body["retry_after"].as_f64();
        let seconds = seconds.or_else(|| body["parameters"]["retry_after"].as_f64())?;
        Duration::try_from_secs_f64(seconds.ceil()).ok()
    };
    answer.retry_after.or_else(of_body)
}

fn json_post(body: &Value) -> Post {
    Post {
        headers: Vec::new(),
        content_type: "application/json",
        body: body.to_string(),
    }
}

#[cfg(test)]
mod tests;
