//! Who looks at a page: the session of a request, and the key that it stands for.

mod cookie;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub(super) use self::cookie::{Connection, Cookie, TOKEN_BYTES, cookie, kind_of_cookie, token_of};
use super::api::{Api, Failure};
use super::form_token::FormToken;
use super::query::query_escaped;
use super::state::PageState;
use crate::base::Permission;
use crate::http::{Bucket, SignedIn};
use crate::store::ApiKey;

/// Who looks at a page.
pub(super) struct Visitor {
    pub api: Api,
    pub account: String,
    pub key: ApiKey,
    /// What a form must say, to show that it is one of ours.
    pub form_token: FormToken,
    pub connection: Connection,
    pub session: [u8; 32],
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
        let right = self.form_token.is(form_token);
        if right { Ok(()) } else { Err(foreign_form()) }
    }

    /// The field that [`Self::check`] is given.
    pub fn field(&self) -> Markup {
        html! { input type="hidden" name="form_token" value=(self.form_token.masked()); }
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
                Stopped::SignIn(if reads { place_of(parts) } else { "/".to_owned() })
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
        let connection = Connection::from_parts(state, parts);
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
            form_token: FormToken::of_session(token),
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
fn place_of(parts: &Parts) -> String {
    let place = parts.uri.path_and_query();
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

/// What a form says that says nothing else.
#[derive(Debug, Deserialize)]
pub(super) struct Bare {
    pub form_token: String,
}

/// Whether one of our pages sent the request. Browsers state it in Sec-Fetch-Site, older ones in Origin.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, host)| Some(host) == text("host"))
}

/// A place on this page: no other host, and no other scheme.
pub(super) fn inside(place: &str) -> &str {
    let is_path = place.starts_with('/') && !place.starts_with("//") && !place.contains(['\\', '\r', '\n', '\t']);
    if is_path { place } else { "/" }
}

pub(super) fn foreign_form() -> Failure {
    Failure::refused(
        "Nothing was saved: this form did not come from a page of this session; go back, reload and try again",
    )
}

pub(super) fn store_failure(error: &crate::store::StoreError) -> Failure {
    tracing::error!(%error, "the page cannot reach the database");
    Failure::unavailable()
}

pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
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
    fn sign_in_never_redirects_elsewhere() {
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
