//! Signing in with an API key, and out. A browser holds a random token; the database holds its hash and which key it
//! stands for, so that every node knows it, and revoking or rotating the key ends the session.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::api::Failure;
use super::layout;
use super::parts::hostile;
use super::query::query_escaped;
use super::state::PageState;
use super::visitor::{
    Bare, Connection, Cookie, TOKEN_BYTES, Visitor, cookie, digest, foreign_form, inside, is_same_origin,
    kind_of_cookie, store_failure, token_of,
};
use crate::base::Permission;
use crate::http::{Bucket, Peer};
use crate::keys::{ApiSecret, same_hash};
use crate::store::ApiKey;

/// A session ends after this time, or with the browser.
const SESSION_MILLIS_MAX: i64 = 24 * 3_600_000;

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
    sign_in_page(&asked.next, problem, Connection::from_parts(&state, &parts))
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
    let connection = Connection::from_parts(&state, &parts);
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
    let only = match key.permission {
        Permission::SendingAccess => Some("This key may only send mail; there is nothing to see with it."),
        Permission::Submit => Some("This key may only hand in reports; there is nothing to see with it."),
        Permission::FullAccess | Permission::ReadOnly => None,
    };
    if let Some(why) = only {
        return refuse(StatusCode::FORBIDDEN, why);
    }
    match begin(&state, &key, (&form.next, connection), &parts).await? {
        Some(response) => Ok(response),
        None => failed(unknown),
    }
}

/// Begins a session of the key, and leads to `next`. `None` if the key was revoked or rotated meanwhile.
async fn begin(
    state: &PageState,
    key: &ApiKey,
    (next, connection): (&str, Connection),
    parts: &Parts,
) -> Result<Option<Response>, Failure> {
    let mut random = [0; TOKEN_BYTES];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        Failure::refused("Signing in does not work right now")
    })?;
    let (token, now) = (hex::encode(random), state.clock.now());
    let until = now + SESSION_MILLIS_MAX;
    let added = state
        .store
        .add_session(&digest(token.as_bytes()), key, now, until)
        .await;
    if !added.map_err(|error| store_failure(&error))? {
        return Ok(None);
    }
    let place = format!("/signed-in?next={}", query_escaped(inside(next)));
    let kind = kind_of_cookie(&parts.headers, connection);
    let response = (AppendHeaders([cookie(kind, &token, "")]), Redirect::to(&place));
    Ok(Some(response.into_response()))
}

/// `GET /sign-in/{token}`: asks first, since programs that look at links in advance would use it up.
pub(super) async fn link_form(
    State(state): State<PageState>,
    Path(token): Path<String>,
    parts: Parts,
) -> (StatusCode, Markup) {
    if !state.link.knows(&token, state.clock.now()) {
        let connection = Connection::from_parts(&state, &parts);
        return (StatusCode::GONE, sign_in_page("/", Some(LINK_USED), connection));
    }
    let page = layout::bare(
        "Sign in",
        html! {
            main #main .narrow {
                (layout::brand())
                h1 { "Sign in" }
                p { "This link signs in once, without a key." }
                form method="post" action=(format!("/sign-in/{token}")) .stack {
                    button .primary type="submit" autofocus { "Sign in" }
                }
            }
        },
    );
    (StatusCode::OK, page)
}

const LINK_USED: &str = "This link does not sign in any more: it does so once, within an hour of the start of the program. \
                         Sign in with a key, or restart the program for another link.";

/// `POST /sign-in/{token}`
pub(super) async fn use_link(
    State(state): State<PageState>,
    Path(token): Path<String>,
    parts: Parts,
) -> Result<Response, Failure> {
    if !is_same_origin(&parts.headers) {
        return Err(foreign_form());
    }
    let connection = Connection::from_parts(&state, &parts);
    if let Some(key) = state.link.take(&token, state.clock.now())
        && let Some(response) = begin(&state, &key, ("/", connection), &parts).await?
    {
        return Ok(response);
    }
    let page = sign_in_page("/", Some(LINK_USED), connection);
    Ok((StatusCode::GONE, page).into_response())
}

/// `GET /signed-in`: whether the browser keeps the session.
pub(super) async fn signed_in(State(state): State<PageState>, Query(asked): Query<Asked>, parts: Parts) -> Redirect {
    if token_of(&parts.headers, Connection::from_parts(&state, &parts)).is_some() {
        Redirect::to(inside(&asked.next))
    } else {
        Redirect::to("/sign-in?lost=true")
    }
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
