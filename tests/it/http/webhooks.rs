//! Webhooks over the API: both spellings, secrets that are shown once, deliveries and their replay.

use serde_json::{Value, json};

use super::{Ask, PASS, Sample, TestApp};

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:9/";

async fn add(app: &TestApp, events: &[&str]) -> Value {
    let body = json!({ "url": NOWHERE, "events": events });
    app.post("/webhooks", &body).await.expect(201)
}

fn patch(app: &TestApp, path: &str, body: &Value) -> Ask {
    Ask::new("PATCH", path).key(&app.key).json(body)
}

#[tokio::test]
async fn a_webhook_lives_in_both_envelopes_and_spellings() {
    let app = TestApp::start().await;
    let made = add(&app, &["dmarc.report.received", "email.bounced"]).await;
    let secret = made["signingSecret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && made["signing_secret"] == secret);
    assert_eq!(
        made["webhook"]["events"],
        json!(["dmarc.report.received", "email.bounced"])
    );
    let path = format!("/webhooks/{}", made["id"]);
    let shown = app.get(&path).await.expect(200);
    for (camel, snake, expect) in [
        ("createdAt", "created_at", json!("2026-03-23T10:00:00.000Z")),
        ("consecutiveFailures", "consecutive_failures", json!(0)),
        ("disabledReason", "disabled_reason", json!(null)),
        ("secretRotatedAt", "secret_rotated_at", json!(null)),
        ("previousSecretExpiresAt", "previous_secret_expires_at", json!(null)),
        ("active", "active", json!(true)),
    ] {
        for of in [&shown, &shown["webhook"], &made["webhook"]] {
            assert_eq!((&of[camel], &of[snake]), (&expect, &expect), "{camel}");
        }
    }
    let text = shown.to_string();
    assert!(!text.contains("whsec_"), "{text}");
    let list = app.get("/webhooks?page=7").await.expect(200);
    assert_eq!(list["webhooks"][0]["lastDeliveryAt"], json!(null));
    assert!(!list.to_string().contains("whsec_"));

    let off = app
        .send(patch(&app, &path, &json!({ "enabled": false })))
        .await
        .expect(200);
    assert_eq!(
        (&off["active"], &off["webhook"]["active"]),
        (&json!(false), &json!(false))
    );
    let moved = json!({ "url": "https://example.com/hook", "events": ["*"], "enabled": true });
    let moved = app.send(patch(&app, &path, &moved)).await.expect(200);
    assert_eq!(
        (&moved["url"], &moved["events"]),
        (&json!("https://example.com/hook"), &json!(["*"]))
    );
    let gone = app.delete(&path).await.expect(200);
    assert_eq!(gone, json!({ "success": true, "deleted": true }));
    app.get(&path).await.refused(404, "not_found");
    app.delete(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn what_must_not_be_connected_to_is_refused_at_once() {
    let app = TestApp::start().await;
    for (url, part) in [
        ("https://10.0.0.1/", "not public"),
        ("https://[::ffff:10.0.0.1]/", "not public"),
        ("https://169.254.169.254/latest", "not public"),
        ("https://me:secret@example.com/", "user name"),
        ("https://2130706433/", "must name a host"),
        ("ftp://example.com/", "must begin with"),
        ("", "must begin with"),
    ] {
        let body = json!({ "url": url, "events": ["*"] });
        let answer = app.post("/webhooks", &body).await;
        assert_eq!(answer.refused(422, "unprocessable_entity"), ["url"], "{url}");
        assert!(answer.text().contains(part), "{url}: {}", answer.text());
    }
    for events in [
        json!([]),
        json!(["a b"]),
        json!("*"),
        json!([1]),
        json!([".x"]),
        json!(null),
    ] {
        let body = json!({ "url": NOWHERE, "events": events });
        let answer = app.post("/webhooks", &body).await;
        assert_eq!(answer.refused(422, "unprocessable_entity"), ["events"], "{events}");
    }
    for _ in 0..20 {
        add(&app, &["*"]).await;
    }
    let body = json!({ "url": NOWHERE, "events": ["*"] });
    app.post("/webhooks", &body).await.refused(409, "conflict");
}

#[tokio::test]
async fn a_secret_is_replaced_with_and_without_a_grace_period() {
    let app = TestApp::start().await;
    let made = add(&app, &["*"]).await;
    let path = format!("/webhooks/{}/rotate-secret", made["id"]);
    // The official client sends no body at all if it has nothing to say.
    let rotated = app.send(Ask::new("POST", &path).key(&app.key)).await.expect(200);
    assert_ne!(rotated["signingSecret"], made["signingSecret"]);
    assert_eq!(
        rotated["webhook"]["previousSecretExpiresAt"],
        "2026-03-24T10:00:00.000Z"
    );
    assert_eq!(rotated["secret_rotated_at"], "2026-03-23T10:00:00.000Z");
    let rotated = app.post(&path, &json!({ "graceHours": 168 })).await.expect(200);
    assert_eq!(rotated["previousSecretExpiresAt"], "2026-03-30T10:00:00.000Z");
    let rotated = app.post(&path, &json!({ "graceHours": 0 })).await.expect(200);
    assert_eq!(rotated["previousSecretExpiresAt"], json!(null));
    for bad in [json!(169), json!(-1), json!("24"), json!(1.5)] {
        let answer = app.post(&path, &json!({ "graceHours": bad })).await;
        assert_eq!(answer.refused(422, "unprocessable_entity"), ["graceHours"]);
    }
}

#[tokio::test]
async fn deliveries_are_listed_and_replayed() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let webhook = add(&app, &["*"]).await["id"].clone();
    let deaf = add(&app, &["domain.verified"]).await["id"].clone();
    for nth in 1..=3 {
        let mut sample = Sample::new("example.com", &format!("r{nth}"), &[PASS]);
        sample.rows[0].count = nth;
        app.upload(&domain, sample.xml()).await;
        // Known by now: nothing happens.
        app.upload(&domain, sample.xml()).await;
    }
    let path = format!("/webhooks/{webhook}/deliveries");
    let all = app.get(&format!("{path}?per_page=2")).await.expect(200);
    let expect = json!({ "page": 1, "perPage": 2, "per_page": 2, "total": 3, "totalPages": 2, "total_pages": 2 });
    assert_eq!(all["pagination"], expect);
    let newest = &all["deliveries"][0];
    assert_eq!(newest["payload"]["type"], "dmarc.report.received");
    assert_eq!(newest["payload"]["data"]["domain"], "example.com");
    assert_eq!(newest["payload"]["data"]["domain_id"], domain);
    assert_eq!(newest["payload"]["data"]["message_count"], 3);
    assert_eq!(
        (&newest["event"], &newest["eventType"]),
        (&newest["event_type"], &newest["payload"]["type"])
    );
    assert_eq!((&newest["webhookId"], &newest["webhook_id"]), (&webhook, &webhook));
    assert_eq!((&newest["success"], &newest["attempts"]), (&json!(false), &json!(0)));
    let last = app.get(&format!("{path}?page=2&perPage=2")).await.expect(200);
    assert_eq!(last["deliveries"].as_array().unwrap().len(), 1);
    let other = app.get(&format!("/webhooks/{deaf}/deliveries")).await.expect(200);
    assert_eq!(other["deliveries"], json!([]));

    // Switched off, all are given up; a replay makes them due again.
    let hook = format!("/webhooks/{webhook}");
    app.send(patch(&app, &hook, &json!({ "enabled": false })))
        .await
        .expect(200);
    let given_up = app.get(&path).await.expect(200);
    assert_eq!(given_up["deliveries"][0]["nextRetryAt"], json!(null));
    let replay = format!("{path}/batch-replay");
    let id = &given_up["deliveries"][0]["id"];
    for path in [&replay, &format!("{path}/{id}/replay")] {
        let answer = app.send(Ask::new("POST", path).key(&app.key)).await;
        answer.refused(409, "conflict");
        assert!(answer.text().contains("switch it on first"), "{}", answer.text());
    }
    app.send(patch(&app, &hook, &json!({ "enabled": true })))
        .await
        .expect(200);
    let none = app
        .post(&replay, &json!({ "eventType": "domain.failed" }))
        .await
        .expect(200);
    assert_eq!(none, json!({ "replayed": 0, "remaining": 0 }));
    let one = app
        .post(&replay, &json!({ "withinMinutes": 5, "limit": 1 }))
        .await
        .expect(200);
    assert_eq!(one, json!({ "replayed": 1, "remaining": 2 }));
    let rest = app.post(&replay, &json!({})).await.expect(200);
    assert_eq!(rest, json!({ "replayed": 2, "remaining": 0 }));
    let due = app.get(&path).await.expect(200);
    assert!(due["deliveries"][0]["nextRetryAt"].is_string());
    let id = &due["deliveries"][0]["id"];
    let done = app
        .send(Ask::new("POST", &format!("{path}/{id}/replay")).key(&app.key))
        .await;
    assert_eq!(done.expect(200), json!({ "success": true }));
    // Another webhook has no such delivery.
    let foreign = Ask::new("POST", &format!("/webhooks/{deaf}/deliveries/{id}/replay")).key(&app.key);
    app.send(foreign).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_stranger_finds_none_of_it() {
    let app = TestApp::start().await;
    let (_, stranger) = app.stranger().await;
    let domain = app.add_domain("example.com").await;
    let webhook = add(&app, &["*"]).await["id"].clone();
    app.upload(&domain, Sample::new("example.com", "r1", &[PASS]).xml())
        .await;
    let list = app.send(Ask::new("GET", "/webhooks").key(&stranger)).await.expect(200);
    assert_eq!(list["webhooks"], json!([]));
    for (method, path, body) in [
        ("GET", "", None),
        ("PATCH", "", Some(json!({ "enabled": false }))),
        ("DELETE", "", None),
        ("POST", "/test", None),
        ("POST", "/rotate-secret", None),
        ("GET", "/deliveries", None),
        ("POST", "/deliveries/1/replay", None),
        ("POST", "/deliveries/batch-replay", Some(json!({}))),
    ] {
        let ask = Ask::new(method, &format!("/webhooks/{webhook}{path}"));
        let ask = match &body {
            Some(body) => ask.json(body),
            None => ask,
        };
        app.send(ask.clone().key(&stranger)).await.refused(404, "not_found");
    }
    app.get(&format!("/webhooks/{webhook}")).await.expect(200);
}
