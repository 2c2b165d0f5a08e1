//! What is PostgreSQL's own: how it is reached, what its faults mean, and locks between writers on several nodes.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Row as _};

use super::StoreError;
use super::db::Lock;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Writers and readers of one node: `(WRITERS + READERS)` times the nodes must be less than `max_connections`.
pub(super) const WRITERS: u32 = 4;
const READERS: u32 = 16;
/// The oldest server that has what is needed.
const VERSION_MIN: i32 = 150_000;
/// How long a new connection is waited for, and how long one to read with: whoever asks is told soon that it is to come
/// again.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const READER_MAX: Duration = Duration::from_secs(3);

/// Each statement sees what was committed before it, so that what is read behind a lock is what its last holder left.
pub(super) const BEGIN: &str = "begin isolation level read committed";
pub(super) const BEGIN_SNAPSHOT: &str = "begin isolation level repeatable read read only";
/// Locks domain rows, in the order of their numbers: whoever holds several waits for no one who waits for them.
pub(super) const HOLD: &str = "select domain_id from domains where domain_id in (values ($1)) \
    order by domain_id for no key update";

/// Settings of every connection, unless the URL has them (`?options[lock_timeout]=5s`).
const SETTINGS: [(&str, &str); 6] = [
    // The lists in statements are of very different lengths, and tables grow from nothing: plans are not kept.
    ("plan_cache_mode", "force_custom_plan"),
    // For a lock of another writer. There is no time-out for statements: it would hit commits as well.
    ("lock_timeout", "30s"),
    // A node that stops within a transaction lets go of its locks before those who wait for them give up.
    ("idle_in_transaction_session_timeout", "20s"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
];

/// How a server is reached.
#[derive(Debug)]
pub(super) struct Server {
    options: PgConnectOptions,
    /// Without the password.
    name: String,
}

impl Server {
    /// Reads a `postgres://` URL.
    pub fn of(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(|error| StoreError::Location {
            what: format!("the database URL cannot be read: {error}"),
        })?;
        let name = format!(
            "postgres://{}:{}/{}",
            options.get_host(),
            options.get_port(),
            options.get_database().unwrap_or_else(|| options.get_username())
        );
        // What the URL itself sets is the operator's decision.
        let set = options.get_options().unwrap_or_default().to_owned();
        let settings = SETTINGS.into_iter().filter(|(name, _)| !set.contains(name));
        let options = options
            .application_name("tallymark")
            .options(settings)
            .statement_cache_capacity(256)
            .disable_statement_logging();
        Ok(Self { options, name })
    }

    /// A connection that writes.
    pub async fn writer(&self) -> Result<PgConnection, StoreError> {
        match tokio::time::timeout(CONNECT_MAX, self.options.connect()).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)),
        }
    }

    /// Looks whether the server will do, and brings the schema up to date.
    pub async fn migrate(&self, conn: &mut PgConnection) -> Result<(), StoreError> {
        let question = "select current_setting('server_version_num')::int, current_setting('server_version'), \
            current_setting('server_encoding'), current_setting('synchronous_commit'), current_setting('fsync')";
        let row = sqlx::query(question).fetch_one(&mut *conn).await?;
        let refuse = |what: String| Err(StoreError::Location { what });
        if row.try_get::<i32, _>(0)? < VERSION_MIN {
            let version: String = row.try_get(1)?;
            return refuse(format!("{} is PostgreSQL {version}: 15 or newer is needed", self.name));
        }
        let encoding: String = row.try_get(2)?;
        if encoding != "UTF8" {
            return refuse(format!("{} has the encoding {encoding}: UTF8 is needed", self.name));
        }
        let synchronous: String = row.try_get(3)?;
        if synchronous == "off" {
            // The promise behind every acknowledgement is that it is on disk.
            return refuse(format!(
                "{} has synchronous_commit = off: reports would be acknowledged before they are on disk",
                self.name
            ));
        }
        if row.try_get::<String, _>(4)? == "off" {
            tracing::warn!(database = %self.name, "fsync is off: a power failure may lose the whole database");
        }
        let migrated = MIGRATIONS.run_direct(None, conn, false).await;
        migrated.map_err(|error| super::migration(self.name.clone(), error))
    }

    /// The connections that read.
    pub fn readers(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(READER_MAX)
            .connect_lazy_with(self.options.clone())
    }
}

/// The first of the two numbers of an advisory lock: so that nobody else's are met.
const LOCKS: i32 = 0x7a11_9c4b_u32 as i32;

/// Waits for a lock that lasts until the transaction ends.
pub(super) async fn lock(conn: &mut PgConnection, lock: Lock) -> Result<(), sqlx::Error> {
    let (statement, number) = match lock {
        Lock::Names => ("select pg_advisory_xact_lock($1, $2)", 1),
        Lock::SetAside => ("select pg_advisory_xact_lock_shared($1, $2)", 2),
        Lock::SetAsideAlone => ("select pg_advisory_xact_lock($1, $2)", 2),
    };
    let waiting = sqlx::query(statement).bind(LOCKS).bind(number).execute(conn);
    waiting.await.map(drop)
}

/// May the same succeed later? <https://www.postgresql.org/docs/15/errcodes-appendix.html>
pub(super) fn is_transient(error: &PgDatabaseError) -> bool {
    let code = error.code();
    // Connection lost; transaction undone for others' sake; disk full, out of memory, too many connections; an operator
    // or a restart; the server's own disk.
    let classes = ["08", "40", "53", "57", "58"];
    // Written to a standby; a lock not had in time; the session ended for being idle.
    let codes = ["25006", "55P03", "25P03"];
    classes.contains(&code.get(..2).unwrap_or_default()) || codes.contains(&code)
}
