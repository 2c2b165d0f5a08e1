//! Texts of a report as values: addresses, numbers, instants, names, words.
//!
//! Each function is lenient in what real reporters do and says when it had to be.

use super::number::{Form, number};
use super::{AlignmentMode, AuthResult, Disposition};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Counts above this are not believed: it keeps the sum over all records of a report far inside 63 bits.
pub(crate) const COUNT_MAX: u64 = 1_000_000_000_000;

/// A value, and whether its text was the plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read<T> {
    Plain(T),
    /// Readable, but not as it should be written.
    Odd(T),
}

/// At most `bytes_max` bytes of `text`, cut between characters; `true` if it was cut.
pub(crate) fn cut(text: &str, bytes_max: usize) -> (&str, bool) {
    match text.len() > bytes_max {
        true => (text[..text.floor_char_boundary(bytes_max)].trim_end(), true),
        false => (text, false),
    }
}

/// An IPv4 address in its canonical form, and nothing else.
#[inline]
fn plain_ipv4(bytes: &[u8]) -> Option<Ipv4Addr> {
    // `255.255.255.255`
    if bytes.len() > 15 {
        return None;
    }
    let mut octets = [0_u8; 4];
    let (mut index, mut digits, mut value) = (0, 0, 0_u16);
    for &byte in bytes {
        match byte {
            b'0'..=b'9' if digits < 3 && (value > 0 || digits == 0) => {
                value = value * 10 + u16::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && index < 3 => {
                octets[index] = u8::try_from(value).ok()?;
                (index, digits, value) = (index + 1, 0, 0);
            }
            _ => return None,
        }
    }
    octets[3] = u8::try_from(value).ok()?;
    (index == 3 && digits > 0).then(|| Ipv4Addr::from(octets))
}

/// An address in a form that every reader takes the same way: canonical IPv4, or any IPv6 without decoration.
#[inline]
pub(crate) fn plain_address(bytes: &[u8]) -> Option<IpAddr> {
    if let Some(address) = plain_ipv4(bytes) {
        return Some(IpAddr::V4(address));
    }
    if bytes.len() > 45 || memchr::memchr(b':', bytes).is_none() {
        return None;
    }
    let address: Ipv6Addr = str::from_utf8(bytes).ok()?.parse().ok()?;
    Some(IpAddr::V6(address).to_canonical())
}

/// The source address: the leading token that parses, without brackets, zone, prefix length or port
/// (rows 117 and 118 of the deviations). Padded octets are decimal, never octal.
pub(crate) fn address(text: &str) -> Option<Read<IpAddr>> {
    if let Some(address) = plain_address(text.as_bytes()) {
        return Some(Read::Plain(address));
    }
    let token = text.split([' ', '\t', '\n', '\r', ',', ';', '(']).next()?;
    let token = match token.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => token,
    };
    let token = token.split(['/', '%']).next()?;
    let token = match token.matches(':').count() {
        1 => token.split(':').next()?,
        _ => token,
    };
    if let Some(address) = plain_address(token.as_bytes()) {
        return Some(Read::Odd(address));
    }
    let mut octets = [0_u8; 4];
    let mut parts = token.split('.');
    for octet in &mut octets {
        let part = parts.next().filter(|part| (1..=3).contains(&part.len()))?;
        *octet = part
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse().ok())??;
    }
    parts.next().is_none().then(|| Read::Odd(IpAddr::from(octets)))
}

/// A number of messages: digits, with a warning also `1.0`, `1,234` and `1.2E3`. `1.000` has two readings, so it has none.
pub(crate) fn count(text: &str) -> Option<Read<u64>> {
    let number = number(text)?;
    if number.has_fraction || number.form == Form::PointOrGroup || number.whole > COUNT_MAX {
        return None;
    }
    Some(match number.form {
        Form::Digits => Read::Plain(number.whole),
        _ => Read::Odd(number.whole),
    })
}

/// Digits only, and not more than [`COUNT_MAX`].
#[inline]
pub(crate) fn plain_count(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 13 {
        return None;
    }
    let mut value = 0_u64;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    (value <= COUNT_MAX).then_some(value)
}

/// Without one pair of angle brackets (RFC 9990, 3.5.1: `ridtxt`).
pub(crate) fn without_brackets(text: &str) -> &str {
    text.strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .unwrap_or(text)
        .trim()
}

/// Calls `known` with the lower-case of `text`; texts longer than any word of the standards are not tried.
pub(crate) fn word<T>(text: &str, known: impl Fn(&str) -> Option<T>) -> Option<T> {
    if let Some(known) = known(text) {
        return Some(known);
    }
    let mut lower = [0_u8; 24];
    let lower = lower.get_mut(..text.len())?;
    lower.copy_from_slice(text.as_bytes());
    lower.make_ascii_lowercase();
    known(str::from_utf8(lower).ok()?)
}

/// `adkim`, `aspf`: by the first letter, since some write `relaxed` and `strict`.
pub(crate) fn alignment_mode(text: &str) -> Option<AlignmentMode> {
    word(text, |word| match word {
        "r" | "relaxed" => Some(AlignmentMode::Relaxed),
        "s" | "strict" => Some(AlignmentMode::Strict),
        _ => None,
    })
}

