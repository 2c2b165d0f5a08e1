//! What claims to be an aggregate report.
//!
//! Mailboxes hold other mail too: a mail with an office document, an invoice, a signature is its owner's own. Only what
//! says that it is a report can be a broken one. Four things say so: a file name of the form that the RFCs give it, a
//! subject of the RFCs' form, the names of a report's elements in a text, and a media type that speaks of DMARC. What
//! does not say so is still tried, and counts if it is a good report.

use std::borrow::Cow;

use memchr::memmem;

use super::charset;
use super::sniff;

/// Seconds since 1970 have nine digits since 1973.
const INSTANT_DIGITS_MIN: usize = 9;
/// How far into a text the names of elements are looked for.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Places in a message that are looked at as subjects.
const SUBJECTS_MAX: usize = 100;
/// How far behind `Report Domain:` a subject's `Submitter:` may stand, in bytes that are not decoded.
const SUBMITTER_BYTES_MAX: usize = 600;

/// What a message is before anything in it has been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Context {
    /// Mail of a mailbox that gets other mail, too.
    Mailbox,
    /// A file that was handed in as a report: a file that is not a mail claims to be a report.
    #[default]
    File,
    /// Mail to an address that is only for reports: what is broken in it may be one, whatever it says.
    ReportAddress,
    /// What anyone posted as a TLS report: nothing else in it is read.
    Post,
}

/// What a leaf says of itself by its name and type, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    /// It is something else.
    Denied,
    /// It is a TLS report.
    Tls,
    Nothing,
    /// It is of a kind that reports come in, as much else does.
    Possible,
    /// It is a report.
    Stated,
}

/// What a subject says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Subject {
    #[default]
    Nothing,
    /// It speaks of a report, as an answer to one does.
    Mentions,
    /// It is that of a report.
    States,
}

/// What a file name and a media type claim together.
pub(super) fn of_leaf(name: Option<&str>, media_type: &str) -> Claim {
    const TYPES: &[&str] = &[
        "application/gzip",
        "application/x-gzip",
        "application/zip",
        "application/x-zip",
        "application/xml",
        "application/x-zip-compressed",
        "text/xml",
    ];
    let by_name = name.map_or(Claim::Nothing, of_name);
    // RFC 8460, 6.4 and 6.5.
    if media_type.starts_with("application/tlsrpt") {
        return Claim::Tls;
    }
    if matches!(by_name, Claim::Denied | Claim::Tls) {
        return by_name;
    }
    if media_type.contains("dmarc") {
        return Claim::Stated;
    }
    match TYPES.contains(&media_type) {
        true => by_name.max(Claim::Possible),
        false => by_name,
    }
}

/// What a file name claims.
pub(super) fn of_name(name: &str) -> Claim {
    let ends_with = |suffix: &&str| {
        let at = name.len().checked_sub(suffix.len());
        at.is_some_and(|at| name.as_bytes()[at..].eq_ignore_ascii_case(suffix.as_bytes()))
    };
    if [".json", ".json.gz"].iter().any(ends_with) {
        // TLS reports have names of the same form (RFC 8460, 5.1).
        match has_report_form(name) {
            true => Claim::Tls,
            false => Claim::Denied,
        }
    } else if has_report_form(name) {
        Claim::Stated
    } else if [".xml", ".gz", ".zip", ".gzip"].iter().any(ends_with) {
        Claim::Possible
    } else {
        Claim::Nothing
    }
}

