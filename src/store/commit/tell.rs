//! What account owners are told of a batch, in its transaction. Nothing is read or written for an account without webhooks
//! that want it.

use hashbrown::HashMap;
use serde_json::json;

use super::super::db::Conn;
use super::super::memory::Memory;
use super::super::{Event, EventKind, NewMessage, Outcome, StoreError, outbox};
use super::decide::Decisions;
use super::place::Batch;
use crate::base::clock::format_instant;
use crate::base::{Millis, SetAsideKind, text};

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
        let mut event = Event::new(claim.account, EventKind::ReportReceived, at, &cause);
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
            let mut event = Event::new(account, EventKind::Quarantined, message.received_at, &[note.id.0]);
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
