//! What is SQLite's own: how it is opened. One connection writes, a few read; a reader never waits for the writer (WAL).

use std::path::PathBuf;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::error::DatabaseError as _;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteError, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};

use super::StoreError;

/// SQLite's primary result codes for a database that is busy, locked, read-only, full or out of reach.
const TRANSIENT: [u32; 6] = [5, 6, 8, 10, 13, 14];

/// Waits for the lock at once: a transaction that reads first could not wait for it later.
pub(super) const BEGIN: &str = "begin immediate";
pub(super) const BEGIN_SNAPSHOT: &str = "begin";
/// Free pages back to the file system, some at a time.
pub(super) const GIVE_BACK: &str = "pragma incremental_vacuum(2000)";

/// Table, column, type, and place in the primary key from 1 on (else 0) of every column, in order.
pub(super) const COLUMNS: &str = "select t.name, c.name, lower(c.type), c.pk from sqlite_schema as t \
    join pragma_table_info(t.name) as c where t.type = 'table' and t.name not like 'sqlite@_%' escape '@' \
    order by t.name, c.cid";
/// Which table refers to which.
pub(super) const REFERENCES: &str = "select t.name, f.\"table\" from sqlite_schema as t \
    join pragma_foreign_key_list(t.name) as f where t.type = 'table'";

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

/// How a database file is opened.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    options: SqliteConnectOptions,
}

impl File {
    pub fn of(path: PathBuf) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .busy_timeout(BUSY)
            .foreign_keys(true)
            .disable_statement_logging();
        Self { path, options }
    }

    /// The connection that writes.
    pub async fn writer(&self) -> Result<SqliteConnection, StoreError> {
        // FULL: a commit is on disk when it returns. That is the promise behind every acknowledgement.
        let options = self
            .options
            .clone()
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("journal_size_limit", "67108864")
            .pragma("cache_size", WRITER_CACHE)
            .statement_cache_capacity(256);
        Ok(options.connect().await?)
    }

    /// A connection that reads everything: rows of any size, few of them at a time.
    pub async fn walker(&self) -> Result<SqliteConnection, StoreError> {
        let options = self.options.clone().read_only(true).row_buffer_size(4);
        Ok(options.connect().await?)
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self, writer: &mut SqliteConnection) -> Result<(), StoreError> {
        // Another process that opens the file at the same time may apply a migration between our look and our try, or
        // write where we have just read; then it is done when we look again. Each does so once a migration at the most.
        for _ in 0..MIGRATIONS.iter().count() * STARTING_AT_ONCE_MAX {
            if MIGRATIONS.run_direct(None, writer, false).await.is_ok() {
                return Ok(());
            }
        }
        let migrated = MIGRATIONS.run_direct(None, writer, false).await;
        migrated.map_err(|error| super::migration(self.path.display().to_string(), error))
    }

    /// The connections that read.
    pub fn readers(&self) -> SqlitePool {
        let options = self.options.clone().read_only(true);
        let options = options.pragma("cache_size", READER_CACHE).row_buffer_size(256);
        SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_lazy_with(options)
    }
}

/// Processes that may open a new file at the same time.
const STARTING_AT_ONCE_MAX: usize = 16;

/// May the same succeed later?
pub(super) fn is_transient(error: &SqliteError) -> bool {
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    // Extended codes carry the primary one in their low byte.
    code.is_some_and(|code| TRANSIENT.contains(&(code & 0xff)))
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    /// FULL, not NORMAL: else a commit that was acknowledged could be gone after a power failure.
    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let file = super::File::of(folder.path().join("t.sqlite"));
        let mut writer = file.writer().await.unwrap();
        file.migrate(&mut writer).await.unwrap();
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
            sqlx::query("delete from counters")
                .execute(&file.readers())
                .await
                .is_err(),
            "readers only read"
        );
    }
}
