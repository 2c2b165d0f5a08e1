//! A domain as clients see it.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use super::schema::{Address, DomainKey, Instant, LogoUrl, NameText, PurposeWord, RegionWord, StatusWord, TlsWord};
use crate::base::DomainName;
use crate::base::clock::format_instant;
use crate::domains::{DnsRecord, Published};
use crate::store::Domain;

/// A domain in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DomainItem")]
pub(super) struct DomainItem {
    /// `dom_` and 12 to 24 of a-z0-9.
    #[schemars(with = "DomainKey")]
    id: String,
    /// Lower-case A-labels.
    #[schemars(with = "NameText")]
    name: String,
    /// `pending`, `verified` or `failed`.
    #[schemars(with = "StatusWord")]
    status: &'static str,
    /// `eu-west-1`, `us-east-1`, `sa-east-1` or `ap-northeast-1`.
    #[schemars(with = "RegionWord")]
    region: &'static str,
    /// When it was added.
    #[schemars(with = "Instant")]
    created_at: String,
}

/// All domains of the account, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DomainList {
    /// The whole list.
    domains: Vec<DomainItem>,
}

/// A domain with all its settings.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Domain")]
pub(super) struct DomainBody {
    /// `dom_` and 12 to 24 of a-z0-9.
    #[schemars(with = "DomainKey")]
    id: String,
    /// Lower-case A-labels.
    #[schemars(with = "NameText")]
    name: String,
    /// The name in Unicode; null if it is the same.
    #[schemars(example = &"münchner.example")]
    unicode_name: Option<String>,
    /// `pending`, `verified` or `failed`.
    #[schemars(with = "StatusWord")]
    status: &'static str,
    /// `eu-west-1`, `us-east-1`, `sa-east-1` or `ap-northeast-1`.
    #[schemars(with = "RegionWord")]
    region: &'static str,
    /// `opportunistic` or `enforced`, for mail sent in the domain's name.
    #[schemars(with = "TlsWord")]
    tls_mode: &'static str,
    /// Whether opens are tracked.
    open_tracking: bool,
    /// Whether clicks are tracked.
    click_tracking: bool,
    /// Host of the links in tracked mail.
    #[schemars(example = &"track.yourdomain.com")]
    tracking_domain: Option<String>,
    /// Whether the domain accepts mail to any local part.
    catch_all: bool,
    /// Whether the domain accepts mail.
    inbound_enabled: bool,
    /// Host that bounces go to.
    #[schemars(example = &"bounce.yourdomain.com")]
    custom_return_path: Option<String>,
    /// Logo shown beside the domain's mail.
    #[schemars(with = "Option<LogoUrl>")]
    bimi_logo_url: Option<String>,
    /// The address that only this domain sends from.
    dedicated_ip: Option<DedicatedIp>,
    /// The domain's own address for reports; its DMARC record must list it. Null while `installation.rua_host` is not set.
    #[schemars(example = &"k3v9q0x2m7a1b5c8@rua.tally.example")]
    rua_address: Option<String>,
    /// What it must publish.
    dns_records: Vec<DnsRecordBody>,
    /// What the operator of this service has to set before all records can be offered, one sentence each.
    #[schemars(example = &["Reports about this domain cannot be sent to this installation yet: the operator must set installation.rua_host."])]
    setup_advice: Vec<String>,
    /// When it was added.
    #[schemars(with = "Instant")]
    created_at: String,
    /// When a setting was last changed.
    #[schemars(with = "Instant")]
    updated_at: String,
    /// When it was first found to publish all that is required.
    #[schemars(with = "Option<Instant>")]
    verified_at: Option<String>,
    /// When its DNS was last looked at.
    #[schemars(with = "Option<Instant>")]
    last_checked_at: Option<String>,
}

/// A sending address of the account.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DedicatedIp {
    /// Its number, as `ipAddressId` takes it.
    id: i64,
    /// IPv4 or IPv6.
    #[schemars(with = "Address")]
    address: IpAddr,
}

