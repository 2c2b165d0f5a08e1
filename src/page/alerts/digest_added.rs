//! A new digest.

use axum::Form;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::super::api::Failure;
use super::super::layout::{Place, page};
use super::super::parts::hostile;
use super::super::visitor::Visitor;
use super::digest_form::{Typed, fields};
use super::digests::no_mail;
use crate::api::{DigestBody, DigestInput, DigestList};

const TITLE: &str = "New digest";

/// `GET /alerts/new/digest`
pub(super) async fn form(visitor: Visitor) -> Result<Markup, Failure> {
    let DigestList { sends_mail, .. } = visitor.api.get("/digests").await?;
    if sends_mail {
        return Ok(shown(&visitor, (&Typed::empty(), None)));
    }
    let content = html! { (head()) (no_mail()) };
    Ok(page(&visitor, Place::Alerts, TITLE, content))
}

/// `POST /alerts/new/digest`
pub(super) async fn create(visitor: Visitor, Form(typed): Form<Typed>) -> Result<Response, Failure> {
    visitor.check(&typed.form_token)?;
    match add(&visitor, &typed).await {
        Ok(digest) => {
            let done = if digest.active { "agreed" } else { "asks" };
            Ok(Redirect::to(&format!("/alerts/digest/{}?done={done}", digest.id)).into_response())
        }
        Err(failure) if failure.is_about_input() => {
            let page = shown(&visitor, (&typed, Some(&failure)));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(failure) => Err(failure),
    }
}

async fn add(visitor: &Visitor, typed: &Typed) -> Result<DigestBody, Failure> {
    let wanted = DigestInput {
        name: typed.name.trim().to_owned(),
        email: typed.email.trim().to_owned(),
        period: typed.period.clone(),
        domains: typed.domain_ids(&visitor.api).await?,
    };
    visitor.api.send(Method::POST, "/digests", &wanted).await
}

fn head() -> Markup {
    html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/alerts" { "Alerts" } }
        div .head { h1 { (TITLE) } }
    }
}

fn shown(visitor: &Visitor, (typed, wrong): (&Typed, Option<&Failure>)) -> Markup {
    let content = html! {
        (head())
        @if let Some(failure) = wrong { p .notice.bad role="alert" { "Nothing was made: " (hostile(&failure.message)) "." } }
        section .card.slim aria-label=(TITLE) {
            form .stack method="post" action="/alerts/new/digest" {
                (visitor.field())
                (fields(typed, wrong))
                button .primary type="submit" { "Add" }
            }
        }
    };
    page(visitor, Place::Alerts, TITLE, content)
}
