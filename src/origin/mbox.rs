//! The mbox format (RFC 4155): many messages in one file, each after a line that begins with `From `.

use std::io::{self, BufRead, Read};

/// What an mbox begins with.
pub const MARK: &[u8] = b"From ";

/// The messages of an mbox, one at a time.
///
/// A message over the limit is an error of kind `FileTooLarge`; the next one follows all the same.
#[derive(Debug)]
pub struct Mbox<R> {
    reader: R,
    message_bytes_max: u64,
    number: u64,
    line: Vec<u8>,
    is_at_end: bool,
}

impl<R: BufRead> Mbox<R> {
    /// Reads from `reader`, whose first line is a mark.
    pub fn new(reader: R, message_bytes_max: u64) -> Self {
        Self {
            reader,
            message_bytes_max,
            number: 0,
            line: Vec::new(),
            is_at_end: false,
        }
    }

    /// The number of the message given last, counted from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Was the last message given?
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// The message up to the next mark. `None` is one over the limit.
    fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        let mut is_too_large = false;
        // The file's first line is a mark without a blank line before it.
        let mut is_after_blank = self.number == 0;
        let mut has_begun = self.number > 0;
        loop {
            self.line.clear();
            // A line may be as long as the message; what is longer comes in pieces and is dropped below.
            let piece_max = self.message_bytes_max.saturating_add(1);
            if self.reader.by_ref().take(piece_max).read_until(b'\n', &mut self.line)? == 0 {
                self.is_at_end = true;
                break;
            }
            if is_after_blank && is_mark(&self.line) {
                if has_begun {
                    break;
                }
                has_begun = true;
                is_after_blank = false;
                continue;
            }
            has_begun = true;
            is_after_blank = matches!(self.line.as_slice(), b"\n" | b"\r\n");
            let line = unquote(&self.line);
            if (message.len() + line.len()) as u64 > self.message_bytes_max {
                is_too_large = true;
                message = Vec::new();
            }
            if !is_too_large {
                message.extend_from_slice(line);
            }
        }
        // The blank line before a mark belongs to the mbox.
        if !self.is_at_end {
            let blank = if message.ends_with(b"\r\n") { 2 } else { 1 };
            message.truncate(message.len().saturating_sub(blank));
        }
        self.number += 1;
        Ok((!is_too_large).then_some(message))
    }
}

impl<R: BufRead> Iterator for Mbox<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_at_end {
            return None;
        }
        Some(match self.message() {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(super::files::too_large(self.message_bytes_max)),
            Err(error) => {
                self.is_at_end = true;
                Err(error)
            }
        })
    }
}

/// A mark has a time of day in it; a sentence that begins with "From " seldom has.
fn is_mark(line: &[u8]) -> bool {
    let is_time = |w: &[u8]| w[0].is_ascii_digit() && w[1] == b':' && w[2].is_ascii_digit();
    line.starts_with(MARK) && line.windows(3).any(is_time)
}

/// A line of a message that looked like a mark was written with one more `>` (the mboxrd convention).
fn unquote(line: &[u8]) -> &[u8] {
    let arrows = line.iter().take_while(|&&byte| byte == b'>').count();
    if arrows > 0 && line[arrows..].starts_with(MARK) {
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
    fn messages_are_told_apart_by_marks_after_a_blank_line() {
        check(&format!("{FROM}a: b\n\ntext\n"), &["a: b\n\ntext\n"]);
        check(&format!("{FROM}one\n\n{FROM}two\n"), &["one\n", "two\n"]);
        check(&format!("{FROM}one\n{FROM}two\n"), &[&format!("one\n{FROM}two\n")]);
        check(&format!("{FROM}one\n\nFrom here on\n"), &["one\n\nFrom here on\n"]);
        check(&format!("{FROM}one\n\n{FROM}"), &["one\n", ""]);
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
}
