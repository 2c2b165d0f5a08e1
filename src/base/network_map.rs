//! What belongs to networks, found by an address.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::Network;

/// Networks of any lengths, each with a value.
#[derive(Debug, Clone)]
pub struct NetworkMap<T> {
    known: HashMap<Network, T>,
    /// Lengths of `known`, longest first: at most 129.
    lengths: Vec<u8>,
}

impl<T> Default for NetworkMap<T> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            lengths: Vec::new(),
        }
    }
}

impl<T> FromIterator<(Network, T)> for NetworkMap<T> {
    /// Of a network that comes twice, the last value counts.
    fn from_iter<I: IntoIterator<Item = (Network, T)>>(networks: I) -> Self {
        let known: HashMap<_, _> = networks.into_iter().collect();
        let mut lengths: Vec<u8> = known.keys().map(|network| network.bits()).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        Self { known, lengths }
    }
}

impl<T> NetworkMap<T> {
    /// The networks that have the address, the smallest first. One lookup for each length.
    pub fn around(&self, address: IpAddr) -> impl Iterator<Item = (&Network, &T)> {
        let of_length = move |&bits: &u8| self.known.get_key_value(&Network::new(address, bits));
        let found = self.lengths.iter().filter_map(of_length);
        // An address of IPv4 has no more than 32 bits, so that longer ones find its /32 again.
        let mut last = None;
        found.filter(move |(network, _)| last.replace(**network) != Some(**network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_networks_around_an_address_come_smallest_first_and_once() {
        let map: NetworkMap<()> = [
            "10.0.0.0/8",
            "10.1.2.3",
            "10.1.0.0/16",
            "::/0",
            "2001:db8::1",
            "0.0.0.0/0",
            "11.0.0.0/8",
        ]
        .into_iter()
        .map(|text| (text.parse().unwrap(), ()))
        .collect();
        for (address, expect) in [
            ("10.1.2.3", "10.1.2.3/32 10.1.0.0/16 10.0.0.0/8 0.0.0.0/0"),
            ("::ffff:10.1.2.4", "10.1.0.0/16 10.0.0.0/8 0.0.0.0/0"),
            ("2001:db8::1", "2001:db8::1/128 ::/0"),
            ("2001:db8::2", "::/0"),
            ("12.0.0.1", "0.0.0.0/0"),
        ] {
            let found = map
                .around(address.parse().unwrap())
                .map(|(network, ())| network.to_string());
            assert_eq!(found.collect::<Vec<_>>().join(" "), expect, "{address}");
        }
    }
}
