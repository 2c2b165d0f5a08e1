//! A connection as the bodies of this room see it: SQL text, arguments, rows. One body serves every dialect;
//! what differs between databases stays in this folder, in `sqlite.rs` and in `postgres.rs`.

mod args;
mod bulk;
mod embedded;
mod large;
mod patience;
mod pieces;
pub(super) mod postgres;
pub(super) mod routed;
mod row;
mod rows;
mod said;
pub(super) mod schema;
pub(super) mod sqlite;
mod statement;
mod upkeep;

use futures_util::TryStreamExt as _;
use futures_util::future::join;
use rusqlite::Connection;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgPool};

use super::StoreError;
use crate::base::{DomainId, TargetId};
pub(super) use args::{Args, Kind, Value};
pub(super) use bulk::{Bulk, Column, Conflict, blob, int, text};
pub use patience::Patience;
use pieces::Piece;
pub use postgres::Connections;
pub(super) use postgres::Lock;
pub(in crate::store) use row::Row;
pub(super) use rows::BulkRow;
pub(super) use statement::Statement;

/// A connection that is held: a writer's own, or one out of the readers' pool.
#[derive(Debug)]
pub(super) enum Link {
    Sqlite(Box<Connection>),
    SqliteReader(sqlite::Lent),
    Postgres {
        conn: Box<PgConnection>,
        /// For what is to be committed apart from the writer's transaction.
        apart: PgPool,
        layout: Layout,
        /// Whether many rows are best copied ([`postgres::Server::is_copied_to`]).
        copies: bool,
        /// Whether a copy has begun and not ended.
        is_copying: bool,
    },
    PostgresReader(postgres::Lent, Layout),
}

static COMMIT: Statement = Statement::new("COMMIT", "commit");
static ROLL_BACK: Statement = Statement::new("ROLL_BACK", "rollback");

/// Where the rows of a domain are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// With all others.
    Together,
    /// On one of several servers (Citus), by the number of the domain.
    ByDomain,
}

/// The tables that are cut by `domain_id`: the first column of their primary keys.
pub(super) const DISTRIBUTED: [&str; 14] = [
    "reports",
    "evidence",
    "records",
    "daily_totals",
    "daily_sources",
    "paths",
    "daily_facets",
    "originals",
    "sender_decisions",
    "owner_changes",
    "findings",
    "tls_reports",
    "daily_tls",
    "failure_reports",
];

/// Connections that read for look-ups alone.
const READERS_URGENT: usize = 2;

/// Locks domain rows, in the order of their numbers: a transaction that holds several waits for none that waits for them.
pub(super) static HOLD: Bulk = Bulk::keyed_and(
    "HOLD",
    "domains",
    &[int("domain_id")],
    ("select domain_id from domains", " order by domain_id for no key update"),
);

/// As [`HOLD`], for targets: no commit that tells them of something is under way until the transaction ends.
pub(super) static HOLD_TARGETS: Bulk = Bulk::keyed_and(
    "HOLD_TARGETS",
    "targets",
    &[int("target_id")],
    ("select target_id from targets", " order by target_id for update"),
);

/// Keeps targets that are on from being switched off or removed. What came of attempts can be kept meanwhile.
pub(super) static SHARE_TARGETS: Bulk = Bulk::keyed_and(
    "SHARE_TARGETS",
    "targets",
    &[int("target_id")],
    (
        "select target_id from targets",
        " and active = 1 order by target_id for key share",
    ),
);

/// How a statement for many rows is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Postgres,
    /// PostgreSQL, where many rows are best copied.
    Copied,
    Routed,
}

