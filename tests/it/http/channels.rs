//! Channels over the API: both spellings, settings that are checked and never shown, and changes of them.

use serde_json::{Value, json};

use super::{Ask, TestApp};

const SECRET: &str = "http://127.0.0.1:9/services/T0/B0/hushhushhushhush";

fn slack() -> Value {
    json!({ "type": "slack", "name": "Our alerts", "events": ["tls.failure"], "config": { "webhookUrl": SECRET } })
}

async fn add(app: &TestApp, body: &Value) -> Value {
    app.post("/notification-channels", body).await.expect(201)
}

async fn put(app: &TestApp, id: &Value, body: &Value) -> super::Answer {
    let path = format!("/notification-channels/{}", id.as_str().unwrap());
    app.send(Ask::new("PUT", &path).key(&app.key).json(body)).await
}

#[tokio::test]
async fn a_channel_lives_in_both_envelopes_and_spellings() {
    let app = TestApp::start().await;
    let made = add(&app, &slack()).await;
    let id = &made["channel"]["publicId"];
    assert!(id.as_str().unwrap().starts_with("nc_"));
    let path = format!("/notification-channels/{}", id.as_str().unwrap());
    let shown = app.get(&path).await.expect(200);
    let summary = json!({ "webhookUrl": "http://127.0.0.1:9/\u{2026}hush" });
    for (camel, snake, expect) in [
        ("publicId", "public_id", id.clone()),
        ("id", "id", id.clone()),
        ("type", "type", json!("slack")),
        ("name", "name", json!("Our alerts")),
        ("events", "events", json!(["tls.failure"])),
        ("domainId", "domain_id", json!(null)),
        ("mailboxId", "mailbox_id", json!(null)),
        ("active", "active", json!(true)),
        ("configSummary", "config_summary", summary),
        ("consecutiveFailures", "consecutive_failures", json!(0)),
        ("disabledAt", "disabled_at", json!(null)),
        ("disabledReason", "disabled_reason", json!(null)),
        ("lastUsedAt", "last_used_at", json!(null)),
        ("createdAt", "created_at", json!("2026-03-23T10:00:00.000Z")),
        ("updatedAt", "updated_at", json!("2026-03-23T10:00:00.000Z")),
    ] {
        for of in [&shown, &shown["channel"], &made["channel"]] {
            assert_eq!((&of[camel], &of[snake]), (&expect, &expect), "{camel}");
        }
    }
    let list = app.get("/notification-channels").await.expect(200);
    assert_eq!(list["channels"][0], shown["channel"]);
    let page = app.get(&format!("{path}/deliveries?per_page=2")).await.expect(200);
    let meta = json!({ "page": 1, "perPage": 2, "per_page": 2, "total": 0, "totalPages": 0, "total_pages": 0 });
    assert_eq!((&page["deliveries"], &page["meta"]), (&json!([]), &meta));
    for answer in [&made, &shown, &list] {
        assert!(!answer.to_string().contains("hushhush"), "{answer}");
    }
    // Neither kind is found under the address of the other.
    assert_eq!(app.get("/webhooks").await.expect(200)["webhooks"], json!([]));
    let number = id.as_str().unwrap().trim_start_matches("nc_").to_owned();
    app.get(&format!("/webhooks/{number}")).await.refused(404, "not_found");
    app.delete(&format!("/webhooks/{number}"))
        .await
        .refused(404, "not_found");
    assert_eq!(app.delete(&path).await.expect(200), json!({ "success": true }));
    app.get(&path).await.refused(404, "not_found");
}

/// The file is read as the database's own, with all that it has.
#[tokio::test]
async fn settings_are_stored_encrypted() {
    let app = TestApp::start().await;
    add(&app, &slack()).await;
    let telegram = json!({ "botToken": "123:hushhushhush", "chatId": "-100200300" });
    add(
        &app,
        &json!({ "type": "telegram", "name": "x", "events": ["*"], "config": telegram }),
    )
    .await;
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(app.folder.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap_or_default());
    }
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("Our alerts"), "the control");
    assert!(!has("hushhush") && !has("-100200300"));
}

