//! Adding a domain, and the DNS records that it has to publish.

use axum::Form;
use axum::extract::Path;
use axum::http::Method;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::Failure;
use super::data::DnsRecord;
use super::domain::{Tab, below, find, page};
use super::layout::{self, Place};
use super::parts::{hostile, plain, time};
use super::query::Asked;
use super::sessions::{Bare, Visitor};

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
    let region = if form.region.is_empty() {
        "eu-west-1"
    } else {
        &form.region
    };
    let body = json!({ "name": form.name.trim(), "region": region });
    match visitor.api.send(Method::POST, "/domains", &body).await {
        Ok(domain) => {
            let id = domain.get("id").and_then(Value::as_str).unwrap_or_default();
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
    let (required, more): (Vec<_>, Vec<_>) = domain.dns_records.iter().partition(|record| record.required);
    let done = required.iter().filter(|record| record.verified).count();
    let content = html! {
        @if asked.get("added").is_some() {
            p .notice.good role="status" { (hostile(&domain.name)) " was added. Publish these records where its DNS is kept, then verify." }
        }
        @if asked.get("verified").is_some() { p .notice role="status" { "DNS was asked just now." } }
        section .card aria-labelledby="state" {
            div .head {
                div {
                    h2 #state { (done) " of " (required.len()) " required records found" }
                    p .muted { @match &domain.last_checked_at {
                        Some(at) => { "DNS was last asked " (time(at)) }
                        None => { "DNS has not been asked yet." }
                    } }
                }
                @if visitor.may_write() {
                    form method="post" action=(format!("/view/{id}/verify")) {
                        (visitor.field())
                        button .primary type="submit" { "Verify now" }
                    }
                }
            }
            p { "Reports for this domain go to " code { (domain.rua_address) } " "
                button .copy.js type="button" data-copy=(domain.rua_address) aria-label="Copy the address for reports" { "Copy" } }
        }
        @for record in required { (record_card(record)) }
        @if !more.is_empty() { h2 { "More records" } @for record in more { (record_card(record)) } }
    };
    Ok(page(&visitor, &domain, Tab::Setup, &asked, content))
}

/// A record to publish, and what DNS has.
fn record_card(record: &DnsRecord) -> Markup {
    let (class, state) = match (record.verified, &record.problem) {
        (true, _) => ("good", "found"),
        (false, Some(_)) => ("bad", "to be changed"),
        (false, None) => ("", "not found yet"),
    };
    let copy = |text: &str, what: &str| {
        html! { button .copy.js type="button" data-copy=(text) aria-label=(format!("Copy the {what} of the {} record", record.purpose)) { "Copy" } }
    };
    html! {
        section .card.record data-purpose=(record.purpose) {
            div .head {
                h3 { (purpose(&record.purpose)) }
                span .chip.(class) { (state) }
                @if !record.required { span .chip { "optional" } }
            }
            dl .facts {
                dt { "Type" } dd { (record.r#type) @if let Some(priority) = record.priority { ", priority " (priority) } }
                dt { "Name" } dd { code { (plain(&record.name)) } " " (copy(&record.name, "name")) }
                dt { "Value" } dd { code { (plain(&record.value)) } " " (copy(&record.value, "value")) }
                @if !record.found.is_empty() {
                    dt { "In DNS" } dd { @for found in &record.found { div .mono { (hostile(found)) } } }
                }
            }
            @if let Some(problem) = &record.problem { p .bad { (hostile(problem)) } }
        }
    }
}

fn purpose(word: &str) -> &str {
    match word {
        "spf" => "SPF: who may send",
        "dkim" => "DKIM: how mail is signed",
        "dmarc" => "DMARC: policy, and where reports go",
        "dmarc_authorization" => "Leave to receive its reports",
        "return_path" => "Return path",
        "tracking" => "Tracking host",
        "mx" => "Inbound mail",
        "bimi" => "BIMI: the logo",
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
    visitor
        .api
        .send(Method::POST, &below(&id, "/verify")?, &json!({}))
        .await?;
    Ok(Redirect::to(&format!("/view/{id}/setup?verified=true")))
}
