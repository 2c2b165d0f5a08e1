//! Who sent as a domain in a range of days: figures from the roll-ups, names and flows from the records.
//!
//! Every figure is of the roll-ups, so that all sums are those of `/stats`. The records of the range say to which name
//! and flow a source's messages belong. Messages that no record read tells of have the name and flow of most of the
//! source's other messages; without any, the name of the address, and the flow `unknown`.

use std::cmp::Reverse;
use std::net::IpAddr;

use hashbrown::HashMap;

use super::flows::{FlowCounts, FlowRule, Homes};
use super::naming::{Name, Named, Rule, Sender, name, operator};
use super::{Facts, Flow, Identities, Path, PathNo, Paths, Tables};
use crate::base::{Day, DayRange};
use crate::report::aggregate::Window;
use crate::store::{Domain, Rows, Source, SourceQuery, Store, StoreError};
use crate::tally::{Spread, Totals};

/// Records that are read for one answer.
const RECORDS_MAX: usize = 2_000_000;
/// Days before the range whose reports are read, too: their windows reach into it. Real reports cover a week at most.
const DAYS_BEFORE: i32 = 7;
/// Days that a signature's home is known from, at least.
const HOME_DAYS: i32 = 30;

/// The senders of a range of days.
#[derive(Debug)]
pub struct Gathered<'t> {
    /// By messages, most first, then by address.
    pub sources: Vec<SourceFigures<'t>>,
    /// By messages, most first, then by name.
    pub services: Vec<ServiceFigures>,
    pub totals: Totals,
    /// Messages whose records were not read, or are no longer kept.
    pub without_records: u64,
    /// Whether there are more records than are read for one answer.
    pub is_cut: bool,
}

/// One sending address.
#[derive(Debug)]
pub struct SourceFigures<'t> {
    pub source: Source,
    pub network: Facts<'t>,
    /// The name for most of its messages.
    pub name: Name,
    pub flows: FlowCounts,
}

/// One service, or who operates the addresses where none is known.
#[derive(Debug)]
pub struct ServiceFigures {
    /// With the evidence for most of its messages; `None` gathers the messages without an address or evidence.
    pub named: Option<Named>,
    /// Messages by the rule that named their sender.
    pub rules: Vec<(Rule, u64)>,
    /// Addresses that it sent from.
    pub sources: u64,
    pub pass: u64,
    pub fail: u64,
    pub flows: FlowCounts,
}

/// Messages that passed and that did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    pass: u64,
    fail: u64,
}

impl Counts {
    fn messages(self) -> u64 {
        self.pass.saturating_add(self.fail)
    }
}

/// What the records of a domain say about its sources.
#[derive(Debug, Default)]
struct Seen {
    paths: Paths,
    homes: Homes,
    counts: HashMap<(Option<IpAddr>, PathNo), Counts>,
    records: usize,
}

/// The senders of a domain in a range of days. Reads at most 2,000,000 records.
pub async fn gather<'t>(
    store: &Store,
    domain: &Domain,
    range: DayRange,
    tables: &'t Tables,
) -> Result<Gathered<'t>, StoreError> {
    let all = Rows {
        before: 0,
        count: u32::MAX,
    };
    let sources = store
        .sources(domain.id, range, &SourceQuery::default(), all)
        .await?
        .sources;
    let dedicated = store.domain_dns(domain.id).await?;
    let dedicated = dedicated.dedicated_ip.map(|ip| ip.address);
    let seen = read(store, domain, range).await?;
    let mut by_source: HashMap<Option<IpAddr>, Vec<(PathNo, Counts)>> = HashMap::new();
    for ((address, path), counts) in &seen.counts {
        by_source.entry(*address).or_default().push((*path, *counts));
    }
    let mut gathered = Gathered {
        sources: Vec::with_capacity(sources.len()),
        services: Vec::new(),
        totals: Totals::default(),
        without_records: 0,
        is_cut: seen.records >= RECORDS_MAX,
    };
    let mut services = ByName::default();
    for source in sources {
        let network = source
            .address
            .map(|address| tables.networks.facts(address))
            .unwrap_or_default();
        let sender = Sender {
            domain: domain.name.as_str(),
            address: source.address,
            is_dedicated: source.address.is_some() && source.address == dedicated,
            confirmed_ptr: None,
            network,
        };
        let paths = by_source.remove(&source.address).unwrap_or_default();
        let shares = shares(&source.totals, paths);
        gathered.totals.add(&source.totals);
        let (name, flows) = figures(&sender, &shares, &seen, tables, &mut services);
        gathered.sources.push(SourceFigures {
            source,
            network,
            name,
            flows,
        });
        let of_none = shares.iter().filter(|share| share.path.is_none());
        gathered.without_records += of_none.map(|share| share.counts.messages()).sum::<u64>();
    }
    let messages = |source: &SourceFigures<'_>| Reverse(source.source.totals.messages());
    gathered
        .sources
        .sort_by_key(|source| (messages(source), source.source.address));
    gathered.services = services.finish();
    Ok(gathered)
}

