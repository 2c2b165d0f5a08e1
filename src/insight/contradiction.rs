//! Whether a reporter's words about a record follow from its own evidence and policy.

use super::case::{Aligned, override_reason};
use super::policy::{Asked, Place};
use super::simulator::handled;
use crate::base::words;
use crate::report::aggregate::{Evidence, Policy, PolicyPublished, Verdict};

words! {
    /// How a record contradicts its own evidence.
    ContradictionKind: u8 {
        DkimPass = 0 "dkim_pass_without_evidence",
        DkimFail = 1 "dkim_fail_despite_evidence",
        SpfPass = 2 "spf_pass_without_evidence",
        SpfFail = 3 "spf_fail_despite_evidence",
        /// More was done than was asked, without a reason.
        Stricter = 4 "stricter_without_reason",
        /// Less was done than was asked, without a reason.
        Milder = 5 "milder_without_reason",
    }
}

/// What has to be known of a record's evidence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    aligned: Aligned,
    place: Place,
    has_reason: bool,
}

/// What a record's words are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// They follow from the evidence.
    Agrees,
    /// The results agree; the policy was not applied, for a reason that is given.
    Overridden,
    /// Bits by the codes of the kinds.
    Contradicts(u8),
}

impl Judged {
    /// The kinds of contradiction, in their order.
    pub fn kinds(self) -> impl Iterator<Item = ContradictionKind> {
        let bits = match self {
            Self::Contradicts(bits) => bits,
            Self::Agrees | Self::Overridden => 0,
        };
        let all = ContradictionKind::ALL.iter().copied();
        all.filter(move |kind| bits & (1 << kind.code()) != 0)
    }
}

impl Claim {
    pub fn new(evidence: &Evidence, policy_domain: &str) -> Self {
        let author = evidence.author(policy_domain);
        Self {
            aligned: Aligned::new(evidence, author, policy_domain),
            place: Place::new(author, policy_domain, None),
            has_reason: override_reason(evidence).is_some(),
        }
    }

    /// Whether its messages pass by the evidence.
    pub fn passes(&self, policy: &PolicyPublished) -> bool {
        let (dkim, spf) = self.aligned.under(policy);
        dkim || spf
    }

    /// The reporter's words against what follows under the policy of its report.
    pub fn judge(&self, policy: &PolicyPublished, verdict: Verdict) -> Judged {
        use ContradictionKind::{DkimFail, DkimPass, Milder, SpfFail, SpfPass, Stricter};
        let (dkim, spf) = self.aligned.under(policy);
        let kinds = [
            (verdict.dkim_aligned && !dkim, DkimPass),
            (!verdict.dkim_aligned && dkim, DkimFail),
            (verdict.spf_aligned && !spf, SpfPass),
            (!verdict.spf_aligned && spf, SpfFail),
        ];
        let kinds = kinds.into_iter().filter(|(is_so, _)| *is_so);
        let bits = kinds.fold(0, |bits, (_, kind)| bits | 1 << kind.code());
        // A disposition that follows from another verdict contradicts nothing by itself.
        if bits != 0 {
            return Judged::Contradicts(bits);
        }
        let (least, most) = match dkim || spf {
            true => (Policy::None, Policy::None),
            false => asked(policy, self.place),
        };
        let differs = handled(verdict.disposition).and_then(|handled| match handled {
            _ if handled < least => Some(Milder),
            _ if handled > most => Some(Stricter),
            _ => None,
        });
        match differs {
            None => Judged::Agrees,
            Some(_) if self.has_reason => Judged::Overridden,
            Some(kind) => Judged::Contradicts(1 << kind.code()),
        }
    }
}

/// The least and the most that a policy asks for failing messages. Whether a name below the policy domain existed is not
/// known.
fn asked(policy: &PolicyPublished, place: Place) -> (Policy, Policy) {
    let places: &[Place] = match place {
        Place::Own => &[Place::Own],
        _ => &[Place::Existing, Place::Missing],
    };
    let asked = || places.iter().map(|place| Asked::new(policy, *place));
    let least = asked().map(Asked::least).min().unwrap_or(Policy::None);
    (least, asked().map(Asked::most).max().unwrap_or(least))
}
