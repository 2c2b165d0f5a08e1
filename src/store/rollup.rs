//! `daily_sources`: the sources of one domain on one day, packed into one value, or a few.
//!
//! A question about a month then reads thirty rows instead of tens of thousands, and the whole table is a third of
//! what rows would take. Those of a busy day are in several parts ([`PARTS`]), so that a report about three addresses does
//! not rewrite a hundred thousand; what an address sent is the sum over the parts. docs/storage.md has examples. A value, version 1: a head byte (version, bit 7 set if the first entry is that of records without a
//! readable address), then the entries by ascending address, IPv4 before IPv6. An entry is a byte whose bits 0 to 6
//! say which of the seven totals are not zero and whose bit 7 says IPv6, the address, and those totals as LEB128.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use crate::base::Day;

use super::codec::{Reader, put_number};
use crate::tally::{SourceTotals, Totals};

const VERSION: u8 = 1;
const HAS_UNKNOWN: u8 = 0x80;
const IS_IPV6: u8 = 0x80;

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

/// Packs sources, which must be sorted by address without repetition.
pub(super) fn encode(sources: &[SourceTotals]) -> Vec<u8> {
    debug_assert!(sources.is_sorted_by(|a, b| a.0 < b.0));
    let mut bytes = Vec::with_capacity(1 + sources.len() * 12);
    let has_unknown = sources.first().is_some_and(|(address, _)| address.is_none());
    bytes.push(VERSION | if has_unknown { HAS_UNKNOWN } else { 0 });
    for (address, totals) in sources {
        let values = fields(totals);
        let mut head = 0;
        for (bit, value) in values.iter().enumerate() {
            head |= u8::from(*value != 0) << bit;
        }
        match address {
            None => bytes.push(head),
            Some(IpAddr::V4(address)) => {
                bytes.push(head);
                bytes.extend_from_slice(&address.octets());
            }
            Some(IpAddr::V6(address)) => {
                bytes.push(head | IS_IPV6);
                bytes.extend_from_slice(&address.octets());
            }
        }
        values
            .into_iter()
            .filter(|value| *value != 0)
            .for_each(|value| put_number(&mut bytes, value));
    }
    bytes
}

/// Unpacks, calling `each` in ascending order. False if the bytes are damaged or from a newer version.
#[must_use]
pub(super) fn decode(bytes: &[u8], mut each: impl FnMut(Option<IpAddr>, &Totals)) -> bool {
    each_entry(bytes, |reader, unknown| {
        let (address, totals) = entry(reader, unknown)?;
        each(address, &totals);
        Some(())
    })
}

/// As [`decode`], the addresses only; figures that are wrong may go unnoticed.
#[must_use]
pub(super) fn addresses(bytes: &[u8], mut each: impl FnMut(Option<IpAddr>)) -> bool {
    each_entry(bytes, |reader, unknown| {
        let (head, address) = address(reader, unknown)?;
        reader.skip_numbers((head & !IS_IPV6).count_ones())?;
        each(address);
        Some(())
    })
}

/// Has `read` read entry after entry, told which is that of records without a readable address. False if it cannot.
fn each_entry(bytes: &[u8], mut read: impl FnMut(&mut Reader<'_>, bool) -> Option<()>) -> bool {
    let mut reader = Reader::new(bytes);
    let Some(head) = reader.byte().filter(|head| head & !HAS_UNKNOWN == VERSION) else {
        return false;
    };
    let mut unknown = head & HAS_UNKNOWN != 0;
    while !reader.is_empty() {
        if read(&mut reader, unknown).is_none() {
            return false;
        }
        unknown = false;
    }
    true
}

/// The first byte of an entry, and its address.
fn address(reader: &mut Reader<'_>, unknown: bool) -> Option<(u8, Option<IpAddr>)> {
    let head = reader.byte()?;
    let address = if unknown {
        None
    } else if head & IS_IPV6 != 0 {
        Some(IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?)))
    } else {
        Some(IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?)))
    };
    Some((head, address))
}

fn entry(reader: &mut Reader<'_>, unknown: bool) -> Option<SourceTotals> {
    let (head, address) = address(reader, unknown)?;
    let mut values = [0; 7];
    for (bit, value) in values.iter_mut().enumerate() {
        if head & (1 << bit) != 0 {
            *value = reader.number()?;
        }
    }
    let [pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject] = values;
    Some((
        address,
        Totals {
            pass,
            fail,
            dkim_aligned,
            spf_aligned,
            none,
            quarantine,
            reject,
        },
    ))
}

