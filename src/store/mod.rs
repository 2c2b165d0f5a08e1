//! The database: the only room with sqlx and rusqlite.
//!
//! One connection writes (a few, on PostgreSQL), in one transaction a batch; a pool reads. A statement is a file in
//! `sql/`, valid on every database; the bodies see connections through [`db`].

mod accounts;
mod belonging;
mod bulk;
mod carried;
mod checks;
mod codec;
mod commit;
mod copy;
mod cut;
mod db;
mod distribute;
#[cfg(test)]
mod documented_tests;
mod domains;
mod doubles;
mod evidence;
mod export;
mod facets;
mod figures;
mod ips;
mod leases;
mod listed;
mod log;
mod mailboxes;
mod mark;
mod memory;
mod message;
mod moving;
mod overview;
mod patience;
mod postgres;
mod provenance;
mod records;
mod refused;
mod reports;
mod requests;
mod retention;
mod rollup;
mod room;
mod schema;
mod sessions;
mod set_aside;
mod soundness;
mod source;
mod sql;
mod sqlite;
mod stored_bytes;
mod sweep;
mod trust;
mod types;
mod verify;
mod write;

use crate::base::Millis;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

pub use bulk::bulk_statements;
pub use checks::{
    Decision, DkimKey, DomainDns, DomainFinding, DueCursor, Kept, NewDkimKey, RecordCheck, RecordFinding, RecordState,
    Standing, Suggestion,
};
pub use commit::{CommitOptions, DayQuota, FreshDomain, KeepLimits, Undecided, UndecidedCheck};
pub use copy::Copied;
pub use cut::{COUNTED_ROWS_MAX, Cut, Page, ReportPlace, Rows};
use db::{Args, Layout, Link};
pub use distribute::{Distributed, Misrouted};
pub use export::ExportedRecord;
pub use facets::{Reporter, Signature};
pub use figures::{Sender, SourceOrder, SourceQuery};
pub use ips::IpAddress;
pub use leases::Lease;
pub use listed::{ListedMax, ListedRecord, Omitted};
pub use mailboxes::{ItemState, MailboxChange, MailboxItem, MailboxMark};
pub use mark::Behind;
use mark::{IfBehind, Mark, look_behind};
pub use message::{MessageRoom, NewMessage, NewReport};
pub use overview::{DomainFigures, Latest};
pub use patience::Patience;
pub use postgres::Connections;
pub use provenance::{NOT_CONFIGURED, PeerTls, Provenance, SignatureCheck, SpfCheck, TOO_BUSY};
pub use refused::{REFUSED_DAYS, Refused, RefusedDay, RefusedMail};
pub use requests::{Begun, KEPT_REQUEST_BYTES, Memory as RequestMemory, RequestName};
pub use retention::{Purged, Retention};
use room::Room;
pub use room::{Admitted, NoRoom};
pub use sessions::SESSIONS_PER_KEY_MAX;
pub use soundness::message_digest;
pub use source::{SourcePlace, SourceRecords, SourcesRecord};
use sql::sql;
pub use stored_bytes::StoredBytes;
pub use trust::{Acceptance, AcceptedReporter, Actor, HistoryEntry, Judged, Judgement, ReportStanding, Trust};
pub use types::*;
pub use verify::{Discrepancy, Verified};
use write::{Write, Writers};

/// What went wrong in the database; what the caller can do about it decides the variant.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The thing to be made is there already.
    #[error("{0} exists already")]
    Exists(String),
    /// The database cannot be reached or written now: try again later.
    #[error("database is unavailable: {0}")]
    Unavailable(#[source] Fault),
    /// Nothing new is taken: try again later. What is there can be read.
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
    /// There can be no database there: an invalid URL, a server that is too old or set up wrongly, a database that
    /// holds what it should not.
    #[error("{what}")]
    Location { what: String },
    /// The database ends before a commit that was acknowledged. Nothing is written to it: what is missing may still be found.
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
    /// The caller does not want the answer any more ([`Patience`]).
    #[error("the question was stopped: its answer was not wanted any more")]
    GivenUp,
    /// Anything else: a fault of this program.
    #[error("database error: {0}")]
    Other(#[source] Fault),
}

/// How far the clocks of nodes may differ. What happened later than this from now happened under a clock that was ahead.
pub const CLOCKS_DIFFER_MAX: Millis = 300_000;

/// What a database's driver says.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let transient = match &error {
            sqlx::Error::Database(database) => {
                let postgres = database.try_downcast_ref::<PgDatabaseError>();
                let sqlite = database.try_downcast_ref::<SqliteError>();
                postgres.is_some_and(postgres::is_transient) || sqlite.is_some_and(sqlite::is_transient_to_migrate)
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            _ => false,
        };
        Self::of(error, transient)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) {
            return Self::GivenUp;
        }
        let transient =
            matches!(&error, rusqlite::Error::SqliteFailure(code, _) if sqlite::is_transient(code.extended_code));
        Self::of(error, transient)
    }
}

