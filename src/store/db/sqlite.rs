//! What is SQLite's own: how it is opened. One connection writes, a few read; a reader never waits for the writer (WAL).

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::super::error::{FIRST_MIGRATION, migration};
use super::{READERS_URGENT, Statement, StoreError, patience};

/// Waits for the lock at once: a transaction that reads first could not wait for it later.
pub(in super::super) static BEGIN: Statement = Statement::new("BEGIN", "begin immediate");
pub(in super::super) static BEGIN_SNAPSHOT: Statement = Statement::new("BEGIN_SNAPSHOT", "begin");
/// The log into the file, as far as readers let it; cut where all of it went in.
pub(in super::super) const FOLD_LOG: &str = "pragma wal_checkpoint(truncate)";
/// Free pages back to the file system, some at a time.
pub(in super::super) static GIVE_BACK: Statement = Statement::new("GIVE_BACK", "pragma incremental_vacuum(2000)");

/// Everything that is wrong with the file, up to a number of faults: structure, indices, constraints.
pub(in super::super) static INTEGRITY_CHECK: Statement =
    Statement::new("INTEGRITY_CHECK", "pragma integrity_check(100)");
/// Which table or index begins at a page.
pub(in super::super) static AT_ROOT_PAGE: Statement =
    Statement::new("AT_ROOT_PAGE", "select name from sqlite_schema where rootpage = $1");

/// Table, column, type, and place in the primary key from 1 on (else 0) of every column, in order.
pub(in super::super) static COLUMNS: Statement = Statement::new(
    "COLUMNS",
    "select t.name as table_name, c.name as column_name, lower(c.type) as kind, c.pk as place from sqlite_schema as t \
    join pragma_table_info(t.name) as c where t.type = 'table' and t.name not like 'sqlite@_%' escape '@' \
    order by t.name, c.cid",
);
/// Which table refers to which.
pub(in super::super) static REFERENCES: Statement = Statement::new(
    "REFERENCES",
    "select t.name as table_name, f.\"table\" as other_name from sqlite_schema as t \
    join pragma_foreign_key_list(t.name) as f where t.type = 'table'",
);

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// The newest migration.
pub(in super::super) fn version() -> Option<i64> {
    MIGRATIONS.iter().map(|migration| migration.version).max()
}

/// Mode of a new database: only its owner has access.
const MODE: u32 = 0o600;
/// Readers: more than this many questions at once wait for one another.
const READERS: usize = 8;
/// Steps of SQLite's virtual machine, half a millisecond of them, between two looks at whether the answer is wanted.
const STEPS_UNASKED: i32 = 20_000;
/// How long a statement waits for a lock that another process holds.
pub(in super::super) const BUSY: Duration = Duration::from_secs(10);
/// Delay before opening is retried after SQLite reported the database as busy.
const AGAIN: Duration = Duration::from_millis(10);
/// Pages (4 KiB) in the log before it is folded into the database.
const CHECKPOINT_PAGES: i64 = 16_000;
/// The log's file is cut to this size, bytes, when it has been folded in.
const LOG_BYTES_MAX: i64 = 64 << 20;
/// Cache of a connection, KiB, negative as SQLite wants it. The writer's is walked through at most commits: a larger one
/// makes them slower, and what does not fit is in the system's cache.
const WRITER_CACHE: i64 = -16_384;
const READER_CACHE: i64 = -16_384;
/// Prepared statements that a connection keeps: all there are.
const STATEMENTS_KEPT: usize = 256;

/// A database file.
#[derive(Debug, Clone)]
pub(in super::super) struct File(PathBuf);

