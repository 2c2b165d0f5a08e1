//! `daily_sources`: the sources of one domain on one day, packed into one value, or a few.
//!
//! A question about a month then reads thirty rows instead of tens of thousands, and the whole table is a fifth of
//! what rows would take. Those of a busy day are in several parts ([`PARTS`]), so that a report about three addresses does
//! not rewrite a hundred thousand; what an address sent is the sum over the parts.
//!
//! A value, version 2: a version byte, then the entries by ascending address and way, IPv4 before IPv6 ([`Head`]). Paths
//! have the numbers that they have in the domain (`paths.rs`). docs/storage.md has examples.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use crate::base::Day;

use super::codec::{Reader, put_number};
use crate::tally::{Handled, SourceTotals, Totals, Way};

const VERSION: u8 = 2;

/// The first byte of an entry. Bits 0 and 1: the address. Bits 2 and 3: the disposition of all messages. Bits 4 and 5: what is
/// aligned, DKIM and SPF. Bits 6 and 7: the number of the path, or 3 if a number follows behind the address, to be added
/// to 3. Then come the address, that number, and the messages; for [`Head::MIXED`] the messages without action,
/// quarantined and rejected.
struct Head;

impl Head {
    const ADDRESS: u8 = 3;
    const SAME_ADDRESS: u8 = 0;
    const IPV4: u8 = 1;
    const IPV6: u8 = 2;
    const NO_ADDRESS: u8 = 3;
    const MIXED: u8 = 3;
    const DISPOSITION_SHIFT: u8 = 2;
    const ALIGNED_SHIFT: u8 = 4;
    const PATH_SHIFT: u8 = 6;
    const LONG_PATH: u8 = 3;

    fn disposition(head: u8) -> u8 {
        head >> Self::DISPOSITION_SHIFT & Self::MIXED
    }
}

/// Capacity of each part, in sources. Overflow goes to the next part; the last is unbounded. A source is rewritten about
/// eight times per part.
pub(super) const PARTS: [usize; 4] = [256, 2_048, 16_384, usize::MAX];

/// The key of a part of a day: slots of a domain are in the order of the days.
pub(super) fn slot(day: Day, part: usize) -> i64 {
    i64::from(day.0) * PARTS.len() as i64 + part as i64
}

/// The slots of a range of days.
pub(super) fn slots(first: Day, last: Day) -> RangeInclusive<i64> {
    slot(first, 0)..=slot(last, PARTS.len() - 1)
}

/// The day of a slot; `None` for the slot of no day.
pub(super) fn day_of(slot: i64) -> Option<Day> {
    i32::try_from(slot.div_euclid(PARTS.len() as i64)).ok().map(Day)
}

/// What is wrong with a slot that is of no day.
pub(super) const NO_DAY: &str = "is the slot of no day";

/// Packs sources, which must be in their order without repetition.
pub(super) fn encode(sources: &[SourceTotals]) -> Vec<u8> {
    debug_assert!(sources.is_sorted_by(|a, b| a.order(b).is_lt()));
    let mut bytes = Vec::with_capacity(1 + sources.len() * 9);
    bytes.push(VERSION);
    let mut before = None;
    for SourceTotals { address, way, handled } in sources {
        let is_same = before == Some(*address);
        before = Some(*address);
        let family = match address {
            _ if is_same => Head::SAME_ADDRESS,
            None => Head::NO_ADDRESS,
            Some(IpAddr::V4(_)) => Head::IPV4,
            Some(IpAddr::V6(_)) => Head::IPV6,
        };
        let Handled {
            messages,
            none,
            quarantine,
            reject,
        } = *handled;
        let disposition = match (none, quarantine, reject) {
            (all, 0, 0) if all == messages => 0,
            (0, all, 0) if all == messages => 1,
            (0, 0, all) if all == messages => 2,
            _ => Head::MIXED,
        };
        let path = way.path();
        let short = u8::try_from(path).map_or(Head::LONG_PATH, |path| path.min(Head::LONG_PATH));
        bytes.push(
            family
                | disposition << Head::DISPOSITION_SHIFT
                | way.bits() << Head::ALIGNED_SHIFT
                | short << Head::PATH_SHIFT,
        );
        match address {
            Some(IpAddr::V4(address)) if !is_same => bytes.extend_from_slice(&address.octets()),
            Some(IpAddr::V6(address)) if !is_same => bytes.extend_from_slice(&address.octets()),
            _ => {}
        }
        if short == Head::LONG_PATH {
            put_number(&mut bytes, u64::from(path) - u64::from(Head::LONG_PATH));
        }
        put_number(&mut bytes, messages);
        if disposition == Head::MIXED {
            [none, quarantine, reject]
                .into_iter()
                .for_each(|count| put_number(&mut bytes, count));
        }
    }
    bytes
}

