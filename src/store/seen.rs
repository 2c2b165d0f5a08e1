//! One address in a range of days.

use std::net::IpAddr;

use crate::base::Day;
use crate::tally::{Handled, Totals, Way};

use super::Source;

/// One address in a range of days.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Messages by what is aligned ([`Way::bits`]), and by disposition: a year adds hundreds of thousands of these up.
    aligned: [u64; 4],
    handled: [u64; 3],
    first: Day,
    last: Day,
}

impl Seen {
    pub fn new(day: Day) -> Self {
        Self {
            aligned: [0; 4],
            handled: [0; 3],
            first: day,
            last: day,
        }
    }

    /// Adds messages of a day. Days ascend.
    pub fn on(&mut self, day: Day, way: Way, handled: &Handled) {
        let Handled {
            messages,
            none,
            quarantine,
            reject,
        } = *handled;
        let aligned = &mut self.aligned[usize::from(way.bits())];
        *aligned = aligned.saturating_add(messages);
        add_each(&mut self.handled, [none, quarantine, reject]);
        self.last = day;
    }

    pub fn add(&mut self, other: Self) {
        add_each(&mut self.aligned, other.aligned);
        add_each(&mut self.handled, other.handled);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    pub fn source(self, address: Option<IpAddr>) -> Source {
        let [neither, dkim, spf, both] = self.aligned;
        let [none, quarantine, reject] = self.handled;
        let sum = |parts: &[u64]| {
            let sum = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(*part));
            sum.min(Totals::SUM_MAX)
        };
        Source {
            address,
            totals: Totals {
                pass: sum(&[dkim, spf, both]),
                fail: sum(&[neither]),
                dkim_aligned: sum(&[dkim, both]),
                spf_aligned: sum(&[spf, both]),
                none: sum(&[none]),
                quarantine: sum(&[quarantine]),
                reject: sum(&[reject]),
            },
            first_seen: self.first,
            last_seen: self.last,
        }
    }
}

fn add_each<const N: usize>(sums: &mut [u64; N], more: [u64; N]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = sum.saturating_add(more);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn handled() -> impl Strategy<Value = Handled> {
        let count = || prop_oneof![0_u64..100, Just(Totals::SUM_MAX)];
        (count(), count(), count()).prop_map(|(none, quarantine, reject)| Handled {
            messages: (none + quarantine + reject).min(Totals::SUM_MAX),
            none,
            quarantine,
            reject,
        })
    }

    proptest! {
        #[test]
        fn its_totals_are_those_of_its_entries(entries in proptest::collection::vec((0_u8..4, handled()), 1..30)) {
            let mut expected = Totals::default();
            let mut parts = [Seen::new(Day(3)), Seen::new(Day(4))];
            for (nth, (aligned, handled)) in entries.iter().enumerate() {
                let way = Way::new(7, *aligned);
                expected.add(&handled.totals(way));
                parts[nth % 2].on(Day(5), way, handled);
            }
            let [mut sum, other] = parts;
            sum.add(other);
            let source = sum.source(None);
            prop_assert_eq!(source.totals, expected);
            prop_assert_eq!((source.first_seen, source.last_seen), (Day(3), Day(5)));
        }
    }
}
