//! What is shown instead of a page: within the frame of the signed-in user, never as JSON or bare text.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::api::{Failure, answer_of};
use super::layout::{self, Place};
use super::numbers::counted;
use super::parts::hostile;
use super::query::Asked;
use super::state::PageState;
use super::tabs::{self, Tab};
use super::visitor::Visitor;

/// A failure on its way out: in the extensions of its answer.
#[derive(Debug, Clone)]
struct Shown(Arc<Failure>);

/// A failure as a page without a frame; [`framed`] puts one around it.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let content = content(&self, "/");
        let page = layout::bare(
            title(&self),
            html! { main #main .narrow { (layout::brand()) (content) } },
        );
        let mut response = (self.status, page).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Shown(Arc::new(self)));
        response
    }
}

/// Puts the frame around failures, and makes pages of what the router itself refuses in plain text.
pub(super) async fn framed(State(state): State<PageState>, request: Request, next: Next) -> Response {
    let asked = Seen::from_request(&request);
    let mut response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let failure = match response.extensions_mut().remove::<Shown>() {
        Some(Shown(failure)) => failure,
        None if is_plain(&response) => Arc::new(Failure::of_status(status)),
        None => return response,
    };
    asked.frame(&state, &failure).await
}

/// The API answers addresses that are not pages. A browser that asks for an unknown address, or for one that needs a key,
/// gets a page that says so.
pub(super) async fn elsewhere(State(state): State<PageState>, request: Request) -> Response {
    let asked = Seen::from_request(&request);
    let answer = answer_of(&state.api, request).await;
    let is_refused = matches!(
        answer.status(),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNAUTHORIZED
    );
    if !is_refused || !asked.is_browser() {
        return answer;
    }
    let page = asked.frame(&state, &Failure::of_status(answer.status())).await;
    layout::protected(page)
}

/// Whether a router or an extractor made the answer, so that it is not a page.
fn is_plain(response: &Response) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE);
    media_type.is_none_or(|media_type| media_type.as_bytes().starts_with(b"text/plain"))
}

/// What is needed of a request to show why there is no page.
struct Seen {
    parts: Parts,
}

impl Seen {
    fn from_request(request: &Request) -> Self {
        let (mut parts, ()) = axum::http::Request::new(()).into_parts();
        parts.method = request.method().clone();
        parts.uri = request.uri().clone();
        parts.headers = kept(request.headers());
        parts.extensions = layout::peer_of(request.extensions());
        Self { parts }
    }

    /// Whether a person looks at the answer. Programs do not ask for HTML, and send their key.
    fn is_browser(&self) -> bool {
        let headers = &self.parts.headers;
        let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
        let reads = matches!(self.parts.method, Method::GET | Method::HEAD);
        reads
            && accepts.is_some_and(|accepts| accepts.contains("text/html"))
            && !headers.contains_key(header::AUTHORIZATION)
    }

    /// The page that shows it, with the tabs of the domain that its address names.
    async fn frame(&self, state: &PageState, failure: &Failure) -> Response {
        let content = content(failure, &self.here());
        // Who asks too much, and who finds no database, is not helped by more questions.
        let is_asked_again = failure.status != StatusCode::TOO_MANY_REQUESTS && !failure.status.is_server_error();
        let visitor = if is_asked_again {
            Visitor::find(state, &self.parts).await.ok().flatten()
        } else {
            None
        };
        let page = match &visitor {
            Some(visitor) => match of_domain(visitor, &self.parts.uri).await {
                Some((domain, tab)) => tabs::page(visitor, &domain, tab, &Asked::from_uri(&self.parts.uri), content),
                None => layout::page(visitor, Place::Domains, title(failure), content),
            },
            None => layout::bare(
                title(failure),
                html! { main #main .narrow { (layout::brand()) (content) } },
            ),
        };
        let mut response = (failure.status, page).into_response();
        if let Some(seconds) = failure.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// Where to try again: this address, if it was only looked at.
    fn here(&self) -> String {
        let reads = matches!(self.parts.method, Method::GET | Method::HEAD);
        let place = self.parts.uri.path_and_query().filter(|_| reads);
        place.map_or("/", |place| place.as_str()).to_owned()
    }
}

/// The headers that say who asks and how.
fn kept(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in layout::SESSION_HEADERS {
        for value in headers.get_all(name) {
            kept.append(name, value.clone());
        }
    }
    kept
}

/// The domain that an address below `/view` is about, if the visitor may see it.
async fn of_domain(visitor: &Visitor, uri: &Uri) -> Option<(crate::api::DomainBody, Tab)> {
    let mut segments = uri.path().strip_prefix("/view/")?.splitn(3, '/');
    let domain = tabs::find(visitor, segments.next()?).await.ok()?;
    Some((domain, tabs::tab_of(segments.next().unwrap_or_default())))
}

fn title(failure: &Failure) -> &'static str {
    match failure.status.as_u16() {
        401 => "Not signed in",
        403 => "Not allowed",
        404 => "Not found",
        410 => "Not kept any more",
        429 => "Too many requests",
        422 => "Not valid",
        500..=599 => "Not available",
        _ => "That did not work",
    }
}

fn content(failure: &Failure, here: &str) -> Markup {
    html! {
        section .card.slim aria-labelledby="failure" {
            h1 #failure { (title(failure)) }
            p role="alert" { (hostile(&failure.message)) "." }
            // The sentence about a single field is the message already.
            @if failure.fields.len() > 1 {
                ul { @for one in &failure.fields { li { (hostile(&one.field)) " " (hostile(&one.error)) } } }
            }
            @match failure.retry_after {
                Some(seconds) => {
                    p { "Go on in " (counted(seconds, "second", "seconds")) "." }
                    p { a .button.primary href=(here) { "Try again" } " " a .button href="/" { "To the domains" } }
                }
                None => { p { a .button href="/" { "To the domains" } } }
            }
        }
    }
}

impl Asked {
    /// The query of an address.
    fn from_uri(uri: &Uri) -> Self {
        Query::try_from_uri(uri).map_or_else(|_| Self::default(), |Query(pairs)| Self::new(pairs))
    }
}
