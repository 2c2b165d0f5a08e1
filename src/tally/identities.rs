//! What a record's evidence proves about its sender. Only results that passed prove anything.
//!
//! *Own* is of the same organisation as the domain that the report is about; *foreign* is of any other.

use crate::base::{is_hostname, organizational_domain, registered_domain, words};
use crate::report::aggregate::{AuthResult, Evidence, ReasonKind, SpfAuth, SpfScope};

/// Foreign signatures of a record that are looked at, in its order.
pub(super) const FOREIGN_MAX: usize = 4;
/// Longest name and selector that are told apart, in bytes (RFC 1035, 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// The identities of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identities<'n> {
    pub own: OwnSignature<'n>,
    /// `d=` of foreign signatures that passed, in the order of the record; the first four of them. Of each name the
    /// registered domain and one label before it.
    pub foreign: [Option<&'n str>; FOREIGN_MAX],
    pub spf: SpfOutcome<'n>,
    pub reported: Reported,
}

/// The own signature of a record, and the first that passed of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnSignature<'n> {
    Passed {
        domain: &'n str,
        selector: &'n str,
    },
    /// There is one, and none passed.
    Broken,
    Missing,
}

/// SPF of the MAIL FROM domain. A HELO name counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpfOutcome<'n> {
    /// It passed for an own domain.
    Own,
    /// It passed for this foreign domain: the registered domain and one label before it.
    Foreign(&'n str),
    /// It did not pass for an own domain.
    OwnFailed,
    /// It did not pass for a foreign domain, or there is no result.
    ForeignFailed,
}

words! {
    /// Why the reporter applied another policy than the published one: its word, not a fact. The strongest first.
    Reported: u8 {
        Nothing = 0 "nothing", MailingList = 1 "mailing_list", TrustedForwarder = 2 "trusted_forwarder",
        /// `local_policy` because a chain of ARC seals passed.
        ArcPass = 3 "arc_pass",
        Forwarded = 4 "forwarded",
    }
}

impl<'e> Identities<'e> {
    /// The identities in evidence about a domain of this organisation.
    pub fn from_evidence(evidence: &'e Evidence, organization: &str) -> Self {
        let mut own = OwnSignature::Missing;
        let mut foreign = [None; FOREIGN_MAX];
        let mut found = 0;
        for dkim in &evidence.dkim {
            let Some(name) = dkim.domain.as_deref() else { continue };
            let has_passed = dkim.result == AuthResult::Pass;
            match (is_own(name, organization), has_passed) {
                (true, true) if !matches!(own, OwnSignature::Passed { .. }) && name.len() <= NAME_BYTES_MAX => {
                    let selector = dkim.selector.as_deref().unwrap_or_default();
                    let selector = &selector[..selector.floor_char_boundary(NAME_BYTES_MAX)];
                    own = OwnSignature::Passed { domain: name, selector };
                }
                (true, false) if own == OwnSignature::Missing => own = OwnSignature::Broken,
                (false, true) if found < FOREIGN_MAX => {
                    let name = nameable_part(name);
                    if name.is_some() && !foreign.contains(&name) {
                        foreign[found] = name;
                        found += 1;
                    }
                }
                _ => {}
            }
        }
        Self {
            own,
            foreign,
            spf: spf(evidence, organization),
            reported: reported(evidence),
        }
    }

    /// The foreign signatures that passed.
    pub fn signers(&self) -> impl Iterator<Item = &'e str> {
        self.foreign.into_iter().flatten()
    }

    /// The foreign MAIL FROM domain that passed.
    pub fn mail_from(&self) -> Option<&'e str> {
        match self.spf {
            SpfOutcome::Foreign(name) => Some(name),
            _ => None,
        }
    }

    /// Whether a foreign identity passed.
    pub fn has_foreign_pass(&self) -> bool {
        self.foreign[0].is_some() || self.mail_from().is_some()
    }
}

/// Whether a name is of this organisation. Most names are not below it, and need no look at the public suffix list.
fn is_own(name: &str, organization: &str) -> bool {
    let above = name.strip_suffix(organization).filter(|_| !organization.is_empty());
    above.is_some_and(|above| above.is_empty() || above.ends_with('.') && organizational_domain(name) == organization)
}

