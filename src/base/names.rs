//! Domain names: strict for what a client registers, lenient for what a reporter wrote.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::suffixes::is_public_suffix;

/// A domain name that can have an owner: lower-case A-labels, at least two labels, no trailing dot,
/// letters, digits and hyphens only (RFC 1123, 2.1), below a public suffix. At most 253 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(Box<str>);

/// Why a text is not a [`DomainName`], with what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("is empty; give a domain name such as example.com")]
    Empty,
    #[error("is not a bare domain name; leave out the scheme, mailbox, port and path, as in example.com")]
    NotBare,
    #[error("is an IP address; give the domain name that appears after the @ of your mail")]
    IpAddress,
    #[error("has two dots in a row or starts with a dot; remove the empty label")]
    EmptyLabel,
    #[error("has only one label; give the whole name, such as example.com")]
    SingleLabel,
    #[error("has a label longer than 63 characters (in its xn-- form); DNS cannot hold it")]
    LabelTooLong,
    #[error("is longer than 253 characters (in its xn-- form); DNS cannot hold it")]
    NameTooLong,
    #[error("has a character that domain names cannot have; use letters, digits and hyphens between the dots")]
    BadCharacter,
    #[error("has a label that starts or ends with a hyphen; remove the hyphen")]
    HyphenAtEdge,
    #[error("is not a valid internationalised name (UTS 46); check its spelling, or give its xn-- form")]
    BadIdna,
    #[error("is a public suffix, under which others register their names; give your own domain below it")]
    PublicSuffix,
}

impl DomainName {
    /// The longest name in bytes (RFC 1035, 2.3.4: 255 octets on the wire).
    pub const BYTES_MAX: usize = 253;
    /// The longest label in bytes (RFC 1035, 2.3.4).
    pub const LABEL_BYTES_MAX: usize = 63;

    /// The name in `text`: U-labels become A-labels (UTS 46, non-transitional), one trailing dot is dropped.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let bracketed = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if bracketed.parse::<IpAddr>().is_ok() {
            return Err(NameError::IpAddress);
        }
        if text.contains(['/', '@', ':']) {
            return Err(NameError::NotBare);
        }
        // UTS 46 costs time by the length of its input; no name this long can become a short one.
        if text.len() > 4 * Self::BYTES_MAX {
            return Err(NameError::NameTooLong);
        }
        let name = to_ascii_strict(text)?;
        check_ldh(&name)?;
        if name
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
        {
            return Err(NameError::IpAddress);
        }
        if !name.contains('.') {
            return Err(NameError::SingleLabel);
        }
        if is_public_suffix(&name) {
            return Err(NameError::PublicSuffix);
        }
        Ok(Self(name.into()))
    }

    /// The name: lower-case A-labels without trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with its U-labels, for display; `None` if it is the same.
    pub fn unicode(&self) -> Option<String> {
        if !self.0.contains("xn--") {
            return None;
        }
        let (name, valid) = Uts46::new().to_unicode(self.0.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
        (valid.is_ok() && *name != *self.0).then(|| name.into_owned())
    }

    /// The names above this one, nearest first, down to the single last label: `a.b.example` gives `b.example`, `example`.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        ancestors(&self.0)
    }

    /// Whether `name` (normalised) is this domain or below it.
    pub fn covers(&self, name: &str) -> bool {
        name.strip_suffix(self.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

/// A search term for names: a piece of one, in Unicode or as A-labels, in any case.
#[derive(Debug, Clone)]
pub struct NameSearch {
    /// In lower case, as written.
    plain: String,
    /// As UTS 46 writes it in Unicode: composed, in lower case, with plain dots.
    mapped: Option<String>,
}

impl NameSearch {
    /// An empty text finds every name.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        // UTS 46 costs time by the length of its input; no name has a piece this long.
        let is_short = text.len() <= 4 * DomainName::BYTES_MAX;
        let mapped = is_short
            .then(|| Uts46::new().to_unicode(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow))
            .and_then(|(mapped, valid)| valid.is_ok().then(|| mapped.into_owned()));
        Self {
            plain: text.to_lowercase(),
            mapped,
        }
    }

    /// Whether it is in the name.
    pub fn finds(&self, name: &DomainName) -> bool {
        let pieces = [Some(&self.plain), self.mapped.as_ref()];
        let mut pieces = pieces.into_iter().flatten();
        let unicode = name.unicode();
        pieces.any(|piece| {
            name.as_str().contains(piece.as_str())
                || unicode.as_ref().is_some_and(|unicode| unicode.contains(piece.as_str()))
        })
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for DomainName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for DomainName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

/// The names above `name`, nearest first: `a.b.example` gives `b.example`, `example`.
pub fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(name.split_once('.').map(|(_, rest)| rest), |rest| {
        rest.split_once('.').map(|(_, rest)| rest)
    })
}

/// A reporter's spelling of a domain as a key: trimmed, lower-case, A-labels where that is possible, without
/// brackets, scheme, port, path and dots at the ends. Never refuses for what a label may hold; `None` if nothing is left.
pub fn normalise_domain(text: &str) -> Option<Box<str>> {
    normalise_domain_cow(text).map(Box::from)
}

/// [`normalise_domain`] that borrows where the text is already as it should be, which is nearly always.
pub fn normalise_domain_cow(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return None;
    }
    if is_plain(text.as_bytes()) {
        return Some(Cow::Borrowed(text));
    }
    let mut name = strip_wrapping(text).to_owned();
    // Mapping can uncover what stripping removes (U+3002 is a dot, U+FF1E is `>`): a few rounds settle it.
    for _ in 0..4 {
        let mapped = map_labels(&name);
        let next = strip_wrapping(&mapped);
        if next == name {
            break;
        }
        name = next.to_owned();
    }
    (!name.is_empty()).then_some(Cow::Owned(name))
}

/// The domain of a mailbox: what follows the last `@`, or the whole text if there is none; without `<>`, normalised.
/// `None` for the null reverse-path (`<>` or nothing).
pub fn mailbox_domain(text: &str) -> Option<Box<str>> {
    mailbox_domain_cow(text).map(Box::from)
}

/// [`mailbox_domain`] that borrows where it can.
pub fn mailbox_domain_cow(text: &str) -> Option<Cow<'_, str>> {
    normalise_domain_cow(text.rsplit('@').next().unwrap_or(text))
}

