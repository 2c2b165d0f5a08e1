//! Networks: an address with a length.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A network of addresses, as in `192.0.2.0/24`; an address alone is a network of one. An IPv4 address that is written in
/// IPv6 belongs to the networks of IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// The text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a network; write an address such as 192.0.2.1 or a network such as 192.0.2.0/24")]
pub struct NetworkError;

impl Network {
    /// The network of the first `bits` bits of an address, or of all if it has fewer.
    pub fn new(address: IpAddr, bits: u8) -> Self {
        let address = address.to_canonical();
        Self(IpNet::new(address, bits).map_or_else(|_| address.into(), |net| net.trunc()))
    }

    /// What most likely belongs to one sender: the /24 of an IPv4 address, the /48 of an IPv6 address.
    pub fn around(address: IpAddr) -> Self {
        Self::new(address, if address.is_ipv4() { 24 } else { 48 })
    }

    /// Whether the address is in it.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Its first address.
    pub fn address(self) -> IpAddr {
        self.0.network()
    }

    /// Bits that its addresses have in common.
    pub fn bits(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether it is of IPv4.
    pub fn is_ipv4(self) -> bool {
        matches!(self.0, IpNet::V4(_))
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let net = match text.contains('/') {
            true => text.parse().ok(),
            false => text.parse::<IpAddr>().ok().map(IpNet::from),
        };
        net.map(|net: IpNet| Self(net.trunc())).ok_or(NetworkError)
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{text} {error}"))
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_what_begins_as_it_does() {
        for (network, address, within) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.7/24", "192.0.2.1", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8:1::/48", "2001:db8:1:ffff::1", true),
            ("::/0", "2001:db8::1", true),
            ("192.0.2.0/24", "::ffff:192.0.2.7", true),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                within,
                "{network} {address}"
            );
        }
        for bad in [
            "",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2.0/x",
            "example.com",
            "::/129",
            "192.0.2.0/-1",
        ] {
            assert_eq!(bad.parse::<Network>(), Err(NetworkError), "{bad}");
        }
        let around = |address: &str| Network::around(address.parse().unwrap()).to_string();
        assert_eq!(around("192.0.2.9"), "192.0.2.0/24");
        assert_eq!(around("2001:db8:1:2::9"), "2001:db8:1::/48");
    }
}
