//! Far more or far fewer messages than usual on a complete day.

use serde_json::json;

use super::reporters::are_mostly_silent;
use super::{DAY, Facts, Ledger};
use crate::base::{Day, DayRange, Millis};
use crate::store::{EventKind, FindingKind, Threshold};

/// Part of a day that must have been reported before it is judged.
const COMPLETE: f64 = 0.9;
/// How far back the newest complete day is looked for.
const LOOKED_BACK_DAYS: i32 = 7;
/// Weeks whose same weekday is compared, and how many of them must have messages.
const WEEKS: i32 = 5;
const WEEKS_MIN: usize = 4;
/// It is usual again with less than this many times the usual messages, and more than that part.
const USUAL_TIMES: u64 = 2;
const COOL_DOWN: Millis = 14 * DAY;
/// How long it is waited for the usual. A domain that sends nothing any more has none.
const WAITED: Millis = 40 * DAY;

pub(super) fn judge(facts: &Facts, ledger: &mut Ledger<'_>) {
    let open = ledger
        .find(FindingKind::VolumeChanged, "")
        .filter(|finding| finding.is_open);
    if let Some(finding) = open
        && facts.now.saturating_sub(finding.opened_at) > WAITED
    {
        ledger.end(finding, None);
        return;
    }
    // Where most reports stopped, it is not known how much was sent.
    if !facts.is_known() || are_mostly_silent(&facts.completeness.silent()) {
        return;
    }
    let Some(day) = newest_complete(facts) else { return };
    let Some(usual) = Usual::before(facts, day) else { return };
    let messages = messages(facts, day);
    let data = |state| {
        json!({
            "state": state,
            "day": day.to_string(),
            "message_count": messages,
            "usual_count": usual.median,
        })
    };
    let kind = FindingKind::VolumeChanged;
    if usual.is_far_from(messages) {
        let told = (EventKind::VolumeChanged, data("open"));
        ledger.begin((kind, ""), COOL_DOWN, json!({ "day": day.to_string() }), told);
    } else if let Some(finding) = open
        && usual.is_near(messages)
    {
        ledger.end(finding, Some((EventKind::VolumeChanged, data("resolved"))));
    }
}

/// The newest day of which nearly everything was reported.
fn newest_complete(facts: &Facts) -> Option<Day> {
    let range = DayRange::ending(facts.today().plus(-1), LOOKED_BACK_DAYS);
    let is_complete = |day: &Day| facts.completeness.day(*day).is_some_and(|day| day.share >= COMPLETE);
    range.iter().rev().find(is_complete)
}

fn messages(facts: &Facts, day: Day) -> u64 {
    let found = facts.days.iter().find(|one| one.day == day);
    found.map_or(0, |one| one.totals.messages())
}

/// What is usual on a weekday, and at all.
struct Usual {
    median: u64,
    /// Of all days before.
    largest: u64,
    /// Of the weekday.
    smallest: u64,
    /// A day is unusual with this many times the usual messages, or that part of them, if it has this many more or fewer.
    times: u64,
    difference_min: u64,
}

impl Usual {
    /// `None`: too little is known.
    fn before(facts: &Facts, day: Day) -> Option<Self> {
        let weeks = (1..=WEEKS).map(|week| messages(facts, day.plus(-7 * week)));
        let mut weeks: Vec<_> = weeks.filter(|messages| *messages > 0).collect();
        if weeks.len() < WEEKS_MIN {
            return None;
        }
        weeks.sort_unstable();
        let before = facts
            .days
            .iter()
            .filter(|one| one.day < day && one.day >= day.plus(-7 * WEEKS));
        Some(Self {
            median: weeks[weeks.len() / 2],
            smallest: weeks[0],
            largest: before.map(|one| one.totals.messages()).max().unwrap_or_default(),
            times: facts.threshold(Threshold::VolumeChangedTimes),
            difference_min: facts.threshold(Threshold::VolumeChangedMessages),
        })
    }

    /// Whether this is far from the usual, and from everything that was there before.
    fn is_far_from(&self, messages: u64) -> bool {
        let more = messages >= self.median.saturating_mul(self.times) && messages > self.largest;
        let fewer = messages.saturating_mul(self.times) <= self.median && messages < self.smallest / 2;
        (more || fewer) && messages.abs_diff(self.median) >= self.difference_min
    }

    fn is_near(&self, messages: u64) -> bool {
        messages < self.median.saturating_mul(USUAL_TIMES).max(self.difference_min)
            && messages.saturating_mul(USUAL_TIMES) > self.median
    }
}
