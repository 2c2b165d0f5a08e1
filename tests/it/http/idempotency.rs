//! `Idempotency-Key`

use std::time::Duration;

use serde_json::{Value, json};
use tallymark::base::Permission;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Answer, Ask, PASS, Sample, TestApp};

async fn post(app: &TestApp, name: &str, path: &str, body: &Value) -> Answer {
    let ask = Ask::new("POST", path).key(&app.key).header("Idempotency-Key", name);
    app.send(ask.json(body)).await
}

/// The same answer as before, and said to be.
#[track_caller]
fn is_replay(answer: &Answer, first: &Answer) {
    assert_eq!((answer.status, answer.text()), (first.status, first.text()));
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(answer.header("content-type"), first.header("content-type"));
}

#[tokio::test]
async fn the_same_request_again_is_answered_and_not_done_again() {
    let app = TestApp::start().await;
    let body = json!({ "name": "example.com" });
    let first = post(&app, "k", "/domains", &body).await;
    first.expect(201);
    is_replay(&post(&app, "k", "/domains", &body).await, &first);
    let again = post(&app, "other", "/domains", &body).await;
    again.refused(409, "conflict");
    is_replay(&post(&app, "other", "/domains", &body).await, &again);

    assert_eq!(
        post(&app, "k", "/domains", &json!({ "name": "example.org" }))
            .await
            .refused(422, "unprocessable_entity"),
        ["Idempotency-Key"]
    );
    app.post("/domains", &body).await.refused(409, "conflict");
    assert_eq!(
        app.get("/domains").await.expect(200)["domains"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    // After a day it is a request like any other.
    app.clock.advance(Duration::from_secs(24 * 3_600));
    app.delete(&format!("/domains/{}", first.json()["id"].as_str().unwrap()))
        .await
        .expect(200);
    let anew = post(&app, "k", "/domains", &body).await;
    anew.expect(201);
    assert_eq!(anew.header("idempotent-replayed"), None);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(
        app.store
            .purge_requests(app.clock.now() - 24 * 3_600_000)
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn a_name_belongs_to_one_key_and_one_path() {
    let app = TestApp::start().await;
    let body = json!({ "name": "example.com" });
    let first = post(&app, "k", "/domains", &body).await.expect(201);
    let (_, stranger) = app.stranger().await;
    let ask = Ask::new("POST", "/domains")
        .key(&stranger)
        .header("Idempotency-Key", "k")
        .json(&body);
    let other = app.send(ask).await;
    assert_ne!(other.expect(201)["id"], first["id"]);
    let key = json!({ "name": "x", "permission": "read_only" });
    post(&app, "k", "/api-keys", &key).await.expect(201);
}

#[tokio::test]
async fn an_upload_is_answered_again_too() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let report = Sample::new("example.com", "r1", &[PASS]).xml();
    let ask = Ask::new("POST", &format!("/domains/{id}/dmarc/reports")).key(&app.key);
    let ask = ask.header("Idempotency-Key", "u").body("application/xml", report);
    let first = app.send(ask.clone()).await;
    assert_eq!(first.expect(201)["reports"].as_array().unwrap().len(), 1);
    is_replay(&app.send(ask).await, &first);
    let list = app.get(&format!("/domains/{id}/dmarc/reports")).await.expect(200);
    assert_eq!(list["reports"][0]["arrivals"], 1);
}

#[tokio::test]
async fn a_secret_is_shown_again_to_whom_it_was_shown_and_is_in_no_file() {
    let app = TestApp::start().await;
    let body = json!({ "name": "x", "permission": "read_only" });
    let first = post(&app, "k", "/api-keys", &body).await;
    let secret = first.expect(201)["key"].as_str().unwrap().to_owned();
    is_replay(&post(&app, "k", "/api-keys", &body).await, &first);
    assert_eq!(
        app.get("/api-keys").await.expect(200)["api_keys"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    for entry in std::fs::read_dir(app.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds(&secret[12..]) && !holds(&app.key[12..]));
    }
}

#[tokio::test]
async fn a_running_request_is_409_and_a_dead_one_is_taken_over() {
    let app = TestApp::start().await;
    let body = json!({ "name": "example.com" });
    // A node that took the request and died: it has begun and will never be answered.
    let dead = app.begin("/domains", "k", &body).await;
    post(&app, "k", "/domains", &body).await.refused(409, "conflict");
    app.clock.advance(Duration::from_secs(119));
    post(&app, "k", "/domains", &body).await.refused(409, "conflict");
    app.clock.advance(Duration::from_secs(1));
    let first = post(&app, "k", "/domains", &body).await;
    first.expect(201);
    is_replay(&post(&app, "k", "/domains", &body).await, &first);
    assert!(!app.store.finish_request(&dead.0, &dead.1, 201, b"x").await.unwrap());
}

#[tokio::test]
async fn a_try_finds_the_domain_that_the_one_before_added_and_died() {
    let app = TestApp::start().await;
    let body = json!({ "name": "example.com" });
    let first = post(&app, "k", "/domains", &body).await.expect(201);
    // As if the process had ended between the commit and the answer.
    crate::sqlite(
        &app.folder.path().join("tallymark.sqlite"),
        "update idempotent_requests set status = null",
    )
    .await;
    app.clock.advance(Duration::from_secs(120));
    let again = post(&app, "k", "/domains", &body).await;
    assert_eq!(again.expect(201)["id"], first["id"]);
}

#[tokio::test]
async fn a_request_whose_client_goes_away_is_done_and_its_answer_waits() {
    let app = TestApp::start().await;
    let body = json!({ "name": "example.com" }).to_string();
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST /domains HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIdempotency-Key: k\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        app.key,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    while app.store.domains(app.account).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    let body = json!({ "name": "example.com" });
    let answer = loop {
        let answer = post(&app, "k", "/domains", &body).await;
        if answer.status != 409 {
            break answer;
        }
    };
    answer.expect(201);
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn a_body_that_the_route_does_not_take_is_not_waited_for() {
    let app = TestApp::start().await;
    app.key(Permission::ReadOnly, None).await;
    // Newest first.
    let key = app.store.keys(app.account).await.unwrap()[0].id;
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST /api-keys/{}/rotate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIdempotency-Key: k\r\n\
         Content-Length: 1000000000000\r\n\r\n",
        key.0, app.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
}

#[tokio::test]
async fn faults_are_not_stored_and_invalid_names_are_refused() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    for _ in 0..2 {
        let answer = post(&app, "k", &format!("/domains/{id}/verify"), &json!({})).await;
        answer.refused(503, "unavailable");
        assert_eq!(answer.header("idempotent-replayed"), None);
    }
    for name in ["", "a b", &"a".repeat(256)] {
        post(&app, name, "/domains", &json!({ "name": "example.org" }))
            .await
            .refused(400, "invalid_request");
    }
}
