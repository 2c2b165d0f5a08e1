//! The terms of an SPF record (RFC 7208, 12), read as strictly as receivers read them: a syntax error anywhere makes a record
//! a permanent error for all mail (4.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::base::Network;

/// A mechanism or redirect. A redirect is the last.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// Whether a match lets mail pass (`+`, or no sign).
    pub passes: bool,
    pub what: What,
    /// As the record has it.
    pub text: Box<str>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// `ip4`, `ip6`: no lookup.
    Network(Network),
    /// `include`: another record, whose pass is a match.
    Record(String),
    /// `redirect`: another record, in place of this one.
    Redirect(String),
    /// `a`: addresses of a name.
    Host(String, Lengths),
    /// `mx`.
    MailHosts(String, Lengths),
    /// A lookup that depends on the mail: `ptr`, `exists`, macros.
    Unasked,
    /// `all`: the end.
    All,
}

/// How much of an address must be that of a host: bits of IPv4 and of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lengths {
    pub four: u8,
    pub six: u8,
}

/// Whether the text begins with the version and a space, or is only the version (RFC 7208, 4.5).
pub(super) fn is_spf(text: &str) -> bool {
    let head = text.get(..6).unwrap_or_default();
    head.eq_ignore_ascii_case("v=spf1") && matches!(text.as_bytes().get(6), None | Some(b' '))
}

/// Whether the text is meant to be an SPF record: its beginning is one, apart from marks, white space or a missing letter.
pub(super) fn is_nearly_spf(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '=');
    let begin: String = letters.take(8).collect::<String>().to_ascii_lowercase();
    begin.starts_with("v=spf") || begin.starts_with("spf1") || begin.starts_with("spf=") || begin.starts_with("vspf1")
}

/// The evaluated terms, in order: mechanisms up to and with `all`, or with the redirect where there is no `all`. `Err` has the first
/// invalid term.
pub(super) fn terms(text: &str, name: &str) -> Result<Vec<Term>, String> {
    let (mut terms, mut is_ended) = (Vec::new(), false);
    let (mut redirect, mut explanations) = (None, 0);
    // Only spaces separate terms (RFC 7208, 4.6.1).
    for word in text.split(' ').filter(|word| !word.is_empty()).skip(1) {
        let bad = || word.to_owned();
        let lower = word.to_ascii_lowercase();
        // RFC 7208, 6: a name and `=` is a modifier. Modifiers other than these two are ignored.
        if let Some((modifier, value)) = lower.split_once('=').filter(|(name, _)| is_modifier(name)) {
            let is_fit = match modifier {
                "redirect" => {
                    is_domain_spec(value) && redirect.replace((target(value, What::Redirect), word)).is_none()
                }
                "exp" => {
                    explanations += 1;
                    is_domain_spec(value) && explanations == 1
                }
                _ => macros(value).is_some(),
            };
            if !is_fit {
                return Err(bad());
            }
            continue;
        }
        let (sign, rest) = match lower.strip_prefix(['+', '-', '~', '?']) {
            Some(rest) => (lower.starts_with('+'), rest),
            None => (true, &*lower),
        };
        if rest == "all" {
            if !std::mem::replace(&mut is_ended, true) {
                terms.push(Term {
                    passes: sign,
                    what: What::All,
                    text: word.into(),
                });
            }
            continue;
        }
        let what = mechanism(rest, name).ok_or_else(bad)?;
        if !is_ended {
            let text = word.into();
            terms.push(Term {
                passes: sign,
                what,
                text,
            });
        }
    }
    // RFC 7208, 6.1: `all` takes precedence over a redirect.
    if let Some((what, word)) = redirect.filter(|_| !is_ended) {
        let text = word.into();
        terms.push(Term {
            passes: true,
            what,
            text,
        });
    }
    Ok(terms)
}

/// Reads a mechanism other than `all`, without its sign. `name` is the record's own name.
fn mechanism(text: &str, name: &str) -> Option<What> {
    let end = text.find([':', '/']).unwrap_or(text.len());
    let (mechanism, argument) = text.split_at(end);
    let domain = || argument.strip_prefix(':').filter(|spec| is_domain_spec(spec));
    match mechanism {
        "include" => Some(target(domain()?, What::Record)),
        "exists" => domain().map(|_| What::Unasked),
        "ptr" if argument.is_empty() => Some(What::Unasked),
        "ptr" => domain().map(|_| What::Unasked),
        "a" => host(argument, name).map(|(name, lengths)| target(name, |name| What::Host(name, lengths))),
        "mx" => host(argument, name).map(|(name, lengths)| target(name, |name| What::MailHosts(name, lengths))),
        "ip4" | "ip6" => {
            let network = network(argument.strip_prefix(':')?)?;
            (network.is_ipv4() == (mechanism == "ip4")).then_some(What::Network(network))
        }
        _ => None,
    }
}

