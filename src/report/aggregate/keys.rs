//! By what a report is known again: the keys kept in the database.
//!
//! Each is SHA-256 over a version prefix and an encoding without ambiguity (numbers in fixed width, texts and lists with
//! their length before them), cut to 128 bits. They are stored for ever: the encoding may not change, only get a new prefix.

use std::fmt;
use std::net::IpAddr;

use super::{
    AlignmentMode, DkimAuth, Evaluated, Evidence, Metadata, PolicyPublished, RawText, Reason, Record, Report, SpfAuth,
    Window,
};
use crate::base::mailbox_domain;
use crate::report::encoder::Encoder;

/// Who sent a report: the mail domain of its `email`, else its `org_name` in lower case, else nothing.
///
/// `org_name` alone is not a key: one reporter spells it in several ways over the years.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Reporter(Box<str>);

impl Reporter {
    /// The reporter that `metadata` names.
    pub fn from_metadata(metadata: &Metadata) -> Self {
        Self::named(metadata.email.as_deref(), metadata.org_name.as_deref())
    }

    /// The reporter that calls itself so.
    pub fn named(email: Option<&str>, org_name: Option<&str>) -> Self {
        let email = email.filter(|email| email.contains('@'));
        let name = || org_name.map(|name| name.trim().to_lowercase().into());
        Self(email.and_then(mailbox_domain).or_else(name).unwrap_or_default())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Gives a key type its bytes and its hexadecimal form.
macro_rules! key {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The key for stored bytes; `None` if there are not 16 of them.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        /// 32 hexadecimal digits.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

key! {
    /// Same key: the reporter calls it the same report (RFC 9990, 3.5.1), over the same window.
    IdentityKey
}
key! {
    /// Same key: the same contents from the same reporter, whatever the report's id. It covers the policy, the window,
    /// every record and all evidence; not `report_id`, and no text that is only shown (org_name, contact, errors, generator).
    ContentKey
}
key! {
    /// Same key: texts without a report id that may be one text, cut off at different places: the same reporter, policy
    /// domain, window and first record.
    PieceKey
}
impl IdentityKey {
    /// The identity of `report`, sent by `reporter`.
    pub fn new(reporter: &Reporter, report: &Report) -> Self {
        let mut encoder = Encoder::new(b"tallymark identity 1");
        encoder.text(reporter.as_str());
        encoder.text(&report.policy.domain);
        encoder.text(&report.metadata.report_id);
        encoder.window(report.metadata.window);
        Self(encoder.finish())
    }
}

impl ContentKey {
    /// The contents of `report`, sent by `reporter`. Linear in records; the memory it takes is constant.
    pub fn new(reporter: &Reporter, report: &Report) -> Self {
        let mut encoder = Encoder::new(b"tallymark content 1");
        encoder.text(reporter.as_str());
        encoder.window(report.metadata.window);
        encoder.policy(&report.policy);
        encoder.length(report.evidence.len());
        report.evidence.iter().for_each(|evidence| encoder.evidence(evidence));
        encoder.length(report.records.len());
        report.records.iter().for_each(|record| encoder.record(record));
        Self(encoder.finish())
    }
}

impl PieceKey {
    /// The key of `report`, sent by `reporter`; `None` if it has an id, by which its pieces are known anyway.
    pub fn new(reporter: &Reporter, report: &Report) -> Option<Self> {
        let first = report.records.first()?;
        if !report.metadata.report_id.starts_with(SYNTHESISED) {
            return None;
        }
        let mut encoder = Encoder::new(b"tallymark piece 1");
        encoder.text(reporter.as_str());
        encoder.text(&report.policy.domain);
        encoder.window(report.metadata.window);
        encoder.text(&first.source.map(|source| source.to_string()).unwrap_or_default());
        encoder.bytes(&first.count.to_le_bytes());
        Some(Self(encoder.finish()))
    }
}

/// How the ids begin that the parser makes for reports without one.
pub(super) const SYNTHESISED: &str = "synthesised-";

impl Encoder {
    /// A code, which is always below 255: 0 stands for none.
    fn code_option(&mut self, code: Option<u8>) {
        self.byte(code.map_or(0, |code| code + 1));
    }

    fn window(&mut self, window: Window) {
        self.bytes(&window.begin.to_le_bytes());
        self.bytes(&window.end.to_le_bytes());
    }

    fn policy(&mut self, policy: &PolicyPublished) {
        self.text(&policy.domain);
        for word in [policy.p, policy.sp, policy.np] {
            self.code_option(word.map(super::Policy::code));
        }
        for mode in [policy.adkim, policy.aspf] {
            self.code_option(mode.map(AlignmentMode::code));
        }
        self.bytes(&[policy.pct.is_some().into(), policy.pct.unwrap_or(0)]);
        self.text_option(policy.fo.as_deref());
        self.code_option(policy.testing.map(u8::from));
        self.code_option(policy.discovery_method.map(super::DiscoveryMethod::code));
    }

    fn record(&mut self, record: &Record) {
        match record.source {
            None => self.byte(0),
            Some(IpAddr::V4(address)) => {
                self.byte(4);
                self.bytes(&address.octets());
            }
            Some(IpAddr::V6(address)) => {
                self.byte(6);
                self.bytes(&address.octets());
            }
        }
        let Evaluated { disposition, dkim, spf } = record.evaluated;
        self.code_option(disposition.map(super::Disposition::code));
        self.code_option(dkim.map(super::PassFail::code));
        self.code_option(spf.map(super::PassFail::code));
        self.bytes(&record.evidence.to_le_bytes());
        self.bytes(&record.count.to_le_bytes());
    }

    fn evidence(&mut self, evidence: &Evidence) {
        // Destructured, so that a new field is a compile error here, where it needs a new prefix.
        let Evidence {
            header_from,
            envelope_from,
            envelope_to,
            dkim,
            spf,
            reasons,
            raw,
        } = evidence;
        self.text_option(header_from.as_deref());
        self.text_option(envelope_from.as_deref());
        self.text_option(envelope_to.as_deref());
        self.length(dkim.len());
        for DkimAuth {
            domain,
            selector,
            result,
            result_raw,
            human_result,
        } in dkim
        {
            self.text_option(domain.as_deref());
            self.text_option(selector.as_deref());
            self.byte(result.code());
            self.text_option(result_raw.as_deref());
            self.text_option(human_result.as_deref());
        }
        self.length(spf.len());
        for SpfAuth {
            domain,
            scope,
            result,
            result_raw,
            human_result,
        } in spf
        {
            self.text_option(domain.as_deref());
            self.code_option(scope.map(super::SpfScope::code));
            self.byte(result.code());
            self.text_option(result_raw.as_deref());
            self.text_option(human_result.as_deref());
        }
        self.length(reasons.len());
        for Reason {
            kind,
            kind_raw,
            comment,
        } in reasons
        {
            self.byte(kind.code());
            self.text_option(kind_raw.as_deref());
            self.text_option(comment.as_deref());
        }
        self.length(raw.len());
        for RawText { field, text } in raw {
            self.byte(field.code());
            self.text(text);
        }
    }
}

#[cfg(test)]
mod tests;
