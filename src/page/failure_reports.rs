//! Reports about single mails that failed: their list, and one of them.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::export;
use super::parts::{
    csv_link, dash, empty, hostile, hostile_or_dash, no_rows, other_errors, pages, result, time, time_or_dash, token,
};
use super::query::{Asked, RANGE};
use super::tabs::{Tab, below, find, page, range_form};
use super::visitor::Visitor;
use crate::api::{
    DomainBody, FailureHeaderBody, FailureHopBody, FailureReportBody, FailureReportItem, FailureReportList,
    FailureResultBody, WarningBody,
};

const PER_PAGE: &str = "50";
const FILTERS: [&str; 1] = ["source_ip"];
const CHOSEN: [&str; 4] = ["days", "from", "to", "source_ip"];
const PAGED: [&str; 5] = ["days", "from", "to", "source_ip", "page"];

/// `GET /view/{id}/failure-reports`
pub(super) async fn list(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let query = asked.with(&PAGED, &[("per_page", PER_PAGE)]);
    let path = below(&id, &format!("/dmarc/failure-reports{query}"))?;
    let found: Told<FailureReportList> = Told::from(visitor.api.get(&path).await)?;
    let base = format!("/view/{id}/failure-reports");
    let to = |number: &str| format!("{base}{}", asked.with(&CHOSEN, &[("page", number)]));
    let content = html! {
        (range_form(&base, &asked, &FILTERS, found.wrong()))
        (other_errors(found.wrong(), &RANGE))
        @if let Some(source) = asked.get("source_ip") {
            p { "Only mail from " (hostile(source)) ". " a href=(format!("{base}{}", asked.only(&RANGE))) { "All mail" } }
        }
        section .card aria-labelledby="failure-reports" {
            div .head { h2 #failure-reports { "Mail that failed" } (csv_link(&format!("{base}.csv{}", asked.only(&CHOSEN)))) }
            @if let Told::Answer(FailureReportList { reports, pagination }) = &found {
                @if reports.is_empty() { (no_rows(pagination, nothing(&domain))) } @else { (table(&id, reports)) }
                (pages(pagination, ("failure report", "failure reports"), to))
            }
        }
    };
    let status = found.status();
    Ok((status, page(&visitor, &domain, Tab::FailureReports, &asked, content)))
}

/// `GET /view/{id}/failure-reports.csv`
pub(super) async fn csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/failure-reports{}", asked.only(&CHOSEN)))?;
    export::csv(&visitor.api, path).await
}

/// `GET /view/{id}/failure-reports/{report}`
pub(super) async fn show(
    visitor: Visitor,
    Path((id, report)): Path<(String, String)>,
    asked: Asked,
) -> Result<Markup, Failure> {
    let domain = find(&visitor, &id).await?;
    if report.is_empty() || !report.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::missing());
    }
    let path = below(&id, &format!("/dmarc/failure-reports/{report}"))?;
    let report: FailureReportBody = visitor.api.get(&path).await?;
    Ok(page(
        &visitor,
        &domain,
        Tab::FailureReports,
        &asked,
        details(&id, &report),
    ))
}

fn nothing(domain: &DomainBody) -> Markup {
    empty(
        "No failure reports",
        html! {
            @if domain.failure_reports == "off" {
                p { "Failure reports of this domain are not read: choose in its settings what is kept of them." }
            } @else {
                p { "No failure report covers these days. Few receivers send them, and only to domains whose DMARC record has "
                    code { "ruf" } "." }
            }
        },
    )
}

fn table(id: &str, reports: &[FailureReportItem]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of failure reports" {
            table .cards {
                thead { tr {
                    th scope="col" { "Time" }
                    th scope="col" { "Source" }
                    th scope="col" { "From" }
                    th scope="col" { "SPF" }
                    th scope="col" { "DKIM" }
                    th scope="col" { "Receiver did" }
                    th scope="col" { "Reporter" }
                } }
                tbody { @for report in reports { tr {
                    th scope="row" { a href=(format!("/view/{id}/failure-reports/{}", report.id)) { (time(&report.happened_at)) } }
                    td data-label="Source" { (source(id, report)) }
                    td data-label="From" { (token(report.header_from.as_deref())) }
                    td data-label="SPF" { (result_or_dash(report.spf.as_deref())) }
                    td data-label="DKIM" { (result_or_dash(report.dkim.as_deref())) }
                    td data-label="Receiver did" { (hostile_or_dash(report.delivery_result.as_deref())) }
                    td data-label="Reporter" { (hostile_or_dash(report.reporter.as_deref())) }
                } } }
            }
        }
    }
}

/// The address with a link to its figures and its service, and who runs it.
fn source(id: &str, report: &FailureReportItem) -> Markup {
    html! {
        @if let Some(address) = report.source_ip {
            @let address = address.to_string();
            a href=(format!("/view/{id}/sources/{address}")) { (token(Some(&address))) }
            @if let Some(name) = &report.org_name { br; span .small.muted { (hostile(name)) } }
        } @else { (dash()) }
    }
}

