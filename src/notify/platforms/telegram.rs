//! The Bot API of Telegram (<https://core.telegram.org/bots/api#sendmessage>).
//!
//! In HTML only entities need escaping, but its apps make links of names, addresses and commands in any text. What a stranger
//! wrote is code therefore, in which they do not.

use serde_json::{Value, json};

use super::escaping::{entity, escaped};
use super::settings::Secrets;
use super::{Places, Request, json_post};
use crate::notify::line::{Line, Span};
use crate::notify::message::Message;
use crate::outbound::Answer;

/// A message has 4,096 after the entities were read. Each part is below a share of that.
const TITLE_MAX: usize = 500;
const SPAN_MAX: usize = 1_000;
const LINES_MAX: usize = 3_000;

pub(super) fn request(secrets: &Secrets, message: &Message, places: &Places) -> Request {
    let mut body = body(message);
    body["chat_id"] = json!(secrets.get("chatId"));
    Request {
        url: format!("{}/bot{}/sendMessage", places.telegram, secrets.get("botToken")),
        post: json_post(&body),
    }
}

pub(super) fn body(message: &Message) -> Value {
    let mut text = format!("<b>{}</b>", escaped(&message.title, TITLE_MAX, entity));
    for line in message.lines.iter().map(line) {
        if text.encode_utf16().count() + line.encode_utf16().count() > LINES_MAX {
            break;
        }
        text.push('\n');
        text.push_str(&line);
    }
    if let Some(link) = &message.link {
        let link = link.replace('&', "&amp;").replace('"', "&quot;");
        text.push_str(&format!("\n<a href=\"{link}\">Open in Tallymark</a>"));
    }
    json!({ "text": text, "parse_mode": "HTML", "link_preview_options": { "is_disabled": true } })
}

/// The answers of the API say themselves whether they are errors.
pub(super) fn is_accepted(answer: &Answer) -> bool {
    serde_json::from_slice::<Value>(&answer.body).is_ok_and(|body| body["ok"] == true)
}

fn line(line: &Line) -> String {
    let span = |span: &Span| match span {
        Span::Own(text) => escaped(text, SPAN_MAX, entity),
        Span::Foreign(text) => format!("<code>{}</code>", escaped(text, SPAN_MAX, entity)),
    };
    line.0.iter().map(span).collect()
}