fn is_modifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// The lookup of a name. A name with macros depends on the mail and cannot be looked up here.
fn target(name: &str, what: impl FnOnce(String) -> What) -> What {
    if name.contains('%') {
        return What::Unasked;
    }
    what(name.trim_end_matches('.').to_owned())
}

/// The end of a text that may have macros.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Macro,
    Letters,
}

/// RFC 7208, 7.1: visible letters, `%%`, `%_`, `%-` and `%{...}`. `None` for anything else.
fn macros(text: &str) -> Option<End> {
    let (mut rest, mut end) = (text, End::Letters);
    while let Some(first) = rest.chars().next() {
        if first != '%' {
            if !first.is_ascii_graphic() {
                return None;
            }
            (rest, end) = (&rest[1..], End::Letters);
            continue;
        }
        end = End::Macro;
        if let Some(behind) = rest.strip_prefix("%{") {
            let (inside, behind) = behind.split_once('}')?;
            is_macro(inside).then_some(())?;
            rest = behind;
        } else {
            rest = ["%%", "%_", "%-"].iter().find_map(|escape| rest.strip_prefix(escape))?;
            end = End::Letters;
        }
    }
    Some(end)
}

/// Whether a lower-case text may be inside `%{...}`: a letter, digits, `r`, delimiters.
fn is_macro(inside: &str) -> bool {
    let Some(behind) = inside.strip_prefix(|c| "slodiphcrtv".contains(c)) else {
        return false;
    };
    let digits = behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (digits, behind) = behind.split_at(digits);
    let behind = behind.strip_prefix('r').unwrap_or(behind);
    // RFC 7208, 7.3: a number of labels is not zero.
    let is_number = digits.is_empty() || digits.bytes().any(|digit| digit != b'0');
    is_number && behind.chars().all(|c| ".-+,/_=".contains(c))
}

/// Whether the text ends in a macro, or in a dot and a last label that is not a number (RFC 7208, 7.1).
fn is_domain_spec(text: &str) -> bool {
    match macros(text) {
        None => false,
        Some(End::Macro) => true,
        Some(End::Letters) => {
            let text = text.strip_suffix('.').unwrap_or(text);
            let Some((_, last)) = text.rsplit_once('.') else {
                return false;
            };
            let is_label = last.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            is_label
                && !last.is_empty()
                && !last.starts_with('-')
                && !last.ends_with('-')
                && !last.bytes().all(|b| b.is_ascii_digit())
        }
    }
}

/// The name of `a:host/24//64`, or the record's own, with its lengths.
fn host<'a>(argument: &'a str, own: &'a str) -> Option<(&'a str, Lengths)> {
    // After the last macro, because a macro may contain a slash.
    let begin = argument.rfind('}').unwrap_or(0);
    let at = argument[begin..].find('/').map_or(argument.len(), |at| begin + at);
    let (name, lengths) = argument.split_at(at);
    let (four, six) = match lengths.split_once("//") {
        Some((four, six)) => (four, Some(six)),
        None => (lengths, None),
    };
    let lengths = Lengths {
        four: match four.is_empty() {
            true => 32,
            false => prefix(four.strip_prefix('/')?, 32)?,
        },
        six: six.map_or(Some(128), |bits| prefix(bits, 128))?,
    };
    let name = match name.strip_prefix(':') {
        Some(name) if is_domain_spec(name) => name,
        Some(_) => return None,
        None if name.is_empty() => own,
        None => return None,
    };
    Some((name, lengths))
}

/// The prefix length of a network: digits without a leading zero.
fn prefix(digits: &str, bits_max: u8) -> Option<u8> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    let bits = digits.parse().ok().filter(|_| is_number)?;
    (bits <= bits_max).then_some(bits)
}

