//! Which of a mail's signatures are verified, and what is refused before anything is.

use mail_auth::AuthenticatedMessage;
use mail_auth::common::crypto::Algorithm;
use mail_auth::common::to_a_label;
use mail_auth::dkim::Signature;
use memchr::{memchr, memchr_iter};

use super::{Envelope, body};
use crate::base::organizational_domain;

/// Names in h=. The library looks each up among those before it: this bounds a quadratic search.
const SIGNED_NAMES_MAX: usize = 256;
/// RFC 1035, 2.3.4: names are up to 255 octets. Longer names are cut, because they are only shown.
const NAME_BYTES_MAX: usize = 255;
/// RFC 8301, 3.2: keys of up to 4,096 bits are verified. An RSA signature is as long as its key.
const SIGNATURE_BYTES_MAX: usize = 512;
/// All From fields, bytes. The library looks for the end of an encoded word from each place where one may begin, and copies the
/// name of a group for each group.
const FROM_BYTES_MAX: usize = 8 * 1024;
/// A signature or another field of DKIM2, bytes. The library compares each of its tags with all before it.
const FIELD_BYTES_MAX: usize = 32 * 1024;
/// These fields.
const TAGGED: [&[u8]; 3] = [b"dkim-signature", b"dkim2-signature", b"message-instance"];

/// A mail's signatures, those of the author's organisation first.
pub(super) struct Choice<'m> {
    /// The mail, once for each signature that is to be verified, with that one alone.
    pub chosen: Vec<AuthenticatedMessage<'m>>,
    /// The first of those beyond the limit.
    pub left: Option<Signature>,
    /// Bytes of the body that were hashed.
    pub hashed_bytes: u64,
}

/// The header of a mail with the line that ends it, if it is within bytes and fields. Linear, before anything else looks at
/// it.
pub(super) fn header(bytes: &[u8], bytes_max: usize, fields_max: usize) -> Option<&[u8]> {
    let (mut fields, mut authors_bytes) = (0, 0);
    let (mut field, mut start) = (0, 0);
    let head = &bytes[..bytes.len().min(bytes_max.saturating_add(1))];
    for end in memchr_iter(b'\n', head) {
        let line = &head[start..end];
        if matches!(line, b"" | b"\r") {
            return is_field_small(&head[field..start], &mut authors_bytes).then_some(&head[..=end]);
        }
        if !matches!(line, [b' ' | b'\t', ..]) {
            if !is_field_small(&head[field..start], &mut authors_bytes) {
                return None;
            }
            field = start;
            fields += 1;
        }
        if fields > fields_max {
            return None;
        }
        start = end + 1;
    }
    // No empty line: a header alone, if it is the whole mail.
    let is_small = bytes.len() <= bytes_max && is_field_small(&head[field..], &mut authors_bytes);
    is_small.then_some(bytes)
}

/// Whether a field that the library takes apart is within what that may cost.
fn is_field_small(field: &[u8], authors_bytes: &mut usize) -> bool {
    if !matches!(field.first(), Some(b'f' | b'F' | b'd' | b'D' | b'm' | b'M')) {
        return true;
    }
    let colon = memchr(b':', field).unwrap_or(field.len());
    // The library leaves out what is white in a name.
    let name = field[..colon].iter().filter(|byte| !byte.is_ascii_whitespace());
    let is = |expect: &&[u8]| name.clone().map(u8::to_ascii_lowercase).eq(expect.iter().copied());
    if is(&&b"from"[..]) {
        *authors_bytes += field.len();
        return *authors_bytes <= FROM_BYTES_MAX;
    }
    field.len() <= FIELD_BYTES_MAX || !TAGGED.iter().any(is)
}

/// Picks the signatures that can matter. DMARC asks only for those of the author's organisation (RFC 9989, 4.10.2), so
/// they come first: a mail with five foreign signatures before its own still passes.
pub(super) fn choose<'m>(message: &AuthenticatedMessage<'m>, signatures_max: usize) -> Choice<'m> {
    let author = author_domain(message);
    let mut usable: Vec<_> = message
        .dkim_headers
        .iter()
        .filter(|header| is_usable(&header.header))
        .cloned()
        .collect();
    let author = organizational_domain(&author);
    usable.sort_by_cached_key(|header| organizational_domain(&to_a_label(&header.header.d)) != author);
    let beyond = usable.split_off(usable.len().min(signatures_max));
    let body = message
        .raw_message
        .get(message.body_offset as usize..)
        .unwrap_or_default();
    let (body_hashes, hashed_bytes) = body::hashes(body, usable.iter().map(|header| header.header.cb));
    let chosen = usable.into_iter().map(|mut header| {
        // Requests for reports (RFC 6651) and third-party signatures (RFC 6541) would cost questions, and change
        // nothing here.
        header.header.r = false;
        header.header.atps = None;
        AuthenticatedMessage {
            headers: message.headers.clone(),
            from: message.from.clone(),
            raw_message: message.raw_message,
            body_offset: message.body_offset,
            body_hashes: body_hashes.clone(),
            dkim_headers: vec![header],
            ..AuthenticatedMessage::default()
        }
    });
    Choice {
        chosen: chosen.collect(),
        hashed_bytes,
        left: beyond.into_iter().next().map(|header| header.header),
    }
}

