//! Transfer encodings, leniently: a defect costs the bytes it stands on, never the leaf.

use super::sniff;

/// How a body is encoded (RFC 2045, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Encoding {
    #[default]
    Identity,
    Base64,
    QuotedPrintable,
}

impl Encoding {
    /// The encoding that is undone: a body that is plainly not encoded is left alone.
    pub(super) fn effective(self, body: &[u8]) -> Self {
        let head = &body[..body.len().min(super::sniff::HEAD_BYTES_MAX)];
        let is_packed = || matches!(sniff::format(head), sniff::Format::Gzip | sniff::Format::Zip);
        match self {
            Self::Identity => Self::Identity,
            _ if is_packed() => Self::Identity,
            Self::Base64 if sniff::is_xml_start(body) => Self::Identity,
            encoding => encoding,
        }
    }

    /// The memory that undoing it takes.
    pub(super) fn decoded_bytes(self, body: &[u8]) -> usize {
        match self {
            Self::Identity => 0,
            Self::Base64 => base64_bytes(body.len()),
            Self::QuotedPrintable => body.len(),
        }
    }
}

const INVALID: u8 = 0xff;
const PADDING: u8 = 0xfe;

static BASE64: [u8; 256] = base64_table();

const fn base64_table() -> [u8; 256] {
    let mut table = [INVALID; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < alphabet.len() {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    table[b'=' as usize] = PADDING;
    table
}

/// The memory that decoding this number of base64 characters takes.
pub(super) fn base64_bytes(characters: usize) -> usize {
    characters / 4 * 3 + 3
}

/// Decodes base64; characters outside the alphabet are skipped, padding may be missing or stand in the middle.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(base64_bytes(text.len()));
    let mut bits = 0_u32;
    let mut count = 0;
    for &character in text {
        match BASE64[usize::from(character)] {
            INVALID => {}
            PADDING => {
                flush(&mut out, bits, count);
                count = 0;
            }
            value => {
                bits = bits << 6 | u32::from(value);
                count += 1;
                if count == 4 {
                    out.extend_from_slice(&bits.to_be_bytes()[1..]);
                    count = 0;
                }
            }
        }
    }
    flush(&mut out, bits, count);
    out
}

fn flush(out: &mut Vec<u8>, bits: u32, count: u32) {
    match count {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend_from_slice(&[(bits >> 10) as u8, (bits >> 2) as u8]),
        _ => {}
    }
}

/// Decodes quoted-printable (RFC 2045, 6.7); an invalid escape stays as it is.
pub(super) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'=', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match rest {
            [high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                rest = tail;
            }
            _ => match soft_break(rest) {
                Some(tail) => rest = tail,
                None => out.push(b'='),
            },
        }
    }
    out.extend_from_slice(rest);
    out
}

/// The text after a soft line break, white space before its end included.
fn soft_break(rest: &[u8]) -> Option<&[u8]> {
    // RFC 2045, 6.7: a line has at most 76 characters, so longer white space was not added in transport.
    let blank = rest
        .iter()
        .take(76)
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
        .count();
    match rest.get(blank) {
        Some(b'\n') => Some(&rest[blank + 1..]),
        None => Some(&[]),
        Some(_) => None,
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_lenient() {
        let check = |text: &[u8], expect: &[u8]| assert_eq!(base64(text), expect, "{}", text.escape_ascii());
        check(b"", b"");
        check(b"aGVsbG8=", b"hello");
        check(b"aGVsbG8", b"hello");
        check(b"aGV\r\r\nsbG8=\r\n", b"hello");
        check(b"a!G.V-s_bG8", b"hello");
        check(b"aGVs\nbG8=\naGVsbG8=", b"hellohello");
        check(b"aGVsbG8==", b"hello");
        check(b"a", b"");
        check(b"====", b"");
    }

    #[test]
    fn quoted_printable_is_lenient() {
        let check = |text: &[u8], expect: &[u8]| assert_eq!(quoted_printable(text), expect, "{}", text.escape_ascii());
        check(b"a=3Db", b"a=b");
        check(b"a=\r\nb", b"ab");
        check(b"a= \t\nb", b"ab");
        check(b"a=", b"a");
        check(b"a=zzb==3d", b"a=zzb==");
        check(b"=1f=8B", b"\x1f\x8b");
        check(b"=\n", b"");
    }
}
