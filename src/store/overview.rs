//! All domains of an account at a glance.

use std::collections::BinaryHeap;

use hashbrown::HashMap;

use crate::base::{AccountId, Day, DayRange, DomainId, Millis, ReportNo};
use crate::report::aggregate::PolicyPublished;
use crate::tally::Totals;

use super::db::{Args, Conn, Layout};
use super::sql::sql;
use super::{DayTotals, ReportSummary, Store, StoreError, bulk, reports};

/// A domain's messages in a range of days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DomainFigures {
    /// Only `pass` and `fail` are set.
    pub totals: Totals,
    /// The days with messages, ascending.
    pub days: Vec<DayTotals>,
}

/// Three stretches of days that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretches {
    /// The first days of each. Stretches without days are empty.
    pub first: [Day; 3],
    /// The last day of the last one.
    pub last: Day,
}

impl Stretches {
    /// A range of days as one stretch.
    pub fn one(range: DayRange) -> Self {
        Self {
            first: [range.first, range.first, range.last.plus(1)],
            last: range.last,
        }
    }
}

/// A domain's messages in [`Stretches`]. Only `pass` and `fail` are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StretchTotals {
    pub of: [Totals; 3],
    /// The last day with messages.
    pub last_day: Option<Day>,
}

/// What the newest of the counted reports says: the one whose window ends last, whenever it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    pub policy: PolicyPublished,
    /// The end of its window.
    pub until: Millis,
    /// When the report came that came last of those that may count, whatever it is about.
    pub arrived_at: Millis,
}

/// Windows that end later than this after now are not believed as long as there are others. Clocks differ by a little, and
/// a day ends at midnight.
const AHEAD_MAX: Millis = 2 * 86_400_000;

impl Store {
    /// What the mail of each of these domains did in a range of days, which costs a look for each of its days. Domains
    /// without messages are left out.
    pub async fn overview(
        &self,
        domains: &[DomainId],
        range: DayRange,
    ) -> Result<HashMap<DomainId, DomainFigures>, StoreError> {
        let mut conn = self.read().await?;
        let days = domains
            .iter()
            .flat_map(|domain| range.iter().map(move |day| (*domain, day)));
        let days: Vec<_> = days.collect();
        let rows = Conn(&mut conn)
            .bulk_all(&bulk::DAILY_TOTALS_BY_DAY, &days, |args, (domain, day)| {
                args.push_int(domain.0);
                args.push_int(day.0.into());
            })
            .await?;
        let mut figures: HashMap<DomainId, DomainFigures> = HashMap::new();
        for row in &rows {
            let totals = Totals {
                pass: reports::sum(row, "pass")?,
                fail: reports::sum(row, "fail")?,
                ..Totals::default()
            };
            if totals.messages() == 0 {
                continue;
            }
            let one = figures.entry(DomainId(row.int("domain_id")?)).or_default();
            one.totals.add(&totals);
            one.days.push(DayTotals {
                day: row.day("day")?,
                totals,
            });
        }
        for one in figures.values_mut() {
            one.days.sort_unstable_by_key(|day| day.day);
            // Of its reports of either carrier.
            one.days.dedup_by(|next, day| {
                let is_same = next.day == day.day;
                if is_same {
                    day.totals.add(&next.totals);
                }
                is_same
            });
        }
        Ok(figures)
    }

    /// What the mail of every domain of the account did in stretches of days, in one question where no domain is on another
    /// server. Domains without messages are left out.
    pub async fn totals_of_account(
        &self,
        account: AccountId,
        stretches: Stretches,
    ) -> Result<HashMap<DomainId, StretchTotals>, StoreError> {
        if self.layout() == Layout::ByDomain {
            return self.totals_by_domain(account, stretches).await;
        }
        let [first, second, third] = stretches.first.map(|day| i64::from(day.0));
        let args = Args::default().int(account.0).int(first).int(second).int(third);
        let args = args.int(stretches.last.0.into());
        let mut conn = self.read().await?;
        let rows = Conn(&mut conn).all(sql!("daily_totals_of_account"), args).await?;
        let mut totals = HashMap::with_capacity(rows.len());
        for row in &rows {
            let of = |pass, fail| {
                Ok::<_, StoreError>(Totals {
                    pass: reports::sum(row, pass)?,
                    fail: reports::sum(row, fail)?,
                    ..Totals::default()
                })
            };
            let one = StretchTotals {
                of: [
                    of("before_pass", "before_fail")?,
                    of("pass", "fail")?,
                    of("after_pass", "after_fail")?,
                ],
                last_day: row.opt_int("last_day")?.map(|day| Day(day as i32)),
            };
            totals.insert(DomainId(row.int("domain_id")?), one);
        }
        Ok(totals)
    }

    /// As [`Store::totals_of_account`], where the days of a domain are on its server and the account is on another: a
    /// statement about both goes to no single one.
    async fn totals_by_domain(
        &self,
        account: AccountId,
        stretches: Stretches,
    ) -> Result<HashMap<DomainId, StretchTotals>, StoreError> {
        let domains: Vec<_> = self
            .domains(account)
            .await?
            .into_iter()
            .map(|domain| domain.id)
            .collect();
        let range = DayRange {
            first: stretches.first[0],
            last: stretches.last,
        };
        let figures = self.overview(&domains, range).await?;
        let totals = figures.into_iter().map(|(domain, figures)| {
            let mut totals = StretchTotals::default();
            for day in figures.days {
                let [_, second, third] = stretches.first;
                let stretch = usize::from(day.day >= second) + usize::from(day.day >= third);
                totals.of[stretch].add(&day.totals);
                totals.last_day = totals.last_day.max(Some(day.day));
            }
            (domain, totals)
        });
        Ok(totals.collect())
    }

