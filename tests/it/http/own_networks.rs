//! Addresses that a domain's own SPF record lets send are its own, in every list.

use serde_json::Value;

use super::{FAIL, Row, Sample, TestApp};
use crate::domains::named::Named;

const SPF: &str = "v=spf1 ip4:192.0.2.0/24 ip4:100.0.0.0/8 -ip4:198.51.100.66 a:mail.example.com mx ip4:167.89.0.0/17 \
                   include:_spf.example.com include:spf.other.example ~all";

async fn evidence(app: &TestApp, id: &str) -> Vec<(String, String, String)> {
    let list = app
        .get(&format!("/domains/{id}/dmarc/sources?days=30&limit=50"))
        .await
        .expect(200);
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let rows = list["sources"].as_array().unwrap().iter();
    let mut found: Vec<_> = rows
        .map(|row| {
            (
                text(row, "source_ip"),
                text(row, "evidence"),
                text(row, "evidence_fact"),
            )
        })
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_the_own_spf_record_are_the_domains_own() {
    let mut named = Named::start();
    named.text("example.com", &[SPF]);
    named.set("mail.example.com", &["A 198.51.100.7"]);
    named.set("mx.example.com", &["A 198.51.100.8"]);
    named.text(
        "_spf.example.com",
        &["v=spf1 ip6:2001:db8:1::/48 include:example.com -all"],
    );
    named.text("spf.other.example", &["v=spf1 ip4:203.0.113.0/24 -all"]);
    let records = named.records("example.com");
    let mut records: Vec<&str> = records.iter().map(String::as_str).collect();
    records.push("MX 10 mx.example.com.");
    named.set("example.com", &records);
    named.reload().await;

    let app = TestApp::start_as(|_| {}, Some(named.dns())).await;
    let id = app.add_domain("example.com").await;
    let own = [
        ("192.0.2.9", "192.0.2.0/24"),
        ("198.51.100.7", "198.51.100.7/32"),
        ("198.51.100.8", "198.51.100.8/32"),
        ("2001:db8:1::5", "2001:db8:1::/48"),
    ];
    // A network too large for one owner, one that is excluded, one of a service, and one of another's record.
    let others = ["100.1.2.3", "198.51.100.66", "167.89.0.1", "203.0.113.5"];
    let addresses = own.iter().map(|(address, _)| *address).chain(others);
    let sent: Vec<_> = addresses.map(|source| Row { source, ..FAIL }).collect();
    app.upload(&id, Sample::new("example.com", "r1", &sent).xml()).await;
    let is_own = |found: &[(String, String, String)]| {
        let own = found.iter().filter(|(_, rule, _)| rule == "own");
        own.map(|(address, _, fact)| (address.clone(), fact.clone()))
            .collect::<Vec<_>>()
    };

    assert_eq!(
        is_own(&evidence(&app, &id).await),
        [],
        "nothing is known before the first look"
    );
    app.post(&format!("/domains/{id}/verify"), &Value::Null)
        .await
        .expect(200);
    let expect: Vec<_> = own
        .iter()
        .map(|(address, fact)| ((*address).to_owned(), (*fact).to_owned()))
        .collect();
    assert_eq!(is_own(&evidence(&app, &id).await), expect);

    // What does not answer takes nothing back; a record that is gone does.
    named.text("example.com", &["v=spf1 a:www.broken.example ip4:203.0.113.0/24 -all"]);
    named.reload().await;
    app.post(&format!("/domains/{id}/verify"), &Value::Null)
        .await
        .expect(200);
    assert_eq!(is_own(&evidence(&app, &id).await), expect);
    named.set("example.com", &[]);
    named.reload().await;
    app.post(&format!("/domains/{id}/verify"), &Value::Null)
        .await
        .expect(200);
    assert_eq!(is_own(&evidence(&app, &id).await), []);
}
