//! Every record of a range, streamed.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::report::DayRange;

use super::db::{Args, Conn};
use super::reports::summary;
use super::sql::sql;
use super::{DomainId, ExportedRecord, ReportSummary, Store, StoreError, records};

/// Reports looked up, and records read, at a time.
const REPORTS_AT_ONCE: i64 = 256;
const RECORDS_AT_ONCE: usize = 4 * records::ROW_RECORDS;
/// Pieces that wait for the receiver.
const PIECES: usize = 2;

impl Store {
    /// Every record of the counted reports whose window begins in the range, oldest first, in pieces of at most a few
    /// thousand. A report whose records retention has dropped has one entry, without a record. A slow receiver makes the reader wait, not memory grow; dropping it ends the walk. No connection is
    /// held between pieces, so an export takes nothing from the other readers while it waits.
    pub fn export(&self, domain: DomainId, range: DayRange) -> mpsc::Receiver<Result<Vec<ExportedRecord>, StoreError>> {
        let (sender, receiver) = mpsc::channel(PIECES);
        let store = self.clone();
        tokio::spawn(async move {
            if let Err(error) = store.walk(domain, range, &sender).await {
                // A receiver that has gone has no use for the error either.
                let _ = sender.send(Err(error)).await;
            }
        });
        receiver
    }

    async fn walk(
        &self,
        domain: DomainId,
        range: DayRange,
        sender: &mpsc::Sender<Result<Vec<ExportedRecord>, StoreError>>,
    ) -> Result<(), StoreError> {
        let (mut begin, mut no) = (i64::MIN, 0);
        loop {
            let args = Args::default()
                .int(domain.0)
                .int(range.first.begin())
                .int(range.last.end());
            let args = args.int(begin).int(no).int(REPORTS_AT_ONCE);
            let mut conn = self.read().await?;
            let rows = Conn(&mut conn).all(sql!("report_after"), args).await?;
            drop(conn);
            let reports = rows.iter().map(summary).collect::<Result<Vec<_>, _>>()?;
            let Some(last) = reports.last() else { return Ok(()) };
            (begin, no) = (last.window.begin, last.no.0);
            let mut piece = Vec::new();
            for report in reports {
                if self
                    .walk_report(domain, Arc::new(report), &mut piece, sender)
                    .await?
                    .is_none()
                {
                    return Ok(());
                }
            }
            if !piece.is_empty() && sender.send(Ok(piece)).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Fills pieces with one report's records and sends the full ones; `None` if the receiver has gone.
    async fn walk_report(
        &self,
        domain: DomainId,
        report: Arc<ReportSummary>,
        piece: &mut Vec<ExportedRecord>,
        sender: &mpsc::Sender<Result<Vec<ExportedRecord>, StoreError>>,
    ) -> Result<Option<()>, StoreError> {
        if !report.records_kept {
            piece.push(ExportedRecord { report, record: None });
            return Ok(Some(()));
        }
        let mut from = 0;
        while from < report.records {
            let mut conn = self.read().await?;
            let mut reader = Conn(&mut conn);
            let page = records::page(&mut reader, domain, report.no, from, RECORDS_AT_ONCE).await?;
            let records = records::with_evidence(&mut reader, domain, &page).await?;
            drop(conn);
            if records.is_empty() {
                break;
            }
            from += records.len() as u64;
            piece.extend(records.into_iter().map(|record| ExportedRecord {
                report: Arc::clone(&report),
                record: Some(record),
            }));
            if piece.len() >= RECORDS_AT_ONCE && sender.send(Ok(std::mem::take(piece))).await.is_err() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }
}
