//! The rows of new reports: the report, its evidence, its records.

use hashbrown::HashMap;

use crate::report::aggregate::{Evidence, EvidenceKey, Record, Records, Window};

use super::super::db::{BulkRow, Conn};
use super::super::memory::Memory;
use super::super::moves::Moves;
use super::super::records::{self, NewRow, PackedRecord};
use super::super::rollup::Change;
use super::super::sweep::{self, Interned};
use super::super::{NewReport, Provenance, StoreError, belonging, bulk, evidence, reports};
use super::decide::Decisions;
use super::decision::Decision;
use super::keep::Originals;
use super::place::{Batch, Names};
use super::slices::Slice;
use crate::base::{DomainId, Millis};

/// Inserts the new reports.
pub(super) async fn insert(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
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
    insert_evidence_and_records(conn, memory, batch, &fresh).await
}

/// Gathers what the new reports move in the roll-ups.
pub(super) fn gather(batch: Batch<'_>, decisions: &Decisions, moves: &mut Moves) {
    for decision in decisions.new_reports().filter(|decision| decision.counted) {
        let new = batch.report_of(&decision.claim);
        let metadata = &new.report.metadata;
        let org_name = metadata.org_name.as_deref();
        let days = batch.slice_of(&decision.claim).map_or(&new.days, |slice| &slice.days);
        moves.report(decision.claim.domain, metadata.window, org_name, days, Change::Add);
    }
}

/// The evidence and the records of reports, which are in the order of domain and number.
pub(super) async fn insert_evidence_and_records(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: Batch<'_>,
    reports: &[&Decision],
) -> Result<(), StoreError> {
    let known = intern(conn, memory, batch, reports).await?;
    insert_records(conn, batch, reports, &known).await
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
    row.push_int(new.warnings.total().cast_signed());
    row.push_opt_int(
        originals
            .number(decision.claim.domain, decision.claim.message)
            .map(|no| no.0),
    );
    row.push_text(&reports::org_key(metadata.org_name.as_deref().unwrap_or_default()));
    row.push_opt_text(metadata.org_name.as_deref());
    row.push_opt_text(metadata.email.as_deref());
    row.push_text(&metadata.report_id);
    row.push_text(&reports::policy_json(&report.policy));
    row.push_text(&reports::detail_json(report, &new.warnings));
    row.push_opt_text(provenance.map(Provenance::to_json).as_deref());
    // `history`: no one has decided anything yet.
    row.push_opt_text(None);
}

/// The evidence of a report, or of a slice of it, by its positions.
fn evidence_of<'p>(new: &NewReport, slice: Option<&'p Slice>) -> impl Iterator<Item = usize> + use<'p> {
    let whole = if slice.is_none() { new.evidence.len() } else { 0 };
    let own = slice.map_or(&[][..], |slice| &slice.evidence);
    (0..whole).chain(own.iter().copied())
}

pub(super) type Known = HashMap<(DomainId, EvidenceKey), i64>;

/// Returns the number of every piece of evidence of the new reports, and adds unknown evidence.
///
/// The writer's memory knows most of them. The map holds what this batch needs.
async fn intern(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    batch: Batch<'_>,
    fresh: &[&Decision],
) -> Result<Known, StoreError> {
    let wanted = fresh.iter().flat_map(|decision| {
        let new = batch.report_of(&decision.claim);
        let own = evidence_of(new, batch.slice_of(&decision.claim));
        own.map(|nth| ((decision.claim.domain, new.evidence[nth]), &new.report.evidence[nth]))
    });
    let remembered = Remembered::new(memory, wanted);
    intern_all(conn, memory, remembered, &batch.placed.names).await
}

/// Evidence whose numbers the writer remembers, and the rest.
pub(super) struct Remembered<'e> {
    known: Known,
    unknown: HashMap<(DomainId, EvidenceKey), &'e Evidence>,
}

impl<'e> Remembered<'e> {
    pub fn new(memory: &Memory, wanted: impl Iterator<Item = ((DomainId, EvidenceKey), &'e Evidence)>) -> Self {
        let (mut known, mut unknown) = (Known::default(), HashMap::new());
        for (key, evidence) in wanted {
            match memory.evidence.get(&key) {
                Some(number) => _ = known.insert(key, *number),
                None => _ = unknown.insert(key, evidence),
            }
        }
        Self { known, unknown }
    }
}

/// Returns the number of every piece of `remembered`, and adds the unknown ones.
pub(super) async fn intern_all(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    remembered: Remembered<'_>,
    names: &Names,
) -> Result<Known, StoreError> {
    let Remembered { mut known, unknown } = remembered;
    if unknown.is_empty() {
        return Ok(known);
    }
    let mut keys: Vec<_> = unknown.keys().copied().collect();
    keys.sort_unstable();
    let rows = conn
        .bulk_all(&bulk::EVIDENCE_BY_KEY, &keys, |args, (domain, key)| {
            args.push_int(domain.0);
            args.push_blob(&key.0);
        })
        .await?;
    let found = rows.iter().map(Interned::from_row).collect::<Result<Vec<_>, _>>()?;
    sweep::revive(conn, &found).await?;
    known.extend(found.iter().map(|one| ((one.domain, one.key), one.number)));
    keys.retain(|key| !known.contains_key(key));
    let first = memory.evidences.take(conn, "evidence", keys.len()).await?;
    let numbered: Vec<_> = keys.into_iter().zip(first..).collect();
    conn.bulk(&bulk::EVIDENCE_ADD, &numbered, |args, ((domain, key), number)| {
        args.push_int(domain.0);
        args.push_int(*number);
        args.push_blob(&key.0);
        args.push_blob(&evidence::encode(unknown[&(*domain, *key)], &names[domain]));
    })
    .await?;
    known.extend(numbered);
    memory.evidence.extend(unknown.keys().map(|key| (*key, known[key])));
    Ok(known)
}

/// Bytes gathered before they are written. They bound the memory, whatever the size of a report.
const GATHERED_BYTES_MAX: usize = 1 << 20;

async fn insert_records(
    conn: &mut Conn<'_>,
    batch: Batch<'_>,
    fresh: &[&Decision],
    known: &Known,
) -> Result<(), StoreError> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut numbers = Vec::new();
    for decision in fresh {
        let new = batch.report_of(&decision.claim);
        let domain = decision.claim.domain;
        numbers.clear();
        numbers.resize(new.evidence.len(), 0);
        for nth in evidence_of(new, batch.slice_of(&decision.claim)) {
            numbers[nth] = known[&(domain, new.evidence[nth])];
        }
        let packed = |record: &Record| PackedRecord {
            source: record.source,
            count: record.count,
            verdict: new.report.verdict(record),
            evidence: numbers[record.evidence as usize],
        };
        let picked: Records;
        let all = match batch.slice_of(&decision.claim) {
            None => &new.report.records,
            Some(slice) => {
                picked = slice.records.iter().map(|&nth| new.report.records[nth]).collect();
                &picked
            }
        };
        for (piece, nth) in all.chunks(records::ROW_RECORDS).zip(0..) {
            let content = records::encode(piece.iter().map(packed));
            bytes += content.len();
            rows.push(NewRow {
                domain,
                no: decision.no.0,
                first: nth * records::ROW_RECORDS as i64,
                content,
            });
            if bytes >= GATHERED_BYTES_MAX {
                records::write(conn, &rows).await?;
                rows.clear();
                bytes = 0;
            }
        }
    }
    records::write(conn, &rows).await
}
