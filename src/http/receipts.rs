//! `/domains/{id}/dmarc/receipts`: which reporters have seen a change work.

use axum::Json;
use axum::extract::State;
use serde_json::json;

use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::owned::OwnedDomain;
use super::state::AppState;
use crate::api::{ReceiptBody, ReceiptList, ReporterReceiptBody, ServiceReceiptBody};
use crate::base::Millis;
use crate::base::clock::{format_instant, parse_instant};
use crate::insight::{Receipt, ReporterReceipt, STATED_DAYS_MAX, ServiceReceipt, changes, receipts};

const DAY: Millis = 24 * 3_600_000;

/// What [`receipt_list`] reads.
pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "at",
    says: "The instant of a change that is not known here, of the last 365 days. Default: the changes that are known.",
    schema: || json!({ "type": "string", "format": "date-time", "examples": ["2026-03-20T10:00:00Z"] }),
}];

/// `GET /domains/{id}/dmarc/receipts`
pub(super) async fn receipt_list(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<ReceiptList>, ApiError> {
    let now = state.clock.now();
    let stated = instant(&mut parameters, now);
    parameters.finish()?;
    let changes = changes(&state.store, &domain, now, stated).await?;
    let tables = state.tables.current();
    let found = receipts((&state.store, &domain, &tables), state.today(), changes).await?;
    Ok(Json(ReceiptList::from(&*found)))
}

fn instant(parameters: &mut Parameters, now: Millis) -> Option<Millis> {
    let text = parameters.text("at")?.to_owned();
    let at = parse_instant(&text).filter(|at| (0..=STATED_DAYS_MAX * DAY).contains(&now.saturating_sub(*at)));
    if at.is_none() {
        let message = format!("must be an instant of the last {STATED_DAYS_MAX} days, such as 2026-03-20T10:00:00Z");
        parameters.refuse("at", message);
    }
    at
}

impl From<&[Receipt]> for ReceiptList {
    fn from(found: &[Receipt]) -> Self {
        Self {
            receipts: found.iter().map(ReceiptBody::from).collect(),
        }
    }
}

impl From<&Receipt> for ReceiptBody {
    fn from(one: &Receipt) -> Self {
        let subject = &one.change.subject;
        let posted = one.change.posted.as_ref();
        Self {
            change_id: posted.map(|(id, _)| id.0),
            at: format_instant(one.change.at),
            cause: one.change.cause.word().into(),
            subject: (!subject.is_empty()).then(|| subject.clone()),
            only_service: one.change.service.clone(),
            note: posted.and_then(|(_, actor)| actor.why.clone()),
            by: posted.map(|(_, actor)| actor.by.clone()),
            is_closed: one.is_closed,
            says: one.says.clone(),
            services: one.services.iter().map(ServiceReceiptBody::from).collect(),
            total: one.total as u64,
        }
    }
}

impl From<&ServiceReceipt> for ServiceReceiptBody {
    fn from(one: &ServiceReceipt) -> Self {
        let (messages_before, failed_before) = one.before;
        Self {
            service: one.service.as_deref().map(str::to_owned),
            standing: one.standing.word().into(),
            says: one.says.clone(),
            messages_before,
            failed_before,
            last_failing: one.last_failing.map(|day| day.to_string()),
            reporters: one.reporters.iter().map(ReporterReceiptBody::from).collect(),
        }
    }
}

impl From<&ReporterReceipt> for ReporterReceiptBody {
    fn from(one: &ReporterReceipt) -> Self {
        Self {
            org_name: (!one.reporter.is_empty()).then(|| one.reporter.to_string()),
            standing: one.standing.word().into(),
            pass_count: one.pass,
            fail_count: one.fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::api::{CHANGE_CAUSES, RECEIPT_STANDINGS};
    use crate::insight::{ChangeCause, ReceiptStanding};

    #[test]
    fn documented_words_are_the_words() {
        assert!(ChangeCause::ALL.iter().map(|cause| cause.word()).eq(CHANGE_CAUSES));
        let standings = ReceiptStanding::ALL.iter().map(|standing| standing.word());
        assert!(standings.eq(RECEIPT_STANDINGS));
    }
}
