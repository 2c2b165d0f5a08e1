//! What names the senders of a domain, and what messages are by it: the tables, where signatures are at home, confirmed names of
//! addresses, and what the owner decided.

use std::net::IpAddr;
use std::sync::Arc;

use super::decisions::{Decisions, ForAddress, decided_flow};
use super::flows::{FlowRule, Homes};
use super::naming::{Name, Named, Own, Sender, name, operator};
use super::{Facts, Flow, Tables};
use crate::base::{DayRange, NetworkMap};
use crate::store::{ConfirmedNames, Domain, Store, StoreError, Whose};
use crate::tally::{Identities, Path, Way};

/// Days that a signature's home is known from, at least.
const HOME_DAYS: i32 = 30;

/// The days that homes are known from, for the messages of a range.
pub fn home_range(range: DayRange) -> DayRange {
    DayRange {
        first: range.first.min(DayRange::ending(range.last, HOME_DAYS).first),
        last: range.last,
    }
}

/// All that names the senders of a domain.
#[derive(Debug)]
pub struct Knowledge<'t> {
    domain: Box<str>,
    /// The dedicated address.
    dedicated: Option<IpAddr>,
    /// Networks of the domain's own SPF record.
    authorised: NetworkMap<()>,
    tables: &'t Tables,
    homes: Homes,
    decisions: Decisions,
    names: Arc<ConfirmedNames>,
}

/// What is known of an address.
#[derive(Debug)]
pub struct Peer<'k, 't> {
    pub network: Facts<'t>,
    /// The forward-confirmed name.
    pub ptr: Option<&'k Arc<str>>,
    address: Option<IpAddr>,
    own: Option<Own>,
    decided: ForAddress,
}

/// What messages are.
#[derive(Debug)]
pub struct Meant {
    pub name: Name,
    pub flow: Flow,
    /// What the owner decided about their sender.
    pub decision: Option<Whose>,
}

impl Peer<'_, '_> {
    /// The AS number, if nothing else is known of the address: its messages are what those of any other such address of the
    /// AS are.
    pub fn known_by_network(&self) -> Option<u32> {
        let is_all = self.own.is_none() && self.ptr.is_none() && self.decided.is_nothing();
        self.network.asn.filter(|_| is_all)
    }
}

impl<'t> Knowledge<'t> {
    /// Reads what is known of a domain's senders. `homes` are those of its signatures.
    pub async fn read(store: &Store, domain: &Domain, homes: Homes, tables: &'t Tables) -> Result<Self, StoreError> {
        let dns = store.domain_dns(domain.id).await?;
        Ok(Self {
            domain: domain.name.as_str().into(),
            dedicated: dns.dedicated_ip.map(|ip| ip.address),
            authorised: dns.own_networks.into_iter().map(|network| (network, ())).collect(),
            tables,
            homes,
            decisions: Decisions::new(store.sender_decisions(domain.id).await?),
            names: store.confirmed_names().await?,
        })
    }

    /// The tables of networks and services.
    pub fn tables(&self) -> &'t Tables {
        self.tables
    }

    /// What is known of an address; `None` for messages without a readable one.
    pub fn peer(&self, address: Option<IpAddr>) -> Peer<'_, 't> {
        let network = address.map(|address| self.tables.networks().facts(address));
        Peer {
            network: network.unwrap_or_default(),
            ptr: address.and_then(|address| self.names.find(address)),
            address,
            own: address.and_then(|address| self.own(address)),
            decided: self.decisions.for_address(address),
        }
    }

    fn own(&self, address: IpAddr) -> Option<Own> {
        if self.dedicated == Some(address) {
            return Some(Own::Dedicated);
        }
        self.authorised
            .around(address)
            .next()
            .map(|(network, ())| Own::Authorised(*network))
    }

    /// What messages are that came from an address on a path; `None` for a path that is not known.
    pub fn meant(&self, peer: &Peer<'_, '_>, path: Option<&Path<'_>>, way: Way) -> Meant {
        let sender = Sender {
            domain: &self.domain,
            address: peer.address,
            own: peer.own,
            confirmed_ptr: peer.ptr.map(|name| &**name),
            network: peer.network,
        };
        let services = &self.tables.services;
        let operator = operator(&sender, services).map(|operator| &**operator);
        let rule = path.map(|path| FlowRule::new(&(*path, way), operator, &self.homes, services));
        let identities = path.map(|path| &path.identities);
        let mut name = name(&sender, identities, services);
        let own = peer.decided.name.as_ref();
        let by_names = || {
            let mail_from = identities.and_then(Identities::mail_from);
            // A name that the owner gives the addresses takes no decision about the service away.
            let names = [own.map(|(own, _)| &**own), name.best().map(|named| &*named.name)];
            self.decisions.by_names(mail_from, names)
        };
        let decision = peer.decided.whose.or_else(by_names);
        if let Some((own, network)) = own {
            name.service = Some(Named::by_owner(own, *network));
        }
        Meant {
            flow: decided_flow(rule.map_or(Flow::Unknown, FlowRule::flow), way, decision),
            name,
            decision,
        }
    }
}
