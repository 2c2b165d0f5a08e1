//! Who reports on a domain, and who signs its mail.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::export;
use super::glossary::term;
use super::numbers::{date, grouped};
use super::parts::{csv_link, dash, empty, hostile, no_rows, other_errors, pages, rate, sortable, token};
use super::query::{Asked, RANGE};
use super::selectors;
use super::tabs::{Found, Tab, below, find, found, has_none, page, range_form};
use super::visitor::Visitor;
use crate::api::{ReporterBody, ReporterList, SelectorList, SignatureBody, SignatureList};

const PER_PAGE: &str = "50";
const PAGED: [&str; 4] = ["days", "from", "to", "page"];
/// What links within the list of reporters keep.
const SORTED: [&str; 5] = ["days", "from", "to", "sort", "order"];

/// How much of a table there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    Few,
    All,
}

/// `GET /view/{id}/reporters`
pub(super) async fn reporters(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let path = |asked: &Asked| {
        let page = asked.get("page").unwrap_or_default();
        let query = asked.with(&SORTED, &[("page", page), ("per_page", PER_PAGE)]);
        below(&id, &format!("/dmarc/reporters{query}"))
    };
    let is_empty = |list: &Told<ReporterList>| has_none(list, |list| &list.pagination);
    let Found { list, asked, notice } = found(&visitor, &id, asked, path, is_empty).await?;
    let base = format!("/view/{id}/reporters");
    let to = |number: &str| format!("{base}{}", asked.with(&SORTED, &[("page", number)]));
    let content = html! {
        (range_form(&base, &asked, &SORTED[3..], list.wrong()))
        (other_errors(list.wrong(), &RANGE))
        (notice)
        section .card aria-labelledby="reporters" {
            div .head { h2 #reporters { "Reporters" } (csv_link(&format!("{base}.csv{}", asked.only(&SORTED)))) }
            @if let Told::Answer(ReporterList { reporters, pagination }) = &list {
                @let table = reporter_table(&format!("/view/{id}"), &asked, reporters, Columns::All);
                @if reporters.is_empty() { (no_rows(pagination, table)) } @else { (table) }
                (pages(pagination, ("reporter", "reporters"), to))
            }
            p .small { a href=(format!("/view/{id}/plausibility{}", asked.only(&RANGE))) { "Do they agree with their own evidence?" } }
        }
    };
    Ok((list.status(), page(&visitor, &domain, Tab::Reporters, &asked, content)))
}

/// A table of reporters; each leads to its reports of the same days.
pub(super) fn reporter_table(view: &str, asked: &Asked, reporters: &[ReporterBody], columns: Columns) -> Markup {
    let reports = |name: &str| format!("{view}/reports{}", asked.with(&RANGE, &[("org", name)]));
    let is_short = columns == Columns::Few;
    let head = |word: &'static str, title: &'static str| match columns {
        Columns::All => sortable(asked, &SORTED, &format!("{view}/reporters"), (word, title)),
        Columns::Few => html! { th scope="col" .num[["reports", "count"].contains(&word)] { (title) } },
    };
    if reporters.is_empty() {
        return empty(
            "No reports",
            html! { p { "No reports cover these days: choose more of them above." } },
        );
    }
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of reporters" {
            table .cards {
                thead { tr {
                    @if is_short { th scope="col" { (term("reporter", "Reporter")) } }
                    @else { (head("org_name", "Reporter")) }
                    (head("reports", "Reports"))
                    (head("count", "Messages"))
                    (head("pass_rate", "Pass"))
                    @if !is_short { (head("fail_count", "Fail")) }
                    @if is_short { th scope="col" title="The end of the last window that was reported" { "Last data" } }
                    @else { (head("last_report", "Last data")) }
                } }
                tbody { @for reporter in reporters { tr {
                    th scope="row" { @match &reporter.org_name {
                        Some(name) => { a href=(reports(name)) { (hostile(name)) } }
                        None => { span .muted { "no name given" } }
                    } }
                    td .num data-label="Reports" { (grouped(reporter.reports)) }
                    td .num data-label="Messages" { (grouped(reporter.count)) }
                    td data-label="Pass" { (rate(reporter.pass_count, reporter.fail_count)) }
                    @if !is_short { td .num data-label="Fail" { (grouped(reporter.fail_count)) } }
                    td .day data-label="Last data" { (day(reporter.last_report.as_deref())) }
                } } }
            }
        }
    }
}

