//! Where customers may send the program: public addresses, a few ports, and what the operator allows besides.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::mail::MailSettings;
use super::url::{Host, Scheme, Url};
use crate::base::{Network, is_public};
use crate::dns::{Dns, Freshness, Unanswered};

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
    /// Where mail is handed over.
    pub mail: MailSettings,
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
            mail: MailSettings::default(),
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
    /// No name can be resolved: the fault is this installation's.
    #[error("has a host, and the name servers of this installation do not answer")]
    NoResolver,
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
            Host::Name(name) => self.addresses(name).await?,
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

    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Refusal> {
        let dns = self.dns.as_ref().ok_or(Refusal::NoResolver)?;
        match dns.addresses(name, Freshness::Fresh).await {
            Ok(addresses) => Ok(addresses),
            Err(Unanswered::Circle(_) | Unanswered::NoName) => Err(Refusal::Unresolved),
            // The servers of this one name may be dead, or ours.
            Err(Unanswered::Silence | Unanswered::Failure(_)) => match dns.is_up().await {
                true => Err(Refusal::Unresolved),
                false => Err(Refusal::NoResolver),
            },
        }
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let is_allowed = |network: &Network| network.contains(address);
        if is_public(address) || self.settings.allow_networks.iter().any(is_allowed) {
            return Ok(());
        }
        Err(Refusal::NotPublic(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
