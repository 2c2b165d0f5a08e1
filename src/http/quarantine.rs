//! `/quarantine`: what came in and became no counted report, and giving it another try.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::inbound::saved;
use super::listing::{Listing, file_name};
use super::owned::NumberInPath;
use super::paging::wanted;
use super::places::set_aside_place;
use super::state::AppState;
use super::upload::taken;
use crate::api::{
    ExcerptBody, GROUPED_MESSAGES_MAX, MessageDetail, MessageGroup, MessageGroups, MessageItem, MessageList, Removed,
    Taken,
};
use crate::base::clock::format_instant;
use crate::base::{SetAsideId, SetAsideKind};
use crate::ingest::{Excerpt, excerpt};
use crate::store::{AsideGroup, SetAside};

/// The parameter `kind`.
pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "kind",
    says: "Only messages of this kind. Default: `quarantined`.",
    schema: || json!({ "type": "string", "enum": ["quarantined", "unclaimed", "other", "all"] }),
}];

/// The parameter `kind` of groups.
pub(super) const GROUPS: &[Parameter] = &[Parameter {
    name: "kind",
    says: "The kind of the messages. Default: `quarantined`.",
    schema: || json!({ "type": "string", "enum": GROUPED }),
}];
const GROUPED: [&str; 3] = ["quarantined", "unclaimed", "other"];
/// Groups of an answer.
const GROUPS_MAX: usize = 100;

/// `GET /quarantine`
pub(super) async fn list(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let wanted = wanted(&mut parameters, &state.config, set_aside_place);
    let kind = parameters.word("kind", &["quarantined", "unclaimed", "other", "all"], kind_filter);
    parameters.finish()?;
    let kind = kind.unwrap_or(Some(SetAsideKind::Quarantined));
    let cut = wanted.cut();
    let (mut messages, total) = state.store.set_aside(Some(client.account), kind, cut).await?;
    let pagination = wanted.finish(&mut messages, total, |last| last.id.to_string())?;
    let list = MessageList {
        messages: messages.into_iter().map(MessageItem::from).collect(),
        pagination,
    };
    let kind = kind.map_or("all", SetAsideKind::word);
    let name = |_: &_| file_name(&["not-counted", kind, &state.today().to_string()]);
    Ok(listing.answer(list, name))
}

