//! Signing in with an API key, and out. A browser holds a random token; the database holds its hash and which key it
//! stands for, so that every node knows it, and revoking or rotating the key ends the session.

mod cookie;

use axum::Form;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub(super) use self::cookie::Connection;
use self::cookie::{Cookie, cookie, kind_of_cookie, token_of};
use super::PageState;
use super::api::{Api, Failure};
use super::layout;
use super::parts::{hostile, query_escaped};
use crate::base::Millis;
use crate::http::{Bucket, Peer, SignedIn};
use crate::keys::{ApiSecret, same_hash};
use crate::store::{ApiKey, Permission};

const TOKEN_BYTES: usize = 32;
/// A session ends after this time, or with the browser.
const SESSION_MILLIS_MAX: i64 = 24 * 3_600_000;

/// Who looks at a page.
pub(super) struct Visitor {
    pub api: Api,
    pub account: String,
    pub key: ApiKey,
    /// What a form must say, to show that it is one of ours.
    pub form_token: String,
    /// When the page is made.
    pub now: Millis,
    pub connection: Connection,
    session: [u8; 32],
}

impl Visitor {
    /// Whether the key may change things.
    pub fn may_write(&self) -> bool {
        self.key.permission == Permission::FullAccess
    }

    /// Whether it may see and change what concerns the account as a whole.
    pub fn has_account(&self) -> bool {
        self.may_write() && self.key.domain.is_none()
    }

    /// Refuses a form that is not ours.
    pub fn check(&self, form_token: &str) -> Result<(), Failure> {
        let right = same_hash(&digest(form_token.as_bytes()), &digest(self.form_token.as_bytes()));
        if right { Ok(()) } else { Err(foreign_form()) }
    }

    /// The field that [`Self::check`] is given.
    pub fn field(&self) -> Markup {
        html! { input type="hidden" name="form_token" value=(self.form_token); }
    }
}

/// Why a request gets no page.
pub(super) enum Stopped {
    SignIn(String),
    /// A form of the page at this address was sent after the session had ended.
    Unsaved(String),
    Failure(Failure),
}

impl IntoResponse for Stopped {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(next) => Redirect::to(&format!("/sign-in?next={}", query_escaped(&next))).into_response(),
            Self::Unsaved(next) => {
                let place = format!("/sign-in?unsaved=true&next={}", query_escaped(&next));
                Redirect::to(&place).into_response()
            }
            Self::Failure(failure) => failure.into_response(),
        }
    }
}

impl FromRequestParts<PageState> for Visitor {
    type Rejection = Stopped;

    async fn from_request_parts(parts: &mut Parts, state: &PageState) -> Result<Self, Stopped> {
        let reads = parts.method == Method::GET || parts.method == Method::HEAD;
        if !reads && !is_same_origin(&parts.headers) {
            return Err(Stopped::Failure(foreign_form()));
        }
        let visitor = Self::find(state, parts).await.map_err(Stopped::Failure)?;
        let Some(visitor) = visitor else {
            return Err(if reads || parts.uri.path() == "/sign-out" {
                Stopped::SignIn(place_of(parts, reads))
            } else {
                Stopped::Unsaved(came_from(&parts.headers))
            });
        };
        let allowance = state.visits.take(visitor.bucket(), state.clock.monotonic());
        match allowance.and_then(|allowance| allowance.retry_after_seconds) {
            Some(seconds) => Err(Stopped::Failure(Failure::too_many(seconds))),
            None => Ok(visitor),
        }
    }
}

impl Visitor {
    /// The visitor, if the request has a session.
    pub async fn find(state: &PageState, parts: &Parts) -> Result<Option<Self>, Failure> {
        let connection = Connection::of(state, parts);
        let Some(token) = token_of(&parts.headers, connection) else {
            return Ok(None);
        };
        let session = digest(token.as_bytes());
        let now = state.clock.now();
        let key = state.store.session_key(&session, now).await;
        let key = key.map_err(|error| store_failure(&error))?;
        let Some(key) = key.filter(|key| key.revoked_at.is_none()) else {
            return Ok(None);
        };
        let account = state.store.account(key.account).await;
        let account = account.map_err(|error| store_failure(&error))?;
        Ok(Some(Self {
            api: Api::new(state.api.clone(), SignedIn(key.clone()), &parts.extensions),
            account: account.map(|account| account.name).unwrap_or_default(),
            key,
            form_token: hex::encode(digest(format!("form {token}").as_bytes())),
            now,
            connection,
            session,
        }))
    }

