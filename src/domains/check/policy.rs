//! What a DMARC policy record says (RFC 9989, 4.7 and 4.8), as receivers read it: a syntax error costs the tag that has it.

use super::tags;
use crate::report::aggregate::{AlignmentMode, Policy as Word, PolicyPublished};

/// What one policy record says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Policy {
    p: Option<String>,
    sp: Option<String>,
    np: Option<String>,
    pub(super) psd: Option<String>,
    adkim: Option<AlignmentMode>,
    aspf: Option<AlignmentMode>,
    /// `None` without the tag, and for a value that is not a percentage.
    pct: Option<u8>,
    is_testing: bool,
    /// Addresses of `rua`, lower-case, without scheme and size.
    pub(super) rua: Vec<String>,
    pub(super) has_rua: bool,
    /// What makes it no record at all.
    pub(super) fault: Option<String>,
    /// What receivers read over.
    pub(super) flaw: Option<String>,
    /// Whether `p`, `sp` or `np` has no meaning. Receivers then act as for `p=none`.
    is_void: bool,
    /// Whether a tag occurs twice. Which of the two receivers use is unknown.
    pub(super) is_ambiguous: bool,
    /// Whether it belongs to the domain itself, and not to one above.
    pub(super) is_own: bool,
}

impl Policy {
    /// The same policy, for mail of a domain below.
    pub(super) fn of_domain_below(self) -> Self {
        Self { is_own: false, ..self }
    }

    /// Whether mail that fails is kept from people's inboxes.
    pub(super) fn is_enforcing(&self) -> bool {
        let is_strict = matches!(self.in_force(Existence::Exists), "quarantine" | "reject");
        is_strict && !self.is_testing && self.fault.is_none()
    }

    /// What the record, which has no fault, asks for mail of `domain` and below. A record of a domain above is read as one
    /// that `domain` could publish itself to the same effect.
    pub(super) fn asked(&self, domain: &str) -> PolicyPublished {
        let domain: Box<str> = domain.into();
        if self.is_void {
            return PolicyPublished {
                domain,
                p: Some(Word::None),
                ..PolicyPublished::default()
            };
        }
        let word = |policy: &Option<String>| policy.as_deref().and_then(Word::from_word);
        let (p, sp, np) = (word(&self.p), word(&self.sp), word(&self.np));
        PolicyPublished {
            domain,
            p: if self.is_own { p } else { sp.or(p) },
            sp,
            np,
            adkim: self.adkim,
            aspf: self.aspf,
            pct: self.pct,
            testing: self.is_testing.then_some(true),
            ..PolicyPublished::default()
        }
    }

    /// Whether it has a policy for domains below.
    pub(super) fn has_sp(&self) -> bool {
        self.sp.is_some()
    }

    /// The policy that is applied to mail of the domain (RFC 9989, 4.7).
    pub(super) fn in_force(&self, existence: Existence) -> &str {
        let below = match existence {
            Existence::Exists => self.sp.as_ref(),
            Existence::Missing => self.np.as_ref().or(self.sp.as_ref()),
        };
        let policy = match self.is_own {
            true => self.p.as_ref(),
            false => below.or(self.p.as_ref()),
        };
        policy.filter(|_| !self.is_void).map_or("none", String::as_str)
    }
}

/// Whether DNS has anything at a domain: for one without, `np` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existence {
    Exists,
    Missing,
}

/// Whether the text begins with exactly `v=DMARC1` (RFC 9989, 4.8).
pub(super) fn is_policy(text: &str) -> bool {
    matches!(tags(text).next(), Some(Ok((tag, "DMARC1"))) if tag == "v")
}

/// Whether the text is meant to be a policy.
pub(super) fn is_nearly_policy(text: &str) -> bool {
    text.to_ascii_lowercase().contains("dmarc1")
}

/// Reads a record of the domain itself.
pub(super) fn parse(text: &str) -> Policy {
    let mut policy = Policy {
        is_own: true,
        ..Policy::default()
    };
    let mut has_uri = false;
    let mut seen: Vec<String> = Vec::new();
    for part in tags(text) {
        let (tag, value) = match part {
            Ok(part) => part,
            Err(part) => {
                policy.note(format!("{} in it is not a tag with a value", super::quoted(part)));
                continue;
            }
        };
        if seen.contains(&tag) {
            // RFC 6376, 3.2: a list with a tag twice is not a list.
            let fault = format!("it has the tag {} twice", super::quoted(&tag));
            policy.fault.get_or_insert(fault);
            policy.is_ambiguous = true;
            continue;
        }
        if tag == "rua" {
            policy.has_rua = true;
            policy.rua = value.split(',').filter_map(mailbox).collect();
            has_uri = value.split(',').any(is_uri);
        } else {
            policy.take(&tag, value);
        }
        seen.push(tag);
    }
    // Without a valid policy, addresses for reports are what makes it a record.
    if policy.is_void && !has_uri {
        let flaw = policy.flaw.clone().unwrap_or_default();
        policy.fault.get_or_insert(flaw);
    }
    policy
}

