//! A report's rows and policy as clients see them: in a report, and in an export.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::schema::Address;
use super::state::HttpConfig;
use crate::report::aggregate::{DkimAuth, Evidence, PolicyPublished, Reason, SpfAuth};
use crate::store::{ListedMax, ListedRecord, Omitted, StoredRecord};
use crate::tally::Totals;

/// A row of a report: messages from one address with one outcome. Every text is as the reporter wrote it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Record")]
pub(super) struct RecordBody<'a> {
    /// Null where the report gives none that can be read.
    #[schemars(with = "Option<Address>")]
    pub source_ip: Option<IpAddr>,
    /// Messages.
    pub count: u64,
    /// DMARC: `pass` or `fail`.
    #[schemars(extend("enum" = ["pass", "fail"]))]
    pub result: &'static str,
    /// `none`, `quarantine`, `reject`, `pass`, or `unknown`.
    #[schemars(extend("enum" = ["none", "quarantine", "reject", "pass", "unknown"]))]
    pub disposition: &'static str,
    /// Whether DKIM passed for an aligned domain.
    pub dkim_aligned: bool,
    /// Whether SPF passed for an aligned domain.
    pub spf_aligned: bool,
    /// The reporter did not say: derived from the authentication results.
    pub derived: bool,
    /// Domain that the recipient sees.
    #[schemars(example = &"yourdomain.com")]
    pub header_from: Option<&'a str>,
    /// Domain of the bounce address; empty is a bounce itself, null is not reported.
    #[schemars(example = &"bounce.yourdomain.com")]
    pub envelope_from: Option<&'a str>,
    /// Domain of the recipient.
    pub envelope_to: Option<&'a str>,
    /// Signatures.
    pub dkim: Vec<DkimBody<'a>>,
    /// SPF checks.
    pub spf: Vec<SpfBody<'a>>,
    /// Why another policy was applied than the published one.
    pub reasons: Vec<ReasonBody<'a>>,
    /// What could not be understood, verbatim.
    pub raw: Vec<RawBody<'a>>,
    /// Its place in its report, from 1 on: `.../dmarc/reports/{report_id}/records/{number}` shows it with all of its results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// How many results are not listed here because they are too long together; null if all are.
    pub omitted: Option<OmittedBody>,
}

/// Results of a row that are not listed with it.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[schemars(rename = "Omitted")]
pub(super) struct OmittedBody {
    /// Of `dkim`.
    pub dkim: u64,
    /// Of `spf`.
    pub spf: u64,
    /// Of `reasons`.
    pub reasons: u64,
    /// Of `raw`.
    pub raw: u64,
}

/// One signature's result, without alignment.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DkimResult")]
pub(super) struct DkimBody<'a> {
    /// `d=` of the signature.
    #[schemars(example = &"yourdomain.com")]
    pub domain: Option<&'a str>,
    /// `s=` of the signature.
    #[schemars(example = &"s1")]
    pub selector: Option<&'a str>,
    /// A word of RFC 8601, 2.7.1, or `other`.
    #[schemars(example = &"pass")]
    pub result: &'static str,
    /// What the reporter wrote, where it is another word.
    pub result_raw: Option<&'a str>,
    /// The reporter's comment.
    pub human_result: Option<&'a str>,
}

/// One SPF result, without alignment.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SpfResult")]
pub(super) struct SpfBody<'a> {
    /// The domain that was checked.
    #[schemars(example = &"bounce.yourdomain.com")]
    pub domain: Option<&'a str>,
    /// `mfrom`, `helo` or `other`.
    #[schemars(example = &"mfrom")]
    pub scope: Option<&'static str>,
    /// A word of RFC 8601, 2.7.2, or `other`.
    #[schemars(example = &"pass")]
    pub result: &'static str,
    /// What the reporter wrote, where it is another word.
    pub result_raw: Option<&'a str>,
    /// The reporter's comment.
    pub human_result: Option<&'a str>,
}

/// Why another policy was applied.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Reason")]
pub(super) struct ReasonBody<'a> {
    /// A word of RFC 9990 or RFC 7489, or `unknown`.
    #[schemars(example = &"forwarded")]
    pub r#type: &'static str,
    /// What the reporter wrote, where it is another word.
    pub type_raw: Option<&'a str>,
    /// The reporter's comment.
    pub comment: Option<&'a str>,
}

/// A text that could not be understood.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RawText")]
pub(super) struct RawBody<'a> {
    /// Which element held it.
    #[schemars(example = &"disposition")]
    pub field: &'static str,
    /// As it was.
    #[schemars(example = &"delivered")]
    pub text: &'a str,
}