/// A held connection, by its dialect.
enum Side<'c> {
    Sqlite(&'c mut Connection),
    Postgres(&'c mut PgConnection, Shape),
}

impl Link {
    fn side(&mut self) -> Side<'_> {
        let (conn, layout, copies): (&mut PgConnection, _, _) = match self {
            Self::Sqlite(conn) => return Side::Sqlite(conn),
            Self::SqliteReader(conn) => return Side::Sqlite(conn),
            Self::Postgres {
                conn, layout, copies, ..
            } => (conn, layout, *copies),
            Self::PostgresReader(conn, layout) => (conn, layout, false),
        };
        let shape = match layout {
            Layout::ByDomain => Shape::Routed,
            Layout::Together if copies => Shape::Copied,
            Layout::Together => Shape::Postgres,
        };
        Side::Postgres(conn, shape)
    }

    fn says_copying(&mut self, now: bool) {
        if let Self::Postgres { is_copying, .. } = self {
            *is_copying = now;
        }
    }

    /// A question to a server begins, or its answer has come.
    fn says_asking(&mut self, now: bool) -> &mut Self {
        if let Self::PostgresReader(conn, _) = self {
            conn.is_asking = now;
        }
        self
    }

    /// Sets where the rows of a domain are stored.
    pub fn lies(&mut self, of_domains: Layout) {
        if let Self::Postgres { layout, .. } = self {
            *layout = of_domains;
        }
    }

    /// Begins a transaction that writes.
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        match self.side() {
            Side::Sqlite(conn) => embedded::run(conn, &sqlite::BEGIN, &Args::default()).map(drop)?,
            Side::Postgres(conn, _) => sqlx::query(postgres::BEGIN.text).execute(conn).await.map(drop)?,
        }
        Ok(())
    }

    /// Begins a transaction that sees one state of the database. A reader that is dropped within it is closed.
    pub async fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        if let Self::PostgresReader(conn, _) = self {
            conn.close_on_drop();
        }
        match self.side() {
            Side::Sqlite(conn) => embedded::run(conn, &sqlite::BEGIN_SNAPSHOT, &Args::default()).map(drop)?,
            Side::Postgres(conn, _) => sqlx::query(postgres::BEGIN_SNAPSHOT.text)
                .execute(conn)
                .await
                .map(drop)?,
        }
        Ok(())
    }

    pub async fn commit(&mut self) -> Result<(), StoreError> {
        self.end(&COMMIT).await
    }

    /// # Errors
    /// The connection is not to be used again.
    pub async fn roll_back(&mut self) -> Result<(), StoreError> {
        if let Self::Postgres { is_copying: true, .. } = self {
            // Answers to the copy are still to come, and would be taken for those to what is said next.
            return Err(StoreError::Unavailable(sqlx::Error::PoolClosed.into()));
        }
        self.end(&ROLL_BACK).await
    }

    async fn end(&mut self, statement: &'static Statement) -> Result<(), StoreError> {
        match self.side() {
            Side::Sqlite(conn) => embedded::run(conn, statement, &Args::default()).map(drop)?,
            Side::Postgres(conn, _) => sqlx::query(statement.text).execute(conn).await.map(drop)?,
        }
        Ok(())
    }

    /// Closes the session politely.
    pub async fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(conn) => crate::apart::aside(|| conn.close().map_err(|(_, error)| error))?,
            Self::Postgres { conn, .. } => conn.close().await?,
            Self::SqliteReader(conn) => drop(conn),
            Self::PostgresReader(conn, _) => drop(conn),
        }
        Ok(())
    }
}

/// Traces that a statement runs: by its name, since its values may be secrets.
fn traced(statement: &Statement) {
    tracing::trace!(statement = statement.name, "running a statement");
}

/// Runs statements on an open connection.
pub(super) struct Conn<'c>(pub &'c mut Link);

