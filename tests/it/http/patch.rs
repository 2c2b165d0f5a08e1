//! `PATCH /domains/{id}`, and the address that a domain sends from.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Ask, NOW, TestApp};

async fn patch(app: &TestApp, id: &str, body: &Value) -> Answer {
    let ask = Ask::new("PATCH", &format!("/domains/{id}")).key(&app.key).json(body);
    app.send(ask).await
}

#[tokio::test]
async fn only_what_is_given_changes_and_brings_its_records() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let before = app.get(&format!("/domains/{id}")).await.expect(200);
    assert_eq!(patch(&app, &id, &json!({})).await.expect(200), before);

    app.clock.advance(Duration::from_secs(60));
    let all = json!({ "open_tracking": true, "click_tracking": true, "tls_mode": "enforced", "inbound_enabled": true,
        "catch_all": true, "tracking_domain": "Track.Example.com", "custom_return_path": "bounce.example.com",
        "bimi_logo_url": "https://example.com/.well-known/bimi/logo.svg" });
    let after = patch(&app, &id, &all).await.expect(200);
    for (field, value) in all.as_object().unwrap() {
        let value = if field == "tracking_domain" {
            &json!("track.example.com")
        } else {
            value
        };
        assert_eq!(&after[field], value, "{field}");
    }
    assert_eq!(after["updated_at"], "2026-03-23T10:01:00.000Z");
    for same in ["id", "name", "status", "region", "created_at", "rua_address"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    let records = after["dns_records"].as_array().unwrap();
    let has = |purpose: &str, kind: &str, name: &str, value: &str| {
        let record = records.iter().find(|record| record["purpose"] == purpose).unwrap();
        assert_eq!(
            (&record["type"], &record["name"], &record["value"]),
            (&json!(kind), &json!(name), &json!(value))
        );
        record["priority"].clone()
    };
    has("tracking", "CNAME", "track.example.com", "track.tally.example");
    has("return_path", "CNAME", "bounce.example.com", "bounce.tally.example");
    let logo = "v=BIMI1; l=https://example.com/.well-known/bimi/logo.svg;";
    has("bimi", "TXT", "default._bimi.example.com", logo);
    assert_eq!(has("mx", "MX", "example.com", "inbound.tally.example"), 10);

    let cleared = json!({ "tracking_domain": null, "custom_return_path": null, "bimi_logo_url": null,
        "inbound_enabled": false });
    let after = patch(&app, &id, &cleared).await.expect(200);
    assert_eq!(after["dns_records"], before["dns_records"]);
    assert_eq!(
        (&after["catch_all"], &after["tls_mode"]),
        (&json!(true), &json!("enforced"))
    );
    assert_eq!(app.get(&format!("/domains/{id}")).await.expect(200), after);
}

#[tokio::test]
async fn every_mistake_is_named_and_then_nothing_changes() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let before = app.get(&format!("/domains/{id}")).await.expect(200);
    for (body, fields) in [
        (json!({ "open_tracking": null }), &["open_tracking"][..]),
        (json!({ "tls_mode": null }), &["tls_mode"]),
        (
            json!({ "tls_mode": "none", "catch_all": 1 }),
            &["catch_all", "tls_mode"],
        ),
        (
            json!({ "bimi_logo_url": "http://example.com/logo.svg" }),
            &["bimi_logo_url"],
        ),
        (json!({ "bimi_logo_url": 5 }), &["bimi_logo_url"]),
        (json!({ "tracking_domain": "co.uk" }), &["tracking_domain"]),
        (json!({ "custom_return_path": "example.com" }), &["custom_return_path"]),
        (
            json!({ "custom_return_path": "bounce.example.org" }),
            &["custom_return_path"],
        ),
        (
            json!({ "name": "other.example", "region": "us-east-1", "catch_all": true }),
            &["name", "region"],
        ),
    ] {
        let mut named = patch(&app, &id, &body).await.refused(422, "unprocessable_entity");
        named.sort_unstable();
        assert_eq!(named, fields, "{body}");
    }
    patch(&app, &id, &json!([])).await.refused(400, "invalid_request");
    assert_eq!(app.get(&format!("/domains/{id}")).await.expect(200), before);
}