/// The domain whose SPF record counts: of MAIL FROM, of HELO for the null sender (RFC 7208, 2.4).
pub(super) fn spf_domain(envelope: &Envelope) -> &str {
    match envelope.mail_from.rsplit_once('@') {
        Some((_, domain)) => domain,
        None => &envelope.helo,
    }
}

/// As much of a name as is kept.
pub(super) fn cut(name: &str) -> String {
    name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned()
}

fn is_usable(signature: &Signature) -> bool {
    // RFC 6376, 3.5: v= is there and 1. RFC 8301, 3.1: rsa-sha1 is not to be verified.
    signature.v == 1
        && signature.a != Algorithm::RsaSha1
        && signature.h.len() <= SIGNED_NAMES_MAX
        && signature.d.len().max(signature.s.len()) <= NAME_BYTES_MAX
        && signature.b.len() <= SIGNATURE_BYTES_MAX
        // RFC 6376, 5.4: the From field is always signed.
        && signature.h.iter().any(|name| name.trim().eq_ignore_ascii_case("from"))
}

/// The domain of the (first) author; empty if there is none.
fn author_domain(message: &AuthenticatedMessage<'_>) -> String {
    let domain = message.from.iter().find_map(|from| from.rsplit_once('@'));
    domain.map_or_else(String::new, |(_, domain)| to_a_label(domain).into_owned())
}

/// The domain of all authors, as kept; `None` if they have several. DMARC does not apply then (RFC 9989, 5.3.1).
pub(super) fn only_author_domain(message: &AuthenticatedMessage<'_>) -> Option<String> {
    let domains = message.from.iter().filter_map(|from| from.rsplit_once('@'));
    let mut domains = domains.map(|(_, domain)| to_a_label(domain));
    let first = domains.next()?;
    let is_only = domains.all(|domain| domain == first) && !first.is_empty();
    is_only.then(|| cut(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_small_or_not() {
        let check = |text: &str, bytes_max, expect: Option<&str>| {
            let found = header(text.as_bytes(), bytes_max, 2);
            assert_eq!(found, expect.map(str::as_bytes), "{text:?}");
        };
        check("", 10, Some(""));
        check("a: b\r\nc: d\r\n e\r\n\r\nbody", 30, Some("a: b\r\nc: d\r\n e\r\n\r\n"));
        check("a: b\nc: d\n\nbody", 30, Some("a: b\nc: d\n\n"));
        check("a: b\nc: d\n\nbody", 10, Some("a: b\nc: d\n\n"));
        check("a: b\nc: d\n\nbody", 9, None);
        check("a: b\nc: d\ne: f\n\n", 30, None);
        check("a: b\n", 5, Some("a: b\n"));
        check("a: b\n", 4, None);
    }

    #[test]
    fn fields_that_the_library_takes_apart_are_short() {
        let check = |head: String, expect: bool| {
            let found = header(head.as_bytes(), 100 * 1024, 1_000).is_some();
            assert_eq!(found, expect, "{}", &head[..head.len().min(40)]);
        };
        let encoded = "=?a?q?x ".repeat(FROM_BYTES_MAX / 8);
        for name in ["From", "fROM", "From ", "F\r\n rom", "f\tr o\n m"] {
            check(format!("To: a\r\n{name}: {encoded}\r\n\r\n"), false);
            check(format!("To: a\r\n{name}: {encoded}\n"), false);
            check(format!("{name}: a@b.example\r\n\r\n"), true);
        }
        // To the library, what breaks off in its line is not a field.
        check(format!("To: a\r\nFrom: {encoded}"), true);
        // Together, and over lines.
        let line = format!("From: {}\r\n", "a@b:".repeat(100));
        check(line.repeat(20) + "\r\n", true);
        check(line.repeat(21) + "\r\n", false);
        check(format!("From: a\r\n{}\r\n", " b,\r\n".repeat(3_000)), false);
        let tags: String = (0..FIELD_BYTES_MAX / 5).map(|nth| format!("{nth:04};")).collect();
        for name in [
            "DKIM2-Signature",
            "Message-Instance",
            "dkim-signature",
            "D K I M-Signature",
        ] {
            check(format!("{name}: {tags}\r\n\r\n"), false);
            check(format!("{name}: i=1;\r\n\r\n"), true);
        }
        // Others may be long.
        for name in ["To", "From-Others", "DKIM-Signatures", "Fromage", "Received", "X"] {
            check(format!("{name}: {tags}\r\n\r\n"), true);
        }
    }
}
