//! Arguments of statements, for whichever database they go to.

use std::borrow::Cow;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::{Arguments as _, Encode, Postgres, Type};

use super::StoreError;

/// Arguments of one statement, in the order of its placeholders; or of many rows at once, for one database.
pub(in super::super) struct Args(Held);

enum Held {
    /// Not yet known for which database.
    Open(Vec<Value>),
    Postgres(Columns),
    Copy(Tuples),
}

/// A value of a column, of whichever type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
}

impl Value {
    /// How much memory it takes, about.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Int(_) => 0,
                Self::Text(text) => text.as_ref().map_or(0, String::len),
                Self::Blob(blob) => blob.as_ref().map_or(0, Vec::len),
            }
    }
}

impl Default for Args {
    fn default() -> Self {
        Self(Held::Open(Vec::new()))
    }
}

/// Binding a value of a type that the databases know cannot fail; a text over 1 GiB could, and none gets here.
const BINDABLE: &str = "integers, texts and blobs within the message limit can be bound";

/// A parameter has no value: a fault of this program, and never null.
pub(super) fn missing(sql: &str, parameter: usize) -> StoreError {
    let table = sql.lines().find(|line| !line.starts_with("--")).unwrap_or_default();
    StoreError::Other(format!("parameter ${parameter} has no value: {table}").into())
}

/// A row that does not have the values that its statement needs.
fn misfit(what: &str) -> StoreError {
    StoreError::Other(format!("a row of a statement has {what}").into())
}

impl Args {
    /// For rows of `columns`, each of which becomes an array of PostgreSQL.
    pub(super) fn columns(columns: usize) -> Self {
        Self(Held::Postgres(Columns {
            all: Vec::with_capacity(columns),
            columns,
            ..Columns::default()
        }))
    }

    /// For rows of `columns` that are copied into a table of PostgreSQL.
    pub(super) fn tuples(columns: usize) -> Self {
        let mut data = Vec::with_capacity(64 * 1024);
        data.extend_from_slice(COPY_HEAD);
        Self(Held::Copy(Tuples {
            columns: i16::try_from(columns).expect("a table has few columns"),
            next: 0,
            rows: 0,
            data,
        }))
    }

    /// A row of columns is complete. Gives rows and bytes so far.
    ///
    /// # Errors
    /// It has too few values, or too many, or one of another type than those above it: the database would fill up with nulls.
    pub(super) fn end_row(&mut self) -> Result<(usize, usize), StoreError> {
        Ok(match &mut self.0 {
            Held::Postgres(columns) => {
                if columns.next != columns.columns {
                    return Err(misfit(&format!("{} values, not {}", columns.next, columns.columns)));
                }
                if columns.is_mixed {
                    return Err(misfit("a value of another type than the rows before it"));
                }
                columns.next = 0;
                columns.rows += 1;
                (columns.rows, columns.all.iter().map(|column| column.data.len()).sum())
            }
            Held::Copy(tuples) => {
                if tuples.next != tuples.columns {
                    return Err(misfit(&format!("{} values, not {}", tuples.next, tuples.columns)));
                }
                tuples.next = 0;
                tuples.rows += 1;
                (tuples.rows, tuples.data.len())
            }
            Held::Open(_) => (0, 0),
        })
    }

    /// What is sent to be copied.
    pub(super) fn into_copy(self) -> Result<Vec<u8>, StoreError> {
        let Held::Copy(mut tuples) = self.0 else {
            return Err(misfit("arguments for something else than a copy"));
        };
        tuples.data.extend_from_slice(&(-1_i16).to_be_bytes());
        Ok(tuples.data)
    }

    pub(super) fn into_postgres(self) -> PgArguments {
        let mut args = PgArguments::default();
        match self.0 {
            Held::Open(values) => {
                for value in values {
                    match value {
                        Value::Int(value) => args.add(value),
                        Value::Text(value) => args.add(value.as_deref().map(storable)),
                        Value::Blob(value) => args.add(value),
                    }
                    .expect(BINDABLE);
                }
            }
            Held::Postgres(columns) => {
                for column in columns.all {
                    args.add(column).expect(BINDABLE);
                }
            }
            // The server refuses a statement whose parameters have no values.
            Held::Copy(_) => {}
        }
        args
    }

    /// Takes all values back.
    pub(super) fn clear(&mut self) {
        if let Held::Open(values) = &mut self.0 {
            values.clear();
        }
    }

    /// The values of one row, for no database in particular.
    pub(super) fn values(&self) -> &[Value] {
        match &self.0 {
            Held::Open(values) => values,
            // A parameter without a value is an error: see [`missing`].
            Held::Postgres(_) | Held::Copy(_) => &[],
        }
    }

    /// As [`Self::values`].
    pub(super) fn into_values(self) -> Vec<Value> {
        match self.0 {
            Held::Open(values) => values,
            Held::Postgres(_) | Held::Copy(_) => Vec::new(),
        }
    }

