//! Settings of domains that no zone could publish together: a name with a CNAME record has no other records (RFC 1034,
//! 3.6.2). Pure.

use super::records::ServiceNames;
use crate::base::{DomainName, Region};
use crate::store::Domain;

/// The names that a domain's settings make records at.
#[derive(Debug, Clone, Copy)]
pub struct DomainNames<'d> {
    /// Has TXT records, and MX.
    pub name: &'d DomainName,
    pub region: Region,
    /// Has a CNAME.
    pub custom_return_path: Option<&'d DomainName>,
    /// Has a CNAME.
    pub tracking_domain: Option<&'d DomainName>,
}

impl<'d> From<&'d Domain> for DomainNames<'d> {
    fn from(domain: &'d Domain) -> Self {
        Self {
            name: &domain.name,
            region: domain.region,
            custom_return_path: domain.custom_return_path.as_ref(),
            tracking_domain: domain.tracking_domain.as_ref(),
        }
    }
}

/// A setting of a domain that is a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameField {
    Name,
    CustomReturnPath,
    TrackingDomain,
}

impl NameField {
    /// As the API calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::CustomReturnPath => "custom_return_path",
            Self::TrackingDomain => "tracking_domain",
        }
    }
}

/// Two settings that cannot be published together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The settings of this domain that have a part in it.
    pub fields: Vec<NameField>,
    /// The rest of a sentence that begins with a field's name.
    pub says: String,
}

/// The settings of a domain that no zone could publish together with each other, or with those of the account's `others`.
pub fn conflicts(domain: DomainNames<'_>, others: &[Domain], service: &ServiceNames) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    let mut refuse = |fields: &[NameField], says: String| {
        conflicts.push(Conflict {
            fields: fields.to_vec(),
            says,
        });
    };
    let aliases = aliases(domain, service);
    if let [(first, one, _), (second, other, _)] = aliases.as_slice()
        && one == other
    {
        let says = "must not be the name of the other: only one CNAME record can be at a name".to_owned();
        refuse(&[*first, *second], says);
    }
    let hosts = own_hosts(service);
    for &(field, alias, target) in &aliases {
        if alias == domain.name {
            let says = "must not be the domain itself: a name with a CNAME record has no other records";
            refuse(&[field], says.to_owned());
        }
        if hosts.contains(&alias.as_str()) {
            refuse(&[field], "must not be a host of this service itself".to_owned());
        }
        for other in others {
            let theirs = DomainNames::from(other);
            if theirs.name == alias {
                let says = format!(
                    "must not be {alias}, another domain of this account: a name with a CNAME record has no other records"
                );
                refuse(&[field], says);
            }
            let is_taken =
                |(_, name, wanted): &(NameField, &DomainName, Option<&str>)| *name == alias && *wanted != target;
            if self::aliases(theirs, service).iter().any(is_taken) {
                let says = format!(
                    "must not be {alias}: {} of this account has another CNAME record there",
                    theirs.name
                );
                refuse(&[field], says);
            }
        }
    }
    for other in others {
        let theirs = self::aliases(DomainNames::from(other), service);
        if let Some((field, ..)) = theirs.iter().find(|(_, alias, _)| *alias == domain.name) {
            let says = format!(
                "must not be the {} of {}: a name with a CNAME record has no other records",
                field.word(),
                other.name
            );
            refuse(&[NameField::Name], says);
        }
    }
    conflicts
}

/// The names that get a CNAME, and where it points to.
fn aliases<'a>(
    domain: DomainNames<'a>,
    service: &'a ServiceNames,
) -> Vec<(NameField, &'a DomainName, Option<&'a str>)> {
    let bounces = service.region(domain.region).bounce_host.as_deref();
    let tracking = service.tracking_host.as_deref();
    let return_path = domain
        .custom_return_path
        .map(|name| (NameField::CustomReturnPath, name, bounces));
    let tracking = domain
        .tracking_domain
        .map(|name| (NameField::TrackingDomain, name, tracking));
    // Where hosts are not set, two CNAME records would still point to two of them.
    let targets = ["return path", "tracking"];
    return_path
        .into_iter()
        .chain(tracking)
        .map(|(field, name, target)| {
            let unset = targets[usize::from(field == NameField::TrackingDomain)];
            (field, name, target.or(Some(unset)))
        })
        .collect()
}

/// Names that have records of the installation.
fn own_hosts(service: &ServiceNames) -> Vec<&str> {
    let regions = service.regions.iter();
    let hosts = regions.flat_map(|region| [&region.rua_host, &region.inbound_host, &region.bounce_host]);
    let hosts = hosts.chain([&service.spf_host, &service.tracking_host]);
    let base = service.spf_host.as_deref().and_then(|host| host.strip_prefix("spf."));
    hosts.filter_map(Option::as_deref).chain(base).collect()
}
