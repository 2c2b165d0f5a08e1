//! One value per address, gathered from many days. Each day is sorted by address.

use std::net::{IpAddr, Ipv6Addr};

use hashbrown::HashMap;

/// Most addresses of a day were there on a day before. These are in order, and a day walks along them: a year of a busy
/// domain has ten million entries, and looking each up by its hash would wait for memory as often.
#[derive(Debug)]
pub struct ByAddress<T> {
    numbers: Vec<u128>,
    of_numbers: Vec<T>,
    /// Values met since the last sorting whose address is not above all of `numbers`.
    late: HashMap<u128, T>,
    /// The value for records without a readable address.
    unreadable: Option<T>,
    /// Where in `numbers` the day is.
    at: usize,
}

impl<T> Default for ByAddress<T> {
    fn default() -> Self {
        Self {
            numbers: Vec::new(),
            of_numbers: Vec::new(),
            late: HashMap::new(),
            unreadable: None,
            at: 0,
        }
    }
}

/// Late values are sorted in once they are this part of the others.
const LATE_PART: usize = 4;
const LATE_MIN: usize = 256;

impl<T> ByAddress<T> {
    /// The value of an address; `first` makes it if there is none. Fast for ascending addresses.
    pub fn entry(&mut self, address: Option<IpAddr>, first: impl FnOnce() -> T) -> &mut T {
        let Some(address) = address else {
            return self.unreadable.get_or_insert_with(first);
        };
        let number = number_of(address);
        while self.numbers.get(self.at).is_some_and(|before| *before < number) {
            self.at += 1;
        }
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

    /// Begins the next day. `add` merges the second value of an address into the first.
    pub fn next_day(&mut self, add: impl Fn(&mut T, T)) {
        self.at = 0;
        if self.late.len() > LATE_MIN.max(self.numbers.len() / LATE_PART) {
            self.put_in_order(add);
        }
    }

    fn put_in_order(&mut self, add: impl Fn(&mut T, T)) {
        let mut late: Vec<_> = self.late.drain().collect();
        late.sort_unstable_by_key(|(number, _)| *number);
        let len = self.numbers.len() + late.len();
        let numbers = std::mem::replace(&mut self.numbers, Vec::with_capacity(len));
        let of_numbers = std::mem::replace(&mut self.of_numbers, Vec::with_capacity(len));
        let mut late = late.into_iter().peekable();
        for (number, mut one) in numbers.into_iter().zip(of_numbers) {
            while let Some((before, other)) = late.next_if(|(other, _)| *other < number) {
                self.push(before, other);
            }
            if let Some((_, same)) = late.next_if(|(other, _)| *other == number) {
                add(&mut one, same);
            }
            self.push(number, one);
        }
        for (number, one) in late {
            self.push(number, one);
        }
    }

    fn push(&mut self, number: u128, one: T) {
        self.numbers.push(number);
        self.of_numbers.push(one);
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        let is_new = |number: &&u128| self.numbers.binary_search(number).is_err();
        let late = self.late.keys().filter(is_new).count();
        self.numbers.len() + late + usize::from(self.unreadable.is_some())
    }

    /// All values, one per address, in no order.
    pub fn all(mut self, add: impl Fn(&mut T, T)) -> impl ExactSizeIterator<Item = (Option<IpAddr>, T)> {
        self.put_in_order(add);
        let readable = self.numbers.into_iter().map(|number| Some(address_of(number)));
        let mut all: Vec<_> = readable.zip(self.of_numbers).collect();
        all.extend(self.unreadable.map(|one| (None, one)));
        all.into_iter()
    }
}

/// An IPv4 address as the IPv6 address it is mapped to, which no report's address is: those are unmapped.
fn number_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn address_of(number: u128) -> IpAddr {
    Ipv6Addr::from_bits(number).to_canonical()
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
