//! `POST /reports`: reports of any domains of an account, from a program of its owner or from a mail provider that forwards mail.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use futures_util::future::try_join_all;

use super::client::Client;
use super::error::ApiError;
use super::hook::{FIELDS_MAX, Form, HandedIn, Part, of_json, pairs};
use super::state::AppState;
use super::upload::{is_form, taken};
use crate::api::{FieldError, Taken};
use crate::ingest::{Belonging, Outcome, Problem, RawMessage};

/// Reason for a request of a provider that its owner has to answer.
const CONFIRMATION: &str = "confirmation_wanted";

/// `POST /reports`
pub(super) async fn hand_in(
    State(state): State<AppState>,
    client: Client,
    request: Request,
) -> Result<(StatusCode, Json<Taken>), ApiError> {
    let handed_in = match is_form(request.headers()) {
        true => of_form(request).await?,
        false => of_body(request).await?,
    };
    let received_at = state.clock.now();
    // The reports tell which domains they are about.
    let belonging = match client.domain {
        None => Belonging::Account(client.account),
        Some(only) => Belonging::Only(client.account, only),
    };
    let raw = |bytes, how| RawMessage {
        bytes,
        received_at,
        envelope: None,
        origin: format!("{how} with key {}", client.key),
        belonging,
    };
    // Mailgun and Postmark take no other status than 200 for success, and repeat the rest for hours.
    let (status, outcomes) = match handed_in {
        HandedIn::Files(files) => {
            let messages = files.into_iter().map(|bytes| raw(bytes, "handed in"));
            let outcomes = try_join_all(messages.map(|message| state.intake.submit(message))).await?;
            (StatusCode::CREATED, outcomes)
        }
        HandedIn::Mail(mail) => {
            let outcome = state.intake.submit_mailbox(raw(mail, "forwarded")).await?;
            (StatusCode::OK, vec![outcome])
        }
        HandedIn::Confirmation(url) => (StatusCode::OK, vec![ask_owner(&state, raw, &url).await?]),
        HandedIn::Notice => (StatusCode::OK, Vec::new()),
    };
    let taken = taken(&state.store, client.account, outcomes).await?;
    Ok((status, Json(taken)))
}

/// Puts what a provider asks into quarantine, where the owner finds it. The address is never opened by this program: anyone could
/// make it send requests otherwise.
async fn ask_owner(
    state: &AppState,
    raw: impl Fn(Vec<u8>, &'static str) -> RawMessage,
    url: &str,
) -> Result<Outcome, ApiError> {
    let problem = Problem {
        leaf: String::new(),
        reason: CONFIRMATION,
        detail: format!("Amazon SNS asks whether it may forward mail; if you asked for it, open {url}"),
        offset: None,
    };
    // The question comes again until it is answered: the note is the same each time.
    let note = raw(format!("{CONFIRMATION}\n{url}\n").into_bytes(), "forwarded");
    Ok(state.intake.quarantine(note, problem).await?)
}

async fn of_body(request: Request) -> Result<HandedIn, ApiError> {
    let is_line_of_fields = request.headers().get(header::CONTENT_TYPE).is_some_and(|name| {
        let line = b"application/x-www-form-urlencoded";
        name.as_bytes()
            .get(..line.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(line))
    });
    let body = Bytes::from_request(request, &())
        .await
        .map_err(|_| ApiError::invalid_request("The body cannot be read"))?;
    if body.is_empty() {
        return Err(ApiError::invalid_request("There is no report in the body: it is empty"));
    }
    if body.trim_ascii_start().first() == Some(&b'{')
        && let Some(handed_in) = of_json(&body).map_err(refused)?
    {
        return Ok(handed_in);
    }
    if is_line_of_fields {
        let mut form = Form::default();
        for (name, value) in pairs(&body) {
            let part = Part {
                name: &name,
                file_name: None,
                media_type: None,
            };
            if Form::wants(&part) {
                form.add(&part, value).map_err(refused)?;
            }
        }
        if let Some(handed_in) = form.handed_in() {
            return Ok(handed_in);
        }
    }
    // Some clients call whatever they send a line of fields.
    Ok(HandedIn::Files(vec![Vec::from(body)]))
}

async fn of_form(request: Request) -> Result<HandedIn, ApiError> {
    let broken = || ApiError::invalid_request("The body is not valid multipart/form-data");
    let mut fields = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
    let mut form = Form::default();
    for _ in 0..FIELDS_MAX {
        let Some(field) = fields.next_field().await.map_err(|_| broken())? else {
            let nothing = || refused("has neither a file nor a mail that a provider forwards".to_owned());
            return form.handed_in().ok_or_else(nothing);
        };
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let media_type = field.content_type().map(str::to_owned);
        let part = Part {
            name: &name,
            file_name: file_name.as_deref(),
            media_type: media_type.as_deref(),
        };
        if Form::wants(&part) {
            let bytes = field.bytes().await.map_err(|_| broken())?;
            form.add(&part, Vec::from(bytes)).map_err(refused)?;
        }
    }
    Err(refused(format!("has more than {FIELDS_MAX} fields")))
}

fn refused(why: String) -> ApiError {
    ApiError::unprocessable(vec![FieldError::new("body", why)])
}
