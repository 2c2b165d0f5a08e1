//! Which DNS records a domain must publish. Pure: from a domain's settings and this installation's names.

use crate::report::DomainName;
use crate::store::{Domain, Region};

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

/// What a DNS record is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    Spf,
    Dkim,
    Dmarc,
    /// RFC 9990, 4: lets reports about the domain go to a host outside it. It stands in *our* zone.
    DmarcAuthorization,
    ReturnPath,
    Tracking,
    Mx,
    Bimi,
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
        match region {
            Region::EuWest1 => &self.regions[0],
            Region::UsEast1 => &self.regions[1],
            Region::SaEast1 => &self.regions[2],
            Region::ApNortheast1 => &self.regions[3],
        }
    }
}

impl Purpose {
    /// Every purpose.
    pub const ALL: &'static [Self] = &[
        Self::Spf,
        Self::Dkim,
        Self::Dmarc,
        Self::DmarcAuthorization,
        Self::ReturnPath,
        Self::Tracking,
        Self::Mx,
        Self::Bimi,
    ];

    /// The word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Spf => "spf",
            Self::Dkim => "dkim",
            Self::Dmarc => "dmarc",
            Self::DmarcAuthorization => "dmarc_authorization",
            Self::ReturnPath => "return_path",
            Self::Tracking => "tracking",
            Self::Mx => "mx",
            Self::Bimi => "bimi",
        }
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

/// Every record the domain must publish with its present settings, the required ones first.
///
/// The DKIM record is missing here as long as domains have no key of their own.
pub fn records(domain: &Domain, names: &ServiceNames) -> Vec<DnsRecord> {
    let name = &domain.name;
    let region = names.region(domain.region);
    let txt = |name: String, value: String, purpose| (RecordType::Txt, name, value, purpose);
    let cname =
        |name: &DomainName, value: &str, purpose| (RecordType::Cname, name.to_string(), value.to_owned(), purpose);

    let mut rows = vec![
        txt(
            name.to_string(),
            format!("v=spf1 include:{} ~all", names.spf_host),
            Purpose::Spf,
        ),
        txt(
            format!("_dmarc.{name}"),
            format!("v=DMARC1; p=none; rua=mailto:{}", rua_address(domain, names)),
            Purpose::Dmarc,
        ),
    ];
    if !name.covers(&region.rua_host) {
        let authorization = format!("{name}._report._dmarc.{}", region.rua_host);
        rows.push(txt(authorization, "v=DMARC1;".to_owned(), Purpose::DmarcAuthorization));
    }
    if let Some(return_path) = &domain.custom_return_path {
        rows.push(cname(return_path, &region.bounce_host, Purpose::ReturnPath));
    }
    if let Some(tracking_domain) = &domain.tracking_domain {
        rows.push(cname(tracking_domain, &names.tracking_host, Purpose::Tracking));
    }
    if domain.inbound_enabled {
        rows.push((
            RecordType::Mx,
            name.to_string(),
            region.inbound_host.clone(),
            Purpose::Mx,
        ));
    }
    if let Some(url) = &domain.bimi_logo_url {
        rows.push(txt(
            format!("default._bimi.{name}"),
            format!("v=BIMI1; l={url};"),
            Purpose::Bimi,
        ));
    }
    rows.into_iter()
        .map(|(kind, name, value, purpose)| DnsRecord {
            kind,
            name,
            value,
            purpose,
            required: names.required.contains(&purpose),
            priority: (kind == RecordType::Mx).then_some(10),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{AccountId, DomainId, DomainStatus, TlsMode};

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
        let lines: Vec<String> = records(domain, &names())
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
        let lines = records(&domain("tally.example"), &names());
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
}