fn to_ascii_strict(text: &str) -> Result<Cow<'_, str>, NameError> {
    if is_plain(text.as_bytes()) && !text.contains("xn--") {
        return Ok(Cow::Borrowed(text));
    }
    if text.is_ascii() {
        let lower = text.to_ascii_lowercase();
        check_ldh(&lower)?;
        if !lower.contains("xn--") {
            return Ok(Cow::Owned(lower));
        }
    }
    Uts46::new()
        .to_ascii(
            text.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Ignore,
        )
        .map(|name| Cow::Owned(name.into_owned()))
        .map_err(|_| NameError::BadIdna)
}

/// RFC 1123, 2.1 and RFC 1035, 2.3.4 for a lower-case ASCII name.
fn check_ldh(name: &str) -> Result<(), NameError> {
    if name.len() > DomainName::BYTES_MAX {
        return Err(NameError::NameTooLong);
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        if label.len() > DomainName::LABEL_BYTES_MAX {
            return Err(NameError::LabelTooLong);
        }
        if !label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(NameError::BadCharacter);
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(NameError::HyphenAtEdge);
        }
    }
    Ok(())
}

/// Whether the text has only lower-case letters, digits, `-`, `_` and inner dots, and needs no normalising.
fn is_plain(text: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    text.iter().all(plain) && text.first() != Some(&b'.') && text.last() != Some(&b'.')
}

fn strip_wrapping(text: &str) -> &str {
    let mut rest = text;
    loop {
        let mut next = rest.trim_matches(|c: char| c.is_whitespace() || c.is_control() || "<>[](){}\"'.,;".contains(c));
        if let Some((_, after)) = next.split_once("://") {
            next = after.split(['?', '#']).next().unwrap_or(after);
        }
        next = next.split('/').next().unwrap_or(next);
        if let Some((host, port)) = next.rsplit_once(':')
            && port.bytes().all(|b| b.is_ascii_digit())
            && !host.contains(':')
        {
            next = host;
        }
        if next == rest {
            return rest;
        }
        rest = next;
    }
}

