//! An export as CSV (RFC 4180), for spreadsheets: no cell can become a formula.

use std::fmt::{Display, Write as _};

use super::records::result_word;
use crate::clock::format_instant;
use crate::report::Evidence;
use crate::store::ExportedRecord;

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
];

/// The first line.
pub(super) fn header() -> Vec<u8> {
    let mut row = Row::new();
    COLUMNS.iter().for_each(|column| row.cell(column));
    row.finish()
}

/// One line. Results are `result domain/selector`, several of them separated by `; `.
pub(super) fn write(out: &mut Vec<u8>, exported: &ExportedRecord) {
    let (report, record) = (&*exported.report, &exported.record);
    let (policy, evidence) = (&report.policy, &*record.evidence);
    let instant = |seconds: i64| format_instant(seconds.saturating_mul(1_000));
    let mut row = Row::new();
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
    out.extend_from_slice(&row.finish());
}

fn dkim(evidence: &Evidence) -> String {
    let results = evidence.dkim.iter().map(|dkim| {
        let domain = dkim.domain.as_deref().unwrap_or_default();
        let selector = dkim.selector.as_deref().map(|selector| format!("/{selector}"));
        format!("{} {domain}{}", dkim.result.word(), selector.unwrap_or_default())
    });
    results.collect::<Vec<_>>().join("; ")
}

fn spf(evidence: &Evidence) -> String {
    let results = evidence.spf.iter().map(|spf| {
        let domain = spf.domain.as_deref().unwrap_or_default();
        format!("{} {domain}", spf.result.word())
    });
    results.collect::<Vec<_>>().join("; ")
}

fn reasons(evidence: &Evidence) -> String {
    let reasons = evidence.reasons.iter().map(|reason| match &reason.comment {
        Some(comment) => format!("{} ({comment})", reason.kind.word()),
        None => reason.kind.word().to_owned(),
    });
    reasons.collect::<Vec<_>>().join("; ")
}

/// A line that is being written.
struct Row(String);

impl Row {
    fn new() -> Self {
        Self(String::new())
    }

    /// Adds a cell that cannot be a formula, and stays one cell whatever is in it.
    fn cell(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        let quoted = text.contains(['"', ',', '\r', '\n', '\t']) || text.starts_with(' ') || text.ends_with(' ');
        if quoted {
            self.0.push('"');
        }
        if is_formula(text) {
            self.0.push('\'');
        }
        if quoted {
            self.0.push_str(&text.replace('"', "\"\""));
            self.0.push('"');
        } else {
            self.0.push_str(text);
        }
    }

    /// Adds a number, flag or address of ours: none of them begins like a formula.
    fn show(&mut self, value: impl Display) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{value}");
    }

    fn show_some(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.show(value),
            None => self.cell(""),
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.push_str("\r\n");
        self.0.into_bytes()
    }
}

/// Would a spreadsheet compute it? Those that begin with = + - @ TAB or CR, also after white space and control
/// characters that some programs skip, and in the wide forms that some take for the narrow ones.
fn is_formula(text: &str) -> bool {
    let skipped = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}');
    let starts = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    text.starts_with(['\t', '\r', '\n']) || text.trim_start_matches(skipped).starts_with(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let mut row = Row::new();
        row.cell("x");
        row.cell(text);
        assert_eq!(
            String::from_utf8(row.finish()).unwrap(),
            format!("x,{expect}\r\n"),
            "{text:?}"
        );
    }

    #[test]
    fn a_cell_stays_one_cell() {
        check("", "");
        check("plain text", "plain text");
        check("a,b", "\"a,b\"");
        check("say \"x\"", "\"say \"\"x\"\"\"");
        check("a\r\nb", "\"a\r\nb\"");
        check(" a", "\" a\"");
    }

    #[test]
    fn no_cell_is_a_formula() {
        check("=1+1", "'=1+1");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "\"'\t=1\"");
        check("\rx", "\"'\rx\"");
        check(" =1", "\"' =1\"");
        check("\u{feff}=1", "'\u{feff}=1");
        check("\u{ff1d}1", "'\u{ff1d}1");
        check(
            "=HYPERLINK(\"http://x\",\"y\")",
            "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"",
        );
        check("a=1", "a=1");
    }
}
