//! Where customers may send the program: public addresses, a few ports, and what the operator allows besides.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::url::{Host, Scheme, Url};
use crate::base::Network;
use crate::dns::{Dns, Freshness};

/// Ports that are always allowed.
const PORTS: [u16; 2] = [443, 8_443];

/// What customers' URLs may name, and what one exchange may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundSettings {
    /// Networks that customers' URLs may lead to although they are not public.
    pub allow_networks: Vec<Network>,
    /// Ports besides 443 and 8443.
    pub ports: Vec<u16>,
    /// Whether customers' URLs may begin with `http://`.
    pub allow_http: bool,
    /// Authorities that are trusted; `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    /// From the question to the name server to the last byte of the answer.
    pub exchange_time_max: Duration,
    /// What is read of an answer.
    pub answer_bytes_max: usize,
}

impl Default for OutboundSettings {
    fn default() -> Self {
        Self {
            allow_networks: Vec::new(),
            ports: Vec::new(),
            allow_http: false,
            ca_file: None,
            exchange_time_max: Duration::from_secs(20),
            answer_bytes_max: 64 * 1024,
        }
    }
}

/// Why a customer's URL is not connected to. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("must begin with https://")]
    NotProtected,
    #[error(
        "must not name port {0}: this installation connects to ports 443 and 8443, and to those of its outbound.ports"
    )]
    Port(u16),
    /// The address is not for the customer to see: a name server inside the network may have named it.
    #[error("leads to an address that is not public")]
    NotPublic(IpAddr),
    #[error("has a host without an address")]
    NoAddress,
    #[error("has a host that cannot be resolved now")]
    Unresolved,
}

/// Decides which addresses a customer's URL leads to.
#[derive(Debug, Clone)]
pub struct Guard {
    settings: OutboundSettings,
    /// `None`: no name can be resolved.
    dns: Option<Dns>,
}

impl Guard {
    /// `dns`: what resolves names; without it only addresses can be connected to.
    pub fn new(settings: OutboundSettings, dns: Option<Dns>) -> Self {
        Self { settings, dns }
    }

    /// What an exchange may cost.
    pub fn settings(&self) -> &OutboundSettings {
        &self.settings
    }

    /// Checks what can be checked of a URL without a name server.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        if url.scheme == Scheme::Http && !self.settings.allow_http {
            return Err(Refusal::NotProtected);
        }
        if !PORTS.contains(&url.port) && !self.settings.ports.contains(&url.port) {
            return Err(Refusal::Port(url.port));
        }
        match url.host {
            Host::Name(_) => Ok(()),
            Host::Address(address) => self.check_address(address),
        }
    }

    /// The addresses to connect to, after one question to the name servers. Every address must be allowed: a name that has
    /// one of ours among others is not an accident.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn resolve(&self, url: &Url) -> Result<Vec<SocketAddr>, Refusal> {
        self.check(url)?;
        let addresses = match &url.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let dns = self.dns.as_ref().ok_or(Refusal::Unresolved)?;
                let answer = dns.addresses(name, Freshness::Fresh).await;
                answer.map_err(|_| Refusal::Unresolved)?
            }
        };
        if addresses.is_empty() {
            return Err(Refusal::NoAddress);
        }
        addresses.iter().try_for_each(|address| self.check_address(*address))?;
        Ok(addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, url.port))
            .collect())
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let is_allowed = |network: &Network| network.contains(address);
        if is_public(address) || self.settings.allow_networks.iter().any(is_allowed) {
            return Ok(());
        }
        Err(Refusal::NotPublic(address))
    }
}

/// Whether an address is a host's on the public Internet (the registries of special addresses, RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        // This network, private, loopback, link-local, multicast, reserved and broadcast.
        (0 | 10 | 127 | 224.., ..) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) => true,
        // RFC 6598: addresses behind a carrier's NAT.
        (100, 64..=127, _) => true,
        // RFC 6890: protocols; RFC 5737: documentation; RFC 7526: 6to4 relays; RFC 2544: benchmarks.
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (192, 88, 99) | (198, 18..=19, _) => true,
        _ => false,
    };
    !is_special
}

/// Only 2000::/3 is given to hosts (RFC 4291, 2.4). That leaves out `::`, loopback, IPv4 in IPv6 (`::ffff:0:0/96`,
/// `64:ff9b::/96`, `64:ff9b:1::/48`), unique local, link-local, site-local and multicast addresses.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_special = match (a, b) {
        // RFC 2928: protocols, with Teredo and ORCHID; RFC 3849 and 9637: documentation; RFC 3056: 6to4.
        (0x2001, 0..=0x1ff | 0x0db8) | (0x3fff, 0..=0xfff) | (0x2002, _) => true,
        _ => false,
    };
    a & 0xe000 == 0x2000 && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_public_or_not() {
        for (address, expect) in [
            ("1.1.1.1", true),
            ("8.8.8.8", true),
            ("100.63.255.255", true),
            ("100.64.0.0", false),
            ("100.127.255.255", false),
            ("100.128.0.0", true),
            ("172.15.255.255", true),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("172.32.0.0", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("192.168.1.1", false),
            ("192.0.0.1", false),
            ("192.0.1.1", true),
            ("192.0.2.1", false),
            ("192.88.99.1", false),
            ("198.18.0.1", false),
            ("198.19.255.255", false),
            ("198.20.0.1", true),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("223.255.255.255", true),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("2001:4860:4860::8888", true),
            ("2a00::1", true),
            ("2001:200::1", true),
            ("::", false),
            ("::1", false),
            ("::7f00:1", false),
            ("::ffff:1.1.1.1", false),
            ("::ffff:127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b:1::1", false),
            ("100::1", false),
            ("2001::1", false),
            ("2001:10::1", false),
            ("2001:1ff::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::", false),
            ("3fff::1", false),
            ("3fff:1000::1", true),
            ("4000::1", false),
            ("fc00::1", false),
            ("fd12:3456::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), expect, "{address}");
        }
    }

    #[test]
    fn the_operator_allows_more() {
        let guard = |settings| Guard::new(settings, None);
        let url = |text| Url::parse(text).unwrap();
        let strict = guard(OutboundSettings::default());
        assert_eq!(strict.check(&url("https://example.com")), Ok(()));
        assert_eq!(strict.check(&url("https://example.com:8443")), Ok(()));
        assert_eq!(strict.check(&url("http://example.com:443")), Err(Refusal::NotProtected));
        assert_eq!(strict.check(&url("https://example.com:25")), Err(Refusal::Port(25)));
        let private = "10.0.0.1".parse().unwrap();
        assert_eq!(strict.check(&url("https://10.0.0.1")), Err(Refusal::NotPublic(private)));
        let open = guard(OutboundSettings {
            allow_networks: vec!["10.0.0.0/24".parse().unwrap()],
            ports: vec![80],
            allow_http: true,
            ..OutboundSettings::default()
        });
        assert_eq!(open.check(&url("http://10.0.0.1")), Ok(()));
        assert!(open.check(&url("http://10.0.1.1")).is_err());
        assert_eq!(open.check(&url("http://example.com:25")), Err(Refusal::Port(25)));
    }
}
