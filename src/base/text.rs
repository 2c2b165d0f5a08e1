//! Text that strangers wrote, made safe to show: one set of characters, and one way to write them, for every place.
//!
//! Reports, mail, DNS records, names of files and archive members, and what servers and clients call themselves: all of it
//! reaches a terminal, a log, a page or a spreadsheet through this file.

use std::borrow::Cow;
use std::io;

use serde::Serialize;

/// What stands where a text was cut.
const CUT: char = '\u{2026}';

/// Whether `c` is written out wherever a stranger's text is shown: it moves the cursor, breaks the line, turns the
/// reading direction, or leaves no trace.
///
/// These are the control characters (C0, DEL, C1), the line and paragraph separators, the interlinear annotation marks,
/// and what Unicode lists as `Default_Ignorable_Code_Point` (DerivedCoreProperties.txt): directional marks, characters
/// without width, soft hyphen, fillers, variation selectors and tags.
pub fn is_unsafe(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

fn is_safe(text: &str) -> bool {
    // Nearly every text, and fast.
    text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_unsafe)
}

/// A stranger's text as people see it, of at most `bytes_max` bytes (at least three): what is unsafe is written out
/// (`\u{1b}`), and the text ends with `…` only if something was cut.
pub fn shown(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max && is_safe(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().min(bytes_max).saturating_add(16));
    let mut fits_before_cut = 0;
    for c in text.chars() {
        if is_unsafe(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        if shown.len() > bytes_max {
            shown.truncate(fits_before_cut);
            shown.push(CUT);
            break;
        }
        if shown.len() + CUT.len_utf8() <= bytes_max {
            fits_before_cut = shown.len();
        }
    }
    Cow::Owned(shown)
}

/// As [`shown`], uncut.
pub fn escaped(text: &str) -> Cow<'_, str> {
    shown(text, usize::MAX)
}

/// As [`escaped`], but line ends stay: for our own messages of several lines with text from outside in them.
pub fn escaped_lines(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Safe to show, never empty.
    Safe(&'t str),
    /// To be written out.
    Unsafe(char),
}

/// The pieces of a text in their order, for places that write out what is unsafe in their own way.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| is_unsafe(*c)) {
        if at > start {
            pieces.push(Piece::Safe(&text[start..at]));
        }
        pieces.push(Piece::Unsafe(c));
        start = at + c.len_utf8();
    }
    if start < text.len() {
        pieces.push(Piece::Safe(&text[start..]));
    }
    pieces
}

/// Formatter of compact JSON that escapes unsafe characters, as in `\u202e`. Every JSON parser restores them. (JSON
/// itself requires escapes only below U+0020.)
#[derive(Debug, Clone, Copy)]
pub struct SafeJson;