fn result_or_dash(word: Option<&str>) -> Markup {
    match word {
        Some(word) => result(word),
        None => dash(),
    }
}

fn details(id: &str, report: &FailureReportBody) -> Markup {
    let FailureReportItem {
        happened_at,
        received_at,
        header_from,
        auth_failure,
        delivery_result,
        reporter,
        authenticated,
        domain,
        ..
    } = &report.report;
    let joined = |names: &[String]| Some(names.join(", ")).filter(|names| !names.is_empty());
    let rows = [
        ("About", Some(domain.clone())),
        ("From header", header_from.clone()),
        ("Envelope sender", report.mail_from.clone()),
        ("Envelope recipients", joined(&report.rcpt_to)),
        ("To and Cc", joined(&report.to)),
        ("Reply-To", joined(&report.reply_to)),
        ("Message-ID at", report.message_id_domain.clone()),
        ("List", report.list_id.clone()),
        ("Failed because of", auth_failure.clone()),
        ("Receiver did", delivery_result.clone()),
        ("Alignment, as written", joined(&report.identity_alignment)),
        ("Reporter", reporter.clone()),
        ("Made by", report.user_agent.clone()),
    ];
    html! {
        p { a href=(format!("/view/{id}/failure-reports")) { "All failure reports" } }
        section .card aria-labelledby="mail" {
            h2 #mail { "Mail of " (time(happened_at)) }
            p .muted { "Names before the @ are not kept, unless the settings of the domain say so. The text of the mail is never kept." }
            dl .done {
                dt { "Source" } dd { (source(id, &report.report)) }
                dt { "Date in the mail" } dd { (time_or_dash(report.date.as_deref())) }
                @for (title, text) in rows { @if let Some(text) = text { dt { (title) } dd { (hostile(&text)) } } }
                dt { "Report arrived" } dd { (time(received_at)) ", authenticated: " (authenticated) }
            }
        }
        (results(&report.results))
        (hops(&report.hops))
        @if let Some(header) = &report.header { (fields("header", "Header of the mail", header)) }
        @if let Some(of_report) = &report.fields { (fields("fields", "Fields of the report", of_report)) }
        (warnings(&report.warning_list))
    }
}

fn results(results: &[FailureResultBody]) -> Markup {
    html! {
        @if !results.is_empty() {
            section .card aria-labelledby="results" {
                h2 #results { "Authentication" }
                div .scroll tabindex="0" role="region" aria-label="Table of authentication results" {
                    table .cards {
                        thead { tr {
                            th scope="col" { "Method" }
                            th scope="col" { "Result" }
                            th scope="col" { "Domain" }
                            th scope="col" { "Selector" }
                            th scope="col" { "Said by" }
                        } }
                        tbody { @for one in results { tr {
                            th scope="row" { (hostile(&one.method)) }
                            td data-label="Result" { (result(&one.result)) }
                            td data-label="Domain" { (token(one.domain.as_deref())) }
                            td data-label="Selector" { (token(one.selector.as_deref())) }
                            td data-label="Said by" {
                                (hostile_or_dash(one.host.as_deref()))
                                @if one.copied { " " span .small.muted { "in the header of the mail" } }
                            }
                        } } }
                    }
                }
            }
        }
    }
}

fn hops(hops: &[FailureHopBody]) -> Markup {
    html! {
        @if !hops.is_empty() {
            section .card aria-labelledby="hops" {
                h2 #hops { "Way of the mail" }
                p .muted { "The last host first. Only the hosts of the receiver are known to be true." }
                div .scroll tabindex="0" role="region" aria-label="Table of hosts" {
                    table .cards {
                        thead { tr { th scope="col" { "From" } th scope="col" { "Address" } th scope="col" { "By" } } }
                        tbody { @for hop in hops { tr {
                            th scope="row" { (token(hop.from.as_deref())) }
                            td data-label="Address" { (token(hop.address.map(|address| address.to_string()).as_deref())) }
                            td data-label="By" { (token(hop.by.as_deref())) }
                        } } }
                    }
                }
            }
        }
    }
}

fn fields(id: &str, title: &str, fields: &[FailureHeaderBody]) -> Markup {
    html! {
        section .card aria-labelledby=(id) {
            h2 id=(id) { (title) }
            div .scroll tabindex="0" role="region" aria-label=(title) {
                table .cards {
                    thead { tr { th scope="col" { "Field" } th scope="col" { "Value" } } }
                    tbody { @for field in fields { tr {
                        th scope="row" { (hostile(&field.name)) }
                        td data-label="Value" { (hostile(&field.value)) }
                    } } }
                }
            }
        }
    }
}

fn warnings(warnings: &[WarningBody]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            section .card aria-labelledby="oddities" {
                h2 #oddities { "Oddities" }
                ul { @for warning in warnings { li { code { (warning.kind) } " " (hostile(&warning.detail)) } } }
            }
        }
    }
}
