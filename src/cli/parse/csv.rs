//! One line per record, for spreadsheets.

use std::io::{self, Write};

use crate::base::clock::format_instant;
use crate::csv::{Row, dkim, reasons, spf};
use crate::report::aggregate::Report;

const COLUMNS: [&str; 18] = [
    "file",
    "report_id",
    "org_name",
    "domain",
    "date_range_begin",
    "date_range_end",
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
];

/// Writes the first line.
pub fn write_header(out: &mut dyn Write) -> io::Result<()> {
    let mut row = Row::default();
    COLUMNS.iter().for_each(|column| row.cell(column));
    out.write_all(&row.finish())
}

/// Writes the records of one report.
pub fn write(file: &str, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let metadata = &report.metadata;
    let instant = |seconds: i64| format_instant(seconds.saturating_mul(1_000));
    let (begin, end) = (instant(metadata.window.begin), instant(metadata.window.end));
    for record in &report.records {
        let evidence = &report.evidence[record.evidence as usize];
        let verdict = report.verdict(record);
        let mut row = Row::default();
        row.cell(file);
        row.cell(&metadata.report_id);
        row.cell(metadata.org_name.as_deref().unwrap_or_default());
        row.cell(&report.policy.domain);
        row.show(&begin);
        row.show(&end);
        row.show_some(record.source);
        row.show(record.count);
        row.show(if verdict.passes() { "pass" } else { "fail" });
        row.show(verdict.disposition.word());
        row.show(verdict.dkim_aligned);
        row.show(verdict.spf_aligned);
        row.cell(evidence.header_from.as_deref().unwrap_or_default());
        row.cell(evidence.envelope_from.as_deref().unwrap_or_default());
        row.cell(evidence.envelope_to.as_deref().unwrap_or_default());
        row.cell(&dkim(evidence));
        row.cell(&spf(evidence));
        row.cell(&reasons(evidence));
        out.write_all(&row.finish())?;
    }
    Ok(())
}
