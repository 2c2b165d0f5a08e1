//! Tables of channels and webhooks.

use maud::{Markup, html};

use super::super::parts::{empty, hostile, time_or_dash};
use super::kind::{Kind, Mail, Switch, offered, platform};
use crate::api::{ALL_EVENTS, ChannelBody, WebhookItem};

/// Channels and webhooks, with the ways to make others.
pub(super) fn sections(channels: &[ChannelBody], webhooks: &[WebhookItem], mail: Mail) -> Markup {
    html! {
        section .card aria-labelledby="channels" {
            h2 #channels { "Channels" }
            p .muted { "Messages to a chat or an alert service." }
            @if channels.is_empty() { (empty("No channels", html! { p { "No chat is told of anything." } })) }
            @else { (table("Table of channels", channels.iter().map(channel))) }
            p .inline { span .muted { "Add" } @for platform in offered(mail) {
                a .button href=(format!("/alerts/new/{}", platform.word)) { (platform.title) }
            } }
        }
        section .card aria-labelledby="webhooks" {
            h2 #webhooks { "Webhooks" }
            p .muted { "Signed requests to a program." }
            @if webhooks.is_empty() { (empty("No webhooks", html! { p { "No program is told of anything." } })) }
            @else { (table("Table of webhooks", webhooks.iter().map(webhook))) }
            p { a .button href="/alerts/new/webhook" { "Add a webhook" } }
        }
    }
}

/// What the tables have of either kind.
struct Row<'r> {
    kind: Kind,
    id: String,
    name: &'r str,
    what: &'r str,
    events: &'r [String],
    switch: Switch,
    reason: Option<&'r str>,
    last: Option<&'r str>,
}

fn channel(channel: &ChannelBody) -> Markup {
    row(&Row {
        kind: Kind::Channel,
        id: channel.id.clone(),
        name: &channel.name,
        what: platform(&channel.platform).map_or(&channel.platform, |platform| platform.title),
        events: &channel.events,
        switch: channel.active.into(),
        reason: channel.disabled_reason.as_deref(),
        last: channel.last_used_at.as_deref(),
    })
}

fn webhook(item: &WebhookItem) -> Markup {
    row(&Row {
        kind: Kind::Webhook,
        id: item.webhook.id.to_string(),
        name: &item.webhook.url,
        what: "webhook",
        events: &item.webhook.events,
        switch: item.webhook.active.into(),
        reason: item.webhook.disabled_reason.as_deref(),
        last: item.last_delivery_at.as_deref(),
    })
}

fn table(title: &str, rows: impl Iterator<Item = Markup>) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label=(title) {
            table .cards {
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Kind" } th scope="col" { "Events" } th scope="col" { "State" }
                    th scope="col" { "Last attempt" }
                } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}

fn row(row: &Row<'_>) -> Markup {
    html! { tr {
        th scope="row" { a href=(format!("/alerts/{}/{}", row.kind.word(), row.id)) { (hostile(row.name)) } }
        td data-label="Kind" { (row.what) }
        td data-label="Events" { @if row.events.iter().any(|one| one == ALL_EVENTS) { "all" } @else { (hostile(&row.events.join(", "))) } }
        td data-label="State" { (state(row.switch, row.reason)) }
        td data-label="Last attempt" { (time_or_dash(row.last)) }
    } }
}

/// Whether a target is on, and why not.
pub(super) fn state(switch: Switch, reason: Option<&str>) -> Markup {
    html! {
        @match switch { Switch::On => span .chip.good { "on" }, Switch::Off => span .chip { "off" } }
        @if let Some(reason) = reason { p .small { (hostile(reason)) } }
    }
}
