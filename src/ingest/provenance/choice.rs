//! Which of a mail's signatures are verified, and what is refused before anything is.

use mail_auth::AuthenticatedMessage;
use mail_auth::common::crypto::Algorithm;
use mail_auth::common::to_a_label;
use mail_auth::dkim::Signature;
use memchr::memchr_iter;

use super::Envelope;
use crate::report::organizational_domain;

/// Names in h=. The library looks each up among those before it: this bounds a quadratic search.
const SIGNED_NAMES_MAX: usize = 256;
/// RFC 1035, 2.3.4: names are up to 255 octets. What is kept of longer ones is for people.
const NAME_BYTES_MAX: usize = 255;

/// A mail's signatures, those of the author's organisation first.
pub(super) struct Choice<'m> {
    /// The mail, once for each signature that is to be verified, with that one alone.
    pub chosen: Vec<AuthenticatedMessage<'m>>,
    /// The first of those beyond the limit.
    pub left: Option<Signature>,
}

/// Is the header within bytes and fields? Linear, before anything else looks at it.
pub(super) fn is_header_small(bytes: &[u8], bytes_max: usize, fields_max: usize) -> bool {
    let mut fields = 0;
    let mut start = 0;
    let head = &bytes[..bytes.len().min(bytes_max.saturating_add(1))];
    for end in memchr_iter(b'\n', head) {
        let line = &head[start..end];
        if matches!(line, b"" | b"\r") {
            return true;
        }
        if !matches!(line, [b' ' | b'\t', ..]) {
            fields += 1;
        }
        if fields > fields_max {
            return false;
        }
        start = end + 1;
    }
    // No empty line: a header alone, if it is the whole mail.
    bytes.len() <= bytes_max
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
    usable.sort_by_key(|header| !is_of_organization(&header.header.d, &author));
    let beyond = usable.split_off(usable.len().min(signatures_max));
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
            body_hashes: message.body_hashes.clone(),
            dkim_headers: vec![header],
            ..AuthenticatedMessage::default()
        }
    });
    Choice {
        chosen: chosen.collect(),
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

fn is_of_organization(domain: &str, author: &str) -> bool {
    organizational_domain(&to_a_label(domain)) == organizational_domain(author)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_small_or_not() {
        let check = |text: &str, bytes_max, expect| {
            assert_eq!(is_header_small(text.as_bytes(), bytes_max, 2), expect, "{text:?}");
        };
        check("", 10, true);
        check("a: b\r\nc: d\r\n e\r\n\r\nbody", 30, true);
        check("a: b\nc: d\n\nbody", 30, true);
        check("a: b\nc: d\n\nbody", 10, true);
        check("a: b\nc: d\n\nbody", 9, false);
        check("a: b\nc: d\ne: f\n\n", 30, false);
        check("a: b\n", 5, true);
        check("a: b\n", 4, false);
    }
}
