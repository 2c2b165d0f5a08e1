//! How complete a day is, who is still missing, and which reporters are silent. Pure.
//!
//! What a reporter does is learned from its past days: which part of a day's messages it had told by a certain age of the day, and
//! which part came later. A day is as complete as such days were at its age. Days that are settled count as final.
//! docs/insight.md has the rules.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::base::{Day, DayRange};
use crate::store::ReportArrival;

/// Days after which nothing more is expected for a day: a weekly report, and two days more.
const SETTLED_DAYS: i32 = 10;
/// Settled days that are learned from.
const LEARNED_DAYS: i32 = 42;
/// Past days like the one that is judged, below which all settled days of the reporter stand for it.
const ALIKE_MIN: u32 = 3;
/// Reporters of a domain that are told apart. The others, those with the fewest messages, are not waited for.
const REPORTERS_MAX: usize = 500;
/// Days of a window that are counted.
const WINDOW_DAYS_MAX: i32 = 31;
/// A reporter that is missing with a smaller share of the day is not named.
const NAMED_SHARE_MIN: f64 = 0.005;
/// Windows of a reporter without which its cadence is not known.
const WINDOWS_MIN: usize = 4;
/// A reporter is silent after this many of its periods, and its usual delay: two reports did not come.
const SILENT_PERIODS: f64 = 2.5;
/// A reporter is irregular if one in this many of its pauses is longer than usual. Its longest pause counts twice, up to this many
/// times the usual one.
const IRREGULAR_PART: usize = 10;
const PAUSE_TIMES_MAX: i64 = 16;

/// What is known of the reporters of a domain.
#[derive(Debug)]
pub struct Completeness {
    now: i64,
    reporters: Vec<Habits>,
    /// The messages of each settled day.
    settled: BTreeMap<Day, f64>,
}

/// How complete a day is.
#[derive(Debug, Clone, PartialEq)]
pub struct DayShare {
    /// From 0 to 1.
    pub share: f64,
    /// Reporters that are still expected, the largest first.
    pub missing: Vec<Missing>,
}

/// A reporter that is still expected for a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Missing {
    pub reporter: String,
    /// Part of the messages of the day, from 0 to 1.
    pub share: f64,
}

/// A reporter that stopped, by its own cadence.
#[derive(Debug, Clone, PartialEq)]
pub struct SilentReporter {
    pub reporter: String,
    /// The last day of its last window.
    pub last_day: Day,
    /// The end of its last window, Unix seconds.
    pub last_end: i64,
    /// Its usual time between two reports, seconds.
    pub period: i64,
    /// Part of the messages of settled days that it had, from 0 to 1.
    pub share: f64,
}

/// What one reporter did.
#[derive(Debug)]
struct Habits {
    reporter: String,
    /// What it told about each day: how long after the end of the day, in seconds, and how many messages.
    days: HashMap<Day, Vec<(i64, f64)>>,
    /// The first day that it told about.
    first: Day,
    /// The ends of its windows, Unix seconds, ascending.
    ends: Vec<i64>,
    /// How long after the end of a window its reports came, seconds, ascending. Without those of a backlog.
    delays: Vec<i64>,
    /// Its part of the messages of a day, over its settled days.
    usual: f64,
}

/// What a reporter has of all messages of a day: the part that was there by an age of the day, and what came later; a mean over days.
/// Parts and not numbers, because some days have more messages than others at all reporters.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    early: f64,
    late: f64,
}

/// Whether nothing more is expected for a day, whatever its reporters do. `now`: Unix seconds.
pub fn is_settled(day: Day, now: i64) -> bool {
    day <= Day::from_unix(now).plus(-SETTLED_DAYS)
}

/// The days whose reports [`Completeness::learn`] wants to know.
pub fn history_range(today: Day) -> DayRange {
    DayRange::ending(today, LEARNED_DAYS + SETTLED_DAYS)
}

