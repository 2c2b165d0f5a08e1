//! Failure reports (RFC 9991): lists, and one of them.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pagination::Pagination;
use super::reports::WarningBody;
use super::schema::{Address, AuthenticatedWord, Instant, Word};

/// A failure report in a list: one mail that failed at a receiver. No text in it holds the local part of a mail address.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct FailureReportItem {
    /// Tallymark's number for the report.
    pub id: i64,
    /// When the mail arrived at the receiver, or when the report was sent if that is unknown.
    #[schemars(with = "Instant")]
    pub happened_at: String,
    /// Mail domain of the receiver that sent the report.
    #[schemars(example = &"receiver.example")]
    pub reporter: Option<String>,
    /// Domain that the report is about: this domain, or one below it.
    #[schemars(example = &"yourdomain.com")]
    pub domain: String,
    /// Address that the mail came from.
    #[schemars(with = "Option<Address>")]
    pub source_ip: Option<IpAddr>,
    /// Who runs the network of that address, as far as known.
    #[schemars(example = &"Example Hosting")]
    pub org_name: Option<String>,
    /// Domain in the From header of the mail.
    #[schemars(example = &"yourdomain.com")]
    pub header_from: Option<String>,
    /// Why it failed, in the receiver's word: `dmarc`, `spf`, `signature`, `bodyhash`, `revoked` or another.
    #[schemars(example = &"dmarc")]
    pub auth_failure: Option<String>,
    /// What the receiver did with it, in its own word: `delivered`, `spam`, `policy`, `reject`, `other` or another.
    #[schemars(example = &"reject")]
    pub delivery_result: Option<String>,
    /// Result of SPF.
    #[schemars(example = &"fail")]
    pub spf: Option<String>,
    /// Result of DKIM.
    #[schemars(example = &"fail")]
    pub dkim: Option<String>,
    /// Number of mails that the report stands for.
    pub incidents: u64,
    /// Time of the first arrival.
    #[schemars(with = "Instant")]
    pub received_at: String,
    /// Whether the mail that carried the report passed DMARC for the reporter's domain: `pass`, `fail`, `none` or `unknown`.
    #[schemars(with = "AuthenticatedWord")]
    pub authenticated: Word,
    /// Number of arrivals.
    pub arrivals: u64,
    /// Number of oddities found in the report.
    pub warnings: u64,
}

/// A page of failure reports, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct FailureReportList {
    pub reports: Vec<FailureReportItem>,
    pub pagination: Pagination,
}

/// A failure report with its details.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FailureReport")]
pub struct FailureReportBody {
    #[serde(flatten)]
    pub report: FailureReportItem,
    /// Program that made the report.
    #[schemars(example = &"OpenDMARC-Filter/1.3.2")]
    pub user_agent: Option<String>,
    /// Host that made it.
    #[schemars(example = &"mx.receiver.example")]
    pub reporting_mta: Option<String>,
    /// Port that the mail came from.
    pub source_port: Option<u16>,
    /// Domain of the envelope sender.
    #[schemars(example = &"bounce.yourdomain.com")]
    pub mail_from: Option<String>,
    /// Domains of the envelope recipients.
    #[schemars(example = &["receiver.example"])]
    pub rcpt_to: Vec<String>,
    /// Domains in To and Cc.
    #[schemars(example = &["receiver.example"])]
    pub to: Vec<String>,
    /// Domains in Reply-To.
    #[schemars(example = &["yourdomain.com"])]
    pub reply_to: Vec<String>,
    /// `Identity-Alignment` of the report. RFC 7489 and RFC 9991 give it opposite meanings, so nothing follows from it.
    #[schemars(example = &["dkim"])]
    pub identity_alignment: Vec<String>,
    /// Authentication results, those of the report first.
    pub results: Vec<FailureResultBody>,
    /// Signatures that the report names, and those of the mail.
    pub signatures: Vec<FailureSignatureBody>,
    /// Hosts that the mail passed, the last one first.
    pub hops: Vec<FailureHopBody>,
    /// Date in the header of the mail.
    #[schemars(with = "Option<Instant>")]
    pub date: Option<String>,
    /// Domain in the Message-ID of the mail.
    #[schemars(example = &"mail.yourdomain.com")]
    pub message_id_domain: Option<String>,
    /// Name of the mailing list.
    #[schemars(example = &"list.example.org")]
    pub list_id: Option<String>,
    /// Header fields of the mail, with all addresses; null unless `failure_reports` of the domain is `headers`.
    pub header: Option<Vec<FailureHeaderBody>>,
    /// Fields of the report, likewise.
    pub fields: Option<Vec<FailureHeaderBody>>,
    /// The first 100 oddities.
    pub warning_list: Vec<WarningBody>,
}

/// One authentication result of the mail.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FailureResult")]
pub struct FailureResultBody {
    /// Such as `spf`, `dkim` or `dmarc`.
    #[schemars(example = &"dkim")]
    pub method: String,
    #[schemars(example = &"fail")]
    pub result: String,
    /// Domain that it is about.
    #[schemars(example = &"yourdomain.com")]
    pub domain: Option<String>,
    #[schemars(example = &"s1")]
    pub selector: Option<String>,
    /// Host that says so.
    #[schemars(example = &"mx.receiver.example")]
    pub host: Option<String>,
    /// Whether it is from the header of the mail, where its sender may have written it.
    pub copied: bool,
}

/// One DKIM signature of the mail.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FailureSignature")]
pub struct FailureSignatureBody {
    #[schemars(example = &"yourdomain.com")]
    pub domain: Option<String>,
    #[schemars(example = &"s1")]
    pub selector: Option<String>,
}

/// One host on the way of the mail.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FailureHop")]
pub struct FailureHopBody {
    /// What the sending host called itself.
    #[schemars(example = &"mail.yourdomain.com")]
    pub from: Option<String>,
    /// Its address.
    #[schemars(with = "Option<Address>")]
    pub address: Option<IpAddr>,
    /// The host that received.
    #[schemars(example = &"mx.receiver.example")]
    pub by: Option<String>,
}

/// One header field.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FailureHeader")]
pub struct FailureHeaderBody {
    /// In lower case.
    #[schemars(example = &"subject")]
    pub name: String,
    #[schemars(example = &"Your order")]
    pub value: String,
}

/// A failure report that was new.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TakenFailure {
    /// Tallymark's number for the report.
    pub id: i64,
    /// Domain that it is about; empty if nothing names one.
    #[schemars(example = &"yourdomain.com")]
    pub about: String,
    /// Id of the domain that the report belongs to.
    #[schemars(example = &"dom_k3v9x2m1p0q8r7s6")]
    pub domain_id: String,
    /// Name of that domain.
    #[schemars(example = &"yourdomain.com")]
    pub domain_name: String,
}
