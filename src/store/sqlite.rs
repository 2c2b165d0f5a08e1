//! What is SQLite's own: how it is opened. One connection writes, a few read; a reader never waits for the writer (WAL).

use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

use super::StoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Readers: more than this many questions at once wait for one another.
const READERS: u32 = 8;
/// How long a statement waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(10);
/// Pages (4 KiB) in the log before it is folded into the database.
const CHECKPOINT_PAGES: &str = "16000";
/// Cache of a connection, KiB, negative as SQLite wants it.
const WRITER_CACHE: &str = "-65536";
const READER_CACHE: &str = "-16384";

/// Opens a database file, creates or migrates it, and gives the writer and the readers.
pub(super) async fn open(path: &Path) -> Result<(SqliteConnection, SqlitePool), StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .disable_statement_logging();
    // FULL: a commit is on disk when it returns. That is the promise behind every acknowledgement.
    let writer = options
        .clone()
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", "67108864")
        .pragma("cache_size", WRITER_CACHE)
        .statement_cache_capacity(256);
    let mut writer = writer.connect().await?;
    migrate(&mut writer).await.map_err(|error| migration(path, error))?;
    let readers = options
        .read_only(true)
        .pragma("cache_size", READER_CACHE)
        .row_buffer_size(256);
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .connect_lazy_with(readers);
    Ok((writer, readers))
}

/// Brings the schema up to date.
async fn migrate(writer: &mut SqliteConnection) -> Result<(), MigrateError> {
    // Another process that opens the file at the same time may apply a migration between our look and our try; then it
    // is there when we look again. That happens once a migration at the most.
    for _ in MIGRATIONS.iter() {
        if MIGRATIONS.run_direct(None, writer, false).await.is_ok() {
            return Ok(());
        }
    }
    MIGRATIONS.run_direct(None, writer, false).await
}

fn migration(path: &Path, error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => StoreError::Newer {
            path: path.display().to_string(),
        },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => StoreError::from(error),
        other => StoreError::Other(sqlx::Error::Migrate(Box::new(other))),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    /// FULL, not NORMAL: else a commit that was acknowledged could be gone after a power failure.
    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, readers) = super::open(&folder.path().join("t.sqlite")).await.unwrap();
        for (pragma, expect) in [
            ("pragma synchronous", "2"),
            ("pragma journal_mode", "wal"),
            ("pragma foreign_keys", "1"),
        ] {
            let row = sqlx::query(pragma).fetch_one(&mut writer).await.unwrap();
            let value = row.try_get::<i64, _>(0).map(|number| number.to_string());
            assert_eq!(value.unwrap_or_else(|_| row.get(0)), expect, "{pragma}");
        }
        assert!(
            sqlx::query("delete from counters").execute(&readers).await.is_err(),
            "readers only read"
        );
    }
}
