//! `/domains/{id}/dmarc/spf`: how the SPF record of a domain is used.

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::fields::Parameters;
use super::owned::OwnedDomain;
use super::range::day_range;
use super::state::AppState;
use crate::api::{MailFromBody, ReportCount, SpfTermBody, SpfTrialBody, SpfUsageBody};
use crate::domains::PublishedSpf;
use crate::insight::{MailFrom, SpfUsage, TermFigures, spf_usage};

/// `GET /domains/{id}/dmarc/spf`
pub(super) async fn usage(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Json<SpfUsageBody>, ApiError> {
    let range = day_range(&mut parameters, state.today());
    parameters.finish()?;
    let published = state.domains.published_spf(&domain.name).await;
    let when = (range, state.clock.now());
    let found = spf_usage(&state.store, &domain, when, published).await?;
    Ok(Json(SpfUsageBody::from(&found)))
}

impl From<&SpfUsage> for SpfUsageBody {
    fn from(found: &SpfUsage) -> Self {
        let record = match &found.spf {
            PublishedSpf::Record { text, .. } | PublishedSpf::Faulty { text, .. } => Some(text.clone()),
            _ => None,
        };
        let (rows, total) = &found.mail_from;
        let (reports, messages) = found.without_records;
        Self {
            from: found.range.first.to_string(),
            to: found.range.last.to_string(),
            known_from: found.known_from.map(|day| day.to_string()),
            state: found.state().word().into(),
            record,
            lookups: found.trial().map(SpfTrialBody::from),
            says: found.says.clone(),
            messages: found.messages,
            decided: found.decided,
            unmatched: found.unmatched,
            not_known: found.not_known,
            given_up: found.given_up,
            differing: found.differing,
            terms: found.terms.iter().map(SpfTermBody::from).collect(),
            mail_from: rows.iter().map(MailFromBody::from).collect(),
            mail_from_total: *total as u64,
            records_kept: reports == 0,
            without_records: ReportCount { reports, messages },
        }
    }
}

impl From<&TermFigures> for SpfTermBody {
    fn from(one: &TermFigures) -> Self {
        Self {
            term: one.term.text.to_string(),
            record: one.term.record.to_string(),
            depth: one.depth,
            standing: one.standing.word().into(),
            says: one.says.clone(),
            messages: one.messages,
            last_day: one.last_day.map(|day| day.to_string()),
            lookups: one.term.lookups,
            would_lose: one.would_lose,
        }
    }
}

impl From<&MailFrom> for MailFromBody {
    fn from(one: &MailFrom) -> Self {
        Self {
            domain: one.domain.as_deref().map(str::to_owned),
            messages: one.messages,
            pass_count: one.pass,
            aligned_count: one.aligned,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::api::{SPF_STATES, TERM_USES};
    use crate::insight::{SpfState, TermUse};

    #[test]
    fn documented_words_are_the_words() {
        assert!(SpfState::ALL.iter().map(|state| state.word()).eq(SPF_STATES));
        assert!(TermUse::ALL.iter().map(|standing| standing.word()).eq(TERM_USES));
    }
}
