//! Which reports count: `/domains/{id}/dmarc/trust`, and what its owner decides about reports and reporters.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};

use super::client::Client;
use super::error::ApiError;
use super::fields::Members;
use super::owned::{OwnedDomain, OwnedReport};
use super::state::AppState;
use crate::api::{
    AcceptedAnswer, AcceptedBody, DecisionBody, REPORT_MESSAGES_MAX, REPORTER_CHARS_MAX, ReportItem, TrustBody,
    WHY_CHARS_MAX,
};
use crate::base::ReportNo;
use crate::base::clock::format_instant;
use crate::store::{AcceptedReporter, Actor, Domain, HistoryEntry, Judged, Judgement};

/// Held reports that one request releases.
const RELEASED_MAX: u64 = 1_000;

/// `GET /domains/{id}/dmarc/trust`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<TrustBody>, ApiError> {
    body(&state, &domain).await.map(Json)
}

/// `PATCH /domains/{id}/dmarc/trust`
pub(super) async fn update(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut members: Members,
) -> Result<Json<TrustBody>, ApiError> {
    let messages_max = members.clearable_number("report_messages_max", 1..=REPORT_MESSAGES_MAX);
    members.finish()?;
    if let Some(messages_max) = messages_max {
        let set = state
            .store
            .set_report_messages_max(domain.account, domain.id, messages_max);
        if !set.await? {
            return Err(ApiError::not_found("Domain"));
        }
    }
    body(&state, &domain).await.map(Json)
}

/// `POST /domains/{id}/dmarc/reports/{report_id}/count`
pub(super) async fn count(
    State(state): State<AppState>,
    client: Client,
    OwnedReport(domain, no): OwnedReport,
    why: Why,
) -> Result<Json<ReportItem>, ApiError> {
    judge(&state, client, &domain, no, (Judgement::Count, why)).await
}

/// `POST /domains/{id}/dmarc/reports/{report_id}/discount`
pub(super) async fn discount(
    State(state): State<AppState>,
    client: Client,
    OwnedReport(domain, no): OwnedReport,
    why: Why,
) -> Result<Json<ReportItem>, ApiError> {
    judge(&state, client, &domain, no, (Judgement::Discount, why)).await
}

/// `POST /domains/{id}/dmarc/reporters/accept`
pub(super) async fn accept(
    State(state): State<AppState>,
    client: Client,
    OwnedDomain(domain): OwnedDomain,
    members: Members,
) -> Result<Json<AcceptedAnswer>, ApiError> {
    let (reporter, why) = reporter(members)?;
    let actor = actor(&state, client, why).await?;
    let accepted = state
        .store
        .accept_reporter(domain.account, domain.id, &reporter, &actor);
    if !accepted.await? {
        return Err(ApiError::conflict(
            "No more reporters can be accepted for this domain: withdraw others first",
        ));
    }
    let place = (domain.account, domain.id);
    let released = state.store.release_reporter(place, &reporter, &actor, RELEASED_MAX);
    let (released, more) = released.await?;
    let trust = body(&state, &domain).await?;
    Ok(Json(AcceptedAnswer { released, more, trust }))
}

/// `POST /domains/{id}/dmarc/reporters/withdraw`
pub(super) async fn withdraw(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    members: Members,
) -> Result<Json<TrustBody>, ApiError> {
    let (reporter, _) = reporter(members)?;
    let withdrawn = state.store.withdraw_reporter(domain.account, domain.id, &reporter);
    if !withdrawn.await? {
        return Err(ApiError::not_found("Accepted reporter"));
    }
    body(&state, &domain).await.map(Json)
}

/// The body of a decision; without one no reason is given.
#[derive(Debug)]
pub(super) struct Why(Option<String>);

impl FromRequest<AppState> for Why {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::new(body), state)
            .await
            .map_err(|_| ApiError::invalid_request("The body cannot be read"))?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        let mut members = Members::from_request(Request::from_parts(parts, Body::from(bytes)), state).await?;
        let why = members.plain_text("why", WHY_CHARS_MAX);
        members.finish()?;
        Ok(Self(why))
    }
}

fn reporter(mut members: Members) -> Result<(String, Option<String>), ApiError> {
    let missing = "is required: the reporter of a report that is held";
    let reporter = members.plain_text("reporter", REPORTER_CHARS_MAX);
    if reporter.is_none() && !members.is_refused() {
        members.refuse("reporter", missing);
    }
    let why = members.plain_text("why", WHY_CHARS_MAX);
    members.finish()?;
    let reporter = reporter.ok_or_else(ApiError::internal)?;
    Ok((reporter.trim().to_lowercase(), why))
}

async fn judge(
    state: &AppState,
    client: Client,
    domain: &Domain,
    no: ReportNo,
    (judgement, Why(why)): (Judgement, Why),
) -> Result<Json<ReportItem>, ApiError> {
    let actor = actor(state, client, why).await?;
    let place = (domain.account, domain.id);
    match state.store.judge(place, no, judgement, &actor).await? {
        Judged::Done => {}
        Judged::Missing => return Err(ApiError::not_found("Report")),
        Judged::RecordsGone => {
            return Err(ApiError::conflict(
                "Retention has deleted the records of this report, or of the one that counts instead, so the figures \
                    cannot be moved: import that report again first",
            ));
        }
    }
    let detail = state.store.report(domain.id, no).await?;
    let detail = detail.ok_or_else(|| ApiError::not_found("Report"))?;
    Ok(Json(ReportItem::from(detail.summary)))
}

/// Who decides: the key, by its name.
pub(super) async fn actor(state: &AppState, client: Client, why: Option<String>) -> Result<Actor, ApiError> {
    let key = state.store.key_of_account(client.account, client.key).await?;
    Ok(Actor {
        by: key.map_or_else(|| format!("key {}", client.key), |key| format!("key {}", key.name)),
        why,
        at: state.clock.now(),
    })
}

async fn body(state: &AppState, domain: &Domain) -> Result<TrustBody, ApiError> {
    let trust = state.store.trust(domain.id).await?;
    Ok(TrustBody {
        report_messages_max: trust.report_messages_max,
        accepted_reporters: trust.reporters.into_iter().map(AcceptedBody::from).collect(),
        held_reports: state.store.held_count(domain.id).await?,
    })
}

impl From<AcceptedReporter> for AcceptedBody {
    fn from(accepted: AcceptedReporter) -> Self {
        Self {
            reporter: accepted.reporter,
            accepted_at: format_instant(accepted.at),
            by: accepted.by,
            why: accepted.why,
        }
    }
}

impl From<HistoryEntry> for DecisionBody {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            at: format_instant(entry.at),
            action: entry.action,
            by: entry.by,
            why: entry.why,
        }
    }
}
