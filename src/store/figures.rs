//! The figures of a range of days, from the roll-ups alone.

use std::cmp::{Ordering, Reverse};
use std::ops::Range;

use hashbrown::HashMap;

use crate::base::{Day, DayRange, DomainId, Network};
use crate::tally::{ByAddress, Carrier, Carriers, ResultFilter, Totals};

use super::db::{Args, Conn, Row};
use super::paths::Included;
use super::seen::Seen;
use super::sql::sql;
use super::{DayTotals, Rows, Source, Stats, Store, StoreError, reports, rollup, view};

impl Store {
    /// The sums over a domain's mail in a range of days.
    pub async fn stats(&self, domain: DomainId, range: DayRange) -> Result<Stats, StoreError> {
        let carriers = Carriers::All;
        Ok(self.stats_and_before(domain, range, (range.first, carriers)).await?.0)
    }

    /// As [`Self::stats`], of the reports with these carriers, and their messages of the days from `since` to the day before the
    /// range.
    pub async fn stats_and_before(
        &self,
        domain: DomainId,
        range: DayRange,
        (since, carriers): (Day, Carriers),
    ) -> Result<(Stats, Totals), StoreError> {
        let mut link = self.read().await?;
        let mut conn = Conn(&mut link);
        let args = Args::default()
            .int(domain.0)
            .int(since.min(range.first).0.into())
            .int(range.last.0.into());
        let rows = conn.all(sql!("daily_totals_range"), args).await?;
        let mut stats = Stats {
            range,
            totals: Totals::default(),
            days: range
                .iter()
                .map(|day| DayTotals {
                    day,
                    totals: Totals::default(),
                })
                .collect(),
            reports: 0,
            sources: 0,
            unvouched_messages: 0,
        };
        let mut before = Totals::default();
        for row in &rows {
            let (day, totals) = (row.day("day")?, reports::totals(row)?);
            let carrier = row.checked("vouched", "is not 0 or 1", Carrier::from_code)?;
            if carrier == Carrier::Other && day >= range.first {
                stats.unvouched_messages = stats.unvouched_messages.saturating_add(totals.messages());
            }
            if !carriers.include(carrier) {
                continue;
            }
            if day < range.first {
                before.add(&totals);
                continue;
            }
            let nth = day
                .0
                .checked_sub(range.first.0)
                .and_then(|nth| usize::try_from(nth).ok());
            if let Some(day) = nth.and_then(|nth| stats.days.get_mut(nth)) {
                day.totals.add(&totals);
            }
            stats.totals.add(&totals);
            stats.reports = stats.reports.saturating_add(reports::sum(row, "reports")?);
        }
        stats.sources = match view::in_use(domain, range, carriers) {
            Some(walk) => {
                // Who waits for a walk of another keeps no connection from it.
                drop(link);
                let ways = (walk.ways_since, carriers);
                self.sources_by_way(domain, range, ways).await?.sources.len() as u64
            }
            None => count_addresses(&mut conn, domain, (range, carriers)).await?,
        };
        Ok((stats, before))
    }

    /// The messages of each day of a range that has some, ascending.
    pub async fn day_totals(&self, domain: DomainId, range: DayRange) -> Result<Vec<DayTotals>, StoreError> {
        let args = Args::default()
            .int(domain.0)
            .int(range.first.0.into())
            .int(range.last.0.into());
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn).all(sql!("daily_totals_range"), args).await?;
        let mut days: Vec<DayTotals> = Vec::with_capacity(rows.len());
        for row in &rows {
            let (day, totals) = (row.day("day")?, reports::totals(row)?);
            match days.last_mut() {
                Some(last) if last.day == day => last.totals.add(&totals),
                _ => days.push(DayTotals { day, totals }),
            }
        }
        Ok(days)
    }

    /// The addresses of a range of days, grouped by network. By messages, most first, then by network.
    pub async fn senders(&self, domain: DomainId, range: DayRange) -> Result<Vec<Sender>, StoreError> {
        let mut conn = self.read().await?;
        let gathered = gather(&mut Conn(&mut conn), domain, range, Carriers::All).await?;
        drop(conn);
        let mut senders: HashMap<Option<Network>, Sender> = HashMap::new();
        for source in gathered {
            let network = source.address.map(Network::around);
            let one = senders.entry(network).or_insert(Sender {
                network,
                sources: 0,
                totals: Totals::default(),
                first_seen: source.first_seen,
                last_seen: source.last_seen,
            });
            one.sources += 1;
            one.totals.add(&source.totals);
            one.first_seen = one.first_seen.min(source.first_seen);
            one.last_seen = one.last_seen.max(source.last_seen);
        }
        let mut senders: Vec<Sender> = senders.into_values().collect();
        senders.sort_unstable_by_key(|sender| (Reverse(sender.totals.messages()), sender.network));
        Ok(senders)
    }
}

/// Which sources, and in which order.
#[derive(Debug, Clone, Copy, Default)]
pub struct SourceQuery {
    pub result: Option<ResultFilter>,
    /// Only what reports with these carriers say.
    pub carriers: Carriers,
    /// Only those within this network.
    pub network: Option<Network>,
    pub order: SourceOrder,
    /// Whether the order is reversed: smallest, earliest or lowest first.
    pub ascending: bool,
}

