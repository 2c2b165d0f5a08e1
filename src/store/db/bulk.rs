//! One statement for many rows. SQLite gets the `values` tuple repeated; PostgreSQL gets each column as one array, so
//! that its statement is the same for any number of rows, or through its socket, where there are many, a `copy`; where that
//! has to be sent on, see `routed.rs`.

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
    /// The statement that begins it, and all rows.
    Copy(Arc<str>, Vec<u8>),
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
            Shape::Copied if rows.len() >= COPIED_ROWS_MIN && is_plain_insert(sql) => {
                let (text, rows) = copied(sql, rows, bind);
                Self::Copy(text, rows)
            }
            Shape::Postgres | Shape::Copied | Shape::Routed => {
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
            (Self::Copy(begin, rows), Side::Postgres(conn)) => {
                let mut copy = conn.copy_in_raw(&begin).await?;
                match copy.send(rows).await {
                    Ok(_) => copy.finish().await.map(drop),
                    // The server has said why by now, or it is gone.
                    Err(error) => copy.finish().await.and(Err(error)),
                }
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
/// The largest piece.
const PIECE_ROWS_MAX: usize = 1_024;
/// Pieces up to this size come in every size, larger ones in four sizes between a power of two and the next: each
/// statement is a trip to the database's thread, and two make nearly any number of rows; but each text is prepared once.
const EXACT_ROWS_MAX: usize = 16;

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
        let most = rows.min(PIECE_ROWS_MAX).min(VALUES_MAX / columns).max(1);
        let rows = match most {
            0..=EXACT_ROWS_MAX => most,
            _ => most & (!0 << (most.ilog2() - 2)),
        };
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
        take(rows, &mut args, bind);
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

/// Takes as many rows as go in one piece.
fn take<T>(rows: &mut &[T], args: &mut Args, bind: &mut impl FnMut(&mut Args, &T)) {
    while let Some((row, rest)) = rows.split_first() {
        *rows = rest;
        bind(args, row);
        let (count, bytes) = args.end_row();
        if count >= ROWS_MAX || bytes >= BYTES_MAX {
            break;
        }
    }
}

/// From so many rows on, `copy` is cheaper than to plan and run an `insert` from arrays.
const COPIED_ROWS_MIN: usize = 256;

/// Nothing behind the tuple: no conflict to see to, nothing to give back.
fn is_plain_insert(sql: &str) -> bool {
    let (head, _, tail) = values_tuple(sql);
    tail.trim().is_empty() && into(head).is_some()
}

/// `table (columns)` of an `insert`.
fn into(head: &str) -> Option<&str> {
    head.split_once("insert into ").map(|(_, into)| into.trim())
}

/// How `copy` begins, and the rows as it takes them. Every column is a `bigint`, a `text` or a `bytea`, and is sent as such.
fn copied<T>(sql: &'static str, rows: &mut &[T], bind: &mut impl FnMut(&mut Args, &T)) -> (Arc<str>, Vec<u8>) {
    let (head, tuple, _) = values_tuple(sql);
    let mut args = Args::tuples(tuple.matches('$').count());
    take(rows, &mut args, bind);
    let begin = format!("copy {} from stdin (format binary)", into(head).unwrap_or_default());
    (begin.into(), args.into_copy())
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
