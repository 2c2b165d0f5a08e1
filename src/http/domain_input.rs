//! What clients say about a domain: a new one, or changes to one.

use super::error::ApiError;
use super::fields::Members;
use crate::api::LOGO_URL_BYTES_MAX;
use crate::base::{DomainName, FailureReports, IpId, Region, Tags, TlsMode};
use crate::store::{Domain, DomainChanges};

/// A domain to add, with its defaults.
#[derive(Debug)]
pub(super) struct WantedDomain {
    pub name: DomainName,
    pub region: Region,
    pub custom_return_path: Option<DomainName>,
    pub open_tracking: bool,
    pub click_tracking: bool,
    pub tls_mode: TlsMode,
}

/// Reads the body of [`crate::api::IpInput`].
pub(super) fn read_ip(mut members: Members) -> Result<IpId, ApiError> {
    let ip_address_id = members.required_number("ipAddressId");
    members.finish()?;
    ip_address_id.map(IpId).ok_or_else(ApiError::internal)
}

impl WantedDomain {
    /// Reads the body of [`crate::api::DomainInput`].
    pub(super) fn read(mut members: Members) -> Result<Self, ApiError> {
        let name = members.required_text("name");
        let name = name.and_then(|text| parse_name(&mut members, "name", &text));
        let return_path = members.text("custom_return_path");
        let custom_return_path = return_path.and_then(|text| parse_name(&mut members, "custom_return_path", &text));
        let region = members.word("region", Region::ALL, Region::word);
        let tls_mode = members.word("tls_mode", TlsMode::ALL, TlsMode::word);
        let (open_tracking, click_tracking) = (members.flag("open_tracking"), members.flag("click_tracking"));
        if let (Some(name), Some(host)) = (&name, &custom_return_path) {
            check_below(&mut members, name, host);
        }
        members.finish()?;
        let Some(name) = name else {
            return Err(ApiError::internal());
        };
        Ok(Self {
            name,
            region: region.unwrap_or(Region::EuWest1),
            custom_return_path,
            open_tracking: open_tracking.unwrap_or(false),
            click_tracking: click_tracking.unwrap_or(false),
            tls_mode: tls_mode.unwrap_or(TlsMode::Opportunistic),
        })
    }
}

/// Reads the body of [`crate::api::DomainPatch`], for `domain`.
pub(super) fn read_changes(mut members: Members, domain: &Domain) -> Result<DomainChanges, ApiError> {
    let custom_return_path = clearable_name(&mut members, "custom_return_path");
    if let Some(Some(host)) = &custom_return_path {
        check_below(&mut members, &domain.name, host);
    }
    let bimi_logo_url = members.clearable_text("bimi_logo_url");
    if let Some(Some(url)) = &bimi_logo_url
        && !is_logo_url(url)
    {
        let error = format!("must be an https:// address of at most {LOGO_URL_BYTES_MAX} plain characters without ;");
        members.refuse("bimi_logo_url", error);
    }
    let changes = DomainChanges {
        tls_mode: members.changed_word("tls_mode", TlsMode::ALL, TlsMode::word),
        open_tracking: members.changed_flag("open_tracking"),
        click_tracking: members.changed_flag("click_tracking"),
        inbound_enabled: members.changed_flag("inbound_enabled"),
        catch_all: members.changed_flag("catch_all"),
        tracking_domain: clearable_name(&mut members, "tracking_domain"),
        custom_return_path,
        bimi_logo_url,
        failure_reports: members.changed_word("failure_reports", FailureReports::ALL, FailureReports::word),
        tags: tags(&mut members),
    };
    members.finish()?;
    Ok(changes)
}

/// Tags replace all that there are; null is a mistake.
fn tags(members: &mut Members) -> Option<Tags> {
    let texts = members.changed_texts("tags", Tags::COUNT_MAX)?;
    let tags = Tags::parse(texts.iter().map(String::as_str));
    tags.map_err(|error| members.refuse("tags", error)).ok()
}

fn parse_name(members: &mut Members, field: &str, text: &str) -> Option<DomainName> {
    DomainName::parse(text)
        .map_err(|error| members.refuse(field, error))
        .ok()
}

/// `Some(None)` clears it.
fn clearable_name(members: &mut Members, field: &str) -> Option<Option<DomainName>> {
    match members.clearable_text(field)? {
        None => Some(None),
        Some(text) => parse_name(members, field, &text).map(Some),
    }
}

/// Bounces align with the domain only at a host of its own.
fn check_below(members: &mut Members, name: &DomainName, host: &DomainName) {
    if host == name || !name.covers(host.as_str()) {
        members.refuse(
            "custom_return_path",
            format!("must be a host below {name}, such as bounce.{name}"),
        );
    }
}

/// Whether the URL fits the pattern of `LogoUrl` and can be used in a record unchanged.
fn is_logo_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else {
        return false;
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    url.len() <= LOGO_URL_BYTES_MAX
        && !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        && (1..=5).contains(&port.len())
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_at_an_https_address_that_a_record_can_hold() {
        for (url, fits) in [
            ("https://example.com/.well-known/bimi/logo.svg", true),
            ("https://example.com", true),
            ("https://example.com:8443/logo.svg?v=2", true),
            ("http://example.com/logo.svg", false),
            ("HTTPS://example.com/logo.svg", false),
            ("https://", false),
            ("https:///logo.svg", false),
            ("https://user@example.com/", false),
            ("https://example.com:/", false),
            ("https://example.com/a;b", false),
            ("https://example.com/a b", false),
            ("https://example.com/\u{e9}", false),
            ("javascript:alert(1)", false),
            (&format!("https://example.com/{}", "a".repeat(1_100)), false),
        ] {
            assert_eq!(is_logo_url(url), fits, "{url}");
        }
    }
}
