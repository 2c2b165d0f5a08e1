//! Which DNS records a domain must publish. Pure: from what is stored of a domain and this installation's names.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::dkim;
use crate::report::DomainName;
use crate::store::{Domain, DomainDns, Purpose, RecordCheck, Region};

/// Of the MX record.
const MX_PRIORITY: u16 = 10;

/// The host names of this installation that domains point to, and what it asks of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNames {
    /// Named by `include:` in a domain's SPF record.
    pub spf_host: String,
    /// Target of a tracking domain's CNAME.
    pub tracking_host: String,
    /// By region; see [`ServiceNames::region`].
    pub regions: [RegionNames; 4],
    /// A domain is verified when it publishes these.
    pub required: Vec<Purpose>,
}

/// The host names of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionNames {
    /// Right-hand side of the report addresses.
    pub rua_host: String,
    /// Where mail to the domain itself is received.
    pub inbound_host: String,
    /// Target of a return path's CNAME.
    pub bounce_host: String,
}

/// The type of a DNS record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordType {
    Txt,
    Cname,
    Mx,
}

/// A record that a domain must publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsRecord {
    pub kind: RecordType,
    /// Full name, without trailing dot.
    pub name: String,
    pub value: String,
    pub purpose: Purpose,
    /// Does the domain's status depend on it?
    pub required: bool,
    /// MX only.
    pub priority: Option<u16>,
    /// Was it found as it should be, when it was last looked for?
    pub verified: bool,
    /// What DNS had in its place, as text; capped.
    pub found: Vec<String>,
    /// One sentence saying what to change; `None` if nothing is to be changed, or nobody has looked yet.
    pub problem: Option<String>,
}

