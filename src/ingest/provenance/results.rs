//! `Authentication-Results` (RFC 8601) of a host that is believed: what it found when the mail arrived there.

use crate::base::{Authenticated, Millis};
use crate::store::{Provenance, SignatureCheck, SpfCheck};

/// Longest field that is read, bytes, and results in it.
const FIELD_BYTES_MAX: usize = 8 * 1024;
const RESULTS_MAX: usize = 20;
/// Longest name that is kept, bytes.
const NAME_BYTES_MAX: usize = 255;
/// Words of RFC 8601, 2.7. Any other is left out.
const WORDS: [&str; 9] = [
    "pass",
    "fail",
    "softfail",
    "neutral",
    "policy",
    "none",
    "temperror",
    "permerror",
    "hardfail",
];

/// What a field says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is of a host that is not believed.
    Other,
    /// It may be of a host that is believed, and its verdict cannot be read. What stands below it may be a stranger's.
    Nothing,
    Results(Box<Provenance>),
}

/// What a field says, if it is of one of these hosts; `author` is the only domain of the From field. The host must remove
/// fields of its own name from mail that it receives (RFC 8601, 5).
pub(super) fn read(field: &[u8], hosts: &[String], author: Option<&str>, now: Millis) -> Said {
    let Some(raw) = std::str::from_utf8(field)
        .ok()
        .filter(|raw| raw.len() <= FIELD_BYTES_MAX)
    else {
        return Said::Nothing;
    };
    // A host that removes fields of its own name may not take a quoted one for its own.
    if raw.split(';').next().is_some_and(|name| name.contains(['"', '\\'])) {
        return Said::Other;
    }
    let text = without_comments(raw);
    let mut parts = text.split(';').map(str::trim);
    // The name of the host; the version may follow.
    let host = parts.next().and_then(|name| name.split_whitespace().next());
    let Some(host) = host.and_then(|host| hosts.iter().find(|known| known.eq_ignore_ascii_case(host))) else {
        return Said::Other;
    };
    let mut verdicts = Vec::new();
    let mut found = Provenance {
        results_from: Some(host.clone()),
        checked_at: Some(now),
        domain: author.map(str::to_owned),
        ..Provenance::fetched()
    };
    for part in parts.take(RESULTS_MAX) {
        let Some((method, result)) = method(part) else { continue };
        let property = |name: &str| property(part, name);
        match method.as_str() {
            "dmarc" => {
                // Of another author than the mail has: of another mail.
                let of = property("header.from");
                let is_its_own = of.is_none_or(|of| author.is_some_and(|author| author.eq_ignore_ascii_case(of)));
                if is_its_own && author.is_some() {
                    verdicts.push(verdict(result));
                }
            }
            "dkim" => {
                let signer = property("header.d").or_else(|| property("header.i").map(domain_of));
                if let Some(signer) = signer {
                    found.dkim.push(SignatureCheck {
                        domain: cut(signer),
                        selector: cut(property("header.s").unwrap_or_default()),
                        result: result.to_owned(),
                        key: None,
                    });
                }
            }
            "spf" => {
                let sender = property("smtp.mailfrom").or_else(|| property("smtp.helo"));
                if let Some(sender) = sender {
                    found.spf = Some(SpfCheck {
                        domain: cut(domain_of(sender)),
                        result: result.to_owned(),
                    });
                }
            }
            _ => {}
        }
    }
    let Some(first) = verdicts.first() else {
        return Said::Nothing;
    };
    // Of two verdicts one may be a stranger's text that the host repeats.
    let is_one = verdicts.iter().all(|other| other == first);
    found.dmarc = if is_one { *first } else { Authenticated::Unknown };
    Said::Results(Box::new(found))
}

fn verdict(result: &str) -> Authenticated {
    match result {
        "pass" => Authenticated::Pass,
        "fail" | "permerror" => Authenticated::Fail,
        "none" => Authenticated::None,
        _ => Authenticated::Unknown,
    }
}

/// `method=result`, or `method/version=result`.
fn method(part: &str) -> Option<(String, &'static str)> {
    let first = part.split_whitespace().next()?;
    let (method, result) = first.split_once('=')?;
    let method = method.split('/').next().unwrap_or_default();
    let result = WORDS.iter().find(|word| word.eq_ignore_ascii_case(result))?;
    let result = if *result == "hardfail" { "fail" } else { result };
    Some((method.to_ascii_lowercase(), result))
}

