//! The confirmed names of addresses, in memory: those who read sums need a name for each of tens of thousands of addresses.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;

/// Every confirmed name of an address. A name takes about 90 bytes.
#[derive(Debug, Clone, Default)]
pub struct ConfirmedNames {
    pub(super) names: HashMap<IpAddr, Arc<str>>,
    /// The number of the last answers that are in it.
    pub(super) version: i64,
}

impl ConfirmedNames {
    /// The name of an address, if it is confirmed.
    pub fn find(&self, address: IpAddr) -> Option<&Arc<str>> {
        self.names.get(&address)
    }
}