#[tokio::test]
async fn an_address_of_the_account_goes_into_the_spf_record() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let own = app
        .store
        .add_ip(app.account, "192.0.2.7".parse().unwrap(), NOW)
        .await
        .unwrap()
        .id
        .0;
    let (stranger, _) = app.stranger().await;
    let foreign = app
        .store
        .add_ip(stranger, "192.0.2.8".parse().unwrap(), NOW)
        .await
        .unwrap()
        .id
        .0;
    let path = format!("/domains/{id}/ip");

    for number in [foreign, 999] {
        app.post(&path, &json!({ "ipAddressId": number }))
            .await
            .refused(404, "not_found");
    }
    for body in [
        json!({}),
        json!({ "ipAddressId": "1" }),
        json!({ "ipAddressId": 0 }),
        json!({ "ipAddressId": 1.5 }),
    ] {
        assert_eq!(
            app.post(&path, &body).await.refused(422, "unprocessable_entity"),
            ["ipAddressId"],
            "{body}"
        );
    }
    let done = json!({ "success": true });
    assert_eq!(app.post(&path, &json!({ "ipAddressId": own })).await.expect(200), done);
    let domain = app.get(&format!("/domains/{id}")).await.expect(200);
    assert_eq!(domain["dedicated_ip"], json!({ "id": own, "address": "192.0.2.7" }));
    let spf = "v=spf1 ip4:192.0.2.7 include:spf.tally.example ~all";
    assert_eq!(domain["dns_records"][0]["value"], spf);
    for _ in 0..2 {
        assert_eq!(app.delete(&path).await.expect(200), done);
    }
    assert_eq!(
        app.get(&format!("/domains/{id}")).await.expect(200)["dedicated_ip"],
        json!(null)
    );
}

#[tokio::test]
async fn without_name_servers_nothing_can_be_checked_now() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let answer = app
        .send(Ask::new("POST", &format!("/domains/{id}/verify")).key(&app.key))
        .await;
    answer.refused(503, "unavailable");
}

/// RFC 1034, 3.6.2: a name with a CNAME record has no other records. Whatever order the settings come in.
#[tokio::test]
async fn settings_that_no_zone_can_hold_together_are_refused() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.add_domain("other.example").await;
    let refused = async |body: Value, fields: &[&str]| {
        let mut named = patch(&app, &id, &body).await.refused(422, "unprocessable_entity");
        named.sort_unstable();
        assert_eq!(named, fields, "{body}");
    };
    for host in [
        "example.com",
        "Example.COM.",
        "other.example",
        "track.tally.example",
        "spf.tally.example",
        "rua.tally.example",
        "bounce.tally.example",
        "inbound.tally.example",
        "tally.example",
    ] {
        refused(json!({ "tracking_domain": host }), &["tracking_domain"]).await;
    }
    // Two CNAME records at one name, in both orders and at once.
    let both = json!({ "tracking_domain": "x.example.com", "custom_return_path": "X.example.com" });
    refused(both, &["custom_return_path", "tracking_domain"]).await;
    patch(&app, &id, &json!({ "custom_return_path": "b.example.com" }))
        .await
        .expect(200);
    refused(json!({ "tracking_domain": "B.EXAMPLE.com" }), &["tracking_domain"]).await;
    patch(&app, &id, &json!({ "tracking_domain": "t.example.com" }))
        .await
        .expect(200);
    refused(
        json!({ "custom_return_path": "t.example.com" }),
        &["custom_return_path"],
    )
    .await;
    let swapped = json!({ "tracking_domain": "b.example.com", "custom_return_path": "t.example.com" });
    patch(&app, &id, &swapped).await.expect(200);
    // A domain at a name that has a CNAME of another, and the other way round.
    for name in ["b.example.com", "T.example.com"] {
        let added = app.post("/domains", &json!({ "name": name })).await;
        assert_eq!(added.refused(422, "unprocessable_entity"), ["name"], "{name}");
    }
    let below = app
        .post("/domains", &json!({ "name": "b.b.example.com" }))
        .await
        .expect(201);
    refused(json!({ "tracking_domain": "b.b.example.com" }), &["tracking_domain"]).await;
    // Another domain's tracking host is the same record; its return path is another one.
    let path = |id: &Value| format!("/domains/{}", id.as_str().unwrap());
    let ask = |body: Value| Ask::new("PATCH", &path(&below["id"])).key(&app.key).json(&body);
    app.send(ask(json!({ "tracking_domain": "b.example.com" })))
        .await
        .expect(200);
    let answer = app.send(ask(json!({ "tracking_domain": "t.example.com" }))).await;
    assert_eq!(answer.refused(422, "unprocessable_entity"), ["tracking_domain"]);
    let added = json!({ "name": "third.example", "custom_return_path": "third.example" });
    let answer = app.post("/domains", &added).await;
    assert_eq!(answer.refused(422, "unprocessable_entity"), ["custom_return_path"]);
    // What is not changed is nobody's mistake; nor are the settings of a stranger.
    patch(
        &app,
        &id,
        &json!({ "open_tracking": true, "tracking_domain": "b.example.com" }),
    )
    .await
    .expect(200);
    let (_, stranger) = app.stranger().await;
    let ask = Ask::new("POST", "/domains")
        .key(&stranger)
        .json(&json!({ "name": "b.example.com" }));
    app.send(ask).await.expect(201);
}

