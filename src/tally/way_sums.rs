//! The messages of each way.

use hashbrown::HashMap;

use super::Way;

/// Ways that have a place in the list: those on the first 65,536 paths. A domain has no more paths with names.
const PLACES_MAX: usize = 4 * 65_536;

/// Sums by way. Ways are small numbers, so nearly all have a place in a list.
#[derive(Debug, Default)]
pub struct WaySums {
    places: Vec<u64>,
    others: HashMap<Way, u64>,
}

impl WaySums {
    pub fn add(&mut self, way: Way, messages: u64) {
        match self.places.get_mut(way.place()) {
            Some(sum) => *sum = sum.saturating_add(messages),
            None => self.add_new(way, messages),
        }
    }

    #[cold]
    fn add_new(&mut self, way: Way, messages: u64) {
        let place = way.place();
        if place < PLACES_MAX {
            self.places.resize(place + 1, 0);
            self.places[place] = messages;
        } else {
            let sum = self.others.entry(way).or_default();
            *sum = sum.saturating_add(messages);
        }
    }

    /// The ways that have messages, with these, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Way, u64)> {
        let places = self.places.iter().enumerate();
        let places = places.map(|(place, messages)| (Way::at(place), *messages));
        let others = self.others.iter().map(|(way, messages)| (*way, *messages));
        places.chain(others).filter(|(_, messages)| *messages > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_a_map_would_be(
            added in proptest::collection::vec((prop_oneof![0_u32..40, 65_530_u32..65_540, 1_u32 << 29..1 << 30], 0_u8..4, 1_u64..9), 0..60),
        ) {
            let (mut sums, mut expected) = (WaySums::default(), BTreeMap::<Way, u64>::new());
            for (path, aligned, messages) in added {
                let way = Way::new(path, aligned);
                sums.add(way, messages);
                *expected.entry(way).or_default() += messages;
            }
            prop_assert_eq!(sums.iter().collect::<BTreeMap<_, _>>(), expected);
        }
    }

    #[test]
    fn sums_stay_at_the_largest_number() {
        let mut sums = WaySums::default();
        for path in [0, 1 << 29] {
            sums.add(Way::new(path, 1), u64::MAX);
            sums.add(Way::new(path, 1), 1);
        }
        assert!(sums.iter().all(|(_, messages)| messages == u64::MAX));
        assert_eq!(sums.iter().count(), 2);
    }
}
