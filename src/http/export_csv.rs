//! An export as CSV: which columns it has.

use super::records::result_word;
use crate::base::clock::format_instant;
use crate::csv::{Row, dkim, reasons, spf};
use crate::store::{ExportedRecord, StoredRecord};

const COLUMNS: &[&str] = &[
    "id",
    "report_id",
    "org_name",
    "email",
    "domain",
    "date_range_begin",
    "date_range_end",
    "received_at",
    "authenticated",
    "p",
    "sp",
    "np",
    "adkim",
    "aspf",
    "pct",
    "testing",
    "source_ip",
    "count",
    "result",
    "disposition",
    "dkim_aligned",
    "spf_aligned",
    "header_from",
    "envelope_from",
    "envelope_to",
    "dkim",
    "spf",
    "reasons",
    "records_kept",
];

/// The first line.
pub(super) fn header() -> Vec<u8> {
    let mut row = Row::default();
    COLUMNS.iter().for_each(|column| row.cell(column));
    row.finish()
}

/// One line. A report whose rows are no longer kept has one, with the cells of a row empty. Results are `result domain/selector`, several of them separated by `; `.
pub(super) fn write(out: &mut Vec<u8>, exported: &ExportedRecord) {
    let report = &*exported.report;
    let policy = &report.policy;
    let instant = |seconds: i64| format_instant(seconds.saturating_mul(1_000));
    let mut row = Row::default();
    row.show(report.no);
    row.cell(&report.report_id);
    row.cell(report.org_name.as_deref().unwrap_or_default());
    row.cell(report.email.as_deref().unwrap_or_default());
    row.cell(&policy.domain);
    row.cell(&instant(report.window.begin));
    row.cell(&instant(report.window.end));
    row.cell(&format_instant(report.received_at));
    row.cell(report.authenticated.word());
    for request in [policy.p, policy.sp, policy.np] {
        row.cell(request.map_or("", |request| request.word()));
    }
    for mode in [policy.adkim, policy.aspf] {
        row.cell(mode.map_or("", |mode| mode.word()));
    }
    row.show_some(policy.pct);
    row.show_some(policy.testing);
    match &exported.record {
        Some(record) => write_record(&mut row, record),
        None => (0..RECORD_COLUMNS).for_each(|_| row.cell("")),
    }
    row.show(report.records_kept);
    out.extend_from_slice(&row.finish());
}

/// Columns from `source_ip` to `reasons`.
const RECORD_COLUMNS: usize = 12;

fn write_record(row: &mut Row, record: &StoredRecord) {
    let evidence = &*record.evidence;
    row.show_some(record.source);
    row.show(record.count);
    row.cell(result_word(record));
    row.cell(record.verdict.disposition.word());
    row.show(record.verdict.dkim_aligned);
    row.show(record.verdict.spf_aligned);
    row.cell(evidence.header_from.as_deref().unwrap_or_default());
    row.cell(evidence.envelope_from.as_deref().unwrap_or_default());
    row.cell(evidence.envelope_to.as_deref().unwrap_or_default());
    row.cell(&dkim(evidence));
    row.cell(&spf(evidence));
    row.cell(&reasons(evidence));
}
