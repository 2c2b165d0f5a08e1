//! Who sends as a domain: addresses, and the records behind one of them.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::numbers::{counted, date, grouped, percent};
use super::parts::{
    csv_link, described, empty, field_error, figure, hostile, hostile_or_dash, no_rows, other_errors, pages, rate,
    sortable, time,
};
use super::query::{Asked, RANGE, query_escaped};
use super::reports::record_cells;
use super::tabs::{Found, Tab, below, done, find, found, has_none, page, range_form};
use super::visitor::Visitor;
use super::{authentic, decisions, elsewhere, export, senders};
use crate::api::{SourceBody, SourceDetail, SourceDomainList, SourceList};

const PER_PAGE: &str = "50";
/// What links within the list keep.
const LINKED: &[&str] = &[
    "group",
    "days",
    "from",
    "to",
    "authenticated",
    "result",
    "network",
    "service",
    "flow",
    "search",
    "sort",
    "order",
];
/// All that the list of addresses is asked with.
const NAMES: &[&str] = LINKED.split_at(1).1;
/// Without the days.
const CHOICES: &[&str] = NAMES.split_at(3).1;
/// Parameters with a field of their own, which shows what is wrong with them.
const FIELDS: [&str; 6] = ["days", "from", "to", "result", "network", "search"];

/// `GET /view/{id}/sources`: services, or addresses where the choice is one of addresses.
pub(super) async fn show(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let is_of_addresses = CHOICES.iter().any(|name| asked.get(name).is_some());
    if asked.get("group") != Some("address") && !is_of_addresses {
        return senders::show(visitor, id, asked).await;
    }
    let domain = find(&visitor, &id).await?;
    let base = format!("/view/{id}/sources");
    let Found { list, asked, notice } = addresses(&visitor, &id, &base, asked).await?;
    let csv = format!("/view/{id}/sources.csv{}", asked.only(NAMES));
    let content = html! {
        (range_form(&base, &asked, &[&["group"], CHOICES].concat(), list.wrong()))
        (other_errors(list.wrong(), &FIELDS))
        (notice)
        section .card aria-labelledby="sources" {
            div .head {
                h2 #sources {
                    "Addresses"
                    @if let Some(service) = asked.get("service") { " of " (hostile(service)) }
                }
                (filters(&base, &asked, list.wrong()))
                (csv_link(&csv))
            }
            @for field in ["result", "network", "search"] { (field_error(list.wrong(), field)) }
            @if let Told::Answer(table) = &list { (table) }
        }
    };
    Ok((list.status(), page(&visitor, &domain, Tab::Sources, &asked, content)))
}

fn filters(base: &str, asked: &Asked, wrong: Option<&Failure>) -> Markup {
    let result = asked.get("result").unwrap_or_default();
    html! {
        form .inline method="get" action=(base) {
            input type="hidden" name="group" value="address";
            @for name in RANGE.iter().chain(&["service", "flow", "sort", "order"]) {
                @if let Some(text) = asked.get(name) { input type="hidden" name=(name) value=(text); }
            }
            label .hidden for="result" { "Result" }
            select #result name="result" aria-describedby=[described(wrong, "result")] {
                @for (word, title) in [("", "All results"), ("pass", "Pass only"), ("fail", "Fail only"), ("mixed", "Mixed")] {
                    option value=(word) selected[word == result] { (title) }
                }
            }
            (authentic::choice(asked))
            label .hidden for="network" { "Address or network" }
            input #network type="search" name="network" placeholder="192.0.2.0/24" value=[asked.get("network")] size="16"
                aria-describedby=[described(wrong, "network")] aria-invalid=[described(wrong, "network").map(|_| "true")];
            label .hidden for="search" { "Name" }
            input #search type="search" name="search" placeholder="Name" value=[asked.get("search")] size="12"
                aria-describedby=[described(wrong, "search")] aria-invalid=[described(wrong, "search").map(|_| "true")];
            button type="submit" { "Filter" }
        }
        a .button href=(format!("{base}{}", asked.only(&RANGE))) { "Group by service" }
    }
}

async fn addresses(visitor: &Visitor, id: &str, base: &str, asked: Asked) -> Result<Found<Markup>, Failure> {
    let path = |asked: &Asked| {
        let page = asked.get("page").unwrap_or_default();
        let query = asked.with(NAMES, &[("page", page), ("per_page", PER_PAGE)]);
        below(id, &format!("/dmarc/sources{query}"))
    };
    let is_empty = |list: &Told<SourceList>| has_none(list, |list| &list.pagination);
    let found = found(visitor, id, asked, path, is_empty).await?;
    Ok(found.map(|list, asked| {
        let to = |number: &str| format!("{base}{}", asked.with(LINKED, &[("page", number)]));
        let nothing = empty(
            "No sources",
            html! {
                p { "Nothing that was reported for these days fits." }
                p { a href=(format!("{base}{}", asked.with(&RANGE, &[("group", "address")]))) { "Remove the filters" } ", or choose more days above." }
            },
        );
        html! {
            @if list.sources.is_empty() { (no_rows(&list.pagination, nothing)) }
            @else { (table(&format!("/view/{id}"), asked, &list.sources, Some(base))) }
            (pages(&list.pagination, ("source", "sources"), to))
        }
    }))
}

