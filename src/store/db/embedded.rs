//! Statements of SQLite, which runs in this process: on the calling thread, without a handover. A trip to
//! another core and back takes a tenth of a millisecond, more than most of our statements, and a batch has dozens.

use std::borrow::Cow;
use std::time::Duration;

use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{CachedStatement, Connection};

use super::super::{patience, sqlite};
use super::{Args, Row, StoreError, Value, args};
use crate::apart::aside;

/// Row after row of the answer, until `each` has had enough (false).
pub(super) fn walk(
    conn: &Connection,
    sql: &'static str,
    args: &Args,
    mut each: impl FnMut(Row) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    aside(|| Statement::of(conn, sql, sql)?.walk(args, &mut each))
}

/// Runs it to its end; gives the number of rows it changed.
pub(super) fn run(conn: &Connection, sql: &'static str, args: &Args) -> Result<u64, StoreError> {
    walk(conn, sql, args, |_| Ok(true))?;
    Ok(conn.changes())
}

/// A statement with one `values` tuple, once for each row; gives the rows of all answers.
pub(super) fn bulk<T>(
    conn: &Connection,
    sql: &'static str,
    rows: &[T],
    mut bind: impl FnMut(&mut Args, &T),
) -> Result<Vec<Row>, StoreError> {
    let mut answer = Vec::new();
    aside(|| {
        let mut statement = Statement::of(conn, &for_one_row(sql), sql)?;
        let mut args = Args::default();
        for row in rows {
            args.clear();
            bind(&mut args, row);
            statement.walk(&args, &mut |row| {
                answer.push(row);
                Ok(true)
            })?;
        }
        Ok(answer)
    })
}

/// Asks for one key as such: of a list, SQLite would make a table first.
fn for_one_row(sql: &str) -> Cow<'_, str> {
    const LIST: &str = " in (values ";
    let Some((head, rest)) = sql.split_once(LIST) else {
        return sql.into();
    };
    let end = rest.find("))").map_or(rest.len(), |at| at + 1);
    let (tuple, tail) = rest.split_at(end);
    format!("{head} = {tuple}{}", tail.strip_prefix(')').unwrap_or(tail)).into()
}

/// A prepared statement, and which value each of its parameters is.
struct Statement<'c> {
    prepared: CachedStatement<'c>,
    /// SQLite counts `$2` as its first parameter if it is the first that it meets.
    values: Vec<usize>,
    /// As in its file.
    sql: &'static str,
}

impl<'c> Statement<'c> {
    /// `text` is what is run, made of `sql`.
    fn of(conn: &'c Connection, text: &str, sql: &'static str) -> Result<Self, StoreError> {
        let prepared = conn.prepare_cached(text)?;
        let value = |nth| {
            let name = prepared.parameter_name(nth).and_then(|name| name.strip_prefix('$'));
            name.and_then(|number| number.parse().ok()).unwrap_or(nth) - 1
        };
        let values = (1..=prepared.parameter_count()).map(value).collect();
        Ok(Self { prepared, values, sql })
    }

    fn walk(&mut self, args: &Args, each: &mut impl FnMut(Row) -> Result<bool, StoreError>) -> Result<(), StoreError> {
        for (nth, &value) in (1..).zip(&self.values) {
            match args.values().get(value) {
                Some(Value::Int(value)) => self.prepared.raw_bind_parameter(nth, value)?,
                Some(Value::Text(value)) => self.prepared.raw_bind_parameter(nth, value.as_deref())?,
                Some(Value::Blob(value)) => self.prepared.raw_bind_parameter(nth, value.as_deref())?,
                // Not bound, SQLite would take it for null.
                None => return Err(args::missing(self.sql, value + 1)),
            }
        }
        let columns = self.prepared.column_count();
        let mut rows = self.prepared.raw_query();
        while let Some(row) = rows.next()? {
            patience::look()?;
            let cells = (0..columns).map(|column| cell(row.get_ref(column)?));
            if !each(Row::sqlite(cells.collect::<Result<_, _>>()?, self.sql))? {
                break;
            }
        }
        Ok(())
    }
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

/// Gives some free pages back; tells how many are left.
pub fn give_back(conn: &Connection) -> Result<u64, StoreError> {
    run(conn, sqlite::GIVE_BACK, &Args::default())?;
    let left: i64 = conn.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    Ok(left.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::super::Args;
    use super::{Statement, for_one_row};

    /// A2: SQLite takes a parameter without a value for NULL.
    #[test]
    fn a_missing_argument_is_an_error_and_never_null() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("create table t (a integer, b text, c blob)")
            .unwrap();
        let sql = "insert into t (a, b, c) values ($1, $2, $3)";
        let run = |args: Args| Statement::of(&conn, sql, sql)?.walk(&args, &mut |_| Ok(true));
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

    #[test]
    fn a_list_of_one_is_asked_for_as_such() {
        let sql = "select a from t where (a, b) in (values ($1, $2)) and b >= ''";
        assert_eq!(for_one_row(sql), "select a from t where (a, b) = ($1, $2) and b >= ''");
        let sql = "insert into t (a) values ($1)";
        assert_eq!(for_one_row(sql), sql);
    }
}
