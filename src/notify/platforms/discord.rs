//! Discord's webhooks (<https://discord.com/developers/docs/resources/webhook#execute-webhook>).
//!
//! A backslash makes Markdown, mentions and links text; `allowed_mentions` forbids mentions once more.

use serde_json::{Value, json};

use super::escaping::{backslash, escaped};
use super::settings::Secrets;
use super::{Request, json_post};
use crate::notify::message::Message;

/// Of an embed. Together they are below the 6,000 of all embeds.
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4_096;

pub(super) fn request(secrets: &Secrets, message: &Message) -> Request {
    Request {
        url: secrets.url().to_owned(),
        post: json_post(&body(message)),
    }
}

pub(super) fn body(message: &Message) -> Value {
    let mut embed = json!({
        "title": escaped(&message.title, TITLE_MAX, backslash),
        "description": escaped(&message.text(), DESCRIPTION_MAX, backslash),
        "timestamp": message.timestamp,
    });
    if let Some(link) = &message.link {
        embed["url"] = json!(link);
    }
    json!({ "embeds": [embed], "allowed_mentions": { "parse": [] } })
}
