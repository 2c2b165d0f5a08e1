//! What the writer remembers between transactions, so that a batch asks the database little. All of it can be forgotten
//! at any time; it is, whenever a transaction was not committed.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;

use super::db::{Args, Conn};
use super::events::Listeners;
use super::sql::sql;
use super::{StoreError, Trust, paths};
use crate::base::{AccountId, Day, DomainId, FailureReports, Millis};

/// Names kept at the most; then all are forgotten and learned again.
const ENTRIES_MAX: usize = 200_000;

/// Numbers taken at a time: a restart leaves a gap of at most this many.
const BLOCK: i64 = 1_000;
/// Lifetime of a block of report numbers. It bounds how far the numbers of several writers depart from the order of arrival.
const BLOCK_MILLIS_MAX: Millis = 60_000;

/// What the writer remembers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// As of this value of the counter `domains_version`.
    domains_version: i64,
    /// As of this value of the counter `targets_version`.
    targets_version: i64,
    /// The domain row of a name, or that there is none.
    pub domains: HashMap<(AccountId, Box<str>), Option<DomainId>>,
    /// The name of a domain row of an account.
    pub names: HashMap<(AccountId, DomainId), Option<Box<str>>>,
    /// What owners decided about the reports of a domain, where they did: see `trust.rs`.
    pub trust: HashMap<DomainId, Trust>,
    /// The domains that read failure reports, and what is kept of these.
    pub failure_reports: HashMap<DomainId, FailureReports>,
    /// Days that are nearly full of addresses: a hint that makes the writer look.
    pub crowded: BTreeSet<(DomainId, Day)>,
    /// All domains of an account, of those that got reports about names that they do not have.
    all_names: HashMap<AccountId, Arc<[(Box<str>, DomainId)]>>,
    /// Who wants to hear of what, of the accounts to which something happened.
    pub listeners: HashMap<AccountId, Listeners>,
    pub paths: paths::Remembered,
    pub domain_numbers: Numbers,
    pub reports: Numbers,
    pub set_asides: Numbers,
    pub deliveries: Numbers,
    pub findings: Numbers,
}

impl Memory {
    /// Forgets which domains there are.
    pub fn forget_domains(&mut self) {
        self.domains.clear();
        self.names.clear();
        self.trust.clear();
        self.failure_reports.clear();
        self.all_names.clear();
        self.paths.forget();
    }

    /// The version of the set of domains that this memory reflects.
    pub fn domains_version(&self) -> i64 {
        self.domains_version
    }

    /// The names of all domains of an account.
    pub async fn names_of(
        &mut self,
        conn: &mut Conn<'_>,
        account: AccountId,
    ) -> Result<Arc<[(Box<str>, DomainId)]>, StoreError> {
        if let Some(known) = self.all_names.get(&account) {
            return Ok(Arc::clone(known));
        }
        let rows = conn.all(sql!("domain_names"), Args::default().int(account.0)).await?;
        let names = rows
            .iter()
            .map(|row| Ok((row.text("name")?.into(), DomainId(row.int("domain_id")?))));
        let names: Arc<[_]> = names.collect::<Result<Vec<_>, StoreError>>()?.into();
        let entries: usize = self.all_names.values().map(|names| names.len()).sum();
        if entries + names.len() > ENTRIES_MAX {
            self.all_names.clear();
        }
        self.all_names.insert(account, Arc::clone(&names));
        Ok(names)
    }

    /// Forgets what may have become wrong since it was called last: at the begin of each transaction, and where a domain
    /// may have been added or removed since. True if one was.
    pub async fn refresh(&mut self, conn: &mut Conn<'_>) -> Result<bool, StoreError> {
        let (mut domains_version, mut targets_version) = (0, 0);
        for row in conn.all(sql!("counter_versions"), Args::default()).await? {
            match &*row.text("name")? {
                "domains_version" => domains_version = row.int("value")?,
                _ => targets_version = row.int("value")?,
            }
        }
        let changed = domains_version != self.domains_version;
        if changed || self.domains.len() + self.names.len() > ENTRIES_MAX {
            self.forget_domains();
            self.domains_version = domains_version;
        }
        if targets_version != self.targets_version || self.listeners.len() > ENTRIES_MAX {
            self.listeners.clear();
            self.targets_version = targets_version;
        }
        Ok(changed)
    }
}

/// A block of numbers taken from a counter.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    next: i64,
    end: i64,
    /// Time of the first number from this block, if the caller passes times.
    since: Option<Millis>,
}

impl Numbers {
    /// Drops the rest of a block that is too old at this time.
    pub fn at(&mut self, now: Millis) {
        let since = *self.since.get_or_insert(now);
        if now.abs_diff(since) > BLOCK_MILLIS_MAX.unsigned_abs() {
            self.next = self.end;
            self.since = Some(now);
        }
    }

    /// `count` numbers in a row, the first of them; all above any given before on this node.
    pub async fn take(&mut self, conn: &mut Conn<'_>, counter: &str, count: usize) -> Result<i64, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if self.end - self.next < count {
            let block = count.max(BLOCK);
            self.end = take(conn, counter, block).await?;
            self.next = self.end - block;
        }
        let first = self.next;
        self.next += count;
        Ok(first)
    }
}

/// Takes a block of numbers from a counter. Returns the first number after it. Unused numbers leave a gap.
async fn take(conn: &mut Conn<'_>, counter: &str, block: i64) -> Result<i64, StoreError> {
    let row = conn
        .first_apart(sql!("counter_take"), Args::default().text(counter).int(block))
        .await?;
    row.ok_or_else(|| StoreError::damaged("counters", counter, "is missing"))?
        .int("value")
}

/// One number, for rows that are made one at a time.
pub(super) async fn number(conn: &mut Conn<'_>, counter: &str) -> Result<i64, StoreError> {
    Ok(take(conn, counter, 1).await? - 1)
}
