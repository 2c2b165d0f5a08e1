//! SMTP TLS reports (RFC 8460): lists, sums, and one of them.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pagination::Pagination;
use super::reports::WarningBody;
use super::schema::{Address, AuthenticatedWord, DayText, Instant, Word};

/// Words of `status` of a TLS report.
pub const TLS_STATUSES: [&str; 3] = ["counted", "held", "conflict"];

/// A TLS report in a list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TlsReportItem {
    /// Tallymark's number for the report.
    pub id: i64,
    /// Name of the organisation that sent the report, as it writes it.
    #[schemars(example = &"Google Inc.")]
    pub org_name: Option<String>,
    /// The reporter's contact, in practice a mail address.
    #[schemars(example = &"smtp-tls-reporting@google.com")]
    pub contact_info: Option<String>,
    /// The reporter's own id for the report.
    #[schemars(example = &"2026-03-23T00:00:00Z_yourdomain.com")]
    pub report_id: String,
    /// Domain that mail was sent to: this domain, or one below it. Null if neither the report nor its mail names one.
    #[schemars(example = &"yourdomain.com")]
    pub domain: Option<String>,
    /// Begin of the reporting window.
    #[schemars(with = "Instant")]
    pub date_range_begin: String,
    /// End of the reporting window, as written.
    #[schemars(with = "Instant")]
    pub date_range_end: String,
    /// Number of policies that the report is about.
    pub policy_count: u64,
    /// Number of these policies with failures.
    pub failing_count: u64,
    /// Time of the first arrival.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// Whether the mail that carried the report passed DMARC for the reporter's domain: `pass`, `fail`, `none` or `unknown`.
    #[schemars(with = "AuthenticatedWord")]
    pub authenticated: Word,
    /// Number of arrivals. The report is counted once.
    pub arrivals: u64,
    /// Number of oddities found in the report.
    pub warnings: u64,
    /// `counted`; `held`: nothing vouches for the mail that carried it; `conflict`: another report of the same identity
    /// counts.
    #[schemars(extend("enum" = TLS_STATUSES), example = &"counted")]
    pub status: Word,
}

/// A page of TLS reports, newest window first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TlsReportList {
    pub reports: Vec<TlsReportItem>,
    pub pagination: Pagination,
}

/// A TLS report with its details.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TlsReport")]
pub struct TlsReportBody {
    #[serde(flatten)]
    pub report: TlsReportItem,
    /// Who handed the report in, by the mail around it; null if the report names its reporter by itself.
    #[schemars(example = &"google.com")]
    pub submitter: Option<String>,
    /// In the order of the report. Null once retention has deleted the details; the sums stay.
    pub policies: Option<Vec<TlsPolicyBody>>,
    /// The first 100 oddities.
    pub warning_list: Vec<WarningBody>,
    /// Other reports of the same identity, with other contents.
    pub conflicts: Vec<i64>,
}

/// The sessions under one policy, in one report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TlsPolicy")]
pub struct TlsPolicyBody {
    /// `sts`, `tlsa`, `no-policy-found`, or another word of the reporter; null if it says none.
    #[schemars(example = &"sts")]
    pub policy_type: Option<String>,
    /// Domain of the policy. That of a TLSA policy is the receiving host.
    #[schemars(example = &"yourdomain.com")]
    pub policy_domain: Option<String>,
    /// Lines of an STS policy, or TLSA records.
    #[schemars(example = &["mode: enforce"])]
    pub policy_string: Vec<String>,
    /// Patterns of receiving hosts.
    #[schemars(example = &["*.mail.example"])]
    pub mx_host: Vec<String>,
    pub successful_sessions: u64,
    /// Sessions that failed. A reporter may count one of them in several of `failures`.
    pub failed_sessions: u64,
    /// Number of `failures` in the report.
    pub failure_count: u64,
    /// The first 1,000 of them.
    pub failures: Vec<TlsFailureDetail>,
}

/// One kind of failure under a policy, in one report.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TlsFailureDetail {
    /// As `certificate-expired`; null if the report says none.
    #[schemars(example = &"certificate-expired")]
    pub result_type: Option<String>,
    pub sessions: u64,
    /// Address of the sending server.
    #[schemars(with = "Option<Address>")]
    pub sending_mta_ip: Option<IpAddr>,
    /// Name of the receiving host.
    #[schemars(example = &"mx1.yourdomain.com")]
    pub receiving_mx: Option<String>,
    /// What the receiving host called itself.
    #[schemars(example = &"mx1.yourdomain.com")]
    pub receiving_helo: Option<String>,
    /// Address of the receiving host.
    #[schemars(with = "Option<Address>")]
    pub receiving_ip: Option<IpAddr>,
    /// Text of the reporter, on paper a link. It may be anything.
    #[schemars(example = &"https://reports.example/failure/1")]
    pub additional_information: Option<String>,
    /// Text of the reporter.
    #[schemars(example = &"X509_V_ERR_CERT_HAS_EXPIRED")]
    pub reason_code: Option<String>,
}

/// Sums of TLS reports over a range of days. A reporter counts the same sessions under each policy of a domain, so the sessions
/// of two policies are never added.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TlsStats {
    /// Counted reports whose window begins in the range.
    pub reports: u64,
    /// Sums of the whole range by type of policy; the 20 with the most sessions.
    pub policies: Vec<TlsPolicySums>,
    /// A page of the sums by day, type and domain of the policy, ascending.
    pub daily_stats: Vec<TlsDayBody>,
    /// First day of the range.
    #[schemars(with = "DayText")]
    pub from: String,
    /// Last day of the range.
    #[schemars(with = "DayText")]
    pub to: String,
    /// The position of this page in `daily_stats`.
    pub pagination: Pagination,
}

/// The sessions under one type of policy.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TlsPolicySums {
    /// Null where reports do not say.
    #[schemars(example = &"sts")]
    pub policy_type: Option<String>,
    pub successful_sessions: u64,
    pub failed_sessions: u64,
    /// Percentage of sessions that were successful, rounded to one decimal (half up). 0.0 without sessions.
    pub success_rate: f64,
}

/// The sessions of a UTC day under one policy.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TlsDay")]
pub struct TlsDayBody {
    #[schemars(with = "DayText")]
    pub date: String,
    /// Null where reports do not say.
    #[schemars(example = &"sts")]
    pub policy_type: Option<String>,
    /// Null where reports do not say.
    #[schemars(example = &"yourdomain.com")]
    pub policy_domain: Option<String>,
    pub successful_sessions: u64,
    pub failed_sessions: u64,
}

/// A page of failures, those with the most sessions first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TlsFailureList {
    pub failures: Vec<TlsFailureBody>,
    pub pagination: Pagination,
}

/// Failed sessions of one kind, in a range of days. What reports do not say, or what is not asked for, is null.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TlsFailure")]
pub struct TlsFailureBody {
    /// Type of the policy.
    #[schemars(example = &"sts")]
    pub policy_type: Option<String>,
    /// Type of the failure.
    #[schemars(example = &"certificate-expired")]
    pub result_type: Option<String>,
    /// Name of the receiving host.
    #[schemars(example = &"mx1.yourdomain.com")]
    pub receiving_mx: Option<String>,
    /// Address of the sending server.
    #[schemars(example = &"192.0.2.1")]
    pub sending_mta_ip: Option<String>,
    /// Failed sessions. A reporter may count one session in several kinds of failures.
    pub sessions: u64,
    /// First day with such failures in the range.
    #[schemars(with = "DayText")]
    pub first_seen: String,
    /// Last day with such failures in the range.
    #[schemars(with = "DayText")]
    pub last_seen: String,
}
