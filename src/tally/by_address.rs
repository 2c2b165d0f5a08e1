//! One value per address, gathered from many days. Each day is sorted by address.

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::HashMap;

/// One value per address.
#[derive(Debug)]
pub struct ByAddress<T> {
    v4: InOrder<u32, T>,
    v6: InOrder<u128, T>,
    /// The value for records without a readable address.
    unreadable: Option<T>,
}

impl<T> Default for ByAddress<T> {
    fn default() -> Self {
        Self {
            v4: InOrder::default(),
            v6: InOrder::default(),
            unreadable: None,
        }
    }
}

impl<T> ByAddress<T> {
    /// The value of an address; `first` makes it if there is none. Fast for ascending addresses.
    pub fn entry(&mut self, address: Option<IpAddr>, first: impl FnOnce() -> T) -> &mut T {
        match address {
            Some(IpAddr::V4(address)) => self.v4.entry(address.to_bits(), first),
            Some(IpAddr::V6(address)) => self.v6.entry(address.to_bits(), first),
            None => self.unreadable.get_or_insert_with(first),
        }
    }

    /// Begins the next day. `add` merges the second value of an address into the first.
    pub fn next_day(&mut self, add: impl Fn(&mut T, T)) {
        self.v4.next_day(&add);
        self.v6.next_day(&add);
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.v4.count() + self.v6.count() + usize::from(self.unreadable.is_some())
    }

    /// All values, one per address, in no order.
    pub fn all(mut self, add: impl Fn(&mut T, T)) -> impl Iterator<Item = (Option<IpAddr>, T)> {
        self.v4.put_in_order(&add);
        self.v6.put_in_order(&add);
        let v4 = self.v4.numbers.into_iter().zip(self.v4.of_numbers);
        let v4 = v4.map(|(number, one)| (Some(Ipv4Addr::from_bits(number).into()), one));
        let v6 = self.v6.numbers.into_iter().zip(self.v6.of_numbers);
        let v6 = v6.map(|(number, one)| (Some(Ipv6Addr::from_bits(number).into()), one));
        let unreadable = self.unreadable.map(|one| (None, one));
        v4.chain(v6).chain(unreadable)
    }
}

/// Most addresses of a day were there on a day before. These are in order, and a day walks along them: a year of a busy
/// domain has ten million entries, and looking each up by its hash would wait for memory as often.
#[derive(Debug)]
struct InOrder<K, T> {
    numbers: Vec<K>,
    of_numbers: Vec<T>,
    /// Values met since the last sorting whose address is not above all of `numbers`.
    late: HashMap<K, T>,
    /// Where in `numbers` the day is.
    at: usize,
}

impl<K, T> Default for InOrder<K, T> {
    fn default() -> Self {
        Self {
            numbers: Vec::new(),
            of_numbers: Vec::new(),
            late: HashMap::new(),
            at: 0,
        }
    }
}

/// Late values are sorted in once they are this part of the others.
const LATE_PART: usize = 4;
const LATE_MIN: usize = 256;

impl<K: Copy + Ord + Hash, T> InOrder<K, T> {
    fn entry(&mut self, number: K, first: impl FnOnce() -> T) -> &mut T {
        self.pass_below(number);
        if self.numbers.last().is_none_or(|last| *last < number) {
            // Appending keeps the order. On the first day every address in order takes this path.
            self.push(number, first());
            return &mut self.of_numbers[self.at];
        }
        match self.numbers.get(self.at) {
            Some(known) if *known == number => &mut self.of_numbers[self.at],
            _ => self.late.entry(number).or_insert_with(first),
        }
    }

    /// Passes the addresses below this one, twice as many each time: how many those are cannot be predicted.
    fn pass_below(&mut self, number: K) {
        let is_below = |at: usize| self.numbers.get(at).is_some_and(|known| *known < number);
        if !is_below(self.at) {
            return;
        }
        let (mut at, mut step) = (self.at, 1);
        while is_below(at + step) {
            at += step;
            step *= 2;
        }
        // The one at `at` is below; that a step behind it is not, or is not there.
        let end = (at + step).min(self.numbers.len());
        self.at = at + 1 + self.numbers[at + 1..end].partition_point(|known| *known < number);
    }

    fn next_day(&mut self, add: impl Fn(&mut T, T)) {
        self.at = 0;
        if self.late.len() > LATE_MIN.max(self.numbers.len() / LATE_PART) {
            self.put_in_order(add);
        }
    }

    fn put_in_order(&mut self, add: impl Fn(&mut T, T)) {
        if self.late.is_empty() {
            return;
        }
        let mut late: Vec<_> = self.late.drain().collect();
        late.sort_unstable_by_key(|(number, _)| *number);
        let len = self.numbers.len() + late.len();
        let numbers = std::mem::replace(&mut self.numbers, Vec::with_capacity(len));
        let of_numbers = std::mem::replace(&mut self.of_numbers, Vec::with_capacity(len));
        // Values are moved alone: a pair of a small number and a value is slow to move.
        let (late, of_late): (Vec<K>, Vec<T>) = late.into_iter().unzip();
        let mut late = late.into_iter().peekable();
        let mut of_late = of_late.into_iter();
        for (number, one) in numbers.into_iter().zip(of_numbers) {
            while let Some(before) = late.next_if(|other| *other < number) {
                self.numbers.push(before);
                self.of_numbers.extend(of_late.next());
            }
            self.push(number, one);
            if late.next_if_eq(&number).is_some()
                && let (Some(one), Some(same)) = (self.of_numbers.last_mut(), of_late.next())
            {
                add(one, same);
            }
        }
        self.numbers.extend(late);
        self.of_numbers.extend(of_late);
    }

    fn push(&mut self, number: K, one: T) {
        self.numbers.push(number);
        self.of_numbers.push(one);
    }

    fn count(&self) -> usize {
        let is_new = |number: &&K| self.numbers.binary_search(number).is_err();
        self.numbers.len() + self.late.keys().filter(is_new).count()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use crate::tally::by_address::*;

    fn address() -> impl Strategy<Value = Option<IpAddr>> {
        prop_oneof![
            Just(None),
            (0_u32..2_000).prop_map(|low| Some(IpAddr::V4((0xc633_6400 + low).into()))),
            // Below and above where IPv4 addresses come in the order of the numbers.
            (0_u128..40).prop_map(|low| Some(IpAddr::V6(low.into()))),
            (0_u128..400).prop_map(|low| Some(IpAddr::V6(((0x2001_0db8 << 96) + low).into()))),
        ]
    }

    /// Days as they should be, and days in any order.
    fn days() -> impl Strategy<Value = Vec<Vec<Option<IpAddr>>>> {
        let day = (proptest::collection::vec(address(), 0..600), 0..4).prop_map(|(mut day, luck)| {
            if luck > 0 {
                day.sort_unstable();
            }
            day
        });
        proptest::collection::vec(day, 0..8)
    }

    proptest! {
        #[test]
        fn it_is_what_a_map_would_be(days in days()) {
            let mut expected = BTreeMap::<_, u64>::new();
            let mut gathered = ByAddress::<u64>::default();
            for day in &days {
                gathered.next_day(|one, other| *one += other);
                for &address in day {
                    *expected.entry(address).or_default() += 1;
                    *gathered.entry(address, || 0) += 1;
                }
            }
            prop_assert_eq!(gathered.count(), expected.len());
            let all: Vec<_> = gathered.all(|one, other| *one += other).collect();
            prop_assert_eq!(all.len(), expected.len());
            prop_assert_eq!(all.into_iter().collect::<BTreeMap<_, _>>(), expected);
        }
    }
}
