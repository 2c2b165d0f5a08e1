//! Workflows of Microsoft Teams that are started by a webhook, with an adaptive card (version 1.4).
//!
//! A `TextRun` has no markup. Mentions would need entities of their own, and there are none.

use serde_json::{Value, json};

use super::escaping::{escaped, plain};
use super::settings::Secrets;
use super::{Request, json_post};
use crate::notify::message::Message;

/// A message has 28 KB.
const TEXT_MAX: usize = 3_000;

pub(super) fn request(secrets: &Secrets, message: &Message) -> Request {
    Request {
        url: secrets.url().to_owned(),
        post: json_post(&body(message)),
    }
}

pub(super) fn body(message: &Message) -> Value {
    let block = |text: &str, weight: &str| {
        let run = json!({ "type": "TextRun", "text": escaped(text, TEXT_MAX, plain), "weight": weight });
        json!({ "type": "RichTextBlock", "inlines": [run] })
    };
    let mut blocks = vec![block(&message.title, "Bolder")];
    let lines = message.text();
    blocks.extend(lines.lines().map(|line| block(line, "Default")));
    let link = message.link.iter();
    let actions: Vec<_> = link
        .map(|link| json!({ "type": "Action.OpenUrl", "title": "Open in Tallymark", "url": link }))
        .collect();
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": escaped(&message.title, TEXT_MAX, plain),
        "body": blocks,
        "actions": actions,
    });
    let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "content": card });
    json!({ "type": "message", "attachments": [attachment] })
}
