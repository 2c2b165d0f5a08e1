//! DMARC policy records (RFC 9989): the one that applies to the domain must send reports to its own address.

use super::{Look, Seen, quoted, tags};
use crate::dns::{Freshness, Unanswered};
use crate::domains::records::DnsRecord;
use crate::report::{DomainName, ancestors};

/// RFC 9989, 4.10: a name with more labels is walked from the seventh on.
const WALK_LABELS_MAX: usize = 7;

/// What one policy record says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Policy {
    p: Option<String>,
    sp: Option<String>,
    psd: Option<String>,
    is_testing: bool,
    /// Addresses of `rua`, lower-case, without scheme and size.
    rua: Vec<String>,
    has_rua: bool,
    /// What makes it no record at all.
    fault: Option<String>,
    /// What receivers read over.
    flaw: Option<String>,
    /// Is it of the domain itself, and not of one above?
    is_own: bool,
}

impl Policy {
    /// Is mail that fails kept from people's inboxes?
    pub(super) fn is_enforcing(&self) -> bool {
        let policy = if self.is_own {
            &self.p
        } else {
            self.sp.as_ref().map_or(&self.p, |_| &self.sp)
        };
        let is_strict = policy.as_deref().is_some_and(|p| p == "quarantine" || p == "reject");
        is_strict && !self.is_testing && self.fault.is_none()
    }
}

/// RFC 9989, 4.8: `v=DMARC1` first, exactly so.
fn is_policy(text: &str) -> bool {
    matches!(tags(text).next(), Some(Ok((tag, "DMARC1"))) if tag == "v")
}

