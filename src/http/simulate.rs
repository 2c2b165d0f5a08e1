//! `POST /domains/{id}/dmarc/simulate`: a question with a body; nothing is changed.

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::fields::{Members, Parameters};
use super::owned::OwnedDomain;
use super::range::day_range;
use super::state::AppState;
use crate::api::{FieldError, SERVICE_CHARS_MAX, SPF_CHARS_MAX, SimulationBody};
use crate::insight::{FIXED_MAX, PolicyChange, SimulateError, Simulation, prepare, simulate as simulated};
use crate::report::aggregate::{AlignmentMode, Policy};
use crate::store::Domain;

/// `POST /domains/{id}/dmarc/simulate`
pub(super) async fn simulate(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
    members: Members,
) -> Result<Json<SimulationBody>, ApiError> {
    let range = day_range(&mut parameters, state.today());
    parameters.finish()?;
    let simulation = read(&state, &domain, members).await?;
    let when = (range, state.clock.now());
    let prepared = prepare(&state.store, &domain, when, &simulation).await?;
    let existing = state.domains.existing(&prepared.subdomains).await;
    let tables = state.tables.current();
    let at = (&state.store, &domain, &*tables);
    let found = simulated(at, range, &simulation, (prepared, existing)).await;
    match found {
        Ok(found) => Ok(Json(SimulationBody::from((&domain, &simulation, &found)))),
        Err(SimulateError::Store(error)) => Err(error.into()),
        Err(SimulateError::NoService(names)) => {
            let mistake = |name: &String| FieldError::new("fix", format!("{name} sent no messages in this range"));
            Err(ApiError::unprocessable(names.iter().map(mistake).collect()))
        }
    }
}

/// What is to be tried.
async fn read(state: &AppState, domain: &Domain, mut members: Members) -> Result<Simulation, ApiError> {
    let change = PolicyChange {
        p: members.word("p", Policy::ALL, Policy::word),
        sp: members.word("sp", Policy::ALL, Policy::word),
        np: members.word("np", Policy::ALL, Policy::word),
        adkim: members.word("adkim", AlignmentMode::ALL, AlignmentMode::word),
        aspf: members.word("aspf", AlignmentMode::ALL, AlignmentMode::word),
        testing: members.word("t", &[false, true], |is_testing| if is_testing { "y" } else { "n" }),
        pct: members
            .clearable_number("pct", 0..=100)
            .flatten()
            .and_then(|percent| u8::try_from(percent).ok()),
    };
    let text = members.plain_text("spf", SPF_CHARS_MAX);
    let fixed = members.plain_texts("fix", FIXED_MAX, SERVICE_CHARS_MAX);
    let mut spf = None;
    if let Some(text) = text.filter(|_| !members.is_refused()) {
        match state.domains.try_spf(&domain.name, &text).await {
            Ok(trial) => spf = Some(trial),
            Err(sentence) => members.refuse("spf", format!("cannot be tried: {sentence}")),
        }
    }
    members.finish()?;
    Ok(Simulation { change, spf, fixed })
}
