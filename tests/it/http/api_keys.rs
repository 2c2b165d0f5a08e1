//! `/api-keys`

use serde_json::{Value, json};
use tallymark::base::{Mode, Permission};

use super::{Ask, NOW, TestApp};

async fn secret_works(app: &TestApp, key: &Value) -> bool {
    let answer = app.send(Ask::new("GET", "/domains").key(key.as_str().unwrap())).await;
    answer.status == 200
}

#[tokio::test]
async fn a_key_is_made_shown_rotated_and_removed() {
    let app = TestApp::start().await;
    let body = json!({ "name": "dashboard", "permission": "read_only" });
    let made = app.post("/api-keys", &body).await.expect(201);
    let (id, secret) = (made["id"].clone(), made["key"].clone());
    assert!(secret.as_str().unwrap().starts_with("sk_live_"));
    let shown = json!({ "id": id, "name": "dashboard", "permission": "read_only", "mode": "live", "domain_id": null,
        "key_prefix": &secret.as_str().unwrap()[..12], "last_used_at": null, "created_at": "2026-03-23T10:00:00.000Z" });
    let path = format!("/api-keys/{id}");
    assert_eq!(app.get(&path).await.expect(200), shown);
    let list = app.get("/api-keys").await;
    assert!(!list.text().contains(secret.as_str().unwrap()));
    assert_eq!(list.expect(200)["api_keys"][0], shown);
    assert!(secret_works(&app, &secret).await);

    let rotated = app
        .send(Ask::new("POST", &format!("{path}/rotate")).key(&app.key))
        .await
        .expect(200);
    assert_eq!((&rotated["id"], &rotated["permission"]), (&id, &made["permission"]));
    assert!(!secret_works(&app, &secret).await);
    assert!(secret_works(&app, &rotated["key"]).await);

    assert_eq!(app.delete(&path).await.expect(200), json!({ "deleted": true }));
    assert!(!secret_works(&app, &rotated["key"]).await);
    app.delete(&path).await.refused(404, "not_found");
    app.get(&path).await.refused(404, "not_found");
    let again = app
        .send(Ask::new("POST", &format!("{path}/rotate")).key(&app.key))
        .await;
    again.refused(404, "not_found");
}

#[tokio::test]
async fn a_key_can_be_bound_to_an_own_domain_only() {
    let app = TestApp::start().await;
    let (own, other) = (
        app.add_domain("own.example").await,
        app.add_domain("other.example").await,
    );
    let bound =
        |id: &str| json!({ "name": "x", "permission": "full_access", "domain_id": id, "allow_full_access": true });
    let made = app.post("/api-keys", &bound(&own)).await.expect(201);
    assert_eq!(made["domain_id"], own);
    let get = |id: &str| Ask::new("GET", &format!("/domains/{id}")).key(made["key"].as_str().unwrap());
    app.send(get(&own)).await.expect(200);
    app.send(get(&other)).await.refused(404, "not_found");

    let (_, stranger) = app.stranger().await;
    let ask = Ask::new("POST", "/api-keys").key(&stranger).json(&bound(&own));
    app.send(ask).await.refused(404, "not_found");
    app.post("/api-keys", &bound("dom_zzzzzzzzzzzz"))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn keys_that_may_less_make_none() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let domain = Some(app.domain_id(&domain).await);
    for (permission, domain) in [
        (Permission::ReadOnly, None),
        (Permission::SendingAccess, None),
        (Permission::FullAccess, domain),
    ] {
        let key = app.key(permission, domain).await;
        let body = json!({ "name": "x", "permission": "sending_access" });
        let ask = Ask::new("POST", "/api-keys").key(&key).json(&body);
        app.send(ask).await.refused(403, "forbidden");
        app.send(Ask::new("GET", "/api-keys").key(&key))
            .await
            .refused(403, "forbidden");
    }
}

