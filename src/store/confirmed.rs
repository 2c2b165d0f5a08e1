//! The confirmed names of addresses, in memory: those who read sums need a name for each of tens of thousands of addresses.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;

/// Parts that are shared until they change: a change copies one of them, while others read the rest.
const PARTS: usize = 256;

/// Every confirmed name of an address. A name takes about 90 bytes.
#[derive(Debug, Clone)]
pub struct ConfirmedNames {
    /// By the last byte of the address: neighbours are in different parts.
    parts: Vec<Arc<HashMap<IpAddr, Arc<str>>>>,
    /// The number of the last answers that are in it.
    pub(super) version: i64,
}

impl Default for ConfirmedNames {
    fn default() -> Self {
        Self {
            parts: vec![Arc::default(); PARTS],
            version: 0,
        }
    }
}

impl ConfirmedNames {
    /// The name of an address, if it is confirmed.
    pub fn find(&self, address: IpAddr) -> Option<&Arc<str>> {
        self.parts[part(address)].get(&address)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// Notes what an address is called; `None`: it has no confirmed name any more.
    pub(super) fn put(&mut self, address: IpAddr, name: Option<&str>) {
        let names = Arc::make_mut(&mut self.parts[part(address)]);
        match name {
            Some(name) => names.insert(address, name.into()),
            None => names.remove(&address),
        };
    }
}

fn part(address: IpAddr) -> usize {
    let last = match address {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(address) => address.octets()[15],
    };
    usize::from(last)
}
