//! Topics of ntfy, published as JSON (<https://docs.ntfy.sh/publish/#publish-as-json>). The text has no markup.

use serde_json::{Value, json};

use super::escaping::{escaped, plain};
use super::settings::Secrets;
use super::{Request, json_post};
use crate::notify::line::Severity;
use crate::notify::message::Message;

/// A message has 4,096 bytes.
const TITLE_MAX: usize = 250;
const TEXT_MAX: usize = 1_300;

/// The URL of a topic ends in its name. JSON is posted to what is before it.
pub(super) fn request(secrets: &Secrets, message: &Message) -> Request {
    let url = secrets.url().trim_end_matches('/');
    let (server, topic) = url.rsplit_once('/').unwrap_or((url, ""));
    let mut post = json_post(&body(topic, message));
    let token = secrets.get("accessToken");
    if !token.is_empty() {
        post.headers.push(("Authorization", format!("Bearer {token}")));
    }
    Request {
        url: format!("{server}/"),
        post,
    }
}

pub(super) fn body(topic: &str, message: &Message) -> Value {
    let mut body = json!({
        "topic": topic,
        "title": escaped(&message.title, TITLE_MAX, plain),
        "message": escaped(&message.text(), TEXT_MAX, plain),
        "priority": match message.severity { Severity::Info => 3, Severity::Warning => 4 },
    });
    if let Some(link) = &message.link {
        body["click"] = json!(link);
    }
    body
}
