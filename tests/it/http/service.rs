//! `/healthz`, `/readyz`, `/metrics`

use tallymark::http::MetricsAccess;

use super::connections::say;
use super::{Ask, TestApp};

#[tokio::test]
async fn health_and_readiness_need_no_key() {
    let app = TestApp::start().await;
    let health = app.send(Ask::new("GET", "/healthz")).await.expect(200);
    assert_eq!(health["status"], "ok");
    let ready = app.send(Ask::new("GET", "/readyz")).await.expect(200);
    assert_eq!(
        (ready["status"].as_str(), ready["queue_depth"].as_u64()),
        (Some("ready"), Some(0))
    );
}

/// What is committed into a log that has no name any more would end with the process.
#[tokio::test]
async fn a_log_that_was_removed_is_named_by_readiness_and_nothing_new_is_taken() {
    let app = TestApp::start().await;
    app.add_domain("example.com").await;
    app.send(Ask::new("GET", "/readyz")).await.expect(200);
    let files = std::fs::read_dir(app.folder.path()).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let log = files.find(|path| path.to_string_lossy().ends_with("-wal")).unwrap();
    std::fs::remove_file(log).unwrap();
    let answer = app.send(Ask::new("GET", "/readyz")).await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().contains("log was removed while it is in use"),
        "{}",
        answer.text()
    );
    let refused = app.post("/domains", &serde_json::json!({"name": "example.org"})).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    // What is there can be read.
    app.get("/domains").await.expect(200);
}

#[tokio::test]
async fn metrics_count_requests_by_pattern_and_never_by_path() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.get(&format!("/domains/{id}")).await.expect(200);
    app.get("/domains/dom_000000000000").await.refused(404, "not_found");
    app.get("/no/such/path").await.refused(404, "not_found");
    let answer = app.send(Ask::new("GET", "/metrics")).await;
    assert_eq!(answer.status, 200);
    for line in [
        "tallymark_http_requests_total{route=\"/domains/{id}\",method=\"GET\",status=\"200\"} 1",
        "tallymark_http_requests_total{route=\"/domains/{id}\",method=\"GET\",status=\"404\"} 1",
        "tallymark_http_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"} 1",
    ] {
        assert!(
            answer.text().lines().any(|other| other == line),
            "{line}\n{}",
            answer.text()
        );
    }
    assert!(!answer.text().contains(&id));
}

#[tokio::test]
async fn metrics_are_for_this_machine_unless_configured_otherwise() {
    let app = TestApp::start().await;
    for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"] {
        let answer = app.send(Ask::new("GET", "/metrics").header(name, "192.0.2.1")).await;
        answer.refused(404, "not_found");
    }
    // SL5: asked by another name, as a page does whose name was made to point here.
    let port = app.address.port();
    let metrics = |host: String| {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        async move { say(app.address, &request).await }
    };
    for host in [
        "evil.example",
        "evil.example:80",
        "192.0.2.1",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "[::2]",
    ] {
        let answer = metrics(host.to_owned()).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{host}: {answer}");
    }
    for host in [
        "localhost",
        "LOCALHOST.",
        "127.0.0.1",
        "[::1]",
        "127.8.9.1",
        "a.localhost",
    ] {
        for host in [host.to_owned(), format!("{host}:{port}")] {
            let answer = metrics(host.clone()).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
        }
    }
    let open = TestApp::start_with(|config| config.metrics = MetricsAccess::Everybody).await;
    let request = "GET /metrics HTTP/1.1\r\nHost: metrics.example\r\nConnection: close\r\n\r\n";
    assert!(
        say(open.address, request).await.starts_with("HTTP/1.1 200 "),
        "where the settings say so, by any name"
    );
    assert_eq!(
        open.send(Ask::new("GET", "/metrics").header("Via", "x")).await.status,
        200
    );
    let closed = TestApp::start_with(|config| config.metrics = MetricsAccess::Nobody).await;
    closed.send(Ask::new("GET", "/metrics")).await.refused(404, "not_found");
}
