//! The rows of a bulk statement on their way to a database: bound one by one, as arrays, or as a copy.

use std::borrow::Cow;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::{Arguments as _, Encode, Postgres, Type};

use super::args::{BINDABLE, Kind, storable};
use super::bulk::{Bulk, Column};
use super::{StoreError, Value};

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datum<'v> {
    Int(Option<i64>),
    Text(Option<&'v str>),
    Blob(Option<&'v [u8]>),
}

impl Datum<'_> {
    fn kind(self) -> Kind {
        match self {
            Self::Int(_) => Kind::Int,
            Self::Text(_) => Kind::Text,
            Self::Blob(_) => Kind::Blob,
        }
    }
}

impl<'v> From<&'v Value> for Datum<'v> {
    fn from(value: &'v Value) -> Self {
        match value {
            Value::Int(value) => Self::Int(*value),
            Value::Text(value) => Self::Text(value.as_deref()),
            Value::Blob(value) => Self::Blob(value.as_deref()),
        }
    }
}

/// Where the values of a row go. The `nth` value of a row is of the declared kind of its column.
pub(super) trait Sink {
    fn push(&mut self, nth: usize, value: Datum<'_>) -> Result<(), StoreError>;
}

/// One row that is being filled.
pub(in super::super) struct BulkRow<'s> {
    sink: &'s mut dyn Sink,
    columns: &'static [Column],
    next: usize,
    fault: Option<StoreError>,
}

/// Fills one row.
///
/// # Errors
/// It has too few values, or too many, or one of another kind than its column: a fault of this program. The database would
/// store nulls.
pub(super) fn fill<T>(
    bulk: &Bulk,
    sink: &mut dyn Sink,
    row: &T,
    bind: &mut impl FnMut(&mut BulkRow<'_>, &T),
) -> Result<(), StoreError> {
    let mut filled = BulkRow {
        sink,
        columns: bulk.columns,
        next: 0,
        fault: None,
    };
    bind(&mut filled, row);
    let (count, wanted) = (filled.next, bulk.columns.len());
    match filled.fault {
        Some(fault) => Err(fault),
        None if count != wanted => Err(misfit(bulk.name, &format!("{count} values, not {wanted}"))),
        None => Ok(()),
    }
}

fn misfit(name: &str, what: &str) -> StoreError {
    StoreError::Other(format!("a row of the statement {name} has {what}").into())
}

impl BulkRow<'_> {
    fn datum(&mut self, value: Datum<'_>) {
        let nth = self.next;
        self.next += 1;
        // One more than there are is counted, and refused when the row is complete.
        let Some(column) = self.columns.get(nth) else { return };
        if self.fault.is_some() {
            return;
        }
        let pushed = match column.kind == value.kind() {
            true => self.sink.push(nth, value),
            false => Err(misfit(column.name, "a value of another kind")),
        };
        if let Err(fault) = pushed {
            self.fault = Some(fault);
        }
    }

    pub fn push(&mut self, value: &Value) {
        self.datum(value.into());
    }

    pub fn push_int(&mut self, value: i64) {
        self.datum(Datum::Int(Some(value)));
    }

    pub fn push_opt_int(&mut self, value: Option<i64>) {
        self.datum(Datum::Int(value));
    }

    pub fn push_text(&mut self, value: &str) {
        self.datum(Datum::Text(Some(value)));
    }

    pub fn push_opt_text(&mut self, value: Option<&str>) {
        self.datum(Datum::Text(value));
    }

    pub fn push_blob(&mut self, value: &[u8]) {
        self.datum(Datum::Blob(Some(value)));
    }

    pub fn push_opt_blob(&mut self, value: Option<&[u8]>) {
        self.datum(Datum::Blob(value));
    }
}

/// Values for no database in particular.
impl Sink for Vec<Value> {
    fn push(&mut self, _: usize, value: Datum<'_>) -> Result<(), StoreError> {
        Self::push(
            self,
            match value {
                Datum::Int(value) => Value::Int(value),
                Datum::Text(value) => Value::Text(value.map(str::to_owned)),
                Datum::Blob(value) => Value::Blob(value.map(<[u8]>::to_vec)),
            },
        );
        Ok(())
    }
}

/// Rows, column by column, as arrays of PostgreSQL.
pub(super) struct Arrays(Vec<Array>);

/// A one-dimensional array in PostgreSQL's binary form, except its head.
struct Array {
    kind: Kind,
    values: i32,
    has_null: bool,
    data: Vec<u8>,
}

impl Arrays {
    pub fn new(columns: &[Column]) -> Self {
        let array = |column: &Column| Array {
            kind: column.kind,
            values: 0,
            has_null: false,
            data: Vec::with_capacity(4_096),
        };
        Self(columns.iter().map(array).collect())
    }

    /// Bytes so far.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|array| array.data.len()).sum()
    }

    /// Adds an argument for each column.
    pub fn add_to(self, args: &mut PgArguments) {
        for array in self.0 {
            args.add(array).expect(BINDABLE);
        }
    }
}

