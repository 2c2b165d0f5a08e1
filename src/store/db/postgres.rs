//! What is PostgreSQL's own: how it is reached, what its faults mean, and locks between writers on several nodes.

use std::ops::{Deref, DerefMut};
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Postgres, Row as _};

use super::super::error::{FIRST_MIGRATION, migration};
use super::{Layout, Link, READERS_URGENT, Statement, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// The newest migration.
pub(in super::super) fn version() -> Option<i64> {
    MIGRATIONS.iter().map(|migration| migration.version).max()
}

/// Connections of one node to a server. Those of all nodes together must be fewer than its `max_connections`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Transactions that write at the same time; at least 1.
    pub writers: u32,
    /// Questions at the same time; more wait. At least 2, for a writer may need one.
    pub readers: u32,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            writers: 4,
            readers: 16,
        }
    }
}

/// The oldest server that has what is needed.
const VERSION_MIN: i32 = 150_000;
/// How long a new connection is waited for, and how long one to read with: the caller learns soon that it must try
/// again.
const CONNECT_MAX: Duration = Duration::from_secs(10);
const READER_MAX: Duration = Duration::from_secs(3);

/// Each statement sees what was committed before it, so that what is read behind a lock is what its last holder left.
pub(in super::super) static BEGIN: Statement = Statement::new("BEGIN", "begin isolation level read committed");
/// The server looks once a second whether its client is still there; otherwise it goes on with an abandoned question.
const LOOKS_WHO_IS_THERE: &str = "set client_connection_check_interval = '1s'";
pub(in super::super) static BEGIN_SNAPSHOT: Statement =
    Statement::new("BEGIN_SNAPSHOT", "begin isolation level repeatable read read only");
/// Table, column, type, and place in the primary key from 1 on (else 0) of every column, in order.
pub(in super::super) static COLUMNS: Statement = Statement::new(
    "COLUMNS",
    "select t.relname::text as table_name, c.attname::text as column_name, format_type(c.atttypid, null) as kind, \
    coalesce(array_position(k.indkey::int2[], c.attnum) + 1, 0)::bigint as place \
    from pg_class as t join pg_attribute as c on c.attrelid = t.oid and c.attnum > 0 and not c.attisdropped \
    left join pg_index as k on k.indrelid = t.oid and k.indisprimary \
    where t.relkind = 'r' and t.relnamespace = current_schema()::regnamespace order by 1, c.attnum",
);
/// Which table refers to which.
pub(in super::super) static REFERENCES: Statement = Statement::new(
    "REFERENCES",
    "select t.relname::text as table_name, f.relname::text as other_name from pg_constraint as r \
    join pg_class as t on t.oid = r.conrelid join pg_class as f on f.oid = r.confrelid \
    where r.contype = 'f' and t.relnamespace = current_schema()::regnamespace",
);

/// Citus: is it in this database? Its catalogue is found by any search path.
pub(in super::super) static HAS_CITUS: Statement = Statement::new(
    "HAS_CITUS",
    "select (to_regclass('pg_dist_partition') is not null)::int::bigint as found",
);
/// The tables of this schema that it spreads by a column, and the group whose places each shares.
pub(in super::super) static SPREAD: Statement = Statement::new(
    "SPREAD",
    "select c.relname::text as table_name, p.colocationid::bigint as place from pg_dist_partition as p \
    join pg_class as c on c.oid = p.logicalrelid \
    where p.partmethod = 'h' and c.relnamespace = current_schema()::regnamespace order by 1",
);
pub(in super::super) static DISTRIBUTE: Statement = Statement::new(
    "DISTRIBUTE",
    "select create_distributed_table($1::text::regclass, 'domain_id', colocate_with => $2)::text",
);
pub(in super::super) static DROP_LEFT_BEHIND: Statement = Statement::new(
    "DROP_LEFT_BEHIND",
    "select truncate_local_data_after_distributing_table($1::text::regclass)::text",
);

