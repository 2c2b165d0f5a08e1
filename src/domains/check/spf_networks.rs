//! Networks that follow each other in an SPF record, looked up by their lengths: a record may have tens of thousands.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use crate::base::Network;

/// Networks in their order, each with what a match means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Networks<T> {
    /// With the place in the order. A network that comes again means nothing.
    known: HashMap<Network, (usize, T)>,
    /// Lengths of `known`: at most 129.
    lengths: BTreeSet<u8>,
    /// The next place.
    next: usize,
}

impl<T: Copy> Networks<T> {
    /// Networks whose match means the same.
    pub(super) fn new(networks: impl IntoIterator<Item = Network>, meaning: T) -> Self {
        let mut all = Self {
            known: HashMap::new(),
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
        for (network, (place, meaning)) in behind.known {
            self.add(network, (offset + place, meaning));
        }
    }

    fn add(&mut self, network: Network, (place, meaning): (usize, T)) {
        self.known.entry(network).or_insert((place, meaning));
        self.lengths.insert(network.bits());
        self.next = self.next.max(place + 1);
    }

    /// What the match of the first network means that has the address. One lookup for each length.
    pub(super) fn first(&self, address: IpAddr) -> Option<T> {
        let known = |&bits: &u8| self.known.get(&Network::new(address, bits));
        let matches = self.lengths.iter().filter_map(known);
        matches.min_by_key(|(place, _)| *place).map(|(_, meaning)| *meaning)
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
            terms in proptest::collection::vec((proptest::collection::vec((address(), 0_u8..=128), 0..4), any::<u8>()), 0..20),
            addresses in proptest::collection::vec(address(), 1..20),
        ) {
            let mut networks = Networks::new([], 0);
            let mut plain = Vec::new();
            for (of_term, meaning) in terms {
                let of_term: Vec<_> = of_term.into_iter().map(|(address, bits)| Network::new(address, bits)).collect();
                plain.extend(of_term.iter().map(|network| (*network, meaning)));
                networks.append(Networks::new(of_term, meaning));
            }
            for address in addresses {
                let expect = plain.iter().find(|(network, _)| network.contains(address));
                prop_assert_eq!(networks.first(address), expect.map(|(_, meaning)| *meaning));
            }
        }
    }
}
