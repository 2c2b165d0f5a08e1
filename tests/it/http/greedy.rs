//! Clients that take more than their share: connections, uploads, exports and answers that are held, pages without end.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tallymark::http::{ConnectionLimits, Rate};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::connections::say;
use super::sample::{Row, wide};
use super::{Ask, FAIL, PASS, Sample, TestApp};

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3_600);

fn few(total_max: usize, per_address_max: usize) -> ConnectionLimits {
    ConnectionLimits {
        total_max,
        per_address_max,
        head_time_max: NEVER,
        stall_time_max: NEVER,
        ..ConnectionLimits::default()
    }
}

async fn silent(app: &TestApp, count: usize) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(TcpStream::connect(app.address).await.unwrap());
    }
    held
}

/// SH4: whatever is held, the health checks of this node are answered.
#[tokio::test]
async fn silent_connections_do_not_stop_the_health_checks() {
    for limits in [few(4, 100), few(100, 4), few(0, 0)] {
        let app = TestApp::start_within(limits).await;
        // More than there are seats, and seats for health.
        let held = silent(&app, 100).await;
        for path in ["/healthz", "/readyz"] {
            for _ in 0..3 {
                let answer = app.send(Ask::new("GET", path)).await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            }
        }
        drop(held);
    }
}

#[tokio::test]
async fn a_connection_beyond_the_limits_hears_how_this_node_is_and_nothing_else() {
    let app = TestApp::start_within(few(0, 0)).await;
    for path in ["/domains", "/openapi.json", "/metrics", "/", "/healthz/x"] {
        let answer = app.get(path).await;
        answer.refused(503, "unavailable");
        assert_eq!(answer.header("connection"), Some("close"), "{path}");
        assert!(answer.header("retry-after").is_some(), "{path}");
    }
    let two = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
    let said = say(app.address, &two).await;
    assert_eq!(
        said.matches("HTTP/1.1 200").count(),
        1,
        "one question a connection: {said}"
    );
}

/// Unread answers, requested one behind the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_reads_is_closed() {
    let limits = ConnectionLimits {
        stall_time_max: Duration::from_millis(50),
        ..few(1, 1)
    };
    let app = TestApp::start_within(limits).await;
    let mut held = TcpStream::connect(app.address).await.unwrap();
    let asked = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(400);
    // The rest of it is not taken when the connection is closed.
    let _ = held.write_all(asked.as_bytes()).await;
    let mut tries = 0;
    while app.get("/domains").await.status != 200 {
        tries += 1;
        assert!(tries < 10_000, "the only seat is never free again");
    }
    let mut read = Vec::new();
    let _ = held.read_to_end(&mut read).await;
    let answers = String::from_utf8_lossy(&read).matches("HTTP/1.1 200").count();
    assert!(answers < 400, "{answers}");
}

/// Bytes from `from` to `to` that the system buffers.
fn kept_bytes(from: SocketAddr, to: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let end = |text: &str| u16::from_str_radix(text.rsplit_once(':').unwrap().1, 16).unwrap();
    let queues = table.lines().skip(1).find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        (end(fields[1]) == from.port() && end(fields[2]) == to.port()).then(|| fields[4].to_owned())
    });
    usize::from_str_radix(queues.expect("the connection").split_once(':').unwrap().0, 16).unwrap()
}

/// SH4: the system buffers a bounded part of an answer, whatever its length.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_reader_is_buffered_in_part() {
    const KEPT_BYTES_MAX: usize = 512 * 1024;
    let app = TestApp::start_within(few(4, 4)).await;
    let asked = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(400);
    let mut held = TcpStream::connect(app.address).await.unwrap();
    held.write_all(asked.as_bytes()).await.unwrap();
    let kept = || kept_bytes(app.address, held.local_addr().unwrap());
    // The buffer is final when it stays the same while others are answered repeatedly.
    let (mut before, mut same) = (0, 0);
    while same < 20 {
        app.get("/healthz").await.expect(200);
        let now = kept();
        same = if now == before && now > 0 { same + 1 } else { 0 };
        before = now;
    }
    assert!(before < KEPT_BYTES_MAX, "{before}");
    // The control: without the limit, the system buffers more.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let reads_nothing = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (writer, peer) = listener.accept().await.unwrap();
    writer.writable().await.unwrap();
    while writer.try_write(&[0; 64 * 1024]).is_ok() {}
    let kept = kept_bytes(writer.local_addr().unwrap(), peer);
    assert!(kept > 2 * KEPT_BYTES_MAX, "{kept}");
    drop(reads_nothing);
}

