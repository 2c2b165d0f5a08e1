//! Reports of an earlier version, over several days: what they add to each is moved to where it belongs, once.
//!
//! Versions up to 0.1.0 rounded record by record, so that ten records of one message over two days all fell on the first
//! (`tally/spread.rs`). Sums whose records have gone stay as they are.

use std::collections::BTreeMap;

use crate::base::{Day, DomainId};
use crate::tally::{DayFigures, DaySums, Spread};

use super::commit::Moves;
use super::db::{Args, Conn};
use super::rollup::Change;
use super::sql::sql;
use super::{ReportSummary, Store, StoreError, reports};

/// Reports looked up at a time, and records after which a transaction is large enough.
const REPORTS_AT_ONCE: i64 = 1_000;
const RECORDS_AT_ONCE: u64 = 100_000;

/// How far it has come, in counters: they move in the transaction that moves the sums, so that no report is moved twice.
const END: &str = "respread_end";
const DOMAIN: &str = "respread_domain";
const REPORT: &str = "respread_report";

impl Store {
    /// Spreads what an earlier version has spread. May be interrupted, and done by several nodes at once.
    pub(super) async fn respread(&self) -> Result<(), StoreError> {
        let mut conn = self.read().await?;
        let end = Conn(&mut conn)
            .first(sql!("counter_read"), Args::default().text(END))
            .await?;
        if end.map_or(Ok(0), |row| row.int(0))? == 0 {
            return Ok(());
        }
        let mut domains = Vec::new();
        for row in Conn(&mut conn).all(sql!("domain_all"), Args::default()).await? {
            domains.push(DomainId(row.int(0)?));
        }
        drop(conn);
        if !domains.is_empty() {
            tracing::info!("older reports over several days are spread again, once");
        }
        domains.sort_unstable();
        for domain in domains {
            while self.respread_some(domain).await? {}
        }
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let end = add(&mut conn, END, 0).await?;
        add(&mut conn, END, -end).await?;
        write.commit().await
    }

    /// Some reports of a domain, and whether there are more.
    async fn respread_some(&self, domain: DomainId) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        // Waits for another node that does the same.
        let end = add(&mut conn, END, 0).await?;
        let at = DomainId(add(&mut conn, DOMAIN, 0).await?);
        let before = add(&mut conn, REPORT, 0).await?;
        if end == 0 || at > domain || conn.hold(vec![domain]).await?.is_empty() {
            return Ok(false);
        }
        let after = if at == domain { before } else { 0 };
        let args = Args::default().int(domain.0).int(after).int(REPORTS_AT_ONCE);
        let (mut last, mut records, mut moves) = (after, 0, Moves::default());
        for row in conn.all(sql!("report_all_after"), args).await? {
            let report = reports::summary(&row)?;
            if report.no.0 >= end || records >= RECORDS_AT_ONCE {
                break;
            }
            last = report.no.0;
            if !report.counted || !report.records_kept || Spread::of(report.window).days().len() == 1 {
                continue;
            }
            records += report.records;
            match respread_report(&mut conn, domain, &report, &mut moves).await {
                Ok(()) => {}
                // It says nothing any more, and the others need not wait for it.
                Err(error @ StoreError::Damaged { .. }) => {
                    tracing::error!(%error, report = report.no.0, "a damaged report cannot be spread again");
                }
                Err(error) => return Err(error),
            }
        }
        moves.apply(&mut conn).await?;
        add(&mut conn, DOMAIN, domain.0 - at.0).await?;
        add(&mut conn, REPORT, last - before).await?;
        write.commit().await?;
        Ok(last > after)
    }
}

/// Adds to a counter, and gives it.
async fn add(conn: &mut Conn<'_>, name: &str, more: i64) -> Result<i64, StoreError> {
    let row = conn
        .first(sql!("counter_take"), Args::default().text(name).int(more))
        .await?;
    row.map_or(Ok(0), |row| row.int(0))
}

async fn respread_report(
    conn: &mut Conn<'_>,
    domain: DomainId,
    report: &ReportSummary,
    moves: &mut Moves,
) -> Result<(), StoreError> {
    let (window, org_name) = (report.window, report.org_name.as_deref());
    let before = record_by_record(conn, domain, report).await?;
    let now = reports::recount(conn, domain, report.no).await?;
    moves.report(domain, window, org_name, &before, Change::Subtract);
    moves.report(domain, window, org_name, &now.days, Change::Add);
    Ok(())
}

/// What a report added to its days in versions up to 0.1.0.
async fn record_by_record(
    conn: &mut Conn<'_>,
    domain: DomainId,
    report: &ReportSummary,
) -> Result<Vec<DayFigures>, StoreError> {
    let spread = Spread::bounded(report.window, usize::try_from(report.records).unwrap_or(usize::MAX));
    let mut days: BTreeMap<Day, DaySums> = BTreeMap::new();
    let evidence = reports::each_record(conn, domain, report.no, |record, number| {
        spread.split(record.count, |day, count| {
            let sums = days.entry(day).or_default();
            sums.add(record.source, record.verdict, count, number);
        });
    })
    .await?;
    let evidence = |number| evidence.get(&number).map(|one| &**one);
    Ok(days.into_iter().map(|(day, sums)| sums.finish(day, evidence)).collect())
}
