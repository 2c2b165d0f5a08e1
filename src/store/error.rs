//! What goes wrong in a database.

use sqlx::error::DatabaseError as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

/// SQLite's primary result codes for a database that is busy, locked, read-only, full or out of reach.
const TRANSIENT: [i32; 6] = [5, 6, 8, 10, 13, 14];

/// An error of the database. Its variant is what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object exists already.
    #[error("{0} exists already")]
    Exists(String),
    /// The database cannot be reached or written now: try again later.
    #[error("database is unavailable: {0}")]
    Unavailable(#[source] Fault),
    /// Nothing new is accepted: try again later. Existing data can be read.
    #[error(transparent)]
    Full(#[from] NoRoom),
    /// The database's schema was made by a newer version of this program.
    #[error("database {path} was made by a newer version: upgrade this program")]
    Newer { path: String },
    /// The database was made before the first release, with another schema.
    #[error(
        "database {path} was made before the first release, and its schema is not read any more (commit 77e0936 is the last \
         that reads it). Name a new database and import the reports again; docs/operating.md, \"Upgrade\", shows how to \
         take their originals out of this one"
    )]
    Outdated { path: String },
    /// The location cannot hold a database: an invalid URL, a server that is too old or set up wrongly, or a database
    /// with foreign contents.
    #[error("{what}")]
    Location { what: String },
    /// The database ends before a commit that was acknowledged. Nothing is written to it, because the missing part
    /// may still be found.
    #[error(
        "database {path} has lost what was stored last: it ends with commit {}, and commit {} was acknowledged. Its log \
         (-wal) is missing or was cut off, or an older copy of it is in its place. Nothing is written to it. Put the log back \
         if it is still there, or restore the newest backup; if it is meant to be as it is, accept it with \
         `tallymark admin restored`", behind.stored, behind.acknowledged
    )]
    Behind { path: String, behind: Behind },
    /// A stored value cannot be read: the file was changed from outside or is damaged.
    #[error("{table} {row}: {what}")]
    Damaged {
        table: &'static str,
        row: String,
        what: String,
    },
    /// The caller does not want the answer any more ([`super::Patience`]).
    #[error("the query was stopped: its answer was no longer wanted")]
    GivenUp,
    /// Anything else: a fault of this program.
    #[error("database error: {0}")]
    Other(#[source] Fault),
}

/// There is too little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the disk is nearly full: {free} bytes are free, and {needed} are needed to be safe; free some of it")]
pub struct NoRoom {
    pub free: u64,
    pub needed: u64,
}

/// A database that ends before its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// The last commit that was acknowledged, as far as the mark knows.
    pub acknowledged: u64,
    /// The last commit that the database has.
    pub stored: u64,
}

impl Behind {
    /// Commits that are missing, at least.
    pub fn lost(self) -> u64 {
        self.acknowledged.saturating_sub(self.stored)
    }
}

/// The error of a database driver.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let transient = match &error {
            sqlx::Error::Database(database) => {
                let postgres = database.try_downcast_ref::<PgDatabaseError>();
                let sqlite = database.try_downcast_ref::<SqliteError>();
                postgres.is_some_and(is_transient_on_postgres) || sqlite.is_some_and(is_transient_to_migrate)
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            _ => false,
        };
        Self::from_fault(error, transient)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) {
            return Self::GivenUp;
        }
        let transient = matches!(&error, rusqlite::Error::SqliteFailure(code, _) if is_transient(code.extended_code));
        Self::from_fault(error, transient)
    }
}

/// The checksum of the first migration of a database, for [`migration`].
pub(super) const FIRST_MIGRATION: &str = "select checksum from _sqlx_migrations where version = 1";

/// The error for a database `path` whose schema could not be brought up to date. `first` is the checksum of its first
/// migration, if it has one.
pub(super) fn migration(path: String, error: MigrateError, first: Option<&[u8]>, ours: &Migrator) -> StoreError {
    let is_other = |first: &[u8]| ours.iter().all(|ours| *ours.checksum != *first);
    match error {
        MigrateError::VersionMismatch(_) | MigrateError::VersionMissing(_) if first.is_some_and(is_other) => {
            StoreError::Outdated { path }
        }
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => StoreError::Newer { path },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => StoreError::from(error),
        other => StoreError::Other(Box::new(other)),
    }
}

impl StoreError {
    fn from_fault(error: impl Into<Fault>, transient: bool) -> Self {
        if transient {
            Self::Unavailable(error.into())
        } else {
            Self::Other(error.into())
        }
    }

    pub(crate) fn damaged(table: &'static str, row: impl std::fmt::Display, what: &str) -> Self {
        Self::Damaged {
            table,
            row: row.to_string(),
            what: what.to_owned(),
        }
    }
}

/// Whether the same may succeed later: <https://www.postgresql.org/docs/15/errcodes-appendix.html>
fn is_transient_on_postgres(error: &PgDatabaseError) -> bool {
    let code = error.code();
    // Connection lost; not let in, or no such database (what a name points to after a failover may not be ready for us);
    // transaction undone for others' sake; disk full, out of memory, too many connections; an operator or a restart; the
    // server's own disk.
    let classes = ["08", "28", "3D", "40", "53", "57", "58"];
    // Written to a standby; a lock not had in time; the session ended for being idle.
    let codes = ["25006", "55P03", "25P03"];
    classes.contains(&code.get(..2).unwrap_or_default()) || codes.contains(&code)
}

/// Whether the same may succeed later.
fn is_transient(code: i32) -> bool {
    // Extended codes carry the primary one in their low byte.
    TRANSIENT.contains(&(code & 0xff))
}

/// As [`is_transient`], for what the migrations meet.
fn is_transient_to_migrate(error: &SqliteError) -> bool {
    let code = error.code().and_then(|code| code.parse().ok());
    code.is_some_and(is_transient)
}