/// SM7: what an upload announces is not yet there.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_do_not_come_take_nothing_from_others() {
    let app = TestApp::start_with(|config| {
        config.uploads_in_flight_bytes_max = 32 * 1024 * 1024;
        config.body_stall_time_max = NEVER;
    })
    .await;
    let id = app.add_domain("example.com").await;
    let (_, other) = app.stranger().await;
    let mut held = Vec::new();
    for bytes in [26_214_400, 26_214_400, 20_000_000, 26_214_400, 9_000_000] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let head = format!(
            "POST /domains/{id}/dmarc/reports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/xml\r\nContent-Length: {bytes}\r\n\r\n<",
            app.key
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let body = json!({ "name": "other.example" });
    let theirs = app.send(Ask::new("POST", "/domains").key(&other).json(&body)).await;
    let theirs = theirs.expect(201)["id"].as_str().unwrap().to_owned();
    for (id, key, name) in [(&theirs, &other, "other.example"), (&id, &app.key, "example.com")] {
        let ask = Ask::new("POST", &format!("/domains/{id}/dmarc/reports")).key(key);
        let report = Sample::new(name, "r1", &[PASS]).xml();
        app.send(ask.body("application/xml", report)).await.expect(201);
    }
}

#[tokio::test]
async fn an_upload_that_stops_coming_is_408() {
    let app = TestApp::start_with(|config| {
        config.body_stall_time_max = Duration::from_millis(50);
        config.body_time_max = NEVER;
    })
    .await;
    let id = app.add_domain("example.com").await;
    for (path, media_type) in [
        (format!("/domains/{id}/dmarc/reports"), "application/xml"),
        ("/domains".to_owned(), "application/json"),
    ] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
             Content-Type: {media_type}\r\nContent-Length: 5000\r\n\r\n{{\"name\"",
            app.key
        );
        let said = say(app.address, &request).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{path}: {said}");
    }
}

/// A report with `rows` rows of different counts.
fn long(name: &str, rows: u64) -> Vec<u8> {
    let rows: Vec<_> = (1..=rows).map(|count| Row { count, ..PASS }).collect();
    Sample::new(name, "long", &rows).xml()
}

/// Begins an export and reads its head only.
async fn begin_export(app: &TestApp, id: &str, key: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "GET /domains/{id}/dmarc/export?format=ndjson HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = vec![0; 12];
    stream.read_exact(&mut said).await.unwrap();
    (stream, String::from_utf8(said).unwrap())
}

/// SM7 and SH5: what one account does not read, another one does not feel.
#[tokio::test(flavor = "multi_thread")]
async fn exports_that_are_not_read_are_one_accounts_own_trouble() {
    let app = TestApp::start_with(|config| {
        config.exports_max = 3;
        config.exports_per_account_max = 2;
        config.answers_per_account_bytes_max = 1;
    })
    .await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, long("example.com", 25_000)).await;
    let (_, other) = app.stranger().await;
    let body = json!({ "name": "other.example" });
    let theirs = app.send(Ask::new("POST", "/domains").key(&other).json(&body)).await;
    let theirs = theirs.expect(201)["id"].as_str().unwrap().to_owned();

    let (first, said) = begin_export(&app, &id, &app.key).await;
    assert_eq!(said, "HTTP/1.1 200");
    // Until its pieces stay unread.
    let mut answer = app.get("/domains").await;
    for _ in 0..100_000 {
        if answer.status == 429 {
            break;
        }
        answer = app.get("/domains").await;
    }
    answer.refused(429, "rate_limit_exceeded");
    assert!(answer.text().contains("have not been read yet"), "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    for path in [format!("/domains/{theirs}/dmarc/export"), "/domains".to_owned()] {
        assert_eq!(app.send(Ask::new("GET", &path).key(&other)).await.status, 200, "{path}");
    }
    drop(first);
    for _ in 0..100_000 {
        if app.get("/domains").await.status == 200 {
            break;
        }
    }
    app.get("/domains").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_some_of_the_exports_and_not_all() {
    let app = TestApp::start_with(|config| (config.exports_max, config.exports_per_account_max) = (3, 2)).await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, long("example.com", 25_000)).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let (stream, said) = begin_export(&app, &id, &app.key).await;
        assert_eq!(said, "HTTP/1.1 200");
        held.push(stream);
    }
    let refused = app.get(&format!("/domains/{id}/dmarc/export")).await;
    refused.refused(429, "rate_limit_exceeded");
    assert!(refused.text().contains("of this account"), "{}", refused.text());
    let (_, other) = app.stranger().await;
    let body = json!({ "name": "other.example" });
    let theirs = app.send(Ask::new("POST", "/domains").key(&other).json(&body)).await;
    let theirs = theirs.expect(201)["id"].as_str().unwrap().to_owned();
    let ask = Ask::new("GET", &format!("/domains/{theirs}/dmarc/export")).key(&other);
    assert_eq!(app.send(ask).await.status, 200);
}

