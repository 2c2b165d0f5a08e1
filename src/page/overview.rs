//! The first page: all domains, and what needs attention first.

use axum::response::Response;
use maud::{Markup, html};

use super::api::Failure;
use super::data::{Attention, AttentionItem, Overview, OverviewItem, Policy};
use super::layout::{Place, page};
use super::parts::{
    counted, csv_link, dash, drawn, empty, grouped, hostile, hostile_or_dash, pages, percent_text, query_escaped, rate,
    status, time_or_dash,
};
use super::query::Asked;
use super::sessions::Visitor;
use super::{chart, export};

const PER_PAGE: u32 = 50;
const NAMES: [&str; 2] = ["search", "page"];

/// `GET /`
pub(super) async fn show(visitor: Visitor, asked: Asked) -> Result<Markup, Failure> {
    let query = asked.with(&NAMES, &[("days", "30"), ("per_page", &PER_PAGE.to_string())]);
    let overview = visitor.api.ask::<Overview>(format!("/overview{query}"));
    let attention = visitor.api.ask::<Attention>("/attention".to_owned());
    let (overview, attention) = (overview.await?, attention.await?);
    let is_empty = overview.pagination.total == 0 && asked.get("search").is_none();
    let content = html! {
        div .head {
            div {
                h1 { "Domains" }
                p .muted { "The last 30 days, by UTC day." }
            }
            @if visitor.has_account() { a .button.primary href="/add" { "Add a domain" } }
        }
        @if is_empty { (nothing_yet(&visitor)) } @else {
            (figures(&overview))
            (needs_attention(&attention))
            (domains(&overview, &asked))
        }
    };
    Ok(page(&visitor, Place::Domains, "Domains", content))
}

/// `GET /overview.csv`
pub(super) async fn csv(visitor: Visitor, asked: Asked) -> Result<Response, Failure> {
    let path = format!("/overview{}", asked.with(&["search"], &[("days", "30")]));
    let columns = &[
        ("id", "/id"),
        ("name", "/name"),
        ("status", "/status"),
        ("policy", "/policy/p"),
        ("messages", "/total_messages"),
        ("failed", "/failed_messages"),
        ("pass_rate", "/pass_rate"),
        ("last_report_at", "/last_report_at"),
    ];
    export::csv(&visitor.api, path, "domains", columns, "domains").await
}

fn figures(overview: &Overview) -> Markup {
    let pass = overview.total_messages - overview.failed_messages;
    html! {
        dl .figures {
            div { dt { "Messages" } dd { (grouped(overview.total_messages)) } }
            div { dt { "Pass DMARC" } dd { (percent_text(pass, overview.failed_messages)) } }
            div { dt { "Fail" } dd .bad[overview.failed_messages > 0] { (grouped(overview.failed_messages)) } }
            div { dt { "Domains" } dd { (grouped(overview.pagination.total)) } }
        }
    }
}

