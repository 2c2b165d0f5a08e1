//! The addresses of a range of days with the ways of their messages, from the roll-ups alone.

use std::net::IpAddr;

use crate::base::{Day, DayRange, DomainId};
use crate::tally::{ByAddress, Carriers, PathList, SourceTotals, Way, WaySums};

use super::db::Conn;
use super::figures::{SourceQuery, each_packed, gather};
use super::paths::Included;
use super::seen::Seen;
use super::trail::{Trail, Ways};
use super::view::{self, SharedSources, SourcesByWay, Walk};
use super::{Rows, Source, Sources, Store, StoreError, paths, rollup};

impl Store {
    /// The addresses that sent mail as the domain in a range of days, in the order that is asked for, then by address.
    pub async fn sources(
        &self,
        domain: DomainId,
        range: DayRange,
        query: &SourceQuery,
        rows: impl Into<Rows>,
    ) -> Result<Sources, StoreError> {
        let mut conn = self.read().await?;
        let sources = gather(&mut Conn(&mut conn), domain, range, query.carriers).await?;
        drop(conn);
        let fits = |source: &Source| query.matches(source);
        Ok(page(&sources, fits, query, rows.into()))
    }

    /// As [`Self::sources`], those that also fit, with their ways. `ways_since` is the day from which the ways of all addresses
    /// are summed up, the first of the range or one before it. `None` if a report came meanwhile, so that the ways are not
    /// those of the messages: [`Self::sources_by_way`] reads both at once. The number is that of all that fit.
    pub async fn sources_on_ways(
        &self,
        (domain, range): (DomainId, DayRange),
        ways_since: Day,
        (query, fits): (&SourceQuery, impl Fn(&Source) -> bool + Send),
        rows: Rows,
    ) -> Result<Option<(SourcesByWay, u64)>, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let included = Included::read(&mut conn, domain, query.carriers).await?;
        let walked = walk(&mut conn, (domain, range), ways_since, &included).await?;
        let fits = |source: &Source| query.matches(source) && fits(source);
        let Sources { sources, total } = page(&walked.sources, fits, query, rows);
        let addresses: Vec<_> = sources.iter().map(|source| source.address).collect();
        let ways = match walked.trail.ways(&addresses) {
            Some(ways) => ways,
            None => ways_of(&mut conn, (domain, range), &sources, &included).await?,
        };
        let paths = paths::read(&mut conn, domain).await?;
        let is_sum = |(source, ways): &(Source, Ways)| {
            source.totals.messages() == ways.iter().fold(0, |sum, (_, messages)| messages.saturating_add(sum))
        };
        let sources: Vec<_> = sources.into_iter().zip(ways).collect();
        let found = sources.iter().all(is_sum).then_some(SourcesByWay {
            sources,
            all_ways: walked.all_ways,
            paths,
        });
        Ok(found.map(|found| (found, total)))
    }

    /// The addresses of a range of days in no order, each with its ways, in reports with these carriers. `ways_since` as in
    /// [`Self::sources_on_ways`]. Queries of one [`super::View`] about the same days share the walk.
    pub async fn sources_by_way(
        &self,
        domain: DomainId,
        range: DayRange,
        (ways_since, carriers): (Day, Carriers),
    ) -> Result<SharedSources, StoreError> {
        let walk = Walk {
            domain,
            range,
            ways_since,
            carriers,
        };
        view::shared(walk, Box::pin(self.walk_by_way(walk))).await
    }

    async fn walk_by_way(&self, walk: Walk) -> Result<SourcesByWay, StoreError> {
        let Walk {
            domain,
            range,
            ways_since,
            carriers,
        } = walk;
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let included = Included::read(&mut conn, domain, carriers).await?;
        let (mut seen, mut all_ways) = (ByAddress::default(), WaySums::default());
        each_packed(&mut conn, domain, since(ways_since, range), |day, packed| {
            if day < range.first {
                return sum_ways(packed, &mut all_ways);
            }
            seen.next_day(SeenOnWays::add);
            let mut cursor = Cursor::default();
            rollup::decode_ways(packed, |entry| {
                all_ways.add(entry.way, entry.handled.messages);
                if included.has(entry.way.path()) {
                    let one = seen.entry(entry.address, || SeenOnWays::new(day));
                    one.seen.on(day, entry.way, &entry.handled);
                    cursor.add(entry, &mut one.ways);
                }
            })
        })
        .await?;
        // After the days: these have no path that is not there by now.
        let paths = paths::read(&mut conn, domain).await?;
        let sources = seen
            .all(SeenOnWays::add)
            .map(|(address, one)| (one.seen.source(address), one.ways));
        Ok(SourcesByWay {
            sources: sources.collect(),
            all_ways,
            paths,
        })
    }

    /// Calls `each` with the messages of every address and way of every day, by ascending day, in reports with these carriers.
    pub async fn each_way(
        &self,
        domain: DomainId,
        range: DayRange,
        carriers: Carriers,
        mut each: impl FnMut(Day, Option<IpAddr>, Way, u64),
    ) -> Result<(), StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let included = Included::read(&mut conn, domain, carriers).await?;
        each_packed(&mut conn, domain, range, |day, packed| {
            rollup::decode_ways(packed, |entry| {
                if included.has(entry.way.path()) {
                    each(day, entry.address, entry.way, entry.handled.messages);
                }
            })
        })
        .await
    }

    /// The ways of a range of days, with their messages, and the paths that they are on.
    pub async fn ways(&self, domain: DomainId, range: DayRange) -> Result<(PathList, WaySums), StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let mut sums = WaySums::default();
        each_packed(&mut conn, domain, range, |_, packed| sum_ways(packed, &mut sums)).await?;
        Ok((paths::read(&mut conn, domain).await?, sums))
    }
}

