//! `/domains/{id}/dmarc/reports/{report_id}/records/{number}`: one row of a report, with all of its results.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::owned::{OwnedReport, RecordNumber};
use super::state::AppState;
use crate::api::RecordBody;
use crate::store::ListedMax;

/// `GET /domains/{id}/dmarc/reports/{report_id}/records/{number}`
pub(super) async fn record(
    State(state): State<AppState>,
    OwnedReport(domain, no): OwnedReport,
    RecordNumber(number): RecordNumber,
) -> Result<Response, ApiError> {
    let missing = || ApiError::not_found("Record");
    let whole = ListedMax {
        results_bytes: usize::MAX,
        bytes: usize::MAX,
    };
    let part = (number.checked_sub(1).ok_or_else(missing)?, 1);
    let (records, _) = state.store.listed_records(domain.id, no, part, whole).await?;
    let record = records.first().ok_or_else(missing)?;
    Ok(Json(RecordBody::from(record)).into_response())
}
