//! What PostStack's newest client reads (TypeScript, 0.14): other envelopes and spellings, beside the documented ones.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::domains::{DnsRecordBody, DomainBody, VerifyBody};
use super::records::PolicyBody;
use super::schema::{Address, DayText, DomainKey, Instant, NameText, RegionWord, StatusWord, TlsWord, Word};

/// A domain, bare and in an envelope.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DomainOne {
    #[serde(flatten)]
    pub bare: DomainBody,
    /// The same in the spelling of PostStack's newest client.
    pub domain: NewestDomain,
}

/// The result of a check, bare and with the domain in an envelope.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct VerifyOne {
    #[serde(flatten)]
    pub bare: VerifyBody,
    /// Always true, although the check is done.
    #[schemars(extend("enum" = [true]))]
    pub queued: bool,
    /// The domain in the spelling of PostStack's newest client.
    pub domain: NewestDomain,
}

/// A domain in the spelling of PostStack's newest client.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewestDomain {
    /// As `publicId`: paths take it.
    #[schemars(with = "DomainKey")]
    pub id: String,
    /// `dom_` and 12 to 24 of a-z0-9.
    #[schemars(with = "DomainKey")]
    pub public_id: String,
    /// Lower-case A-labels.
    #[schemars(with = "NameText")]
    pub name: String,
    /// `pending`, `verified` or `failed`.
    #[schemars(with = "StatusWord")]
    pub status: Word,
    #[schemars(with = "RegionWord")]
    pub region: Word,
    #[schemars(with = "TlsWord")]
    pub tls_mode: Word,
    /// Whether opens are tracked.
    pub open_tracking: bool,
    /// Whether clicks are tracked.
    pub click_tracking: bool,
    /// Host of the links in tracked mail.
    #[schemars(example = &"track.yourdomain.com")]
    pub tracking_domain: Option<String>,
    /// Whether the domain accepts mail to any local part.
    pub catch_all: bool,
    /// Whether the domain accepts mail.
    pub inbound_enabled: bool,
    /// Host that bounces go to.
    #[schemars(example = &"bounce.yourdomain.com")]
    pub custom_return_path: Option<String>,
    /// Logo shown next to the domain's mail.
    #[schemars(example = &"https://yourdomain.com/.well-known/bimi/logo.svg")]
    pub bimi_logo_url: Option<String>,
    /// The DNS records that the domain must publish.
    pub dns_records: Vec<DnsRecordBody>,
    /// When the domain was first found to publish all required records.
    #[schemars(with = "Option<Instant>")]
    pub verified_at: Option<String>,
    /// When the domain was added.
    #[schemars(with = "Instant")]
    pub created_at: String,
}

impl From<&DomainBody> for NewestDomain {
    fn from(domain: &DomainBody) -> Self {
        let domain = domain.clone();
        Self {
            public_id: domain.id.clone(),
            id: domain.id,
            name: domain.name,
            status: domain.status,
            region: domain.region,
            tls_mode: domain.tls_mode,
            open_tracking: domain.open_tracking,
            click_tracking: domain.click_tracking,
            tracking_domain: domain.tracking_domain,
            catch_all: domain.catch_all,
            inbound_enabled: domain.inbound_enabled,
            custom_return_path: domain.custom_return_path,
            bimi_logo_url: domain.bimi_logo_url,
            dns_records: domain.dns_records,
            verified_at: domain.verified_at,
            created_at: domain.created_at,
        }
    }
}

/// The answer to a removal, in both spellings.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RemovedInBoth {
    /// Always true. A failed removal is an error.
    #[schemars(extend("enum" = [true]))]
    pub success: bool,
    /// As `success`.
    #[schemars(extend("enum" = [true]))]
    pub deleted: bool,
}

/// Sums over a range of days, in the spelling of PostStack's newest client.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct NewestStats {
    /// The messages of the range.
    pub totals: NewestTotals,
    /// As `daily_stats`.
    pub daily: Vec<NewestDay>,
}

/// Messages of a range of days.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewestTotals {
    /// As `total_messages`.
    pub total_messages: u64,
    /// Messages that passed DMARC.
    pub passed: u64,
    /// As `spf_aligned`.
    pub spf_passed: u64,
    /// As `dkim_aligned`.
    pub dkim_passed: u64,
}

/// The messages of a UTC day.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct NewestDay {
    #[schemars(with = "DayText")]
    pub date: String,
    pub total: u64,
    pub passed: u64,
    pub failed: u64,
}

/// A sending address, in the spelling of PostStack's newest client.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct NewestSource {
    /// As `source_ip`.
    #[serde(rename = "sourceIp")]
    #[schemars(with = "Option<Address>")]
    pub source_ip: Option<IpAddr>,
    /// As `count`.
    pub total: u64,
    /// As `pass_count`.
    pub passed: u64,
    /// As `fail_count`.
    pub failed: u64,
}

/// A report, in the spelling of PostStack's newest client. Its `status` has our words.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewestReport {
    /// The domain that the report is listed under; only in that list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DomainKey", !default)]
    pub domain_id: Option<String>,
    /// As `report_id`.
    #[schemars(example = &"14495398217604482367")]
    pub report_id: String,
    /// As `org_name`.
    #[schemars(example = &"google.com")]
    pub org_name: Option<String>,
    /// As `date_range_begin`.
    #[schemars(with = "Instant")]
    pub date_range_start: String,
    /// As `date_range_end`.
    #[schemars(with = "Instant")]
    pub date_range_end: String,
    /// As `policy`.
    pub policy_published: PolicyBody,
    /// As `received_at`.
    #[schemars(with = "Instant")]
    pub created_at: String,
}

/// The position of a page, in the spelling of PostStack's newest client.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewestPagination {
    /// As `per_page`.
    pub per_page: u32,
    /// As `total_pages`.
    pub total_pages: u64,
}
