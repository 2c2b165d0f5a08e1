//! `/quarantine`: what came in and became no counted report, and giving it another try.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, file_name};
use super::owned::NumberInPath;
use super::paging::wanted;
use super::places::set_aside_place;
use super::state::AppState;
use super::upload::taken;
use crate::api::{MessageItem, MessageList, Taken};
use crate::base::clock::format_instant;
use crate::base::{SetAsideId, SetAsideKind};
use crate::store::SetAside;

/// The parameter `kind`.
pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "kind",
    says: "Only messages of this kind. Default: `quarantined`.",
    schema: || json!({ "type": "string", "enum": ["quarantined", "unclaimed", "other", "all"] }),
}];

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

/// `POST /quarantine/{id}/replay`
pub(super) async fn replay(
    State(state): State<AppState>,
    client: Client,
    NumberInPath(number): NumberInPath,
) -> Result<Json<Taken>, ApiError> {
    let missing = || ApiError::not_found("Message");
    let id = SetAsideId(number);
    let message = state.store.set_aside_by_id(id).await?;
    message
        .filter(|message| message.account == client.account)
        .ok_or_else(missing)?;
    let outcome = state.intake.replay(id).await?.ok_or_else(missing)?;
    Ok(Json(taken(&state.store, client.account, vec![outcome]).await?))
}

/// A kind; `Some(None)` is all of them.
fn kind_filter(word: &str) -> Option<Option<SetAsideKind>> {
    match word {
        "all" => Some(None),
        word => SetAsideKind::from_word(word).map(Some),
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
