//! Lists: as JSON, or the same rows as CSV.

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::config::HttpConfig;
use super::doc::Parameter;
use super::fields::Parameters;
use crate::api::Pagination;
use crate::base::{Day, DayRange};
use crate::csv::Row;

/// The parameter that every list has.
pub(super) const FORMAT: Parameter = Parameter {
    name: "format",
    says: "`csv` returns the same rows as CSV, up to 1,000 per page. A long answer ends early, and its `Link` header \
        continues the list. Cells that a spreadsheet would read as a formula begin with a quote. Default: `json`.",
    schema: || json!({ "type": "string", "enum": FORMATS }),
};

/// The media type of CSV.
pub(super) const CSV: &str = "text/csv; charset=utf-8; header=present";

const FORMATS: [&str; 2] = ["json", "csv"];

/// The rows of an answer, and where its list continues.
pub(super) trait List: Serialize {
    /// A row of the list.
    type Row: CsvRow;

    /// The parameter that takes the place where the list continues.
    const PLACE: &'static str = "after";

    /// The rows of this answer.
    fn rows(&self) -> &[Self::Row];

    /// The place after the last row; `None` at the end of the list.
    fn next(&self) -> Option<String>;

    /// The place after the `nth` row; `None` where the list cannot continue from there.
    fn place(&self, nth: usize) -> Option<String>;
}

/// A row as a line of CSV.
pub(super) trait CsvRow {
    /// The first line.
    const COLUMNS: &'static [&'static str];

    /// Adds a cell for each column.
    fn cells(&self, line: &mut Row);
}

/// How a list is to be answered.
#[derive(Debug)]
pub(super) enum Listing {
    Json,
    Csv {
        /// The query of the request, without its place in the list.
        query: String,
        /// The line that reaches this length is the last one of an answer, bytes.
        bytes_max: usize,
    },
}

impl Listing {
    /// Reads the parameter `format`.
    pub(super) fn read(parameters: &mut Parameters, config: &HttpConfig) -> Self {
        let is_csv = parameters.word("format", &FORMATS, |word| match word {
            "csv" => Some(true),
            "json" => Some(false),
            _ => None,
        });
        match is_csv {
            Some(true) => Self::Csv {
                query: parameters.query_without(&["page", "after", "before"]),
                bytes_max: config.page_bytes_max,
            },
            _ => Self::Json,
        }
    }

    /// Whether CSV is asked for.
    pub(super) fn is_csv(&self) -> bool {
        matches!(self, Self::Csv { .. })
    }

    /// The answer; `name` is that of a CSV file, without its ending.
    pub(super) fn answer<L: List>(self, list: L, name: impl FnOnce(&L) -> String) -> Response {
        let Self::Csv { query, bytes_max } = self else {
            return Json(list).into_response();
        };
        let (lines, next) = lines(&list, bytes_max);
        let mut response = lines.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CSV));
        let disposition = format!("attachment; filename=\"{}.csv\"", name(&list));
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        if let Some(next) = next {
            let link = format!("<?{query}&{}={next}>; rel=\"next\"", L::PLACE);
            // A query has no angle brackets and no control characters.
            if let Ok(link) = HeaderValue::from_str(&link) {
                headers.insert(header::LINK, link);
            }
        }
        response
    }
}

/// The rows of a list as lines, and the place behind the last one that fits.
fn lines<L: List>(list: &L, bytes_max: usize) -> (Vec<u8>, Option<String>) {
    let mut head = Row::default();
    L::Row::COLUMNS.iter().for_each(|column| head.cell(column));
    let mut lines = head.finish();
    let rows = list.rows();
    for (nth, row) in rows.iter().enumerate() {
        let mut line = Row::default();
        row.cells(&mut line);
        lines.extend_from_slice(&line.finish());
        if lines.len() >= bytes_max
            && nth + 1 < rows.len()
            && let Some(place) = list.place(nth)
        {
            return (lines, Some(place));
        }
    }
    (lines, list.next())
}

