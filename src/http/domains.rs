//! `/domains`: adding, listing, showing and removing a domain.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::{Duration, timeout};

use super::error::ApiError;
use super::fields::Members;
use super::gate::Client;
use super::owned::OwnedDomain;
use super::schema::{
    Address, DomainKey, HostText, Instant, LogoUrl, NameText, PurposeWord, RegionWord, StatusWord, TlsWord,
};
use super::state::AppState;
use crate::clock::format_instant;
use crate::domains::{DnsRecord, IDENTIFIER_RANDOM_BYTES, public_id, records, rua_address, rua_token};
use crate::report::DomainName;
use crate::store::{Domain, DomainDns, NewDomain, Region, StoreError, TlsMode};

/// A domain that a client wants to add.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct DomainInput {
    /// The name: A-labels or U-labels.
    #[schemars(with = "NameText")]
    name: DomainName,
    /// Where its reports go; `eu-west-1` if not given.
    #[schemars(with = "Option<RegionWord>")]
    region: Region,
    /// Host below the domain that bounces go to.
    #[schemars(with = "Option<HostText>")]
    custom_return_path: Option<DomainName>,
    /// Off if not given.
    #[schemars(with = "Option<bool>")]
    open_tracking: bool,
    /// Off if not given.
    #[schemars(with = "Option<bool>")]
    click_tracking: bool,
    /// `opportunistic` if not given.
    #[schemars(with = "Option<TlsWord>")]
    tls_mode: TlsMode,
}

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
    /// `pending`, `verified` or `failed`.
    #[schemars(with = "StatusWord")]
    status: &'static str,
    /// `eu-west-1`, `us-east-1`, `sa-east-1` or `ap-northeast-1`.
    #[schemars(with = "RegionWord")]
    region: &'static str,
    /// `opportunistic` or `enforced`, for mail sent in the domain's name.
    #[schemars(with = "TlsWord")]
    tls_mode: &'static str,
    /// Are opens to be tracked?
    open_tracking: bool,
    /// Are clicks to be tracked?
    click_tracking: bool,
    /// Host of the links in tracked mail.
    #[schemars(example = &"track.yourdomain.com")]
    tracking_domain: Option<String>,
    /// Is mail to any address at the domain taken?
    catch_all: bool,
    /// Is mail to the domain taken at all?
    inbound_enabled: bool,
    /// Host that bounces go to.
    #[schemars(example = &"bounce.yourdomain.com")]
    custom_return_path: Option<String>,
    /// Logo shown beside the domain's mail.
    #[schemars(with = "Option<LogoUrl>")]
    bimi_logo_url: Option<String>,
    /// The address that only this domain sends from.
    dedicated_ip: Option<DedicatedIp>,
    /// The domain's own address for reports; its DMARC record must list it.
    #[schemars(example = &"k3v9q0x2m7a1b5c8@rua.tally.example")]
    rua_address: String,
    /// What it must publish.
    dns_records: Vec<DnsRecordBody>,
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
    address: String,
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
    /// What the record must say.
    #[schemars(example = &"v=spf1 include:spf.tally.example ~all")]
    value: String,
    /// `spf`, `dkim`, `dmarc`, `dmarc_authorization`, `return_path`, `tracking`, `mx` or `bimi`.
    #[schemars(with = "PurposeWord")]
    purpose: &'static str,
    /// Was it found as it should be?
    verified: bool,
    /// Does the domain's status depend on it?
    required: bool,
    /// MX only.
    priority: Option<u16>,
    /// What DNS has in its place.
    #[schemars(example = &["v=spf1 ~all"])]
    found: Vec<String>,
    /// One sentence saying what to change.
    #[schemars(example = &"Add include:spf.tally.example to the SPF record of yourdomain.com")]
    problem: Option<String>,
}

/// The answer to a removal.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Removed {
    /// Always true: what could not be removed is an error.
    deleted: bool,
}

/// `POST /domains`
pub(super) async fn create(
    State(state): State<AppState>,
    client: Client,
    members: Members,
) -> Result<(StatusCode, Json<DomainBody>), ApiError> {
    let input = read_input(members)?;
    let new = NewDomain {
        public_id: public_id(&random()?),
        name: input.name,
        region: input.region,
        tls_mode: input.tls_mode,
        open_tracking: input.open_tracking,
        click_tracking: input.click_tracking,
        custom_return_path: input.custom_return_path,
        rua_token: rua_token(&random()?),
    };
    let added = state.store.add_domain(client.account, new, state.clock.now()).await;
    let domain = added.map_err(|error| match error {
        StoreError::Exists(_) => ApiError::conflict("This domain has been added already"),
        error => ApiError::from(error),
    })?;
    claim(&state, &domain).await;
    Ok((StatusCode::CREATED, Json(domain_body(&state, &domain))))
}

/// `GET /domains`
pub(super) async fn list(State(state): State<AppState>, client: Client) -> Result<Json<DomainList>, ApiError> {
    let domains = state.store.domains(client.account).await?;
    let seen = domains.iter().filter(|domain| client.may_see(domain.id));
    Ok(Json(DomainList {
        domains: seen.map(domain_item).collect(),
    }))
}