fn needs_attention(attention: &Attention) -> Markup {
    html! {
        section .card aria-labelledby="attention" {
            h2 #attention { "Needs attention" }
            @if attention.items.is_empty() {
                p .calm { "Nothing: no new failing source, no missing record, nobody silent, nothing in quarantine." }
            } @else {
                ul .attention {
                    @for item in attention.items.iter().take(SHOWN) { li .(item.kind.as_str()) { (told(item)) } }
                }
                @if attention.items.len() > SHOWN {
                    details {
                        summary { (attention.items.len() - SHOWN) " more" }
                        ul .attention {
                            @for item in attention.items.iter().skip(SHOWN) { li .(item.kind.as_str()) { (told(item)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Items that are seen at once.
const SHOWN: usize = 5;

fn told(item: &AttentionItem) -> Markup {
    let id = item.domain_id.as_deref().unwrap_or_default();
    let domain = item.domain.as_deref().unwrap_or_default();
    match item.kind.as_str() {
        "failing_sources" => html! {
            a href=(format!("/view/{id}/sources?days=30&result=fail&sort=first_seen")) {
                b { (counted(item.count, "new source fails", "new sources fail")) } " for " b { (hostile(domain)) }
            }
            span .muted {
                (counted(item.messages, "message", "messages")) " in 30 days"
                @if let Some(address) = &item.source_ip { ", most from " (hostile(address)) }
            }
        },
        "records_missing" => html! {
            a href=(format!("/view/{id}/setup")) { b { (hostile(domain)) } " is not set up" }
            span .muted { "DNS records are missing or were not found yet" }
        },
        "reporter_silent" => html! {
            a href=(format!("/view/{id}/reports?org={}", query_escaped(item.org_name.as_deref().unwrap_or_default()))) {
                b { (hostile_or_dash(item.org_name.as_deref())) } " has gone silent about " b { (hostile(domain)) }
            }
            span .muted { "last report " @if let Some(day) = &item.last_report { "on " (day) } }
        },
        _ => html! {
            a href="/intake" { b { (counted(item.count, "message", "messages")) } " in quarantine" }
            span .muted { "could not be read as a report" }
        },
    }
}

fn domains(overview: &Overview, asked: &Asked) -> Markup {
    let to = |number: &str| format!("/{}", asked.with(&["search"], &[("page", number)]));
    html! {
        section .card aria-labelledby="domains" {
            div .head {
                h2 #domains { "All domains" }
                form .inline method="get" action="/" role="search" {
                    label .hidden for="search" { "Name contains" }
                    input #search type="search" name="search" placeholder="Name contains" value=[asked.get("search")];
                    button type="submit" { "Find" }
                }
                (csv_link(&format!("/overview.csv{}", asked.only(&["search"]))))
            }
            @if overview.domains.is_empty() { p .muted { "No domain has that in its name." } } @else {
                div .scroll tabindex="0" role="region" aria-label="All domains" {
                    table .cards {
                        thead { tr {
                            th scope="col" { "Domain" }
                            th scope="col" { "Status" }
                            th scope="col" { "Policy" }
                            th scope="col" .num { "Messages" }
                            th scope="col" { "Pass" }
                            th scope="col" { "30 days" }
                            th scope="col" { "Last report" }
                        } }
                        tbody { @for domain in &overview.domains { (row(domain)) } }
                    }
                }
            }
            (pages(&overview.pagination, ("domain", "domains"), to))
        }
    }
}

fn row(domain: &OverviewItem) -> Markup {
    let (fail, pass) = (domain.failed_messages, domain.total_messages - domain.failed_messages);
    html! {
        tr {
            th scope="row" { a href=(format!("/view/{}", domain.id)) { (hostile(&domain.name)) } }
            td data-label="Status" { (status(&domain.status)) }
            td data-label="Policy" { (policy(domain.policy.as_ref())) }
            td .num data-label="Messages" { (grouped(domain.total_messages)) }
            td data-label="Pass" { @if domain.total_messages > 0 { (rate(pass, fail)) } @else { (dash()) } }
            td .trend data-label="30 days" {
                @if domain.total_messages > 0 {
                    @if let Some(svg) = chart::trend(&domain.daily_stats) { span aria-hidden="true" { (drawn(svg)) } }
                } @else { (dash()) }
            }
            td data-label="Last report" { (time_or_dash(domain.last_report_at.as_deref())) }
        }
    }
}

/// What is published, in a word.
pub(super) fn policy(policy: Option<&Policy>) -> Markup {
    match policy.and_then(|policy| policy.p.as_deref()) {
        None => dash(),
        Some("none") => html! { span .chip title="Failing mail is delivered" { "none" } },
        Some(word) => html! { span .chip.good { (word) } },
    }
}

fn nothing_yet(visitor: &Visitor) -> Markup {
    empty(
        "No domain yet",
        html! {
            @if visitor.has_account() {
                p { "Add the domain that you send mail as. You get the DNS records to publish; reports come a day or two after." }
                p { a .button.primary href="/add" { "Add your first domain" } }
                p .muted { "Reports that you have already: " code { "tallymark import --add-domains PATH" } "." }
            } @else {
                p { "Somebody with a full access key has to add one." }
            }
        },
    )
}
