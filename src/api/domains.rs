//! Domains, their DNS records, and what is answered where there is nothing to tell.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::schema::{
    Address, DomainKey, FailureReportsWord, HostText, Instant, LogoUrl, NameText, PurposeWord, RegionWord, StatusWord,
    TagText, TlsWord, Word,
};

/// A domain in a list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DomainItem")]
pub struct DomainItem {
    /// `dom_` and 12 to 24 of a-z0-9.
    #[schemars(with = "DomainKey")]
    pub id: String,
    /// Lower-case A-labels.
    #[schemars(with = "NameText")]
    pub name: String,
    /// `pending`, `verified` or `failed`.
    #[schemars(with = "StatusWord")]
    pub status: Word,
    /// `eu-west-1`, `us-east-1`, `sa-east-1` or `ap-northeast-1`.
    #[schemars(with = "RegionWord")]
    pub region: Word,
    /// When the domain was added.
    #[schemars(with = "Instant")]
    pub created_at: String,
}

/// All domains of the account, newest first.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct DomainList {
    /// The whole list.
    pub domains: Vec<DomainItem>,
}

/// A domain with all its settings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Domain")]
pub struct DomainBody {
    /// `dom_` and 12 to 24 of a-z0-9.
    #[schemars(with = "DomainKey")]
    pub id: String,
    /// Lower-case A-labels.
    #[schemars(with = "NameText")]
    pub name: String,
    /// The name in Unicode; null if it is the same.
    #[schemars(example = &"münchner.example")]
    pub unicode_name: Option<String>,
    /// `pending`, `verified` or `failed`.
    #[schemars(with = "StatusWord")]
    pub status: Word,
    /// `eu-west-1`, `us-east-1`, `sa-east-1` or `ap-northeast-1`.
    #[schemars(with = "RegionWord")]
    pub region: Word,
    /// `opportunistic` or `enforced`, for mail sent in the domain's name.
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
    #[schemars(with = "Option<LogoUrl>")]
    pub bimi_logo_url: Option<String>,
    /// What is kept of failure reports about the domain: `off`: nothing, and the DMARC record does not ask for them; `redacted`:
    /// facts without the local part of any address; `headers`: also header fields.
    #[schemars(with = "FailureReportsWord")]
    pub failure_reports: Word,
    /// Words that the owner sorts domains by, in order.
    #[schemars(with = "Vec<TagText>")]
    pub tags: Vec<String>,
    /// The address that only this domain sends from.
    pub dedicated_ip: Option<DedicatedIp>,
    /// The domain's own address for reports; its DMARC record must list it. Null while `installation.rua_host` is not set.
    #[schemars(example = &"k3v9q0x2m7a1b5c8@rua.tally.example")]
    pub rua_address: Option<String>,
    /// The DNS records that the domain must publish.
    pub dns_records: Vec<DnsRecordBody>,
    /// Settings that the operator must make before all records can be offered, one sentence each.
    #[schemars(example = &["Reports about this domain cannot be sent to this installation yet: the operator must set installation.rua_host."])]
    pub setup_advice: Vec<String>,
    /// When the domain was added.
    #[schemars(with = "Instant")]
    pub created_at: String,
    /// When a setting was last changed.
    #[schemars(with = "Instant")]
    pub updated_at: String,
    /// When the domain was first found to publish all required records.
    #[schemars(with = "Option<Instant>")]
    pub verified_at: Option<String>,
    /// When the DNS records were last checked.
    #[schemars(with = "Option<Instant>")]
    pub last_checked_at: Option<String>,
}

/// A sending address of the account.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DedicatedIp {
    /// Number of the address, as `ipAddressId` takes it.
    pub id: i64,
    /// IPv4 or IPv6.
    #[schemars(with = "Address")]
    pub address: IpAddr,
}

