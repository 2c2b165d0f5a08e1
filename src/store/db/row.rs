//! One row of an answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::types::{FromSqlError, FromSqlResult, Value as Cell, ValueRef};
use sqlx::postgres::{PgColumn, PgRow};
use sqlx::{Column as _, Decode, Postgres, Row as _, Type};

use super::args::{Kind, Value};
use super::said;
use super::statement::Statement;
use crate::base::Day;
use crate::store::StoreError;

/// One row of an answer. Its columns are read by name.
pub struct Row {
    cells: Cells,
    statement: &'static Statement,
    /// The position after the last column that was read. Rows are mostly read in the order of their columns.
    next: AtomicUsize,
}

enum Cells {
    Sqlite(Vec<Cell>),
    Postgres(PgRow),
}

/// Columns of a row that are named when a value of it is damaged.
const SHOWN_COLUMNS: usize = 3;

impl Row {
    /// The columns of the statement are known.
    pub fn sqlite(cells: Vec<Cell>, statement: &'static Statement) -> Self {
        Self::new(Cells::Sqlite(cells), statement)
    }

    pub fn postgres(row: PgRow, statement: &'static Statement) -> Self {
        statement.columns(|| row.columns().iter().map(PgColumn::name).collect());
        Self::new(Cells::Postgres(row), statement)
    }

    fn new(cells: Cells, statement: &'static Statement) -> Self {
        let next = AtomicUsize::new(0);
        Self { cells, statement, next }
    }

    pub fn int(&self, column: &str) -> Result<i64, StoreError> {
        self.value(self.at(column)?, |cell| cell.as_i64())
    }

    /// A count: never negative in the database.
    pub fn count(&self, column: &str) -> Result<u64, StoreError> {
        self.checked(column, "is negative", |number| u64::try_from(number).ok())
    }

    pub fn flag(&self, column: &str) -> Result<bool, StoreError> {
        self.checked(column, "is neither 0 nor 1", |number| match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })
    }

    pub fn day(&self, column: &str) -> Result<Day, StoreError> {
        self.checked(column, "is not a day", |number| i32::try_from(number).ok().map(Day))
    }

    /// The value that `of` makes of a number.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with `what` is wrong with it, if it makes nothing of it.
    pub fn checked<T>(&self, column: &str, what: &str, of: impl FnOnce(i64) -> Option<T>) -> Result<T, StoreError> {
        let at = self.at(column)?;
        let number = self.value(at, |cell| cell.as_i64())?;
        of(number).ok_or_else(|| self.damaged(at, &format!("{number} {what}")))
    }

    /// The position of a column.
    ///
    /// # Errors
    /// The answer has no such column: a fault of this program.
    fn at(&self, column: &str) -> Result<usize, StoreError> {
        let at = self.statement.position(column, self.next.load(Ordering::Relaxed));
        let at = at.ok_or_else(|| {
            let name = self.statement.name;
            StoreError::Other(format!("the answer to the statement {name} has no column {column}").into())
        })?;
        self.next.store(at + 1, Ordering::Relaxed);
        Ok(at)
    }

    /// What is wrong with the value of a column.
    fn damaged(&self, position: usize, what: &str) -> StoreError {
        let what = format!("{} {what}", self.statement.column(position).unwrap_or("a column"));
        StoreError::damaged(said::table(self.statement.text), self.name(), &what)
    }

    /// The first values of the row, which for most tables are its key.
    fn name(&self) -> String {
        let shown = (0..SHOWN_COLUMNS).filter_map(|position| {
            let name = self.statement.column(position)?;
            let value = match &self.cells {
                Cells::Sqlite(cells) => match cells.get(position)? {
                    Cell::Integer(number) => number.to_string(),
                    Cell::Text(text) => said::shortened(text),
                    _ => return None,
                },
                Cells::Postgres(row) => match row.try_get::<Option<i64>, _>(position) {
                    Ok(number) => number?.to_string(),
                    Err(_) => said::shortened(row.try_get::<Option<&str>, _>(position).ok()??),
                },
            };
            Some(format!("{name}={value}"))
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    pub fn opt_int(&self, column: &str) -> Result<Option<i64>, StoreError> {
        self.opt_int_at(self.at(column)?)
    }

    fn opt_int_at(&self, position: usize) -> Result<Option<i64>, StoreError> {
        self.value(position, |cell| cell.as_i64_or_null())
    }

    pub fn text(&self, column: &str) -> Result<String, StoreError> {
        self.value(self.at(column)?, |cell| text_of(cell).map(str::to_owned))
    }

    pub fn opt_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        self.opt_text_at(self.at(column)?)
    }

    fn opt_text_at(&self, position: usize) -> Result<Option<String>, StoreError> {
        self.value(position, |cell| match cell {
            ValueRef::Null => Ok(None),
            cell => text_of(cell).map(|text| Some(text.to_owned())),
        })
    }

    pub fn blob(&self, column: &str) -> Result<&[u8], StoreError> {
        self.value(self.at(column)?, |cell| cell.as_blob())
    }

    pub fn opt_blob(&self, column: &str) -> Result<Option<&[u8]>, StoreError> {
        self.opt_blob_at(self.at(column)?)
    }

    fn opt_blob_at(&self, position: usize) -> Result<Option<&[u8]>, StoreError> {
        self.value(position, |cell| cell.as_blob_or_null())
    }

    /// Every column in order, of these kinds.
    pub fn values(&self, kinds: &[Kind]) -> Result<Vec<Value>, StoreError> {
        let value = |(nth, kind): (usize, &Kind)| {
            Ok(match kind {
                Kind::Int => Value::Int(self.opt_int_at(nth)?),
                Kind::Text => Value::Text(self.opt_text_at(nth)?),
                Kind::Blob => Value::Blob(self.opt_blob_at(nth)?.map(<[u8]>::to_vec)),
            })
        };
        kinds.iter().enumerate().map(value).collect()
    }

    /// `of_cell` reads what SQLite has.
    fn value<'r, T>(
        &'r self,
        position: usize,
        of_cell: impl FnOnce(ValueRef<'r>) -> FromSqlResult<T>,
    ) -> Result<T, StoreError>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
    {
        match &self.cells {
            Cells::Sqlite(cells) => {
                let cell = cells
                    .get(position)
                    .ok_or(rusqlite::Error::InvalidColumnIndex(position))?;
                of_cell(cell.into()).map_err(|error| self.damaged(position, &format!("cannot be read: {error}")))
            }
            Cells::Postgres(row) => row.try_get(position).map_err(|error| match error {
                sqlx::Error::ColumnDecode { source, .. } => {
                    self.damaged(position, &format!("cannot be read: {source}"))
                }
                other => other.into(),
            }),
        }
    }
}

/// A text that is not UTF-8 comes as a blob (`embedded`).
fn text_of(cell: ValueRef<'_>) -> FromSqlResult<&str> {
    match cell {
        ValueRef::Blob(bytes) => std::str::from_utf8(bytes).map_err(FromSqlError::other),
        cell => cell.as_str(),
    }
}
