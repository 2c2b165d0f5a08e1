//! What messages are by address and way, for a walk over days that are each in the order of the addresses and their ways.

use std::net::IpAddr;

use super::super::Peer;
use super::Senders;
use crate::tally::{ByAddress, Way};

/// Ways that are looked at one by one. Most addresses have few.
const NEAR: usize = 8;

/// A value for each address and way. A day walks along them, since looking each up by its hash waits for memory as often.
#[derive(Debug)]
pub(super) struct ByWay<'s, 't, T> {
    senders: &'s Senders<'t>,
    known: ByAddress<Vec<(Way, T)>>,
    /// The last address that was asked for, and the place of its way.
    at: Option<(Option<IpAddr>, usize)>,
}

impl<'s, 't, T: Copy> ByWay<'s, 't, T> {
    /// The values of all that senders have.
    pub fn new(senders: &'s Senders<'t>, value: &mut impl FnMut(&Peer<'_, '_>, Way) -> T) -> Self {
        let mut known = ByAddress::default();
        for (source, ways) in &senders.found.sources {
            let peer = senders.knowledge.peer(source.address);
            let values = ways.iter().map(|(way, _)| (*way, value(&peer, *way)));
            *known.entry(source.address, Vec::new) = values.collect();
        }
        known.next_day(|_, _| {});
        Self {
            senders,
            known,
            at: None,
        }
    }

    /// The value of an address and a way; `value` makes it for those that came since.
    pub fn value(&mut self, address: Option<IpAddr>, way: Way, value: &mut impl FnMut(&Peer<'_, '_>, Way) -> T) -> T {
        let mut at = 0;
        if let Some((before, place)) = self.at {
            if address < before {
                self.known.next_day(merge);
            } else if address == before {
                at = place;
            }
        }
        let ways = self.known.entry(address, Vec::new);
        if ways.get(at).is_some_and(|(known, _)| *known > way) {
            at = 0;
        }
        let start = at;
        while ways.get(at).is_some_and(|(known, _)| *known < way) {
            if at - start == NEAR {
                at += ways[at..].partition_point(|(known, _)| *known < way);
                break;
            }
            at += 1;
        }
        self.at = Some((address, at));
        match ways.get(at) {
            Some((known, found)) if *known == way => *found,
            _ => {
                let found = value(&self.senders.knowledge.peer(address), way);
                ways.insert(at, (way, found));
                found
            }
        }
    }
}

/// Adds the values of the same address that were found apart.
fn merge<T>(ways: &mut Vec<(Way, T)>, others: Vec<(Way, T)>) {
    ways.extend(others);
    ways.sort_by_key(|(way, _)| *way);
    ways.dedup_by_key(|(way, _)| *way);
}
