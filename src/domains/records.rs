//! Which DNS records a domain must publish. Pure: from what is stored of a domain and this installation's names.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::dkim;
use crate::base::{DomainName, FailureReports, Purpose, Region};
use crate::store::{Domain, DomainDns, RecordState, Suggestion};

/// Priority in the MX record.
const MX_PRIORITY: u16 = 10;

/// The hostnames of this installation that domains point to, and what it asks of them. A host that is not set is
/// `None`, and no record is made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNames {
    /// Named by `include:` in a domain's SPF record. `None`: this installation only collects reports.
    pub spf_host: Option<String>,
    /// Target of a tracking domain's CNAME.
    pub tracking_host: Option<String>,
    /// By region; see [`ServiceNames::region`].
    pub regions: [RegionNames; 4],
    /// A domain is verified when it publishes these.
    pub required: Vec<Purpose>,
}

/// The hostnames of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionNames {
    /// Right-hand side of the report addresses.
    pub rua_host: Option<String>,
    /// Where mail to the domain itself is received.
    pub inbound_host: Option<String>,
    /// Target of a return path's CNAME.
    pub bounce_host: Option<String>,
}

/// The type of a DNS record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordType {
    Txt,
    Cname,
    Mx,
}

/// A record that a domain must publish. `value` is its content where none is published yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsRecord {
    pub kind: RecordType,
    /// Full name, without trailing dot.
    pub name: String,
    pub value: String,
    pub purpose: Purpose,
    /// Whether the domain's status depends on it.
    pub required: bool,
    /// MX only.
    pub priority: Option<u16>,
    /// Whether the last check found the record correct.
    pub verified: bool,
    /// The records that DNS had instead, as text; capped.
    pub found: Vec<String>,
    /// One sentence saying what to change; `None` if nothing needs to change, or the record was not checked yet.
    pub problem: Option<String>,
    /// Result of the last check.
    pub state: RecordState,
    /// The record to publish: the published record with the missing parts added. `None` if nothing needs to be
    /// published, if the published record is unknown, or if no record can be made without harm.
    pub suggestion: Option<Suggestion>,
}

impl ServiceNames {
    /// One node for all regions: everything is below `service`, and reports go to `rua_host`.
    pub fn of_one_node(service: &DomainName, rua_host: &DomainName) -> Self {
        Self::new(Some(service), Some(rua_host))
    }

    /// One node for all regions. With a `service` name it sends mail for its domains, and they must let it; without, it
    /// only collects reports.
    pub fn new(service: Option<&DomainName>, rua_host: Option<&DomainName>) -> Self {
        let below = |label: &str| service.map(|service| format!("{label}.{service}"));
        let region = RegionNames {
            rua_host: rua_host.map(DomainName::to_string),
            inbound_host: below("inbound"),
            bounce_host: below("bounce"),
        };
        Self {
            spf_host: below("spf"),
            tracking_host: below("track"),
            regions: [region.clone(), region.clone(), region.clone(), region],
            required: match service {
                Some(_) => vec![Purpose::Spf, Purpose::Dkim, Purpose::Dmarc],
                None => vec![Purpose::Dmarc],
            },
        }
    }

    /// Whether domains are offered a key that their mail is signed with.
    pub fn signs(&self) -> bool {
        self.spf_host.is_some() || self.required.contains(&Purpose::Dkim)
    }

    /// Settings that the operator must make, one sentence each; empty if nothing is missing.
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        if self.regions.iter().any(|region| region.rua_host.is_none()) {
            let sender = match self.spf_host {
                Some(_) => "",
                None => " (and installation.host only if it also sends mail for its domains)",
            };
            advice.push(format!(
                "Mail servers cannot send reports to this installation yet: set installation.rua_host to the host that reports \
                 are sent to{sender}. Until then no DMARC record is offered."
            ));
        }
        let needs_host = |purpose: &&Purpose| match purpose {
            Purpose::Spf => self.spf_host.is_none(),
            Purpose::Tracking => self.tracking_host.is_none(),
            Purpose::ReturnPath => self.regions.iter().any(|region| region.bounce_host.is_none()),
            Purpose::Mx => self.regions.iter().any(|region| region.inbound_host.is_none()),
            Purpose::Dkim
            | Purpose::DkimRotation
            | Purpose::Dmarc
            | Purpose::DmarcAuthorization
            | Purpose::Bimi
            | Purpose::TlsReports => false,
        };
        let needing: Vec<_> = self
            .required
            .iter()
            .filter(needs_host)
            .map(|purpose| purpose.word())
            .collect();
        if !needing.is_empty() {
            advice.push(format!(
                "No domain can be verified: domains.required names {}, but installation.host is not set. Set installation.host, or \
                 take it out of domains.required.",
                needing.join(", ")
            ));
        }
        advice
    }

    /// The names of a region.
    pub fn region(&self, region: Region) -> &RegionNames {
        &self.regions[index(region)]
    }

    /// The names of a region, to change them.
    pub fn region_mut(&mut self, region: Region) -> &mut RegionNames {
        &mut self.regions[index(region)]
    }
}

