//! Raw message -> committed rows: a bounded queue, rayon, batches, one outcome a message.

use crate::report::{Parsed, WarningKind};
use crate::store::{AccountId, DomainId, Millis, ReportNo, SetAsideId, SetAsideKind, StoreError};

/// One message as it came.
#[derive(Debug, Clone)]
pub struct RawMessage {
    pub bytes: Vec<u8>,
    pub received_at: Millis,
    /// Where it came from, for people: a path, a peer. At most 512 bytes are kept.
    pub origin: String,
    pub belonging: Belonging,
}

/// Whose a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belonging {
    /// To the account's domain that is the policy domain or its closest registered parent; else unclaimed.
    Account(AccountId),
    /// As above, but the policy domain is added to the account on sight.
    AddDomains(AccountId),
    /// To this domain row, if the policy domain is that domain or below it; else quarantined as misaddressed.
    Domain(AccountId, DomainId),
}

/// What became of one message, after the commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    pub reports: Vec<StoredReport>,
    pub set_aside: Vec<SetAsideNote>,
}

/// A report that is in the database now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReport {
    pub no: ReportNo,
    pub domain: DomainId,
    pub fate: Fate,
    pub policy_domain: String,
    pub records: u64,
    pub messages: u64,
    pub leaf: String,
}

/// How a report was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// New, and counted.
    Stored,
    /// Known already: only its arrival was counted. `no` is the first one's.
    Duplicate,
    /// Same identity as another, different content: both are kept, one is counted.
    Conflict,
}

/// A message, or a part of one, that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAsideNote {
    pub id: SetAsideId,
    pub kind: SetAsideKind,
    /// A stable word.
    pub reason: String,
    pub detail: String,
    pub leaf: String,
    pub offset: Option<u64>,
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

/// Something in a message that should be a report and could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub leaf: String,
    pub reason: &'static str,
    pub detail: String,
    pub offset: Option<u64>,
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
