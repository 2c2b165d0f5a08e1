//! Failure reports (RFC 9991): how they are read, what is kept of them, and how they are answered.

mod corpus;
mod fixtures;
pub mod http;
mod redaction;
mod store;

use std::fs;
use std::path::{Path, PathBuf};

/// What of `fixtures/make_failures.py` must never be stored: local parts, words of subjects, and the body.
pub const SECRETS: [&str; 6] = ["jane.roe", "wanda", "verp-77", "zz9key", "PLUGH", "private mail"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/failures")
}

pub fn fixture(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every fixture with its name.
pub fn fixtures() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder()).expect("fixtures/failures");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().unwrap());
    let mut mails: Vec<_> = names.filter(|name| name.ends_with(".eml")).collect();
    mails.sort();
    assert!(mails.len() > 15, "only {} fixtures", mails.len());
    mails.into_iter().map(|name| (name.clone(), fixture(&name))).collect()
}

/// A mail of a report about example.com with this source, from this mail.
fn mail(source: &str, id: &str) -> Vec<u8> {
    let text = String::from_utf8(fixture("whole-mail.eml")).unwrap();
    text.replace("192.0.2.7\r\nReported", &format!("{source}\r\nReported"))
        .replace("zz9key@", &format!("{id}@"))
        .into_bytes()
}