impl Completeness {
    /// Learns from the reports of [`history_range`]. `now`: Unix seconds.
    pub fn learn(arrivals: &[ReportArrival], now: i64) -> Self {
        let mut reporters: HashMap<&str, Habits> = HashMap::new();
        for arrival in arrivals.iter().filter(|arrival| arrival.arrived_at <= now) {
            let habits = reporters.entry(&*arrival.reporter);
            habits
                .or_insert_with(|| Habits::new(arrival.reporter.clone()))
                .add(arrival);
        }
        let mut reporters: Vec<_> = reporters.into_values().collect();
        let learned = Self::learned(now);
        let mut settled: BTreeMap<Day, f64> = BTreeMap::new();
        for (day, told) in reporters.iter().flat_map(|habits| &habits.days) {
            if learned.contains(*day) {
                *settled.entry(*day).or_default() += sum(told);
            }
        }
        settled.retain(|_, messages| *messages > 0.0);
        for habits in &mut reporters {
            habits.ends.sort_unstable();
            habits.delays.sort_unstable();
            habits.usual = habits.usual(&settled);
        }
        reporters.sort_by(|a, b| b.usual.total_cmp(&a.usual).then_with(|| a.reporter.cmp(&b.reporter)));
        reporters.truncate(REPORTERS_MAX);
        Self {
            now,
            reporters,
            settled,
        }
    }

    /// How complete a day is. `None`: no reporter is known for long enough.
    pub fn day(&self, day: Day) -> Option<DayShare> {
        let age = self.now.saturating_sub(day.end());
        if is_settled(day, self.now) {
            return Some(DayShare {
                share: 1.0,
                missing: Vec::new(),
            });
        }
        if self.reporters.iter().all(|habits| habits.usual <= 0.0) {
            return None;
        }
        let expected = self.reporters.iter().map(|habits| {
            let expected = habits.expected(day, age, &self.settled);
            match self.is_silent(habits) {
                true => Expected { late: 0.0, ..expected },
                false => expected,
            }
        });
        let expected: Vec<_> = expected.collect();
        let all: f64 = expected.iter().map(|one| one.early + one.late).sum();
        if all <= 0.0 {
            return Some(DayShare {
                share: 1.0,
                missing: Vec::new(),
            });
        }
        let missing = self.reporters.iter().zip(&expected).map(|(habits, one)| Missing {
            reporter: habits.reporter.clone(),
            share: one.late / all,
        });
        let mut missing: Vec<_> = missing.filter(|one| one.share >= NAMED_SHARE_MIN).collect();
        missing.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.reporter.cmp(&b.reporter)));
        Some(DayShare {
            share: expected.iter().map(|one| one.early).sum::<f64>() / all,
            missing,
        })
    }

    /// The reporters that stopped, the largest first.
    pub fn silent(&self) -> Vec<SilentReporter> {
        let all: f64 = self.reporters.iter().map(|habits| habits.usual).sum();
        let silent = self.reporters.iter().filter(|habits| self.is_silent(habits));
        let silent = silent.filter_map(|habits| {
            Some(SilentReporter {
                reporter: habits.reporter.clone(),
                last_day: Day::from_unix(habits.ends.last()?.saturating_sub(1)),
                last_end: *habits.ends.last()?,
                period: habits.period()?,
                share: if all > 0.0 { habits.usual / all } else { 0.0 },
            })
        });
        let mut silent: Vec<_> = silent.collect();
        silent.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.reporter.cmp(&b.reporter)));
        silent
    }

    /// Whether a report of this reporter is about a time after `instant`, Unix seconds.
    pub fn has_reported_since(&self, reporter: &str, instant: i64) -> bool {
        let known = self.reporters.iter().find(|habits| habits.reporter == reporter);
        known.is_some_and(|habits| habits.ends.last().is_some_and(|end| *end > instant))
    }

    /// Whether the reporter pauses for longer than its own cadence explains.
    fn is_silent(&self, habits: &Habits) -> bool {
        let (Some(period), Some(last)) = (habits.period(), habits.ends.last()) else {
            return false;
        };
        let quiet = self.now.saturating_sub(*last);
        quiet as f64 > period as f64 * SILENT_PERIODS + habits.delay() as f64
    }

    /// The settled days that are learned from.
    fn learned(now: i64) -> DayRange {
        DayRange::ending(Day::from_unix(now).plus(-SETTLED_DAYS), LEARNED_DAYS)
    }
}

impl Habits {
    fn new(reporter: String) -> Self {
        Self {
            reporter,
            days: HashMap::new(),
            first: Day(i32::MAX),
            ends: Vec::new(),
            delays: Vec::new(),
            usual: 0.0,
        }
    }