/// What is kept of a foreign name: its registered domain and one label before it. Services give each customer names
/// further below.
pub fn kept_part(name: &str) -> &str {
    with_label(name, organizational_domain(name))
}

/// What is kept of a foreign name by which one owner can be named. Reports contain any text.
fn nameable_part(name: &str) -> Option<&str> {
    let is_name = is_hostname(name) && name.contains('.');
    let registered = is_name.then(|| registered_domain(name))??;
    Some(with_label(name, registered))
}

/// The end of a name, and one label before it.
fn with_label<'n>(name: &'n str, end: &str) -> &'n str {
    let above = name.len() - end.len();
    let label = name[..above].trim_end_matches('.').rfind('.');
    &name[label.map_or(0, |dot| dot + 1)..]
}

fn spf<'e>(evidence: &'e Evidence, organization: &str) -> SpfOutcome<'e> {
    let is_own = |name: &str| is_own(name, organization);
    let has_mfrom = evidence.spf.iter().any(|spf| spf.scope == Some(SpfScope::Mfrom));
    let envelope_from = evidence.envelope_from.as_deref().filter(|name| !name.is_empty());
    let decides = |spf: &&SpfAuth| match spf.scope {
        Some(SpfScope::Mfrom) => true,
        // Older reports have no scope, and one result.
        Some(SpfScope::Other) | None => !has_mfrom,
        Some(SpfScope::Helo) => false,
    };
    let name = |spf: &'e SpfAuth| spf.domain.as_deref().filter(|name| !name.is_empty()).or(envelope_from);
    let mut failed = SpfOutcome::ForeignFailed;
    for spf in evidence.spf.iter().filter(decides) {
        let Some(name) = name(spf) else { continue };
        match (spf.result == AuthResult::Pass, is_own(name)) {
            (true, true) => return SpfOutcome::Own,
            (true, false) => {
                if let Some(part) = nameable_part(name) {
                    return SpfOutcome::Foreign(part);
                }
            }
            (false, true) => failed = SpfOutcome::OwnFailed,
            (false, false) => {}
        }
    }
    if evidence.spf.is_empty() && envelope_from.is_some_and(is_own) {
        return SpfOutcome::OwnFailed;
    }
    failed
}

/// The strongest of the reasons.
fn reported(evidence: &Evidence) -> Reported {
    let of = |reason: &crate::report::aggregate::Reason| match reason.kind {
        ReasonKind::MailingList => Reported::MailingList,
        ReasonKind::TrustedForwarder => Reported::TrustedForwarder,
        ReasonKind::LocalPolicy if reason.comment.as_deref().is_some_and(has_arc_pass) => Reported::ArcPass,
        ReasonKind::Forwarded => Reported::Forwarded,
        _ => Reported::Nothing,
    };
    let all = evidence
        .reasons
        .iter()
        .map(of)
        .filter(|reported| *reported != Reported::Nothing);
    all.min().unwrap_or(Reported::Nothing)
}

