//! SMTP and LMTP: other mail servers hand us their reports.
//!
//! 250 after the data means that the message's transaction is committed. There is no client in here: what was not
//! accepted is the sender's to keep, nothing is relayed and nothing is bounced.

pub mod command;
mod connections;
pub mod data;
mod engine;
mod event;
mod input;
mod line;
mod listener;
pub mod proxy;
mod refusals;
pub mod reply;
mod session;
mod settings;
mod spill;
mod tls;

pub use connections::ConnectionLimits;
pub use engine::{Engine, Refusal, RefusedMessage};
pub use event::{Capacity, Event, Recipient, RecipientAnswer, Security, Transaction};
pub use listener::{ListenError, Listener, SmtpOptions};
#[doc(hidden)]
pub use session::Acknowledge;
pub use settings::{BareNewline, Patience, Protocol, Settings, StartTls};
pub use spill::{Body, Budget, BudgetOptions, SpillError, WholeBody};
pub use tls::{Tls, TlsError, TlsFiles};
