//! The messages of each service by day, as far as its owner answers for them.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;

use super::super::{Flow, Tables};
use super::{Namer, Senders};
use crate::base::{Day, DayRange};
use crate::store::{Domain, Store, StoreError, Whose};
use crate::tally::{Carriers, Way};

/// A service, and its own messages by day: neither those that were or may have been forwarded nor those of a sender that is not
/// the owner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDays {
    pub name: Arc<str>,
    /// What the owner decided about it last that was found among its messages.
    pub decision: Option<Whose>,
    /// The days with messages, ascending.
    pub days: Vec<ServiceDay>,
}

/// The own messages of a service on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceDay {
    pub day: Day,
    pub pass: u64,
    pub fail: u64,
}

/// What messages of an address on a way are: their service, and whether they are its own.
type Known = Option<(usize, Option<Whose>)>;

/// The services that sent in a range of days, by name. Senders of which only the operator of the addresses is known are left out.
pub async fn services_by_day(
    store: &Store,
    domain: &Domain,
    range: DayRange,
    tables: &Tables,
) -> Result<Vec<ServiceDays>, StoreError> {
    let senders = Senders::read(store, domain, range, tables).await?;
    let mut namer = Namer::new(&senders);
    let mut services: Vec<ServiceDays> = Vec::new();
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    let mut known: HashMap<(Option<IpAddr>, Way), Known> = HashMap::new();
    store
        .each_way(domain.id, range, Carriers::All, |day, address, way, messages| {
            let meant = known.entry((address, way)).or_insert_with(|| {
                let meaning = namer.meaning(&senders.knowledge.peer(address), way);
                let is_own = !matches!(meaning.flow, Flow::List | Flow::Forwarded | Flow::Open | Flow::NotOurs);
                let named = namer.names[meaning.name].0.best();
                let named = named.filter(|named| is_own && named.rule.names_service())?;
                let place = *places.entry(Arc::clone(&named.name)).or_insert_with(|| {
                    services.push(ServiceDays {
                        name: Arc::clone(&named.name),
                        decision: None,
                        days: Vec::new(),
                    });
                    services.len() - 1
                });
                Some((place, meaning.decision))
            });
            if let Some((place, decision)) = meant {
                let service = &mut services[*place];
                service.decision = service.decision.or(*decision);
                service.add(day, way, messages);
            }
        })
        .await?;
    services.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(services)
}

impl ServiceDays {
    /// Days come ascending.
    fn add(&mut self, day: Day, way: Way, messages: u64) {
        if self.days.last().is_none_or(|last| last.day != day) {
            self.days.push(ServiceDay { day, pass: 0, fail: 0 });
        }
        let last = self.days.len() - 1;
        let one = &mut self.days[last];
        let sum = if way.passes() { &mut one.pass } else { &mut one.fail };
        *sum = sum.saturating_add(messages);
    }
}

impl ServiceDay {
    /// All messages.
    pub fn messages(&self) -> u64 {
        self.pass.saturating_add(self.fail)
    }
}
