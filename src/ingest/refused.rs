//! Refused mail on its way into the database, so that the owner of an account sees what did not arrive.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::base::AccountId;
use crate::store::{Refused, RefusedMail, Store};

/// Interval between two transactions: a flood of refused mail costs one transaction per interval. Counts that are not written when the
/// process ends are in the metrics and the log only.
const WRITTEN_EVERY: Duration = Duration::from_secs(1);
/// Delay after a failed transaction.
const AGAIN: Duration = Duration::from_secs(10);

/// Refused mail that is not written yet. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Refusals {
    store: Store,
    noted: Arc<Mutex<Noted>>,
}

#[derive(Debug, Default)]
struct Noted {
    mail: RefusedMail,
    is_writing: bool,
}

impl Refusals {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            noted: Arc::default(),
        }
    }

    /// Counts a refused message. A task of its own writes it.
    pub(super) fn note(&self, account: AccountId, reason: &'static str, refused: Refused) {
        let mut noted = self.noted();
        noted.mail.add(account, reason, refused);
        if !std::mem::replace(&mut noted.is_writing, true) {
            tokio::spawn(self.clone().write());
        }
    }

    /// Writes until nothing is left.
    async fn write(self) {
        loop {
            let mail = {
                let mut noted = self.noted();
                if noted.mail.is_empty() {
                    noted.is_writing = false;
                    return;
                }
                std::mem::take(&mut noted.mail)
            };
            let pause = match self.store.add_refused(&mail).await {
                Ok(()) => WRITTEN_EVERY,
                Err(error) => {
                    tracing::debug!(%error, "the counts of refused mail could not be written yet");
                    self.noted().mail.add_all(mail);
                    AGAIN
                }
            };
            sleep(pause).await;
        }
    }

    /// A panic under the lock leaves consistent counts.
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
