//! Who sends as a domain, by service: how it is known, on which way its mail came, and what fails.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::glossary::term;
use super::numbers::{counted, grouped};
use super::parts::{csv_link, empty, hostile, no_rows, other_errors, pages, plain, rate};
use super::query::{Asked, RANGE};
use super::tabs::{Found, Tab, below, find, found, has_none, page, range_form};
use super::visitor::Visitor;
use super::{decisions, export};
use crate::api::{FlowBody, NameBody, ServiceBody, ServiceList};

const PER_PAGE: &str = "50";
/// Parameters that the list keeps.
const KEPT: [&str; 4] = ["days", "from", "to", "show"];
/// Parts of the list: the word that the API takes, and its title.
const PARTS: [(&str, &str); 4] = [
    ("", "All"),
    ("to_fix", "To fix"),
    ("forwarded", "Forwarded"),
    ("unknown", "Unknown"),
];

/// `GET /view/{id}/sources`, by service.
pub(super) async fn show(visitor: Visitor, id: String, asked: Asked) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let base = format!("/view/{id}/sources");
    let path = |asked: &Asked| {
        let query = asked.with(&["days", "from", "to", "show", "page"], &[("per_page", PER_PAGE)]);
        below(&id, &format!("/dmarc/services{query}"))
    };
    let is_empty = |list: &Told<ServiceList>| has_none(list, |list| &list.pagination);
    let Found { list, asked, notice } = found(&visitor, &id, asked, path, is_empty).await?;
    let chosen = asked.get("show").unwrap_or_default();
    let csv = format!("/view/{id}/services.csv{}", asked.only(&KEPT));
    let content = html! {
        (range_form(&base, &asked, &["show"], list.wrong()))
        (other_errors(list.wrong(), &RANGE))
        (notice)
        section .card aria-labelledby="services" {
            div .head {
                h2 #services { "Who sends" }
                nav .segments aria-label="Which services" {
                    @for (word, title) in PARTS {
                        a href=(format!("{base}{}", asked.with(&RANGE, &[("show", word)]))) aria-current=[(word == chosen).then_some("true")] { (title) }
                    }
                }
                a .button href=(format!("{base}{}", asked.with(&RANGE, &[("group", "address")]))) { "Show addresses" }
                (csv_link(&csv))
            }
            @if let Told::Answer(list) = &list {
                @if list.services.is_empty() { (no_rows(&list.pagination, nothing(chosen))) }
                @else {
                    (table(&base, &asked, &list.services, visitor.may_write().then_some(decisions::FORM)))
                    (decisions::bar(&visitor, &id))
                }
                (pages(&list.pagination, ("service", "services"), |number| {
                    format!("{base}{}", asked.with(&KEPT, &[("page", number)]))
                }))
            }
        }
        (legend())
    };
    Ok((list.status(), page(&visitor, &domain, Tab::Sources, &asked, content)))
}

fn nothing(chosen: &str) -> Markup {
    let (title, text) = match chosen {
        "to_fix" => (
            "Nothing to fix",
            "No known service sent messages that are not aligned, and no own host is missing in the SPF record.",
        ),
        "forwarded" => (
            "Nothing was forwarded",
            "No message of these days came from a forwarder or a mailing list.",
        ),
        "unknown" => ("Nothing unknown", "Every message of these days has a known way."),
        _ => (
            "No services",
            "Nothing was reported for these days: choose more of them above.",
        ),
    };
    empty(title, html! { p { (text) } })
}

/// A table of services; each leads to its addresses. With a form, each can be chosen for it.
fn table(base: &str, asked: &Asked, services: &[ServiceBody], form: Option<&str>) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of services" {
            table .cards {
                thead { tr {
                    th scope="col" { (term("service", "Service")) }
                    th scope="col" { (term("flow", "Way")) }
                    th scope="col" .num { "Addresses" }
                    th scope="col" .num { "Messages" }
                    th scope="col" { "Pass" }
                    th scope="col" .num { "Fail" }
                } }
                tbody { @for service in services { tr {
                    th scope="row" {
                        @match &service.name {
                            Some(name) => {
                                @if let Some(form) = form {
                                    input .choose type="checkbox" form=(form) name="subject" value=(name) aria-label=(format!("Choose {}", plain(name)));
                                }
                                a href=(addresses(base, asked, name)) { (hostile(name)) }
                                (decisions::chip(service.decision.as_deref()))
                            }
                            None => { "no readable address" }
                        }
                        div .small.muted { (why(&service.known_by)) }
                    }
                    td data-label="Way" { (flow(&service.flow)) }
                    td .num data-label="Addresses" { (grouped(service.sums.sources)) }
                    td .num data-label="Messages" { (grouped(service.sums.count)) }
                    td data-label="Pass" { (rate(service.sums.pass_count, service.sums.fail_count)) }
                    td .num data-label="Fail" { (grouped(service.sums.fail_count)) }
                } } }
            }
        }
    }
}

