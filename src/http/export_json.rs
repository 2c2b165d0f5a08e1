//! An export as NDJSON: a row a line, with its report and all its evidence. A report whose rows are no longer kept has one
//! line, without a row.

use serde::Serialize;

use crate::api::{PolicyBody, RecordBody};
use crate::base::clock::format_instant;
use crate::base::text::write_json;
use crate::store::ExportedRecord;

/// A line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    report: ReportOfLine<'a>,
    #[serde(flatten)]
    record: Option<RecordBody<'a>>,
}

/// The report that a line is from.
#[derive(Debug, Serialize)]
struct ReportOfLine<'a> {
    /// Tallymark's number for the report.
    id: i64,
    /// The reporter's own id for the report.
    report_id: &'a str,
    /// Name of the organisation that sent the report, as it writes it.
    org_name: Option<&'a str>,
    /// The reporter's mail address.
    email: Option<&'a str>,
    /// The domain whose policy was found.
    domain: &'a str,
    /// As in a report's list.
    date_range_begin: String,
    /// As in a report's list.
    date_range_end: String,
    /// The policy that the reporter found at that domain.
    policy: PolicyBody,
    /// Time of the first arrival.
    received_at: String,
    /// Did the mail that carried it pass DMARC: `pass`, `fail`, `none` or `unknown`.
    authenticated: &'static str,
    /// False: retention has dropped its rows, and the line has none.
    records_kept: bool,
}

/// One line.
pub(super) fn write(out: &mut Vec<u8>, exported: &ExportedRecord) {
    let report = &*exported.report;
    let instant = |seconds: i64| format_instant(seconds.saturating_mul(1_000));
    let line = Line {
        report: ReportOfLine {
            id: report.no.0,
            report_id: &report.report_id,
            org_name: report.org_name.as_deref(),
            email: report.email.as_deref(),
            domain: &report.policy.domain,
            date_range_begin: instant(report.window.begin),
            date_range_end: instant(report.window.end),
            policy: PolicyBody::from(&report.policy),
            received_at: format_instant(report.received_at),
            authenticated: report.authenticated.word(),
            records_kept: report.records_kept,
        },
        record: exported.record.as_ref().map(RecordBody::from),
    };
    write_json(&line, out).expect("texts and numbers are always JSON, and memory takes them");
    out.push(b'\n');
}
