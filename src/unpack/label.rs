//! Where a leaf lies, as people read it: a path made of hostile names.

use std::fmt::Write;

/// One name in a path.
const NAME_BYTES_MAX: usize = 80;
/// The whole path; deeper names are left out.
const PATH_BYTES_MAX: usize = 300;
/// A file name as a hint.
const HINT_BYTES_MAX: usize = 255;

/// `path > name`, with the name cut and escaped.
pub(super) fn join(path: &str, name: &str) -> String {
    let mut joined = String::with_capacity(path.len() + name.len() + 3);
    joined.push_str(path);
    if !path.is_empty() {
        joined.push_str(" > ");
    }
    push_safe(&mut joined, name, NAME_BYTES_MAX);
    if joined.len() > PATH_BYTES_MAX {
        joined.truncate(joined.floor_char_boundary(PATH_BYTES_MAX - '…'.len_utf8()));
        joined.push('…');
    }
    joined
}

/// Hostile text, safe to print, of at most `bytes_max`.
pub(super) fn safe(text: &str, bytes_max: usize) -> String {
    let mut safe = String::new();
    push_safe(&mut safe, text, bytes_max);
    safe
}

/// A file name that is short enough to keep.
pub(super) fn hint(name: &str) -> &str {
    &name[..name.floor_char_boundary(HINT_BYTES_MAX)]
}

fn push_safe(out: &mut String, text: &str, bytes_max: usize) {
    let end = out.len() + bytes_max;
    for character in text.chars() {
        let before = out.len();
        // Beside control characters, those that turn the direction of writing or have no width could make a name
        // look like another one.
        if character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}", character.escape_unicode());
        } else {
            out.push(character);
        }
        if out.len() > end {
            out.truncate(before);
            while out.len() + '…'.len_utf8() > end && out.pop().is_some() {}
            out.push('…');
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_cut() {
        assert_eq!(join("part 2", "report.zip"), "part 2 > report.zip");
        assert_eq!(join("", "a\r\n\u{1b}[1m"), "a\\u{d}\\u{a}\\u{1b}[1m");
        assert_eq!(join("", "gnp.\u{202e}lmx"), "gnp.\\u{202e}lmx");
        assert_eq!(safe(&"x".repeat(100), 10), "xxxxxxx…");
        assert_eq!(safe("äöü", 6), "äöü");
        let deep = (0..100).fold(String::new(), |path, _| join(&path, &"ä\n".repeat(50)));
        assert!(deep.len() <= PATH_BYTES_MAX, "{}", deep.len());
    }
}
