//! `/dmarc/selectors`: which selectors sign, and which keys DNS still has.

use serde_json::{Value, json};

use super::senders::report;
use super::{PASS, Sample, TestApp};
use crate::domains::named;
use crate::provenance::dns::Dns;

async fn selectors(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/domains/{id}/dmarc/selectors")).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_of_the_domain_have_their_keys_and_standings() {
    let dns = Dns::start().await;
    dns.text("s1._domainkey.example.com", "v=DKIM1; k=rsa; p=MIIB");
    let app = TestApp::start_as(|_| {}, Some(named::dns(dns.address))).await;
    let id = app.add_domain("example.com").await;
    let nothing = selectors(&app, &id).await;
    assert_eq!(nothing, json!({ "known_until": null, "selectors": [], "total": 0 }));

    let own = ("example.com", "198.51.100.1", 10, true, "sendgrid.net", "example.com");
    for day in 60..70 {
        app.upload(&id, report(&format!("r{day}"), day, &[own])).await;
    }
    let found = selectors(&app, &id).await;
    let first = &found["selectors"][0];
    assert_eq!(found["total"], 1, "the foreign signer is not the owner's: {found}");
    assert_eq!(
        (
            &first["selector"],
            &first["standing"],
            &first["key"],
            &first["pass_count"]
        ),
        (&json!("s1"), &json!("passing"), &json!("found"), &json!(100))
    );
    assert_eq!(first["key_name"], "s1._domainkey.example.com");
    assert_eq!(first["last_seen"], found["known_until"]);

    // A report of later days has no such signature, and another reporter is active.
    let mut unsigned = Sample::new("example.com", "later", &[PASS]);
    "outlook.com".clone_into(&mut unsigned.org_name);
    let text = String::from_utf8(unsigned.xml()).unwrap();
    let (head, rest) = text.split_once("<dkim><domain>").unwrap();
    let (_, tail) = rest.split_once("</dkim>").unwrap();
    app.upload(&id, format!("{head}{tail}").into_bytes()).await;
    let found = selectors(&app, &id).await;
    let first = &found["selectors"][0];
    assert_eq!(
        (&first["standing"], &first["active_reporters"]),
        (&json!("recent"), &json!(1)),
        "{found}"
    );
    assert_eq!(
        first["says"],
        "No message for 60 days; its longest pause before was 1 day. It may come again: keep the key."
    );
}
