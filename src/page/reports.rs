//! The reports of a domain, and one of them.

use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::api::{Failure, Told};
use super::export;
use super::held;
use super::numbers::{counted, grouped, percent};
use super::parts::{
    aligned, csv_link, dash, described, empty, field_error, figure, hostile, hostile_or_dash, no_rows, not_aligned,
    other_errors, pages_and_places, rate, result, time, token,
};
use super::query::{Asked, RANGE, query_escaped};
use super::tabs::{Found, Tab, below, done, find, found, has_none, page, range_form};
use super::visitor::Visitor;
use crate::api::{DkimBody, MailBody, PolicyBody, RecordBody, ReportBody, ReportItem, ReportList, SpfBody, Word};

const PER_PAGE: &str = "50";
const NAMES: [&str; 8] = ["days", "from", "to", "org", "result", "status", "page", "after"];
/// Without the days.
const CHOICES: [&str; 3] = ["org", "result", "status"];
/// Parameters with a field of their own, which shows what is wrong with them.
const FIELDS: [&str; 6] = ["days", "from", "to", "org", "result", "status"];

/// `GET /view/{id}/reports`: of the same days as the other pages, or `all=true` of them.
pub(super) async fn list(
    visitor: Visitor,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let is_all = asked.get("all").is_some() && !asked.has_range();
    // The default of the other pages.
    let usual = |asked: &Asked| if is_all || asked.has_range() { "" } else { "30" };
    let path = |asked: &Asked| {
        let query = match usual(asked) {
            "" => asked.with(&NAMES, &[("per_page", PER_PAGE)]),
            days => asked.with(&NAMES, &[("days", days), ("per_page", PER_PAGE)]),
        };
        below(&id, &format!("/dmarc/reports{query}"))
    };
    let is_empty = |list: &Told<ReportList>| !is_all && has_none(list, |list| &list.pagination);
    let Found { list, asked, notice } = found(&visitor, &id, asked, path, is_empty).await?;
    let days = usual(&asked);
    let base = format!("/view/{id}/reports");
    let shown = if days.is_empty() {
        asked.only(&NAMES[..6])
    } else {
        asked.with(&CHOICES, &[("days", days)])
    };
    let kept: &[&str] = if is_all {
        &["all", "org", "result", "status"]
    } else {
        &NAMES[..6]
    };
    let to = |name: &str, value: &str| format!("{base}{}", asked.with(kept, &[(name, value)]));
    let nothing = empty(
        "No reports",
        html! {
            p { "None of these days fits. Reports come once a day from each receiver." }
            p { a href=(format!("{base}?all=true")) { "All reports" } " · " a href="/upload" { "Upload a report" } }
        },
    );
    let content = html! {
        (range_form(&base, &asked, &CHOICES, list.wrong()))
        (other_errors(list.wrong(), &FIELDS))
        (notice)
        section .card aria-labelledby="reports" {
            div .head {
                h2 #reports { "Reports" @if is_all { " of all days" } }
                (filters(&base, &asked, if is_all { Days::All } else { Days::Chosen }, list.wrong()))
                (csv_link(&format!("{base}.csv{shown}")))
            }
            (field_error(list.wrong(), "org"))
            (field_error(list.wrong(), "result"))
            (field_error(list.wrong(), "status"))
            @if let Told::Answer(ReportList { reports, pagination }) = &list {
                @if reports.is_empty() { (no_rows(pagination, nothing)) } @else { (table(&id, reports)) }
                (pages_and_places(pagination, &asked, ("report", "reports"), to))
            }
        }
    };
    Ok((list.status(), page(&visitor, &domain, Tab::Reports, &asked, content)))
}

/// Which days are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    Chosen,
    All,
}