/// `GET /quarantine/groups`
pub(super) async fn groups(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Json<MessageGroups>, ApiError> {
    let kind = parameters.word("kind", &GROUPED, SetAsideKind::from_word);
    parameters.finish()?;
    let kind = kind.unwrap_or(SetAsideKind::Quarantined);
    let (found, more) = state
        .store
        .set_aside_groups(client.account, kind, GROUPED_MESSAGES_MAX)
        .await?;
    Ok(Json(MessageGroups {
        groups: by_sender(found),
        more,
    }))
}

/// Puts together what came from one sender for one reason.
fn by_sender(found: Vec<AsideGroup>) -> Vec<MessageGroup> {
    let mut groups: BTreeMap<(String, String), MessageGroup> = BTreeMap::new();
    for one in found {
        let sender = sender(&one.origin).to_owned();
        let group = MessageGroup {
            reason: one.reason.clone(),
            sender: sender.clone(),
            messages: 0,
            newest_id: 0,
            last_at: String::new(),
        };
        let group = groups.entry((one.reason, sender)).or_insert(group);
        group.messages += one.messages;
        if one.newest.0 > group.newest_id {
            group.newest_id = one.newest.0;
            group.last_at = format_instant(one.last_at);
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| Reverse((group.messages, group.newest_id)));
    groups.truncate(GROUPS_MAX);
    groups
}

/// Whom a message is from: the sender that the server stated, or the folder of a file.
fn sender(origin: &str) -> &str {
    if let Some((_, from)) = origin.split_once(" from <") {
        return from.trim_end_matches('>');
    }
    origin.rsplit_once('/').map_or(origin, |(folder, _)| folder)
}

/// `GET /quarantine/{id}`
pub(super) async fn show(
    State(state): State<AppState>,
    client: Client,
    NumberInPath(number): NumberInPath,
) -> Result<Json<MessageDetail>, ApiError> {
    let message = owned(&state, client, number).await?;
    let bytes = state.store.set_aside_bytes(message.id).await?;
    let (clock, looked_at) = (state.clock.clone(), message.clone());
    let looking = tokio::task::spawn_blocking(move || excerpt(&bytes?, &looked_at, &clock));
    let excerpt = looking.await.map_err(|_| ApiError::internal())?;
    Ok(Json(MessageDetail {
        message: MessageItem::from(message),
        excerpt: excerpt.map(ExcerptBody::from),
    }))
}

/// `GET /quarantine/{id}/message`
pub(super) async fn message(
    State(state): State<AppState>,
    client: Client,
    NumberInPath(number): NumberInPath,
) -> Result<Response, ApiError> {
    let message = owned(&state, client, number).await?;
    saved(state.store.set_aside_bytes(message.id).await?, message.id)
}

/// `DELETE /quarantine/{id}`
pub(super) async fn dismiss(
    State(state): State<AppState>,
    client: Client,
    NumberInPath(number): NumberInPath,
) -> Result<Json<Removed>, ApiError> {
    match state.store.dismiss(client.account, SetAsideId(number)).await? {
        true => Ok(Json(Removed { deleted: true })),
        false => Err(missing()),
    }
}

/// The client's own message; a foreign number does not exist.
async fn owned(state: &AppState, client: Client, number: i64) -> Result<SetAside, ApiError> {
    let message = state.store.set_aside_by_id(SetAsideId(number)).await?;
    message
        .filter(|message| message.account == client.account)
        .ok_or_else(missing)
}

fn missing() -> ApiError {
    ApiError::not_found("Message")
}

/// `POST /quarantine/{id}/replay`
pub(super) async fn replay(
    State(state): State<AppState>,
    client: Client,
    NumberInPath(number): NumberInPath,
) -> Result<Json<Taken>, ApiError> {
    let message = owned(&state, client, number).await?;
    let outcome = state.intake.replay(message.id).await?.ok_or_else(missing)?;
    Ok(Json(taken(&state.store, client.account, vec![outcome]).await?))
}

/// A kind; `Some(None)` is all of them.
fn kind_filter(word: &str) -> Option<Option<SetAsideKind>> {
    match word {
        "all" => Some(None),
        word => SetAsideKind::from_word(word).map(Some),
    }
}

impl From<Excerpt> for ExcerptBody {
    fn from(excerpt: Excerpt) -> Self {
        let Excerpt {
            first_byte,
            before,
            at,
            after,
        } = excerpt;
        Self {
            first_byte,
            before,
            at,
            after,
        }
    }
}

impl From<SetAside> for MessageItem {
    fn from(message: SetAside) -> Self {
        Self {
            id: message.id.0,
            kind: message.kind.word().into(),
            reason: message.reason,
            detail: message.detail,
            leaf: message.leaf,
            offset: message.offset,
            policy_domain: message.policy_domain,
            origin: message.origin,
            received_at: format_instant(message.received_at),
            arrivals: message.arrivals,
            size_bytes: message.bytes_len,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_grouped_by_reason_and_sender() {
        for (origin, expect) in [
            ("192.0.2.25 (mail.example.net) from <a@example.net>", "a@example.net"),
            ("192.0.2.25 (mail.example.net) from <>", ""),
            ("in/old/1.xml", "in/old"),
            ("upload with key 1", "upload with key 1"),
        ] {
            assert_eq!(sender(origin), expect);
        }
        let group = |reason: &str, origin: &str, messages, newest| AsideGroup {
            reason: reason.to_owned(),
            origin: origin.to_owned(),
            messages,
            newest: SetAsideId(newest),
            last_at: newest * 1_000,
        };
        let found = by_sender(vec![
            group("not_xml", "in/1.xml", 1, 7),
            group("truncated", "in/2.xml", 4, 3),
            group("not_xml", "in/3.xml", 2, 5),
        ]);
        let found: Vec<_> = found
            .iter()
            .map(|group| {
                (
                    group.reason.as_str(),
                    group.sender.as_str(),
                    group.messages,
                    group.newest_id,
                )
            })
            .collect();
        assert_eq!(found, [("truncated", "in", 4, 3), ("not_xml", "in", 3, 7)]);
    }
}
