//! Adding a domain, and the DNS records that it has to publish.

use axum::Form;
use axum::extract::Path;
use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::api::Failure;
use super::history;
use super::layout::{self, Place};
use super::parts::{copy, hostile, plain, time};
use super::query::Asked;
use super::rotation;
use super::tabs::{Tab, below, find, page};
use super::tls_address;
use super::visitor::{Bare, Visitor};
use crate::api::{DnsRecordBody, DomainBody, DomainInput};

/// The regions, as the API names them.
pub(super) const REGIONS: [(&str, &str); 4] = [
    ("eu-west-1", "Europe (eu-west-1)"),
    ("us-east-1", "North America (us-east-1)"),
    ("sa-east-1", "South America (sa-east-1)"),
    ("ap-northeast-1", "Asia (ap-northeast-1)"),
];

/// `GET /add`
pub(super) async fn add_form(visitor: Visitor, asked: Asked) -> Result<Markup, Failure> {
    if !visitor.has_account() {
        return Err(Failure::refused("This key may not add domains"));
    }
    let form = AddForm {
        name: asked.get("name").unwrap_or_default().to_owned(),
        ..AddForm::default()
    };
    Ok(add_page(&visitor, &form, None))
}

/// What the form says.
#[derive(Debug, Deserialize, Default)]
pub(super) struct AddForm {
    form_token: String,
    name: String,
    #[serde(default)]
    region: String,
}

/// `POST /add`
pub(super) async fn add(visitor: Visitor, Form(form): Form<AddForm>) -> Result<Response, Failure> {
    visitor.check(&form.form_token)?;
    let body = DomainInput {
        name: form.name.trim().to_owned(),
        region: Some(form.region.clone()).filter(|region| !region.is_empty()),
        ..DomainInput::default()
    };
    match visitor.api.send::<DomainBody>(Method::POST, "/domains", &body).await {
        Ok(DomainBody { id, .. }) => {
            // What is published already is part of what is offered. If DNS does not answer, the page says so.
            let _ = visitor.api.tell(Method::POST, &below(&id, "/verify")?, &()).await;
            Ok(Redirect::to(&format!("/view/{id}/setup?added=true")).into_response())
        }
        Err(failure) if failure.status.is_client_error() => {
            let page = add_page(&visitor, &form, Some(&failure));
            Ok((failure.status, page).into_response())
        }
        Err(failure) => Err(failure),
    }
}

fn add_page(visitor: &Visitor, form: &AddForm, failure: Option<&Failure>) -> Markup {
    let problem = failure.map(|failure| match failure.field("name") {
        Some(error) => format!("This {error}"),
        None => failure.message.clone(),
    });
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/" { "Domains" } }
        h1 { "Add a domain" }
        section .card.slim {
            form method="post" action="/add" .stack {
                (visitor.field())
                label for="name" { "Name" }
                input #name name="name" value=(form.name) placeholder="example.com" required autofocus spellcheck="false"
                    autocapitalize="none" aria-describedby=[problem.as_ref().map(|_| "problem")] aria-invalid=[problem.as_ref().map(|_| "true")];
                @if let Some(problem) = &problem { p #problem .bad role="alert" { (hostile(problem)) } }
                label for="region" { "Region" }
                select #region name="region" {
                    @for (word, title) in REGIONS { option value=(word) selected[word == form.region] { (title) } }
                }
                p .small.muted { "The region says where reports are received. The next page has the DNS records to publish." }
                button .primary type="submit" { "Add" }
            }
        }
    };
    layout::page(visitor, Place::Domains, "Add a domain", content)
}

