//! The data of a message: where it ends, which dots are not its own, and whether its line ends are what they seem.
//!
//! Two servers that disagree about the end of a message can be made to see two messages where one was sent. Here nothing
//! but CR LF . CR LF is an end (RFC 5321, 4.1.1.4), whatever chunks it arrives in.

use memchr::{memchr, memchr2};

/// Takes stuffed dots out (RFC 5321, 4.5.2) and finds the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoder {
    place: Place,
    /// Whether a CR or LF outside of CR LF was seen.
    bare: bool,
}

/// Where the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// After CR LF, or at the very beginning: the CR LF of the DATA line counts (RFC 5321, 4.1.1.4), so that a lone dot
    /// is an empty message.
    LineStart,
    /// After the dot at the start of a line. It is held back: it is stuffing, or begins the end.
    Dot,
    /// After such a dot and CR, both held back.
    DotCr,
    Inside,
    /// After a CR, which is already given.
    Cr,
}

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All input is used up.
    More,
    /// The end was found after this number of bytes of the input.
    End(usize),
}

impl Decoder {
    /// Before the first byte after the 354.
    pub fn new() -> Self {
        Self {
            place: Place::LineStart,
            bare: false,
        }
    }

    /// Whether the data has a CR or LF outside of CR LF (RFC 5321, 2.3.8). Certain only at the end.
    pub fn has_bare_newline(self) -> bool {
        self.bare
    }

    /// Appends to `output` what of `input` belongs to the message. Nothing is given that could still be a part of the end.
    pub fn decode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Progress {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            if self.place == Place::Inside {
                // Within a line only CR and LF matter: take everything before the next at once.
                let rest = &input[at..];
                let run = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                output.extend_from_slice(&rest[..run]);
                at += run;
                let Some(&byte) = input.get(at) else { break };
                self.inside(byte, output);
                at += 1;
                continue;
            }
            at += 1;
            match (self.place, byte) {
                (Place::LineStart, b'.') => self.place = Place::Dot,
                (Place::Dot, b'\r') => self.place = Place::DotCr,
                (Place::DotCr, b'\n') => return Progress::End(at),
                (Place::DotCr, _) => {
                    // Not the end: the dot was stuffing, the CR is the message's own, and bare.
                    output.push(b'\r');
                    self.place = Place::Cr;
                    self.after_cr(byte, output);
                }
                (Place::Cr, _) => self.after_cr(byte, output),
                (Place::LineStart | Place::Dot | Place::Inside, _) => self.inside(byte, output),
            }
        }
        Progress::More
    }

    fn inside(&mut self, byte: u8, output: &mut Vec<u8>) {
        self.bare |= byte == b'\n';
        self.place = if byte == b'\r' { Place::Cr } else { Place::Inside };
        output.push(byte);
    }

    fn after_cr(&mut self, byte: u8, output: &mut Vec<u8>) {
        if byte == b'\n' {
            self.place = Place::LineStart;
            output.push(byte);
        } else {
            self.bare = true;
            self.inside(byte, output);
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts `Received:` fields in the header section, as its bytes come by.
#[derive(Debug, Clone, Copy)]
pub struct Hops {
    count: u32,
    at: Header,
}

#[derive(Debug, Clone, Copy)]
enum Header {
    /// Number of bytes of the name that agreed since the start of the line.
    Name(usize),
    /// The rest of a line does not matter.
    Rest,
    /// After the empty line that ends the header section (RFC 5322, 2.1).
    Over,
}

const RECEIVED: &[u8] = b"received:";

impl Hops {
    /// Before the first byte of a message.
    pub fn new() -> Self {
        Self {
            count: 0,
            at: Header::Name(0),
        }
    }

    /// How many there are so far.
    pub fn count(self) -> u32 {
        self.count
    }

    /// Looks at the next bytes of the message.
    pub fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.at {
                Header::Over => return,
                Header::Rest => {
                    let Some(end) = memchr(b'\n', bytes) else { return };
                    bytes = &bytes[end + 1..];
                    self.at = Header::Name(0);
                }
                Header::Name(agreed) => {
                    let byte = bytes[0];
                    bytes = &bytes[1..];
                    self.at = match byte {
                        b'\n' if agreed == 0 => Header::Over,
                        b'\n' => Header::Name(0),
                        // The CR of an empty line: wait for its LF.
                        b'\r' if agreed == 0 => Header::Name(0),
                        byte if RECEIVED[agreed] == byte.to_ascii_lowercase() => {
                            let whole = agreed + 1 == RECEIVED.len();
                            self.count = self.count.saturating_add(u32::from(whole));
                            if whole { Header::Rest } else { Header::Name(agreed + 1) }
                        }
                        _ => Header::Rest,
                    };
                }
            }
        }
    }
}

