//! The entries of a walk over roll-ups in brief, to look at some of them again without reading them again.

use std::net::IpAddr;

use hashbrown::HashMap;

use crate::tally::{SourceTotals, Way};

/// Messages by way, ascending.
pub type Ways = Vec<(Way, u64)>;

/// Entries of a piece. A list in one piece would be copied as it grows, and be returned to the system after each query.
const PIECE: usize = 1 << 12;
/// Pieces that are kept: 8 MiB.
const PIECES_MAX: usize = 1 << 8;
/// Entries that do not fit into the brief form: addresses of IPv6, large numbers.
const OTHERS_MAX: usize = 1 << 14;
/// Bits that tell most addresses apart.
const SIGN_BITS: u32 = 13;
/// Sums by row and way: 2 MiB.
const SUMS_MAX: usize = 1 << 18;
/// For each way that has no number among those of the wanted addresses yet.
const NO_NUMBER: u16 = u16::MAX;

/// An address of IPv4, the place of a way, messages.
type Brief = (u32, u16, u16);

/// What was walked over, as long as there is room for it.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pieces: Vec<Vec<Brief>>,
    others: Vec<(Option<IpAddr>, Way, u64)>,
    is_full: bool,
}

impl Trail {
    pub fn add(&mut self, entry: &SourceTotals) {
        let Some(brief) = brief(entry) else {
            return self.add_other(entry);
        };
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(brief),
            _ => self.begin_piece(brief),
        }
    }

    #[cold]
    fn begin_piece(&mut self, first: Brief) {
        self.is_full |= self.pieces.len() == PIECES_MAX;
        if !self.is_full {
            let mut piece = Vec::with_capacity(PIECE);
            piece.push(first);
            self.pieces.push(piece);
        }
    }

    fn add_other(&mut self, entry: &SourceTotals) {
        self.is_full |= self.others.len() == OTHERS_MAX;
        if !self.is_full {
            self.others.push((entry.address, entry.way, entry.handled.messages));
        }
    }

    /// The ways of these addresses, in their order; `None` if there was no room for all.
    pub fn ways(&self, addresses: &[Option<IpAddr>]) -> Option<Vec<Ways>> {
        if self.is_full {
            return None;
        }
        let rows: HashMap<_, _> = addresses.iter().copied().zip(0_usize..).collect();
        // Most addresses are not wanted, which one look at their sign tells.
        let mut signs = vec![false; 1 << SIGN_BITS];
        for address in addresses {
            if let Some(IpAddr::V4(address)) = address {
                signs[sign(address.to_bits())] = true;
            }
        }
        let mut sums = Sums::new(addresses.len());
        for (address, way, messages) in self.pieces.iter().flatten() {
            if signs[sign(*address)]
                && let Some(row) = rows.get(&Some(IpAddr::V4((*address).into())))
            {
                sums.add(*row, usize::from(*way), u64::from(*messages))?;
            }
        }
        let mut ways = sums.ways();
        for (address, way, messages) in &self.others {
            if let Some(row) = rows.get(address) {
                ways[*row].push((*way, *messages));
            }
        }
        ways.iter_mut().for_each(add_up);
        Some(ways)
    }
}

fn brief(entry: &SourceTotals) -> Option<Brief> {
    let Some(IpAddr::V4(address)) = entry.address else {
        return None;
    };
    let way = u16::try_from(entry.way.place())
        .ok()
        .filter(|place| *place < NO_NUMBER)?;
    Some((address.to_bits(), way, u16::try_from(entry.handled.messages).ok()?))
}

/// A number of few bits for an address.
fn sign(address: u32) -> usize {
    (address.wrapping_mul(0x9e37_79b9) >> (u32::BITS - SIGN_BITS)) as usize
}

fn add_up(ways: &mut Ways) {
    ways.sort_unstable_by_key(|(way, _)| *way);
    ways.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        is_same
    });
}

/// Messages by row and way. Ways are numbered as they come: rows have few of all that there are.
struct Sums {
    rows: usize,
    /// By the place of a way.
    numbers: Vec<u16>,
    /// By number.
    places: Vec<usize>,
    messages: Vec<u64>,
}

impl Sums {
    fn new(rows: usize) -> Self {
        Self {
            rows,
            numbers: Vec::new(),
            places: Vec::new(),
            messages: Vec::new(),
        }
    }

