//! The end of a report: what is missing is inferred or refused.

use super::{Building, Parsed};
use crate::base::budget::Cost;
use crate::report::aggregate::keys::SYNTHESISED;
use crate::report::aggregate::xml::{Element, Stop};
use crate::report::aggregate::{
    Evidence, FileNameFacts, ParseError, ParseErrorKind, Report, SpfScope, WarningKind, Window, instant,
};
use sha2::{Digest, Sha256};
use std::net::IpAddr;

impl Building<'_> {
    /// The report, if it can be kept.
    pub(super) fn finish(mut self, stop: Option<Stop>, hints: Option<&FileNameFacts>) -> Result<Parsed, ParseError> {
        let broken = match stop {
            None => None,
            Some(Stop::Fatal(error)) => return Err(error),
            Some(Stop::Ended { offset }) => Some(("the text ends before the report does".to_owned(), offset)),
            Some(Stop::Next { offset }) => Some(("another report begins before this one ends".to_owned(), offset)),
            Some(Stop::Syntax { reason, offset }) => Some((reason, offset)),
        };
        let Some((reason, offset)) = broken else {
            let offset = self.no_date.as_ref().map_or(0, |(_, offset)| *offset);
            self.complete(hints).map_err(|kind| match kind {
                ParseErrorKind::NoDateRange(_) => ParseError { kind, offset },
                kind => ParseError { kind, offset: 0 },
            })?;
            if self.report.records.is_empty() {
                self.warn(WarningKind::NoRecords, "report without records", None);
            }
            return Ok(Parsed {
                report: self.report,
                warnings: self.warnings,
            });
        };
        self.report.partial = true;
        self.warn(WarningKind::Partial, &reason, Some(offset));
        // A header without a record would only stand in the way of the whole report when that comes.
        if self.report.records.is_empty() || self.complete(hints).is_err() {
            return Err(ParseError {
                kind: ParseErrorKind::Malformed(reason),
                offset,
            });
        }
        Ok(Parsed {
            report: self.report,
            warnings: self.warnings,
        })
    }

    fn complete(&mut self, hints: Option<&FileNameFacts>) -> Result<(), ParseErrorKind> {
        if !self.seen.has(Element::ReportMetadata) && hints.is_none() {
            return Err(ParseErrorKind::NoMetadata);
        }
        self.complete_policy_domain(hints)?;
        self.complete_window(hints)?;
        let metadata = &mut self.report.metadata;
        if metadata.org_name.is_none() {
            match hints.filter(|_| metadata.email.is_none()) {
                Some(facts) => {
                    metadata.org_name = Some(facts.reporter.clone());
                    self.warn(WarningKind::Inferred, "org_name", None);
                }
                None => self.warn(WarningKind::Missing, "org_name", None),
            }
        }
        if self.report.metadata.email.is_none() {
            self.warn(WarningKind::Missing, "email", None);
        }
        if self.report.metadata.report_id.is_empty() {
            self.report.metadata.report_id = synthetic_id(&self.report);
            self.warn(WarningKind::ReportIdSynthesised, "report_id", None);
        }
        Ok(())
    }

    /// From the file name, else from the records if they all name the same domain.
    fn complete_policy_domain(&mut self, hints: Option<&FileNameFacts>) -> Result<(), ParseErrorKind> {
        if !self.report.policy.domain.is_empty() {
            return Ok(());
        }
        let domain = match hints {
            Some(facts) => Some(facts.domain.clone()),
            None if self.seen.has(Element::PolicyPublished) => common_header_from(&self.report.evidence),
            None => None,
        };
        self.report.policy.domain = domain
            .filter(|domain| !domain.is_empty())
            .ok_or(ParseErrorKind::NoPolicyDomain)?;
        self.warn(WarningKind::Inferred, "domain", None);
        Ok(())
    }

    fn complete_window(&mut self, hints: Option<&FileNameFacts>) -> Result<(), ParseErrorKind> {
        let (begin, end) = (self.begin, self.end);
        let no_date = || ParseErrorKind::NoDateRange(self.no_date.as_ref().map(|(text, _)| text.clone()));
        let begin_or_hint = begin.or(hints.map(|facts| facts.window.begin)).ok_or_else(no_date)?;
        let end_or_hint = end.or(hints.map(|facts| facts.window.end)).ok_or_else(no_date)?;
        if begin.is_none() || end.is_none() {
            self.warn(WarningKind::Inferred, "date_range", None);
        }
        let mut window = Window {
            begin: begin_or_hint,
            end: end_or_hint,
        };
        if window.end < window.begin {
            self.warn(WarningKind::WindowSwapped, "date_range", None);
            window = Window {
                begin: window.end,
                end: window.begin,
            };
        }
        if window.begin < instant::FIRST_PLAUSIBLE {
            self.warn(WarningKind::OddDate, "date_range: begins before 2005", None);
        }
        self.report.metadata.window = window;
        Ok(())
    }
}

