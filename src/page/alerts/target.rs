//! A webhook or channel: its settings, what can be done with it, and its deliveries.

use axum::Form;
use axum::extract::Path;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use super::super::api::Failure;
use super::super::layout::{Place, page};
use super::super::parts::{hostile, plain, time};
use super::super::query::Asked;
use super::super::visitor::{Bare, Visitor};
use super::action::{action, ask_again};
use super::added::secret;
use super::deliveries;
use super::form::{About, Typed, fields};
use super::kind::{Kind, MAIL, Switch, platform};
use super::listed::state;
use super::notice::notice;
use crate::api::{
    ChannelBody, ChannelOne, ChannelPut, ChannelTested, Replayed, WebhookBody, WebhookOne, WebhookPatch, WebhookTested,
    WebhookWithSecret,
};

/// What its page shows.
enum Target {
    Channel(Box<ChannelBody>),
    Webhook(Box<WebhookBody>),
}

impl Target {
    async fn read(visitor: &Visitor, kind: Kind, id: &str) -> Result<Self, Failure> {
        let path = kind.below(id)?;
        Ok(match kind {
            Kind::Channel => Self::Channel(Box::new(visitor.api.get::<ChannelOne>(&path).await?.channel)),
            Kind::Webhook => Self::Webhook(Box::new(visitor.api.get::<WebhookOne>(&path).await?.webhook)),
        })
    }

    async fn typed(&self, visitor: &Visitor) -> Result<Typed, Failure> {
        match self {
            Self::Channel(channel) => Typed::of_channel(&visitor.api, channel).await,
            Self::Webhook(webhook) => Ok(Typed::of_webhook(webhook)),
        }
    }

    fn about(&self) -> Result<About<'_>, Failure> {
        match self {
            Self::Channel(channel) => {
                let platform = platform(&channel.platform).ok_or_else(Failure::missing)?;
                Ok(About::Channel(platform, Some(&channel.config_summary)))
            }
            Self::Webhook(_) => Ok(About::Webhook),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Channel(channel) => &channel.name,
            Self::Webhook(webhook) => &webhook.url,
        }
    }

    fn switch(&self) -> Switch {
        match self {
            Self::Channel(channel) => channel.active.into(),
            Self::Webhook(webhook) => webhook.active.into(),
        }
    }

    fn is_read_by_mail(&self) -> bool {
        matches!(self, Self::Channel(channel) if channel.platform == MAIL)
    }

    fn disabled_reason(&self) -> Option<&str> {
        match self {
            Self::Channel(channel) => channel.disabled_reason.as_deref(),
            Self::Webhook(webhook) => webhook.disabled_reason.as_deref(),
        }
    }
}

/// `GET /alerts/{kind}/{id}`
pub(super) async fn show(
    visitor: Visitor,
    Path((kind, id)): Path<(String, String)>,
    asked: Asked,
) -> Result<Markup, Failure> {
    let kind = Kind::read(&kind)?;
    let target = Target::read(&visitor, kind, &id).await?;
    let typed = target.typed(&visitor).await?;
    shown(&visitor, (&target, &id), &asked, (&typed, None)).await
}

