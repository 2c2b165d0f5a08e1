//! A digest: its settings, what can be done with it, and its preview.

use axum::Form;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use super::super::api::Failure;
use super::super::layout::{Place, page};
use super::super::parts::{hostile, plain, time};
use super::super::query::Asked;
use super::super::visitor::{Bare, Visitor};
use super::action::{action, ask_again};
use super::digest_form::{Typed, fields};
use super::kind::{Switch, is_plain};
use super::listed::state;
use super::notice::notice;
use crate::api::{DigestBody, DigestPreview, DigestPut};

/// `GET /alerts/digest/{id}`
pub(super) async fn show(visitor: Visitor, Path(id): Path<String>, asked: Asked) -> Result<Markup, Failure> {
    let digest = read(&visitor, &id).await?;
    let typed = Typed::from_digest(&visitor.api, &digest).await?;
    Ok(shown(&visitor, &digest, &asked, (&typed, None)))
}

/// `POST /alerts/digest/{id}`: other settings.
pub(super) async fn save(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Failure> {
    visitor.check(&typed.form_token)?;
    let digest = read(&visitor, &id).await?;
    match change(&visitor, &digest, &typed).await {
        Ok(()) => Ok(to(&id, "saved").into_response()),
        Err(failure) if failure.is_about_input() => {
            let page = shown(&visitor, &digest, &Asked::default(), (&typed, Some(&failure)));
            Ok((failure.status, page).into_response())
        }
        Err(failure) => Err(failure),
    }
}

async fn change(visitor: &Visitor, digest: &DigestBody, typed: &Typed) -> Result<(), Failure> {
    let email = typed.email.trim();
    let domains = typed.domain_ids(&visitor.api).await?;
    let is_of_all = domains.is_none();
    let wanted = DigestPut {
        name: Some(typed.name.trim().to_owned()),
        // An address that is sent again would be asked again.
        email: (digest.email.as_deref() != Some(email)).then(|| email.to_owned()),
        period: Some(typed.period.clone()),
        domains,
        enabled: None,
    };
    let mut body = serde_json::to_value(&wanted).map_err(|_| Failure::fault("The page cannot write its request"))?;
    if is_of_all {
        // What is absent stays.
        body["domains"] = Value::Null;
    }
    visitor.api.tell(Method::PUT, &below(&digest.id)?, &body).await
}

/// `POST /alerts/digest/{id}/switch/{on}`: `on` or `off`.
pub(super) async fn switch(
    visitor: Visitor,
    Path((id, on)): Path<(String, String)>,
    Form(form): Form<Bare>,
) -> Result<Response, Failure> {
    visitor.check(&form.form_token)?;
    let (enabled, done) = match on.as_str() {
        "on" => (true, "mailed"),
        "off" => (false, "unmailed"),
        _ => return Err(Failure::missing()),
    };
    let wanted = json!({ "enabled": enabled });
    match visitor.api.tell(Method::PUT, &below(&id)?, &wanted).await {
        Ok(()) => Ok(to(&id, done).into_response()),
        Err(failure) => not_now(&visitor, &id, failure).await,
    }
}

/// `POST /alerts/digest/{id}/confirm`: asks the reader again.
pub(super) async fn confirm(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Response, Failure> {
    visitor.check(&form.form_token)?;
    let path = format!("{}/confirm", below(&id)?);
    match ask_again(&visitor, &path).await {
        Ok(done) => Ok(to(&id, done).into_response()),
        Err(failure) => not_now(&visitor, &id, failure).await,
    }
}

/// `POST /alerts/digest/{id}/remove`
pub(super) async fn remove(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    visitor.api.tell(Method::DELETE, &below(&id)?, &()).await?;
    Ok(Redirect::to("/alerts?done=ended"))
}

/// `GET /alerts/digest/{id}/preview`: the text alone. The HTML has styles of its own, which the policy of the page refuses.
pub(super) async fn preview(visitor: Visitor, Path(id): Path<String>) -> Result<(StatusCode, Markup), Failure> {
    let digest = read(&visitor, &id).await?;
    let path = format!("{}/preview", below(&id)?);
    let (status, content) = match visitor.api.get::<DigestPreview>(&path).await {
        Ok(preview) => (StatusCode::OK, mail(&preview)),
        Err(failure) if failure.status == StatusCode::CONFLICT => {
            let says = html! { p .notice.bad role="alert" { (hostile(&failure.message)) "." } };
            (failure.status, says)
        }
        Err(failure) => return Err(failure),
    };
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" {
            a href="/alerts" { "Alerts" } " " a href=(format!("/alerts/digest/{id}")) { (hostile(&digest.name)) }
        }
        div .head { h1 { "Preview" } }
        p .muted { "The mail about the newest period that is over, as text." }
        (content)
    };
    let title = format!("Preview of {}", plain(&digest.name));
    Ok((status, page(&visitor, Place::Alerts, &title, content)))
}

