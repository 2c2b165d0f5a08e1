//! Where a mail of a mailbox file begins: mbox (RFC 4155) as programs write and cut it, and MMDF.
//!
//! Thunderbird's rule is the ground: a line that begins with `From ` and is followed by a header field. A sentence that
//! begins so is told by what stands in it and below it.

use super::sniff;

/// The line around each mail of an MMDF file.
const MMDF: &[u8] = b"\x01\x01\x01\x01";

/// Whether a line may be the mark before a mail; [`is_mark`] decides.
pub fn may_be_mark(line: &[u8]) -> bool {
    let line = without_mark(line);
    line.starts_with(b"From ") || line.trim_ascii_end() == b"From" || is_mmdf(line)
}

/// Whether a line is the one around each mail of an MMDF file.
pub fn is_mmdf(line: &[u8]) -> bool {
    without_mark(line).trim_ascii_end() == MMDF
}

/// What stands above a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Above {
    /// An empty line, or nothing.
    Blank,
    Text,
}

/// Whether a line that may be a mark is one. `next` is the beginning of the line below it.
pub fn is_mark(line: &[u8], next: &[u8], above: Above) -> bool {
    let line = without_mark(line);
    let is_after_blank = above == Above::Blank;
    if is_mmdf(line) {
        return true;
    }
    // RFC 4155: the mark ends in a time. Nothing but a mail begins below it.
    if has_time(line) && is_after_blank {
        return true;
    }
    let Some(name) = sniff::field_name(next) else {
        // What an old UUCP gateway left of the mark that it found.
        return next.starts_with(b">From ") && is_after_blank;
    };
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .skip(1);
    // `From` alone, and Mozilla's `From -`.
    let is_bare = words.next().is_none_or(|word| word == b"-");
    has_time(line) || is_usual(name) && (line.starts_with(b"From ") || is_after_blank) || is_bare && is_after_blank
}

/// Whether a file or text begins like a mailbox file.
pub fn begins(head: &[u8]) -> bool {
    let start = sniff::trim(head);
    let mut lines = start.splitn(3, |&byte| byte == b'\n');
    let (first, next) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    may_be_mark(first) && is_mark(first, next, Above::Blank)
}

/// The mails of a mailbox file that is in memory, each with the offset of its first byte.
pub(super) fn mails(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = 0;
    let mut begins_at = None;
    let mut above = Above::Blank;
    let mut is_over = false;
    std::iter::from_fn(move || {
        while !is_over {
            let line_at = rest;
            let line = line_of(&bytes[line_at..]);
            rest += line.len();
            is_over = line.is_empty();
            let next = line_of(&bytes[rest..]);
            let is_end = is_over || may_be_mark(line) && is_mark(line, next, above);
            above = match line.trim_ascii().is_empty() {
                true => Above::Blank,
                false => Above::Text,
            };
            if !is_end {
                continue;
            }
            let begun_at: Option<usize> = begins_at.replace(rest);
            if let Some(at) = begun_at
                && !bytes[at..line_at].trim_ascii().is_empty()
            {
                return Some((at, &bytes[at..line_at]));
            }
        }
        None
    })
}

fn line_of(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1)]
}

/// Without a byte order mark, which files that were put together have in their middle, too.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// Whether a time of day stands in a line: a sentence seldom has one.
fn has_time(line: &[u8]) -> bool {
    let is_time = |w: &[u8]| w[0].is_ascii_digit() && w[1] == b':' && w[2].is_ascii_digit();
    line.starts_with(b"From ") && line.windows(3).any(is_time)
}

/// Whether a header field is one that mails begin with.
fn is_usual(name: &[u8]) -> bool {
    const NAMES: &[&str] = &[
        "authentication-results",
        "auto-submitted",
        "bcc",
        "cc",
        "content-disposition",
        "content-transfer-encoding",
        "content-type",
        "date",
        "delivered-to",
        "delivery-date",
        "dkim-signature",
        "domainkey-signature",
        "envelope-to",
        "errors-to",
        "from",
        "importance",
        "in-reply-to",
        "list-id",
        "lines",
        "message-id",
        "mime-version",
        "newsgroups",
        "original-recipient",
        "path",
        "precedence",
        "priority",
        "received",
        "received-spf",
        "references",
        "reply-to",
        "return-path",
        "sender",
        "status",
        "subject",
        "thread-index",
        "thread-topic",
        "to",
        "user-agent",
    ];
    let begins = |start: &str| {
        name.get(..start.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(start.as_bytes()))
    };
    NAMES.iter().any(|usual| name.eq_ignore_ascii_case(usual.as_bytes()))
        || ["x-", "arc-", "list-", "resent-"].iter().any(|start| begins(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_distinguished_from_a_sentence() {
        for (line, next, above) in [
            ("From a@b Thu Nov 26 03:00:00 2026\n", "one\n", Above::Blank),
            ("From a at b  Thu Nov 26 03:00:00 2026\r\n", "X: y\r\n", Above::Text),
            ("From \n", "From: a@b\n", Above::Text),
            ("From\n", "Received: from a\n", Above::Blank),
            ("From - \n", "X-Mozilla-Status: 0001\n", Above::Text),
            ("From -\n", "Strange: field\n", Above::Blank),
            ("From nobody\n", "Subject: x\n", Above::Text),
            ("\u{feff}From a\n", "Return-Path: <>\n", Above::Text),
            (
                "From a@b Thu Nov 26\n",
                ">From b Thu Nov 26 remote from c\n",
                Above::Blank,
            ),
            ("\x01\x01\x01\x01\r\n", "", Above::Text),
        ] {
            let is = may_be_mark(line.as_bytes()) && is_mark(line.as_bytes(), next.as_bytes(), above);
            assert!(is, "{line:?}, {next:?}");
        }
        for (line, next, above) in [
            ("From here on\n", "it is\n", Above::Blank),
            ("From Monday to Friday we are open.\n", "See you\n", Above::Blank),
            ("From here on\n", "Note: this is a sentence\n", Above::Blank),
            ("From our house to yours\n", "\n", Above::Blank),
            ("From 9:30 on\n", "we are open\n", Above::Text),
            ("From: a@b\n", "To: b\n", Above::Blank),
            (">From a\n", "To: b\n", Above::Blank),
            ("Fromage\n", "To: b\n", Above::Blank),
            ("From\n", "To: b\n", Above::Text),
        ] {
            let is = may_be_mark(line.as_bytes()) && is_mark(line.as_bytes(), next.as_bytes(), above);
            assert!(!is, "{line:?}, {next:?}");
        }
    }

    #[test]
    fn mails_in_memory_are_separated() {
        let check = |text: &str, expect: &[&str]| {
            let found: Vec<_> = mails(text.as_bytes())
                .map(|(at, mail)| {
                    assert!(text.as_bytes()[at..].starts_with(mail));
                    std::str::from_utf8(mail).unwrap()
                })
                .collect();
            assert_eq!(found, expect, "{text:?}");
        };
        check(
            "\n\nFrom \nTo: a\n\none\nFrom \nTo: b\n\ntwo",
            &["To: a\n\none\n", "To: b\n\ntwo"],
        );
        check(
            "\x01\x01\x01\x01\nTo: a\n\x01\x01\x01\x01\n\x01\x01\x01\x01\nTo: b\n",
            &["To: a\n", "To: b\n"],
        );
        check("no mark\n", &[]);
        check("", &[]);
    }
}
