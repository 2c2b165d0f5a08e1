//! Tables as CSV: the API's lists, page after page, as they are asked for.

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use serde_json::Value;

use super::api::{Api, Failure};
use crate::csv::Row;

/// Rows asked of the API at a time.
const ROWS_AT_ONCE: u64 = 5_000;

/// A column: its head, and where in a row its value is (a JSON pointer).
pub(super) type Column = (&'static str, &'static str);

/// The whole list `list` of the API's answer at `path` (which has a query) as a file to be saved.
pub(super) async fn csv(
    api: &Api,
    path: String,
    list: &'static str,
    columns: &'static [Column],
    name: &str,
) -> Result<Response, Failure> {
    // The first page before the answer begins: what is refused is then said with its status.
    let first = page(api, &path, list, columns, 1).await?;
    let mut head = Row::default();
    columns.iter().for_each(|(title, _)| head.cell(title));
    let state = Some((api.clone(), path, 1, first, head.finish()));
    let lines = try_unfold(state, move |state| async move {
        let Some((api, path, number, (mut lines, is_last), mut head)) = state else {
            return Ok::<_, std::io::Error>(None);
        };
        head.append(&mut lines);
        let next = if is_last {
            None
        } else {
            let next = page(&api, &path, list, columns, number + 1).await;
            let next = next.map_err(|failure| std::io::Error::other(failure.message))?;
            Some((api, path, number + 1, next, Vec::new()))
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
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// The lines of one page, and whether it is the last.
async fn page(api: &Api, path: &str, list: &str, columns: &[Column], number: u64) -> Result<(Vec<u8>, bool), Failure> {
    let joint = if path.contains('?') { '&' } else { '?' };
    let answer: Value = api
        .get(&format!("{path}{joint}per_page={ROWS_AT_ONCE}&page={number}"))
        .await?;
    let rows = answer
        .get(list)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut lines = Vec::new();
    for row in rows {
        let mut line = Row::default();
        for (_, pointer) in columns {
            match row.pointer(pointer) {
                None | Some(Value::Null) => line.cell(""),
                Some(Value::String(text)) => line.cell(text),
                Some(Value::Array(all)) => line.cell(&all.iter().map(told).collect::<Vec<_>>().join("; ")),
                Some(value) => line.show(value),
            }
        }
        lines.extend(line.finish());
    }
    let pages = answer
        .pointer("/pagination/total_pages")
        .and_then(Value::as_u64)
        .unwrap_or(1);
    Ok((lines, number >= pages || rows.is_empty()))
}

/// An authentication result or a reason, in a cell beside others.
fn told(value: &Value) -> String {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let parts = ["result", "type", "domain", "selector", "comment"]
        .into_iter()
        .filter_map(text);
    parts.collect::<Vec<_>>().join(" ")
}
