//! Uploading reports: dropped or chosen, whatever they are about. Each counts for the domain that it is about.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use futures_util::{StreamExt as _, stream};
use maud::{Markup, html};

use super::api::Failure;
use super::layout::{self, Place};
use super::numbers::counted;
use super::parts::{hostile, hostile_or_dash};
use super::query::query_escaped;
use super::tabs::below;
use super::visitor::Visitor;
use crate::api::{DomainList, Taken, TakenAside, TakenReport};

/// What stands before the first file of a form: two boundaries, a head and a token.
const HEAD_BYTES_MAX: usize = 4 * 1024;

/// The form.
pub(super) fn card(visitor: &Visitor) -> Markup {
    html! {
        section .card aria-labelledby="upload" {
            h2 #upload { "Upload reports" }
            form #upload-form .drop method="post" enctype="multipart/form-data" action="/upload" {
                // First of all fields: it is looked at before any file is read.
                (visitor.field())
                p { "Drop files or folders here, or choose files: XML, gzip, zip or whole mails, about any of your domains." }
                p #reading .muted role="status" {}
                div .row {
                    label .hidden for="files" { "Files" }
                    input #files type="file" name="file" multiple required;
                    button .primary type="submit" { "Upload" }
                }
            }
        }
    }
}

/// `GET /upload`
pub(super) async fn form(visitor: Visitor) -> Result<Markup, Failure> {
    if !visitor.may_write() {
        return Err(Failure::refused("This key may only read"));
    }
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/intake" { "Intake" } }
        h1 { "Upload reports" }
        (card(&visitor))
    };
    Ok(layout::page(&visitor, Place::Intake, "Upload reports", content))
}

/// `POST /upload`: the files are handed on to the API as they are, without the token before them.
pub(super) async fn upload(visitor: Visitor, request: Request) -> Result<(StatusCode, Markup), Failure> {
    let (mut parts, body) = request.into_parts();
    let boundary = boundary(&parts.headers).ok_or_else(|| Failure::of_status(StatusCode::BAD_REQUEST))?;
    let (form_token, files) = split(body, &boundary).await?;
    visitor.check(&form_token)?;
    // Which domain it is handed in for says whose it is: each report counts for the domain that it is about.
    let domains: DomainList = visitor.api.get("/domains").await?;
    let Some(domain) = domains.domains.first() else {
        return Ok((StatusCode::CONFLICT, no_domain(&visitor)));
    };
    parts.uri = Uri::try_from(below(&domain.id, "/dmarc/reports")?).map_err(|_| Failure::missing())?;
    parts.headers.remove(header::CONTENT_LENGTH);
    let answer = visitor.api.call(Request::from_parts(parts, files)).await?;
    let taken: Taken = visitor.api.read(answer).await?;
    Ok((
        StatusCode::OK,
        layout::page(&visitor, Place::Intake, "Uploaded", shown(&visitor, &taken)),
    ))
}

fn no_domain(visitor: &Visitor) -> Markup {
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/intake" { "Intake" } }
        h1 { "Nothing was uploaded" }
        section .card {
            p role="alert" { "There is no domain yet that the reports could be about." }
            p { a .button.primary href="/add" { "Add a domain" } }
        }
    };
    layout::page(visitor, Place::Intake, "Nothing was uploaded", content)
}

/// The new reports by domain, then what is not counted.
fn shown(visitor: &Visitor, taken: &Taken) -> Markup {
    let mut by_domain: BTreeMap<(&str, &str), Vec<&TakenReport>> = BTreeMap::new();
    for one in &taken.reports {
        let name = &one.domain_name;
        let id = &one.domain_id;
        by_domain.entry((name, id)).or_default().push(one);
    }
    let (unclaimed, broken): (Vec<_>, Vec<_>) = taken.quarantined.iter().partition(|one| one.kind == "unclaimed");
    let (other, broken): (Vec<_>, Vec<_>) = broken.into_iter().partition(|one| one.kind == "other");
    html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/intake" { "Intake" } }
        h1 { "Uploaded" }
        section .card {
            p #uploaded role="status" {
                b { (counted(taken.reports.len() as u64, "new report", "new reports")) } ", "
                @if !taken.failure_reports.is_empty() {
                    b { (counted(taken.failure_reports.len() as u64, "new failure report", "new failure reports")) } ", "
                }
                @if !taken.tls_reports.is_empty() {
                    b { (counted(taken.tls_reports.len() as u64, "new TLS report", "new TLS reports")) } ", "
                }
                (counted(taken.duplicates, "was here already", "were here already"))
                @if taken.restored > 0 { ", " (counted(taken.restored, "report has its records back", "reports have their records back")) }
                @if !unclaimed.is_empty() { ", " (counted(unclaimed.len() as u64, "is about a domain that is not yours here", "are about domains that you have not \
                    added")) }
                @if !other.is_empty() { ", " (counted(other.len() as u64, "file has no report", "files have no report")) }
                ", " (counted(broken.len() as u64, "part could not be read", "parts could not be read")) "."
            }
            @for ((name, id), reports) in &by_domain {
                h2 { a href=(format!("/view/{id}")) { (hostile(name)) } " " span .muted { (counted(reports.len() as u64, "report", "reports")) } }
                ul { @for one in reports { li {
                    a href=(format!("/view/{id}/reports/{}", one.report.id)) { (hostile_or_dash(one.report.org_name.as_deref())) }
                    " " span .muted { (counted(one.report.total_count, "message", "messages")) }
                    @if one.outcome == "conflict" { " " span .chip.bad { "contradicts another report" } }
                    @if one.outcome == "held" { " " span .chip.odd { "held: more messages than the limit" } }
                } } }
            }
            @if !taken.failure_reports.is_empty() { ul {
                @for one in &taken.failure_reports { li {
                    a href=(format!("/view/{}/failure-reports/{}", one.domain_id, one.id)) { "Failure report about " (hostile(&one.about)) }
                    " for " (hostile(&one.domain_name))
                } }
            } }
            @if !taken.tls_reports.is_empty() { ul {
                @for one in &taken.tls_reports { li {
                    a href=(format!("/view/{}/tls", one.domain_id)) { "TLS report from " (hostile_or_dash(one.report.org_name.as_deref())) }
                    " " span .muted { (hostile(&one.domain_name)) }
                    @if one.outcome == "conflict" { " " span .chip.bad { "contradicts another report" } }
                } }
            } }
            (not_yours(visitor, &unclaimed))
            @if !broken.is_empty() || !other.is_empty() { ul {
                @for one in broken.iter().chain(&other) { li {
                    span .chip.bad[one.kind != "other"] { (hostile(&one.reason)) } " " (hostile(&one.detail)) " " span .muted { (hostile(&one.leaf)) }
                } }
            } }
            p { a .button href="/" { "To the domains" } " " a .button href="/upload" { "Upload more" } }
        }
    }
}