impl Policy {
    fn note(&mut self, flaw: String) {
        self.flaw.get_or_insert(flaw);
    }

    fn take(&mut self, tag: &str, value: &str) {
        let lower = value.to_ascii_lowercase();
        let is_known = match tag {
            "p" | "sp" | "np" => matches!(&*lower, "none" | "quarantine" | "reject"),
            "adkim" | "aspf" => matches!(&*lower, "r" | "s"),
            "psd" => matches!(&*lower, "y" | "n" | "u"),
            "t" => matches!(&*lower, "y" | "n"),
            "fo" => lower
                .split(':')
                .all(|option| matches!(option.trim(), "0" | "1" | "d" | "s")),
            // RFC 9989, 4.8: unknown tags are ignored; pct, rf and ri are historic.
            _ => true,
        };
        if !is_known {
            let named = super::quoted(&format!("{tag}={value}"));
            self.is_void |= matches!(tag, "p" | "sp" | "np");
            self.note(match tag {
                "p" => format!(
                    "{named} is not a policy: write none, quarantine or reject; receivers act as if it were none"
                ),
                _ => format!("{named} means nothing"),
            });
            return;
        }
        match tag {
            "p" => self.p = Some(lower),
            "sp" => self.sp = Some(lower),
            "np" => self.np = Some(lower),
            "psd" => self.psd = Some(lower),
            "adkim" => self.adkim = AlignmentMode::from_word(&lower),
            "aspf" => self.aspf = AlignmentMode::from_word(&lower),
            "pct" => self.pct = lower.parse().ok().filter(|percent| *percent <= 100),
            "t" => self.is_testing = lower == "y",
            _ => {}
        }
    }
}

fn is_uri(item: &str) -> bool {
    item.trim().split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty() && !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The address of a `mailto:` URI, lower-case, without the size that RFC 7489 allowed behind it (`!10m`).
pub(super) fn mailbox(uri: &str) -> Option<String> {
    let uri = uri.trim();
    let address = uri
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("mailto:"))
        .map(|_| &uri[7..])?;
    let (address, size) = address.rsplit_once('!').unwrap_or((address, ""));
    let digits = size.trim_end_matches(['k', 'm', 'g', 't', 'K', 'M', 'G', 'T']);
    let is_size = size.is_empty() || (size.len() - digits.len() <= 1 && digits.bytes().all(|b| b.is_ascii_digit()));
    let address = address.split('?').next().unwrap_or_default();
    (is_size && address.contains('@')).then(|| unescaped(address).to_ascii_lowercase())
}

