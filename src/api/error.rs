//! Refusals: their codes, and their form.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};

/// Declares the codes. A code without its status, its word, what it says and an example does not compile.
macro_rules! error_codes {
    ($($variant:ident = $status:literal $word:literal, $says:literal, $example:literal;)+) => {
        /// Every way in which a request can be refused. A client goes by the code, not by the status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorCode { $(#[doc = $says] $variant),+ }

        impl ErrorCode {
            /// Every code, by status.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The status of an answer with this code.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// The stable word for programs.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// When it is answered, as a sentence.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => $says),+ }
            }

            /// A message as clients see it.
            pub const fn example(self) -> &'static str {
                match self { $(Self::$variant => $example),+ }
            }
        }
    };
}

#[rustfmt::skip]
error_codes! {
    InvalidRequest = 400 "invalid_request", "The request is malformed: for example, its body is not JSON.",
        "The body is not valid JSON (line 1, column 9)";
    Unauthorized = 401 "unauthorized", "The API key is missing or not valid.",
        "No valid API key was given; send it as Authorization: Bearer sk_live_...";
    Forbidden = 403 "forbidden", "The API key does not permit this.", "This key may only read";
    NotFound = 404 "not_found", "The object does not exist, or belongs to another account.", "Domain not found";
    MethodNotAllowed = 405 "method_not_allowed", "The path does not accept this method. `Allow` lists the accepted \
        ones.",
        "This path does not take that method";
    RequestTimeout = 408 "request_timeout", "The body arrived too slowly.", "The request body took too long to arrive";
    Conflict = 409 "conflict", "The object exists already, or the first request with this Idempotency-Key still runs.",
        "This domain has been added already";
    PayloadTooLarge = 413 "payload_too_large", "The body is larger than the limit of this installation.",
        "The request body is larger than 65536 bytes";
    UnsupportedMediaType = 415 "unsupported_media_type", "The route does not accept this content type.",
        "Send the body as application/json";
    UnprocessableEntity = 422 "unprocessable_entity", "Fields or parameters are not valid. `fields` names each.",
        "region must be one of eu-west-1, us-east-1, sa-east-1, ap-northeast-1";
    RateLimitExceeded = 429 "rate_limit_exceeded", "Too many requests. Try again after the seconds in `Retry-After`.",
        "Too many requests";
    InternalError = 500 "internal_error", "The server failed. The request id names the failure in its log.",
        "Something went wrong on our side; the request id names it in our log";
    Unavailable = 503 "unavailable", "The server cannot answer now. Try again after the seconds in `Retry-After`.",
        "Not available right now; try again soon";
}

/// Every error as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorBody {
    /// Human-readable, one sentence.
    #[schemars(example = &"Domain not found")]
    pub error: String,
    /// A stable word, for programs.
    pub code: ErrorCode,
    /// 422 only: the fields that are not valid, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(!default)]
    pub fields: Vec<FieldError>,
}

/// What is wrong with one field of a body, or one parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// The field as the client named it.
    #[schemars(example = &"region")]
    pub field: String,
    /// The mistake, as the rest of a sentence that begins with the field.
    #[schemars(example = &"is required")]
    pub error: String,
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

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<str>::deserialize(deserializer)?;
        let code = Self::ALL.iter().find(|code| code.word() == word);
        code.copied()
            .ok_or_else(|| D::Error::custom("is not a code of this API"))
    }
}

impl JsonSchema for ErrorCode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ErrorCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<_> = Self::ALL.iter().map(|code| code.word()).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_a_word_of_its_own() {
        let words: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!((400..600).contains(&code.status()), "{code:?}");
            // An ellipsis stands for the rest of a key.
            let example = code.example().trim_end_matches("...");
            assert!(code.says().ends_with('.') && !example.ends_with('.'), "{code:?}");
        }
    }

    #[test]
    fn an_error_is_read_as_it_was_written() {
        for code in ErrorCode::ALL {
            for fields in [vec![], vec![FieldError::new("days", "must be a number")]] {
                let body = ErrorBody {
                    error: code.example().to_owned(),
                    code: *code,
                    fields,
                };
                let text = serde_json::to_string(&body).unwrap();
                assert_eq!(text.contains("fields"), !body.fields.is_empty(), "{text}");
                assert_eq!(serde_json::from_str::<ErrorBody>(&text).unwrap(), body);
            }
        }
        for text in [r#"{"error":"x","code":"teapot"}"#, r#"{"error":"x"}"#] {
            assert!(serde_json::from_str::<ErrorBody>(text).is_err(), "{text}");
        }
    }
}
