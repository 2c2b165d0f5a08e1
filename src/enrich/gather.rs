//! Who sent as a domain in a range of days: names and flows for the sums of the roll-ups.
//!
//! Every figure comes from the roll-ups, where the messages of an address are told apart by their paths. So all sums are
//! those of `/stats`, and no record is read.

mod by_day;

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;

use super::flows::{FlowCounts, FlowRule, Homes};
use super::naming::{Name, Named, Rule, Sender, name, operator};
use super::{Category, Facts, Flow, Tables};
use crate::base::{DayRange, words};
use crate::store::{Domain, Rows, Source, SourceQuery, SourcesByWay, Store, StoreError};
use crate::tally::{Path, Totals, Way};

pub use by_day::flows_by_day;

/// Days that a signature's home is known from, at least.
const HOME_DAYS: i32 = 30;

/// The senders of a range of days.
#[derive(Debug)]
pub struct Gathered<'t> {
    /// By messages, most first, then by address.
    pub sources: Vec<SourceFigures<'t>>,
    /// By messages, most first, then by name.
    pub services: Vec<ServiceFigures>,
    /// By messages, most first, then by name.
    pub subdomains: Vec<SubdomainFigures>,
    /// Messages by flow, in the order of [`Flow::ALL`].
    pub flows: Vec<(Flow, Counts)>,
    pub totals: Totals,
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
    pub counts: Counts,
    pub flows: FlowCounts,
}

/// What was sent with one domain in the From header.
#[derive(Debug)]
pub struct SubdomainFigures {
    /// Empty where the reports have no name that can be a domain.
    pub header_from: Box<str>,
    pub sources: u64,
    pub counts: Counts,
    pub flows: FlowCounts,
}

/// Messages by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub pass: u64,
    pub fail: u64,
    pub dkim_aligned: u64,
    pub spf_aligned: u64,
}

impl Counts {
    /// All messages.
    pub fn messages(&self) -> u64 {
        self.pass.saturating_add(self.fail)
    }

    fn of_way(way: Way, messages: u64) -> Self {
        let of = |is_it: bool| if is_it { messages } else { 0 };
        Self {
            pass: of(way.passes()),
            fail: of(!way.passes()),
            dkim_aligned: of(way.dkim_aligned()),
            spf_aligned: of(way.spf_aligned()),
        }
    }

    fn add(&mut self, other: &Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more).min(Totals::SUM_MAX);
        add(&mut self.pass, other.pass);
        add(&mut self.fail, other.fail);
        add(&mut self.dkim_aligned, other.dkim_aligned);
        add(&mut self.spf_aligned, other.spf_aligned);
    }
}

/// Who sent as a domain in a range of days, not yet named.
#[derive(Debug)]
pub struct Senders<'t> {
    domain: Box<str>,
    dedicated: Option<IpAddr>,
    tables: &'t Tables,
    found: SourcesByWay,
    homes: Homes,
}

/// Which sources, by what they are named; those that fit all of it.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The name of the service, in any case.
    pub service: Option<String>,
    pub category: Option<Category>,
    /// Those with messages of this flow.
    pub flow: Option<Flow>,
    pub asn: Option<u32>,
    /// Those with messages that failed so.
    pub failed: Option<Failed>,
    /// A part of the address, or of a name, in any case.
    pub search: Option<String>,
}

words! {
    /// What messages lack.
    Failed: u8 {
        /// An aligned DKIM pass.
        Dkim = 0 "dkim",
        /// An aligned SPF pass.
        Spf = 1 "spf",
        /// Both, so that DMARC failed.
        Both = 2 "both",
    }
}

impl Failed {
    fn is_of(self, totals: &Totals) -> bool {
        match self {
            Self::Dkim => totals.dkim_aligned < totals.messages(),
            Self::Spf => totals.spf_aligned < totals.messages(),
            Self::Both => totals.fail > 0,
        }
    }
}

impl Wanted {
    fn needs_names(&self) -> bool {
        self.service.is_some() || self.category.is_some() || self.flow.is_some() || self.search.is_some()
    }

    /// Whether a source fits all that can be told without its name.
    fn fits_unnamed(&self, source: &Source, tables: &Tables) -> bool {
        let asn = |address: IpAddr| tables.networks().facts(address).asn;
        self.failed.is_none_or(|failed| failed.is_of(&source.totals))
            && self
                .asn
                .is_none_or(|wanted| source.address.and_then(asn) == Some(wanted))
    }

