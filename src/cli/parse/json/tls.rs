//! A TLS report as an object.

use serde_json::{Value, json};

use crate::ingest::TlsLeaf;
use crate::report::tls;

/// Everything that was read of a report, and its first 100 warnings. The policies have the form in which they are stored.
pub fn value(leaf: &TlsLeaf) -> Value {
    let tls::Parsed { report, warnings } = &leaf.parsed;
    let kept = warnings.kept().iter();
    json!({
        "leaf": leaf.leaf,
        "org_name": report.org_name,
        "contact": report.contact,
        "reporter": tls::reporter(report).as_str(),
        "report_id": report.report_id,
        "begin": report.window.begin,
        "end": report.window.end,
        "domain": report.domain,
        "policies": report.policies,
        "warning_count": warnings.total(),
        "warnings": kept.map(|w| json!({ "kind": w.kind.word(), "detail": w.detail })).collect::<Vec<_>>(),
    })
}
