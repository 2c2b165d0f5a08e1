//! What every answer has, whatever it says: a request id, protective headers, a count, and a span in the log.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::client::peer_address;
use super::rate::{Allowance, Bucket};
use super::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A client's own id is echoed up to this length.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The route's pattern, in the extensions of the answer, for counting.
#[derive(Debug, Clone, Copy)]
pub(super) struct RouteLabel(pub &'static str);

pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub(super) const RATE_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

/// Runs a request and dresses its answer.
pub(super) async fn scoped(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let began = state.clock.monotonic();
    let method = method_word(request.method());
    let peer = peer_address(request.extensions());
    let id = request
        .headers()
        .get(REQUEST_ID)
        .filter(|id| is_sane(id.as_bytes()))
        .cloned();
    let id = id.unwrap_or_else(new_request_id);
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), method);

    let mut response = next.run(request).instrument(span).await;
    if !response.headers().contains_key(RATE_LIMIT) {
        response = with_allowance(response, state.limiter.look(Bucket::peer(peer), began));
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What an answer says is its account's business: no cache keeps it.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));

    let route = response
        .extensions()
        .get::<RouteLabel>()
        .map_or("unmatched", |label| label.0);
    let took = state.clock.monotonic().saturating_sub(began);
    state
        .metrics
        .count_request(route, method, response.status().as_u16(), took);
    response
}

/// Dresses an answer that is given before a request has come this far.
pub(super) fn dressed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, new_request_id());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Writes what is left of a rate into the headers of an answer.
pub(super) fn with_allowance(mut response: Response, allowance: Option<Allowance>) -> Response {
    if let Some(allowance) = allowance {
        let headers = response.headers_mut();
        headers.insert(RATE_LIMIT, HeaderValue::from(allowance.limit));
        headers.insert(RATE_REMAINING, HeaderValue::from(allowance.remaining));
    }
    response
}

/// Whether the id has only letters, digits and a few signs, which cannot forge a line of a log.
fn is_sane(id: &[u8]) -> bool {
    let fits = (1..=REQUEST_ID_BYTES_MAX).contains(&id.len());
    fits && id
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}

/// 32 hex digits by chance. Without a generator the id says so; nothing depends on it.
fn new_request_id() -> HeaderValue {
    let mut random = [0; 16];
    if getrandom::fill(&mut random).is_err() {
        return HeaderValue::from_static("none");
    }
    let text = format!("{:032x}", u128::from_be_bytes(random));
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("none"))
}

/// The method as a word of a closed set: clients can invent any number of others.
fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_harmless_token_is_echoed() {
        for (id, sane) in [
            ("7f3c-00_a.b:c", true),
            ("", false),
            ("a b", false),
            ("a\u{1b}[0m", false),
            ("<script>", false),
            (&"a".repeat(128), true),
            (&"a".repeat(129), false),
        ] {
            assert_eq!(is_sane(id.as_bytes()), sane, "{id}");
        }
    }

    #[test]
    fn a_new_id_is_sane_and_new() {
        let ids = [new_request_id(), new_request_id()];
        assert_ne!(ids[0], ids[1]);
        assert!(is_sane(ids[0].as_bytes()) && ids[0].len() == 32);
    }
}
