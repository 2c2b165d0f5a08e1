//! What a client is told when a request cannot be answered. Texts of internal errors never get here.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::domains::DomainsError;
use crate::ingest::IntakeError;
use crate::store::StoreError;

/// A refusal: a status, its code, and one sentence for the developer of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    fields: Vec<FieldError>,
    retry_after_seconds: Option<u64>,
}

/// What is wrong with one field of a body, or one parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldError {
    /// The field as the client named it.
    #[schemars(example = &"region")]
    pub field: String,
    /// What is wrong with it, as the rest of a sentence.
    #[schemars(example = &"is required")]
    pub error: String,
}

/// Every error as JSON.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(super) struct ErrorBody<'a> {
    /// One sentence for people.
    #[schemars(example = &"Domain not found")]
    error: &'a str,
    /// A stable word for programs.
    #[schemars(extend("enum" = codes()))]
    code: &'static str,
    /// 422 only: which fields, and why.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fields: &'a [FieldError],
}

/// A status, its code, and what the API's document says about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub status: u16,
    pub code: &'static str,
    pub says: &'static str,
    /// A message as clients see it.
    pub example: &'static str,
}

/// Every way in which a request can be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    InvalidRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    PayloadTooLarge,
    UnsupportedMediaType,
    UnprocessableEntity,
    RateLimitExceeded,
    InternalError,
    Unavailable,
}

impl Code {
    const ALL: [Self; 13] = [
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::UnprocessableEntity,
        Self::RateLimitExceeded,
        Self::InternalError,
        Self::Unavailable,
    ];

    /// What belongs to it. A code without all of that does not compile.
    #[rustfmt::skip]
    const fn kind(self) -> Kind {
        match self {
            Self::InvalidRequest => Kind { status: 400, code: "invalid_request",
                says: "The request is broken before its content is looked at.",
                example: "The body is not valid JSON (line 1, column 9)" },
            Self::Unauthorized => Kind { status: 401, code: "unauthorized", says: "No API key, or none that is valid.",
                example: NO_KEY },
            Self::Forbidden => Kind { status: 403, code: "forbidden", says: "The key may not do this.",
                example: "This key may only read" },
            Self::NotFound => Kind { status: 404, code: "not_found",
                says: "It does not exist, or belongs to another account.", example: "Domain not found" },
            Self::MethodNotAllowed => Kind { status: 405, code: "method_not_allowed",
                says: "The path does not take that method; `Allow` lists those it takes.",
                example: "This path does not take that method" },
            Self::RequestTimeout => Kind { status: 408, code: "request_timeout", says: "The body came too slowly.",
                example: "The request body took too long to arrive" },
            Self::Conflict => Kind { status: 409, code: "conflict",
                says: "It is there already, or the first request with this Idempotency-Key still runs.",
                example: "This domain has been added already" },
            Self::PayloadTooLarge => Kind { status: 413, code: "payload_too_large",
                says: "The body is larger than this installation takes.",
                example: "The request body is larger than 65536 bytes" },
            Self::UnsupportedMediaType => Kind { status: 415, code: "unsupported_media_type",
                says: "The body is of a kind that this route does not take.",
                example: "Send the body as application/json" },
            Self::UnprocessableEntity => Kind { status: 422, code: "unprocessable_entity",
                says: "Fields or parameters are not valid; `fields` names each.",
                example: "region must be one of eu-west-1, us-east-1, sa-east-1, ap-northeast-1" },
            Self::RateLimitExceeded => Kind { status: 429, code: "rate_limit_exceeded",
                says: "Too many requests; `Retry-After` says when to come again.", example: "Too many requests" },
            Self::InternalError => Kind { status: 500, code: "internal_error", says: "Something went wrong here.",
                example: "Something went wrong on our side; the request id names it in our log" },
            Self::Unavailable => Kind { status: 503, code: "unavailable",
                says: "Nothing is wrong with the request; `Retry-After` says when to try again.",
                example: "Not available right now; try again soon" },
        }
    }
}

/// What the API's document lists.
pub(super) fn kinds() -> impl Iterator<Item = Kind> {
    Code::ALL.into_iter().map(Code::kind)
}

const NO_KEY: &str = "No valid API key was given; send it as Authorization: Bearer sk_live_...";

fn codes() -> Vec<&'static str> {
    kinds().map(|kind| kind.code).collect()
}

impl ApiError {
    /// 400: the request is broken before its content is looked at.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// 401: no key, or none that is valid. The same words for all cases, so that nothing can be learned from them.
    pub fn unauthorized() -> Self {
        Self::new(Code::Unauthorized, NO_KEY)
    }

