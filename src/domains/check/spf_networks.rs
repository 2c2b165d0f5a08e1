//! Networks that follow each other in an SPF record, looked up by their lengths: a record may have tens of thousands.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use crate::base::Network;

/// Networks in their order, each with what a match means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Networks<T> {
    /// With the place in the order.
    known: HashMap<Network, (usize, T)>,
    /// Networks that come again with another meaning: the first of these.
    again: HashMap<Network, (usize, T)>,
    /// Lengths of `known`: at most 129.
    lengths: BTreeSet<u8>,
    /// The next place.
    next: usize,
}

impl<T: Copy + PartialEq> Networks<T> {
    /// Networks whose match means the same.
    pub(super) fn new(networks: impl IntoIterator<Item = Network>, meaning: T) -> Self {
        let mut all = Self {
            known: HashMap::new(),
            again: HashMap::new(),
            lengths: BTreeSet::new(),
            next: 0,
        };
        for network in networks {
            all.add(network, (all.next, meaning));
        }
        all
    }

    /// Adds networks that come behind these.
    pub(super) fn append(&mut self, behind: Self) {
        let offset = self.next;
        for (network, (place, meaning)) in behind.known.into_iter().chain(behind.again) {
            self.add(network, (offset + place, meaning));
        }
    }

    fn add(&mut self, network: Network, (place, meaning): (usize, T)) {
        let (_, first) = *self.known.entry(network).or_insert((place, meaning));
        if first != meaning {
            self.again.entry(network).or_insert((place, meaning));
        }
        self.lengths.insert(network.bits());
        self.next = self.next.max(place + 1);
    }

    /// What the match of the first network means that has the address, of those with a meaning that counts. All but one meaning
    /// must. One lookup for each length.
    pub(super) fn first(&self, address: IpAddr, counts: impl Fn(T) -> bool) -> Option<T> {
        let known = |&bits: &u8| {
            let network = Network::new(address, bits);
            let counting = |found: Option<&(usize, T)>| found.copied().filter(|(_, meaning)| counts(*meaning));
            counting(self.known.get(&network)).or_else(|| counting(self.again.get(&network)))
        };
        let matches = self.lengths.iter().filter_map(known);
        matches.min_by_key(|(place, _)| *place).map(|(_, meaning)| meaning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address() -> impl Strategy<Value = IpAddr> {
        // Few bits vary, so that networks overlap.
        (0_u8..2, 0_u8..4, 0_u8..16).prop_map(|(family, c, d)| match family {
            0 => IpAddr::from([192, 0, c, d]),
            _ => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, u16::from(c), u16::from(d)]),
        })
    }

    proptest! {
        #[test]
        fn the_first_network_in_order_counts(
            terms in proptest::collection::vec((proptest::collection::vec((address(), 0_u8..=128), 0..4), 0_u8..6), 0..20),
            addresses in proptest::collection::vec(address(), 1..20),
        ) {
            let mut networks = Networks::new([], 0);
            let mut plain = Vec::new();
            for (of_term, meaning) in terms {
                let of_term: Vec<_> = of_term.into_iter().map(|(address, bits)| Network::new(address, bits)).collect();
                plain.extend(of_term.iter().map(|network| (*network, meaning)));
                networks.append(Networks::new(of_term, meaning));
            }
            // 6 is of no network: all count.
            for (address, left_out) in addresses.into_iter().flat_map(|address| (0..=6).map(move |one| (address, one))) {
                let mut counting = plain.iter().filter(|(_, meaning)| *meaning != left_out);
                let expect = counting.find(|(network, _)| network.contains(address));
                let found = networks.first(address, |meaning| meaning != left_out);
                prop_assert_eq!(found, expect.map(|(_, meaning)| *meaning));
            }
        }
    }
}
