//! CSV (RFC 4180) that a spreadsheet can be given: no cell can become a formula, and each stays one cell.

use std::fmt::{Display, Write as _};

use crate::base::text::escaped;
use crate::report::aggregate::Evidence;

/// A line that is being written.
#[derive(Debug, Default)]
pub struct Row {
    text: String,
    has_cells: bool,
}

impl Row {
    /// Adds a cell that cannot be a formula, stays one cell and one line, and is safe on a terminal, whatever is in it.
    pub fn cell(&mut self, text: &str) {
        self.separate();
        let text = &*escaped(text);
        let quoted = text.contains(['"', ',']) || text.starts_with(' ') || text.ends_with(' ');
        if quoted {
            self.text.push('"');
        }
        if is_formula(text) {
            self.text.push('\'');
        }
        if quoted {
            self.text.push_str(&text.replace('"', "\"\""));
            self.text.push('"');
        } else {
            self.text.push_str(text);
        }
    }

    /// Adds a number, flag or address of ours: none of them begins like a formula.
    pub fn show(&mut self, value: impl Display) {
        self.separate();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
    }

    /// As [`Row::show`]; an empty cell if there is no value.
    pub fn show_some(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.show(value),
            None => self.cell(""),
        }
    }

    /// The line, with its end.
    pub fn finish(mut self) -> Vec<u8> {
        self.text.push_str("\r\n");
        self.text.into_bytes()
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.has_cells, true) {
            self.text.push(',');
        }
    }
}

/// DKIM results in one cell: `result domain/selector`, several separated by `; `.
pub fn dkim(evidence: &Evidence) -> String {
    let results = evidence
        .dkim
        .iter()
        .map(|dkim| dkim_result(dkim.result.word(), dkim.domain.as_deref(), dkim.selector.as_deref()));
    results.collect::<Vec<_>>().join("; ")
}

/// One DKIM result: `result domain/selector`.
pub fn dkim_result(result: &str, domain: Option<&str>, selector: Option<&str>) -> String {
    let selector = selector.map(|selector| format!("/{selector}"));
    format!(
        "{result} {}{}",
        domain.unwrap_or_default(),
        selector.unwrap_or_default()
    )
}

/// SPF results in one cell: `result domain`, several separated by `; `.
pub fn spf(evidence: &Evidence) -> String {
    let results = evidence
        .spf
        .iter()
        .map(|spf| spf_result(spf.result.word(), spf.domain.as_deref()));
    results.collect::<Vec<_>>().join("; ")
}

/// One SPF result: `result domain`.
pub fn spf_result(result: &str, domain: Option<&str>) -> String {
    format!("{result} {}", domain.unwrap_or_default())
}

/// Reasons for another disposition in one cell: `type (comment)`, several separated by `; `.
pub fn reasons(evidence: &Evidence) -> String {
    let reasons = evidence
        .reasons
        .iter()
        .map(|one| reason(one.kind.word(), one.comment.as_deref()));
    reasons.collect::<Vec<_>>().join("; ")
}

/// One reason: `type (comment)`.
pub fn reason(kind: &str, comment: Option<&str>) -> String {
    match comment {
        Some(comment) => format!("{kind} ({comment})"),
        None => kind.to_owned(),
    }
}

/// Whether a spreadsheet would compute it: a cell that begins with = + - @, also after white space that some programs
/// skip, and in the wide forms that some take for the narrow ones. TAB, CR and what has no width are written out before.
fn is_formula(text: &str) -> bool {
    let starts = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    text.trim_start().starts_with(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let mut row = Row::default();
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
        let mut first = Row::default();
        first.show_some(None::<u8>);
        first.show(1);
        assert_eq!(first.finish(), b",1\r\n", "an empty cell is a cell");
        check("plain text", "plain text");
        check("a,b", "\"a,b\"");
        check("say \"x\"", "\"say \"\"x\"\"\"");
        check("a\r\nb", "a\\u{d}\\u{a}b");
        check(" a", "\" a\"");
    }

    #[test]
    fn no_cell_moves_a_terminal() {
        check("a\u{1b}[31mb", "a\\u{1b}[31mb");
        check("a\u{9b}2Jb", "a\\u{9b}2Jb");
        check("gnp.\u{202e}lmx", "gnp.\\u{202e}lmx");
        check("\u{7f}, \u{e0041}", "\"\\u{7f}, \\u{e0041}\"");
    }

    #[test]
    fn no_cell_is_a_formula() {
        check("=1+1", "'=1+1");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "\\u{9}=1");
        check("\rx", "\\u{d}x");
        check("\u{a0}=1", "'\u{a0}=1");
        check(" =1", "\"' =1\"");
        check("\u{feff}=1", "\\u{feff}=1");
        check("\u{ff1d}1", "'\u{ff1d}1");
        check(
            "=HYPERLINK(\"http://x\",\"y\")",
            "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"",
        );
        check("a=1", "a=1");
    }
}
