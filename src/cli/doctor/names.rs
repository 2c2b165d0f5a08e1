//! The names of this installation in DNS: what the operator publishes so that reports arrive.

use std::collections::BTreeSet;
use std::net::UdpSocket;

use super::finding::Checked;
use crate::base::Region;
use crate::config::Config;
use crate::dns::{Dns, Freshness, Unanswered};
use crate::domains::ServiceNames;

/// Hosts of an MX record that are looked at.
const HOSTS_MAX: usize = 10;
/// A name that a wildcard answers for. RFC 2606 keeps it free.
const ANY_DOMAIN: &str = "example.com";

/// What the settings lack.
pub(super) fn settings(hosts: &ServiceNames) -> Vec<Checked> {
    let missing = hosts.advice().into_iter();
    let next = "See [installation] in `tallymark config example`.";
    let mut checks: Vec<_> = missing.map(|says| Checked::fail("host names", says, next)).collect();
    if checks.is_empty() {
        let names: Vec<_> = rua_hosts(hosts).into_iter().collect();
        checks.push(Checked::ok("host names", format!("reports go to {}", names.join(", "))));
    }
    checks
}

/// Whether mail servers can post TLS reports. Reports by mail always work.
pub(super) fn posts(config: &Config) -> Checked {
    let says = match config.http.api.public_url.url_for("/tlsrpt/") {
        Some(url) => format!("come by mail, and to {url}... where a domain has an address for it"),
        None => "come by mail alone; over HTTPS once http.public_url is set".to_owned(),
    };
    Checked::ok("TLS reports", says)
}

/// What DNS has for the hosts that are set.
pub(super) async fn look(dns: &Dns, hosts: &ServiceNames) -> Vec<Checked> {
    if !dns.is_up().await {
        let says = "none answers".to_owned();
        let next = "Name servers that answer belong in domains.resolvers, or in /etc/resolv.conf.";
        return vec![Checked::fail("name servers", says, next)];
    }
    let mut checks = vec![Checked::ok("name servers", "answer".to_owned())];
    for host in rua_hosts(hosts) {
        checks.push(mail_to(dns, host).await);
        checks.push(permission_at(dns, host).await);
    }
    if let Some(host) = &hosts.spf_host {
        checks.push(spf_at(dns, host).await);
    }
    checks
}

fn rua_hosts(hosts: &ServiceNames) -> BTreeSet<&str> {
    let regions = Region::ALL.iter().map(|region| hosts.region(*region));
    regions.filter_map(|region| region.rua_host.as_deref()).collect()
}

/// Whether mail to the host of the reports goes anywhere.
async fn mail_to(dns: &Dns, host: &str) -> Checked {
    let publish = format!("Publish: {host}. MX 10 with the name of the machine that receives the reports.");
    let found = match dns.mail_hosts(host, Freshness::Fresh).await {
        Ok(found) => found,
        Err(why) => return unknown("MX", host, &why),
    };
    // RFC 5321, 5.1: without an MX record, mail goes to the name itself.
    let is_implicit = found.is_empty();
    let mut targets: Vec<_> = found.into_iter().map(|(_, target)| target).take(HOSTS_MAX).collect();
    if is_implicit {
        targets.push(host.to_owned());
    }
    if targets.iter().all(String::is_empty) {
        let says = format!("{host} says that it takes no mail (RFC 7505)");
        return Checked::fail("MX", says, publish);
    }
    let mut addresses = Vec::new();
    for target in targets.iter().filter(|target| !target.is_empty()) {
        match dns.addresses(target, Freshness::Fresh).await {
            Ok(more) => addresses.extend(more),
            Err(why) => return unknown("MX", target, &why),
        }
    }
    let shown = targets.join(", ");
    match (addresses.first(), is_implicit) {
        (None, true) => Checked::fail("MX", format!("{host} has neither an MX record nor an address"), publish),
        (None, false) => {
            let says = format!("mail to {host} goes to {shown}, which has no address");
            Checked::fail("MX", says, format!("Publish an address for {shown}."))
        }
        (Some(_), _) => {
            let is_here = addresses.iter().any(|address| UdpSocket::bind((*address, 0)).is_ok());
            let whose = match is_here {
                true => "this machine",
                false => "not an address of this machine, which is right behind a relay or NAT",
            };
            Checked::ok("MX", format!("mail to {host} goes to {shown} ({whose})"))
        }
    }
}

/// Whether domains elsewhere may have their reports sent here (RFC 9990, 4).
async fn permission_at(dns: &Dns, host: &str) -> Checked {
    let name = format!("{ANY_DOMAIN}._report._dmarc.{host}");
    match dns.texts(&name, Freshness::Fresh).await {
        Ok(texts) if texts.iter().any(|text| text.trim_start().starts_with("v=DMARC1")) => {
            Checked::ok("permission", format!("any domain may have its reports sent to {host}"))
        }
        Ok(_) => {
            let says = format!("not every domain may have its reports sent to {host}");
            let next = format!(
                "Publish: *._report._dmarc.{host}. TXT \"v=DMARC1\", or one record for each domain, as `tallymark domains check` shows it."
            );
            Checked::warn("permission", says, next)
        }
        Err(why) => unknown("permission", &name, &why),
    }
}

/// Whether the SPF record that domains include is there.
async fn spf_at(dns: &Dns, host: &str) -> Checked {
    match dns.texts(host, Freshness::Fresh).await {
        Ok(texts) if texts.iter().any(|text| text.starts_with("v=spf1")) => {
            Checked::ok("SPF", format!("{host}, which domains include, has a record"))
        }
        Ok(_) => {
            let says = format!("domains include {host} in their SPF records, and it has none");
            let next = format!("Publish: {host}. TXT \"v=spf1 ip4:ADDRESS -all\", or take out installation.host.");
            Checked::fail("SPF", says, next)
        }
        Err(why) => unknown("SPF", host, &why),
    }
}

fn unknown(what: &'static str, name: &str, why: &Unanswered) -> Checked {
    let why = match why {
        Unanswered::Silence => "no answer came in time".to_owned(),
        Unanswered::Failure(said) => said.clone(),
        Unanswered::Circle(at) => format!("its CNAME records lead nowhere, at {at}"),
        Unanswered::NoName => "there can be no such name".to_owned(),
    };
    let says = format!("DNS does not tell about {name}: {why}");
    Checked::warn(
        what,
        says,
        "See whether the name servers of that zone answer, and try again.",
    )
}