    /// 403: the key may not do this.
    pub fn forbidden(message: &'static str) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// 404: `what` (capitalised) does not exist, or belongs to another account.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(Code::NotFound, format!("{what} not found"))
    }

    /// 405; the router adds `Allow`.
    pub fn method_not_allowed() -> Self {
        let message = "This path does not take that method";
        Self::new(Code::MethodNotAllowed, message)
    }

    /// 408: the body came too slowly.
    pub fn request_timeout() -> Self {
        Self::new(Code::RequestTimeout, "The request body took too long to arrive")
    }

    /// 409: it is there already.
    pub fn conflict(message: &'static str) -> Self {
        Self::new(Code::Conflict, message)
    }

    /// 413, with the limit.
    pub fn payload_too_large(bytes_max: usize) -> Self {
        let message = format!("The request body is larger than {bytes_max} bytes");
        Self::new(Code::PayloadTooLarge, message)
    }

    /// 415, with what would be taken.
    pub fn unsupported_media_type(message: &'static str) -> Self {
        Self::new(Code::UnsupportedMediaType, message)
    }

    /// 422, naming each field.
    pub fn unprocessable(fields: Vec<FieldError>) -> Self {
        let message = match fields.as_slice() {
            [one] => format!("{} {}", one.field, one.error),
            _ => format!("{} fields are not valid", fields.len()),
        };
        Self {
            fields,
            ..Self::new(Code::UnprocessableEntity, message)
        }
    }

    /// 429: try again after `retry_after_seconds`. A client that gets none, or more than 60, takes it for a spent quota.
    pub fn rate_limit_exceeded(retry_after_seconds: u64) -> Self {
        Self {
            retry_after_seconds: Some(retry_after_seconds.clamp(1, 60)),
            ..Self::new(Code::RateLimitExceeded, "Too many requests")
        }
    }

    /// 429 with a reason: what the account already does must end first.
    pub fn busy(message: &'static str, retry_after_seconds: u64) -> Self {
        Self {
            message: message.to_owned(),
            ..Self::rate_limit_exceeded(retry_after_seconds)
        }
    }

    /// 500. The caller has logged what happened.
    pub fn internal() -> Self {
        let message = "Something went wrong on our side; the request id names it in our log";
        Self::new(Code::InternalError, message)
    }

    /// 503: nothing is wrong with the request, try again soon.
    pub fn unavailable() -> Self {
        Self {
            retry_after_seconds: Some(5),
            ..Self::new(Code::Unavailable, "Not available right now; try again soon")
        }
    }

    /// 503: nothing new is taken until the disk has room.
    fn disk_full() -> Self {
        Self {
            retry_after_seconds: Some(300),
            ..Self::new(
                Code::Unavailable,
                "The disk of this server is nearly full, so that nothing new is taken; what is there can be read",
            )
        }
    }

    /// 503 with a reason: this node cannot do what it is for.
    pub fn not_ready(message: &'static str) -> Self {
        Self {
            retry_after_seconds: Some(5),
            ..Self::new(Code::Unavailable, message)
        }
    }

    fn new(code: Code, message: impl Into<String>) -> Self {
        let Kind { status, code, .. } = code.kind();
        Self {
            status: StatusCode::from_u16(status).expect("every kind has a status between 400 and 599"),
            code,
            message: message.into(),
            fields: Vec::new(),
            retry_after_seconds: None,
        }
    }
}

impl FieldError {
    /// `error` is the rest of a sentence that begins with the field: "must be a number".
    pub fn new(field: impl Into<String>, error: impl ToString) -> Self {
        Self {
            field: field.into(),
            error: error.to_string(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: &self.message,
            code: self.code,
            fields: &self.fields,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
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
        assert_eq!(error.message, "days must be a number from 1 to 3650");
    }

    #[test]
    fn every_refusal_has_the_code_of_its_status() {
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
            assert_eq!(error.code, code);
            assert!(
                kinds().any(|kind| (kind.status, kind.code) == (error.status.as_u16(), code)),
                "{code}"
            );
        }
    }

    #[test]
    fn a_throttled_client_waits_at_most_a_minute() {
        for (asked, told) in [(0, 1), (5, 5), (3600, 60)] {
            assert_eq!(ApiError::rate_limit_exceeded(asked).retry_after_seconds, Some(told));
        }
    }

    #[test]
    fn the_text_of_a_database_error_is_not_told() {
        let error = StoreError::Damaged {
            table: "records",
            row: "secret".to_owned(),
            what: "secret".to_owned(),
        };
        assert_eq!(ApiError::from(error), ApiError::internal());
    }
}
