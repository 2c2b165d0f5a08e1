//! Bodies of requests: received whole, in steps, as long as they come on.

use axum::body::{Body as HttpBody, HttpBody as _};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use futures_util::StreamExt;
use tokio::time::{Duration, timeout};

use super::client::Client;
use super::entry::Body;
use super::error::ApiError;
use super::shares::UploadMemory;
use super::state::AppState;

/// How much of a refused request's body is drained, and for how long. A client that is still sending would otherwise
/// see a broken connection instead of the answer.
const DRAIN_BYTES_MAX: usize = 64 * 1024 * 1024;
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// The request with its whole body in memory, if the route takes one.
pub(super) async fn receive_body(
    state: &AppState,
    body: Body,
    request: Request,
) -> Result<(Request, Option<UploadMemory>), ApiError> {
    let bytes_max = match body {
        // Whatever comes is never read: nothing limits it.
        Body::None => return Ok((request.map(|_| HttpBody::empty()), None)),
        Body::Json | Body::JsonOrNone => state.config.api_body_bytes_max,
        Body::Upload | Body::Forwarded => state.config.upload_bytes_max,
        Body::Post => state.config.post_bytes_max,
    };
    let headers = request.headers();
    let checked = check_media_type(body, headers).and_then(|()| check_encoding(body, headers));
    if let Err(error) = checked {
        drain(request).await;
        return Err(error);
    }
    let announced = request.body().size_hint();
    if announced.lower() > bytes_max as u64 {
        drain(request).await;
        return Err(ApiError::payload_too_large(bytes_max));
    }
    let mut memory = match (body, request.extensions().get::<Client>()) {
        (Body::Upload | Body::Forwarded, Some(client)) => Some(state.shares.upload(client.account)),
        (Body::Post, _) => Some(state.shares.post()),
        _ => None,
    };
    let limits = ReceiveLimits {
        bytes_max,
        stall_time_max: state.config.body_stall_time_max,
        may_be_empty: body == Body::JsonOrNone,
    };
    let received = receive(request, &mut memory, limits);
    let received = timeout(state.config.body_time_max, received).await;
    let request = received.unwrap_or_else(|_| Err(ApiError::request_timeout()))?;
    Ok((request, memory))
}

#[derive(Clone, Copy)]
struct ReceiveLimits {
    bytes_max: usize,
    /// From one piece to the next.
    stall_time_max: Duration,
    /// No body stands for an empty object.
    may_be_empty: bool,
}

async fn receive(
    request: Request,
    memory: &mut Option<UploadMemory>,
    limits: ReceiveLimits,
) -> Result<Request, ApiError> {
    let (parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    // What is announced is not yet there: memory is taken as it comes.
    let mut received = Vec::new();
    loop {
        let Ok(piece) = timeout(limits.stall_time_max, body.next()).await else {
            return Err(ApiError::request_timeout());
        };
        let Some(piece) = piece else { break };
        let piece = piece.map_err(|_| ApiError::invalid_request("The body broke off"))?;
        let bytes = received.len() + piece.len();
        if bytes > limits.bytes_max {
            drop(received);
            drain(restore(parts, HttpBody::from_stream(body))).await;
            return Err(ApiError::payload_too_large(limits.bytes_max));
        }
        if let Some(memory) = memory {
            // What is taken may be twice what came: a vector grows by doubling.
            memory.grow_to(bytes).await?;
        }
        received.extend_from_slice(&piece);
    }
    if received.is_empty() && limits.may_be_empty {
        received.extend_from_slice(b"{}");
    }
    Ok(Request::from_parts(parts, HttpBody::from(received)))
}

/// The rest of a request whose client did send, whatever it had wanted to wait for.
fn restore(mut parts: Parts, body: HttpBody) -> Request {
    parts.headers.remove(header::EXPECT);
    Request::from_parts(parts, body)
}

fn check_media_type(body: Body, headers: &HeaderMap) -> Result<(), ApiError> {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or("?"));
    let media_type = media_type.map(|text| text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase());
    let is_json = |name: &str| name == "application/json" || name.ends_with("+json");
    match (body, media_type.as_deref()) {
        (Body::None, _) => Ok(()),
        (Body::Json | Body::JsonOrNone, Some(name)) if is_json(name) => Ok(()),
        // Whether there is a body shows when it is read.
        (Body::JsonOrNone, None) => Ok(()),
        (Body::Json | Body::JsonOrNone, _) => {
            Err(ApiError::unsupported_media_type("Send the body as application/json"))
        }
        // A report can be sent under any name, for its bytes tell what it is; but it is never this.
        (Body::Upload, Some(name))
            if is_json(name) && name != TLS_JSON || (name.starts_with("multipart/") && name != FORM) =>
        {
            Err(ApiError::unsupported_media_type(
                "Send the report as XML, gzip, zip or mail, or files as multipart/form-data",
            ))
        }
        (Body::Forwarded, Some(name)) if name.starts_with("multipart/") && name != FORM => {
            Err(ApiError::unsupported_media_type(
                "Send the report as XML, JSON, gzip, zip or mail, or files as multipart/form-data",
            ))
        }
        (Body::Post, Some(name)) if name.starts_with("multipart/") => Err(ApiError::unsupported_media_type(
            "Send the report as application/tlsrpt+json or application/tlsrpt+gzip",
        )),
        (Body::Upload | Body::Forwarded | Body::Post, _) => Ok(()),
    }
}

/// Refuses a post that its bytes alone do not explain. Whether they are gzip shows, whatever is said of them.
fn check_encoding(body: Body, headers: &HeaderMap) -> Result<(), ApiError> {
    let is_known = |value: &HeaderValue| {
        let name = value.as_bytes().trim_ascii();
        ["gzip", "x-gzip", "identity"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    };
    match body == Body::Post && !headers.get_all(header::CONTENT_ENCODING).iter().all(is_known) {
        true => Err(ApiError::unsupported_media_type("Of Content-Encoding, gzip is read")),
        false => Ok(()),
    }
}

/// RFC 8460, 6.5.
const TLS_JSON: &str = "application/tlsrpt+json";
const FORM: &str = "multipart/form-data";

/// Drains an unwanted body, within limits; not that of a client which waits for permission to send it.
pub(super) async fn drain(request: Request) {
    if request.headers().contains_key(header::EXPECT) {
        return;
    }
    let mut body = request.into_body().into_data_stream();
    let drained = async {
        let mut bytes = 0;
        while let Some(Ok(piece)) = body.next().await {
            bytes += piece.len();
            if bytes > DRAIN_BYTES_MAX {
                break;
            }
        }
    };
    // Whether all of it came makes no difference to the answer.
    let _ = timeout(DRAIN_TIME_MAX, drained).await;
}