/// The checksum of the first migration of a database, for [`migration`].
const FIRST_MIGRATION: &str = "select checksum from _sqlx_migrations where version = 1";

/// What it means that the schema of the database named `path` could not be brought up to date. `first`: the checksum of
/// its first migration, if it has one.
fn migration(path: String, error: MigrateError, first: Option<&[u8]>, ours: &Migrator) -> StoreError {
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
    fn of(error: impl Into<Fault>, transient: bool) -> Self {
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

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An SQLite file.
    File(PathBuf),
    /// A `postgres://` URL.
    Server(String),
}

impl Location {
    /// Reads `sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    ///
    /// # Errors
    /// [`StoreError::Location`] for anything else.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() {
                    return Err(StoreError::Location {
                        what: "the database URL names no file behind sqlite://".to_owned(),
                    });
                }
                Ok(Self::File(path.into()))
            }
            Some(("postgres" | "postgresql", _)) => Ok(Self::Server(url.to_owned())),
            // Not the URL itself: it may hold a password.
            _ => Err(StoreError::Location {
                what: "a database URL begins with sqlite:// or postgres://".to_owned(),
            }),
        }
    }
}

/// Without user and password.
impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(url) => {
                let place = url.split(['?', '#']).next().unwrap_or_default();
                let place = place.split_once("://").map_or(place, |(_, place)| place);
                write!(f, "postgres://{}", place.rsplit('@').next().unwrap_or_default())
            }
        }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

/// The database, open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    writers: Arc<Writers>,
    readers: Readers,
    /// Of an SQLite file.
    room: Option<Arc<Room>>,
    /// The file, and what it lacks: it is only looked at.
    behind: Option<(Arc<Path>, Behind)>,
}

#[derive(Debug, Clone)]
enum Readers {
    Sqlite(sqlite::Readers),
    Postgres(postgres::Pools, Layout),
}

/// Connections that read for look-ups alone.
const READERS_URGENT: usize = 2;

impl Store {
    /// Opens a database, and creates its tables or brings them up to date. The folder of a file, or the database on a
    /// server, must exist. A path stands for an SQLite file.
    ///
    /// # Errors
    /// [`StoreError::Newer`] and [`StoreError::Outdated`] for a schema that this version does not know, [`StoreError::Location`] for a server that
    /// will not do, [`StoreError::Unavailable`] if it cannot be opened or reached or another process holds it.
    pub async fn open(location: impl Into<Location>) -> Result<Self, StoreError> {
        Self::open_with(location, Connections::default()).await
    }

    /// As [`Self::open`], with `connections` if it is on a server.
    pub async fn open_with(location: impl Into<Location>, connections: Connections) -> Result<Self, StoreError> {
        let location = location.into();
        let name = location.to_string();
        // Large, and in the future of every command.
        let store = Box::pin(Self::connect(location, connections, IfBehind::Refuse)).await?;
        store.refuse_half_a_copy(&name).await?;
        Ok(store)
    }

    /// As [`Self::open_with`], to look at what is there: a file that ends before its mark is opened, and nothing can be
    /// written to it.
    ///
    /// # Errors
    /// As there.
    pub async fn open_to_look(location: impl Into<Location>, connections: Connections) -> Result<Self, StoreError> {
        let location = location.into();
        let name = location.to_string();
        let store = Box::pin(Self::connect(location, connections, IfBehind::Look)).await?;
        store.refuse_half_a_copy(&name).await?;
        Ok(store)
    }

    /// Whether a database ends before its mark. One on a server has none.
    pub fn is_behind(location: &Location) -> Result<bool, StoreError> {
        match location {
            Location::File(path) => Ok(mark::behind(path)?.is_some()),
            Location::Server(_) => Ok(false),
        }
    }

    /// Takes an SQLite file that ends before its mark for what it is: a backup that was restored. Gives what it lacks;
    /// `None` if it lacks nothing.
    pub fn accept_restored(database: &Path) -> Result<Option<Behind>, StoreError> {
        mark::accept(database)
    }

