//! What a path names, if it is the client's own. Whatever else there is does not exist for it.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::client::Client;
use super::error::ApiError;
use super::places::row_number;
use super::state::AppState;
use crate::base::{ChangeId, DeliveryId, FindingNo, ReportNo, SetAsideId, SetAsideKind, TargetId};
use crate::store::{Channel, Digest, Domain, SetAside, Target, Webhook};

/// The domain of `{id}`.
#[derive(Debug)]
pub(super) struct OwnedDomain(pub Domain);

/// The domain of `{id}`, and the number in `{report_id}`. Whether that report exists is checked by the store.
#[derive(Debug)]
pub(super) struct OwnedReport(pub Domain, pub ReportNo);

/// The domain of `{id}`, and the number in `{decision_id}`. Whether that decision exists is checked by the store.
#[derive(Debug)]
pub(super) struct OwnedDecision(pub Domain, pub i64);

/// The domain of `{id}`, and the number in `{change_id}`. Whether that change exists is checked by the store.
#[derive(Debug)]
pub(super) struct OwnedChange(pub Domain, pub ChangeId);

/// The domain in `{id}` of a finding, and the number there. Whether that finding exists is checked by the store.
#[derive(Debug)]
pub(super) struct OwnedFinding(pub Domain, pub FindingNo);

/// The number in `{message_id}` of other mail to the domain of `{id}`.
#[derive(Debug)]
pub(super) struct OwnedMessage(pub SetAsideId);

/// The number in `{number}` of a row of a report.
#[derive(Debug)]
pub(super) struct RecordNumber(pub u64);

/// The webhook of `{id}`.
#[derive(Debug)]
pub(super) struct OwnedWebhook(pub Target<Webhook>);

/// The webhook of `{id}`, and the number in `{delivery_id}`. Whether that delivery exists is checked by the store.
#[derive(Debug)]
pub(super) struct OwnedDelivery(pub Target<Webhook>, pub DeliveryId);

/// The channel of `{id}`.
#[derive(Debug)]
pub(super) struct OwnedChannel(pub Target<Channel>);

/// The channel of `{id}`, and the number in `{delivery_id}`. Whether that delivery exists is checked by the store.
#[derive(Debug)]
pub(super) struct OwnedChannelDelivery(pub Target<Channel>, pub DeliveryId);

/// The digest of `{id}`.
#[derive(Debug)]
pub(super) struct OwnedDigest(pub Target<Digest>);

/// The text in `{token}` of a link in a mail. Who made it is checked where it is used.
#[derive(Debug)]
pub(super) struct MailToken(pub String);

/// The number in `{id}`.
#[derive(Debug)]
pub(super) struct NumberInPath(pub i64);

impl FromRequestParts<AppState> for OwnedDomain {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let missing = || ApiError::not_found("Domain");
        let public_id = path_text(parts, state, "id").await.ok_or_else(missing)?;
        find_domain(state, Client::from_parts(parts)?, &public_id)
            .await
            .map(Self)
    }
}

/// The client's own domain of this id; a foreign id does not exist.
pub(super) async fn find_domain(state: &AppState, client: Client, public_id: &str) -> Result<Domain, ApiError> {
    let missing = || ApiError::not_found("Domain");
    if !is_public_id(public_id) {
        return Err(missing());
    }
    let domain = state.store.domain(client.account, public_id).await?;
    domain.filter(|domain| client.may_see(domain.id)).ok_or_else(missing)
}

impl FromRequestParts<AppState> for OwnedReport {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let OwnedDomain(domain) = OwnedDomain::from_request_parts(parts, state).await?;
        let number = path_text(parts, state, "report_id").await;
        let number = number
            .and_then(|text| row_number(&text))
            .ok_or_else(|| ApiError::not_found("Report"))?;
        Ok(Self(domain, ReportNo(number)))
    }
}

impl FromRequestParts<AppState> for OwnedDecision {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let OwnedDomain(domain) = OwnedDomain::from_request_parts(parts, state).await?;
        let number = path_text(parts, state, "decision_id").await;
        let number = number.and_then(|text| row_number(&text));
        number
            .map(|number| Self(domain, number))
            .ok_or_else(|| ApiError::not_found("Decision"))
    }
}

impl FromRequestParts<AppState> for OwnedChange {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let OwnedDomain(domain) = OwnedDomain::from_request_parts(parts, state).await?;
        let number = path_text(parts, state, "change_id").await;
        let number = number.and_then(|text| row_number(&text));
        number
            .map(|number| Self(domain, ChangeId(number)))
            .ok_or_else(|| ApiError::not_found("Change"))
    }
}

impl FromRequestParts<AppState> for OwnedFinding {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let missing = || ApiError::not_found("Finding");
        let key = path_text(parts, state, "id").await.ok_or_else(missing)?;
        let (domain, number) = key
            .strip_prefix(FINDING_PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .ok_or_else(missing)?;
        let number = row_number(number).ok_or_else(missing)?;
        let public_id = format!("{DOMAIN_PREFIX}{domain}");
        let domain = find_domain(state, Client::from_parts(parts)?, &public_id).await?;
        Ok(Self(domain, FindingNo(number)))
    }
}

/// How ids of findings begin. The digits of the id of the domain follow, and the number of the finding.
const FINDING_PREFIX: &str = "fnd_";
/// How ids of domains begin.
const DOMAIN_PREFIX: &str = "dom_";