/// Settings of every connection, unless the URL has them (`?options[lock_timeout]=5s`).
const SETTINGS: [(&str, &str); 7] = [
    // The lists in statements are of very different lengths, and tables grow from nothing: plans are not kept.
    ("plan_cache_mode", "force_custom_plan"),
    // Whatever the role or the database has: it would hit commits as well, and a commit that was cut off while it waited
    // for a standby is reported as done.
    ("statement_timeout", "0"),
    // For a lock of another writer.
    ("lock_timeout", "30s"),
    // A node that stops within a transaction lets go of its locks before those who wait for them give up.
    ("idle_in_transaction_session_timeout", "20s"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
];

/// How a server is reached.
#[derive(Debug)]
pub(in super::super) struct Server {
    options: PgConnectOptions,
    connections: Connections,
    /// Without the password.
    name: String,
}

impl Server {
    /// Reads a `postgres://` URL.
    pub fn from_url(url: &str, connections: Connections) -> Result<Self, StoreError> {
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
        Ok(Self {
            options,
            connections: Connections {
                writers: connections.writers.max(1),
                readers: connections.readers.max(2),
            },
            name,
        })
    }

    /// How many write at once.
    pub fn writers_max(&self) -> u32 {
        self.connections.writers
    }

    /// A connection that writes.
    pub async fn writer(&self) -> Result<PgConnection, StoreError> {
        match tokio::time::timeout(CONNECT_MAX, self.options.connect()).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut.into())),
        }
    }

    /// A connection that writes, as the bodies of this room see it.
    pub fn link(&self, conn: PgConnection, apart: PgPool, layout: Layout) -> Link {
        Link::Postgres {
            conn: Box::new(conn),
            apart,
            layout,
            copies: self.is_copied_to(),
            is_copying: false,
        }
    }

    /// Whether many rows are best copied: it takes the server three fifths of the time of an `insert` from arrays. Through
    /// its socket only: over TCP the end of the data waits until the server has confirmed what came before (the driver
    /// leaves Nagle's algorithm on), which it does after 40 ms.
    fn is_copied_to(&self) -> bool {
        self.options.get_socket().is_some() || self.options.get_host().starts_with('/')
    }

    /// Looks whether the server will do, and brings the schema up to date.
    pub async fn migrate(&self, conn: &mut PgConnection) -> Result<(), StoreError> {
        let question = "select current_setting('server_version_num')::int, current_setting('server_version'), \
            current_setting('server_encoding'), current_setting('synchronous_commit'), \
            current_setting('statement_timeout'), current_setting('fsync')";
        let row = sqlx::query(question).fetch_one(&mut *conn).await?;
        let settings = Settings {
            version: row.try_get(0)?,
            version_text: row.try_get(1)?,
            encoding: row.try_get(2)?,
            synchronous_commit: row.try_get(3)?,
            statement_timeout: row.try_get(4)?,
        };
        if let Some(what) = settings.refused() {
            let what = format!("{} {what}", self.name);
            return Err(StoreError::Location { what });
        }
        if row.try_get::<String, _>(5)? == "off" {
            tracing::warn!(database = %self.name, "fsync is off: a power failure may lose the whole database");
        }
        if let Err(error) = MIGRATIONS.run_direct(None, &mut *conn, false).await {
            let first = sqlx::query_scalar(FIRST_MIGRATION).fetch_optional(conn).await;
            let first: Option<Vec<u8>> = first.unwrap_or_default();
            return Err(migration(self.name.clone(), error, first.as_deref(), &MIGRATIONS));
        }
        Ok(())
    }

    /// The connections that read.
    pub fn readers(&self) -> Pools {
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(READER_MAX)
                .after_connect(|conn, _| {
                    Box::pin(async move {
                        // A server on a system that cannot tell refuses this, and works on without a client.
                        let _ = sqlx::query(LOOKS_WHO_IS_THERE).execute(conn).await;
                        Ok(())
                    })
                })
                .connect_lazy_with(self.options.clone())
        };
        let urgent = READERS_URGENT as u32;
        Pools {
            all: pool(self.connections.readers.saturating_sub(urgent).max(2)),
            urgent: pool(urgent),
        }
    }
}

/// Connections that read.
#[derive(Debug, Clone)]
pub(in super::super) struct Pools {
    pub all: PgPool,
    /// For callers that no long question may delay.
    pub urgent: PgPool,
}

impl Pools {
    /// A connection for a caller that no long question may delay: one that is idle, else one of the urgent ones.
    pub async fn lend_urgent(&self) -> Result<Lent, StoreError> {
        if let Some(mut idle) = self.all.try_acquire() {
            // Unlike `acquire`, that does not ask whether the server is still there.
            match idle.ping().await {
                Ok(()) => return Ok(idle.into()),
                Err(_) => idle.close_on_drop(),
            }
        }
        Ok(self.urgent.acquire().await?.into())
    }

    /// Waits for those that are lent, and closes all.
    pub async fn close(&self) {
        self.all.close().await;
        self.urgent.close().await;
    }
}

/// A connection out of a pool. One that is dropped while the server still works on a question is closed: the server sees
/// that (`client_connection_check_interval`), and the next user would have to wait for it.
#[derive(Debug)]
pub(in super::super) struct Lent {
    conn: PoolConnection<Postgres>,
    /// Whether the answer to a query is outstanding.
    pub is_asking: bool,
}

impl From<PoolConnection<Postgres>> for Lent {
    fn from(conn: PoolConnection<Postgres>) -> Self {
        Self { conn, is_asking: false }
    }
}

impl Deref for Lent {
    type Target = PoolConnection<Postgres>;

    fn deref(&self) -> &Self::Target {
        &self.conn
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.conn
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.is_asking {
            self.conn.close_on_drop();
        }
    }
}