fn map_labels(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    // UTS 46 costs the square of its input, and no name this long can become a short one.
    if text.len() > 4 * DomainName::BYTES_MAX {
        return Cow::Owned(text.to_lowercase());
    }
    Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore)
        .unwrap_or_else(|_| Cow::Owned(text.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn strict(text: &str, expect: Result<&str, NameError>) {
        assert_eq!(
            DomainName::parse(text).as_ref().map(DomainName::as_str),
            expect.as_ref().map(|s| *s),
            "{text:?}"
        );
    }

    #[track_caller]
    fn lenient(text: &str, expect: Option<&str>) {
        assert_eq!(normalise_domain(text).as_deref(), expect, "{text:?}");
    }

    #[test]
    fn a_name_is_found_in_unicode_and_as_a_labels() {
        for (name, search, found) in [
            ("münchner.example", "münchner", true),
            ("münchner.example", "MÜNCH", true),
            ("münchner.example", "mu\u{308}nchner", true),
            ("münchner.example", "ünchner.exa", true),
            ("münchner.example", "xn--m", true),
            ("münchner.example", "XN--MNCHNER-N2A.example", true),
            ("münchner.example", "münchner。example", true),
            ("münchner.example", "munchner", false),
            ("пример.example", "ПРИМ", true),
            ("straße.example", "straße", true),
            ("例え.example", "例え", true),
            ("example.com", "EXAMPLE", true),
            ("example.com", "", true),
            ("example.com", "ü", false),
            ("example.com", "\u{202e}", false),
        ] {
            let name = DomainName::parse(name).unwrap();
            assert_eq!(NameSearch::new(search).finds(&name), found, "{search} in {name}");
        }
        assert!(!NameSearch::new(&"ü".repeat(100_000)).finds(&DomainName::parse("ü.example").unwrap()));
        let unicode = |name: &str| DomainName::parse(name).unwrap().unicode();
        assert_eq!(unicode("xn--mnchner-n2a.example").as_deref(), Some("münchner.example"));
        assert_eq!(unicode("example.com"), None);
    }

    #[test]
    fn names_that_can_be_registered() {
        strict("example.com", Ok("example.com"));
        strict("Example.COM.", Ok("example.com"));
        strict("mail.example.co.uk", Ok("mail.example.co.uk"));
        strict("bücher.example", Ok("xn--bcher-kva.example"));
        strict("BÜCHER.example", Ok("xn--bcher-kva.example"));
        strict("XN--BCHER-KVA.example", Ok("xn--bcher-kva.example"));
        // Non-transitional: the sharp s stays what it is.
        strict("faß.example", Ok("xn--fa-hia.example"));
        strict("a--b.example", Ok("a--b.example"));
        strict("1and1.example", Ok("1and1.example"));
        strict("bücher。example", Ok("xn--bcher-kva.example"));
        let label = "a".repeat(63);
        strict(&format!("{label}.example"), Ok(&format!("{label}.example")));
    }

    #[test]
    fn names_that_cannot() {
        strict("", Err(NameError::Empty));
        strict(".", Err(NameError::Empty));
        strict("example.com..", Err(NameError::EmptyLabel));
        strict(".example.com", Err(NameError::EmptyLabel));
        strict("a..example.com", Err(NameError::EmptyLabel));
        strict("localhost", Err(NameError::SingleLabel));
        strict("com", Err(NameError::SingleLabel));
        strict("co.uk", Err(NameError::PublicSuffix));
        strict("192.0.2.1", Err(NameError::IpAddress));
        strict("[192.0.2.1]", Err(NameError::IpAddress));
        strict("2001:db8::1", Err(NameError::IpAddress));
        strict("[2001:db8::1]", Err(NameError::IpAddress));
        strict("192.0.2.300", Err(NameError::IpAddress));
        strict("a_b.example.com", Err(NameError::BadCharacter));
        strict("_dmarc.example.com", Err(NameError::BadCharacter));
        strict("*.example.com", Err(NameError::BadCharacter));
        strict(" example.com", Err(NameError::BadCharacter));
        strict("exam ple.com", Err(NameError::BadCharacter));
        strict("-a.example.com", Err(NameError::HyphenAtEdge));
        strict("a-.example.com", Err(NameError::HyphenAtEdge));
        strict("https://example.com", Err(NameError::NotBare));
        strict("example.com:25", Err(NameError::NotBare));
        strict("me@example.com", Err(NameError::NotBare));
        strict("xn--zzzzzzzz--.example", Err(NameError::HyphenAtEdge));
        strict("xn--a.example", Err(NameError::BadIdna));
        strict("exa\u{ad}mple_.com", Err(NameError::BadIdna));
        strict(&format!("{}.example", "a".repeat(64)), Err(NameError::LabelTooLong));
        strict(&format!("{}.example", "ü".repeat(63)), Err(NameError::LabelTooLong));
        strict(
            &format!("{}example", "abcdefg.".repeat(31)),
            Err(NameError::NameTooLong),
        );
        strict(&"é".repeat(100_000), Err(NameError::NameTooLong));
    }

    #[test]
    fn ancestors_go_up_to_the_last_label() {
        let name = DomainName::parse("a.b.example.com").unwrap();
        assert_eq!(
            name.ancestors().collect::<Vec<_>>(),
            ["b.example.com", "example.com", "com"]
        );
        assert!(name.covers("a.b.example.com") && name.covers("x.a.b.example.com"));
        assert!(!name.covers("b.example.com") && !name.covers("xa.b.example.com"));
    }

    #[test]
    fn reporters_spellings() {
        lenient("example.com", Some("example.com"));
        lenient(" Example.COM.\r\n", Some("example.com"));
        lenient("..example.com..", Some("example.com"));
        lenient("<example.com>", Some("example.com"));
        lenient("[192.0.2.1]", Some("192.0.2.1"));
        lenient("https://Example.com/path?x", Some("example.com"));
        lenient("example.com:25", Some("example.com"));
        lenient("_dmarc.exa_mple.com", Some("_dmarc.exa_mple.com"));
        lenient("-odd-.example", Some("-odd-.example"));
        lenient("Bücher.example", Some("xn--bcher-kva.example"));
        lenient("bücher.exam_ple", Some("xn--bcher-kva.exam_ple"));
        lenient("*.example.com", Some("*.example.com"));
        lenient("=?utf-8?q?example.com?=", Some("=?utf-8?q?example.com?="));
        lenient("", None);
        lenient(" \t", None);
        lenient("<>", None);
        lenient(".", None);
        assert!(matches!(
            normalise_domain_cow(" example.com "),
            Some(Cow::Borrowed("example.com"))
        ));
    }

    #[test]
    fn mailboxes() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(mailbox_domain(text).as_deref(), expect, "{text:?}");
        check("dmarc@reporter.example", Some("reporter.example"));
        check("<dmarc@Reporter.example>", Some("reporter.example"));
        check("\"a@b\"@reporter.example", Some("reporter.example"));
        check("reporter.example", Some("reporter.example"));
        check("Reports <dmarc@reporter.example>", Some("reporter.example"));
        check("dmarc@", None);
        check("<>", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent(text in "\\PC{0,40}") {
            if let Ok(name) = DomainName::parse(&text) {
                prop_assert_eq!(DomainName::parse(name.as_str()), Ok(name.clone()));
                prop_assert_eq!(normalise_domain(name.as_str()), Some(Box::from(name.as_str())));
            }
        }

        #[test]
        fn normalising_is_idempotent(text in "(\\PC|[.<>@:/ A-Zü。＞]){0,40}") {
            if let Some(name) = normalise_domain(&text) {
                prop_assert_eq!(normalise_domain(&name), Some(name.clone()));
            }
        }

        #[test]
        fn strict_and_lenient_agree(text in "([a-zA-Zü]{1,8}\\.){1,3}[a-z]{2,8}\\.?") {
            if let Ok(name) = DomainName::parse(&text) {
                prop_assert_eq!(normalise_domain(&text), Some(Box::from(name.as_str())));
            }
        }
    }
}