    fn fits(&self, one: &SourceFigures<'_>) -> bool {
        let best = one.name.best();
        let is_service = |wanted: &String| best.is_some_and(|named| named.name.eq_ignore_ascii_case(wanted));
        self.service.as_ref().is_none_or(is_service)
            && self
                .category
                .is_none_or(|wanted| best.and_then(|named| named.category) == Some(wanted))
            && self.flow.is_none_or(|wanted| one.flows.messages_in(wanted) > 0)
            && self
                .search
                .as_ref()
                .is_none_or(|wanted| is_found(one, &wanted.to_lowercase()))
    }
}

fn is_found(one: &SourceFigures<'_>, wanted: &str) -> bool {
    let named = [&one.name.service, &one.name.organisation].into_iter().flatten();
    let names = named.flat_map(|named| [&*named.name, &*named.fact]);
    let address = one.source.address.map(|address| address.to_string());
    names
        .chain(one.network.as_name)
        .chain(address.as_deref())
        .any(|text| text.to_lowercase().contains(wanted))
}

impl<'t> Senders<'t> {
    /// Reads the senders of a domain in a range of days.
    pub async fn read(store: &Store, domain: &Domain, range: DayRange, tables: &'t Tables) -> Result<Self, StoreError> {
        let found = store.sources_by_way(domain.id, range).await?;
        let home_range = DayRange {
            first: range.first.min(range.last.plus(1 - HOME_DAYS)),
            last: range.last,
        };
        let mut homes = Homes::default();
        if home_range == range {
            let mut messages: HashMap<Way, u64> = HashMap::new();
            for (way, count) in found.sources.iter().flat_map(|(_, ways)| ways) {
                let sum = messages.entry(*way).or_default();
                *sum = sum.saturating_add(*count);
            }
            homes.add_all(&found.paths, &messages);
        } else {
            let (paths, messages) = store.ways(domain.id, home_range).await?;
            homes.add_all(&paths, &messages);
        }
        let dedicated = store.domain_dns(domain.id).await?.dedicated_ip.map(|ip| ip.address);
        Ok(Self {
            domain: domain.name.as_str().into(),
            dedicated,
            tables,
            found,
            homes,
        })
    }

    /// All sums.
    pub fn gather(&self) -> Gathered<'t> {
        Namer::new(self).gather(&self.found.sources)
    }

    /// A page of the sources that are wanted, in the order that is asked for, and how many there are in all. Names only what
    /// has to be named.
    pub fn page(&self, query: &SourceQuery, wanted: &Wanted, rows: Rows) -> (Vec<SourceFigures<'t>>, u64) {
        let mut namer = Namer::new(self);
        let fitting = self.found.sources.iter();
        let fitting = fitting.filter(|(source, _)| query.matches(source) && wanted.fits_unnamed(source, self.tables));
        if wanted.needs_names() {
            let named = fitting
                .enumerate()
                .map(|(nth, (source, paths))| namer.source(nth, source, paths));
            let fitting: Vec<_> = named.filter(|one| wanted.fits(one)).collect();
            let total = fitting.len() as u64;
            return (query.page(fitting, |one| &one.source, rows), total);
        }
        let fitting: Vec<_> = fitting.collect();
        let total = fitting.len() as u64;
        let page = query.page(fitting, |(source, _)| source, rows).into_iter().enumerate();
        (
            page.map(|(nth, (source, paths))| namer.source(nth, source, paths))
                .collect(),
            total,
        )
    }

    /// One address, named; `None` if it sent nothing.
    pub fn source(&self, address: Option<IpAddr>) -> Option<SourceFigures<'t>> {
        let (source, paths) = self
            .found
            .sources
            .iter()
            .find(|(source, _)| source.address == address)?;
        Some(Namer::new(self).source(0, source, paths))
    }

    fn network(&self, address: Option<IpAddr>) -> Facts<'t> {
        let facts = address.map(|address| self.tables.networks().facts(address));
        facts.unwrap_or_default()
    }

    /// What is known of an address in this network.
    fn sender<'p>(&'p self, address: Option<IpAddr>, network: Facts<'p>) -> Sender<'p> {
        Sender {
            domain: &self.domain,
            address,
            is_dedicated: address.is_some() && address == self.dedicated,
            confirmed_ptr: None,
            network,
        }
    }
}

