//! Sums of one report's records: in all, by day, and by day, source and path. The only place that adds records up;
//! recounting uses it too.

use std::cmp::{Ordering, Reverse};
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::paths::{Path, PathBook, PathList};
use super::signers::{Signed, signed, signers};
use super::{Handled, Spread, Totals, Way};
use crate::base::{Day, organizational_domain};
use crate::report::aggregate::{Evidence, Verdict, Window};

/// Paths that a report keeps with their names: those with the most messages. The others lose their names, so that no
/// report fills the days with names.
const NAMED_PATHS_MAX: usize = 256;

/// Records for whose sources room is made at once: most have sources of their own in small reports, and few in large ones.
const RESERVED_MAX: usize = 64;

/// The messages of one day that came from one address on one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceTotals {
    /// `None` for records without a readable address.
    pub address: Option<IpAddr>,
    pub way: Way,
    pub handled: Handled,
}

impl SourceTotals {
    /// The order of entries: no address first, then IPv4, then IPv6; then by way.
    pub fn order(&self, other: &Self) -> Ordering {
        let by_address = match (self.address, other.address) {
            (Some(IpAddr::V4(one)), Some(IpAddr::V4(other))) => one.to_bits().cmp(&other.to_bits()),
            (one, other) => one.cmp(&other),
        };
        by_address.then_with(|| self.way.cmp(&other.way))
    }
}

/// The sources of one day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DaySources {
    /// By number. Some may have no entry.
    pub paths: Arc<PathList>,
    /// In their order, without repetition.
    pub entries: Vec<SourceTotals>,
}

impl DaySources {
    /// The addresses, ascending, each once.
    pub fn addresses(&self) -> impl Iterator<Item = Option<IpAddr>> {
        let groups = self.entries.chunk_by(|a, b| a.address == b.address);
        groups.map(|of_address| of_address[0].address)
    }
}

/// Sorts entries, and adds up those of one address and way. Fast for a few sorted lists, one behind the other.
pub fn added_up(mut entries: Vec<SourceTotals>) -> Vec<SourceTotals> {
    if entries.is_sorted_by(|a, b| a.order(b).is_lt()) {
        return entries;
    }
    entries.sort_by(SourceTotals::order);
    entries.dedup_by(|next, kept| {
        let is_same = next.order(kept).is_eq();
        if is_same {
            kept.handled.add(&next.handled);
        }
        is_same
    });
    entries
}

/// What a report adds to one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFigures {
    pub day: Day,
    pub totals: Totals,
    pub sources: Arc<DaySources>,
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
    paths: Paths,
}

/// The paths of a report.
struct Paths {
    /// Of the domain that the report is about.
    organization: Box<str>,
    book: PathBook,
    /// Messages by number of the path.
    messages: Vec<u64>,
    /// By the number of the evidence.
    of_evidence: HashMap<usize, u32>,
    /// The evidence of the last record, which the next one often has, too.
    last: Option<(usize, u32)>,
    bytes: Vec<u8>,
}

impl Paths {
    fn number(&mut self, count: u64, (number, evidence): (usize, &Evidence)) -> u32 {
        let path = match self.last {
            Some((last, path)) if last == number => path,
            _ => *self.of_evidence.entry(number).or_insert_with(|| {
                self.bytes.clear();
                Path::new(evidence, &self.organization).write(&mut self.bytes);
                self.book.number(&self.bytes)
            }),
        };
        self.last = Some((number, path));
        if self.messages.len() <= path as usize {
            self.messages.resize(path as usize + 1, 0);
        }
        let messages = &mut self.messages[path as usize];
        *messages = messages.saturating_add(count);
        path
    }

    /// The paths that are kept, and where their numbers differ, the new number for each old one.
    fn kept(self) -> (Arc<PathList>, Option<Vec<u32>>) {
        let list = self.book.into_list();
        if list.len() <= NAMED_PATHS_MAX {
            return (Arc::new(list), None);
        }
        let mut order: Vec<u32> = (0..list.len() as u32).collect();
        order.sort_unstable_by_key(|number| (Reverse(self.messages[*number as usize]), list.get(*number)));
        let mut book = PathBook::bounded(NAMED_PATHS_MAX);
        let mut numbers = vec![0; order.len()];
        for number in order {
            numbers[number as usize] = book.number(list.get(number));
        }
        (Arc::new(book.into_list()), Some(numbers))
    }
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
struct DaySums {
    totals: Totals,
    sources: HashMap<(Option<IpAddr>, Way), Handled>,
    /// By the number of their evidence.
    evidence: Parts,
}

impl DaySums {
    fn add(&mut self, (source, path): (Option<IpAddr>, u32), verdict: Verdict, count: u64, evidence: usize) {
        self.totals.add_verdict(verdict, count);
        let way = Way::of_verdict(path, verdict);
        let handled = self.sources.entry((source, way)).or_default();
        handled.add_messages(verdict.disposition, count);
        self.evidence.add(evidence, count);
    }