/// `GET /domains/{id}`
pub(super) async fn show(State(state): State<AppState>, OwnedDomain(domain): OwnedDomain) -> Json<DomainBody> {
    Json(domain_body(&state, &domain))
}

/// `DELETE /domains/{id}`
pub(super) async fn remove(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
) -> Result<Json<Removed>, ApiError> {
    let now = state.clock.now();
    if !state
        .store
        .remove_domain(domain.account, &domain.public_id, now)
        .await?
    {
        return Err(ApiError::not_found("Domain"));
    }
    Ok(Json(Removed { deleted: true }))
}

/// Counts the reports that came before the domain was added. Most often there are none or a few, and the client sees
/// them at once; if there are many it does not wait.
async fn claim(state: &AppState, domain: &Domain) {
    let (intake, account, id) = (state.intake.clone(), domain.account, domain.id);
    let claiming = tokio::spawn(async move {
        if let Err(error) = intake.claim(account, id).await {
            tracing::error!(%error, domain = %id, "the unclaimed reports of a new domain could not be counted");
        }
    });
    let _ = timeout(CLAIM_WAIT_MAX, claiming).await;
}

const CLAIM_WAIT_MAX: Duration = Duration::from_secs(10);

fn read_input(mut members: Members) -> Result<DomainInput, ApiError> {
    let name = members.required_text("name");
    let name = name.and_then(|text| parse_name(&mut members, "name", &text));
    let return_path = members.text("custom_return_path");
    let custom_return_path = return_path.and_then(|text| parse_name(&mut members, "custom_return_path", &text));
    let region = members.word("region", &words(Region::ALL, Region::word), Region::from_word);
    let tls_mode = members.word("tls_mode", &words(TlsMode::ALL, TlsMode::word), TlsMode::from_word);
    let (open_tracking, click_tracking) = (members.flag("open_tracking"), members.flag("click_tracking"));
    if let (Some(name), Some(host)) = (&name, &custom_return_path)
        && (host == name || !name.covers(host.as_str()))
    {
        members.refuse(
            "custom_return_path",
            format!("must be a host below {name}, such as bounce.{name}"),
        );
    }
    members.finish()?;
    let Some(name) = name else {
        return Err(ApiError::internal());
    };
    Ok(DomainInput {
        name,
        region: region.unwrap_or(Region::EuWest1),
        custom_return_path,
        open_tracking: open_tracking.unwrap_or(false),
        click_tracking: click_tracking.unwrap_or(false),
        tls_mode: tls_mode.unwrap_or(TlsMode::Opportunistic),
    })
}

fn parse_name(members: &mut Members, field: &str, text: &str) -> Option<DomainName> {
    DomainName::parse(text)
        .map_err(|error| members.refuse(field, error))
        .ok()
}

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|&value| word(value)).collect()
}

fn random() -> Result<[u8; IDENTIFIER_RANDOM_BYTES], ApiError> {
    let mut bytes = [0; IDENTIFIER_RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        ApiError::internal()
    })?;
    Ok(bytes)
}

fn domain_item(domain: &Domain) -> DomainItem {
    DomainItem {
        id: domain.public_id.clone(),
        name: domain.name.to_string(),
        status: domain.status.word(),
        region: domain.region.word(),
        created_at: format_instant(domain.created_at),
    }
}

fn domain_body(state: &AppState, domain: &Domain) -> DomainBody {
    let names = &state.config.names;
    DomainBody {
        id: domain.public_id.clone(),
        name: domain.name.to_string(),
        status: domain.status.word(),
        region: domain.region.word(),
        tls_mode: domain.tls_mode.word(),
        open_tracking: domain.open_tracking,
        click_tracking: domain.click_tracking,
        tracking_domain: domain.tracking_domain.as_ref().map(DomainName::to_string),
        catch_all: domain.catch_all,
        inbound_enabled: domain.inbound_enabled,
        custom_return_path: domain.custom_return_path.as_ref().map(DomainName::to_string),
        bimi_logo_url: domain.bimi_logo_url.clone(),
        dedicated_ip: None,
        rua_address: rua_address(domain, names),
        dns_records: records(domain, &DomainDns::default(), names)
            .into_iter()
            .map(dns_record_body)
            .collect(),
        created_at: format_instant(domain.created_at),
        updated_at: format_instant(domain.updated_at),
        verified_at: domain.verified_at.map(format_instant),
        last_checked_at: domain.last_checked_at.map(format_instant),
    }
}

/// Nothing has looked at DNS yet: a record is neither found nor wrong.
fn dns_record_body(record: DnsRecord) -> DnsRecordBody {
    DnsRecordBody {
        r#type: record.kind.word(),
        name: record.name,
        value: record.value,
        purpose: record.purpose.word(),
        verified: false,
        required: record.required,
        priority: record.priority,
        found: Vec::new(),
        problem: None,
    }
}
