//! Tables as CSV: the API's lists, part after part. A file is whole, or its download fails.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;

use super::api::{ANSWER_BYTES_MAX, Api, Failure};
use crate::apart::Apart;
use crate::api::CSV_ROWS_MAX;

/// A part of a list: its lines, and the query of the next part.
struct Part {
    headers: HeaderMap,
    lines: Bytes,
    next: Option<String>,
}

/// The whole list of the API at `path` as a file to be saved, with the name that the API gives it.
pub(super) async fn csv(api: &Api, path: String) -> Result<Response, Failure> {
    let joint = if path.contains('?') { '&' } else { '?' };
    // The first part before the answer begins: a refusal keeps its status.
    let first = part(api, &format!("{path}{joint}format=csv&per_page={CSV_ROWS_MAX}")).await?;
    let headers = [header::CONTENT_TYPE, header::CONTENT_DISPOSITION];
    let headers = headers.map(|name| first.headers.get(&name).cloned().map(|value| (name, value)));
    let base = path.split('?').next().unwrap_or_default().to_owned();
    let state = (api.clone(), base, Some((first.lines, first.next)));
    let lines = try_unfold(state, async |(api, base, part_now)| {
        let Some((lines, next)) = part_now else {
            return Ok::<_, std::io::Error>(None);
        };
        let next = match next {
            None => None,
            Some(query) => {
                let part = part(&api, &format!("{base}{query}")).await;
                let part = part.map_err(|failure| std::io::Error::other(failure.message))?;
                Some((without_head(part.lines), part.next))
            }
        };
        Ok(Some((lines, (api, base, next))))
    });
    let mut response = Body::from_stream(Apart::new(lines)).into_response();
    response.headers_mut().extend(headers.into_iter().flatten());
    Ok(response)
}

async fn part(api: &Api, path: &str) -> Result<Part, Failure> {
    let request = Request::get(path).body(Body::empty()).map_err(|_| Failure::missing())?;
    let (parts, body) = api.call(request).await?.into_parts();
    let lines = to_bytes(body, ANSWER_BYTES_MAX)
        .await
        .map_err(|_| Failure::fault("The answer of the API broke off"))?;
    let next = match parts.headers.get(header::LINK) {
        None => None,
        Some(link) => {
            Some(next_query(link).ok_or_else(|| Failure::fault("The page cannot read the answer of the API"))?)
        }
    };
    Ok(Part {
        headers: parts.headers,
        lines,
        next,
    })
}

/// The query of a link to the next part: `<?QUERY>; rel="next"`.
fn next_query(link: &HeaderValue) -> Option<String> {
    let target = link.to_str().ok()?.strip_suffix("; rel=\"next\"")?;
    let query = target.strip_prefix('<')?.strip_suffix('>')?;
    query.starts_with('?').then(|| query.to_owned())
}

/// The lines of a part behind its first one. No cell has a line break in it.
fn without_head(lines: Bytes) -> Bytes {
    let head = lines.iter().position(|byte| *byte == b'\n');
    lines.slice(head.map_or(lines.len(), |end| end + 1)..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_link_to_the_next_part_is_followed() {
        for (link, query) in [
            ("<?format=csv&after=20>; rel=\"next\"", Some("?format=csv&after=20")),
            ("<https://elsewhere.example/?a>; rel=\"next\"", None),
            ("<?a>; rel=\"prev\"", None),
            ("?a; rel=\"next\"", None),
        ] {
            let found = next_query(&HeaderValue::from_static(link));
            assert_eq!(found.as_deref(), query, "{link}");
        }
    }

    #[test]
    fn a_later_part_loses_its_first_line_only() {
        for (lines, expect) in [("a,b\r\n1,2\r\n3,4\r\n", "1,2\r\n3,4\r\n"), ("a,b\r\n", ""), ("", "")] {
            assert_eq!(without_head(Bytes::from_static(lines.as_bytes())), expect);
        }
    }
}
