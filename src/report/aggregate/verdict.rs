//! Whether a record passed DMARC. No other code decides it.

use std::collections::HashMap;

use super::{
    AlignmentMode, AuthResult, Disposition, Evaluated, Evidence, PassFail, PolicyPublished, Record, Report, SpfScope,
    is_aligned,
};

/// What a record's `policy_evaluated` says, with what it leaves out derived from the rest of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// Whether an aligned DKIM signature passed.
    pub dkim_aligned: bool,
    /// Whether SPF passed for an aligned domain.
    pub spf_aligned: bool,
    pub disposition: Disposition,
    /// Whether at least one of the three was derived and not stated: [`super::WarningKind::VerdictDerived`].
    pub derived: bool,
}

impl Verdict {
    const DKIM_BIT: u8 = 1;
    const SPF_BIT: u8 = 1 << 1;
    const DERIVED_BIT: u8 = 1 << 2;
    const DISPOSITION_SHIFT: u32 = 3;

    /// Whether the message passes: one aligned pass is enough (RFC 7489, 4.2; RFC 9989, 5.3.4).
    pub const fn passes(self) -> bool {
        self.dkim_aligned || self.spf_aligned
    }

    /// The code kept in the database: bit 0 DKIM, bit 1 SPF, bit 2 derived, from bit 3 the disposition's code.
    pub const fn to_bits(self) -> u8 {
        let mut bits = self.disposition.code() << Self::DISPOSITION_SHIFT;
        if self.dkim_aligned {
            bits |= Self::DKIM_BIT;
        }
        if self.spf_aligned {
            bits |= Self::SPF_BIT;
        }
        if self.derived {
            bits |= Self::DERIVED_BIT;
        }
        bits
    }

    /// The verdict for a stored code; `None` for a disposition from a newer version.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        let Some(disposition) = Disposition::from_code(bits >> Self::DISPOSITION_SHIFT) else {
            return None;
        };
        Some(Self {
            dkim_aligned: bits & Self::DKIM_BIT != 0,
            spf_aligned: bits & Self::SPF_BIT != 0,
            disposition,
            derived: bits & Self::DERIVED_BIT != 0,
        })
    }
}

impl Report {
    /// The verdict on one of this report's records.
    pub fn verdict(&self, record: &Record) -> Verdict {
        // The words alone decide nearly always; the evidence is looked up only where one is missing.
        let none = Evidence::default();
        let evidence = self.evidence.get(record.evidence as usize).unwrap_or(&none);
        verdict(record.evaluated, evidence, &self.policy)
    }
}

/// The verdicts on the records of one report. A verdict is derived once per piece of evidence: a piece may have very
/// many results, and very many records may share it.
pub struct Verdicts<'r> {
    report: &'r Report,
    /// Aligned DKIM and SPF by the number of the evidence, where a record was without the reporter's word.
    derived: HashMap<u32, (bool, bool)>,
}

impl<'r> Verdicts<'r> {
    /// The verdicts of this report.
    pub fn new(report: &'r Report) -> Self {
        Self {
            report,
            derived: HashMap::new(),
        }
    }

    /// As [`Report::verdict`].
    pub fn verdict(&mut self, record: &Record) -> Verdict {
        let report = self.report;
        let Evaluated { disposition, dkim, spf } = record.evaluated;
        if dkim.is_some() && spf.is_some() {
            return report.verdict(record);
        }
        let (derived_dkim, derived_spf) = *self.derived.entry(record.evidence).or_insert_with(|| {
            let none = Evidence::default();
            let evidence = report.evidence.get(record.evidence as usize).unwrap_or(&none);
            (
                derive_dkim(evidence, &report.policy),
                derive_spf(evidence, &report.policy),
            )
        });
        let word = |derived: bool| Some(if derived { PassFail::Pass } else { PassFail::Fail });
        let completed = Evaluated {
            disposition,
            dkim: dkim.or(word(derived_dkim)),
            spf: spf.or(word(derived_spf)),
        };
        Verdict {
            derived: true,
            ..verdict(completed, &Evidence::default(), &report.policy)
        }
    }
}

/// The verdict on a record: the reporter's word where there is one, mechanism by mechanism, else what follows from the
/// authentication results, alignment and the published policy.
pub fn verdict(evaluated: Evaluated, evidence: &Evidence, policy: &PolicyPublished) -> Verdict {
    let is_pass = |word: PassFail| word == PassFail::Pass;
    let dkim_aligned = evaluated.dkim.map_or_else(|| derive_dkim(evidence, policy), is_pass);
    let spf_aligned = evaluated.spf.map_or_else(|| derive_spf(evidence, policy), is_pass);
    let disposition = evaluated.disposition.unwrap_or(match dkim_aligned || spf_aligned {
        true => Disposition::None,
        false => Disposition::Unknown,
    });
    let derived = evaluated.dkim.is_none() || evaluated.spf.is_none() || evaluated.disposition.is_none();
    Verdict {
        dkim_aligned,
        spf_aligned,
        disposition,
        derived,
    }
}

