//! A mail (RFC 5322, RFC 2045-2049): its header fields, its parts, their transfer encoding.
//!
//! `mail-parser` reads the fields and decodes base64; the split into parts is ours. Its own recursive parse overflows
//! a 2 MiB stack on 700 KB of nested `message/rfc822`, takes 750 MB for 10 MB of empty `multipart/digest` parts, reads
//! to the end of the message once for every boundary that never comes, and gives up a whole part for one bad base64
//! character. Here every level is one linear scan over a slice, and levels, parts and fields are counted.

use super::claim::{self, Claim, Subject};
use super::fields::{Field, Fields, field_value};
use super::label;
use super::mbox;
use super::problem::Reason;
use super::sniff;
use super::transfer::{self, Encoding};
use super::walk::{Leaf, Place, Walk};
use super::{classify, text::Content};
use mail_parser::{MessageParser, MimeHeaders};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

/// What of one MIME field is parsed: continuations cost the square of their number.
const FIELD_BYTES_MAX: usize = 4 * 1024;
/// How much of a subject is looked at.
const SUBJECT_BYTES_MAX: usize = 1_024;
/// RFC 5322, 3.6 allows one subject. Each is decoded by a parser that asks no clock, so only these are looked at.
const SUBJECTS_MAX: usize = 4;
/// RFC 2046, 5.1.1 allows 70 characters; longer ones occur.
const BOUNDARY_BYTES_MAX: usize = 256;

static PARSER: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new()
        .with_mime_headers()
        .header_text(mail_parser::HeaderName::Subject)
});

/// The four fields that say what a body is.
const MIME_FIELDS: [&str; 4] = [
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "content-description",
];

/// What the header of a message or part says about its body.
#[derive(Default)]
struct Header {
    /// Where the body begins.
    body: usize,
    /// Lower case; empty if there is none.
    media_type: String,
    boundary: Option<Vec<u8>>,
    name: Option<String>,
    encoding: Encoding,
    subject: Subject,
    is_too_large: bool,
}

/// One message or part, and where it is.
struct Entity<'e> {
    bytes: &'e [u8],
    path: &'e str,
    /// Whether the path ends in the number of a part.
    is_part: bool,
    /// Whether a part without type is a mail (RFC 2046, 5.1.5).
    in_digest: bool,
    place: Place,
}

/// Whether a header is that of the mail itself, or that of a part or of a mail in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Top,
    Inner,
}

/// A body that has parts.
struct Multipart<'b> {
    body: &'b [u8],
    boundary: &'b [u8],
    first: Delimiter,
}

impl Walk<'_, '_> {
    /// Walks through all parts of a mail.
    pub(super) fn mail(&mut self, bytes: &[u8], path: &str, place: Place) {
        if place.levels > self.budget.limits.rfc822_levels_max {
            return self.limit(path, place, Reason::MimeTooComplex, "mails inside mails");
        }
        let around = std::mem::take(&mut self.tls_fields);
        self.entity(&Entity {
            bytes,
            path,
            is_part: false,
            in_digest: false,
            place,
        });
        self.tls_fields = around;
    }

    fn entity(&mut self, entity: &Entity<'_>) {
        if self.is_halted() {
            return;
        }
        let level = match (entity.place.levels, entity.place.depth) {
            (0, 0) => Level::Top,
            _ => Level::Inner,
        };
        let header = self.header(entity.bytes, level);
        self.subject = self.subject.max(header.subject);
        let entity = &Entity {
            place: Place {
                is_stated: entity.place.is_stated || header.subject != Subject::Nothing,
                ..entity.place
            },
            ..*entity
        };
        if header.is_too_large {
            self.limit(entity.path, entity.place, Reason::MimeTooComplex, "header block");
        }
        if entity.place.levels == 0
            && let Some(other) = classify::media_type(&header.media_type)
        {
            self.evidence.note(other);
        }
        let body = &entity.bytes[header.body..];
        if header.media_type.starts_with("multipart/")
            && let Some(boundary) = &header.boundary
            && let Some(first) = next_delimiter(body, boundary, 0)
        {
            let parts = Multipart { body, boundary, first };
            return self.multipart(entity, &header, parts);
        }
        // Row 6: a multipart without a usable boundary is a leaf.
        self.body(entity, &header, body);
    }

