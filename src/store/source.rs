//! The records behind one sending address. There is no index over addresses, which would cost more to write than all else
//! together: what is packed by day tells which reports can hold it, and a bounded number of those is looked through.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::{Day, DayRange, DomainId, ReportNo};
use crate::tally::{SPREAD_DAYS_MAX, Spread, Totals};

use super::db::{Args, Conn};
use super::figures::each_packed;
use super::seen::Seen;
use super::sql::sql;
use super::trail::Ways;
use super::{
    ListedMax, ListedRecord, ReportSummary, Source, SourcesByWay, Store, StoreError, listed, on_ways, paths, records,
    reports, rollup,
};

/// Reports looked up at a time, looked through for one answer, and the records in them.
const REPORTS_AT_ONCE: i64 = 256;
const REPORTS_MAX: usize = 256;
const RECORDS_MAX: u64 = 250_000;

/// A record with its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcesRecord {
    pub report: Arc<ReportSummary>,
    pub record: ListedRecord,
}

/// What one address sent in a range of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRecords {
    /// Its figures; `None` if it sent nothing.
    pub source: Option<Source>,
    /// Records, newest window first.
    pub records: Vec<SourcesRecord>,
    /// Reports looked through that were about days on which it sent, and whose records retention has dropped.
    pub without_records: u64,
    /// Where to go on. `None`: that was all.
    pub next: Option<SourcePlace>,
}

/// What one address sent in a range of days, with its ways and those of all addresses.
#[derive(Debug, Default)]
pub struct SentByOne {
    /// The address alone; empty if it sent nothing.
    pub by_way: SourcesByWay,
    days: HashSet<Day>,
}

impl SentByOne {
    /// Its figures; `None` if it sent nothing.
    pub fn source(&self) -> Option<&Source> {
        self.by_way.sources.first().map(|(source, _)| source)
    }
}

/// A place in the records of an address: behind a report, or within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourcePlace {
    /// Begin and number of the last report that was looked through.
    pub begin: i64,
    pub no: ReportNo,
    /// Its records about the address that came already; 0: all of them.
    pub given: u64,
}

impl Store {
    /// The figures of one address in a range of days, and how many bytes of the roll-ups were read for it.
    pub async fn source_figures(
        &self,
        domain: DomainId,
        address: IpAddr,
        range: DayRange,
    ) -> Result<(Option<Source>, usize), StoreError> {
        let mut conn = self.read().await?;
        let (mut source, mut bytes) = (None, 0);
        each_packed(&mut Conn(&mut conn), domain, range, |day, packed| {
            bytes += packed.len();
            rollup::decode(packed, |other, totals| {
                if other == Some(address) {
                    add(&mut source, other, (day, totals));
                }
            })
        })
        .await?;
        Ok((source, bytes))
    }

    /// The figures of one address in a range of days and `count` of its records, unless there are fewer or too many
    /// reports would have to be looked through for them. `before` goes on where an earlier answer ended.
    ///
    /// Records that retention has dropped are not there; [`SourceRecords::without_records`] counts their reports.
    pub async fn source_records(
        &self,
        domain: DomainId,
        address: Option<IpAddr>,
        range: DayRange,
        before: Option<SourcePlace>,
        page: (usize, ListedMax),
    ) -> Result<SourceRecords, StoreError> {
        let sent = self.source_by_way((domain, address), range, range.first).await?;
        self.records_behind((domain, address), (range, &sent), before, page)
            .await
    }

