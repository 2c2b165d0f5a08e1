//! Answers to requests that cannot be fulfilled. They never contain texts of internal errors.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::{ErrorBody, ErrorCode, FieldError};
use crate::domains::DomainsError;
use crate::ingest::IntakeError;
use crate::store::StoreError;

/// A refusal: its code, and one sentence for the developer of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    body: ErrorBody,
    retry_after_seconds: Option<u64>,
}

impl ApiError {
    /// 400: the request is malformed.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// 401: the key is missing or not valid. All cases have the same text, which reveals nothing.
    pub fn unauthorized() -> Self {
        Self::usual(ErrorCode::Unauthorized)
    }

    /// 403: the key does not permit this.
    pub fn forbidden(message: &'static str) -> Self {
        Self::new(ErrorCode::Forbidden, message)
    }

    /// 404: `what` (capitalised) does not exist, or belongs to another account.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(ErrorCode::NotFound, format!("{what} not found"))
    }

    /// 405; the router adds `Allow`.
    pub fn method_not_allowed() -> Self {
        Self::usual(ErrorCode::MethodNotAllowed)
    }

    /// 408: the body arrived too slowly.
    pub fn request_timeout() -> Self {
        Self::usual(ErrorCode::RequestTimeout)
    }

    /// 409: the object exists already, or where it stands forbids this.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    /// 413, with the limit.
    pub fn payload_too_large(bytes_max: usize) -> Self {
        let message = format!("The request body is larger than {bytes_max} bytes");
        Self::new(ErrorCode::PayloadTooLarge, message)
    }

    /// 415, naming what the route accepts.
    pub fn unsupported_media_type(message: &'static str) -> Self {
        Self::new(ErrorCode::UnsupportedMediaType, message)
    }

    /// 422, naming each field.
    pub fn unprocessable(fields: Vec<FieldError>) -> Self {
        let message = match fields.as_slice() {
            [one] => format!("{} {}", one.field, one.error),
            _ => format!("{} fields are not valid", fields.len()),
        };
        let mut error = Self::new(ErrorCode::UnprocessableEntity, message);
        error.body.fields = fields;
        error
    }

    /// 429: try again after `retry_after_seconds`. Clients take a missing value, or one above 60, for a spent quota.
    pub fn rate_limit_exceeded(retry_after_seconds: u64) -> Self {
        Self {
            retry_after_seconds: Some(retry_after_seconds.clamp(1, 60)),
            ..Self::usual(ErrorCode::RateLimitExceeded)
        }
    }

    /// 429 with a reason: requests that the account already runs must end first.
    pub fn busy(message: &'static str, retry_after_seconds: u64) -> Self {
        let mut error = Self::rate_limit_exceeded(retry_after_seconds);
        message.clone_into(&mut error.body.error);
        error
    }

    /// 500. The caller has logged what happened.
    pub fn internal() -> Self {
        Self::usual(ErrorCode::InternalError)
    }

    /// 503: the request is valid, but must be tried again.
    pub fn unavailable() -> Self {
        Self {
            retry_after_seconds: Some(5),
            ..Self::usual(ErrorCode::Unavailable)
        }
    }

    /// 503: nothing new is accepted until the disk has room.
    fn disk_full() -> Self {
        Self {
            retry_after_seconds: Some(300),
            ..Self::new(
                ErrorCode::Unavailable,
                "The disk of this server is nearly full, so that nothing new is taken; what is there can be read",
            )
        }
    }

    /// 503 with a reason: this node cannot do its work, or others do not answer it.
    pub fn not_ready(message: impl Into<String>) -> Self {
        Self {
            retry_after_seconds: Some(5),
            ..Self::new(ErrorCode::Unavailable, message)
        }
    }

    /// An error with the message that is the document's example.
    fn usual(code: ErrorCode) -> Self {
        Self::new(code, code.example())
    }

    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            body: ErrorBody {
                error: message.into(),
                code,
                fields: Vec::new(),
            },
            retry_after_seconds: None,
        }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.body.code.status()).expect("every code has a status between 400 and 599")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The store's errors are logged here, once, and never sent to a client.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<&StoreError> for ApiError {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Exists(_) => Self::conflict("It exists already"),
            StoreError::Unavailable(_) | StoreError::Behind { .. } => {
                tracing::warn!(%error, "a request was refused because the database is unavailable");
                Self::unavailable()
            }
            StoreError::Full(room) => {
                tracing::warn!(%room, "a request was refused because the disk is nearly full");
                Self::disk_full()
            }
            StoreError::GivenUp => Self::unavailable(),
            StoreError::Newer { .. }
            | StoreError::Outdated { .. }
            | StoreError::Location { .. }
            | StoreError::Damaged { .. }
            | StoreError::Other(_) => {
                tracing::error!(%error, "a request failed in the database");
                Self::internal()
            }
        }
    }
}

impl From<DomainsError> for ApiError {
    fn from(error: DomainsError) -> Self {
        match error {
            DomainsError::Store(error) => Self::from(&error),
            DomainsError::Gone => Self::not_found("Domain"),
            DomainsError::Refused(message) => Self::conflict(message),
            DomainsError::Unread(message) => Self::not_ready(message),
            DomainsError::NotSetUp(_) => {
                tracing::warn!(%error, "a request was refused because of what this installation lacks");
                Self::unavailable()
            }
            DomainsError::Keyring(_) | DomainsError::NoKey => {
                tracing::error!(%error, "a request failed");
                Self::internal()
            }
        }
    }
}

impl From<IntakeError> for ApiError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Closed
            | IntakeError::Undecided
            | IntakeError::Busy
            | IntakeError::OverQuota
            | IntakeError::TooMuchForOthers => Self::unavailable(),
            IntakeError::Store(error) => Self::from(&*error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_field_is_named_in_the_sentence_too() {
        let error = ApiError::unprocessable(vec![FieldError::new("days", "must be a number from 1 to 3650")]);
        assert_eq!(error.body.error, "days must be a number from 1 to 3650");
    }

    #[test]
    fn every_refusal_has_its_code() {
        for (error, code) in [
            (ApiError::invalid_request(""), "invalid_request"),
            (ApiError::unauthorized(), "unauthorized"),
            (ApiError::forbidden(""), "forbidden"),
            (ApiError::not_found(""), "not_found"),
            (ApiError::method_not_allowed(), "method_not_allowed"),
            (ApiError::request_timeout(), "request_timeout"),
            (ApiError::conflict(""), "conflict"),
            (ApiError::payload_too_large(1), "payload_too_large"),
            (ApiError::unsupported_media_type(""), "unsupported_media_type"),
            (ApiError::unprocessable(vec![]), "unprocessable_entity"),
            (ApiError::rate_limit_exceeded(1), "rate_limit_exceeded"),
            (ApiError::internal(), "internal_error"),
            (ApiError::unavailable(), "unavailable"),
        ] {
            assert_eq!(error.body.code.word(), code);
            assert_eq!(error.status().as_u16(), error.body.code.status(), "{code}");
        }
    }

    #[test]
    fn a_throttled_client_waits_at_most_a_minute() {
        for (asked, told) in [(0, 1), (5, 5), (3600, 60)] {
            assert_eq!(ApiError::rate_limit_exceeded(asked).retry_after_seconds, Some(told));
        }
    }

    #[test]
    fn texts_of_database_errors_stay_inside() {
        let error = StoreError::Damaged {
            table: "records",
            row: "secret".to_owned(),
            what: "secret".to_owned(),
        };
        assert_eq!(ApiError::from(error), ApiError::internal());
    }
}