/// RFC 3986, 2.1. Invalid escapes stay as they are.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = hex
            .filter(|_| first == b'%')
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_records_are_recognised() {
        for (text, expect) in [
            ("v=DMARC1; p=none", true),
            ("v=DMARC1", true),
            ("v = DMARC1 ; p=none;", true),
            ("V=DMARC1; p=none", true),
            ("v=dmarc1; p=none", false),
            ("v=DMARC2; p=none", false),
            ("v=DMARC12; p=none", false),
            ("p=none; v=DMARC1", false),
            ("v=spf1 -all", false),
            ("", false),
        ] {
            assert_eq!(is_policy(text), expect, "{text}");
        }
    }

    #[test]
    fn addresses_of_rua_in_every_spelling() {
        for (uri, expect) in [
            ("mailto:a@b.example", Some("a@b.example")),
            (" MAILTO:A@B.example ", Some("a@b.example")),
            ("mailto:a@b.example!10m", Some("a@b.example")),
            ("mailto:a@b.example!512", Some("a@b.example")),
            ("mailto:a@b.example!10mm", None),
            ("mailto:a%21@b.example!5G", Some("a!@b.example")),
            ("mailto:a@b.example?subject=x", Some("a@b.example")),
            ("mailto:a%zz@b.example", Some("a%zz@b.example")),
            ("https://b.example/", None),
            ("mailto:nobody", None),
            ("mailté", None),
            ("", None),
        ] {
            assert_eq!(mailbox(uri).as_deref(), expect, "{uri}");
        }
    }

    #[test]
    fn faults_flaws_and_what_is_ignored() {
        for (text, fault, flaw) in [
            ("v=DMARC1; p=none; rua=mailto:a@b.example", None, None),
            ("v=DMARC1; rua=mailto:a@b.example", None, None),
            ("v=DMARC1; p=none; x=1; pct=50; ri=86400; rf=afrf", None, None),
            ("v=DMARC1; p=NONE; adkim=S; fo=1:d", None, None),
            // RFC 9989, 4.7: without a valid policy, a valid rua makes it a record all the same.
            ("v=DMARC1; p=monitor", Some("p=monitor"), Some("p=monitor")),
            ("v=DMARC1; p=monitor; rua=mailto:a@b.example", None, Some("p=monitor")),
            (
                "v=DMARC1; p=monitor; rua=a@b.example",
                Some("p=monitor"),
                Some("p=monitor"),
            ),
            ("v=DMARC1; p=none; np=all", Some("np=all"), Some("np=all")),
            ("v=DMARC1; p=none; np=all; rua=https://b.example/", None, Some("np=all")),
            ("v=DMARC1; p=none; p=reject", Some("twice"), None),
            ("v=DMARC1; p=none; oops", None, Some("oops")),
            ("v=DMARC1; p=none; rua", None, Some("rua")),
            ("v=DMARC1; p=none; sp=maybe", Some("sp=maybe"), Some("sp=maybe")),
            (
                "v=DMARC1; p=none; sp=maybe; rua=mailto:a@b.example",
                None,
                Some("sp=maybe"),
            ),
            ("v=DMARC1; p=none; adkim=relaxed", None, Some("adkim=relaxed")),
            ("v=DMARC1; p=none; fo=9", None, Some("fo=9")),
        ] {
            let policy = parse(text);
            let has = |said: &Option<String>, expect: Option<&str>| match expect {
                None => assert_eq!(*said, None, "{text}"),
                Some(part) => assert!(
                    said.as_ref().is_some_and(|said| said.contains(part)),
                    "{text}: {said:?}"
                ),
            };
            has(&policy.fault, fault);
            has(&policy.flaw, flaw);
        }
    }

    #[test]
    fn a_policy_that_enforces() {
        for (text, is_own, expect) in [
            ("v=DMARC1; p=reject", true, true),
            ("v=DMARC1; p=Quarantine; sp=none", true, true),
            ("v=DMARC1; p=quarantine; sp=none", false, false),
            ("v=DMARC1; p=none; sp=reject", false, true),
            ("v=DMARC1; p=none", true, false),
            ("v=DMARC1", true, false),
            ("v=DMARC1; p=reject; t=y", true, false),
            ("v=DMARC1; p=reject; sp=most; rua=mailto:a@b.example", true, false),
            ("v=DMARC1; p=reject; sp=most", true, false),
        ] {
            let policy = Policy { is_own, ..parse(text) };
            assert_eq!(policy.is_enforcing(), expect, "{text}");
        }
    }

    #[test]
    fn a_record_asks_for_what_receivers_read_in_it() {
        use AlignmentMode::{Relaxed, Strict};
        let check = |policy: Policy, p, (sp, np), (adkim, aspf), (pct, testing)| {
            let expect = PolicyPublished {
                domain: "example.com".into(),
                p,
                sp,
                np,
                adkim,
                aspf,
                pct,
                testing,
                ..PolicyPublished::default()
            };
            assert_eq!(policy.asked("example.com"), expect, "{policy:?}");
        };
        let (none, relaxed) = ((None, None), (None, None));
        let (quarantine, reject) = (Some(Word::Quarantine), Some(Word::Reject));
        check(parse("v=DMARC1; p=reject"), reject, none, relaxed, (None, None));
        check(
            parse("v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=r; t=y; pct=20"),
            reject,
            (quarantine, Some(Word::None)),
            (Some(Strict), Some(Relaxed)),
            (Some(20), Some(true)),
        );
        check(
            parse("v=DMARC1; p=none; sp=reject; pct=101; adkim=x").of_domain_below(),
            reject,
            (reject, None),
            relaxed,
            (None, None),
        );
        let void = parse("v=DMARC1; p=odd; sp=reject; rua=mailto:a@example.com");
        check(void, Some(Word::None), none, relaxed, (None, None));
        check(parse("v=DMARC1"), None, none, relaxed, (None, None));
    }
}
