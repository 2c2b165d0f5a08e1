//! One object per message. Records are written one by one: a report of a million needs no second million in memory.

mod tls;

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde::ser::Serializer;
use serde_json::{Value, json};

use crate::base::text::write_json;
use crate::ingest::{ParsedLeaf, Processed};
use crate::report::aggregate::{DkimAuth, Evidence, RawText, Reason, Record, Report, SpfAuth, Verdict, Verdicts};

const BUFFER_BYTES: usize = 64 << 10;

/// Writes one line.
pub fn write(file: &str, processed: &Processed, out: &mut dyn Write) -> io::Result<()> {
    let message = Message {
        file,
        reports: processed.reports.iter().map(ReportOut::new).collect(),
        tls_reports: processed.tls_reports.iter().map(tls::value).collect(),
        problems: processed
            .problems
            .iter()
            .map(|problem| json!({ "leaf": problem.leaf, "reason": problem.reason, "detail": problem.detail, "offset": problem.offset }))
            .collect(),
        other: processed.is_other().then_some(processed.other),
    };
    // A serialiser writes many short pieces.
    let mut buffer = BufWriter::with_capacity(BUFFER_BYTES, out);
    write_json(&message, &mut buffer)?;
    writeln!(buffer)?;
    buffer.flush()
}

#[derive(Serialize)]
struct Message<'a> {
    /// The path, and the number in an mbox.
    file: &'a str,
    reports: Vec<ReportOut<'a>>,
    tls_reports: Vec<Value>,
    /// What should be a report and could not be read.
    problems: Vec<Value>,
    /// What the message is if there is neither.
    other: Option<&'static str>,
}

#[derive(Serialize)]
struct ReportOut<'a> {
    /// Where in the message.
    leaf: &'a str,
    org_name: Option<&'a str>,
    email: Option<&'a str>,
    extra_contact_info: Option<&'a str>,
    report_id: &'a str,
    /// Unix seconds, as stated.
    begin: i64,
    end: i64,
    domain: &'a str,
    policy: Value,
    version: Option<&'a str>,
    namespace: Option<&'a str>,
    generator: Option<&'a str>,
    errors: &'a [Box<str>],
    /// Whether the text broke off. The records are those before the break.
    partial: bool,
    record_count: usize,
    message_count: u64,
    pass_count: u64,
    fail_count: u64,
    warning_count: u64,
    /// The first 100.
    warnings: Vec<Value>,
    #[serde(serialize_with = "each_record")]
    records: &'a Report,
}

impl<'a> ReportOut<'a> {
    fn new(leaf: &'a ParsedLeaf) -> Self {
        let report = &leaf.parsed.report;
        let metadata = &report.metadata;
        let totals = super::totals(report);
        let warnings = leaf.parsed.warnings.kept().iter();
        Self {
            leaf: &leaf.leaf,
            org_name: metadata.org_name.as_deref(),
            email: metadata.email.as_deref(),
            extra_contact_info: metadata.extra_contact_info.as_deref(),
            report_id: &metadata.report_id,
            begin: metadata.window.begin,
            end: metadata.window.end,
            domain: &report.policy.domain,
            policy: policy(report),
            version: report.version.as_deref(),
            namespace: report.namespace.as_deref(),
            generator: metadata.generator.as_deref(),
            errors: &metadata.errors,
            partial: report.partial,
            record_count: report.records.len(),
            message_count: totals.messages(),
            pass_count: totals.pass,
            fail_count: totals.fail,
            warning_count: leaf.parsed.warnings.total(),
            warnings: warnings
                .map(|w| json!({ "kind": w.kind.word(), "detail": w.detail, "offset": w.offset }))
                .collect(),
            records: report,
        }
    }
}

fn policy(report: &Report) -> Value {
    let policy = &report.policy;
    json!({
        "p": policy.p.map(|p| p.word()),
        "sp": policy.sp.map(|p| p.word()),
        "np": policy.np.map(|p| p.word()),
        "adkim": policy.adkim.map(|mode| mode.word()),
        "aspf": policy.aspf.map(|mode| mode.word()),
        "pct": policy.pct,
        "fo": policy.fo,
        "testing": policy.testing,
        "discovery_method": policy.discovery_method.map(|method| method.word()),
    })
}

