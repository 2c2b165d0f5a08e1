//! `POST /tlsrpt/{token}`: TLS reports that anyone posts who knows the address.

use serde_json::{Value, json};
use tallymark::base::clock::Clock;
use tallymark::http::Rate;

use super::sample::gzip;
use super::{Answer, Ask, PASS, Sample, TestApp, tls_report};

/// A report about a domain by its nth reporter.
pub fn report_about(domain: &str, nth: u64) -> String {
    json!({
        "organization-name": format!("Reporter {nth}"),
        "date-range": { "start-datetime": "2026-03-22T00:00:00Z", "end-datetime": "2026-03-22T23:59:59Z" },
        "contact-info": format!("tls@r{nth}.example"),
        "report-id": format!("report-{nth}"),
        "policies": [{
            "policy": { "policy-type": "sts", "policy-string": [], "policy-domain": domain },
            "summary": { "total-successful-session-count": nth, "total-failure-session-count": 0 },
        }],
    })
    .to_string()
}

/// Makes an address for a domain, and gives its path.
pub async fn address(app: &TestApp, domain: &str) -> String {
    let made = app.post(&format!("/domains/{domain}/tls/address"), &json!({})).await;
    made.expect(201)["path"].as_str().unwrap().to_owned()
}

async fn post(app: &TestApp, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    app.send(Ask::new("POST", path).body("application/tlsrpt+json", body))
        .await
}

/// Reports that count, and successful sessions of the first policy.
async fn sums(app: &TestApp, domain: &str) -> (Value, Value) {
    let stats = app.get(&format!("/domains/{domain}/tls/stats")).await.expect(200);
    (
        stats["reports"].clone(),
        stats["policies"][0]["successful_sessions"].clone(),
    )
}

