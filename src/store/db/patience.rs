//! How long a caller waits for the answer to a query. SQLite stops a query whose answer is no longer wanted. On PostgreSQL the
//! caller drops the query: its connection closes, and the server stops the statement.

use std::fmt;
use std::sync::Arc;

use super::StoreError;

tokio::task_local! {
    static CURRENT: Patience;
}

/// Tells whether the answers to a task's queries are still wanted. Cheap to clone.
#[derive(Clone)]
pub struct Patience(Arc<dyn Fn() -> bool + Send + Sync>);

impl Patience {
    /// `is_over` is called before each query, and by SQLite again every 20,000 steps, on the thread that runs the query.
    /// Once it returns true, it always does.
    pub fn new(is_over: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_over))
    }

    /// Runs a task under this patience.
    pub fn scope<F: Future>(&self, task: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), task)
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Patience").finish()
    }
}

/// Whether the answers to the running task's queries are no longer wanted. A task without a patience waits for ever.
pub(in super::super) fn is_over() -> bool {
    CURRENT.try_with(|patience| (patience.0)()).unwrap_or(false)
}

/// # Errors
/// [`StoreError::GivenUp`] if the answers to this task's queries are no longer wanted.
pub(in super::super) fn look() -> Result<(), StoreError> {
    match is_over() {
        true => Err(StoreError::GivenUp),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::sqlite::File;
    use super::*;

    /// Counts to a thousand million: longer than any test.
    const ENDLESS: &str = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000000000) \
        select count(*) from n";

    #[tokio::test]
    async fn a_statement_that_runs_is_stopped_for_its_task_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::new(folder.path().join("t.sqlite"));
        file.migrate().await.unwrap();
        let conn = file.reader().unwrap();
        let asked = Arc::new(AtomicU32::new(0));
        let patience = Patience::new(move || asked.fetch_add(1, Ordering::Relaxed) > 3);
        let stopped = patience.scope(async {
            look().unwrap();
            let stopped = conn.query_row(ENDLESS, [], |row| row.get::<_, i64>(0));
            (StoreError::from(stopped.unwrap_err()), look())
        });
        assert!(matches!(stopped.await, (StoreError::GivenUp, Err(StoreError::GivenUp))));
        let next = ENDLESS.replace("1000000000", "1000000");
        let counted = conn.query_row(&next, [], |row| row.get::<_, i64>(0));
        assert_eq!(counted, Ok(1_000_000), "who asks next waits for the answer");
    }
}