/// SL2: a key that makes keys makes no requests out of nothing.
#[tokio::test]
async fn all_keys_of_an_account_share_its_rate() {
    let rate = Rate {
        per_second: 1,
        burst: 6,
    };
    let app = TestApp::start_with(|config| config.rate = Some(rate)).await;
    let mut keys = Vec::new();
    for name in ["a", "b"] {
        let body = json!({ "name": name, "permission": "read_only" });
        let made = app.post("/api-keys", &body).await.expect(201);
        keys.push(made["key"].as_str().or(made["secret"].as_str()).unwrap().to_owned());
    }
    for (key, remaining) in keys.iter().cycle().zip(["3", "2", "1", "0"]) {
        let answer = app.send(Ask::new("GET", "/domains").key(key)).await;
        assert_eq!(
            (answer.status, answer.header("x-ratelimit-remaining")),
            (200, Some(remaining))
        );
    }
    for key in keys.iter().chain([&app.key]) {
        app.send(Ask::new("GET", "/domains").key(key))
            .await
            .refused(429, "rate_limit_exceeded");
    }
    let (_, other) = app.stranger().await;
    app.send(Ask::new("GET", "/domains").key(&other)).await.expect(200);
}

/// SL8: the oldest answers are forgotten, an account's own.
#[tokio::test]
async fn kept_answers_are_bounded_for_each_account() {
    let app = TestApp::start_with(|config| config.kept_answers_per_account_bytes_max = 40_000).await;
    let (_, other) = app.stranger().await;
    let post = async |key: &str, name: &str| {
        let ask = Ask::new("POST", "/domains").key(key).header("Idempotency-Key", name);
        app.clock.advance(Duration::from_secs(1));
        let answer = app.send(ask.json(&json!({ "name": format!("{name}.example") }))).await;
        (answer.status, answer.header("idempotent-replayed").is_some())
    };
    assert_eq!(post(&other, "theirs").await, (201, false));
    for nth in 0..60 {
        assert_eq!(post(&app.key, &format!("d{nth}")).await, (201, false));
    }
    assert_eq!(post(&app.key, "d59").await, (201, true), "the newest is there");
    assert_eq!(post(&app.key, "d0").await, (201, false), "the oldest is done again");
    assert_eq!(
        post(&other, "theirs").await,
        (201, true),
        "another account keeps its own"
    );
}

/// SH5: a page of records is bounded in bytes, whatever is in them; what is not listed is counted, and can be fetched.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_records_is_bounded_and_counts_omissions() {
    const PAGE_BYTES: usize = 1024 * 1024;
    for (rows, results, text_bytes) in [(100, 60, 900), (100, 95, 1), (40, 3, 1_000), (100, 1, 1_000)] {
        let app = TestApp::start().await;
        let id = app.add_domain("example.com").await;
        let taken = app.upload(&id, wide(rows, results, text_bytes)).await;
        let report = format!("/domains/{id}/dmarc/reports/{}", taken["reports"][0]["id"]);
        let answer = app.get(&format!("{report}?per_page=100")).await;
        assert!(answer.body.len() <= PAGE_BYTES, "{} bytes", answer.body.len());
        let body = answer.expect(200);
        let records = body["records"].as_array().unwrap();
        assert_eq!((records.len(), &body["pagination"]["next"]), (rows, &Value::Null));
        for (nth, record) in records.iter().enumerate() {
            assert_eq!(record["number"], nth + 1);
            let omitted = |kind: &str| {
                record
                    .pointer(&format!("/omitted/{kind}"))
                    .map_or(0, |n| n.as_u64().unwrap())
            };
            for (kind, of_it) in [("dkim", results + 1), ("reasons", results), ("spf", 1), ("raw", 0)] {
                let listed = record[kind].as_array().unwrap().len() as u64;
                assert_eq!(listed + omitted(kind), of_it as u64, "{kind}");
                assert!(listed > 0 || of_it == 0, "{kind}");
            }
        }
        let whole = app.get(&format!("{report}/records/{rows}")).await.expect(200);
        assert_eq!(whole["dkim"].as_array().unwrap().len(), results + 1);
        assert_eq!((&whole["omitted"], &whole["number"]), (&Value::Null, &json!(rows)));
        for number in ["0", "101", "9223372036854775807", "-1", "x"] {
            app.get(&format!("{report}/records/{number}"))
                .await
                .refused(404, "not_found");
        }
        let source = app
            .get(&format!("/domains/{id}/dmarc/sources/{}?per_page=100", FAIL.source))
            .await;
        assert!(source.body.len() <= PAGE_BYTES, "{} bytes", source.body.len());
        let source = source.expect(200);
        assert_eq!(source["records"][0]["omitted"], records[0]["omitted"]);
        assert_eq!(source["records"][1]["number"], 2);
    }
}
