//! What rules found: lists of a domain and of an account, and snoozes.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::{Members, Parameters};
use super::listing::{Listing, file_name};
use super::owned::{OwnedDomain, OwnedFinding, finding_key};
use super::paging::page_sized;
use super::places::row_number;
use super::state::AppState;
use super::trust::actor;
use crate::api::{FINDING_KINDS, FINDING_STATES, FindingBody, FindingList, SNOOZE_DAYS_MAX, SnoozeBody, WHY_CHARS_MAX};
use crate::base::clock::{format_instant, parse_instant};
use crate::base::{FindingNo, Millis};
use crate::notify::finding_words;
use crate::store::{Domain, EventKind, FindingFilter, FindingKind, FindingState, Snooze, Snoozed, StoredFinding};

/// Findings on a page if the client does not say.
const PER_PAGE: u32 = 50;
/// Number of findings that pages reach: a page reads all findings before it.
const FINDINGS_MAX: u64 = 10_000;
const DAY: Millis = 86_400_000;

/// The parameters `state` and `kind`.
pub(super) const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "state",
        says: "Only findings in this state.",
        schema: || json!({ "type": "string", "enum": FINDING_STATES }),
    },
    Parameter {
        name: "kind",
        says: "Only findings of this rule.",
        schema: || json!({ "type": "string", "enum": FINDING_KINDS }),
    },
];

/// `GET /findings`
pub(super) async fn of_account(
    State(state): State<AppState>,
    client: Client,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let mut domains = state.store.domains(client.account).await?;
    domains.retain(|domain| client.may_see(domain.id));
    answer(&state, &domains, "all-domains", parameters).await
}

/// `GET /domains/{id}/dmarc/findings`
pub(super) async fn of_domain(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let name = domain.name.to_string();
    answer(&state, &[domain], &name, parameters).await
}

/// `PUT /findings/{id}/snooze`
pub(super) async fn snooze(
    State(state): State<AppState>,
    client: Client,
    OwnedFinding(domain, no): OwnedFinding,
    mut members: Members,
) -> Result<Json<FindingBody>, ApiError> {
    let now = state.clock.now();
    let until = members.required_text("until");
    let until = until.and_then(|text| {
        let until = parse_instant(&text).filter(|until| (1..=SNOOZE_DAYS_MAX * DAY).contains(&(until - now)));
        if until.is_none() {
            let rule = format!("must be an instant of the next {SNOOZE_DAYS_MAX} days, as 2026-03-23T10:00:00Z");
            members.refuse("until", rule);
        }
        until
    });
    let note = members.plain_text("note", WHY_CHARS_MAX);
    members.finish()?;
    let snooze = Snooze {
        until: until.ok_or_else(ApiError::internal)?,
        actor: actor(&state, client, note).await?,
    };
    let snoozed = state.store.snooze((domain.account, domain.id), no, &snooze).await?;
    done(&domain, snoozed, now)
}

/// `DELETE /findings/{id}/snooze`
pub(super) async fn wake(
    State(state): State<AppState>,
    OwnedFinding(domain, no): OwnedFinding,
) -> Result<Json<FindingBody>, ApiError> {
    let now = state.clock.now();
    let woken = state.store.wake((domain.account, domain.id), no, now).await?;
    done(&domain, woken, now)
}

fn done(domain: &Domain, snoozed: Snoozed, now: Millis) -> Result<Json<FindingBody>, ApiError> {
    match snoozed {
        Snoozed::Done(finding) => Ok(Json(body(domain, &finding, now))),
        Snoozed::Missing => Err(ApiError::not_found("Finding")),
        Snoozed::Ended => Err(ApiError::conflict("The finding has ended: there is nothing to snooze")),
    }
}

/// A page of what was found about domains. `of` is part of the name of a file.
async fn answer(
    state: &AppState,
    domains: &[Domain],
    of: &str,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    let page = page_sized(&mut parameters, &state.config, PER_PAGE);
    let after = parameters.word("after", &["the text of next"], row_number);
    let now = state.clock.now();
    let filter = FindingFilter {
        kind: parameters.word("kind", &FINDING_KINDS, kind_of_word),
        state: parameters.word("state", &FINDING_STATES, FindingState::from_word),
        below: after.map(FindingNo),
        now,
    };
    parameters.finish()?;
    let before = if after.is_some() { 0 } else { page.offset() };
    // A page beyond the limit is empty, and `more` is true.
    let reach = before.saturating_add(u64::from(page.per_page)).min(FINDINGS_MAX);
    let ids: Vec<_> = domains.iter().map(|domain| domain.id).collect();
    // One more than is listed, to know whether there are more.
    let count = u32::try_from(reach + 1).unwrap_or(u32::MAX);
    let mut found = state.store.findings_of(&ids, &filter, count).await?;
    let more = found.len() as u64 > reach;
    found.truncate(usize::try_from(reach).unwrap_or(usize::MAX));
    found.drain(..usize::try_from(before).unwrap_or(usize::MAX).min(found.len()));
    let last = found.last().and_then(|(_, finding)| finding.no);
    let by_id: std::collections::HashMap<_, _> = domains.iter().map(|domain| (domain.id, domain)).collect();
    let findings = found
        .iter()
        .filter_map(|(id, finding)| Some(body(by_id.get(id)?, finding, now)));
    let list = FindingList {
        findings: findings.collect(),
        more,
        next: last.filter(|_| more).map(|no| no.to_string()),
    };
    let name = |_: &_| file_name(&[of, "findings", &state.today().to_string()]);
    Ok(listing.answer(list, name))
}

/// The kinds that are shown: all but the first.
fn kind_of_word(word: &str) -> Option<FindingKind> {
    FindingKind::from_word(word).filter(|kind| kind.event().is_some())
}

fn body(domain: &Domain, finding: &StoredFinding, now: Millis) -> FindingBody {
    let event = finding.kind.event().unwrap_or(EventKind::Summary);
    let (title, text) = finding_words(event, &finding.data, domain.name.as_str());
    FindingBody {
        id: finding_key(&domain.public_id, finding.no.unwrap_or(FindingNo(0))),
        domain_id: domain.public_id.clone(),
        domain: domain.name.to_string(),
        unicode_name: domain.name.unicode(),
        kind: finding.kind.word().into(),
        subject: Some(finding.subject.clone()).filter(|subject| !subject.is_empty()),
        state: finding.state(now).word().into(),
        title,
        text,
        began_at: format_instant(finding.opened_at),
        ended_at: finding.ended_at.map(format_instant),
        told_at: Some(finding.told_at).filter(|at| *at > 0).map(format_instant),
        data: match &finding.data {
            Value::Object(data) => data.clone(),
            _ => serde_json::Map::new(),
        },
        snooze: finding.snooze.as_ref().map(SnoozeBody::from),
    }
}

impl From<&Snooze> for SnoozeBody {
    fn from(snooze: &Snooze) -> Self {
        Self {
            until: format_instant(snooze.until),
            note: snooze.actor.why.clone(),
            by: snooze.actor.by.clone(),
            at: format_instant(snooze.actor.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_words_are_the_words() {
        let kinds = FindingKind::ALL.iter().filter(|kind| kind.event().is_some());
        assert!(kinds.map(|kind| kind.word()).eq(FINDING_KINDS));
        assert!(FindingState::ALL.iter().map(|state| state.word()).eq(FINDING_STATES));
        assert_eq!(kind_of_word("judged"), None);
    }
}