impl File {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The connection that writes, once the file is there.
    pub fn writer(&self) -> Result<Connection, StoreError> {
        let conn = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER_CACHE)?;
        // FULL: a commit is on disk when it returns. That is the promise behind every acknowledgement.
        conn.pragma_update(None, "synchronous", "full")?;
        conn.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
        conn.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_MAX, |_| Ok(()))?;
        Ok(conn)
    }

    /// A connection that reads, as long as the answer is wanted.
    pub fn reader(&self) -> Result<Connection, StoreError> {
        let conn = self.open(OpenFlags::SQLITE_OPEN_READ_ONLY, READER_CACHE)?;
        conn.progress_handler(STEPS_UNASKED, Some(patience::is_over))?;
        Ok(conn)
    }

    /// A connection to look at a file that is there, before it is known whether it may be written to: closing it leaves the
    /// log as it is.
    pub fn look(&self) -> Result<Connection, StoreError> {
        let conn = self.open(OpenFlags::SQLITE_OPEN_READ_WRITE, READER_CACHE)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(conn)
    }

    /// Whether the schema is that of this version.
    pub fn is_current(&self) -> Result<bool, StoreError> {
        let newest = "select max(version) from _sqlx_migrations";
        let found: Option<i64> = self.look()?.query_row(newest, [], |row| row.get(0))?;
        Ok(found == version())
    }

    fn open(&self, access: OpenFlags, cache: i64) -> Result<Connection, StoreError> {
        let conn = Connection::open_with_flags(&self.0, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.busy_timeout(BUSY)?;
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.pragma_update(None, "cache_size", cache)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(conn)
    }

    /// Creates the file, or brings its schema up to date. Returns the writing connection.
    pub async fn migrate(&self) -> Result<Connection, StoreError> {
        // Where others open or close the file at the same moment, SQLite may refuse at once what it else waits for.
        let given_up = Instant::now() + BUSY;
        loop {
            match self.try_migrate().await {
                Err(StoreError::Unavailable(_)) if Instant::now() < given_up => tokio::time::sleep(AGAIN).await,
                done => return done,
            }
        }
    }

    async fn try_migrate(&self) -> Result<Connection, StoreError> {
        self.make_private()?;
        let options = SqliteConnectOptions::new()
            .filename(&self.0)
            .create_if_missing(true)
            .busy_timeout(BUSY)
            .foreign_keys(true)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        let mut conn = options.connect().await?;
        if let Err(error) = Self::apply_migrations(&mut conn).await {
            let first = sqlx::query_scalar(FIRST_MIGRATION).fetch_optional(&mut conn).await;
            let first: Option<Vec<u8>> = first.unwrap_or_default();
            let path = self.0.display().to_string();
            return Err(migration(path, error, first.as_deref(), &MIGRATIONS));
        }
        // Before the other is closed: the last to close folds the log in, and holds the file meanwhile.
        let writer = self.writer()?;
        conn.close().await?;
        Ok(writer)
    }

    /// Reports say who writes to whom: the file is made for its owner alone, and taken from others where it was open to them.
    /// SQLite makes its log and what belongs to that as the file is.
    fn make_private(&self) -> Result<(), StoreError> {
        let unavailable = |error: io::Error| StoreError::Unavailable(error.into());
        match OpenOptions::new().write(true).create_new(true).mode(MODE).open(&self.0) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // SQLite says better what is wrong with the place.
            Err(_) => return Ok(()),
        }
        for ending in ["", "-wal", "-shm", "-journal"] {
            let mut path = self.0.clone().into_os_string();
            path.push(ending);
            let mode = match fs::metadata(&path) {
                Ok(about) if about.is_file() => about.permissions().mode(),
                _ => continue,
            };
            if mode & 0o077 == 0 {
                continue;
            }
            match fs::set_permissions(&path, Permissions::from_mode(mode & 0o7700)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // Another user's file that we may use: its owner decides who else may.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => tracing::warn!(
                    file = %path.display(),
                    "users other than its owner can read this file, and that cannot be changed"
                ),
                done => done.map_err(unavailable)?,
            }
        }
        Ok(())
    }

    async fn apply_migrations(conn: &mut SqliteConnection) -> Result<(), MigrateError> {
        // Another process that opens the file at the same time may apply a migration between our look and our try, or
        // write where we have just read; then it is done when we look again. Each does so once a migration at the most.
        for _ in 0..MIGRATIONS.iter().count() * STARTING_AT_ONCE_MAX {
            if MIGRATIONS.run_direct(None, conn, false).await.is_ok() {
                return Ok(());
            }
        }
        MIGRATIONS.run_direct(None, conn, false).await
    }

    /// The connections that read.
    pub fn readers(&self) -> Readers {
        Readers {
            file: self.clone(),
            permits: Arc::new(Semaphore::new(READERS)),
            urgent: Arc::new(Semaphore::new(READERS_URGENT)),
            idle: Arc::default(),
        }
    }
}

/// Processes that may open a new file at the same time.
const STARTING_AT_ONCE_MAX: usize = 16;

