//! What another policy, another SPF record or a service put right would do to the messages of a range of days.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::base::{DayRange, Millis};
use crate::enrich::{Flow, Homes, Knowledge, Tables, home_range};
use crate::report::aggregate::{PolicyPublished, ReasonKind};
use crate::store::{Domain, Store, StoreError};
use crate::tally::Path;

use super::groups::{Groups, Listed, Overrides};
use super::naming::Naming;
use super::policy::tells_missing_apart;
use super::published::{NewestReports, Published, published};
use super::simulation::Simulation;
use super::simulator::{Compared, Simulator};
use super::sums::{Counts, Shift};

/// Subdomains of which DNS is asked whether they exist: those with the most messages.
const SUBDOMAINS_ASKED_MAX: usize = 50;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No message of the range is of these services.
    #[error("no messages of this range are from {}", .0.join(", "))]
    NoService(Vec<String>),
}

/// What has to be known before records are read.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub published: Published,
    /// The policy that is tried.
    pub candidate: PolicyPublished,
    /// Domains in From headers, most messages first, of which it matters whether they exist.
    pub subdomains: Vec<Box<str>>,
}

/// What would change.
#[derive(Debug, Clone)]
pub struct Simulated {
    pub range: DayRange,
    pub published: Published,
    pub candidate: PolicyPublished,
    /// All messages that were judged.
    pub total: Shift,
    /// `total.after`, if reporters apply the policy as often as they did in the range.
    pub expected: Counts,
    pub services: Listed,
    /// Every flow, with its messages.
    pub flows: Vec<(Flow, Shift)>,
    pub subdomains: Listed,
    pub reporters: Listed,
    pub overrides: Overrides,
    /// Messages that were overridden, by reason; `None`: no reason was given. Most first.
    pub reasons: Vec<(Option<ReasonKind>, u64)>,
    /// Records, and their messages, with a reported verdict that is not that of their own evidence.
    pub contradicting: (u64, u64),
    /// Reports, and their messages in the range, whose records retention has dropped. They are in no other sum.
    pub without_records: (u64, u64),
    /// Messages under the record of a subdomain. The change does not apply to them.
    pub under_other_records: u64,
    /// Failing messages for which it matters whether their subdomain exists, and which is not known.
    pub existence_unknown: u64,
}

/// Reads what the simulation depends on.
pub async fn prepare(
    store: &Store,
    domain: &Domain,
    (range, now): (DayRange, Millis),
    simulation: &Simulation,
) -> Result<Prepared, StoreError> {
    let published = published(&mut NewestReports::new(store, domain), now).await?;
    let candidate = simulation.change.applied_to(&published.policy);
    let mut subdomains = Vec::new();
    if tells_missing_apart(&published.policy) || tells_missing_apart(&candidate) {
        subdomains = subdomains_of(store, domain, range).await?;
    }
    Ok(Prepared {
        published,
        candidate,
        subdomains,
    })
}

