//! A domain as clients see it.

use crate::api::{DedicatedIp, DnsRecordBody, DomainBody, DomainItem, DomainList};
use crate::base::DomainName;
use crate::base::clock::format_instant;
use crate::domains::{DnsRecord, Published};
use crate::store::Domain;

impl DomainList {
    /// The list of these domains, in this order.
    pub fn from_domains<'d>(domains: impl Iterator<Item = &'d Domain>) -> Self {
        Self {
            domains: domains.map(DomainItem::from).collect(),
        }
    }
}

impl From<&Domain> for DomainItem {
    fn from(domain: &Domain) -> Self {
        Self {
            id: domain.public_id.clone(),
            name: domain.name.to_string(),
            status: domain.status.word().into(),
            region: domain.region.word().into(),
            created_at: format_instant(domain.created_at),
        }
    }
}

impl DomainBody {
    /// The body for a domain and the records that it must publish.
    pub fn new(domain: Domain, published: Published) -> Self {
        Self {
            id: domain.public_id,
            name: domain.name.to_string(),
            unicode_name: domain.name.unicode(),
            status: domain.status.word().into(),
            region: domain.region.word().into(),
            tls_mode: domain.tls_mode.word().into(),
            open_tracking: domain.open_tracking,
            click_tracking: domain.click_tracking,
            tracking_domain: domain.tracking_domain.as_ref().map(DomainName::to_string),
            catch_all: domain.catch_all,
            inbound_enabled: domain.inbound_enabled,
            custom_return_path: domain.custom_return_path.as_ref().map(DomainName::to_string),
            bimi_logo_url: domain.bimi_logo_url,
            failure_reports: domain.failure_reports.word().into(),
            tags: domain.tags.iter().map(str::to_owned).collect(),
            dedicated_ip: published.dedicated_ip.map(|ip| DedicatedIp {
                id: ip.id.0,
                address: ip.address,
            }),
            rua_address: published.rua_address,
            dns_records: published.records.into_iter().map(DnsRecordBody::from).collect(),
            setup_advice: published.advice,
            created_at: format_instant(domain.created_at),
            updated_at: format_instant(domain.updated_at),
            verified_at: domain.verified_at.map(format_instant),
            last_checked_at: domain.last_checked_at.map(format_instant),
        }
    }
}

impl From<DnsRecord> for DnsRecordBody {
    fn from(record: DnsRecord) -> Self {
        let suggestion = record.suggestion.unwrap_or_default();
        Self {
            r#type: record.kind.word().into(),
            name: record.name,
            value: record.value,
            purpose: record.purpose.word().into(),
            verified: record.verified,
            required: record.required,
            priority: record.priority,
            found: record.found,
            problem: record.problem,
            state: record.state.word().into(),
            suggested: Some(suggestion.value).filter(|value| !value.is_empty()),
            added: suggestion.added,
            remove: suggestion.remove,
        }
    }
}
