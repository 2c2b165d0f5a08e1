//! The figures of a range of days, from the roll-ups alone.

use std::cmp::Reverse;
use std::net::IpAddr;

use hashbrown::HashMap;

use crate::report::{Day, DayRange};

use super::db::{Args, Conn};
use super::sql::sql;
use super::{
    DayTotals, DomainId, Page, ResultFilter, Source, Sources, Stats, Store, StoreError, Totals, reports, rollup,
};

impl Store {
    /// What a domain's mail did in a range of days.
    pub async fn stats(&self, domain: DomainId, range: DayRange) -> Result<Stats, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let args = Args::default()
            .int(domain.0)
            .int(range.first.0.into())
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
        };
        for row in &rows {
            let totals = reports::totals(row, 1)?;
            let nth = usize::try_from(row.int(0)? - i64::from(range.first.0)).unwrap_or(usize::MAX);
            if let Some(day) = stats.days.get_mut(nth) {
                day.totals = totals;
            }
            stats.totals.add(&totals);
            stats.reports += row.count(8)?;
        }
        stats.sources = gather(&mut conn, domain, range).await?.len() as u64;
        Ok(stats)
    }

    /// The addresses that sent mail as the domain in a range of days: by messages, largest first, then by address.
    pub async fn sources(
        &self,
        domain: DomainId,
        range: DayRange,
        filter: Option<ResultFilter>,
        page: Page,
    ) -> Result<Sources, StoreError> {
        let mut conn = self.read().await?;
        let gathered = gather(&mut Conn(&mut conn), domain, range).await?;
        drop(conn);
        let sources = gathered.into_iter().map(|(address, seen)| Source {
            address,
            totals: seen.totals,
            first_seen: seen.first,
            last_seen: seen.last,
        });
        let mut sources: Vec<Source> = sources.filter(|source| source.totals.matches(filter)).collect();
        let total = sources.len();
        let order = |source: &Source| (Reverse(source.totals.messages()), source.address);
        let start = usize::try_from(page.offset()).unwrap_or(usize::MAX).min(total);
        let end = start.saturating_add(page.per_page as usize).min(total);
        // Only the page itself must be in order; what lies before it only must be before it.
        if end < total {
            sources.select_nth_unstable_by_key(end, order);
            sources.truncate(end);
        }
        if start > 0 && start < sources.len() {
            sources.select_nth_unstable_by_key(start, order);
        }
        sources.drain(..start.min(sources.len()));
        sources.sort_unstable_by_key(order);
        Ok(Sources {
            sources,
            total: total as u64,
        })
    }
}

/// One address in a range.
#[derive(Debug, Clone, Copy)]
struct Seen {
    totals: Totals,
    first: Day,
    last: Day,
}

async fn gather(
    conn: &mut Conn<'_>,
    domain: DomainId,
    range: DayRange,
) -> Result<HashMap<Option<IpAddr>, Seen>, StoreError> {
    let args = Args::default()
        .int(domain.0)
        .int(range.first.0.into())
        .int(range.last.0.into());
    let rows = conn.all(sql!("daily_sources_range"), args).await?;
    let mut seen: HashMap<Option<IpAddr>, Seen> = HashMap::new();
    for row in &rows {
        let day = Day(i32::try_from(row.int(0)?).unwrap_or_default());
        let intact = rollup::decode(row.blob(1)?, |address, totals| {
            let first = Seen {
                totals: Totals::default(),
                first: day,
                last: day,
            };
            let one = seen.entry(address).or_insert(first);
            one.totals.add(totals);
            one.last = day;
        });
        if !intact {
            return Err(StoreError::damaged(
                "daily_sources",
                format_args!("{domain} {day}"),
                "cannot be read",
            ));
        }
    }
    Ok(seen)
}
