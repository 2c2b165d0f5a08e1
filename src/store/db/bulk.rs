//! One statement for many rows. SQLite gets the `values` tuple repeated; PostgreSQL gets each column as one array, so
//! that its statement is the same for any number of rows; where that has to be sent on, see `routed.rs`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::{Args, Shape, Side, routed};

/// Rows that one statement takes, with their values.
pub(super) enum Piece {
    Sqlite(SqlStr, SqliteArguments),
    Postgres(SqlStr, PgArguments),
}

impl Piece {
    /// The first piece of `rows`, which is taken from it; `None` if there are none.
    pub fn cut<T>(
        shape: Shape,
        sql: &'static str,
        rows: &mut &[T],
        bind: &mut impl FnMut(&mut Args, &T),
    ) -> Option<Self> {
        if rows.is_empty() {
            return None;
        }
        Some(match shape {
            Shape::Sqlite => {
                let (text, args) = Expanded::fill(sql, rows, bind);
                Self::Sqlite(AssertSqlSafe(text).into_sql_str(), args)
            }
            Shape::Routed if routed::is_by_domain(sql) => {
                let (text, args) = routed::fill(sql, rows, bind);
                Self::Postgres(AssertSqlSafe(text).into_sql_str(), args)
            }
            Shape::Postgres | Shape::Routed => {
                let (text, args) = Unnested::fill(sql, rows, bind);
                Self::Postgres(AssertSqlSafe(text).into_sql_str(), args)
            }
        })
    }

    /// Runs it on the connection that it was cut for.
    pub async fn run(self, side: Side<'_>) -> Result<(), sqlx::Error> {
        match (self, side) {
            (Self::Sqlite(sql, args), Side::Sqlite(conn)) => sqlx::query_with(sql, args).execute(conn).await.map(drop),
            (Self::Postgres(sql, args), Side::Postgres(conn)) => {
                sqlx::query_with(sql, args).execute(conn).await.map(drop)
            }
            _ => unreachable!("it was cut for this connection"),
        }
    }
}

/// A statement whose `values` tuple has been repeated.
struct Expanded {
    text: Arc<str>,
    rows: usize,
    columns: usize,
}

/// Values a statement may carry: SQLite allows 32,766.
const VALUES_MAX: usize = 8_192;
/// Pieces come in these sizes, so that few texts are prepared.
const PIECES: [usize; 4] = [1_024, 128, 16, 1];

/// The texts made so far: a handful for each statement in `sql/`.
static EXPANDED: LazyLock<Mutex<HashMap<(usize, usize), Arc<Expanded>>>> = LazyLock::new(Mutex::default);

impl Expanded {
    /// The statement and the arguments for the first of `rows`, which are taken from it.
    fn fill<T>(
        sql: &'static str,
        rows: &mut &[T],
        bind: &mut impl FnMut(&mut Args, &T),
    ) -> (Arc<str>, SqliteArguments) {
        let statement = Self::of(sql, rows.len());
        let (piece, rest) = rows.split_at(statement.rows);
        *rows = rest;
        let mut args = Args::sqlite(piece.len() * statement.columns);
        piece.iter().for_each(|row| bind(&mut args, row));
        (Arc::clone(&statement.text), args.into_sqlite())
    }

    /// The statement for the largest piece that `rows` rows fill.
    fn of(sql: &'static str, rows: usize) -> Arc<Self> {
        let (head, tuple, tail) = values_tuple(sql);
        let columns = tuple.matches('$').count();
        let fits = |piece: &usize| *piece <= rows && (piece * columns <= VALUES_MAX || *piece == 1);
        let rows = PIECES.into_iter().find(fits).unwrap_or(1);
        let mut made = locked(&EXPANDED);
        let entry = made.entry((sql.as_ptr() as usize, rows));
        Arc::clone(entry.or_insert_with(|| {
            let mut text = String::with_capacity(head.len() + tail.len() + rows * columns * 3);
            text.push_str(head);
            text.push_str("values ");
            for row in 0..rows {
                text.push_str(if row == 0 { "(" } else { ", (" });
                // A bare `?` is cheaper to bind in SQLite than `$n`, which is looked up by its name.
                for column in 0..columns {
                    text.push_str(if column == 0 { "?" } else { ", ?" });
                }
                text.push(')');
            }
            text.push_str(tail);
            Arc::new(Self {
                text: text.into(),
                rows,
                columns,
            })
        }))
    }
}

/// A statement whose `values` tuple has become arrays, a column each.
struct Unnested {
    text: Arc<str>,
    columns: usize,
}

/// Rows and bytes that go to PostgreSQL in one statement; a row more than the bytes is still taken.
const ROWS_MAX: usize = 16_384;
const BYTES_MAX: usize = 8 << 20;

static UNNESTED: LazyLock<Mutex<HashMap<usize, Arc<Unnested>>>> = LazyLock::new(Mutex::default);

impl Unnested {
    /// The statement and the arguments for the first of `rows`, which are taken from it.
    fn fill<T>(sql: &'static str, rows: &mut &[T], bind: &mut impl FnMut(&mut Args, &T)) -> (Arc<str>, PgArguments) {
        let statement = Self::of(sql);
        let mut args = Args::columns(statement.columns);
        while let Some((row, rest)) = rows.split_first() {
            *rows = rest;
            bind(&mut args, row);
            let (count, bytes) = args.end_row();
            if count >= ROWS_MAX || bytes >= BYTES_MAX {
                break;
            }
        }
        (Arc::clone(&statement.text), args.into_postgres())
    }

    fn of(sql: &'static str) -> Arc<Self> {
        let mut made = locked(&UNNESTED);
        Arc::clone(made.entry(sql.as_ptr() as usize).or_insert_with(|| {
            let (head, tuple, tail) = values_tuple(sql);
            Arc::new(Self {
                text: format!("{head}select * from unnest{tuple}{tail}").into(),
                columns: tuple.matches('$').count(),
            })
        }))
    }
}

/// Splits a statement around its (only) `values` and the tuple that follows.
pub(super) fn values_tuple(sql: &str) -> (&str, &str, &str) {
    const VALUES: &str = "values ";
    const SHAPE: &str = "a bulk statement has one tuple of placeholders behind `values`";
    let values = sql.rfind("values (").expect(SHAPE);
    let start = values + VALUES.len();
    let end = start + sql[start..].find(')').expect(SHAPE) + 1;
    (&sql[..values], &sql[start..end], &sql[end..])
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