    fn add(&mut self, arrival: &ReportArrival) {
        let window = arrival.window;
        let (begin, end) = (window.begin.min(window.end), window.begin.max(window.end));
        self.ends.push(end);
        let delay = arrival.arrived_at.saturating_sub(end);
        if delay <= settled_seconds() {
            self.delays.push(delay);
        }
        let (first, last) = (Day::from_unix(begin), window.last_day());
        let last = last.min(first.plus(WINDOW_DAYS_MAX - 1));
        let whole = end.saturating_sub(begin).max(1) as f64;
        for day in (DayRange { first, last }) {
            let part = (end.min(day.end()) - begin.max(day.begin())).max(0) as f64 / whole;
            let part = if first == last { 1.0 } else { part };
            let delay = arrival.arrived_at.saturating_sub(day.end());
            // What a backlog brings says nothing about the day's own pace.
            if delay <= settled_seconds() {
                let told = self.days.entry(day).or_default();
                told.push((delay, arrival.messages as f64 * part));
            }
            self.first = self.first.min(day);
        }
    }

    /// The settled days since the reporter is known, with what it told about each, and all messages of the day.
    fn settled<'h>(&'h self, settled: &'h BTreeMap<Day, f64>) -> impl Iterator<Item = (Day, &'h [(i64, f64)], f64)> {
        let since = settled.range(self.first..);
        since.map(|(day, messages)| (*day, self.told(*day), *messages))
    }

    fn told(&self, day: Day) -> &[(i64, f64)] {
        self.days.get(&day).map_or(&[], Vec::as_slice)
    }

    fn usual(&self, settled: &BTreeMap<Day, f64>) -> f64 {
        let parts = self.settled(settled).map(|(_, told, messages)| sum(told) / messages);
        parts.sum::<f64>() / settled.range(self.first..).count().max(1) as f64
    }

    /// What days that looked like this one at its age had by then, and what they got later: days of the same weekday if there are
    /// enough, because mailing has a week.
    fn expected(&self, day: Day, age: i64, settled: &BTreeMap<Day, f64>) -> Expected {
        let is_early = |told: &(i64, f64)| told.0 <= age;
        let has_told = self.told(day).iter().any(is_early);
        // All days, and those of the weekday.
        let mut found = [(Expected::default(), 0_u32); 2];
        for (past, told, messages) in self.settled(settled) {
            if told.iter().any(is_early) != has_told {
                continue;
            }
            let early: f64 = told
                .iter()
                .filter(|told| is_early(told))
                .map(|(_, messages)| messages)
                .sum();
            let is_same_weekday = (day.0 - past.0) % 7 == 0;
            for (expected, days) in &mut found[..=usize::from(is_same_weekday)] {
                *days += 1;
                expected.early += early / messages;
                expected.late += (sum(told) - early) / messages;
            }
        }
        let enough = found.iter().rfind(|(_, days)| *days >= ALIKE_MIN);
        match enough {
            Some((expected, days)) => Expected {
                early: expected.early / f64::from(*days),
                late: expected.late / f64::from(*days),
            },
            None if has_told => Expected {
                early: self.usual,
                late: 0.0,
            },
            // It was never as late as this, and is not silent yet.
            None => Expected {
                early: 0.0,
                late: self.usual,
            },
        }
    }

    /// The time between the ends of two windows that is usual, seconds. `None` if too few are known.
    fn period(&self) -> Option<i64> {
        let pauses = self.ends.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
        // Several reports about one day, such as of several policy domains, are one.
        let mut pauses: Vec<_> = pauses.filter(|pause| *pause >= Day::SECONDS / 2).collect();
        if pauses.len() + 1 < WINDOWS_MIN {
            return None;
        }
        pauses.sort_unstable_by_key(|pause| Reverse(*pause));
        let (longest, usual) = (pauses[0], pauses[pauses.len() / 2].max(Day::SECONDS));
        let is_longer = |pause: &&i64| **pause > usual;
        // Some report only when they have something to say.
        let is_irregular = pauses.iter().filter(is_longer).count() * IRREGULAR_PART > pauses.len();
        Some(match is_irregular {
            true => longest.saturating_mul(2).min(usual.saturating_mul(PAUSE_TIMES_MAX)),
            // A report that was left out happens again; an outage does not hide the next one.
            false => longest.clamp(usual, usual.saturating_mul(2)),
        })
    }

    /// How long after its window 95 of 100 reports of this reporter have come, seconds.
    fn delay(&self) -> i64 {
        let nth = (self.delays.len() * 95).div_ceil(100).saturating_sub(1);
        self.delays.get(nth).copied().unwrap_or_default()
    }
}

/// All messages that were told.
fn sum(told: &[(i64, f64)]) -> f64 {
    told.iter().map(|(_, messages)| messages).sum()
}

fn settled_seconds() -> i64 {
    i64::from(SETTLED_DAYS) * Day::SECONDS
}

#[cfg(test)]
mod tests;
