//! What the rules found, and where the account is told of events: its webhooks, channels and digests.

mod action;
mod added;
mod deliveries;
mod digest;
mod digest_added;
mod digest_form;
mod digests;
mod form;
mod found;
mod kind;
mod listed;
mod notice;
mod target;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use maud::{Markup, html};

use self::notice::notice;
use super::api::Failure;
use super::layout::{Place, page};
use super::query::Asked;
use super::state::PageState;
use super::visitor::Visitor;
use crate::api::{ChannelList, DigestList, WebhookList};

/// The pages and forms of alerts.
pub(super) fn routes() -> Router<PageState> {
    Router::new()
        .route("/alerts", get(show))
        .route("/findings.csv", get(found::csv))
        .route("/alerts/findings/{id}/snooze", post(found::snooze))
        .route("/alerts/findings/{id}/wake", post(found::wake))
        .route("/alerts/new/{type}", get(added::form).post(added::create))
        .route("/alerts/new/digest", get(digest_added::form).post(digest_added::create))
        .route("/alerts/digest/{id}", get(digest::show).post(digest::save))
        .route("/alerts/digest/{id}/preview", get(digest::preview))
        .route("/alerts/digest/{id}/confirm", post(digest::confirm))
        .route("/alerts/digest/{id}/switch/{on}", post(digest::switch))
        .route("/alerts/digest/{id}/remove", post(digest::remove))
        .route("/alerts/{kind}/{id}", get(target::show).post(target::save))
        .route("/alerts/{kind}/{id}/test", post(target::test))
        .route("/alerts/channel/{id}/confirm", post(target::confirm))
        .route("/alerts/{kind}/{id}/switch/{on}", post(target::switch))
        .route("/alerts/{kind}/{id}/remove", post(target::remove))
        .route("/alerts/webhook/{id}/secret", post(target::rotate))
        .route("/alerts/webhook/{id}/replay-failed", post(target::replay_failed))
        .route("/alerts/{kind}/{id}/deliveries/{number}/replay", post(target::replay))
}

/// `GET /alerts`. Keys that are not of the whole account see findings alone.
async fn show(visitor: Visitor, asked: Asked) -> Result<(StatusCode, Markup), Failure> {
    let (status, findings) = found::section(&visitor, &asked).await?;
    let targets = match visitor.has_account() {
        true => {
            let ChannelList { channels } = visitor.api.get("/notification-channels").await?;
            let WebhookList { webhooks } = visitor.api.get("/webhooks").await?;
            let digests: DigestList = visitor.api.get("/digests").await?;
            let mail = digests.sends_mail.into();
            html! {
                (listed::sections(&channels, &webhooks, mail))
                (digests::section(&visitor, &digests).await?)
            }
        }
        false => Markup::default(),
    };
    let content = html! {
        div .head { h1 { "Alerts" } }
        (notice(&asked))
        (findings)
        (targets)
    };
    Ok((status, page(&visitor, Place::Alerts, "Alerts", content)))
}
