//! A report on its way into the tables: its records and its evidence, packed.

use std::borrow::Borrow;

use super::db::Conn;
use super::evidence::Packer;
use super::records::{self, PackedRecord};
use super::{StoreError, bulk};
use crate::base::{DomainId, ReportNo};
use crate::report::aggregate::Evidence;

/// The rows of a report.
#[derive(Debug, Clone, Default)]
pub(super) struct PackedReport {
    /// Of `records`, each of [`records::ROW_RECORDS`] records but the last.
    rows: Vec<Vec<u8>>,
    /// Of `evidence`, from block 0 on; none if the only one is in the only row.
    blocks: Vec<Vec<u8>>,
}

impl PackedReport {
    /// Packs records whose evidence is at these positions of `evidence`. What no record refers to is not packed. Linear in both.
    pub fn new<E: Borrow<Evidence>>(records: impl Iterator<Item = PackedRecord>, evidence: &[E]) -> Self {
        let none = Evidence::default();
        let mut packer = Packer::default();
        let mut numbers: Vec<Option<u32>> = vec![None; evidence.len()];
        let mut row = records::empty_row(records.size_hint().0);
        let (mut rows, mut in_row) = (Vec::new(), 0);
        for mut record in records {
            let nth = record.evidence as usize;
            record.evidence = match numbers.get_mut(nth) {
                Some(Some(number)) => *number,
                Some(unknown) => *unknown.insert(packer.add(evidence[nth].borrow())),
                None => packer.add(&none),
            };
            records::encode(&mut row, &record);
            in_row += 1;
            if in_row == records::ROW_RECORDS {
                let mut full = std::mem::replace(&mut row, records::empty_row(0));
                // A large report has many.
                full.shrink_to_fit();
                rows.push(full);
                in_row = 0;
            }
        }
        if in_row > 0 {
            rows.push(row);
        }
        let mut blocks = packer.finish();
        if let ([row], [block]) = (&mut rows[..], &blocks[..])
            && let Some(both) = records::with_evidence_inside(row, block)
        {
            *row = both;
            blocks.clear();
        }
        Self { rows, blocks }
    }

    /// Bytes that it takes.
    pub fn bytes_held(&self) -> usize {
        self.rows.iter().chain(&self.blocks).map(Vec::len).sum()
    }
}

/// A row with the number of its first record, or of its block.
type Numbered<'p> = (DomainId, ReportNo, i64, &'p [u8]);

/// Writes reports, which are in the order of domain and number.
pub(super) async fn write<P: Borrow<PackedReport>>(
    conn: &mut Conn<'_>,
    reports: &[(DomainId, ReportNo, P)],
) -> Result<(), StoreError> {
    let rows = reports.iter().flat_map(|(domain, no, report)| {
        let report: &PackedReport = report.borrow();
        let firsts = (0..).step_by(records::ROW_RECORDS);
        firsts
            .zip(&report.rows)
            .map(|(first, row)| (*domain, *no, first, &**row))
    });
    put(conn, &bulk::RECORD_ADD, &rows.collect::<Vec<_>>()).await?;
    let blocks = reports.iter().flat_map(|(domain, no, report)| {
        let report: &PackedReport = report.borrow();
        let blocks = (0..).zip(&report.blocks);
        blocks.map(|(block, bytes)| (*domain, *no, block, &**bytes))
    });
    put(conn, &bulk::EVIDENCE_ADD, &blocks.collect::<Vec<_>>()).await
}

async fn put(conn: &mut Conn<'_>, bulk: &'static super::db::Bulk, rows: &[Numbered<'_>]) -> Result<(), StoreError> {
    conn.bulk(bulk, rows, |args, (domain, no, number, bytes)| {
        args.push_int(domain.0);
        args.push_int(no.0);
        args.push_int(*number);
        args.push_blob(bytes);
    })
    .await
}

/// Removes the records and the evidence of reports.
pub(super) async fn remove(conn: &mut Conn<'_>, domain: DomainId, reports: &[ReportNo]) -> Result<(), StoreError> {
    for bulk in [&bulk::RECORD_REMOVE, &bulk::EVIDENCE_REMOVE] {
        conn.bulk(bulk, reports, |args, no| {
            args.push_int(domain.0);
            args.push_int(no.0);
        })
        .await?;
    }
    Ok(())
}