fn filters(base: &str, asked: &Asked, days: Days, wrong: Option<&Failure>) -> Markup {
    let is_all = days == Days::All;
    let (result, status) = (
        asked.get("result").unwrap_or_default(),
        asked.get("status").unwrap_or_default(),
    );
    html! {
        form .inline method="get" action=(base) {
            @for name in RANGE { @if let Some(text) = asked.get(name) { input type="hidden" name=(name) value=(text); } }
            @if is_all { input type="hidden" name="all" value="true"; }
            label .hidden for="org" { "Reporter" }
            input #org type="search" name="org" placeholder="Reporter" value=[asked.get("org")] size="14"
                aria-describedby=[described(wrong, "org")] aria-invalid=[described(wrong, "org").map(|_| "true")];
            label .hidden for="result" { "Result" }
            select #result name="result" aria-describedby=[described(wrong, "result")] {
                @for (word, title) in [("", "All results"), ("pass", "Pass only"), ("fail", "Fail only"), ("mixed", "Mixed")] {
                    option value=(word) selected[word == result] { (title) }
                }
            }
            label .hidden for="status" { "In the figures" }
            select #status name="status" aria-describedby=[described(wrong, "status")] {
                @for (word, title) in [("", "In the figures"), ("held", "Held"), ("discounted", "Discounted")] {
                    option value=(word) selected[word == status] { (title) }
                }
            }
            button type="submit" { "Filter" }
        }
        @if !is_all { a .button href=(format!("{base}{}", asked.with(&CHOICES, &[("all", "true")]))) { "All days" } }
    }
}

fn table(id: &str, reports: &[ReportItem]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of reports" {
            table .cards.tight {
                thead { tr {
                    th scope="col" { "Reporter" }
                    th scope="col" { "Begin" }
                    th scope="col" { "End" }
                    th scope="col" .num { "Messages" }
                    th scope="col" { "Pass" }
                    th scope="col" { "Policy" }
                    th scope="col" { "Received" }
                    th scope="col" { "Notes" }
                } }
                tbody { @for report in reports { tr {
                    th scope="row" { a href=(format!("/view/{id}/reports/{}", report.id)) {
                        @match &report.org_name { Some(name) => { (hostile(name)) } None => { "no name given" } }
                    } }
                    td data-label="Begin" { (time(&report.date_range_begin)) }
                    td data-label="End" { (time(&report.date_range_end)) }
                    td .num data-label="Messages" { (grouped(report.total_count)) }
                    td data-label="Pass" { (rate(report.pass_count, report.fail_count)) }
                    td .word data-label="Policy" { (hostile_or_dash(report.policy.p.as_deref())) }
                    td data-label="Received" { (time(&report.received_at)) }
                    td data-label="Notes" { (notes(report)) }
                } } }
            }
        }
    }
}

/// What is special about a report, in a few words.
pub(super) fn notes(report: &ReportItem) -> Markup {
    html! {
        @if report.authenticated == "pass" {
            span .chip.good.text title="The mail that carried it passed DMARC for this domain, whatever the reporter calls itself" {
                "authentic" @if let Some(domain) = &report.authenticated_domain { ": " (hostile(domain)) }
            } " "
        }
        @if report.authenticated == "fail" { span .chip.bad title="The mail that carried it failed DMARC" { "not authentic" } " " }
        @if report.warnings > 0 { span .chip.odd { (counted(report.warnings, "warning", "warnings")) } " " }
        @if report.partial { span .chip.bad { "broken off" } " " }
        @if !report.records_kept { span .chip title="retention.records_days is over; its figures stay" { "records dropped" } " " }
        (held::chip(report))
        @if report.arrivals > 1 { span .chip title="It is counted once" { "came " (report.arrivals) " times" } }
    }
}

/// `GET /view/{id}/reports.csv`
pub(super) async fn csv(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/reports{}", asked.only(&NAMES[..6])))?;
    export::csv(&visitor.api, path).await
}

