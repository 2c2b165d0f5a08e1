//! How much of the answers that are kept for the same request to come again ([`super::idempotency`]) is an account's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::AccountId;
use crate::store::{KEPT_REQUEST_BYTES, Store};

/// Accounts whose kept answers are known to this process; beyond, they are looked at again.
const ACCOUNTS_KNOWN: usize = 65_536;

/// What each account has kept, as far as this process knows: what was there when it looked, and what it kept since. Cheap
/// to clone.
#[derive(Debug, Clone)]
pub(super) struct KeptAnswers {
    bytes_max: u64,
    bytes: Arc<Mutex<HashMap<AccountId, u64>>>,
}

impl KeptAnswers {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            bytes: Arc::default(),
        }
    }

    /// Counts a kept answer of `bytes`. If the account has too many now, the oldest are forgotten.
    pub(super) async fn note(&self, store: &Store, account: AccountId, bytes: usize) {
        if !self.is_due(account, bytes as u64 + KEPT_REQUEST_BYTES) {
            return;
        }
        match store.trim_requests(account, self.bytes_max).await {
            Ok(left) => {
                self.known().insert(account, left);
            }
            Err(error) => tracing::warn!(%error, "stored answers could not be counted; the next request tries again"),
        }
    }

    /// Whether it is time to look at what the database has.
    fn is_due(&self, account: AccountId, more: u64) -> bool {
        let mut known = self.known();
        if known.len() >= ACCOUNTS_KNOWN {
            known.clear();
        }
        // What was there before this process began is not known.
        let Some(bytes) = known.get_mut(&account) else {
            return true;
        };
        *bytes = bytes.saturating_add(more);
        *bytes > self.bytes_max
    }

    /// A panic while the lock is held leaves a figure too low by one answer.
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<AccountId, u64>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
