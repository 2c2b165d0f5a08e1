//! `/dmarc/subdomains`: which policy applies to each name, by what a real name server had at the last check.

use serde_json::json;

use tallymark::base::{DomainName, Permission};

use super::Ask;
use super::app::TestApp;
use super::sample::Sample;
use crate::domains::named::Named;

/// A report about a domain, with a message for each name in the From header.
fn report(domain: &str, names: &[&str]) -> Vec<u8> {
    let text = String::from_utf8(Sample::new(domain, "r1", &[]).xml()).unwrap();
    let (head, tail) = text.split_once("</feedback>").unwrap();
    let record = |name: &&str| {
        format!(
            "<record><row><source_ip>192.0.2.1</source_ip><count>1</count><policy_evaluated><disposition>none</disposition>\
             <dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>{name}</header_from>\
             </identifiers><auth_results><spf><domain>a.example</domain><result>fail</result></spf></auth_results></record>"
        )
    };
    let records: String = names.iter().map(record).collect();
    format!("{head}{records}</feedback>{tail}").into_bytes()
}

/// A name, its policy, and where that is from.
type Row = (&'static str, Option<&'static str>, Option<&'static str>);

const UNKNOWN: [Row; 8] = [
    ("", None, None),
    ("example.com", None, None),
    ("news.example.com", None, None),
    ("other.example", None, None),
    ("own.example.com", None, None),
    ("quiet.example.com", None, None),
    ("strange.example.com", None, None),
    ("two.example.com", None, None),
];

/// With this policy for all names below example.com.
fn below(policy: &'static str, from: &'static str) -> [Row; 8] {
    let mut rows = UNKNOWN;
    rows[1] = ("example.com", Some("reject"), Some("own"));
    for nth in [2, 4, 5, 6, 7] {
        rows[nth] = (rows[nth].0, Some(policy), Some(from));
    }
    rows
}

/// What a key is told of a domain.
async fn check(app: &TestApp, (id, key): (&str, &str), expected: &[Row]) {
    let path = format!("/domains/{id}/dmarc/subdomains");
    let list = app.send(Ask::new("GET", &path).key(key)).await.expect(200);
    let rows = list["subdomains"].as_array().unwrap().iter();
    let mut rows: Vec<(&str, Option<&str>, Option<&str>)> = rows
        .map(|row| {
            let name = row["header_from"].as_str().unwrap_or_default();
            (name, row["policy"].as_str(), row["policy_from"].as_str())
        })
        .collect();
    rows.sort_unstable();
    assert_eq!(rows, expected);
}

async fn key_for(app: &TestApp, name: &str) -> String {
    let name = DomainName::parse(name).unwrap();
    let domain = app.store.domain_by_name(app.account, &name).await.unwrap().unwrap();
    app.key(Permission::FullAccess, Some(domain.id)).await
}

async fn verify(app: &TestApp, id: &str) {
    app.post(&format!("/domains/{id}/verify"), &json!({})).await.expect(200);
}

/// A name server, an API that asks it, and example.com with a report, not yet checked.
async fn start() -> (Named, TestApp, String) {
    let mut named = Named::start();
    named.text("_dmarc.example.com", &["v=DMARC1; p=reject; sp=quarantine; np=reject"]);
    named.text("_dmarc.own.example.com", &["v=DMARC1; p=none"]);
    named.text("_dmarc.two.example.com", &["v=DMARC1; p=none", "v=DMARC1; p=reject"]);
    // Not a domain of the account: nothing is known of its record.
    named.text("_dmarc.strange.example.com", &["v=DMARC1; p=none"]);
    named.reload().await;
    let app = TestApp::start_as(|_| {}, Some(named.dns())).await;
    let id = app.add_domain("example.com").await;
    let mut names = UNKNOWN.map(|(name, ..)| name);
    names[0] = "not a name";
    app.upload(&id, report("example.com", &names)).await;
    (named, app, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn names_have_the_policy_of_the_record_that_the_last_check_found() {
    let (mut named, app, id) = start().await;
    let asked = (id.as_str(), app.key.as_str());
    check(&app, asked, &UNKNOWN).await;
    verify(&app, &id).await;
    check(&app, asked, &below("quarantine", "sp")).await;
    for (texts, expected) in [
        (&["v=DMARC1; p=reject"][..], below("reject", "p")),
        (&["v=DMARC1; p=reject; sp=none; t=y"], below("none", "sp")),
        (&["v=DMARC1; p=reject", "v=DMARC1; p=none"], UNKNOWN),
        (&["v=DMARC1; p=reject; p=none"], UNKNOWN),
        (&["v=dmarc1; p=reject"], UNKNOWN),
        (
            &[&*format!("v=DMARC1; p=reject; x={}; sp=none", "y".repeat(1_100))],
            UNKNOWN,
        ),
        (&[], UNKNOWN),
        (&["v=DMARC1; p=reject"], below("reject", "p")),
    ] {
        named.text("_dmarc.example.com", texts);
        named.reload().await;
        verify(&app, &id).await;
        check(&app, asked, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_of_the_account_have_the_policy_of_their_own_checks() {
    let (_named, app, id) = start().await;
    verify(&app, &id).await;
    let mut added = Vec::new();
    for name in ["own.example.com", "two.example.com", "quiet.example.com"] {
        let id = app.add_domain(name).await;
        verify(&app, &id).await;
        added.push(id);
    }
    let mut rows = below("quarantine", "sp");
    rows[4] = ("own.example.com", Some("none"), Some("own"));
    // Receivers discard two records.
    rows[7] = ("two.example.com", None, None);
    check(&app, (&id, &app.key), &rows).await;

    // A key for one domain is told what that domain's checks found, and no more.
    let key = key_for(&app, "example.com").await;
    check(&app, (&id, &key), &below("quarantine", "sp")).await;
    let (quiet, key) = (&added[2], key_for(&app, "quiet.example.com").await);
    let about = report("quiet.example.com", &["a.quiet.example.com", "quiet.example.com"]);
    app.upload(quiet, about).await;
    // The record above it was found.
    let rows = [
        ("a.quiet.example.com", Some("quarantine"), Some("sp")),
        ("quiet.example.com", Some("quarantine"), Some("sp")),
    ];
    check(&app, (quiet, &key), &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_says_it_is_an_organizations_has_the_policy_of_names_below() {
    let mut named = Named::start();
    named.text("_dmarc.example.com", &["v=DMARC1; p=reject"]);
    named.text("_dmarc.unit.example.com", &["v=DMARC1; p=quarantine; sp=none; psd=n"]);
    named.reload().await;
    let app = TestApp::start_as(|_| {}, Some(named.dns())).await;
    let names = ["a.unit.example.com", "b.example.com", "b.unit.example.com"];
    let below = app.add_domain("a.unit.example.com").await;
    app.upload(&below, report("a.unit.example.com", &names)).await;
    verify(&app, &below).await;
    let key = key_for(&app, "a.unit.example.com").await;
    let mut rows = [
        ("a.unit.example.com", Some("none"), Some("sp")),
        // The record that was found is not above this name.
        ("b.example.com", None, None),
        ("b.unit.example.com", Some("none"), Some("sp")),
    ];
    check(&app, (&below, &key), &rows).await;
    for name in ["unit.example.com", "example.com"] {
        let id = app.add_domain(name).await;
        verify(&app, &id).await;
    }
    rows[1] = ("b.example.com", Some("reject"), Some("p"));
    check(&app, (&below, &app.key), &rows).await;
}