impl Evidence {
    /// Whether a signature passed whose `d=` is aligned with the author domain (RFC 9989, 5.3.2).
    pub fn has_aligned_dkim(&self, mode: AlignmentMode, author: &str) -> bool {
        let mut passed = self.dkim.iter().filter(|dkim| dkim.result == AuthResult::Pass);
        passed.any(|dkim| is_aligned(mode, dkim.domain.as_deref().unwrap_or_default(), author))
    }

    /// Whether SPF passed for an aligned MAIL FROM domain (RFC 9989, 5.3.3).
    pub fn has_aligned_spf(&self, mode: AlignmentMode, author: &str) -> bool {
        let mut passed = self.deciding_spf().filter(|(_, result)| *result == AuthResult::Pass);
        passed.any(|(domain, _)| is_aligned(mode, domain, author))
    }

    /// The domains that SPF is decided by, with its results. RFC 7489 reports may have results for several scopes. The one
    /// for mfrom decides, or one without a scope in its absence. The helo one is used only for a null reverse-path
    /// (RFC 7208, 2.4). A domain is empty where the report does not name it.
    pub fn deciding_spf(&self) -> impl Iterator<Item = (&str, AuthResult)> {
        let envelope_from = self.envelope_from.as_deref();
        let has_mfrom = self.spf.iter().any(|spf| spf.scope == Some(SpfScope::Mfrom));
        self.spf.iter().filter_map(move |spf| {
            let (decides, fallback) = match spf.scope {
                Some(SpfScope::Mfrom) => (true, envelope_from),
                Some(SpfScope::Other) | None => (!has_mfrom, envelope_from),
                Some(SpfScope::Helo) => (!has_mfrom && envelope_from == Some(""), None),
            };
            let domain = spf.domain.as_deref().filter(|domain| !domain.is_empty()).or(fallback);
            decides.then_some((domain.unwrap_or_default(), spf.result))
        })
    }

    /// The domain in the From header, or the policy domain where the report has none.
    pub fn author<'a>(&'a self, policy_domain: &'a str) -> &'a str {
        let from = self.header_from.as_deref().filter(|from| !from.is_empty());
        from.unwrap_or(policy_domain)
    }
}

fn derive_dkim(evidence: &Evidence, policy: &PolicyPublished) -> bool {
    let mode = policy.adkim.unwrap_or(AlignmentMode::Relaxed);
    evidence.has_aligned_dkim(mode, evidence.author(&policy.domain))
}

fn derive_spf(evidence: &Evidence, policy: &PolicyPublished) -> bool {
    let mode = policy.aspf.unwrap_or(AlignmentMode::Relaxed);
    evidence.has_aligned_spf(mode, evidence.author(&policy.domain))
}

#[cfg(test)]
mod tests {
    use super::super::{DkimAuth, SpfAuth};
    use super::*;
    use proptest::prelude::*;

    fn policy() -> PolicyPublished {
        PolicyPublished {
            domain: "example.com".into(),
            ..PolicyPublished::default()
        }
    }

    fn dkim(domain: &str, result: AuthResult) -> DkimAuth {
        DkimAuth {
            domain: Some(domain.into()),
            result,
            ..DkimAuth::default()
        }
    }

    fn spf(domain: &str, scope: Option<SpfScope>, result: AuthResult) -> SpfAuth {
        let domain = (!domain.is_empty()).then(|| domain.into());
        SpfAuth {
            domain,
            scope,
            result,
            ..SpfAuth::default()
        }
    }

    fn derived(evidence: &Evidence, policy: &PolicyPublished) -> (bool, bool) {
        let verdict = verdict(Evaluated::default(), evidence, policy);
        assert!(verdict.derived);
        let disposition = if verdict.passes() {
            Disposition::None
        } else {
            Disposition::Unknown
        };
        assert_eq!(verdict.disposition, disposition);
        (verdict.dkim_aligned, verdict.spf_aligned)
    }

    #[test]
    fn the_reporters_word_wins() {
        let evidence = Evidence {
            dkim: vec![dkim("example.com", AuthResult::Pass)],
            ..Evidence::default()
        };
        let evaluated = Evaluated {
            disposition: Some(Disposition::Reject),
            dkim: Some(PassFail::Fail),
            spf: Some(PassFail::Fail),
        };
        let verdict = verdict(evaluated, &evidence, &policy());
        assert!(!verdict.passes() && !verdict.derived);
        assert_eq!(verdict.disposition, Disposition::Reject);
    }

