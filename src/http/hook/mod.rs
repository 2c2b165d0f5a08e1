//! What mail providers make of a mail that they forward over HTTP. Pure: from the bytes of a request to those of a mail.
//!
//! A provider that forwards the mail as it came is taken at its word. One that sends the parts has its mail put together again
//! (`mail.rs`), so that names and types of attachments, which say what is meant to be a report, are read in one place.

mod form;
mod json;
mod mail;

pub(super) use form::{FIELDS_MAX, Form, Part, pairs};
pub(super) use json::of_json;

/// Attachments of one mail, and files of one form.
pub(super) const FILES_MAX: usize = 100;

/// What a client handed in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HandedIn {
    /// Files that the client means to be reports.
    Files(Vec<Vec<u8>>),
    /// A mail that a provider forwards: anything may be in it.
    Mail(Vec<u8>),
    /// A provider asks whether it may forward: its owner has to open this address.
    Confirmation(String),
    /// A provider says something else, which nothing follows from.
    Notice,
}

/// Why a request cannot be read, as one sentence.
pub(super) type Refusal = String;
