//! The text of a message that was set aside, around the byte that reading stopped at.

use std::io::{BufRead, Read as _};
use std::str::Utf8Chunk;

use crate::base::clock::Clock;
use crate::store::SetAside;
use crate::unpack::{self, ReportText};

/// Bytes that are shown before the byte, and from it on.
const BEFORE_BYTES: u64 = 400;
const AFTER_BYTES: usize = 600;
/// Longest search for the text.
const TIME_MAX: std::time::Duration = std::time::Duration::from_secs(2);

/// A piece of a text. Whatever is not UTF-8 in it is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// Place of its first byte in the text.
    pub first_byte: u64,
    pub before: String,
    /// The character that reading stopped at; empty if that is not known, or is the end of the text.
    pub at: String,
    pub after: String,
}

/// The piece of a message that was set aside: of the text that it is about, or, if that cannot be found, of the message.
///
/// `None` without bytes. To be called apart from the runtime's workers.
pub fn excerpt(message: &[u8], aside: &SetAside, clock: &Clock) -> Option<Excerpt> {
    let began = clock.monotonic();
    let stop = || clock.monotonic().saturating_sub(began) > TIME_MAX;
    let mut found = None;
    unpack::unpack(message, &unpack::Limits::default(), &stop, &mut |text| {
        if found.is_none() && is_about(&aside.leaf, text.leaf()) {
            found = piece_of(&text, aside.offset);
        }
    });
    found.or_else(|| piece(&mut &*message, None))
}

/// Whether a place is this leaf, or a document in it.
fn is_about(place: &str, leaf: &str) -> bool {
    place == leaf
        || place
            .strip_prefix(leaf)
            .is_some_and(|rest| rest.starts_with(" > report "))
}

fn piece_of(text: &ReportText<'_>, offset: Option<u64>) -> Option<Excerpt> {
    piece(&mut text.open().ok()?, offset)
}

/// Reads up to the offset, and a little further. A text that breaks off is shown up to its end.
fn piece(text: &mut impl BufRead, offset: Option<u64>) -> Option<Excerpt> {
    let first_byte = offset.unwrap_or(0).saturating_sub(BEFORE_BYTES);
    let mut left = first_byte;
    while left > 0 {
        let available = text.fill_buf().map_or(0, <[u8]>::len);
        if available == 0 {
            return None;
        }
        let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        text.consume(skipped);
        left -= skipped as u64;
    }
    let before_len = usize::try_from(offset.unwrap_or(0) - first_byte).unwrap_or(0);
    let mut bytes = Vec::with_capacity(before_len + AFTER_BYTES);
    let wanted = (before_len + AFTER_BYTES) as u64;
    // What was read before an error stays.
    let _ = text.take(wanted).read_to_end(&mut bytes);
    if bytes.is_empty() {
        return None;
    }
    let (before, rest) = bytes.split_at(before_len.min(bytes.len()));
    let at_len = match offset {
        Some(_) => first_len(rest),
        None => 0,
    };
    let (at, after) = rest.split_at(at_len);
    let text_of = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Some(Excerpt {
        first_byte,
        before: text_of(before),
        at: text_of(at),
        after: text_of(after),
    })
}

/// Bytes of the first character in UTF-8, or of the bytes before the next one.
fn first_len(bytes: &[u8]) -> usize {
    let first = |chunk: Utf8Chunk<'_>| match chunk.valid().chars().next() {
        Some(character) => character.len_utf8(),
        None => chunk.invalid().len(),
    };
    bytes.utf8_chunks().next().map_or(0, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_the_character_at_the_offset() {
        for (text, offset, expect) in [
            ("abcdef", Some(2), Some((0, "ab", "c", "def"))),
            ("abä!", Some(2), Some((0, "ab", "ä", "!"))),
            ("abc", Some(3), Some((0, "abc", "", ""))),
            ("abc", None, Some((0, "", "", "abc"))),
            ("abc", Some(9_000), None),
            ("", Some(0), None),
        ] {
            let found = piece(&mut text.as_bytes(), offset);
            let found = found.as_ref().map(|piece| {
                let Excerpt { before, at, after, .. } = piece;
                (piece.first_byte, before.as_str(), at.as_str(), after.as_str())
            });
            assert_eq!(found, expect, "{text} {offset:?}");
        }
        let long = "x".repeat(2_000) + "!" + &"y".repeat(2_000);
        let found = piece(&mut long.as_bytes(), Some(2_000)).unwrap();
        assert_eq!((found.first_byte, found.at.as_str()), (1_600, "!"));
        assert_eq!((found.before.len(), found.after.len()), (400, 599));
        // A text that is not UTF-8, cut anywhere.
        let found = piece(&mut &b"\xff\xe4b"[..], Some(1)).unwrap();
        assert_eq!((found.before.as_str(), found.at.as_str()), ("\u{fffd}", "\u{fffd}"));
    }

    #[test]
    fn a_document_of_a_text_is_in_its_leaf() {
        for (place, leaf, expect) in [
            ("part 2 > a.xml", "part 2 > a.xml", true),
            ("part 2 > a.xml > report 2", "part 2 > a.xml", true),
            ("part 2 > a.xml.gz", "part 2 > a.xml", false),
            ("", "part 1", false),
        ] {
            assert_eq!(is_about(place, leaf), expect, "{place}");
        }
    }
}