    /// `None`: there are too many ways.
    fn add(&mut self, row: usize, place: usize, messages: u64) -> Option<()> {
        if place >= self.numbers.len() {
            self.numbers.resize(place + 1, NO_NUMBER);
        }
        let mut number = usize::from(self.numbers[place]);
        if number == usize::from(NO_NUMBER) {
            number = self.places.len();
            // There are fewer places than numbers.
            self.numbers[place] = number as u16;
            self.places.push(place);
            let len = (number + 1) * self.rows;
            if len > SUMS_MAX {
                return None;
            }
            self.messages.resize(len, 0);
        }
        let sum = &mut self.messages[number * self.rows + row];
        *sum = sum.saturating_add(messages);
        Some(())
    }

    fn ways(&self) -> Vec<Ways> {
        let mut ways = vec![Ways::new(); self.rows];
        for (place, of_rows) in self.places.iter().zip(self.messages.chunks_exact(self.rows.max(1))) {
            for (row, messages) in of_rows.iter().enumerate().filter(|(_, messages)| **messages > 0) {
                ways[row].push((Way::at(*place), *messages));
            }
        }
        ways
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::tally::Handled;

    fn address() -> impl Strategy<Value = Option<IpAddr>> {
        prop_oneof![
            1 => Just(None),
            8 => (0_u32..40).prop_map(|low| Some(Ipv4Addr::from_bits(low << 7).into())),
            1 => (0_u128..9).prop_map(|low| Some(Ipv6Addr::from_bits(low).into())),
        ]
    }

    fn entry() -> impl Strategy<Value = SourceTotals> {
        let path = prop_oneof![8 => 0_u32..5, 1 => 16_380_u32..16_390, 1 => Just(1_u32 << 29)];
        let messages = prop_oneof![9 => 1_u64..900, 1 => Just(70_000)];
        (address(), path, 0_u8..4, messages).prop_map(|(address, path, aligned, messages)| SourceTotals {
            address,
            way: Way::new(path, aligned),
            handled: Handled {
                messages,
                ..Handled::default()
            },
        })
    }

    proptest! {
        #[test]
        fn it_has_the_ways_of_those_that_are_asked_for(
            entries in proptest::collection::vec(entry(), 0..300),
            wanted in proptest::collection::btree_set(address(), 0..20),
        ) {
            let mut trail = Trail::default();
            entries.iter().for_each(|entry| trail.add(entry));
            let wanted: Vec<_> = wanted.into_iter().collect();
            for (address, ways) in wanted.iter().zip(trail.ways(&wanted).unwrap()) {
                let mut expected = BTreeMap::<Way, u64>::new();
                for entry in entries.iter().filter(|entry| entry.address == *address) {
                    *expected.entry(entry.way).or_default() += entry.handled.messages;
                }
                prop_assert_eq!(ways, expected.into_iter().collect::<Ways>());
            }
        }
    }

    #[test]
    fn without_room_it_knows_nothing() {
        let entry = |messages| SourceTotals {
            address: Some(Ipv4Addr::LOCALHOST.into()),
            way: Way::new(1, 1),
            handled: Handled {
                messages,
                ..Handled::default()
            },
        };
        let mut trail = Trail::default();
        for _ in 0..OTHERS_MAX {
            trail.add(&entry(1 << 20));
        }
        assert!(trail.ways(&[]).is_some());
        trail.add(&entry(1 << 20));
        assert_eq!(trail.ways(&[]), None);
    }

    #[test]
    fn ways_without_number_take_no_room_without_bound() {
        let address = |row: u32| Some(IpAddr::V4(Ipv4Addr::from_bits(row)));
        let rows: Vec<_> = (0..200).map(address).collect();
        let mut trail = Trail::default();
        let paths = u32::try_from(SUMS_MAX / rows.len()).unwrap();
        let entry = |path| SourceTotals {
            address: address(path % 200),
            way: Way::new(path, 1),
            handled: Handled {
                messages: 1,
                ..Handled::default()
            },
        };
        (0..paths).for_each(|path| trail.add(&entry(path)));
        assert!(trail.ways(&rows).is_some());
        trail.add(&entry(paths));
        assert_eq!(trail.ways(&rows), None);
        // One of them alone is read.
        assert!(trail.ways(&rows[..1]).is_some());
    }
}
