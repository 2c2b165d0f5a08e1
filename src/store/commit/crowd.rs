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

use super::super::bulk;
use super::super::db::Conn;
use super::super::memory::Memory;
use super::super::rollup;
use super::super::{Acceptance, NewMessage, StoreError};
use super::place::{Claim, Placed};
use super::register::Register;
use super::report_of;

/// Addresses of a batch, counted for each day, from which on its days are looked at: as many as a day may have before its
/// last part is written.
const EXAMINED: usize = 16_384;
/// How close to the limit a day is remembered: what may come between two looks at it.
const NEAR: usize = 2 * EXAMINED;
/// Days that are remembered; then all are forgotten, and learned again.
const REMEMBERED_MAX: usize = 100_000;

/// Days that are nearly full, as far as a writer has seen.
#[derive(Debug, Default)]
pub(in super::super) struct Crowded(BTreeSet<(DomainId, Day)>);

impl Crowded {
    /// Remembers days by how many addresses their last part has, or that they have room again.
    pub fn learn(&mut self, days: &[(DomainId, Day, usize)], addresses_max: usize) {
        for &(domain, day, addresses) in days {
            if addresses.saturating_add(NEAR) < addresses_max {
                self.0.remove(&(domain, day));
                continue;
            }
            if self.0.len() >= REMEMBERED_MAX {
                self.0.clear();
            }
            self.0.insert((domain, day));
        }
    }
}

/// The claims with those held that would bring too many addresses to a day; `None` if all stay as they are.
pub(super) async fn hold(
    conn: &mut Conn<'_>,
    memory: &Memory,
    batch: &[NewMessage],
    (placed, claims): (&Placed, &[Claim]),
    register: &Register,
    addresses_max: usize,
) -> Result<Option<Vec<Claim>>, StoreError> {
    let brings = |claim: &&Claim| claim.acceptance.may_count() && !is_counted(register, batch, claim);
    let days = |claim: &Claim| days_of(batch, placed, *claim);
    let all = claims.iter().filter(brings).flat_map(days);
    let is_large = all.clone().map(|day| day.sources.len()).sum::<usize>() >= EXAMINED;
    let is_near = |domain: DomainId, day: &DayFigures| memory.crowded.0.contains(&(domain, day.day));
    let is_hinted = !memory.crowded.0.is_empty();
    if !is_large && !is_hinted {
        return Ok(None);
    }
    let mut looked: BTreeMap<(DomainId, Day), Vec<(usize, &DayFigures)>> = BTreeMap::new();
    for (nth, claim) in claims.iter().enumerate().filter(|(_, claim)| brings(claim)) {
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
            let new = figures.sources.iter().filter(|(address, _)| is_new(address)).count();
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
    let claims = claims
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
fn is_counted(register: &Register, batch: &[NewMessage], claim: &Claim) -> bool {
    let known = register.of_content(claim.account, report_of(batch, claim).content);
    known.is_some_and(|nth| {
        let rows = &register.texts[nth].rows;
        rows.iter()
            .any(|row| row.counted && (row.domain == claim.domain || claim.slice.is_none()))
    })
}

fn days_of<'b>(batch: &'b [NewMessage], placed: &'b Placed, claim: Claim) -> &'b [DayFigures] {
    match claim.slice {
        Some(slice) => &placed.slices[slice].days,
        None => &report_of(batch, &claim).days,
    }
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
