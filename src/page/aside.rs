//! A message that was set aside: why, where reading stopped, and what can be done with it.

use axum::Form;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Method, Request};
use axum::response::{Redirect, Response};
use maud::{Markup, html};

use super::api::Failure;
use super::layout::{self, Place};
use super::numbers::{bytes, grouped};
use super::parts::{hostile, hostile_or_dash, time};
use super::query::query_escaped;
use super::visitor::{Bare, Visitor};
use crate::api::{ExcerptBody, MessageDetail, MessageItem};

/// `GET /intake/{number}`
pub(super) async fn show(visitor: Visitor, Path(number): Path<i64>) -> Result<Markup, Failure> {
    let MessageDetail { message, excerpt } = visitor.api.get(&format!("/quarantine/{number}")).await?;
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/intake" { "Intake" } }
        div .head { h1 { "Message " (message.id) } }
        section .card aria-labelledby="why" {
            div .head { h2 #why { "Why it is not counted" } span .chip.odd { (hostile(&message.reason)) } }
            p { (hostile(&message.detail)) @if let Some(domain) = &message.policy_domain { " " b { (hostile(domain)) } } }
            (facts(&message))
            (actions(&visitor, &message, excerpt.as_ref()))
        }
        @match &excerpt {
            Some(excerpt) => { (inside(&message, excerpt)) }
            None => { p .muted { "Its bytes are not kept any more, or it is empty." } }
        }
    };
    Ok(layout::page(
        &visitor,
        Place::Intake,
        &format!("Message {number}"),
        content,
    ))
}

fn facts(message: &MessageItem) -> Markup {
    html! {
        dl .facts {
            dt { "Received" } dd { (time(&message.received_at)) @if message.arrivals > 1 { ", came " (grouped(message.arrivals)) " times" } }
            dt { "From" } dd { (hostile(&message.origin)) }
            dt { "Size" } dd { (bytes(message.size_bytes)) }
            dt { "Part" } dd { (hostile_or_dash(Some(&message.leaf))) }
            @if let Some(offset) = message.offset { dt { "At byte" } dd { (grouped(offset)) } }
        }
    }
}

/// What can be done with it. Adding its domain counts the reports that wait for it.
fn actions(visitor: &Visitor, message: &MessageItem, excerpt: Option<&ExcerptBody>) -> Markup {
    let base = format!("/intake/{}", message.id);
    html! {
        div .row.actions {
            @if let Some(domain) = message.policy_domain.as_ref().filter(|_| message.kind == "unclaimed") {
                a .button.primary href=(format!("/add?name={}", query_escaped(domain))) { "Add its domain and count" } " "
            }
            @if excerpt.is_some() { a .button href=(format!("{base}/message")) download { "Download" } " " }
            form .inline method="post" action=(format!("{base}/replay")) {
                (visitor.field())
                button type="submit" { "Try again" }
            }
            details {
                summary { "Remove…" }
                form method="post" action=(format!("{base}/dismiss")) {
                    (visitor.field())
                    p .small { "The message is deleted for good. If it arrives again, it is listed again." }
                    button .danger type="submit" { "Remove it" }
                }
            }
        }
    }
}

/// The text, with the place marked. Line ends stay, so that the lines of a report can be told apart.
fn inside(message: &MessageItem, excerpt: &ExcerptBody) -> Markup {
    let is_end = message.offset.is_some() && excerpt.at.is_empty();
    html! {
        section .card aria-labelledby="inside" {
            div .head {
                h2 #inside { "Look inside" }
                span .muted.small {
                    "From byte " (grouped(excerpt.first_byte)) " on"
                    @if message.offset.is_some() { "; reading stopped at the mark" }
                }
            }
            pre .request.letter tabindex="0" role="region" aria-label="Text of the message" {
                (lines(&excerpt.before))
                @if is_end { mark { "end of the text" } }
                @else if !excerpt.at.is_empty() { mark { (lines(&excerpt.at)) } }
                (lines(&excerpt.after))
            }
        }
    }
}

/// A strangers' text with its lines.
fn lines(text: &str) -> Markup {
    html! {
        @for (nth, line) in text.split('\n').enumerate() {
            @if nth > 0 { "\n" }
            (hostile(line.trim_end_matches('\r')))
        }
    }
}

/// `GET /intake/{number}/message`
pub(super) async fn message(visitor: Visitor, Path(number): Path<i64>) -> Result<Response, Failure> {
    let path = format!("/quarantine/{number}/message");
    let request = Request::get(path).body(Body::empty()).map_err(|_| Failure::missing())?;
    visitor.api.call(request).await
}

/// `POST /intake/{number}/dismiss`
pub(super) async fn dismiss(
    visitor: Visitor,
    Path(number): Path<i64>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    visitor
        .api
        .tell(Method::DELETE, &format!("/quarantine/{number}"), &())
        .await?;
    Ok(Redirect::to("/intake?dismissed=true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_marked_and_nothing_of_the_text_is_markup() {
        let message = |offset| MessageItem {
            id: 1,
            kind: "quarantined".into(),
            reason: "bad_xml".to_owned(),
            detail: String::new(),
            leaf: String::new(),
            offset,
            policy_domain: None,
            origin: String::new(),
            received_at: String::new(),
            arrivals: 1,
            size_bytes: 3,
        };
        let excerpt = |before: &str, at: &str| ExcerptBody {
            first_byte: 0,
            before: before.to_owned(),
            at: at.to_owned(),
            after: "</b>".to_owned(),
        };
        let html = inside(&message(Some(4)), &excerpt("<b>\r\n", "<")).into_string();
        assert!(html.contains("<bdi>&lt;b&gt;</bdi>\n"), "{html}");
        assert!(html.contains("<mark><bdi>&lt;</bdi></mark>"), "{html}");
        let html = inside(&message(Some(4)), &excerpt("a", "")).into_string();
        assert!(html.contains("<mark>end of the text</mark>"), "{html}");
        let html = inside(&message(None), &excerpt("", "")).into_string();
        assert!(!html.contains("<mark>"), "{html}");
    }
}
