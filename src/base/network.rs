//! Networks: an address with a length.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
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
    /// The network of the first `bits` bits of an address, or of all if it has fewer. Bits of IPv4 where the address is one that
    /// is written in IPv6.
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
        net.map(|net: IpNet| Self(canonical(net.trunc()))).ok_or(NetworkError)
    }
}

/// A network within `::ffff:0:0/96` as the network of IPv4 that it is.
fn canonical(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let v4 = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    v4.and_then(|(address, bits)| Ipv4Net::new(address, bits).ok())
        .map_or(net, IpNet::V4)
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

/// Networks of IPv4 that are not of hosts on the internet (IANA IPv4 Special-Purpose Address Registry), and multicast.
const SPECIAL_V4: [([u8; 4], u8); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];
/// Networks of IPv6 within 2000::/3, from which hosts have their addresses, that are not of hosts (IANA IPv6
/// Special-Purpose Address Registry), and 6to4.
const SPECIAL_V6: [([u16; 3], u8); 5] = [
    ([0x2001, 0, 0], 23),
    ([0x2001, 0xdb8, 0], 32),
    ([0x2002, 0, 0], 16),
    ([0x2620, 0x4f, 0x8000], 48),
    ([0x3fff, 0, 0], 20),
];

/// Whether an address can be of a host on the internet: it is neither private nor reserved. An IPv4 address that is written
/// in IPv6 never is: some systems would connect to the IPv4 address.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let is_in =
                |(network, bits): ([u8; 4], u8)| (u32::from(address) ^ u32::from_be_bytes(network)) >> (32 - bits) == 0;
            !SPECIAL_V4.into_iter().any(is_in)
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments().map(u64::from);
            let first = a << 32 | b << 16 | c;
            let is_in = |([a, b, c], bits): ([u16; 3], u8)| {
                let network = u64::from(a) << 32 | u64::from(b) << 16 | u64::from(c);
                (first ^ network) >> (48 - bits) == 0
            };
            is_in(([0x2000, 0, 0], 3)) && !SPECIAL_V6.into_iter().any(is_in)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_reserved_addresses_are_not_public() {
        let check = |expect, addresses: &str| {
            for address in addresses.split(' ') {
                assert_eq!(is_public(address.parse().unwrap()), expect, "{address}");
            }
        };
        check(
            true,
            "8.8.8.8 1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1",
        );
        check(
            true,
            "192.0.1.0 192.0.3.0 198.17.0.1 198.20.0.0 223.255.255.255 1.1.1.1 192.31.195.1 192.52.194.1",
        );
        check(
            false,
            "0.0.0.0 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 169.254.0.1 172.16.0.1 172.31.255.255",
        );
        check(
            false,
            "192.0.0.1 192.0.2.1 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.9 203.0.113.9",
        );
        check(
            false,
            "224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 192.88.99.1 192.31.196.1 192.52.193.1",
        );
        check(
            false,
            "::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:127.0.0.1 ::7f00:1 64:ff9b::7f00:1 64:ff9b:1::1",
        );
        check(
            true,
            "2a00:1450:4864:20::32b 2001:4860:4860::8888 2001:200::1 2000:: 3ffe::1 2606:4700::1111 3fff:1000::1",
        );
        check(
            false,
            ":: ::1 fe80::1 fec0::1 fc00::1 fd12:3456::1 ff02::1 64:ff9b::808:808 100::1 5f00::1 4000::1",
        );
        check(
            false,
            "2001::1 2001:10::1 2001:1ff::1 2001:db8::1 2002:808:808::1 3fff::1 3fff:fff::1 2620:4f:8000::1",
        );
    }

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
            ("::ffff:192.0.2.7", "192.0.2.7", true),
            ("::ffff:192.0.2.0/120", "192.0.2.200", true),
            ("::ffff:192.0.2.0/120", "192.0.3.1", false),
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
        let written = |text: &str| text.parse::<Network>().unwrap().to_string();
        assert_eq!(written("::ffff:192.0.2.7"), "192.0.2.7/32");
        assert_eq!(written("::ffff:0:0/96"), "0.0.0.0/0");
        // Not only addresses that are written in IPv6.
        assert_eq!(written("::ffff:0:0/95"), "::fffe:0:0/95");
        let around = |address: &str| Network::around(address.parse().unwrap()).to_string();
        assert_eq!(around("192.0.2.9"), "192.0.2.0/24");
        assert_eq!(around("2001:db8:1:2::9"), "2001:db8:1::/48");
    }
}