    /// The last day up to `until` for which messages were reported about any of these domains.
    pub async fn last_day(&self, domains: &[DomainId], until: Day) -> Result<Option<Day>, StoreError> {
        let mut conn = self.read().await?;
        let mut last = None;
        for domain in domains {
            let args = Args::default().int(domain.0).int(until.0.into());
            let Some(row) = Conn(&mut conn).first(sql!("daily_totals_last"), args).await? else {
                continue;
            };
            last = last.max(Some(row.day("day")?));
        }
        Ok(last)
    }

    /// The policy in the newest report about each of these domains, until when that report is, and when the last one came.
    pub async fn latest(&self, domains: &[DomainId], now: Millis) -> Result<HashMap<DomainId, Latest>, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let mut latest = HashMap::with_capacity(domains.len());
        for &domain in domains {
            let believed = now.saturating_add(AHEAD_MAX).div_euclid(1_000);
            let newest = match newest_report(&mut conn, domain, believed).await? {
                None => newest_report(&mut conn, domain, i64::MAX).await?,
                newest => newest,
            };
            if let Some(newest) = newest {
                let one = Latest {
                    until: newest.window.end.saturating_mul(1_000),
                    arrived_at: last_arrival(&mut conn, domain).await?.unwrap_or(newest.received_at),
                    policy: newest.policy,
                };
                latest.insert(domain, one);
            }
        }
        Ok(latest)
    }

    /// Up to `count` reports about any of these domains, counted or not, in the order of their numbers, the latest first. `below`
    /// excludes that number and those above it. The cost is one lookup per domain and twice the returned reports.
    pub async fn arrivals(
        &self,
        domains: &[DomainId],
        below: Option<ReportNo>,
        count: u32,
    ) -> Result<Vec<(DomainId, ReportSummary)>, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let below = below.unwrap_or(ReportNo(i64::MAX));
        let mut arriving: Vec<_> = domains.iter().map(|&domain| Arriving::new(domain, below)).collect();
        // The number of each domain's next report, and which domain it is: the latest is on top.
        let mut next = BinaryHeap::with_capacity(domains.len());
        for (nth, one) in arriving.iter_mut().enumerate() {
            one.read(&mut conn).await?;
            next.extend(one.place().map(|no| (no, nth)));
        }
        let mut arrivals = Vec::new();
        while arrivals.len() < count as usize
            && let Some((_, nth)) = next.pop()
        {
            let one = &mut arriving[nth];
            arrivals.extend(one.read.pop().map(|report| (one.domain, report)));
            if one.read.is_empty() {
                one.read(&mut conn).await?;
            }
            next.extend(one.place().map(|no| (no, nth)));
        }
        Ok(arrivals)
    }
}

/// The reports of one domain that are merged into a list of several domains.
struct Arriving {
    domain: DomainId,
    /// Reports that are read and not in the list yet, the latest last.
    read: Vec<ReportSummary>,
    /// The next read is below this number.
    below: ReportNo,
    /// Size of the next read. It doubles each time: most domains have one matching report, or none.
    at_once: u32,
}

/// Maximum number of reports per read.
const ARRIVING_AT_ONCE: u32 = 256;

impl Arriving {
    fn new(domain: DomainId, below: ReportNo) -> Self {
        Self {
            domain,
            read: Vec::new(),
            below,
            at_once: 1,
        }
    }

    async fn read(&mut self, conn: &mut Conn<'_>) -> Result<(), StoreError> {
        self.read = latest_reports(conn, self.domain, self.below, self.at_once).await?;
        self.read.reverse();
        self.below = self.read.first().map_or(self.below, |last| last.no);
        self.at_once = (2 * self.at_once).min(ARRIVING_AT_ONCE);
        Ok(())
    }

    /// The number of the latest report that is not in the list yet.
    fn place(&self) -> Option<ReportNo> {
        self.read.last().map(|report| report.no)
    }
}

/// Reports that are looked through for one that may count, latest first, if the very last may not.
const LATEST_MAX: u32 = 50;

/// When the last report came that may count. `None`: of the last there are, none may.
async fn last_arrival(conn: &mut Conn<'_>, domain: DomainId) -> Result<Option<Millis>, StoreError> {
    for count in [1, LATEST_MAX] {
        let latest = latest_reports(conn, domain, ReportNo(i64::MAX), count).await?;
        let found = latest.iter().find(|report| report.acceptance.may_count());
        if let Some(report) = found {
            return Ok(Some(report.received_at));
        }
    }
    Ok(None)
}

async fn newest_report(conn: &mut Conn<'_>, domain: DomainId, until: i64) -> Result<Option<ReportSummary>, StoreError> {
    let args = || Args::default().int(domain.0).int(until);
    let usual = conn.first(sql!("report_newest"), args()).await?;
    let long = conn.first(sql!("report_newest_long"), args()).await?;
    let newest = [usual, long]
        .iter()
        .flatten()
        .map(reports::summary)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(newest
        .into_iter()
        .max_by_key(|report| (report.window.end, report.window.begin, report.no)))
}

async fn latest_reports(
    conn: &mut Conn<'_>,
    domain: DomainId,
    below: ReportNo,
    count: u32,
) -> Result<Vec<ReportSummary>, StoreError> {
    let args = Args::default().int(domain.0).int(count.into()).int(below.0);
    let rows = conn.all(sql!("report_latest"), args).await?;
    rows.iter().map(reports::summary).collect()
}
