//! How many connections there are, in all, by address and by network.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::Network;

use hashbrown::HashMap;

use super::settings::Patience;

/// Connections that may be open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all.
    pub total_max: usize,
    /// From an IPv4 address or an IPv6 /64.
    pub per_address_max: u32,
    /// From an IPv4 /24 or an IPv6 /48.
    pub per_network_max: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total_max: 10_000,
            per_address_max: 50,
            per_network_max: 150,
        }
    }
}

/// The open connections.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    /// An address is a network of one.
    by_network: HashMap<Network, u32>,
}

/// A connection that is counted. Dropped, it is not any more.
#[derive(Debug)]
pub struct Seat {
    connections: Arc<Connections>,
    address: Option<IpAddr>,
}

/// Which limit was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// There are too many in all.
    Total,
    /// Too many from this address.
    Address,
    /// Too many from its network.
    Network,
}

impl Crowded {
    /// A stable word for the metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Address => "address",
            Self::Network => "network",
        }
    }
}

impl Connections {
    /// None are open.
    pub fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            counts: Mutex::default(),
        })
    }

    /// Counts a connection whose peer is not known yet.
    pub fn seat(self: &Arc<Self>) -> Result<Seat, Crowded> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.limits.total_max {
            return Err(Crowded::Total);
        }
        counts.total += 1;
        Ok(Seat {
            connections: Arc::clone(self),
            address: None,
        })
    }

    /// Connections that are open.
    pub fn total(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// How long peers may be waited for: less when four fifths of all connections are taken.
    pub fn patience(&self) -> Patience {
        let stressed = self.total().saturating_mul(5) > self.limits.total_max.saturating_mul(4);
        if stressed { Patience::Stressed } else { Patience::Normal }
    }
}

impl Seat {
    /// Counts it for the address that it comes from.
    pub fn count_for(mut self, address: IpAddr) -> Result<Self, Crowded> {
        let limits = self.connections.limits;
        let address = address.to_canonical();
        let [one, network] = networks(address);
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let open = |network| counts.by_network.get(&network).copied().unwrap_or(0);
        if open(one) >= limits.per_address_max {
            return Err(Crowded::Address);
        }
        if open(network) >= limits.per_network_max {
            return Err(Crowded::Network);
        }
        for network in [one, network] {
            *counts.by_network.entry(network).or_insert(0) += 1;
        }
        drop(counts);
        self.address = Some(address);
        Ok(self)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total = counts.total.saturating_sub(1);
        for network in self.address.map(networks).into_iter().flatten() {
            let left = counts.by_network.get(&network).map_or(0, |open| open.saturating_sub(1));
            if left == 0 {
                counts.by_network.remove(&network);
            } else {
                counts.by_network.insert(network, left);
            }
        }
    }
}

/// What counts as one peer, and as one network: a host with an IPv6 address usually has a /64.
fn networks(address: IpAddr) -> [Network; 2] {
    let bits = if address.is_ipv4() { [32, 24] } else { [64, 48] };
    bits.map(|bits| Network::new(address, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_its_own() {
        let connections = Connections::new(ConnectionLimits {
            total_max: 10,
            per_address_max: 2,
            per_network_max: 3,
        });
        let open = |address: &str| connections.seat()?.count_for(address.parse().unwrap());
        let one = open("192.0.2.1").unwrap();
        let _same = open("::ffff:192.0.2.1").unwrap();
        assert_eq!(open("192.0.2.1").unwrap_err(), Crowded::Address);
        let _neighbour = open("192.0.2.2").unwrap();
        assert_eq!(open("192.0.2.3").unwrap_err(), Crowded::Network);
        drop(one);
        let _again = open("192.0.2.1").unwrap();
        let _six = [open("2001:db8::1").unwrap(), open("2001:db8::ffff").unwrap()];
        assert_eq!(open("2001:db8::2").unwrap_err(), Crowded::Address);
        let _next = open("2001:db8:0:1::1").unwrap();
        assert_eq!(open("2001:db8:0:2::1").unwrap_err(), Crowded::Network);
        assert_eq!((connections.total(), connections.patience()), (6, Patience::Normal));
        let _seats: Vec<_> = (0..3).map(|_| connections.seat().unwrap()).collect();
        assert_eq!(connections.patience(), Patience::Stressed);
        let _last = connections.seat().unwrap();
        assert_eq!(connections.seat().unwrap_err(), Crowded::Total);
    }

    #[test]
    fn nothing_stays_behind() {
        let connections = Connections::new(ConnectionLimits::default());
        drop(connections.seat().unwrap().count_for("192.0.2.1".parse().unwrap()));
        let counts = connections.counts.lock().unwrap();
        assert_eq!((counts.total, counts.by_network.len()), (0, 0));
    }
}
