//! The fields of a header block, as ranges of its bytes.

use std::ops::Range;

use super::sniff;

/// The value of a field.
pub(super) fn field_value(field: &[u8]) -> &[u8] {
    memchr::memchr(b':', field).map_or(b"", |colon| &field[colon + 1..])
}

/// The header section at the start of a mail: its fields, up to the empty line, of at most `bytes_max` bytes.
pub(super) fn header_section(mail: &[u8], bytes_max: usize) -> &[u8] {
    let mail = &mail[..mail.len().min(bytes_max)];
    let end = Fields::new(mail).find_map(|field| match field {
        Field::End(at) => Some(at),
        Field::Named { .. } => None,
    });
    &mail[..end.unwrap_or(mail.len())]
}

/// A header field with its continuation lines, or the offset of the body.
pub(super) enum Field<'h> {
    Named { name: &'h [u8], range: Range<usize> },
    End(usize),
}

/// The fields of a header block.
///
/// Only an empty line ends it. A line that is not a field and does not continue one is skipped: Microsoft sent parts with a
/// stray `name="….xml.gz"` in March 2024, and a stricter reading takes the rest of the header for the body.
pub(super) struct Fields<'h> {
    bytes: &'h [u8],
    at: usize,
}

impl<'h> Fields<'h> {
    pub fn new(bytes: &'h [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn line_end(&self, at: usize) -> usize {
        memchr::memchr(b'\n', &self.bytes[at..]).map_or(self.bytes.len(), |length| at + length + 1)
    }
}

impl<'h> Iterator for Fields<'h> {
    type Item = Field<'h>;

    fn next(&mut self) -> Option<Field<'h>> {
        while self.at < self.bytes.len() {
            let start = self.at;
            let mut end = self.line_end(start);
            self.at = end;
            let line = &self.bytes[start..end];
            if matches!(line, b"\n" | b"\r\n" | b"\r\r\n") {
                return Some(Field::End(end));
            }
            let Some(name) = sniff::field_name(line) else { continue };
            while matches!(self.bytes.get(end), Some(b' ' | b'\t')) {
                end = self.line_end(end);
            }
            self.at = end;
            return Some(Field::Named {
                name,
                range: start..end,
            });
        }
        None
    }
}
