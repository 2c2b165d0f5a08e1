//! A mail, put together again from its parts.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Longest file name, type and field, in bytes.
const NAME_BYTES_MAX: usize = 255;
const TYPE_BYTES_MAX: usize = 100;
const FIELD_BYTES_MAX: usize = 998;
/// RFC 2045, 6.8.
const LINE_BYTES: usize = 76;
/// It is in no line of base64.
const BOUNDARY: &str = "=_parts";

/// A mail that is being put together.
#[derive(Debug)]
pub(super) struct Rebuilt(Vec<u8>);

impl Rebuilt {
    /// With these fields of its header.
    pub fn new(from: &str, subject: &str) -> Self {
        let (from, subject) = (field(from), field(subject));
        let head = format!(
            "From: {from}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\r\n\r\n"
        );
        Self(head.into_bytes())
    }

    /// Adds an attachment.
    pub fn attach(&mut self, name: &str, media_type: &str, bytes: &[u8]) {
        self.attach_encoded(name, media_type, &BASE64_STANDARD.encode(bytes));
    }

    /// Adds an attachment that is base64 already. Other characters are left out.
    pub fn attach_encoded(&mut self, name: &str, media_type: &str, base64: &str) {
        let media_type = plain(media_type, TYPE_BYTES_MAX, b"/+-._");
        let media_type = if media_type.contains('/') {
            &media_type
        } else {
            "application/octet-stream"
        };
        // Names of reports have exclamation marks (RFC 9990, 3.1.4).
        let name = plain(name, NAME_BYTES_MAX, b"!._-+@");
        let head = format!(
            "--{BOUNDARY}\r\nContent-Type: {media_type}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n"
        );
        self.0.extend_from_slice(head.as_bytes());
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        let mut column = 0;
        for byte in base64.bytes().filter(is_letter) {
            if column == LINE_BYTES {
                self.0.extend_from_slice(b"\r\n");
                column = 0;
            }
            self.0.push(byte);
            column += 1;
        }
        self.0.extend_from_slice(b"\r\n");
    }

    /// The whole mail.
    pub fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }
}

/// A text that stays in the line of its field.
fn field(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(FIELD_BYTES_MAX)];
    text.chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect()
}

/// A text of letters, digits and these signs. Anything else becomes an underscore.
fn plain(text: &str, bytes_max: usize, signs: &[u8]) -> String {
    let text = &text[..text.floor_char_boundary(bytes_max)];
    let is_plain =
        |char: char| char.is_ascii_alphanumeric() || u8::try_from(char).is_ok_and(|byte| signs.contains(&byte));
    text.chars()
        .map(|char| if is_plain(char) { char } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_part_gets_out_of_its_place() {
        let mut mail = Rebuilt::new("a@b\r\nX: y", "Report\nBcc: z");
        mail.attach(
            "a\"\r\n\r\n--=_parts!b.xml",
            "text/xml\r\nX: y",
            &[0, 255, b'\r', b'\n'],
        );
        mail.attach_encoded("b", "nothing", "--=_parts\r\nYWJj".repeat(20).as_str());
        let text = String::from_utf8(mail.finish()).unwrap();
        assert_eq!(text.matches("\r\n--=_parts").count(), 3, "{text}");
        assert!(!text.contains("\nX:") && !text.contains("\nBcc:"), "{text}");
        assert!(text.contains("filename=\"a_____--__parts!b.xml\""), "{text}");
        assert!(text.lines().all(|line| line.len() < 200));
    }
}