/// Domains below `domain` in From headers, those with the most messages first; at most [`SUBDOMAINS_ASKED_MAX`].
async fn subdomains_of(store: &Store, domain: &Domain, range: DayRange) -> Result<Vec<Box<str>>, StoreError> {
    let (paths, ways) = store.ways(domain.id, range).await?;
    let mut messages: HashMap<&str, u64> = HashMap::new();
    for (way, count) in ways.iter() {
        let path = Path::read(paths.get(way.path()));
        let from = path.map_or("", |path| path.header_from);
        if from != domain.name.as_str() && domain.name.covers(from) {
            let sum = messages.entry(from).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    let mut found: Vec<_> = messages.into_iter().collect();
    found.sort_unstable_by_key(|(name, count)| (Reverse(*count), *name));
    let found = found.into_iter().take(SUBDOMAINS_ASKED_MAX);
    Ok(found.map(|(name, _)| name.into()).collect())
}

/// Judges every message of the range. `existing` says of subdomains whether DNS has them; others are taken to exist.
///
/// # Errors
/// [`SimulateError::NoService`] if a service to be put right sent nothing.
pub async fn simulate(
    (store, domain, tables): (&Store, &Domain, &Tables),
    range: DayRange,
    simulation: &Simulation,
    (prepared, existing): (Prepared, HashMap<Box<str>, bool>),
) -> Result<Simulated, SimulateError> {
    let (paths, ways) = store.ways(domain.id, home_range(range)).await?;
    let mut homes = Homes::default();
    homes.add_all(&paths, &ways);
    drop((paths, ways));
    let naming = Naming::new(Knowledge::read(store, domain, homes, tables).await?);
    let Prepared {
        published, candidate, ..
    } = prepared;
    let compared = Compared {
        domain: domain.name.as_str(),
        now: &published.policy,
        after: &candidate,
        existing,
    };
    let mut simulator = Simulator::new(compared, naming, simulation);
    store.read_range(domain.id, range, &mut simulator).await?;
    let missing = simulator.fixed_without_messages();
    if !missing.is_empty() {
        return Err(SimulateError::NoService(missing));
    }
    let mut sums = simulator.finish();
    let (expected, overrides) = expected(&sums.total.after, &mut sums.reporters);
    let mut reasons: Vec<_> = sums.reasons.into_iter().collect();
    reasons.sort_unstable_by_key(|(reason, count)| (Reverse(*count), *reason));
    Ok(Simulated {
        range,
        total: sums.total,
        expected,
        services: sums.services.listed(),
        flows: Flow::ALL.iter().copied().zip(sums.flows).collect(),
        subdomains: sums.subdomains.listed(),
        reporters: sums.reporters.listed(),
        overrides,
        reasons,
        contradicting: sums.contradicting,
        without_records: sums.without_records,
        under_other_records: sums.under_other_records,
        existence_unknown: sums.existence_unknown,
        published,
        candidate,
    })
}

/// What is asked if reporters apply the policy as often as they did, of these messages of all reporters; and how often they
/// did not, together.
fn expected(total: &Counts, reporters: &mut Groups) -> (Counts, Overrides) {
    let mut overrides = Overrides::default();
    let (mut quarantine, mut reject) = (0_u64, 0_u64);
    for (_, reporter) in reporters.iter_mut() {
        overrides.add(reporter.overrides);
        let after = &reporter.shift.after;
        quarantine = quarantine.saturating_add(reporter.overrides.remaining(after.quarantine));
        reject = reject.saturating_add(reporter.overrides.remaining(after.reject));
    }
    // A total is capped where the sum over reporters is not.
    let (quarantine, reject) = (quarantine.min(total.quarantine), reject.min(total.reject));
    let others = quarantine.saturating_add(reject).saturating_add(total.unknown);
    let expected = Counts {
        none: total.messages().saturating_sub(others),
        quarantine,
        reject,
        ..*total
    };
    (expected, overrides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Totals;

    /// The sums of two reporters of which each rejects this many messages, and overrides as many of ten failing ones.
    fn of_two(messages: u64, overridden: u64) -> (Counts, Overrides) {
        let (mut total, mut reporters) = (Counts::default(), Groups::default());
        for name in ["one", "two"] {
            let counts = Counts {
                reject: messages,
                unknown: messages,
                ..Counts::default()
            };
            total.add(&counts);
            let number = reporters.number(name);
            let group = reporters.at(number);
            group.shift.after.add(&counts);
            group.overrides.add(Overrides {
                failing: 10,
                overridden,
            });
        }
        expected(&total, &mut reporters)
    }

    #[test]
    fn reporters_with_more_messages_than_a_total_holds_are_expected_to_apply_it_to_all() {
        let huge = Totals::SUM_MAX;
        for (messages, overridden, expect) in [
            (100, 0, (0, 200, 200)),
            (100, 5, (100, 100, 200)),
            (huge, 0, (0, huge, huge)),
            (huge, 10, (huge, 0, huge)),
            (u64::MAX, 0, (0, huge, huge)),
        ] {
            let (found, overrides) = of_two(messages, overridden);
            assert_eq!((found.none, found.reject, found.unknown), expect, "{messages}");
            assert_eq!(overrides.overridden, 2 * overridden);
        }
    }
}
