//! Text for people: safe on a terminal, aligned, with readable numbers.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::base::text::write_json;

pub use crate::base::numbers::{bytes, counted, grouped as count, percent};
pub use crate::base::text::{escaped as escape, escaped_lines as escape_lines};

/// For whom an answer is printed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Printed {
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Writes one JSON value and the end of its line.
pub fn write_object(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    write_json(value, out)?;
    writeln!(out)
}

/// A duration, two figures at most: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Rows in aligned columns, every cell escaped.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

/// How a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

impl Table {
    /// A table with these headings.
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; it has as many cells as the table has columns.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows
            .push(cells.iter().map(|cell| escape(cell).into_owned()).collect());
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let lines = || std::iter::once(&heading).chain(&self.rows);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| lines().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        for line in lines() {
            let mut text = String::new();
            for ((cell, width), (_, align)) in line.iter().zip(&widths).zip(&self.columns) {
                let gap = " ".repeat(width - cell.chars().count());
                match align {
                    Align::Left => text.extend([cell, gap.as_str(), "  "]),
                    Align::Right => text.extend([gap.as_str(), cell, "  "]),
                }
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(counted(1, "report", "reports"), "1 report");
        assert_eq!(counted(2, "report", "reports"), "2 reports");
        assert_eq!(duration(Duration::from_millis(400)), "0.4 s");
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(duration(Duration::from_secs(7_500)), "2 h 5 min");
    }

    #[test]
    fn a_table_is_aligned() {
        let mut table = Table::new(&[("name", Align::Left), ("n", Align::Right), ("note", Align::Left)]);
        table.row(["a".to_owned(), "10".to_owned(), String::new()]);
        table.row(["long".to_owned(), "1".to_owned(), "x\ty".to_owned()]);
        assert_eq!(table.to_string(), "name   n  note\na     10\nlong   1  x\\u{9}y\n");
    }
}
