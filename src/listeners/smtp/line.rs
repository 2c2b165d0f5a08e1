//! Command lines out of a stream of bytes.

use memchr::memchr;

/// The line that is being collected. Holds no more than the limit.
#[derive(Debug, Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Collecting,
    /// The line is longer than it may be: the rest is dropped, so that it is not taken for the next command.
    Dropping,
    /// The bytes are a line that was given out.
    Given,
}

/// What [`LineBuffer::take`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// The input is used up.
    Incomplete,
    /// [`LineBuffer::bytes`] is a line, without its CR LF.
    Whole,
    /// A line ended, with LF alone.
    BadEnd,
    /// A line ended that was too long.
    TooLong,
}

impl LineBuffer {
    /// Takes the next line off the input. A line is at most `bytes_max` long, CR LF included.
    pub fn take(&mut self, input: &mut &[u8], bytes_max: usize) -> Line {
        if self.place == Place::Given {
            self.clear();
        }
        let end = memchr(b'\n', input).map(|at| at + 1);
        let (part, rest) = input.split_at(end.unwrap_or(input.len()));
        *input = rest;
        if self.bytes.len() + part.len() > bytes_max {
            self.bytes.clear();
            self.place = Place::Dropping;
        } else if self.place == Place::Collecting {
            self.bytes.extend_from_slice(part);
        }
        if end.is_none() {
            return Line::Incomplete;
        }
        if std::mem::replace(&mut self.place, Place::Given) == Place::Dropping {
            return Line::TooLong;
        }
        // RFC 5321, 2.3.8: only CR LF ends a line.
        if !self.bytes.ends_with(b"\r\n") {
            return Line::BadEnd;
        }
        self.bytes.truncate(self.bytes.len() - 2);
        Line::Whole
    }

    /// The line that was taken last.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what was collected.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.place = Place::Collecting;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], split: usize) -> Vec<(Line, Vec<u8>)> {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for mut chunk in [&input[..split], &input[split..]] {
            loop {
                match buffer.take(&mut chunk, 8) {
                    Line::Incomplete => break,
                    Line::TooLong => lines.push((Line::TooLong, Vec::new())),
                    line => lines.push((line, buffer.bytes().to_vec())),
                }
            }
        }
        lines
    }

    #[test]
    fn lines_are_the_same_at_every_split() {
        let input = b"123456\r\n1234567\r\n\r\na\nb\r\r\n123456789012345678901234567890\r\nc\r\n";
        let expect = [
            (Line::Whole, &b"123456"[..]),
            (Line::TooLong, b""),
            (Line::Whole, b""),
            (Line::BadEnd, b"a\n"),
            (Line::Whole, b"b\r"),
            (Line::TooLong, b""),
            (Line::Whole, b"c"),
        ];
        let expect: Vec<_> = expect.iter().map(|(line, bytes)| (*line, bytes.to_vec())).collect();
        for split in 0..=input.len() {
            assert_eq!(lines(input, split), expect, "at {split}");
        }
    }
}
