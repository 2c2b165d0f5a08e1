//! Mailboxes, buckets, Maildirs and folders, read by the program as people start it.

mod apis;
mod bucket;
mod dovecot;
mod files;
mod hostile;
mod imap;
mod killed;
mod oauth;
mod odd;
pub mod ordinary;
mod ordinary_mail;
mod prefixes;
pub mod program;
mod proxy;
mod s3;
mod stuck;
mod waiting;

use std::fs;
use std::path::Path;

use serde_json::Value;

pub use self::program::peak_mebibytes;
use self::program::{PATIENCE, Tallymark, until, until_or};
use super::cli::Home;
use super::intake::{mail, xml_at};

/// A report mail: no two have the same window.
pub fn report_mail(nth: u32) -> String {
    let begin = 1_704_067_200 + 3_600 * i64::from(nth);
    let report = xml_at("example.com", &nth.to_string(), messages(nth), (begin, begin + 86_399));
    mail(&[("a.xml", &report)])
}

/// How many messages the report counts.
pub fn messages(nth: u32) -> u64 {
    u64::from(nth % 10 + 1)
}

pub fn other_mail(nth: u32) -> String {
    format!("From: a@example.com\r\nSubject: lunch {nth}\r\n\r\nat noon?\r\n")
}

pub fn broken_mail(nth: u32) -> String {
    mail(&[("a.xml", &format!("<feedback><report_metadata>{nth}</feedback>"))])
}

/// Recounts everything: all figures agree, and there are these numbers of reports and messages.
pub fn verify(home: &Home, reports: u64, messages: u64) {
    let verified = home.run(&["verify", "--json"]).success();
    let verified: Value = serde_json::from_slice(&verified.get_output().stdout).unwrap();
    assert_eq!(verified["discrepancies"], Value::Array(Vec::new()));
    let counted = (&verified["reports"], &verified["messages"]);
    assert_eq!(counted, (&reports.into(), &messages.into()), "reports and messages");
}

/// How many messages are in quarantine for this reason.
pub fn quarantined(home: &Home, reason: &str) -> usize {
    let listed = home.run(&["quarantine", "list", "--kind", "quarantined"]).success();
    let listed = String::from_utf8(listed.get_output().stdout.clone()).unwrap();
    listed.matches(reason).count()
}

/// The messages of reports so numbered.
pub fn sum(numbers: impl IntoIterator<Item = u32>) -> u64 {
    numbers.into_iter().map(messages).sum()
}

/// Names of the files in a folder, sorted.
pub fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
