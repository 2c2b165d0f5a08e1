//! Tables as CSV: the API's lists, page after page, as they are asked for. A file is whole, or its download fails.

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use serde_json::Value;

use super::api::{Api, Failure};
use super::query::{Asked, DAY_MILLIS};
use crate::apart::Apart;
use crate::base::Millis;
use crate::base::clock::format_instant;
use crate::csv::Row;

/// Rows asked of the API at a time.
const ROWS_AT_ONCE: u64 = 5_000;

/// A column: its head, and where in a row its value is (a JSON pointer).
pub(super) type Column = (&'static str, &'static str);

/// A table of the API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// The member of the answer that has the rows.
    pub list: &'static str,
    pub columns: &'static [Column],
    pub follow: Follow,
}

/// How a list goes on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Follow {
    /// It does not: the answer has all of it.
    Whole,
    /// By pages, as many as `pagination` says.
    Pages,
    /// By the text of `next`, given as `before`.
    Next,
    /// By the text of `pagination.next`, given as `after`.
    After,
    /// By the text of `next`, passed as `after`; the end of a list has no `next`.
    Behind,
}

/// What to ask for next.
#[derive(Debug, Clone)]
enum Place {
    Page(u64),
    Before(String),
    After(String),
}

/// The whole table of the API's answer at `path` as a file to be saved.
pub(super) async fn csv(api: &Api, path: String, table: Table, name: &str) -> Result<Response, Failure> {
    // The first page before the answer begins: what is refused is then said with its status.
    let first = page(api, &path, table, &Place::Page(1)).await?;
    let mut head = Row::default();
    table.columns.iter().for_each(|(title, _)| head.cell(title));
    let state = Some((api.clone(), path, first, head.finish()));
    let lines = try_unfold(state, move |state| async move {
        let Some((api, path, (mut lines, next), mut head)) = state else {
            return Ok::<_, std::io::Error>(None);
        };
        head.append(&mut lines);
        let next = match next {
            None => None,
            Some(place) => {
                let page = page(&api, &path, table, &place).await;
                let page = page.map_err(|failure| std::io::Error::other(failure.message))?;
                Some((api, path, page, Vec::new()))
            }
        };
        Ok(Some((Bytes::from(head), next)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.csv\""),
        ),
    ];
    Ok((headers, Body::from_stream(Apart::new(lines))).into_response())
}

/// A file's name: what it is about and for which days, of characters that every file system takes.
pub(super) fn file_name(parts: &[&str], days: &str) -> String {
    let mut name = String::new();
    for part in parts.iter().copied().chain([days]).filter(|part| !part.is_empty()) {
        if !name.is_empty() {
            name.push('_');
        }
        let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_');
        name.extend(part.chars().take(255).map(|sign| if plain(sign) { sign } else { '-' }));
    }
    name
}

/// The days that a table is about, as `FROM_TO`: as the API understands them, with 30 days or all of them if nothing is said.
pub(super) fn days_of(asked: &Asked, now: Millis, unsaid: Unsaid) -> String {
    let day = |ago: i64| today(now.saturating_sub(ago.saturating_mul(DAY_MILLIS)));
    let back = asked.get("days").and_then(|days| days.parse::<i64>().ok());
    match (back, asked.get("from"), asked.get("to"), unsaid) {
        (Some(days), ..) => format!("{}_{}", day(days.clamp(1, 3_650) - 1), day(0)),
        (None, Some(from), to, _) => format!("{from}_{}", to.map_or_else(|| day(0), str::to_owned)),
        (None, None, Some(to), Unsaid::Month) => format!("30-days-to_{to}"),
        (None, None, Some(to), Unsaid::All) => format!("to_{to}"),
        (None, None, None, Unsaid::Month) => format!("{}_{}", day(29), day(0)),
        (None, None, None, Unsaid::All) => format!("all_to_{}", day(0)),
    }
}

/// The UTC day of an instant.
pub(super) fn today(now: Millis) -> String {
    format_instant(now).get(..10).unwrap_or_default().to_owned()
}

/// What the API takes no days for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unsaid {
    Month,
    All,
}

/// The lines of one page, and what comes behind it.
async fn page(api: &Api, path: &str, table: Table, place: &Place) -> Result<(Vec<u8>, Option<Place>), Failure> {
    let joint = if path.contains('?') { '&' } else { '?' };
    let asked = match place {
        Place::Page(1) => String::new(),
        Place::Page(number) => format!("&page={number}"),
        Place::Before(place) => format!("&before={}", super::parts::query_escaped(place)),
        Place::After(place) => format!("&after={}", super::parts::query_escaped(place)),
    };
    let answer: Value = api.get(&format!("{path}{joint}per_page={ROWS_AT_ONCE}{asked}")).await?;
    let rows = answer
        .get(table.list)
        .and_then(Value::as_array)
        .ok_or_else(|| renamed(table.list))?;
    let mut lines = Vec::new();
    for row in rows {
        lines.extend(line(row, table.columns)?);
    }
    Ok((lines, behind(&answer, table.follow, place, rows.is_empty())?))
}

/// What comes behind an answer.
fn behind(answer: &Value, follow: Follow, place: &Place, is_empty: bool) -> Result<Option<Place>, Failure> {
    let number = match place {
        Place::Page(number) => *number,
        Place::Before(_) | Place::After(_) => 1,
    };
    let next_page = |goes_on: bool| (goes_on && !is_empty).then_some(Place::Page(number + 1));
    match follow {
        Follow::Whole => Ok(None),
        Follow::Pages => {
            let pages = answer.pointer("/pagination/total_pages").and_then(Value::as_u64);
            Ok(next_page(number < pages.ok_or_else(|| renamed("pagination"))?))
        }
        Follow::Next => next(answer.get("next"), Place::Before),
        Follow::Behind if answer.get("more").is_none() => Err(renamed("more")),
        Follow::Behind => next(answer.get("next").or(Some(&Value::Null)), Place::After),
        // At its end a list has pages and no such place.
        Follow::After if answer.pointer("/pagination/total_pages").is_none() => Err(renamed("pagination")),
        Follow::After => next(answer.pointer("/pagination/next").or(Some(&Value::Null)), Place::After),
    }
}