/// `testing`: the value of the record's `t` tag.
pub(crate) fn yes_or_no(text: &str) -> Option<bool> {
    word(text, |word| match word {
        "y" | "yes" | "true" | "1" => Some(true),
        "n" | "no" | "false" | "0" => Some(false),
        _ => None,
    })
}

/// `pct`: 0 to 100.
pub(crate) fn percentage(text: &str) -> Option<u8> {
    let number: u8 = text.strip_suffix('%').unwrap_or(text).trim_end().parse().ok()?;
    (number <= 100).then_some(number)
}

/// A disposition; `None` is empty, a word outside the standards is [`Disposition::Unknown`].
pub(crate) fn disposition(text: &str) -> Option<Disposition> {
    match text.is_empty() {
        true => None,
        // The API's own word `unknown` is not in the standards.
        false => Some(word(text, Disposition::from_word).unwrap_or(Disposition::Unknown)),
    }
}

/// An authentication result. [`Read::Odd`] marks words that no standard knows, mapped or not.
pub(crate) fn auth_result(text: &str) -> Read<AuthResult> {
    let known = word(text, |word| {
        Some(match word {
            "" => Read::Plain(AuthResult::None),
            // RFC 7489, appendix C, on the words of older reporters.
            "unknown" => Read::Plain(AuthResult::Temperror),
            "error" => Read::Plain(AuthResult::Permerror),
            // RFC 4408 and docomo, 2024; RFC 8601, 2.7.2 still allows it on input.
            "hardfail" => Read::Odd(AuthResult::Fail),
            "other" => Read::Odd(AuthResult::Other),
            word => Read::Plain(AuthResult::from_word(word)?),
        })
    });
    known.unwrap_or(Read::Odd(AuthResult::Other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, expect: Option<(&str, bool)>| {
            let read = address(text).map(|read| match read {
                Read::Plain(address) => (address.to_string(), false),
                Read::Odd(address) => (address.to_string(), true),
            });
            assert_eq!(read, expect.map(|(text, odd)| (text.to_owned(), odd)), "{text}");
        };
        check("192.0.2.1", Some(("192.0.2.1", false)));
        check("2001:DB8:0:0:0:0:0:1", Some(("2001:db8::1", false)));
        check("::ffff:192.0.2.1", Some(("192.0.2.1", false)));
        check("192.000.2.010", Some(("192.0.2.10", true)));
        check("[2001:db8::1]:25", Some(("2001:db8::1", true)));
        check("fe80::1%eth0", Some(("fe80::1", true)));
        check("2001:db8::1/128", Some(("2001:db8::1", true)));
        check("192.0.2.1:25", Some(("192.0.2.1", true)));
        check("192.0.2.1 (mail.example.com)", Some(("192.0.2.1", true)));
        check("108r.166.27.220", None);
        check("X.X.X.X", None);
        check("192.0.2.256", None);
        check("192.0.2", None);
        check("1.2.3.4.5", None);
        check("", None);
    }

    #[test]
    fn plain_ipv4_is_what_the_standard_library_takes() {
        let parts = ["", "0", "00", "01", "1", "25", "255", "256", "999", "1000", "a"];
        let three = parts.iter().flat_map(|a| parts.map(|b| format!("{a}.{b}")));
        let three: Vec<String> = three.flat_map(|two| parts.map(|c| format!("{two}.{c}"))).collect();
        let four = three.iter().flat_map(|three| parts.map(|d| format!("{three}.{d}")));
        let five = three.iter().map(|three| format!("{three}.1.1"));
        let mut good = 0;
        for text in three.iter().cloned().chain(four).chain(five) {
            let read = plain_ipv4(text.as_bytes());
            assert_eq!(read, text.parse().ok(), "{text}");
            good += usize::from(read.is_some());
        }
        assert_eq!(good, 4 * 4 * 4 * 4);
    }

    #[test]
    fn counts() {
        for (text, expect) in [
            ("0", Some(Read::Plain(0))),
            ("4294967296", Some(Read::Plain(4_294_967_296))),
            ("1.0", Some(Read::Odd(1))),
            ("1,234,567", Some(Read::Odd(1_234_567))),
            ("1.234.567", Some(Read::Odd(1_234_567))),
            ("1 234", Some(Read::Odd(1_234))),
            ("1E3", Some(Read::Odd(1_000))),
            ("1.5e1", Some(Read::Odd(15))),
            ("+5", Some(Read::Odd(5))),
            ("1.000", None),
            ("1E13", None),
            ("1.5E0", None),
            ("12 messages", None),
            ("1234,567", None),
            ("1.5", None),
            ("-1", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(count(text), expect, "{text}");
        }
    }

    #[test]
    fn words() {
        assert_eq!(auth_result("Pass"), Read::Plain(AuthResult::Pass));
        assert_eq!(auth_result("hardfail"), Read::Odd(AuthResult::Fail));
        assert_eq!(auth_result(""), Read::Plain(AuthResult::None));
        assert_eq!(auth_result("invalid"), Read::Odd(AuthResult::Other));
        assert_eq!(disposition("PASS"), Some(Disposition::Pass));
        assert_eq!(disposition("rejected"), Some(Disposition::Unknown));
        assert_eq!(percentage("100 %"), Some(100));
        assert_eq!(percentage("101"), None);
    }
}
