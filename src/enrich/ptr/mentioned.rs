//! The addresses that reports of a domain mention, in the order in which they are asked about.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::base::is_public;

/// Addresses in memory. Above it each reporter keeps its busiest ones: a report may mention a million.
const ADDRESSES_MAX: usize = 65_536;

/// Reporters that are told apart: anyone can upload reports under any name. More of them share a turn.
const REPORTERS_MAX: usize = 4_096;

/// Addresses with their messages, by reporter.
#[derive(Debug, Default)]
pub(super) struct Mentioned {
    reporters: HashMap<Arc<str>, HashMap<IpAddr, u64>>,
    count: usize,
}

/// The addresses of one reporter.
pub(super) struct OfReporter<'m> {
    all: &'m mut Mentioned,
    reporter: &'m str,
}

impl Mentioned {
    /// To add what a reporter mentions.
    pub fn by<'m>(&'m mut self, reporter: &'m str) -> OfReporter<'m> {
        OfReporter { all: self, reporter }
    }

    /// One address of each reporter in turn, the busiest first, each address once with the reporter whose turn it is.
    pub fn in_turn(self) -> Vec<(IpAddr, Arc<str>)> {
        let mut reporters: Vec<_> = self.reporters.into_iter().collect();
        reporters.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let queues = reporters
            .into_iter()
            .map(|(reporter, of)| (reporter, busiest_last(of).into_iter()));
        let mut queues: Vec<_> = queues.collect();
        let (mut order, mut seen) = (Vec::with_capacity(self.count), HashSet::new());
        while !queues.is_empty() {
            // An address that another reporter had already does not cost a reporter its turn.
            queues.retain_mut(|(reporter, queue)| {
                let next = queue.rfind(|(address, _)| !seen.contains(address));
                if let Some((address, _)) = next {
                    seen.insert(address);
                    order.push((address, Arc::clone(reporter)));
                }
                next.is_some()
            });
        }
        order
    }

    /// Keeps the busiest half, of each reporter as many.
    fn prune(&mut self) {
        let each = (ADDRESSES_MAX / 2 / self.reporters.len().max(1)).max(1);
        for of in self.reporters.values_mut() {
            if of.len() > each {
                let mut all = busiest_last(std::mem::take(of));
                *of = all.split_off(all.len() - each).into_iter().collect();
            }
        }
        self.count = self.reporters.values().map(HashMap::len).sum();
    }
}

impl OfReporter<'_> {
    /// Adds the messages of an address, unless it is private or reserved.
    pub fn add(&mut self, address: IpAddr, messages: u64) {
        let address = address.to_canonical();
        if !is_public(address) {
            return;
        }
        let reporters = &mut self.all.reporters;
        let is_told_apart = reporters.contains_key(self.reporter) || reporters.len() < REPORTERS_MAX;
        let turn = if is_told_apart { self.reporter } else { "" };
        let of = reporters.entry(turn.into()).or_default();
        let before = of.len();
        let sum = of.entry(address).or_default();
        *sum = sum.saturating_add(messages);
        self.all.count += of.len() - before;
        if self.all.count > ADDRESSES_MAX {
            self.all.prune();
        }
    }
}

fn busiest_last(of: HashMap<IpAddr, u64>) -> Vec<(IpAddr, u64)> {
    let mut all: Vec<_> = of.into_iter().collect();
    all.sort_unstable_by_key(|&(address, messages)| (messages, Reverse(address)));
    all
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn reporters_take_turns_and_each_begins_with_its_busiest() {
        let mut mentioned = Mentioned::default();
        let mut large = mentioned.by("large.example");
        for (nth, messages) in [(1, 10), (2, 30), (3, 20), (4, 5), (2, 1)] {
            large.add(IpAddr::from([8, 0, 0, nth]), messages);
        }
        let mut small = mentioned.by("small.example");
        small.add(address("8.0.0.9"), 1);
        // Both have it: it is the small one's first, and then not the other's.
        small.add(address("8.0.0.3"), 2);
        small.add(address("192.168.0.1"), 1_000);
        small.add(address("::ffff:8.0.0.9"), 0);
        let order = ["8.0.0.2", "8.0.0.3", "8.0.0.1", "8.0.0.9", "8.0.0.4"].map(address);
        let mentioned: Vec<_> = mentioned.in_turn().into_iter().map(|(address, _)| address).collect();
        assert_eq!(mentioned, order);
    }

    #[test]
    fn a_flood_leaves_others_their_busiest() {
        let mut mentioned = Mentioned::default();
        let mut few = mentioned.by("few.example");
        few.add(address("9.0.0.1"), 1);
        let mut flood = mentioned.by("flood.example");
        for nth in 0..300_000 {
            flood.add(Ipv4Addr::from(0x0800_0000 + nth).into(), u64::from(nth));
        }
        assert!(mentioned.count <= ADDRESSES_MAX);
        let order = mentioned.in_turn();
        let busiest = Ipv4Addr::from(0x0800_0000 + 299_999);
        assert_eq!([order[0].0, order[1].0], [address("9.0.0.1"), busiest.into()]);
        assert!(order.len() >= ADDRESSES_MAX / 4);
    }

    #[test]
    fn a_flood_of_reporters_shares_a_turn() {
        let mut mentioned = Mentioned::default();
        for nth in 0..100_000_u32 {
            let reporter = format!("r{nth}.example");
            let address = Ipv4Addr::from(0x0800_0000 + nth).into();
            mentioned.by(&reporter).add(address, u64::from(nth));
        }
        assert_eq!(mentioned.reporters.len(), REPORTERS_MAX + 1);
        assert!(mentioned.count <= ADDRESSES_MAX);
        let turn = &mentioned.in_turn()[..REPORTERS_MAX + 1];
        assert_eq!(turn.iter().filter(|(_, reporter)| reporter.is_empty()).count(), 1);
    }
}