/// Connections that read, made when they are first needed.
#[derive(Debug, Clone)]
pub(in super::super) struct Readers {
    file: File,
    permits: Arc<Semaphore>,
    /// For callers that no long question may delay.
    urgent: Arc<Semaphore>,
    idle: Arc<Idle>,
}

type Idle = Mutex<Vec<Connection>>;

impl Readers {
    /// A connection, to be given back by dropping it; waits for one.
    pub async fn lend(&self) -> Result<Lent, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        self.lend_by(permit.map_err(|closed| StoreError::Unavailable(closed.into()))?)
    }

    /// As [`Self::lend`], for a short query: [`READERS_URGENT`] more readers are reserved for these.
    pub async fn lend_urgent(&self) -> Result<Lent, StoreError> {
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => Ok(permit),
            Err(_) => Arc::clone(&self.urgent).acquire_owned().await,
        };
        self.lend_by(permit.map_err(|closed| StoreError::Unavailable(closed.into()))?)
    }

    fn lend_by(&self, permit: OwnedSemaphorePermit) -> Result<Lent, StoreError> {
        patience::look()?;
        let idle = locked(&self.idle).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.file.reader()?,
        };
        Ok(Lent {
            conn: Some(conn),
            back_to: Arc::clone(&self.idle),
            _permit: permit,
        })
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.file.0
    }

    /// Waits for those that are lent, and closes all.
    pub async fn close(&self) {
        // An error says that another has closed them already.
        if let Ok(_all) = self.permits.acquire_many(READERS as u32).await {
            self.permits.close();
        }
        if let Ok(_all) = self.urgent.acquire_many(READERS_URGENT as u32).await {
            self.urgent.close();
        }
        locked(&self.idle).clear();
    }
}

/// A connection that is given back when it is dropped.
#[derive(Debug)]
pub(in super::super) struct Lent {
    /// Taken out when it is dropped.
    conn: Option<Connection>,
    back_to: Arc<Idle>,
    _permit: OwnedSemaphorePermit,
}

impl Deref for Lent {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn.as_ref().expect(LENT)
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Connection {
        self.conn.as_mut().expect(LENT)
    }
}

const LENT: &str = "only dropping takes it out";

impl Drop for Lent {
    fn drop(&mut self) {
        // One that is still in a transaction would see a past state ever after: it is closed instead.
        if let Some(conn) = self.conn.take().filter(Connection::is_autocommit) {
            locked(&self.back_to).push(conn);
        }
    }
}

fn locked(idle: &Idle) -> MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    /// FULL, not NORMAL: else a commit that was acknowledged could be gone after a power failure.
    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let file = super::File::new(folder.path().join("t.sqlite"));
        let writer = file.migrate().await.unwrap();
        let number = |pragma| writer.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        assert_eq!(number("synchronous").unwrap(), 2);
        assert_eq!(number("foreign_keys").unwrap(), 1);
        assert_eq!(number("auto_vacuum").unwrap(), 2, "incremental");
        let mode: String = writer
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
        let reader = file.reader().unwrap();
        assert!(reader.execute("delete from counters", []).is_err(), "readers only read");
    }

    /// Mail and readiness wait for no long question.
    #[tokio::test]
    async fn a_look_up_finds_a_reader_when_all_are_at_work() {
        let folder = tempfile::tempdir().unwrap();
        let file = super::File::new(folder.path().join("t.sqlite"));
        file.migrate().await.unwrap();
        let readers = file.readers();
        let mut at_work = Vec::new();
        for _ in 0..super::READERS {
            at_work.push(readers.lend().await.unwrap());
        }
        assert!(readers.permits.try_acquire().is_err());
        for _ in 0..3 {
            let urgent = readers.lend_urgent().await.unwrap();
            assert!(urgent.query_row("select 1", [], |_| Ok(())).is_ok());
        }
        drop(at_work);
        readers.close().await;
        assert!(readers.lend_urgent().await.is_err());
    }

    /// Else its next user would see the past.
    #[tokio::test]
    async fn a_reader_that_was_dropped_in_a_transaction_is_not_lent_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = super::File::new(folder.path().join("t.sqlite"));
        file.migrate().await.unwrap();
        let readers = file.readers();
        let lent = readers.lend().await.unwrap();
        lent.execute_batch("begin").unwrap();
        drop(lent);
        assert!(readers.lend().await.unwrap().is_autocommit());
    }
}