/// A table of sources; `sorted_at` is the page whose links sort it, if one does.
pub(super) fn table(view: &str, asked: &Asked, sources: &[SourceBody], sorted_at: Option<&str>) -> Markup {
    let range = asked.only(&RANGE);
    let head = |word: &'static str, title: &'static str| match sorted_at {
        Some(base) => sortable(asked, LINKED, base, (word, title)),
        None => html! { th scope="col" .num[word.ends_with("count")] { (title) } },
    };
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of sources" {
            table .cards {
                thead { tr {
                    (head("source_ip", "Address"))
                    th scope="col" { "Name" }
                    th scope="col" { "Way" }
                    (head("count", "Messages"))
                    (head("pass_rate", "Pass"))
                    (head("fail_count", "Fail"))
                    th scope="col" .num { "DKIM" }
                    th scope="col" .num { "SPF" }
                    (head("first_seen", "First seen"))
                    (head("last_seen", "Last seen"))
                } }
                tbody { @for source in sources { tr {
                    th scope="row" {
                        a .mono href=(format!("{view}/sources/{}{range}", query_escaped(&address(source)))) {
                            @match &source.source_ip { Some(address) => { (address) } None => { "no readable address" } }
                        }
                        @if let Some(ptr) = &source.ptr { div .small.muted { (hostile(ptr)) } }
                    }
                    td .name data-label="Name" {
                        (hostile_or_dash(source.known_by.service.as_deref().or(source.org_name.as_deref())))
                        @if let Some(country) = &source.country { " " span .muted title="Country that the address is registered in" { (hostile(country)) } }
                    }
                    td data-label="Way" { (senders::flow(&source.flow)) (decisions::chip(source.decision.as_deref())) }
                    td .num data-label="Messages" { (grouped(source.count)) }
                    td data-label="Pass" { (rate(source.pass_count, source.fail_count)) }
                    td .num data-label="Fail" { (grouped(source.fail_count)) }
                    td .num data-label="DKIM" { (percent(source.dkim_aligned, source.count.saturating_sub(source.dkim_aligned))) }
                    td .num data-label="SPF" { (percent(source.spf_aligned, source.count.saturating_sub(source.spf_aligned))) }
                    td .day data-label="First seen" { (date(&source.first_seen)) }
                    td .day data-label="Last seen" { (date(&source.last_seen)) }
                } } }
            }
        }
    }
}

/// An address as the API's paths take it.
fn address(source: &SourceBody) -> String {
    let address = source.source_ip.map(|address| address.to_string());
    address.unwrap_or_else(|| UNKNOWN.to_owned())
}

/// `GET /view/{id}/sources/{source_ip}`
pub(super) async fn one(
    visitor: Visitor,
    Path((id, address)): Path<(String, String)>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let path = |asked: &Asked| {
        let query = asked.only(&["days", "from", "to", "before"]);
        below(&id, &format!("/dmarc/sources/{}{query}", query_escaped(&address)))
    };
    let is_empty = |detail: &Told<SourceDetail>| detail.status() == StatusCode::NOT_FOUND;
    let Found {
        list: detail,
        asked,
        notice,
    } = found(&visitor, &id, asked, path, is_empty).await?;
    let base = format!("/view/{id}/sources/{}", query_escaped(&address));
    let range = asked.only(&RANGE);
    let others = match &detail {
        Told::Answer(_) if address != UNKNOWN => Some(visitor.api.ask::<SourceDomainList>(below(
            &id,
            &format!("/dmarc/sources/{}/domains{range}", query_escaped(&address)),
        )?)),
        _ => None,
    };
    let content = html! {
        nav .crumbs aria-label="Way back to the sources" { a href=(format!("/view/{id}/sources{range}")) { "Sources" } }
        h2 .mono { @if address == UNKNOWN { "No readable address" } @else { (hostile(&address)) } }
        (range_form(&base, &asked, &[], detail.wrong()))
        (other_errors(detail.wrong(), &RANGE))
        (notice)
        @if detail.status() == StatusCode::NOT_FOUND {
            (empty("Nothing from this address", html! { p { "No report about these days mentions it: choose more of them above." } }))
        }
        @if let Told::Answer(detail) = &detail {
            (identity(&detail.source, &detail.ptr_state))
            (source_figures(&detail.source))
            (decisions::of_source(&visitor, &id, &detail.source))
            @if let Some(others) = others { (elsewhere::card(&others.await?, &address, &asked)) }
            section .card aria-labelledby="records" {
                div .head {
                    h2 #records { "Records behind it" }
                    (csv_link(&format!("{base}/records.csv{range}")))
                }
                (done(&detail.source.dispositions))
                @if detail.reports_without_records > 0 {
                    p .muted #dropped {
                        (counted(detail.reports_without_records, "report of these days no longer has", "reports of these days no longer have"))
                        " its records: retention.records_days is over. The figures above count them still."
                    }
                }
                (records(&id, detail))
                @if let Some(next) = &detail.next {
                    p .muted { "There are more records in older reports. The CSV file has all of them." }
                    p { a .button href=(format!("{base}{}", asked.with(&RANGE, &[("before", next)]))) { "Look through older reports" } }
                }
            }
        }
    };
    Ok((detail.status(), page(&visitor, &domain, Tab::Sources, &asked, content)))
}

