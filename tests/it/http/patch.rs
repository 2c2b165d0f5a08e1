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