    /// The figures of a day that has messages. `numbers` are those that paths have now, where they differ.
    fn finish<'e>(
        self,
        day: Day,
        (paths, numbers): (&Arc<PathList>, Option<&[u32]>),
        evidence: impl Fn(usize) -> Option<&'e Evidence>,
    ) -> DayFigures {
        let entries = self.sources.into_iter().map(|((address, way), handled)| SourceTotals {
            address,
            way: numbers.map_or(way, |numbers| way.on(numbers[way.path() as usize])),
            handled,
        });
        let counts = self.evidence.merged().into_iter();
        DayFigures {
            day,
            totals: self.totals,
            sources: Arc::new(DaySources {
                paths: Arc::clone(paths),
                entries: added_up(entries.collect()),
            }),
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
    /// For a report over `window` about a domain.
    pub fn new(window: Window, policy_domain: &str) -> Self {
        Self {
            window,
            totals: Totals::default(),
            one_day: DaySums::default(),
            to_spread: HashMap::new(),
            is_one_day: Spread::for_window(window).days().len() == 1,
            paths: Paths {
                organization: organizational_domain(policy_domain).into(),
                book: PathBook::bounded(usize::MAX),
                messages: Vec::new(),
                of_evidence: HashMap::new(),
                last: None,
                bytes: Vec::new(),
            },
        }
    }

    /// Makes room for about this many pieces of evidence and records.
    pub fn reserve(&mut self, evidence: usize, records: usize) {
        self.paths.of_evidence.reserve(evidence);
        if self.is_one_day {
            self.one_day.sources.reserve(records.min(RESERVED_MAX));
        }
    }

    /// Adds one record with its evidence, which the caller knows by a number.
    pub fn add(&mut self, source: Option<IpAddr>, verdict: Verdict, count: u64, evidence: (usize, &Evidence)) {
        self.totals.add_verdict(verdict, count);
        if count == 0 {
            return;
        }
        if self.is_one_day {
            let path = self.paths.number(count, evidence);
            self.one_day.add((source, path), verdict, count, evidence.0);
        } else {
            let known = self.to_spread.entry((verdict, source, evidence.0)).or_default();
            *known = known.saturating_add(count);
        }
    }

    /// The sums: in all, and by day. `evidence` gives it by its number.
    pub fn finish<'e>(self, evidence: impl Fn(usize) -> Option<&'e Evidence>) -> Summed {
        if self.is_one_day {
            let spread = Spread::for_window(self.window);
            let (paths, numbers) = self.paths.kept();
            let day = (self.totals.messages() > 0).then(|| {
                self.one_day
                    .finish(spread.days().first, (&paths, numbers.as_deref()), evidence)
            });
            return Summed {
                totals: self.totals,
                days: day.into_iter().collect(),
                is_too_long: spread.is_too_long(),
            };
        }
        self.finish_days(evidence)
    }

    fn finish_days<'e>(mut self, evidence: impl Fn(usize) -> Option<&'e Evidence>) -> Summed {
        // Evidence has another number in the database than here, so that messages are told apart by what is added up of
        // it: who signed them, and the path.
        let numbers: HashSet<usize> = self.to_spread.keys().map(|(.., number)| *number).collect();
        let organization = &*self.paths.organization;
        let told_apart = |number| {
            let of = evidence(number)?;
            let mut path = Vec::new();
            Path::new(of, organization).write(&mut path);
            Some((signers(of), path))
        };
        let mut told: Vec<_> = numbers.into_iter().map(|number| (told_apart(number), number)).collect();
        told.sort_unstable();
        let mut ranks = HashMap::with_capacity(told.len());
        let mut stands_for = Vec::new();
        for same in told.chunk_by(|a, b| a.0 == b.0) {
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
        let none = Evidence::default();
        let parts = parts.into_iter().map(|((verdict, key), count)| (verdict, key, count));
        spread.apportion(parts.collect(), |(verdict, (source, rank), _), day, count| {
            // The spread gives days of its own range.
            if let Some(sums) = days.get_mut((day.0 - first.0) as usize) {
                let number = stands_for[*rank];
                let of = evidence(number).unwrap_or(&none);
                let path = self.paths.number(count, (number, of));
                sums.add((*source, path), *verdict, count, number);
            }
        });
        let (paths, numbers) = self.paths.kept();
        let days = days.into_iter().zip(0..).filter(|(sums, _)| sums.totals.messages() > 0);
        Summed {
            totals: self.totals,
            days: days
                .map(|(sums, nth)| sums.finish(first.plus(nth), (&paths, numbers.as_deref()), &evidence))
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
