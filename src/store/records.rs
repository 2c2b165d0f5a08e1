//! `records`: the records of a report, packed, up to [`ROW_RECORDS`] per row.
//!
//! No question looks for one record among all: each is about one report, or reads several. One row per record would cost as
//! much to write as everything else together, and three times the space or more. docs/storage.md has examples. A version byte,
//! then the records in the report's order. A record is a byte whose bits 0 to 5 are its verdict
//! (`report/aggregate/verdict.rs`) and whose bits 6 and 7 say what its address is (0 none, 1 IPv4, 2 IPv6), the address, its
//! messages and the number of its evidence as LEB128.
//!
//! Version 2 is of a small report, as most are: its only block of evidence comes before the records, so that it has one row.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use hashbrown::HashMap;

use crate::report::aggregate::{Evidence, Records, Verdict};

use super::codec::{Reader, put_number};
use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{StoreError, StoredRecord, evidence};
use crate::base::{DomainId, ReportNo};

/// Records per row, except the last row of a report. The key of a row is the number of its first record, from 0 on: a
/// record is found by its number.
pub(super) const ROW_RECORDS: usize = 1_024;
const _: () = assert!(
    Records::PIECE.is_multiple_of(ROW_RECORDS),
    "a row holds records of one piece"
);

const VERSION: u8 = 1;
const WITH_EVIDENCE: u8 = 2;
/// Bytes of a row with evidence: it fits into a page of SQLite's, as a block does.
const WITH_EVIDENCE_BYTES_MAX: usize = evidence::BLOCK_BYTES_MAX;
const VERDICT_BITS: u8 = 0x3f;
const IPV4: u8 = 1 << 6;
const IPV6: u8 = 2 << 6;

/// A record as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackedRecord {
    pub source: Option<IpAddr>,
    pub count: u64,
    pub verdict: Verdict,
    /// Number of a piece of evidence of its report ([`evidence::place`]).
    pub evidence: u32,
}

impl PackedRecord {
    /// With its evidence.
    pub fn stored(&self, evidence: &Arc<Evidence>) -> StoredRecord {
        StoredRecord {
            source: self.source,
            count: self.count,
            verdict: self.verdict,
            evidence: Arc::clone(evidence),
        }
    }
}

/// Packs a record at the end of a row, which begins as [`empty_row`].
pub(super) fn encode(bytes: &mut Vec<u8>, record: &PackedRecord) {
    let verdict = record.verdict.to_bits();
    debug_assert_eq!(verdict & !VERDICT_BITS, 0, "a verdict has six bits");
    match record.source {
        None => bytes.push(verdict),
        Some(IpAddr::V4(address)) => {
            bytes.push(verdict | IPV4);
            bytes.extend_from_slice(&address.octets());
        }
        Some(IpAddr::V6(address)) => {
            bytes.push(verdict | IPV6);
            bytes.extend_from_slice(&address.octets());
        }
    }
    put_number(bytes, record.count);
    put_number(bytes, record.evidence.into());
}

/// A row without records, with room for this number of them.
pub(super) fn empty_row(records: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + records.min(ROW_RECORDS) * 9);
    bytes.push(VERSION);
    bytes
}

/// The only row of a report with its only block of evidence; `None` if it is too large for that.
pub(super) fn with_evidence_inside(row: &[u8], block: &[u8]) -> Option<Vec<u8>> {
    if row.len() + block.len() + 2 > WITH_EVIDENCE_BYTES_MAX {
        return None;
    }
    let mut bytes = Vec::with_capacity(row.len() + block.len() + 2);
    bytes.push(WITH_EVIDENCE);
    put_number(&mut bytes, block.len() as u64);
    bytes.extend_from_slice(block);
    bytes.extend_from_slice(&row[1..]);
    Some(bytes)
}

/// Unpacks a row, in its order. Returns the block of evidence in it, empty if there is none; `None` if the bytes are damaged
/// or from a newer version.
#[must_use]
pub(super) fn decode(bytes: &[u8], mut each: impl FnMut(PackedRecord)) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes);
    let block = match reader.byte()? {
        VERSION => &[],
        WITH_EVIDENCE => {
            let len = usize::try_from(reader.number()?).ok()?;
            reader.take(len)?
        }
        _ => return None,
    };
    while !reader.is_empty() {
        each(record(&mut reader)?);
    }
    Some(block)
}

