//! `POST /domains/{id}/dmarc/reports`: a report, or several, handed in by the client itself.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::future::try_join_all;

use super::client::Client;
use super::error::ApiError;
use super::hook::FILES_MAX;
use super::owned::OwnedDomain;
use super::state::AppState;
use crate::api::{FieldError, ReportItem, Taken, TakenAside, TakenFailure, TakenReport, TakenTlsReport, TlsReportItem};
use crate::base::AccountId;
use crate::ingest::{Belonging, Fate, Outcome, RawMessage, SetAsideNote};
use crate::store::{Store, StoredFailure};

/// What the files of a form are called.
const PART: &str = "file";

/// `POST /domains/{id}/dmarc/reports`
pub(super) async fn upload(
    State(state): State<AppState>,
    client: Client,
    OwnedDomain(domain): OwnedDomain,
    request: Request,
) -> Result<(StatusCode, Json<Taken>), ApiError> {
    let files = files(request).await?;
    let received_at = state.clock.now();
    // A key of the whole account names the account: each report goes to the domain that it is about.
    let belonging = match client.domain {
        None => Belonging::Domain(domain.account, domain.id),
        Some(only) => Belonging::Only(domain.account, only),
    };
    let messages = files.into_iter().map(|bytes| RawMessage {
        bytes,
        received_at,
        envelope: None,
        origin: format!("upload with key {}", client.key),
        belonging,
    });
    let outcomes = try_join_all(messages.map(|message| state.intake.submit(message))).await?;
    let taken = taken(&state.store, domain.account, outcomes).await?;
    Ok((StatusCode::CREATED, Json(taken)))
}

/// The answer for messages that have been stored.
pub(super) async fn taken(store: &Store, account: AccountId, outcomes: Vec<Outcome>) -> Result<Taken, ApiError> {
    let mut taken = Taken {
        reports: Vec::new(),
        tls_reports: Vec::new(),
        failure_reports: Vec::new(),
        duplicates: 0,
        restored: 0,
        quarantined: Vec::new(),
    };
    for outcome in outcomes {
        for stored in outcome.reports {
            let word = match stored.fate {
                Fate::Stored if stored.acceptance.is_held() => "held",
                Fate::Stored => "stored",
                Fate::Completed => "completed",
                Fate::Conflict => "conflict",
                Fate::Duplicate => {
                    taken.duplicates += 1;
                    taken.restored += u64::from(stored.restored);
                    continue;
                }
            };
            // Gone again already: its domain was removed meanwhile.
            let Some(detail) = store.report(stored.domain, stored.no).await? else {
                continue;
            };
            let Some(domain) = store.domain_by_id(account, stored.domain).await? else {
                continue;
            };
            taken.reports.push(TakenReport {
                report: ReportItem::from(detail.summary),
                outcome: word.into(),
                domain_id: domain.public_id,
                domain_name: domain.name.to_string(),
                leaf: stored.leaf,
            });
        }
        for stored in outcome.tls_reports {
            let word = match stored.fate {
                Fate::Duplicate => {
                    taken.duplicates += 1;
                    continue;
                }
                _ if stored.acceptance.is_held() => "held",
                Fate::Conflict => "conflict",
                Fate::Stored | Fate::Completed => "stored",
            };
            // As above.
            let Some(detail) = store.tls_report(stored.domain, stored.no).await? else {
                continue;
            };
            let Some(domain) = store.domain_by_id(account, stored.domain).await? else {
                continue;
            };
            taken.tls_reports.push(TakenTlsReport {
                report: TlsReportItem::from(detail.summary),
                outcome: word.into(),
                domain_id: domain.public_id,
                domain_name: domain.name.to_string(),
                leaf: stored.leaf,
            });
        }
        if let Some(stored) = outcome.failure {
            add_failure(store, account, stored, &mut taken).await?;
        }
        taken
            .quarantined
            .extend(outcome.set_aside.into_iter().map(TakenAside::from));
    }
    Ok(taken)
}

/// Adds what became of a failure report.
async fn add_failure(
    store: &Store,
    account: AccountId,
    stored: StoredFailure,
    taken: &mut Taken,
) -> Result<(), ApiError> {
    if stored.fate == Fate::Duplicate {
        taken.duplicates += 1;
        return Ok(());
    }
    // As above.
    if let Some(domain) = store.domain_by_id(account, stored.domain).await? {
        taken.failure_reports.push(TakenFailure {
            id: stored.no.0,
            about: stored.about,
            domain_id: domain.public_id,
            domain_name: domain.name.to_string(),
        });
    }
    Ok(())
}

/// The files of a form, or the body itself as the only one.
async fn files(request: Request) -> Result<Vec<Vec<u8>>, ApiError> {
    let files = if is_form(request.headers()) {
        files_of_form(request).await?
    } else {
        let body = Bytes::from_request(request, &())
            .await
            .map_err(|_| ApiError::invalid_request("The body cannot be read"))?;
        vec![Vec::from(body)]
    };
    if files.iter().all(Vec::is_empty) {
        return Err(ApiError::invalid_request("There is no report in the body: it is empty"));
    }
    Ok(files)
}

async fn files_of_form(request: Request) -> Result<Vec<Vec<u8>>, ApiError> {
    let broken = || ApiError::invalid_request("The body is not valid multipart/form-data");
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
    let mut files = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| broken())? {
        if field.name() != Some(PART) {
            let name = field.name().unwrap_or_default();
            let name = &name[..name.floor_char_boundary(100)];
            let error = FieldError::new(name, format!("is not a field of this form; each file is called {PART}"));
            return Err(ApiError::unprocessable(vec![error]));
        }
        let bytes = field.bytes().await.map_err(|_| broken())?;
        if bytes.is_empty() {
            continue;
        }
        if files.len() == FILES_MAX {
            let error = FieldError::new("body", format!("has more than {FILES_MAX} files"));
            return Err(ApiError::unprocessable(vec![error]));
        }
        files.push(Vec::from(bytes));
    }
    Ok(files)
}

pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    let form = b"multipart/form-data";
    media_type.is_some_and(|name| name.len() >= form.len() && name[..form.len()].eq_ignore_ascii_case(form))
}

impl From<SetAsideNote> for TakenAside {
    fn from(note: SetAsideNote) -> Self {
        Self {
            id: note.id.0,
            kind: note.kind.word().into(),
            reason: note.reason,
            detail: note.detail,
            leaf: note.leaf,
            offset: note.offset,
            policy_domain: note.policy_domain,
        }
    }
}
