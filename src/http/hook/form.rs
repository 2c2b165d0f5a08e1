//! Forms: files that a client hands in, and what Mailgun and SendGrid make of a mail.

use super::mail::Rebuilt;
use super::{FILES_MAX, HandedIn, Refusal};

/// What the files of a form are called that no provider has made.
pub(in crate::http) const FILE: &str = "file";
/// The whole mail: of Mailgun where the URL ends in `mime`, of SendGrid where raw mail is asked for.
const WHOLE: [&str; 2] = ["body-mime", "email"];
/// How the names of attachments begin: `attachment-1` (Mailgun), `attachment1` (SendGrid).
const ATTACHMENT: &str = "attachment";
/// Fields that every form of one of them has, with or without attachments.
const MARKS: [[&str; 3]; 2] = [["recipient", "sender", "body-plain"], ["envelope", "headers", "from"]];
/// Fields of one form that are looked at.
pub(in crate::http) const FIELDS_MAX: usize = 1_000;

/// A field of a form.
#[derive(Debug)]
pub(in crate::http) struct Part<'p> {
    pub name: &'p str,
    /// Files have one.
    pub file_name: Option<&'p str>,
    pub media_type: Option<&'p str>,
}

/// What is known of a form, field by field.
#[derive(Debug, Default)]
pub(in crate::http) struct Form {
    files: Vec<Vec<u8>>,
    whole: Option<Vec<u8>>,
    attachments: Vec<Attachment>,
    from: String,
    subject: String,
    seen: Vec<&'static str>,
}

#[derive(Debug)]
struct Attachment {
    name: String,
    media_type: String,
    bytes: Vec<u8>,
}

impl Form {
    /// Whether a field of this name says anything. The bytes of others need not be kept.
    pub fn wants(part: &Part<'_>) -> bool {
        let known = [FILE, "from", "subject"].into_iter().chain(WHOLE);
        known.chain(MARKS.into_iter().flatten()).any(|name| name == part.name) || is_attachment(part)
    }

    /// Adds a field that [`Self::wants`] says yes to.
    ///
    /// # Errors
    /// If there are too many files.
    pub fn add(&mut self, part: &Part<'_>, bytes: Vec<u8>) -> Result<(), Refusal> {
        let mark = MARKS.into_iter().flatten().find(|mark| *mark == part.name);
        self.seen.extend(mark);
        if bytes.is_empty() {
            return Ok(());
        }
        match part.name {
            FILE => self.files.push(bytes),
            name if WHOLE.contains(&name) => self.whole = Some(bytes),
            "from" => self.from = String::from_utf8_lossy(&bytes).into_owned(),
            "subject" => self.subject = String::from_utf8_lossy(&bytes).into_owned(),
            _ if is_attachment(part) => self.attachments.push(Attachment {
                name: part.file_name.unwrap_or_default().to_owned(),
                media_type: part.media_type.unwrap_or_default().to_owned(),
                bytes,
            }),
            _ => {}
        }
        match self.files.len() + self.attachments.len() > FILES_MAX {
            true => Err(format!("has more than {FILES_MAX} files")),
            false => Ok(()),
        }
    }

    /// What was handed in; `None` if nothing of the form is known.
    pub fn handed_in(self) -> Option<HandedIn> {
        if !self.files.is_empty() {
            return Some(HandedIn::Files(self.files));
        }
        if let Some(mail) = self.whole {
            return Some(HandedIn::Mail(mail));
        }
        let is_of_provider = MARKS
            .iter()
            .any(|marks| marks.iter().all(|mark| self.seen.contains(mark)));
        if self.attachments.is_empty() && !is_of_provider {
            return None;
        }
        let mut mail = Rebuilt::new(&self.from, &self.subject);
        for Attachment {
            name,
            media_type,
            bytes,
        } in &self.attachments
        {
            mail.attach(name, media_type, bytes);
        }
        Some(HandedIn::Mail(mail.finish()))
    }
}

fn is_attachment(part: &Part<'_>) -> bool {
    part.file_name.is_some() && part.name.starts_with(ATTACHMENT)
}

/// The fields of a form that is one line of text, as many as are looked at. Mailgun sends one where a mail has no attachments.
pub(in crate::http) fn pairs(body: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    body.split(|&byte| byte == b'&').take(FIELDS_MAX).map(|pair| {
        let mut halves = pair.splitn(2, |&byte| byte == b'=');
        let mut next = || decoded(halves.next().unwrap_or_default());
        (String::from_utf8_lossy(&next()).into_owned(), next())
    })
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        bytes.push(match (byte, digit(text.get(at)), digit(text.get(at + 1))) {
            (b'%', Some(high), Some(low)) => {
                at += 2;
                (high * 16 + low) as u8
            }
            (b'+', ..) => b' ',
            (byte, ..) => byte,
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_fields_is_decoded() {
        let found: Vec<_> = pairs(b"a=b+c%2B%3d&d&%62ody=%zz%4").collect();
        let expect = [("a", "b c+="), ("d", ""), ("body", "%zz%4")];
        assert_eq!(
            found,
            expect.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        );
    }

    #[test]
    fn a_form_of_nobody_is_nothing() {
        let part = |name| Part {
            name,
            file_name: None,
            media_type: None,
        };
        let mut form = Form::default();
        for name in ["recipient", "sender"] {
            form.add(&part(name), b"a@b".to_vec()).unwrap();
        }
        assert_eq!(form.handed_in(), None);
        assert!(!Form::wants(&part("stripped-html")) && !Form::wants(&part("attachment-count")));
    }
}
