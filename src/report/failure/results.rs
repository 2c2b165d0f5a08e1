//! `Authentication-Results` (RFC 8601), `DKIM-Signature` (RFC 6376) and `Received` (RFC 5321) as facts.

use super::model::{AuthResult, Hop, Signature};
use super::values::{address, domain_or_name, name, selector, without_comments, word};

/// Results of one field.
const RESULTS_MAX: usize = 20;

/// The results in a field.
pub(super) fn results(value: &str) -> Vec<AuthResult> {
    let value = without_quoted(&without_comments(value));
    let mut parts = value.split(';').map(str::trim).peekable();
    // Some leave out who says it.
    let host = parts.next_if(|part| !part.contains('='));
    let host = host.and_then(|part| name(part.split_ascii_whitespace().next()?));
    let results = parts.filter_map(|part| result(part, host.as_deref()));
    results.take(RESULTS_MAX).collect()
}

/// The text with one quote for each quoted string, which may be a local part.
fn without_quoted(text: &str) -> String {
    let (mut kept, mut is_quoted, mut is_escaped) = (String::with_capacity(text.len()), false, false);
    for one in text.chars() {
        match one {
            _ if std::mem::take(&mut is_escaped) => {}
            '\\' if is_quoted => is_escaped = true,
            '"' => {
                is_quoted = !is_quoted;
                if is_quoted {
                    kept.push('"');
                }
            }
            _ if is_quoted => {}
            _ => kept.push(one),
        }
    }
    kept
}

fn result(part: &str, host: Option<&str>) -> Option<AuthResult> {
    let mut tokens = part.split_ascii_whitespace();
    let (method, result) = tokens.next()?.split_once('=')?;
    let method = word(method.split('/').next()?)?;
    let mut of = AuthResult {
        result: word(result)?,
        host: host.map(Into::into),
        ..AuthResult::default()
    };
    let mut helo = None;
    let mut tokens = tokens.peekable();
    while let Some(token) = tokens.next() {
        let Some((property, value)) = token.split_once('=') else {
            continue;
        };
        // A quoted or broken local part may look like a name.
        if value.contains('"') || tokens.peek().is_some_and(|next| next.starts_with('@')) {
            continue;
        }
        match (&*method, &*property.to_ascii_lowercase()) {
            ("dkim", "header.d" | "header.i") | ("spf", "smtp.mailfrom" | "smtp.mail") | ("dmarc", "header.from") => {
                of.domain = of.domain.or_else(|| domain_or_name(value));
            }
            ("dkim", "header.s") => of.selector = selector(value),
            ("spf", "smtp.helo") => helo = name(value),
            _ => {}
        }
    }
    of.domain = of.domain.or(helo);
    of.method = method;
    Some(of)
}

/// The domain and key of a signature.
pub(super) fn signature(value: &str) -> Option<Signature> {
    let value = without_comments(value);
    let tag = |wanted: &str| {
        let mut tags = value.split(';').filter_map(|tag| tag.split_once('='));
        tags.find(|(tag, _)| tag.trim() == wanted).map(|(_, value)| value)
    };
    let found = Signature {
        domain: tag("d").and_then(name),
        selector: tag("s").and_then(selector),
    };
    (found != Signature::default()).then_some(found)
}

/// The hosts in a `Received` field.
pub(super) fn hop(value: &str) -> Option<Hop> {
    let value = value.split(';').next()?;
    let plain = format!(" {}", without_comments(value));
    let after = |mark: &str| {
        let at = plain.to_ascii_lowercase().find(mark)? + mark.len();
        plain.get(at..)?.split_ascii_whitespace().next()
    };
    let from = plain
        .trim_start()
        .get(..5)
        .filter(|start| start.eq_ignore_ascii_case("from "));
    let from = from.and_then(|_| after(" from "));
    // The address is in brackets, in the name or in the comment behind it.
    let sender = value
        .to_ascii_lowercase()
        .find(" by ")
        .map_or(value, |end| &value[..end]);
    let literal = |(_, rest): (&str, &str)| address(rest.split(']').next()?);
    let found = Hop {
        from: from.and_then(name),
        address: from.and_then(|_| sender.split_once('[').and_then(literal)),
        by: after(" by ").and_then(name),
    };
    (found != Hop::default()).then_some(found)
}