/// The API gives the merged record, and says what of it is new.
#[tokio::test]
async fn the_record_to_publish_keeps_what_is_published() {
    let mut named = crate::domains::named::Named::start();
    named.text(
        "_dmarc.example.com",
        &["v=DMARC1; p=reject; rua=mailto:reports@other.example"],
    );
    named.reload().await;
    let app = TestApp::start_as(|_| {}, Some(named.dns())).await;
    let id = app.add_domain("example.com").await;
    let record = |domain: &Value, purpose: &str| -> Value {
        let records = domain["dns_records"].as_array().unwrap();
        records
            .iter()
            .find(|record| record["purpose"] == purpose)
            .unwrap()
            .clone()
    };
    let unasked = app.get(&format!("/domains/{id}")).await.expect(200);
    let dmarc = record(&unasked, "dmarc");
    assert_eq!(
        (&dmarc["state"], &dmarc["suggested"]),
        (&json!("unchecked"), &json!(null))
    );
    app.post(&format!("/domains/{id}/verify"), &json!({})).await.expect(200);
    let asked = app.get(&format!("/domains/{id}")).await.expect(200);
    let address = asked["rua_address"].as_str().unwrap();
    let dmarc = record(&asked, "dmarc");
    assert_eq!(dmarc["value"], format!("v=DMARC1; p=none; rua=mailto:{address}"));
    let merged = format!("v=DMARC1; p=reject; rua=mailto:reports@other.example,mailto:{address}");
    assert_eq!(
        (&dmarc["state"], &dmarc["suggested"]),
        (&json!("wrong"), &json!(merged))
    );
    assert_eq!(dmarc["added"], json!([format!("mailto:{address}")]));
    assert_eq!(dmarc["remove"], dmarc["found"]);
    let spf = record(&asked, "spf");
    assert_eq!((&spf["state"], &spf["suggested"]), (&json!("missing"), &spf["value"]));

    // The page offers the same, marks what is new, and has three words for three states.
    let page = crate::page::setup(&app, &id).await;
    assert!(page.contains(&format!("data-copy=\"{merged}\"")), "{page}");
    assert!(page.contains(&format!("<ins>mailto:{address}</ins>")), "{page}");
    assert!(!page.contains("p=none"), "{page}");
    let card = |page: &str, purpose: &str| -> String {
        let (_, card) = page.split_once(&format!("data-purpose=\"{purpose}\"")).unwrap();
        card.split_once("</section>").unwrap().0.to_owned()
    };
    assert!(card(&page, "dmarc").contains("to be changed") && card(&page, "dmarc").contains("Yours now"));
    assert!(card(&page, "spf").contains(">missing<"));
    let authorization = card(&page, "dmarc_authorization");
    assert!(authorization.contains("for the operator") && !authorization.contains("optional"));
    // Once it is published, nothing is offered in its place.
    named.text("_dmarc.example.com", &[&merged]);
    named.reload().await;
    app.post(&format!("/domains/{id}/verify"), &json!({})).await.expect(200);
    let found = card(&crate::page::setup(&app, &id).await, "dmarc");
    assert!(
        found.contains(">found<") && !found.contains("data-copy=\"v="),
        "{found}"
    );
    // A server that fails says nothing about the record.
    let id = app.add_domain("broken.example").await;
    app.post(&format!("/domains/{id}/verify"), &json!({})).await.expect(200);
    let asked = app.get(&format!("/domains/{id}")).await.expect(200);
    let dmarc = record(&asked, "dmarc");
    assert_eq!(
        (&dmarc["state"], &dmarc["suggested"]),
        (&json!("unreadable"), &json!(null))
    );
    let unread = card(&crate::page::setup(&app, &id).await, "dmarc");
    assert!(
        unread.contains(">could not be read<") && !unread.contains("to be changed"),
        "{unread}"
    );
    assert!(!unread.contains("data-copy=\"v="), "{unread}");
}