/// A DNS record that a domain must publish.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DnsRecord")]
pub struct DnsRecordBody {
    /// `TXT`, `CNAME` or `MX`.
    #[schemars(extend("enum" = ["TXT", "CNAME", "MX"]))]
    pub r#type: Word,
    /// Full name of the record, without a trailing dot.
    #[schemars(example = &"yourdomain.com")]
    pub name: String,
    /// Content of the record where none is published yet. Do not replace an existing record with it: use `suggested`.
    #[schemars(example = &"v=spf1 include:spf.tally.example ~all")]
    pub value: String,
    /// `spf`, `dkim`, `dkim_rotation`, `dmarc`, `dmarc_authorization`, `return_path`, `tracking`, `mx`, `bimi` or `tls_reports`.
    /// `dkim_rotation` is the key that signs next, or the one that signed before: `/domains/{id}/dkim/rotate` says which.
    #[schemars(with = "PurposeWord")]
    pub purpose: Word,
    /// Whether the last check found the record correct.
    pub verified: bool,
    /// Whether the domain's status depends on it.
    pub required: bool,
    /// MX only.
    pub priority: Option<u16>,
    /// The records that DNS has instead.
    #[schemars(example = &["v=spf1 ~all"])]
    pub found: Vec<String>,
    /// One sentence saying what to change.
    #[schemars(example = &"Add include:spf.tally.example to the SPF record of yourdomain.com")]
    pub problem: Option<String>,
    /// Result of the last check: `unchecked`, `found`, `missing`, `unreadable` or `wrong`.
    #[schemars(extend("enum" = ["unchecked", "found", "missing", "unreadable", "wrong"]))]
    pub state: Word,
    /// The record to publish: the published record with the missing parts added. Null if nothing needs to be published, if
    /// the published record is unknown, or if no record can be made without harm. `problem` then states what to do.
    #[schemars(example = &"v=spf1 include:_spf.mail.example include:spf.tally.example -all")]
    pub suggested: Option<String>,
    /// The parts of `suggested` that the published record does not have, in order.
    #[schemars(example = &["include:spf.tally.example"])]
    pub added: Vec<String>,
    /// Published records that `suggested` replaces. Delete them, because only one record may exist.
    #[schemars(example = &["v=spf1 include:_spf.mail.example -all"])]
    pub remove: Vec<String>,
}

/// The result of a check of the domain's DNS records.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Verification")]
pub struct VerifyBody {
    /// `dom_` and 12 to 24 of a-z0-9.
    #[schemars(with = "DomainKey")]
    pub id: String,
    /// Lower-case A-labels.
    #[schemars(with = "NameText")]
    pub name: String,
    /// `pending`, `verified` or `failed`.
    #[schemars(with = "StatusWord")]
    pub status: Word,
    /// The DNS records that the domain must publish, with what was found.
    pub dns_records: Vec<DnsRecordBody>,
}

impl From<DomainBody> for VerifyBody {
    fn from(domain: DomainBody) -> Self {
        Self {
            id: domain.id,
            name: domain.name,
            status: domain.status,
            dns_records: domain.dns_records,
        }
    }
}

/// The answer to a removal.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Removed {
    /// Always true. A failed removal is an error.
    #[schemars(extend("enum" = [true]))]
    pub deleted: bool,
}

/// The answer to a request that succeeded and has no other result.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Success {
    /// Always true. A failure is an error.
    #[schemars(extend("enum" = [true]))]
    pub success: bool,
}

/// A domain to add.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainInput {
    /// The name: A-labels or U-labels.
    #[schemars(with = "NameText")]
    pub name: String,
    /// Region that the domain's reports go to. Default: `eu-west-1`.
    #[schemars(with = "Option<RegionWord>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Host below the domain that bounces go to.
    #[schemars(with = "Option<HostText>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_return_path: Option<String>,
    /// Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_tracking: Option<bool>,
    /// Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_tracking: Option<bool>,
    /// Default: `opportunistic`.
    #[schemars(with = "Option<TlsWord>")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_mode: Option<String>,
}

/// Changes to a domain's settings. Absent fields stay unchanged.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainPatch {
    /// For mail that is sent in the domain's name.
    #[schemars(with = "TlsWord", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_mode: Option<String>,
    /// Whether opens are tracked.
    #[schemars(with = "bool", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_tracking: Option<bool>,
    /// Whether clicks are tracked.
    #[schemars(with = "bool", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_tracking: Option<bool>,
    /// Whether the domain accepts mail.
    #[schemars(with = "bool", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_enabled: Option<bool>,
    /// Whether the domain accepts mail to any local part.
    #[schemars(with = "bool", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_all: Option<bool>,
    /// Host of the links in tracked mail; null for none.
    #[schemars(with = "Option<HostText>")]
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub tracking_domain: Change<String>,
    /// Host below the domain that bounces go to; null for none.
    #[schemars(with = "Option<HostText>")]
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub custom_return_path: Change<String>,
    /// Logo shown next to the domain's mail; null for none.
    #[schemars(with = "Option<LogoUrl>")]
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub bimi_logo_url: Change<String>,
    /// What is kept of failure reports about the domain. Without `headers`, header fields that are kept are deleted.
    #[schemars(with = "FailureReportsWord", extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reports: Option<String>,
    /// Words that the owner sorts domains by, up to 10. They replace all tags of the domain.
    #[schemars(with = "Vec<TagText>", length(max = 10), extend("default" = null))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// The dedicated address that a domain sends from.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IpInput {
    /// Number of the dedicated address.
    #[schemars(range(min = 1))]
    #[serde(rename = "ipAddressId")]
    pub ip_address_id: i64,
}
