//! What arrived, what could not be read and why, uploading, and trying again.

use axum::Form;
use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::api::{Failure, Told};
use super::export;
use super::layout::{self, Place};
use super::numbers::{bytes, date, grouped};
use super::parts::{
    csv_link, domain_name, empty, hostile, hostile_or_dash, no_rows, other_errors, pages_and_places, rate, time,
};
use super::query::{Asked, query_escaped};
use super::reports::notes;
use super::uploads;
use super::visitor::{Bare, Visitor};
use crate::api::{
    Arrivals, GROUPED_MESSAGES_MAX, MessageGroups, MessageItem, MessageList, RefusedItem, RefusedList, Taken,
};

const PER_PAGE: &str = "25";
const KINDS: [(&str, &str); 4] = [
    ("quarantined", "Quarantined"),
    ("unclaimed", "Unclaimed"),
    ("other", "Other mail"),
    ("all", "All"),
];

/// `GET /intake`
pub(super) async fn show(visitor: Visitor, asked: Asked) -> Result<(StatusCode, Markup), Failure> {
    let arrivals: Arrivals = visitor.api.get("/arrivals").await?;
    let aside = match visitor.has_account() {
        true => Some(Told::from(messages(&visitor, &asked).await)?),
        false => None,
    };
    let groups: Option<MessageGroups> = match visitor.has_account() {
        true => Some(visitor.api.get("/quarantine/groups").await?),
        false => None,
    };
    let refused: Option<RefusedList> = match visitor.has_account() {
        true => Some(visitor.api.get("/refused").await?),
        false => None,
    };
    let content = html! {
        div .head { div {
            h1 { "Intake" }
            p .muted { "What came, what could not be read and why." }
        } }
        @if asked.get("dismissed").is_some() { p .notice role="status" { "The message was removed." } }
        @if let Some(tried) = asked.get("tried") {
            p .notice role="status" { "Tried again: " @if tried == "read" { "it is a report now, and counted." } @else { "it still cannot be read." } }
        }
        @if visitor.may_write() { (uploads::card(&visitor)) }
        (arrived(&arrivals))
        @if let Some(list) = &refused { (not_taken(&list.refused)) }
        @if let Some(found) = &groups { (grouped_messages(found)) }
        @match &aside {
            Some(list) => { (set_aside(&visitor, &asked, list)) }
            None => { p .muted { "What is in quarantine can be seen with a full access key of the whole account." } }
        }
    };
    let status = aside.map_or(StatusCode::OK, |aside| aside.status());
    Ok((status, layout::page(&visitor, Place::Intake, "Intake", content)))
}

async fn messages(visitor: &Visitor, asked: &Asked) -> Result<MessageList, Failure> {
    let query = asked.with(&["kind", "page", "after"], &[("per_page", PER_PAGE)]);
    visitor.api.get(&format!("/quarantine{query}")).await
}

fn arrived(arrivals: &Arrivals) -> Markup {
    html! {
        section .card aria-labelledby="arrived" {
            div .head {
                h2 #arrived { "Latest reports" }
                @if arrivals.more {
                    span .muted.small { "The last " (grouped(arrivals.reports.len() as u64)) "; the file has all." }
                }
                (csv_link("/arrivals.csv"))
            }
            @if arrivals.reports.is_empty() {
                (empty("Nothing came yet", html! {
                    p { "Reports come once a day from each receiver, after the DMARC record asks for them." }
                    p { a href="/" { "See the DNS records of a domain" } " · " a href="/upload" { "Upload a report" } }
                }))
            } @else {
                div .scroll.low tabindex="0" role="region" aria-label="Table of the latest reports" {
                    table .cards.dated {
                        thead { tr {
                            th scope="col" { "Received" }
                            th scope="col" { "Reporter" }
                            th scope="col" { "Domain" }
                            th scope="col" .num { "Messages" }
                            th scope="col" { "Pass" }
                            th scope="col" { "Notes" }
                        } }
                        tbody { @for one in &arrivals.reports { tr {
                            td data-label="Received" { (time(&one.report.received_at)) }
                            th scope="row" { a href=(format!("/view/{}/reports/{}", one.domain_id, one.report.id)) {
                                @match &one.report.org_name { Some(name) => { (hostile(name)) } None => { "no name given" } }
                            } }
                            td .name data-label="Domain" { a href=(format!("/view/{}", one.domain_id)) { (domain_name(&one.domain_name, one.unicode_name.as_deref())) } }
                            td .num data-label="Messages" { (grouped(one.report.total_count)) }
                            td data-label="Pass" { (rate(one.report.pass_count, one.report.fail_count)) }
                            td data-label="Notes" { (notes(&one.report)) }
                        } } }
                    }
                }
            }
        }
    }
}

