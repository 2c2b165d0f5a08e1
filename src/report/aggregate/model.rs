//! One aggregate report as data: the union of RFC 7489 appendix C, RFC 9990 appendix A and the 2012 draft.
//!
//! Everything a reporter may leave out is an `Option`; everything it may spell oddly is a known word plus,
//! where it differed, the raw text. A report of a million records stays small because what repeats between
//! records is kept once, in [`Evidence`], and a [`Record`] is 32 bytes.

use std::net::IpAddr;

use crate::base::{Day, words};

/// `report_metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// Display name of the reporter; its spelling changes over time, so it is not a key. At most 512 bytes.
    pub org_name: Option<Box<str>>,
    /// Without angle brackets, otherwise as written.
    pub email: Option<Box<str>>,
    pub extra_contact_info: Option<Box<str>>,
    /// Without angle brackets; synthesised (with a warning) where the report has none. At most 512 bytes.
    pub report_id: Box<str>,
    pub window: Window,
    /// At most 1,024 bytes each.
    pub errors: Vec<Box<str>>,
    /// RFC 9990: name and version of the reporting software.
    pub generator: Option<Box<str>>,
}

/// The reporting period, unix seconds, as written (swapped if `end` came before `begin`).
/// Whether `end` is inclusive differs between reporters; `tally` deals with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Window {
    pub begin: i64,
    pub end: i64,
}

impl Window {
    /// The last day of the window: an end at midnight belongs to the day before.
    pub fn last_day(self) -> Day {
        let (begin, end) = (self.begin.min(self.end), self.begin.max(self.end));
        Day::from_unix(if end == begin { begin } else { end - 1 })
    }
}

/// `policy_published`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyPublished {
    /// The policy domain: lower-case A-labels without trailing dot.
    pub domain: Box<str>,
    pub p: Option<Policy>,
    pub sp: Option<Policy>,
    pub np: Option<Policy>,
    pub adkim: Option<AlignmentMode>,
    pub aspf: Option<AlignmentMode>,
    /// 0 to 100; gone in RFC 9990.
    pub pct: Option<u8>,
    pub fo: Option<Box<str>>,
    /// RFC 9990: value of the record's `t` tag.
    pub testing: Option<bool>,
    pub discovery_method: Option<DiscoveryMethod>,
}

/// One record: a source address, a number of messages, and what was found about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// `None` where the report gives none that can be read; the raw text is then in the evidence.
    /// IPv4-mapped IPv6 is unmapped.
    pub source: Option<IpAddr>,
    /// `policy_evaluated` as stated; [`super::Report::verdict`] is what it means.
    pub evaluated: Evaluated,
    /// Index into [`super::Report::evidence`].
    pub evidence: u32,
    /// Messages, not rows.
    pub count: u64,
}

/// The words of `policy_evaluated`, as stated by the reporter. `None` is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Evaluated {
    pub disposition: Option<Disposition>,
    /// Aligned DKIM. RFC 9990 allows pass and fail; any other word counts as fail and is kept raw.
    pub dkim: Option<PassFail>,
    /// Aligned SPF.
    pub spf: Option<PassFail>,
}

/// What repeats between records: identifiers, authentication results, reasons.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Evidence {
    /// Lower-case, without trailing dot; `None` if missing or empty.
    pub header_from: Option<Box<str>>,
    /// Domain of the RFC 5321 MAIL FROM. `Some("")` is the null reverse-path, `None` was not reported.
    pub envelope_from: Option<Box<str>>,
    pub envelope_to: Option<Box<str>>,
    /// At most 100 (RFC 9990, 3.1.1.14), the rest is dropped with a warning.
    pub dkim: Vec<DkimAuth>,
    /// RFC 9990 allows one; RFC 7489 several. The `mfrom` one decides.
    pub spf: Vec<SpfAuth>,
    pub reasons: Vec<Reason>,
    /// What could not be mapped to a known value, verbatim.
    pub raw: Vec<RawText>,
}