/// The policy that the reporter found published.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Policy")]
pub(super) struct PolicyBody {
    /// For the domain: `none`, `quarantine` or `reject`.
    #[schemars(example = &"none")]
    pub p: Option<&'static str>,
    /// For subdomains.
    pub sp: Option<&'static str>,
    /// For subdomains that do not exist.
    pub np: Option<&'static str>,
    /// DKIM alignment: `r` (relaxed) or `s` (strict).
    #[schemars(example = &"r")]
    pub adkim: Option<&'static str>,
    /// SPF alignment.
    #[schemars(example = &"r")]
    pub aspf: Option<&'static str>,
    /// Per cent of the messages that it applies to.
    pub pct: Option<u8>,
    /// Whether the policy is in test mode (tag `t`).
    pub testing: Option<bool>,
}

/// Messages by what receivers did with them. Each message is in one of the four: they add up to all.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(super) struct Dispositions {
    /// Delivered as usual: the words `none` and `pass`. A message that passed DMARC and of which the reporter does not say
    /// what it did is here, too: DMARC asks for nothing then.
    pub none: u64,
    /// Put aside as suspicious.
    pub quarantine: u64,
    /// Refused.
    pub reject: u64,
    /// Not known: the reporter used a word outside the standards, or none and the message did not pass.
    pub unknown: u64,
}

impl<'a> From<&'a StoredRecord> for RecordBody<'a> {
    fn from(record: &'a StoredRecord) -> Self {
        let evidence: &Evidence = &record.evidence;
        let raw = evidence.raw.iter().map(|raw| RawBody {
            field: raw.field.word(),
            text: &raw.text,
        });
        Self {
            source_ip: record.source,
            count: record.count,
            result: result_word(record),
            disposition: record.verdict.disposition.word(),
            dkim_aligned: record.verdict.dkim_aligned,
            spf_aligned: record.verdict.spf_aligned,
            derived: record.verdict.derived,
            header_from: evidence.header_from.as_deref(),
            envelope_from: evidence.envelope_from.as_deref(),
            envelope_to: evidence.envelope_to.as_deref(),
            dkim: evidence.dkim.iter().map(DkimBody::from).collect(),
            spf: evidence.spf.iter().map(SpfBody::from).collect(),
            reasons: evidence.reasons.iter().map(ReasonBody::from).collect(),
            raw: raw.collect(),
            number: None,
            omitted: None,
        }
    }
}

impl<'a> From<&'a ListedRecord> for RecordBody<'a> {
    fn from(listed: &'a ListedRecord) -> Self {
        let Omitted {
            dkim,
            spf,
            reasons,
            raw,
        } = listed.omitted;
        let omitted = OmittedBody {
            dkim,
            spf,
            reasons,
            raw,
        };
        Self {
            number: Some(listed.number),
            omitted: (listed.omitted != Omitted::default()).then_some(omitted),
            ..Self::from(&listed.record)
        }
    }
}

/// How much of records an answer lists.
pub(super) fn listed_max(config: &HttpConfig) -> ListedMax {
    ListedMax {
        results_bytes: RESULTS_BYTES_MAX,
        bytes: config.page_bytes_max,
    }
}

/// Of each kind of results of a row, bytes: some ten of the usual length. So a page of 100 rows fits into 1 MiB, whatever
/// is in them.
const RESULTS_BYTES_MAX: usize = 1_536;

impl<'a> From<&'a DkimAuth> for DkimBody<'a> {
    fn from(dkim: &'a DkimAuth) -> Self {
        Self {
            domain: dkim.domain.as_deref(),
            selector: dkim.selector.as_deref(),
            result: dkim.result.word(),
            result_raw: dkim.result_raw.as_deref(),
            human_result: dkim.human_result.as_deref(),
        }
    }
}

impl<'a> From<&'a SpfAuth> for SpfBody<'a> {
    fn from(spf: &'a SpfAuth) -> Self {
        Self {
            domain: spf.domain.as_deref(),
            scope: spf.scope.map(|scope| scope.word()),
            result: spf.result.word(),
            result_raw: spf.result_raw.as_deref(),
            human_result: spf.human_result.as_deref(),
        }
    }
}

impl<'a> From<&'a Reason> for ReasonBody<'a> {
    fn from(reason: &'a Reason) -> Self {
        Self {
            r#type: reason.kind.word(),
            type_raw: reason.kind_raw.as_deref(),
            comment: reason.comment.as_deref(),
        }
    }
}

impl From<&PolicyPublished> for PolicyBody {
    fn from(policy: &PolicyPublished) -> Self {
        Self {
            p: policy.p.map(|p| p.word()),
            sp: policy.sp.map(|sp| sp.word()),
            np: policy.np.map(|np| np.word()),
            adkim: policy.adkim.map(|adkim| adkim.word()),
            aspf: policy.aspf.map(|aspf| aspf.word()),
            pct: policy.pct,
            testing: policy.testing,
        }
    }
}

impl From<&Totals> for Dispositions {
    fn from(totals: &Totals) -> Self {
        Self {
            none: totals.none,
            quarantine: totals.quarantine,
            reject: totals.reject,
            unknown: totals.unknown(),
        }
    }
}

/// The record's DMARC result as a word.
pub(super) fn result_word(record: &StoredRecord) -> &'static str {
    if record.verdict.passes() { "pass" } else { "fail" }
}
