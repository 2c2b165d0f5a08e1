//! A mail as it is sent (RFC 5322, RFC 2045): plain text and HTML, all of it ASCII, so that no server changes it on its way.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::base::clock::format_mail_date;
use crate::base::{MailAddress, Millis};

/// Between the parts. It has characters that base64 has not.
const BOUNDARY: &str = "=_tallymark_=";
/// Characters per line of base64 (RFC 2045, 6.8).
const LINE: usize = 76;
/// Bytes of a text per encoded word, which has at most 75 characters (RFC 2047, 2).
const WORD_BYTES: usize = 42;

/// A mail before it is written down. No text of it is trusted: none begins another header field or part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub to: MailAddress,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// What is before the `@` of its identity, the same for every attempt: letters, digits, `_` and `.`.
    pub id: String,
    pub at: Millis,
    /// A link that ends these mails with one POST (RFC 8058).
    pub unsubscribe: Option<String>,
}

impl Letter {
    /// The mail from this address, with CRLF at the ends of lines.
    pub fn compose(&self, from: &MailAddress) -> String {
        let mut mail = String::new();
        let mut field = |name: &str, value: &str| {
            // A line break would begin another field.
            let value: String = value.chars().filter(|c| !matches!(c, '\r' | '\n' | '\0')).collect();
            let _ = write!(mail, "{name}: {value}\r\n");
        };
        field("From", &format!("Tallymark <{}>", from.as_str()));
        field("To", &format!("<{}>", self.to.as_str()));
        field("Date", &format_mail_date(self.at));
        field("Message-ID", &format!("<{}@{}>", self.id, from.domain()));
        // RFC 3834, 5: programs do not answer it.
        field("Auto-Submitted", "auto-generated");
        field("MIME-Version", "1.0");
        if let Some(link) = &self.unsubscribe {
            field("List-Unsubscribe", &format!("<{link}>"));
            field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
        }
        let media_type = format!("multipart/alternative; boundary=\"{BOUNDARY}\"");
        field("Content-Type", &media_type);
        let _ = write!(mail, "Subject: {}\r\n\r\n", encoded_words(&self.subject));
        for (media_type, text) in [("text/plain", &self.text), ("text/html", &self.html)] {
            let _ = write!(
                mail,
                "--{BOUNDARY}\r\nContent-Type: {media_type}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            );
            let digits = BASE64_STANDARD.encode(text);
            for at in (0..digits.len()).step_by(LINE) {
                mail.push_str(&digits[at..digits.len().min(at + LINE)]);
                mail.push_str("\r\n");
            }
        }
        let _ = write!(mail, "--{BOUNDARY}--\r\n");
        mail
    }
}

/// The value of a header field of text: as it is if every reader takes it for itself, else as encoded words.
fn encoded_words(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) && !text.contains("=?");
    if is_plain && text.len() <= 200 {
        return text.to_owned();
    }
    let (mut words, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(rest.floor_char_boundary(WORD_BYTES));
        words.push(format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(word)));
        rest = behind;
    }
    words.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(subject: &str, text: &str) -> Letter {
        Letter {
            to: MailAddress::parse("me@example.com").unwrap(),
            subject: subject.to_owned(),
            text: text.to_owned(),
            html: format!("<p>{text}</p>"),
            id: "evt_1.7".to_owned(),
            at: 1_774_260_000_000,
            unsubscribe: Some("https://tally.example/unsubscribe/abc".to_owned()),
        }
    }

    fn composed(subject: &str, text: &str) -> String {
        letter(subject, text).compose(&MailAddress::parse("alerts@example.net").unwrap())
    }

    #[test]
    fn a_mail_is_written_down() {
        let expect = concat!(
            "From: Tallymark <alerts@example.net>\r\n",
            "To: <me@example.com>\r\n",
            "Date: Mon, 23 Mar 2026 10:00:00 -0000\r\n",
            "Message-ID: <evt_1.7@example.net>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "MIME-Version: 1.0\r\n",
            "List-Unsubscribe: <https://tally.example/unsubscribe/abc>\r\n",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            "Content-Type: multipart/alternative; boundary=\"=_tallymark_=\"\r\n",
            "Subject: A service fails\r\n",
            "\r\n",
            "--=_tallymark_=\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Transfer-Encoding: base64\r\n",
            "\r\n",
            "aGVsbG8=\r\n",
            "--=_tallymark_=\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
            "Content-Transfer-Encoding: base64\r\n",
            "\r\n",
            "PHA+aGVsbG88L3A+\r\n",
            "--=_tallymark_=--\r\n",
        );
        assert_eq!(composed("A service fails", "hello"), expect);
    }

    #[test]
    fn no_text_begins_a_field_or_a_part() {
        for hostile in [
            "a\r\nBcc: you@example.org",
            "a\r\n\r\n--=_tallymark_=--\r\n.\r\nQUIT",
            "=?utf-8?B?DQpCY2M6IA==?=",
            "m\u{fc}\u{202e}\u{1f600}",
            &"x".repeat(5_000),
            &"\u{1f600}\n".repeat(500),
        ] {
            let mail = composed(hostile, hostile);
            assert!(mail.is_ascii());
            let (head, body) = mail.split_once("\r\n\r\n").unwrap();
            let names: Vec<_> = head.lines().filter(|line| !line.starts_with(' ')).collect();
            assert_eq!(names.len(), 10, "{head}");
            assert!(
                mail.lines().all(|line| line.len() <= 200 && !line.starts_with('.')),
                "{mail}"
            );
            assert_eq!(body.matches("--=_tallymark_=").count(), 3);
            assert!(!mail.contains("Bcc"), "{mail}");
            assert_eq!(mail.matches('\n').count(), mail.matches("\r\n").count());
        }
    }

    #[test]
    fn words_are_cut_between_characters() {
        let encoded = encoded_words(&"\u{1f600}".repeat(30));
        for word in encoded.split("\r\n ") {
            assert!(word.len() <= 75, "{word}");
            let digits = word.strip_prefix("=?utf-8?B?").unwrap().strip_suffix("?=").unwrap();
            String::from_utf8(BASE64_STANDARD.decode(digits).unwrap()).unwrap();
        }
    }
}
