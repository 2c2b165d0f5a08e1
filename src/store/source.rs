//! The records behind one sending address. There is no index over addresses, which would cost more to write than all else
//! together: what is packed by day tells which reports can hold it, and a bounded number of those is looked through.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::report::{Day, DayRange, Spread};

use super::db::{Args, Conn};
use super::sql::sql;
use super::{DomainId, ReportNo, ReportSummary, Source, Store, StoreError, StoredRecord, Totals, records, reports};

/// Reports looked up at a time, looked through for one answer, and the records in them.
const REPORTS_AT_ONCE: i64 = 256;
const REPORTS_MAX: usize = 256;
const RECORDS_MAX: u64 = 250_000;

/// A record with its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcesRecord {
    pub report: Arc<ReportSummary>,
    pub record: StoredRecord,
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
    /// Where to go on: the begin and number of the last report looked through. `None`: that was all.
    pub next: Option<(i64, ReportNo)>,
}

impl Store {
    /// The figures of one address in a range of days and at least `count` of its records, unless there are fewer or too
    /// many reports would have to be looked through for them. `before` goes on where an earlier answer ended.
    ///
    /// Records that retention has dropped are not there; [`SourceRecords::without_records`] counts their reports.
    pub async fn source_records(
        &self,
        domain: DomainId,
        address: Option<IpAddr>,
        range: DayRange,
        before: Option<(i64, ReportNo)>,
        count: usize,
    ) -> Result<SourceRecords, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let (source, days) = find(&mut conn, domain, address, range).await?;
        let mut found = SourceRecords {
            source,
            records: Vec::new(),
            without_records: 0,
            next: None,
        };
        if found.source.is_none() {
            return Ok(found);
        }
        // A window that begins before the range can reach into it.
        let from = range.first.plus(-REACH_DAYS).begin();
        let mut place = before.unwrap_or((i64::MAX, ReportNo(i64::MAX)));
        let (mut reports, mut records) = (0, 0);
        loop {
            let args = Args::default()
                .int(domain.0)
                .int(from)
                .int(range.last.end())
                .int(place.0)
                .int(place.1.0)
                .int(REPORTS_AT_ONCE);
            let rows = conn.all(sql!("report_before"), args).await?;
            for row in &rows {
                let report = Arc::new(reports::summary(row)?);
                let spread = Spread::bounded(report.window, usize::try_from(report.records).unwrap_or(usize::MAX));
                let may_hold = spread.days().iter().any(|day| days.contains(&day));
                if may_hold && !report.records_kept {
                    found.without_records += 1;
                } else if may_hold {
                    let is_first = reports == 0;
                    let enough = found.records.len() >= count || reports >= REPORTS_MAX;
                    if enough || (!is_first && records + report.records > RECORDS_MAX) {
                        found.next = Some(place);
                        return Ok(found);
                    }
                    reports += 1;
                    records += report.records;
                    let of_report = records_of(&mut conn, domain, report.no, address).await?;
                    found.records.extend(of_report.into_iter().map(|record| SourcesRecord {
                        report: Arc::clone(&report),
                        record,
                    }));
                }
                place = (report.window.begin, report.no);
            }
            if rows.len() < REPORTS_AT_ONCE as usize {
                return Ok(found);
            }
        }
    }
}

/// Windows are a day long, some a week or a month.
const REACH_DAYS: i32 = 31;
/// Records of one report about one address that are shown.
const RECORDS_OF_REPORT_MAX: usize = 200;

async fn records_of(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
    address: Option<IpAddr>,
) -> Result<Vec<StoredRecord>, StoreError> {
    let about = records::about(conn, domain, no, address, RECORDS_OF_REPORT_MAX).await?;
    records::with_evidence(conn, domain, &about).await
}

/// The figures of one address, and on which days it sent.
async fn find(
    conn: &mut Conn<'_>,
    domain: DomainId,
    address: Option<IpAddr>,
    range: DayRange,
) -> Result<(Option<Source>, HashSet<Day>), StoreError> {
    let mut days = HashSet::new();
    let mut source: Option<Source> = None;
    super::figures::each_day(conn, domain, range, |day, other, totals| {
        if other == address {
            days.insert(day);
            let one = source.get_or_insert(Source {
                address,
                totals: Totals::default(),
                first_seen: day,
                last_seen: day,
            });
            one.totals.add(totals);
            one.last_seen = day;
        }
    })
    .await?;
    Ok((source, days))
}
