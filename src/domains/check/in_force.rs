//! Which DMARC policy applies to mail of a name, by what DNS had when its domain was last looked at.

use super::FOUND_CHARS_MAX;
use super::policy::{Existence, Policy, is_policy, parse};
use crate::base::{Purpose, words};
use crate::domains::records::DnsRecord;

words! {
    /// Where the policy for a name is from.
    PolicyFrom: u8 {
        /// The `p` of the name's own record.
        Own = 0 "own",
        /// The `sp` of a record above.
        Sp = 1 "sp",
        /// The `p` of a record above, which has no `sp`.
        P = 2 "p",
    }
}

/// The DMARC record that was in force for a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce(Policy);

impl InForce {
    /// By what was found for a domain's records. `None` if no valid record was found, or the domain was not looked at yet.
    pub(in super::super) fn of_records(records: &[DnsRecord]) -> Option<Self> {
        let record = records.iter().find(|record| record.purpose == Purpose::Dmarc)?;
        let above = |text: &String| {
            let (at, text) = text.split_once(": ")?;
            at.starts_with("_dmarc.").then(|| text.to_owned())
        };
        // What receivers read over is among what was found.
        let mut own = record.found.iter().filter(|text| is_policy(text));
        let policy = match (own.next(), own.next()) {
            (Some(text), None) => whole(text).then(|| parse(text))?,
            // Receivers discard several.
            (Some(_), Some(_)) => return None,
            (None, _) => {
                let found = record.found.first().filter(|text| whole(text))?;
                parse(&above(found)?).of_domain_below()
            }
        };
        policy.fault.is_none().then_some(Self(policy))
    }

    /// Whether it is the domain's own record, and not one above.
    pub fn is_own(&self) -> bool {
        self.0.is_own
    }

    /// The policy for mail of the domain: `none`, `quarantine` or `reject`, and where it is from.
    pub fn for_domain(&self) -> (String, PolicyFrom) {
        let from = match (self.0.is_own, self.0.has_sp()) {
            (true, _) => PolicyFrom::Own,
            (false, true) => PolicyFrom::Sp,
            (false, false) => PolicyFrom::P,
        };
        (self.0.in_force(Existence::Exists).to_owned(), from)
    }

    /// The same for mail of a name that exists below the organizational domain of the record, and has no record itself.
    pub fn for_names_below(&self) -> (String, PolicyFrom) {
        Self(self.0.clone().of_domain_below()).for_domain()
    }
}

/// Whether a text was kept to its end: tags may be behind it.
fn whole(text: &str) -> bool {
    text.chars().count() < FOUND_CHARS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domains::records::RecordType;
    use crate::store::RecordState;

    fn in_force(found: &[&str]) -> Option<InForce> {
        InForce::of_records(&[DnsRecord {
            purpose: Purpose::Dmarc,
            kind: RecordType::Txt,
            name: "_dmarc.example.com".to_owned(),
            value: String::new(),
            priority: None,
            required: true,
            verified: true,
            found: found.iter().map(|text| (*text).to_owned()).collect(),
            problem: None,
            state: RecordState::Found,
            suggestion: None,
        }])
    }

    #[test]
    fn the_policy_of_a_domain_and_of_names_below_it() {
        for (found, domain, below) in [
            ("v=DMARC1; p=reject", ("reject", "own"), ("reject", "p")),
            ("v=DMARC1; p=reject; sp=none", ("reject", "own"), ("none", "sp")),
            (
                "v=DMARC1; p=None; SP=Quarantine; np=reject",
                ("none", "own"),
                ("quarantine", "sp"),
            ),
            ("v=DMARC1; p=reject; np=none", ("reject", "own"), ("reject", "p")),
            ("v=DMARC1; rua=mailto:a@b.example", ("none", "own"), ("none", "p")),
            // A policy without a meaning is as none.
            (
                "v=DMARC1; p=all; sp=reject; rua=mailto:a@b.example",
                ("none", "own"),
                ("none", "sp"),
            ),
            (
                "_dmarc.example.com: v=DMARC1; p=reject",
                ("reject", "p"),
                ("reject", "p"),
            ),
            (
                "_dmarc.example.com: v=DMARC1; p=reject; sp=none",
                ("none", "sp"),
                ("none", "sp"),
            ),
        ] {
            let found = in_force(&[found]).unwrap_or_else(|| panic!("{found}"));
            let words = |(policy, from): (String, PolicyFrom)| (policy, from.word());
            let expect = |(policy, from): (&str, &'static str)| (policy.to_owned(), from);
            assert_eq!(words(found.for_domain()), expect(domain), "{found:?}");
            assert_eq!(words(found.for_names_below()), expect(below), "{found:?}");
        }
    }

    #[test]
    fn nothing_is_said_where_nothing_is_known() {
        assert!(in_force(&["v=DMARC1; p=none"]).is_some(), "the control");
        let long = format!("v=DMARC1; p=none; x={}", "y".repeat(FOUND_CHARS_MAX));
        let long: String = long.chars().take(FOUND_CHARS_MAX).collect();
        for found in [
            &[][..],
            &["v=spf1 -all"],
            &["v=dmarc1; p=reject"],
            &["v=DMARC1; p=all"],
            &["v=DMARC1; p=none; p=reject"],
            &["v=DMARC1; p=none", "v=DMARC1; p=reject"],
            &["_dmarc.example.com: v=DMARC1; p=all"],
            &["other.example.com: v=DMARC1; p=none"],
            &[&*long],
        ] {
            assert_eq!(in_force(found), None, "{found:?}");
        }
        assert_eq!(InForce::of_records(&[]), None);
    }
}