    /// Whose pages are counted together: a session's. Only as many as a key has sessions can use up more.
    fn bucket(&self) -> Bucket {
        let mut start = [0; 16];
        start.copy_from_slice(&self.session[..16]);
        Bucket::Session(start)
    }
}

/// Where to go on after signing in.
fn place_of(parts: &Parts, reads: bool) -> String {
    let place = parts.uri.path_and_query().filter(|_| reads);
    place.map_or("/", |place| place.as_str()).to_owned()
}

/// The page that a form was on: browsers say so to pages of the same origin.
fn came_from(headers: &HeaderMap) -> String {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let page = text(header::REFERER)
        .and_then(|address| address.split_once("://"))
        .map(|(_, rest)| rest);
    let path = page
        .zip(text(header::HOST))
        .and_then(|(page, host)| page.strip_prefix(host));
    inside(path.unwrap_or("/")).to_owned()
}

/// What comes with the address of the form.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
    /// The browser was given a session and came back without it.
    #[serde(default)]
    lost: String,
    /// A form was sent after the session had ended.
    #[serde(default)]
    unsaved: String,
}

/// `GET /sign-in`
pub(super) async fn form(State(state): State<PageState>, Query(asked): Query<Asked>, parts: Parts) -> Markup {
    let lost = "Your browser did not keep the session. It keeps it over HTTPS, and in most browsers on localhost: \
                put a proxy with TLS before this address. In a private network, http.insecure_sign_in = true in the \
                settings allows plain HTTP.";
    let unsaved = "Nothing was saved: the session had ended before the form was sent. Sign in and send it again.";
    let problem = match (asked.lost.as_str(), asked.unsaved.as_str()) {
        ("true", _) => Some(lost),
        (_, "true") => Some(unsaved),
        _ => None,
    };
    sign_in_page(&asked.next, problem, Connection::of(&state, &parts))
}

