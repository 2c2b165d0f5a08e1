//! How a range of days compares with as many days before it.

use super::sums::pass_rate;
use crate::api::{ComparisonBody, PeriodBody};
use crate::base::{Day, DayRange};
use crate::store::Stretches;
use crate::tally::Totals;

/// The complete days of a range, and as many before it. Today is never complete: its reports come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comparison {
    pub before: DayRange,
    pub complete: DayRange,
    range: DayRange,
}

impl Comparison {
    /// For a range of days; `before` and `complete` are empty if it has no complete day.
    pub(super) fn new(range: DayRange, today: Day) -> Self {
        let complete = DayRange {
            first: range.first,
            last: range.last.min(today.plus(-1)),
        };
        let days = i32::try_from(complete.len()).unwrap_or(i32::MAX);
        let before = DayRange::ending(range.first.plus(-1), days);
        Self {
            before,
            complete,
            range,
        }
    }

    /// The days before, the complete days, and the others of the range.
    pub(super) fn stretches(&self) -> Stretches {
        let days = i32::try_from(self.complete.len()).unwrap_or(i32::MAX);
        Stretches {
            first: [self.before.first, self.range.first, self.range.first.plus(days)],
            last: self.range.last,
        }
    }

    /// The body; `None` if no day of the range is complete.
    pub(super) fn body(&self, before: &Totals, complete: &Totals) -> Option<ComparisonBody> {
        let period = |range: DayRange, totals: &Totals| PeriodBody {
            from: range.first.to_string(),
            to: range.last.to_string(),
            total_messages: totals.messages(),
            failed_messages: totals.fail,
            pass_rate: pass_rate(totals.pass, totals.fail),
        };
        (!self.complete.is_empty()).then(|| ComparisonBody {
            complete: period(self.complete, complete),
            before: period(self.before, before),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_days_are_compared_with_as_many_before_them() {
        let range = |first, last| DayRange {
            first: Day(first),
            last: Day(last),
        };
        for (asked, complete, before, stretches) in [
            // Up to today, up to yesterday, of the past, of today alone, of the future.
            ((71, 100), (71, 99), (42, 70), [42, 71, 100]),
            ((70, 99), (70, 99), (40, 69), [40, 70, 100]),
            ((10, 19), (10, 19), (0, 9), [0, 10, 20]),
            ((100, 100), (100, 99), (100, 99), [100, 100, 100]),
            ((101, 110), (101, 99), (101, 100), [101, 101, 101]),
        ] {
            let found = Comparison::new(range(asked.0, asked.1), Day(100));
            assert_eq!(found.complete, range(complete.0, complete.1));
            assert_eq!(found.before, range(before.0, before.1));
            assert_eq!(found.stretches().first, stretches.map(Day));
            assert_eq!(found.stretches().last, Day(asked.1));
            let body = found.body(&Totals::default(), &Totals::default());
            assert_eq!(body.is_some(), complete.0 <= complete.1);
        }
    }
}
