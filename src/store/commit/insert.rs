//! The rows of new reports: the report, its evidence, its records.

use std::borrow::Cow;

use crate::report::aggregate::Window;

use super::super::db::{BulkRow, Conn};
use super::super::moves::{Moves, ReportFigures};
use super::super::rollup::Change;
use super::super::{Provenance, StoreError, belonging, bulk, packing, reports};
use super::decide::Decisions;
use super::decision::Decision;
use super::keep::Originals;
use super::place::Batch;
use crate::base::Millis;
use crate::tally::Carrier;

/// Inserts the new reports.
pub(super) async fn insert(
    conn: &mut Conn<'_>,
    batch: Batch<'_>,
    decisions: &Decisions,
    originals: &Originals,
) -> Result<(), StoreError> {
    // In the order of the primary keys: rows of one domain go in side by side.
    let mut fresh: Vec<&Decision> = decisions.new_reports().collect();
    fresh.sort_unstable_by_key(|decision| (decision.claim.domain, decision.no));
    conn.bulk(&bulk::REPORT_ADD, &fresh, |args, decision| {
        bind_report(args, batch, decision, originals)
    })
    .await?;
    insert_slices(conn, batch, &fresh).await?;
    insert_records(conn, batch, &fresh).await
}

/// Gathers what the new reports move in the roll-ups.
pub(super) fn gather(batch: Batch<'_>, decisions: &Decisions, moves: &mut Moves) {
    for decision in decisions.new_reports().filter(|decision| decision.counted) {
        let new = batch.report_of(&decision.claim);
        let metadata = &new.report.metadata;
        let figures = ReportFigures {
            window: metadata.window,
            org_name: metadata.org_name.as_deref(),
            carrier: Carrier::from_verdict(decision.authenticated),
            days: batch.slice_of(&decision.claim).map_or(&new.days, |slice| &slice.days),
        };
        moves.report(decision.claim.domain, &figures, Change::Add);
    }
}

/// The evidence and the records of reports, which are in the order of domain and number.
pub(super) async fn insert_records(
    conn: &mut Conn<'_>,
    batch: Batch<'_>,
    reports: &[&Decision],
) -> Result<(), StoreError> {
    let packed = reports.iter().map(|decision| {
        let new = batch.report_of(&decision.claim);
        let packed = match batch.slice_of(&decision.claim) {
            None => Cow::Borrowed(&new.packed),
            Some(slice) => Cow::Owned(new.packed_part(&slice.records)),
        };
        (decision.claim.domain, decision.no, packed)
    });
    packing::write(conn, &packed.collect::<Vec<_>>()).await
}

/// How far the end of a window may be after the arrival of its report, in seconds: a year. Reporters lie, and a
/// window that ends in a thousand years would keep its records that long.
const END_AHEAD_SECONDS_MAX: i64 = 366 * 86_400;

/// The instant from which the age of a report's records counts: the end of its window or its arrival, whichever is later.
pub(super) fn records_since(window: Window, received_at: Millis) -> Millis {
    let latest = (received_at / 1_000).saturating_add(END_AHEAD_SECONDS_MAX);
    window.end.min(latest).saturating_mul(1_000).max(received_at)
}

async fn insert_slices(conn: &mut Conn<'_>, batch: Batch<'_>, fresh: &[&Decision]) -> Result<(), StoreError> {
    let sliced = fresh.iter().filter(|decision| decision.claim.slice.is_some());
    let sliced: Vec<_> = sliced.copied().collect();
    if sliced.is_empty() {
        return Ok(());
    }
    conn.bulk(&bulk::SLICE_ADD, &sliced, |args, decision| {
        let new = batch.report_of(&decision.claim);
        args.push_int(decision.claim.account.0);
        args.push_blob(&new.identity.0);
        args.push_blob(&new.content.0);
        args.push_int(decision.claim.domain.0);
        args.push_int(decision.no.0);
        args.push_blob(&belonging::turned(&new.report.policy.domain));
    })
    .await
}

fn bind_report(row: &mut BulkRow<'_>, batch: Batch<'_>, decision: &Decision, originals: &Originals) {
    let message = &batch.messages[decision.claim.message];
    let new = batch.report_of(&decision.claim);
    let slice = batch.slice_of(&decision.claim);
    let totals = slice.map_or(&new.totals, |slice| &slice.totals);
    let records = slice.map_or(new.report.records.len(), |slice| slice.records.len());
    let report = &new.report;
    let metadata = &report.metadata;
    let own = batch.placed.names.get(&decision.claim.domain);
    let policy_key = belonging::policy_key(&report.policy.domain, own.map_or("", |name| name));
    let provenance = batch.messages[decision.carrier].provenance.as_ref();
    row.push_int(decision.claim.domain.0);
    row.push_int(decision.no.0);
    row.push_blob(&new.content.0);
    row.push_blob(&new.identity.0);
    row.push_opt_blob(new.piece.as_ref().map(|piece| &piece.0[..]));
    row.push_opt_blob(policy_key.as_deref());
    row.push_int(metadata.window.begin);
    row.push_int(metadata.window.end);
    row.push_int(decision.counted.into());
    row.push_int(decision.acceptance.code());
    row.push_int(slice.is_some().into());
    row.push_int(decision.cut.into());
    for count in [
        totals.pass,
        totals.fail,
        totals.dkim_aligned,
        totals.spf_aligned,
        totals.none,
        totals.quarantine,
        totals.reject,
        records as u64,
    ] {
        row.push_int(count.cast_signed());
    }
    // `records_kept`.
    row.push_int(1);
    row.push_int(records_since(metadata.window, message.received_at));
    row.push_int(message.received_at);
    row.push_int(decision.authenticated.code());
    row.push_int(decision.arrivals);
    row.push_int(new.warnings.cast_signed());
    row.push_opt_int(
        originals
            .number(decision.claim.domain, decision.claim.message)
            .map(|no| no.0),
    );
    row.push_text(&reports::org_key(metadata.org_name.as_deref().unwrap_or_default()));
    row.push_opt_text(metadata.org_name.as_deref());
    row.push_opt_text(metadata.email.as_deref());
    row.push_text(&metadata.report_id);
    row.push_text(&new.policy);
    row.push_text(&new.detail);
    row.push_opt_text(provenance.map(Provenance::to_json).as_deref());
    // `history`: no one has decided anything yet.
    row.push_opt_text(None);
}