impl Sink for Arrays {
    fn push(&mut self, nth: usize, value: Datum<'_>) -> Result<(), StoreError> {
        let array = &mut self.0[nth];
        array.values += 1;
        array.has_null |= push_value(|bytes| array.data.extend_from_slice(bytes), value);
        Ok(())
    }
}

/// The binary form of rows that are copied begins so: a signature, no flags, no extension.
pub(super) const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// It ends with a row of this many columns.
pub(super) const COPY_END: i16 = -1;

/// Rows, one behind the other, in that form. Every column is a `bigint`, a `text` or a `bytea`, and is sent as such.
pub(super) struct Tuples {
    columns: i16,
    data: Vec<u8>,
}

impl Tuples {
    pub fn new(columns: &[Column]) -> Self {
        let mut data = Vec::with_capacity(64 * 1024);
        data.extend_from_slice(COPY_HEAD);
        let columns = columns_of_row(columns);
        Self { columns, data }
    }

    /// Bytes so far.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// What is sent.
    pub fn finish(mut self) -> Vec<u8> {
        self.data.extend_from_slice(&COPY_END.to_be_bytes());
        self.data
    }
}

impl Sink for Tuples {
    fn push(&mut self, nth: usize, value: Datum<'_>) -> Result<(), StoreError> {
        if nth == 0 {
            self.data.extend_from_slice(&self.columns.to_be_bytes());
        }
        push_value(|bytes| self.data.extend_from_slice(bytes), value);
        Ok(())
    }
}

/// How many columns a row has, as its binary form says it.
pub(super) fn columns_of_row(columns: &[Column]) -> i16 {
    i16::try_from(columns.len()).expect("a table has few columns")
}

/// A value with its length before it, as PostgreSQL has it everywhere. Returns whether it is null.
pub(super) fn push_value(push: impl FnMut(&[u8]), value: Datum<'_>) -> bool {
    match value {
        Datum::Int(value) => push_bytes(push, value.map(i64::to_be_bytes).as_ref().map(|bytes| &bytes[..])),
        Datum::Text(value) => {
            let value: Option<Cow<'_, str>> = value.map(storable);
            push_bytes(push, value.as_deref().map(str::as_bytes))
        }
        Datum::Blob(value) => push_bytes(push, value),
    }
}

fn push_bytes(mut push: impl FnMut(&[u8]), value: Option<&[u8]>) -> bool {
    let len = value.map_or(-1, |value| i32::try_from(value.len()).expect(BINDABLE));
    push(&len.to_be_bytes());
    push(value.unwrap_or_default());
    value.is_none()
}

impl Type<Postgres> for Array {
    fn type_info() -> PgTypeInfo {
        <Vec<i64> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Array {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // The numbers of the types int8, text and bytea are part of PostgreSQL's protocol.
        let element: i32 = match self.kind {
            Kind::Int => 20,
            Kind::Text => 25,
            Kind::Blob => 17,
        };
        // Dimensions, whether there are nulls, the type of the elements, how many, and the index of the first.
        for word in [1, i32::from(self.has_null), element, self.values, 1] {
            buffer.extend_from_slice(&word.to_be_bytes());
        }
        buffer.extend_from_slice(&self.data);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(match self.kind {
            Kind::Int => <Vec<i64> as Type<Postgres>>::type_info(),
            Kind::Text => <Vec<String> as Type<Postgres>>::type_info(),
            Kind::Blob => <Vec<Vec<u8>> as Type<Postgres>>::type_info(),
        })
    }

    fn size_hint(&self) -> usize {
        20 + self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::bulk::{Conflict, blob, int, text};
    use super::*;

    static ROWS: Bulk = Bulk::insert("rows", "t", &[int("a"), text("b"), blob("c")], Conflict::Fail);

    type Bind = fn(&mut BulkRow<'_>, &());

    /// A row that does not fit its statement never becomes nulls, whichever database it is for.
    #[test]
    fn a_row_that_does_not_fit_is_refused_by_every_sink() {
        let whole: Bind = |row, ()| {
            row.push_int(1);
            row.push_opt_text(None);
            row.push_blob(b"c");
        };
        let cases: [(Bind, &str); 5] = [
            (|_, ()| {}, "0 values, not 3"),
            (|row, ()| row.push_int(1), "1 values, not 3"),
            (|row, ()| (0..4).for_each(|_| row.push_int(1)), "another kind"),
            (|row, ()| row.push_text("1"), "another kind"),
            (
                |row, ()| {
                    row.push_int(1);
                    row.push_text("b");
                    row.push_blob(b"c");
                    row.push_int(4);
                },
                "4 values, not 3",
            ),
        ];
        let sinks: [fn() -> Box<dyn Sink>; 3] = [
            || Box::new(Vec::<Value>::new()),
            || Box::new(Arrays::new(ROWS.columns)),
            || Box::new(Tuples::new(ROWS.columns)),
        ];
        for sink in sinks {
            fill(&ROWS, &mut *sink(), &(), &mut { whole }).expect("the control");
            for (mut bind, what) in cases {
                let refused = fill(&ROWS, &mut *sink(), &(), &mut bind).unwrap_err().to_string();
                assert!(refused.contains(what), "{refused}: {what}");
            }
        }
    }
}
