//! How long an answer is waited for. A question whose answer is not wanted any more is stopped, wherever it is.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, InterruptHandle};

use super::StoreError;

tokio::task_local! {
    static CURRENT: Patience;
}

/// What one task asks the database, until [`Patience::end`] is called. From then on each of its questions is stopped: on
/// SQLite the statement that runs, on PostgreSQL by closing the connection, and the server stops what it runs for it.
#[derive(Debug, Clone, Default)]
pub struct Patience(Arc<Asked>);

#[derive(Default)]
struct Asked {
    is_over: AtomicBool,
    /// The connections of SQLite that are lent meanwhile, by a number.
    lent: Mutex<Vec<(u64, InterruptHandle)>>,
    next: AtomicU64,
}

impl Patience {
    /// Runs a task under this patience.
    pub fn scope<F: Future>(&self, task: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), task)
    }

    /// Stops what is being asked, and whatever would be asked after it.
    pub fn end(&self) {
        // Under the lock: a connection that is given back at this moment is stopped before that or not at all.
        let lent = self.0.lent();
        self.0.is_over.store(true, Ordering::Release);
        lent.iter().for_each(|(_, handle)| handle.interrupt());
    }

    /// The patience of the task that runs, if it has one.
    pub(super) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }
}

/// # Errors
/// [`StoreError::GivenUp`] if the answer to what this task asks is not wanted any more.
pub(super) fn look() -> Result<(), StoreError> {
    match CURRENT.try_with(|patience| patience.0.is_over.load(Ordering::Acquire)) {
        Ok(true) => Err(StoreError::GivenUp),
        Ok(false) | Err(_) => Ok(()),
    }
}

impl Asked {
    fn lent(&self) -> MutexGuard<'_, Vec<(u64, InterruptHandle)>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

/// A connection of SQLite is lent to a task: to be dropped before the next one has it.
#[derive(Debug)]
pub(super) struct Stoppable {
    patience: Patience,
    number: u64,
}

impl Stoppable {
    /// For the task that runs; `None` if nothing ends its patience.
    pub fn of(conn: &Connection) -> Option<Self> {
        let patience = Patience::current()?;
        let number = patience.0.next.fetch_add(1, Ordering::Relaxed);
        patience.0.lent().push((number, conn.get_interrupt_handle()));
        Some(Self { patience, number })
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        self.patience.0.lent().retain(|(number, _)| *number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts to a thousand million: longer than any test.
    const ENDLESS: &str = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000000000) \
        select count(*) from n";

    fn endless(conn: &Connection) -> rusqlite::Result<i64> {
        conn.query_row(ENDLESS, [], |row| row.get(0))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_statement_that_runs_is_stopped_and_none_begins_after_it() {
        let patience = Patience::default();
        let (tell, told) = tokio::sync::oneshot::channel();
        let asking = patience.scope(async move {
            let conn = Connection::open_in_memory().unwrap();
            let _stoppable = Stoppable::of(&conn).unwrap();
            look().unwrap();
            tell.send(()).unwrap();
            let stopped = tokio::task::block_in_place(|| {
                // Told between two statements, a statement runs on: it is told again, as long as it has not noticed.
                endless(&conn)
            });
            (stopped.is_err(), look())
        });
        let asking = tokio::spawn(asking);
        told.await.unwrap();
        while !asking.is_finished() {
            patience.end();
            tokio::task::yield_now().await;
        }
        let (stopped, after) = asking.await.unwrap();
        assert!(stopped && matches!(after, Err(StoreError::GivenUp)));
    }

    #[tokio::test]
    async fn a_connection_that_was_given_back_is_not_stopped_for_its_last_user() {
        let conn = Connection::open_in_memory().unwrap();
        let patience = Patience::default();
        patience.scope(async { drop(Stoppable::of(&conn).unwrap()) }).await;
        assert!(patience.0.lent().is_empty());
        patience.end();
        assert_eq!(conn.query_row("select 1", [], |row| row.get::<_, i64>(0)), Ok(1));
        assert!(
            Stoppable::of(&conn).is_none() && look().is_ok(),
            "nothing ends this task's patience"
        );
    }
}
