//! A domain for tests.

use super::Domain;
use crate::base::{AccountId, DomainId, DomainName, DomainStatus, FailureReports, Region, Tags, TlsMode};

/// A domain with the settings that it gets if none are named. It was never checked.
pub(crate) fn domain(name: &str) -> Domain {
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
        failure_reports: FailureReports::Off,
        tags: Tags::default(),
    }
}
