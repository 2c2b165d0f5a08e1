//! What account owners are told of a batch, in its transaction. Nothing is read or written for an account without
//! targets that want it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde_json::{Value, json};

use super::super::db::Conn;
use super::super::memory::Memory;
use super::super::{Event, EventKind, NewMessage, Outcome, StoreError, outbox};
use super::decide::Decisions;
use super::place::Batch;
use super::tls::TlsDecisions;
use crate::base::clock::format_instant;
use crate::base::{Millis, SetAsideKind, text};
use crate::report::tls::PolicyResult;

/// Policies of a TLS report in an event, and types of failures under each.
const TLS_POLICIES_MAX: usize = 5;
const TLS_TYPES_MAX: usize = 5;
/// Longest text of a stranger in an event, bytes.
const TEXT_BYTES_MAX: usize = 512;

/// The reports of the batch that count and were not known.
pub(super) async fn received(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: Batch<'_>,
    decisions: &Decisions,
    now: Millis,
) -> Result<(), StoreError> {
    let (mut events, mut domains) = (Vec::new(), HashMap::new());
    for decision in decisions.new_reports().filter(|decision| decision.counted) {
        let claim = decision.claim;
        if !outbox::is_wanted(conn, memory, claim.account, EventKind::ReportReceived).await? {
            continue;
        }
        if !domains.contains_key(&claim.domain) {
            let named = outbox::domain_data(conn, claim.account, claim.domain).await?;
            domains.insert(claim.domain, named.unwrap_or_default());
        }
        let (public_id, name) = &domains[&claim.domain];
        let new = batch.report_of(&claim);
        let (metadata, totals) = (&new.report.metadata, &new.totals);
        let totals = batch.slice_of(&claim).map_or(totals, |slice| &slice.totals);
        let at = batch.messages[claim.message].received_at;
        let cause = [claim.domain.0, decision.no.0];
        let mut event = Event::new(claim.account, Some(claim.domain), EventKind::ReportReceived, at, &cause);
        event.data = json!({
            "domain_id": public_id,
            "domain": name,
            "report_id": decision.no.0,
            "org_name": metadata.org_name.as_deref().map(|name| text::shown(name, TEXT_BYTES_MAX)),
            "begin": format_instant(metadata.window.begin.saturating_mul(1_000)),
            "end": format_instant(metadata.window.end.saturating_mul(1_000)),
            "message_count": totals.messages(),
            "pass_count": totals.pass,
            "fail_count": totals.fail,
        });
        events.push(event);
    }
    outbox::tell(conn, memory, &events, now).await
}

/// The TLS reports of the batch that count, were not known, and have failures.
pub(super) async fn tls_failures(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: Batch<'_>,
    decisions: &TlsDecisions,
    now: Millis,
) -> Result<(), StoreError> {
    let mut events = Vec::new();
    for (claim, no) in decisions.new_counted() {
        let new = &batch.messages[claim.message].tls_reports[claim.report].1;
        if new.failing() == 0 || !outbox::is_wanted(conn, memory, claim.account, EventKind::TlsFailure).await? {
            continue;
        }
        let named = outbox::domain_data(conn, claim.account, claim.domain).await?;
        let (public_id, name) = named.unwrap_or_default();
        let report = &new.report;
        let failing = report.policies.iter();
        let failing = failing.filter(|policy| policy.failed > 0 || !policy.failures.is_empty());
        let policies: Vec<_> = failing.take(TLS_POLICIES_MAX).map(failing_policy).collect();
        let at = batch.messages[claim.message].received_at;
        let (kind, cause) = (EventKind::TlsFailure, [claim.domain.0, no.0]);
        let mut event = Event::new(claim.account, Some(claim.domain), kind, at, &cause);
        event.data = json!({
            "domain_id": public_id,
            "domain": name,
            "report_id": no.0,
            "org_name": report.org_name.as_deref().map(|name| text::shown(name, TEXT_BYTES_MAX)),
            "begin": format_instant(report.window.begin.saturating_mul(1_000)),
            "end": format_instant(report.window.end.saturating_mul(1_000)),
            "policies": policies,
        });
        events.push(event);
    }
    outbox::tell(conn, memory, &events, now).await
}

/// The sessions under a policy, and the types of failures with the most of them.
fn failing_policy(policy: &PolicyResult) -> Value {
    let mut types: BTreeMap<&str, u64> = BTreeMap::new();
    for failure in &policy.failures {
        let sessions = types.entry(&failure.result).or_default();
        *sessions = sessions.saturating_add(failure.sessions);
    }
    let mut types: Vec<_> = types.into_iter().collect();
    types.sort_by_key(|(_, sessions)| Reverse(*sessions));
    let types = types.into_iter().take(TLS_TYPES_MAX);
    let types = types
        .map(|(result, sessions)| json!({ "result_type": text::shown(result, TEXT_BYTES_MAX), "sessions": sessions }));
    json!({
        "policy_type": text::shown(&policy.kind, TEXT_BYTES_MAX),
        "policy_domain": policy.domain.as_deref().map(|domain| text::shown(domain, TEXT_BYTES_MAX)),
        "successful_sessions": policy.successful,
        "failed_sessions": policy.failed,
        "failures": types.collect::<Vec<_>>(),
    })
}

/// The parts of the batch that could not be read.
pub(super) async fn quarantined(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: &[NewMessage],
    outcomes: &[Outcome],
    now: Millis,
) -> Result<(), StoreError> {
    let mut events = Vec::new();
    for (message, outcome) in batch.iter().zip(outcomes) {
        let account = message.belonging.account();
        let notes = outcome.set_aside.iter();
        for note in notes.filter(|note| note.kind == SetAsideKind::Quarantined && note.is_new) {
            if !outbox::is_wanted(conn, memory, account, EventKind::Quarantined).await? {
                break;
            }
            let (kind, at) = (EventKind::Quarantined, message.received_at);
            let mut event = Event::new(account, message.belonging.domain(), kind, at, &[note.id.0]);
            event.data = json!({
                "quarantine_id": note.id.0,
                "reason": note.reason,
                "detail": text::shown(&note.detail, TEXT_BYTES_MAX),
                "name": text::shown(&note.leaf, TEXT_BYTES_MAX),
            });
            events.push(event);
        }
    }
    outbox::tell(conn, memory, &events, now).await
}
