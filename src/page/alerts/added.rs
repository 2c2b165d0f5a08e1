//! New webhooks and channels.

use axum::Form;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::super::api::Failure;
use super::super::layout::{Place, page};
use super::super::parts::{copy, hostile};
use super::super::visitor::Visitor;
use super::form::{About, Typed, fields};
use super::kind::platform;
use crate::api::{ChannelInput, ChannelOne, WebhookInput, WebhookWithSecret};

/// `GET /alerts/new/{type}`
pub(super) async fn form(visitor: Visitor, Path(word): Path<String>) -> Result<Markup, Failure> {
    if !visitor.has_account() {
        return Err(Failure::refused("This key may not change whom the account tells"));
    }
    Ok(shown(&visitor, &word, about(&word)?, (&Typed::empty(), None)))
}

/// `POST /alerts/new/{type}`
pub(super) async fn create(
    visitor: Visitor,
    Path(word): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let typed = Typed::new(pairs);
    visitor.check(&typed.form_token)?;
    let about = about(&word)?;
    let made = match about {
        About::Webhook => webhook(&visitor, &typed).await,
        About::Channel(..) => channel(&visitor, &word, &typed).await,
    };
    match made {
        Err(failure) if failure.is_about_input() => {
            let page = shown(&visitor, &word, about, (&typed, Some(&failure)));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        made => made,
    }
}

async fn channel(visitor: &Visitor, word: &str, typed: &Typed) -> Result<Response, Failure> {
    let wanted = ChannelInput {
        platform: word.to_owned(),
        name: typed.name.trim().to_owned(),
        events: typed.events.clone(),
        config: typed.config(),
        domain_id: typed.domain_id(&visitor.api).await?,
        mailbox_id: None,
    };
    let ChannelOne { channel, .. } = visitor
        .api
        .send(Method::POST, "/notification-channels", &wanted)
        .await?;
    // A new channel is off only until its reader agrees.
    let done = if channel.active { "added" } else { "asks" };
    Ok(Redirect::to(&format!("/alerts/channel/{}?done={done}", channel.id)).into_response())
}

async fn webhook(visitor: &Visitor, typed: &Typed) -> Result<Response, Failure> {
    let wanted = WebhookInput {
        url: typed.url.trim().to_owned(),
        events: typed.events.clone(),
        description: None,
    };
    let made: WebhookWithSecret = visitor.api.send(Method::POST, "/webhooks", &wanted).await?;
    Ok(secret(visitor, &made, "The webhook is made").into_response())
}

/// The secret of a webhook, which is shown once.
pub(super) fn secret(visitor: &Visitor, made: &WebhookWithSecret, what: &str) -> Markup {
    let webhook = &made.one.webhook;
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/alerts" { "Alerts" } }
        div .head { h1 { (hostile(&webhook.url)) } }
        div .notice.good role="status" {
            p { (what) ". This is the secret that signs its requests. It is shown only here: put it where they are received." }
            p { code #secret { (made.signing_secret) } " "
                (copy(&made.signing_secret, "secret")) }
        }
        p { a .button href=(format!("/alerts/webhook/{}", webhook.id)) { "To the webhook" } }
    };
    page(visitor, Place::Alerts, "Secret of a webhook", content)
}

fn about(word: &str) -> Result<About<'static>, Failure> {
    match word {
        "webhook" => Ok(About::Webhook),
        word => platform(word)
            .map(|platform| About::Channel(platform, None))
            .ok_or_else(Failure::missing),
    }
}

fn shown(visitor: &Visitor, word: &str, about: About<'_>, (typed, wrong): (&Typed, Option<&Failure>)) -> Markup {
    let title = match about {
        About::Webhook => "New webhook".to_owned(),
        About::Channel(platform, _) => format!("New channel: {}", platform.title),
    };
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/alerts" { "Alerts" } }
        div .head { h1 { (title) } }
        @if let Some(failure) = wrong { p .notice.bad role="alert" { "Nothing was made: " (hostile(&failure.message)) "." } }
        section .card.slim aria-label=(title) {
            form .stack method="post" action=(format!("/alerts/new/{word}")) {
                (visitor.field())
                (fields(about, typed, wrong))
                button .primary type="submit" { "Add" }
            }
        }
    };
    page(visitor, Place::Alerts, &title, content)
}
