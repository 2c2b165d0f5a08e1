//! Mailbox files: many messages in one file, each behind a line that begins with `From ` (RFC 4155), or between lines of
//! MMDF. Read as a stream: one message is in memory at a time.

use std::io::{self, BufRead, Read};

use crate::ingest::mbox::{Above, is_mark, is_mmdf, may_be_mark};

/// Lines are read in pieces: one may be as long as a message.
const PIECE_BYTES_MAX: u64 = 64 * 1024;

/// The messages of a mailbox file, one at a time.
///
/// A message over the limit is an error of kind `FileTooLarge`; the next one follows all the same.
#[derive(Debug)]
pub struct Mbox<R> {
    lines: Lines<R>,
    message_bytes_max: u64,
    number: u64,
    is_at_end: bool,
    /// Whether the mark of the next message has been read.
    has_begun: bool,
}

/// The pieces of lines, with a look at the next one.
#[derive(Debug)]
struct Lines<R> {
    reader: R,
    /// The piece that was read last.
    piece: Vec<u8>,
    /// Whether it begins a line.
    begins: bool,
    ahead: Option<Vec<u8>>,
}

impl<R: BufRead> Lines<R> {
    /// Reads the next piece; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        self.begins = self.piece.is_empty() || self.piece.ends_with(b"\n");
        match self.ahead.take() {
            Some(ahead) => self.piece = ahead,
            None => read_piece(&mut self.reader, &mut self.piece)?,
        }
        Ok(!self.piece.is_empty())
    }

    /// The beginning of the piece behind the last.
    fn next(&mut self) -> io::Result<&[u8]> {
        if self.ahead.is_none() {
            let mut ahead = Vec::new();
            read_piece(&mut self.reader, &mut ahead)?;
            self.ahead = Some(ahead);
        }
        Ok(self.ahead.as_deref().unwrap_or_default())
    }
}

fn read_piece(reader: &mut impl BufRead, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.clear();
    reader.take(PIECE_BYTES_MAX).read_until(b'\n', piece).map(drop)
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mark,
    Mmdf,
    Text,
}

impl<R: BufRead> Mbox<R> {
    /// Reads from `reader`, whose first line that is not empty is a mark.
    pub fn new(reader: R, message_bytes_max: u64) -> Self {
        Self {
            lines: Lines {
                reader,
                piece: Vec::new(),
                begins: true,
                ahead: None,
            },
            message_bytes_max,
            number: 0,
            is_at_end: false,
            has_begun: false,
        }
    }

    /// The number of the message given last, counted from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the last message was returned.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    fn kind(&mut self, above: Above) -> io::Result<Kind> {
        if !self.lines.begins || !may_be_mark(&self.lines.piece) {
            return Ok(Kind::Text);
        }
        if is_mmdf(&self.lines.piece) {
            return Ok(Kind::Mmdf);
        }
        let next = self.lines.next()?.to_owned();
        Ok(match is_mark(&self.lines.piece, &next, above) {
            true => Kind::Mark,
            false => Kind::Text,
        })
    }

    /// The message up to the next mark; `None` if there is none.
    fn message(&mut self) -> io::Result<Option<Message>> {
        let mut message = Message::default();
        let mut has_begun = std::mem::take(&mut self.has_begun);
        let mut above = match has_begun {
            true => Above::Text,
            false => Above::Blank,
        };
        loop {
            if !self.lines.advance()? {
                self.is_at_end = true;
                break;
            }
            match self.kind(above)? {
                Kind::Text if !has_begun && is_blank(&self.lines.piece) => continue,
                Kind::Text => {}
                // Around a message that has not begun, or that was there already.
                Kind::Mmdf if message.is_empty => {
                    above = Above::Blank;
                    continue;
                }
                Kind::Mmdf => break,
                Kind::Mark if has_begun => {
                    self.has_begun = true;
                    break;
                }
                Kind::Mark => {
                    has_begun = true;
                    above = Above::Text;
                    continue;
                }
            }
            has_begun = true;
            above = match self.lines.piece.as_slice() {
                b"\n" | b"\r\n" if self.lines.begins => Above::Blank,
                _ => Above::Text,
            };
            let piece = match self.lines.begins {
                true => unquote(&self.lines.piece),
                false => &self.lines.piece,
            };
            message.push(piece, self.message_bytes_max);
        }
        if !has_begun {
            return Ok(None);
        }
        // The blank line before a mark belongs to the mbox.
        if !self.is_at_end && above == Above::Blank {
            message.drop_blank();
        }
        self.number += 1;
        Ok(Some(message))
    }
}

/// Whether a line is empty, except for the byte order mark of a file.
fn is_blank(line: &[u8]) -> bool {
    line.strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(line)
        .trim_ascii()
        .is_empty()
}

pub(super) fn too_large(message_bytes_max: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("message is longer than {message_bytes_max} bytes: raise limits.message_bytes_max to read it"),
    )
}

/// A message that is being read.
#[derive(Debug)]
struct Message {
    bytes: Vec<u8>,
    is_empty: bool,
    is_too_large: bool,
}

impl Default for Message {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            is_empty: true,
            is_too_large: false,
        }
    }
}

