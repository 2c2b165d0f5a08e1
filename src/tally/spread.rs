//! A report's messages over the UTC days of its window.
//!
//! The report's sums are spread, separately for passed and failed messages. The days are then assigned to its records
//! in turn ([`Spread::apportion`]). A reporter may write ten messages as one record or as ten: rounded one by one,
//! ten records over two days would all fall on the first.

use std::collections::VecDeque;

use crate::base::{Day, DayRange};
use crate::report::aggregate::{Verdict, Window};

/// Longest window that is spread, in days. The messages of a longer one fall on the day of its begin, with a warning
/// from the caller.
pub const SPREAD_DAYS_MAX: i64 = 366;

/// How one window spreads over days: computed once per report.
///
/// The window is read as `[begin, end)`. Reporters differ in whether `end` is inclusive (86,399 or 86,400 s per day); read
/// so, both fall on one day, and a longer window errs by one second of its last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    days: DayRange,
    /// Seconds of the window in its first day.
    head: u64,
    /// Seconds of the window in its last day; 0 if that is also the first.
    tail: u64,
    /// Seconds of the window: head, tail and a whole day for each between.
    total: u64,
    too_long: bool,
}

/// Entries, one per record and day, that any report may add beyond its first day, however large it is. A report that
/// would add more is not spread.
pub const SPREAD_ENTRIES_MAX: u64 = 4_000_000;

/// Days that each record may add to its first. A spread costs an entry per record and day, in memory and for ever in
/// the roll-ups. With this limit it costs a small multiple of what was sent. Real reports cover a day, and some a
/// week, which is below it.
const SPREAD_FACTOR_MAX: u64 = 8;

/// Entries beyond its first day that any report may add: 1,666 records over a month, 136 over a year. Longer windows
/// are those of small reporters, which have few records.
const SPREAD_ENTRIES_FREE: u64 = 50_000;

impl Spread {
    /// The spread for a report of `records` different records over `window`. All messages fall on the first day if a
    /// spread would exceed the limits.
    pub fn bounded(window: Window, records: usize) -> Self {
        let spread = Self::for_window(window);
        let (days, records) = (spread.days.len(), records as u64);
        let added = records.saturating_mul(days.saturating_sub(1));
        let may_add = records.saturating_mul(SPREAD_FACTOR_MAX);
        if added <= may_add.clamp(SPREAD_ENTRIES_FREE, SPREAD_ENTRIES_MAX) {
            return spread;
        }
        let day = spread.days.first;
        Self {
            days: DayRange { first: day, last: day },
            head: 1,
            tail: 0,
            total: 1,
            too_long: true,
        }
    }

    /// The spread of `window`; its ends may come in either order.
    pub fn for_window(window: Window) -> Self {
        let (begin, end) = (window.begin.min(window.end), window.begin.max(window.end));
        let first = Day::from_unix(begin);
        let seconds = end.checked_sub(begin).unwrap_or(i64::MAX);
        let too_long = seconds > SPREAD_DAYS_MAX * Day::SECONDS;
        let last = if too_long { first } else { window.last_day() };
        if last == first {
            return Self {
                days: DayRange { first, last: first },
                head: 1,
                tail: 0,
                total: 1,
                too_long,
            };
        }
        let head = first.end().abs_diff(begin);
        let tail = end.abs_diff(last.begin());
        Self {
            days: DayRange { first, last },
            head,
            tail,
            total: seconds.unsigned_abs(),
            too_long,
        }
    }

    /// The days that messages fall on.
    pub fn days(&self) -> DayRange {
        self.days
    }

    /// Whether the window is longer than [`SPREAD_DAYS_MAX`], or too long for its number of records.
    pub fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// Calls `each` with the days that get messages and how many, by ascending day; the numbers sum to `count`.
    ///
    /// Proportional to the overlap by largest remainder, ties to the earlier day. Days without messages are left out, so
    /// this takes at most `count` calls.
    #[inline]
    pub fn split(&self, count: u64, each: impl FnMut(Day, u64)) {
        if self.days.first == self.days.last {
            let mut each = each;
            if count > 0 {
                each(self.days.first, count);
            }
            return;
        }
        self.split_days(count, each);
    }