/// Unpacks, calling `each` with every entry in its order. False if the bytes are damaged or from another version.
#[must_use]
pub(super) fn decode_ways(bytes: &[u8], mut each: impl FnMut(&SourceTotals)) -> bool {
    read(bytes, &mut each).is_some()
}

fn read(bytes: &[u8], each: &mut impl FnMut(&SourceTotals)) -> Option<()> {
    let mut reader = open(bytes)?;
    let mut before = None;
    while !reader.is_empty() {
        let head = reader.byte()?;
        let address = match head & Head::ADDRESS {
            Head::SAME_ADDRESS => before?,
            family => address(&mut reader, family)?,
        };
        before = Some(address);
        let path = path(&mut reader, head)?;
        let messages = reader.count()?;
        let mut handled = Handled {
            messages,
            ..Handled::default()
        };
        match Head::disposition(head) {
            0 => handled.none = messages,
            1 => handled.quarantine = messages,
            2 => handled.reject = messages,
            _ => {
                handled.none = reader.count()?;
                handled.quarantine = reader.count()?;
                handled.reject = reader.count()?;
            }
        }
        each(&SourceTotals {
            address,
            way: Way::new(path, head >> Head::ALIGNED_SHIFT),
            handled,
        });
    }
    Some(())
}

/// The entries behind the version.
fn open(bytes: &[u8]) -> Option<Reader<'_>> {
    let mut reader = Reader::new(bytes);
    (reader.byte()? == VERSION).then_some(reader)
}

/// The address of an entry that has one of its own.
fn address(reader: &mut Reader<'_>, family: u8) -> Option<Option<IpAddr>> {
    Some(match family {
        Head::IPV4 => Some(IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?))),
        Head::IPV6 => Some(IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?))),
        _ => None,
    })
}

/// The number of the path of an entry.
fn path(reader: &mut Reader<'_>, head: u8) -> Option<u32> {
    let path = u32::from(head >> Head::PATH_SHIFT);
    match path == u32::from(Head::LONG_PATH) {
        true => u32::try_from(reader.count()?).ok()?.checked_add(path),
        false => Some(path),
    }
}

/// As [`decode_ways`], calling `each` once per address with the totals of all its ways.
#[must_use]
pub(super) fn decode(bytes: &[u8], mut each: impl FnMut(Option<IpAddr>, &Totals)) -> bool {
    let mut sum: Option<(Option<IpAddr>, Totals)> = None;
    let is_intact = decode_ways(bytes, |entry| {
        let totals = entry.handled.totals(entry.way);
        match &mut sum {
            Some((of, sum)) if *of == entry.address => sum.add(&totals),
            _ => {
                if let Some((address, totals)) = sum.replace((entry.address, totals)) {
                    each(address, &totals);
                }
            }
        }
    });
    if let Some((address, totals)) = sum {
        each(address, &totals);
    }
    is_intact
}

/// As [`decode`], the addresses only; figures that are wrong may go unnoticed.
#[must_use]
pub(super) fn addresses(bytes: &[u8], mut each: impl FnMut(Option<IpAddr>)) -> bool {
    let mut read = || {
        let mut reader = open(bytes)?;
        while !reader.is_empty() {
            let head = reader.byte()?;
            if head & Head::ADDRESS != Head::SAME_ADDRESS {
                each(address(&mut reader, head & Head::ADDRESS)?);
            }
            let is_mixed = Head::disposition(head) == Head::MIXED;
            let is_long = head >> Head::PATH_SHIFT == Head::LONG_PATH;
            reader.skip_numbers(1 + u32::from(is_long) + 3 * u32::from(is_mixed))?;
        }
        Some(())
    };
    read().is_some()
}

