//! Raw message -> committed rows: a bounded queue, rayon, batches, one outcome a message.

mod batch;
mod envelope;
mod intake;
mod process;
mod provenance;

pub use crate::store::{Belonging, Fate, FreshDomain, Outcome, PeerTls, Problem, SetAsideNote, StoredReport};
pub use envelope::Envelope;
pub use intake::{Intake, IntakeError, IntakeOptions, RawMessage};
pub use process::{ParsedLeaf, ProcessLimits, Processed, process};
pub use provenance::{Authenticator, AuthenticatorError, AuthenticatorOptions};
