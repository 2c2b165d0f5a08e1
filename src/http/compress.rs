//! Answers packed with gzip, for those who ask for it.
//!
//! The length of a packed answer tells how much of it repeats. A page that has a secret next to text from its address must
//! not tell that to another site's script (BREACH), so that what a browser asks for on behalf of another site is sent as
//! it is.

use std::io::Write as _;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt as _;
use futures_util::stream::try_unfold;

use crate::apart::{Apart, aside};

/// Shorter answers fit in one packet anyway.
const WORTH_BYTES: u64 = 1_024;
/// What each step of a long answer packs.
const STEP_BYTES: usize = 64 * 1024;
/// Most of the gain for half the time of the usual level.
const LEVEL: Compression = Compression::new(4);

/// Types that are packed. Originals of reports and mails are sent as they came.
const TYPES: [&str; 7] = [
    "text/html",
    "text/css",
    "text/csv",
    "text/javascript",
    "image/svg+xml",
    "application/json",
    "application/x-ndjson",
];

/// Packs answers. One whose length is known is packed before it is sent; one that is streamed stays a stream, and each of its
/// pieces can be read as soon as it has come.
pub async fn compressed(request: Request, next: Next) -> Response {
    let is_wanted = request.method() != Method::HEAD && takes_gzip(request.headers()) && is_own(request.headers());
    let mut response = next.run(request).await;
    if !has_packed_type(response.headers()) {
        return response;
    }
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if !is_wanted || headers.contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    let length = response.body().size_hint().exact();
    if length.is_some_and(|length| length < WORTH_BYTES) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts
        .headers
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = match length {
        // A body of a known length is in memory already.
        Some(length) => match to_bytes(body, usize::try_from(length).unwrap_or(usize::MAX)).await {
            Ok(bytes) => Body::from(aside(|| packed(&bytes))),
            Err(error) => Body::from_stream(futures_util::stream::iter([Err::<Bytes, _>(error)])),
        },
        None => packed_stream(body),
    };
    Response::from_parts(parts, body)
}

/// Whether the client takes gzip: named, or by `*`, and not with a quality of zero.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut named = None;
    let mut any = None;
    for part in values.flat_map(|value| value.split(',')) {
        let mut words = part.split(';').map(str::trim);
        let coding = words.next().unwrap_or_default();
        let quality = words.find_map(|word| word.strip_prefix("q="));
        let is_taken = quality.is_none_or(|quality| quality.parse().is_ok_and(|quality: f32| quality > 0.0));
        if coding.eq_ignore_ascii_case("gzip") {
            named = Some(is_taken);
        } else if coding == "*" {
            any = Some(is_taken);
        }
    }
    named.or(any).unwrap_or(false)
}

/// Whether no other site can have caused the request. With a cookie the browser has to say so.
fn is_own(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(site) => site == b"same-origin" || site == b"none",
        None => !headers.contains_key(header::COOKIE),
    }
}

fn has_packed_type(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|media_type| media_type.split(';').next());
    media_type.is_some_and(|media_type| TYPES.contains(&media_type.trim()))
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), LEVEL);
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Packs a stream step by step. What breaks it off breaks the answer off.
fn packed_stream(body: Body) -> Body {
    let state = (
        body.into_data_stream(),
        Bytes::new(),
        Some(GzEncoder::new(Vec::new(), LEVEL)),
    );
    let pieces = try_unfold(state, async |(mut body, mut piece, encoder)| {
        let Some(mut encoder) = encoder else {
            return Ok::<_, axum::Error>(None);
        };
        while piece.is_empty() {
            match body.next().await {
                Some(next) => piece = next?,
                None => {
                    let end = encoder.finish().map_err(axum::Error::new)?;
                    return Ok(Some((Bytes::from(end), (body, piece, None))));
                }
            }
        }
        let step = piece.split_to(piece.len().min(STEP_BYTES));
        encoder.write_all(&step).map_err(axum::Error::new)?;
        if piece.is_empty() {
            encoder.flush().map_err(axum::Error::new)?;
        }
        let done = Bytes::from(std::mem::take(encoder.get_mut()));
        Ok(Some((done, (body, piece, Some(encoder)))))
    });
    Body::from_stream(Apart::new(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;
    use flate2::write::GzDecoder;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accepts, taken) in [
            ("gzip", true),
            ("gzip, deflate, br, zstd", true),
            ("br;q=1, GZIP;q=0.2", true),
            ("*", true),
            ("identity, *;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0, *", false),
            ("br", false),
            ("", false),
            ("gzip;q=often", false),
        ] {
            assert_eq!(
                takes_gzip(&headers(&[("accept-encoding", accepts)])),
                taken,
                "{accepts}"
            );
        }
        assert!(!takes_gzip(&headers(&[])));
    }

    #[test]
    fn what_another_site_may_have_caused_is_not_packed() {
        for (pairs, own) in [
            (&[("sec-fetch-site", "same-origin"), ("cookie", "a=b")][..], true),
            (&[("sec-fetch-site", "none"), ("cookie", "a=b")], true),
            (&[("sec-fetch-site", "same-site"), ("cookie", "a=b")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("cookie", "a=b")], false),
            (&[("authorization", "Bearer x")], true),
            (&[], true),
        ] {
            assert_eq!(is_own(&headers(pairs)), own, "{pairs:?}");
        }
    }

    #[tokio::test]
    async fn a_streamed_piece_can_be_read_before_the_next_one_comes() {
        let (send, receive) = tokio::sync::mpsc::channel::<std::io::Result<Bytes>>(1);
        let pieces = try_unfold(
            receive,
            async |mut receive: tokio::sync::mpsc::Receiver<_>| match receive.recv().await {
                Some(Ok(piece)) => Ok(Some((piece, receive))),
                Some(Err(error)) => Err(error),
                None => Ok(None),
            },
        );
        let mut sent = packed_stream(Body::from_stream(pieces)).into_data_stream();
        let mut reader = GzDecoder::new(Vec::new());
        let large = vec![b'x'; 3 * STEP_BYTES];
        for piece in [b"first line\r\n".to_vec(), large, b"last line\r\n".to_vec()] {
            let before = reader.get_ref().len();
            send.send(Ok(Bytes::from(piece.clone()))).await.unwrap();
            while reader.get_ref().len() < before + piece.len() {
                reader.write_all(&sent.next().await.unwrap().unwrap()).unwrap();
                reader.flush().unwrap();
            }
            assert_eq!(reader.get_ref()[before..], piece);
        }
        send.send(Err(std::io::Error::other("broken off"))).await.unwrap();
        assert!(sent.next().await.unwrap().is_err());
    }

    #[test]
    fn a_packed_text_is_the_text() {
        let text = b"{\"a\": 1}".repeat(1_000);
        let packed = packed(&text);
        assert!(packed.len() < text.len() / 20);
        let mut reader = GzDecoder::new(Vec::new());
        reader.write_all(&packed).unwrap();
        assert_eq!(reader.finish().unwrap(), text);
    }
}
