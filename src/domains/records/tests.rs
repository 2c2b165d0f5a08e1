use super::*;
use crate::base::{AccountId, IpId};
use crate::store::testdata::domain;
use crate::store::{DkimKey, IpAddress, RecordCheck};

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
            "tls_reports: _smtp._tls.example.com TXT v=TLSRPTv1; rua=mailto:tok@rua.tally.example",
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
            "tls_reports: _smtp._tls.tally.example TXT v=TLSRPTv1; rua=mailto:tok@rua.tally.example",
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
            sealed_with: Vec::new(),
            selectors_made: 1,
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
                "tls_reports: _smtp._tls.tally.example TXT v=TLSRPTv1; rua=mailto:tok@rua.tally.example",
            ],
        );
    }
}

#[test]
fn findings_of_another_record_are_ignored() {
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
            state: RecordState::Found,
            at: None,
            suggestion: None,
        });
    }
    let verified = |domain: &Domain, dns: &DomainDns| -> Vec<bool> {
        records(domain, dns, &names)
            .iter()
            .map(|record| record.verified)
            .collect()
    };
    assert_eq!(verified(&domain, &dns), [true, true, true, true]);
    domain.tracking_domain = Some(DomainName::parse("click.example.com").unwrap());
    assert_eq!(verified(&domain, &dns), [true, true, true, false]);
    dns.dedicated_ip = Some(IpAddress {
        id: IpId(1),
        account: AccountId(1),
        address: "192.0.2.1".parse().unwrap(),
    });
    assert_eq!(verified(&domain, &dns), [true, true, true, false]);
}