/// As [`addresses`], those with messages on a path that is wanted, by its number.
#[must_use]
pub(super) fn addresses_on(
    bytes: &[u8],
    is_wanted: impl Fn(u32) -> bool,
    mut each: impl FnMut(Option<IpAddr>),
) -> bool {
    let mut read = || {
        let mut reader = open(bytes)?;
        let mut of = None;
        // Whether the address was given already.
        let mut is_given = false;
        while !reader.is_empty() {
            let head = reader.byte()?;
            if head & Head::ADDRESS != Head::SAME_ADDRESS {
                of = Some(address(&mut reader, head & Head::ADDRESS)?);
                is_given = false;
            }
            let path = path(&mut reader, head)?;
            let is_mixed = Head::disposition(head) == Head::MIXED;
            reader.skip_numbers(1 + 3 * u32::from(is_mixed))?;
            if !is_given && is_wanted(path) {
                each(of?);
                is_given = true;
            }
        }
        Some(())
    };
    read().is_some()
}

/// Calls `each` with the ways and messages of the addresses for which `find` has a place; `find` is asked once for each address.
/// Figures of other addresses that are wrong may go unnoticed.
#[must_use]
pub(super) fn decode_some(
    bytes: &[u8],
    mut find: impl FnMut(Option<IpAddr>) -> Option<usize>,
    mut each: impl FnMut(usize, Way, u64),
) -> bool {
    let mut read = || {
        let mut reader = open(bytes)?;
        let mut place = None;
        while !reader.is_empty() {
            let head = reader.byte()?;
            if head & Head::ADDRESS != Head::SAME_ADDRESS {
                place = Some(find(address(&mut reader, head & Head::ADDRESS)?));
            }
            let path = path(&mut reader, head)?;
            let mixed = 3 * u32::from(Head::disposition(head) == Head::MIXED);
            match place? {
                Some(place) => {
                    each(place, Way::new(path, head >> Head::ALIGNED_SHIFT), reader.count()?);
                    reader.skip_numbers(mixed)?;
                }
                None => reader.skip_numbers(1 + mixed)?,
            }
        }
        Some(())
    };
    read().is_some()
}

/// Unpacks all. `None` if the bytes are damaged or from another version.
pub(super) fn unpack(bytes: &[u8]) -> Option<Vec<SourceTotals>> {
    let mut entries = Vec::with_capacity(bytes.len() / 7);
    let is_intact = decode_ways(bytes, |entry| entries.push(*entry));
    (is_intact && entries.is_sorted_by(|a, b| a.order(b).is_lt())).then_some(entries)
}

/// Which way a report's figures move the roll-ups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Add,
    /// The report lost a conflict that it had won before.
    Subtract,
}

/// Merges sorted sources into packed ones. Entries without messages left are dropped.
/// `None` if the packed ones are damaged.
pub(super) fn merge(packed: &[u8], sources: &[SourceTotals], change: Change) -> Option<Vec<SourceTotals>> {
    let known = unpack(packed)?;
    let mut merged = Vec::with_capacity(known.len() + sources.len());
    let mut changes = sources.iter().peekable();
    for entry in &known {
        while let Some(new) = changes.next_if(|new| new.order(entry).is_lt()) {
            push(&mut merged, new, Handled::default(), change);
        }
        match changes.next_if(|new| new.order(entry).is_eq()) {
            Some(by) => push(&mut merged, by, entry.handled, change),
            None => merged.push(*entry),
        }
    }
    for new in changes {
        push(&mut merged, new, Handled::default(), change);
    }
    Some(merged)
}

fn push(merged: &mut Vec<SourceTotals>, by: &SourceTotals, mut handled: Handled, change: Change) {
    match change {
        Change::Add => handled.add(&by.handled),
        Change::Subtract => handled.subtract(&by.handled),
    }
    if handled.messages > 0 {
        merged.push(SourceTotals { handled, ..*by });
    }
}

#[cfg(test)]
mod tests;