fn record(reader: &mut Reader<'_>) -> Option<PackedRecord> {
    let head = reader.byte()?;
    let source = match head & !VERDICT_BITS {
        0 => None,
        IPV4 => Some(IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?))),
        IPV6 => Some(IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?))),
        _ => return None,
    };
    Some(PackedRecord {
        source,
        verdict: Verdict::from_bits(head & VERDICT_BITS)?,
        count: reader.number()?,
        evidence: u32::try_from(reader.number()?).ok()?,
    })
}

/// The evidence that was read, by its number in the report.
pub(super) type Known = HashMap<u32, Arc<Evidence>>;

/// Where the evidence of a report is.
#[derive(Debug)]
pub(super) struct Evidences {
    domain: DomainId,
    no: ReportNo,
    /// The only block, if it came with the records; else empty.
    block: Vec<u8>,
}

impl Evidences {
    fn new(domain: DomainId, no: ReportNo) -> Self {
        Self {
            domain,
            no,
            block: Vec::new(),
        }
    }

    /// Adds the evidence of these records that is not `known` yet.
    pub async fn look_up(
        &self,
        conn: &mut Conn<'_>,
        records: impl IntoIterator<Item = &PackedRecord>,
        known: &mut Known,
    ) -> Result<(), StoreError> {
        let mut wanted: Vec<_> = records.into_iter().map(|record| record.evidence).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted.retain(|number| !known.contains_key(number));
        let block_of = |number: u32| evidence::place(number).0;
        let mut keep = |block: u32, bytes: &[u8]| {
            // The neighbours are wanted next. Of a block that is large, few may be in memory at a time.
            let is_ordinary = bytes.len() <= evidence::BLOCK_BYTES_MAX;
            evidence::decode(bytes, |place, one| {
                let number = block.saturating_mul(evidence::PLACES).saturating_add(place);
                if is_ordinary || wanted.binary_search(&number).is_ok() {
                    known.entry(number).or_insert_with(|| Arc::new(one));
                }
            })
        };
        let damaged = || StoreError::damaged("evidence", self.no, "cannot be read");
        if !self.block.is_empty() {
            return if keep(0, &self.block) { Ok(()) } else { Err(damaged()) };
        }
        // Blocks that follow one another are read together.
        let runs = wanted.chunk_by(|a, b| block_of(*b) - block_of(*a) <= 1);
        for run in runs {
            let (first, last) = (block_of(run[0]), block_of(run[run.len() - 1]));
            let args = Args::default().int(self.domain.0).int(self.no.0);
            let args = args.int(first.into()).int(last.into());
            let each = |row: Row| {
                let block = u32::try_from(row.int("block")?).map_err(|_| damaged())?;
                if keep(block, row.blob("content")?) {
                    Ok(true)
                } else {
                    Err(damaged())
                }
            };
            conn.walk(sql!("evidence_of_report"), args, each).await?;
        }
        Ok(())
    }

    /// The records with their evidence, of which what is not `known` yet is looked up.
    pub async fn stored(
        &self,
        conn: &mut Conn<'_>,
        records: &[PackedRecord],
        known: &mut Known,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        self.look_up(conn, records, known).await?;
        let stored = |record: &PackedRecord| Ok(record.stored(self.known(record, known)?));
        records.iter().map(stored).collect()
    }

    /// The evidence of a record, which was looked up.
    ///
    /// # Errors
    /// It is not in the database.
    pub fn known<'k, T>(&self, record: &PackedRecord, known: &'k HashMap<u32, T>) -> Result<&'k T, StoreError> {
        let missing = || {
            StoreError::damaged(
                "evidence",
                format!("{} of report {}", record.evidence, self.no),
                "is missing",
            )
        };
        known.get(&record.evidence).ok_or_else(missing)
    }
}

/// Records of a report, and where their evidence is.
#[derive(Debug)]
pub(super) struct RecordsPage {
    pub records: Vec<PackedRecord>,
    pub evidence: Evidences,
}

impl RecordsPage {
    /// The records with their evidence.
    pub async fn stored(&self, conn: &mut Conn<'_>) -> Result<Vec<StoredRecord>, StoreError> {
        self.evidence.stored(conn, &self.records, &mut Known::new()).await
    }
}

/// Some records of a report, in its order, from a place on.
pub(super) async fn page(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
    from: u64,
    count: usize,
) -> Result<RecordsPage, StoreError> {
    let before = usize::try_from(from % ROW_RECORDS as u64).expect("less than a row");
    let first = from - before as u64;
    let rows = before.saturating_add(count).div_ceil(ROW_RECORDS);
    let mut records = Vec::new();
    let mut nth = 0_usize;
    let evidence = each_record(conn, (domain, no), first, rows, |record| {
        if nth >= before && records.len() < count {
            records.push(record);
        }
        nth += 1;
    })
    .await?;
    Ok(RecordsPage { records, evidence })
}