    fn multipart(&mut self, entity: &Entity<'_>, header: &Header, parts: Multipart<'_>) {
        let Multipart { body, boundary, first } = parts;
        let depth = entity.place.depth + 1;
        if depth > self.budget.limits.mime_depth_max {
            return self.limit(
                entity.path,
                entity.place,
                Reason::MimeTooComplex,
                "multiparts inside multiparts",
            );
        }
        let mut delimiter = first;
        let mut number = 0;
        while !delimiter.closes && !self.is_halted() {
            let next = next_delimiter(body, boundary, delimiter.after);
            let part = delimiter.after
                ..next
                    .as_ref()
                    .map_or(body.len(), |next| next.before.max(delimiter.after));
            number += 1;
            let path = match entity.is_part {
                true => format!("{}.{number}", entity.path),
                false => label::join(entity.path, &format!("part {number}")),
            };
            let offset = entity
                .place
                .offset
                .map(|offset| offset + (header.body + part.start) as u64);
            let place = Place {
                depth,
                offset,
                ..entity.place
            };
            if let Err(reason) = self.budget.spend_part().and_then(|()| self.budget.check()) {
                self.limit(&path, place, reason, "parts");
                return self.halt();
            }
            let in_digest = header.media_type == "multipart/digest";
            self.entity(&Entity {
                bytes: &body[part],
                path: &path,
                is_part: true,
                in_digest,
                place,
            });
            let Some(next) = next else { return };
            delimiter = next;
        }
        self.epilogue(entity, header, body, delimiter.after);
    }

    /// What stands behind the last boundary (RFC 2046, 5.1.1: to be ignored) may be another mail, where mails were put
    /// together and nothing was put between them.
    fn epilogue(&mut self, entity: &Entity<'_>, header: &Header, body: &[u8], at: usize) {
        let rest = &body[at..];
        let head = &rest[..rest.len().min(super::sniff::HEAD_BYTES_MAX)];
        let is_mbox = mbox::begins(head);
        if self.is_halted() || head.trim_ascii().is_empty() || !is_mbox && !sniff::is_mail(head) {
            return;
        }
        let path = label::join(entity.path, "behind the last boundary");
        let place = Place {
            levels: entity.place.levels + 1,
            offset: entity.place.offset.map(|offset| offset + (header.body + at) as u64),
            ..entity.place
        };
        if let Err(reason) = self.budget.spend_part().and_then(|()| self.budget.check()) {
            self.limit(&path, place, reason, "parts");
            return self.halt();
        }
        match is_mbox {
            true => self.leaf(&Leaf {
                content: Content::Plain(rest),
                path: &path,
                name: None,
                hint: None,
                media_type: "",
                claim: Claim::Nothing,
                place: entity.place,
            }),
            false => self.mail(rest.trim_ascii_start(), &path, place),
        }
    }