/// `auth_results/dkim`: a raw signature result, without alignment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct DkimAuth {
    pub domain: Option<Box<str>>,
    pub selector: Option<Box<str>>,
    pub result: AuthResult,
    /// The result's text where it is not the canonical word (`hardfail`, `unknown`, `Pass`).
    pub result_raw: Option<Box<str>>,
    pub human_result: Option<Box<str>>,
}

/// `auth_results/spf`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SpfAuth {
    pub domain: Option<Box<str>>,
    pub scope: Option<SpfScope>,
    pub result: AuthResult,
    pub result_raw: Option<Box<str>>,
    pub human_result: Option<Box<str>>,
}

/// Why the applied policy differs from the published one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Reason {
    pub kind: ReasonKind,
    /// The type's text where it is not a known word.
    pub kind_raw: Option<Box<str>>,
    /// At most 1,024 bytes. Hostile: escape it wherever it is shown.
    pub comment: Option<Box<str>>,
}

/// A text of the report that did not map to a known value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RawText {
    pub field: RawField,
    pub text: Box<str>,
}

words! {
    /// A requested policy.
    Policy: u8 { None = 0 "none", Quarantine = 1 "quarantine", Reject = 2 "reject" }
}
words! {
    /// What was done with the messages. `Pass` (RFC 9990) means no action, because they passed under an enforcing policy.
    Disposition: u8 { None = 0 "none", Quarantine = 1 "quarantine", Reject = 2 "reject", Pass = 3 "pass",
        /// A word outside every standard; the raw text is in the evidence.
        Unknown = 4 "unknown" }
}
words! {
    /// An aligned result in `policy_evaluated`.
    PassFail: u8 { Fail = 0 "fail", Pass = 1 "pass" }
}
words! {
    /// `adkim`, `aspf`.
    AlignmentMode: u8 { Relaxed = 0 "r", Strict = 1 "s" }
}
words! {
    /// RFC 9990: how the reporter found the policy.
    DiscoveryMethod: u8 { Psl = 0 "psl", Treewalk = 1 "treewalk" }
}
words! {
    /// The union of the DKIM and SPF result words (RFC 8601, 2.7).
    #[derive(Default)]
    AuthResult: u8 { #[default] None = 0 "none", Pass = 1 "pass", Fail = 2 "fail", Softfail = 3 "softfail", Neutral = 4 "neutral",
        Policy = 5 "policy", Temperror = 6 "temperror", Permerror = 7 "permerror",
        /// A word outside every standard. The raw text is stored with it.
        Other = 8 "other" }
}
words! {
    /// The identity that SPF was checked for.
    SpfScope: u8 { Mfrom = 0 "mfrom", Helo = 1 "helo",
        /// Any other word; the raw text is in the evidence.
        Other = 2 "other" }
}
words! {
    /// The union of the override types of RFC 7489 and RFC 9990.
    #[derive(Default)]
    ReasonKind: u8 { #[default] Other = 0 "other", Forwarded = 1 "forwarded", SampledOut = 2 "sampled_out",
        TrustedForwarder = 3 "trusted_forwarder", MailingList = 4 "mailing_list", LocalPolicy = 5 "local_policy",
        PolicyTestMode = 6 "policy_test_mode",
        /// A word outside every standard. The raw text is stored with it.
        Unknown = 7 "unknown" }
}
words! {
    /// Which text of a record could not be mapped.
    RawField: u8 { SourceIp = 0 "source_ip", Count = 1 "count", Disposition = 2 "disposition", Dkim = 3 "dkim",
        Spf = 4 "spf", HeaderFrom = 5 "header_from", EnvelopeFrom = 6 "envelope_from", SpfScope = 7 "spf_scope" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_32_bytes() {
        assert_eq!(size_of::<Record>(), 32);
    }

    #[test]
    fn words_and_codes_round_trip() {
        for &result in AuthResult::ALL {
            assert_eq!(AuthResult::from_word(result.word()), Some(result));
            assert_eq!(AuthResult::from_code(result.code()), Some(result));
        }
        for &kind in ReasonKind::ALL {
            assert_eq!(ReasonKind::from_word(kind.word()), Some(kind));
            assert_eq!(ReasonKind::from_code(kind.code()), Some(kind));
        }
    }
}