#[tokio::test]
async fn every_mistake_is_named() {
    let app = TestApp::start().await;
    for (body, fields) in [
        (json!({}), &["name", "permission"][..]),
        (json!({ "name": "", "permission": "root" }), &["name", "permission"]),
        (json!({ "name": "a\u{0}b", "permission": "read_only" }), &["name"]),
        (
            json!({ "name": "a".repeat(101), "permission": "read_only", "mode": "test" }),
            &["mode", "name"],
        ),
        (
            json!({ "name": "a", "permission": null, "domain_id": 5 }),
            &["domain_id", "permission"],
        ),
    ] {
        let mut named = app.post("/api-keys", &body).await.refused(422, "unprocessable_entity");
        named.sort_unstable();
        assert_eq!(named, fields, "{body}");
    }
}

#[tokio::test]
async fn keys_of_test_accounts_say_so() {
    let app = TestApp::start().await;
    let account = app.store.add_account("trial", Mode::Test, NOW).await.unwrap().id;
    let secret = tallymark::keys::ApiSecret::generate(Mode::Test, &[7; 96]);
    let key = tallymark::store::NewKey {
        name: "first".to_owned(),
        permission: Permission::FullAccess,
        domain: None,
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
    };
    app.store.add_key(account, key, NOW).await.unwrap();
    let body = json!({ "name": "second", "permission": "full_access" });
    let ask = Ask::new("POST", "/api-keys").key(secret.reveal()).json(&body);
    let made = app.send(ask).await.expect(201);
    assert_eq!(made["mode"], "test");
    assert!(made["key"].as_str().unwrap().starts_with("sk_test_"));
}

#[tokio::test]
async fn the_last_use_is_written_now_and_then() {
    let app = TestApp::start().await;
    let used = async || {
        let keys = app.store.keys(app.account).await.unwrap();
        keys[0].last_used_at
    };
    app.get("/domains").await.expect(200);
    // It is written behind the request's back.
    while used().await.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(used().await, Some(NOW));
    app.clock.advance(std::time::Duration::from_secs(299));
    app.get("/domains").await.expect(200);
    app.clock.advance(std::time::Duration::from_secs(1));
    app.get("/domains").await.expect(200);
    while used().await == Some(NOW) {
        tokio::task::yield_now().await;
    }
    assert_eq!(used().await, Some(NOW + 300_000));
}

/// RFC 8259 leaves open which of two members counts: neither does here.
#[tokio::test]
async fn repeated_members_are_refused() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    for (method, path, body, field) in [
        (
            "POST",
            "/api-keys",
            r#"{"name":"x","permission":"read_only","permission":"full_access"}"#,
            "permission",
        ),
        (
            "POST",
            "/api-keys",
            r#"{"name":"x","name":"x","permission":"read_only"}"#,
            "name",
        ),
        (
            "POST",
            "/domains",
            r#"{"name":"a.example","n\u0061me":"b.example"}"#,
            "name",
        ),
        (
            "PATCH",
            &format!("/domains/{domain}"),
            r#"{"catch_all":true,"catch_all":false}"#,
            "catch_all",
        ),
        (
            "POST",
            "/domains",
            r#"{"name":"a.example","more":{"x":1,"x":2}}"#,
            "more.x",
        ),
    ] {
        let ask = Ask::new(method, path).key(&app.key).body("application/json", body);
        let answer = app.send(ask).await.expect(422);
        let fields = answer["fields"].as_array().unwrap();
        let named = fields.iter().find(|one| one["field"] == field);
        assert_eq!(named.unwrap()["error"], "must not appear more than once", "{body}");
    }
    for query in ["days=7&days=30", "page=1&page=2", "from=2026-03-01&from=2026-03-02"] {
        let answer = app
            .get(&format!("/domains/{domain}/dmarc/sources?{query}"))
            .await
            .expect(422);
        assert_eq!(
            answer["fields"][0]["error"], "must not appear more than once",
            "{query}"
        );
    }
    app.get("/overview?other=1&other=2").await.expect(200);
    assert_eq!(
        app.get("/api-keys").await.expect(200)["api_keys"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