    async fn connect(location: Location, connections: Connections, if_behind: IfBehind) -> Result<Self, StoreError> {
        let (mut room, mut mark, mut behind) = (None, None, None);
        let (source, first, readers) = match location {
            Location::File(path) => {
                room::make_room_to_open(&path);
                behind = look_behind(&path, if_behind)?.map(|behind| (Arc::from(&*path), behind));
                room = Some(Room::of(&path));
                mark = behind.is_none().then(|| Mark::of(&path));
                let file = sqlite::File::of(path);
                let writer = match behind {
                    None => file.migrate().await?,
                    Some(_) => file.look()?,
                };
                let readers = Readers::Sqlite(file.readers());
                (write::Source::Sqlite(file), Link::Sqlite(Box::new(writer)), readers)
            }
            Location::Server(url) => {
                let server = postgres::Server::of(&url, connections)?;
                let mut conn = server.writer().await?;
                server.migrate(&mut conn).await?;
                let pools = server.readers();
                let apart = pools.all.clone();
                let mut link = server.link(conn, apart.clone(), Layout::Together);
                let layout = distribute::layout(&mut db::Conn(&mut link)).await?;
                if layout == Layout::ByDomain {
                    distribute::spread_new(&mut db::Conn(&mut link)).await?;
                }
                link.lies(layout);
                let readers = Readers::Postgres(pools, layout);
                (write::Source::Postgres(Box::new(server), apart, layout), link, readers)
            }
        };
        Ok(Self {
            writers: Arc::new(Writers::new(source, first, mark)),
            readers,
            room,
            behind,
        })
    }

    /// How many transactions of batches are best under way at once; half of the writers are left to others.
    pub fn writers_at_once(&self) -> usize {
        match &self.readers {
            Readers::Sqlite(_) => 1,
            Readers::Postgres(..) => (self.writers.count() / 2).max(1),
        }
    }

    /// Whether the database runs in this process, and on the thread that asks.
    pub fn is_embedded(&self) -> bool {
        matches!(self.readers, Readers::Sqlite(_))
    }

    /// Whether the database is there.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut conn = self.read_urgent().await?;
        db::Conn(&mut conn)
            .first(sql!("counter_read"), Args::default().text("report"))
            .await?;
        Ok(())
    }

    /// Waits for what is being written and closes.
    pub async fn close(&self) {
        // Readers before writers: only a connection that may write can fold SQLite's log into the file as the last one to
        // close. But what is being written may still need a reader.
        self.writers.stop().await;
        self.room.iter().for_each(|room| room.close());
        match &self.readers {
            Readers::Sqlite(readers) => readers.close().await,
            Readers::Postgres(readers, _) => readers.close().await,
        }
        self.writers.close().await;
    }

    fn layout(&self) -> Layout {
        match self.readers {
            Readers::Sqlite(_) => Layout::Together,
            Readers::Postgres(_, layout) => layout,
        }
    }

    async fn read(&self) -> Result<Link, StoreError> {
        // SQLite never waits: a loop of statements would otherwise keep its thread from all other tasks.
        tokio::task::coop::consume_budget().await;
        Ok(match &self.readers {
            Readers::Sqlite(readers) => Link::SqliteReader(readers.lend().await?),
            Readers::Postgres(readers, layout) => Link::PostgresReader(readers.all.acquire().await?.into(), *layout),
        })
    }

    /// As [`Self::read`], for a look-up that mail, readiness or a session waits for: [`READERS_URGENT`] connections are
    /// for these alone, so that no long question keeps them waiting.
    async fn read_urgent(&self) -> Result<Link, StoreError> {
        tokio::task::coop::consume_budget().await;
        Ok(match &self.readers {
            Readers::Sqlite(readers) => Link::SqliteReader(readers.lend_urgent().await?),
            Readers::Postgres(readers, layout) => Link::PostgresReader(readers.lend_urgent().await?, *layout),
        })
    }

    /// Begins a write transaction; waits for a writer.
    async fn write(&self) -> Result<Write, StoreError> {
        tokio::task::coop::consume_budget().await;
        if let Some((path, behind)) = &self.behind {
            let (path, behind) = (path.display().to_string(), *behind);
            return Err(StoreError::Behind { path, behind });
        }
        self.room.as_ref().map_or(Ok(()), |room| room.has_log())?;
        self.writers.begin().await
    }
}