fn network(text: &str) -> Option<Network> {
    let (address, bits) = text
        .split_once('/')
        .map_or((text, None), |(address, bits)| (address, Some(bits)));
    let four = address.parse::<Ipv4Addr>().map(IpAddr::V4);
    let address: IpAddr = four.or_else(|_| address.parse::<Ipv6Addr>().map(IpAddr::V6)).ok()?;
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(bits_max), |bits| prefix(bits, bits_max))?;
    Some(Network::new(address, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spf_records_are_recognised() {
        for (text, expect) in [
            ("v=spf1", true),
            ("v=spf1 -all", true),
            ("V=SPF1 -all", true),
            ("v=spf10", false),
            ("v=spf1-all", false),
            (" v=spf1", false),
            ("spf", false),
        ] {
            assert_eq!(is_spf(text), expect, "{text}");
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn terms_in_the_order_of_evaluation() {
        let read = |text: &str| -> Vec<_> {
            let read = terms(text, "own.example").unwrap().into_iter();
            read.map(|term| (term.passes, term.what)).collect()
        };
        let term = |passes, what| (passes, what);
        let name = "a.example".to_owned();
        let lengths = |four, six| Lengths { four, six };
        assert_eq!(
            read("v=spf1 redirect=R.example. a mx/24//64 -a:a.example/24 ~include:a.example exists:%{i}.x ptr x=y"),
            [
                term(true, What::Host("own.example".to_owned(), lengths(32, 128))),
                term(true, What::MailHosts("own.example".to_owned(), lengths(24, 64))),
                term(false, What::Host(name.clone(), lengths(24, 128))),
                term(false, What::Record(name.clone())),
                term(true, What::Unasked),
                term(true, What::Unasked),
                term(true, What::Redirect("r.example".to_owned())),
            ]
        );
        assert_eq!(
            read("v=spf1 ip4:192.0.2.0/24 IP6:2001:DB8::1 -all include:a.example redirect=b.example"),
            [
                term(true, What::Network("192.0.2.0/24".parse().unwrap())),
                term(true, What::Network("2001:db8::1".parse().unwrap())),
                term(false, What::All),
            ]
        );
        for bad in [
            "ipv4:192.0.2.1",
            "ip4:192.0.2.300",
            "ip4:192.0.2.1/33",
            "ip4:2001:db8::1",
            "ip6:192.0.2.1",
            "ip4",
            "include",
            "include:",
            "a:",
            "a/x",
            "all:x",
            "exists",
            "exists:%x.example",
            "exists:%{i",
            "exists:%{q}.example",
            "exists:%{i0}.example",
            "exists:%{ir!}.example",
            "include:%",
            "include:%{d}.1",
            "include:spf",
            "include:a.example-",
            "include:a.exam\tple",
            "include:m\u{fc}nchen.example",
            "a:192.0.2.1",
            "a:a.example/33",
            "a:a.example/024",
            "a:a.example//129",
            "mx/+24",
            "ip4:192.0.2.0/024",
            "ip4:192.0.2.0/",
            "ptr:",
            "redirect=",
            "redirect=a",
            "exp=%x",
            "x=%",
            "redirect=a.example redirect=b.example",
            "hello",
            "192.0.2.1",
            "=",
        ] {
            let word = bad.rsplit(' ').next().unwrap().to_owned();
            // After the end as well: a syntax error counts anywhere.
            for text in [format!("v=spf1 {bad} -all"), format!("v=spf1 -all {bad}")] {
                assert_eq!(terms(&text, "own.example"), Err(word.clone()), "{text}");
            }
        }
        for good in [
            "exists:%{i}._spf.example.org",
            "exists:%{ir}.%{v}._spf.%{d2}",
            "exists:%{l1r-}.example",
            "include:%{d}",
            "include:_spf.a.example.",
            "a:%{d}/24//64",
            "a:a.example//64",
            "mx/24",
            "ptr:a.example",
            "exp=explain._spf.%{d}",
            "x-y.z_1=%{s}%%%_%-!",
            "ip4:192.0.2.0/0",
        ] {
            assert!(terms(&format!("v=spf1 {good} -all"), "own.example").is_ok(), "{good}");
        }
    }

    #[test]
    fn networks_cover_their_addresses() {
        for (text, address, expect) in [
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("0.0.0.0/0", "192.0.2.2", true),
            ("::/0", "192.0.2.2", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let network = network(text).unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expect, "{text} {address}");
        }
    }
}