    fn body(&mut self, entity: &Entity<'_>, header: &Header, body: &[u8]) {
        if let Some(at) = mail_behind_base64(header.encoding, body) {
            self.body(entity, header, &body[..at]);
            return self.epilogue(entity, header, body, at);
        }
        let encoding = header.encoding.effective(body);
        let _held = match self.budget.hold(encoding.decoded_bytes(body)) {
            Ok(held) => held,
            Err(reason) => return self.limit(entity.path, entity.place, reason, ""),
        };
        let decoded = decode(encoding, body);
        let is_mail = matches!(header.media_type.as_str(), "message/rfc822" | "message/global")
            || entity.in_digest && header.media_type.is_empty();
        let offset = entity.place.offset.map(|offset| offset + header.body as u64);
        let place = Place {
            offset: offset.filter(|_| matches!(decoded, Cow::Borrowed(_))),
            ..entity.place
        };
        if is_mail && sniff::is_mail(&decoded) {
            if place.levels == 0 {
                self.failure.note_copy(&decoded);
            }
            let place = Place {
                levels: place.levels + 1,
                ..place
            };
            return self.mail(&decoded, &label::join(entity.path, "mail"), place);
        }
        let name = header.name.as_deref().map(label::hint).filter(|name| !name.is_empty());
        let path = match name {
            Some(name) => label::join(entity.path, name),
            None if entity.path.is_empty() => "body".to_owned(),
            None => entity.path.to_owned(),
        };
        self.leaf(&Leaf {
            content: Content::Plain(&decoded),
            path: &path,
            name,
            hint: name,
            media_type: &header.media_type,
            claim: claim::of_leaf(name, &header.media_type),
            place,
        });
    }

    /// Reads the header block at the start of `bytes`. Of one that exceeds a limit the rest is passed over.
    fn header(&mut self, bytes: &[u8], level: Level) -> Header {
        let limits = self.budget.limits;
        let mut mime: [Option<Range<usize>>; 4] = Default::default();
        let mut fields = 0;
        let mut fields_body = None;
        let mut subject = Subject::Nothing;
        let mut subjects = 0;
        let mut is_too_large = false;
        for field in Fields::new(bytes) {
            let (name, range) = match field {
                Field::Named { name, range } => (name, range),
                Field::End(at) => {
                    fields_body = Some(at);
                    break;
                }
            };
            fields += 1;
            is_too_large |= fields > limits.header_fields_max || range.end > limits.header_bytes_max;
            if is_too_large {
                continue;
            }
            if name.eq_ignore_ascii_case(b"subject") && subjects < SUBJECTS_MAX {
                subjects += 1;
                subject = subject.max(claim::of_subject(&decoded(field_value(&bytes[range.clone()]))));
            }
            self.tls_fields.note(name, field_value(&bytes[range.clone()]));
            if let Some(at) = MIME_FIELDS
                .iter()
                .position(|field| name.eq_ignore_ascii_case(field.as_bytes()))
            {
                mime[at].get_or_insert(range);
            } else if level == Level::Top
                && let Some(other) = classify::header_field(name, field_value(&bytes[range]))
            {
                self.evidence.note(other);
            }
        }
        // A part that has neither a field nor an empty line has no header at all.
        let body = fields_body.unwrap_or(if fields == 0 { 0 } else { bytes.len() });
        Header {
            body,
            subject,
            is_too_large: is_too_large || body > limits.header_bytes_max,
            ..parse_mime_fields(bytes, &mime)
        }
    }
}

/// Has `mail-parser` read the MIME fields: types, RFC 2231 continuations, RFC 2047 words.
fn parse_mime_fields(bytes: &[u8], fields: &[Option<Range<usize>>; 4]) -> Header {
    let mut block = Vec::with_capacity(512);
    for range in fields.iter().flatten() {
        let field = &bytes[range.clone()];
        block.extend_from_slice(&field[..field.len().min(FIELD_BYTES_MAX)]);
        if !block.ends_with(b"\n") {
            block.push(b'\n');
        }
    }
    if block.is_empty() {
        return Header::default();
    }
    block.push(b'\n');
    let Some(parsed) = PARSER.parse_headers(&block) else {
        return Header::default();
    };
    if parsed.parts.is_empty() {
        return Header::default();
    }
    let content_type = parsed.content_type();
    let media_type = content_type.map_or_else(String::new, |content_type| {
        format!(
            "{}/{}",
            content_type.ctype(),
            content_type.subtype().unwrap_or_default()
        )
        .to_ascii_lowercase()
    });
    let boundary = content_type
        .and_then(|content_type| content_type.attribute("boundary"))
        .map(str::trim_end);
    let encoding = parsed
        .content_transfer_encoding()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    Header {
        media_type,
        boundary: boundary
            .filter(|boundary| (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len()))
            .map(|boundary| boundary.as_bytes().to_vec()),
        name: parsed.attachment_name().or(parsed.content_description()).map(file_name),
        encoding: match encoding.as_str() {
            encoding if encoding.starts_with("base64") => Encoding::Base64,
            encoding if encoding.starts_with("quoted-printable") => Encoding::QuotedPrintable,
            _ => Encoding::Identity,
        },
        ..Header::default()
    }
}

