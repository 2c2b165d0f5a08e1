//! Days of a domain with as many source addresses as the limit allows: a report that would bring more is held.
//!
//! What was decided is stored with the report, so that recounting needs no order of arrival. A batch of a few thousand
//! addresses is not looked at, unless the writer remembers that one of its days is nearly full: the last part of a day
//! (`rollup.rs`) is rewritten each time that some ten thousand addresses have come, and says how many it has by then. So a
//! day may have some ten thousand addresses more than the limit, and ordinary mail costs no statement.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::base::{Day, DomainId};
use crate::tally::DayFigures;

use super::super::db::Conn;
use super::super::memory::Memory;
use super::super::{Acceptance, StoreError, bulk, rollup};
use super::place::{Batch, Claim};
use super::register::Register;

/// Addresses of a batch, counted for each day, from which on its days are looked at: as many as a day may have before its
/// last part is written.
const EXAMINED: usize = 16_384;
/// How close to the limit a day is remembered: what may come between two looks at it.
const NEAR: usize = 2 * EXAMINED;
/// Days that are remembered; then all are forgotten, and learned again.
const REMEMBERED_MAX: usize = 100_000;

/// Remembers days by how many addresses their last part has, or that they have room again.
pub(super) fn learn(memory: &mut Memory, days: &[(DomainId, Day, usize)], addresses_max: usize) {
    let crowded = &mut memory.crowded;
    for &(domain, day, addresses) in days {
        if addresses.saturating_add(NEAR) < addresses_max {
            crowded.remove(&(domain, day));
            continue;
        }
        if crowded.len() >= REMEMBERED_MAX {
            crowded.clear();
        }
        crowded.insert((domain, day));
    }
}

/// The claims with those held that would bring too many addresses to a day; `None` if all stay as they are.
pub(super) async fn hold(
    conn: &mut Conn<'_>,
    memory: &Memory,
    batch: Batch<'_>,
    register: &Register,
    addresses_max: usize,
) -> Result<Option<Vec<Claim>>, StoreError> {
    let brings = |claim: &&Claim| claim.acceptance.may_count() && !is_counted(register, batch, claim);
    let days = |claim: &Claim| days_of(batch, claim);
    let all = batch.claims.iter().filter(brings).flat_map(days);
    let is_large = all.clone().map(|day| day.sources.entries.len()).sum::<usize>() >= EXAMINED;
    let is_near = |domain: DomainId, day: &DayFigures| memory.crowded.contains(&(domain, day.day));
    let is_hinted = !memory.crowded.is_empty();
    if !is_large && !is_hinted {
        return Ok(None);
    }
    let mut looked: BTreeMap<(DomainId, Day), Vec<(usize, &DayFigures)>> = BTreeMap::new();
    for (nth, claim) in batch.claims.iter().enumerate().filter(|(_, claim)| brings(claim)) {
        for day in days(claim).iter().filter(|day| is_large || is_near(claim.domain, day)) {
            looked.entry((claim.domain, day.day)).or_default().push((nth, day));
        }
    }
    let mut crowded = BTreeSet::new();
    for (&(domain, day), bring) in &looked {
        let known = addresses(conn, domain, day).await?;
        let mut count = known.len();
        for &(nth, figures) in bring {
            // Held for another day of it.
            if crowded.contains(&nth) {
                continue;
            }
            let is_new = |address: &Option<IpAddr>| known.binary_search(address).is_err();
            let new = figures.sources.addresses().filter(is_new).count();
            if new > 0 && count.saturating_add(new) > addresses_max {
                crowded.insert(nth);
            } else {
                count += new;
            }
        }
    }
    if crowded.is_empty() {
        return Ok(None);
    }
    let claims = batch
        .claims
        .iter()
        .enumerate()
        .map(|(nth, claim)| match crowded.contains(&nth) {
            true => Claim {
                acceptance: Acceptance::Crowded,
                ..*claim
            },
            false => *claim,
        });
    Ok(Some(claims.collect()))
}

/// Whether a report is in the sums already: what comes again adds nothing.
fn is_counted(register: &Register, batch: Batch<'_>, claim: &Claim) -> bool {
    let known = register.of_content(claim.account, batch.report_of(claim).content);
    known.is_some_and(|nth| {
        let rows = &register.texts[nth].rows;
        rows.iter()
            .any(|row| row.counted && (row.domain == claim.domain || claim.slice.is_none()))
    })
}

fn days_of<'b>(batch: Batch<'b>, claim: &Claim) -> &'b [DayFigures] {
    batch
        .slice_of(claim)
        .map_or(&batch.report_of(claim).days, |slice| &slice.days)
}

/// The addresses of a day, in order, each once.
async fn addresses(conn: &mut Conn<'_>, domain: DomainId, day: Day) -> Result<Vec<Option<IpAddr>>, StoreError> {
    let parts: Vec<_> = (0..rollup::PARTS.len()).map(|part| rollup::slot(day, part)).collect();
    let rows = conn.bulk_all(&bulk::DAILY_SOURCES_BY_SLOT, &parts, |args, slot| {
        args.push_int(domain.0);
        args.push_int(*slot);
    });
    let mut addresses = Vec::new();
    for row in rows.await? {
        if !rollup::addresses(row.blob("sources")?, |address| addresses.push(address)) {
            return Err(StoreError::damaged(
                "daily_sources",
                format!("{domain} {day}"),
                "cannot be read",
            ));
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}