/// The card of refused mail, or nothing.
fn not_taken(refused: &[RefusedItem]) -> Markup {
    html! {
        @if !refused.is_empty() {
            section .card aria-labelledby="refused" {
                div .head {
                    h2 #refused { "Not taken" }
                    span .muted.small { "Mail that was refused in the last 30 days. A message that is sent again is \
                        counted again." }
                    (csv_link("/refused.csv"))
                }
                div .scroll.low tabindex="0" role="region" aria-label="Table of mail that was not taken" {
                    table .cards.dated {
                        thead { tr {
                            th scope="col" { "Day" }
                            th scope="col" { "Why" }
                            th scope="col" .num { "Messages" }
                            th scope="col" .num { "Size" }
                            th scope="col" { "First" }
                            th scope="col" { "Last" }
                        } }
                        tbody { @for item in refused { tr {
                            td .day data-label="Day" { (date(&item.date)) }
                            th scope="row" data-label="Why" {
                                span .chip.odd { (item.reason) } " "
                                @if item.comes_again { span .muted { "told to try again" } }
                                p .small.muted { (item.says) }
                            }
                            td .num data-label="Messages" { (grouped(item.messages)) }
                            td .num data-label="Size" { (bytes(item.bytes)) }
                            td data-label="First" { (time(&item.first_at)) }
                            td data-label="Last" { (time(&item.last_at)) }
                        } } }
                    }
                }
            }
        }
    }
}

/// `GET /refused.csv`
pub(super) async fn refused_csv(visitor: Visitor) -> Result<Response, Failure> {
    export::csv(&visitor.api, "/refused".to_owned()).await
}

/// What is in quarantine, by reason and sender, where there is more than one message; else nothing.
fn grouped_messages(MessageGroups { groups, more }: &MessageGroups) -> Markup {
    let all = groups
        .iter()
        .fold(0_u64, |sum, group| sum.saturating_add(group.messages));
    html! {
        @if all > 1 {
            section .card aria-labelledby="groups" {
                div .head {
                    h2 #groups { "In quarantine, by reason and sender" }
                    span .muted.small {
                        "One cause often stands behind many messages: look at the newest of each."
                        @if *more { " Only the newest " (grouped(GROUPED_MESSAGES_MAX.into())) " are counted." }
                    }
                }
                div .scroll.low tabindex="0" role="region" aria-label="Table of reasons and senders" {
                    table .cards.dated {
                        thead { tr {
                            th scope="col" { "Why" } th scope="col" { "From" } th scope="col" .num { "Messages" }
                            th scope="col" { "Newest" } th scope="col" { span .hidden { "Look inside" } }
                        } }
                        tbody { @for group in groups { tr {
                            th scope="row" data-label="Why" { span .chip.odd { (hostile(&group.reason)) } }
                            td data-label="From" { (hostile_or_dash(Some(&group.sender))) }
                            td .num data-label="Messages" { (grouped(group.messages)) }
                            td data-label="Newest" { (time(&group.last_at)) }
                            td { a href=(format!("/intake/{}", group.newest_id)) aria-label=(format!("Look inside the newest: message {}", group.newest_id)) { "Look inside" } }
                        } } }
                    }
                }
            }
        }
    }
}

