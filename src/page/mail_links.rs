//! Where links in mail lead: a page with a button, since programs follow links before people do. Programs that end a subscription
//! with one click post here, too (RFC 8058). There is no session: the link is what lets in.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode};
use maud::{Markup, html};

use super::api::answer_of;
use super::layout::{bare, brand, peer_of};
use super::query::query_escaped;
use super::state::PageState;

/// `GET /confirm/{token}`
pub(super) async fn confirm_form(
    State(state): State<PageState>,
    Path(token): Path<String>,
    parts: Parts,
) -> (StatusCode, Markup) {
    ask(&state, &token, &parts, &AGREE).await
}

/// `POST /confirm/{token}`
pub(super) async fn confirm(
    State(state): State<PageState>,
    Path(token): Path<String>,
    parts: Parts,
) -> (StatusCode, Markup) {
    act(&state, &token, &parts, &AGREE).await
}

/// `GET /unsubscribe/{token}`
pub(super) async fn unsubscribe_form(
    State(state): State<PageState>,
    Path(token): Path<String>,
    parts: Parts,
) -> (StatusCode, Markup) {
    ask(&state, &token, &parts, &LEAVE).await
}

/// `POST /unsubscribe/{token}`
pub(super) async fn unsubscribe(
    State(state): State<PageState>,
    Path(token): Path<String>,
    parts: Parts,
) -> (StatusCode, Markup) {
    act(&state, &token, &parts, &LEAVE).await
}

/// What is said about a kind of links.
struct Words {
    /// The end of the path of the API.
    does: &'static str,
    title: &'static str,
    says: &'static str,
    button: &'static str,
    done: &'static str,
}

const AGREE: Words = Words {
    does: "agree",
    title: "Mail from Tallymark",
    says: "You were asked whether you want reports and alerts about domains by mail.",
    button: "Yes, send them",
    done: "Done. Mail is sent to you from now on. Each mail has a link that ends it.",
};
const LEAVE: Words = Words {
    does: "leave",
    title: "Unsubscribe",
    says: "This ends all mail that this account of Tallymark sends to your address.",
    button: "Unsubscribe",
    done: "Done. No reports and alerts are sent to you, unless you agree again.",
};

async fn ask(state: &PageState, token: &str, parts: &Parts, words: &Words) -> (StatusCode, Markup) {
    let status = call(state, (Method::GET, token, ""), parts).await;
    if !status.is_success() {
        return (status, failed(status));
    }
    let form = html! {
        p { (words.says) }
        form method="post" .stack { button .primary type="submit" { (words.button) } }
    };
    (StatusCode::OK, framed(words.title, &form))
}

async fn act(state: &PageState, token: &str, parts: &Parts, words: &Words) -> (StatusCode, Markup) {
    let status = call(state, (Method::POST, token, words.does), parts).await;
    match status.is_success() {
        true => (
            StatusCode::OK,
            framed(words.title, &html! { p role="status" { (words.done) } }),
        ),
        false => (status, failed(status)),
    }
}

async fn call(state: &PageState, (method, token, does): (Method, &str, &str), parts: &Parts) -> StatusCode {
    let path = format!(
        "/mail-links/{}{}{does}",
        query_escaped(token),
        if does.is_empty() { "" } else { "/" }
    );
    let request = Request::builder().method(method).uri(path).body(Body::empty());
    let Ok(mut request) = request else {
        return StatusCode::NOT_FOUND;
    };
    *request.extensions_mut() = peer_of(&parts.extensions);
    answer_of(&state.api, request).await.status()
}

fn failed(status: StatusCode) -> Markup {
    let says = match status {
        StatusCode::NOT_FOUND => {
            "This link does nothing: it is not whole, or too old. A link to agree is good for seven days; a new one can be asked for."
        }
        StatusCode::TOO_MANY_REQUESTS => "That was too often. Wait a minute, then try again.",
        _ => "That does not work right now. Try again in a few minutes.",
    };
    framed("Nothing was done", &html! { p role="alert" { (says) } })
}

fn framed(title: &str, content: &Markup) -> Markup {
    bare(
        title,
        html! {
            main #main .narrow {
                (brand())
                h1 { (title) }
                (content)
            }
        },
    )
}
