//! Reporters that stop, and report again.

use serde_json::{Value, json};

use super::{DAY, Facts, Ledger};
use crate::base::Millis;
use crate::insight::completeness::SilentReporter;
use crate::insight::reporters::reporters_in;
use crate::store::{EventKind, FindingKind, StoredFinding, Threshold};

/// Silent reporters with this part of the messages are one finding: no mail is sent, or no report arrives.
const MOST: f64 = 0.5;
const COOL_DOWN: Millis = 14 * DAY;
/// How long a silent reporter is waited for: longer than its reports are looked at, so that its silence is not found again.
const WAITED: Millis = 60 * DAY;

/// Reporters that one finding about most of them remembers.
const REMEMBERED_MAX: usize = 50;

/// Whether these silent reporters are most of all.
pub(super) fn are_mostly_silent(silent: &[SilentReporter]) -> bool {
    silent.len() > 1 && silent.iter().map(|one| one.share).sum::<f64>() >= MOST
}

pub(super) fn judge(facts: &Facts, ledger: &mut Ledger<'_>) {
    let kind = FindingKind::ReporterSilent;
    let mut silent = facts.completeness.silent();
    let days = facts.threshold(Threshold::ReporterSilentDays).cast_signed();
    silent.retain(|one| facts.now.saturating_sub(one.last_end * 1_000) >= days * DAY);
    let percent_min = facts.threshold(Threshold::ReporterSilentPercent) as f64;
    let most = are_mostly_silent(&silent);
    if most {
        begin_most(&silent, ledger);
    }
    let together = ledger.find(kind, "").filter(|finding| finding.is_open);
    let is_together = |reporter: &str| together.is_some_and(|finding| reporters_in(finding).any(|one| one == reporter));
    let alone = silent.iter().filter(|one| !most && one.share * 100.0 >= percent_min);
    for one in alone.filter(|one| !is_together(&one.reporter)) {
        let data = json!({
            "state": "open",
            "reporter": one.reporter,
            "reporters": 1,
            "last_day": one.last_day.to_string(),
            "usual_hours": one.period / 3_600,
            "share": (one.share * 1_000.0).round() / 1_000.0,
        });
        let detail = json!({ "last": one.last_end });
        ledger.begin(
            (kind, &one.reporter),
            COOL_DOWN,
            detail,
            (EventKind::ReporterSilent, data),
        );
    }
    for finding in ledger.open(kind) {
        let waited = facts.now.saturating_sub(finding.opened_at);
        let is_most = finding.subject.is_empty();
        if !(is_most && most) && is_over(facts, finding) {
            let reporter = Some(&finding.subject).filter(|reporter| !reporter.is_empty());
            let data: Value = json!({ "state": "resolved", "reporter": reporter });
            ledger.end(finding, Some((EventKind::ReporterSilent, data)));
        } else if waited > WAITED {
            ledger.end(finding, None);
        }
    }
}

fn begin_most(silent: &[SilentReporter], ledger: &mut Ledger<'_>) {
    let last_day = silent.iter().map(|one| one.last_day).max().unwrap_or_default();
    let names: Vec<_> = silent.iter().take(REMEMBERED_MAX).map(|one| &one.reporter).collect();
    let last = silent.iter().map(|one| one.last_end).max();
    let detail = json!({ "last": last, "reporters": names });
    let data =
        json!({ "state": "open", "reporter": null, "reporters": silent.len(), "last_day": last_day.to_string() });
    ledger.begin(
        (FindingKind::ReporterSilent, ""),
        COOL_DOWN,
        detail,
        (EventKind::ReporterSilent, data),
    );
}

/// Whether the reporter, or half of those that were silent together, reported since. That its silence can no longer be told from its
/// habits says nothing.
fn is_over(facts: &Facts, finding: &StoredFinding) -> bool {
    let last = finding.detail["last"].as_i64().unwrap_or_default();
    let reports = |reporter: &str| facts.completeness.has_reported_since(reporter, last);
    match &*finding.subject {
        "" => {
            let all = reporters_in(finding).count();
            2 * reporters_in(finding).filter(|one| reports(one)).count() >= all
        }
        reporter => reports(reporter),
    }
}