/// `GET /view/{id}/reporters.csv`
pub(super) async fn reporters_csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/reporters{}", asked.only(&SORTED)))?;
    export::csv(&visitor.api, path).await
}

/// `GET /view/{id}/dkim`
pub(super) async fn dkim(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let path = |asked: &Asked| {
        let query = asked.with(&PAGED, &[("per_page", PER_PAGE)]);
        below(&id, &format!("/dmarc/dkim{query}"))
    };
    let selectors = visitor.api.ask::<SelectorList>(below(&id, "/dmarc/selectors")?);
    let is_empty = |list: &Told<SignatureList>| has_none(list, |list| &list.pagination);
    let Found { list, asked, notice } = found(&visitor, &id, asked, path, is_empty).await?;
    let base = format!("/view/{id}/dkim");
    let to = |number: &str| format!("{base}{}", asked.with(&RANGE, &[("page", number)]));
    let content = html! {
        (range_form(&base, &asked, &[], list.wrong()))
        (other_errors(list.wrong(), &RANGE))
        (notice)
        (selectors::card(&selectors.await?))
        section .card aria-labelledby="signatures" {
            div .head { h2 #signatures { "DKIM signatures" } (csv_link(&format!("{base}.csv{}", asked.only(&RANGE)))) }
            p .muted { "By the domain (d=) and selector (s=) of the signature. A message with several signatures is in several rows." }
            @if let Told::Answer(SignatureList { signatures, pagination }) = &list {
                @let table = signature_table(signatures, Columns::All);
                @if signatures.is_empty() { (no_rows(pagination, table)) } @else { (table) }
                (pages(pagination, ("signer", "signers"), to))
            }
        }
    };
    Ok((list.status(), page(&visitor, &domain, Tab::Dkim, &asked, content)))
}

/// A table of signers; a short one has fewer columns.
pub(super) fn signature_table(signatures: &[SignatureBody], columns: Columns) -> Markup {
    let is_short = columns == Columns::Few;
    if signatures.is_empty() {
        return empty(
            "No signatures",
            html! { p { "No report for these days has a DKIM signature. Choose more days above, or switch DKIM on where your mail is sent." } },
        );
    }
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of signers" {
            table .cards {
                thead { tr {
                    th scope="col" { "Domain" }
                    th scope="col" { (term("selector", "Selector")) }
                    @if !is_short { th scope="col" { (term("aligned", "Aligned")) } }
                    th scope="col" .num { "Messages" }
                    th scope="col" { "Signature passes" }
                    @if !is_short { th scope="col" { "First seen" } th scope="col" { "Last seen" } }
                } }
                tbody { @for signature in signatures { tr {
                    th scope="row" { @match &signature.domain {
                        Some(domain) => { (hostile(domain)) }
                        None => { span .muted { "others" } }
                    } }
                    td data-label="Selector" { (token(signature.selector.as_deref())) }
                    @if !is_short {
                        td data-label="Aligned" { @if signature.aligned { "yes" } @else { span .muted { "no" } } }
                    }
                    td .num data-label="Messages" { (grouped(signature.count)) }
                    td data-label="Signature passes" { (rate(signature.pass_count, signature.fail_count)) }
                    @if !is_short {
                        td .day data-label="First seen" { (day(signature.first_seen.as_deref())) }
                        td .day data-label="Last seen" { (day(signature.last_seen.as_deref())) }
                    }
                } } }
            }
        }
    }
}

fn day(day: Option<&str>) -> Markup {
    day.map_or_else(dash, |day| html! { (date(day)) })
}

/// `GET /view/{id}/dkim.csv`
pub(super) async fn dkim_csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/dkim{}", asked.only(&RANGE)))?;
    export::csv(&visitor.api, path).await
}
