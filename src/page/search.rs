//! One box for everything: a domain, an address, a service, a selector or a report, in all domains of the account.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::export;
use super::layout::{self, Place};
use super::numbers::{counted, date, grouped};
use super::parts::{csv_link, dash, described, empty, field_error, hostile, no_rows, other_errors, pages, rate};
use super::query::{Asked, query_escaped};
use super::visitor::Visitor;
use crate::api::{Hit, HitTotals, SearchList};

const PER_PAGE: &str = "50";
/// Parameters that links keep.
const KEPT: [&str; 3] = ["q", "days", "kind"];
/// Parameters of a page of hits.
const PAGED: [&str; 4] = ["q", "days", "kind", "page"];
/// Parameters with a field in the form.
const FIELDS: [&str; 2] = ["q", "days"];
/// The ranges that the form offers, in days. The second one is chosen first.
const DAYS: [&str; 3] = ["7", "30", "90"];

/// A kind: its word, what its hits are called, and how many there are of it.
type Kind = (&'static str, &'static str, fn(&HitTotals) -> u64);

const KINDS: [Kind; 6] = [
    ("domain", "Domains", |totals| totals.domain),
    ("service", "Services", |totals| totals.service),
    ("source", "Addresses", |totals| totals.source),
    ("from_domain", "Domains in From", |totals| totals.from_domain),
    ("signature", "DKIM signers", |totals| totals.signature),
    ("report", "Reports", |totals| totals.report),
];

/// `GET /find`
pub(super) async fn show(visitor: Visitor, asked: Asked) -> Result<(StatusCode, Markup), Failure> {
    let Some(sought) = asked.get("q") else {
        return Ok((StatusCode::OK, page(&visitor, &asked, None, hints())));
    };
    let path = format!("/search{}", asked.with(&PAGED, &[("per_page", PER_PAGE)]));
    let list = Told::from(visitor.api.get::<SearchList>(&path).await)?;
    let content = match &list {
        Told::Answer(list) => found(&asked, sought, list),
        Told::Wrong(_) => other_errors(list.wrong(), &FIELDS),
    };
    Ok((list.status(), page(&visitor, &asked, list.wrong(), content)))
}

/// `GET /find.csv`
pub(super) async fn csv(visitor: Visitor, asked: Asked) -> Result<Response, Failure> {
    export::csv(&visitor.api, format!("/search{}", asked.only(&KEPT))).await
}

fn page(visitor: &Visitor, asked: &Asked, wrong: Option<&Failure>, content: Markup) -> Markup {
    let content = html! {
        div .head { h1 { "Search" } }
        form .row.find role="search" method="get" action="/find" {
            label for="search" .hidden { "What to look for" }
            input #search type="search" name="q" value=(asked.get("q").unwrap_or_default()) maxlength="253" autocomplete="off" autofocus[asked.get("q").is_none()] placeholder="Domain, address, network, service, selector or report id" aria-describedby=[described(wrong, "q")];
            label .inline for="days" { "Days" }
            select #days name="days" { @for days in DAYS {
                option value=(days) selected[asked.get("days").unwrap_or(DAYS[1]) == days] { (days) }
            } }
            button type="submit" { "Search" }
            (field_error(wrong, "q"))
        }
        (content)
    };
    layout::page(visitor, Place::Search, "Search", content)
}

fn hints() -> Markup {
    html! {
        section .card aria-labelledby="hints" {
            h2 #hints { "What can be found" }
            ul {
                li { "an address or a network: who is it, and for which domains did it send?" }
                li { "a part of a domain, a service or a DKIM selector" }
                li { "the id that a reporter gave its report" }
            }
        }
    }
}

fn found(asked: &Asked, sought: &str, list: &SearchList) -> Markup {
    let chosen = asked.get("kind").unwrap_or_default();
    let all: u64 = KINDS.iter().map(|(_, _, total)| total(&list.totals)).sum();
    html! {
        @if list.searched_domains < list.total_domains {
            p .notice role="status" {
                "There is too much to look through: beyond names of domains, only the " (grouped(list.searched_domains))
                " domains with the most messages were searched. Choose fewer days."
            }
        }
        section .card aria-labelledby="hits" {
            div .head {
                h2 #hits { (counted(all, "hit", "hits")) " for " (hostile(sought)) }
                nav .segments aria-label="Kind" {
                    a href=(link(asked, "")) aria-current=[chosen.is_empty().then_some("true")] { "All" }
                    @for (word, title, total) in KINDS { @let total = total(&list.totals); @if total > 0 {
                        a href=(link(asked, word)) aria-current=[(word == chosen).then_some("true")] { (title) " " span .muted { (grouped(total)) } }
                    } }
                }
                (csv_link(&format!("/find.csv{}", asked.only(&KEPT))))
            }
            @if list.hits.is_empty() {
                (no_rows(&list.pagination, nothing(list)))
            } @else {
                (table(asked, &list.hits))
            }
            @if !chosen.is_empty() {
                (pages(&list.pagination, ("hit", "hits"), |number| format!("/find{}", asked.with(&KEPT, &[("page", number)]))))
            }
        }
    }
}

fn nothing(list: &SearchList) -> Markup {
    let text = html! { p {
        "Nothing from " (date(&list.from)) " to " (date(&list.to)) " has this text. Choose more days, or a shorter part of the name."
    } };
    empty("Nothing found", text)
}

fn link(asked: &Asked, kind: &str) -> String {
    format!("/find{}", asked.with(&KEPT, &[("kind", kind)]))
}

fn table(asked: &Asked, hits: &[Hit]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of hits" {
            table .cards {
                thead { tr {
                    th scope="col" { "Found" }
                    th scope="col" { "Kind" }
                    th scope="col" { "In domain" }
                    th scope="col" .num { "Messages" }
                    th scope="col" { "Pass" }
                    th scope="col" { "Last seen" }
                } }
                tbody { @for hit in hits { tr {
                    th scope="row" {
                        a href=(target(asked, hit)) { (hostile(&hit.text)) }
                        @if let Some(name) = &hit.org_name { div .small.muted { (hostile(name)) } }
                    }
                    td data-label="Kind" { (kind(&hit.kind)) }
                    td data-label="In domain" { a href=(format!("/view/{}", hit.domain_id)) { (hostile(&hit.domain)) } }
                    td .num data-label="Messages" { (grouped(hit.count)) }
                    td data-label="Pass" { (rate(hit.pass_count, hit.count.saturating_sub(hit.pass_count))) }
                    td data-label="Last seen" { @match hit.last_seen.as_deref() { Some(day) => { (date(day)) } None => { (dash()) } } }
                } } }
            }
        }
    }
}

/// What one hit of a kind is called.
fn kind(word: &str) -> &'static str {
    match word {
        "domain" => "domain",
        "service" => "service",
        "source" => "address",
        "from_domain" => "domain in From",
        "signature" => "DKIM signer",
        _ => "report",
    }
}

/// The page that says more of it, for the same days.
fn target(asked: &Asked, hit: &Hit) -> String {
    let view = format!("/view/{}", hit.domain_id);
    let days = asked.get("days").unwrap_or(DAYS[1]);
    let text = query_escaped(&hit.text);
    match (&*hit.kind, hit.report_no) {
        ("service", _) => format!("{view}/sources?days={days}&group=address&service={text}"),
        ("source", _) => format!("{view}/sources/{text}?days={days}"),
        ("from_domain", _) => format!("{view}/sources?days={days}"),
        ("signature", _) => format!("{view}/dkim?days={days}"),
        ("report", Some(no)) => format!("{view}/reports/{no}"),
        _ => format!("{view}?days={days}"),
    }
}
