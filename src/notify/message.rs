//! An event in words: what a person reads in a channel. `platforms/` writes it in the form of each platform.

use serde_json::Value;

use crate::base::text;
use crate::store::EventKind;

/// Longest text of a stranger in a message, bytes.
const FOREIGN_BYTES_MAX: usize = 300;
/// Longest text of our own, bytes. Only a name of a domain makes one long.
const OWN_BYTES_MAX: usize = 400;
/// Types of failures, and records of a domain, that a message names.
const NAMED_MAX: usize = 5;

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

/// How soon a person should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Info,
    Warning,
}

/// A line of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line(pub Vec<Span>);

/// A part of a line, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    /// Words of this program, and names of the owner's domains.
    Own(String),
    /// What a stranger wrote.
    Foreign(String),
}

impl Line {
    fn own(mut self, own: &str) -> Self {
        if !own.is_empty() {
            self.0.push(Span::Own(text::shown(own, OWN_BYTES_MAX).into_owned()));
        }
        self
    }

    fn foreign(mut self, foreign: &str) -> Self {
        if !foreign.is_empty() {
            self.0
                .push(Span::Foreign(text::shown(foreign, FOREIGN_BYTES_MAX).into_owned()));
        }
        self
    }
}

impl Span {
    pub fn text(&self) -> &str {
        match self {
            Self::Own(text) | Self::Foreign(text) => text,
        }
    }
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

/// Title, lines and severity.
fn words(event: &Value, domain: &str) -> (String, Vec<Line>, Severity) {
    let (word, data) = (event["type"].as_str().unwrap_or_default(), &event["data"]);
    let line = Line::default;
    match EventKind::from_word(word) {
        Some(EventKind::DomainVerified) => {
            let lines = vec![line().own("All required DNS records were found.")];
            (format!("{domain} is verified"), lines, Severity::Info)
        }
        Some(EventKind::DomainFailed) => {
            let missing = named(&data["not_verified"], |record| record.as_str().map(str::to_owned));
            let lines = vec![line().own("Not found: ").own(&missing)];
            let title = format!("DNS records of {domain} are missing");
            (title, lines, Severity::Warning)
        }
        Some(EventKind::ReportReceived) => {
            let count = |name: &str| data[name].as_u64().unwrap_or_default();
            let counts = format!(
                "Messages: {}. Passed DMARC: {}. Failed: {}.",
                count("message_count"),
                count("pass_count"),
                count("fail_count")
            );
            let lines = vec![sender(data), line().own(&counts)];
            (format!("DMARC report for {domain}"), lines, Severity::Info)
        }
        Some(EventKind::TlsFailure) => {
            let lines = vec![sender(data), failures(data)];
            let title = format!("TLS failures in mail to {domain}");
            (title, lines, Severity::Warning)
        }
        Some(EventKind::Quarantined) => {
            let reason = data["reason"].as_str().unwrap_or_default();
            let detail = data["detail"].as_str().unwrap_or_default();
            let reason = line().own("Reason: ").own(reason).own(": ").foreign(detail);
            let name = data["name"].as_str().unwrap_or_default();
            let file = line().own("In: ").foreign(name);
            let lines = if name.is_empty() {
                vec![reason]
            } else {
                vec![reason, file]
            };
            let title = "A message could not be read as a report".to_owned();
            (title, lines, Severity::Warning)
        }
        Some(EventKind::WebhookTest) => {
            let lines = vec![line().own("Events that this channel wants will be shown here.")];
            ("Test message from Tallymark".to_owned(), lines, Severity::Info)
        }
        // Of another version of this program.
        None => (format!("{word}: {domain}"), Vec::new(), Severity::Info),
    }
}

/// Who reported, and about which days.
fn sender(data: &Value) -> Line {
    let day = |name: &str| data[name].as_str().unwrap_or_default().get(..10).unwrap_or_default();
    let org = data["org_name"].as_str().unwrap_or_default();
    let reporter = match org.is_empty() {
        true => Line::default().own("From a reporter without a name"),
        false => Line::default().own("From ").foreign(org),
    };
    let (begin, end) = (day("begin"), day("end"));
    reporter.own(&format!(", {begin} to {end}"))
}

/// The sessions that failed, and the types of failures.
fn failures(data: &Value) -> Line {
    let policies = data["policies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed = policies.iter().filter_map(|policy| policy["failed_sessions"].as_u64());
    // Policies are about the same sessions: the one with the most has them all.
    let failed = format!("Failed sessions: {}", failed.max().unwrap_or_default());
    let mut line = Line::default().own(&failed);
    let types = policies
        .iter()
        .flat_map(|policy| policy["failures"].as_array().into_iter().flatten());
    for (nth, failure) in types.take(NAMED_MAX).enumerate() {
        let result = failure["result_type"].as_str().unwrap_or_default();
        line = line.own(if nth == 0 { ". Types: " } else { ", " }).foreign(result);
    }
    line
}

fn named(list: &Value, name: impl Fn(&Value) -> Option<String>) -> String {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<_> = list.iter().take(NAMED_MAX).filter_map(name).collect();
    names.join(", ")
}

/// The page that has the most about the event.
fn link(page: &str, event: &Value) -> Option<String> {
    let data = &event["data"];
    let path = match EventKind::from_word(event["type"].as_str()?) {
        Some(EventKind::Quarantined) => "/intake".to_owned(),
        Some(EventKind::WebhookTest) => "/".to_owned(),
        kind => {
            let domain = data["domain_id"].as_str().filter(|id| id.bytes().all(is_plain))?;
            match kind {
                Some(EventKind::ReportReceived) => match data["report_id"].as_u64() {
                    Some(report) => format!("/view/{domain}/reports/{report}"),
                    None => format!("/view/{domain}/reports"),
                },
                Some(EventKind::TlsFailure) => format!("/view/{domain}/tls"),
                Some(EventKind::DomainFailed | EventKind::DomainVerified) => format!("/view/{domain}/setup"),
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