/// What a report takes apart from its records and their evidence.
pub(super) fn header_cost(parsed: &Parsed) -> Cost {
    const MEMORY: u64 = 2_048;
    const STORED: u64 = 256;
    const PER_WARNING: u64 = 48;
    let Parsed { report, warnings } = parsed;
    let metadata = &report.metadata;
    let texts = [
        &report.namespace,
        &report.version,
        &metadata.org_name,
        &metadata.email,
        &metadata.extra_contact_info,
        &metadata.generator,
        &report.policy.fo,
    ];
    let texts = texts.into_iter().flatten().chain(&metadata.errors);
    let texts: usize = texts.map(|text| text.len()).sum();
    let texts = texts + metadata.report_id.len() + report.policy.domain.len();
    let warnings = warnings.kept().iter();
    let warnings: u64 = warnings.map(|warning| PER_WARNING + warning.detail.len() as u64).sum();
    Cost {
        memory: MEMORY + texts as u64 + warnings,
        stored: STORED + texts as u64 + warnings,
    }
}

fn common_header_from(evidence: &[Evidence]) -> Option<Box<str>> {
    let (first, rest) = evidence.split_first()?;
    let domain = first.header_from.clone()?;
    rest.iter()
        .all(|other| other.header_from.as_deref() == Some(&*domain))
        .then_some(domain)
}

/// An id made from what the report says, so that the same report gets the same one when it comes again
/// (row 93 of the deviations). What goes into it must never change.
fn synthetic_id(report: &Report) -> Box<str> {
    let mut hash = Sha256::new();
    text(&mut hash, report.metadata.org_name.as_deref());
    text(&mut hash, report.metadata.email.as_deref());
    text(&mut hash, Some(&report.policy.domain));
    hash.update(report.metadata.window.begin.to_be_bytes());
    hash.update(report.metadata.window.end.to_be_bytes());
    for evidence in &report.evidence {
        evidence_into(&mut hash, evidence);
    }
    for record in &report.records {
        let source = record.source.map(|source| match source {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        });
        hash.update(source.unwrap_or_default());
        hash.update(record.count.to_be_bytes());
        hash.update(record.evidence.to_be_bytes());
        let evaluated = record.evaluated;
        hash.update([
            evaluated.disposition.map_or(u8::MAX, |it| it.code()),
            evaluated.dkim.map_or(u8::MAX, |it| it.code()),
            evaluated.spf.map_or(u8::MAX, |it| it.code()),
        ]);
    }
    let digest = hash.finalize();
    let mut id = String::from(SYNTHESISED);
    for byte in &digest[..16] {
        id.push_str(&format!("{byte:02x}"));
    }
    id.into()
}

fn evidence_into(hash: &mut Sha256, evidence: &Evidence) {
    text(hash, evidence.header_from.as_deref());
    text(hash, evidence.envelope_from.as_deref());
    text(hash, evidence.envelope_to.as_deref());
    for dkim in &evidence.dkim {
        text(hash, dkim.domain.as_deref());
        text(hash, dkim.selector.as_deref());
        hash.update([1, dkim.result.code()]);
    }
    for spf in &evidence.spf {
        text(hash, spf.domain.as_deref());
        hash.update([2, spf.result.code(), spf.scope.map_or(u8::MAX, SpfScope::code)]);
    }
    for reason in &evidence.reasons {
        text(hash, reason.comment.as_deref());
        hash.update([3, reason.kind.code()]);
    }
}

/// Its length first, so that two texts cannot pass for two others.
fn text(hash: &mut Sha256, text: Option<&str>) {
    hash.update(text.map_or(u64::MAX, |text| text.len() as u64).to_be_bytes());
    hash.update(text.unwrap_or_default());
}
