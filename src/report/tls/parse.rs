//! From the text of a TLS report to the report. `document.rs` reads the JSON; here its members get their meaning.

use std::borrow::Cow;
use std::io::BufRead;
use std::net::IpAddr;

use super::document::{self, Node, Object};
use super::words::{POLICIES, RESULTS};
use super::{Failure, Hints, Limits, ParseError, ParseErrorKind, Parsed, PolicyResult, Report, content_key};
use crate::base::budget::{Budget, Cost, Held};
use crate::base::{DomainName, normalise_domain};
use crate::report::aggregate::{FileNameFacts, Read, WarningKind, Warnings, Window, address, count, cut, instant};

/// A byte order mark, which JSON does not allow (RFC 8259, 8.1).
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a TLS report.
///
/// A report needs three things: it is an object, it has a readable window, and it has policies or an id. Anything else that
/// is odd is a warning. What it takes is drawn from `budget`.
///
/// # Errors
/// Why nothing of it can be kept.
pub fn parse(
    text: &mut dyn BufRead,
    hints: Hints<'_>,
    limits: &Limits,
    budget: &Budget<'_>,
) -> Result<Parsed, ParseError> {
    let at = |(kind, offset)| ParseError { kind, offset };
    let whole = |kind| ParseError { kind, offset: 0 };
    let (bytes, _held) = read_all(text, limits, budget).map_err(whole)?;
    let mut warnings = Warnings::default();
    let bytes = bytes.strip_prefix(MARK).unwrap_or(&bytes);
    let valid = String::from_utf8_lossy(bytes);
    let mut repaired = budget.hold(0).map_err(|breach| whole(breach.into()))?;
    if let Cow::Owned(valid) = &valid {
        repaired.grow(valid.len()).map_err(|breach| whole(breach.into()))?;
        warnings.add(WarningKind::InvalidUtf8, "a text", None);
    }
    let (object, _tree) = document::read(valid.as_bytes(), limits, budget, &mut warnings).map_err(at)?;
    let mut reading = Reading {
        limits,
        warnings,
        failures: 0,
    };
    let report = reading.report(&object, hints).map_err(whole)?;
    budget
        .charge(cost(&report, &reading.warnings), budget.too_much_memory())
        .map_err(|breach| whole(breach.into()))?;
    Ok(Parsed {
        report,
        warnings: reading.warnings,
    })
}

/// The whole text, and what is drawn for it.
fn read_all<'b>(
    text: &mut dyn BufRead,
    limits: &Limits,
    budget: &'b Budget<'b>,
) -> Result<(Vec<u8>, Held<'b>), ParseErrorKind> {
    let mut held = budget.hold(0)?;
    let mut bytes = Vec::new();
    loop {
        let piece = text.fill_buf().map_err(ParseErrorKind::Read)?;
        if piece.is_empty() {
            return Ok((bytes, held));
        }
        if bytes.len() + piece.len() > limits.json_bytes_max {
            return Err(ParseErrorKind::TooLarge(limits.json_bytes_max));
        }
        held.grow(piece.len())?;
        bytes.extend_from_slice(piece);
        let length = piece.len();
        text.consume(length);
    }
}

/// What a report takes in memory and in the database, about.
fn cost(report: &Report, warnings: &Warnings) -> Cost {
    const PER_REPORT: u64 = 1_024;
    const PER_ENTRY: u64 = 256;
    let texts = |policy: &PolicyResult| {
        let failure = |failure: &Failure| {
            let texts = [&failure.mx, &failure.helo, &failure.information, &failure.reason];
            texts.into_iter().flatten().map(|text| text.len()).sum::<usize>() + failure.result.len()
        };
        let lines = policy.lines.iter().chain(&policy.mx).map(|line| line.len() + 32);
        lines.sum::<usize>() + policy.failures.iter().map(failure).sum::<usize>()
    };
    let entries: usize = report.policies.iter().map(|policy| 1 + policy.failures.len()).sum();
    let texts: usize = report.policies.iter().map(texts).sum();
    let warnings: usize = warnings.kept().iter().map(|warning| warning.detail.len() + 64).sum();
    let bytes = PER_REPORT + PER_ENTRY * entries as u64 + (texts + warnings) as u64;
    Cost {
        memory: bytes,
        stored: bytes,
    }
}

