//! Raw message -> committed rows: a bounded queue, rayon, batches, one outcome a message.

mod addresses;
mod ahead;
mod arrived;
mod batch;
mod deferred;
mod envelope;
mod excerpt;
mod failure_reports;
mod intake;
mod journal;
mod lanes;
mod options;
mod owners;
mod parsed_bytes;
mod problems;
mod process;
mod provenance;
mod read;
mod rechecks;
mod refused;
mod rereads;
mod sums;
mod tls_reports;

pub use crate::base::AccountId;
pub use crate::store::{Belonging, Fate, FreshDomain, Outcome, PeerTls, Problem, SetAsideNote, StoredReport};
pub use crate::unpack::{Context, gunzip, mbox};
pub use addresses::{AddressNames, Addresses, Owner};
pub use arrived::RawMessage;
pub use envelope::Envelope;
pub use excerpt::{Excerpt, excerpt};
pub use intake::{Claimed, Intake, MESSAGE_TOO_LARGE, UNFETCHABLE};
pub use options::{IntakeError, IntakeOptions, IntakeSettings, SlowOptions};
pub use process::{Admission, ParsedLeaf, ProcessLimits, Processed, TlsLeaf, Unvouched, process, process_as};
pub use provenance::{Authenticator, AuthenticatorError, AuthenticatorOptions, Checked, Cost, FetchedOptions};
pub use rechecks::Rechecked;
pub use rereads::Reread;