/// `GET /view/{id}/reports/{number}`
pub(super) async fn show(
    visitor: Visitor,
    Path((id, number)): Path<(String, String)>,
    asked: Asked,
) -> Result<(StatusCode, Markup), Failure> {
    let domain = find(&visitor, &id).await?;
    let at = |query: &str| below(&id, &format!("/dmarc/reports/{}{query}", query_escaped(&number)));
    let query = asked.with(&["page", "after"], &[("per_page", PER_PAGE)]);
    let paged = Told::from(visitor.api.get::<ReportBody>(&at(&query)?).await)?;
    let (status, errors) = (paged.status(), other_errors(paged.wrong(), &[]));
    let detail = match paged {
        Told::Answer(detail) => detail,
        // The requested page does not exist: the report is shown without it.
        Told::Wrong(_) => visitor.api.get(&at(&format!("?per_page={PER_PAGE}"))?).await?,
    };
    let report = &detail.report;
    let base = format!("/view/{id}/reports/{}", report.id);
    let to = |name: &str, value: &str| format!("{base}?{name}={}", query_escaped(value));
    let name = report.org_name.as_deref().unwrap_or("no name given");
    let content = html! {
        nav .crumbs aria-label="Way back to the reports" { a href=(format!("/view/{id}/reports{}", asked.only(&RANGE))) { "Reports" } }
        (errors)
        div .head {
            h2 { "Report from " (hostile(name)) }
            p { (notes(report)) }
            @if detail.provenance.provable { a .button href=(format!("{base}/proof")) download { "Proof" } }
            @if detail.provenance.original_kept { a .button href=(format!("{base}/original")) download { "Original" } }
        }
        dl .figures {
            div { dt { "Messages" } dd { (figure(report.total_count)) } }
            div { dt { "Pass DMARC" } dd { (percent(report.pass_count, report.fail_count)) } }
            div { dt { "Fail" } dd .bad[report.fail_count > 0] { (figure(report.fail_count)) } }
            div { dt { "Records" } dd { (figure(report.record_count)) } }
        }
        div .two {
            section .card aria-labelledby="about" { h2 #about { "About the report" } (about(&detail)) }
            section .card aria-labelledby="policy" { h2 #policy { "Policy the reporter saw" } (policy(report)) }
        }
        (held::card(&visitor, &id, &detail))
        @if let Some(mail) = &detail.provenance.mail {
            section .card aria-labelledby="mail" { h2 #mail { "The mail that carried it" } (provenance(mail)) }
        }
        @if !detail.warning_list.is_empty() {
            section .card aria-labelledby="warnings" {
                h2 #warnings { "Warnings" }
                @if report.warnings > detail.warning_list.len() as u64 {
                    p .muted { "The first " (grouped(detail.warning_list.len() as u64)) " of " (grouped(report.warnings)) "; only these are kept." }
                }
                ul .warnings { @for warning in &detail.warning_list { li {
                    span .chip.odd { (hostile(&warning.kind)) } " " (hostile(&warning.detail))
                    @if let Some(offset) = warning.offset { span .muted { " at byte " (grouped(offset)) } }
                } } }
            }
        }
        section .card aria-labelledby="records" {
            div .head {
                h2 #records { "Records" }
                @if report.records_kept { (csv_link(&format!("{base}/records.csv"))) }
            }
            (done(&report.dispositions))
            @if !report.records_kept { (dropped(report)) }
            @else if detail.records.is_empty() { (no_rows(&detail.pagination, records(&id, &detail.records))) }
            @else { (records(&id, &detail.records)) }
            (pages_and_places(&detail.pagination, &asked, ("record", "records"), to))
        }
    };
    Ok((status, page(&visitor, &domain, Tab::Reports, &asked, content)))
}

fn about(detail: &ReportBody) -> Markup {
    let report = &detail.report;
    html! {
        dl .facts {
            dt { "Window" } dd { (time(&report.date_range_begin)) " to " (time(&report.date_range_end)) }
            dt { "Received" } dd { (time(&report.received_at)) }
            dt { "Report id" } dd { (hostile(&report.report_id)) }
            dt { "Contact" } dd { (hostile_or_dash(report.email.as_deref())) }
            @if let Some(text) = &detail.extra_contact_info { dt { "More" } dd { (hostile(text)) } }
            @if let Some(text) = &detail.generator { dt { "Software" } dd { (hostile(text)) } }
            @if detail.version.is_some() || detail.namespace.is_some() {
                dt { "Format" }
                dd { (hostile_or_dash(detail.version.as_deref())) " " (hostile_or_dash(detail.namespace.as_deref())) }
            }
            @for error in &detail.errors { dt { "Its error" } dd { (hostile(error)) } }
            @if !detail.conflicts.is_empty() {
                dt { "Contradicts" }
                dd { @for number in &detail.conflicts { a href=(number) { "report " (number) } " " } }
            }
        }
    }
}

fn policy(report: &ReportItem) -> Markup {
    let PolicyBody {
        p,
        sp,
        np,
        adkim,
        aspf,
        pct,
        testing,
    } = &report.policy;
    let mode = |mode: &Option<Word>| match mode.as_deref() {
        Some("s") => "strict",
        Some(_) => "relaxed",
        None => "relaxed, by default",
    };
    html! {
        dl .facts {
            dt { "Domain" } dd { (hostile(&report.domain)) }
            dt { "p" } dd { (hostile_or_dash(p.as_deref())) }
            dt { "sp" } dd { (hostile_or_dash(sp.as_deref())) }
            @if np.is_some() { dt { "np" } dd { (hostile_or_dash(np.as_deref())) } }
            dt { "DKIM alignment" } dd { (mode(adkim)) }
            dt { "SPF alignment" } dd { (mode(aspf)) }
            @if let Some(pct) = pct { dt { "pct" } dd { (pct) } }
            @if let Some(testing) = testing { dt { "Testing" } dd { (if *testing { "yes" } else { "no" }) } }
        }
    }
}

fn provenance(mail: &MailBody) -> Markup {
    html! {
        dl .facts {
            @if let Some(peer) = mail.peer {
                dt { "From" } dd { (peer) " as " (hostile(&mail.helo)) }
                dt { "Sender" } dd { @if mail.mail_from.is_empty() { "the null sender" } @else { (hostile(&mail.mail_from)) } }
            }
            @if let Some(host) = &mail.results_from { dt { "Results of" } dd { (hostile(host)) } }
            dt { "DMARC" } dd { (result(&mail.dmarc)) " " (hostile_or_dash(mail.domain.as_deref())) }
            @if let Some(spf) = &mail.spf { dt { "SPF" } dd { (result(&spf.result)) " " (hostile(&spf.domain)) } }
            @for dkim in &mail.dkim {
                dt { "DKIM" } dd { (result(&dkim.result)) " " (hostile(&dkim.domain)) " " span .muted { (hostile(&dkim.selector)) } }
            }
            @if mail.peer.is_some() {
                dt { "TLS" } dd { @match &mail.tls {
                    Some(tls) => { (hostile(&tls.version)) " " span .muted { (hostile(&tls.cipher)) } }
                    None => { "none" }
                } }
                dt { "Queue id" } dd .mono { (hostile(&mail.queue_id)) }
            }
            @if let Some(reason) = &mail.unchecked { dt { "Not checked" } dd { (hostile(reason)) } }
        }
    }
}

/// Stands for the records that retention has dropped.
fn dropped(report: &ReportItem) -> Markup {
    html! {
        p .muted #dropped {
            "Its " (counted(report.record_count, "record is", "records are"))
            " no longer kept: retention.records_days is over. The figures stay. Import the report again to keep its records again."
        }
    }
}

fn records(id: &str, records: &[RecordBody<'_>]) -> Markup {
    if records.is_empty() {
        return html! { p .muted { "No records on this page." } };
    }
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of records" {
            table .cards.records {
                thead { tr {
                    th scope="col" { "Source" }
                    th scope="col" .num { "Messages" }
                    th scope="col" { "Result" }
                    th scope="col" { "From" }
                    th scope="col" { "DKIM" }
                    th scope="col" { "SPF" }
                    th scope="col" { "Disposition" }
                } }
                tbody { @for record in records { tr .(record.result.as_ref()) {
                    th scope="row" { @match &record.source_ip {
                        Some(address) => { a .mono href=(format!("/view/{id}/sources/{}", query_escaped(&address.to_string()))) { (address) } }
                        None => { span .muted { "no readable address" } }
                    } }
                    (record_cells(record))
                } } }
            }
        }
    }
}

/// All cells of a record but the first.
pub(super) fn record_cells(record: &RecordBody) -> Markup {
    let omitted = record.omitted.unwrap_or_default();
    html! {
        td .num data-label="Messages" { (grouped(record.count)) }
        td data-label="Result" {
            (result(&record.result))
            @if record.derived { div .small.muted { "derived" } }
        }
        td data-label="From" {
            (hostile_or_dash(record.header_from.as_deref()))
            @if let Some(envelope) = &record.envelope_from {
                div .small.muted { "envelope " @if envelope.is_empty() { "null sender" } @else { (hostile(envelope)) } }
            }
            @if let Some(to) = &record.envelope_to { div .small.muted { "to " (hostile(to)) } }
        }
        td data-label="DKIM" {
            @if record.dkim_aligned { (aligned()) } @else { (not_aligned()) }
            @for dkim in &record.dkim { (dkim_result(dkim)) }
            (more(omitted.dkim))
        }
        td data-label="SPF" {
            @if record.spf_aligned { (aligned()) } @else { (not_aligned()) }
            @for spf in &record.spf { (spf_result(spf)) }
            (more(omitted.spf))
        }
        td data-label="Disposition" {
            @if matches!(record.disposition.as_ref(), "none" | "pass") { "delivered" } @else { (hostile(&record.disposition)) }
            @for reason in &record.reasons {
                div .small.muted {
                    (hostile(reason.type_raw.as_deref().unwrap_or(&reason.r#type)))
                    @if let Some(comment) = &reason.comment { ": " (hostile(comment)) }
                }
            }
            (more(omitted.reasons))
            @for raw in &record.raw { div .small.muted { (raw.field) ": " (hostile(&raw.text)) } }
            (more(omitted.raw))
        }
    }
}

/// Stands for results that are not listed.
fn more(omitted: u64) -> Markup {
    html! { @if omitted > 0 { div .small.muted { "and " (grouped(omitted)) " more: the domain's export has all" } } }
}

fn dkim_result(dkim: &DkimBody) -> Markup {
    html! {
        div .small {
            (hostile(dkim.result_raw.as_deref().unwrap_or(&dkim.result))) " "
            (hostile_or_dash(dkim.domain.as_deref()))
            @if let Some(selector) = &dkim.selector { " " span .muted { (token(Some(selector))) } }
        }
        @if let Some(text) = &dkim.human_result { div .small.muted { (hostile(text)) } }
    }
}

fn spf_result(spf: &SpfBody) -> Markup {
    html! {
        div .small {
            (hostile(spf.result_raw.as_deref().unwrap_or(&spf.result))) " "
            @match &spf.domain { Some(domain) => { (hostile(domain)) } None => { (dash()) } }
            @if let Some(scope) = &spf.scope { " " span .muted { (scope) } }
        }
        @if let Some(text) = &spf.human_result { div .small.muted { (hostile(text)) } }
    }
}

/// `GET /view/{id}/reports/{number}/records.csv`
pub(super) async fn records_csv(
    visitor: Visitor,
    Path((id, number)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let path = below(&id, &format!("/dmarc/reports/{}", query_escaped(&number)))?;
    let report: ReportBody = visitor.api.get(&format!("{path}?per_page=1")).await?;
    if !report.report.records_kept {
        return Err(Failure::gone("The records of this report are no longer kept"));
    }
    export::csv(&visitor.api, path).await
}

/// `GET /view/{id}/reports/{number}/original`
pub(super) async fn original(
    visitor: Visitor,
    Path((id, number)): Path<(String, String)>,
) -> Result<Response, Failure> {
    download(
        visitor,
        &id,
        &format!("/dmarc/reports/{}/original", query_escaped(&number)),
    )
    .await
}

/// `GET /view/{id}/reports/{number}/proof`
pub(super) async fn proof(visitor: Visitor, Path((id, number)): Path<(String, String)>) -> Result<Response, Failure> {
    download(
        visitor,
        &id,
        &format!("/dmarc/reports/{}/proof", query_escaped(&number)),
    )
    .await
}

async fn download(visitor: Visitor, id: &str, path: &str) -> Result<Response, Failure> {
    let path = below(id, path)?;
    let request = Request::get(path).body(Body::empty()).map_err(|_| Failure::missing())?;
    visitor.api.call(request).await
}