/// Reports about domains that the account does not have, with the way to have them counted.
fn not_yours(visitor: &Visitor, unclaimed: &[&TakenAside]) -> Markup {
    let mut names: BTreeMap<&str, u64> = BTreeMap::new();
    for one in unclaimed {
        *names
            .entry(one.policy_domain.as_deref().unwrap_or_default())
            .or_default() += 1;
    }
    html! {
        @for (name, count) in names {
            p .notice {
                (counted(count, "report is", "reports are")) " about " b { (hostile(name)) } ", which is not one of your domains here. "
                (if count == 1 { "It waits" } else { "They wait" }) " until the domain is added."
                @if visitor.has_account() && !name.is_empty() { " " a .button href=(format!("/add?name={}", query_escaped(name))) { "Add it and count" } }
            }
        }
    }
}

/// The boundary of a form with files (RFC 2046, 5.1.1).
fn boundary(headers: &HeaderMap) -> Option<String> {
    let media_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let mut parameters = media_type.split(';').map(str::trim);
    parameters
        .next()
        .filter(|name| name.eq_ignore_ascii_case("multipart/form-data"))?;
    let boundary = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    let boundary = boundary.trim_matches('"');
    (1..=70).contains(&boundary.len()).then(|| boundary.to_owned())
}

/// The token that a form begins with, and the rest as a form of its own. No file has been read then.
async fn split(body: Body, boundary: &str) -> Result<(String, Body), Failure> {
    let unreadable = || Failure::of_status(StatusCode::BAD_REQUEST);
    let mut files = body.into_data_stream();
    let mut read = Vec::new();
    let (token, rest) = loop {
        let piece = files.next().await.ok_or_else(unreadable)?.map_err(|_| unreadable())?;
        read.extend_from_slice(&piece);
        if let Some(found) = first_field(&read, boundary) {
            break found;
        }
        if read.len() > HEAD_BYTES_MAX {
            return Err(unreadable());
        }
    };
    let first = Ok(Bytes::from(read.split_off(rest)));
    Ok((token, Body::from_stream(stream::iter([first]).chain(files))))
}

/// The text of the field `form_token`, which is the first, and where the next boundary begins.
fn first_field(read: &[u8], boundary: &str) -> Option<(String, usize)> {
    let delimiter = format!("\r\n--{boundary}");
    let head_end = find(read, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&read[..head_end]).ok()?;
    let is_token = head.starts_with(&delimiter[2..]) && head.contains("name=\"form_token\"");
    let length = find(&read[head_end..], delimiter.as_bytes())?;
    let text = std::str::from_utf8(&read[head_end..head_end + length]).ok()?;
    // Another field in its place is an invalid token.
    let token = if is_token { text } else { "" };
    Some((token.to_owned(), head_end + length + 2))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_begins_with_its_token_and_the_rest_is_a_form() {
        let form = "--b\r\nContent-Disposition: form-data; name=\"form_token\"\r\n\r\nabc\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--\r\n";
        let (token, rest) = first_field(form.as_bytes(), "b").unwrap();
        assert_eq!(token, "abc");
        assert!(form[rest..].starts_with("--b\r\nContent-Disposition: form-data; name=\"file\""));
        let other = form.replace("form_token", "file");
        assert_eq!(first_field(other.as_bytes(), "b").unwrap().0, "", "a file is no token");
        for cut in 0..form
            .find("\r\n--b\r\nContent-Disposition: form-data; name=\"file\"")
            .unwrap()
        {
            assert_eq!(first_field(&form.as_bytes()[..cut], "b"), None, "{cut}");
        }
    }

    #[test]
    fn the_boundary_is_read_as_browsers_write_it() {
        for (text, expect) in [
            (
                "multipart/form-data; boundary=----WebKitFormBoundaryX",
                Some("----WebKitFormBoundaryX"),
            ),
            ("multipart/form-data; boundary=\"a b\"", Some("a b")),
            ("Multipart/Form-Data; charset=utf-8; Boundary=x", Some("x")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/mixed; boundary=x", None),
            ("application/xml", None),
        ] {
            let headers = [(header::CONTENT_TYPE, text.parse().unwrap())].into_iter().collect();
            assert_eq!(boundary(&headers).as_deref(), expect, "{text}");
        }
    }
}
