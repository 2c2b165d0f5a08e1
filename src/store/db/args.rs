//! Arguments of a statement, in the order of its placeholders.

use std::borrow::Cow;

use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;

use super::StoreError;

/// Arguments of one statement, for whichever database it goes to.
#[derive(Debug, Default)]
pub(in super::super) struct Args(Vec<Value>);

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Int,
    Text,
    Blob,
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

/// Binding a value of a type that the databases know cannot fail; a text over 1 GiB could, and none gets here.
pub(super) const BINDABLE: &str = "integers, texts and blobs within the message limit can be bound";

/// A parameter has no value: a fault of this program, and never null.
pub(super) fn missing(sql: &str, parameter: usize) -> StoreError {
    let table = sql.lines().find(|line| !line.starts_with("--")).unwrap_or_default();
    StoreError::Other(format!("parameter ${parameter} has no value: {table}").into())
}

impl Args {
    pub(super) fn into_postgres(self) -> PgArguments {
        let mut args = PgArguments::default();
        for value in self.0 {
            match value {
                Value::Int(value) => args.add(value),
                Value::Text(value) => args.add(value.as_deref().map(storable)),
                Value::Blob(value) => args.add(value),
            }
            .expect(BINDABLE);
        }
        args
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.0
    }

    pub fn int(self, value: i64) -> Self {
        self.value(Value::Int(Some(value)))
    }

    pub fn text(self, value: &str) -> Self {
        self.value(Value::Text(Some(value.to_owned())))
    }

    pub fn blob(self, value: &[u8]) -> Self {
        self.value(Value::Blob(Some(value.to_vec())))
    }

    pub fn opt_int(self, value: Option<i64>) -> Self {
        self.value(Value::Int(value))
    }

    pub fn opt_text(self, value: Option<&str>) -> Self {
        self.value(Value::Text(value.map(str::to_owned)))
    }

    pub fn opt_blob(self, value: Option<&[u8]>) -> Self {
        self.value(Value::Blob(value.map(<[u8]>::to_vec)))
    }

    pub fn value(mut self, value: Value) -> Self {
        self.0.push(value);
        self
    }
}

/// PostgreSQL's texts hold every character but U+0000, which a quoted printable header may smuggle in.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text.into()
    }
}