    /// What one address sent in a range of days. `ways_since` is the day from which the ways of all addresses are summed up, the
    /// first of the range or one before it.
    pub async fn source_by_way(
        &self,
        (domain, address): (DomainId, Option<IpAddr>),
        range: DayRange,
        ways_since: Day,
    ) -> Result<SentByOne, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let mut sent = SentByOne::default();
        let (mut seen, mut ways) = (None::<Seen>, Ways::new());
        each_packed(&mut conn, domain, on_ways::since(ways_since, range), |day, packed| {
            let all_ways = &mut sent.by_way.all_ways;
            if day < range.first {
                return on_ways::sum_ways(packed, all_ways);
            }
            let mut cursor = on_ways::Cursor::default();
            rollup::decode_ways(packed, |entry| {
                all_ways.add(entry.way, entry.handled.messages);
                if entry.address == address {
                    seen.get_or_insert_with(|| Seen::new(day))
                        .on(day, entry.way, &entry.handled);
                    cursor.add(entry, &mut ways);
                    sent.days.insert(day);
                }
            })
        })
        .await?;
        sent.by_way.sources = seen.map(|seen| (seen.source(address), ways)).into_iter().collect();
        // After the days: these have no path that is not there by now.
        sent.by_way.paths = paths::read(&mut conn, domain).await?;
        Ok(sent)
    }

    /// As [`Self::source_records`], for what [`Self::source_by_way`] found.
    #[expect(clippy::too_many_lines, reason = "one walk, with what it carries")]
    pub async fn records_behind(
        &self,
        (domain, address): (DomainId, Option<IpAddr>),
        (range, sent): (DayRange, &SentByOne),
        before: Option<SourcePlace>,
        (count, most): (usize, ListedMax),
    ) -> Result<SourceRecords, StoreError> {
        let days = &sent.days;
        let mut found = SourceRecords {
            source: sent.source().copied(),
            records: Vec::new(),
            without_records: 0,
            next: None,
        };
        if found.source.is_none() {
            return Ok(found);
        }
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        // A window that begins before the range can reach into it.
        let from = range.first.plus(1 - SPREAD_DAYS_MAX as i32).begin();
        let mut place = before.unwrap_or(SourcePlace {
            begin: i64::MAX,
            no: ReportNo(i64::MAX),
            given: 0,
        });
        let (mut reports, mut records, mut most) = (0, 0, most);
        loop {
            let args = Args::default()
                .int(domain.0)
                .int(from)
                .int(range.last.end())
                .int(place.begin)
                .int(place.no.0.saturating_add(i64::from(place.given > 0)))
                .int(REPORTS_AT_ONCE)
                .int(range.first.begin());
            let rows = conn.all(sql!("report_before"), args).await?;
            for row in &rows {
                let report = Arc::new(reports::summary(row)?);
                let spread = Spread::bounded(report.window, usize::try_from(report.records).unwrap_or(usize::MAX));
                let may_hold = spread.days().iter().any(|day| days.contains(&day));
                if may_hold && !report.records_kept {
                    found.without_records += 1;
                } else if may_hold {
                    let is_first = reports == 0;
                    let enough = found.records.len() >= count || reports >= REPORTS_MAX || most.bytes == 0;
                    if enough || (!is_first && records + report.records > RECORDS_MAX) {
                        found.next = Some(place);
                        return Ok(found);
                    }
                    reports += 1;
                    records += report.records;
                    let given = if place.no == report.no { place.given } else { 0 };
                    let wanted = count.saturating_sub(found.records.len());
                    let part = (given, wanted, most);
                    let (of_report, more) = records_of(&mut conn, domain, report.no, address, part).await?;
                    let now_given = given + of_report.len() as u64;
                    let bytes: usize = of_report.iter().map(|one| listed::size(&one.record.evidence)).sum();
                    most.bytes = most.bytes.saturating_sub(bytes);
                    found.records.extend(of_report.into_iter().map(|record| SourcesRecord {
                        report: Arc::clone(&report),
                        record,
                    }));
                    if more {
                        found.next = Some(SourcePlace {
                            begin: report.window.begin,
                            no: report.no,
                            given: now_given,
                        });
                        return Ok(found);
                    }
                }
                place = SourcePlace {
                    begin: report.window.begin,
                    no: report.no,
                    given: 0,
                };
            }
            if rows.len() < REPORTS_AT_ONCE as usize {
                return Ok(found);
            }
        }
    }
}

/// `wanted` of a report's records about the address, behind those `given` already, and whether there are more.
async fn records_of(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
    address: Option<IpAddr>,
    (given, wanted, most): (u64, usize, ListedMax),
) -> Result<(Vec<ListedRecord>, bool), StoreError> {
    let (mut about, evidence) = records::about(conn, domain, no, address, (given, wanted.saturating_add(1))).await?;
    let found = about.len();
    about.truncate(wanted);
    let listed = listed::listed(conn, &evidence, &about, most).await?;
    let more = listed.len() < found;
    Ok((listed, more))
}

/// Adds a day of an address. Days come ascending.
fn add(source: &mut Option<Source>, address: Option<IpAddr>, (day, totals): (Day, &Totals)) {
    let one = source.get_or_insert(Source {
        address,
        totals: Totals::default(),
        first_seen: day,
        last_seen: day,
    });
    one.totals.add(totals);
    one.last_seen = day;
}
