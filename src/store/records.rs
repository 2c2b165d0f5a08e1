//! `records`: the records of a report, packed, up to [`ROW_RECORDS`] per row.
//!
//! No question looks for one record among all: each is about one report, or reads several. One row per record would cost as
//! much to write as everything else together, and three times the space or more. docs/storage.md has examples. Version 1: a head byte, then the records in the
//! report's order. A record is a byte whose bits 0 to 5 are its verdict (`report/aggregate/verdict.rs`) and whose bits 6 and 7 say
//! what its address is (0 none, 1 IPv4, 2 IPv6), the address, its messages and the number of its evidence as LEB128.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use hashbrown::HashMap;

use crate::report::aggregate::{Evidence, Records, Verdict};

use super::codec::{Reader, put_number};
use super::db::{Args, Conn, Row};
use super::sql::sql;
use super::{StoreError, StoredRecord, bulk, evidence};
use crate::base::{DomainId, ReportNo};

/// Records per row, except the last row of a report. The key of a row is the number of its first record, from 0 on: a
/// record is found by its number.
pub(super) const ROW_RECORDS: usize = 1_024;
const _: () = assert!(
    Records::PIECE.is_multiple_of(ROW_RECORDS),
    "a row holds records of one piece"
);

const VERSION: u8 = 1;
const VERDICT_BITS: u8 = 0x3f;
const IPV4: u8 = 1 << 6;
const IPV6: u8 = 2 << 6;

/// A record as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackedRecord {
    pub source: Option<IpAddr>,
    pub count: u64,
    pub verdict: Verdict,
    /// Number of a row of `evidence`.
    pub evidence: i64,
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

/// Packs the records of a row.
pub(super) fn encode(records: impl ExactSizeIterator<Item = PackedRecord>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + records.len() * 12);
    bytes.push(VERSION);
    for record in records {
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
        put_number(&mut bytes, record.count);
        put_number(&mut bytes, record.evidence.cast_unsigned());
    }
    bytes
}

/// Unpacks a row, in its order. False if the bytes are damaged or from a newer version.
#[must_use]
pub(super) fn decode(bytes: &[u8], mut each: impl FnMut(PackedRecord)) -> bool {
    let mut reader = Reader::new(bytes);
    if reader.byte() != Some(VERSION) {
        return false;
    }
    while !reader.is_empty() {
        let Some(record) = record(&mut reader) else {
            return false;
        };
        each(record);
    }
    true
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
        evidence: i64::try_from(reader.number()?).ok()?,
    })
}

/// Some records of a report, in its order, from a place on.
pub(super) async fn page(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
    from: u64,
    count: usize,
) -> Result<Vec<PackedRecord>, StoreError> {
    let before = usize::try_from(from % ROW_RECORDS as u64).expect("less than a row");
    let first = from - before as u64;
    let rows = before.saturating_add(count).div_ceil(ROW_RECORDS);
    let mut records = Vec::new();
    let mut nth = 0_usize;
    each_row(conn, domain, no, first, rows, |bytes| {
        decode(bytes, |record| {
            if nth >= before && records.len() < count {
                records.push(record);
            }
            nth += 1;
        })
    })
    .await?;
    Ok(records)
}

/// Some records of a report about one address, in its order, with the number of each, from 0 on: behind the first `given`,
/// at most `count`.
pub(super) async fn about(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
    address: Option<IpAddr>,
    (given, count): (u64, usize),
) -> Result<Vec<(u64, PackedRecord)>, StoreError> {
    let mut records = Vec::new();
    let (mut nth, mut number) = (0, 0);
    each_row(conn, domain, no, 0, usize::MAX, |bytes| {
        decode(bytes, |record| {
            if record.source == address {
                if nth >= given && records.len() < count {
                    records.push((number, record));
                }
                nth += 1;
            }
            number += 1;
        })
    })
    .await?;
    Ok(records)
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
    each_row(conn, domain, no, first, rows, |bytes| {
        decode(bytes, |record| {
            read += 1;
            if let Some(source) = record.source {
                each(source, record.count);
            }
        })
    })
    .await?;
    Ok(read)
}

async fn each_row(
    conn: &mut Conn<'_>,
    domain: DomainId,
    no: ReportNo,
    first: u64,
    rows: usize,
    mut each: impl FnMut(&[u8]) -> bool,
) -> Result<(), StoreError> {
    let args = Args::default()
        .int(domain.0)
        .int(no.0)
        .int(i64::try_from(first).unwrap_or(i64::MAX))
        .int(i64::try_from(rows).unwrap_or(i64::MAX));
    let row = |row: Row| match each(row.blob("content")?) {
        true => Ok(true),
        false => Err(StoreError::damaged("records", no, "cannot be read")),
    };
    conn.walk(sql!("records_of_report"), args, row).await
}

/// Records with their evidence.
pub(super) async fn with_evidence(
    conn: &mut Conn<'_>,
    domain: DomainId,
    records: &[PackedRecord],
) -> Result<Vec<StoredRecord>, StoreError> {
    let mut known = HashMap::new();
    look_up(conn, domain, records, &mut known).await?;
    let stored = |record: &PackedRecord| {
        let evidence = known
            .get(&record.evidence)
            .ok_or_else(|| StoreError::damaged("evidence", record.evidence, "is missing"))?;
        Ok(record.stored(evidence))
    };
    records.iter().map(stored).collect()
}

/// Adds the evidence of these records that is not `known` yet.
pub(super) async fn look_up(
    conn: &mut Conn<'_>,
    domain: DomainId,
    records: &[PackedRecord],
    known: &mut HashMap<i64, Arc<Evidence>>,
) -> Result<(), StoreError> {
    let mut numbers: Vec<_> = records.iter().map(|record| record.evidence).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.retain(|number| !known.contains_key(number));
    if numbers.is_empty() {
        return Ok(());
    }
    let found = conn
        .bulk_all(&bulk::EVIDENCE_BY_ID, &numbers, |args, number| {
            args.push_int(domain.0);
            args.push_int(*number);
        })
        .await?;
    let name = conn.first(sql!("domain_name"), Args::default().int(domain.0)).await?;
    let name = name.ok_or_else(|| StoreError::damaged("domains", domain, "is missing"))?;
    let name = name.text("name")?;
    for row in &found {
        let number = row.int("evidence_id")?;
        let content = evidence::decode(row.blob("content")?, &name);
        let content = content.ok_or_else(|| StoreError::damaged("evidence", number, "cannot be read"))?;
        known.insert(number, Arc::new(content));
    }
    Ok(())
}

/// Packed records on their way into the table.
pub(super) struct NewRow {
    pub domain: DomainId,
    pub no: i64,
    pub first: i64,
    pub content: Vec<u8>,
}

pub(super) async fn write(conn: &mut Conn<'_>, rows: &[NewRow]) -> Result<(), StoreError> {
    conn.bulk(&bulk::RECORD_ADD, rows, |args, row| {
        args.push_int(row.domain.0);
        args.push_int(row.no);
        args.push_int(row.first);
        args.push_blob(&row.content);
    })
    .await
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
        (source, any::<u64>(), verdict, 0..=i64::MAX).prop_map(|(source, count, verdict, evidence)| PackedRecord {
            source,
            count,
            verdict,
            evidence,
        })
    }

    proptest! {
        #[test]
        fn records_come_back_as_they_were(records in proptest::collection::vec(record(), 0..50)) {
            let mut back = Vec::new();
            prop_assert!(decode(&encode(records.iter().copied()), |record| back.push(record)));
            prop_assert_eq!(back, records);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, |_| {});
        }
    }
}