/// `POST /alerts/{kind}/{id}`: other settings.
pub(super) async fn save(
    visitor: Visitor,
    Path((kind, id)): Path<(String, String)>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let typed = Typed::new(pairs);
    visitor.check(&typed.form_token)?;
    let kind = Kind::read(&kind)?;
    match change(&visitor, kind, &id, &typed).await {
        Ok(()) => Ok(to(kind, &id, "saved").into_response()),
        Err(failure) if failure.is_about_input() => {
            let target = Target::read(&visitor, kind, &id).await?;
            let page = shown(&visitor, (&target, &id), &Asked::default(), (&typed, Some(&failure))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(failure) => Err(failure),
    }
}

async fn change(visitor: &Visitor, kind: Kind, id: &str, typed: &Typed) -> Result<(), Failure> {
    let path = kind.below(id)?;
    let events = Some(typed.events.clone());
    match kind {
        Kind::Webhook => {
            let wanted = WebhookPatch {
                url: Some(typed.url.trim().to_owned()),
                events,
                enabled: None,
            };
            visitor.api.tell(Method::PATCH, &path, &wanted).await
        }
        Kind::Channel => {
            let domain = typed.domain_id(&visitor.api).await?;
            let is_of_all = domain.is_none();
            let wanted = ChannelPut {
                name: Some(typed.name.trim().to_owned()),
                events,
                config: typed.has_config().then(|| typed.config()),
                domain_id: domain,
                mailbox_id: None,
                enabled: None,
            };
            let mut body =
                serde_json::to_value(&wanted).map_err(|_| Failure::fault("The page cannot write its request"))?;
            if is_of_all {
                // What is absent stays.
                body["domainId"] = serde_json::Value::Null;
            }
            visitor.api.tell(Method::PUT, &path, &body).await
        }
    }
}

/// `POST /alerts/{kind}/{id}/test`
pub(super) async fn test(
    visitor: Visitor,
    Path((kind, id)): Path<(String, String)>,
    Form(form): Form<Bare>,
) -> Result<Response, Failure> {
    visitor.check(&form.form_token)?;
    let kind = Kind::read(&kind)?;
    let path = format!("{}/test", kind.below(&id)?);
    let tested = match kind {
        Kind::Channel => {
            let tested = visitor.api.send::<ChannelTested>(Method::POST, &path, &()).await;
            tested.map(|tested| (tested.success, tested.status_code))
        }
        Kind::Webhook => {
            let tested = visitor.api.send::<WebhookTested>(Method::POST, &path, &()).await;
            tested.map(|tested| (tested.success, tested.status_code))
        }
    };
    let (taken, status) = match tested {
        Ok(tested) => tested,
        Err(failure) => return not_now(&visitor, (kind, &id), failure).await,
    };
    let done = if taken { "taken" } else { "refused" };
    let status = status.map(|status| format!("&status={status}")).unwrap_or_default();
    Ok(to(kind, &id, &format!("{done}{status}")).into_response())
}

/// `POST /alerts/channel/{id}/confirm`: asks the reader of a channel again.
pub(super) async fn confirm(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Response, Failure> {
    visitor.check(&form.form_token)?;
    let path = format!("{}/confirm", Kind::Channel.below(&id)?);
    match ask_again(&visitor, &path).await {
        Ok(done) => Ok(to(Kind::Channel, &id, done).into_response()),
        Err(failure) => not_now(&visitor, (Kind::Channel, &id), failure).await,
    }
}

/// `POST /alerts/{kind}/{id}/switch/{on}`: `on` or `off`.
pub(super) async fn switch(
    visitor: Visitor,
    Path((kind, id, on)): Path<(String, String, String)>,
    Form(form): Form<Bare>,
) -> Result<Response, Failure> {
    visitor.check(&form.form_token)?;
    let kind = Kind::read(&kind)?;
    let enabled = match on.as_str() {
        "on" => true,
        "off" => false,
        _ => return Err(Failure::missing()),
    };
    let method = match kind {
        Kind::Channel => Method::PUT,
        Kind::Webhook => Method::PATCH,
    };
    let wanted = serde_json::json!({ "enabled": enabled });
    match visitor.api.tell(method, &kind.below(&id)?, &wanted).await {
        Ok(()) => Ok(to(kind, &id, &on).into_response()),
        Err(failure) => not_now(&visitor, (kind, &id), failure).await,
    }
}

/// `POST /alerts/{kind}/{id}/remove`
pub(super) async fn remove(
    visitor: Visitor,
    Path((kind, id)): Path<(String, String)>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let path = Kind::read(&kind)?.below(&id)?;
    visitor.api.tell(Method::DELETE, &path, &()).await?;
    Ok(Redirect::to("/alerts?done=removed"))
}

/// `POST /alerts/webhook/{id}/secret`: another secret, which is shown once.
pub(super) async fn rotate(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Markup, Failure> {
    visitor.check(&form.form_token)?;
    let path = format!("{}/rotate-secret", Kind::Webhook.below(&id)?);
    let made: WebhookWithSecret = visitor.api.send(Method::POST, &path, &serde_json::json!({})).await?;
    Ok(secret(&visitor, &made, "The old secret signs too for 24 hours"))
}

/// `POST /alerts/{kind}/{id}/deliveries/{number}/replay`
pub(super) async fn replay(
    visitor: Visitor,
    Path((kind, id, number)): Path<(String, String, i64)>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let kind = Kind::read(&kind)?;
    let path = format!("{}/deliveries/{number}/replay", kind.below(&id)?);
    visitor.api.tell(Method::POST, &path, &()).await?;
    Ok(to(kind, &id, "replayed"))
}

/// `POST /alerts/webhook/{id}/replay-failed`
pub(super) async fn replay_failed(
    visitor: Visitor,
    Path(id): Path<String>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let path = format!("{}/deliveries/batch-replay", Kind::Webhook.below(&id)?);
    let done: Replayed = visitor.api.send(Method::POST, &path, &serde_json::json!({})).await?;
    Ok(to(Kind::Webhook, &id, &format!("replayed&count={}", done.replayed)))
}

fn to(kind: Kind, id: &str, done: &str) -> Redirect {
    Redirect::to(&format!("/alerts/{}/{id}?done={done}", kind.word()))
}

/// The page of a target with which something cannot be done as things are, such as to mail to a reader who has not agreed.
async fn not_now(visitor: &Visitor, (kind, id): (Kind, &str), failure: Failure) -> Result<Response, Failure> {
    if !failure.is_about_now() {
        return Err(failure);
    }
    let target = Target::read(visitor, kind, id).await?;
    let typed = target.typed(visitor).await?;
    let page = shown(visitor, (&target, id), &Asked::default(), (&typed, Some(&failure))).await?;
    Ok((failure.status, page).into_response())
}

async fn shown(
    visitor: &Visitor,
    (target, id): (&Target, &str),
    asked: &Asked,
    (typed, wrong): (&Typed, Option<&Failure>),
) -> Result<Markup, Failure> {
    let about = target.about()?;
    let base = format!("/alerts/{}/{id}", about.kind().word());
    let deliveries = deliveries::section(visitor, about.kind(), id, asked, target.switch()).await?;
    let content = html! {
        nav .crumbs aria-label="Breadcrumb" { a href="/alerts" { "Alerts" } }
        div .head { h1 { (hostile(target.name())) } (state(target.switch(), target.disabled_reason())) }
        (notice(asked))
        @if let Some(failure) = wrong { p .notice.bad role="alert" { "Nothing was changed: " (hostile(&failure.message)) "." } }
        (actions(visitor, target, &base))
        (deliveries)
        section .card.slim aria-labelledby="settings" {
            h2 #settings { "Settings" }
            form .stack method="post" action=(base) {
                (visitor.field())
                (fields(about, typed, wrong))
                button .primary type="submit" { "Save" }
            }
        }
    };
    Ok(page(visitor, Place::Alerts, &plain(target.name()), content))
}

fn actions(visitor: &Visitor, target: &Target, base: &str) -> Markup {
    let post = |name: &str, class: &str, title: &str| action(visitor, base, name, (class, title));
    html! {
        div .row.actions {
            (post("test", "primary", "Send a test"))
            @match target.switch() {
                Switch::On => (post("switch/off", "", "Switch off")),
                Switch::Off => {
                    (post("switch/on", "", "Switch on"))
                    @if target.is_read_by_mail() { (post("confirm", "", "Ask the reader again")) }
                }
            }
            @if let Target::Webhook(webhook) = target { details {
                summary { "New secret…" }
                p .small { "The old one signs too for 24 hours." @if let Some(at) = &webhook.secret_rotated_at { " Last replaced " (time(at)) "." } }
                (post("secret", "", "Replace the secret"))
            } }
            details {
                summary { "Remove…" }
                p .small { "It is told of nothing from then on, and its deliveries are deleted." }
                (post("remove", "danger", "Remove it"))
            }
        }
    }
}
