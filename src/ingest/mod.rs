//! Raw message -> committed rows: a bounded queue, rayon, batches, one outcome a message.

use crate::report::{Parsed, WarningKind};
use crate::store::{AccountId, DomainId, Millis, SetAsideId, StoreError};
pub use crate::store::{Belonging, Fate, Outcome, Problem, SetAsideNote, StoredReport};

/// One message as it came.
#[derive(Debug, Clone)]
pub struct RawMessage {
    pub bytes: Vec<u8>,
    pub received_at: Millis,
    /// Where it came from, for people: a path, a peer. At most 512 bytes are kept.
    pub origin: String,
    pub belonging: Belonging,
}

/// Why a message was not taken. Nothing of it is in the database.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The process is stopping.
    #[error("shutting down")]
    Closed,
    #[error(transparent)]
    Store(#[from] std::sync::Arc<StoreError>),
}

/// What a message holds, before the database is asked. Also what `tallymark parse` shows.
#[derive(Debug, Default)]
pub struct Processed {
    pub reports: Vec<ParsedLeaf>,
    pub problems: Vec<Problem>,
    /// What the mail is if it holds neither (`tls_report`, `failure_report`, `bounce`, `mail`, ...).
    pub other: Option<&'static str>,
}

/// A report with its place in the message.
#[derive(Debug)]
pub struct ParsedLeaf {
    pub leaf: String,
    pub parsed: Parsed,
}

/// The limits of processing one message.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessLimits {
    pub unpack: crate::unpack::Limits,
    pub report: crate::report::Limits,
    /// CPU time a message, seconds.
    pub cpu_seconds_max: u64,
}

/// Unpacks and parses one message. Never fails, never panics: what cannot be read is a [`Problem`].
pub fn process(bytes: &[u8], limits: &ProcessLimits) -> Processed {
    let _ = (bytes, limits, WarningKind::Missing);
    unimplemented!()
}

/// The way in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {}

impl Intake {
    /// Takes a message and answers after its transaction has been committed. Waits while the queue is full.
    pub async fn submit(&self, raw: RawMessage) -> Result<Outcome, IntakeError> {
        let _ = raw;
        unimplemented!()
    }

    /// Feeds a message that was set aside in again; its row is removed if nothing of it is left aside.
    /// `None` if there is no such message.
    pub async fn replay(&self, id: SetAsideId) -> Result<Option<Outcome>, IntakeError> {
        let _ = id;
        unimplemented!()
    }

    /// Counts the unclaimed reports of a domain that has just been added; gives how many.
    pub async fn claim(&self, account: AccountId, domain: DomainId) -> Result<u64, IntakeError> {
        let _ = (account, domain);
        unimplemented!()
    }

    /// Messages waiting, and how many may wait.
    pub fn depth(&self) -> (usize, usize) {
        unimplemented!()
    }
}
