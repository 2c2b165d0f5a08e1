//! `/notification-channels`: places of chat platforms that are told of events. No answer has what lets this installation in.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::client::Client;
use super::error::ApiError;
use super::fields::{Members, Parameters};
use super::owned::{OwnedChannel, OwnedChannelDelivery, channel_key, find_domain};
use super::paging::page;
use super::state::AppState;
use super::targets::{self, EVENTS_MAX, checked_events};
use crate::api::{
    CHANNEL_NAME_CHARS_MAX, ChannelBody, ChannelDelivery, ChannelDeliveryList, ChannelList, ChannelOne, ChannelSnake,
    ChannelTested, Success,
};
use crate::base::DomainId;
use crate::base::clock::format_instant;
use crate::notify::{ChannelField, NewChannel, Tried, channel_fields};
use crate::store::{Channel, ChannelChanges, Platform, Target};

/// `POST /notification-channels`
pub(super) async fn create(
    State(state): State<AppState>,
    client: Client,
    mut members: Members,
) -> Result<(StatusCode, Json<ChannelOne>), ApiError> {
    let platform = members.required_word("type", Platform::ALL, Platform::word);
    let name = members.required_text("name");
    let name = checked_name(&mut members, name);
    let events = members.required_texts("events", EVENTS_MAX);
    let events = checked_events(&mut members, events);
    let settings = members.texts_by_name("config").unwrap_or_default();
    if let Some(platform) = platform {
        check_settings(&state, &mut members, platform, &settings);
        for field in channel_fields(platform).iter().filter(|field| field.is_required) {
            if !settings.contains_key(field.name) {
                members.refuse_in("config", field.name, "is required");
            }
        }
    }
    let domain = members.text("domainId");
    refuse_mailbox(&mut members);
    members.finish()?;
    let (Some(platform), Some(name), Some(events)) = (platform, name, events) else {
        return Err(ApiError::internal());
    };
    let new = NewChannel {
        platform,
        name,
        domain: own_domain(&state, client, domain).await?,
        events,
        settings,
    };
    let created = state.targets.create_channel(client.account, new).await?;
    let channel = created
        .ok_or_else(|| ApiError::conflict("The account has as many channels as it may have: remove others first"))?;
    Ok((StatusCode::CREATED, Json(one(&state, &channel).await?)))
}

/// `GET /notification-channels`
pub(super) async fn list(State(state): State<AppState>, client: Client) -> Result<Json<ChannelList>, ApiError> {
    let mut channels = Vec::new();
    for channel in state.store.channels(client.account).await? {
        channels.push(body(&state, &channel).await?);
    }
    Ok(Json(ChannelList { channels }))
}

/// `GET /notification-channels/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedChannel(channel): OwnedChannel,
) -> Result<Json<ChannelOne>, ApiError> {
    one(&state, &channel).await.map(Json)
}

/// `PUT /notification-channels/{id}`
pub(super) async fn update(
    State(state): State<AppState>,
    client: Client,
    OwnedChannel(channel): OwnedChannel,
    mut members: Members,
) -> Result<Json<ChannelOne>, ApiError> {
    let name = members.text("name");
    let name = checked_name(&mut members, name);
    let events = members.texts("events", EVENTS_MAX);
    let events = checked_events(&mut members, events);
    let settings = members.texts_by_name("config").unwrap_or_default();
    check_settings(&state, &mut members, channel.address.platform, &settings);
    let domain = members.clearable_text("domainId");
    refuse_mailbox(&mut members);
    let active = members.flag("enabled");
    members.finish()?;
    let domain = match domain {
        None => None,
        Some(id) => Some(own_domain(&state, client, id).await?),
    };
    if active == Some(true) && domain.is_none() && has_lost_its_domain(&state, &channel).await? {
        return Err(ApiError::conflict(
            "The domain of this channel was removed. Name another one in domainId, or null for all domains",
        ));
    }
    let changes = ChannelChanges {
        name,
        events,
        domain,
        active,
    };
    let changed = state
        .targets
        .change_channel(channel.account, channel.id, changes, settings);
    let changed = changed.await?.ok_or_else(|| ApiError::not_found("Channel"))?;
    one(&state, &changed).await.map(Json)
}

/// `DELETE /notification-channels/{id}`
pub(super) async fn remove(
    State(state): State<AppState>,
    OwnedChannel(channel): OwnedChannel,
) -> Result<Json<Success>, ApiError> {
    match state.store.remove_channel(channel.account, channel.id).await? {
        true => Ok(Json(Success { success: true })),
        false => Err(ApiError::not_found("Channel")),
    }
}

/// `POST /notification-channels/{id}/test`
pub(super) async fn test(
    State(state): State<AppState>,
    OwnedChannel(channel): OwnedChannel,
) -> Result<Json<ChannelTested>, ApiError> {
    let tried = state.targets.test(&channel.any()).await?;
    Ok(Json(tested(tried)))
}

/// `POST /notification-channels/{id}/confirm`
pub(super) async fn confirm(
    State(state): State<AppState>,
    OwnedChannel(channel): OwnedChannel,
) -> Result<Json<ChannelTested>, ApiError> {
    let asked = state.targets.ask_again(&channel).await?;
    asked.map(|tried| Json(tested(tried))).ok_or_else(no_question)
}

/// The answer where there is no question to send.
pub(super) fn no_question() -> ApiError {
    ApiError::conflict(
        "There is no question to send: only mail needs the owner of an address to agree, and this one did",
    )
}

