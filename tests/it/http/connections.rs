//! How connections begin, wait and end.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::TestApp;

#[tokio::test]
async fn several_requests_share_a_connection() {
    let app = TestApp::start().await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    for _ in 0..3 {
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        read_answer(&mut stream).await;
    }
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_takes_no_new_ones() {
    let app = TestApp::start().await;
    let mut idle = TcpStream::connect(app.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    read_answer(&mut idle).await;
    let address = app.address;
    app.stop().await;
    assert_eq!(idle.read(&mut [0; 16]).await.unwrap_or(0), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let app = TestApp::start_with(|config| config.body_time_max = Duration::from_millis(50)).await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST /domains HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{",
        app.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(
        text.starts_with("HTTP/1.1 408 ") && text.contains("\"code\":\"request_timeout\""),
        "{text}"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_503() {
    let app = TestApp::start_with(|config| config.answer_time_max = Duration::from_millis(20)).await;
    // Another process writes and does not end.
    let writing = crate::writing(&app.folder.path().join("tallymark.sqlite")).await;
    let answer = app.post("/domains", &json!({ "name": "example.com" })).await;
    drop(writing);
    answer.refused(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn a_client_that_waits_for_leave_is_refused_before_it_sends() {
    let app = TestApp::start().await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST /domains HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100000000\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        app.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
}

/// SL5: what two readers could take for two requests is refused.
#[tokio::test]
async fn a_request_names_its_host_once() {
    let app = TestApp::start().await;
    let ask = |version: &str, hosts: &str| format!("GET /healthz HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
    for hosts in [
        "",
        "Host: a.example\r\nHost: b.example\r\n",
        "Host: a.example\r\nHost: a.example\r\n",
        "Host: a.example\r\nX: y\r\nhOsT: b.example\r\n",
        "Host: a.example, b.example\r\n",
        "Host: a b\r\n",
        "Host: me@a.example\r\n",
        "Host: a.example/path\r\n",
        "Host: \u{e9}.example\r\n",
    ] {
        let answer = say(app.address, &ask("1.1", hosts)).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{hosts:?}: {answer}");
    }
    let answer = say(app.address, &ask("1.1", "")).await;
    assert!(answer.contains("\"code\":\"invalid_request\""), "{answer}");
    let twice = "Host: a.example\r\nHost: b.example\r\n";
    assert!(say(app.address, &ask("1.0", twice)).await.starts_with("HTTP/1.0 400 "));
    for (version, hosts) in [
        ("1.1", "Host: a.example\r\n"),
        ("1.1", "Host: a.example:8080\r\n"),
        ("1.1", "host: [::1]:80\r\n"),
        ("1.1", "Host:\r\n"),
        ("1.0", ""),
        ("1.0", "Host: a.example\r\n"),
    ] {
        let answer = say(app.address, &ask(version, hosts)).await;
        assert!(answer.contains(" 200 OK\r\n"), "{version} {hosts:?}: {answer}");
    }
}

/// Sends a request that asks for the connection to be closed, and reads the answer.
pub(super) async fn say(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads one answer of `/healthz`, which ends with the object's brace.
async fn read_answer(stream: &mut TcpStream) {
    let mut text = Vec::new();
    while !text.ends_with(b"}") {
        assert!(stream.read_buf(&mut text).await.unwrap() > 0);
    }
    assert!(text.starts_with(b"HTTP/1.1 200 "));
}
