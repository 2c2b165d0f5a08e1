//! A bulk statement for a server: the pieces in which its rows are sent.

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::bulk::Bulk;
use super::rows::{Arrays, BulkRow, Tuples, fill};
use super::{Shape, StoreError, routed};

/// Rows that one statement takes, with their values.
pub(super) enum Piece {
    Statement(SqlStr, PgArguments),
    /// The statement that begins it, and all rows.
    Copy(&'static str, Vec<u8>),
}

/// Rows and bytes that go to PostgreSQL in one statement; a row more than the bytes is still taken.
const ROWS_MAX: usize = 16_384;
const BYTES_MAX: usize = 8 << 20;
/// Number of rows from which on `copy` is cheaper than to plan and run an `insert` from arrays.
const COPIED_ROWS_MIN: usize = 256;

impl Piece {
    /// The first piece of `rows`, which is taken from it; `None` if there are none.
    pub fn cut<T>(
        shape: Shape,
        bulk: &'static Bulk,
        rows: &mut &[T],
        bind: &mut impl FnMut(&mut BulkRow<'_>, &T),
    ) -> Result<Option<Self>, StoreError> {
        if rows.is_empty() {
            return Ok(None);
        }
        if shape == Shape::Routed && bulk.is_by_domain() {
            let (text, args) = routed::fill_piece(bulk, rows, bind)?;
            return Ok(Some(Self::Statement(AssertSqlSafe(text).into_sql_str(), args)));
        }
        if shape == Shape::Copied
            && rows.len() >= COPIED_ROWS_MIN
            && let Some(begin) = bulk.for_copy()
        {
            let mut tuples = Tuples::new(bulk.columns);
            for nth in 1.. {
                let Some((row, rest)) = rows.split_first() else { break };
                *rows = rest;
                fill(bulk, &mut tuples, row, bind)?;
                if nth >= ROWS_MAX || tuples.bytes() >= BYTES_MAX {
                    break;
                }
            }
            return Ok(Some(Self::Copy(begin, tuples.finish())));
        }
        let mut arrays = Arrays::new(bulk.columns);
        for nth in 1.. {
            let Some((row, rest)) = rows.split_first() else { break };
            *rows = rest;
            fill(bulk, &mut arrays, row, bind)?;
            if nth >= ROWS_MAX || arrays.bytes() >= BYTES_MAX {
                break;
            }
        }
        let mut args = PgArguments::default();
        arrays.add_to(&mut args);
        Ok(Some(Self::Statement(bulk.for_arrays().into_sql_str(), args)))
    }

    /// Gives the number of rows that it changed.
    pub async fn run(self, conn: &mut PgConnection) -> Result<u64, sqlx::Error> {
        match self {
            Self::Statement(sql, args) => {
                let done = sqlx::query_with(sql, args).execute(conn).await?;
                Ok(done.rows_affected())
            }
            Self::Copy(begin, rows) => {
                let mut copy = conn.copy_in_raw(begin).await?;
                match copy.send(rows).await {
                    Ok(_) => copy.finish().await,
                    // The server has said why by now, or it is gone.
                    Err(error) => copy.finish().await.and(Err(error)),
                }
            }
        }
    }
}