/// Whether a name has the form `receiver!domain!begin!end...` (RFC 7489, 7.2.1.1; RFC 9990, 3.1.4). It may be cut off
/// behind the domain, and folding may have left white space in it.
fn has_report_form(name: &str) -> bool {
    let name = match name.contains(char::is_whitespace) {
        true => Cow::Owned(name.split_whitespace().collect::<String>()),
        false => Cow::Borrowed(name),
    };
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut parts = name.splitn(5, '!');
    let (Some(receiver), Some(domain), Some(begin)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let is_host = |host: &str| {
        let is_part = |char: char| char.is_alphanumeric() || matches!(char, '-' | '.' | '_');
        !host.is_empty() && host.chars().all(is_part)
    };
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    if !is_host(receiver) || !is_host(domain) {
        return false;
    }
    let Some(end) = parts.next() else {
        return domain.contains('.') && digits(begin) > 0;
    };
    let is_instant = digits(begin) == begin.len() && !begin.is_empty();
    // A name without a dot is not a domain of the public DNS; then only real instants decide.
    let is_long = digits(begin) >= INSTANT_DIGITS_MIN;
    is_instant && digits(end) > 0 && (domain.contains('.') || is_long)
}

/// What a subject says, which is no longer encoded: `Report Domain: example.com Submitter: reporter.example Report-ID: <1>`
/// (RFC 7489, 7.2.1.1; RFC 9990, 3.1.4), in any case, folded or not.
pub(super) fn of_subject(subject: &str) -> Subject {
    let subject = subject.to_ascii_lowercase();
    let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((before, after)) = subject.split_once("report domain:") else {
        return Subject::Nothing;
    };
    let domain = after.trim_start().split([' ', ';', ',']).next().unwrap_or_default();
    let has_submitter = after.contains("submitter:");
    if !domain.contains('.') && !has_submitter {
        return Subject::Nothing;
    }
    // `Re:`, `Fwd:`, `AW:` and the like; Microsoft writes `[Preview]`, and lists and filters put words in brackets, too.
    match has_submitter && !before.contains(':') {
        true => Subject::States,
        false => Subject::Mentions,
    }
}

/// Whether a text has what only aggregate reports have: `feedback` as its root element, or an element
/// `report_metadata`.
pub(super) fn states_report(head: &[u8]) -> bool {
    let head = &head[..head.len().min(TEXT_BYTES_MAX)];
    match charset::detect(head).encoding {
        Some(encoding) if !encoding.is_ascii_compatible() => {
            states_report_in(encoding.decode_without_bom_handling(head).0.as_bytes())
        }
        _ => states_report_in(head),
    }
}

fn states_report_in(text: &[u8]) -> bool {
    has_metadata(text)
        || match root(text) {
            Some(root) => sniff::has_feedback_tag(root),
            // Garbage stands before the report, or this is not a report: a single word in prose says nothing.
            None => sniff::has_feedback_tag(text) && has_other_element(text),
        }
}

fn has_other_element(text: &[u8]) -> bool {
    const OTHERS: [&[u8]; 6] = [
        b"<?xml",
        b"<org_name",
        b"<report_id",
        b"<date_range",
        b"<policy_published",
        b"<source_ip",
    ];
    OTHERS.iter().any(|other| memmem::find(text, other).is_some())
}

/// Whether the text has a tag `report_metadata`, whole or in part.
fn has_metadata(text: &[u8]) -> bool {
    memmem::find_iter(text, b"report_metadata").any(|at| {
        let opens = text[..at].last().is_some_and(|before| b"</:".contains(before));
        let closes = text.get(at + b"report_metadata".len()) == Some(&b'>');
        opens || closes
    })
}

/// The tag of a text's first element; `None` if the text does not begin with markup.
fn root(text: &[u8]) -> Option<&[u8]> {
    let mut rest = sniff::trim(text);
    loop {
        let after = rest.strip_prefix(b"<")?;
        let close: &[u8] = match after {
            [b'!', b'-', b'-', ..] => b"-->",
            [b'?' | b'!', ..] => b">",
            _ => {
                let end = memchr::memchr(b'>', after).map_or(after.len(), |at| at + 1);
                return Some(&rest[..=end]);
            }
        };
        let Some(at) = memmem::find(after, close) else {
            return Some(b"");
        };
        rest = after[at + close.len()..].trim_ascii_start();
    }
}

/// Whether the bytes of a message say anywhere, as far as they are not packed, that there is a report in it. For
/// messages that could not be looked through.
pub(super) fn is_stated_anywhere(message: &[u8]) -> bool {
    let names = || {
        memchr::memchr_iter(b'!', message).any(|at| {
            let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let begin = digits(&message[at + 1..]);
            let after = &message[at + 1 + begin..];
            begin >= INSTANT_DIGITS_MIN && after.first() == Some(&b'!') && digits(&after[1..]) >= INSTANT_DIGITS_MIN
        })
    };
    let subjects = || {
        const WORDS: &[u8] = b"report domain:";
        let begins = |at: &usize| {
            let start = message.get(*at..*at + WORDS.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(WORDS))
        };
        let found = memchr::memchr2_iter(b'R', b'r', message)
            .filter(begins)
            .take(SUBJECTS_MAX);
        found.into_iter().any(|at| {
            let near = message[at..message.len().min(at + SUBMITTER_BYTES_MAX)].to_ascii_lowercase();
            memmem::find(&near, b"submitter:").is_some()
        })
    };
    has_metadata(message) || names() || subjects()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_rfcs_form_state_a_report() {
        for name in [
            "reporter.example!example.com!1795564800!1795651199.xml.gz",
            "mail.receiver.example!example.com!1013662812!1013749130!a1B2.zip",
            "/tmp/r.example!example.com!1!2",
            "reporter.example!bücher.example!1795564800!1795651199.XML",
            "reporter.example!localhost!1795564800!1795651199.xml",
            "reporter.example!\r\n example.com!1795564800!1795651199.xml.gz",
            "reporter.example!example.com!17742",
        ] {
            assert_eq!(of_name(name), Claim::Stated, "{name}");
        }
        for name in ["report.xml", "a.XML.GZ", "photos.zip", "dmarc.gzip"] {
            assert_eq!(of_name(name), Claim::Possible, "{name}");
        }
        for name in [
            "a.docx",
            "Wow! Look! 3! 4!.pdf",
            "path!user!1!2",
            "!!!!",
            "a!b",
            "xml",
            "",
            "ä.xm",
        ] {
            assert_eq!(of_name(name), Claim::Nothing, "{name}");
        }
        let tls = "mail.example!example.net!1470013207!1470186007!001.json.gz";
        assert_eq!((of_name("a.json"), of_name(tls)), (Claim::Denied, Claim::Tls));
        assert_eq!(of_leaf(Some("a.json"), "application/tlsrpt+json"), Claim::Tls);
        assert_eq!(of_leaf(Some("a.json"), "application/gzip"), Claim::Denied);
    }

    #[test]
    fn subjects_of_the_rfcs_form_state_a_report() {
        for subject in [
            "Report Domain: example.com Submitter: reporter.example Report-ID: <1>",
            "report domain:  example.com\r\n\tsubmitter: reporter.example",
            "[Preview] Report Domain: example.com Submitter: reporter.example Report-ID: 1",
        ] {
            assert_eq!(of_subject(subject), Subject::States, "{subject}");
        }
        for subject in [
            "Re: Report Domain: example.com Submitter: reporter.example",
            "Report Domain: example.com",
        ] {
            assert_eq!(of_subject(subject), Subject::Mentions, "{subject}");
        }
        for subject in [
            "How to read DMARC reports",
            "Report domain abuse",
            "Report Domain: ",
            "",
        ] {
            assert_eq!(of_subject(subject), Subject::Nothing, "{subject}");
        }
    }

    #[test]
    fn texts_state_a_report_by_their_elements() {
        for text in [
            "<feedback>",
            "<?xml version='1.0'?><!-- > --><!DOCTYPE a><n:feedback xmlns:n='x'>",
            "garbage <feedback><org_name>",
            "\" oops\n<?xml version='1.0'?><feedback>",
            "<!DOCTYPE feedback [<!ENTITY a 'b'>]><feedback><date_range>",
            "<all><report_metadata>",
            "port_id></report_metadata><policy",
            "x report_metadata>",
        ] {
            assert!(states_report(text.as_bytes()), "{text}");
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert!(states_report(&[b"\xff\xfe".as_slice(), &wide].concat()), "{text}");
        }
        for text in [
            "<survey><feedback>good</feedback></survey>",
            "<html>a <feedback> b",
            "the column report_metadata_id, and report_metadata too",
            "<!-- <feedback>",
            "Put it between <feedback> and </feedback>, please.",
            "",
            "<",
        ] {
            assert!(!states_report(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_message_that_is_not_looked_through_may_still_say_so() {
        assert!(is_stated_anywhere(b"x a!b!1795564800!1795651199.xml y"));
        assert!(is_stated_anywhere(b"Subject: report Domain: a\r\n Submitter: b"));
        assert!(!is_stated_anywhere(b"rr!!1!!2!3 report domain: soon"));
    }
}