impl Message {
    fn push(&mut self, piece: &[u8], bytes_max: u64) {
        self.is_empty = false;
        if (self.bytes.len() + piece.len()) as u64 > bytes_max {
            self.is_too_large = true;
            self.bytes = Vec::new();
        }
        if !self.is_too_large {
            self.bytes.extend_from_slice(piece);
        }
    }

    fn drop_blank(&mut self) {
        let blank = if self.bytes.ends_with(b"\r\n") { 2 } else { 1 };
        self.bytes.truncate(self.bytes.len().saturating_sub(blank));
    }
}

impl<R: BufRead> Iterator for Mbox<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_at_end {
            return None;
        }
        match self.message() {
            Ok(None) => None,
            Ok(Some(message)) if message.is_too_large => Some(Err(too_large(self.message_bytes_max))),
            Ok(Some(message)) => Some(Ok(message.bytes)),
            Err(error) => {
                self.is_at_end = true;
                Some(Err(error))
            }
        }
    }
}

/// A line of a message that looked like a mark was written with one more `>` (the mboxrd convention).
fn unquote(line: &[u8]) -> &[u8] {
    let arrows = line.iter().take_while(|&&byte| byte == b'>').count();
    if arrows > 0 && line[arrows..].starts_with(b"From ") {
        &line[1..]
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "From a@example.com Thu Jan  1 00:00:00 1970\n";

    fn check(text: &str, expect: &[&str]) {
        let messages: Vec<String> = Mbox::new(text.as_bytes(), 1_000)
            .map(|message| String::from_utf8(message.unwrap()).unwrap())
            .collect();
        assert_eq!(messages, expect, "{text:?}");
    }

    #[test]
    fn messages_begin_at_marks_after_a_blank_line() {
        check(&format!("{FROM}a: b\n\ntext\n"), &["a: b\n\ntext\n"]);
        check(&format!("{FROM}one\n\n{FROM}two\n"), &["one\n", "two\n"]);
        check(&format!("{FROM}one\n{FROM}two\n"), &[&format!("one\n{FROM}two\n")]);
        check(&format!("{FROM}one\n\nFrom here on\n"), &["one\n\nFrom here on\n"]);
        check(&format!("{FROM}one\n\n{FROM}"), &["one\n", ""]);
    }

    #[test]
    fn separators_of_every_kind_are_read() {
        let mails = ["To: a\n\none\n", "To: b\n\ntwo\n", "To: c\n\nthree\n"];
        let [a, b, c] = mails;
        for text in [
            format!("From \n{a}From \n{b}From \n{c}"),
            format!("From - \n{a}\nFrom -\n{b}\nFrom - Thu\n{c}"),
            format!("\n \n\u{feff}From x\n{a}{FROM}{b}\u{feff}From y\n{c}"),
            format!("\u{feff}\n{FROM}{a}\n{FROM}{b}\n{FROM}{c}\n"),
            format!("{FROM}{a}\x01\x01\x01\x01\n\x01\x01\x01\x01\n{b}\x01\x01\x01\x01\nFrom \n{c}"),
            format!(
                "\x01\x01\x01\x01\n{FROM}{a}\x01\x01\x01\x01\n\x01\x01\x01\x01\n{FROM}{b}\x01\x01\x01\x01\n{c}\x01\x01\x01\x01\n"
            ),
        ] {
            let messages: Vec<String> = Mbox::new(text.as_bytes(), 1_000)
                .map(|message| String::from_utf8(message.unwrap()).unwrap())
                .collect();
            let trimmed: Vec<_> = messages.iter().map(|mail| mail.trim_end()).collect();
            assert_eq!(trimmed, mails.map(str::trim_end), "{text:?}");
            let dos = text.replace('\n', "\r\n");
            assert_eq!(Mbox::new(dos.as_bytes(), 1_000).count(), 3, "{text:?}");
        }
        let sentence = format!("{FROM}{a}From here on\nNote: it is a sentence\n\nFrom Monday on\nnothing\n");
        assert_eq!(Mbox::new(sentence.as_bytes(), 1_000).count(), 1);
    }

    #[test]
    fn quoted_marks_are_restored() {
        check(
            &format!("{FROM}\n>From x\n>>From y\n> From z\n"),
            &["\nFrom x\n>From y\n> From z\n"],
        );
    }

    #[test]
    fn a_message_over_the_limit_does_not_hide_the_next() {
        let text = format!("{FROM}{}\n\n{FROM}two\n", "x".repeat(100));
        let messages: Vec<_> = Mbox::new(text.as_bytes(), 50).collect();
        assert_eq!(messages[0].as_ref().unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(messages[1].as_ref().unwrap(), b"two\n");
        assert_eq!(messages.len(), 2);
    }

    #[test]
    fn a_line_is_read_in_pieces_and_no_mark_is_found_within() {
        let long = "x".repeat(PIECE_BYTES_MAX as usize);
        let text = format!("{FROM}To: a\n\n{long}From \nTo: b\n");
        let messages: Vec<_> = Mbox::new(text.as_bytes(), 1 << 20).map(Result::unwrap).collect();
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0], text.as_bytes()[FROM.len()..]);
    }
}
