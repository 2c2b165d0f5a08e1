//! Who sent as a domain in a range of days: names and flows for the sums of the roll-ups.
//!
//! Every figure comes from the roll-ups, where the messages of an address are told apart by their paths. So all sums are
//! those of `/stats`, and no record is read.

mod by_day;
mod by_way;
mod largest_by_day;
mod services_by_day;

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;

use super::figures::{Counts, Gathered, ServiceFigures, SourceFigures, SubdomainFigures};
use super::flows::{FlowCounts, Homes};
use super::knowledge::{Knowledge, Meant, Peer, home_range};
use super::naming::{Name, Named, Rule};
use super::wanted::Wanted;
use super::{Flow, Tables};
use crate::base::{Day, DayRange};
use crate::store::{Domain, Rows, SentByOne, SharedSources, Source, SourceQuery, Store, StoreError, Whose};
use crate::tally::{Carriers, Path, Totals, Way};

pub use by_day::flows_by_day;
pub use largest_by_day::{LARGEST, largest_services_by_day};
pub use services_by_day::{ServiceDay, ServiceDays, services_by_day};

/// Rows of a page up to which the days are walked twice, and the ways of these rows alone are kept.
const FEW_ROWS: u32 = 200;

/// Who sent as a domain in a range of days, not yet named.
#[derive(Debug)]
pub struct Senders<'t> {
    knowledge: Knowledge<'t>,
    found: SharedSources,
}

impl<'t> Senders<'t> {
    /// Reads the senders of a domain in a range of days.
    pub async fn read(store: &Store, domain: &Domain, range: DayRange, tables: &'t Tables) -> Result<Self, StoreError> {
        Self::read_carried(store, domain, (range, Carriers::All), tables).await
    }

    async fn read_carried(
        store: &Store,
        domain: &Domain,
        (range, carriers): (DayRange, Carriers),
        tables: &'t Tables,
    ) -> Result<Self, StoreError> {
        let ways = (home_range(range).first, carriers);
        let found = store.sources_by_way(domain.id, range, ways).await?;
        Self::new(store, domain, tables, found).await
    }

    async fn new(store: &Store, domain: &Domain, tables: &'t Tables, found: SharedSources) -> Result<Self, StoreError> {
        let mut homes = Homes::default();
        homes.add_all(&found.paths, &found.all_ways);
        Ok(Self {
            knowledge: Knowledge::read(store, domain, homes, tables).await?,
            found,
        })
    }

