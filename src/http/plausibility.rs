//! `/domains/{id}/dmarc/plausibility`: which reporters contradict their own evidence.

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::fields::Parameters;
use super::owned::OwnedDomain;
use super::range::day_range;
use super::state::AppState;
use super::sums::pass_rate;
use crate::api::{
    ContradictionCount, ContradictionExample, PlausibilityBody, PlausibleFigures, ReportCount,
    ReporterPlausibilityBody, Word,
};
use crate::insight::{Example, Figures, Part, Plausibility, ReporterPlausibility, plausibility};
use crate::store::Domain;

/// `GET /domains/{id}/dmarc/plausibility`
pub(super) async fn plausible(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<PlausibilityBody>, ApiError> {
    let range = day_range(&mut parameters, state.today());
    parameters.finish()?;
    let found = plausibility(&state.store, &domain, range).await?;
    Ok(Json(PlausibilityBody::from((&domain, &found))))
}

impl From<(&Domain, &Plausibility)> for PlausibilityBody {
    fn from((domain, found): (&Domain, &Plausibility)) -> Self {
        let (reports, messages) = found.without_records;
        Self {
            from: found.range.first.to_string(),
            to: found.range.last.to_string(),
            says: found.says.clone(),
            all: (&found.all).into(),
            plausible: (&found.plausible).into(),
            authenticated: (&found.authenticated).into(),
            reporters: found.reporters.iter().map(|one| reporter(domain, one)).collect(),
            total: found.total as u64,
            records_kept: reports == 0,
            without_records: ReportCount { reports, messages },
        }
    }
}

impl From<&Figures> for PlausibleFigures {
    fn from(figures: &Figures) -> Self {
        Self {
            messages: figures.messages,
            pass_count: figures.pass,
            pass_by_evidence: figures.pass_by_evidence,
        }
    }
}

fn rate(part: Part) -> f64 {
    pass_rate(part.contradicting, part.messages.saturating_sub(part.contradicting))
}

fn reporter(domain: &Domain, one: &ReporterPlausibility) -> ReporterPlausibilityBody {
    let [before, after] = one.halves.map(|half| (half.messages > 0).then(|| rate(half)));
    ReporterPlausibilityBody {
        org_name: one.reporter.as_deref().map(str::to_owned),
        contradicts_itself: one.contradicts_itself(),
        says: one.says.clone(),
        records: one.records,
        contradicting_records: one.contradicting_records,
        messages: one.part.messages,
        contradicting_messages: one.part.contradicting,
        rate: rate(one.part),
        rate_before: before,
        rate_after: after,
        kinds: one
            .kinds
            .iter()
            .map(|(kind, messages)| ContradictionCount {
                kind: kind.word().into(),
                messages: *messages,
            })
            .collect(),
        examples: one.examples.iter().map(|one| example(domain, one)).collect(),
    }
}

fn example(domain: &Domain, one: &Example) -> ContradictionExample {
    ContradictionExample {
        day: one.day.to_string(),
        source_ip: one.source.map(|address| address.to_string()),
        kinds: one.kinds.iter().map(|kind| Word::from(kind.word())).collect(),
        messages: one.messages,
        report: format!("/domains/{}/dmarc/reports/{}", domain.public_id, one.report.0),
    }
}

#[cfg(test)]
mod tests {
    use crate::api::CONTRADICTIONS;
    use crate::insight::ContradictionKind;

    #[test]
    fn documented_words_are_the_words() {
        let kinds = ContradictionKind::ALL.iter().map(|kind| kind.word());
        assert!(kinds.eq(CONTRADICTIONS));
    }
}
