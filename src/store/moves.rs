//! What a batch moves in `daily_totals`, `daily_sources` and `daily_facets`: gathered first, so that each day is written
//! once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Day, DomainId};
use crate::report::aggregate::Window;
use crate::tally::{Carrier, DayFigures, DaySources, SourceTotals, Totals, added_up};

use super::db::Conn;
use super::facets::{self, FacetKey, FacetSums};
use super::memory::Memory;
use super::paths::{self, CarriedPaths};
use super::rollup::{self, Change};
use super::{StoreError, bulk};

/// Days whose packed sources are in memory at a time, as they were and as they will be: one of a busy domain may take a
/// megabyte, and a report may move as many as its window has.
const DAYS_AT_ONCE: usize = 64;

/// By domain and day, in the order in which rows are written (and, where rows are locked, locked).
#[derive(Debug, Default)]
pub(super) struct Moves {
    sums: BTreeMap<(DomainId, Day, Carrier), SumMove>,
    days: BTreeMap<(DomainId, Day), DayMove>,
    /// The paths of each report of a domain.
    paths: BTreeMap<DomainId, Vec<CarriedPaths>>,
    facets: BTreeMap<(DomainId, FacetKey), FacetSums>,
}

/// What a report adds to the sums of its domain.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReportFigures<'r> {
    pub window: Window,
    pub org_name: Option<&'r str>,
    pub carrier: Carrier,
    pub days: &'r [DayFigures],
}

/// The sums of a day, over reports with one carrier.
#[derive(Debug, Default)]
struct SumMove {
    added: Totals,
    taken: Totals,
    /// Reports whose window begins on the day.
    reports: i64,
}

/// The sources of a day.
#[derive(Debug, Default)]
struct DayMove {
    /// With the position of their paths among those of the domain.
    add: Vec<(usize, Arc<DaySources>)>,
    take: Vec<(usize, Arc<DaySources>)>,
}

impl Moves {
    /// A report's figures come or go.
    pub fn report(&mut self, domain: DomainId, figures: &ReportFigures<'_>, change: Change) {
        let sign = if change == Change::Add { 1 } else { -1 };
        let ReportFigures {
            window,
            org_name,
            carrier,
            days,
        } = *figures;
        FacetSums::of_report(window, org_name, days, |key, sums| {
            self.facets.entry((domain, key)).or_default().add(sums, sign);
        });
        let first = (domain, Day::from_unix(window.begin), carrier);
        self.sums.entry(first).or_default().reports += sign;
        // All days of a report have the same paths.
        let Some(any) = days.first() else { return };
        let paths = self.paths.entry(domain).or_default();
        paths.push((Arc::clone(&any.sources.paths), carrier));
        let place = paths.len() - 1;
        for figures in days {
            let sums = self.sums.entry((domain, figures.day, carrier)).or_default();
            let day = self.days.entry((domain, figures.day)).or_default();
            let (totals, sources) = match change {
                Change::Add => (&mut sums.added, &mut day.add),
                Change::Subtract => (&mut sums.taken, &mut day.take),
            };
            totals.add(&figures.totals);
            sources.push((place, Arc::clone(&figures.sources)));
        }
    }

    /// Sums of a day come, over reports with one carrier.
    pub fn day(&mut self, domain: DomainId, (day, carrier): (Day, Carrier), totals: &Totals, reports: i64) {
        let moved = self.sums.entry((domain, day, carrier)).or_default();
        moved.added.add(totals);
        moved.reports += reports;
    }

    /// Sources of a day come. Their paths have the carriers.
    pub fn sources(&mut self, domain: DomainId, day: Day, sources: Arc<DaySources>) {
        let paths = self.paths.entry(domain).or_default();
        paths.push((Arc::clone(&sources.paths), Carrier::Other));
        let moved = self.days.entry((domain, day)).or_default();
        moved.add.push((paths.len() - 1, sources));
    }

    /// Sums of a facet come.
    pub fn facet(&mut self, domain: DomainId, key: FacetKey, sums: &FacetSums) {
        self.facets.entry((domain, key)).or_default().add(*sums, 1);
    }

