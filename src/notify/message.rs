//! An event in words: what a person reads in a channel. `platforms/` writes it in the form of each platform.

use serde_json::Value;

use super::line::{Line, OWN_BYTES_MAX, Severity, Span};
use super::words::words;
use crate::base::text;
use crate::store::EventKind;

/// An event in words. Every text is bounded, and has no characters that could deceive a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The same for every attempt.
    pub event_id: String,
    /// RFC 3339.
    pub timestamp: String,
    pub title: String,
    /// One or two, or none.
    pub lines: Vec<Line>,
    /// A page of this installation.
    pub link: Option<String>,
    pub severity: Severity,
    /// The name of the domain that it is about.
    pub domain: Option<String>,
}

impl Message {
    /// The words for the body of an event (`Event::payload`). `page`: the URL of the web page, for the link.
    pub fn new(payload: &str, page: Option<&str>) -> Self {
        // It was written by this program, perhaps by another version of it.
        let event: Value = serde_json::from_str(payload).unwrap_or_default();
        let data = &event["data"];
        let domain = data["domain"].as_str().map(|name| text::shown(name, OWN_BYTES_MAX));
        let (title, lines, severity) = words(&event, domain.as_deref().unwrap_or("your domains"));
        let plain = |name: &str| text::shown(event[name].as_str().unwrap_or_default(), 100).into_owned();
        Self {
            event_id: plain("id"),
            timestamp: plain("timestamp"),
            title: text::shown(&title, OWN_BYTES_MAX).into_owned(),
            lines,
            link: page.and_then(|page| link(page, &event)),
            severity,
            domain: domain.map(|domain| domain.into_owned()),
        }
    }

    /// All lines as plain text.
    pub fn text(&self) -> String {
        let line = |line: &Line| line.0.iter().map(Span::text).collect::<String>();
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// The page that has the most about the event.
fn link(page: &str, event: &Value) -> Option<String> {
    let data = &event["data"];
    let path = match EventKind::from_word(event["type"].as_str()?) {
        Some(EventKind::Quarantined | EventKind::FeedFailing | EventKind::FeedRecovered) => "/intake".to_owned(),
        Some(EventKind::WebhookTest | EventKind::Summary) => "/".to_owned(),
        kind => {
            let domain = data["domain_id"].as_str().filter(|id| id.bytes().all(is_plain))?;
            match kind {
                Some(EventKind::ReportReceived) => match data["report_id"].as_u64() {
                    Some(report) => format!("/view/{domain}/reports/{report}"),
                    None => format!("/view/{domain}/reports"),
                },
                Some(EventKind::TlsFailure) => format!("/view/{domain}/tls"),
                Some(EventKind::DomainFailed | EventKind::DomainVerified | EventKind::RecordChanged) => {
                    format!("/view/{domain}/setup")
                }
                Some(EventKind::ServiceNew | EventKind::ServiceBroken | EventKind::ServiceRecovered) => {
                    format!("/view/{domain}/sources")
                }
                Some(EventKind::ReporterSilent) => format!("/view/{domain}/reporters"),
                _ => format!("/view/{domain}"),
            }
        }
    };
    Some(format!("{}{path}", page.trim_end_matches('/')))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(kind: &str, data: &Value) -> Message {
        let event = json!({ "id": "evt_1", "type": kind, "timestamp": "2026-03-23T10:00:00.000Z", "data": data });
        Message::new(&event.to_string(), Some("https://tally.example/"))
    }

    #[test]
    fn every_kind_of_events_has_words_and_a_link() {
        let data = json!({
            "domain_id": "dom_abc123def456", "domain": "example.com", "report_id": 7, "org_name": "Example Org",
            "begin": "2026-03-22T00:00:00.000Z", "end": "2026-03-23T00:00:00.000Z", "message_count": 5,
            "pass_count": 3, "fail_count": 2, "not_verified": ["dmarc", "spf"], "reason": "not_xml", "detail": "no tag",
            "name": "a.xml",
            "policies": [{ "failed_sessions": 4, "failures": [{ "result_type": "certificate-expired" }] }],
        });
        for (kind, title, text, link) in [
            (
                "domain.verified",
                "example.com is verified",
                "All required DNS records were found.",
                "/view/dom_abc123def456/setup",
            ),
            (
                "domain.failed",
                "DNS records of example.com are missing",
                "Not found: dmarc, spf",
                "/view/dom_abc123def456/setup",
            ),
            (
                "dmarc.report.received",
                "DMARC report for example.com",
                "From Example Org, 2026-03-22 to 2026-03-23\nMessages: 5. Passed DMARC: 3. Failed: 2.",
                "/view/dom_abc123def456/reports/7",
            ),
            (
                "tls.failure",
                "TLS failures in mail to example.com",
                "From Example Org, 2026-03-22 to 2026-03-23\nFailed sessions: 4. Types: certificate-expired",
                "/view/dom_abc123def456/tls",
            ),
            (
                "dmarc.quarantined",
                "A message could not be read as a report",
                "Reason: not_xml: no tag\nIn: a.xml",
                "/intake",
            ),
            (
                "webhook.test",
                "Test message from Tallymark",
                "Events that this channel wants will be shown here.",
                "/",
            ),
            ("some.day", "some.day: example.com", "", "/view/dom_abc123def456"),
        ] {
            let message = message(kind, &data);
            assert_eq!(
                (message.title.as_str(), message.text().as_str()),
                (title, text),
                "{kind}"
            );
            assert_eq!(message.link, Some(format!("https://tally.example{link}")), "{kind}");
        }
        for kind in EventKind::ALL {
            let title = message(kind.word(), &data).title;
            assert!(!title.starts_with(kind.word()), "{title}: an event without words");
        }
    }

    #[test]
    fn hostile_text_is_bounded_and_written_out() {
        let hostile = format!("a\u{202e}b\n{}", "x".repeat(5_000));
        let data = json!({ "domain_id": "../x", "domain": "example.com", "org_name": hostile, "reason": "r", "detail": hostile });
        for kind in ["dmarc.report.received", "dmarc.quarantined", "tls.failure"] {
            let message = message(kind, &data);
            let text = message.text();
            assert!(text.contains("a\\u{202e}b\\u{a}xx") && text.len() < 1_000, "{text}");
            assert!(message.link.is_none_or(|link| !link.contains("..")));
        }
        // Whatever is in the database.
        for payload in [
            "",
            "[]",
            "{\"type\":7}",
            "{\"type\":\"tls.failure\",\"data\":{\"policies\":7}}",
        ] {
            Message::new(payload, None);
        }
    }
}
