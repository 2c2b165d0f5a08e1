//! Reports: in a list, alone, and as they came.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pagination::Pagination;
use super::records::{Dispositions, PolicyBody, RecordBody};
use super::schema::{Address, AuthenticatedWord, DomainKey, Instant, NameText, Word};

/// A report in a list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReportItem")]
pub struct ReportItem {
    /// Our number for it.
    pub id: i64,
    /// Who sent it, as it calls itself.
    #[schemars(example = &"google.com")]
    pub org_name: Option<String>,
    /// First instant of the time reported on.
    #[schemars(with = "Instant")]
    pub date_range_begin: String,
    /// Its last instant, or the first after it: reporters differ, and this is what they write.
    #[schemars(with = "Instant")]
    pub date_range_end: String,
    /// Messages.
    pub total_count: u64,
    /// Messages that passed DMARC.
    pub pass_count: u64,
    /// Messages that did not.
    pub fail_count: u64,
    /// The reporter's own id for it.
    #[schemars(example = &"14495398217604482367")]
    pub report_id: String,
    /// The reporter's address.
    #[schemars(example = &"noreply-dmarc-support@google.com")]
    pub email: Option<String>,
    /// The domain whose policy was found: this one, or one below it.
    #[schemars(example = &"yourdomain.com")]
    pub domain: String,
    /// That policy.
    pub policy: PolicyBody,
    /// Messages by what was done with them.
    pub dispositions: Dispositions,
    /// When it first arrived.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// Did the mail that carried it pass DMARC for the reporter's domain: `pass`, `fail`, `none` or `unknown`.
    #[schemars(with = "AuthenticatedWord")]
    pub authenticated: Word,
    /// Whose mail that was, if it passed: the reporter's mail domain, whatever it calls itself in `org_name`.
    #[schemars(example = &"google.com")]
    pub authenticated_domain: Option<String>,
    /// How often it arrived; it is counted once.
    pub arrivals: u64,
    /// How many oddities it has.
    pub warnings: u64,
    /// Its text broke off, or its archive is damaged: the rows that could be read are here, until the intact report comes.
    pub partial: bool,
    /// False for a report that contradicts another, counted one, and for one that may not count: it is in no sum.
    pub counted: bool,
    /// `counted`; `held` until the owner accepts it or its reporter; `discounted` by the owner; or `conflict`, where another
    /// report of the same identity counts.
    #[schemars(extend("enum" = REPORT_STATUSES), example = &"counted")]
    pub status: Word,
    /// Why it is held: `unvouched` (its mail passed neither DMARC nor an aligned SPF or DKIM check), `undecided` (these checks
    /// came to nothing yet, and are made again), `implausible` (about more messages than the limit) or `crowded` (a day of the
    /// domain would have more source addresses than the limit); null if it is not.
    #[schemars(extend("enum" = HELD))]
    pub held_because: Option<Word>,
    /// By what its reporter is known: the mail domain of `email`, else `org_name` in lower case.
    #[schemars(example = &"google.com")]
    pub reporter: String,
    /// Rows that it came with.
    pub record_count: u64,
    /// False once retention has dropped its rows: its figures stay. Importing the report again brings the rows back.
    pub records_kept: bool,
}

/// A page of reports, newest window first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportList {
    pub reports: Vec<ReportItem>,
    pub pagination: Pagination,
}

/// One report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Report")]
pub struct ReportBody<'a> {
    #[serde(flatten)]
    pub report: ReportItem,
    /// How to reach the reporter beyond its address.
    pub extra_contact_info: Option<String>,
    /// What the reporter says went wrong on its side.
    #[schemars(example = &["DNS time-out"])]
    pub errors: Vec<String>,
    /// The reporter's software.
    pub generator: Option<String>,
    /// Of the format, as written.
    pub version: Option<String>,
    /// XML namespace, as written.
    pub namespace: Option<String>,
    /// The first 100 oddities.
    pub warning_list: Vec<WarningBody>,
    /// Reports with the same identity and another content.
    pub conflicts: Vec<i64>,
    /// Where it came from and how far that can be trusted.
    pub provenance: ProvenanceBody,
    /// What was decided about it, oldest first; the last 50 decisions.
    pub history: Vec<DecisionBody>,
    /// A page of its rows, in their order; none where `records_kept` is false.
    pub records: Vec<RecordBody<'a>>,
    /// Of the rows that are kept.
    pub pagination: Pagination,
}

