//! The DMARC policy in force, as the last look at DNS found it.

use super::check;
use crate::base::{DomainName, Purpose};
use crate::report::aggregate::PolicyPublished;
use crate::store::{DomainDns, RecordState};

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
}
