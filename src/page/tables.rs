//! Who reports on a domain, and who signs its mail.

use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::api::Failure;
use super::data::{Reporter, ReporterList, Signature, SignatureList};
use super::domain::{Tab, below, find, page, range_form};
use super::export;
use super::parts::{csv_link, dash, empty, grouped, hostile, hostile_or_dash, pages, query_escaped, rate};
use super::query::{Asked, RANGE};
use super::sessions::Visitor;

const PER_PAGE: &str = "50";
const PAGED: [&str; 4] = ["days", "from", "to", "page"];

/// `GET /view/{id}/reporters`
pub(super) async fn reporters(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Markup, Failure> {
    let domain = find(&visitor, &id).await?;
    let query = asked.with(&PAGED, &[("per_page", PER_PAGE)]);
    let list: ReporterList = visitor
        .api
        .get(&below(&id, &format!("/dmarc/reporters{query}"))?)
        .await?;
    let base = format!("/view/{id}/reporters");
    let to = |number: &str| format!("{base}{}", asked.with(&RANGE, &[("page", number)]));
    let content = html! {
        (range_form(&base, &asked, &[]))
        section .card aria-labelledby="reporters" {
            div .head { h2 #reporters { "Reporters" } (csv_link(&format!("{base}.csv{}", asked.only(&RANGE)))) }
            (reporter_table(&format!("/view/{id}"), &asked, &list.reporters, false))
            (pages(&list.pagination, ("reporter", "reporters"), to))
        }
    };
    Ok(page(&visitor, &domain, Tab::Reporters, &asked, content))
}

/// A table of reporters; a short one has fewer columns.
pub(super) fn reporter_table(view: &str, asked: &Asked, reporters: &[Reporter], is_short: bool) -> Markup {
    let days = asked.only(&["from", "to"]);
    let joint = if days.is_empty() { "?" } else { "&" };
    let reports = |name: &str| format!("{view}/reports{days}{joint}org={}", query_escaped(name));
    if reporters.is_empty() {
        return empty("No reports", html! { p { "Nobody reported on these days." } });
    }
    html! {
        div .scroll tabindex="0" role="region" aria-label="Reporters" {
            table .cards {
                thead { tr {
                    th scope="col" { "Reporter" }
                    th scope="col" .num { "Reports" }
                    th scope="col" .num { "Messages" }
                    th scope="col" { "Pass" }
                    @if !is_short { th scope="col" .num { "Fail" } }
                    th scope="col" { "Last report" }
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
                    td .day data-label="Last report" { (day(reporter.last_report.as_deref())) }
                } } }
            }
        }
    }
}

/// `GET /view/{id}/reporters.csv`
pub(super) async fn reporters_csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/reporters{}", asked.only(&RANGE)))?;
    let columns = &[
        ("org_name", "/org_name"),
        ("reports", "/reports"),
        ("messages", "/count"),
        ("pass", "/pass_count"),
        ("fail", "/fail_count"),
        ("last_report", "/last_report"),
    ];
    export::csv(&visitor.api, path, "reporters", columns, "reporters").await
}

/// `GET /view/{id}/dkim`
pub(super) async fn dkim(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Markup, Failure> {
    let domain = find(&visitor, &id).await?;
    let query = asked.with(&PAGED, &[("per_page", PER_PAGE)]);
    let list: SignatureList = visitor.api.get(&below(&id, &format!("/dmarc/dkim{query}"))?).await?;
    let base = format!("/view/{id}/dkim");
    let to = |number: &str| format!("{base}{}", asked.with(&RANGE, &[("page", number)]));
    let content = html! {
        (range_form(&base, &asked, &[]))
        section .card aria-labelledby="signatures" {
            div .head { h2 #signatures { "DKIM signatures" } (csv_link(&format!("{base}.csv{}", asked.only(&RANGE)))) }
            p .muted { "By the domain (d=) and selector (s=) of the signature. A message with several signatures is in several rows." }
            (signature_table(&list.signatures, false))
            (pages(&list.pagination, ("signer", "signers"), to))
        }
    };
    Ok(page(&visitor, &domain, Tab::Dkim, &asked, content))
}

/// A table of signers; a short one has fewer columns.
pub(super) fn signature_table(signatures: &[Signature], is_short: bool) -> Markup {
    if signatures.is_empty() {
        return empty(
            "No signatures",
            html! { p { "Nobody reported a DKIM signature for these days." } },
        );
    }
    html! {
        div .scroll tabindex="0" role="region" aria-label="DKIM signatures" {
            table .cards {
                thead { tr {
                    th scope="col" { "Domain" }
                    th scope="col" { "Selector" }
                    @if !is_short { th scope="col" { "Of the domain" } }
                    th scope="col" .num { "Messages" }
                    th scope="col" { "Signature passes" }
                    @if !is_short { th scope="col" { "First seen" } th scope="col" { "Last seen" } }
                } }
                tbody { @for signature in signatures { tr {
                    th scope="row" { @match &signature.domain {
                        Some(domain) => { (hostile(domain)) }
                        None => { span .muted { "others" } }
                    } }
                    td data-label="Selector" { (hostile_or_dash(signature.selector.as_deref())) }
                    @if !is_short {
                        td data-label="Of the domain" { @if signature.aligned { "yes" } @else { span .muted { "no" } } }
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
    day.map_or_else(dash, |day| html! { (day) })
}

/// `GET /view/{id}/dkim.csv`
pub(super) async fn dkim_csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/dkim{}", asked.only(&RANGE)))?;
    let columns = &[
        ("domain", "/domain"),
        ("selector", "/selector"),
        ("aligned", "/aligned"),
        ("messages", "/count"),
        ("pass", "/pass_count"),
        ("fail", "/fail_count"),
        ("first_seen", "/first_seen"),
        ("last_seen", "/last_seen"),
    ];
    export::csv(&visitor.api, path, "signatures", columns, "dkim").await
}
