//! Where the account is told of events: its webhooks and channels, a test of each, and what became of deliveries.

use axum::Form;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Redirect;
use maud::{Markup, html};

use super::api::Failure;
use super::layout::{Place, page};
use super::parts::{empty, hostile, hostile_or_dash, plain, time, time_or_dash};
use super::query::Asked;
use super::visitor::{Bare, Visitor};
use crate::api::{
    ChannelBody, ChannelDeliveryList, ChannelList, ChannelTested, DeliveryBody, DeliveryList, WebhookItem, WebhookList,
    WebhookTested,
};

/// Deliveries on a page.
const SHOWN_MAX: u32 = 50;

/// `GET /alerts`
pub(super) async fn show(visitor: Visitor, asked: Asked) -> Result<Markup, Failure> {
    let ChannelList { channels } = visitor.api.get("/notification-channels").await?;
    let WebhookList { webhooks } = visitor.api.get("/webhooks").await?;
    let content = html! {
        div .head { h1 { "Alerts" } }
        (notice(&asked))
        section .card aria-labelledby="channels" {
            h2 #channels { "Channels" }
            p .muted { "Messages to a chat or an alert service. Make and change them with " code { "/notification-channels" } " of the API." }
            @if channels.is_empty() { (empty("No channels", html! { p { "No chat is told of anything." } })) }
            @else { (channel_table(&visitor, &channels)) }
        }
        section .card aria-labelledby="webhooks" {
            h2 #webhooks { "Webhooks" }
            p .muted { "Signed requests to a program. Make and change them with " code { "/webhooks" } " of the API." }
            @if webhooks.is_empty() { (empty("No webhooks", html! { p { "No program is told of anything." } })) }
            @else { (webhook_table(&visitor, &webhooks)) }
        }
    };
    Ok(page(&visitor, Place::Alerts, "Alerts", content))
}

/// `POST /alerts/{kind}/{id}/test`
pub(super) async fn test(
    visitor: Visitor,
    Path((kind, id)): Path<(String, String)>,
    Form(form): Form<Bare>,
) -> Result<Redirect, Failure> {
    visitor.check(&form.form_token)?;
    let path = format!("{}/test", Kind::read(&kind)?.below(&id)?);
    let (taken, status) = match Kind::read(&kind)? {
        Kind::Channel => {
            let tested: ChannelTested = visitor.api.send(Method::POST, &path, &()).await?;
            (tested.success, tested.status_code)
        }
        Kind::Webhook => {
            let tested: WebhookTested = visitor.api.send(Method::POST, &path, &()).await?;
            (tested.success, tested.status_code)
        }
    };
    let done = if taken { "taken" } else { "refused" };
    let status = status.map(|status| format!("&status={status}")).unwrap_or_default();
    Ok(Redirect::to(&format!("/alerts?done={done}{status}")))
}

/// `GET /alerts/{kind}/{id}`
pub(super) async fn deliveries(visitor: Visitor, Path((kind, id)): Path<(String, String)>) -> Result<Markup, Failure> {
    let path = format!("{}/deliveries?per_page={SHOWN_MAX}", Kind::read(&kind)?.below(&id)?);
    let deliveries: Vec<DeliveryBody> = match Kind::read(&kind)? {
        Kind::Channel => {
            let ChannelDeliveryList { deliveries, .. } = visitor.api.get(&path).await?;
            deliveries.into_iter().map(|delivery| delivery.delivery).collect()
        }
        Kind::Webhook => {
            let DeliveryList { deliveries, .. } = visitor.api.get(&path).await?;
            deliveries.into_iter().map(|delivery| delivery.delivery).collect()
        }
    };
    let content = html! {
        div .head { h1 { "Deliveries to " (kind) " " (id) } }
        p { a href="/alerts" { "All webhooks and channels" } }
        section .card {
            @if deliveries.is_empty() { (empty("No deliveries", html! { p { "Nothing that it wants has happened yet." } })) }
            @else { (delivery_table(&deliveries)) }
        }
    };
    Ok(page(&visitor, Place::Alerts, "Deliveries", content))
}

/// The two kinds of targets, as addresses of this page name them.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Channel,
    Webhook,
}

impl Kind {
    fn read(word: &str) -> Result<Self, Failure> {
        match word {
            "channel" => Ok(Self::Channel),
            "webhook" => Ok(Self::Webhook),
            _ => Err(Failure::missing()),
        }
    }