/// How the API's paths name the records without a readable address.
const UNKNOWN: &str = "unknown";

/// Who an address is, and how that is known.
fn identity(source: &SourceBody, ptr_state: &str) -> Markup {
    let network = source.asn.map(|asn| format!("AS{asn}"));
    // The reason for the name may be the number of the network already.
    let is_said = network == source.known_by.evidence_fact;
    html! {
        p #identity {
            @if let Some(service) = &source.known_by.service { strong { (hostile(service)) } " " }
            @if let Some(organisation) = source.org_name.as_ref().filter(|name| Some(*name) != source.known_by.service.as_ref()) {
                span { "on the network of " (hostile(organisation)) } " "
            }
            (senders::flow(&source.flow))
            (decisions::chip(source.decision.as_deref()))
            br;
            span .small.muted {
                (senders::why(&source.known_by))
                @if let Some(network) = network {
                    @if !is_said { " · " (network) }
                    @if let Some(name) = &source.as_name { " " (hostile(name)) }
                }
                @if let Some(country) = &source.country { " · registered in " (hostile(country)) }
                br;
                (ptr(source, ptr_state))
            }
        }
    }
}

/// The name of an address in DNS, or why there is none.
fn ptr(source: &SourceBody, state: &str) -> Markup {
    html! {
        span #ptr {
            "Name in DNS: "
            @match (&source.ptr, state) {
                (Some(name), _) => { (hostile(name)) }
                (None, "none") => { "none" }
                (None, "unconfirmed") => { "does not point back to this address" }
                (None, "no_answer") => { "not known, since the name servers did not answer" }
                (None, _) => { "not looked up yet" }
            }
        }
    }
}

fn source_figures(source: &SourceBody) -> Markup {
    html! {
        dl .figures {
            div { dt { "Messages" } dd { (figure(source.count)) } }
            div { dt { "Pass DMARC" } dd { (percent(source.pass_count, source.fail_count)) } }
            div { dt { "Fail" } dd .bad[source.fail_count > 0] { (figure(source.fail_count)) } }
            div { dt { "First seen" } dd .day { (date(&source.first_seen)) } }
            div { dt { "Last seen" } dd .day { (date(&source.last_seen)) } }
        }
    }
}

fn records(id: &str, detail: &SourceDetail) -> Markup {
    if detail.records.is_empty() {
        return html! { p .muted { "No records in the reports looked through." } };
    }
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of records" {
            table .cards.records {
                thead { tr {
                    th scope="col" { "Report" }
                    th scope="col" .num { "Messages" }
                    th scope="col" { "Result" }
                    th scope="col" { "From" }
                    th scope="col" { "DKIM" }
                    th scope="col" { "SPF" }
                    th scope="col" { "Disposition" }
                } }
                tbody { @for one in &detail.records { tr .(one.record.result.as_ref()) {
                    td data-label="Report" {
                        a href=(format!("/view/{id}/reports/{}", one.report.id)) { (hostile_or_dash(one.report.org_name.as_deref())) }
                        div .small.muted { (time(&one.report.date_range_begin)) " to " (time(&one.report.date_range_end)) }
                    }
                    (record_cells(&one.record))
                } } }
            }
        }
    }
}

/// `GET /view/{id}/sources.csv`
pub(super) async fn csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/sources{}", asked.only(NAMES)))?;
    export::csv(&visitor.api, path).await
}

/// `GET /view/{id}/sources/{source_ip}/records.csv`: all of them, also those that the page shows on a later one.
pub(super) async fn records_csv(
    visitor: Visitor,
    Path((id, address)): Path<(String, String)>,
    asked: Asked,
) -> Result<Response, Failure> {
    let path = below(
        &id,
        &format!("/dmarc/sources/{}{}", query_escaped(&address), asked.only(&RANGE)),
    )?;
    export::csv(&visitor.api, path).await
}
