//! SMTP and LMTP: other mail servers hand us their reports.
//!
//! 250 after the data means that the message's transaction is committed. There is no client in here: what was not
//! accepted is the sender's to keep, nothing is relayed and nothing is bounced.

pub mod command;
pub mod data;
mod engine;
mod event;
mod line;
pub mod reply;
mod settings;

pub use engine::Engine;
pub use event::{Event, Recipient, Room, Security, Transaction, Verdict};
pub use settings::{BareNewline, Patience, Protocol, Settings, StartTls};
