//! One statement: its text, and the columns of its answer.

use std::sync::OnceLock;

/// A statement. It lives as long as the program.
#[derive(Debug)]
pub(in super::super) struct Statement {
    pub name: &'static str,
    pub text: &'static str,
    /// The names of the columns of its answer. They are looked up when the first answer comes.
    columns: OnceLock<Box<[Box<str>]>>,
}

impl Statement {
    pub const fn new(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            text,
            columns: OnceLock::new(),
        }
    }

    /// A statement about a table that the database described: a few per table, once.
    pub fn leaked(text: String) -> &'static Self {
        Box::leak(Box::new(Self::new("made for a table", text.leak())))
    }

    /// The names of the columns, set from `names` at the first answer.
    pub(super) fn columns<'n>(&self, names: impl FnOnce() -> Vec<&'n str>) -> &[Box<str>] {
        self.columns
            .get_or_init(|| names().into_iter().map(Box::from).collect())
    }

    /// The position of a column of the answer. It is looked for at `likely` first.
    pub(super) fn position(&self, column: &str, likely: usize) -> Option<usize> {
        let columns = self.columns.get()?;
        match columns.get(likely) {
            Some(name) if **name == *column => Some(likely),
            _ => columns.iter().position(|name| **name == *column),
        }
    }

    /// The name of a column of the answer.
    pub(super) fn column(&self, position: usize) -> Option<&str> {
        Some(self.columns.get()?.get(position)?)
    }
}