/// Some records of a report about one address, in its order, with the number of each, from 0 on: behind the first `given`,
/// at most `count`; and where their evidence is.
pub(super) async fn about(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
    address: Option<IpAddr>,
    (given, count): (u64, usize),
) -> Result<(Vec<(u64, PackedRecord)>, Evidences), StoreError> {
    let mut records = Vec::new();
    let (mut nth, mut number) = (0, 0);
    let evidence = each_record(conn, (domain, no), 0, usize::MAX, |record| {
        if record.source == address {
            if nth >= given && records.len() < count {
                records.push((number, record));
            }
            nth += 1;
        }
        number += 1;
    })
    .await?;
    Ok((records, evidence))
}

/// Calls `each` with the address and the messages of the records of a report, from a place on, which begins a row. Returns how
/// many records there were, `count` or fewer if the report ends.
pub(super) async fn sources(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
    (first, count): (u64, u64),
    each: &mut impl FnMut(IpAddr, u64),
) -> Result<u64, StoreError> {
    let rows = usize::try_from(count).unwrap_or(usize::MAX).div_ceil(ROW_RECORDS);
    let mut read = 0;
    each_record(conn, (domain, no), first, rows, |record| {
        read += 1;
        if let Some(source) = record.source {
            each(source, record.count);
        }
    })
    .await?;
    Ok(read)
}

/// Calls `each` with the records of some rows of a report.
async fn each_record(
    conn: &mut Conn<'_>,
    (domain, no): (DomainId, ReportNo),
    first: u64,
    rows: usize,
    mut each: impl FnMut(PackedRecord),
) -> Result<Evidences, StoreError> {
    let args = Args::default()
        .int(domain.0)
        .int(no.0)
        .int(i64::try_from(first).unwrap_or(i64::MAX))
        .int(i64::try_from(rows).unwrap_or(i64::MAX));
    let mut evidence = Evidences::new(domain, no);
    let row = |row: Row| {
        let block = decode(row.blob("content")?, &mut each);
        let block = block.ok_or_else(|| StoreError::damaged("records", no, "cannot be read"))?;
        evidence.block.extend_from_slice(block);
        Ok(true)
    };
    conn.walk(sql!("records_of_report"), args, row).await?;
    Ok(evidence)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> impl Strategy<Value = PackedRecord> {
        let source = prop_oneof![
            Just(None),
            any::<u32>().prop_map(|bits| Some(IpAddr::V4(Ipv4Addr::from(bits)))),
            any::<u128>().prop_map(|bits| Some(IpAddr::V6(Ipv6Addr::from(bits)))),
        ];
        let verdict = (0..=VERDICT_BITS).prop_filter_map("a verdict", Verdict::from_bits);
        (source, any::<u64>(), verdict, any::<u32>()).prop_map(|(source, count, verdict, evidence)| PackedRecord {
            source,
            count,
            verdict,
            evidence,
        })
    }

    fn row(records: &[PackedRecord]) -> Vec<u8> {
        let mut bytes = empty_row(records.len());
        records.iter().for_each(|record| encode(&mut bytes, record));
        bytes
    }

    proptest! {
        #[test]
        fn records_come_back_as_they_were(records in proptest::collection::vec(record(), 0..50), block in any::<Vec<u8>>()) {
            let (row, mut back) = (row(&records), Vec::new());
            prop_assert_eq!(decode(&row, |record| back.push(record)), Some(&[][..]));
            prop_assert_eq!(&back, &records);
            let with_evidence = with_evidence_inside(&row, &block).unwrap();
            prop_assert_eq!(decode(&with_evidence, |record| back.push(record)), Some(&*block));
            prop_assert_eq!(&back[records.len()..], records);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, |_| {});
        }
    }

    #[test]
    fn evidence_is_inside_while_both_fit_into_a_page() {
        let row = row(&[]);
        for (len, fits) in [
            (0, true),
            (WITH_EVIDENCE_BYTES_MAX - 3, true),
            (WITH_EVIDENCE_BYTES_MAX - 2, false),
        ] {
            assert_eq!(with_evidence_inside(&row, &vec![1; len]).is_some(), fits, "{len}");
        }
    }
}
