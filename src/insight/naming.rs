//! The service and the flow of each record, as the lists of services have them.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::base::organizational_domain;
use crate::enrich::{Flow, Knowledge, Meant};
use crate::report::aggregate::{Evidence, Verdict};
use crate::tally::{Path, PathBook, Way};

/// Paths that are kept with their names, and combinations of path and network of which the name is remembered.
const PATHS_MAX: usize = 200_000;
const MEANINGS_MAX: usize = 200_000;
/// Services that are told apart. More are counted together.
const SERVICES_MAX: usize = 20_000;

/// The number of the services that are not told apart.
pub(super) const OTHERS: u32 = 0;

/// Names records.
pub(super) struct Naming<'t> {
    knowledge: Knowledge<'t>,
    paths: PathBook,
    bytes: Vec<u8>,
    /// By AS number and way: for addresses that are known by these two alone.
    meanings: HashMap<(u32, Way), (u32, Flow)>,
    services: Vec<Option<Arc<str>>>,
    numbers: HashMap<Option<Arc<str>>, u32>,
}

impl<'t> Naming<'t> {
    /// For records about the domain of which this is known.
    pub fn new(knowledge: Knowledge<'t>) -> Self {
        Self {
            knowledge,
            paths: PathBook::bounded(PATHS_MAX),
            bytes: Vec::new(),
            meanings: HashMap::new(),
            services: vec![None],
            numbers: HashMap::new(),
        }
    }

    /// The number of the path that evidence is on.
    pub fn path(&mut self, evidence: &Evidence, policy_domain: &str) -> u32 {
        self.bytes.clear();
        Path::new(evidence, organizational_domain(policy_domain)).write(&mut self.bytes);
        self.paths.number(&self.bytes)
    }

    /// The number of the service that sent messages on a path, and their flow.
    pub fn meaning(&mut self, source: Option<IpAddr>, path: u32, verdict: Verdict) -> (u32, Flow) {
        let way = Way::of_verdict(path, verdict);
        let peer = self.knowledge.peer(source);
        let key = peer.known_by_network().map(|asn| (asn, way));
        if let Some(known) = key.and_then(|key| self.meanings.get(&key)) {
            return *known;
        }
        let read = Path::read(self.paths.list().get(path));
        let Meant { name, flow, .. } = self.knowledge.meant(&peer, read.as_ref(), way);
        let name = name.best().map(|named| Arc::clone(&named.name));
        let meaning = (self.number(name), flow);
        if let Some(key) = key {
            if self.meanings.len() >= MEANINGS_MAX {
                self.meanings.clear();
            }
            self.meanings.insert(key, meaning);
        }
        meaning
    }

    /// The name of a service; `None` for messages without an address or evidence, and for [`OTHERS`].
    pub fn service(&self, number: u32) -> Option<&Arc<str>> {
        self.services.get(number as usize)?.as_ref()
    }

    fn number(&mut self, name: Option<Arc<str>>) -> u32 {
        if let Some(known) = self.numbers.get(&name) {
            return *known;
        }
        if self.services.len() > SERVICES_MAX {
            return OTHERS;
        }
        let number = self.services.len() as u32;
        self.services.push(name.clone());
        self.numbers.insert(name, number);
        number
    }
}
