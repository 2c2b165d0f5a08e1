//! Reporters that stop, and report again.

use serde_json::{Value, json};

use super::{DAY, Facts, Ledger};
use crate::base::Millis;
use crate::store::{EventKind, FindingKind};

/// The part of the messages that a reporter must have for its silence to be told.
const SHARE_MIN: f64 = 0.02;
/// Silent reporters with this part of the messages are one finding: no mail is sent, or no report arrives.
const MOST: f64 = 0.5;
const COOL_DOWN: Millis = 14 * DAY;
/// How long a silent reporter is waited for. Its past is forgotten by then.
const WAITED: Millis = 40 * DAY;

pub(super) fn judge(facts: &Facts, ledger: &mut Ledger<'_>) {
    let kind = FindingKind::ReporterSilent;
    let silent = facts.completeness.silent();
    let most = silent.len() > 1 && silent.iter().map(|one| one.share).sum::<f64>() >= MOST;
    if most {
        let last = silent.iter().map(|one| one.last_day).max().unwrap_or_default();
        let data =
            json!({ "state": "open", "reporter": null, "reporters": silent.len(), "last_day": last.to_string() });
        ledger.begin((kind, ""), COOL_DOWN, json!({}), (EventKind::ReporterSilent, data));
    }
    for one in silent.iter().filter(|one| !most && one.share >= SHARE_MIN) {
        let data = json!({
            "state": "open",
            "reporter": one.reporter,
            "reporters": 1,
            "last_day": one.last_day.to_string(),
            "usual_hours": one.period / 3_600,
            "share": (one.share * 1_000.0).round() / 1_000.0,
        });
        ledger.begin(
            (kind, &one.reporter),
            COOL_DOWN,
            json!({}),
            (EventKind::ReporterSilent, data),
        );
    }
    for finding in ledger.open(kind) {
        let is_over = match &*finding.subject {
            "" => !most,
            reporter => facts.completeness.reports(reporter),
        };
        let waited = facts.now.saturating_sub(finding.opened_at);
        if is_over {
            let reporter = Some(&finding.subject).filter(|reporter| !reporter.is_empty());
            let data: Value = json!({ "state": "resolved", "reporter": reporter });
            ledger.end(finding, Some((EventKind::ReporterSilent, data)));
        } else if waited > WAITED && !finding.subject.is_empty() {
            ledger.end(finding, None);
        }
    }
}