/// What sources are ordered by; the largest, latest or highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceOrder {
    #[default]
    Messages,
    Pass,
    Fail,
    /// Share of messages that passed.
    PassRate,
    Address,
    FirstSeen,
    LastSeen,
}

/// The sending addresses of one network, in a range of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender {
    /// A /24 or a /48; `None` gathers the records without a readable address.
    pub network: Option<Network>,
    pub sources: u64,
    pub totals: Totals,
    /// First and last day of the range on which one was seen.
    pub first_seen: Day,
    pub last_seen: Day,
}

impl SourceQuery {
    /// A page of what matches, in the order of the sources.
    pub fn page<T>(&self, mut all: Vec<T>, source: impl Fn(&T) -> &Source, rows: Rows) -> Vec<T> {
        let order = |a: &T, b: &T| self.order(source(a), source(b));
        let Range { start, end } = rows.within(all.len());
        // Only the page itself must be in order; rows before it may have any order.
        if end < all.len() {
            all.select_nth_unstable_by(end, order);
            all.truncate(end);
        }
        if start > 0 && start < all.len() {
            all.select_nth_unstable_by(start, order);
        }
        all.drain(..start.min(all.len()));
        all.sort_unstable_by(order);
        all
    }

    /// Whether a source fits the filters.
    pub fn matches(&self, source: &Source) -> bool {
        let within = |network: Network| source.address.is_some_and(|address| network.contains(address));
        source.totals.matches(self.result) && self.network.is_none_or(within)
    }

    fn order(&self, a: &Source, b: &Source) -> Ordering {
        let order = match self.order {
            SourceOrder::Messages => b.totals.messages().cmp(&a.totals.messages()),
            SourceOrder::Pass => b.totals.pass.cmp(&a.totals.pass),
            SourceOrder::Fail => b.totals.fail.cmp(&a.totals.fail),
            SourceOrder::PassRate => {
                let share = |one: &Totals, of: &Totals| u128::from(one.pass) * u128::from(of.messages());
                share(&b.totals, &a.totals).cmp(&share(&a.totals, &b.totals))
            }
            SourceOrder::Address => b.address.cmp(&a.address),
            SourceOrder::FirstSeen => b.first_seen.cmp(&a.first_seen),
            SourceOrder::LastSeen => b.last_seen.cmp(&a.last_seen),
        };
        let order = if self.ascending { order.reverse() } else { order };
        order.then_with(|| a.address.cmp(&b.address))
    }
}

/// The number of addresses of a range, in reports with these carriers.
async fn count_addresses(
    conn: &mut Conn<'_>,
    domain: DomainId,
    (range, carriers): (DayRange, Carriers),
) -> Result<u64, StoreError> {
    let included = Included::read(conn, domain, carriers).await?;
    let mut addresses = ByAddress::default();
    each_packed(conn, domain, range, |_, packed| {
        addresses.next_day(|(), ()| {});
        let each = |address| *addresses.entry(address, || ()) = ();
        match included.is_all() {
            true => rollup::addresses(packed, each),
            false => rollup::addresses_on(packed, |path| included.has(path), each),
        }
    })
    .await?;
    Ok(addresses.count() as u64)
}

/// Every address of a range, in reports with these carriers.
pub(super) async fn gather(
    conn: &mut Conn<'_>,
    domain: DomainId,
    range: DayRange,
    carriers: Carriers,
) -> Result<Vec<Source>, StoreError> {
    let included = Included::read(conn, domain, carriers).await?;
    let mut seen = ByAddress::default();
    each_packed(conn, domain, range, |day, packed| {
        seen.next_day(Seen::add);
        rollup::decode_ways(packed, |entry| {
            if !included.has(entry.way.path()) {
                return;
            }
            let one = seen.entry(entry.address, || Seen::new(day));
            one.on(day, entry.way, &entry.handled);
        })
    })
    .await?;
    let sources = seen.all(Seen::add);
    Ok(sources.map(|(address, seen)| seen.source(address)).collect())
}

/// Calls `each` with the packed sources of every day of a range, by ascending day, one part after the other; false says that
/// they cannot be read.
pub(super) async fn each_packed(
    conn: &mut Conn<'_>,
    domain: DomainId,
    range: DayRange,
    mut each: impl FnMut(Day, &[u8]) -> bool,
) -> Result<(), StoreError> {
    let slots = rollup::slots(range.first, range.last);
    let args = Args::default().int(domain.0).int(*slots.start()).int(*slots.end());
    let row = |row: Row| {
        let day = row.checked("slot", rollup::NO_DAY, rollup::day_of)?;
        if each(day, row.blob("sources")?) {
            return Ok(true);
        }
        let row = format_args!("{domain} {day}").to_string();
        Err(StoreError::damaged("daily_sources", row, "cannot be read"))
    };
    conn.walk(sql!("daily_sources_range"), args, row).await
}
