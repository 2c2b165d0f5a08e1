//! Which charset a text is in: its bytes are believed before its declaration.

use std::sync::LazyLock;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use memchr::memmem::Finder;

/// Where an encoding declaration may end; it is the first thing in a document.
const DECLARATION_BYTES_MAX: usize = 512;

/// How to read a text as UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charset {
    /// `None`: the bytes are passed on untouched, valid UTF-8 or not.
    pub encoding: Option<&'static Encoding>,
    /// Bytes of a byte order mark to skip.
    pub mark: usize,
}

/// The charset of a text that begins with `head`.
pub(super) fn detect(head: &[u8]) -> Charset {
    let by_bytes = |encoding, mark| Charset { encoding, mark };
    match head {
        [0xef, 0xbb, 0xbf, ..] => return by_bytes(None, 3),
        [0xff, 0xfe, ..] => return by_bytes(Some(UTF_16LE), 2),
        [0xfe, 0xff, ..] => return by_bytes(Some(UTF_16BE), 2),
        // XML 1.0, appendix F.1: without a mark, the zero beside the first `<` or white space tells.
        [b'<' | b' ' | b'\t' | b'\r' | b'\n', 0, second, 0, ..] if *second != 0 => {
            return by_bytes(Some(UTF_16LE), 0);
        }
        [0, b'<' | b' ' | b'\t' | b'\r' | b'\n', 0, second, ..] if *second != 0 => {
            return by_bytes(Some(UTF_16BE), 0);
        }
        _ => {}
    }
    let declared = declared(head).filter(|encoding| {
        // Row 53: a text whose declaration could be read is not in UTF-16. `replacement` (hz, ISO-2022-KR) would
        // turn a whole text into one character; the text below it is almost surely ASCII.
        ![UTF_8, UTF_16LE, UTF_16BE, encoding_rs::REPLACEMENT].contains(encoding) && !is_multibyte_utf8(head)
    });
    Charset {
        encoding: declared,
        mark: 0,
    }
}

/// The encoding named in `<?xml … encoding="…"?>`, if it is known.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    static DECLARATION: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"<?xml"));
    static ENCODING: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"encoding"));
    let head = &head[..head.len().min(DECLARATION_BYTES_MAX)];
    let start = DECLARATION.find(head)?;
    let declaration = &head[start..];
    let declaration = &declaration[..memchr::memchr(b'>', declaration).unwrap_or(declaration.len())];
    let value = &declaration[ENCODING.find(declaration)? + b"encoding".len()..];
    let value = value.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (&quote, value) = value.split_first()?;
    let end = memchr::memchr(quote, value)?;
    Encoding::for_label(&value[..end])
}

/// Whether `head` has characters beyond ASCII and all of them are valid UTF-8: then it is UTF-8, because a text in a
/// one-byte charset is that only by a rare chance.
fn is_multibyte_utf8(head: &[u8]) -> bool {
    if head.is_ascii() {
        return false;
    }
    match std::str::from_utf8(head) {
        Ok(_) => true,
        // Cut in the middle of a character.
        Err(error) => error.error_len().is_none() && !head[..error.valid_up_to()].is_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], expect: Option<&str>, mark: usize) {
        let found = detect(head);
        assert_eq!(
            (found.encoding.map(Encoding::name), found.mark),
            (expect, mark),
            "{}",
            head.escape_ascii()
        );
    }

    #[test]
    fn bytes_before_declaration() {
        check(b"<feedback>", None, 0);
        check(b"", None, 0);
        check(b"\xef\xbb\xbf<feedback>", None, 3);
        check(b"\xff\xfe<\0f\0", Some("UTF-16LE"), 2);
        check(b"\xfe\xff\0<\0f", Some("UTF-16BE"), 2);
        check(b"<\0f\0", Some("UTF-16LE"), 0);
        check(b"\0\n\0<", Some("UTF-16BE"), 0);
        check(b"<?xml version=\"1.0\" encoding=\"UTF-16\"?><feedback>", None, 0);
        check(b"<?xml version='1.0' encoding = 'utf8'?>", None, 0);
        check(
            b"<?xml version='1.0' encoding='windows-1252'?>",
            Some("windows-1252"),
            0,
        );
        check(b"<?xml version='1.0' encoding='ISO-8859-1'?>", Some("windows-1252"), 0);
        check(b"<?xml version='1.0' encoding='koi8-r'?>\xc1", Some("KOI8-R"), 0);
        check("<?xml version='1.0' encoding='iso-8859-1'?>é".as_bytes(), None, 0);
        check(b"<?xml version='1.0' encoding='hz-gb-2312'?>", None, 0);
        check(b"<?xml version='1.0' encoding='UTF-7'?>", None, 0);
        check(b"<?xml encoding='", None, 0);
        check(b"<?xml version='1.0'?><a encoding='koi8-r'>", None, 0);
    }
}