impl Pagination {
    /// The number of rows up to the `nth` of `shown` rows, in a list that is continued by numbers of rows.
    pub(super) fn rows_to(&self, nth: usize, shown: usize) -> Option<String> {
        let last = match &self.next {
            Some(next) => next.parse().ok()?,
            None => self.total,
        };
        let behind = shown.checked_sub(nth + 1)? as u64;
        last.checked_sub(behind).map(|rows| rows.to_string())
    }
}

/// A file's name: what it is about and for which days, of characters that every file system takes.
pub(super) fn file_name(parts: &[&str]) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_');
    let parts = parts.iter().filter(|part| !part.is_empty()).map(|part| {
        let signs = part.chars().take(255);
        signs
            .map(|sign| if plain(sign) { sign } else { '-' })
            .collect::<String>()
    });
    parts.collect::<Vec<_>>().join("_")
}

/// A range of days in a file's name.
pub(super) fn days_in_name(range: DayRange) -> String {
    format!("{}_{}", range.first, range.last)
}

/// A range of days that may be open in a file's name.
pub(super) fn open_days_in_name((from, to): (Option<Day>, Option<Day>), today: Day) -> String {
    match (from, to) {
        (Some(first), to) => days_in_name(DayRange {
            first,
            last: to.unwrap_or(today),
        }),
        (None, Some(to)) => format!("to_{to}"),
        (None, None) => format!("all_to_{today}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::NewestPagination;

    #[derive(Serialize)]
    struct Numbers {
        rows: Vec<u64>,
        pagination: Pagination,
    }

    impl CsvRow for u64 {
        const COLUMNS: &'static [&'static str] = &["number"];

        fn cells(&self, line: &mut Row) {
            line.show(self);
        }
    }

    impl List for Numbers {
        type Row = u64;

        fn rows(&self) -> &[u64] {
            &self.rows
        }

        fn next(&self) -> Option<String> {
            self.pagination.next.clone()
        }

        fn place(&self, nth: usize) -> Option<String> {
            self.pagination.rows_to(nth, self.rows.len())
        }
    }

    /// The rows from `before` to `to` of a list of `total`.
    fn numbers(before: u64, to: u64, total: u64) -> Numbers {
        Numbers {
            rows: (before..to).collect(),
            pagination: Pagination {
                total,
                more_than_total: false,
                page: 1,
                per_page: 10,
                total_pages: 1,
                next: (to < total).then(|| to.to_string()),
                newest: NewestPagination::default(),
            },
        }
    }

    #[test]
    fn csv_ends_with_the_line_that_reaches_the_limit() {
        for (list, bytes_max, rows, next) in [
            (numbers(0, 5, 5), 1_000, 5, None),
            (numbers(0, 5, 9), 1_000, 5, Some("5")),
            (numbers(0, 5, 5), 0, 1, Some("1")),
            (numbers(0, 5, 5), "number\r\n0\r\n1\r\n".len(), 2, Some("2")),
            (numbers(20, 30, 40), "number\r\n20\r\n21\r\n".len() + 1, 3, Some("23")),
            (numbers(0, 1, 1), 0, 1, None),
            (numbers(7, 7, 7), 0, 0, None),
        ] {
            let (text, found) = lines(&list, bytes_max);
            let text = String::from_utf8(text).unwrap();
            assert_eq!(text.lines().count() - 1, rows, "{text}");
            assert_eq!(found.as_deref(), next, "{text}");
        }
    }

    #[test]
    fn a_file_is_named_by_its_subject_and_days() {
        assert_eq!(
            file_name(&["example.com", "2001:db8::1", "records", "", "a_b"]),
            "example.com_2001-db8--1_records_a_b"
        );
        assert_eq!(file_name(&["a\"\r\n;b", "x"]), "a----b_x");
        let (first, last) = (Day(20_500), Day(20_501));
        for (range, expect) in [
            ((Some(first), Some(last)), "2026-02-16_2026-02-17"),
            ((Some(first), None), "2026-02-16_2026-02-18"),
            ((None, Some(last)), "to_2026-02-17"),
            ((None, None), "all_to_2026-02-18"),
        ] {
            assert_eq!(open_days_in_name(range, Day(20_502)), expect);
        }
    }
}
