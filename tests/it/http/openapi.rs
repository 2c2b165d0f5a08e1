//! `/openapi.json`

use serde_json::{Value, json};
use tallymark::http::{openapi, routes};

use super::{Ask, PASS, Sample, TestApp, tls_report};
use crate::failures::fixture;
use crate::failures::http::keep;
use crate::notify::mail::{dead_server, mailing};

#[tokio::test]
async fn the_document_is_open_to_all_and_the_one_in_the_tree() {
    let app = TestApp::start().await;
    let answer = app.send(Ask::new("GET", "/openapi.json")).await;
    answer.expect(200);
    assert_eq!(answer.text(), openapi());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(
        kept == openapi(),
        "the API has changed: look at the difference after  cargo run -- openapi > docs/openapi.json"
    );
}

#[tokio::test]
async fn every_route_is_in_the_document() {
    let document: Value = serde_json::from_str(openapi()).unwrap();
    for route in routes() {
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert!(operation["operationId"].is_string(), "{route:?}");
    }
}

/// An answer has the fields that the document says it must have, and none that it does not name.
#[tokio::test]
async fn answers_have_the_fields_of_the_document() {
    let app = TestApp::start_telling(mailing(dead_server(), None)).await;
    let domain = app.add_domain("example.com").await;
    let body = json!({ "name": "x", "email": "me@reader.example", "period": "weekly" });
    let digest = app.post("/digests", &body).await.expect(201)["id"].clone();
    let digest = digest.as_str().unwrap().to_owned();
    let body = json!({ "url": "http://127.0.0.1:9/", "events": ["*"] });
    let webhook = app.post("/webhooks", &body).await.expect(201)["id"].to_string();
    let body =
        json!({ "type": "slack", "name": "x", "events": ["*"], "config": { "webhookUrl": "http://127.0.0.1:9/" } });
    let channel = app.post("/notification-channels", &body).await.expect(201)["id"].clone();
    let channel = channel.as_str().unwrap().to_owned();
    let taken = app
        .upload(&domain, Sample::new("example.com", "r1", &[PASS]).xml())
        .await;
    let report = taken["reports"][0]["id"].to_string();
    let tls = app.upload(&domain, tls_report()).await["tls_reports"][0]["id"].to_string();
    keep(&app, &domain, "headers").await;
    let failure = app.upload(&domain, fixture("whole-mail.eml")).await["failure_reports"][0]["id"].to_string();
    let aside = app.upload(&domain, "no report").await["quarantined"][0]["id"].to_string();
    app.mail(&domain, "Subject: hello\r\n\r\n").await;
    let key = app.get("/api-keys").await.expect(200)["api_keys"][0]["id"].to_string();
    let document: Value = serde_json::from_str(openapi()).unwrap();
    for route in routes() {
        let report = match route.path {
            path if path.contains("/tls/") => &tls,
            path if path.contains("/failure-reports/") => &failure,
            _ => &report,
        };
        let path = route.path.replace("{report_id}", report).replace("{number}", "1");
        let id = match path.split('/').nth(1) {
            Some("api-keys") => &key,
            Some("webhooks") => &webhook,
            Some("notification-channels") => &channel,
            Some("digests") => &digest,
            Some("quarantine") => &aside,
            // The link is only in a mail.
            Some("mail-links") => continue,
            // What came as a file has no proof; tests/it/client.rs reads one.
            _ if route.path.ends_with("/proof") => continue,
            _ => &domain,
        };
        let path = path.replace("{id}", id).replace("{source_ip}", PASS.source);
        let path = path.replace("/search", "/search?q=example.com");
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if route.method != "GET" || schema["$ref"].is_null() {
            continue;
        }
        let answer = app.get(&path).await.expect(200);
        compare(&answer, schema, &document, route.path);
    }
}

fn compare(value: &Value, schema: &Value, document: &Value, context: &str) {
    if let Some(path) = schema["$ref"].as_str() {
        return compare(value, document.pointer(&path[1..]).unwrap(), document, path);
    }
    match value {
        Value::Object(members) => {
            let Some(properties) = schema["properties"].as_object() else {
                return;
            };
            let required = schema["required"].as_array().into_iter().flatten();
            for name in required.filter_map(Value::as_str) {
                assert!(members.contains_key(name), "{context} has no {name}");
            }
            for (name, member) in members {
                let property = properties.get(name);
                let property = property.unwrap_or_else(|| panic!("{context}.{name} is in no document"));
                compare(member, property, document, &format!("{context}.{name}"));
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| compare(item, &schema["items"], document, context)),
        _ => {}
    }
}