    /// Writes all. Returns the days whose last part was written, with the addresses in it.
    pub async fn apply(
        self,
        conn: &mut Conn<'_>,
        memory: &mut Memory,
    ) -> Result<Vec<(DomainId, Day, usize)>, StoreError> {
        let rows: Vec<_> = self.sums.iter().collect();
        conn.bulk(
            &bulk::DAILY_TOTALS_ADD,
            &rows,
            |args, ((domain, day, carrier), moved)| {
                args.push_int(domain.0);
                args.push_int(day.0.into());
                args.push_int(carrier.code());
                let (added, taken) = (moved.added, moved.taken);
                for (added, taken) in [
                    (added.pass, taken.pass),
                    (added.fail, taken.fail),
                    (added.dkim_aligned, taken.dkim_aligned),
                    (added.spf_aligned, taken.spf_aligned),
                    (added.none, taken.none),
                    (added.quarantine, taken.quarantine),
                    (added.reject, taken.reject),
                ] {
                    // Both are at most Totals::SUM_MAX.
                    args.push_int(added.cast_signed() - taken.cast_signed());
                }
                args.push_int(moved.reports);
            },
        )
        .await?;
        facets::write(conn, &self.facets).await?;
        let numbers = paths::numbers(conn, &mut memory.paths, &self.paths).await?;
        self.apply_sources(conn, &numbers).await
    }

    async fn apply_sources(
        self,
        conn: &mut Conn<'_>,
        numbers: &paths::Numbers,
    ) -> Result<Vec<(DomainId, Day, usize)>, StoreError> {
        let days = self.days.into_iter();
        let mut days = days.map(|(key, moved)| (key, Rising::new(&moved, &numbers[&key.0])));
        let mut large = Vec::new();
        loop {
            let piece: Vec<_> = days.by_ref().take(DAYS_AT_ONCE).collect();
            if piece.is_empty() {
                return Ok(large);
            }
            Self::apply_sources_of(conn, piece, &mut large).await?;
        }
    }

    async fn apply_sources_of(
        conn: &mut Conn<'_>,
        days: Vec<((DomainId, Day), Rising)>,
        large: &mut Vec<(DomainId, Day, usize)>,
    ) -> Result<(), StoreError> {
        let mut rising: BTreeMap<_, _> = days.into_iter().collect();
        let mut written = Vec::with_capacity(rising.len());
        let none = rollup::encode(&[]);
        for (part, sources_max) in rollup::PARTS.into_iter().enumerate() {
            let keys: Vec<_> = rising.keys().copied().collect();
            let rows = conn
                .bulk_all(&bulk::DAILY_SOURCES_BY_SLOT, &keys, |args, (domain, day)| {
                    args.push_int(domain.0);
                    args.push_int(rollup::slot(*day, part));
                })
                .await?;
            let mut packed = BTreeMap::new();
            for row in &rows {
                let day = row.checked("slot", rollup::NO_DAY, rollup::day_of)?;
                packed.insert((DomainId(row.int("domain_id")?), day), row.blob("sources")?);
            }
            for (key, mut day) in std::mem::take(&mut rising) {
                let before = packed.get(&key).copied().unwrap_or(&none);
                let damaged = || StoreError::damaged("daily_sources", format!("{} {}", key.0, key.1), "cannot be read");
                day.add = rollup::merge(before, &day.add, Change::Add).ok_or_else(damaged)?;
                let is_taken_from = !day.take.is_empty();
                if day.add.len() > sources_max || is_taken_from && sources_max < usize::MAX {
                    if before != none {
                        written.push((key.0, rollup::slot(key.1, part), none.clone()));
                    }
                    rising.insert(key, day);
                    continue;
                }
                if is_taken_from {
                    let before = rollup::encode(&day.add);
                    day.add = rollup::merge(&before, &day.take, Change::Subtract).ok_or_else(damaged)?;
                }
                if sources_max == usize::MAX {
                    let addresses = day.add.chunk_by(|a, b| a.address == b.address).count();
                    large.push((key.0, key.1, addresses));
                }
                written.push((key.0, rollup::slot(key.1, part), rollup::encode(&day.add)));
            }
            if rising.is_empty() {
                break;
            }
        }
        conn.bulk(&bulk::DAILY_SOURCES_PUT, &written, |args, (domain, slot, sources)| {
            args.push_int(domain.0);
            args.push_int(*slot);
            args.push_blob(sources);
        })
        .await
    }
}

/// What is on its way to the part of a day that has room for it.
struct Rising {
    add: Vec<SourceTotals>,
    /// Which part holds what is taken is not known: all of them become one first.
    take: Vec<SourceTotals>,
}

impl Rising {
    /// `numbers` are those of the domain for each of its lists of paths.
    fn new(moved: &DayMove, numbers: &[Vec<u32>]) -> Self {
        let numbered = |parts: &[(usize, Arc<DaySources>)]| {
            let mut entries = Vec::with_capacity(parts.iter().map(|(_, sources)| sources.entries.len()).sum());
            for (place, sources) in parts {
                entries.extend(sources.entries.iter().map(|entry| SourceTotals {
                    way: entry.way.on(numbers[*place][entry.way.path() as usize]),
                    ..*entry
                }));
            }
            added_up(entries)
        };
        Self {
            add: numbered(&moved.add),
            take: numbered(&moved.take),
        }
    }
}
