//! The Events API v2 of PagerDuty, which others take too (<https://developer.pagerduty.com/docs/send-alert-event>).
//!
//! The key against repeats is the id of the event, so that a delivery that is made twice is one alert.

use serde_json::{Value, json};

use super::escaping::{escaped, plain};
use super::settings::Secrets;
use super::{Request, json_post};
use crate::notify::line::Severity;
use crate::notify::message::Message;

const PLACE: &str = "https://events.pagerduty.com/v2/enqueue";
/// Of a summary.
const SUMMARY_MAX: usize = 1_024;
const DETAIL_MAX: usize = 3_000;

pub(super) fn request(secrets: &Secrets, message: &Message) -> Request {
    let mut body = body(message);
    body["routing_key"] = json!(secrets.get("routingKey"));
    let url = Some(secrets.url()).filter(|url| !url.is_empty());
    Request {
        url: url.unwrap_or(PLACE).to_owned(),
        post: json_post(&body),
    }
}

pub(super) fn body(message: &Message) -> Value {
    let links = message.link.iter();
    let links: Vec<_> = links
        .map(|link| json!({ "href": link, "text": "Open in Tallymark" }))
        .collect();
    json!({
        "event_action": "trigger",
        "dedup_key": message.event_id,
        "client": "Tallymark",
        "links": links,
        "payload": {
            "summary": escaped(&message.title, SUMMARY_MAX, plain),
            "source": message.domain.as_deref().unwrap_or("tallymark"),
            "severity": match message.severity { Severity::Info => "info", Severity::Warning => "warning" },
            "timestamp": message.timestamp,
            "custom_details": { "text": escaped(&message.text(), DETAIL_MAX, plain) },
        },
    })
}