/// The addresses of a service; `base` is the list of sources.
fn addresses(base: &str, asked: &Asked, name: &str) -> String {
    format!("{base}{}", asked.with(&RANGE, &[("service", name)]))
}

/// The addresses of a service, from another page of the domain.
pub(super) fn service_link(view: &str, asked: &Asked, name: &str) -> String {
    addresses(&format!("{view}/sources"), asked, name)
}

/// Why something has its name, and what it is for.
pub(super) fn why(known_by: &NameBody) -> Markup {
    let fact = known_by.evidence_fact.as_deref().unwrap_or_default();
    html! {
        @if let Some(category) = &known_by.category { (category.replace('_', " ")) " · " }
        @match known_by.evidence.as_ref() {
            "own" => { "named by you, or an address of this domain alone: " (hostile(fact)) }
            "dkim" => { "a signature of " (hostile(fact)) " passed" }
            "mail_from" => { "SPF passed for " (hostile(fact)) }
            "ptr" | "ptr_domain" => { "the address is named " (hostile(fact)) }
            "asn" => { "by its network, " (hostile(fact)) }
            "domain" => { (hostile(fact)) " passed, which no table names" }
            "as_name" => { "operates the network " (hostile(fact)) "; who sent is not known" }
            "network" => { "nothing but the network is known" }
            _ => { "nothing is known" }
        }
    }
}

/// The way that messages came.
pub(super) fn flow(word: &str) -> Markup {
    let (title, class) = match word {
        "direct" => ("direct", "good"),
        "service" => ("service", "good"),
        "list" => ("mailing list", "way"),
        "forwarded" => ("forwarded", "way"),
        "own_missing_in_spf" => ("missing in SPF", "odd"),
        "open" => ("may be forwarded", "way"),
        "unaligned" => ("not aligned", "bad"),
        "not_ours" => ("not ours", "way"),
        _ => ("unknown", "odd"),
    };
    html! { span .chip.(class) { (title) } }
}

fn legend() -> Markup {
    html! {
        details .card.plain {
            summary { "What the ways mean" }
            dl .words {
                @for (word, meaning) in [
                    ("direct", "SPF passed for the domain."),
                    ("service", "A service sent it and signed for the domain."),
                    ("own_missing_in_spf", "A host of the domain's own signed it, and the SPF record does not list the host."),
                    ("not_ours", "You decided that the sender is not yours, and neither DKIM nor SPF was aligned."),
                    ("unaligned", "A known service, or a sender that you decided to be yours, sent it, and neither DKIM nor SPF was aligned. Set up the service for your domain, or find out who uses it."),
                    ("list", "A mailing list passed it on."),
                    ("forwarded", "A mailbox provider, forwarder or gateway passed it on. There is nothing to fix."),
                    ("open", "It was probably forwarded; too few messages say so."),
                    ("unknown", "Nothing that passed tells who sent it. It may be forged."),
                ] {
                    div { dt { (flow(word)) } dd { (meaning) } }
                }
            }
        }
    }
}

/// Where the messages that fail belong, in a few words; nothing if none fails.
pub(super) fn failing(flows: &[FlowBody]) -> Markup {
    let fail = |words: &[&str]| {
        let of = flows.iter().filter(|flow| words.contains(&flow.flow.as_ref()));
        of.map(|flow| flow.fail_count).fold(0, u64::saturating_add)
    };
    let parts = [
        (
            fail(&["direct", "service", "own_missing_in_spf", "unaligned"]),
            "to fix",
        ),
        (fail(&["unknown"]), "unknown"),
        (fail(&["list", "forwarded", "open"]), "forwarded"),
        (fail(&["not_ours"]), "not yours"),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|(count, _)| *count > 0).collect();
    html! {
        @for (nth, (count, words)) in parts.iter().enumerate() {
            @if nth > 0 { ", " }
            span .whole { (grouped(*count)) " " (words) }
        }
    }
}

/// Who sends, on a domain's first page.
pub(super) fn first(base: &str, asked: &Asked, list: &ServiceList) -> Markup {
    let base = format!("{base}/sources");
    html! {
        section .card aria-labelledby="services" {
            div .head {
                h2 #services { "Who sends" }
                a .small href=(format!("{base}{}", asked.only(&RANGE))) { "All " (counted(list.pagination.total, "service", "services")) }
            }
            (table(&base, asked, &list.services, None))
        }
    }
}

/// `GET /view/{id}/services.csv`
pub(super) async fn csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/services{}", asked.only(&KEPT)))?;
    export::csv(&visitor.api, path).await
}
