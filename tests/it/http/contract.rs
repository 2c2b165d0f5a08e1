//! What holds for every answer: errors as JSON, request ids, rates, limits.

use std::time::Duration;

use serde_json::json;
use tallymark::base::{KeyId, Permission};
use tallymark::http::Rate;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Ask, NOW, TestApp};

#[tokio::test]
async fn an_unknown_path_is_404_and_a_wrong_method_405_with_allow() {
    let app = TestApp::start().await;
    for path in ["/domain", "/domains/", "/domains/x/dmarc", "/domains/%ff", "/%00"] {
        let answer = app.get(path).await;
        answer.refused(404, "not_found");
    }
    let answer = app.send(Ask::new("PUT", "/domains").key(&app.key)).await;
    answer.refused(405, "method_not_allowed");
    let mut allow: Vec<_> = answer.header("allow").unwrap().split(',').collect();
    allow.sort_unstable();
    assert_eq!(allow, ["GET", "HEAD", "POST"]);
    app.send(Ask::new("BREW", "/domains"))
        .await
        .refused(405, "method_not_allowed");
}

#[tokio::test]
async fn a_request_without_a_valid_key_is_401() {
    let app = TestApp::start().await;
    let other = app.key(Permission::FullAccess, None).await;
    let keys = app.store.keys(app.account).await.unwrap();
    let id = keys.iter().find(|key| other.starts_with(&key.prefix)).map(|key| key.id);
    assert!(
        app.store
            .revoke_key(app.account, id.unwrap_or(KeyId(0)), NOW)
            .await
            .unwrap()
    );
    let unknown = format!("sk_live_{}", "a".repeat(43));
    for value in [
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {other}"),
        format!("Bearer {unknown}"),
        format!("Basic {}", app.key),
        format!("Bearer {}x", app.key),
        format!("Bearer {}", app.key.to_lowercase()),
        app.key.clone(),
    ] {
        let answer = app
            .send(Ask::new("GET", "/domains").header("Authorization", &value))
            .await;
        answer.refused(401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    app.send(Ask::new("GET", "/domains")).await.refused(401, "unauthorized");
    app.get("/domains").await.expect(200);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_400_and_one_of_another_kind_415() {
    let app = TestApp::start().await;
    let post = |media_type: &'static str, body: &'static str| {
        app.send(Ask::new("POST", "/domains").key(&app.key).body(media_type, body))
    };
    for body in ["", "{", "{\"name\":}", "nul", "\u{feff}{}", "[1]", "\"x\"", "7"] {
        post("application/json", body).await.refused(400, "invalid_request");
    }
    let deep = "[".repeat(100_000 / 2);
    let ask = Ask::new("POST", "/domains")
        .key(&app.key)
        .body("application/json", deep);
    app.send(ask).await.refused(400, "invalid_request");
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""] {
        post(media_type, "{\"name\":\"example.com\"}")
            .await
            .refused(415, "unsupported_media_type");
    }
    app.send(Ask::new("POST", "/domains").key(&app.key))
        .await
        .refused(415, "unsupported_media_type");
    for media_type in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/merge-patch+json",
    ] {
        post(media_type, "{}").await.refused(422, "unprocessable_entity");
    }
}

#[tokio::test]
async fn a_body_over_its_limit_is_413_also_in_chunks_and_when_it_is_an_upload() {
    let app = TestApp::start().await;
    let large = json!({ "name": "a".repeat(70_000) }).to_string();
    let ask = Ask::new("POST", "/domains").key(&app.key);
    app.send(ask.clone().body("application/json", large))
        .await
        .refused(413, "payload_too_large");

    let id = app.add_domain("example.com").await;
    let path = format!("/domains/{id}/dmarc/reports");
    let upload = Ask::new("POST", &path)
        .key(&app.key)
        .body("application/xml", vec![b'x'; 30 << 20]);
    app.send(upload).await.refused(413, "payload_too_large");

    let mut chunked = Ask::new("POST", "/domains")
        .key(&app.key)
        .header("Content-Type", "application/json");
    chunked = chunked.header("Transfer-Encoding", "chunked");
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let mut head = "POST /domains HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".to_owned();
    for (name, value) in &chunked.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    for _ in 0..3 {
        stream
            .write_all(format!("8000\r\n{}\r\n", " ".repeat(0x8000)).as_bytes())
            .await
            .unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
}

#[tokio::test]
async fn every_mistake_of_a_body_is_named() {
    let app = TestApp::start().await;
    let body = json!({ "name": 5, "region": "mars", "tls_mode": "x", "open_tracking": "yes", "custom_return_path": "a",
        "colour": 1, "shape": null });
    let mut fields = app.post("/domains", &body).await.refused(422, "unprocessable_entity");
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "colour",
            "custom_return_path",
            "name",
            "open_tracking",
            "region",
            "shape",
            "tls_mode"
        ]
    );
    assert_eq!(
        app.post("/domains", &json!({}))
            .await
            .refused(422, "unprocessable_entity"),
        ["name"]
    );
}