    /// A value, and an array of values, for PostgreSQL.
    pub(super) fn with_array(first: Value, array: &[Value]) -> Result<PgArguments, StoreError> {
        let mut args = Self::default().value(first).into_postgres();
        let mut column = Self::columns(1);
        for value in array {
            column.push(value);
            column.end_row()?;
        }
        if let Held::Postgres(columns) = column.0 {
            for column in columns.all {
                args.add(column).expect(BINDABLE);
            }
        }
        Ok(args)
    }

    pub fn int(mut self, value: i64) -> Self {
        self.push_int(value);
        self
    }

    pub fn text(mut self, value: &str) -> Self {
        self.push_text(value);
        self
    }

    pub fn blob(mut self, value: &[u8]) -> Self {
        self.push_blob(value);
        self
    }

    pub fn opt_int(mut self, value: Option<i64>) -> Self {
        self.push_opt_int(value);
        self
    }

    pub fn opt_text(mut self, value: Option<&str>) -> Self {
        self.push_opt_text(value);
        self
    }

    pub fn value(mut self, value: Value) -> Self {
        self.push(&value);
        self
    }

    pub fn push(&mut self, value: &Value) {
        match value {
            Value::Int(value) => self.push_opt_int(*value),
            Value::Text(value) => self.push_opt_text(value.as_deref()),
            Value::Blob(value) => self.push_opt_blob(value.as_deref()),
        }
    }

    pub fn push_int(&mut self, value: i64) {
        self.push_opt_int(Some(value));
    }

    pub fn push_opt_int(&mut self, value: Option<i64>) {
        match &mut self.0 {
            Held::Open(values) => values.push(Value::Int(value)),
            Held::Postgres(columns) => columns.push(Kind::Int, value.map(i64::to_be_bytes).as_ref().map(|v| &v[..])),
            Held::Copy(tuples) => tuples.push(value.map(i64::to_be_bytes).as_ref().map(|v| &v[..])),
        }
    }

    pub fn push_text(&mut self, value: &str) {
        self.push_opt_text(Some(value));
    }

    pub fn push_opt_text(&mut self, value: Option<&str>) {
        match &mut self.0 {
            Held::Open(values) => values.push(Value::Text(value.map(str::to_owned))),
            Held::Postgres(columns) => {
                columns.push(Kind::Text, value.map(storable).as_deref().map(str::as_bytes));
            }
            Held::Copy(tuples) => tuples.push(value.map(storable).as_deref().map(str::as_bytes)),
        }
    }

    pub fn push_blob(&mut self, value: &[u8]) {
        self.push_opt_blob(Some(value));
    }

    pub fn push_opt_blob(&mut self, value: Option<&[u8]>) {
        match &mut self.0 {
            Held::Open(values) => values.push(Value::Blob(value.map(<[u8]>::to_vec))),
            Held::Postgres(columns) => columns.push(Kind::Blob, value),
            Held::Copy(tuples) => tuples.push(value),
        }
    }
}

/// PostgreSQL's texts hold every character but U+0000, which a quoted printable header may smuggle in.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// PostgreSQL's binary form of rows begins so: a signature, no flags, no extension.
const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Rows, one behind the other, in that form.
struct Tuples {
    columns: i16,
    /// The column that the next value belongs to.
    next: i16,
    rows: usize,
    data: Vec<u8>,
}

impl Tuples {
    fn push(&mut self, value: Option<&[u8]>) {
        if self.next == 0 {
            self.data.extend_from_slice(&self.columns.to_be_bytes());
        }
        self.next += 1;
        push_value(&mut self.data, value);
    }
}

/// A value with its length before it, as PostgreSQL has it everywhere.
fn push_value(data: &mut Vec<u8>, value: Option<&[u8]>) {
    let len = value.map_or(-1, |value| i32::try_from(value.len()).expect(BINDABLE));
    data.extend_from_slice(&len.to_be_bytes());
    data.extend_from_slice(value.unwrap_or_default());
}

/// Rows, column by column.
#[derive(Default)]
struct Columns {
    all: Vec<Column>,
    /// The column that the next value belongs to.
    next: usize,
    /// How many a row has.
    columns: usize,
    /// A value was of another type than those of its column before.
    is_mixed: bool,
    rows: usize,
}

/// A one-dimensional array in PostgreSQL's binary form, save its head.
struct Column {
    kind: Kind,
    values: i32,
    has_null: bool,
    data: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int,
    Text,
    Blob,
}

impl Columns {
    fn push(&mut self, kind: Kind, value: Option<&[u8]>) {
        if self.next == self.all.len() {
            self.all.push(Column {
                kind,
                values: 0,
                has_null: false,
                data: Vec::with_capacity(4_096),
            });
        }
        let column = &mut self.all[self.next];
        self.next += 1;
        self.is_mixed |= column.kind != kind;
        column.values += 1;
        column.has_null |= value.is_none();
        push_value(&mut column.data, value);
    }
}

impl Type<Postgres> for Column {
    fn type_info() -> PgTypeInfo {
        <Vec<i64> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Column {
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
