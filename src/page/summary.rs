//! A domain on one sheet: what its digest says about the last week or month, to be read, printed or sent.

use axum::extract::Path;
use axum::http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;

use super::api::{Failure, Told};
use super::layout::{self, Place};
use super::numbers::{counted, date, grouped, percent};
use super::parts::{domain_name, figure, hostile, other_errors, plain};
use super::query::{Asked, query_escaped};
use super::tabs::{below, find};
use super::visitor::Visitor;
use crate::api::{DigestPreview, DomainBody};

const PERIODS: [(&str, &str); 2] = [("weekly", "Week"), ("monthly", "Month")];
/// Lists of a digest: the member, its heading, and the number of its rows with those that are not listed.
const LISTS: [(&str, &str, &str); 3] = [
    ("to_do", "To do", "to_do_total"),
    ("new", "New", "new_total"),
    ("silent", "Silent reporters", "silent_total"),
];

/// `GET /view/{id}/summary`
pub(super) async fn show(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let period = asked.get("period").unwrap_or(PERIODS[0].0);
    let path = below(&id, &format!("/dmarc/digest?period={}", query_escaped(period)))?;
    let found = Told::from(visitor.api.get::<DigestPreview>(&path).await)?;
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href=(format!("/view/{id}")) { (hostile(&domain.name)) } }
        div .head {
            h1 { "Summary of " (domain_name(&domain.name, domain.unicode_name.as_deref())) }
            div .segments role="group" aria-label="Period" { @for (word, title) in PERIODS {
                a href=(format!("/view/{id}/summary?period={word}")) aria-current=[(word == period).then_some("true")] { (title) }
            } }
            button .print.js type="button" { "Print" }
        }
        (other_errors(found.wrong(), &[]))
        @if let Told::Answer(found) = &found { (sheet(&domain, &found.data)) }
        p .small.muted.screen {
            "The same as the digests by mail (" a href="/alerts" { "Alerts" } ") and as " code { "tallymark digest " (domain.name) } "."
        }
    };
    let title = format!("Summary of {}", plain(&domain.name));
    Ok((found.status(), layout::page(&visitor, Place::Domains, &title, content)))
}

fn sheet(domain: &DomainBody, data: &Value) -> Markup {
    let of_domain = &data["domains"][0];
    let day = |member| date(word(data, member));
    html! {
        p #period .muted {
            (day("from")) " to " (day("to")) ", compared with " (day("previous_from")) " to " (day("previous_to"))
        }
        (figures(data))
        section .card aria-labelledby="policy" {
            h2 #policy { "Policy" }
            p { (text(of_domain, "readiness")) }
        }
        section .card aria-labelledby="digest" {
            h2 #digest { (text(data, "says")) }
            @for (member, title, total) in LISTS {
                @let rows = data[member].as_array().map_or(&[][..], Vec::as_slice);
                @if !rows.is_empty() {
                    h3 { (title) }
                    ul .sheet { @for row in rows { li { (row_of(row)) } } }
                    @let more = number(data, total).saturating_sub(rows.len() as u64);
                    @if more > 0 { p .small.muted { "and " (grouped(more)) " more" } }
                }
            }
        }
        p .small.muted { "Made by Tallymark from the reports about " (hostile(&domain.name)) ". All days are UTC." }
    }
}

fn figures(data: &Value) -> Markup {
    let both = |member: &str| (number(data, member), number(data, &format!("previous_{member}")));
    let ((messages, messages_before), (failed, failed_before)) = (both("message_count"), both("fail_count"));
    let before = |text: Markup| html! { dd .small.muted { (text) " before" } };
    html! {
        dl .figures {
            div { dt { "Messages" } dd { (figure(messages)) } (before(html! { (grouped(messages_before)) })) }
            div { dt { "Pass DMARC" } dd { (percent(messages.saturating_sub(failed), failed)) }
                (before(html! { (percent(messages_before.saturating_sub(failed_before), failed_before)) })) }
            div { dt { "Fail" } dd .bad[failed > 0] { (figure(failed)) } (before(html! { (counted(failed_before, "message", "messages")) })) }
        }
    }
}

/// A row: what is the matter, and what to do about it.
fn row_of(row: &Value) -> Markup {
    let says = if row["reason"].is_string() { "reason" } else { "says" };
    html! {
        (text(row, says))
        @if row["action"].is_string() { p .small.muted { (text(row, "action")) } }
    }
}

fn text(data: &Value, member: &str) -> Markup {
    hostile(word(data, member))
}

fn word<'d>(data: &'d Value, member: &str) -> &'d str {
    data[member].as_str().unwrap_or_default()
}

fn number(data: &Value, member: &str) -> u64 {
    data[member].as_u64().unwrap_or_default()
}
