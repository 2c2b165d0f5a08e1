//! Texts within limits that platforms count after escaping.

/// What stands where a text was cut.
const CUT: char = '\u{2026}';

/// `text` with each character as `escape` writes it, at most `units_max` UTF-16 units (no platform counts more for a text). No
/// character is cut in two.
pub(super) fn escaped(text: &str, units_max: usize, escape: impl Fn(char, &mut String)) -> String {
    let (mut written, mut units, mut fits) = (String::with_capacity(text.len()), 0, 0);
    for c in text.chars() {
        let before = written.len();
        escape(c, &mut written);
        units += written[before..].encode_utf16().count();
        if units > units_max {
            written.truncate(fits);
            written.push(CUT);
            break;
        }
        if units < units_max {
            fits = written.len();
        }
    }
    written
}

/// `&`, `<` and `>` as entities: for Slack, and for Telegram's HTML.
pub(super) fn entity(c: char, written: &mut String) {
    match c {
        '&' => written.push_str("&amp;"),
        '<' => written.push_str("&lt;"),
        '>' => written.push_str("&gt;"),
        _ => written.push(c),
    }
}

/// Punctuation of ASCII with a backslash, which every kind of Markdown takes for the character itself.
pub(super) fn backslash(c: char, written: &mut String) {
    if c.is_ascii_punctuation() {
        written.push('\\');
    }
    written.push(c);
}

/// As it is.
pub(super) fn plain(c: char, written: &mut String) {
    written.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(escaped("a<b", 10, entity), "a&lt;b");
        assert_eq!(escaped("a<b", 6, entity), "a&lt;b");
        assert_eq!(escaped("a<b", 5, entity), "a\u{2026}");
        assert_eq!(escaped("a<bc", 6, entity), "a&lt;\u{2026}");
        // Two units each.
        assert_eq!(escaped("\u{1f600}\u{1f600}", 4, plain), "\u{1f600}\u{1f600}");
        assert_eq!(escaped("\u{1f600}\u{1f600}", 3, plain), "\u{1f600}\u{2026}");
        for units_max in 1..40 {
            let cut = escaped(&"&x\u{1f600}".repeat(9), units_max, entity);
            assert!(cut.encode_utf16().count() <= units_max, "{cut}");
        }
        assert_eq!(escaped("a_b.c", 99, backslash), "a\\_b\\.c");
    }
}