impl Conn<'_> {
    /// Every row of the answer; only for answers that are small by their nature.
    pub async fn all(&mut self, statement: &'static Statement, args: Args) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        let gather = |row| {
            rows.push(row);
            Ok(true)
        };
        self.walk(statement, args, gather).await?;
        Ok(rows)
    }

    /// Row after row of the answer, until `each` has had enough (false).
    pub async fn walk(
        &mut self,
        statement: &'static Statement,
        args: Args,
        mut each: impl FnMut(Row) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        traced(statement);
        let done = match self.0.says_asking(true).side() {
            Side::Sqlite(conn) => embedded::walk(conn, statement, &args, each),
            Side::Postgres(conn, _) => {
                let mut rows = sqlx::query_with(statement.text, args.into_postgres()).fetch(conn);
                async {
                    while let Some(row) = rows.try_next().await? {
                        if !each(Row::postgres(row, statement))? {
                            break;
                        }
                    }
                    Ok(())
                }
                .await
            }
        };
        self.0.says_asking(false);
        done
    }

    /// The first row, if there is one.
    pub async fn first(&mut self, statement: &'static Statement, args: Args) -> Result<Option<Row>, StoreError> {
        traced(statement);
        let found = match self.0.says_asking(true).side() {
            Side::Sqlite(conn) => {
                let mut first = None;
                let keep = |row| {
                    first = Some(row);
                    Ok(false)
                };
                embedded::walk(conn, statement, &args, keep).map(|()| first)
            }
            Side::Postgres(conn, _) => {
                let row = sqlx::query_with(statement.text, args.into_postgres())
                    .fetch_optional(conn)
                    .await;
                row.map(|row| row.map(|row| Row::postgres(row, statement)))
                    .map_err(Into::into)
            }
        };
        self.0.says_asking(false);
        found
    }

    /// As [`Self::first`], but committed by itself, whatever becomes of the transaction, where other writers would
    /// wait for the row until it ends.
    pub async fn first_apart(&mut self, statement: &'static Statement, args: Args) -> Result<Option<Row>, StoreError> {
        let Link::Postgres { apart, .. } = self.0 else {
            return self.first(statement, args).await;
        };
        let mut conn = apart.acquire().await?;
        let row = sqlx::query_with(statement.text, args.into_postgres()).fetch_optional(&mut *conn);
        Ok(row.await?.map(|row| Row::postgres(row, statement)))
    }

    /// Runs a statement and returns the number of changed rows.
    pub async fn run(&mut self, statement: &'static Statement, args: Args) -> Result<u64, StoreError> {
        traced(statement);
        match self.0.side() {
            Side::Sqlite(conn) => embedded::run(conn, statement, &args),
            Side::Postgres(conn, _) => {
                let done = sqlx::query_with(statement.text, args.into_postgres()).execute(conn);
                Ok(done.await?.rows_affected())
            }
        }
    }

    /// Runs a statement for all rows, in pieces. `bind` adds the values of one row, and does so again where one is large.
    pub async fn bulk<T>(
        &mut self,
        bulk: &'static Bulk,
        rows: &[T],
        bind: impl FnMut(&mut BulkRow<'_>, &T),
    ) -> Result<(), StoreError> {
        self.bulk_counted(bulk, rows, bind).await.map(drop)
    }

    /// As [`Self::bulk`]; gives the number of rows that were changed.
    pub async fn bulk_counted<T>(
        &mut self,
        bulk: &'static Bulk,
        rows: &[T],
        mut bind: impl FnMut(&mut BulkRow<'_>, &T),
    ) -> Result<u64, StoreError> {
        let shape = match self.0.side() {
            Side::Sqlite(conn) => return embedded::bulk(conn, bulk, rows, bind).map(|(_, changed)| changed),
            Side::Postgres(_, shape) => shape,
        };
        let mut changed = 0;
        let mut rest = rows;
        while !rest.is_empty() {
            let (small, large) = large::cut(shape, bulk, &mut rest, &mut bind)?;
            changed += self.bulk_in_pieces(shape, bulk, small, &mut bind).await?;
            if let Some(row) = large {
                changed += self.put_large(bulk, row, &mut bind).await?;
            }
        }
        Ok(changed)
    }

    /// For a server, and rows without a large value.
    async fn bulk_in_pieces<T>(
        &mut self,
        shape: Shape,
        bulk: &'static Bulk,
        mut rows: &[T],
        bind: &mut impl FnMut(&mut BulkRow<'_>, &T),
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        let mut next = Piece::cut(shape, bulk, &mut rows, bind)?;
        while let Some(piece) = next {
            // The database works elsewhere: the values of the next piece are gathered meanwhile.
            let gathering = async { Piece::cut(shape, bulk, &mut rows, bind) };
            self.0.says_copying(matches!(piece, Piece::Copy(..)));
            let Side::Postgres(conn, _) = self.0.side() else { break };
            let (done, following) = join(piece.run(conn), gathering).await;
            self.0.says_copying(false);
            changed += done?;
            next = following?;
        }
        Ok(changed)
    }

    /// As [`Self::bulk`], for questions: the rows of all answers.
    pub async fn bulk_all<T>(
        &mut self,
        bulk: &'static Bulk,
        rows: &[T],
        mut bind: impl FnMut(&mut BulkRow<'_>, &T),
    ) -> Result<Vec<Row>, StoreError> {
        let (conn, shape) = match self.0.says_asking(true).side() {
            Side::Sqlite(conn) => return embedded::bulk(conn, bulk, rows, bind).map(|(answer, _)| answer),
            Side::Postgres(conn, shape) => (conn, shape),
        };
        let mut answer = Vec::new();
        let mut rest = rows;
        while let Some(piece) = Piece::cut(shape, bulk, &mut rest, &mut bind)? {
            let Piece::Statement(text, args) = piece else {
                unreachable!("nothing is copied out");
            };
            let mut found = sqlx::query_with(text, args).fetch(&mut *conn);
            while let Some(row) = found.try_next().await? {
                answer.push(Row::postgres(row, bulk.for_one()));
            }
        }
        self.0.says_asking(false);
        Ok(answer)
    }

    /// Waits until no other transaction writes for these domain rows, and keeps others waiting until this one ends.
    /// Returns those that are still there. SQLite has one writer anyway.
    pub async fn hold(&mut self, mut domains: Vec<DomainId>) -> Result<Vec<DomainId>, StoreError> {
        domains.sort_unstable();
        domains.dedup();
        if matches!(self.0.side(), Side::Sqlite(_)) {
            return Ok(domains);
        }
        let rows = self.bulk_all(&HOLD, &domains, |args, domain| args.push_int(domain.0));
        rows.await?
            .iter()
            .map(|row| row.int("domain_id").map(DomainId))
            .collect()
    }

    /// Waits until no other transaction changes this target or tells it of something, and keeps others waiting until this
    /// one ends. SQLite has one writer anyway.
    pub async fn hold_target(&mut self, target: TargetId) -> Result<(), StoreError> {
        if matches!(self.0.side(), Side::Postgres(..)) {
            self.bulk_all(&HOLD_TARGETS, &[target], |args, target| args.push_int(target.0))
                .await?;
        }
        Ok(())
    }

    /// Keeps these targets from being switched off or removed until this transaction ends. Returns those that are on.
    /// What the one writer of SQLite remembers of them is true until then.
    pub async fn share_targets(&mut self, targets: Vec<i64>) -> Result<Vec<i64>, StoreError> {
        if matches!(self.0.side(), Side::Sqlite(_)) {
            return Ok(targets);
        }
        let rows = self.bulk_all(&SHARE_TARGETS, &targets, |args, target| args.push_int(*target));
        rows.await?.iter().map(|row| row.int("target_id")).collect()
    }

    /// Waits for a lock; it is let go when the transaction ends. SQLite has one writer anyway.
    pub async fn lock(&mut self, lock: Lock) -> Result<(), StoreError> {
        if let Side::Postgres(conn, _) = self.0.side() {
            postgres::lock(conn, lock).await?;
        }
        Ok(())
    }

    pub fn is_sqlite(&mut self) -> bool {
        matches!(self.0.side(), Side::Sqlite(_))
    }

    /// How PostgreSQL would run a statement; nothing for SQLite.
    pub async fn explain(&mut self, statement: &str) -> Result<Vec<String>, StoreError> {
        match self.0.side() {
            Side::Sqlite(_) => Ok(Vec::new()),
            Side::Postgres(conn, _) => Ok(postgres::explain(conn, statement).await?),
        }
    }

    /// Keeps other transactions from writing to these tables until this one ends. SQLite has one writer anyway.
    pub async fn lock_tables(&mut self, tables: &[&str]) -> Result<(), StoreError> {
        if let Side::Postgres(conn, _) = self.0.side() {
            postgres::lock_tables(conn, tables).await?;
        }
        Ok(())
    }
}
