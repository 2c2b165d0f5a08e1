//! The types of a failure report.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::report::aggregate::{ContentKey, Warnings};

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The fields of a `message/feedback-report` (RFC 5965).
    Arf,
    /// The text that Exim and its relatives write.
    Plain,
}

/// What of a mail is a failure report. All of it is hostile, and cut by who found it.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'p> {
    pub form: Form,
    /// The fields, or the plain text.
    pub text: &'p [u8],
    /// The header section of the mail that failed, if it is a part of its own.
    pub copy: Option<&'p [u8]>,
    /// The header section of the mail that carries the report; empty without one.
    pub mail: &'p [u8],
}

/// One failure report without any local part of an address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// The domain that the report is about, as a key; empty if nothing names one.
    #[serde(skip)]
    pub domain: Box<str>,
    /// When the mail arrived at the reporter, Unix seconds; else when the report was sent.
    #[serde(skip)]
    pub happened_at: Option<i64>,
    /// The mail domain of the reporter.
    #[serde(skip)]
    pub reporter: Option<Box<str>>,
    /// Why the mail failed: a word of RFC 6591, 3.1, or another.
    #[serde(skip)]
    pub failure: Option<Box<str>>,
    /// What the reporter did with the mail: a word of RFC 6591, 3.2.2, or another.
    #[serde(skip)]
    pub delivery: Option<Box<str>>,
    /// The host that the mail came from.
    #[serde(skip)]
    pub source: Option<IpAddr>,
    /// Domain in the From header of the mail.
    #[serde(skip)]
    pub header_from: Option<Box<str>>,
    /// Mails that the report stands for.
    #[serde(skip)]
    pub incidents: u64,
    /// The program that made the report, such as `OpenDMARC-Filter/1.3.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporting_mta: Option<Box<str>>,
    /// Domain of MAIL FROM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_from: Option<Box<str>>,
    /// Domains of RCPT TO, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rcpt_to: Vec<Box<str>>,
    /// Words of `Identity-Alignment`. RFC 7489 and RFC 9991 give them opposite meanings, so nothing is concluded from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alignment: Vec<Box<str>>,
    /// Authentication results, those of the report first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<AuthResult>,
    /// The signature that the report is about, then those in the header of the mail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
    /// The hosts that the mail passed, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
    /// The date in the header of the mail, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dated: Option<i64>,
    /// Domain in the `Message-ID` of the mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<Box<str>>,
    /// The name in the `List-Id` of the mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_id: Option<Box<str>>,
    /// Domains of the addresses in To and Cc, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Box<str>>,
    /// Domains of Reply-To, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reply_to: Vec<Box<str>>,
}

/// One authentication result (RFC 8601).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AuthResult {
    /// Such as `dkim`.
    pub method: Box<str>,
    /// Such as `fail`.
    pub result: Box<str>,
    /// The domain that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Box<str>>,
    /// The host that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<str>>,
    /// Whether it is from the header of the mail, where its sender may have written it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copied: bool,
}

/// One DKIM signature.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Signature {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Box<str>>,
}

/// One host on the way of the mail, by its `Received` field.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hop {
    /// What the sending host called itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The host that received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Box<str>>,
}

/// The texts of a report, with local parts: kept only where the owner of the domain wants that.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Texts {
    /// The fields of the report. Those that hold parts of the mail itself are left out.
    pub fields: Vec<(String, String)>,
    /// The header fields of the mail.
    pub header: Vec<(String, String)>,
}

/// A report, its texts, and what was odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    pub report: Report,
    pub texts: Texts,
    /// The same for the same fields and the same header, whatever mail carries them.
    pub content: ContentKey,
    pub warnings: Warnings,
}