fn fields(totals: &Totals) -> [u64; 7] {
    let Totals {
        pass,
        fail,
        dkim_aligned,
        spf_aligned,
        none,
        quarantine,
        reject,
    } = *totals;
    [pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject]
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
    let mut merged = Vec::with_capacity(sources.len() + packed.len() / 8);
    let mut additions = sources.iter().peekable();
    let intact = decode(packed, |address, totals| {
        while let Some(addition) = additions.next_if(|(other, _)| *other < address) {
            push(&mut merged, addition.0, Totals::default(), &addition.1, change);
        }
        match additions.next_if(|(other, _)| *other == address) {
            Some((_, addition)) => push(&mut merged, address, *totals, addition, change),
            None => merged.push((address, *totals)),
        }
    });
    if !intact {
        return None;
    }
    for (address, addition) in additions {
        push(&mut merged, *address, Totals::default(), addition, change);
    }
    Some(merged)
}

fn push(merged: &mut Vec<SourceTotals>, address: Option<IpAddr>, mut totals: Totals, by: &Totals, change: Change) {
    match change {
        Change::Add => totals.add(by),
        Change::Subtract => totals.subtract(by),
    }
    if totals.messages() > 0 {
        merged.push((address, totals));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn address() -> impl Strategy<Value = Option<IpAddr>> {
        prop_oneof![
            Just(None),
            (0_u32..40).prop_map(|low| Some(IpAddr::V4(Ipv4Addr::from(0xc633_6400 + low)))),
            any::<u32>().prop_map(|bits| Some(IpAddr::V4(Ipv4Addr::from(bits)))),
            (0_u128..40).prop_map(|low| Some(IpAddr::V6(Ipv6Addr::from((0x2001_0db8 << 96) + low)))),
        ]
    }

    fn day() -> impl Strategy<Value = BTreeMap<Option<IpAddr>, Totals>> {
        let totals = (1_u64..1_000_000, 0_u64..300, 0_u64..300).prop_map(|(pass, fail, none)| Totals {
            pass,
            fail,
            dkim_aligned: pass,
            spf_aligned: fail / 2,
            none,
            quarantine: 0,
            reject: fail,
        });
        proptest::collection::btree_map(address(), totals, 0..60)
    }

    fn packed(day: &BTreeMap<Option<IpAddr>, Totals>) -> Vec<u8> {
        encode(
            &day.iter()
                .map(|(address, totals)| (*address, *totals))
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_slot_is_of_one_day() {
        for day in [i32::MIN, -1, 0, 1, 20_600, i32::MAX].map(Day) {
            for part in 0..PARTS.len() {
                assert_eq!(day_of(slot(day, part)), Some(day));
                assert!(slots(day, day).contains(&slot(day, part)));
            }
        }
        assert!(!slots(Day(1), Day(1)).contains(&slot(Day(2), 0)) && !slots(Day(1), Day(1)).contains(&slot(Day(0), 3)));
    }

    proptest! {
        #[test]
        fn comes_back_as_it_was(day in day()) {
            let mut back = BTreeMap::new();
            let intact = decode(&packed(&day), |address, totals| _ = back.insert(address, *totals));
            prop_assert!(intact);
            let mut addresses = Vec::new();
            prop_assert!(super::addresses(&packed(&day), |address| addresses.push(address)));
            prop_assert!(addresses.iter().eq(back.keys()));
            prop_assert_eq!(back, day);
        }

        #[test]
        fn merging_adds_up_and_can_be_undone(a in day(), b in day()) {
            let additions: Vec<_> = b.iter().map(|(address, totals)| (*address, *totals)).collect();
            let merged = encode(&merge(&packed(&a), &additions, Change::Add).expect("intact"));
            let mut sum = a.clone();
            for (address, totals) in &b {
                sum.entry(*address).or_default().add(totals);
            }
            prop_assert_eq!(&merged, &packed(&sum));
            let undone = merge(&merged, &additions, Change::Subtract).expect("intact");
            prop_assert_eq!(encode(&undone), packed(&a));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, |_, _| {});
            let _ = addresses(&bytes, |_| {});
        }
    }
}
