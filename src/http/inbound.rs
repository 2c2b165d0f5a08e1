//! `/domains/{id}/inbound`: other mail to a domain: mail that is not a report.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, file_name};
use super::owned::{OwnedDomain, OwnedMessage};
use super::paging::wanted;
use super::places::set_aside_place;
use super::state::AppState;
use crate::api::{MailItem, MailList};
use crate::base::SetAsideId;
use crate::base::clock::format_instant;
use crate::store::SetAside;

/// What a mail comes as.
pub(super) const TYPES: &[&str] = &["message/rfc822"];

/// `GET /domains/{id}/inbound`
pub(super) async fn list(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let wanted = wanted(&mut parameters, &state.config, set_aside_place);
    parameters.finish()?;
    let (mut messages, total) = state.store.inbound(&domain, wanted.cut()).await?;
    let pagination = wanted.finish(&mut messages, total, |last| last.id.to_string())?;
    let list = MailList {
        messages: messages.into_iter().map(MailItem::from).collect(),
        pagination,
    };
    let name = |_: &_| file_name(&[domain.name.as_str(), "other-mail", &state.today().to_string()]);
    Ok(listing.answer(list, name))
}

/// `GET /domains/{id}/inbound/{message_id}`
pub(super) async fn show(State(state): State<AppState>, OwnedMessage(id): OwnedMessage) -> Result<Response, ApiError> {
    saved(state.store.set_aside_bytes(id).await?, id)
}

/// A message as a file to be saved.
pub(super) fn saved(bytes: Option<Vec<u8>>, id: SetAsideId) -> Result<Response, ApiError> {
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