async fn quarantined(app: &TestApp) -> Vec<Value> {
    let list = app.get("/quarantine").await.expect(200);
    list["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_posted_report_counts_once_whatever_it_is_called() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let path = address(&app, &domain).await;
    let plain = report_about("example.com", 7).into_bytes();
    let packed = gzip(&plain);
    let posts = [
        ("application/tlsrpt+json", &plain, None),
        ("application/tlsrpt+gzip", &packed, None),
        // Mislabelled.
        ("application/tlsrpt+gzip", &plain, None),
        ("application/tlsrpt+json", &packed, None),
        ("application/octet-stream", &plain, None),
        ("text/plain; charset=x", &packed, None),
        ("application/tlsrpt+json", &packed, Some("gzip")),
        ("application/tlsrpt+json", &plain, Some("identity")),
    ];
    for (media_type, body, encoding) in posts {
        let mut ask = Ask::new("POST", &path).body(media_type, body.clone());
        ask.headers
            .extend(encoding.map(|encoding| ("Content-Encoding".to_owned(), encoding.to_owned())));
        assert_eq!(
            app.send(ask).await.expect(201),
            json!({ "success": true }),
            "{media_type}"
        );
        assert_eq!(sums(&app, &domain).await, (json!(1), json!(7)), "{media_type}");
    }
    let mut untyped = Ask::new("POST", &path).body("x", plain.clone());
    untyped.headers.clear();
    app.send(untyped).await.expect(201);
    let list = app.get(&format!("/domains/{domain}/tls/reports")).await.expect(200);
    assert_eq!(list["reports"][0]["arrivals"], posts.len() + 1);
    assert_eq!(list["reports"][0]["authenticated"], "unknown");
    // What cannot be a report is not read at all.
    let form = Ask::new("POST", &path).body("multipart/form-data; boundary=x", plain.clone());
    app.send(form).await.refused(415, "unsupported_media_type");
    let brotli = Ask::new("POST", &path)
        .header("Content-Encoding", "br")
        .body("application/tlsrpt+json", plain);
    app.send(brotli).await.refused(415, "unsupported_media_type");
    app.send(Ask::new("POST", &path)).await.refused(400, "invalid_request");
    assert_eq!(quarantined(&app).await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_owner_makes_replaces_and_removes_the_address() {
    let app = TestApp::start_with(|config| {
        config.public_url = "https://tally.example/".to_owned().try_into().unwrap();
    })
    .await;
    let domain = app.add_domain("example.com").await;
    let own = format!("/domains/{domain}/tls/address");
    let none = app.get(&own).await.expect(200);
    assert_eq!(
        (&none["created_at"], &none["record_name"]),
        (&json!(null), &json!("_smtp._tls.example.com"))
    );
    let mail = none["record_value"].as_str().unwrap().to_owned();
    let mail = mail.strip_prefix("v=TLSRPTv1; rua=").unwrap();
    assert!(
        mail.starts_with("mailto:") && mail.ends_with("@rua.tally.example"),
        "{mail}"
    );

    let made = app.post(&own, &json!({})).await.expect(201);
    let path = made["path"].as_str().unwrap();
    let rua = format!("https://tally.example{path}");
    assert_eq!(made["rua"], rua);
    assert_eq!(made["record_value"], format!("v=TLSRPTv1; rua={rua},{mail}"));
    assert!(app.get(&own).await.expect(200)["created_at"].is_string());
    post(&app, path, report_about("example.com", 1)).await.expect(201);

    let second = address(&app, &domain).await;
    assert_ne!(second, path);
    post(&app, path, report_about("example.com", 2))
        .await
        .refused(404, "not_found");
    post(&app, &second, report_about("example.com", 2)).await.expect(201);
    app.delete(&own).await.expect(200);
    app.delete(&own).await.expect(200);
    post(&app, &second, report_about("example.com", 3))
        .await
        .refused(404, "not_found");
    assert_eq!(app.get(&own).await.expect(200)["created_at"], json!(null));
    assert_eq!(sums(&app, &domain).await, (json!(2), json!(3)));

    let last = address(&app, &domain).await;
    app.delete(&format!("/domains/{domain}")).await.expect(200);
    post(&app, &last, report_about("example.com", 4))
        .await
        .refused(404, "not_found");
    // Nothing in the database shows a token.
    let bytes = std::fs::read(app.folder.path().join("tallymark.sqlite-wal")).unwrap();
    for path in [path, &second, &last] {
        let token = path.strip_prefix("/tlsrpt/").unwrap().as_bytes();
        assert_eq!(token.len(), 40);
        assert!(!bytes.windows(40).any(|window| window == token));
    }
}

#[tokio::test]
async fn an_aggregate_report_is_not_taken_where_anyone_can_post() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let path = address(&app, &domain).await;
    let forged = Sample::new("example.com", "forged", &[PASS]).xml();
    for body in [
        forged.clone(),
        gzip(&forged),
        super::sample::mail(&forged),
        super::sample::zip(&forged),
    ] {
        post(&app, &path, body).await.refused(400, "invalid_request");
    }
    let kept = quarantined(&app).await;
    assert_eq!(kept.len(), 4);
    let reports = format!("/domains/{domain}/dmarc/reports");
    for message in &kept {
        assert_eq!(
            (&message["kind"], &message["reason"]),
            (&json!("quarantined"), &json!("not_tls_report"))
        );
        // The owner who reads it again reads no more in it.
        app.post(&format!("/quarantine/{}/replay", message["id"]), &json!({}))
            .await
            .expect(200);
    }
    assert_eq!(app.get(&reports).await.expect(200)["pagination"]["total"], 0);
    // The control: the same bytes from the owner count.
    app.upload(&domain, forged).await;
    assert_eq!(app.get(&reports).await.expect(200)["pagination"]["total"], 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_with_its_reason_and_told() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let path = address(&app, &domain).await;
    for (body, reason) in [
        (&b"{\"policies\": [], \"date-range\": "[..], "malformed_json"),
        (b"\x1f\x8b\x08 no gzip", "archive_damaged"),
        (b"hello", "not_a_report"),
        (b"{}", "not_a_report"),
    ] {
        let answer = post(&app, &path, body).await;
        answer.refused(400, "invalid_request");
        assert!(answer.text().contains(reason), "{}", answer.text());
        // Again, it is kept once.
        post(&app, &path, body).await.refused(400, "invalid_request");
        let kept = quarantined(&app).await;
        assert_eq!(
            (&kept[0]["reason"], &kept[0]["arrivals"]),
            (&json!(reason), &json!(2)),
            "{kept:?}"
        );
        assert_eq!(kept[0]["origin"], "posted by 127.0.0.1");
    }
    assert_eq!(quarantined(&app).await.len(), 4);
}

#[tokio::test]
async fn a_report_about_a_domain_of_others_waits_and_counts_for_nobody_else() {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let path = address(&app, &domain).await;
    let (_, stranger) = app.stranger().await;
    let theirs = Ask::new("POST", "/domains")
        .key(&stranger)
        .json(&json!({ "name": "other.example" }));
    let theirs = app.send(theirs).await.expect(201)["id"].as_str().unwrap().to_owned();
    post(&app, &path, report_about("other.example", 5)).await.expect(201);
    let stats = Ask::new("GET", &format!("/domains/{theirs}/tls/stats")).key(&stranger);
    assert_eq!(app.send(stats).await.expect(200)["reports"], 0);
    assert_eq!(sums(&app, &domain).await.0, json!(0));
    let waiting = app.get("/quarantine?kind=unclaimed").await.expect(200);
    assert_eq!(waiting["messages"][0]["policy_domain"], "other.example");
    // Another domain of the account that the address belongs to has its own reports.
    let own = app.add_domain("other.example").await;
    assert_eq!(sums(&app, &own).await, (json!(1), json!(5)));
    // One about the receiving host alone is about the domain that was posted to.
    post(&app, &path, tls_report()).await.expect(201);
    assert_eq!(sums(&app, &domain).await.0, json!(1));
}

#[tokio::test]
async fn peers_and_addresses_have_rates_and_reports_a_size() {
    let rate = |burst| Some(Rate { per_second: 1, burst });
    let app = TestApp::start_with(|config| {
        config.post_rate = rate(3);
        config.post_bytes_max = 2_000;
    })
    .await;
    let domain = app.add_domain("example.com").await;
    let path = address(&app, &domain).await;
    post(&app, &path, report_about("example.com", 1)).await.expect(201);
    let large = format!("{}{}", report_about("example.com", 1), " ".repeat(2_000));
    post(&app, &path, large).await.refused(413, "payload_too_large");
    // A peer that guesses uses up its own rate.
    post(&app, "/tlsrpt/0", "").await.refused(404, "not_found");
    for path in [&path, "/tlsrpt/0"] {
        let answer = post(&app, path, report_about("example.com", 2)).await;
        answer.refused(429, "rate_limit_exceeded");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    app.clock.advance(std::time::Duration::from_secs(1));
    post(&app, &path, report_about("example.com", 2)).await.expect(201);
    // Keys have rates of their own.
    assert_eq!(sums(&app, &domain).await, (json!(2), json!(3)));
}

/// Whatever the form of a token, and however much of a good one it has, the answer is the same.
#[tokio::test]
async fn a_token_cannot_be_found_bit_by_bit() {
    let app = TestApp::start_with(|config| config.post_rate = None).await;
    let domain = app.add_domain("example.com").await;
    let path = address(&app, &domain).await;
    let mut almost = path.clone().into_bytes();
    let last = almost.last_mut().unwrap();
    *last = if *last == b'0' { b'1' } else { b'0' };
    let almost = String::from_utf8(almost).unwrap();
    let wrong = [
        almost,
        format!("/tlsrpt/{}", "0".repeat(40)),
        format!("{path}0"),
        path.to_uppercase(),
    ];
    let wrong: Vec<_> = wrong
        .into_iter()
        .map(|path| path.replace("/TLSRPT/", "/tlsrpt/"))
        .collect();
    let clock = Clock::system();
    let mut times = vec![Vec::new(); wrong.len()];
    let mut answers = Vec::new();
    for nth in 0..400 {
        let began = clock.monotonic();
        let answer = post(&app, &wrong[nth % wrong.len()], "{}").await;
        times[nth % wrong.len()].push(clock.monotonic() - began);
        answer.refused(404, "not_found");
        let headers = answer
            .headers
            .iter()
            .filter(|(name, _)| !["x-request-id", "date"].contains(&&**name));
        answers.push((headers.cloned().collect::<Vec<_>>(), answer.body.clone()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // Over a network nothing finer could be told apart. This only finds a path that is another one altogether.
    let medians = times.iter_mut().map(|times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    let medians: Vec<_> = medians.collect();
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*most < *least * 3, "{medians:?}");
    post(&app, &path, report_about("example.com", 1)).await.expect(201);
}
