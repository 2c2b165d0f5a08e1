//! The plain-text form of Exim and its relatives: lines of a name and a value, then a copy of the header.

use super::fields::{Fields, decoded};
use crate::report::aggregate::Warnings;

/// How the line begins behind which the header is, and how that line, or the next, ends.
const MARK: &str = "------ This is a copy of the headers";
const MARK_END: &str = "detected.";
/// Lines before that mark.
const LINES_MAX: usize = 200;

/// The names of lines, with those that the same facts have in the other form.
const NAMES: [(&str, &str); 6] = [
    ("sender domain", "reported-domain"),
    ("sender ip address", "source-ip"),
    ("received date", "arrival-date"),
    ("dmarc results", "dmarc-results"),
    ("spf alignment", "spf-alignment"),
    ("dkim alignment", "dkim-alignment"),
];

/// The lines as fields, and the header section.
pub(super) fn read(text: &[u8], warnings: &mut Warnings) -> (Fields, Vec<u8>) {
    let text = decoded(text, "text", warnings);
    let (before, copy) = match text.find(MARK) {
        Some(at) => (&text[..at], behind_mark(&text[at..])),
        None => (&*text, ""),
    };
    let mut block = String::new();
    for line in before.lines().take(LINES_MAX) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let name = name.trim().to_ascii_lowercase();
        if let Some((_, field)) = NAMES.iter().find(|(known, _)| *known == name) {
            block.push_str(field);
            block.push(':');
            block.push_str(value);
            block.push('\n');
        }
    }
    let fields = Fields::read(block.as_bytes(), "text", warnings);
    (fields, header_section(copy).as_bytes().to_vec())
}

/// What is behind the lines of the mark.
fn behind_mark(text: &str) -> &str {
    let mut rest = text;
    for _ in 0..2 {
        let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = behind;
        if line.trim_end().ends_with(MARK_END) {
            break;
        }
    }
    rest.trim_start_matches(['\r', '\n'])
}

/// The lines up to the first empty one.
fn header_section(text: &str) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            break;
        }
        end += line.len();
    }
    &text[..end]
}