impl ServiceNames {
    /// One node for all regions: everything lies below `service`, and reports go to `rua_host`.
    pub fn of_one_node(service: &DomainName, rua_host: &DomainName) -> Self {
        let region = RegionNames {
            rua_host: rua_host.to_string(),
            inbound_host: format!("inbound.{service}"),
            bounce_host: format!("bounce.{service}"),
        };
        Self {
            spf_host: format!("spf.{service}"),
            tracking_host: format!("track.{service}"),
            regions: [region.clone(), region.clone(), region.clone(), region],
            required: vec![Purpose::Spf, Purpose::Dkim, Purpose::Dmarc],
        }
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

/// The domain's own address for reports, without `mailto:`.
pub fn rua_address(domain: &Domain, names: &ServiceNames) -> String {
    format!("{}@{}", domain.rua_token, names.region(domain.region).rua_host)
}

/// Every record the domain must publish with its present settings, the required ones first, with what was found of each.
/// The DKIM record is missing until the domain has a key; `Domains::records` makes one.
pub fn records(domain: &Domain, dns: &DomainDns, names: &ServiceNames) -> Vec<DnsRecord> {
    let mut records: Vec<_> = wanted(domain, dns, names);
    for record in &mut records {
        let fingerprint = record.fingerprint(names);
        let check = dns.checks.iter().find(|check| check.expected == fingerprint);
        if let Some(RecordCheck {
            verified,
            found,
            problem,
            ..
        }) = check.cloned()
        {
            (record.verified, record.found, record.problem) = (verified, found, problem);
        }
    }
    records
}

fn wanted(domain: &Domain, dns: &DomainDns, names: &ServiceNames) -> Vec<DnsRecord> {
    let name = &domain.name;
    let region = names.region(domain.region);
    let row = |purpose, kind, name: String, value: String| DnsRecord {
        kind,
        name,
        value,
        purpose,
        required: names.required.contains(&purpose),
        priority: (kind == RecordType::Mx).then_some(MX_PRIORITY),
        verified: false,
        found: Vec::new(),
        problem: None,
    };
    let txt = |purpose, name, value| row(purpose, RecordType::Txt, name, value);
    let cname = |purpose, name: &DomainName, host: &str| row(purpose, RecordType::Cname, name.to_string(), host.into());

    let own = dns.dedicated_ip.as_ref().map(|ip| match ip.address {
        IpAddr::V4(address) => format!("ip4:{address} "),
        IpAddr::V6(address) => format!("ip6:{address} "),
    });
    let spf = format!("v=spf1 {}include:{} ~all", own.unwrap_or_default(), names.spf_host);
    let mut rows = vec![txt(Purpose::Spf, name.to_string(), spf)];
    if let Some(key) = &dns.dkim {
        let name = format!("{}._domainkey.{name}", key.selector);
        rows.push(txt(Purpose::Dkim, name, dkim::record_text(&key.public_key)));
    }
    let dmarc = format!("v=DMARC1; p=none; rua=mailto:{}", rua_address(domain, names));
    rows.push(txt(Purpose::Dmarc, format!("_dmarc.{name}"), dmarc));
    if !name.covers(&region.rua_host) {
        let authorization = format!("{name}._report._dmarc.{}", region.rua_host);
        rows.push(txt(Purpose::DmarcAuthorization, authorization, "v=DMARC1;".to_owned()));
    }
    if let Some(return_path) = &domain.custom_return_path {
        rows.push(cname(Purpose::ReturnPath, return_path, &region.bounce_host));
    }
    if let Some(tracking_domain) = &domain.tracking_domain {
        rows.push(cname(Purpose::Tracking, tracking_domain, &names.tracking_host));
    }
    if domain.inbound_enabled {
        let host = region.inbound_host.clone();
        rows.push(row(Purpose::Mx, RecordType::Mx, name.to_string(), host));
    }
    if let Some(url) = &domain.bimi_logo_url {
        let name = format!("default._bimi.{name}");
        rows.push(txt(Purpose::Bimi, name, format!("v=BIMI1; l={url};")));
    }
    rows
}

impl DnsRecord {
    /// Tells this record from one with other settings: what was found of that one says nothing about this. Of an SPF
    /// record only the `include:` counts, so that a domain does not lose it for the time that a new address takes.
    pub fn fingerprint(&self, names: &ServiceNames) -> String {
        let what = match self.purpose {
            Purpose::Spf => &names.spf_host,
            _ => &self.value,
        };
        let mut hash = Sha256::new();
        for part in [self.purpose.word(), &self.name, what] {
            hash.update(part);
            hash.update([0]);
        }
        hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{AccountId, DkimKey, DomainId, DomainStatus, IpAddress, IpId, TlsMode};

    fn domain(name: &str) -> Domain {
        Domain {
            id: DomainId(1),
            public_id: "dom_0123456789abcdef".to_owned(),
            account: AccountId(1),
            name: DomainName::parse(name).unwrap(),
            status: DomainStatus::Pending,
            region: Region::EuWest1,
            tls_mode: TlsMode::Opportunistic,
            open_tracking: false,
            click_tracking: false,
            inbound_enabled: false,
            catch_all: false,
            custom_return_path: None,
            tracking_domain: None,
            bimi_logo_url: None,
            rua_token: "tok".to_owned(),
            created_at: 0,
            updated_at: 0,
            verified_at: None,
            last_checked_at: None,
        }
    }

    fn names() -> ServiceNames {
        let service = DomainName::parse("tally.example").unwrap();
        ServiceNames::of_one_node(&service, &DomainName::parse("rua.tally.example").unwrap())
    }

    fn check(domain: &Domain, expect: &[&str]) {
        check_with(domain, &DomainDns::default(), expect);
    }

    #[track_caller]
    fn check_with(domain: &Domain, dns: &DomainDns, expect: &[&str]) {
        let lines: Vec<String> = records(domain, dns, &names())
            .iter()
            .map(|record| {
                let priority = record
                    .priority
                    .map(|priority| format!("{priority} "))
                    .unwrap_or_default();
                let required = if record.required { "!" } else { "" };
                let (kind, purpose) = (record.kind.word(), record.purpose.word());
                format!("{purpose}{required}: {} {kind} {priority}{}", record.name, record.value)
            })
            .collect();
        assert_eq!(lines, expect);
    }

    #[test]
    fn a_plain_domain_publishes_spf_and_dmarc_and_is_authorised_by_us() {
        check(
            &domain("example.com"),
            &[
                "spf!: example.com TXT v=spf1 include:spf.tally.example ~all",
                "dmarc!: _dmarc.example.com TXT v=DMARC1; p=none; rua=mailto:tok@rua.tally.example",
                "dmarc_authorization: example.com._report._dmarc.rua.tally.example TXT v=DMARC1;",
            ],
        );
    }

    #[test]
    fn a_domain_above_the_report_host_needs_no_authorisation() {
        let lines = records(&domain("tally.example"), &DomainDns::default(), &names());
        assert!(lines.iter().all(|record| record.purpose != Purpose::DmarcAuthorization));
    }

    #[test]
    fn every_setting_brings_its_record() {
        let mut domain = domain("tally.example");
        domain.custom_return_path = Some(DomainName::parse("bounce.example.com").unwrap());
        domain.tracking_domain = Some(DomainName::parse("go.example.com").unwrap());
        domain.inbound_enabled = true;
        domain.bimi_logo_url = Some("https://tally.example/logo.svg".to_owned());
        check(
            &domain,
            &[
                "spf!: tally.example TXT v=spf1 include:spf.tally.example ~all",
                "dmarc!: _dmarc.tally.example TXT v=DMARC1; p=none; rua=mailto:tok@rua.tally.example",
                "return_path: bounce.example.com CNAME bounce.tally.example",
                "tracking: go.example.com CNAME track.tally.example",
                "mx: tally.example MX 10 inbound.tally.example",
                "bimi: default._bimi.tally.example TXT v=BIMI1; l=https://tally.example/logo.svg;",
            ],
        );
    }

    #[test]
    fn a_key_and_an_address_of_its_own_are_published() {
        let mut dns = DomainDns {
            dkim: Some(DkimKey {
                selector: "s1".to_owned(),
                public_key: b"key".to_vec(),
                created_at: 0,
            }),
            ..DomainDns::default()
        };
        for (address, mechanism) in [("192.0.2.1", "ip4:192.0.2.1"), ("2001:db8::1", "ip6:2001:db8::1")] {
            dns.dedicated_ip = Some(IpAddress {
                id: IpId(1),
                account: AccountId(1),
                address: address.parse().unwrap(),
            });
            check_with(
                &domain("tally.example"),
                &dns,
                &[
                    &format!("spf!: tally.example TXT v=spf1 {mechanism} include:spf.tally.example ~all"),
                    "dkim!: s1._domainkey.tally.example TXT v=DKIM1; k=rsa; p=a2V5",
                    "dmarc!: _dmarc.tally.example TXT v=DMARC1; p=none; rua=mailto:tok@rua.tally.example",
                ],
            );
        }
    }

    #[test]
    fn what_was_found_of_another_record_says_nothing() {
        let (mut domain, names) = (domain("tally.example"), names());
        domain.tracking_domain = Some(DomainName::parse("go.example.com").unwrap());
        let mut dns = DomainDns::default();
        for record in records(&domain, &dns, &names) {
            dns.checks.push(RecordCheck {
                purpose: record.purpose,
                expected: record.fingerprint(&names),
                verified: true,
                found: vec!["x".to_owned()],
                problem: None,
            });
        }
        let verified = |domain: &Domain, dns: &DomainDns| -> Vec<bool> {
            records(domain, dns, &names)
                .iter()
                .map(|record| record.verified)
                .collect()
        };
        assert_eq!(verified(&domain, &dns), [true, true, true]);
        domain.tracking_domain = Some(DomainName::parse("click.example.com").unwrap());
        assert_eq!(verified(&domain, &dns), [true, true, false]);
        dns.dedicated_ip = Some(IpAddress {
            id: IpId(1),
            account: AccountId(1),
            address: "192.0.2.1".parse().unwrap(),
        });
        assert_eq!(verified(&domain, &dns), [true, true, false]);
    }
}
