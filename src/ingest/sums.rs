//! What the sums of a report will take in memory and in the database, before they are made.

use std::net::IpAddr;

use hashbrown::HashSet;

use crate::base::budget::{Breach, Budget, Cost};
use crate::report::aggregate::{Record, Records, Report, Verdicts};
use crate::report::tls;
use crate::tally::Spread;

/// Reports of one day with no more records than this are not looked at more closely, if there is room for the most they can take.
const RECORDS_FREE: usize = 1_000;
/// Bytes that an entry of a day takes in memory: its place in a map that may be half empty, and in the sorted list.
const ENTRY_MEMORY: u64 = 272;
/// Bytes of a record, and of a day's entry for a source, in the database, without the address. A record is packed before it is
/// written.
const STORED: u64 = 4;
const ADDRESS_BYTES_MAX: u64 = 16;
/// Most bytes that an address takes in a set. A set that grows exists twice for a moment, and the new one is half empty.
const ADDRESS_MEMORY: usize = 80;

/// Draws what the sums and the packed records of a report will take.
///
/// A bound is drawn where it fits. Sources are counted only where it does not, because counting takes longer than parsing.
///
/// # Errors
/// The limit that is exceeded.
pub(super) fn charge(report: &Report, budget: &Budget<'_>) -> Result<(), Breach> {
    let records = &report.records;
    let spread = Spread::for_window(report.metadata.window);
    let days = spread.days().len();
    if days == 1 && records.len() <= RECORDS_FREE {
        let count = records.len() as u64;
        let cost = Cost {
            memory: count * (ENTRY_MEMORY + STORED + ADDRESS_BYTES_MAX),
            stored: count * 2 * (STORED + ADDRESS_BYTES_MAX),
        };
        if budget.has_room(cost) {
            return budget.charge(cost, Breach::TooMuchToStore);
        }
    }
    let of_records = records.iter().map(stored_bytes).sum::<u64>();
    let bound = bound(records, days, of_records);
    let addresses_max = budget.limits().addresses_max;
    if records.len() <= addresses_max && budget.has_room(bound) {
        return budget.charge(bound, Breach::TooMuchToStore);
    }
    let of_sources = of_sources(records, budget)?;
    if days == 1 {
        let cost = Cost {
            memory: of_records.saturating_add(of_sources.memory),
            stored: of_records.saturating_add(of_sources.stored),
        };
        return budget.charge(cost, Breach::TooMuchToStore);
    }
    let (cost, breach) = of_days(report, days, budget)?;
    let cost = Cost {
        memory: of_records.saturating_add(cost.memory),
        stored: of_records.saturating_add(cost.stored),
    };
    budget.charge(cost, breach)
}

/// Draws what the sums of a TLS report will take: a row for each policy and failure, and each day that it has a session on.
///
/// # Errors
/// The limit that is exceeded.
pub(super) fn charge_tls(report: &tls::Report, budget: &Budget<'_>) -> Result<(), Breach> {
    /// Bytes that a row takes in memory and in the database, about.
    const ROW: Cost = Cost {
        memory: 256,
        stored: 64,
    };
    let days = Spread::for_window(report.window).days().len();
    let counts = report.policies.iter().flat_map(|policy| {
        let failures = policy.failures.iter().map(|failure| failure.sessions);
        [policy.successful.max(policy.failed)].into_iter().chain(failures)
    });
    let rows = counts.map(|sessions| sessions.min(days)).sum::<u64>() + 1;
    let cost = Cost {
        memory: rows.saturating_mul(ROW.memory),
        stored: rows.saturating_mul(ROW.stored),
    };
    budget.charge(cost, Breach::TooManyDays(days))
}

/// What an entry for each source takes.
///
/// # Errors
/// If there are too many sources, or too little memory to tell them apart.
fn of_sources(records: &Records, budget: &Budget<'_>) -> Result<Cost, Breach> {
    let addresses_max = budget.limits().addresses_max;
    let count_max = records.len().min(addresses_max.saturating_add(1));
    let _held = budget.hold(count_max.saturating_mul(ADDRESS_MEMORY))?;
    let mut sources = HashSet::new();
    let mut cost = Cost::default();
    for record in records {
        if !sources.insert(record.source) {
            continue;
        }
        if sources.len() > addresses_max {
            return Err(budget.refuse(Breach::TooManyAddresses(addresses_max)));
        }
        cost.add(of_entries(1, record.source));
    }
    Ok(cost)
}

/// What the entries of all days take, without the records, and the limit that they exceed where that is too much.
///
/// # Errors
/// If there is too little memory to add them up.
fn of_days(report: &Report, days: u64, budget: &Budget<'_>) -> Result<(Cost, Breach), Breach> {
    type Part = (Option<IpAddr>, u8, u32, u64);
    let records = &report.records;
    let _held = budget.hold(records.len().saturating_mul(size_of::<Part>()))?;
    let mut verdicts = Verdicts::new(report);
    let mut parts: Vec<Part> = Vec::with_capacity(records.len());
    parts.extend(records.iter().map(|record| {
        let verdict = verdicts.verdict(record).to_bits();
        (record.source, verdict, record.evidence, record.count)
    }));
    parts.sort_unstable();
    // Those that differ in no verdict and no address are told apart by who signed them, if at all.
    let least = parts.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).count();
    let is_spread = !Spread::bounded(report.metadata.window, least).is_too_long();
    let mut cost = Cost::default();
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
    Ok((cost, breach))
}

/// What the sums take at most: an entry for each record and each day that it can have a message on.
fn bound(records: &Records, days: u64, of_records: u64) -> Cost {
    let mut cost = Cost {
        memory: of_records,
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
