//! What the sums of a report will take in memory and in the database, before they are made.

use std::net::IpAddr;

use crate::budget::{Breach, Budget, Cost};
use crate::report::{Record, Records, Report, Spread, Verdicts};

/// Reports of one day with no more records than this are not looked at more closely.
const RECORDS_FREE: usize = 1_000;
/// Bytes that an entry of a day takes in memory: its place in a map that may be half empty, and in the sorted list.
const ENTRY_MEMORY: u64 = 272;
/// Bytes of a record, and of a day's entry for a source, in the database, without the address.
const STORED: u64 = 4;
const ADDRESS_BYTES_MAX: u64 = 16;

/// Draws what the sums and the packed records of a report will take.
///
/// A bound is drawn where it fits. Sources are counted only where it does not, because counting takes longer than parsing.
///
/// # Errors
/// The limit that is exceeded.
pub(super) fn charge(report: &Report, budget: &Budget<'_>) -> Result<(), Breach> {
    let records = &report.records;
    let spread = Spread::of(report.metadata.window);
    let days = spread.days().len();
    if days == 1 && records.len() <= RECORDS_FREE {
        let count = records.len() as u64;
        let cost = Cost {
            memory: count * ENTRY_MEMORY,
            stored: count * 2 * (STORED + ADDRESS_BYTES_MAX),
        };
        return budget.charge(cost, Breach::TooMuchToStore);
    }
    let of_records = records.iter().map(stored_bytes).sum::<u64>();
    let bound = bound(records, days, of_records);
    let addresses_max = budget.limits().addresses_max;
    if records.len() <= addresses_max && budget.has_room(bound) {
        return budget.charge(bound, Breach::TooMuchToStore);
    }
    let mut verdicts = Verdicts::new(report);
    let mut parts: Vec<(Option<IpAddr>, u8, u32, u64)> = records
        .iter()
        .map(|record| {
            (
                record.source,
                verdicts.of(record).to_bits(),
                record.evidence,
                record.count,
            )
        })
        .collect();
    let _held = budget.hold(size_of_val(parts.as_slice()))?;
    parts.sort_unstable();
    let addresses = parts.chunk_by(|a, b| a.0 == b.0).count();
    if addresses > addresses_max {
        return Err(budget.refuse(Breach::TooManyAddresses(addresses_max)));
    }
    if days == 1 {
        let of_sources = parts
            .chunk_by(|a, b| a.0 == b.0)
            .map(|same| address_bytes(same[0].0) + STORED);
        let cost = Cost {
            memory: addresses as u64 * ENTRY_MEMORY,
            stored: of_records + of_sources.sum::<u64>(),
        };
        return budget.charge(cost, Breach::TooMuchToStore);
    }
    // Those that differ in no verdict and no address are told apart by who signed them, if at all.
    let least = parts.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).count();
    let is_spread = !Spread::bounded(report.metadata.window, least).is_too_long();
    let mut cost = Cost {
        memory: 0,
        stored: of_records,
    };
    for same in parts.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
        let messages = same.iter().fold(0_u64, |sum, part| sum.saturating_add(part.3));
        let entries = if is_spread { messages.min(days) } else { 1 };
        cost.add(of_entries(entries, same[0].0));
    }
    let breach = if is_spread {
        Breach::TooManyDays(days)
    } else {
        Breach::TooMuchToStore
    };
    budget.charge(cost, breach)
}

/// What the sums take at most: an entry for each record and each day that it can have a message on.
fn bound(records: &Records, days: u64, of_records: u64) -> Cost {
    let mut cost = Cost {
        memory: 0,
        stored: of_records,
    };
    for record in records {
        cost.add(of_entries(record.count.min(days), record.source));
    }
    cost
}

fn of_entries(entries: u64, source: Option<IpAddr>) -> Cost {
    Cost {
        memory: entries * ENTRY_MEMORY,
        stored: entries * (STORED + address_bytes(source)),
    }
}

fn stored_bytes(record: &Record) -> u64 {
    STORED + address_bytes(record.source)
}

fn address_bytes(source: Option<IpAddr>) -> u64 {
    match source {
        None => 0,
        Some(IpAddr::V4(_)) => 4,
        Some(IpAddr::V6(_)) => ADDRESS_BYTES_MAX,
    }
}
