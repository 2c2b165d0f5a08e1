//! Signing in with an API key, and out. A browser holds a random token; the database holds its hash and which key it
//! stands for, so that every node knows it, and revoking or rotating the key ends the session.

use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, http::Extensions};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::PageState;
use super::api::{Api, Failure};
use super::layout;
use super::parts::{hostile, query_escaped};
use crate::http::{Bucket, Peer, SignedIn};
use crate::keys::{ApiSecret, same_hash};
use crate::store::{ApiKey, Permission};

/// `__Host-`: of this host alone, only over TLS (or, browsers say, to this machine), for all paths.
const COOKIE: &str = "__Host-tallymark";
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
    session: [u8; 32],
}

impl Visitor {
    /// May the key change things?
    pub fn may_write(&self) -> bool {
        self.key.permission == Permission::FullAccess
    }

    /// May it see and change what concerns the account as a whole?
    pub fn has_account(&self) -> bool {
        self.may_write() && self.key.domain.is_none()
    }

    /// Refuses a form that is none of ours.
    pub fn check(&self, form_token: &str) -> Result<(), Failure> {
        let right = same_hash(&digest(form_token.as_bytes()), &digest(self.form_token.as_bytes()));
        if right { Ok(()) } else { Err(foreign_form()) }
    }

    /// The field that [`Self::check`] is given.
    pub fn field(&self) -> Markup {
        html! { input type="hidden" name="form_token" value=(self.form_token); }
    }
}

/// Why somebody sees no page: he has to sign in first.
pub(super) enum Stopped {
    SignIn(String),
    Failure(Failure),
}

impl IntoResponse for Stopped {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(next) => Redirect::to(&format!("/sign-in?next={}", query_escaped(&next))).into_response(),
            Self::Failure(failure) => failure.into_response(),
        }
    }
}

impl FromRequestParts<PageState> for Visitor {
    type Rejection = Stopped;

    async fn from_request_parts(parts: &mut Parts, state: &PageState) -> Result<Self, Stopped> {
        if parts.method != Method::GET && parts.method != Method::HEAD && !is_same_origin(&parts.headers) {
            return Err(Stopped::Failure(foreign_form()));
        }
        let next = || {
            let place = parts.uri.path_and_query().map_or("/", |place| place.as_str());
            Stopped::SignIn(if parts.method == Method::GET {
                place.to_owned()
            } else {
                "/".to_owned()
            })
        };
        let token = token_of(&parts.headers).ok_or_else(next)?;
        let session = digest(token.as_bytes());
        let unavailable = |error| Stopped::Failure(store_failure(&error));
        let key = state
            .store
            .session_key(&session, state.clock.now())
            .await
            .map_err(unavailable)?;
        let key = key.filter(|key| key.revoked_at.is_none()).ok_or_else(next)?;
        let account = state.store.account(key.account).await.map_err(unavailable)?;
        Ok(Self {
            api: Api::new(state.api.clone(), SignedIn(key.clone()), &parts.extensions),
            account: account.map(|account| account.name).unwrap_or_default(),
            key,
            form_token: hex(&digest(format!("form {token}").as_bytes())),
            session,
        })
    }
}

/// What comes with the address of the form.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
    /// The browser was given a session and came back without it.
    #[serde(default)]
    lost: bool,
}

/// `GET /sign-in`
pub(super) async fn form(Query(asked): Query<Asked>) -> Markup {
    let lost = "Your browser did not keep the session. It keeps it over HTTPS, and in most browsers on localhost: \
                put a proxy with TLS before this address.";
    sign_in_page(&asked.next, asked.lost.then_some(lost))
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
    extensions: Extensions,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Result<Response, Failure> {
    if !is_same_origin(&headers) {
        return Err(foreign_form());
    }
    let refuse = |status, why: &str| Ok((status, sign_in_page(&form.next, Some(why))).into_response());
    // Only what fails counts: behind a proxy all have one address, and nobody may keep the others from signing in.
    let failed = |why: &str| {
        if let Some(Peer(peer)) = extensions.get() {
            let allowance = state.attempts.take(Bucket::peer(peer.ip()), state.clock.monotonic());
            if allowance.is_some_and(|allowance| allowance.retry_after_seconds.is_some()) {
                return refuse(StatusCode::TOO_MANY_REQUESTS, "Too many tries: wait a minute.");
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
        Failure::refused("Nobody can sign in right now")
    })?;
    let (token, now) = (hex(&random), state.clock.now());
    let until = now + SESSION_MILLIS_MAX;
    let added = state
        .store
        .add_session(&digest(token.as_bytes()), &key, now, until)
        .await;
    if !added.map_err(|error| store_failure(&error))? {
        return failed(unknown);
    }
    let place = format!("/signed-in?next={}", query_escaped(inside(&form.next)));
    Ok((cookie(&token, ""), Redirect::to(&place)).into_response())
}

/// `GET /signed-in`: does the browser keep the session?
pub(super) async fn signed_in(headers: HeaderMap, Query(asked): Query<Asked>) -> Redirect {
    if token_of(&headers).is_some() {
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
    Ok((cookie("", "; Max-Age=0"), Redirect::to("/sign-in")).into_response())
}

fn sign_in_page(next: &str, problem: Option<&str>) -> Markup {
    layout::bare(
        "Sign in",
        html! {
            main #main .narrow {
                (layout::brand())
                h1 { "Sign in" }
                p .muted { "See who sends mail as you, and whether it passes." }
                @if let Some(problem) = problem {
                    p .notice.bad role="alert" { (hostile(problem)) }
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

fn cookie(token: &str, more: &str) -> [(header::HeaderName, HeaderValue); 1] {
    let text = format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict{more}");
    let value = HeaderValue::from_str(&text).expect("a token is hex digits");
    [(header::SET_COOKIE, value)]
}

fn token_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, _)| *name == COOKIE)?;
    let fits = token.len() == 2 * TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then_some(token)
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
    Failure::refused("This form did not come from a page of this session; go back, reload and try again")
}

fn store_failure(error: &crate::store::StoreError) -> Failure {
    tracing::error!(%error, "the page cannot reach the database");
    Failure {
        status: StatusCode::SERVICE_UNAVAILABLE,
        message: "Not available right now; try again soon".to_owned(),
        fields: Vec::new(),
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
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
    fn a_token_is_found_among_other_cookies_and_nothing_else_is_one() {
        let token = "0a".repeat(32);
        for (cookies, found) in [
            (format!("a=b; {COOKIE}={token}"), true),
            (format!("{COOKIE}={token}0"), false),
            (format!("{COOKIE}={}", "zz".repeat(32)), false),
            (format!("tallymark={token}"), false),
        ] {
            assert_eq!(
                token_of(&headers(&[("cookie", &cookies)])).is_some(),
                found,
                "{cookies}"
            );
        }
    }
}
