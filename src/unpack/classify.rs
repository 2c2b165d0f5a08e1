//! What a message is that holds no aggregate report: by its content, never by its subject.

use super::problem::Other;
use memchr::memmem;

/// How much of a text is looked at.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// The strongest sign seen so far.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    found: Option<Other>,
}

impl Evidence {
    pub fn note(&mut self, other: Other) {
        if self.found.is_none_or(|found| strength(other) > strength(found)) {
            self.found = Some(other);
        }
    }

    pub fn conclude(&self) -> Option<Other> {
        self.found
    }
}

/// A mail about a report beats the mail's own form: a TLS report may well be sent as an automatic answer.
fn strength(other: Other) -> u8 {
    match other {
        Other::NotMail => 0,
        Other::Mail => 1,
        Other::AutoReply => 2,
        Other::Bounce => 3,
        Other::TlsReport => 4,
        Other::AbuseReport => 5,
        Other::FailureReport => 6,
    }
}

/// What a text or a machine-readable part says it is.
pub(super) fn text(text: &[u8]) -> Option<Other> {
    let text = &text[..text.len().min(TEXT_BYTES_MAX)];
    // RFC 5965, 3.1: found by content, because mail clients rewrite the type of the part (Netease, 2018).
    if let Some(kind) = field(text, b"feedback-type") {
        let failure = kind.eq_ignore_ascii_case(b"auth-failure") || kind.eq_ignore_ascii_case(b"dmarc");
        return Some(if failure {
            Other::FailureReport
        } else {
            Other::AbuseReport
        });
    }
    if is_plain_failure(text) {
        return Some(Other::FailureReport);
    }
    // RFC 3464, 2.3: both fields are required in a delivery status.
    if field(text, b"action").is_some() && field(text, b"final-recipient").is_some() {
        return Some(Other::Bounce);
    }
    None
}

/// Whether a text has the fields of a feedback report (RFC 5965).
pub(super) fn is_feedback(text: &[u8]) -> bool {
    field(&text[..text.len().min(TEXT_BYTES_MAX)], b"feedback-type").is_some()
}

/// Whether a text says what Exim, SpamExperts and others write into failure reports without fields. Lines may break anywhere in it:
/// Exim's own text has a break behind "DMARC".
fn is_plain_failure(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 5] = [b"failed", b"the", b"published", b"DMARC", b"policy"];
    if memmem::find(text, b"published").is_none() {
        return false;
    }
    let words: Vec<&[u8]> = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .collect();
    words.windows(WORDS.len()).any(|window| window == WORDS)
}

/// What the type of a part of the outermost mail says.
pub(super) fn media_type(media_type: &str) -> Option<Other> {
    match media_type {
        "message/delivery-status" => Some(Other::Bounce),
        "message/disposition-notification" => Some(Other::AutoReply),
        // RFC 8460, 6.4 and 6.5.
        other => other.starts_with("application/tlsrpt").then_some(Other::TlsReport),
    }
}

/// What a field of the outermost header says; `name` in any case.
pub(super) fn header_field(name: &[u8], value: &[u8]) -> Option<Other> {
    let value = value.trim_ascii();
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    let begins = |known: &str| {
        value
            .get(..known.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(known.as_bytes()))
    };
    // Exim writes it. A null reverse-path says nothing: vacation notices and some reporters have it too.
    if is("x-failed-recipients") {
        return Some(Other::Bounce);
    }
    // RFC 3834, 5.
    if is("auto-submitted") && begins("auto-replied") || is("x-autoreply") || is("x-autorespond") {
        return Some(Other::AutoReply);
    }
    if is("precedence") && begins("auto_reply") {
        return Some(Other::AutoReply);
    }
    if is("from") {
        let lower = value[..value.len().min(256)].to_ascii_lowercase();
        return memmem::find(&lower, b"mailer-daemon@").map(|_| Other::Bounce);
    }
    None
}

/// The value of a field that stands at the beginning of a line.
fn field<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let (start, value) = line.split_at_checked(name.len())?;
        let value = value.trim_ascii_start().strip_prefix(b":")?;
        start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_content() {
        assert_eq!(
            text(b"User-Agent: x\r\nfeedback-type : Auth-Failure\r\n"),
            Some(Other::FailureReport)
        );
        assert_eq!(text(b"Feedback-Type: abuse"), Some(Other::AbuseReport));
        assert_eq!(
            text(b"has failed\r\nthe published DMARC\r\npolicy for your domain."),
            Some(Other::FailureReport)
        );
        assert_eq!(text(b"the published DMARC policy"), None);
        assert_eq!(
            text(b"Reporting-MTA: dns;x\n\nFinal-Recipient: rfc822;a@b\nAction: failed\n"),
            Some(Other::Bounce)
        );
        assert_eq!(text(b"the Feedback-Type: abuse"), None);
        assert_eq!(
            header_field(b"Auto-Submitted", b" auto-replied\r\n"),
            Some(Other::AutoReply)
        );
        assert_eq!(header_field(b"auto-submitted", b" auto-generated"), None);
        assert_eq!(
            header_field(b"From", b"Mail <MAILER-DAEMON@example.org>"),
            Some(Other::Bounce)
        );
    }
}
