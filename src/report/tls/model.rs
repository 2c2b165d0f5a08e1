//! One SMTP TLS report as data (RFC 8460, 4.4).
//!
//! Everything a reporter may leave out is an `Option`. Sets of words are open (RFC 8460, 6.6), so words are texts, in
//! lower case. Counts are sessions, not messages.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::report::aggregate::{Warnings, Window};

/// A TLS report, as its reporter stated it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// `organization-name`: display name of the reporter.
    pub org_name: Option<Box<str>>,
    /// `contact-info`: in practice a mail address.
    pub contact: Option<Box<str>>,
    /// Who sent it, by what is around the report; used only where the report names neither.
    pub submitter: Option<Box<str>>,
    /// Synthesised (with a warning) where the report has none.
    pub report_id: Box<str>,
    pub window: Window,
    /// The domain that mail was sent to: lower-case A-labels; empty if nothing names it.
    pub domain: Box<str>,
    /// Whether `domain` is empty or only the name of a server, because nothing names the domain itself: a TLSA policy is about
    /// the MX host. An address of ours may know better.
    pub is_host: bool,
    /// In the order of the document.
    pub policies: Vec<PolicyResult>,
}

/// The sessions under one policy. Reporters that evaluated two policies of a domain count the same sessions in both, so
/// the counts of two policies are never added.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PolicyResult {
    /// `policy-type`: `sts`, `tlsa`, `no-policy-found`, or another word; empty if the report has none.
    pub kind: Box<str>,
    /// `policy-domain`, as a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Box<str>>,
    /// `policy-string`: the lines of an STS policy, or the TLSA records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Box<str>>,
    /// `mx-host`: the patterns of an STS policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mx: Vec<Box<str>>,
    /// `total-successful-session-count`.
    pub successful: u64,
    /// `total-failure-session-count`. The sessions of `failures` may sum to more or less: types of failures overlap.
    pub failed: u64,
    /// `failure-details`, in the order of the document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

/// One entry of `failure-details`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// `result-type`; empty if the report has none.
    pub result: Box<str>,
    /// `failed-session-count`.
    pub sessions: u64,
    /// `sending-mta-ip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending_mta: Option<IpAddr>,
    /// `receiving-mx-hostname`, as a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mx: Option<Box<str>>,
    /// `receiving-mx-helo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helo: Option<Box<str>>,
    /// `receiving-ip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving_ip: Option<IpAddr>,
    /// `additional-information`: a link on paper, any text in practice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub information: Option<Box<str>>,
    /// `failure-reason-code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
}

/// What is around a report and says whose it is. The report itself wins (RFC 8460, 5.6).
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'h> {
    /// `TLS-Report-Domain`.
    pub domain: Option<&'h str>,
    /// `TLS-Report-Submitter`.
    pub submitter: Option<&'h str>,
    /// Name of the file.
    pub file_name: Option<&'h str>,
}

/// A report that could be read, and what was odd about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parsed {
    pub report: Report,
    pub warnings: Warnings,
}
