//! What a failure report (RFC 9991, RFC 6591) *is*: its types, its key, and the parser.
//!
//! A failure report is about one mail that failed, and often has all of that mail in it. What is taken from it are facts in
//! closed forms: names of hosts and domains, addresses of hosts, words, instants. None of these can hold the local part of a mail
//! address, so a [`Report`] is redacted by its types. The texts themselves are in [`Texts`], apart from it. The body of the mail is
//! never looked at.

mod fields;
mod keys;
mod model;
mod parse;
mod plain;
mod results;
#[cfg(test)]
mod tests;
mod values;

pub use model::{AuthResult, Form, Hop, Parsed, Parts, Report, Signature, Texts};
pub use parse::parse;