#[tokio::test]
async fn changes_keep_what_they_do_not_name() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let telegram = json!({ "botToken": "123:abc", "chatId": -100 });
    let made = add(
        &app,
        &json!({ "type": "telegram", "name": "x", "events": ["*"], "config": telegram, "domainId": domain }),
    )
    .await;
    let id = &made["id"];
    assert_eq!(
        made["configSummary"],
        json!({ "botToken": "123:\u{2026}", "chatId": "-100" })
    );
    app.clock.advance(std::time::Duration::from_secs(60));
    let changed = put(&app, id, &json!({ "config": { "chatId": "@us" }, "name": "y" }))
        .await
        .expect(200);
    assert_eq!(
        changed["configSummary"],
        json!({ "botToken": "123:\u{2026}", "chatId": "@us" })
    );
    assert_eq!(
        (&changed["name"], &changed["domainId"], &changed["events"]),
        (&json!("y"), &json!(domain), &json!(["*"]))
    );
    assert_eq!(changed["updatedAt"], "2026-03-23T10:01:00.000Z");
    let changed = put(
        &app,
        id,
        &json!({ "domainId": null, "enabled": false, "events": ["tls.failure"] }),
    )
    .await
    .expect(200);
    let seen = (&changed["domainId"], &changed["active"], &changed["events"]);
    assert_eq!(seen, (&json!(null), &json!(false), &json!(["tls.failure"])));
    assert_eq!(changed["channel"]["configSummary"]["chatId"], "@us");
    put(&app, id, &json!({ "domainId": "dom_000000000000" }))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn wrong_settings_are_named() {
    let app = TestApp::start().await;
    let config =
        |platform: &str, config: Value| json!({ "type": platform, "name": "x", "events": ["*"], "config": config });
    let url = |url: &str| json!({ "webhookUrl": url });
    for (body, fields) in [
        (config("slack", json!({})), vec!["config.webhookUrl"]),
        (config("slack", json!(null)), vec!["config.webhookUrl"]),
        (config("slack", json!("x")), vec!["config", "config.webhookUrl"]),
        (config("slack", url("https://10.0.0.1/")), vec!["config.webhookUrl"]),
        (
            config("discord", url("https://169.254.169.254/")),
            vec!["config.webhookUrl"],
        ),
        (config("ntfy", url("ftp://example.com/")), vec!["config.webhookUrl"]),
        (
            config("ntfy", url("https://ntfy.example.com")),
            vec!["config.webhookUrl"],
        ),
        (
            config("ntfy", url("https://ntfy.example.com/a?x=/b/")),
            vec!["config.webhookUrl"],
        ),
        (
            config("slack", json!({ "webhookUrl": SECRET, "botToken": "1:a" })),
            vec!["config.botToken"],
        ),
        (
            config("telegram", json!({ "botToken": "1:a/../x" })),
            vec!["config.botToken", "config.chatId"],
        ),
        (
            config("telegram", json!({ "botToken": "1:a", "chatId": true })),
            vec!["config.chatId", "config.chatId"],
        ),
        (
            config("pagerduty", json!({ "routingKey": "a\nb" })),
            vec!["config.routingKey"],
        ),
        (config("web_push", json!({})), vec!["type"]),
        (
            json!({ "type": "slack", "name": "", "events": [], "config": url(SECRET) }),
            vec!["name", "events"],
        ),
        (
            json!({ "type": "slack", "name": "x", "events": ["*"], "config": url(SECRET), "mailboxId": 7 }),
            vec!["mailboxId"],
        ),
    ] {
        let answer = app.post("/notification-channels", &body).await;
        let mut named = answer.refused(422, "unprocessable_entity");
        named.sort_unstable();
        let mut fields = fields;
        fields.sort_unstable();
        assert_eq!(named, fields, "{body}: {}", answer.text());
        assert!(!answer.text().contains("hushhush"));
    }
    for _ in 0..20 {
        add(&app, &slack()).await;
    }
    app.post("/notification-channels", &slack())
        .await
        .refused(409, "conflict");
    // Webhooks are counted on their own.
    let webhook = json!({ "url": "http://127.0.0.1:9/", "events": ["*"] });
    app.post("/webhooks", &webhook).await.expect(201);
}

#[tokio::test]
async fn a_stranger_finds_none_of_it() {
    let app = TestApp::start().await;
    let (_, stranger) = app.stranger().await;
    let id = add(&app, &slack()).await["id"].as_str().unwrap().to_owned();
    let list = app
        .send(Ask::new("GET", "/notification-channels").key(&stranger))
        .await
        .expect(200);
    assert_eq!(list["channels"], json!([]));
    for (method, path) in [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/test"),
        ("GET", "/deliveries"),
        ("POST", "/deliveries/1/replay"),
    ] {
        let ask = Ask::new(method, &format!("/notification-channels/{id}{path}")).key(&stranger);
        let ask = if method == "PUT" {
            ask.json(&json!({ "enabled": false }))
        } else {
            ask
        };
        app.send(ask).await.refused(404, "not_found");
    }
    // Nor may a channel hear of a stranger's domain.
    let domain = app.add_domain("example.com").await;
    let mut body = slack();
    body["domainId"] = json!(domain);
    let ask = Ask::new("POST", "/notification-channels").key(&stranger).json(&body);
    app.send(ask).await.refused(404, "not_found");
}
