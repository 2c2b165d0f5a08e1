//! What a record's evidence says of its messages, whatever the policy is.

use crate::domains::Tried;
use crate::report::aggregate::{AlignmentMode, AuthResult, Evidence, PolicyPublished, ReasonKind, is_aligned};

use super::policy::modes;

/// Which aligned identities passed, by alignment mode, and what a new SPF record of the domain could change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Aligned(u8);

/// The bits of [`Aligned`], the relaxed mode first.
const DKIM: [u8; 2] = [1, 1 << 1];
const SPF: [u8; 2] = [1 << 2, 1 << 3];
/// SPF passed for an aligned domain other than the domain of the SPF record.
const OTHER_SPF: [u8; 2] = [1 << 4, 1 << 5];
/// SPF was decided by the domain's record, and would be aligned if it passed.
const OF_RECORD: [u8; 2] = [1 << 6, 1 << 7];

impl Aligned {
    /// From all results of a record by this author domain. `domain` is the domain whose SPF record may be changed.
    pub fn new(evidence: &Evidence, author: &str, domain: &str) -> Self {
        let mut found = Self(0);
        for mode in AlignmentMode::ALL {
            let mode = *mode;
            if evidence.has_aligned_dkim(mode, author) {
                found.0 |= bit(DKIM, mode);
            }
            if evidence.has_aligned_spf(mode, author) {
                found.0 |= bit(SPF, mode);
            }
            // Where a reporter gives no result, the MAIL FROM domain is that which it would be about.
            let without_result = evidence.envelope_from.as_deref().filter(|_| evidence.spf.is_empty());
            let identities = evidence.deciding_spf();
            for (name, result) in identities.chain(without_result.map(|name| (name, AuthResult::None))) {
                if !is_aligned(mode, name, author) {
                    continue;
                }
                if name.eq_ignore_ascii_case(domain) {
                    found.0 |= bit(OF_RECORD, mode);
                } else if result == AuthResult::Pass {
                    found.0 |= bit(OTHER_SPF, mode);
                }
            }
        }
        found
    }

    fn has(self, bits: [u8; 2], mode: AlignmentMode) -> bool {
        self.0 & bit(bits, mode) != 0
    }

    pub fn dkim(self, mode: AlignmentMode) -> bool {
        self.has(DKIM, mode)
    }

    pub fn spf(self, mode: AlignmentMode) -> bool {
        self.has(SPF, mode)
    }

    /// Whether SPF passes where the domain has another record; `tried` is what that says of the address.
    pub fn spf_with_record(self, mode: AlignmentMode, tried: impl FnOnce() -> Tried) -> Tried {
        match (self.has(OTHER_SPF, mode), self.has(OF_RECORD, mode)) {
            (true, _) => Tried::Pass,
            (false, true) => tried(),
            (false, false) => Tried::Fail,
        }
    }

    /// Aligned DKIM and aligned SPF under a policy.
    pub fn under(self, policy: &PolicyPublished) -> (bool, bool) {
        let (adkim, aspf) = modes(policy);
        (self.dkim(adkim), self.spf(aspf))
    }
}

fn bit(bits: [u8; 2], mode: AlignmentMode) -> u8 {
    bits[usize::from(mode.code())]
}

/// The MAIL FROM domain that SPF was checked for, with its result: `domain`, if it is among several, else the first. Where a
/// reporter gives no result, it is the one that the result would be about.
pub(super) fn mail_from<'e>(evidence: &'e Evidence, domain: &str) -> Option<(&'e str, AuthResult)> {
    let without_result = evidence.envelope_from.as_deref().filter(|_| evidence.spf.is_empty());
    let identities = || {
        let deciding = evidence.deciding_spf();
        deciding.chain(without_result.map(|name| (name, AuthResult::None)))
    };
    let own = identities().find(|(name, _)| name.eq_ignore_ascii_case(domain));
    own.or_else(|| identities().next())
}

/// The first reason that a reporter gives for not applying the policy. That a message was left out by `pct` or by a test is
/// the policy itself.
pub(super) fn override_reason(evidence: &Evidence) -> Option<ReasonKind> {
    let kinds = evidence.reasons.iter().map(|reason| reason.kind);
    let mut kinds = kinds.filter(|kind| !matches!(kind, ReasonKind::SampledOut | ReasonKind::PolicyTestMode));
    kinds.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::aggregate::AlignmentMode::{Relaxed, Strict};
    use crate::tally::testdata::{dkim, evidence, reason, spf};

    #[test]
    fn results_that_passed_are_aligned_by_mode() {
        for (signer, mail_from, expect) in [
            ("example.com", "other.example", [true, true, false, false]),
            ("mail.example.com", "example.com", [true, false, true, true]),
            ("other.example", "bounce.example.com", [false, false, true, false]),
        ] {
            let found = evidence(&[dkim(signer, "pass")], &[spf(mail_from, "pass")]);
            let aligned = Aligned::new(&found, "example.com", "example.com");
            let found = [
                aligned.dkim(Relaxed),
                aligned.dkim(Strict),
                aligned.spf(Relaxed),
                aligned.spf(Strict),
            ];
            assert_eq!(found, expect, "{signer} {mail_from}");
        }
        let failed = evidence(&[dkim("example.com", "fail")], &[spf("example.com", "softfail")]);
        assert_eq!(Aligned::new(&failed, "example.com", "spf.example"), Aligned(0));
    }

    #[test]
    fn another_record_decides_where_the_domains_own_did() {
        let tried = |mail_from: &str, result: &str, mode, tried| {
            let aligned = Aligned::new(&evidence(&[], &[spf(mail_from, result)]), "example.com", "example.com");
            aligned.spf_with_record(mode, || tried)
        };
        for outcome in [Tried::Pass, Tried::Fail, Tried::Unknown] {
            for result in ["pass", "fail"] {
                assert_eq!(tried("example.com", result, Strict, outcome), outcome, "{result}");
            }
            let below = |result, mode| tried("bounce.example.com", result, mode, outcome);
            assert_eq!(
                (below("pass", Relaxed), below("pass", Strict)),
                (Tried::Pass, Tried::Fail)
            );
            assert_eq!(below("fail", Relaxed), Tried::Fail);
            assert_eq!(tried("other.example", "pass", Relaxed, outcome), Tried::Fail);
        }
        let mut silent = evidence(&[], &[]);
        silent.envelope_from = Some("example.com".into());
        let aligned = Aligned::new(&silent, "example.com", "example.com");
        assert_eq!(aligned.spf_with_record(Relaxed, || Tried::Pass), Tried::Pass);
    }

    #[test]
    fn a_reason_that_is_the_policy_itself_is_no_override() {
        let of = |kinds: &[&str]| {
            let mut found = evidence(&[], &[]);
            found.reasons = kinds.iter().map(|kind| reason(kind, "")).collect();
            override_reason(&found)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["sampled_out", "policy_test_mode"]), None);
        assert_eq!(of(&["sampled_out", "mailing_list"]), Some(ReasonKind::MailingList));
        assert_eq!(of(&["local_policy", "forwarded"]), Some(ReasonKind::LocalPolicy));
    }
}