fn next(text: Option<&Value>, place: fn(String) -> Place) -> Result<Option<Place>, Failure> {
    match text {
        Some(Value::String(next)) => Ok(Some(place(next.clone()))),
        Some(Value::Null) => Ok(None),
        _ => Err(renamed("next")),
    }
}

/// A row as a line. What it has no value for is an empty cell; what it does not have at all is a fault of ours.
fn line(row: &Value, columns: &[Column]) -> Result<Vec<u8>, Failure> {
    let mut line = Row::default();
    for (_, pointer) in columns {
        match value(row, pointer).ok_or_else(|| renamed(pointer))? {
            Value::Null => line.cell(""),
            Value::String(text) => line.cell(text),
            Value::Array(all) => line.cell(&all.iter().map(told).collect::<Vec<_>>().join("; ")),
            value => line.show(value),
        }
    }
    Ok(line.finish())
}

/// What is at a place in a row: nothing, if what it would be in is null; `None` if there is no such member.
fn value<'r>(row: &'r Value, pointer: &str) -> Option<&'r Value> {
    let mut names = pointer.split('/').skip(1);
    names.try_fold(
        row,
        |value, name| if value.is_null() { Some(value) } else { value.get(name) },
    )
}

/// The API's answer is not what the page knows.
fn renamed(member: &str) -> Failure {
    tracing::error!(member, "a table cannot be written: the API's answer has no such member");
    Failure::fault("The page cannot read what the API says")
}

/// An authentication result or a reason, in a cell beside others.
fn told(value: &Value) -> String {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let parts = ["result", "type", "domain", "selector", "comment"]
        .into_iter()
        .filter_map(text);
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_that_is_missing_is_no_empty_cell() {
        let columns = &[("a", "/a"), ("b", "/b/c")];
        assert_eq!(
            line(&json!({ "a": null, "b": { "c": 1 } }), columns).unwrap(),
            b",1\r\n"
        );
        assert_eq!(line(&json!({ "a": "x", "b": null }), columns).unwrap(), b"x,\r\n");
        for row in [
            json!({ "a": 1 }),
            json!({ "a": 1, "b": {} }),
            json!({ "b": { "c": 1 } }),
            json!([]),
        ] {
            let failure = line(&row, columns).unwrap_err();
            assert!(failure.status.is_server_error(), "{row}");
        }
    }

    #[test]
    fn a_list_goes_on_until_it_says_that_it_ends() {
        let next = |answer: Value, follow, place| behind(&answer, follow, &place, false);
        let page = |pages: u64| json!({ "pagination": { "total_pages": pages } });
        assert!(matches!(
            next(page(3), Follow::Pages, Place::Page(2)),
            Ok(Some(Place::Page(3)))
        ));
        assert!(matches!(next(page(3), Follow::Pages, Place::Page(3)), Ok(None)));
        assert!(next(json!({}), Follow::Pages, Place::Page(1)).is_err());
        let before = next(json!({ "next": "1_2" }), Follow::Next, Place::Page(1)).unwrap();
        assert!(matches!(before, Some(Place::Before(place)) if place == "1_2"));
        assert!(matches!(
            next(json!({ "next": null }), Follow::Next, Place::Page(1)),
            Ok(None)
        ));
        assert!(next(json!({}), Follow::Next, Place::Page(1)).is_err());
        let after = next(
            json!({ "pagination": { "total_pages": 3, "next": "1_2" } }),
            Follow::After,
            Place::Page(1),
        );
        assert!(matches!(after.unwrap(), Some(Place::After(place)) if place == "1_2"));
        assert!(matches!(next(page(3), Follow::After, Place::Page(1)), Ok(None)));
        assert!(next(json!({ "pagination": {} }), Follow::After, Place::Page(1)).is_err());
        let behind = next(json!({ "more": true, "next": "7" }), Follow::Behind, Place::Page(1));
        assert!(matches!(behind.unwrap(), Some(Place::After(place)) if place == "7"));
        assert!(matches!(
            next(json!({ "more": false }), Follow::Behind, Place::After("7".to_owned())),
            Ok(None)
        ));
        assert!(next(json!({}), Follow::Behind, Place::Page(1)).is_err());
    }

    #[test]
    fn a_file_is_named_by_what_it_is_about_and_its_days() {
        let asked = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
            Asked::new(pairs.collect())
        };
        let now = 1_774_260_000_000;
        for (pairs, unsaid, expect) in [
            (&[][..], Unsaid::Month, "2026-02-22_2026-03-23"),
            (&[], Unsaid::All, "all_to_2026-03-23"),
            (&[("days", "7")], Unsaid::All, "2026-03-17_2026-03-23"),
            (
                &[("from", "2026-01-01"), ("to", "2026-01-31")],
                Unsaid::Month,
                "2026-01-01_2026-01-31",
            ),
            (&[("from", "2026-01-01")], Unsaid::Month, "2026-01-01_2026-03-23"),
        ] {
            assert_eq!(days_of(&asked(pairs), now, unsaid), expect, "{pairs:?}");
        }
        assert_eq!(
            file_name(&["example.com", "2001:db8::1", "records"], "a_b"),
            "example.com_2001-db8--1_records_a_b"
        );
        assert_eq!(file_name(&["a\"\r\n;b", ""], "x"), "a----b_x");
    }
}
