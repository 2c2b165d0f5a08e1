//! A file's bytes -> the reports in it, as `tallymark parse` shows them: no database.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tallymark::base::clock::Clock;
use tallymark::ingest::{ParsedLeaf, ProcessLimits, process};
use tallymark::report::aggregate::{self, ContentKey, IdentityKey, Report, Reporter};
use tallymark::tally::Spread;

/// What one file gave.
pub struct Reading {
    pub reports: Vec<ParsedLeaf>,
    /// The words of every reason for which something was not read.
    pub reasons: BTreeSet<&'static str>,
    /// What it is if it holds no report.
    pub other: &'static str,
}

impl Reading {
    /// Reads a file or mail with the default limits.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let processed = process(&Clock::system(), bytes, &ProcessLimits::default());
        Self {
            reasons: processed.problems.iter().map(|problem| problem.reason).collect(),
            reports: processed.reports,
            other: processed.other,
        }
    }

    /// Reports, records, messages.
    pub fn numbers(&self) -> [u64; 3] {
        let records = || self.reports.iter().flat_map(|leaf| &leaf.parsed.report.records);
        let messages = records().map(|record| record.count).sum();
        [self.reports.len() as u64, records().count() as u64, messages]
    }

    pub fn first(&self) -> Option<&Report> {
        self.reports.first().map(|leaf| &leaf.parsed.report)
    }

    /// The words of all kinds of warnings.
    pub fn warnings(&self) -> BTreeSet<&'static str> {
        let kept = self.reports.iter().flat_map(|leaf| leaf.parsed.warnings.kept());
        kept.map(|warning| warning.kind.word()).collect()
    }

    /// Identity and content key of the first report.
    pub fn keys(&self) -> Option<(IdentityKey, ContentKey)> {
        let report = self.first()?;
        let reporter = Reporter::from_metadata(&report.metadata);
        Some((IdentityKey::new(&reporter, report), ContentKey::new(&reporter, report)))
    }
}

/// A report as JSON: words for enums, null for what is missing. `records[n]` holds the evidence it refers to, and what
/// follows: `verdict` (dkim, spf, both, fail) and `verdict_disposition`; `days` is how the messages fall on days.
pub fn as_json(report: &Report) -> Value {
    let metadata = &report.metadata;
    let policy = &report.policy;
    let mut days = std::collections::BTreeMap::new();
    let parts = report
        .records
        .iter()
        .map(|record| (report.verdict(record), record.source, record.count));
    Spread::for_window(metadata.window)
        .apportion(parts.collect(), |_, day, count| *days.entry(day).or_insert(0) += count);
    let days: Vec<String> = days.iter().map(|(day, count)| format!("{day}:{count}")).collect();
    json!({
        "namespace": report.namespace,
        "version": report.version,
        "partial": report.partial,
        "reporter": Reporter::from_metadata(metadata).as_str(),
        "metadata": {
            "org_name": metadata.org_name, "email": metadata.email, "report_id": metadata.report_id,
            "extra_contact_info": metadata.extra_contact_info, "errors": metadata.errors,
            "generator": metadata.generator,
        },
        "window": { "begin": metadata.window.begin, "end": metadata.window.end },
        "days": days.join(" "),
        "policy": {
            "domain": policy.domain, "p": policy.p.map(aggregate::Policy::word), "sp": policy.sp.map(aggregate::Policy::word),
            "np": policy.np.map(aggregate::Policy::word), "adkim": policy.adkim.map(aggregate::AlignmentMode::word),
            "aspf": policy.aspf.map(aggregate::AlignmentMode::word), "pct": policy.pct, "fo": policy.fo,
            "testing": policy.testing, "discovery_method": policy.discovery_method.map(aggregate::DiscoveryMethod::word),
        },
        "records": report.records.iter().take(10).map(|record| record_as_json(report, record)).collect::<Vec<_>>(),
    })
}

fn record_as_json(report: &Report, record: &aggregate::Record) -> Value {
    let evidence = &report.evidence[record.evidence as usize];
    let verdict = report.verdict(record);
    let passed = match (verdict.dkim_aligned, verdict.spf_aligned) {
        (true, true) => "both",
        (true, false) => "dkim",
        (false, true) => "spf",
        (false, false) => "fail",
    };
    let dkim = evidence.dkim.iter().map(|dkim| {
        json!({ "domain": dkim.domain, "selector": dkim.selector, "result": dkim.result.word(),
            "result_raw": dkim.result_raw, "human_result": dkim.human_result })
    });
    let spf = evidence.spf.iter().map(|spf| {
        json!({ "domain": spf.domain, "scope": spf.scope.map(aggregate::SpfScope::word), "result": spf.result.word(),
            "result_raw": spf.result_raw, "human_result": spf.human_result })
    });
    let reasons = evidence
        .reasons
        .iter()
        .map(|reason| json!({ "kind": reason.kind.word(), "kind_raw": reason.kind_raw, "comment": reason.comment }));
    let raw = evidence
        .raw
        .iter()
        .map(|raw| json!({ "field": raw.field.word(), "text": raw.text }));
    json!({
        "source": record.source,
        "count": record.count,
        "disposition": record.evaluated.disposition.map(aggregate::Disposition::word),
        "dkim": record.evaluated.dkim.map(aggregate::PassFail::word),
        "spf": record.evaluated.spf.map(aggregate::PassFail::word),
        "verdict": passed,
        "verdict_disposition": verdict.disposition.word(),
        "header_from": evidence.header_from,
        "envelope_from": evidence.envelope_from,
        "envelope_to": evidence.envelope_to,
        "dkim_results": dkim.collect::<Vec<_>>(),
        "spf_results": spf.collect::<Vec<_>>(),
        "reasons": reasons.collect::<Vec<_>>(),
        "raw": raw.collect::<Vec<_>>(),
    })
}
