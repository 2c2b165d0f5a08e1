//! Character data: bytes that are meant to be UTF-8, and references.

use crate::report::aggregate::{WarningKind, Warnings};

/// HTML names for U+00A0 to U+00FF, in order (HTML 4.01, 24.2.1).
const LATIN1: [&str; 96] = [
    "nbsp", "iexcl", "cent", "pound", "curren", "yen", "brvbar", "sect", "uml", "copy", "ordf", "laquo", "not", "shy",
    "reg", "macr", "deg", "plusmn", "sup2", "sup3", "acute", "micro", "para", "middot", "cedil", "sup1", "ordm",
    "raquo", "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring", "AElig",
    "Ccedil", "Egrave", "Eacute", "Ecirc", "Euml", "Igrave", "Iacute", "Icirc", "Iuml", "ETH", "Ntilde", "Ograve",
    "Oacute", "Ocirc", "Otilde", "Ouml", "times", "Oslash", "Ugrave", "Uacute", "Ucirc", "Uuml", "Yacute", "THORN",
    "szlig", "agrave", "aacute", "acirc", "atilde", "auml", "aring", "aelig", "ccedil", "egrave", "eacute", "ecirc",
    "euml", "igrave", "iacute", "icirc", "iuml", "eth", "ntilde", "ograve", "oacute", "ocirc", "otilde", "ouml",
    "divide", "oslash", "ugrave", "uacute", "ucirc", "uuml", "yacute", "thorn", "yuml",
];

/// The other HTML names that turn up in prose.
const PUNCTUATION: [(&str, char); 11] = [
    ("ndash", '\u{2013}'),
    ("mdash", '\u{2014}'),
    ("lsquo", '\u{2018}'),
    ("rsquo", '\u{2019}'),
    ("ldquo", '\u{201C}'),
    ("rdquo", '\u{201D}'),
    ("bdquo", '\u{201E}'),
    ("bull", '\u{2022}'),
    ("hellip", '\u{2026}'),
    ("euro", '\u{20AC}'),
    ("trade", '\u{2122}'),
];

/// Appends a text: bytes that are not UTF-8 are read as windows-1252 (row 52 of the deviations), control characters are dropped
/// (row 65), each with a warning.
pub(super) fn append(out: &mut String, bytes: &[u8], offset: u64, warnings: &mut Warnings) {
    let mut invalid = false;
    let mut control = false;
    for chunk in bytes.utf8_chunks() {
        control |= append_without_controls(out, chunk.valid());
        if !chunk.invalid().is_empty() {
            invalid = true;
            let decoded = encoding_rs::WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0;
            control |= append_without_controls(out, &decoded);
        }
    }
    if invalid {
        warnings.add(WarningKind::InvalidUtf8, "read as windows-1252", Some(offset));
    }
    if control {
        warnings.add(WarningKind::ControlCharacter, "dropped", Some(offset));
    }
}

/// Appends what `&name;` stands for, or its own text.
pub(super) fn append_reference(out: &mut String, name: &[u8], offset: u64, warnings: &mut Warnings) {
    match name {
        b"amp" => return out.push('&'),
        b"lt" => return out.push('<'),
        b"gt" => return out.push('>'),
        b"quot" => return out.push('"'),
        b"apos" => return out.push('\''),
        _ => {}
    }
    if let Some(char) = numbered(name) {
        if is_dropped(char) {
            return warnings.add(WarningKind::ControlCharacter, "dropped", Some(offset));
        }
        return out.push(char);
    }
    let shown = String::from_utf8_lossy(name);
    if let Some(char) = html(&shown) {
        out.push(char);
        return warnings.add(WarningKind::UnknownEntity, &shown, Some(offset));
    }
    out.push('&');
    append(out, name, offset, warnings);
    out.push(';');
    let kind = match name.iter().all(u8::is_ascii_alphanumeric) {
        true => WarningKind::UnknownEntity,
        // `A & B; C`
        false => WarningKind::MendedMarkup,
    };
    warnings.add(kind, &shown, Some(offset));
}

fn append_without_controls(out: &mut String, text: &str) -> bool {
    let mut dropped = false;
    let mut rest = text;
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < 0x20 && is_dropped(char::from(byte)))
    {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        dropped = true;
    }
    out.push_str(rest);
    dropped
}

/// Whether the character is dropped: control characters other than tab, line feed and carriage return (XML 1.0, 2.2).
fn is_dropped(char: char) -> bool {
    char < ' ' && !matches!(char, '\t' | '\n' | '\r')
}

fn numbered(name: &[u8]) -> Option<char> {
    let digits = str::from_utf8(name.strip_prefix(b"#")?).ok()?;
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    char::from_u32(number.ok()?)
}

fn html(name: &str) -> Option<char> {
    if let Some(at) = LATIN1.iter().position(|known| *known == name) {
        return char::from_u32(0xA0 + u32::try_from(at).ok()?);
    }
    PUNCTUATION
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, char)| *char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        for (name, expect) in [
            ("amp", "&"),
            ("#65", "A"),
            ("#x41", "A"),
            ("#0", ""),
            ("#xD800", "&#xD800;"),
            ("nbsp", "\u{A0}"),
            ("eacute", "é"),
            ("yuml", "ÿ"),
            ("bull", "•"),
            ("xxe", "&xxe;"),
            (" B", "& B;"),
        ] {
            let mut out = String::new();
            append_reference(&mut out, name.as_bytes(), 0, &mut Warnings::default());
            assert_eq!(out, expect, "{name}");
        }
    }

    #[test]
    fn texts() {
        for (bytes, expect) in [
            (&b"caf\xC3\xA9"[..], "café"),
            (b"caf\xE9 \x91x\x92", "café ‘x’"),
            (b"a\0b\x01\tc", "ab\tc"),
        ] {
            let mut out = String::new();
            append(&mut out, bytes, 0, &mut Warnings::default());
            assert_eq!(out, expect);
        }
    }
}
