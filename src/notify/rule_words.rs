//! What a person reads of what the rules found, and of the day.

use serde_json::Value;

use super::line::{Line, Severity, Span};
use crate::base::numbers::{counted, grouped};
use crate::store::EventKind;

/// Tags of a policy that a message names.
const TAGS: [&str; 5] = ["p", "sp", "np", "pct", "t"];

/// Title, lines and severity. Other kinds have only a title.
pub(super) fn rule_words(kind: EventKind, data: &Value, domain: &str) -> (String, Vec<Line>, Severity) {
    let is_over = data["state"] == "resolved";
    match kind {
        EventKind::RecordChanged => {
            let record = text_of(data, "record");
            let lines = vec![records("Before: ", &data["before"]), records("Now: ", &data["after"])];
            (
                format!("The {record} record of {domain} changed"),
                lines,
                Severity::Warning,
            )
        }
        EventKind::PolicyChanged => {
            let before = format!("Before: {}", policy(&data["previous_policy"]));
            let now = format!("Now: {}", policy(&data["policy"]));
            let lines = vec![Line::default().foreign(&before), Line::default().foreign(&now)];
            let title = format!("Reporters see another DMARC policy of {domain}");
            (title, lines, Severity::Warning)
        }
        EventKind::ServiceNew | EventKind::ServiceBroken | EventKind::ServiceRecovered => {
            service_words(kind, data, domain)
        }
        EventKind::ReporterSilent if is_over => {
            let title = format!("Reports about {domain} come again");
            (title, vec![reporter(data)], Severity::Info)
        }
        EventKind::ReporterSilent => {
            let last = format!(". The last report was about {}.", text_of(data, "last_day"));
            let title = format!("Reports about {domain} stopped");
            (title, vec![reporter(data).own(&last)], Severity::Warning)
        }
        EventKind::VolumeChanged => {
            let count = |name: &str| grouped(data[name].as_u64().unwrap_or_default());
            let text = format!(
                "{}: {} messages, usually {}.",
                text_of(data, "day"),
                count("message_count"),
                count("usual_count")
            );
            let (title, severity) = match is_over {
                true => (format!("{domain} sends as much as usual again"), Severity::Info),
                false => (
                    format!("{domain} sends far more or far less than usual"),
                    Severity::Warning,
                ),
            };
            (title, vec![Line::default().own(&text)], severity)
        }
        EventKind::Summary => {
            let severity = match data["nothing_to_do"].as_bool() {
                Some(true) => Severity::Info,
                _ => Severity::Warning,
            };
            let lines = vec![
                Line::default().own(text_of(data, "says")),
                Line::default().own(&messages(data)),
            ];
            (format!("DMARC on {}", text_of(data, "day")), lines, severity)
        }
        other => (format!("{}: {domain}", other.word()), Vec::new(), Severity::Info),
    }
}

/// Title and text of what a rule found about a domain. `data`: that of its event. What a stranger wrote is bounded, and characters
/// that could deceive a reader are written out.
pub fn finding_words(kind: EventKind, data: &Value, domain: &str) -> (String, String) {
    let (title, lines, _) = rule_words(kind, data, domain);
    let text = |line: &Line| line.0.iter().map(Span::text).collect::<String>();
    (title, lines.iter().map(text).collect::<Vec<_>>().join(" "))
}

/// The same for a service that is new, fails or passes again.
fn service_words(kind: EventKind, data: &Value, domain: &str) -> (String, Vec<Line>, Severity) {
    let since = |name: &str| format!(" since {}. {}", text_of(data, name), messages(data));
    let (title, rest, severity) = match kind {
        EventKind::ServiceNew => ("A new service sends as", since("first_seen"), Severity::Info),
        EventKind::ServiceBroken => ("A service fails for", since("since"), Severity::Warning),
        _ => {
            let last = format!(". The last failure was on {}.", text_of(data, "last_failed"));
            ("A service passes again for", last, Severity::Info)
        }
    };
    let service = Line::default().foreign(text_of(data, "service"));
    (format!("{title} {domain}"), vec![service.own(&rest)], severity)
}

/// A member that is a text; empty if it is not.
pub(super) fn text_of<'v>(data: &'v Value, name: &str) -> &'v str {
    data[name].as_str().unwrap_or_default()
}

