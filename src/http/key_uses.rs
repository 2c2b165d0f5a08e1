//! When keys were last used, written now and then.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::{KeyId, Millis};
use crate::store::{ApiKey, CLOCKS_DIFFER_MAX, Store};

/// Minimum interval between two writes of a key's last use, in ms: a busy key costs one write in five minutes.
const WRITTEN_EVERY: Millis = 300_000;

/// Keys whose last use is being written; at most as many as requests are being answered. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyUses(Arc<Mutex<HashSet<KeyId>>>);

impl KeyUses {
    /// The key is used at `now`. Writes it behind the request's back, which does not wait for it and does not fail with it.
    pub(super) fn note(&self, store: &Store, key: &ApiKey, now: Millis) {
        let is_due = key.last_used_at.is_none_or(|last| {
            now.saturating_sub(last) >= WRITTEN_EVERY || last > now.saturating_add(CLOCKS_DIFFER_MAX)
        });
        if !is_due || !self.writing().insert(key.id) {
            return;
        }
        let (uses, store, id) = (self.clone(), store.clone(), key.id);
        tokio::spawn(async move {
            if let Err(error) = store.keys_used(&[(id, now)]).await {
                tracing::debug!(%error, "the last use of a key was not written");
            }
            uses.writing().remove(&id);
        });
    }

    /// A panic while the lock is held leaves nothing half done.
    fn writing(&self) -> std::sync::MutexGuard<'_, HashSet<KeyId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