impl Default for Hops {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes in two chunks. Returns the message, whether a newline was bare, and the bytes left over.
    fn decode(input: &[u8], split: usize) -> (Vec<u8>, Option<bool>, Vec<u8>) {
        let (mut decoder, mut message) = (Decoder::new(), Vec::new());
        let (first, second) = input.split_at(split);
        for (chunk, after) in [(first, second), (second, &[][..])] {
            if let Progress::End(used) = decoder.decode(chunk, &mut message) {
                let rest = [&chunk[used..], after].concat();
                return (message, Some(decoder.has_bare_newline()), rest);
            }
        }
        (message, None, Vec::new())
    }

    fn check(input: &[u8], message: &[u8], end: Option<bool>, rest: &[u8]) {
        for split in 0..=input.len() {
            let expect = (message.to_vec(), end, rest.to_vec());
            assert_eq!(decode(input, split), expect, "{} at {split}", input.escape_ascii());
        }
    }

    #[test]
    fn the_end_is_found_and_dots_are_unstuffed() {
        check(b".\r\nQUIT\r\n", b"", Some(false), b"QUIT\r\n");
        check(b"a\r\n.\r\nrest", b"a\r\n", Some(false), b"rest");
        check(b"..\r\n...\r\n.a\r\n.\r\n", b".\r\n..\r\na\r\n", Some(false), b"");
        check(b"a.\r\n.\r\n", b"a.\r\n", Some(false), b"");
        check(b"\r\n\r\n.\r\n", b"\r\n\r\n", Some(false), b"");
        check(b"a\r\n.", b"a\r\n", None, b"");
        check(b"a\r\n.\r", b"a\r\n", None, b"");
    }

    #[test]
    fn nothing_else_is_an_end() {
        // Each is data up to the true end, and is marked.
        for (input, message) in [
            (&b"a\n.\nMAIL\r\n.\r\n"[..], &b"a\n.\nMAIL\r\n"[..]),
            (b"a\n.\r\nMAIL\r\n.\r\n", b"a\n.\r\nMAIL\r\n"),
            (b"a\r\n.\nMAIL\r\n.\r\n", b"a\r\n\nMAIL\r\n"),
            (b"a\r.\rMAIL\r\n.\r\n", b"a\r.\rMAIL\r\n"),
            (b"a\r\n.\rMAIL\r\n.\r\n", b"a\r\n\rMAIL\r\n"),
            (b"a\r.\r\nMAIL\r\n.\r\n", b"a\r.\r\nMAIL\r\n"),
            (b"a\r\r\n.\r\n", b"a\r\r\n"),
            (b"a\r\n.\r\r\nb\r\n.\r\n", b"a\r\n\r\r\nb\r\n"),
            (b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n"),
            (b".\n\r\n.\r\n", b"\n\r\n"),
            (b".\r.\r\n.\r\n", b"\r.\r\n"),
            (b"\n.\r\n\r\n.\r\n", b"\n.\r\n\r\n"),
        ] {
            check(input, message, Some(true), b"");
        }
        check(b"a\r\n\0.\r\nb\r\n.\r\n", b"a\r\n\0.\r\nb\r\n", Some(false), b"");
        check(b"a\r\n.\0\r\nb\r\n.\r\n", b"a\r\n\0\r\nb\r\n", Some(false), b"");
    }

    fn hops(message: &[u8], split: usize) -> u32 {
        let mut hops = Hops::new();
        hops.see(&message[..split]);
        hops.see(&message[split..]);
        hops.count()
    }

    #[test]
    fn hops_are_counted_in_the_header_only() {
        let message = b"Received: a\r\n by b\r\nX-Received: c\r\nRECEIVED:d\r\nRec\r\n\r\nReceived: e\r\n";
        for split in 0..=message.len() {
            assert_eq!(hops(message, split), 2, "at {split}");
        }
        assert_eq!(hops(b"\r\nReceived: a\r\n", 0), 0);
        assert_eq!(hops(b"", 0), 0);
    }
}
