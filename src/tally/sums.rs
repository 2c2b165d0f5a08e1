//! Sums of one report's records: in all, by day, and by day and source. The only place that adds records up; recounting
//! uses it too.

use std::net::IpAddr;

use hashbrown::{HashMap, HashSet};

use super::signers::{Signed, signed, signers};
use super::{Spread, Totals};
use crate::base::Day;
use crate::report::aggregate::{Evidence, Verdict, Window};

/// An address and its totals on one day.
pub type SourceTotals = (Option<IpAddr>, Totals);

/// What a report adds to one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFigures {
    pub day: Day,
    pub totals: Totals,
    /// By ascending address, without repetition.
    pub sources: Vec<SourceTotals>,
    /// By ascending domain and selector, without repetition.
    pub signed: Vec<Signed>,
}

/// Adds up one report's records.
pub struct Figures {
    window: Window,
    totals: Totals,
    /// The sums of a window of one day.
    one_day: DaySums,
    /// The messages of a window of several days by all that tells them apart; they are spread when all are known.
    to_spread: HashMap<(Verdict, Option<IpAddr>, usize), u64>,
    is_one_day: bool,
}

/// The sums of one report.
pub struct Summed {
    pub totals: Totals,
    /// The days that have messages, ascending.
    pub days: Vec<DayFigures>,
    /// Whether the window is too long to be spread over days.
    pub is_too_long: bool,
}

/// The messages of one day.
#[derive(Default)]
pub struct DaySums {
    totals: Totals,
    sources: HashMap<Option<IpAddr>, Totals>,
    /// By the number of their evidence.
    evidence: Parts,
}

impl DaySums {
    pub fn add(&mut self, source: Option<IpAddr>, verdict: Verdict, count: u64, evidence: usize) {
        self.totals.add_verdict(verdict, count);
        self.sources.entry(source).or_default().add_verdict(verdict, count);
        self.evidence.add(evidence, count);
    }

    /// The figures of a day that has messages.
    pub fn finish<'e>(self, day: Day, evidence: impl Fn(usize) -> Option<&'e Evidence>) -> DayFigures {
        let mut sources: Vec<_> = self.sources.into_iter().collect();
        sources.sort_unstable_by_key(|(address, _)| *address);
        let counts = self.evidence.merged().into_iter();
        DayFigures {
            day,
            totals: self.totals,
            sources,
            signed: signed(counts.filter_map(|(nth, count)| Some((evidence(nth)?, count)))),
        }
    }
}

/// Counts by number. A vector that is sorted and merged from time to time: for the few records of most reports that is
/// faster than a hash per record. Holds at most twice as many entries as there are numbers, or [`PARTS_MIN`].
struct Parts {
    parts: Vec<(usize, u64)>,
    /// Number of entries at which they are merged.
    full: usize,
}

/// Number of entries below which they are merged only at the end.
const PARTS_MIN: usize = 1_024;

impl Default for Parts {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            full: PARTS_MIN,
        }
    }
}

impl Parts {
    fn add(&mut self, number: usize, count: u64) {
        match self.parts.last_mut() {
            Some((last, sum)) if *last == number => *sum = sum.saturating_add(count),
            _ => self.parts.push((number, count)),
        }
        if self.parts.len() >= self.full {
            self.merge();
            self.full = PARTS_MIN.max(2 * self.parts.len());
        }
    }

    fn merge(&mut self) {
        self.parts.sort_unstable_by_key(|(number, _)| *number);
        self.parts.dedup_by(|(number, count), (kept, sum)| {
            let is_same = number == kept;
            if is_same {
                *sum = sum.saturating_add(*count);
            }
            is_same
        });
    }

    /// Each number once, ascending.
    fn merged(mut self) -> Vec<(usize, u64)> {
        self.merge();
        self.parts
    }
}

impl Figures {
    /// For a report over `window`.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            totals: Totals::default(),
            one_day: DaySums::default(),
            to_spread: HashMap::new(),
            is_one_day: Spread::for_window(window).days().len() == 1,
        }
    }

    /// Adds one record, whose evidence the caller knows by a number.
    pub fn add(&mut self, source: Option<IpAddr>, verdict: Verdict, count: u64, evidence: usize) {
        self.totals.add_verdict(verdict, count);
        if count == 0 {
            return;
        }
        if self.is_one_day {
            self.one_day.add(source, verdict, count, evidence);
        } else {
            let known = self.to_spread.entry((verdict, source, evidence)).or_default();
            *known = known.saturating_add(count);
        }
    }

    /// The sums: in all, and by day.
    pub fn finish<'e>(self, evidence: impl Fn(usize) -> Option<&'e Evidence>) -> Summed {
        if self.is_one_day {
            let spread = Spread::for_window(self.window);
            let day = (self.totals.messages() > 0).then(|| self.one_day.finish(spread.days().first, evidence));
            return Summed {
                totals: self.totals,
                days: day.into_iter().collect(),
                is_too_long: spread.is_too_long(),
            };
        }
        // Evidence has another number in the database than here, so that messages are told apart by what is added up of
        // it: who signed them.
        let numbers: HashSet<usize> = self.to_spread.keys().map(|(.., number)| *number).collect();
        let signers = |number| evidence(number).map(signers).unwrap_or_default();
        let mut signers: Vec<_> = numbers.into_iter().map(|number| (signers(number), number)).collect();
        signers.sort_unstable();
        let mut ranks = HashMap::with_capacity(signers.len());
        let mut stands_for = Vec::new();
        for same in signers.chunk_by(|a, b| a.0 == b.0) {
            same.iter()
                .for_each(|(_, number)| _ = ranks.insert(*number, stands_for.len()));
            stands_for.extend(same.first().map(|(_, number)| *number));
        }
        let mut parts: HashMap<_, u64> = HashMap::with_capacity(self.to_spread.len());
        for ((verdict, source, number), count) in self.to_spread {
            let known = parts.entry((verdict, (source, ranks[&number]))).or_default();
            *known = known.saturating_add(count);
        }
        let spread = Spread::bounded(self.window, parts.len());
        let first = spread.days().first;
        let mut days = Vec::new();
        days.resize_with(usize::try_from(spread.days().len()).unwrap_or(1), DaySums::default);
        let parts = parts.into_iter().map(|((verdict, key), count)| (verdict, key, count));
        spread.apportion(parts.collect(), |(verdict, (source, rank), _), day, count| {
            // The spread gives days of its own range.
            if let Some(sums) = days.get_mut((day.0 - first.0) as usize) {
                sums.add(*source, *verdict, count, stands_for[*rank]);
            }
        });
        let days = days.into_iter().zip(0..).filter(|(sums, _)| sums.totals.messages() > 0);
        Summed {
            totals: self.totals,
            days: days
                .map(|(sums, nth)| sums.finish(first.plus(nth), &evidence))
                .collect(),
            is_too_long: spread.is_too_long(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// More counts than are merged at once, of few and of many numbers.
        #[test]
        fn counts_add_up_by_number(
            numbers in prop_oneof![1_usize..20, 1_000_usize..9_000],
            counts in proptest::collection::vec((any::<usize>(), 1_u64..9), 0..3 * PARTS_MIN),
        ) {
            let (mut parts, mut expected) = (Parts::default(), BTreeMap::<_, u64>::new());
            for (number, count) in counts {
                parts.add(number % numbers, count);
                *expected.entry(number % numbers).or_default() += count;
            }
            prop_assert_eq!(parts.merged(), expected.into_iter().collect::<Vec<_>>());
        }
    }
}