/// A mail, a line of it at a time: what is in a line may be of a stranger.
fn mail(preview: &DigestPreview) -> Markup {
    html! {
        section .card aria-labelledby="subject" {
            h2 #subject { (hostile(&preview.subject)) }
            pre .request.letter tabindex="0" { @for line in preview.text.lines() { (hostile(line)) "\n" } }
        }
    }
}

fn below(id: &str) -> Result<String, Failure> {
    is_plain(id)
        .then(|| format!("/digests/{id}"))
        .ok_or_else(Failure::missing)
}

async fn read(visitor: &Visitor, id: &str) -> Result<DigestBody, Failure> {
    visitor.api.get(&below(id)?).await
}

fn to(id: &str, done: &str) -> Redirect {
    Redirect::to(&format!("/alerts/digest/{id}?done={done}"))
}

/// The page of a digest with which something cannot be done as things are, such as to send it to a reader who has not agreed.
async fn not_now(visitor: &Visitor, id: &str, failure: Failure) -> Result<Response, Failure> {
    if !failure.is_about_now() {
        return Err(failure);
    }
    let digest = read(visitor, id).await?;
    let typed = Typed::from_digest(&visitor.api, &digest).await?;
    let page = shown(visitor, &digest, &Asked::default(), (&typed, Some(&failure)));
    Ok((failure.status, page).into_response())
}

fn shown(visitor: &Visitor, digest: &DigestBody, asked: &Asked, (typed, wrong): (&Typed, Option<&Failure>)) -> Markup {
    let base = format!("/alerts/digest/{}", digest.id);
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/alerts" { "Alerts" } }
        div .head { h1 { (hostile(&digest.name)) } (state(digest.active.into(), digest.disabled_reason.as_deref())) }
        (notice(asked))
        @if let Some(failure) = wrong { p .notice.bad role="alert" { "Nothing was changed: " (hostile(&failure.message)) "." } }
        (actions(visitor, digest, &base))
        @if let Some(at) = &digest.last_used_at { p .muted {
            "Last attempt " (time(at)) @if let Some(status) = digest.last_status { ", answered " (status) } "."
        } }
        section .card.slim aria-labelledby="settings" {
            h2 #settings { "Settings" }
            form .stack method="post" action=(base) {
                (visitor.field())
                (fields(typed, wrong))
                p .small.muted { "Another address must agree first." }
                button .primary type="submit" { "Save" }
            }
        }
    };
    page(visitor, Place::Alerts, &plain(&digest.name), content)
}

fn actions(visitor: &Visitor, digest: &DigestBody, base: &str) -> Markup {
    let post = |name: &str, class: &str, title: &str| action(visitor, base, name, (class, title));
    html! {
        div .row.actions {
            a .button.primary href=(format!("{base}/preview")) { "Preview" }
            @match digest.active.into() {
                Switch::On => (post("switch/off", "", "Switch off")),
                Switch::Off => {
                    (post("switch/on", "", "Switch on"))
                    (post("confirm", "", "Ask the reader again"))
                }
            }
            details {
                summary { "Remove…" }
                p .small { "It is not mailed any more." }
                (post("remove", "danger", "Remove it"))
            }
        }
    }
}
