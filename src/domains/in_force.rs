//! The DMARC policy in force, as the last look at DNS found it.

use super::check;
use crate::base::{DomainName, Purpose};
use crate::report::aggregate::PolicyPublished;
use crate::store::{DomainDns, RecordState, Suggestion};

/// What DNS asks for mail of a domain, by the last look at it. `None` if DNS has not been read. A domain without a record
/// asks for nothing.
pub fn policy_in_force(dns: &DomainDns, domain: &DomainName) -> Option<PolicyPublished> {
    let seen = dns.checks.iter().find(|check| check.purpose == Purpose::Dmarc)?;
    match seen.state {
        RecordState::Unchecked | RecordState::Unreadable => None,
        RecordState::Found | RecordState::Missing | RecordState::Wrong => {
            Some(check::policy_found(&seen.found, domain.as_str()))
        }
    }
}

/// The record that DNS has for the domain, with these tags changed or gone, to be published in its place. Every other tag stays
/// as it is. `None` if DNS has not been read, or has no single record of the domain's own.
pub fn policy_record_with(dns: &DomainDns, changes: &[(&str, Option<&str>)]) -> Option<Suggestion> {
    let seen = dns.checks.iter().find(|check| check.purpose == Purpose::Dmarc)?;
    match seen.state {
        RecordState::Found | RecordState::Wrong => check::policy_with(&seen.found, changes),
        RecordState::Unchecked | RecordState::Unreadable | RecordState::Missing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::aggregate::Policy;
    use crate::store::RecordCheck;

    fn found(state: RecordState, texts: &[&str]) -> Option<Option<Policy>> {
        let check = RecordCheck {
            purpose: Purpose::Dmarc,
            expected: String::new(),
            verified: false,
            found: texts.iter().map(|text| (*text).to_owned()).collect(),
            problem: None,
            state,
            at: None,
            suggestion: None,
        };
        let dns = DomainDns {
            checks: vec![check],
            ..DomainDns::default()
        };
        let domain = DomainName::parse("example.com").unwrap();
        policy_in_force(&dns, &domain).map(|policy| policy.p)
    }

    #[test]
    fn a_policy_is_what_the_last_look_found() {
        use RecordState::{Found, Missing, Unchecked, Unreadable, Wrong};
        let reject = Some(Some(Policy::Reject));
        assert_eq!(found(Found, &["v=DMARC1; p=reject"]), reject);
        assert_eq!(found(Wrong, &["v=DMARC1; p=reject; rua=mailto:a@b.example"]), reject);
        assert_eq!(found(Missing, &["_dmarc.com: v=DMARC1; p=none; sp=reject"]), reject);
        assert_eq!(found(Missing, &[]), Some(None), "DNS has no record");
        assert_eq!(found(Wrong, &["v=DMARC1; p=reject", "v=DMARC1; p=none"]), Some(None));
        assert_eq!(found(Wrong, &["v=dmarc1; p=reject"]), Some(None));
        assert_eq!(found(Unreadable, &[]), None);
        assert_eq!(found(Unchecked, &[]), None);
        let domain = DomainName::parse("example.com").unwrap();
        assert_eq!(policy_in_force(&DomainDns::default(), &domain), None);
    }

    #[test]
    fn a_record_keeps_every_tag_that_is_not_changed() {
        let offered = |found: &[&str], changes: &[(&str, Option<&str>)]| {
            let check = RecordCheck {
                purpose: Purpose::Dmarc,
                expected: String::new(),
                verified: true,
                found: found.iter().map(|text| (*text).to_owned()).collect(),
                problem: None,
                state: RecordState::Found,
                at: None,
                suggestion: None,
            };
            let dns = DomainDns {
                checks: vec![check],
                ..DomainDns::default()
            };
            policy_record_with(&dns, changes).map(|offer| offer.value)
        };
        let reject: &[(&str, Option<&str>)] = &[("p", Some("reject"))];
        for (found, changes, expect) in [
            (
                "v=DMARC1; p=none; rua=mailto:a@x.example,mailto:b@y.example; adkim=s;fo=1",
                reject,
                Some("v=DMARC1; p=reject; rua=mailto:a@x.example,mailto:b@y.example; adkim=s;fo=1"),
            ),
            ("v=DMARC1;P=none;", reject, Some("v=DMARC1;p=reject")),
            (
                "v=DMARC1; rua=mailto:a@x.example",
                reject,
                Some("v=DMARC1; p=reject; rua=mailto:a@x.example"),
            ),
            (
                "v=DMARC1; p=quarantine; pct=20; t=y; x-own=1",
                &[("p", Some("reject")), ("pct", None), ("t", None)],
                Some("v=DMARC1; p=reject; x-own=1"),
            ),
            (
                "v=DMARC1; p=none",
                &[("sp", Some("reject"))],
                Some("v=DMARC1; p=none; sp=reject"),
            ),
            ("v=DMARC1; p=none; p=reject", reject, None),
        ] {
            assert_eq!(offered(&[found], changes).as_deref(), expect, "{found}");
        }
        assert_eq!(offered(&["v=DMARC1; p=none", "v=DMARC1; p=reject"], reject), None);
        assert_eq!(offered(&["_dmarc.com: v=DMARC1; p=none"], reject), None);
        assert_eq!(
            offered(&[&format!("v=DMARC1; p=none; rua={}", "x".repeat(1_024))], reject),
            None
        );
    }
}