#[tokio::test]
async fn every_mistake_of_the_parameters_is_named_and_unknown_ones_are_ignored() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    for (path, names) in [
        ("stats?days=0", &["days"][..]),
        ("stats?days=3651", &["days"]),
        ("stats?days=-1", &["days"]),
        ("stats?days=ten", &["days"]),
        ("stats?days=", &["days"]),
        ("stats?days=7&from=2026-03-01", &["days"]),
        ("stats?days=7&to=2026-03-01", &["days"]),
        ("stats?from=2026-03-02&to=2026-03-01", &["from"]),
        ("stats?from=2026-03-24", &["from"]),
        ("stats?from=1900-01-01&to=2026-03-01", &["from"]),
        ("stats?from=2026-02-30&to=tomorrow", &["from", "to"]),
        ("stats?from=2026-03-01T00:00:00Z", &["from"]),
        ("sources?days=0&result=good", &["days", "result"]),
        ("sources?page=0&per_page=x", &["page", "per_page"]),
        ("reports?page=0", &["page"]),
        ("reports?page=-1", &["page"]),
        ("reports?page=1.5", &["page"]),
        ("reports?per_page=0", &["per_page"]),
        ("reports?perPage=0", &["perPage"]),
        ("reports?result=all", &["result"]),
        ("reports?from=2026-03-02&to=2026-03-01", &["from"]),
        ("reports?org=a%00b", &["org"]),
        ("export?format=xml", &["format"]),
        ("export?from=x", &["from"]),
    ] {
        let answer = app.get(&format!("/domains/{id}/dmarc/{path}")).await;
        let mut fields = answer.refused(422, "unprocessable_entity");
        fields.sort_unstable();
        assert_eq!(fields, names, "{path}");
    }
    for path in [
        "stats?days=1",
        "stats?days=3650",
        "stats?days=007",
        "stats?to=2026-03-01",
        "stats?from=2026-03-23",
        "stats?nonsense=1&days=5",
        "reports?page=99999999999999999999",
        "reports?perPage=100000",
        "sources?page=4294967295&per_page=100",
        "export?format=ndjson",
    ] {
        let answer = app.get(&format!("/domains/{id}/dmarc/{path}")).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
    }
}

#[tokio::test]
async fn a_request_id_is_made_or_echoed_if_it_is_a_sane_token() {
    let app = TestApp::start().await;
    let made = app.get("/domains").await;
    assert_eq!(made.header("x-request-id").unwrap().len(), 32);
    let ask = Ask::new("GET", "/nowhere");
    let echoed = app.send(ask.clone().header("X-Request-Id", "abc-123")).await;
    assert_eq!(echoed.header("x-request-id"), Some("abc-123"));
    let replaced = app.send(ask.header("X-Request-Id", "a b<c>")).await;
    assert_eq!(replaced.header("x-request-id").unwrap().len(), 32);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    for path in [
        "/healthz",
        "/domains",
        &format!("/domains/{id}"),
        &format!("/domains/{id}/dmarc/stats"),
    ] {
        let get = app.get(path).await;
        let head = app.send(Ask::new("HEAD", path).key(&app.key)).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
    }
}

#[tokio::test]
async fn a_key_over_its_rate_is_429_with_retry_after_until_time_has_passed() {
    let rate = Rate {
        per_second: 2,
        burst: 3,
    };
    let app = TestApp::start_with(|config| config.rate = Some(rate)).await;
    for remaining in ["2", "1", "0"] {
        let answer = app.get("/domains").await;
        answer.expect(200);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
    }
    let refused = app.get("/domains").await;
    refused.refused(429, "rate_limit_exceeded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));

    let (_, other) = app.stranger().await;
    app.send(Ask::new("GET", "/domains").key(&other)).await.expect(200);
    app.clock.advance(Duration::from_millis(500));
    app.get("/domains").await.expect(200);
    app.get("/domains").await.refused(429, "rate_limit_exceeded");

    for _ in 0..3 {
        app.send(Ask::new("GET", "/domains")).await.refused(401, "unauthorized");
    }
    app.send(Ask::new("GET", "/domains"))
        .await
        .refused(429, "rate_limit_exceeded");
    let open = app.send(Ask::new("GET", "/healthz")).await;
    open.expect(200);
    assert_eq!(open.header("x-ratelimit-remaining"), Some("0"));
    assert!(app.get("/nowhere").await.header("x-ratelimit-limit").is_some());
}

#[tokio::test]
async fn without_the_database_every_question_is_503_with_retry_after() {
    let app = TestApp::start().await;
    app.store.close().await;
    for path in ["/domains", "/readyz"] {
        let answer = app.get(path).await;
        answer.refused(503, "unavailable");
        assert!(answer.header("retry-after").is_some(), "{path}");
    }
    app.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn answers_are_neither_cached_nor_guessed_at() {
    let app = TestApp::start().await;
    for path in ["/domains", "/nowhere"] {
        let answer = app.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}
