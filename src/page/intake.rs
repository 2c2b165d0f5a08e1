//! What arrived, what could not be read and why, uploading, and trying again.

use axum::Form;
use axum::extract::{Path, Query, Request};
use axum::http::{Method, Uri};
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::api::Failure;
use super::data::{Arrivals, Message, MessageList, Overview, Taken};
use super::domain::below;
use super::export;
use super::layout::{self, Place};
use super::parts::{bytes, counted, csv_link, empty, grouped, hostile, hostile_or_dash, pages, rate, time};
use super::query::Asked;
use super::reports::notes;
use super::sessions::{Bare, Visitor};

const PER_PAGE: &str = "25";
const KINDS: [(&str, &str); 4] = [
    ("quarantined", "Quarantined"),
    ("unclaimed", "Unclaimed"),
    ("other", "Other mail"),
    ("all", "All"),
];

/// `GET /intake`
pub(super) async fn show(visitor: Visitor, asked: Asked) -> Result<Markup, Failure> {
    let arrivals: Arrivals = visitor.api.get("/arrivals").await?;
    let content = html! {
        div .head { div {
            h1 { "Intake" }
            p .muted { "What came, what could not be read and why." }
        } }
        @if let Some(tried) = asked.get("tried") {
            p .notice role="status" { "Tried again: " @if tried == "read" { "it is a report now, and counted." } @else { "it still cannot be read." } }
        }
        @if visitor.may_write() { (upload_form(&visitor, &asked).await?) }
        (arrived(&arrivals))
        @if visitor.has_account() { (set_aside(&visitor, &asked).await?) }
        @else { p .muted { "What is in quarantine can be seen with a full access key of the whole account." } }
    };
    Ok(layout::page(&visitor, Place::Intake, "Intake", content))
}

async fn upload_form(visitor: &Visitor, asked: &Asked) -> Result<Markup, Failure> {
    let domains: Overview = visitor.api.get("/overview?per_page=500").await?;
    let chosen = asked.get("domain").unwrap_or_default();
    Ok(html! {
        section .card aria-labelledby="upload" {
            h2 #upload { "Upload reports" }
            @if domains.domains.is_empty() { p .muted { "Add a domain first." } } @else {
                form #upload-form .drop method="post" enctype="multipart/form-data" data-token=(visitor.form_token)
                    action=(upload_to(domains.domains.iter().find(|domain| domain.id == chosen).unwrap_or(&domains.domains[0]).id.as_str(), visitor)) {
                    p { "Drop files here, or choose them: XML, gzip, zip or whole mails." }
                    div .row {
                        label .hidden for="domain" { "Domain" }
                        select #domain {
                            @for domain in &domains.domains {
                                option value=(domain.id) selected[domain.id == chosen] { (domain.name) }
                            }
                        }
                        label .hidden for="files" { "Files" }
                        input #files type="file" name="file" multiple required;
                        button .primary type="submit" { "Upload" }
                    }
                }
            }
        }
    })
}

fn upload_to(id: &str, visitor: &Visitor) -> String {
    format!("/view/{id}/upload?form_token={}", visitor.form_token)
}

/// `POST /view/{id}/upload`: handed on to the API as it is.
pub(super) async fn upload(
    visitor: Visitor,
    Path(id): Path<String>,
    Query(form): Query<Bare>,
    mut request: Request,
) -> Result<Markup, Failure> {
    visitor.check(&form.form_token)?;
    let path = below(&id, "/dmarc/reports")?;
    *request.uri_mut() = Uri::try_from(path).map_err(|_| Failure::missing())?;
    let answer = visitor.api.call(request).await?;
    let taken: Taken = visitor.api.read(answer).await?;
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/intake" { "Intake" } }
        h1 { "Uploaded" }
        section .card {
            p #uploaded role="status" {
                b { (counted(taken.reports.len() as u64, "new report", "new reports")) } ", "
                (counted(taken.duplicates, "was here already", "were here already")) ", "
                @if taken.restored > 0 { (counted(taken.restored, "report has", "reports have")) " its records back, " }
                (counted(taken.quarantined.len() as u64, "part could not be read", "parts could not be read")) "."
            }
            @if !taken.reports.is_empty() { ul {
                @for one in &taken.reports { li {
                    a href=(format!("/view/{id}/reports/{}", one.report.id)) { (hostile_or_dash(one.report.org_name.as_deref())) }
                    " " span .muted { (counted(one.report.total_count, "message", "messages")) }
                    @if one.outcome == "conflict" { " " span .chip.bad { "contradicts another report" } }
                } }
            } }
            @if !taken.quarantined.is_empty() { ul {
                @for one in &taken.quarantined { li {
                    span .chip.bad { (hostile(&one.reason)) } " " (hostile(&one.detail)) " " span .muted { (hostile(&one.leaf)) " " (one.kind) }
                } }
            } }
            p { a .button href=(format!("/view/{id}")) { "To the domain" } " " a .button href="/intake" { "Upload more" } }
        }
    };
    Ok(layout::page(&visitor, Place::Intake, "Uploaded", content))
}