fn property<'t>(part: &'t str, name: &str) -> Option<&'t str> {
    let mut words = part.split_whitespace().skip(1);
    let value = words.find_map(|word| {
        let (key, value) = word.split_once('=')?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })?;
    let value = value.trim_matches('"');
    (!value.is_empty()).then_some(value)
}

fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, domain)| domain)
}

fn cut(name: &str) -> String {
    name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned()
}

/// The text with a space for each comment (RFC 5322, 3.2.2), and without what follows one that does not end.
fn without_comments(text: &str) -> String {
    let (mut kept, mut depth, mut is_quoted, mut is_escaped) =
        (String::with_capacity(text.len()), 0_usize, false, false);
    for one in text.chars() {
        match one {
            _ if std::mem::take(&mut is_escaped) => {}
            '\\' => is_escaped = true,
            '"' if depth == 0 => is_quoted = !is_quoted,
            // What is quoted is not needed, and must not end a result.
            _ if is_quoted => {}
            '(' => depth += 1,
            ')' if depth > 0 => {
                depth -= 1;
                kept.push(' ');
            }
            _ if depth > 0 => {}
            _ => kept.push(one),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts() -> Vec<String> {
        vec!["mx.example.net".to_owned()]
    }

    #[test]
    fn what_a_known_host_says_is_read() {
        let field = b" mx.example.net 1;\r\n\tdkim=pass (2048-bit key; ok) header.i=@reporter.example header.s=s1 header.b=Ab12;\r\n \
            spf=pass (a \\) b; dmarc=fail) smtp.mailfrom=bounce@mail.reporter.example;\r\n DMARC=PASS (p=NONE) header.from=Reporter.example";
        let Said::Results(found) = read(field, &hosts(), Some("reporter.example"), 7) else {
            panic!("it is read");
        };
        assert_eq!((found.dmarc, found.checked_at), (Authenticated::Pass, Some(7)));
        assert_eq!(found.results_from.as_deref(), Some("mx.example.net"));
        assert_eq!(found.spf.unwrap().domain, "mail.reporter.example");
        assert_eq!(
            (found.dkim.len(), &*found.dkim[0].domain, &*found.dkim[0].selector),
            (1, "reporter.example", "s1")
        );
    }

    #[test]
    fn what_others_say_and_what_is_about_others_is_not_believed() {
        let said = |field: &str, author: Option<&str>| match read(field.as_bytes(), &hosts(), author, 0) {
            Said::Other => "other",
            Said::Nothing => "nothing",
            Said::Results(found) => found.dmarc.word(),
        };
        let author = Some("reporter.example");
        for (field, expect) in [
            ("mx.evil.example; dmarc=pass header.from=reporter.example", "other"),
            ("(mx.example.net) evil.example; dmarc=pass", "other"),
            ("\"mx.example.net\" evil; dmarc=pass", "other"),
            // Other hosts read another name here, and do not remove the field.
            ("\"x\" mx.example.net; dmarc=pass", "other"),
            ("mx.exam\\ple.net; dmarc=pass", "other"),
            ("mx.example.net", "nothing"),
            ("mx.example.net; dmarc=pass header.from=other.example", "nothing"),
            ("mx.example.net; dmarc=fail header.from=reporter.example", "fail"),
            (
                "mx.example.net; dmarc=fail; spf=none smtp.helo=x; dmarc=pass",
                "unknown",
            ),
            ("mx.example.net; dmarc=pass; dmarc=pass", "pass"),
            ("mx.example.net; none", "nothing"),
            (
                "mx.example.net; spf=fail reason=\"; dmarc=pass\" smtp.mailfrom=a",
                "nothing",
            ),
            ("mx.example.net; x=y (; dmarc=pass", "nothing"),
        ] {
            assert_eq!(said(field, author), expect, "{field}");
        }
        assert_eq!(said("mx.example.net; dmarc=pass", None), "nothing");
        assert_eq!(said(&"mx.example.net; dmarc=pass".repeat(1_000), author), "nothing");
        assert_eq!(
            read(b"mx.example.net; dmarc=pass \xe4", &hosts(), author, 0),
            Said::Nothing
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(tail in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
            let field = [b"mx.example.net; ", text.as_bytes(), b";", &tail].concat();
            if let Said::Results(found) = read(&field, &hosts(), Some("reporter.example"), 0) {
                prop_assert!(found.dkim.len() <= RESULTS_MAX);
            }
        }
    }
}