/// A DNS record that a domain must publish.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DnsRecord")]
pub(super) struct DnsRecordBody {
    /// `TXT`, `CNAME` or `MX`.
    #[schemars(extend("enum" = ["TXT", "CNAME", "MX"]))]
    r#type: &'static str,
    /// Full name, without trailing dot.
    #[schemars(example = &"yourdomain.com")]
    name: String,
    /// What the record says where nothing is published yet. Never publish it in place of another record: see `suggested`.
    #[schemars(example = &"v=spf1 include:spf.tally.example ~all")]
    value: String,
    /// `spf`, `dkim`, `dmarc`, `dmarc_authorization`, `return_path`, `tracking`, `mx` or `bimi`.
    #[schemars(with = "PurposeWord")]
    purpose: &'static str,
    /// Whether the last check found it as it should be.
    verified: bool,
    /// Whether the domain's status depends on it.
    required: bool,
    /// MX only.
    priority: Option<u16>,
    /// What DNS has in its place.
    #[schemars(example = &["v=spf1 ~all"])]
    found: Vec<String>,
    /// One sentence saying what to change.
    #[schemars(example = &"Add include:spf.tally.example to the SPF record of yourdomain.com")]
    problem: Option<String>,
    /// What the last look came to: `unchecked`, `found`, `missing`, `unreadable` or `wrong`.
    #[schemars(extend("enum" = ["unchecked", "found", "missing", "unreadable", "wrong"]))]
    state: &'static str,
    /// The record to publish: all that the published one says, and what is missing. Null if nothing is to be published, if
    /// it is not known what is there, or if no record can be made without harm; then `problem` says what to do.
    #[schemars(example = &"v=spf1 include:_spf.mail.example include:spf.tally.example -all")]
    suggested: Option<String>,
    /// The parts of `suggested` that the published record does not have, in order.
    #[schemars(example = &["include:spf.tally.example"])]
    added: Vec<String>,
    /// Published records that `suggested` takes the place of: they must go, because only one may be there.
    #[schemars(example = &["v=spf1 include:_spf.mail.example -all"])]
    remove: Vec<String>,
}

/// What a look at the domain's DNS records found.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Verification")]
pub(super) struct VerifyBody {
    /// `dom_` and 12 to 24 of a-z0-9.
    #[schemars(with = "DomainKey")]
    id: String,
    /// Lower-case A-labels.
    #[schemars(with = "NameText")]
    name: String,
    /// `pending`, `verified` or `failed`.
    #[schemars(with = "StatusWord")]
    status: &'static str,
    /// What it must publish, with what was found.
    dns_records: Vec<DnsRecordBody>,
}

impl DomainList {
    /// Of these domains, in this order.
    pub(super) fn of<'d>(domains: impl Iterator<Item = &'d Domain>) -> Self {
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
            status: domain.status.word(),
            region: domain.region.word(),
            created_at: format_instant(domain.created_at),
        }
    }
}

impl DomainBody {
    /// Of a domain and what it must publish.
    pub(super) fn of(domain: Domain, published: Published) -> Self {
        Self {
            id: domain.public_id,
            name: domain.name.to_string(),
            unicode_name: domain.name.unicode(),
            status: domain.status.word(),
            region: domain.region.word(),
            tls_mode: domain.tls_mode.word(),
            open_tracking: domain.open_tracking,
            click_tracking: domain.click_tracking,
            tracking_domain: domain.tracking_domain.as_ref().map(DomainName::to_string),
            catch_all: domain.catch_all,
            inbound_enabled: domain.inbound_enabled,
            custom_return_path: domain.custom_return_path.as_ref().map(DomainName::to_string),
            bimi_logo_url: domain.bimi_logo_url,
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

impl VerifyBody {
    /// Of a domain and what was found of it.
    pub(super) fn of(domain: Domain, published: Published) -> Self {
        Self {
            id: domain.public_id,
            name: domain.name.to_string(),
            status: domain.status.word(),
            dns_records: published.records.into_iter().map(DnsRecordBody::from).collect(),
        }
    }
}

impl From<DnsRecord> for DnsRecordBody {
    fn from(record: DnsRecord) -> Self {
        let suggestion = record.suggestion.unwrap_or_default();
        Self {
            r#type: record.kind.word(),
            name: record.name,
            value: record.value,
            purpose: record.purpose.word(),
            verified: record.verified,
            required: record.required,
            priority: record.priority,
            found: record.found,
            problem: record.problem,
            state: record.state.word(),
            suggested: Some(suggestion.value).filter(|value| !value.is_empty()),
            added: suggestion.added,
            remove: suggestion.remove,
        }
    }
}
