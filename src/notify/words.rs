//! What a person reads of each kind of event.

use serde_json::Value;

use super::line::{Line, Severity};
use super::rule_words::{rule_words, text_of};
use crate::store::EventKind;

/// Types of failures, and records of a domain, that a message names.
const NAMED_MAX: usize = 5;

/// Title, lines and severity.
pub(super) fn words(event: &Value, domain: &str) -> (String, Vec<Line>, Severity) {
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
        Some(EventKind::FeedFailing) => {
            let reason = line().own("Reason: ").foreign(text_of(data, "summary"));
            let lines = vec![reason, line().own(text_of(data, "action"))];
            (feed(data, "cannot be read"), lines, Severity::Warning)
        }
        Some(EventKind::FeedRecovered) => (feed(data, "is read again"), Vec::new(), Severity::Info),
        Some(kind) => rule_words(kind, data, domain),
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

/// The title for a feed, whose name is the operator's.
fn feed(data: &Value, says: &str) -> String {
    format!("The feed {} {says}", text_of(data, "feed"))
}
