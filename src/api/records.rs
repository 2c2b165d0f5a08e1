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
    /// The sending address; null if the report has no readable one.
    #[schemars(with = "Option<Address>")]
    pub source_ip: Option<IpAddr>,
    /// Number of messages.
    pub count: u64,
    /// DMARC result: `pass` or `fail`.
    #[schemars(extend("enum" = ["pass", "fail"]))]
    pub result: Word,
    /// `none`, `quarantine`, `reject`, `pass`, or `unknown`.
    #[schemars(extend("enum" = ["none", "quarantine", "reject", "pass", "unknown"]))]
    pub disposition: Word,
    /// Whether DKIM passed for an aligned domain.
    pub dkim_aligned: bool,
    /// Whether SPF passed for an aligned domain.
    pub spf_aligned: bool,
    /// Whether the result is derived from the authentication results, because the reporter states none.
    pub derived: bool,
    /// Domain of the From header, which the recipient sees.
    #[schemars(example = &"yourdomain.com")]
    pub header_from: Option<Cow<'a, str>>,
    /// Domain of the envelope sender. Empty: the message is a bounce. Null: not reported.
    #[schemars(example = &"bounce.yourdomain.com")]
    pub envelope_from: Option<Cow<'a, str>>,
    /// Domain of the recipient.
    pub envelope_to: Option<Cow<'a, str>>,
    /// Results of DKIM signatures.
    pub dkim: Vec<DkimBody<'a>>,
    /// Results of SPF checks.
    pub spf: Vec<SpfBody<'a>>,
    /// Why the receiver did not apply the published policy.
    pub reasons: Vec<ReasonBody<'a>>,
    /// Texts that could not be understood, verbatim.
    pub raw: Vec<RawBody<'a>>,
    /// Position in the report, counted from 1. `.../dmarc/reports/{report_id}/records/{number}` shows the row with
    /// all of its results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Number of results left out because they are too long together; null if all are listed.
    pub omitted: Option<OmittedBody>,
}

/// Results of a row that are not listed with it.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Omitted")]
pub struct OmittedBody {
    /// Results left out of `dkim`.
    pub dkim: u64,
    /// Results left out of `spf`.
    pub spf: u64,
    /// Reasons left out of `reasons`.
    pub reasons: u64,
    /// Texts left out of `raw`.
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
    /// The word that the reporter wrote, if it is another one; else null.
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
    /// The word that the reporter wrote, if it is another one; else null.
    pub result_raw: Option<Cow<'a, str>>,
    /// The reporter's comment.
    pub human_result: Option<Cow<'a, str>>,
}

/// Why a receiver did not apply the published policy.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Reason")]
pub struct ReasonBody<'a> {
    /// A word of RFC 9990 or RFC 7489, or `unknown`.
    #[schemars(example = &"forwarded")]
    pub r#type: Word,
    /// The word that the reporter wrote, if it is another one; else null.
    pub type_raw: Option<Cow<'a, str>>,
    /// The reporter's comment.
    pub comment: Option<Cow<'a, str>>,
}

/// A text that could not be understood.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RawText")]
pub struct RawBody<'a> {
    /// Name of the element that held the text.
    #[schemars(example = &"disposition")]
    pub field: Word,
    /// The text, verbatim.
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
    /// Percentage of messages that the policy applies to.
    pub pct: Option<u8>,
    /// Whether the policy is in test mode (tag `t`).
    pub testing: Option<bool>,
}

/// Messages by what receivers did with them. Each message is in one of the four: they add up to all.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub struct Dispositions {
    /// Delivered as usual: the dispositions `none` and `pass`. This includes messages that passed DMARC and have no
    /// stated disposition, because DMARC asks for no action then.
    pub none: u64,
    /// Quarantined as suspicious.
    pub quarantine: u64,
    /// Rejected.
    pub reject: u64,
    /// Unknown: the reporter used a word outside the standards, or stated none for a message that did not pass.
    pub unknown: u64,
}
