//! What needs attention: on the first page the most important of all domains, and all of it on a page of its own.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::export;
use super::layout::{self, Place};
use super::numbers::{counted, date, grouped};
use super::parts::{csv_link, domain_name, hostile, hostile_or_dash, no_rows, other_errors, pages, time};
use super::query::{Asked, query_escaped};
use super::visitor::Visitor;
use crate::api::{Attention, AttentionItem, AttentionTotals};

/// Items of a kind that the first page shows.
const SHOWN: usize = 3;
const PER_PAGE: &str = "50";

/// A kind: its word, what it is called, and how many there are of it.
type Kind = (&'static str, &'static str, fn(&AttentionTotals) -> u64);

const KINDS: [Kind; 6] = [
    ("to_fix", "To fix", |totals| totals.to_fix),
    ("failing_sources", "New sources that fail", |totals| {
        totals.failing_sources
    }),
    ("records_missing", "Not verified", |totals| totals.records_missing),
    ("reporter_silent", "Silent reporters", |totals| totals.reporter_silent),
    ("reports_held", "Held reports", |totals| totals.reports_held),
    ("quarantined", "In quarantine", |totals| totals.quarantined),
];

/// The most important of all domains, a few of each kind, and how many there are. `None`: it is still looked for.
pub(super) fn card(attention: Option<&Attention>) -> Markup {
    html! {
        section .card aria-labelledby="attention" {
            h2 #attention { "Needs attention" }
            @match attention {
                None => { p #looking .muted {
                    "Your many domains are being looked at, which takes a few seconds. "
                    a href="/needs-attention" { "See what needs attention" }
                } }
                Some(attention) if attention.items.is_empty() => { p .calm {
                    "Nothing: nothing to fix, no new failing source, no missing record, no silent reporter, no report held, nothing in quarantine."
                } }
                Some(attention) => { (items(attention)) }
            }
        }
    }
}

fn items(attention: &Attention) -> Markup {
    let is_shown = |(nth, item): &(usize, &AttentionItem)| {
        let before = &attention.items[..*nth];
        before.iter().filter(|other| other.kind == item.kind).count() < SHOWN
    };
    html! {
        ul .attention {
            @for (_, item) in attention.items.iter().enumerate().filter(is_shown) { li .(item.kind.as_ref()) { (told(item)) } }
            @for (word, title, total) in KINDS {
                @let all = total(&attention.totals);
                @if word != "quarantined" && all > SHOWN as u64 {
                    li .more { a href=(format!("/needs-attention?kind={word}")) { (title) ": all " (grouped(all)) } }
                }
            }
        }
    }
}

/// `GET /needs-attention`: all of a kind.
pub(super) async fn show(visitor: Visitor, asked: Asked) -> Result<(StatusCode, Markup), Failure> {
    let kind = asked.get("kind").unwrap_or(KINDS[0].0);
    let path = format!(
        "/attention{}",
        asked.with(&["page"], &[("kind", kind), ("per_page", PER_PAGE)])
    );
    let list = Told::from(visitor.api.get::<Attention>(&path).await)?;
    let to = |number: &str| format!("/needs-attention?kind={}&page={number}", query_escaped(kind));
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/" { "Domains" } }
        div .head { h1 { "Needs attention" } }
        section .card aria-labelledby="list" {
            div .head {
                h2 #list { (KINDS.iter().find(|(word, ..)| *word == kind).map_or("All", |(_, title, _)| title)) }
                div .segments role="group" aria-label="Kind" { @for (word, title, total) in KINDS {
                    a href=(format!("/needs-attention?kind={word}")) aria-current=[(word == kind).then_some("true")] {
                        (title) @if let Told::Answer(list) = &list { " " span .muted { (grouped(total(&list.totals))) } }
                    }
                } }
                (csv_link(&format!("/needs-attention.csv?kind={}", query_escaped(kind))))
            }
            (other_errors(list.wrong(), &[]))
            @if let Told::Answer(Attention { items, pagination: Some(pagination), .. }) = &list {
                @if let Told::Answer(list) = &list { p .small.muted { "As of " (time(&list.found_at)) "." } }
                @if items.is_empty() { (no_rows(pagination, html! { p .calm { "Nothing." } })) }
                @else { ul .attention { @for item in items { li .(item.kind.as_ref()) {
                    (told(item))
                    span .small.muted { (item.action) }
                } } } }
                (pages(pagination, ("item", "items"), to))
            }
        }
    };
    Ok((
        list.status(),
        layout::page(&visitor, Place::Domains, "Needs attention", content),
    ))
}

/// `GET /needs-attention.csv`
pub(super) async fn csv(visitor: Visitor, asked: Asked) -> Result<Response, Failure> {
    let kind = asked.get("kind").unwrap_or(KINDS[0].0);
    export::csv(&visitor.api, format!("/attention?kind={}", query_escaped(kind))).await
}

fn told(item: &AttentionItem) -> Markup {
    let id = item.domain_id.as_deref().unwrap_or_default();
    let domain = domain_name(item.domain.as_deref().unwrap_or_default(), item.unicode_name.as_deref());
    match item.kind.as_ref() {
        "to_fix" => html! {
            a href=(format!("/view/{id}?days=30#fails")) {
                b { (counted(item.messages, "message fails", "messages fail")) } " and can be fixed, for " b { (domain) }
            }
            span .muted {
                (counted(item.count, "sender", "senders"))
                @if let Some(name) = &item.org_name { ", most of " (hostile(name)) }
            }
        },
        "failing_sources" => html! {
            a href=(format!("/view/{id}/sources?days=30&result=fail&sort=first_seen")) {
                b { (counted(item.count, "new source fails", "new sources fail")) } " for " b { (domain) }
            }
            span .muted {
                (counted(item.messages, "message", "messages")) " in 30 days"
                @if let Some(address) = &item.source_ip { ", most from " (hostile(address)) }
            }
        },
        "records_missing" => html! {
            a href=(format!("/view/{id}/setup")) { b { (domain) } " is not verified" }
            span .muted { "DNS records are missing, or were not found yet" }
        },
        "reporter_silent" => html! {
            a href=(format!("/view/{id}/reports?days=30&org={}", query_escaped(item.org_name.as_deref().unwrap_or_default()))) {
                b { (hostile_or_dash(item.org_name.as_deref())) } " has gone silent about " b { (domain) }
            }
            span .muted {
                @if let Some(day) = &item.last_report { "last report on " (date(day)) ", " }
                (counted(item.messages, "message", "messages")) " in 30 days"
            }
        },
        "reports_held" => html! {
            a href=(format!("/view/{id}/reports?all=true&status=held")) {
                b { (counted(item.count, "report is held", "reports are held")) } " about " b { (domain) }
            }
            span .muted { "not in the figures until you accept them" }
        },
        _ => html! {
            a href="/intake" { b { (counted(item.count, "message", "messages")) } " in quarantine" }
            span .muted { "could not be read as a report" }
        },
    }
}