async fn read(store: &Store, domain: &Domain, range: DayRange) -> Result<Seen, StoreError> {
    let first = range.first.plus(-DAYS_BEFORE).0.min(range.last.plus(1 - HOME_DAYS).0);
    let of_records = DayRange {
        first: Day(first),
        last: range.last,
    };
    let mut seen = Seen::default();
    let mut pieces = store.export(domain.id, of_records);
    while let Some(piece) = pieces.recv().await {
        for exported in &piece? {
            let Some(record) = &exported.record else { continue };
            let identities = Identities::from_evidence(&record.evidence, domain.name.as_str());
            let path = Path::new(identities, record.verdict);
            seen.homes.add(&path, record.count);
            seen.records += 1;
            let messages = within(exported.report.window, range, record.count);
            if messages == 0 {
                continue;
            }
            let number = seen.paths.number(path);
            let counts = seen.counts.entry((record.source, number)).or_default();
            let count = if record.verdict.passes() {
                &mut counts.pass
            } else {
                &mut counts.fail
            };
            *count = count.saturating_add(messages);
        }
        if seen.records >= RECORDS_MAX {
            break;
        }
    }
    Ok(seen)
}

/// About how many of a record's messages are of the days of the range.
fn within(window: Window, range: DayRange, count: u64) -> u64 {
    let days = Spread::for_window(window).days();
    let both = DayRange {
        first: days.first.max(range.first),
        last: days.last.min(range.last),
    };
    let share = u128::from(count) * u128::from(both.len()) / u128::from(days.len().max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// A part of a source's messages that is of one path; of none if no record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    path: Option<PathNo>,
    counts: Counts,
}

/// Hands out a source's messages to what its records tell, the largest part first. The parts sum to the totals.
fn shares(totals: &Totals, mut paths: Vec<(PathNo, Counts)>) -> Vec<Share> {
    paths.sort_unstable_by_key(|(path, counts)| (Reverse(counts.messages()), *path));
    let mut left = Counts {
        pass: totals.pass,
        fail: totals.fail,
    };
    let mut shares: Vec<Share> = Vec::with_capacity(paths.len() + 1);
    for (path, counts) in paths {
        let counts = Counts {
            pass: counts.pass.min(left.pass),
            fail: counts.fail.min(left.fail),
        };
        left.pass -= counts.pass;
        left.fail -= counts.fail;
        if counts.messages() > 0 {
            shares.push(Share {
                path: Some(path),
                counts,
            });
        }
    }
    if left.messages() > 0 {
        match shares.first_mut() {
            Some(main) => {
                main.counts.pass += left.pass;
                main.counts.fail += left.fail;
            }
            None => shares.push(Share {
                path: None,
                counts: left,
            }),
        }
    }
    shares
}

/// The name and flows of a source, whose shares are added to their services.
fn figures(
    sender: &Sender<'_>,
    shares: &[Share],
    seen: &Seen,
    tables: &Tables,
    services: &mut ByName,
) -> (Name, FlowCounts) {
    let operator = operator(sender, &tables.services);
    let mut flows = FlowCounts::default();
    let mut names: Vec<(Name, Counts, FlowCounts)> = Vec::new();
    for share in shares {
        let path = share.path.map(|path| seen.paths.path(path));
        let rule = |path| {
            FlowRule::for_path(
                path,
                operator.map(|operator| &**operator),
                &seen.homes,
                &tables.services,
            )
        };
        let flow = path.as_ref().map_or(Flow::Unknown, |path| rule(path).flow());
        let found = name(sender, path.as_ref().map(|path| &path.identities), &tables.services);
        flows.add(flow, share.counts.messages());
        let at = names.iter().position(|(known, ..)| *known == found).unwrap_or_else(|| {
            names.push((found, Counts::default(), FlowCounts::default()));
            names.len() - 1
        });
        names[at].1.pass += share.counts.pass;
        names[at].1.fail += share.counts.fail;
        names[at].2.add(flow, share.counts.messages());
    }
    for (name, counts, flows) in &names {
        services.add(name.best(), sender.address, *counts, flows);
    }
    let main = names
        .into_iter()
        .min_by_key(|(name, counts, _)| (Reverse(counts.messages()), name.clone()));
    let main = main.map_or_else(|| name(sender, None, &tables.services), |(name, ..)| name);
    (main, flows)
}

/// Services by name.
#[derive(Default)]
struct ByName {
    /// By name, or nothing where there is none.
    services: HashMap<Option<std::sync::Arc<str>>, Service>,
}

#[derive(Default)]
struct Service {
    counts: Counts,
    flows: FlowCounts,
    sources: u64,
    last_source: Option<Option<IpAddr>>,
    evidence: HashMap<Named, u64>,
}

impl ByName {
    /// Sources come one after the other.
    fn add(&mut self, named: Option<&Named>, address: Option<IpAddr>, counts: Counts, flows: &FlowCounts) {
        let service = self.services.entry(named.map(|named| named.name.clone())).or_default();
        service.counts.pass += counts.pass;
        service.counts.fail += counts.fail;
        service.flows.merge(flows);
        if service.last_source != Some(address) {
            service.last_source = Some(address);
            service.sources += 1;
        }
        if let Some(named) = named {
            *service.evidence.entry(named.clone()).or_default() += counts.messages();
        }
    }

    fn finish(self) -> Vec<ServiceFigures> {
        let mut all: Vec<_> = self.services.into_values().map(Service::finish).collect();
        let messages = |one: &ServiceFigures| Reverse(one.pass.saturating_add(one.fail));
        all.sort_by(|a, b| (messages(a), &a.named).cmp(&(messages(b), &b.named)));
        all
    }
}

impl Service {
    fn finish(self) -> ServiceFigures {
        let main = self
            .evidence
            .iter()
            .min_by_key(|(named, count)| (Reverse(**count), *named));
        let mut rules: HashMap<Rule, u64> = HashMap::new();
        for (named, count) in &self.evidence {
            *rules.entry(named.rule).or_default() += count;
        }
        let mut rules: Vec<_> = rules.into_iter().collect();
        rules.sort_unstable();
        ServiceFigures {
            named: main.map(|(named, _)| named.clone()),
            rules,
            sources: self.sources,
            pass: self.counts.pass,
            fail: self.counts.fail,
            flows: self.flows,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testdata::{dkim, evidence, verdict};
    use super::*;

    #[test]
    fn messages_within_a_range_are_those_of_its_days() {
        let day = Day(20_000);
        let range = DayRange {
            first: day,
            last: day.plus(1),
        };
        let window = |from: i32, days: i64| Window {
            begin: day.plus(from).begin(),
            end: day.plus(from).begin() + days * Day::SECONDS,
        };
        for (from, days, expect) in [
            (0, 1, 70),
            (1, 1, 70),
            (2, 1, 0),
            (-1, 1, 0),
            (-5, 7, 20),
            (0, 2, 70),
            (1, 7, 10),
        ] {
            assert_eq!(within(window(from, days), range, 70), expect, "{from} {days}");
        }
        assert_eq!(
            within(
                Window {
                    begin: i64::MIN,
                    end: i64::MAX
                },
                range,
                u64::MAX
            ),
            0
        );
    }

    fn path_numbers(count: usize) -> Vec<PathNo> {
        let mut paths = Paths::default();
        (0..count)
            .map(|nth| {
                let found = evidence(&[dkim(&format!("d{nth}.example"), "pass")], &[]);
                paths.number(Path::new(
                    Identities::from_evidence(&found, "example.com"),
                    verdict(true, false),
                ))
            })
            .collect()
    }

    proptest! {
        /// Whatever the records say, the parts of a source sum to its totals.
        #[test]
        fn shares_sum_to_the_totals(
            pass in 0_u64..100,
            fail in 0_u64..100,
            counts in proptest::collection::vec((0_u64..60, 0_u64..60), 0..6),
        ) {
            let totals = Totals { pass, fail, ..Totals::default() };
            let counts: Vec<_> = counts.into_iter().map(|(pass, fail)| Counts { pass, fail }).collect();
            let paths = path_numbers(counts.len()).into_iter().zip(counts.iter().copied()).collect();
            let shares = shares(&totals, paths);
            prop_assert_eq!(shares.iter().map(|share| share.counts.pass).sum::<u64>(), pass);
            prop_assert_eq!(shares.iter().map(|share| share.counts.fail).sum::<u64>(), fail);
            let told: u64 = counts.iter().map(|counts| counts.messages()).sum();
            let is_exact = counts.iter().map(|counts| counts.pass).sum::<u64>() == pass
                && counts.iter().map(|counts| counts.fail).sum::<u64>() == fail;
            if is_exact && told > 0 {
                for share in &shares {
                    prop_assert!(counts.contains(&share.counts), "exact counts are handed out as they are");
                }
            }
        }
    }
}