fn index(region: Region) -> usize {
    match region {
        Region::EuWest1 => 0,
        Region::UsEast1 => 1,
        Region::SaEast1 => 2,
        Region::ApNortheast1 => 3,
    }
}

impl RecordType {
    /// The type as a zone file writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Txt => "TXT",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
        }
    }
}

/// The domain's own address for reports, without `mailto:`; `None` while the host for reports is not set.
pub fn rua_address(domain: &Domain, names: &ServiceNames) -> Option<String> {
    let host = names.region(domain.region).rua_host.as_ref()?;
    Some(format!("{}@{host}", domain.rua_token))
}

/// Name of the record that asks for TLS reports about a domain (RFC 8460, 3).
pub fn tls_record_name(domain: &Domain) -> String {
    format!("_smtp._tls.{}", domain.name)
}

/// The record that asks for TLS reports, with `posts`, the URL at which they are posted, and the domain's own address; `None` if
/// neither is known.
pub fn tls_record_value(domain: &Domain, names: &ServiceNames, posts: Option<&str>) -> Option<String> {
    let mail = rua_address(domain, names).map(|address| format!("mailto:{address}"));
    let addresses: Vec<_> = posts.into_iter().chain(mail.as_deref()).collect();
    (!addresses.is_empty()).then(|| format!("v=TLSRPTv1; rua={}", addresses.join(",")))
}

/// Every record the domain must publish with its present settings, the required ones first, with what was found of each.
/// The DKIM record is missing until the domain has a key; `Domains::records` makes one. Records that need a host which is
/// not set are missing, too: see [`unset`].
pub fn records(domain: &Domain, dns: &DomainDns, names: &ServiceNames) -> Vec<DnsRecord> {
    let mut records: Vec<_> = wanted(domain, dns, names);
    for record in &mut records {
        let fingerprint = record.fingerprint(names);
        let check = dns.checks.iter().find(|check| check.expected == fingerprint);
        let Some(check) = check.cloned() else { continue };
        let suggestion = check.suggestion;
        record.state = check.state;
        record.suggestion = suggestion.filter(|suggestion| suggestion.wanted == record.value);
        (record.verified, record.found, record.problem) = (check.verified, check.found, check.problem);
        if let Some(at) = check.at {
            record.name = at;
        }
    }
    records
}

/// The required records that cannot be offered because a host is not set: such a domain is not verified, and does not fail.
pub fn unset(domain: &Domain, names: &ServiceNames) -> Vec<Purpose> {
    let region = names.region(domain.region);
    let is_unset = |purpose: &Purpose| match purpose {
        Purpose::Spf => names.spf_host.is_none(),
        Purpose::Dmarc | Purpose::DmarcAuthorization | Purpose::TlsReports => region.rua_host.is_none(),
        Purpose::ReturnPath => domain.custom_return_path.is_some() && region.bounce_host.is_none(),
        Purpose::Tracking => domain.tracking_domain.is_some() && names.tracking_host.is_none(),
        Purpose::Mx => domain.inbound_enabled && region.inbound_host.is_none(),
        Purpose::Dkim | Purpose::DkimRotation | Purpose::Bimi => false,
    };
    names.required.iter().copied().filter(is_unset).collect()
}

/// What no name that exists ends with (RFC 2606, 2).
const NOWHERE: &str = ".invalid";

/// Settings that the operator must make before this domain's records can be offered, one sentence each.
pub fn advice(domain: &Domain, names: &ServiceNames) -> Vec<String> {
    let region = names.region(domain.region);
    let mut advice = Vec::new();
    if let Some(host) = region.rua_host.as_ref().filter(|host| host.ends_with(NOWHERE)) {
        advice.push(format!(
            "{host} is a host of a demo: no report arrives there. Before a domain of your own publishes its record, set \
             installation.rua_host."
        ));
    }
    if region.rua_host.is_none() {
        advice.push(
            "Reports about this domain cannot be sent to this installation yet: the operator must set installation.rua_host. \
             Until then no DMARC record is offered."
                .to_owned(),
        );
    }
    let settings = [
        (
            names.required.contains(&Purpose::Spf) && names.spf_host.is_none(),
            "SPF record",
        ),
        (
            domain.custom_return_path.is_some() && region.bounce_host.is_none(),
            "return path",
        ),
        (
            domain.tracking_domain.is_some() && names.tracking_host.is_none(),
            "tracking host",
        ),
        (domain.inbound_enabled && region.inbound_host.is_none(), "MX record"),
    ];
    for (_, what) in settings.into_iter().filter(|(is_unset, _)| *is_unset) {
        advice.push(format!(
            "The {what} of this domain needs a host of this installation: the operator must set installation.host. Until then \
             no such record is offered."
        ));
    }
    advice
}

