//! Every record of a range, streamed.

use std::sync::Arc;

use hashbrown::HashMap;
use tokio::sync::mpsc;

use crate::apart::InTurn;
use crate::base::{DayRange, DomainId};

use super::db::{Args, Conn};
use super::reports::summary;
use super::sql::sql;
use super::{ReportSummary, Store, StoreError, StoredRecord, listed, records};

/// Reports looked up, and records read, at a time.
const REPORTS_AT_ONCE: i64 = 256;
const RECORDS_AT_ONCE: usize = records::ROW_RECORDS;
/// Records whose evidence is looked up at a time, and about the bytes of a piece where it is written; a record more is
/// still in it.
const LOOKED_UP_AT_ONCE: usize = 16;
const PIECE_BYTES: usize = 512 * 1024;
/// Pieces that wait for the receiver.
const PIECES: usize = 2;

/// A record in an export, with the report it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedRecord {
    pub report: Arc<ReportSummary>,
    /// `None` stands for all records of a report whose records retention has dropped.
    pub record: Option<StoredRecord>,
}

impl Store {
    /// Every record of the counted reports whose window begins in the range, oldest first, in pieces of at most a few
    /// thousand, and of about as many bytes as fit. A report whose records retention has dropped has one entry, without a record. A slow receiver makes the reader wait, not memory grow; dropping it ends the walk. No connection is
    /// held between pieces, so an export takes nothing from the other readers while it waits.
    pub fn export(&self, domain: DomainId, range: DayRange) -> mpsc::Receiver<Result<Vec<ExportedRecord>, StoreError>> {
        let (sender, receiver) = mpsc::channel(PIECES);
        let store = self.clone();
        tokio::spawn(InTurn::new(async move {
            if let Err(error) = store.walk(domain, range, &sender).await {
                // A receiver that has gone has no use for the error either.
                let _ = sender.send(Err(error)).await;
            }
        }));
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
            let mut piece = Piece::default();
            for report in reports {
                let sent = self.walk_report(domain, Arc::new(report), &mut piece, sender).await?;
                if sent.is_none() {
                    return Ok(());
                }
            }
            if piece.send(sender).await.is_none() {
                return Ok(());
            }
        }
    }

    /// Fills pieces with one report's records and sends the full ones; `None` if the receiver has gone.
    async fn walk_report(
        &self,
        domain: DomainId,
        report: Arc<ReportSummary>,
        piece: &mut Piece,
        sender: &mpsc::Sender<Result<Vec<ExportedRecord>, StoreError>>,
    ) -> Result<Option<()>, StoreError> {
        if !report.records_kept {
            piece.push(ExportedRecord { report, record: None });
            return Ok(Some(()));
        }
        let mut from = 0;
        while from < report.records {
            let mut conn = self.read().await?;
            let page = records::page(&mut Conn(&mut conn), domain, report.no, from, RECORDS_AT_ONCE).await?;
            if page.records.is_empty() {
                break;
            }
            let mut known = HashMap::new();
            for few in page.records.chunks(LOOKED_UP_AT_ONCE) {
                page.evidence.look_up(&mut Conn(&mut conn), few, &mut known).await?;
                for record in few {
                    let evidence = page.evidence.known(record, &known)?;
                    let (report, record) = (Arc::clone(&report), Some(record.stored(evidence)));
                    piece.push(ExportedRecord { report, record });
                }
                from += few.len() as u64;
                if piece.is_full() {
                    break;
                }
            }
            drop(conn);
            if piece.is_full() && piece.send(sender).await.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }
}

/// Records that are sent together.
#[derive(Default)]
struct Piece {
    records: Vec<ExportedRecord>,
    /// About what they take where they are written.
    bytes: usize,
}

impl Piece {
    fn push(&mut self, exported: ExportedRecord) {
        self.bytes += exported
            .record
            .as_ref()
            .map_or(0, |record| listed::size(&record.evidence));
        self.records.push(exported);
    }

    fn is_full(&self) -> bool {
        self.records.len() >= RECORDS_AT_ONCE || self.bytes >= PIECE_BYTES
    }

    /// `None` if the receiver has gone.
    async fn send(&mut self, sender: &mpsc::Sender<Result<Vec<ExportedRecord>, StoreError>>) -> Option<()> {
        let Self { records, .. } = std::mem::take(self);
        if records.is_empty() {
            return Some(());
        }
        sender.send(Ok(records)).await.ok()
    }
}