/// What messages are that came on one path from an address of one network.
#[derive(Debug, Clone, Copy)]
struct Meaning {
    /// Position in [`Namer::names`].
    name: usize,
    flow: Flow,
}

/// Names each combination of a network and a path once: there are few of them, and many addresses.
struct Namer<'t, 'p> {
    senders: &'p Senders<'t>,
    /// By number. `None` for one that cannot be read: its messages are unknown.
    paths: Vec<Option<Path<'p>>>,
    /// By AS number and way, for addresses that are known by these two alone.
    meanings: HashMap<(u32, Way), Meaning>,
    /// Each name with its messages, and the position of its service in `services`.
    names: Vec<(Name, u64, usize)>,
    name_places: HashMap<Name, usize>,
    services: Vec<Sums>,
    service_places: HashMap<Option<Arc<str>>, usize>,
    subdomains: Vec<(&'p str, Sums)>,
    /// By number of the path.
    subdomain_places: Vec<usize>,
    flows: Vec<Counts>,
}

/// The sums of a service or a subdomain.
#[derive(Debug, Default)]
struct Sums {
    counts: Counts,
    flows: FlowCounts,
    sources: u64,
    /// The source that was counted last.
    last_source: Option<usize>,
}

impl Sums {
    /// Sources come one after the other.
    fn add(&mut self, source: usize, counts: &Counts, flow: Flow) {
        self.counts.add(counts);
        self.flows.add(flow, counts.messages());
        if self.last_source != Some(source) {
            self.last_source = Some(source);
            self.sources += 1;
        }
    }
}

impl<'t, 'p> Namer<'t, 'p> {
    fn new(senders: &'p Senders<'t>) -> Self {
        let paths: Vec<_> = senders.found.paths.iter().map(Path::read).collect();
        // The first is for paths without a name.
        let mut subdomains: Vec<(&str, Sums)> = vec![("", Sums::default())];
        let mut places: HashMap<&str, usize> = HashMap::from_iter([("", 0)]);
        let subdomain = |path: &Option<Path<'p>>| {
            let name = path.as_ref().map_or("", |path| path.header_from);
            *places.entry(name).or_insert_with(|| {
                subdomains.push((name, Sums::default()));
                subdomains.len() - 1
            })
        };
        let subdomain_places = paths.iter().map(subdomain).collect();
        Self {
            senders,
            paths,
            meanings: HashMap::new(),
            names: Vec::new(),
            name_places: HashMap::new(),
            services: Vec::new(),
            service_places: HashMap::new(),
            subdomains,
            subdomain_places,
            flows: vec![Counts::default(); Flow::ALL.len()],
        }
    }

