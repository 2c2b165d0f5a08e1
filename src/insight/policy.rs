//! What a DMARC policy asks for messages that fail (RFC 9989, 4.7; RFC 7489, 6.3 for `pct`).

use crate::report::aggregate::{AlignmentMode, Policy, PolicyPublished};

/// Tags that are tried in place of the published ones; `None` keeps the published one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyChange {
    pub p: Option<Policy>,
    pub sp: Option<Policy>,
    pub np: Option<Policy>,
    pub adkim: Option<AlignmentMode>,
    pub aspf: Option<AlignmentMode>,
    /// The tag `t`.
    pub testing: Option<bool>,
    /// 0 to 100. Receivers that follow RFC 9989 ignore it.
    pub pct: Option<u8>,
}

impl PolicyChange {
    /// The policy with these tags.
    pub fn applied_to(&self, published: &PolicyPublished) -> PolicyPublished {
        PolicyPublished {
            p: self.p.or(published.p),
            sp: self.sp.or(published.sp),
            np: self.np.or(published.np),
            adkim: self.adkim.or(published.adkim),
            aspf: self.aspf.or(published.aspf),
            testing: self.testing.or(published.testing),
            pct: self.pct.or(published.pct),
            ..published.clone()
        }
    }
}

/// Where an author domain is, seen from the domain of a policy record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// It is the domain itself, or not below it.
    Own,
    /// It is below, and DNS has it.
    Existing,
    /// It is below, and DNS does not have it.
    Missing,
    /// It is below, and whether DNS has it is not known: it is taken to.
    Unknown,
}

impl Place {
    /// The place of `author`; `exists` says whether DNS has it.
    pub fn new(author: &str, domain: &str, exists: Option<bool>) -> Self {
        let above = author.strip_suffix(domain).unwrap_or_default();
        match exists {
            _ if !above.ends_with('.') => Self::Own,
            Some(true) => Self::Existing,
            Some(false) => Self::Missing,
            None => Self::Unknown,
        }
    }
}

/// What is asked for messages that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub policy: Policy,
    /// The per cent of the messages that it is asked for. For the others the policy one level lower is.
    pub percent: u8,
}

impl Asked {
    /// What a policy record asks at a place.
    pub fn new(policy: &PolicyPublished, place: Place) -> Self {
        let asked = match place {
            Place::Own => policy.p,
            Place::Existing | Place::Unknown => policy.sp.or(policy.p),
            Place::Missing => policy.np.or(policy.sp).or(policy.p),
        };
        let asked = asked.unwrap_or(Policy::None);
        Self {
            policy: if policy.testing == Some(true) {
                lowered(asked)
            } else {
                asked
            },
            percent: policy.pct.unwrap_or(100).min(100),
        }
    }

    /// The least that is asked for any of the messages.
    pub fn least(self) -> Policy {
        match self.percent {
            100 => self.policy,
            _ => lowered(self.policy),
        }
    }

    /// The most that is asked for any of the messages.
    pub fn most(self) -> Policy {
        match self.percent {
            0 => lowered(self.policy),
            _ => self.policy,
        }
    }
}

/// The policy one level lower.
pub(super) fn lowered(policy: Policy) -> Policy {
    match policy {
        Policy::Reject => Policy::Quarantine,
        Policy::Quarantine | Policy::None => Policy::None,
    }
}

/// Whether `np` is another policy than that for names that exist.
pub(super) fn tells_missing_apart(policy: &PolicyPublished) -> bool {
    policy.np.is_some_and(|np| Some(np) != policy.sp.or(policy.p))
}

/// The alignment modes of DKIM and SPF.
pub(super) fn modes(policy: &PolicyPublished) -> (AlignmentMode, AlignmentMode) {
    let mode = |mode: Option<AlignmentMode>| mode.unwrap_or(AlignmentMode::Relaxed);
    (mode(policy.adkim), mode(policy.aspf))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Place; 4] = [Place::Own, Place::Existing, Place::Missing, Place::Unknown];

    fn policy(p: &str, sp: &str, np: &str) -> PolicyPublished {
        PolicyPublished {
            p: Policy::from_word(p),
            sp: Policy::from_word(sp),
            np: Policy::from_word(np),
            ..PolicyPublished::default()
        }
    }

    #[test]
    fn each_place_has_its_tag() {
        for (p, sp, np, expect) in [
            ("", "", "", ["none"; 4]),
            ("reject", "", "", ["reject"; 4]),
            ("none", "reject", "", ["none", "reject", "reject", "reject"]),
            ("reject", "none", "", ["reject", "none", "none", "none"]),
            ("none", "", "reject", ["none", "none", "reject", "none"]),
            (
                "reject",
                "quarantine",
                "none",
                ["reject", "quarantine", "none", "quarantine"],
            ),
            ("", "quarantine", "", ["none", "quarantine", "quarantine", "quarantine"]),
        ] {
            let policy = policy(p, sp, np);
            let found = ALL.map(|place| Asked::new(&policy, place).policy.word());
            assert_eq!(found, expect, "{p} {sp} {np}");
        }
    }

    #[test]
    fn a_test_asks_for_one_level_less() {
        for (word, expect) in [("reject", "quarantine"), ("quarantine", "none"), ("none", "none")] {
            let testing = |testing| PolicyPublished {
                testing,
                ..policy(word, "", "")
            };
            let asked = |given| Asked::new(&testing(given), Place::Own).policy.word();
            assert_eq!(
                (asked(Some(true)), asked(Some(false)), asked(None)),
                (expect, word, word)
            );
        }
    }

    #[test]
    fn a_part_of_the_messages_has_the_policy_and_the_rest_one_level_less() {
        for (pct, most, least) in [
            (None, "reject", "reject"),
            (Some(100), "reject", "reject"),
            (Some(50), "reject", "quarantine"),
            (Some(0), "quarantine", "quarantine"),
        ] {
            let asked = Asked::new(
                &PolicyPublished {
                    pct,
                    ..policy("reject", "", "")
                },
                Place::Own,
            );
            assert_eq!((asked.most().word(), asked.least().word()), (most, least), "{pct:?}");
        }
    }

    #[test]
    fn a_place_is_below_or_not() {
        for (author, exists, expect) in [
            ("example.com", None, Place::Own),
            ("example.com", Some(false), Place::Own),
            ("a.example.com", Some(true), Place::Existing),
            ("b.a.example.com", Some(false), Place::Missing),
            ("a.example.com", None, Place::Unknown),
            ("notexample.com", Some(true), Place::Own),
            ("com", None, Place::Own),
            ("", None, Place::Own),
        ] {
            assert_eq!(Place::new(author, "example.com", exists), expect, "{author}");
        }
    }

    #[test]
    fn what_is_left_out_is_kept() {
        let published = PolicyPublished {
            adkim: Some(AlignmentMode::Strict),
            pct: Some(10),
            testing: Some(true),
            ..policy("none", "quarantine", "")
        };
        assert_eq!(PolicyChange::default().applied_to(&published), published);
        let change = PolicyChange {
            p: Some(Policy::Reject),
            aspf: Some(AlignmentMode::Strict),
            testing: Some(false),
            ..PolicyChange::default()
        };
        let expect = PolicyPublished {
            adkim: Some(AlignmentMode::Strict),
            aspf: Some(AlignmentMode::Strict),
            pct: Some(10),
            testing: Some(false),
            ..policy("reject", "quarantine", "")
        };
        assert_eq!(change.applied_to(&published), expect);
    }
}
