//! Values in closed forms, out of texts of strangers. None of them can hold the local part of a mail address.

use std::net::IpAddr;

use crate::base::{is_hostname, mailbox_domain, normalise_domain};
use crate::report::aggregate::{Read, instant};

/// Domains that are taken from one field.
const DOMAINS_MAX: usize = 20;
/// Longest word.
const WORD_BYTES_MAX: usize = 40;
/// Longest name of a program.
const AGENT_BYTES_MAX: usize = 100;

/// The name of a host or domain: at least two labels, so that no bare word passes for one.
pub(super) fn name(text: &str) -> Option<Box<str>> {
    let text = text.trim_matches(|char: char| char.is_whitespace() || matches!(char, '<' | '>' | '"' | ';' | ','));
    if text.contains('@') {
        return None;
    }
    normalise_domain(text).filter(|name| name.contains('.') && is_hostname(name))
}

/// The domain of the first address in a field.
pub(super) fn domain(text: &str) -> Option<Box<str>> {
    domains(text).into_iter().next()
}

/// The domain of an address, or a domain alone.
pub(super) fn domain_or_name(text: &str) -> Option<Box<str>> {
    match text.contains('@') {
        true => domain(text),
        false => name(text),
    }
}

/// The domains of the addresses in a field, each once. Quoted strings and comments are passed over: what looks like an address
/// in them may be part of a name or of a local part.
pub(super) fn domains(text: &str) -> Vec<Box<str>> {
    let text = outside_quotes(text);
    let mut domains: Vec<Box<str>> = Vec::new();
    let mut rest = &*text;
    while let Some((_, behind)) = rest.split_once('@') {
        let is_end = |char: char| char.is_whitespace() || matches!(char, '<' | '>' | ',' | ';' | '@' | ':');
        let end = behind.find(is_end).unwrap_or(behind.len());
        let (found, after) = behind.split_at(end);
        // `a@b@c` has the local part `a@b` for some.
        let domain = match after.starts_with('@') {
            true => None,
            false => mailbox_domain(found).and_then(|domain| name(&domain)),
        };
        if let Some(domain) = domain.filter(|domain| !domains.contains(domain)) {
            domains.push(domain);
        }
        if domains.len() == DOMAINS_MAX {
            break;
        }
        rest = after;
    }
    domains
}

/// A text without quoted strings.
fn outside_quotes(text: &str) -> String {
    let (mut kept, mut is_quoted, mut is_escaped) = (String::with_capacity(text.len()), false, false);
    for char in without_comments(text).chars() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            char => kept.push(char),
        }
    }
    kept
}

/// A text without comments (RFC 5322, 3.2.2), which may be nested. Parentheses in quoted strings stay.
pub(super) fn without_comments(text: &str) -> String {
    let (mut kept, mut depth, mut is_quoted, mut is_escaped) =
        (String::with_capacity(text.len()), 0_usize, false, false);
    for char in text.chars() {
        let was_escaped = std::mem::take(&mut is_escaped);
        match char {
            '\\' if !was_escaped => is_escaped = true,
            '"' if !was_escaped && depth == 0 => is_quoted = !is_quoted,
            '(' if !was_escaped && !is_quoted => depth += 1,
            ')' if !was_escaped && !is_quoted && depth > 0 => {
                depth -= 1;
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            kept.push(char);
        }
    }
    kept
}

/// A word of a standard: letters, digits and hyphens, in lower case.
pub(super) fn word(text: &str) -> Option<Box<str>> {
    let text = without_comments(text);
    let text = text.trim();
    let is_word = (1..=WORD_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_word.then(|| text.to_ascii_lowercase().into())
}

/// The name of a DKIM key.
pub(super) fn selector(text: &str) -> Option<Box<str>> {
    let text = text.trim().trim_matches('"');
    is_hostname(text).then(|| text.to_ascii_lowercase().into())
}

/// The name of a program: a text without a mail address.
pub(super) fn agent(text: &str) -> Option<Box<str>> {
    let text = text.trim();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && !text.contains('@');
    (is_plain && !text.is_empty()).then(|| text[..text.len().min(AGENT_BYTES_MAX)].into())
}

/// The address of a host: the first word, with or without brackets and prefix.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let text = text.split([' ', '\t', '(', ',']).find(|part| !part.is_empty())?;
    let text = text.trim_matches(['[', ']', '<', '>', ';']);
    let text = match text.split_at_checked("IPv6:".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("IPv6:") => rest,
        _ => text,
    };
    let address: IpAddr = text.parse().ok()?;
    Some(address.to_canonical())
}

/// A date of a mail, Unix seconds. Zones in comments are dropped.
pub(super) fn date(text: &str) -> Option<i64> {
    let (Read::Plain(seconds) | Read::Odd(seconds)) = instant(without_comments(text).trim())?;
    Some(seconds)
}
