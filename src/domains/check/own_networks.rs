//! The networks that a domain's own SPF record lets send: those of its own hosts. The networks behind another's
//! `include:` are that other's, and change without notice.

use std::net::IpAddr;

use super::Look;
use super::spf::{LOOKUPS_MAX, MAIL_HOSTS_MAX};
use super::spf_terms::{Lengths, Term, What, is_spf, terms};
use crate::base::{DomainName, Network};
use crate::dns::{Freshness, Unanswered};

/// Networks that are kept of a domain; more are left out.
const NETWORKS_MAX: usize = 256;
/// Larger networks are not of one owner: bits of IPv4 and of IPv6.
const BITS_MIN: (u8, u8) = (16, 32);

/// The networks of the domain's SPF record (`ip4`, `ip6`, `a`, `mx`), and of those records that it includes from names of its
/// own; in order, none twice. A record that receivers cannot read has none.
///
/// # Errors
/// DNS did not answer: nothing is known.
pub(super) async fn own_networks(look: &Look<'_>, domain: &DomainName) -> Result<Vec<Network>, Unanswered> {
    let mut reading = Reading {
        look,
        domain: domain.as_str(),
        lookups_left: LOOKUPS_MAX,
        found: Vec::new(),
        records: vec![domain.as_str().to_owned()],
    };
    // Records are read at most once for each lookup.
    while let Some(name) = reading.records.pop() {
        reading.record(&name).await?;
    }
    let mut found = reading.found;
    found.retain(|network| network.bits() >= if network.is_ipv4() { BITS_MIN.0 } else { BITS_MIN.1 });
    found.sort_unstable();
    found.dedup();
    found.truncate(NETWORKS_MAX);
    Ok(found)
}

struct Reading<'l> {
    look: &'l Look<'l>,
    domain: &'l str,
    lookups_left: u32,
    found: Vec<Network>,
    /// Names of records that are still to be read.
    records: Vec<String>,
}

impl Reading<'_> {
    async fn record(&mut self, name: &str) -> Result<(), Unanswered> {
        let texts = nothing_if_absent(self.look.texts(name, Freshness::Shared).await)?;
        let records: Vec<_> = texts.iter().filter(|text| is_spf(text)).collect();
        let [text] = records.as_slice() else { return Ok(()) };
        let Ok(terms) = terms(text, name) else { return Ok(()) };
        for Term { passes, what, .. } in terms {
            if !passes {
                continue;
            }
            if !matches!(what, What::Network(_) | What::All) {
                let Some(left) = self.lookups_left.checked_sub(1) else {
                    return Ok(());
                };
                self.lookups_left = left;
            }
            match what {
                What::Network(network) => self.found.push(network),
                What::Record(target) | What::Redirect(target) if self.is_own(&target) => self.records.push(target),
                What::Host(target, lengths) => self.hosts(&[target], lengths).await?,
                What::MailHosts(target, lengths) => self.mail_hosts(&target, lengths).await?,
                What::Record(_) | What::Redirect(_) | What::Unasked | What::All => {}
            }
        }
        Ok(())
    }

    fn is_own(&self, name: &str) -> bool {
        let above = name.trim_end_matches('.').strip_suffix(self.domain);
        above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    async fn hosts(&mut self, hosts: &[String], lengths: Lengths) -> Result<(), Unanswered> {
        for host in hosts {
            self.look.take()?;
            let addresses = nothing_if_absent(self.look.dns.addresses(host, Freshness::Shared).await)?;
            self.found.extend(addresses.into_iter().map(|address| match address {
                IpAddr::V4(_) => Network::new(address, lengths.four),
                IpAddr::V6(_) => Network::new(address, lengths.six),
            }));
        }
        Ok(())
    }

    async fn mail_hosts(&mut self, target: &str, lengths: Lengths) -> Result<(), Unanswered> {
        self.look.take()?;
        let hosts = nothing_if_absent(self.look.dns.mail_hosts(target, Freshness::Shared).await)?;
        let hosts = hosts.into_iter().map(|(_, host)| host).filter(|host| !host.is_empty());
        let hosts: Vec<_> = hosts.take(MAIL_HOSTS_MAX).collect();
        self.hosts(&hosts, lengths).await
    }
}

/// A name that is not there has nothing, and that is an answer.
fn nothing_if_absent<T>(answer: Result<Vec<T>, Unanswered>) -> Result<Vec<T>, Unanswered> {
    match answer {
        Err(Unanswered::NoName | Unanswered::Circle(_)) => Ok(Vec::new()),
        answer => answer,
    }
}