/// The range, from this day on if that is before its first.
pub(super) fn since(day: Day, range: DayRange) -> DayRange {
    DayRange {
        first: day.min(range.first),
        last: range.last,
    }
}

/// Adds the messages of a part of a day by way. False if it cannot be read.
pub(super) fn sum_ways(packed: &[u8], sums: &mut WaySums) -> bool {
    rollup::decode_ways(packed, |entry| sums.add(entry.way, entry.handled.messages))
}

/// What a walk over the days of a range found.
struct Walked {
    sources: Vec<Source>,
    /// Also of the days before the range that were asked for.
    all_ways: WaySums,
    trail: Trail,
}

async fn walk(
    conn: &mut Conn<'_>,
    (domain, range): (DomainId, DayRange),
    ways_since: Day,
    included: &Included,
) -> Result<Walked, StoreError> {
    let (mut seen, mut all_ways, mut trail) = (ByAddress::default(), WaySums::default(), Trail::default());
    each_packed(conn, domain, since(ways_since, range), |day, packed| {
        if day < range.first {
            return sum_ways(packed, &mut all_ways);
        }
        seen.next_day(Seen::add);
        rollup::decode_ways(packed, |entry| {
            all_ways.add(entry.way, entry.handled.messages);
            if included.has(entry.way.path()) {
                let one = seen.entry(entry.address, || Seen::new(day));
                one.on(day, entry.way, &entry.handled);
                trail.add(entry);
            }
        })
    })
    .await?;
    let sources = seen.all(Seen::add);
    Ok(Walked {
        sources: sources.map(|(address, seen)| seen.source(address)).collect(),
        all_ways,
        trail,
    })
}

fn page(sources: &[Source], fits: impl Fn(&Source) -> bool, query: &SourceQuery, rows: Rows) -> Sources {
    let fitting: Vec<&Source> = sources.iter().filter(|source| fits(source)).collect();
    let total = fitting.len() as u64;
    let page = query.page(fitting, |source| source, rows);
    Sources {
        sources: page.into_iter().copied().collect(),
        total,
    }
}

