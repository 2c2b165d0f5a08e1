//! The parts of a mail that are a failure report (RFC 9991): its fields, or its text, and the header of the mail that failed.

use super::fields::header_section;

/// What is kept of each part: all header sections that mail servers accept, and no more.
const PART_BYTES_MAX: usize = 64 * 1024;
/// Types of a part that is a copy of a mail, or of its header.
const COPIES: [&str; 5] = [
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
];

/// The form of a failure report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureForm {
    /// The text that Exim and its relatives write.
    Plain,
    /// Fields (RFC 5965).
    Arf,
}

/// A failure report as it is in a mail. Decoded, at most 64 KiB each; none of it has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureParts {
    pub form: FailureForm,
    /// The fields, or the plain text.
    pub text: Vec<u8>,
    /// The header section of the mail that failed; never its body.
    pub copy: Option<Vec<u8>>,
    /// The header section of the mail that carries the report; empty without one.
    pub mail: Vec<u8>,
}

/// What is found of a report during a walk.
#[derive(Debug, Default)]
pub(super) struct Collected(Option<FailureParts>);

impl Collected {
    /// Notes the text of a report. The first with fields is the report, else the first.
    pub fn note_text(&mut self, form: FailureForm, text: &[u8]) {
        if self.0.as_ref().is_some_and(|known| known.form >= form) {
            return;
        }
        self.0 = Some(FailureParts {
            form,
            text: text[..text.len().min(PART_BYTES_MAX)].to_vec(),
            copy: None,
            mail: Vec::new(),
        });
    }

    /// Whether a part is the copy that belongs to the report. RFC 6591, 3: it comes behind the fields.
    pub fn takes_copy(&self, media_type: &str) -> bool {
        self.0.as_ref().is_some_and(|known| known.copy.is_none()) && COPIES.contains(&media_type)
    }

    /// Notes the copy of the mail that failed; of several the first.
    pub fn note_copy(&mut self, mail: &[u8]) {
        if let Some(known) = self.0.as_mut().filter(|known| known.copy.is_none()) {
            known.copy = Some(header_section(mail, PART_BYTES_MAX).to_vec());
        }
    }

    /// The report, carried by this mail.
    pub fn finish(self, mail: Option<&[u8]>) -> Option<FailureParts> {
        let mut parts = self.0?;
        parts.mail = mail.map_or(Vec::new(), |mail| header_section(mail, PART_BYTES_MAX).to_vec());
        Some(parts)
    }
}