/// The same, not checked yet.
pub(super) fn wanted(domain: &Domain, dns: &DomainDns, names: &ServiceNames) -> Vec<DnsRecord> {
    let name = &domain.name;
    let region = names.region(domain.region);
    let row = |purpose, kind, name: String, value: String| DnsRecord {
        kind,
        name,
        value,
        purpose,
        // A domain that changes its key signs with another one meanwhile.
        required: purpose != Purpose::DkimRotation && names.required.contains(&purpose),
        priority: (kind == RecordType::Mx).then_some(MX_PRIORITY),
        verified: false,
        found: Vec::new(),
        problem: None,
        state: RecordState::Unchecked,
        suggestion: None,
    };
    let txt = |purpose, name, value| row(purpose, RecordType::Txt, name, value);
    let cname = |purpose, name: &DomainName, host: &str| row(purpose, RecordType::Cname, name.to_string(), host.into());

    let mut rows = Vec::new();
    if let Some(value) = spf_value(dns, names) {
        rows.push(txt(Purpose::Spf, name.to_string(), value));
    }
    if let Some(key) = &dns.dkim {
        let name = dkim::record_name(&key.selector, name);
        rows.push(txt(Purpose::Dkim, name, dkim::record_text(&key.public_key)));
    }
    if let Some(key) = &dns.rotation {
        let name = dkim::record_name(&key.selector, name);
        rows.push(txt(Purpose::DkimRotation, name, dkim::record_text(&key.public_key)));
    }
    if let Some(address) = rua_address(domain, names) {
        let mut dmarc = format!("v=DMARC1; p=none; rua=mailto:{address}");
        if domain.failure_reports != FailureReports::Off {
            dmarc.push_str(&format!("; ruf=mailto:{address}"));
        }
        rows.push(txt(Purpose::Dmarc, format!("_dmarc.{name}"), dmarc));
    }
    if let Some(rua_host) = region.rua_host.as_ref().filter(|host| !name.covers(host)) {
        let authorization = authorization_name(name.as_str(), rua_host);
        rows.push(txt(Purpose::DmarcAuthorization, authorization, "v=DMARC1;".to_owned()));
    }
    if let Some(value) = tls_record_value(domain, names, None) {
        rows.push(txt(Purpose::TlsReports, tls_record_name(domain), value));
    }
    if let (Some(return_path), Some(host)) = (&domain.custom_return_path, &region.bounce_host) {
        rows.push(cname(Purpose::ReturnPath, return_path, host));
    }
    if let (Some(tracking_domain), Some(host)) = (&domain.tracking_domain, &names.tracking_host) {
        rows.push(cname(Purpose::Tracking, tracking_domain, host));
    }
    if let Some(host) = region.inbound_host.as_ref().filter(|_| domain.inbound_enabled) {
        rows.push(row(Purpose::Mx, RecordType::Mx, name.to_string(), host.clone()));
    }
    if let Some(url) = &domain.bimi_logo_url {
        let name = format!("default._bimi.{name}");
        rows.push(txt(Purpose::Bimi, name, format!("v=BIMI1; l={url};")));
    }
    rows
}

fn spf_value(dns: &DomainDns, names: &ServiceNames) -> Option<String> {
    let own = dns.dedicated_ip.as_ref().map(|ip| address_term(ip.address) + " ");
    let host = names.spf_host.as_ref()?;
    Some(format!("v=spf1 {}include:{host} ~all", own.unwrap_or_default()))
}

/// The mechanism that lets an address send (RFC 7208, 5.6).
pub(super) fn address_term(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("ip4:{address}"),
        IpAddr::V6(address) => format!("ip6:{address}"),
    }
}

/// Where a receiver that found the policy at `name` asks whether reports may go to `rua_host` (RFC 9990, 4).
pub(super) fn authorization_name(name: &str, rua_host: &str) -> String {
    format!("{name}._report._dmarc.{rua_host}")
}

impl DnsRecord {
    /// Identifies this record with its settings. Findings of a record with other settings do not apply. For an SPF
    /// record only the `include:` counts, so that a domain keeps its status while a new address is published. The record of a
    /// key is the same before and after the key begins to sign, and so is what was found of it.
    pub fn fingerprint(&self, names: &ServiceNames) -> String {
        let what = match self.purpose {
            Purpose::Spf => names.spf_host.as_deref().unwrap_or_default(),
            _ => &self.value,
        };
        let purpose = match self.purpose {
            Purpose::DkimRotation => Purpose::Dkim,
            purpose => purpose,
        };
        let mut hash = Sha256::new();
        for part in [purpose.word(), &self.name, what] {
            hash.update(part);
            hash.update([0]);
        }
        hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests;
