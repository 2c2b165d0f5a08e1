//! Rules: what owners are told of without asking. Each rule looks at the days of a domain and at what it found before, and says
//! what begins, what ends, and what is told. Pure, except for `facts` and `run`.
//!
//! A finding is told once when it begins and once when it ends, and not again within its cool-down. Days that are not complete
//! never make a finding about volume. docs/events.md has the rules.

mod facts;
mod policy;
mod reporters;
mod run;
mod services;
mod summary;
mod volume;

use serde_json::{Value, json};

use super::completeness::Completeness;
use crate::base::{Day, Millis};
use crate::enrich::ServiceDays;
use crate::store::{DayTotals, EventKind, FindingChange, FindingKind, StoredFinding};

pub use run::{Applied, apply_rules};

const DAY: Millis = 86_400_000;
/// Days that rules look at, including today.
const HISTORY_DAYS: i32 = 46;
/// A domain with fewer days with messages before the last ones has no usual state.
const KNOWN_DAYS_MIN: usize = 14;

/// What the rules judge a domain by.
#[derive(Debug)]
struct Facts {
    now: Millis,
    /// The days with messages, ascending.
    days: Vec<DayTotals>,
    completeness: Completeness,
    services: Vec<ServiceDays>,
    /// What the newest report says.
    policy: Option<policy::SeenPolicy>,
    /// The number of the latest report, counted or not.
    latest_report: Option<i64>,
}

impl Facts {
    fn today(&self) -> Day {
        Day::from_unix(self.now.div_euclid(1_000))
    }

    /// Whether the domain has been sending for long enough that something can be unusual.
    fn is_known(&self) -> bool {
        let recent = self.today().plus(-services::RECENT_DAYS);
        let before = self.days.iter().filter(|day| day.day <= recent);
        before.filter(|day| day.totals.messages() > 0).count() >= KNOWN_DAYS_MIN
    }
}

/// What begins and ends by these facts, with what was found before.
fn judge(facts: &Facts, known: &[StoredFinding]) -> Vec<FindingChange> {
    let mut ledger = Ledger {
        now: facts.now,
        known,
        changes: Vec::new(),
    };
    services::judge(facts, &mut ledger);
    reporters::judge(facts, &mut ledger);
    volume::judge(facts, &mut ledger);
    policy::judge(facts, &mut ledger);
    let judged = ledger.change(FindingKind::Judged, "", json!({ "report": facts.latest_report }));
    ledger.changes.push(FindingChange {
        finding: StoredFinding {
            is_open: false,
            opened_at: facts.now,
            told_at: facts.now,
            ..judged
        },
        event: None,
    });
    ledger.changes
}

/// What is told: the kind of the event, and its data.
type Told = (EventKind, Value);

/// What was found before, and what changes.
struct Ledger<'k> {
    now: Millis,
    known: &'k [StoredFinding],
    changes: Vec<FindingChange>,
}

impl<'k> Ledger<'k> {
    fn find(&self, kind: FindingKind, subject: &str) -> Option<&'k StoredFinding> {
        self.known.iter().find(|one| one.kind == kind && one.subject == subject)
    }

    /// The open findings of a kind.
    fn open(&self, kind: FindingKind) -> impl Iterator<Item = &'k StoredFinding> + use<'k> {
        self.known.iter().filter(move |one| one.kind == kind && one.is_open)
    }

    fn is_open(&self, kind: FindingKind, subject: &str) -> bool {
        self.find(kind, subject).is_some_and(|one| one.is_open)
    }

    /// A finding as it is known, or a new one, with another detail.
    fn change(&self, kind: FindingKind, subject: &str, detail: Value) -> StoredFinding {
        let known = self.find(kind, subject).cloned();
        let new = || StoredFinding {
            kind,
            subject: subject.to_owned(),
            is_open: false,
            opened_at: self.now,
            told_at: 0,
            detail: Value::Null,
        };
        StoredFinding {
            detail,
            ..known.unwrap_or_else(new)
        }
    }

    /// Whether something was told so recently that it is not told again. A time in the future is of a clock that was ahead.
    fn is_cooling(&self, kind: FindingKind, subject: &str, cool_down: Millis) -> bool {
        let told = self.find(kind, subject).map(|one| self.now.saturating_sub(one.told_at));
        told.is_some_and(|ago| (0..cool_down).contains(&ago))
    }

    /// A finding holds: it is told if it begins now, and not within its cool-down.
    fn begin(&mut self, (kind, subject): (FindingKind, &str), cool_down: Millis, detail: Value, told: Told) {
        if self.is_open(kind, subject) || self.is_cooling(kind, subject, cool_down) {
            return;
        }
        let finding = StoredFinding {
            is_open: true,
            opened_at: self.now,
            told_at: self.now,
            ..self.change(kind, subject, detail)
        };
        self.changes.push(FindingChange {
            finding,
            event: Some(told),
        });
    }

    /// Something happened that does not last.
    fn note(&mut self, of: (FindingKind, &str), cool_down: Millis, detail: Value, told: Told) {
        let before = self.changes.len();
        self.begin(of, cool_down, detail, told);
        for change in &mut self.changes[before..] {
            change.finding.is_open = false;
        }
    }

    /// An open finding does not hold any more. It ends without a word where nothing is known of how it ended.
    fn end(&mut self, finding: &StoredFinding, told: Option<Told>) {
        self.changes.push(FindingChange {
            finding: StoredFinding {
                is_open: false,
                ..finding.clone()
            },
            event: told,
        });
    }
}

#[cfg(test)]
mod tests;