/// Whether `arc=pass` is a word of the comment. Reporters write `arc=pass as.1.mx=pass` and the like.
fn has_arc_pass(comment: &str) -> bool {
    comment
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | ',' | '(' | ')'))
        .any(|word| word.eq_ignore_ascii_case("arc=pass"))
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{dkim, evidence, reason, spf};
    use super::*;

    #[test]
    fn only_what_passed_is_an_identity() {
        let found = evidence(
            &[
                dkim("sendgrid.net", "fail"),
                dkim("mcsv.net", "pass"),
                dkim("mcsv.net", "pass"),
                dkim("example.com", "fail"),
            ],
            &[spf("mailgun.org", "softfail")],
        );
        let ids = Identities::from_evidence(&found, "example.com");
        assert_eq!(ids.signers().collect::<Vec<_>>(), ["mcsv.net"]);
        assert_eq!((ids.own, ids.spf), (OwnSignature::Broken, SpfOutcome::ForeignFailed));
        let found = evidence(
            &[dkim("example.com", "fail"), dkim("mail.example.com", "pass")],
            &[spf("bounce.example.com", "pass")],
        );
        let ids = Identities::from_evidence(&found, "example.com");
        let own = OwnSignature::Passed {
            domain: "mail.example.com",
            selector: "s1",
        };
        assert_eq!((ids.own, ids.spf), (own, SpfOutcome::Own));
        assert!(!ids.has_foreign_pass());
    }

    #[test]
    fn names_that_no_one_owns_are_no_identities() {
        for name in [
            "com",
            "co.uk",
            "localhost",
            "",
            "a b.example",
            "evil\u{1b}.example",
            "\u{202e}.example",
            "x..example",
        ] {
            let found = evidence(&[dkim(name, "pass")], &[spf(name, "pass")]);
            let ids = Identities::from_evidence(&found, "example.com");
            assert_eq!(
                (ids.foreign, ids.spf),
                ([None; FOREIGN_MAX], SpfOutcome::ForeignFailed),
                "{name:?}"
            );
        }
        for name in [
            "amazonses.com",
            "us-west-2.amazonses.com",
            "bounces.google.com",
            "customer.onmicrosoft.com",
            "_x.sendgrid.net",
        ] {
            let found = evidence(&[dkim(name, "pass")], &[]);
            assert_eq!(Identities::from_evidence(&found, "example.com").foreign[0], Some(name));
        }
        let below = evidence(
            &[dkim("a.u1.sendgrid.net", "pass"), dkim("b.u1.sendgrid.net", "pass")],
            &[spf("x.y.bounces.google.com", "pass")],
        );
        let ids = Identities::from_evidence(&below, "example.com");
        assert_eq!(ids.signers().collect::<Vec<_>>(), ["u1.sendgrid.net"]);
        assert_eq!(ids.mail_from(), Some("bounces.google.com"));
    }

    #[test]
    fn names_of_the_organisation_are_own() {
        let own = |name: &str, domain: &str| is_own(name, organizational_domain(domain));
        assert!(own("example.com", "example.com") && own("a.example.com", "b.example.com"));
        assert!(own("example.com", "a.example.com") && own("a.b.co.uk", "b.co.uk"));
        assert!(!own("badexample.com", "example.com") && !own("example.com.evil.net", "example.com"));
        assert!(!own("com", "example.com") && !own("", "example.com") && !own("b.co.uk", "a.co.uk"));
        // Customers of one company are not one organisation.
        assert!(!own("a.github.io", "b.github.io") && own("x.a.github.io", "a.github.io"));
    }

    #[test]
    fn a_helo_name_is_never_an_identity() {
        let mut found = evidence(&[], &[spf("mail.pphosted.com", "pass")]);
        found.spf[0].scope = Some(SpfScope::Helo);
        found.envelope_from = Some("".into());
        assert_eq!(
            Identities::from_evidence(&found, "example.com").spf,
            SpfOutcome::ForeignFailed
        );
        found.spf.push(spf("example.com", "fail"));
        assert_eq!(
            Identities::from_evidence(&found, "example.com").spf,
            SpfOutcome::OwnFailed
        );
    }

    #[test]
    fn the_strongest_reason_stays() {
        let of = |reasons: &[(&str, &str)]| {
            let mut found = evidence(&[], &[]);
            found.reasons = reasons.iter().map(|(kind, comment)| reason(kind, comment)).collect();
            Identities::from_evidence(&found, "example.com").reported
        };
        assert_eq!(of(&[]), Reported::Nothing);
        assert_eq!(of(&[("local_policy", "arc=fail")]), Reported::Nothing);
        assert_eq!(of(&[("local_policy", "marc=pass arc=passed")]), Reported::Nothing);
        assert_eq!(of(&[("local_policy", "arc=pass as[2].d=x.example")]), Reported::ArcPass);
        assert_eq!(of(&[("other", "arc=pass"), ("forwarded", "")]), Reported::Forwarded);
        assert_eq!(of(&[("forwarded", ""), ("mailing_list", "")]), Reported::MailingList);
        assert_eq!(
            of(&[("local_policy", "arc=pass"), ("trusted_forwarder", "")]),
            Reported::TrustedForwarder
        );
    }
}