    fn gather(mut self, sources: &[(Source, Vec<(Way, u64)>)]) -> Gathered<'t> {
        let mut totals = Totals::default();
        let mut figures = Vec::with_capacity(sources.len());
        for (nth, (source, paths)) in sources.iter().enumerate() {
            totals.add(&source.totals);
            figures.push(self.source(nth, source, paths));
        }
        figures.sort_by_key(|one| (Reverse(one.source.totals.messages()), one.source.address));
        let flows = Flow::ALL.iter().copied().zip(std::mem::take(&mut self.flows));
        Gathered {
            sources: figures,
            flows: flows.collect(),
            totals,
            subdomains: self.take_subdomains(),
            services: self.into_services(),
        }
    }

    fn source(&mut self, nth: usize, source: &Source, ways: &[(Way, u64)]) -> SourceFigures<'t> {
        let network = self.senders.network(source.address);
        let sender = self.senders.sender(source.address, network);
        let mut flows = FlowCounts::default();
        // A source has few names; the first of those with most messages stays.
        let mut of_names: Vec<(usize, u64)> = Vec::with_capacity(1);
        for &(way, messages) in ways {
            let Meaning { name, flow } = self.meaning(&sender, way);
            let counts = Counts::of_way(way, messages);
            flows.add(flow, messages);
            self.flows[usize::from(flow.code())].add(&counts);
            let subdomain = self.subdomain_places.get(way.path() as usize);
            self.subdomains[subdomain.copied().unwrap_or_default()]
                .1
                .add(nth, &counts, flow);
            let (_, of_name, service) = &mut self.names[name];
            *of_name = of_name.saturating_add(messages);
            self.services[*service].add(nth, &counts, flow);
            match of_names.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum = sum.saturating_add(messages),
                None => of_names.push((name, messages)),
            }
        }
        let by_messages = |(name, messages): &(usize, u64)| (Reverse(*messages), &self.names[*name].0);
        let main = of_names.iter().min_by(|a, b| by_messages(a).cmp(&by_messages(b)));
        let name = match main {
            Some((name, _)) => self.names[*name].0.clone(),
            None => name(&sender, None, &self.senders.tables.services),
        };
        SourceFigures {
            source: *source,
            network,
            name,
            flows,
        }
    }

    fn meaning(&mut self, sender: &Sender<'_>, way: Way) -> Meaning {
        let is_known_by_network = !sender.is_dedicated && sender.confirmed_ptr.is_none();
        let key = sender.network.asn.filter(|_| is_known_by_network).map(|asn| (asn, way));
        if let Some(known) = key.and_then(|key| self.meanings.get(&key)) {
            return *known;
        }
        let Senders { tables, homes, .. } = self.senders;
        let services = &tables.services;
        let path = self.paths.get(way.path() as usize).and_then(Option::as_ref);
        let operator = operator(sender, services).map(|operator| &**operator);
        let rule = path.map(|path| FlowRule::new(&(*path, way), operator, homes, services));
        let found = name(sender, path.map(|path| &path.identities), services);
        let meaning = Meaning {
            name: self.name_place(found),
            flow: rule.map_or(Flow::Unknown, FlowRule::flow),
        };
        if let Some(key) = key {
            self.meanings.insert(key, meaning);
        }
        meaning
    }

    fn name_place(&mut self, name: Name) -> usize {
        if let Some(place) = self.name_places.get(&name) {
            return *place;
        }
        let shown = name.best().map(|named| Arc::clone(&named.name));
        let service = *self.service_places.entry(shown).or_insert_with(|| {
            self.services.push(Sums::default());
            self.services.len() - 1
        });
        self.names.push((name.clone(), 0, service));
        self.name_places.insert(name, self.names.len() - 1);
        self.names.len() - 1
    }

    fn take_subdomains(&mut self) -> Vec<SubdomainFigures> {
        let all = std::mem::take(&mut self.subdomains).into_iter();
        let all = all.filter(|(_, sums)| sums.sources > 0);
        let mut all: Vec<_> = all
            .map(|(name, sums)| SubdomainFigures {
                header_from: name.into(),
                sources: sums.sources,
                counts: sums.counts,
                flows: sums.flows,
            })
            .collect();
        all.sort_by(|a, b| {
            let key = |one: &SubdomainFigures| Reverse(one.counts.messages());
            (key(a), &a.header_from).cmp(&(key(b), &b.header_from))
        });
        all
    }

    fn into_services(self) -> Vec<ServiceFigures> {
        let mut evidence: Vec<HashMap<Named, u64>> = Vec::new();
        evidence.resize_with(self.services.len(), HashMap::new);
        for (name, messages, service) in self.names {
            if let Some(named) = name.best() {
                *evidence[service].entry(named.clone()).or_default() += messages;
            }
        }
        let all = self.services.into_iter().zip(evidence);
        let mut all: Vec<_> = all.map(|(sums, evidence)| service(sums, &evidence)).collect();
        let messages = |one: &ServiceFigures| Reverse(one.counts.messages());
        all.sort_by(|a, b| (messages(a), &a.named).cmp(&(messages(b), &b.named)));
        all
    }
}

fn service(sums: Sums, evidence: &HashMap<Named, u64>) -> ServiceFigures {
    let main = evidence.iter().min_by_key(|(named, count)| (Reverse(**count), *named));
    let mut rules: HashMap<Rule, u64> = HashMap::new();
    for (named, count) in evidence {
        *rules.entry(named.rule).or_default() += count;
    }
    let mut rules: Vec<_> = rules.into_iter().collect();
    rules.sort_unstable();
    ServiceFigures {
        named: main.map(|(named, _)| named.clone()),
        rules,
        sources: sums.sources,
        counts: sums.counts,
        flows: sums.flows,
    }
}