/// The ways of some addresses, in their order: the days are walked once more.
async fn ways_of(
    conn: &mut Conn<'_>,
    (domain, range): (DomainId, DayRange),
    sources: &[Source],
    included: &Included,
) -> Result<Vec<Ways>, StoreError> {
    let mut ways: Vec<Ways> = vec![Vec::new(); sources.len()];
    let first = sources.iter().map(|source| source.first_seen).min();
    let last = sources.iter().map(|source| source.last_seen).max();
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(ways);
    };
    let mut wanted: Vec<_> = sources.iter().map(|source| source.address).zip(0..).collect();
    wanted.sort_unstable();
    let range = DayRange {
        first: first.max(range.first),
        last: last.min(range.last),
    };
    each_packed(conn, domain, range, |_, packed| {
        // Both ascend.
        let mut left = wanted.iter().peekable();
        let find = |address: Option<IpAddr>| {
            while left.next_if(|(other, _)| *other < address).is_some() {}
            left.peek().filter(|(other, _)| *other == address).map(|(_, nth)| *nth)
        };
        let mut at = (usize::MAX, 0);
        rollup::decode_some(packed, find, |nth, way, messages| {
            if included.has(way.path()) {
                let start = if at.0 == nth { at.1 } else { 0 };
                at = (nth, add_way(&mut ways[nth], start, (way, messages)));
            }
        })
    })
    .await?;
    Ok(ways)
}

/// Adds the entries of a day, which come by address and way, to the ways of their addresses.
#[derive(Default)]
pub(super) struct Cursor {
    address: Option<Option<IpAddr>>,
    /// Where in the ways of this address the day is.
    at: usize,
}

impl Cursor {
    pub fn add(&mut self, entry: &SourceTotals, ways: &mut Ways) {
        if self.address.replace(entry.address) != Some(entry.address) {
            self.at = 0;
        }
        self.at = add_way(ways, self.at, (entry.way, entry.handled.messages));
    }
}

/// Ways that are looked at one by one. Most addresses have few; those of a mailbox provider that forwards may have thousands.
const NEAR: usize = 8;

/// Adds messages of a way that is above all before `start`. Returns where it is.
fn add_way(ways: &mut Ways, start: usize, (way, messages): (Way, u64)) -> usize {
    let mut at = start;
    while ways.get(at).is_some_and(|(known, _)| *known < way) {
        if at - start == NEAR {
            at += ways[at..].partition_point(|(known, _)| *known < way);
            break;
        }
        at += 1;
    }
    match ways.get_mut(at) {
        Some((known, sum)) if *known == way => *sum = sum.saturating_add(messages),
        _ => ways.insert(at, (way, messages)),
    }
    at
}

/// One address in a range, with the messages of each of its ways.
#[derive(Debug)]
struct SeenOnWays {
    seen: Seen,
    ways: Ways,
}

impl SeenOnWays {
    fn new(day: Day) -> Self {
        Self {
            seen: Seen::new(day),
            ways: Vec::new(),
        }
    }

    fn add(&mut self, other: Self) {
        self.seen.add(other.seen);
        let mut at = 0;
        for way in other.ways {
            at = add_way(&mut self.ways, at, way);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::tally::Handled;

    /// Days, each with its ways in order, of one address or two.
    fn days() -> impl Strategy<Value = Vec<Vec<(bool, Way, u64)>>> {
        let entry = (any::<bool>(), 0_u32..12, 0_u8..4, 1_u64..9);
        let day = proptest::collection::btree_map((entry.0, entry.1, entry.2), entry.3, 0..60);
        let entries = day.prop_map(|day| {
            let entries = day.into_iter();
            entries.map(|((first, path, aligned), messages)| (first, Way::new(path, aligned), messages))
        });
        proptest::collection::vec(entries.prop_map(Iterator::collect), 0..6)
    }

    proptest! {
        #[test]
        fn ways_add_up_as_in_a_map(days in days()) {
            let mut expected = [BTreeMap::<Way, u64>::new(), BTreeMap::new()];
            let mut found = [Ways::new(), Ways::new()];
            for day in days {
                let mut cursor = Cursor::default();
                for (is_second, way, messages) in day {
                    let address = Ipv4Addr::from_bits(is_second.into()).into();
                    let handled = Handled { messages, ..Handled::default() };
                    let entry = SourceTotals { address: Some(address), way, handled };
                    cursor.add(&entry, &mut found[usize::from(is_second)]);
                    *expected[usize::from(is_second)].entry(way).or_default() += messages;
                }
            }
            for (found, expected) in found.into_iter().zip(expected) {
                prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
            }
        }
    }
}