/// `GET /view/{id}/setup`
pub(super) async fn show(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Markup, Failure> {
    let domain = find(&visitor, &id).await?;
    let [required, optional, operator, other_key] = by_place(&domain.dns_records);
    let rotation = rotation::card(&visitor, &id).await?;
    let changes = history::changes(&visitor, &id)?.await?;
    let address = tls_address::card(&visitor, &id).await?;
    let done = required.iter().filter(|record| record.verified).count();
    let content = html! {
        @if asked.get("added").is_some() {
            p .notice.good role="status" {
                (hostile(&domain.name)) " was added. "
                @if required.is_empty() { "There is no record to publish yet; reports that you have already can be " a href="/upload" { "uploaded" } "." }
                @else { "Publish these records where its DNS is kept, then verify. What it publishes already stays." }
            }
        }
        @if asked.get("verified").is_some() { p .notice role="status" { "DNS was asked just now." } }
        section .card aria-labelledby="state" {
            div .head {
                div {
                    h2 #state {
                        @if required.is_empty() { "No record is offered yet" }
                        @else { (done) " of " (required.len()) " required records found" }
                    }
                    p .muted { @match &domain.last_checked_at {
                        Some(at) => { "DNS was last asked " (time(at)) }
                        None => { "DNS has not been asked yet." }
                    } }
                }
                @if visitor.may_write() {
                    form method="post" action=(format!("/view/{id}/verify")) {
                        (visitor.field())
                        button .primary type="submit" data-busy="Asking DNS…" { "Verify now" }
                    }
                }
            }
            @if let Some(address) = &domain.rua_address {
                p { "Reports for this domain go to " code { (address) } " "
                    (copy(address, "address for reports")) }
            }
            @for advice in &domain.setup_advice { p .bad { (advice) } }
            @if domain.rua_address.is_none() {
                p .muted {
                    "The setting is the name of a host that receives mail for Tallymark: " code { "rua_host = \"reports.example.net\"" }
                    " below " code { "[installation]" } " in the settings file, or "
                    code { "TALLYMARK__INSTALLATION__RUA_HOST" } " in the environment. Start Tallymark again with it."
                }
            }
        }
        @for record in required { (record_card(record)) }
        @if !optional.is_empty() {
            h2 { "Optional records" }
            p .small.muted { "The domain is verified without them. Each makes something more possible." }
            @for record in optional { (record_card(record)) }
        }
        (rotation)
        @for record in other_key { (record_card(record)) }
        (address)
        @if !operator.is_empty() {
            h2 { "What the operator publishes" }
            p .small.muted { "This belongs into the DNS of the host that receives the reports, not into that of the domain." }
            @for record in operator { (record_card(record)) }
        }
        (history::card(&changes))
    };
    Ok(page(&visitor, &domain, Tab::Setup, &asked, content))
}

/// The records that the domain needs, those that it may have, those of the operator, and that of the key that does not sign.
fn by_place(records: &[DnsRecordBody]) -> [Vec<&DnsRecordBody>; 4] {
    let mut places = [const { Vec::new() }; 4];
    for record in records {
        let place = match record.purpose.as_ref() {
            _ if record.required => 0,
            "dmarc_authorization" => 2,
            "dkim_rotation" => 3,
            _ => 1,
        };
        places[place].push(record);
    }
    places
}

/// A record to publish, and what DNS has.
fn record_card(record: &DnsRecordBody) -> Markup {
    let (class, state) = match (record.state.as_ref(), record.verified) {
        ("unreadable", _) => ("odd", "could not be read"),
        ("missing", _) => ("bad", "missing"),
        ("wrong", _) => ("bad", "to be changed"),
        ("found", _) | (_, true) => ("good", "found"),
        _ => ("", "not asked yet"),
    };
    let whose = match (record.purpose.as_ref(), record.required) {
        ("dmarc_authorization", _) => Some("for the operator"),
        ("dkim_rotation", _) => Some("for the change of the key"),
        (_, true) => None,
        (_, false) => Some("optional"),
    };
    html! {
        section .card.record data-purpose=(record.purpose) {
            div .head {
                h3 { (purpose(&record.purpose)) }
                span .chip.(class) { (state) }
                @if let Some(whose) = whose { span .chip { (whose) } }
            }
            dl .facts {
                dt { "Type" } dd { (record.r#type) @if let Some(priority) = record.priority { ", priority " (priority) } }
                dt { "Name" } dd { code { (plain(&record.name)) } " " (copy_of(record, &record.name, "name")) }
                (texts(record))
            }
            @if let Some(problem) = &record.problem { p .(if record.verified { "muted" } else { "bad" }) { (hostile(problem)) } }
            @if record.state == "unchecked" && !record.verified {
                p .muted { "DNS has not been asked for this record. Ask it first, because published records must \
                    stay." }
            }
        }
    }
}

fn copy_of(record: &DnsRecordBody, text: &str, what: &str) -> Markup {
    copy(text, &format!("{what} of the {} record", record.purpose))
}

/// What DNS has, and what it should have. Only what takes nothing away is offered to be copied.
fn texts(record: &DnsRecordBody) -> Markup {
    let found = html! { @for found in &record.found { div .mono { (hostile(found)) } } };
    let removed: Vec<&String> = record
        .remove
        .iter()
        .filter(|text| Some(*text) != record.suggested.as_ref())
        .collect();
    // Without a record of its own, a domain is under one above it.
    let now = match (record.state.as_ref(), record.verified) {
        ("missing", _) => "In force now",
        (_, true) => "In DNS",
        _ => "Yours now",
    };
    html! {
        @match (&record.suggested, record.found.is_empty()) {
            (Some(value), true) => { dt { "Value" } dd { (offered(record, value)) } }
            (Some(value), false) => {
                dt { (now) } dd { (found) }
                dt { "As it should read" } dd { (offered(record, value)) }
            }
            (None, false) => { dt { (now) } dd { (found) } }
            (None, true) => {}
        }
        // What a name points to today is not replaced by a click.
        @if record.suggested.is_none() && record.state == "wrong" && record.r#type != "TXT" {
            dt { "Needed" } dd { code { (plain(&record.value)) } }
        }
        @if record.found.len() > 1 && !removed.is_empty() {
            dt { "To be removed" } dd { @for text in removed { div .mono { (hostile(text)) } } }
        }
    }
}

fn offered(record: &DnsRecordBody, value: &str) -> Markup {
    html! {
        code { (marked(value, &record.added)) } " " (copy_of(record, value, "value"))
        @if value.len() > STRING_BYTES_MAX && record.r#type == "TXT" {
            div .small.muted { "Longer than 255 bytes: in a zone file it is several strings, which receivers put together." }
        }
    }
}

