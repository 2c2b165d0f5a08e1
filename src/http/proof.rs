//! `/domains/{id}/dmarc/reports/{report_id}/proof`: what a stranger needs to check who signed a report.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::ApiError;
use super::owned::OwnedReport;
use super::state::AppState;
use crate::api::{MailKeyBody, ProofBody, ReportItem};
use crate::base::clock::format_instant;
use crate::store::MailKey;

/// `GET /domains/{id}/dmarc/reports/{report_id}/proof`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedReport(domain, no): OwnedReport,
) -> Result<Json<ProofBody>, ApiError> {
    let proof = state.store.proof(domain.id, no).await?;
    let proof = proof.ok_or_else(|| ApiError::not_found("Proof"))?;
    Ok(Json(ProofBody {
        report: ReportItem::from(proof.report),
        received_at: format_instant(proof.mail.received_at),
        mail: STANDARD.encode(&proof.mail.bytes),
        keys: proof.keys.into_iter().map(MailKeyBody::from).collect(),
    }))
}

impl From<MailKey> for MailKeyBody {
    fn from(key: MailKey) -> Self {
        Self {
            name: key.name,
            record: key.record,
            found_at: format_instant(key.found_at),
        }
    }
}
