//! Where people see the names that addresses have in DNS.

use super::protection::Session;
use crate::http::{FAIL, Row, Sample, TestApp};
use serde_json::Value;
use tallymark::store::{AddressName, AddressState, AskedAddress, NextQuestion};

/// Addresses, what DNS said about them, and how a person reads that.
const SAID: [(&str, Option<(AddressState, Option<&str>)>, &str); 5] = [
    (
        "8.0.0.1",
        Some((AddressState::Confirmed, Some("o1.ptr.sendgrid.net"))),
        "Name in DNS: <bdi>o1.ptr.sendgrid.net</bdi>",
    ),
    ("8.0.0.2", Some((AddressState::Nameless, None)), "Name in DNS: none"),
    (
        "8.0.0.3",
        Some((AddressState::Unconfirmed, None)),
        "Name in DNS: does not point back to this address",
    ),
    (
        "8.0.0.4",
        Some((AddressState::Unanswered, None)),
        "Name in DNS: not known, since the name servers did not answer",
    ),
    ("8.0.0.5", None, "Name in DNS: not looked up yet"),
];

async fn keep(app: &TestApp, address: &str, state: AddressState, name: Option<&str>) {
    let asked = AskedAddress {
        address: address.parse().unwrap(),
        known: AddressName {
            state,
            name: name.map(str::to_owned),
            asked_at: app.clock.now(),
        },
        ask_at: app.clock.now() + 1_000,
        tries: 0,
        next: NextQuestion::WhenMentioned,
    };
    app.store.keep_addresses(&[asked]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_name_is_in_every_answer_and_names_who_sends() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let rows = SAID.map(|(source, ..)| Row { source, ..FAIL });
    app.upload(&domain, Sample::new("example.com", "1", &rows).xml()).await;
    let sources = format!("/domains/{domain}/dmarc/sources");
    let all = app.get(&sources).await.expect(200);
    let named = |all: &Value| {
        let rows = all["sources"].as_array().unwrap().iter();
        rows.filter(|row| !row["ptr"].is_null()).cloned().collect::<Vec<_>>()
    };
    assert_eq!(named(&all), [] as [Value; 0]);
    for (address, said, _) in SAID {
        if let Some((state, name)) = said {
            keep(&app, address, state, name).await;
        }
    }
    let all = app.get(&sources).await.expect(200);
    let named_rows = named(&all);
    let [row] = &*named_rows else { panic!("{named_rows:?}") };
    assert_eq!(row["source_ip"], "8.0.0.1");
    assert_eq!(row["ptr"], "o1.ptr.sendgrid.net");
    assert_eq!(
        (&row["service"], &row["evidence"]),
        (&"Twilio SendGrid".into(), &"ptr".into())
    );
    let found = app.get(&format!("{sources}?search=O1.PTR")).await.expect(200);
    assert_eq!(found["total"], 1);
    let session = Session::sign_in(&app, &app.key).await;
    let csv = session.get(&app, &format!("/view/{domain}/sources.csv")).await;
    assert!(
        csv.text().contains("8.0.0.1,Twilio SendGrid,o1.ptr.sendgrid.net,"),
        "{}",
        csv.text()
    );
    for (address, said, shown) in SAID {
        let detail = app.get(&format!("{sources}/{address}")).await.expect(200);
        let state = said.map_or("not_asked", |(state, _)| state.word());
        assert_eq!(detail["ptr_state"], state, "{address}");
        assert_eq!(
            detail["source"]["ptr"].as_str(),
            said.and_then(|(_, name)| name),
            "{address}"
        );
        let page = session.get(&app, &format!("/view/{domain}/sources/{address}")).await;
        assert!(page.text().contains(&format!(">{shown}<")), "{address} {}", page.text());
    }
    // It is no longer confirmed.
    keep(&app, "8.0.0.1", AddressState::Unconfirmed, None).await;
    assert_eq!(named(&app.get(&sources).await.expect(200)), [] as [Value; 0]);
    let readiness = app.get("/readyz").await;
    readiness.expect(200);
}
