//! What is around every page, and the headers that protect it.

use axum::extract::Request;
use axum::http::{Extensions, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};
use super::parts::{hostile, plain};
use super::visitor::{Connection, Visitor};
use crate::http::Peer;

/// Nothing from elsewhere, nothing inline, in no frame, forms to this origin only.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// Protects every page; an answer of the API that is handed on may have a stricter policy of its own.
pub(super) async fn protect(request: Request, next: Next) -> Response {
    protected(next.run(request).await)
}

/// The answer with those headers.
pub(super) fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(POLICY));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not no-referrer: browsers would send `Origin: null` with our own forms, and our forms could not prove their origin.
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The headers that identify the client, and how it reached us.
pub(super) const SESSION_HEADERS: [&str; 8] = [
    "cookie",
    "accept",
    "authorization",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-real-ip",
    "via",
];

/// Who is at the other end, without anything else that a request has with it.
pub(super) fn peer_of(extensions: &Extensions) -> Extensions {
    let mut kept = Extensions::new();
    if let Some(peer) = extensions.get::<Peer>() {
        kept.insert(*peer);
    }
    kept
}

/// Which part of the page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Domains,
    Intake,
    Search,
    Alerts,
    Keys,
    Glossary,
}

/// A page of a signed-in user.
pub(super) fn page(visitor: &Visitor, place: Place, title: &str, content: Markup) -> Markup {
    bare(
        title,
        html! {
            header .top {
                div .wrap {
                    (brand())
                    nav aria-label="Main" {
                        a href="/" aria-current=[(place == Place::Domains).then_some("page")] { "Domains" }
                        a href="/intake" aria-current=[(place == Place::Intake).then_some("page")] { "Intake" }
                        a href="/find" aria-current=[(place == Place::Search).then_some("page")] { "Search" }
                        a href="/alerts" aria-current=[(place == Place::Alerts).then_some("page")] { "Alerts" }
                        @if visitor.has_account() {
                            a href="/keys" aria-current=[(place == Place::Keys).then_some("page")] { "Keys" }
                        }
                    }
                    div .who {
                        span .muted title=(format!("Account {}", plain(&visitor.account))) { (hostile(&visitor.account)) }
                        @if visitor.connection == Connection::Insecure {
                            span .chip.odd title="Plain HTTP: http.insecure_sign_in is on. Anyone on the network can read along." { "not encrypted" }
                        }
                        @if !visitor.may_write() { span .chip { "read-only" } }
                        form method="post" action="/sign-out" {
                            (visitor.field())
                            button .plain type="submit" { "Sign out" }
                        }
                    }
                }
            }
            main #main .wrap { (content) }
            footer .wrap { p .small.muted { "All days and times are in UTC. " a href="/glossary" { "What the words mean" } } }
        },
    )
}

/// A page of its own.
pub(super) fn bare(title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Tallymark" }
                link rel="icon" href=(*ICON);
                link rel="stylesheet" href=(*STYLE);
                script src=(*SCRIPT) defer {}
            }
            body {
                a .skip href="#main" { "Skip to content" }
                (body)
            }
        }
    }
}

/// The name, leading home.
pub(super) fn brand() -> Markup {
    html! { a .brand href="/" { img src=(*ICON) alt="" width="26" height="26"; "Tallymark" } }
}