/// What the form says.
#[derive(Deserialize)]
pub(super) struct SignIn {
    key: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in`
pub(super) async fn sign_in(
    State(state): State<PageState>,
    parts: Parts,
    Form(form): Form<SignIn>,
) -> Result<Response, Failure> {
    if !is_same_origin(&parts.headers) {
        return Err(foreign_form());
    }
    let connection = Connection::of(&state, &parts);
    let refuse = |status, why: &str| Ok((status, sign_in_page(&form.next, Some(why), connection)).into_response());
    // Only what fails counts: behind a proxy all have one address, and one client must not keep the others from signing in.
    let failed = |why: &str| {
        if let Some(Peer(peer)) = parts.extensions.get() {
            let allowance = state.attempts.take(Bucket::peer(peer.ip()), state.clock.monotonic());
            if allowance.is_some_and(|allowance| allowance.retry_after_seconds.is_some()) {
                return refuse(
                    StatusCode::TOO_MANY_REQUESTS,
                    "Too many tries: wait a minute, then try again.",
                );
            }
        }
        refuse(StatusCode::UNAUTHORIZED, why)
    };
    let unknown = "This key is not known here, or it was revoked.";
    let Some(secret) = ApiSecret::parse(form.key.trim()) else {
        return failed("A key begins with sk_live_ or sk_test_ and has 51 characters.");
    };
    let hash = secret.hash();
    let key = state
        .store
        .key_by_hash(&hash)
        .await
        .map_err(|error| store_failure(&error))?;
    let Some(key) = key.filter(|key| same_hash(&key.hash, &hash) && key.revoked_at.is_none()) else {
        return failed(unknown);
    };
    if key.permission == Permission::SendingAccess {
        return refuse(
            StatusCode::FORBIDDEN,
            "This key may only send mail; there is nothing to see with it.",
        );
    }
    let mut random = [0; TOKEN_BYTES];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        Failure::refused("Signing in does not work right now")
    })?;
    let (token, now) = (hex::encode(random), state.clock.now());
    let until = now + SESSION_MILLIS_MAX;
    let added = state
        .store
        .add_session(&digest(token.as_bytes()), &key, now, until)
        .await;
    if !added.map_err(|error| store_failure(&error))? {
        return failed(unknown);
    }
    let place = format!("/signed-in?next={}", query_escaped(inside(&form.next)));
    let kind = kind_of_cookie(&parts.headers, connection);
    Ok((AppendHeaders([cookie(kind, &token, "")]), Redirect::to(&place)).into_response())
}

/// `GET /signed-in`: whether the browser keeps the session.
pub(super) async fn signed_in(State(state): State<PageState>, Query(asked): Query<Asked>, parts: Parts) -> Redirect {
    if token_of(&parts.headers, Connection::of(&state, &parts)).is_some() {
        Redirect::to(inside(&asked.next))
    } else {
        Redirect::to("/sign-in?lost=true")
    }
}

/// What a form says that says nothing else.
#[derive(Debug, Deserialize)]
pub(super) struct Bare {
    pub form_token: String,
}

/// `POST /sign-out`
pub(super) async fn sign_out(
    State(state): State<PageState>,
    visitor: Visitor,
    Form(form): Form<Bare>,
) -> Result<Response, Failure> {
    visitor.check(&form.form_token)?;
    let removed = state.store.remove_session(&visitor.session).await;
    removed.map_err(|error| store_failure(&error))?;
    let end = |kind| cookie(kind, "", "; Max-Age=0");
    let ends = AppendHeaders([end(Cookie::Secure), end(Cookie::Insecure)]);
    Ok((ends, Redirect::to("/sign-in")).into_response())
}

fn sign_in_page(next: &str, problem: Option<&str>, connection: Connection) -> Markup {
    layout::bare(
        "Sign in",
        html! {
            main #main .narrow {
                (layout::brand())
                h1 { "Sign in" }
                p .muted { "See who sends mail in your name, and whether it passes." }
                @if let Some(problem) = problem {
                    p .notice.bad role="alert" { (hostile(problem)) }
                }
                @if connection == Connection::Insecure {
                    p .notice.odd { "Over plain HTTP this connection is not encrypted: anyone on the same network can read \
                        the key. Sign in here only where you trust the network." }
                }
                form method="post" action="/sign-in" .stack {
                    input type="hidden" name="next" value=(inside(next));
                    label for="key" { "API key" }
                    input #key name="key" type="password" autocomplete="current-password" required autofocus
                        spellcheck="false" placeholder="sk_live_…";
                    button .primary type="submit" { "Sign in" }
                }
                p .small.muted { "A key is made with " code { "tallymark keys create" } "; with " code { "serve --demo" }
                    " it is printed at the start." }
            }
        },
    )
}

/// Did a page of ours send it? Browsers say so themselves (Sec-Fetch-Site), older ones by the origin.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, host)| Some(host) == text("host"))
}

/// A place on this page: no other host, and no other scheme.
fn inside(place: &str) -> &str {
    let is_path = place.starts_with('/') && !place.starts_with("//") && !place.contains(['\\', '\r', '\n', '\t']);
    if is_path { place } else { "/" }
}

fn foreign_form() -> Failure {
    Failure::refused(
        "Nothing was saved: this form did not come from a page of this session; go back, reload and try again",
    )
}

fn store_failure(error: &crate::store::StoreError) -> Failure {
    tracing::error!(%error, "the page cannot reach the database");
    Failure::unavailable()
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn only_our_own_pages_may_send_forms() {
        for (pairs, ours) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://a.example"),
                    ("host", "a.example"),
                ],
                false,
            ),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "https://a.example"), ("host", "a.example")], true),
            (&[("origin", "https://b.example"), ("host", "a.example")], false),
            (&[("origin", "null"), ("host", "a.example")], false),
            (&[("host", "a.example")], false),
            (&[], false),
        ] {
            assert_eq!(is_same_origin(&headers(pairs)), ours, "{pairs:?}");
        }
    }

    #[test]
    fn after_signing_in_nobody_is_sent_elsewhere() {
        for (place, expect) in [
            ("/view/dom_a?days=7", "/view/dom_a?days=7"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/\n//evil.example", "/"),
            ("", "/"),
        ] {
            assert_eq!(inside(place), expect, "{place}");
        }
    }

    #[test]
    fn a_form_that_came_too_late_leads_back_to_its_page() {
        for (referer, expect) in [
            ("http://a.example/view/dom_a/settings?x=1", "/view/dom_a/settings?x=1"),
            ("http://b.example/view/dom_a/settings", "/"),
            ("http://a.example//evil.example", "/"),
            ("nonsense", "/"),
        ] {
            assert_eq!(
                came_from(&headers(&[("referer", referer), ("host", "a.example")])),
                expect,
                "{referer}"
            );
        }
        assert_eq!(came_from(&headers(&[])), "/");
    }
}