/// An oddity of a report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Warning")]
pub struct WarningBody {
    /// A stable word.
    #[schemars(example = &"unknown_element")]
    pub kind: String,
    /// What it is about; text of the report.
    #[schemars(example = &"<extra>")]
    pub detail: String,
    /// Byte in the report's text, where one is known.
    pub offset: Option<u64>,
}

/// Where a report came from.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Provenance")]
pub struct ProvenanceBody {
    /// When it first arrived.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// How often it arrived.
    pub arrivals: u64,
    /// Did the mail that carried it pass DMARC for the reporter's domain: `pass`, `fail`, `none` or `unknown`.
    #[schemars(with = "AuthenticatedWord")]
    pub authenticated: Word,
    /// Whether the report as it was received is still stored.
    pub original_kept: bool,
    /// The mail that vouches for it, else the first that carried it; null where there was no envelope (files, uploads).
    pub mail: Option<MailBody>,
}

/// Who brought a mail, and what was found out about it. The peer's own texts.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Mail")]
pub struct MailBody {
    /// Address of the peer.
    #[schemars(with = "Address")]
    pub peer: IpAddr,
    /// What it called itself.
    #[schemars(example = &"mail.example.net")]
    pub helo: String,
    /// Sender of the envelope; empty for the null sender.
    #[schemars(example = &"noreply-dmarc-support@google.com")]
    pub mail_from: String,
    /// Null: in plain.
    pub tls: Option<TlsBody>,
    /// Our name for the mail.
    #[schemars(example = &"4f9c1a2b3d5e6f70")]
    pub queue_id: String,
    /// DMARC result of the mail for the domain of its author: `pass`, `fail`, `none` or `unknown`.
    #[schemars(with = "AuthenticatedWord")]
    pub dmarc: Word,
    /// The author's domain.
    #[schemars(example = &"google.com")]
    pub domain: Option<String>,
    /// SPF of the envelope's sender; null if it was not checked.
    pub spf: Option<MailSpfBody>,
    /// The signatures that were checked.
    pub dkim: Vec<MailSignatureBody>,
    /// Why nothing was checked, if nothing was: a stable word.
    pub unchecked: Option<String>,
}

/// What was between the peer and us.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Tls")]
pub struct TlsBody {
    #[schemars(example = &"TLSv1.3")]
    pub version: String,
    #[schemars(example = &"TLS13_AES_256_GCM_SHA384")]
    pub cipher: String,
}

/// SPF of the envelope's sender.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MailSpf")]
pub struct MailSpfBody {
    #[schemars(example = &"google.com")]
    pub domain: String,
    /// `pass`, `fail`, `softfail`, `neutral`, `none`, `temperror` or `permerror`.
    #[schemars(example = &"pass")]
    pub result: String,
}

/// One DKIM signature.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "MailSignature")]
pub struct MailSignatureBody {
    #[schemars(example = &"google.com")]
    pub domain: String,
    #[schemars(example = &"20230601")]
    pub selector: String,
    /// `pass`, `fail`, `neutral`, `temperror` or `permerror`.
    #[schemars(example = &"pass")]
    pub result: String,
}

/// A decision about a report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReportDecision")]
pub struct DecisionBody {
    /// When it was made.
    #[schemars(with = "Instant")]
    pub at: String,
    /// `counted`, `discounted`, `released` (its reporter was accepted) or `superseded` (another report of its identity was
    /// counted in its place).
    #[schemars(example = &"discounted")]
    pub action: String,
    /// Who decided.
    #[schemars(example = &"key dashboard")]
    pub by: String,
    /// The reason given, if one was.
    pub why: Option<String>,
}

/// The reports that came last, in the order in which they were stored, the latest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Arrivals {
    pub reports: Vec<ArrivalItem>,
    /// Whether there are older ones.
    pub more: bool,
    /// Where the list continues: pass it as `after` for the reports that follow. Left out at the end and on an empty page; pages
    /// reach the first 10,000 reports.
    #[schemars(example = &"4711")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A report that came, with the domain that it is about.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ArrivalItem {
    #[schemars(with = "DomainKey")]
    pub domain_id: String,
    #[schemars(with = "NameText")]
    pub domain_name: String,
    /// The domain's name in Unicode; null if it is the same.
    #[schemars(example = &"münchner.example")]
    pub unicode_name: Option<String>,
    #[serde(flatten)]
    pub report: ReportItem,
}

/// Where a report stands.
pub const REPORT_STATUSES: [&str; 4] = ["counted", "held", "discounted", "conflict"];
/// Why a report is held.
const HELD: [Option<&str>; 5] = [
    Some("unvouched"),
    Some("undecided"),
    Some("implausible"),
    Some("crowded"),
    None,
];
