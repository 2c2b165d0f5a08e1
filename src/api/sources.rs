//! Messages by who sent, reported and signed them.

use std::borrow::Cow;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pagination::Pagination;
use super::records::{Dispositions, RecordBody};
use super::schema::{Address, DayText, Instant};

/// A page of sending addresses, by messages, largest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SourceList {
    pub sources: Vec<SourceBody>,
    /// How many addresses there are on all pages.
    pub total: u64,
    pub pagination: Pagination,
}

/// A sending address.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Source")]
pub struct SourceBody {
    /// Null gathers the rows without a readable address.
    #[schemars(with = "Option<Address>")]
    pub source_ip: Option<IpAddr>,
    /// Who runs the address; null when not known.
    #[schemars(example = &"Example Mail Inc.")]
    pub org_name: Option<String>,
    /// Messages.
    pub count: u64,
    /// Messages that passed DMARC.
    pub pass_count: u64,
    /// Messages that did not.
    pub fail_count: u64,
    /// Forward-confirmed name of the address.
    #[schemars(example = &"mail.example.net")]
    pub ptr: Option<String>,
    /// Number of the network.
    pub asn: Option<u32>,
    /// ISO 3166 code of the country.
    #[schemars(example = &"IE")]
    pub country: Option<String>,
    /// First day of the range on which it sent.
    #[schemars(with = "DayText")]
    pub first_seen: String,
    /// Last day of the range on which it sent.
    #[schemars(with = "DayText")]
    pub last_seen: String,
    /// Messages with an aligned DKIM pass.
    pub dkim_aligned: u64,
    /// Messages with an aligned SPF pass.
    pub spf_aligned: u64,
    /// Messages by what was done with them.
    pub dispositions: Dispositions,
}

/// One sending address.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SourceDetail<'a> {
    pub source: SourceBody,
    /// Records of newer windows first.
    pub records: Vec<SourceRecord<'a>>,
    /// Reports looked through for this answer whose records are no longer kept: retention has dropped them. They can hold
    /// records of this address; its figures count them still.
    pub reports_without_records: u64,
    /// Where the list goes on, for the parameter `before`; null at its end.
    #[schemars(example = &"1774137600_1")]
    pub next: Option<String>,
}

/// A record, and the report that it is in.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SourceRecord<'a> {
    pub report: ReportMention<'a>,
    #[serde(flatten)]
    pub record: RecordBody<'a>,
}

/// A report that a record is in.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportMention<'a> {
    /// Our number for it.
    pub id: i64,
    /// Who sent it, as it calls itself.
    #[schemars(example = &"google.com")]
    pub org_name: Option<Cow<'a, str>>,
    /// First instant of the time reported on.
    #[schemars(with = "Instant")]
    pub date_range_begin: String,
    /// Its last instant, as written.
    #[schemars(with = "Instant")]
    pub date_range_end: String,
}

/// A page of networks that send, by messages, largest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SenderList {
    pub senders: Vec<SenderBody>,
    pub pagination: Pagination,
}

/// The sending addresses of one organisation; as long as it is not known, of one network.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Sender")]
pub struct SenderBody {
    /// Who runs the addresses; null when not known.
    pub org_name: Option<String>,
    /// The /24 or /48 that they are in, as `network` of `/sources` takes it; null gathers the rows without a readable address.
    #[schemars(example = &"192.0.2.0/24")]
    pub network: Option<String>,
    /// Addresses.
    pub sources: u64,
    /// Messages.
    pub count: u64,
    /// Messages that passed DMARC.
    pub pass_count: u64,
    /// Messages that did not.
    pub fail_count: u64,
    /// Messages of 100 that passed.
    pub pass_rate: f64,
    /// First day of the range on which one of them sent.
    #[schemars(with = "DayText")]
    pub first_seen: String,
    /// Last day of the range on which one of them sent.
    #[schemars(with = "DayText")]
    pub last_seen: String,
}

/// A page of reporters, by messages, largest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReporterList {
    pub reporters: Vec<ReporterBody>,
    pub pagination: Pagination,
}

/// Who sent reports.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Reporter")]
pub struct ReporterBody {
    /// As it calls itself; null if it does not.
    pub org_name: Option<String>,
    /// Reports whose window begins in the range.
    pub reports: u64,
    /// Messages.
    pub count: u64,
    /// Messages that passed DMARC.
    pub pass_count: u64,
    /// Messages that did not.
    pub fail_count: u64,
    /// Messages of 100 that passed.
    pub pass_rate: f64,
    /// The last day of the windows that begin in the range.
    #[schemars(with = "Option<DayText>")]
    pub last_report: Option<String>,
}

/// A page of signers, by messages, largest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignatureList {
    pub signatures: Vec<SignatureBody>,
    pub pagination: Pagination,
}

/// The signatures of one domain and selector.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Signer")]
pub struct SignatureBody {
    /// `d=`; null gathers those of reports with too many signers to keep all apart.
    pub domain: Option<String>,
    /// `s=`; null where reporters do not say.
    pub selector: Option<String>,
    /// Whether `domain` belongs to the same organisation as the requested domain, and so can be aligned (relaxed).
    pub aligned: bool,
    /// Messages.
    pub count: u64,
    /// Messages whose signature passed.
    pub pass_count: u64,
    /// Messages whose signature did not.
    pub fail_count: u64,
    /// Messages of 100 whose signature passed.
    pub pass_rate: f64,
    /// First day of the range with such messages.
    #[schemars(with = "Option<DayText>")]
    pub first_seen: Option<String>,
    /// Last day of the range with such messages.
    #[schemars(with = "Option<DayText>")]
    pub last_seen: Option<String>,
}