    #[test]
    fn only_the_missing_word_is_derived() {
        let evidence = Evidence {
            dkim: vec![dkim("example.com", AuthResult::Pass)],
            spf: vec![spf("example.com", None, AuthResult::Pass)],
            ..Evidence::default()
        };
        let evaluated = Evaluated {
            disposition: Some(Disposition::None),
            dkim: None,
            spf: Some(PassFail::Fail),
        };
        let verdict = verdict(evaluated, &evidence, &policy());
        assert_eq!(
            (verdict.dkim_aligned, verdict.spf_aligned, verdict.derived),
            (true, false, true)
        );
    }

    #[test]
    fn dkim_from_the_results() {
        let check = |author: Option<&str>, signer: &str, result, adkim, expect| {
            let evidence = Evidence {
                header_from: author.map(Box::from),
                dkim: vec![dkim("other.example", AuthResult::Pass), dkim(signer, result)],
                ..Evidence::default()
            };
            let policy = PolicyPublished { adkim, ..policy() };
            assert_eq!(
                derived(&evidence, &policy),
                (expect, false),
                "{author:?} {signer} {adkim:?}"
            );
        };
        let (pass, strict) = (AuthResult::Pass, Some(AlignmentMode::Strict));
        check(Some("mail.example.com"), "example.com", pass, None, true);
        check(Some("mail.example.com"), "example.com", pass, strict, false);
        check(Some("mail.example.com"), "mail.example.com", pass, strict, true);
        check(None, "example.com", pass, strict, true);
        check(None, "example.com", AuthResult::Fail, None, false);
        check(None, "", pass, None, false);
        check(Some("other.test"), "example.com", pass, None, false);
    }

    #[test]
    fn spf_from_the_results() {
        use AuthResult::{Fail, Pass};
        let check = |envelope_from: Option<&str>, results: Vec<SpfAuth>, aspf, expect| {
            let envelope_from = envelope_from.map(Box::from);
            let evidence = Evidence {
                envelope_from,
                spf: results,
                ..Evidence::default()
            };
            assert_eq!(
                derived(&evidence, &PolicyPublished { aspf, ..policy() }),
                (false, expect),
                "{evidence:?}"
            );
        };
        let (mfrom, helo, strict) = (Some(SpfScope::Mfrom), Some(SpfScope::Helo), Some(AlignmentMode::Strict));
        check(None, vec![spf("bounce.example.com", mfrom, Pass)], None, true);
        check(None, vec![spf("bounce.example.com", mfrom, Pass)], strict, false);
        check(None, vec![spf("bounce.example.com", None, Pass)], None, true);
        check(
            None,
            vec![spf("example.com", None, Pass), spf("example.com", mfrom, Fail)],
            None,
            false,
        );
        check(None, vec![spf("example.com", helo, Pass)], None, false);
        check(Some("other.test"), vec![spf("example.com", helo, Pass)], None, false);
        check(Some(""), vec![spf("example.com", helo, Pass)], None, true);
        check(
            Some(""),
            vec![spf("example.com", helo, Pass), spf("example.com", mfrom, Fail)],
            None,
            false,
        );
        check(Some("example.com"), vec![spf("", mfrom, Pass)], strict, true);
        check(None, vec![spf("", mfrom, Pass)], None, false);
        check(None, vec![], None, false);
    }

    #[test]
    fn a_record_without_evidence_fails() {
        let record = Record {
            source: None,
            evaluated: Evaluated::default(),
            evidence: 7,
            count: 1,
        };
        assert!(!Report::default().verdict(&record).passes());
    }

    #[test]
    fn the_stored_code_stays() {
        let verdict = Verdict {
            dkim_aligned: true,
            spf_aligned: false,
            disposition: Disposition::Pass,
            derived: true,
        };
        assert_eq!(verdict.to_bits(), 0b0001_1101);
        assert_eq!(Verdict::from_bits(0b0010_1000), None);
        assert_eq!(Verdict::from_bits(0xff), None);
    }

    proptest! {
        #[test]
        fn bits_round_trip(bits in any::<u8>()) {
            if let Some(verdict) = Verdict::from_bits(bits) {
                prop_assert_eq!(verdict.to_bits(), bits);
            }
        }

        #[test]
        fn verdicts_round_trip(dkim_aligned in any::<bool>(), spf_aligned in any::<bool>(), derived in any::<bool>(),
                               code in 0u8..5) {
            let disposition = Disposition::from_code(code).unwrap();
            let verdict = Verdict { dkim_aligned, spf_aligned, disposition, derived };
            prop_assert_eq!(Verdict::from_bits(verdict.to_bits()), Some(verdict));
        }
    }
}
