//! One statement for many rows, each of which would be a trip to the server: PostgreSQL gets each column as one array, so
//! that its statement is the same for any number of rows, or through its socket, where there are many, a `copy`; where that
//! has to be sent on, see `routed.rs`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::{Args, Shape, StoreError, routed};

/// Rows that one statement takes, with their values.
pub(super) enum Piece {
    Statement(SqlStr, PgArguments),
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
    ) -> Result<Option<Self>, StoreError> {
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(match shape {
            Shape::Routed if routed::is_by_domain(sql) => {
                let (text, args) = routed::fill(sql, rows, bind)?;
                Self::Statement(AssertSqlSafe(text).into_sql_str(), args)
            }
            Shape::Copied if rows.len() >= COPIED_ROWS_MIN && is_plain_insert(sql) => {
                let (text, rows) = copied(sql, rows, bind)?;
                Self::Copy(text, rows)
            }
            Shape::Postgres | Shape::Copied | Shape::Routed => {
                let (text, args) = Unnested::fill(sql, rows, bind)?;
                Self::Statement(AssertSqlSafe(text).into_sql_str(), args)
            }
        }))
    }

    pub async fn run(self, conn: &mut PgConnection) -> Result<(), sqlx::Error> {
        match self {
            Self::Statement(sql, args) => sqlx::query_with(sql, args).execute(conn).await.map(drop),
            Self::Copy(begin, rows) => {
                let mut copy = conn.copy_in_raw(&begin).await?;
                match copy.send(rows).await {
                    Ok(_) => copy.finish().await.map(drop),
                    // The server has said why by now, or it is gone.
                    Err(error) => copy.finish().await.and(Err(error)),
                }
            }
        }
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
    fn fill<T>(
        sql: &'static str,
        rows: &mut &[T],
        bind: &mut impl FnMut(&mut Args, &T),
    ) -> Result<(Arc<str>, PgArguments), StoreError> {
        let statement = Self::of(sql);
        let mut args = Args::columns(statement.columns);
        take(rows, &mut args, bind)?;
        Ok((Arc::clone(&statement.text), args.into_postgres()))
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
fn take<T>(rows: &mut &[T], args: &mut Args, bind: &mut impl FnMut(&mut Args, &T)) -> Result<(), StoreError> {
    while let Some((row, rest)) = rows.split_first() {
        *rows = rest;
        bind(args, row);
        let (count, bytes) = args.end_row()?;
        if count >= ROWS_MAX || bytes >= BYTES_MAX {
            break;
        }
    }
    Ok(())
}

/// Number of rows from which on `copy` is cheaper than to plan and run an `insert` from arrays.
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
fn copied<T>(
    sql: &'static str,
    rows: &mut &[T],
    bind: &mut impl FnMut(&mut Args, &T),
) -> Result<(Arc<str>, Vec<u8>), StoreError> {
    let (head, tuple, _) = values_tuple(sql);
    let mut args = Args::tuples(tuple.matches('$').count());
    take(rows, &mut args, bind)?;
    let begin = format!("copy {} from stdin (format binary)", into(head).unwrap_or_default());
    Ok((begin.into(), args.into_copy()?))
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
