//! `/domains/{id}/inbound`: other mail to a domain: mail that is not a report.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::ApiError;
use super::fields::Parameters;
use super::owned::{OwnedDomain, OwnedMessage};
use super::paging::{Pagination, wanted};
use super::quarantine::set_aside_place;
use super::schema::Instant;
use super::state::AppState;
use crate::base::clock::format_instant;
use crate::store::SetAside;

/// What a mail comes as.
pub(super) const TYPES: &[&str] = &["message/rfc822"];

/// A page of mails, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MailList {
    messages: Vec<MailItem>,
    pagination: Pagination,
}

/// Other mail: it is not a report.
#[derive(Debug, Serialize, JsonSchema)]
struct MailItem {
    /// Its number.
    id: i64,
    /// What it is: a stable word, such as `mail`, `bounce`, `tls_report`.
    #[schemars(example = &"mail")]
    kind: String,
    /// Who brought it: the peer's address, name and sender. The peer's own text.
    #[schemars(example = &"192.0.2.25 (mail.example.net) from <a@example.net>")]
    origin: String,
    /// When it first came.
    #[schemars(with = "Instant")]
    received_at: String,
    /// How often it came.
    arrivals: u64,
    /// Its length.
    size_bytes: u64,
}

/// `GET /domains/{id}/inbound`
pub(super) async fn list(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<MailList>, ApiError> {
    let wanted = wanted(&mut parameters, &state.config, set_aside_place);
    parameters.finish()?;
    let (mut messages, total) = state.store.inbound(&domain, wanted.cut()).await?;
    let pagination = wanted.finish(&mut messages, total, |last| last.id.to_string())?;
    Ok(Json(MailList {
        messages: messages.into_iter().map(MailItem::from).collect(),
        pagination,
    }))
}

/// `GET /domains/{id}/inbound/{message_id}`
pub(super) async fn show(State(state): State<AppState>, OwnedMessage(id): OwnedMessage) -> Result<Response, ApiError> {
    let bytes = state.store.set_aside_bytes(id).await?;
    let bytes = bytes.ok_or_else(|| ApiError::not_found("Message"))?;
    // A stranger's bytes: to be saved, never to be shown by a browser.
    let headers = [
        (header::CONTENT_TYPE, "message/rfc822".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"message-{id}.eml\""),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'".to_owned(),
        ),
    ];
    Ok((headers, bytes).into_response())
}

impl From<SetAside> for MailItem {
    fn from(message: SetAside) -> Self {
        Self {
            id: message.id.0,
            kind: message.reason,
            origin: message.origin,
            received_at: format_instant(message.received_at),
            arrivals: message.arrivals,
            size_bytes: message.bytes_len,
        }
    }
}
