//! Raw message -> committed rows: a bounded queue, rayon, batches, one outcome a message.

mod addresses;
mod batch;
mod intake;
mod process;

pub use crate::store::{AccountId, Belonging, Fate, FreshDomain, Outcome, Problem, SetAsideNote, StoredReport};
pub use addresses::{AddressNames, Addresses, Owner};
pub use intake::{Intake, IntakeError, IntakeOptions, RawMessage};
pub use process::{ParsedLeaf, ProcessLimits, Processed, process};