/// RFC 1035, 3.3: the longest string of a TXT record.
const STRING_BYTES_MAX: usize = 255;

/// A record's text with its new parts marked. Nothing is marked where all of it is new.
fn marked(value: &str, added: &[String]) -> Markup {
    let mut pieces: Vec<(&str, bool)> = Vec::new();
    let mut rest = value;
    for part in added.iter().filter(|part| *part != value) {
        let Some(at) = place_of(rest, part) else { continue };
        pieces.push((&rest[..at], false));
        pieces.push((&rest[at..at + part.len()], true));
        rest = &rest[at + part.len()..];
    }
    pieces.push((rest, false));
    html! {
        @for (piece, is_added) in pieces {
            @if is_added { ins { (plain(piece)) } } @else { (plain(piece)) }
        }
    }
}

/// Where a part stands as a whole: not as the beginning or the end of another.
fn place_of(text: &str, part: &str) -> Option<usize> {
    let is_edge = |c: Option<char>| c.is_none_or(|c| " ;,=".contains(c));
    let places = text.match_indices(part).map(|(at, _)| at);
    let mut whole = places.filter(|at| {
        let behind = &text[at + part.len()..];
        is_edge(text[..*at].chars().next_back()) && is_edge(behind.chars().next())
    });
    whole.next()
}

fn purpose(word: &str) -> &str {
    match word {
        "spf" => "SPF: who may send",
        "dkim" => "DKIM: how mail is signed",
        "dkim_rotation" => "DKIM: the other key",
        "dmarc" => "DMARC: policy, and where reports go",
        "dmarc_authorization" => "Permission for its reports to be sent here",
        "return_path" => "Return path",
        "tracking" => "Tracking host",
        "mx" => "Inbound mail",
        "bimi" => "BIMI: the logo",
        "tls_reports" => "TLS reports: where they go",
        other => other,
    }
}

/// `POST /view/{id}/verify`
pub(super) async fn verify(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    visitor.api.tell(Method::POST, &below(&id, "/verify")?, &()).await?;
    Ok(Redirect::to(&format!("/view/{id}/setup?verified=true")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_parts_are_marked_where_they_stand_as_a_whole() {
        for (value, added, expect) in [
            (
                "v=spf1 include:s.example.net include:s.example -all",
                &["include:s.example"][..],
                "v=spf1 include:s.example.net <ins>include:s.example</ins> -all",
            ),
            (
                "v=DMARC1; p=reject; rua=mailto:a@b.example,mailto:t@r.example",
                &["mailto:t@r.example"],
                "v=DMARC1; p=reject; rua=mailto:a@b.example,<ins>mailto:t@r.example</ins>",
            ),
            (
                "v=DMARC1; p=none; rua=mailto:t@r.example",
                &["p=none", "rua=mailto:t@r.example"],
                "v=DMARC1; <ins>p=none</ins>; <ins>rua=mailto:t@r.example</ins>",
            ),
            ("v=spf1 -all", &["v=spf1 -all"], "v=spf1 -all"),
            ("v=spf1 -all", &["gone"], "v=spf1 -all"),
            ("v=x <b>", &["<b>"], "v=x <ins>&lt;b&gt;</ins>"),
        ] {
            let added: Vec<String> = added.iter().map(|&part| part.to_owned()).collect();
            assert_eq!(marked(value, &added).into_string(), expect);
        }
    }
}