fn messages(data: &Value) -> String {
    let count = |name: &str| data[name].as_u64().unwrap_or_default();
    format!(
        "{}, {} failed.",
        counted(count("message_count"), "message", "messages"),
        grouped(count("fail_count"))
    )
}

/// Who is silent, or reports again: one reporter, or most of them.
fn reporter(data: &Value) -> Line {
    match text_of(data, "reporter") {
        "" => Line::default().own("Most reporters"),
        name => Line::default().foreign(name),
    }
}

/// The first texts of a record.
fn records(what: &str, texts: &Value) -> Line {
    let texts: Vec<_> = texts
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let line = Line::default().own(what);
    match texts.first() {
        None => line.own("no record"),
        Some(first) => {
            let line = line.foreign(first);
            match texts.len() {
                1 => line,
                more => line.own(&format!(" and {} more", more - 1)),
            }
        }
    }
}

fn policy(tags: &Value) -> String {
    let tag = |name: &&str| Some(format!("{name}={}", tags[*name].as_str()?));
    TAGS.iter().filter_map(tag).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Title, text and severity of an event about example.com.
    fn told(kind: EventKind, data: &Value) -> (String, String, Severity) {
        let (title, lines, severity) = rule_words(kind, data, "example.com");
        let text = |line: &Line| line.0.iter().map(Span::text).collect::<String>();
        (title, lines.iter().map(text).collect::<Vec<_>>().join(" "), severity)
    }

    fn data() -> Value {
        json!({
            "record": "dmarc", "before": ["v=DMARC1; p=none"], "after": [], "service": "Mailchimp", "first_seen": "2026-03-20",
            "since": "2026-03-21", "last_failed": "2026-03-22", "last_day": "2026-03-19", "reporter": "google.com",
            "day": "2026-03-22", "message_count": 12_000, "usual_count": 3_000, "fail_count": 1, "pass_count": 11_999,
            "policy": { "p": "reject" }, "previous_policy": { "p": "none", "sp": "reject" }, "says": "Nothing to do.",
            "nothing_to_do": true,
        })
    }

    #[test]
    fn findings_are_told_in_sentences() {
        let check = |kind, title: &str, text: &str, severity| {
            assert_eq!(told(kind, &data()), (title.to_owned(), text.to_owned(), severity));
        };
        check(
            EventKind::RecordChanged,
            "The dmarc record of example.com changed",
            "Before: v=DMARC1; p=none Now: no record",
            Severity::Warning,
        );
        check(
            EventKind::PolicyChanged,
            "Reporters see another DMARC policy of example.com",
            "Before: p=none; sp=reject Now: p=reject",
            Severity::Warning,
        );
        check(
            EventKind::ServiceNew,
            "A new service sends as example.com",
            "Mailchimp since 2026-03-20. 12,000 messages, 1 failed.",
            Severity::Info,
        );
        check(
            EventKind::ServiceBroken,
            "A service fails for example.com",
            "Mailchimp since 2026-03-21. 12,000 messages, 1 failed.",
            Severity::Warning,
        );
        check(
            EventKind::ServiceRecovered,
            "A service passes again for example.com",
            "Mailchimp. The last failure was on 2026-03-22.",
            Severity::Info,
        );
        check(
            EventKind::ReporterSilent,
            "Reports about example.com stopped",
            "google.com. The last report was about 2026-03-19.",
            Severity::Warning,
        );
        check(
            EventKind::VolumeChanged,
            "example.com sends far more or far less than usual",
            "2026-03-22: 12,000 messages, usually 3,000.",
            Severity::Warning,
        );
        check(
            EventKind::Summary,
            "DMARC on 2026-03-22",
            "Nothing to do. 12,000 messages, 1 failed.",
            Severity::Info,
        );
    }

    #[test]
    fn ends_are_told_too_and_broken_data_is_harmless() {
        let over = json!({ "state": "resolved", "reporter": null, "day": "2026-03-23", "message_count": 3_100, "usual_count": 3_000 });
        let again = (
            "Reports about example.com come again".into(),
            "Most reporters".into(),
            Severity::Info,
        );
        assert_eq!(told(EventKind::ReporterSilent, &over), again);
        assert_eq!(told(EventKind::VolumeChanged, &over).2, Severity::Info);
        // Whatever is in the database.
        for kind in EventKind::ALL {
            told(*kind, &json!({ "before": 7, "policy": [1], "service": { "a": 1 } }));
        }
    }
}