    /// The path of the API.
    fn below(self, id: &str) -> Result<String, Failure> {
        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(Failure::missing());
        }
        Ok(match self {
            Self::Channel => format!("/notification-channels/{id}"),
            Self::Webhook => format!("/webhooks/{id}"),
        })
    }
}

fn notice(asked: &Asked) -> Markup {
    let status = asked.get("status").and_then(|status| status.parse::<u16>().ok());
    let answer = status
        .map(|status| format!(" It answered {status}."))
        .unwrap_or_default();
    html! {
        @match asked.get("done") {
            Some("taken") => p .notice.good role="status" { "The test message was accepted." (answer) },
            Some("refused") => p .notice.bad role="status" {
                "The test message was not accepted." (answer)
                @if status.is_none() { " There was no answer." }
            },
            _ => {}
        }
    }
}

/// What the tables have of either kind.
struct Row<'r> {
    kind: &'static str,
    id: String,
    name: &'r str,
    what: &'r str,
    events: &'r [String],
    active: bool,
    reason: Option<&'r str>,
    last: Option<&'r str>,
}

fn channel_table(visitor: &Visitor, channels: &[ChannelBody]) -> Markup {
    let row = |channel: &ChannelBody| {
        table_row(
            visitor,
            &Row {
                kind: "channel",
                id: channel.id.clone(),
                name: &channel.name,
                what: &channel.platform,
                events: &channel.events,
                active: channel.active,
                reason: channel.disabled_reason.as_deref(),
                last: channel.last_used_at.as_deref(),
            },
        )
    };
    table("Table of channels", channels.iter().map(row))
}

fn webhook_table(visitor: &Visitor, webhooks: &[WebhookItem]) -> Markup {
    let row = |item: &WebhookItem| {
        table_row(
            visitor,
            &Row {
                kind: "webhook",
                id: item.webhook.id.to_string(),
                name: &item.webhook.url,
                what: "webhook",
                events: &item.webhook.events,
                active: item.webhook.active,
                reason: item.webhook.disabled_reason.as_deref(),
                last: item.last_delivery_at.as_deref(),
            },
        )
    };
    table("Table of webhooks", webhooks.iter().map(row))
}

fn table(title: &str, rows: impl Iterator<Item = Markup>) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label=(title) {
            table .cards {
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Kind" } th scope="col" { "Events" } th scope="col" { "State" }
                    th scope="col" { "Last attempt" } th scope="col" { span .hidden { "Actions" } }
                } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}

fn table_row(visitor: &Visitor, row: &Row<'_>) -> Markup {
    html! { tr {
        th scope="row" { a href=(format!("/alerts/{}/{}", row.kind, row.id)) { (hostile(row.name)) } }
        td data-label="Kind" { (row.what) }
        td data-label="Events" { (hostile(&row.events.join(", "))) }
        td data-label="State" {
            @if row.active { "on" } @else { "off" }
            @if let Some(reason) = row.reason { p .small { (hostile(reason)) } }
        }
        td data-label="Last attempt" { (time_or_dash(row.last)) }
        td { form method="post" action=(format!("/alerts/{}/{}/test", row.kind, row.id)) {
            (visitor.field())
            button type="submit" aria-label=(format!("Send a test to {}", plain(row.name))) { "Test" }
        } }
    } }
}

fn delivery_table(deliveries: &[DeliveryBody]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of deliveries" {
            table .cards {
                thead { tr {
                    th scope="col" { "Event" } th scope="col" { "Happened" } th scope="col" { "State" } th scope="col" .num { "Attempts" }
                    th scope="col" { "Answer" }
                } }
                tbody { @for delivery in deliveries { tr {
                    th scope="row" { (hostile(&delivery.event_type)) }
                    td data-label="Happened" { (time(&delivery.created_at)) }
                    td data-label="State" { @match (&delivery.delivered_at, &delivery.next_retry_at) {
                        (Some(at), _) => { "delivered " (time(at)) }
                        (None, Some(at)) => { "next attempt " (time(at)) }
                        (None, None) => { "failed" }
                    } }
                    td data-label="Attempts" .num { (delivery.attempts) }
                    td data-label="Answer" {
                        @if let Some(status) = delivery.status_code { (status) " " }
                        (hostile_or_dash(delivery.response_body.as_deref()))
                    }
                } } }
            }
        }
    }
}