fn set_aside(visitor: &Visitor, asked: &Asked, list: &Told<MessageList>) -> Markup {
    let kind = asked.get("kind").unwrap_or("quarantined");
    let to = |name: &str, value: &str| format!("/intake{}", asked.with(&["kind"], &[(name, value)]));
    html! {
        section .card aria-labelledby="aside" {
            div .head {
                h2 #aside { "Not counted" }
                div .segments role="group" aria-label="Kind" {
                    @for (word, title) in KINDS {
                        a href=(format!("/intake?kind={word}")) aria-current=[(word == kind).then_some("true")] { (title) }
                    }
                }
                (csv_link(&format!("/quarantine.csv?kind={}", query_escaped(kind))))
            }
            (other_errors(list.wrong(), &[]))
            @if let Told::Answer(list) = list {
            @if list.messages.is_empty() { (no_rows(&list.pagination, html! { p .calm { "Nothing here." } })) } @else {
                div .scroll tabindex="0" role="region" aria-label="Table of what is not counted" {
                    table .cards.dated {
                        thead { tr {
                            th scope="col" { "Received" }
                            th scope="col" { "Why" }
                            th scope="col" { "Where" }
                            th scope="col" .num { "Size" }
                            th scope="col" { span .hidden { "Actions" } }
                        } }
                        tbody { @for message in &list.messages { (message_row(visitor, message)) } }
                    }
                }
            }
            (pages_and_places(&list.pagination, asked, ("message", "messages"), to))
            }
        }
    }
}

fn message_row(visitor: &Visitor, message: &MessageItem) -> Markup {
    html! {
        tr {
            td data-label="Received" {
                (time(&message.received_at))
                @if message.arrivals > 1 { div .small.muted { "came " (grouped(message.arrivals)) " times" } }
            }
            th scope="row" data-label="Why" {
                span .chip.odd { (hostile(&message.reason)) } " " (hostile(&message.detail))
                @if let Some(domain) = &message.policy_domain { " " b { (hostile(domain)) } }
                @if message.kind != "quarantined" { " " span .muted { (message.kind) } }
            }
            td data-label="Where" {
                (hostile_or_dash(Some(&message.leaf)))
                @if let Some(offset) = message.offset { span .muted { " byte " (grouped(offset)) } }
                div .small.muted { (hostile(&message.origin)) }
            }
            td .num data-label="Size" { (bytes(message.size_bytes)) }
            td .actions {
                a .button href=(format!("/intake/{}", message.id)) aria-label=(format!("Look inside message {}", message.id)) { "Look inside" } " "
                form .inline method="post" action=(format!("/intake/{}/replay", message.id)) {
                    (visitor.field())
                    button type="submit" aria-label=(format!("Try again: message {}", message.id)) { "Try again" }
                }
            }
        }
    }
}

/// `POST /intake/{number}/replay`
pub(super) async fn replay(
    visitor: Visitor,
    Path(number): Path<i64>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let path = format!("/quarantine/{number}/replay");
    let taken: Taken = visitor.api.send(Method::POST, &path, &()).await?;
    let read = !taken.reports.is_empty() || !taken.tls_reports.is_empty() || !taken.failure_reports.is_empty();
    let read = read || taken.duplicates > 0;
    Ok(Redirect::to(if read {
        "/intake?tried=read"
    } else {
        "/intake?tried=again"
    }))
}

/// `GET /arrivals.csv`
pub(super) async fn arrivals_csv(visitor: Visitor) -> Result<Response, Failure> {
    export::csv(&visitor.api, "/arrivals".to_owned()).await
}

/// What the link says.
#[derive(Debug, Deserialize)]
pub(super) struct KindAsked {
    #[serde(default)]
    kind: String,
}

/// `GET /quarantine.csv`
pub(super) async fn quarantine_csv(visitor: Visitor, Query(asked): Query<KindAsked>) -> Result<Response, Failure> {
    let kind = if asked.kind.is_empty() { "all" } else { &asked.kind };
    export::csv(&visitor.api, format!("/quarantine?kind={}", query_escaped(kind))).await
}