/// The id of a finding, as paths take it.
pub(super) fn finding_key(domain: &str, no: FindingNo) -> String {
    let digits = domain.strip_prefix(DOMAIN_PREFIX).unwrap_or(domain);
    format!("{FINDING_PREFIX}{digits}_{no}")
}

impl FromRequestParts<AppState> for OwnedMessage {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let missing = || ApiError::not_found("Message");
        let OwnedDomain(domain) = OwnedDomain::from_request_parts(parts, state).await?;
        let number = path_text(parts, state, "message_id").await;
        let number = number.and_then(|text| row_number(&text)).ok_or_else(missing)?;
        let message = state.store.set_aside_by_id(SetAsideId(number)).await?;
        let is_own = |message: &SetAside| {
            let place = (message.account, message.domain, message.kind);
            place == (domain.account, Some(domain.id), SetAsideKind::Other)
        };
        let message = message.filter(is_own).ok_or_else(missing)?;
        Ok(Self(message.id))
    }
}

impl FromRequestParts<AppState> for RecordNumber {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let number = path_text(parts, state, "number")
            .await
            .and_then(|text| row_number(&text));
        let number = number.and_then(|number| u64::try_from(number).ok());
        number.map(Self).ok_or_else(|| ApiError::not_found("Record"))
    }
}

impl FromRequestParts<AppState> for OwnedWebhook {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let missing = || ApiError::not_found("Webhook");
        let number = path_text(parts, state, "id").await.and_then(|text| row_number(&text));
        let number = number.ok_or_else(missing)?;
        let client = Client::from_parts(parts)?;
        let webhook = state.store.webhook(client.account, TargetId(number)).await?;
        webhook.map(Self).ok_or_else(missing)
    }
}

impl FromRequestParts<AppState> for OwnedDelivery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let OwnedWebhook(webhook) = OwnedWebhook::from_request_parts(parts, state).await?;
        delivery_id(parts, state).await.map(|delivery| Self(webhook, delivery))
    }
}

impl FromRequestParts<AppState> for OwnedChannel {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let missing = || ApiError::not_found("Channel");
        let key = path_text(parts, state, "id").await.ok_or_else(missing)?;
        let number = key
            .strip_prefix(CHANNEL_PREFIX)
            .and_then(row_number)
            .ok_or_else(missing)?;
        let client = Client::from_parts(parts)?;
        let channel = state.store.channel(client.account, TargetId(number)).await?;
        channel.map(Self).ok_or_else(missing)
    }
}

impl FromRequestParts<AppState> for OwnedChannelDelivery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let OwnedChannel(channel) = OwnedChannel::from_request_parts(parts, state).await?;
        delivery_id(parts, state).await.map(|delivery| Self(channel, delivery))
    }
}

impl FromRequestParts<AppState> for OwnedDigest {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let missing = || ApiError::not_found("Digest");
        let key = path_text(parts, state, "id").await.ok_or_else(missing)?;
        let number = key
            .strip_prefix(DIGEST_PREFIX)
            .and_then(row_number)
            .ok_or_else(missing)?;
        let client = Client::from_parts(parts)?;
        let digest = state.store.digest(client.account, TargetId(number)).await?;
        digest.map(Self).ok_or_else(missing)
    }
}

impl FromRequestParts<AppState> for MailToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Ok(Self(path_text(parts, state, "token").await.unwrap_or_default()))
    }
}

async fn delivery_id(parts: &mut Parts, state: &AppState) -> Result<DeliveryId, ApiError> {
    let number = path_text(parts, state, "delivery_id").await;
    let number = number.and_then(|text| row_number(&text));
    number.map(DeliveryId).ok_or_else(|| ApiError::not_found("Delivery"))
}

/// How ids of digests begin.
const DIGEST_PREFIX: &str = "dg_";

/// The id of a digest, as paths take it.
pub(super) fn digest_key(id: TargetId) -> String {
    format!("{DIGEST_PREFIX}{id}")
}

/// How ids of channels begin.
const CHANNEL_PREFIX: &str = "nc_";

/// The id of a channel, as paths take it.
pub(super) fn channel_key(id: TargetId) -> String {
    format!("{CHANNEL_PREFIX}{id}")
}

impl FromRequestParts<AppState> for NumberInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let number = path_text(parts, state, "id").await.and_then(|text| row_number(&text));
        number.map(Self).ok_or_else(|| ApiError::not_found("Message"))
    }
}

pub(super) async fn path_text(parts: &mut Parts, state: &AppState, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, state).await.ok()?;
    let pair = parameters.iter().find(|(other, _)| *other == name);
    pair.map(|(_, text)| text.to_owned())
}

/// Whether the text has the form of an id. The database is not asked for any other.
fn is_public_id(text: &str) -> bool {
    text.strip_prefix(DOMAIN_PREFIX).is_some_and(|digits| {
        (12..=24).contains(&digits.len()) && digits.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_that_is_given_out_is_an_id() {
        for (text, fits) in [
            ("dom_abc123def456", true),
            ("dom_0123456789abcdef01234567", true),
            ("dom_0123456789abcdef012345678", false),
            ("dom_abc123def45", false),
            ("dom_ABC123DEF456", false),
            ("1", false),
            ("dom_abc123def45\0", false),
        ] {
            assert_eq!(is_public_id(text), fits, "{text}");
        }
    }
}
