use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::tally::added_up;

fn address() -> impl Strategy<Value = Option<IpAddr>> {
    prop_oneof![
        Just(None),
        (0_u32..40).prop_map(|low| Some(IpAddr::V4(Ipv4Addr::from(0xc633_6400 + low)))),
        any::<u32>().prop_map(|bits| Some(IpAddr::V4(Ipv4Addr::from(bits)))),
        (0_u128..40).prop_map(|low| Some(IpAddr::V6(Ipv6Addr::from((0x2001_0db8 << 96) + low)))),
    ]
}

type Sums = BTreeMap<(Option<IpAddr>, Way), SourceTotals>;

fn day() -> impl Strategy<Value = Sums> {
    // Numbers of paths of no, one and three bytes.
    let path = prop_oneof![0_u32..4, 0_u32..200, 60_000_u32..60_003];
    let way = (path, 0_u8..4).prop_map(|(path, aligned)| Way::new(path, aligned));
    let counts = (1_u64..1_000_000, 0_u64..3, 0_u64..4);
    let entry = (address(), way, counts).prop_map(|(address, way, (messages, kind, part))| {
        let mut dispositions = [0; 3];
        dispositions[kind as usize] = messages / (part + 1);
        let [none, quarantine, reject] = dispositions;
        let handled = Handled {
            messages,
            none,
            quarantine,
            reject,
        };
        let entry = SourceTotals { address, way, handled };
        ((address, way), entry)
    });
    proptest::collection::vec(entry, 0..60).prop_map(|entries| entries.into_iter().collect())
}

fn entries(day: &Sums) -> Vec<SourceTotals> {
    day.values().copied().collect()
}

fn packed(day: &Sums) -> Vec<u8> {
    encode(&entries(day))
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
        let bytes = packed(&day);
        prop_assert_eq!(unpack(&bytes), Some(entries(&day)));
        let mut by_address = BTreeMap::<_, Totals>::new();
        for entry in day.values() {
            by_address.entry(entry.address).or_default().add(&entry.handled.totals(entry.way));
        }
        let mut read = Vec::new();
        prop_assert!(decode(&bytes, |address, totals| read.push((address, *totals))));
        prop_assert!(read.iter().map(|(address, totals)| (address, totals)).eq(&by_address));
        let mut addresses = Vec::new();
        prop_assert!(super::addresses(&bytes, |address| addresses.push(address)));
        prop_assert!(addresses.iter().eq(by_address.keys()));
        let is_wanted = |path: u32| path % 3 == 1;
        let mut addresses = Vec::new();
        prop_assert!(addresses_on(&bytes, is_wanted, |address| addresses.push(address)));
        let mut expected: Vec<_> = day.values().filter(|entry| is_wanted(entry.way.path())).map(|entry| entry.address).collect();
        expected.dedup();
        prop_assert_eq!(addresses, expected);
        let wanted: Vec<_> = by_address.keys().copied().step_by(2).collect();
        let find = |address| wanted.iter().position(|one| *one == address);
        let mut some = Vec::new();
        prop_assert!(decode_some(&bytes, find, |place, way, messages| some.push((wanted[place], way, messages))));
        let expected: Vec<_> = day.values().filter(|entry| wanted.contains(&entry.address)).collect();
        prop_assert_eq!(some, expected.iter().map(|one| (one.address, one.way, one.handled.messages)).collect::<Vec<_>>());
    }

    #[test]
    fn merging_adds_up_and_can_be_undone(a in day(), b in day()) {
        let merged = merge(&packed(&a), &entries(&b), Change::Add).expect("intact");
        let mut sum = a.clone();
        for (key, entry) in &b {
            let nothing = SourceTotals { handled: Handled::default(), ..*entry };
            sum.entry(*key).or_insert(nothing).handled.add(&entry.handled);
        }
        prop_assert_eq!(&merged, &entries(&sum));
        let both = entries(&b).into_iter().chain(entries(&a)).collect();
        prop_assert_eq!(&added_up(both), &merged);
        let undone = merge(&encode(&merged), &entries(&b), Change::Subtract).expect("intact");
        prop_assert_eq!(undone, entries(&a));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, |_, _| {});
        let _ = addresses(&bytes, |_| {});
        let _ = addresses_on(&bytes, |path| path > 0, |_| {});
        let _ = decode_some(&bytes, |_| Some(0), |_, _, _| {});
        let _ = unpack(&bytes);
    }

    #[test]
    fn damaged_bytes_are_merged_or_refused(day in day(), other in day(), at in any::<usize>(), byte in any::<u8>()) {
        let mut bytes = packed(&day);
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Some(merged) = merge(&bytes, &entries(&other), Change::Add) {
            prop_assert!(merged.is_sorted_by(|a, b| a.order(b).is_lt()));
        }
    }
}