/// What a place said, as the API says it.
pub(super) fn tested(tried: Tried) -> ChannelTested {
    ChannelTested {
        success: tried.is_delivered,
        status_code: tried.status,
        response_body: Some(tried.response),
    }
}

/// `GET /notification-channels/{id}/deliveries`
pub(super) async fn deliveries(
    State(state): State<AppState>,
    OwnedChannel(channel): OwnedChannel,
    mut parameters: Parameters,
) -> Result<Json<ChannelDeliveryList>, ApiError> {
    let page = page(&mut parameters, &state.config);
    parameters.finish()?;
    let (rows, meta) = targets::deliveries(&state, channel.id, page).await?;
    let id = channel_key(channel.id);
    let delivery = |delivery| ChannelDelivery {
        channel_id: id.clone(),
        channel_id_snake: id.clone(),
        delivery,
    };
    Ok(Json(ChannelDeliveryList {
        deliveries: rows.into_iter().map(delivery).collect(),
        meta,
    }))
}

/// `POST /notification-channels/{id}/deliveries/{delivery_id}/replay`
pub(super) async fn replay(
    State(state): State<AppState>,
    OwnedChannelDelivery(channel, delivery): OwnedChannelDelivery,
) -> Result<Json<Success>, ApiError> {
    targets::replay(&state, channel.id, delivery).await.map(Json)
}

fn checked_name(members: &mut Members, name: Option<String>) -> Option<String> {
    let name = name?;
    let chars = name.chars().count();
    if !(1..=CHANNEL_NAME_CHARS_MAX).contains(&chars) || name.chars().any(char::is_control) {
        members.refuse(
            "name",
            format!("must be plain text of 1 to {CHANNEL_NAME_CHARS_MAX} characters"),
        );
    }
    Some(name)
}

/// Checks what is named of a configuration. A place must be one that customers may send us to.
fn check_settings(state: &AppState, members: &mut Members, platform: Platform, settings: &BTreeMap<String, String>) {
    let fields = channel_fields(platform);
    for (name, value) in settings {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let names: Vec<_> = fields.iter().map(|field| field.name).collect();
            let known = names.join(" and ");
            members.refuse_in(
                "config",
                name,
                format!("is not a setting of {}, as {known}", platform.word()),
            );
            continue;
        };
        if let Err(error) = check_setting(state, field, value) {
            members.refuse_in("config", name, error);
        }
    }
}

fn check_setting(state: &AppState, field: &ChannelField, value: &str) -> Result<(), String> {
    field.check(value).map_err(str::to_owned)?;
    match field.is_url {
        true => state.targets.check_url(value),
        false => Ok(()),
    }
}

/// PostStack's filter for mailboxes of users.
fn refuse_mailbox(members: &mut Members) {
    let mailbox = members.clearable_number("mailboxId", 0..=u64::MAX);
    if mailbox.flatten().is_some() {
        members.refuse("mailboxId", "must be null: this installation has no mailboxes of users");
    }
}

/// Whether the channel is told of one domain, which is gone.
async fn has_lost_its_domain(state: &AppState, channel: &Target<Channel>) -> Result<bool, ApiError> {
    match channel.domain {
        None => Ok(false),
        Some(domain) => Ok(state.store.domain_public_id(channel.account, domain).await?.is_none()),
    }
}

async fn own_domain(state: &AppState, client: Client, id: Option<String>) -> Result<Option<DomainId>, ApiError> {
    match id {
        None => Ok(None),
        Some(id) => Ok(Some(find_domain(state, client, &id).await?.id)),
    }
}

async fn one(state: &AppState, channel: &Target<Channel>) -> Result<ChannelOne, ApiError> {
    let body = body(state, channel).await?;
    Ok(ChannelOne {
        channel: body.clone(),
        bare: body,
    })
}

async fn body(state: &AppState, channel: &Target<Channel>) -> Result<ChannelBody, ApiError> {
    let domain_id = match channel.domain {
        None => None,
        Some(domain) => state.store.domain_public_id(channel.account, domain).await?,
    };
    let snake = ChannelSnake {
        public_id: channel_key(channel.id),
        domain_id,
        mailbox_id: None,
        config_summary: state.targets.summary(channel),
        consecutive_failures: channel.failures,
        disabled_at: channel.disabled.as_ref().map(|(at, _)| format_instant(*at)),
        disabled_reason: channel.disabled.as_ref().map(|(_, why)| why.clone()),
        last_used_at: channel.last.map(|(at, _)| format_instant(at)),
        created_at: format_instant(channel.created_at),
        updated_at: format_instant(channel.updated_at),
    };
    Ok(ChannelBody {
        id: snake.public_id.clone(),
        public_id: snake.public_id.clone(),
        platform: channel.address.platform.word().into(),
        name: channel.address.name.clone(),
        domain_id: snake.domain_id.clone(),
        mailbox_id: None,
        events: channel.events.words().to_vec(),
        active: channel.active,
        config_summary: snake.config_summary.clone(),
        consecutive_failures: snake.consecutive_failures,
        disabled_at: snake.disabled_at.clone(),
        disabled_reason: snake.disabled_reason.clone(),
        last_used_at: snake.last_used_at.clone(),
        created_at: snake.created_at.clone(),
        updated_at: snake.updated_at.clone(),
        snake,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PLATFORMS;

    #[test]
    fn the_document_names_every_platform() {
        assert!(Platform::ALL.iter().map(|platform| platform.word()).eq(PLATFORMS));
    }
}
