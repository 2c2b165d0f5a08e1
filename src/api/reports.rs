//! Reports: in a list, alone, and as they came.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::newest::NewestReport;
use super::pagination::Pagination;
use super::records::{Dispositions, PolicyBody, RecordBody};
use super::schema::{Address, AuthenticatedWord, DomainKey, Instant, NameText, Word};

/// A report in a list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReportItem")]
pub struct ReportItem {
    /// Tallymark's number for the report.
    pub id: i64,
    /// Name of the organisation that sent the report, as it writes it.
    #[schemars(example = &"google.com")]
    pub org_name: Option<String>,
    /// Begin of the reporting window.
    #[schemars(with = "Instant")]
    pub date_range_begin: String,
    /// End of the reporting window, as written. Some reporters write its last instant, others the first instant after it.
    #[schemars(with = "Instant")]
    pub date_range_end: String,
    /// Number of messages.
    pub total_count: u64,
    /// Messages that passed DMARC.
    pub pass_count: u64,
    /// Messages that did not pass DMARC.
    pub fail_count: u64,
    /// The reporter's own id for the report.
    #[schemars(example = &"14495398217604482367")]
    pub report_id: String,
    /// The reporter's mail address.
    #[schemars(example = &"noreply-dmarc-support@google.com")]
    pub email: Option<String>,
    /// Domain whose policy the report is about: this domain, or one below it.
    #[schemars(example = &"yourdomain.com")]
    pub domain: String,
    /// The policy that the reporter found at that domain.
    pub policy: PolicyBody,
    /// Messages by what receivers did with them.
    pub dispositions: Dispositions,
    /// Time of the first arrival.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// Whether the mail that carried the report passed DMARC for the reporter's domain: `pass`, `fail`, `none` or `unknown`.
    #[schemars(with = "AuthenticatedWord")]
    pub authenticated: Word,
    /// Mail domain of the reporter if that mail passed, else null. It may differ from the name in `org_name`.
    #[schemars(example = &"google.com")]
    pub authenticated_domain: Option<String>,
    /// Number of arrivals. The report is counted once.
    pub arrivals: u64,
    /// Number of oddities found in the report.
    pub warnings: u64,
    /// Whether only a part of the report could be read, because its text breaks off or its archive is damaged. The
    /// intact report replaces it.
    pub partial: bool,
    /// Whether the report is in the sums. False while it is held, discounted or in conflict with a counted report.
    pub counted: bool,
    /// `counted`; `held`: waits until the owner accepts the report or its reporter; `discounted`: taken out by the
    /// owner; `conflict`: another report of the same identity counts.
    #[schemars(extend("enum" = REPORT_STATUSES), example = &"counted")]
    pub status: Word,
    /// Why the report is held; null if it is not. `unvouched`: its mail passed neither DMARC nor an aligned SPF or
    /// DKIM check. `undecided`: these checks had no result yet and are repeated. `implausible`: it is about more
    /// messages than the limit. `crowded`: a day of the domain would have more source addresses than the limit.
    #[schemars(extend("enum" = HELD))]
    pub held_because: Option<Word>,
    /// Key of the reporter: the mail domain of `email`, or `org_name` in lower case without one.
    #[schemars(example = &"google.com")]
    pub reporter: String,
    /// Number of rows in the report as it arrived.
    pub record_count: u64,
    /// Whether the rows are still stored. Retention deletes rows and keeps the figures. Importing the report again
    /// restores its rows.
    pub records_kept: bool,
    #[serde(flatten)]
    pub newest: NewestReport,
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
    /// Contact details of the reporter apart from its mail address.
    pub extra_contact_info: Option<String>,
    /// Errors that the reporter states, as written.
    #[schemars(example = &["DNS time-out"])]
    pub errors: Vec<String>,
    /// The reporter's software.
    pub generator: Option<String>,
    /// Version of the format, as written.
    pub version: Option<String>,
    /// XML namespace, as written.
    pub namespace: Option<String>,
    /// The first 100 oddities.
    pub warning_list: Vec<WarningBody>,
    /// Numbers of reports with the same identity and other content.
    pub conflicts: Vec<i64>,
    /// How the report arrived, and what vouches for it.
    pub provenance: ProvenanceBody,
    /// The last 50 decisions about the report, oldest first.
    pub history: Vec<DecisionBody>,
    /// A page of rows, in the order of the report. Empty if `records_kept` is false.
    pub records: Vec<RecordBody<'a>>,
    /// The position of this page among the stored rows.
    pub pagination: Pagination,
}

/// An oddity of a report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Warning")]
pub struct WarningBody {
    /// A stable word.
    #[schemars(example = &"unknown_element")]
    pub kind: String,
    /// The part of the report that the warning is about, as written.
    #[schemars(example = &"<extra>")]
    pub detail: String,
    /// Byte offset in the report's text; null if unknown.
    pub offset: Option<u64>,
}

/// Where a report came from.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Provenance")]
pub struct ProvenanceBody {
    /// Time of the first arrival.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// How often it arrived.
    pub arrivals: u64,
    /// Whether the mail that carried the report passed DMARC for the reporter's domain: `pass`, `fail`, `none` or `unknown`.
    #[schemars(with = "AuthenticatedWord")]
    pub authenticated: Word,
    /// Whether the report as it was received is still stored.
    pub original_kept: bool,
    /// Whether `/proof` has that mail with the keys of its signatures.
    pub provable: bool,
    /// The mail that vouches for the report, or the first that carried it if none does. Null for
    /// files, and for mail that was read or handed in and says nothing that could be checked.
    pub mail: Option<MailBody>,
}

/// How a mail came, and the results of the checks. Names are the peer's own text.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Mail")]
pub struct MailBody {
    /// Address of the server that delivered the mail; null for mail that was read from a mailbox, a folder or a file, or was handed
    /// in. The sender of the envelope and SPF are not known then.
    #[schemars(with = "Option<Address>")]
    pub peer: Option<IpAddr>,
    /// Name in that server's HELO or EHLO.
    #[schemars(example = &"mail.example.net")]
    pub helo: String,
    /// Sender of the envelope. Empty: the null sender.
    #[schemars(example = &"noreply-dmarc-support@google.com")]
    pub mail_from: String,
    /// TLS of the connection; null if it was not encrypted.
    pub tls: Option<TlsBody>,
    /// Queue id of the mail.
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
    /// Why the mail was not checked, as a stable word; null if it was.
    pub unchecked: Option<String>,
    /// The host whose `Authentication-Results` these results are; null if they are our own.
    #[schemars(example = &"mx.example.net")]
    pub results_from: Option<String>,
}

/// TLS of the connection that brought the mail.
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
    /// When the decision was made.
    #[schemars(with = "Instant")]
    pub at: String,
    /// `counted`, `discounted`, `released` (its reporter was accepted) or `superseded` (another report of the same
    /// identity was counted instead).
    #[schemars(example = &"discounted")]
    pub action: String,
    /// Who decided.
    #[schemars(example = &"key dashboard")]
    pub by: String,
    /// The reason that was given; null without one.
    pub why: Option<String>,
}

/// Reports in the order in which they were stored, latest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Arrivals {
    pub reports: Vec<ArrivalItem>,
    /// Whether older reports exist.
    pub more: bool,
    /// Value of `after` that continues the list. Absent at the end and on an empty page. Pages reach the first 10,000
    /// reports.
    #[schemars(example = &"4711")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A report with its domain.
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
