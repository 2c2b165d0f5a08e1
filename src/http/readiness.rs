//! `/domains/{id}/dmarc/readiness`: whether the policy of a domain may be stricter.

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::fields::Parameters;
use super::owned::OwnedDomain;
use super::range::day_range;
use super::state::AppState;
use crate::api::{CheckBody, FailingBody, ReadinessBody, StepBody, ToFixBody};
use crate::enrich::Rule;
use crate::insight::{Blocker, Checked, Readiness, readiness};

/// `GET /domains/{id}/dmarc/readiness`
pub(super) async fn show(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<ReadinessBody>, ApiError> {
    let range = day_range(&mut parameters, state.today());
    parameters.finish()?;
    let tables = state.tables.current();
    let when = (range, state.clock.now());
    let found = readiness(&state.store, &domain, when, &tables).await?;
    Ok(Json(ReadinessBody::from(&found)))
}

impl From<&Readiness> for ReadinessBody {
    fn from(found: &Readiness) -> Self {
        let (facts, failing) = (&found.facts, &found.failing);
        let next = found.next.map(|next| StepBody {
            tag: next.step.word().into(),
            value: next.value.map(|policy| policy.word().into()),
            record: found.record(),
        });
        Self {
            from: facts.range.first.to_string(),
            to: facts.range.last.to_string(),
            verdict: found.verdict.word().into(),
            says: found.says.clone(),
            published: (&facts.published.policy).into(),
            origin: facts.published.origin.word().into(),
            record: facts.published.in_force.kind().word().into(),
            seen_since: facts.seen_since.map(|day| day.to_string()),
            next,
            checks: found.checks.iter().map(CheckBody::from).collect(),
            to_fix: found.blockers.iter().map(ToFixBody::from).collect(),
            to_fix_total: found.blockers_total as u64,
            failing: FailingBody {
                to_fix: failing.to_fix,
                forwarded: failing.forwarded,
                unknown: failing.unknown,
                not_ours: failing.not_ours,
            },
        }
    }
}

impl From<&Checked> for CheckBody {
    fn from(one: &Checked) -> Self {
        Self {
            check: one.check.word().into(),
            passed: one.passed,
            figure: one.figure,
            needed: one.needed,
            says: one.says.clone(),
        }
    }
}

impl From<&Blocker> for ToFixBody {
    fn from(one: &Blocker) -> Self {
        Self {
            service: one.named.as_ref().map(|named| named.name.to_string()),
            evidence: one
                .named
                .as_ref()
                .map_or(Rule::Nothing, |named| named.rule)
                .word()
                .into(),
            messages: one.messages,
            is_blocking: one.is_blocking,
            says: one.says.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::api::{CHECKS, RECORD_KINDS, STEPS, VERDICTS};
    use crate::domains::RecordKind;
    use crate::insight::{Check, Step, Verdict};

    #[test]
    fn documented_words_are_the_words() {
        assert!(Check::ALL.iter().map(|check| check.word()).eq(CHECKS));
        assert!(RecordKind::ALL.iter().map(|kind| kind.word()).eq(RECORD_KINDS));
        assert!(Step::ALL.iter().map(|step| step.word()).eq(STEPS));
        assert!(Verdict::ALL.iter().map(|verdict| verdict.word()).eq(VERDICTS));
    }
}