fn parse(text: &str) -> Policy {
    let mut policy = Policy {
        is_own: true,
        ..Policy::default()
    };
    let mut seen: Vec<String> = Vec::new();
    for part in tags(text) {
        let (tag, value) = match part {
            Ok(part) => part,
            Err(part) => {
                policy
                    .fault
                    .get_or_insert(format!("{} in it is no tag with a value", quoted(part)));
                continue;
            }
        };
        if seen.contains(&tag) {
            policy
                .fault
                .get_or_insert(format!("it has the tag {} twice", quoted(&tag)));
            continue;
        }
        let lower = value.to_ascii_lowercase();
        let is_known = match &*tag {
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
        match &*tag {
            // Without a policy that can be read it is no policy record.
            "p" if !is_known => {
                policy.fault.get_or_insert(format!(
                    "{} is no policy; it is none, quarantine or reject",
                    quoted(&format!("p={value}"))
                ));
            }
            "p" => policy.p = Some(lower),
            _ if !is_known => {
                policy
                    .flaw
                    .get_or_insert(format!("{} means nothing", quoted(&format!("{tag}={value}"))));
            }
            "sp" => policy.sp = Some(lower),
            "psd" => policy.psd = Some(lower),
            "t" => policy.is_testing = lower == "y",
            "rua" => {
                policy.has_rua = true;
                policy.rua = value.split(',').filter_map(mailbox).collect();
            }
            _ => {}
        }
        seen.push(tag);
    }
    policy
}

/// The address of a `mailto:` URI, lower-case, without the size that RFC 7489 allowed behind it (`!10m`).
fn mailbox(uri: &str) -> Option<String> {
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

/// RFC 3986, 2.1. What is no escape stays.
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

/// What the domain publishes at its own `_dmarc`, and the policy that is in force.
struct Discovered {
    /// Everything at the own name that looks like a policy.
    own: Vec<String>,
    /// With the name it was found at.
    policy: Option<(String, String, Policy)>,
}

async fn discover(look: &Look<'_>, domain: &DomainName) -> Result<Discovered, Unanswered> {
    let texts = look.texts(&format!("_dmarc.{domain}"), Freshness::Fresh).await?;
    let own: Vec<String> = texts
        .into_iter()
        .filter(|text| is_policy(text) || is_nearly_policy(text))
        .collect();
    let policies: Vec<&String> = own.iter().filter(|text| is_policy(text)).collect();
    if let [text] = policies.as_slice() {
        let policy = Some((domain.to_string(), (*text).clone(), parse(text)));
        return Ok(Discovered { own, policy });
    }
    let policy = walk(look, domain).await?;
    Ok(Discovered { own, policy })
}

/// RFC 9989, 4.10: the names above are asked one after the other; the policy is the organizational domain's.
async fn walk(look: &Look<'_>, domain: &DomainName) -> Result<Option<(String, String, Policy)>, Unanswered> {
    let above = ancestors(domain.as_str()).filter(|name| name.split('.').count() <= WALK_LABELS_MAX);
    let mut found: Option<(String, String, Policy)> = None;
    for name in above {
        let texts = look.texts(&format!("_dmarc.{name}"), Freshness::Shared).await?;
        let mut policies = texts.into_iter().filter(|text| is_policy(text));
        // Several are as none.
        let (Some(text), None) = (policies.next(), policies.next()) else {
            continue;
        };
        let policy = Policy {
            is_own: false,
            ..parse(&text)
        };
        let psd = policy.psd.clone();
        // A public suffix ends the walk; what is right below it is the organization, with or without a record.
        if psd.as_deref() == Some("y") {
            return Ok(found.or_else(|| Some((name.to_owned(), text, policy))));
        }
        found = Some((name.to_owned(), text, policy));
        if psd.as_deref() == Some("n") {
            break;
        }
    }
    Ok(found)
}

/// The policy in force for mail of the domain.
pub(super) async fn policy(look: &Look<'_>, domain: &DomainName) -> Result<Option<Policy>, Unanswered> {
    Ok(discover(look, domain).await?.policy.map(|(.., policy)| policy))
}

pub(super) async fn look(
    look: &Look<'_>,
    domain: &DomainName,
    record: &DnsRecord,
    address: &str,
) -> Result<Seen, Unanswered> {
    let Discovered { own, policy } = discover(look, domain).await?;
    let name = &record.name;
    let policies = own.iter().filter(|text| is_policy(text)).count();
    if policies > 1 {
        let problem = format!(
            "There are {policies} DMARC records at {name}, so that all are ignored; keep one, with all you need."
        );
        return Ok(Seen::bad(own, problem));
    }
    if policies == 0 && !own.is_empty() {
        let problem = format!("The record at {name} must begin with v=DMARC1, exactly so; correct it.");
        return Ok(Seen::bad(own, problem));
    }
    let Some((at, text, policy)) = policy else {
        return Ok(Seen::bad(own, format!("Add a TXT record at {name}: {}", record.value)));
    };
    let found = if policy.is_own {
        own
    } else {
        vec![format!("_dmarc.{at}: {text}")]
    };
    if let Some(fault) = &policy.fault {
        return Ok(Seen::bad(
            found,
            format!("The DMARC record at _dmarc.{at} is not valid: {fault}; correct it."),
        ));
    }
    if policy.rua.iter().any(|listed| listed.eq_ignore_ascii_case(address)) {
        let problem = policy
            .flaw
            .map(|flaw| format!("In the DMARC record at _dmarc.{at}, {flaw}; correct or remove it."));
        return Ok(Seen {
            problem,
            ..Seen::good(found)
        });
    }
    let problem = match (policy.is_own, policy.has_rua) {
        (true, true) => format!("Add mailto:{address} to the rua list of the DMARC record at {name}, behind a comma."),
        (true, false) => format!("Add rua=mailto:{address} to the DMARC record at {name}."),
        (false, _) => format!(
            "The DMARC record of {at} is in force and sends reports elsewhere; add one at {name}: {}",
            record.value
        ),
    };
    Ok(Seen::bad(found, problem))
}

/// RFC 9990, 4: any record that begins `v=DMARC1`, a wildcard's too.
pub(super) async fn look_for_authorization(look: &Look<'_>, record: &DnsRecord) -> Result<Seen, Unanswered> {
    let found = look.texts(&record.name, Freshness::Fresh).await?;
    if found.iter().any(|text| is_policy(text)) {
        return Ok(Seen::good(found));
    }
    let name = &record.name;
    let (_, zone) = name.split_once("._report.").unwrap_or_default();
    let problem = format!(
        "The operator of this service must publish the TXT record v=DMARC1; at {name}, or once for all domains at \
         *._report.{zone}; until then reporters may send nothing."
    );
    Ok(Seen::bad(found, problem))
}

/// Somebody meant it to be one.
fn is_nearly_policy(text: &str) -> bool {
    text.to_ascii_lowercase().contains("dmarc1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_policy_record() {
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
            ("v=DMARC1; p=monitor", Some("p=monitor"), None),
            ("v=DMARC1; p=none; p=reject", Some("twice"), None),
            ("v=DMARC1; p=none; oops", Some("oops"), None),
            ("v=DMARC1; p=none; sp=maybe", None, Some("sp=maybe")),
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
        ] {
            let policy = Policy { is_own, ..parse(text) };
            assert_eq!(policy.is_enforcing(), expect, "{text}");
        }
    }
}