/// What a server must be like.
struct Settings {
    version: i32,
    version_text: String,
    encoding: String,
    synchronous_commit: String,
    statement_timeout: String,
}

impl Settings {
    /// Why the server will not do, if it will not.
    fn refused(&self) -> Option<String> {
        if self.version < VERSION_MIN {
            return Some(format!("is PostgreSQL {}: 15 or newer is needed", self.version_text));
        }
        if self.encoding != "UTF8" {
            return Some(format!("has the encoding {}: UTF8 is needed", self.encoding));
        }
        // The promise behind every acknowledgement is that it is on disk.
        if self.synchronous_commit == "off" {
            let what = "has synchronous_commit = off: reports would be acknowledged before they are on disk";
            return Some(what.to_owned());
        }
        let timeout = &self.statement_timeout;
        (timeout != "0").then(|| format!("has statement_timeout = {timeout}: it would cut commits off, too"))
    }
}

/// What only one transaction may do at a time, where there are several writers. Held until the transaction ends.
/// A transaction that needs more than one of these and of [`super::Conn::hold`] takes them in this order: names, domains,
/// messages set aside, targets; and the counters of `domains_changed` and `targets_changed` after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Lock {
    /// Adding domains on sight.
    Names,
    /// Setting messages aside: many at a time, and none that takes some away.
    SetAside,
    /// Taking messages away that were set aside.
    SetAsideAlone,
    /// Adding targets, whose number is limited.
    Targets,
}

/// The first of the two numbers of an advisory lock: so that those of other programs are not met.
const LOCKS: i32 = 0x7a11_9c4b_u32 as i32;

/// Waits for a lock that lasts until the transaction ends.
pub(in super::super) async fn lock(conn: &mut PgConnection, lock: Lock) -> Result<(), sqlx::Error> {
    let (statement, number) = match lock {
        Lock::Names => ("select pg_advisory_xact_lock($1, $2)", 1),
        Lock::SetAside => ("select pg_advisory_xact_lock_shared($1, $2)", 2),
        Lock::SetAsideAlone => ("select pg_advisory_xact_lock($1, $2)", 2),
        Lock::Targets => ("select pg_advisory_xact_lock($1, $2)", 3),
    };
    let waiting = sqlx::query(statement).bind(LOCKS).bind(number).execute(conn);
    waiting.await.map(drop)
}

/// Keeps others from writing to these tables until the transaction ends, however long it is idle meanwhile.
pub(in super::super) async fn lock_tables(conn: &mut PgConnection, tables: &[&str]) -> Result<(), sqlx::Error> {
    let patience = "set local idle_in_transaction_session_timeout = 0";
    sqlx::query(patience).execute(&mut *conn).await?;
    let statement = format!("lock table {} in share mode", tables.join(", "));
    sqlx::query(AssertSqlSafe(statement)).execute(conn).await.map(drop)
}

/// The plan of a statement, line by line, with some value for each placeholder.
pub(in super::super) async fn explain(conn: &mut PgConnection, statement: &str) -> Result<Vec<String>, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(format!("prepare explained as {statement}")))
        .execute(&mut *conn)
        .await?;
    let types = "select unnest(parameter_types)::text from pg_prepared_statements where name = 'explained'";
    let types: Vec<String> = sqlx::query_scalar(types).fetch_all(&mut *conn).await?;
    let values = types.iter().map(|name| {
        let value = match name.as_str() {
            "bytea" => "\\x00",
            "bytea[]" => "{\"\\\\x00\"}",
            "bigint[]" => "{1}",
            "text" => "",
            _ => "1",
        };
        format!("'{value}'::{name}")
    });
    let values = values.collect::<Vec<_>>().join(", ");
    let explain = AssertSqlSafe(format!("explain (costs off) execute explained({values})"));
    let lines: Vec<String> = sqlx::raw_sql(explain)
        .fetch_all(&mut *conn)
        .await?
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    sqlx::raw_sql("deallocate explained").execute(conn).await?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_or_careless_is_refused() {
        let good = || Settings {
            version: 150_000,
            version_text: "15.0".to_owned(),
            encoding: "UTF8".to_owned(),
            synchronous_commit: "on".to_owned(),
            statement_timeout: "0".to_owned(),
        };
        assert_eq!(good().refused(), None);
        let old = Settings {
            version: 140_023,
            version_text: "14.23".to_owned(),
            ..good()
        };
        assert_eq!(old.refused().unwrap(), "is PostgreSQL 14.23: 15 or newer is needed");
        let latin = Settings {
            encoding: "LATIN1".to_owned(),
            ..good()
        };
        assert!(latin.refused().unwrap().contains("LATIN1"));
        for kept in ["local", "remote_write", "remote_apply"] {
            let settings = Settings {
                synchronous_commit: kept.to_owned(),
                ..good()
            };
            assert_eq!(settings.refused(), None);
        }
    }
}