fn each_record<S: Serializer>(report: &&Report, serializer: S) -> Result<S::Ok, S::Error> {
    let mut verdicts = Verdicts::new(report);
    let records = report.records.iter();
    serializer.collect_seq(records.map(|record| RecordOut::new(report, record, verdicts.verdict(record))))
}

#[derive(Serialize)]
struct RecordOut<'a> {
    source_ip: Option<std::net::IpAddr>,
    count: u64,
    result: &'static str,
    disposition: &'static str,
    dkim_aligned: bool,
    spf_aligned: bool,
    /// Whether the verdict was derived, because the reporter stated none.
    derived: bool,
    evidence: EvidenceOut<'a>,
}

impl<'a> RecordOut<'a> {
    fn new(report: &'a Report, record: &Record, verdict: Verdict) -> Self {
        Self {
            source_ip: record.source,
            count: record.count,
            result: if verdict.passes() { "pass" } else { "fail" },
            disposition: verdict.disposition.word(),
            dkim_aligned: verdict.dkim_aligned,
            spf_aligned: verdict.spf_aligned,
            derived: verdict.derived,
            evidence: EvidenceOut::from(&report.evidence[record.evidence as usize]),
        }
    }
}

#[derive(Serialize)]
struct EvidenceOut<'a> {
    header_from: Option<&'a str>,
    envelope_from: Option<&'a str>,
    envelope_to: Option<&'a str>,
    #[serde(serialize_with = "each_dkim")]
    dkim: &'a [DkimAuth],
    #[serde(serialize_with = "each_spf")]
    spf: &'a [SpfAuth],
    #[serde(serialize_with = "each_reason")]
    reasons: &'a [Reason],
    #[serde(serialize_with = "each_raw")]
    raw: &'a [RawText],
}

impl<'a> From<&'a Evidence> for EvidenceOut<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        Self {
            header_from: evidence.header_from.as_deref(),
            envelope_from: evidence.envelope_from.as_deref(),
            envelope_to: evidence.envelope_to.as_deref(),
            dkim: &evidence.dkim,
            spf: &evidence.spf,
            reasons: &evidence.reasons,
            raw: &evidence.raw,
        }
    }
}

fn each_dkim<S: Serializer>(all: &&[DkimAuth], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Out<'a> {
        domain: Option<&'a str>,
        selector: Option<&'a str>,
        result: &'a str,
        human_result: Option<&'a str>,
    }
    serializer.collect_seq(all.iter().map(|dkim| Out {
        domain: dkim.domain.as_deref(),
        selector: dkim.selector.as_deref(),
        result: dkim.result_raw.as_deref().unwrap_or(dkim.result.word()),
        human_result: dkim.human_result.as_deref(),
    }))
}

fn each_spf<S: Serializer>(all: &&[SpfAuth], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Out<'a> {
        domain: Option<&'a str>,
        scope: Option<&'static str>,
        result: &'a str,
        human_result: Option<&'a str>,
    }
    serializer.collect_seq(all.iter().map(|spf| Out {
        domain: spf.domain.as_deref(),
        scope: spf.scope.map(|scope| scope.word()),
        result: spf.result_raw.as_deref().unwrap_or(spf.result.word()),
        human_result: spf.human_result.as_deref(),
    }))
}

fn each_reason<S: Serializer>(all: &&[Reason], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Out<'a> {
        r#type: &'a str,
        comment: Option<&'a str>,
    }
    serializer.collect_seq(all.iter().map(|reason| Out {
        r#type: reason.kind_raw.as_deref().unwrap_or(reason.kind.word()),
        comment: reason.comment.as_deref(),
    }))
}

fn each_raw<S: Serializer>(all: &&[RawText], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Out<'a> {
        field: &'static str,
        text: &'a str,
    }
    serializer.collect_seq(all.iter().map(|raw| Out {
        field: raw.field.word(),
        text: &raw.text,
    }))
}