impl serde_json::ser::Formatter for SafeJson {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        if is_safe(fragment) {
            return out.write_all(fragment.as_bytes());
        }
        for piece in pieces(fragment) {
            match piece {
                Piece::Safe(text) => out.write_all(text.as_bytes())?,
                Piece::Unsafe(c) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(out, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Writes `value` as [`SafeJson`], without a line end.
pub fn write_json(value: &impl Serialize, out: &mut (impl io::Write + ?Sized)) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, SafeJson);
    Ok(value.serialize(&mut serializer)?)
}

/// The text as one argument of a command that is offered for pasting into a POSIX shell. `None` for what must not be
/// offered: an option (it begins with `-`), nothing, and what holds an unsafe character.
pub fn argument(text: &str) -> Option<Cow<'_, str>> {
    if text.is_empty() || text.starts_with('-') || !is_safe(text) {
        return None;
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:@%+=,".contains(&byte);
    if text.bytes().all(is_plain) {
        return Some(Cow::Borrowed(text));
    }
    Some(Cow::Owned(format!("'{}'", text.replace('\'', r"'\''"))))
}

/// A name as names are compared that people may write in any case.
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// An error with its causes, each once: many errors repeat the text of their own cause.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            let separator = if text.is_empty() { "" } else { ": " };
            text += &format!("{separator}{cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        let mut json = Vec::new();
        write_json(&text, &mut json).unwrap();
        String::from_utf8(json).unwrap()
    }

    /// First and last of each range, and the characters next to it.
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn unsafe_characters_are_one_set() {
        for c in [
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1b}',
            '\u{1f}',
            '\u{7f}',
            '\u{80}',
            '\u{85}',
            '\u{9b}',
            '\u{9f}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180e}',
            '\u{180f}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{206f}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{fffb}',
            '\u{1bca0}',
            '\u{1d17a}',
            '\u{e0001}',
            '\u{e007f}',
            '\u{e01ef}',
        ] {
            assert!(is_unsafe(c), "U+{:04X}", u32::from(c));
            let text = format!("a{c}b");
            let expect = format!("a{}b", c.escape_unicode());
            assert_eq!(shown(&text, 100), expect);
            assert_eq!(pieces(&text), [Piece::Safe("a"), Piece::Unsafe(c), Piece::Safe("b")]);
            assert_eq!(argument(&text), None, "U+{:04X}", u32::from(c));
            let json = json(&text);
            assert!(json.chars().all(|c| (' '..='~').contains(&c)), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
        for c in [
            ' ',
            '~',
            '\u{a0}',
            'é',
            '\u{ac}',
            '\u{ae}',
            '\u{200a}',
            '\u{2010}',
            '\u{2027}',
            '\u{202f}',
            '\u{205f}',
            '\u{2070}',
            '\u{3163}',
            '日',
            'ا',
            '\u{fffc}',
            '\u{fffd}',
            '\u{1f600}',
            '\u{dffff}',
            '\u{e1000}',
        ] {
            assert!(!is_unsafe(c), "U+{:04X}", u32::from(c));
            let text = c.to_string();
            assert_eq!(shown(&text, 4), text);
            assert_eq!(json(&text), format!("\"{text}\""));
        }
    }

    #[test]
    fn an_ellipsis_says_that_something_was_cut() {
        let check = |text: &str, bytes_max: usize, expect: &str| {
            let shown = shown(text, bytes_max);
            assert_eq!(shown, expect, "{text:?} in {bytes_max}");
            assert!(shown.len() <= bytes_max, "{text:?} in {bytes_max}");
        };
        check("", 3, "");
        check("abcdef", 6, "abcdef");
        check("abcdefg", 6, "abc…");
        check("äöü", 6, "äöü");
        check("äöü", 5, "ä…");
        check("日本語", 8, "日…");
        check("a\u{202e}", 9, "a\\u{202e}");
        check("a\u{202e}bc", 11, "a\\u{202e}bc");
        // An escape is never cut in its middle.
        check("a\u{202e}bc", 10, "a…");
        check("a\u{202e}", 8, "a…");
        check("\u{1b}[31m", 100, "\\u{1b}[31m");
        assert_eq!(escaped_lines("a\x07\nb"), "a\\u{7}\nb");
        assert!(shown(&"\u{e0041}".repeat(1_000_000), 300).len() <= 300);
    }

    #[test]
    fn an_argument_is_one_word_for_the_shell() {
        for plain in ["example.com", "/srv/data", "a@b", "x_y-z", "1:2"] {
            assert_eq!(argument(plain).as_deref(), Some(plain));
        }
        for (text, expect) in [
            ("a b", "'a b'"),
            ("`id`.com", "'`id`.com'"),
            ("$(id)", "'$(id)'"),
            ("a;b|c&d", "'a;b|c&d'"),
            ("it's", r"'it'\''s'"),
            ("~root", "'~root'"),
            ("#x", "'#x'"),
            ("é", "'é'"),
            ("a\\b", "'a\\b'"),
        ] {
            assert_eq!(argument(text).as_deref(), Some(expect), "{text}");
        }
        for none in ["", "-x", "--data", "a\nb", "a\u{202e}b"] {
            assert_eq!(argument(none), None, "{none:?}");
        }
    }
}