fn arrived(arrivals: &Arrivals) -> Markup {
    html! {
        section .card aria-labelledby="arrived" {
            div .head { h2 #arrived { "Latest reports" } (csv_link("/arrivals.csv")) }
            @if arrivals.reports.is_empty() {
                (empty("Nothing came yet", html! { p { "Reports come once a day from each receiver, after the DMARC record asks for them." } }))
            } @else {
                div .scroll.low tabindex="0" role="region" aria-label="Latest reports" {
                    table .cards {
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
                            td data-label="Domain" { a href=(format!("/view/{}", one.domain_id)) { (one.domain_name) } }
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

async fn set_aside(visitor: &Visitor, asked: &Asked) -> Result<Markup, Failure> {
    let kind = asked.get("kind").unwrap_or("quarantined");
    let query = asked.with(&["kind", "page"], &[("per_page", PER_PAGE)]);
    let list: MessageList = visitor.api.get(&format!("/quarantine{query}")).await?;
    let to = |number: &str| format!("/intake{}", asked.with(&["kind"], &[("page", number)]));
    Ok(html! {
        section .card aria-labelledby="aside" {
            div .head {
                h2 #aside { "Set aside" }
                div .segments role="group" aria-label="Kind" {
                    @for (word, title) in KINDS {
                        a href=(format!("/intake?kind={word}")) aria-current=[(word == kind).then_some("true")] { (title) }
                    }
                }
                (csv_link(&format!("/quarantine.csv?kind={}", super::parts::query_escaped(kind))))
            }
            @if list.messages.is_empty() { p .calm { "Nothing here." } } @else {
                div .scroll tabindex="0" role="region" aria-label="Set aside" {
                    table .cards {
                        thead { tr {
                            th scope="col" { "Received" }
                            th scope="col" { "Why" }
                            th scope="col" { "Where" }
                            th scope="col" .num { "Size" }
                            th scope="col" { span .hidden { "Try again" } }
                        } }
                        tbody { @for message in &list.messages { (message_row(visitor, message)) } }
                    }
                }
            }
            (pages(&list.pagination, ("message", "messages"), to))
        }
    })
}

fn message_row(visitor: &Visitor, message: &Message) -> Markup {
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
            td {
                form method="post" action=(format!("/intake/{}/replay", message.id)) {
                    (visitor.field())
                    button type="submit" { "Try again" }
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
    let taken = visitor.api.send(Method::POST, &path, &json!({})).await?;
    let taken: Taken = serde_json::from_value(taken).map_err(|_| Failure::missing())?;
    let read = !taken.reports.is_empty() || taken.duplicates > 0;
    Ok(Redirect::to(if read {
        "/intake?tried=read"
    } else {
        "/intake?tried=again"
    }))
}

/// `GET /arrivals.csv`
pub(super) async fn arrivals_csv(visitor: Visitor) -> Result<Response, Failure> {
    let columns = &[
        ("received_at", "/received_at"),
        ("domain", "/domain_name"),
        ("org_name", "/org_name"),
        ("report_id", "/report_id"),
        ("messages", "/total_count"),
        ("pass", "/pass_count"),
        ("fail", "/fail_count"),
    ];
    export::csv(&visitor.api, "/arrivals".to_owned(), "reports", columns, "arrivals").await
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
    let columns = &[
        ("id", "/id"),
        ("received_at", "/received_at"),
        ("kind", "/kind"),
        ("reason", "/reason"),
        ("detail", "/detail"),
        ("leaf", "/leaf"),
        ("offset", "/offset"),
        ("policy_domain", "/policy_domain"),
        ("origin", "/origin"),
        ("bytes", "/size_bytes"),
    ];
    let path = format!("/quarantine?kind={}", super::parts::query_escaped(kind));
    export::csv(&visitor.api, path, "messages", columns, "set-aside").await
}