    fn split_days(&self, count: u64, mut each: impl FnMut(Day, u64)) {
        // Days between the ends weigh the same, so three groups stand for all days: head, between, tail.
        let between = self.days.len() - 2;
        let sizes = [1, between, 1];
        let shares = [self.head, Day::SECONDS.unsigned_abs(), self.tail].map(|weight| self.share(count, weight));
        let mut left = count - (shares[0].0 + shares[1].0 * between + shares[2].0);
        let mut order = [0, 1, 2];
        // Stable: on a tie the earlier group comes first, and a group hands out from its first day on.
        order.sort_by_key(|&group: &usize| std::cmp::Reverse(shares[group].1));
        let mut extra = [0; 3];
        for group in order {
            extra[group] = left.min(sizes[group]);
            left -= extra[group];
        }
        let mut day = self.days.first;
        for group in 0..3 {
            let (whole, _) = shares[group];
            let served = if whole > 0 { sizes[group] } else { extra[group] };
            for nth in 0..served {
                // At most SPREAD_DAYS_MAX days are between them.
                each(day.plus(nth as i32), whole + u64::from(nth < extra[group]));
            }
            day = if group == 0 { day.plus(1) } else { self.days.last };
        }
    }

    /// Spreads all messages of a report, and calls `each` with a part, a day, and how many of its messages fall on it;
    /// a part may get a day twice. `parts` are the messages by all that tells them apart; equal ones are added up first,
    /// and their order does not matter. So the same messages give the same days, however they were grouped.
    ///
    /// The messages that passed are spread by [`Self::split`], and so are those that did not. What each day was given is
    /// handed to the kinds of verdicts, and what these were given to the parts ([`Self::hand_out`]): rows and columns
    /// add up at each step. Takes as many calls as there are parts, times days.
    pub fn apportion<K: Ord>(
        &self,
        mut parts: Vec<(Verdict, K, u64)>,
        mut each: impl FnMut(&(Verdict, K, u64), Day, u64),
    ) {
        if self.days.first == self.days.last {
            for part in parts.iter().filter(|part| part.2 > 0) {
                each(part, self.days.first, part.2);
            }
            return;
        }
        let verdict = |verdict: &Verdict| (!verdict.passes(), verdict.to_bits());
        parts.sort_unstable_by(|a, b| (verdict(&a.0), &a.1).cmp(&(verdict(&b.0), &b.1)));
        parts.dedup_by(|next, kept| {
            let same = (next.0, &next.1) == (kept.0, &kept.1);
            if same {
                kept.2 = kept.2.saturating_add(next.2);
            }
            same
        });
        let sum = |parts: &[(Verdict, K, u64)]| parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.2));
        let days = usize::try_from(self.days.len()).unwrap_or(1);
        for parts in parts.chunk_by(|a, b| a.0.passes() == b.0.passes()) {
            let mut all = vec![0; days];
            self.split(sum(parts), |day, count| all[self.position(day)] += count);
            let kinds: Vec<_> = parts.chunk_by(|a, b| a.0 == b.0).collect();
            let mut of_kinds = vec![vec![0; days]; kinds.len()];
            self.hand_out(&mut all, kinds.iter().map(|kind| sum(kind)), |kind, day, count| {
                of_kinds[kind][day] += count;
            });
            for (kind, mut all) in kinds.into_iter().zip(of_kinds) {
                self.hand_out(&mut all, kind.iter().map(|part| part.2), |part, day, count| {
                    each(&kind[part], self.day(day), count);
                });
            }
        }
    }

    /// Distributes the days of a whole to its parts: first the whole messages of each part's own share, then the
    /// rest, one message per day in turn. All of `days` and all of each part are distributed if both sums are equal
    /// and each day has at least the whole's share, rounded down.
    fn hand_out(
        &self,
        days: &mut [u64],
        parts: impl Iterator<Item = u64> + Clone,
        mut each: impl FnMut(usize, usize, u64),
    ) {
        let shares =
            |count: u64| [self.head, Day::SECONDS.unsigned_abs(), self.tail].map(|weight| self.share(count, weight).0);
        let (last, between) = (days.len() - 1, days.len() as u64 - 2);
        for (part, count) in parts.clone().enumerate() {
            let [head, whole, tail] = shares(count);
            let mut give = |day: usize, count: u64| {
                if count > 0 {
                    days[day] = days[day].saturating_sub(count);
                    each(part, day, count);
                }
            };
            give(0, head);
            if whole > 0 {
                (1..last).for_each(|day| give(day, whole));
            }
            give(last, tail);
        }
        let mut left: VecDeque<(usize, u64)> = days
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, count)| *count > 0)
            .collect();
        for (part, count) in parts.enumerate() {
            let [head, whole, tail] = shares(count);
            // The remainder of rounding down: less than one message per day.
            for _ in 0..count - (head + whole * between + tail) {
                let Some((day, count)) = left.pop_front() else { return };
                each(part, day, 1);
                if count > 1 {
                    left.push_back((day, count - 1));
                }
            }
        }
    }

    /// The day at a position of the spread's range.
    fn day(&self, position: usize) -> Day {
        // At most SPREAD_DAYS_MAX + 1 days.
        self.days.first.plus(position as i32)
    }

    fn position(&self, day: Day) -> usize {
        usize::try_from(day.0 - self.days.first.0).unwrap_or(0)
    }

    /// Whole messages and remainder (in 1/total messages) for a day of `weight` seconds.
    fn share(&self, count: u64, weight: u64) -> (u64, u64) {
        let product = u128::from(count) * u128::from(weight);
        let total = u128::from(self.total);
        // weight <= total, so the quotient is at most count and the remainder below total: both fit.
        ((product / total) as u64, (product % total) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const DAY: i64 = Day::SECONDS;

    fn split(begin: i64, end: i64, count: u64) -> Vec<(i32, u64)> {
        let mut days = Vec::new();
        Spread::for_window(Window { begin, end }).split(count, |day, n| days.push((day.0, n)));
        days
    }

    /// Largest remainder as in the textbook, for comparison.
    fn plain(begin: i64, end: i64, count: u64) -> Vec<(i32, u64)> {
        let total = u128::try_from(end - begin).unwrap();
        let mut rows: Vec<(i32, u64, u128)> = (Day::from_unix(begin).0..=Day::from_unix(end - 1).0)
            .map(|day| {
                let overlap = end.min(Day(day).end()) - begin.max(Day(day).begin());
                let product = u128::from(count) * u128::try_from(overlap).unwrap();
                (day, u64::try_from(product / total).unwrap(), product % total)
            })
            .collect();
        let left = count - rows.iter().map(|row| row.1).sum::<u64>();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.2), row.0));
        rows.iter_mut().take(left as usize).for_each(|row| row.1 += 1);
        rows.sort_by_key(|row| row.0);
        rows.into_iter()
            .filter(|row| row.1 > 0)
            .map(|row| (row.0, row.1))
            .collect()
    }

    #[test]
    fn one_day_windows() {
        assert_eq!(split(0, DAY - 1, 7), [(0, 7)]);
        assert_eq!(split(0, DAY, 7), [(0, 7)]);
        assert_eq!(split(3_600, 7_200, 7), [(0, 7)]);
        assert_eq!(split(5, 5, 7), [(0, 7)]);
        assert_eq!(split(DAY, DAY, 7), [(1, 7)]);
        assert_eq!(split(-DAY, 0, 7), [(-1, 7)]);
        assert_eq!(split(-DAY, -1, 7), [(-1, 7)]);
        assert_eq!(split(0, DAY, 0), []);
        assert_eq!(split(DAY, 0, 7), [(0, 7)]);
    }

    #[test]
    fn windows_over_days() {
        assert_eq!(split(0, 2 * DAY, 3), [(0, 2), (1, 1)]);
        assert_eq!(split(0, 2 * DAY, 1), [(0, 1)]);
        assert_eq!(split(0, 2 * DAY - 1, 2), [(0, 1), (1, 1)]);
        assert_eq!(split(-3_600, DAY - 3_600, 24), [(-1, 1), (0, 23)]);
        assert_eq!(split(-3_600, DAY - 3_600, 1), [(0, 1)]);
        assert_eq!(split(DAY / 2, DAY * 5 / 2, 2), [(0, 1), (1, 1)]);
        assert_eq!(split(0, 4 * DAY, 2), [(0, 1), (1, 1)]);
        assert_eq!(split(0, DAY + 1, 86_401), [(0, 86_400), (1, 1)]);
        assert_eq!(split(0, DAY * 2, u64::MAX), [(0, u64::MAX / 2 + 1), (1, u64::MAX / 2)]);
    }

    #[test]
    fn long_windows() {
        let longest = Spread::for_window(Window {
            begin: 0,
            end: SPREAD_DAYS_MAX * DAY,
        });
        assert_eq!((longest.days().len(), longest.is_too_long()), (366, false));
        assert_eq!(
            Spread::for_window(Window {
                begin: 1,
                end: 1 + SPREAD_DAYS_MAX * DAY
            })
            .days()
            .len(),
            367
        );
        let longer = Spread::for_window(Window {
            begin: 0,
            end: SPREAD_DAYS_MAX * DAY + 1,
        });
        assert_eq!((longer.days().len(), longer.is_too_long()), (1, true));
        assert_eq!(split(i64::MIN, i64::MAX, 9), [(i32::MIN, 9)]);
        assert_eq!(split(i64::MAX, i64::MAX, 9), [(i32::MAX, 9)]);
        let last_begin = Day(i32::MAX).begin();
        assert_eq!(
            split(last_begin - DAY, last_begin + DAY, 9),
            [(i32::MAX - 1, 5), (i32::MAX, 4)]
        );
        assert_eq!(split(i64::MAX - 5 * DAY, i64::MAX, 9), [(i32::MAX, 9)]);
    }

    /// The days that a report falls on, by its number of records and the days of its window.
    fn check_bounded(records: usize, days: i64, expect: u64) {
        let window = Window {
            begin: 0,
            end: days * DAY,
        };
        let spread = Spread::bounded(window, records);
        assert_eq!(spread.days().len(), expect, "{records} records over {days} days");
        assert_eq!(
            spread.is_too_long(),
            days as u64 != expect,
            "{records} records over {days} days"
        );
        let mut messages = 0;
        spread.split(1_000, |_, count| messages += count);
        assert_eq!(messages, 1_000);
    }

    #[test]
    fn no_report_is_spread_over_much_more_than_it_has() {
        check_bounded(0, 366, 366);
        check_bounded(136, 366, 366);
        check_bounded(137, 366, 1);
        // 33 KB as gzip, and just below SPREAD_ENTRIES_MAX.
        check_bounded(10_900, 366, 1);
        check_bounded(1_666, 31, 31);
        check_bounded(1_667, 31, 1);
        check_bounded(400_000, 9, 9);
        check_bounded(400_000, 10, 1);
        check_bounded(500_000, 9, 9);
        check_bounded(500_001, 9, 1);
        // One day is not spread: there is nothing to bound.
        check_bounded(5_000_000, 1, 1);
    }

    fn verdict(bits: u8) -> Verdict {
        Verdict::from_bits(bits).expect("a code of one of the five dispositions")
    }

    /// The results of `apportion`, added up by part and day.
    fn apportioned(window: Window, parts: &[(u8, u8, u64)]) -> BTreeMap<(u8, u8, i32), u64> {
        let mut days = BTreeMap::new();
        let parts = parts.iter().map(|(bits, key, count)| (verdict(*bits), *key, *count));
        Spread::for_window(window).apportion(parts.collect(), |part, day, count| {
            *days.entry((part.0.to_bits(), part.1, day.0)).or_default() += count;
        });
        days
    }

    #[test]
    fn the_sum_of_a_report_is_rounded_and_not_its_records() {
        let half = Window {
            begin: DAY / 2,
            end: DAY * 3 / 2,
        };
        let by_day = |window, parts: &[(u8, u8, u64)]| {
            let mut days = BTreeMap::<i32, u64>::new();
            apportioned(window, parts)
                .iter()
                .for_each(|((.., day), count)| *days.entry(*day).or_default() += count);
            days.into_values().collect::<Vec<_>>()
        };
        let ones: Vec<_> = (0..10).map(|key| (1, key, 1)).collect();
        assert_eq!(by_day(half, &[(1, 0, 10)]), [5, 5]);
        assert_eq!(by_day(half, &ones), [5, 5]);
        let week: Vec<_> = (0..70).map(|key| (3, key, 1)).collect();
        assert_eq!(by_day(Window { begin: 0, end: 7 * DAY }, &week), [10; 7]);
        // Two thirds on the first day, and of each kind of verdict about as many.
        let third = Window {
            begin: DAY / 3,
            end: DAY * 4 / 3,
        };
        let mixed: Vec<_> = (0..60).map(|key| (if key < 30 { 1 } else { 2 }, key, 1)).collect();
        assert_eq!(by_day(third, &mixed), [40, 20]);
        assert_eq!(by_day(third, &mixed[..30]), [20, 10]);
        let of_kind = apportioned(third, &mixed);
        assert_eq!(
            of_kind
                .iter()
                .filter(|((bits, _, day), _)| (*bits, *day) == (2, 0))
                .count(),
            20
        );
    }

    proptest! {
        /// `cuts` states how each kind of messages is grouped into records, and `turn` the order of these.
        #[test]
        fn any_grouping_and_order_gives_the_same_days(
            begin in -1_000_000i64..1_000_000, seconds in 1..40 * DAY,
            kinds in proptest::collection::vec((0u8..40, 0u8..6, 0u64..60), 1..12),
            cuts in proptest::collection::vec(1u64..9, 1..20), turn in any::<proptest::sample::Index>(), back in any::<bool>(),
        ) {
            let window = Window { begin, end: begin + seconds };
            let mut cuts = cuts.iter().cycle();
            let mut records = Vec::new();
            for (bits, key, count) in &kinds {
                let mut left = *count;
                while left > 0 {
                    let one = left.min(*cuts.next().unwrap());
                    records.push((*bits, *key, one));
                    left -= one;
                }
            }
            if !records.is_empty() {
                let at = turn.index(records.len());
                records.rotate_left(at);
            }
            if back {
                records.reverse();
            }
            let days = apportioned(window, &kinds);
            prop_assert_eq!(&apportioned(window, &records), &days);
            // No message of any kind is lost or invented, and each day has its share of the report's sum.
            for (bits, key, _) in &kinds {
                let sent: u64 = kinds.iter().filter(|kind| (kind.0, kind.1) == (*bits, *key)).map(|kind| kind.2).sum();
                let placed: u64 = days.iter().filter(|(part, _)| (part.0, part.1) == (*bits, *key)).map(|one| one.1).sum();
                prop_assert_eq!(sent, placed);
            }
            for passes in [true, false] {
                let sent = kinds.iter().filter(|kind| verdict(kind.0).passes() == passes).map(|kind| kind.2).sum();
                let mut sums = BTreeMap::<i32, u64>::new();
                for ((bits, _, day), count) in &days {
                    if verdict(*bits).passes() == passes {
                        *sums.entry(*day).or_default() += count;
                    }
                }
                prop_assert_eq!(sums.into_iter().collect::<Vec<_>>(), plain(begin, begin + seconds, sent));
            }
        }

        #[test]
        fn sums_are_kept(begin in any::<i64>(), end in any::<i64>(), count in any::<u64>()) {
            let days = split(begin, end, count);
            prop_assert_eq!(days.iter().map(|d| u128::from(d.1)).sum::<u128>(), u128::from(count));
        }

        #[test]
        fn as_in_the_textbook(begin in -1_000_000i64..1_000_000, seconds in 1..40 * DAY,
                              count in prop_oneof![0u64..50, any::<u64>()]) {
            prop_assert_eq!(split(begin, begin + seconds, count), plain(begin, begin + seconds, count));
        }

        #[test]
        fn whole_days_as_in_the_textbook(first in -400i64..400, days in 1i64..=366, count in 0u64..2_000) {
            let (begin, end) = (first * DAY, (first + days) * DAY);
            prop_assert_eq!(split(begin, end, count), plain(begin, end, count));
        }

        #[test]
        fn days_ascend_inside_the_window(begin in -10_000_000i64..10_000_000, seconds in 0..367 * DAY, count in 1u64..1_000) {
            let spread = Spread::for_window(Window { begin, end: begin + seconds });
            let days = split(begin, begin + seconds, count);
            prop_assert!(days.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(days.iter().all(|&(day, n)| n > 0 && spread.days().contains(Day(day))));
        }
    }
}
