//! Messages by who sent, reported and signed them.

use std::borrow::Cow;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::newest::NewestSource;
use super::pagination::Pagination;
use super::records::{Dispositions, RecordBody};
use super::schema::{
    Address, ClassWord, DayText, DomainKey, FlowWord, Instant, NameText, PtrStateWord, WhoseWord, Word,
};
use super::senders::{FlowsBody, NameBody};

/// A page of sending addresses, by messages, largest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SourceList {
    pub sources: Vec<SourceBody>,
    /// How many addresses there are on all pages.
    pub total: u64,
    pub pagination: Pagination,
}

/// The other domains of the account for which an address sent.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SourceDomainList {
    /// Up to 100, by messages, largest first.
    pub domains: Vec<SourceDomain>,
    /// How many there are, including those not listed.
    pub total: u64,
    /// Domains that were looked through: those with the most messages, if there is very much of them.
    pub searched_domains: u64,
    /// Other domains of the account with messages that the key may read.
    pub total_domains: u64,
}

/// What an address sent for another domain.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SourceDomain {
    #[schemars(with = "DomainKey")]
    pub id: String,
    #[schemars(with = "NameText")]
    pub name: String,
    /// The name in Unicode; null if it is the same.
    #[schemars(example = &"münchner.example")]
    pub unicode_name: Option<String>,
    pub count: u64,
    pub pass_count: u64,
    pub fail_count: u64,
    /// First day of the range on which it sent for this domain.
    #[schemars(with = "DayText")]
    pub first_seen: String,
    /// Last day of the range on which it sent for this domain.
    #[schemars(with = "DayText")]
    pub last_seen: String,
}

/// A sending address.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Source")]
pub struct SourceBody {
    /// The address. Null: the rows without a readable address.
    #[schemars(with = "Option<Address>")]
    pub source_ip: Option<IpAddr>,
    /// Organisation that operates the address; null if unknown. It may differ from `service`, which sent.
    #[schemars(example = &"Example Mail Inc.")]
    pub org_name: Option<String>,
    /// Number of messages.
    pub count: u64,
    /// Messages that passed DMARC.
    pub pass_count: u64,
    /// Messages that did not pass DMARC.
    pub fail_count: u64,
    #[serde(flatten)]
    pub newest: NewestSource,
    /// Forward-confirmed name of the address.
    #[schemars(example = &"mail.example.net")]
    pub ptr: Option<String>,
    /// Number of the autonomous system.
    pub asn: Option<u32>,
    /// Country that the address is registered in, ISO 3166, which is often not where it is.
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
    /// Messages by what receivers did with them.
    pub dispositions: Dispositions,
    /// Name of the autonomous system.
    #[schemars(example = &"Example Mail Inc.")]
    pub as_name: Option<String>,
    #[serde(flatten)]
    pub known_by: NameBody,
    /// Whose the messages of its main flow are.
    #[schemars(with = "ClassWord")]
    pub class: Word,
    /// The flow of most of its messages.
    #[schemars(with = "FlowWord")]
    pub flow: Word,
    pub flows: FlowsBody,
    /// What the owner decided about most of its messages; null: nothing.
    #[schemars(with = "Option<WhoseWord>")]
    pub decision: Option<Word>,
}

/// One sending address.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SourceDetail<'a> {
    pub source: SourceBody,
    /// What DNS says about the name of the address: it has one (`confirmed`), none, or only names that do not lead back to
    /// it (`unconfirmed`); whether it has one is unknown (`no_answer`); or it was not asked about.
    #[schemars(with = "PtrStateWord")]
    pub ptr_state: Word,
    /// The records of the address, those of newer windows first.
    pub records: Vec<SourceRecord<'a>>,
    /// Number of reports examined for this answer whose records retention has deleted. They may have had records of
    /// this address, and its figures still include them.
    pub reports_without_records: u64,
    /// Value of `before` that continues the list; null at its end.
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
    /// Tallymark's number for the report.
    pub id: i64,
    /// Name of the organisation that sent the report, as it writes it.
    #[schemars(example = &"google.com")]
    pub org_name: Option<Cow<'a, str>>,
    /// Begin of the reporting window.
    #[schemars(with = "Instant")]
    pub date_range_begin: String,
    /// End of the reporting window, as written.
    #[schemars(with = "Instant")]
    pub date_range_end: String,
}

/// A page of sending organisations and networks, by messages, largest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SenderList {
    pub senders: Vec<SenderBody>,
    pub pagination: Pagination,
}

/// The sending addresses of one organisation, or of one network while the organisation is unknown.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Sender")]
pub struct SenderBody {
    /// Organisation that operates the addresses; null if unknown.
    pub org_name: Option<String>,
    /// The /24 or /48 of the addresses, as the parameter `network` of `/sources` takes it. Null: the rows without a
    /// readable address.
    #[schemars(example = &"192.0.2.0/24")]
    pub network: Option<String>,
    /// Number of sending addresses.
    pub sources: u64,
    /// Number of messages.
    pub count: u64,
    /// Messages that passed DMARC.
    pub pass_count: u64,
    /// Messages that did not pass DMARC.
    pub fail_count: u64,
    /// Percentage of messages that passed DMARC.
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

/// A reporter.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Reporter")]
pub struct ReporterBody {
    /// Name of the organisation, as it writes it; null if it states none.
    pub org_name: Option<String>,
    /// Reports whose window begins in the range.
    pub reports: u64,
    /// Number of messages.
    pub count: u64,
    /// Messages that passed DMARC.
    pub pass_count: u64,
    /// Messages that did not pass DMARC.
    pub fail_count: u64,
    /// Percentage of messages that passed DMARC.
    pub pass_rate: f64,
    /// Last day covered by a report whose window begins in the range.
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
    /// Domain of the signature, `d=`. Null: signatures of reports with too many signers to list each.
    pub domain: Option<String>,
    /// Selector of the signature, `s=`; null if reporters do not state it.
    pub selector: Option<String>,
    /// Whether `domain` belongs to the same organisation as the requested domain, and so can be aligned (relaxed).
    pub aligned: bool,
    /// Number of messages.
    pub count: u64,
    /// Messages whose signature passed.
    pub pass_count: u64,
    /// Messages whose signature did not pass.
    pub fail_count: u64,
    /// Percentage of messages whose signature passed.
    pub pass_rate: f64,
    /// First day of the range with such messages.
    #[schemars(with = "Option<DayText>")]
    pub first_seen: Option<String>,
    /// Last day of the range with such messages.
    #[schemars(with = "Option<DayText>")]
    pub last_seen: Option<String>,
}
