//! Statements of SQLite, which runs in this process: on the calling thread, without a handover. A trip to
//! another core and back takes a tenth of a millisecond, more than most of our statements, and a batch has dozens.

use std::time::Duration;

use rusqlite::blob::ZeroBlob;
use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{CachedStatement, Connection, MAIN_DB};

use super::bulk::{Bulk, Large};
use super::large::WHOLE_BYTES_MAX;
use super::rows::{BulkRow, Datum, Sink, fill};
use super::{Args, Row, Statement, StoreError, Value, args, sqlite};
use crate::apart::aside;

/// Row after row of the answer, until `each` has had enough (false).
pub(super) fn walk(
    conn: &Connection,
    statement: &'static Statement,
    args: &Args,
    mut each: impl FnMut(Row) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    aside(|| Prepared::new(conn, statement)?.walk(args, &mut each))
}

/// Runs the statement and returns the number of changed rows.
pub(super) fn run(conn: &Connection, statement: &'static Statement, args: &Args) -> Result<u64, StoreError> {
    walk(conn, statement, args, |_| Ok(true))?;
    Ok(conn.changes())
}

/// Runs a statement once per row. Returns the rows of all answers, and the number of changed rows.
pub(super) fn bulk<T>(
    conn: &Connection,
    bulk: &'static Bulk,
    rows: &[T],
    mut bind: impl FnMut(&mut BulkRow<'_>, &T),
) -> Result<(Vec<Row>, u64), StoreError> {
    let mut answer = Vec::new();
    let (statement, large) = (bulk.for_one(), bulk.large());
    let before = conn.total_changes();
    aside(|| {
        let mut prepared = conn.prepare_cached(statement.text)?;
        for row in rows {
            let mut bound = Bound {
                prepared: &mut prepared,
                large,
                left_out: None,
            };
            fill(bulk, &mut bound, row, &mut bind)?;
            let left_out = bound.left_out;
            read(&mut prepared, statement, &mut |row| {
                answer.push(row);
                Ok(true)
            })?;
            if let Some(column) = left_out
                && conn.changes() > 0
            {
                let row_id = conn.last_insert_rowid();
                fill(bulk, &mut Written { conn, column, row_id }, row, &mut bind)?;
            }
        }
        Ok((answer, conn.total_changes() - before))
    })
}

/// Binds the values of a row as they come: nothing is copied but by SQLite. Parameters are numbered in the order of columns.
struct Bound<'s, 'c> {
    prepared: &'s mut CachedStatement<'c>,
    large: Option<&'static Large>,
    /// The column whose value is large. As many zeros are bound.
    left_out: Option<&'static Large>,
}

impl Sink for Bound<'_, '_> {
    fn push(&mut self, nth: usize, value: Datum<'_>) -> Result<(), StoreError> {
        match value {
            Datum::Int(value) => self.prepared.raw_bind_parameter(nth + 1, value)?,
            Datum::Text(value) => self.prepared.raw_bind_parameter(nth + 1, value)?,
            Datum::Blob(Some(value)) if value.len() > WHOLE_BYTES_MAX => self.bind_large(nth, value)?,
            Datum::Blob(value) => self.prepared.raw_bind_parameter(nth + 1, value)?,
        }
        Ok(())
    }
}

impl Bound<'_, '_> {
    fn bind_large(&mut self, nth: usize, value: &[u8]) -> rusqlite::Result<()> {
        match (self.large, i32::try_from(value.len())) {
            (Some(large), Ok(len)) if large.at == nth => {
                self.left_out = Some(large);
                self.prepared.raw_bind_parameter(nth + 1, ZeroBlob(len))
            }
            _ => self.prepared.raw_bind_parameter(nth + 1, value),
        }
    }
}

/// Writes the large value of a row that is stored over its zeros: from where it is into the pages of the database.
struct Written<'c> {
    conn: &'c Connection,
    column: &'static Large,
    row_id: i64,
}

impl Sink for Written<'_> {
    fn push(&mut self, nth: usize, value: Datum<'_>) -> Result<(), StoreError> {
        let Large { at, table, column, .. } = *self.column;
        if let Datum::Blob(Some(value)) = value
            && nth == at
        {
            let mut place = self.conn.blob_open(MAIN_DB, table, column, self.row_id, false)?;
            place.write_at(value, 0)?;
            place.close()?;
        }
        Ok(())
    }
}

