//! Rules: what owners are told of without asking. Each rule looks at the days of a domain and at what it found before, and says
//! what begins, what ends, and what is told. Pure, except for `facts` and `run`.
//!
//! A finding is told once when it begins and once when it ends, and not again within its cool-down. Days that are not complete
//! never make a finding about volume. A snoozed finding is told of when its snooze is over, if it still holds. docs/events.md has
//! the rules.

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
use crate::store::{DayTotals, EventKind, FindingChange, FindingKind, StoredFinding, Threshold, Thresholds};

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
    thresholds: Thresholds,
}

impl Facts {
    fn threshold(&self, threshold: Threshold) -> u64 {
        self.thresholds.value(threshold)
    }

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
    ledger.tell_after_snoozes();
    let detail = json!({ "report": facts.latest_report, "due": ledger.next_wake() });
    let judged = ledger.change(FindingKind::Judged, "", detail);
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
            no: None,
            kind,
            subject: subject.to_owned(),
            is_open: false,
            opened_at: self.now,
            ended_at: None,
            told_at: 0,
            detail: Value::Null,
            data: Value::Null,
            snooze: None,
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

    /// A finding holds: if it begins now, and not within its cool-down, it is told. A snooze of the subject goes on.
    fn begin(&mut self, (kind, subject): (FindingKind, &str), cool_down: Millis, detail: Value, told: Told) {
        if self.is_open(kind, subject) || self.is_cooling(kind, subject, cool_down) {
            return;
        }
        let known = self.change(kind, subject, detail);
        let snooze = known.snooze.clone().filter(|snooze| self.now < snooze.until);
        let is_told = snooze.is_none();
        let finding = StoredFinding {
            no: None,
            is_open: true,
            opened_at: self.now,
            ended_at: None,
            told_at: if is_told { self.now } else { known.told_at },
            data: told.1.clone(),
            snooze,
            ..known
        };
        self.changes.push(FindingChange {
            finding,
            event: is_told.then_some(told),
        });
    }

    /// Something happened that does not last.
    fn note(&mut self, of: (FindingKind, &str), cool_down: Millis, detail: Value, told: Told) {
        let before = self.changes.len();
        self.begin(of, cool_down, detail, told);
        for change in &mut self.changes[before..] {
            change.finding.is_open = false;
            change.finding.ended_at = Some(self.now);
        }
    }

    /// An open finding does not hold any more. It ends without a word where nothing is known of how it ended, while it is snoozed,
    /// and if its begin was not told.
    fn end(&mut self, finding: &StoredFinding, told: Option<Told>) {
        let is_told = !finding.is_snoozed(self.now) && finding.told_at >= finding.opened_at;
        self.changes.push(FindingChange {
            finding: StoredFinding {
                is_open: false,
                ended_at: Some(self.now),
                ..finding.clone()
            },
            event: told.filter(|_| is_told),
        });
    }

    /// Tells once of what still holds after its snooze.
    fn tell_after_snoozes(&mut self) {
        let over = self.waiting().filter(|(_, until)| *until <= self.now);
        let over: Vec<_> = over.map(|(finding, _)| finding.clone()).collect();
        for finding in over {
            let event = finding.kind.event().map(|kind| (kind, finding.data.clone()));
            self.changes.push(FindingChange {
                finding: StoredFinding {
                    told_at: self.now,
                    ..finding
                },
                event,
            });
        }
    }

    /// When the next snooze of something that holds is over.
    fn next_wake(&self) -> Option<Millis> {
        let untils = self.waiting().map(|(_, until)| until);
        untils.filter(|until| *until > self.now).min()
    }

    /// What holds and is to be told when its snooze is over, with that instant.
    fn waiting(&self) -> impl Iterator<Item = (&StoredFinding, Millis)> {
        let is_same =
            |one: &StoredFinding, other: &StoredFinding| one.kind == other.kind && one.subject == other.subject;
        let changed = self.changes.iter().map(|change| &change.finding);
        let unchanged = self
            .known
            .iter()
            .filter(move |known| !self.changes.iter().any(|change| is_same(&change.finding, known)));
        let all = changed.chain(unchanged).filter(|finding| finding.is_open);
        all.filter_map(|finding| {
            let until = finding.snooze.as_ref()?.until;
            (finding.told_at < until).then_some((finding, until))
        })
    }
}

#[cfg(test)]
mod tests;
