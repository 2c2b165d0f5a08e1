//! Slices of a report about a name above domains: the records that are about each domain, and what they cost.

use hashbrown::HashMap;

use crate::base::{AccountId, DomainId, is_public_suffix};
use crate::tally::{DayFigures, Totals};

use super::super::db::Conn;
use super::super::memory::Memory;
use super::super::message::SET_ASIDE_ROW_BYTES;
use super::super::{NewMessage, NewReport, Problem, StoreError, belonging};
use super::lookup::look_up;

/// The records of a report that are about one domain below its policy domain.
#[derive(Debug)]
pub(super) struct Slice {
    /// Positions of the records in the report.
    pub records: Vec<usize>,
    pub totals: Totals,
    pub days: Vec<DayFigures>,
}

/// The reason why the domains below a policy domain get no slice of a report.
pub(super) const TOO_MANY_SLICES: &str = "too_many_slices";

/// Bytes of rows that the slices of a message may have, however short it is. Each row repeats the report's metadata.
const ROWS_BYTES_FREE: u64 = 1 << 20;
/// Maximum number of sums per day and source, or day and signer, in the slices of a message. Many small slices of one
/// report could otherwise each be spread over many days.
const DAY_ENTRIES_MAX: usize = 200_000;

/// What the slices of a message cost beyond its reports.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SlicesCost {
    rows_bytes: u64,
    day_entries: usize,
}

/// A domain with its name and the positions of its records.
type Picked = (DomainId, Box<str>, Vec<usize>);

/// Adds up the slices of a report.
///
/// # Errors
/// The slices of the message cost more than allowed. This report has no slices then.
pub(super) fn sums(
    message: &NewMessage,
    report: usize,
    picked: Vec<Picked>,
    cost: &mut SlicesCost,
) -> Result<Vec<(DomainId, Box<str>, Slice)>, Problem> {
    if picked.is_empty() {
        return Ok(Vec::new());
    }
    let (leaf, new) = &message.reports[report];
    let count = picked.len();
    let before = *cost;
    let refuse = |what: &str| Problem {
        leaf: leaf.clone(),
        reason: TOO_MANY_SLICES,
        detail: format!(
            "the report is about {} and {count} domains below it, and {what}: add {} and the report is counted",
            new.report.policy.domain, new.report.policy.domain
        ),
        offset: None,
    };
    cost.rows_bytes += row_bytes(message, new).saturating_mul(count as u64);
    if cost.rows_bytes > message.room.bytes_max.max(ROWS_BYTES_FREE) {
        *cost = before;
        return Err(refuse(
            "a row for each takes more room than a message of its size may take",
        ));
    }
    let mut slices = Vec::with_capacity(count);
    for (domain, name, records) in picked {
        let (totals, days) = new.part(&records);
        cost.day_entries += days
            .iter()
            .map(|day| day.sources.entries.len() + day.signed.len())
            .sum::<usize>();
        if cost.day_entries > DAY_ENTRIES_MAX {
            *cost = before;
            return Err(refuse("the sums of each on each day are more than a message may add"));
        }
        slices.push((domain, name, Slice { records, totals, days }));
    }
    Ok(slices)
}

/// Approximate bytes of a row of a report, apart from records, evidence and sums.
fn row_bytes(message: &NewMessage, new: &NewReport) -> u64 {
    let provenance = message.provenance.as_ref().map_or(0, |mail| mail.to_json().len());
    SET_ASIDE_ROW_BYTES + (provenance + new.policy.len() + new.detail.len()) as u64
}

/// The records of a report whose policy domain the account does not have, grouped by the domain below it that they
/// are about. None below a public suffix, where the domains have many owners.
pub(super) async fn find(
    conn: &mut Conn<'_>,
    memory: &mut Memory,
    account: AccountId,
    message: &NewMessage,
    report: usize,
) -> Result<Vec<Picked>, StoreError> {
    let report = &message.reports[report].1.report;
    let policy_domain = &*report.policy.domain;
    if is_public_suffix(policy_domain) {
        return Ok(Vec::new());
    }
    let below = Below::load(conn, memory, account, policy_domain).await?;
    if below.domains.is_empty() {
        return Ok(Vec::new());
    }
    let of_evidence = report.evidence.iter().map(|evidence| {
        let header_from = evidence.header_from.as_deref().unwrap_or_default();
        below.closest(policy_domain, header_from)
    });
    let of_evidence: Vec<_> = of_evidence.collect();
    let mut slices: Vec<Picked> = Vec::new();
    let mut places: HashMap<DomainId, usize> = HashMap::new();
    for (nth, record) in report.records.iter().enumerate() {
        let Some(&Some((domain, name))) = of_evidence.get(record.evidence as usize) else {
            continue;
        };
        let place = *places.entry(domain).or_insert_with(|| {
            slices.push((domain, name.into(), Vec::new()));
            slices.len() - 1
        });
        slices[place].2.push(nth);
    }
    for (_, name, _) in &slices {
        // Its owner's decisions about reports are loaded with it.
        look_up(conn, memory, account, name).await?;
    }
    Ok(slices)
}

/// The domains of an account that are below a name.
struct Below {
    domains: HashMap<Box<str>, DomainId>,
    /// Number of labels of the longest name among them.
    labels_max: usize,
}

impl Below {
    async fn load(
        conn: &mut Conn<'_>,
        memory: &mut Memory,
        account: AccountId,
        name: &str,
    ) -> Result<Self, StoreError> {
        let all = memory.names_of(conn, account).await?;
        let below = all
            .iter()
            .filter(|(own, _)| **own != *name && belonging::is_at_or_below(own, name));
        let domains: HashMap<_, _> = below.map(|(own, id)| (own.clone(), *id)).collect();
        let labels_max = domains.keys().map(|own| labels(own)).max().unwrap_or_default();
        Ok(Self { domains, labels_max })
    }

    /// The closest domain at or above a name, below the policy domain. Labels beyond the longest known name are not
    /// looked up.
    fn closest<'n>(&self, policy_domain: &'n str, header_from: &'n str) -> Option<(DomainId, &'n str)> {
        let skipped = labels(header_from).saturating_sub(self.labels_max);
        let mut names = belonging::below(policy_domain, header_from).skip(skipped);
        names.find_map(|name| Some((*self.domains.get(name)?, name)))
    }
}

fn labels(name: &str) -> usize {
    name.split('.').count()
}