/// A prepared statement, and which value each of its parameters is.
struct Prepared<'c> {
    prepared: CachedStatement<'c>,
    /// SQLite counts `$2` as its first parameter if it is the first that it meets.
    values: Vec<usize>,
    statement: &'static Statement,
}

impl<'c> Prepared<'c> {
    fn new(conn: &'c Connection, statement: &'static Statement) -> Result<Self, StoreError> {
        let prepared = conn.prepare_cached(statement.text)?;
        let value = |nth| {
            let name = prepared.parameter_name(nth).and_then(|name| name.strip_prefix('$'));
            name.and_then(|number| number.parse().ok()).unwrap_or(nth) - 1
        };
        let values = (1..=prepared.parameter_count()).map(value).collect();
        Ok(Self {
            prepared,
            values,
            statement,
        })
    }

    fn walk(&mut self, args: &Args, each: &mut impl FnMut(Row) -> Result<bool, StoreError>) -> Result<(), StoreError> {
        for (nth, &value) in (1..).zip(&self.values) {
            match args.values().get(value) {
                Some(Value::Int(value)) => self.prepared.raw_bind_parameter(nth, value)?,
                Some(Value::Text(value)) => self.prepared.raw_bind_parameter(nth, value.as_deref())?,
                Some(Value::Blob(value)) => self.prepared.raw_bind_parameter(nth, value.as_deref())?,
                // Not bound, SQLite would take it for null.
                None => return Err(args::missing(self.statement.text, value + 1)),
            }
        }
        read(&mut self.prepared, self.statement, each)
    }
}

/// The answer to a statement whose values are bound, until `each` has had enough (false).
fn read(
    prepared: &mut CachedStatement<'_>,
    statement: &'static Statement,
    each: &mut impl FnMut(Row) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let columns = statement.columns(|| prepared.column_names()).len();
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next()? {
        let mut cells = Vec::with_capacity(columns);
        for column in 0..columns {
            cells.push(cell(row.get_ref(column)?)?);
        }
        if !each(Row::sqlite(cells, statement))? {
            break;
        }
    }
    Ok(())
}

fn cell(value: ValueRef<'_>) -> Result<Cell, StoreError> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Integer(value),
        ValueRef::Real(value) => Cell::Real(value),
        // A value that is not a text is damaged, and reading it as a text is an error.
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Cell::Text(text.to_owned()),
            Err(_) => Cell::Blob(bytes.to_vec()),
        },
        ValueRef::Blob(value) => Cell::Blob(value.to_vec()),
    })
}

/// Folds the log into the file. Readers are not waited for: who asks needs room now.
pub fn fold_log(conn: &Connection) -> Result<(), StoreError> {
    conn.busy_timeout(Duration::ZERO)?;
    let folded = conn.query_row(sqlite::FOLD_LOG, [], |_| Ok(()));
    conn.busy_timeout(sqlite::BUSY)?;
    Ok(folded?)
}

/// Releases some free pages. Returns the number of those left.
pub fn give_back(conn: &Connection) -> Result<u64, StoreError> {
    run(conn, &sqlite::GIVE_BACK, &Args::default())?;
    let left: i64 = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    Ok(left.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::{Args, Statement};
    use super::Prepared;

    /// A2: SQLite takes a parameter without a value for NULL.
    #[test]
    fn a_missing_argument_is_an_error_and_never_null() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("create table t (a integer, b text, c blob)")
            .unwrap();
        static ADD: Statement = Statement::new("add", "insert into t (a, b, c) values ($1, $2, $3)");
        let run = |args: Args| Prepared::new(&conn, &ADD)?.walk(&args, &mut |_| Ok(true));
        let rows = || conn.query_row("select count(*) from t", [], |row| row.get::<_, i64>(0));
        for args in [
            Args::default(),
            Args::default().int(1),
            Args::default().int(1).text("x"),
        ] {
            let error = run(args).unwrap_err().to_string();
            assert!(error.contains('$'), "{error}");
        }
        assert_eq!(rows().unwrap(), 0);
        run(Args::default().int(1).text("x").blob(b"y")).unwrap();
        assert_eq!(rows().unwrap(), 1, "the control");
    }
}
