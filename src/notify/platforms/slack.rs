//! Slack's incoming webhooks (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).
//!
//! Texts are `plain_text`, in which Slack reads no markup. The one `mrkdwn` is the link, which is ours.

use serde_json::{Value, json};

use super::escaping::{entity, escaped};
use super::settings::Secrets;
use super::{Request, json_post};
use crate::notify::message::Message;

/// Of a header and of a section.
const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 3_000;

pub(super) fn request(secrets: &Secrets, message: &Message) -> Request {
    Request {
        url: secrets.url().to_owned(),
        post: json_post(&body(message)),
    }
}

pub(super) fn body(message: &Message) -> Value {
    let text = |text: &str, units_max| json!({ "type": "plain_text", "emoji": false, "text": escaped(text, units_max, entity) });
    let mut blocks = vec![json!({ "type": "header", "text": text(&message.title, HEADER_MAX) })];
    if !message.lines.is_empty() {
        blocks.push(json!({ "type": "section", "text": text(&message.text(), SECTION_MAX) }));
    }
    if let Some(link) = &message.link {
        let link =
            json!({ "type": "mrkdwn", "text": format!("<{}|Open in Tallymark>", escaped(link, SECTION_MAX, entity)) });
        blocks.push(json!({ "type": "context", "elements": [link] }));
    }
    json!({
        // For notifications.
        "text": escaped(&message.title, SECTION_MAX, entity),
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    })
}
