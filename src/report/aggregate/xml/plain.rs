//! The plainest forms of markup, which nearly all of a report consists of, eight bytes at a time.
//!
//! Each function looks at bytes and decides nothing: what is not plain goes to the tokenizer.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Marks the bytes of `word` that are `byte`. Only the lowest mark is to be trusted: a borrow may add marks above it.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// Marks the bytes of `word` that are below `limit`, at most 128; only the lowest mark is to be trusted.
#[inline]
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGHS
}

#[inline]
fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

#[inline]
fn first(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// How many bytes at the start of `bytes` are white space (XML 1.0, production S).
#[inline]
pub(super) fn space_len(bytes: &[u8]) -> usize {
    // Indentation: a line end, then spaces.
    let mut at = usize::from(bytes.first() == Some(&b'\n'));
    loop {
        while let Some(word) = word_at(bytes, at) {
            let other = word ^ (ONES * u64::from(b' '));
            if other != 0 {
                at += first(other);
                break;
            }
            at += 8;
        }
        match bytes.get(at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
            _ => return at,
        }
    }
}

/// Length of the text up to the first `<`, if it is printable ASCII without `&`.
#[inline]
pub(crate) fn text_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = word_at(bytes, at) {
        let marks = equal(word, b'<') | equal(word, b'&') | below(word, b' ') | (word & HIGHS);
        if marks != 0 {
            at += first(marks);
            return (bytes[at] == b'<').then_some(at);
        }
        at += 8;
    }
    for (len, byte) in bytes.iter().enumerate().skip(at) {
        match byte {
            b'<' => return Some(len),
            b'&' | 0..0x20 | 0x80.. => return None,
            _ => {}
        }
    }
    None
}

/// Length of the name of letters, digits and underscores that begins `bytes`, if `>` or `/>` comes right after it,
/// and which of the two.
#[inline]
pub(super) fn tag_name(bytes: &[u8]) -> Option<(usize, bool)> {
    let mut end = 0;
    loop {
        let word = word_at(bytes, end)?;
        let marks = equal(word, b'>');
        if marks != 0 {
            end += first(marks);
            break;
        }
        end += 8;
        if end > 32 {
            return None;
        }
    }
    let empty = end > 0 && bytes[end - 1] == b'/';
    let len = end - usize::from(empty);
    (len > 0).then_some((len, empty))
}

/// The name that begins `bytes`, with its prefix; empty if there is none.
pub(super) fn name(bytes: &[u8]) -> &[u8] {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    &bytes[..bytes.iter().take(128).take_while(is_name).count()]
}

/// Whether `name` is of letters, digits and underscores and does not begin with a digit.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name[0].is_ascii_digit() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces() {
        for (bytes, len) in [
            ("", 0),
            ("x", 0),
            (" x", 1),
            ("\n        <row>", 9),
            ("\r\n\t \n                 x", 22),
        ] {
            assert_eq!(space_len(bytes.as_bytes()), len, "{bytes:?}");
        }
    }

    #[test]
    fn texts() {
        for (bytes, len) in [
            ("<", Some(0)),
            ("abc</abc>", Some(3)),
            ("a long text with ~ in it</abc>", Some(24)),
            ("12345678</abc>", Some(8)),
            ("a&amp;b</abc>", None),
            ("a\nb</abc>", None),
            ("caf\u{e9}</abc>", None),
            ("no end", None),
        ] {
            assert_eq!(text_len(bytes.as_bytes()), len, "{bytes:?}");
        }
    }

    #[test]
    fn every_byte_is_distinguished() {
        for byte in 0..=u8::MAX {
            for at in 0..12 {
                let mut bytes = *b"abcdefghijklm<xx";
                bytes[at] = byte;
                let expect = match byte {
                    b'<' => Some(at),
                    b'&' | 0..0x20 | 0x80.. => None,
                    _ => Some(13),
                };
                assert_eq!(text_len(&bytes), expect, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn tag_names() {
        for (bytes, expect) in [
            ("row>        ", Some((3, false))),
            ("policy_evaluated>          ", Some((16, false))),
            ("sp/>          ", Some((2, true))),
            (">          ", None),
            ("/>          ", None),
            ("row", None),
        ] {
            assert_eq!(tag_name(bytes.as_bytes()), expect, "{bytes}");
        }
    }
}
