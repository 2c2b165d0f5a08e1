//! A report's rows and policy: in a report, behind a source, and in an export.

use std::borrow::Cow;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{Address, Word};

/// A row of a report: messages from one address with one outcome. Every text is as the reporter wrote it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Record")]
pub struct RecordBody<'a> {
    /// Null where the report gives none that can be read.
    #[schemars(with = "Option<Address>")]
    pub source_ip: Option<IpAddr>,
    /// Messages.
    pub count: u64,
    /// DMARC: `pass` or `fail`.
    #[schemars(extend("enum" = ["pass", "fail"]))]
    pub result: Word,
    /// `none`, `quarantine`, `reject`, `pass`, or `unknown`.
    #[schemars(extend("enum" = ["none", "quarantine", "reject", "pass", "unknown"]))]
    pub disposition: Word,
    /// Whether DKIM passed for an aligned domain.
    pub dkim_aligned: bool,
    /// Whether SPF passed for an aligned domain.
    pub spf_aligned: bool,
    /// The reporter did not say: derived from the authentication results.
    pub derived: bool,
    /// Domain that the recipient sees.
    #[schemars(example = &"yourdomain.com")]
    pub header_from: Option<Cow<'a, str>>,
    /// Domain of the bounce address; empty is a bounce itself, null is not reported.
    #[schemars(example = &"bounce.yourdomain.com")]
    pub envelope_from: Option<Cow<'a, str>>,
    /// Domain of the recipient.
    pub envelope_to: Option<Cow<'a, str>>,
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
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Omitted")]
pub struct OmittedBody {
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
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DkimResult")]
pub struct DkimBody<'a> {
    /// `d=` of the signature.
    #[schemars(example = &"yourdomain.com")]
    pub domain: Option<Cow<'a, str>>,
    /// `s=` of the signature.
    #[schemars(example = &"s1")]
    pub selector: Option<Cow<'a, str>>,
    /// A word of RFC 8601, 2.7.1, or `other`.
    #[schemars(example = &"pass")]
    pub result: Word,
    /// What the reporter wrote, where it is another word.
    pub result_raw: Option<Cow<'a, str>>,
    /// The reporter's comment.
    pub human_result: Option<Cow<'a, str>>,
}

/// One SPF result, without alignment.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SpfResult")]
pub struct SpfBody<'a> {
    /// The domain that was checked.
    #[schemars(example = &"bounce.yourdomain.com")]
    pub domain: Option<Cow<'a, str>>,
    /// `mfrom`, `helo` or `other`.
    #[schemars(example = &"mfrom")]
    pub scope: Option<Word>,
    /// A word of RFC 8601, 2.7.2, or `other`.
    #[schemars(example = &"pass")]
    pub result: Word,
    /// What the reporter wrote, where it is another word.
    pub result_raw: Option<Cow<'a, str>>,
    /// The reporter's comment.
    pub human_result: Option<Cow<'a, str>>,
}

/// Why another policy was applied.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Reason")]
pub struct ReasonBody<'a> {
    /// A word of RFC 9990 or RFC 7489, or `unknown`.
    #[schemars(example = &"forwarded")]
    pub r#type: Word,
    /// What the reporter wrote, where it is another word.
    pub type_raw: Option<Cow<'a, str>>,
    /// The reporter's comment.
    pub comment: Option<Cow<'a, str>>,
}

/// A text that could not be understood.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RawText")]
pub struct RawBody<'a> {
    /// Which element held it.
    #[schemars(example = &"disposition")]
    pub field: Word,
    /// As it was.
    #[schemars(example = &"delivered")]
    pub text: Cow<'a, str>,
}

/// The policy that the reporter found published.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Policy")]
pub struct PolicyBody {
    /// For the domain: `none`, `quarantine` or `reject`.
    #[schemars(example = &"none")]
    pub p: Option<Word>,
    /// For subdomains.
    pub sp: Option<Word>,
    /// For subdomains that do not exist.
    pub np: Option<Word>,
    /// DKIM alignment: `r` (relaxed) or `s` (strict).
    #[schemars(example = &"r")]
    pub adkim: Option<Word>,
    /// SPF alignment.
    #[schemars(example = &"r")]
    pub aspf: Option<Word>,
    /// Per cent of the messages that it applies to.
    pub pct: Option<u8>,
    /// Whether the policy is in test mode (tag `t`).
    pub testing: Option<bool>,
}

/// Messages by what receivers did with them. Each message is in one of the four: they add up to all.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub struct Dispositions {
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
