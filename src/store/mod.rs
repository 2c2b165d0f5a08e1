//! The database: the only room with sqlx.

mod types;

pub use types::*;

use crate::report::{DayRange, DomainName};

/// What went wrong in the database; what the caller can do about it decides the variant.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The thing to be made is there already.
    #[error("{0} exists already")]
    Exists(String),
    /// The database cannot be reached or written now: try again later.
    #[error("database is unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The database's schema was made by a newer version of this program.
    #[error("database {path} was made by a newer version: upgrade this program")]
    Newer { path: String },
    /// A stored value cannot be read: the file was changed from outside or is damaged.
    #[error("{table} {row}: {what}")]
    Damaged { table: &'static str, row: String, what: String },
    /// Anything else: a fault of this program.
    #[error("database error: {0}")]
    Other(#[source] sqlx::Error),
}

/// The database, open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {}

#[allow(unused_variables, clippy::unimplemented)]
impl Store {
    /// Opens (and creates or migrates) a database file.
    pub async fn open(path: &std::path::Path) -> Result<Self, StoreError> {
        unimplemented!()
    }
    /// Is the database there and writable?
    pub async fn ping(&self) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Finishes what is being written and closes.
    pub async fn close(&self) {
        unimplemented!()
    }

    // accounts, keys
    pub async fn add_account(&self, name: &str, mode: Mode, now: Millis) -> Result<Account, StoreError> {
        unimplemented!()
    }
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        unimplemented!()
    }
    pub async fn account_by_name(&self, name: &str) -> Result<Option<Account>, StoreError> {
        unimplemented!()
    }
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        unimplemented!()
    }
    pub async fn add_key(&self, account: AccountId, key: NewKey, now: Millis) -> Result<ApiKey, StoreError> {
        unimplemented!()
    }
    /// Revoked keys are found too: look at `revoked_at`.
    pub async fn key_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        unimplemented!()
    }
    pub async fn keys(&self, account: AccountId) -> Result<Vec<ApiKey>, StoreError> {
        unimplemented!()
    }
    /// False if the account has no such key, or it is revoked already.
    pub async fn revoke_key(&self, account: AccountId, key: KeyId, now: Millis) -> Result<bool, StoreError> {
        unimplemented!()
    }

    // domains
    /// Unclaimed reports about the domain are then fed in again by `Intake::claim`.
    pub async fn add_domain(&self, account: AccountId, domain: NewDomain, now: Millis) -> Result<Domain, StoreError> {
        unimplemented!()
    }
    /// Newest first.
    pub async fn domains(&self, account: AccountId) -> Result<Vec<Domain>, StoreError> {
        unimplemented!()
    }
    pub async fn domain(&self, account: AccountId, public_id: &str) -> Result<Option<Domain>, StoreError> {
        unimplemented!()
    }
    pub async fn domain_by_name(&self, account: AccountId, name: &DomainName) -> Result<Option<Domain>, StoreError> {
        unimplemented!()
    }
    /// Removes the domain with all its reports. False if the account has no such domain.
    pub async fn remove_domain(&self, account: AccountId, public_id: &str) -> Result<bool, StoreError> {
        unimplemented!()
    }

    // reports
    /// Counted reports, newest window first, and how many there are.
    pub async fn reports(
        &self,
        domain: DomainId,
        filter: &ReportFilter,
        page: Page,
    ) -> Result<(Vec<ReportSummary>, u64), StoreError> {
        unimplemented!()
    }
    pub async fn report(&self, domain: DomainId, no: ReportNo) -> Result<Option<ReportDetail>, StoreError> {
        unimplemented!()
    }
    /// In the order of the report, and how many there are.
    pub async fn records(
        &self,
        domain: DomainId,
        no: ReportNo,
        page: Page,
    ) -> Result<(Vec<StoredRecord>, u64), StoreError> {
        unimplemented!()
    }
    pub async fn original(&self, domain: DomainId, no: ReportNo) -> Result<Option<Original>, StoreError> {
        unimplemented!()
    }

    // figures
    pub async fn stats(&self, domain: DomainId, range: DayRange) -> Result<Stats, StoreError> {
        unimplemented!()
    }
    pub async fn sources(
        &self,
        domain: DomainId,
        range: DayRange,
        filter: Option<ResultFilter>,
        page: Page,
    ) -> Result<Sources, StoreError> {
        unimplemented!()
    }
    /// Every record of the counted reports whose window begins in the range, by report, in pieces of at most
    /// a few thousand; a slow receiver makes the database wait, not memory grow.
    pub fn export(
        &self,
        domain: DomainId,
        range: DayRange,
    ) -> tokio::sync::mpsc::Receiver<Result<Vec<ExportedRecord>, StoreError>> {
        unimplemented!()
    }

    // messages set aside
    /// Newest first. `account` none is all of them (operator).
    pub async fn set_aside(
        &self,
        account: Option<AccountId>,
        kind: Option<SetAsideKind>,
        page: Page,
    ) -> Result<(Vec<SetAside>, u64), StoreError> {
        unimplemented!()
    }
    pub async fn set_aside_by_id(&self, id: SetAsideId) -> Result<Option<SetAside>, StoreError> {
        unimplemented!()
    }
    pub async fn set_aside_bytes(&self, id: SetAsideId) -> Result<Option<Vec<u8>>, StoreError> {
        unimplemented!()
    }
    /// How many of each kind and reason, for summaries.
    pub async fn set_aside_counts(&self) -> Result<Vec<(SetAsideKind, String, u64)>, StoreError> {
        unimplemented!()
    }

    /// Recounts everything from the records; `progress` gets (reports done, reports in all).
    pub async fn verify(&self, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<Verified, StoreError> {
        unimplemented!()
    }
}
