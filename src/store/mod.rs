//! The database: the only room with sqlx.
//!
//! One connection writes, in one transaction a batch; a pool reads. A statement is a file in `sql/`, valid on every
//! database; the bodies see connections through [`db`].

mod accounts;
mod codec;
mod commit;
mod db;
mod domains;
mod evidence;
mod export;
mod figures;
mod message;
mod reports;
mod retention;
mod rollup;
mod set_aside;
mod sql;
mod sqlite;
mod types;
mod verify;
mod writer;

use std::path::Path;
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection as _, Sqlite};
use tokio::sync::{Mutex, MutexGuard};

pub use commit::{CommitOptions, FreshDomain};
use db::Args;
pub use message::{NewMessage, NewReport};
pub use retention::{Purged, Retention};
use sql::sql;
pub use types::*;
use writer::Memory;

/// What went wrong in the database; what the caller can do about it decides the variant.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The thing to be made is there already.
    #[error("{0} exists already")]
    Exists(String),
    /// The database cannot be reached or written now: try again later.
    #[error("database is unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The database's schema was made by a newer version of this program.
    #[error("database {path} was made by a newer version: upgrade this program")]
    Newer { path: String },
    /// A stored value cannot be read: the file was changed from outside or is damaged.
    #[error("{table} {row}: {what}")]
    Damaged {
        table: &'static str,
        row: String,
        what: String,
    },
    /// Anything else: a fault of this program.
    #[error("database error: {0}")]
    Other(#[source] sqlx::Error),
}

/// SQLite's primary result codes for a database that is busy, locked, read-only, full or out of reach.
const TRANSIENT: [&str; 6] = ["5", "6", "8", "10", "13", "14"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let transient = match &error {
            sqlx::Error::Database(database) => {
                // Extended codes carry the primary one in their low byte.
                let code = database
                    .code()
                    .and_then(|code| code.parse::<u32>().ok())
                    .unwrap_or_default()
                    & 0xff;
                TRANSIENT.contains(&code.to_string().as_str())
            }
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                true
            }
            _ => false,
        };
        if transient {
            Self::Unavailable(error)
        } else {
            Self::Other(error)
        }
    }
}

impl StoreError {
    pub(crate) fn damaged(table: &'static str, row: impl std::fmt::Display, what: &str) -> Self {
        Self::Damaged {
            table,
            row: row.to_string(),
            what: what.to_owned(),
        }
    }
}

/// The database, open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None` once closed.
    writer: Mutex<Option<Writer>>,
    readers: SqlitePool,
}

#[derive(Debug)]
struct Writer {
    conn: SqliteConnection,
    memory: Memory,
    /// A transaction was begun and neither committed nor rolled back: its future was dropped.
    open: bool,
}

/// A write transaction. Dropped without [`Write::commit`], nothing of it stays.
struct Write<'s> {
    guard: MutexGuard<'s, Option<Writer>>,
}

impl Store {
    /// Opens a database file, and creates or migrates it. The folder must exist.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a schema that this version does not know, [`StoreError::Unavailable`] if the file
    /// cannot be opened or another process holds it.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let (conn, readers) = sqlite::open(path).await?;
        let writer = Writer {
            conn,
            memory: Memory::default(),
            open: false,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                writer: Mutex::new(Some(writer)),
                readers,
            }),
        })
    }

    /// Is the database there?
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut conn = self.read().await?;
        db::Conn(&mut conn)
            .first(sql!("counter_read"), Args::default().text("report"))
            .await?;
        Ok(())
    }

    /// Waits for what is being written and closes.
    pub async fn close(&self) {
        // Readers first: only a connection that may write can fold the log into the file as the last one to close.
        self.inner.readers.close().await;
        if let Some(writer) = self.inner.writer.lock().await.take()
            && let Err(error) = writer.conn.close().await
        {
            tracing::warn!(%error, "database did not close cleanly; it recovers when it is opened again");
        }
    }

    async fn read(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.inner.readers.acquire().await?)
    }

    /// Begins a write transaction; waits for the one before.
    async fn write(&self) -> Result<Write<'_>, StoreError> {
        let mut guard = self.inner.writer.lock().await;
        let writer = guard.as_mut().ok_or(StoreError::Unavailable(sqlx::Error::PoolClosed))?;
        if writer.open {
            writer.memory.forget();
            // Nothing to roll back is no fault: the commit may have been on its way.
            let _ = sqlx::query("rollback").execute(&mut writer.conn).await;
        }
        writer.open = true;
        if let Err(error) = sqlx::query("begin immediate").execute(&mut writer.conn).await {
            writer.open = false;
            return Err(error.into());
        }
        Ok(Write { guard })
    }
}

impl Write<'_> {
    /// The connection and what the writer remembers.
    fn parts(&mut self) -> (db::Conn<'_>, &mut Memory) {
        let writer = self
            .guard
            .as_mut()
            .expect("Store::write found it open, and the lock has been held since");
        (db::Conn(&mut writer.conn), &mut writer.memory)
    }

    /// Makes it durable. After an error nothing of it is in the database, or all (a lost answer); never a part.
    async fn commit(mut self) -> Result<(), StoreError> {
        let writer = self
            .guard
            .as_mut()
            .expect("Store::write found it open, and the lock has been held since");
        sqlx::query("commit").execute(&mut writer.conn).await?;
        writer.open = false;
        Ok(())
    }
}