/// Where another mail begins behind a body in base64, in which no colon can be.
fn mail_behind_base64(encoding: Encoding, body: &[u8]) -> Option<usize> {
    if encoding != Encoding::Base64 || sniff::is_xml_start(body) {
        return None;
    }
    let colon = memchr::memchr(b':', body)?;
    let at = memchr::memrchr(b'\n', &body[..colon])? + 1;
    sniff::is_mail(&body[at..]).then_some(at)
}

/// The value of an unstructured field as text, RFC 2047 undone.
fn decoded(value: &[u8]) -> Cow<'_, str> {
    let value = &value[..value.len().min(SUBJECT_BYTES_MAX)];
    if memchr::memmem::find(value, b"=?").is_none() {
        return String::from_utf8_lossy(value);
    }
    let block = [b"Subject: ", value.trim_ascii(), b"\r\n\r\n"].concat();
    let parsed = PARSER.parse_headers(&block).filter(|parsed| !parsed.parts.is_empty());
    let subject = parsed.as_ref().and_then(|parsed| parsed.subject());
    subject.unwrap_or_default().to_owned().into()
}

/// A file name without what folding left in it: RFC 7489's own example (B.5) folds inside the quotes.
fn file_name(name: &str) -> String {
    match name.contains('!') {
        true => name.split_ascii_whitespace().collect(),
        false => name.to_owned(),
    }
}

/// A line that separates parts.
struct Delimiter {
    /// Where the part before it ends: the line break belongs to the delimiter.
    before: usize,
    after: usize,
    closes: bool,
}

/// The next delimiter line at or after `from`, which must be the start of a line.
///
/// The whole line counts, as in all programs and unlike RFC 2046, 5.1.1: with boundary `a`, `--ab` is not a delimiter, because
/// an inner multipart may have the boundary `ab`.
fn next_delimiter(body: &[u8], boundary: &[u8], from: usize) -> Option<Delimiter> {
    let mut needle = b"--".to_vec();
    needle.extend_from_slice(boundary);
    let finder = memchr::memmem::Finder::new(&needle);
    let mut search = from;
    while let Some(found) = finder.find(&body[search..]) {
        let start = search + found;
        let rest = &body[start + needle.len()..];
        let line_end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        if start == from || body[start - 1] == b'\n' {
            let tail = rest[..line_end].trim_ascii();
            if tail.is_empty() || tail == b"--" {
                let before = body[..start].strip_suffix(b"\n").unwrap_or(&body[..start]);
                let before = before.strip_suffix(b"\r").unwrap_or(before).len();
                return Some(Delimiter {
                    before,
                    after: body.len() - rest.len() + line_end,
                    closes: tail == b"--",
                });
            }
        }
        // Whatever else this line holds, no delimiter begins before the next line.
        search = body.len() - rest.len() + line_end;
    }
    None
}

/// Undoes a transfer encoding.
fn decode(encoding: Encoding, body: &[u8]) -> Cow<'_, [u8]> {
    match encoding {
        Encoding::Identity => Cow::Borrowed(body),
        // mail-parser's decoder is several times faster than the lenient one, and gives up at the first defect.
        Encoding::Base64 => mail_parser::decoders::base64::base64_decode(body)
            .unwrap_or_else(|| transfer::base64(body))
            .into(),
        Encoding::QuotedPrintable => transfer::quoted_printable(body).into(),
    }
}
