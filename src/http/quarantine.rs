//! `/quarantine`: what came in and became no counted report, and giving it another try.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::error::ApiError;
use super::fields::Parameters;
use super::gate::Client;
use super::openapi::Parameter;
use super::owned::{NumberInPath, row_number};
use super::paging::{Pagination, wanted};
use super::schema::{Instant, SetAsideWord};
use super::state::AppState;
use super::upload::{Taken, taken};
use crate::base::SetAsideId;
use crate::base::clock::format_instant;
use crate::store::{SetAside, SetAsideKind};

/// A page of messages set aside, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MessageList")]
pub(super) struct MessageList {
    messages: Vec<MessageItem>,
    pagination: Pagination,
}

/// A message that became no counted report, or the part of one that did not.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Message")]
struct MessageItem {
    /// Its number.
    id: i64,
    /// `quarantined`, `unclaimed` or `other`.
    #[schemars(with = "SetAsideWord")]
    kind: &'static str,
    /// A stable word: why.
    #[schemars(example = &"not_xml")]
    reason: String,
    /// One sentence. Text of the message may be in it.
    #[schemars(example = &"The text does not begin with an element")]
    detail: String,
    /// Where in the message: attachment and member names.
    #[schemars(example = &"report.xml.gz")]
    leaf: String,
    /// Byte in the text, where one is known.
    offset: Option<u64>,
    /// Whom an unclaimed report is about.
    #[schemars(example = &"yourdomain.com")]
    policy_domain: Option<String>,
    /// How it came.
    #[schemars(example = &"upload with key 1")]
    origin: String,
    /// When it first came.
    #[schemars(with = "Instant")]
    received_at: String,
    /// How often it came.
    arrivals: u64,
    /// Its length.
    size_bytes: u64,
}

/// The parameter `kind`.
pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "kind",
    says: "`quarantined` if nothing is said.",
    schema: || json!({ "type": "string", "enum": ["quarantined", "unclaimed", "other", "all"] }),
}];

/// `GET /quarantine`
pub(super) async fn list(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Json<MessageList>, ApiError> {
    let wanted = wanted(&mut parameters, &state.config, set_aside_place);
    let kind = parameters.word("kind", &["quarantined", "unclaimed", "other", "all"], kind_filter);
    parameters.finish()?;
    let kind = kind.unwrap_or(Some(SetAsideKind::Quarantined));
    let cut = wanted.cut();
    let (mut messages, total) = state.store.set_aside(Some(client.account), kind, cut).await?;
    let pagination = wanted.finish(&mut messages, total, |last| last.id.to_string())?;
    Ok(Json(MessageList {
        messages: messages.into_iter().map(MessageItem::from).collect(),
        pagination,
    }))
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
/// A place in a list of messages set aside, as `pagination.next` says it.
pub(super) fn set_aside_place(text: &str) -> Option<SetAsideId> {
    row_number(text).map(SetAsideId)
}

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
            kind: message.kind.word(),
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