    /// As [`Self::page`], in a range of days. Only the ways of the page itself are kept, where names do not decide.
    pub async fn read_page(
        (store, domain, tables): (&Store, &Domain, &'t Tables),
        range: DayRange,
        (query, wanted): (&SourceQuery, &Wanted),
        rows: Rows,
    ) -> Result<(Vec<SourceFigures<'t>>, u64), StoreError> {
        if !wanted.needs_names() && rows.count <= FEW_ROWS {
            let fits = |source: &Source| wanted.fits_unnamed(source, tables);
            let since = home_range(range).first;
            let found = store.sources_on_ways((domain.id, range), since, (query, fits), rows);
            if let Some((found, total)) = found.await? {
                let senders = Self::new(store, domain, tables, found.into()).await?;
                let mut namer = Namer::new(&senders);
                let sources = senders.found.sources.iter().enumerate();
                let named = sources.map(|(nth, (source, ways))| namer.source(nth, source, ways));
                return Ok((named.collect(), total));
            }
        }
        Ok(Self::read_carried(store, domain, (range, query.carriers), tables)
            .await?
            .page(query, wanted, rows))
    }

    /// As [`Self::read`], of one address alone.
    pub async fn read_one(
        store: &Store,
        domain: &Domain,
        tables: &'t Tables,
        sent: SentByOne,
    ) -> Result<Self, StoreError> {
        Self::new(store, domain, tables, sent.by_way.into()).await
    }

    /// Number of addresses.
    pub fn addresses(&self) -> usize {
        self.found.sources.len()
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
        let fitting =
            fitting.filter(|(source, _)| query.matches(source) && wanted.fits_unnamed(source, self.knowledge.tables()));
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

    /// Addresses that were first seen since a day and from which nothing passed, most messages first. Without those that the
    /// owner decided to be somebody else's.
    pub fn failing_since(&self, since: Day) -> Vec<Source> {
        let mut namer = Namer::new(self);
        let new = self.found.sources.iter();
        let new = new.filter(|(source, _)| source.first_seen >= since && source.totals.pass == 0);
        let named = new.map(|(source, ways)| namer.source(0, source, ways));
        let left = named.filter(|one| matches!(one.decision, None | Some(Whose::Ours)));
        let mut found: Vec<_> = left.map(|one| one.source).collect();
        found.sort_unstable_by_key(|source| (Reverse(source.totals.messages()), source.address));
        found
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
}

/// What messages are that came on one path from an address of one network.
#[derive(Debug, Clone, Copy)]
struct Meaning {
    /// Position in [`Namer::names`].
    name: usize,
    flow: Flow,
    decision: Option<Whose>,
}

/// Messages by what the owner decided about their sender; the last are those that nothing was decided about.
#[derive(Debug, Clone, Copy, Default)]
struct Decided([u64; Whose::ALL.len() + 1]);

impl Decided {
    fn add(&mut self, decision: Option<Whose>, messages: u64) {
        let place = Whose::ALL.iter().position(|whose| Some(*whose) == decision);
        let sum = &mut self.0[place.unwrap_or(Whose::ALL.len())];
        *sum = sum.saturating_add(messages);
    }

    /// What was decided about most of them.
    fn main(&self) -> Option<Whose> {
        let most = *self.0.iter().max()?;
        let place = self.0.iter().position(|messages| *messages == most)?;
        Whose::ALL.get(place).filter(|_| most > 0).copied()
    }
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
    decided: Decided,
    sources: u64,
    /// The source that was counted last.
    last_source: Option<usize>,
}

impl Sums {
    /// Sources come one after the other.
    fn add(&mut self, source: usize, counts: &Counts, meaning: &Meaning) {
        self.counts.add(counts);
        self.flows.add(meaning.flow, counts.messages());
        self.decided.add(meaning.decision, counts.messages());
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
        let knowledge = &self.senders.knowledge;
        let peer = knowledge.peer(source.address);
        let (mut flows, mut by_decision) = (FlowCounts::default(), Decided::default());
        // A source has few names; the first of those with most messages stays.
        let mut of_names: Vec<(usize, u64)> = Vec::with_capacity(1);
        for &(way, messages) in ways {
            let meaning = self.meaning(&peer, way);
            let (name, flow) = (meaning.name, meaning.flow);
            let counts = Counts::for_way(way, messages);
            flows.add(flow, messages);
            by_decision.add(meaning.decision, messages);
            self.flows[usize::from(flow.code())].add(&counts);
            let subdomain = self.subdomain_places.get(way.path() as usize);
            self.subdomains[subdomain.copied().unwrap_or_default()]
                .1
                .add(nth, &counts, &meaning);
            let (_, of_name, service) = &mut self.names[name];
            *of_name = of_name.saturating_add(messages);
            self.services[*service].add(nth, &counts, &meaning);
            match of_names.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum = sum.saturating_add(messages),
                None => of_names.push((name, messages)),
            }
        }
        let by_messages = |(name, messages): &(usize, u64)| (Reverse(*messages), &self.names[*name].0);
        let main = of_names.iter().min_by(|a, b| by_messages(a).cmp(&by_messages(b)));
        let name = match main {
            Some((name, _)) => self.names[*name].0.clone(),
            // It sent nothing.
            None => knowledge.meant(&peer, None, Way::new(0, 0)).name,
        };
        SourceFigures {
            source: *source,
            network: peer.network,
            ptr: peer.ptr.cloned(),
            name,
            flows,
            decision: by_decision.main(),
        }
    }

    fn meaning(&mut self, peer: &Peer<'_, '_>, way: Way) -> Meaning {
        let key = peer.known_by_network().map(|asn| (asn, way));
        if let Some(known) = key.and_then(|key| self.meanings.get(&key)) {
            return *known;
        }
        let path = self.paths.get(way.path() as usize).and_then(Option::as_ref);
        let Meant { name, flow, decision } = self.senders.knowledge.meant(peer, path, way);
        let name = self.name_place(name);
        let meaning = Meaning { name, flow, decision };
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
        decision: sums.decided.main(),
    }
}
