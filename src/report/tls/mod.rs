//! What an SMTP TLS report (RFC 8460) *is*: its types, its keys, and the parser.
//!
//! Pure: no I/O beyond the reader it is handed, no async, no clock.

mod document;
mod error;
mod keys;
mod limits;
mod model;
mod parse;
#[cfg(test)]
mod tests;
mod words;

pub use error::{ParseError, ParseErrorKind};
pub use keys::{content_key, identity_key, reporter};
pub use limits::Limits;
pub use model::{Failure, Hints, Parsed, PolicyResult, Report};
pub use parse::parse;
pub use words::{known_policy, known_result};