/// A report that is being read.
struct Reading<'l> {
    limits: &'l Limits,
    warnings: Warnings,
    /// Failures of all policies so far.
    failures: usize,
}

impl Reading<'_> {
    fn warn(&mut self, kind: WarningKind, detail: &str) {
        self.warnings.add(kind, detail, None);
    }

    fn report(&mut self, object: &Object, hints: Hints<'_>) -> Result<Report, ParseErrorKind> {
        let policies = object.member("policies");
        let report_id = self.name(object, "report-id");
        if report_id.is_none() && !matches!(policies, Some(Node::List(_))) {
            return Err(ParseErrorKind::NotAReport);
        }
        let facts = hints.file_name.and_then(FileNameFacts::parse);
        let mut report = Report {
            org_name: self.name(object, "organization-name"),
            contact: self.name(object, "contact-info"),
            submitter: hints.submitter.and_then(normalise_domain),
            report_id: report_id.unwrap_or_default(),
            window: self.window(object, facts.as_ref())?,
            policies: self.policies(policies)?,
            ..Report::default()
        };
        if report.org_name.is_none() {
            self.warn(WarningKind::Missing, "organization-name");
        }
        (report.domain, report.is_host) = self.domain(&report.policies, hints, facts);
        if report.report_id.is_empty() {
            report.report_id = format!("synthesised-{}", content_key(&report)).into();
            self.warn(WarningKind::ReportIdSynthesised, "report-id");
        }
        Ok(report)
    }

    fn window(&mut self, object: &Object, facts: Option<&FileNameFacts>) -> Result<Window, ParseErrorKind> {
        let range = match object.member("date-range") {
            Some(Node::Object(range)) => range.clone(),
            _ => Object::default(),
        };
        let mut unreadable = None;
        let mut end_of = |name: &str| {
            let text = match range.member(name)? {
                Node::Text(text) | Node::Number(text) => text.trim().to_owned(),
                Node::Count(count) => count.to_string(),
                _ => return None,
            };
            if let Some(Read::Plain(instant) | Read::Odd(instant)) = instant(&text) {
                return Some((instant, is_rfc3339(&text)));
            }
            unreadable.get_or_insert_with(|| Box::from(cut(&text, 100).0));
            None
        };
        let (begin, end) = (end_of("start-datetime"), end_of("end-datetime"));
        let hint = |of: fn(&FileNameFacts) -> i64| facts.map(|facts| (of(facts), true));
        let begin_or_hint = begin.or_else(|| hint(|facts| facts.window.begin));
        let end_or_hint = end.or_else(|| hint(|facts| facts.window.end));
        let (Some((from, is_plain)), Some((to, is_plain_too))) = (begin_or_hint, end_or_hint) else {
            return Err(ParseErrorKind::NoDateRange(unreadable));
        };
        if begin.is_none() || end.is_none() {
            self.warn(WarningKind::Inferred, "date-range");
        }
        if !is_plain || !is_plain_too {
            self.warn(WarningKind::OddDate, "date-range");
        }
        if from > to {
            self.warn(WarningKind::WindowSwapped, "date-range");
        }
        Ok(Window {
            begin: from.min(to),
            end: from.max(to),
        })
    }

    /// The domain that mail was sent to, and whether it is only the name of a server.
    ///
    /// RFC 8460, 5.6: the report itself wins. The domain of a TLSA policy is that of the MX host.
    fn domain(
        &mut self,
        policies: &[PolicyResult],
        hints: Hints<'_>,
        facts: Option<FileNameFacts>,
    ) -> (Box<str>, bool) {
        let is_domain = |domain: &str| DomainName::parse(domain).is_ok();
        let of = |is_host: bool| {
            let of_kind = policies
                .iter()
                .filter(move |policy| (&*policy.kind == "tlsa") == is_host);
            of_kind
                .filter_map(|policy| policy.domain.clone())
                .find(|domain| is_domain(domain))
        };
        if let Some(domain) = of(false) {
            return (domain, false);
        }
        let around = hints
            .domain
            .and_then(normalise_domain)
            .filter(|domain| is_domain(domain));
        let around = around.or_else(|| facts.map(|facts| facts.domain).filter(|domain| is_domain(domain)));
        if let Some(domain) = around {
            self.warn(WarningKind::Inferred, "policy-domain");
            return (domain, false);
        }
        let host = of(true);
        if host.is_none() {
            self.warn(WarningKind::Missing, "policy-domain");
        }
        (host.unwrap_or_default(), true)
    }

    fn policies(&mut self, policies: Option<&Node>) -> Result<Vec<PolicyResult>, ParseErrorKind> {
        let one;
        let list = match policies {
            Some(Node::List(list)) => list.as_slice(),
            Some(object @ Node::Object(_)) => {
                self.warn(WarningKind::WrongType, "policies");
                one = [object.clone()];
                &one
            }
            _ => &[],
        };
        if list.is_empty() {
            self.warn(WarningKind::Missing, "policies");
        }
        if list.len() > self.limits.policies_max {
            return Err(ParseErrorKind::TooManyPolicies(self.limits.policies_max));
        }
        let mut results = Vec::with_capacity(list.len());
        for node in list {
            match node {
                Node::Object(object) => results.push(self.policy(object)?),
                _ => self.warn(WarningKind::WrongType, "policies"),
            }
        }
        Ok(results)
    }

    fn policy(&mut self, object: &Object) -> Result<PolicyResult, ParseErrorKind> {
        let empty = Object::default();
        let mut part = |name: &'static str| match object.member(name) {
            Some(Node::Object(part)) => part,
            _ => {
                self.warnings.add(WarningKind::Missing, name, None);
                &empty
            }
        };
        let (policy, summary) = (part("policy"), part("summary"));
        let kind = self.word(policy, "policy-type", &POLICIES);
        let lines = self.lines(policy.member("policy-string"), "policy-string");
        let mx = policy.member("mx-host").or_else(|| policy.member("mx-host-pattern"));
        Ok(PolicyResult {
            kind,
            domain: self.host(policy, "policy-domain"),
            lines,
            mx: self.lines(mx, "mx-host"),
            successful: self.count(summary, "total-successful-session-count"),
            failed: self.count(summary, "total-failure-session-count"),
            failures: self.failures(object.member("failure-details"))?,
        })
    }

    fn failures(&mut self, details: Option<&Node>) -> Result<Vec<Failure>, ParseErrorKind> {
        let Some(details) = details else { return Ok(Vec::new()) };
        let Node::List(list) = details else {
            self.warn(WarningKind::WrongType, "failure-details");
            return Ok(Vec::new());
        };
        self.failures += list.len();
        if self.failures > self.limits.failures_max {
            return Err(ParseErrorKind::TooManyFailures(self.limits.failures_max));
        }
        let mut failures = Vec::with_capacity(list.len());
        for node in list {
            match node {
                Node::Object(object) => failures.push(self.failure(object)),
                _ => self.warn(WarningKind::WrongType, "failure-details"),
            }
        }
        Ok(failures)
    }

    fn failure(&mut self, object: &Object) -> Failure {
        // RFC 8460, 4.4, calls it one thing in the example, and its text another.
        let information = match object.member("additional-information") {
            Some(_) => "additional-information",
            None => "additional-info-uri",
        };
        Failure {
            result: self.word(object, "result-type", &RESULTS),
            sessions: self.count(object, "failed-session-count"),
            sending_mta: self.address(object, "sending-mta-ip"),
            mx: self.host(object, "receiving-mx-hostname"),
            helo: self.name(object, "receiving-mx-helo"),
            receiving_ip: self.address(object, "receiving-ip"),
            information: self.text(object, information, self.limits.text_bytes_max),
            reason: self.text(object, "failure-reason-code", self.limits.text_bytes_max),
        }
    }

    fn text(&mut self, object: &Object, name: &str, bytes_max: usize) -> Option<Box<str>> {
        let text = match object.member(name)? {
            Node::Text(text) | Node::Number(text) => text.clone(),
            Node::Count(count) => count.to_string().into(),
            Node::Null | Node::Bool | Node::List(_) | Node::Object(_) => {
                self.warn(WarningKind::WrongType, name);
                return None;
            }
        };
        let (text, is_cut) = cut(text.trim(), bytes_max);
        if is_cut {
            self.warn(WarningKind::Cut, name);
        }
        (!text.is_empty()).then(|| text.replace('\0', "").into())
    }

    fn name(&mut self, object: &Object, name: &str) -> Option<Box<str>> {
        self.text(object, name, self.limits.name_bytes_max)
    }

    /// A word of an open set, in lower case.
    fn word(&mut self, object: &Object, name: &str, known: &[&str]) -> Box<str> {
        const WORD_BYTES_MAX: usize = 64;
        let Some(word) = self.text(object, name, WORD_BYTES_MAX) else {
            self.warn(WarningKind::Missing, name);
            return Box::default();
        };
        let word = word.to_lowercase();
        let (word, _) = cut(&word, WORD_BYTES_MAX);
        if !known.contains(&word) {
            self.warn(WarningKind::UnknownWord, &format!("{name}: {word}"));
        }
        word.into()
    }

    fn host(&mut self, object: &Object, name: &str) -> Option<Box<str>> {
        const HOST_BYTES_MAX: usize = 255;
        let text = self.text(object, name, HOST_BYTES_MAX)?;
        let host = normalise_domain(&text)?;
        Some(cut(&host, HOST_BYTES_MAX).0.into())
    }

    fn address(&mut self, object: &Object, name: &str) -> Option<IpAddr> {
        let text = self.name(object, name)?;
        match address(&text) {
            Some(Read::Plain(address)) => return Some(address),
            Some(Read::Odd(address)) => {
                self.warn(WarningKind::OddSourceIp, &format!("{name}: {text}"));
                return Some(address);
            }
            None => self.warn(WarningKind::OddSourceIp, &format!("{name}: {text}")),
        }
        None
    }

    /// A number of sessions; 0 with a warning if there is none.
    fn count(&mut self, object: &Object, name: &str) -> u64 {
        let text = match object.member(name) {
            None => {
                self.warn(WarningKind::Missing, name);
                return 0;
            }
            Some(Node::Count(number)) => number.to_string(),
            Some(Node::Text(text) | Node::Number(text)) => {
                self.warn(WarningKind::WrongType, name);
                text.trim().to_owned()
            }
            Some(_) => {
                self.warn(WarningKind::WrongType, name);
                return 0;
            }
        };
        let Some(Read::Plain(number) | Read::Odd(number)) = count(&text) else {
            self.warn(WarningKind::NotANumber, &format!("{name}: {text}"));
            return 0;
        };
        number
    }

    /// A list of texts. One text stands for a list of one, or for the list that is written in it.
    fn lines(&mut self, node: Option<&Node>, name: &str) -> Vec<Box<str>> {
        let list: Vec<Cow<'_, str>> = match node {
            None => return Vec::new(),
            Some(Node::Text(text)) => {
                self.warn(WarningKind::WrongType, name);
                vec![Cow::Borrowed(text)]
            }
            Some(Node::List(list)) => {
                let texts: Vec<_> = list.iter().filter_map(text_of).collect();
                if texts.len() < list.len() {
                    self.warn(WarningKind::WrongType, name);
                }
                texts
            }
            Some(_) => {
                self.warn(WarningKind::WrongType, name);
                return Vec::new();
            }
        };
        // Microsoft writes the TLSA records of a host as a list in JSON inside one text.
        let list: Vec<Cow<'_, str>> = match &*list {
            [one] => match serde_json::from_str::<Vec<String>>(one) {
                Ok(inner) => inner.into_iter().map(Cow::Owned).collect(),
                Err(_) => list,
            },
            _ => list,
        };
        if list.len() > self.limits.lines_max {
            self.warn(WarningKind::Cut, name);
        }
        let mut lines = Vec::new();
        for line in list.iter().take(self.limits.lines_max) {
            let (line, is_cut) = cut(line.trim(), self.limits.text_bytes_max);
            if is_cut {
                self.warn(WarningKind::Cut, name);
            }
            if !line.is_empty() {
                lines.push(line.replace('\0', "").into());
            }
        }
        lines
    }
}

fn text_of(node: &Node) -> Option<Cow<'_, str>> {
    match node {
        Node::Text(text) => Some(Cow::Borrowed(text)),
        _ => None,
    }
}

/// Whether an instant has the form of RFC 3339: with a `T` and a zone. Microsoft leaves out the zone (2024).
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has_zone = matches!(bytes.last(), Some(b'Z' | b'z')) || bytes.iter().skip(19).any(|byte| b"+-".contains(byte));
    has_zone && bytes.get(4) == Some(&b'-') && matches!(bytes.get(10), Some(b'T' | b't' | b' '))
}
