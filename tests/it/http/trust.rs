//! Which reports count, and deciding it.

use serde_json::{Value, json};
use tallymark::base::Permission;

use super::sample::BEGIN;
use super::{Ask, FAIL, PASS, Row, Sample, TestApp};

/// An app with a domain and reports about this many messages, each of a day of its own.
async fn app(counts: &[u64]) -> (TestApp, String, Vec<String>) {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    let mut ids = Vec::new();
    for (nth, &count) in counts.iter().enumerate() {
        let mut sample = Sample::new("example.com", &format!("r{nth}"), &[Row { count, ..PASS }, FAIL]);
        sample.begin = BEGIN - nth as i64 * 86_400;
        let taken = app.upload(&domain, sample.xml()).await;
        ids.push(taken["reports"][0]["id"].to_string());
    }
    (app, domain, ids)
}

/// The domain's messages; all that says them says the same, and recounting agrees.
async fn total(app: &TestApp, domain: &str) -> u64 {
    let stats = app
        .get(&format!("/domains/{domain}/dmarc/stats?days=30"))
        .await
        .expect(200);
    let list = app.get(&format!("/domains/{domain}/dmarc/reports")).await.expect(200);
    let reports = list["reports"].as_array().unwrap();
    assert!(
        reports
            .iter()
            .all(|report| report["status"] == "counted" && report["counted"] == true)
    );
    let sum: u64 = reports
        .iter()
        .map(|report| report["total_count"].as_u64().unwrap())
        .sum();
    assert_eq!(stats["total_messages"], sum);
    assert_eq!(app.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
    sum
}

async fn listed(app: &TestApp, domain: &str, status: &str) -> Vec<Value> {
    let path = format!("/domains/{domain}/dmarc/reports?status={status}");
    let list = app.get(&path).await.expect(200);
    let rows = list["reports"].as_array().unwrap().clone();
    assert_eq!(list["pagination"]["total"], rows.len());
    rows
}

#[tokio::test]
async fn a_report_is_discounted_and_counted_again_with_who_and_why() {
    let (app, domain, ids) = app(&[10, 20]).await;
    assert_eq!(total(&app, &domain).await, 36);
    let path = |id: &str, action: &str| format!("/domains/{domain}/dmarc/reports/{id}/{action}");
    let discounted = app
        .post(&path(&ids[0], "discount"), &json!({ "why": "forged <b>" }))
        .await
        .expect(200);
    assert_eq!(
        (&discounted["status"], &discounted["counted"]),
        (&json!("discounted"), &json!(false))
    );
    assert_eq!(total(&app, &domain).await, 23);
    assert_eq!(listed(&app, &domain, "discounted").await[0]["id"].to_string(), ids[0]);
    let report = app
        .get(&format!("/domains/{domain}/dmarc/reports/{}", ids[0]))
        .await
        .expect(200);
    let entry = &report["history"][0];
    assert_eq!(
        (&entry["action"], &entry["why"]),
        (&json!("discounted"), &json!("forged <b>"))
    );
    assert!(entry["by"].as_str().unwrap().starts_with("key "), "{entry}");
    assert_eq!(entry["at"], "2026-03-23T10:00:00.000Z");
    // A reason is not needed, nor a body.
    let bare = Ask::new("POST", &path(&ids[0], "count"))
        .key(&app.key)
        .body("application/json", "");
    assert_eq!(app.send(bare).await.expect(200)["status"], "counted");
    assert_eq!(total(&app, &domain).await, 36);
    for (body, expect) in [
        (json!({ "why": "" }), 422),
        (json!({ "why": "x".repeat(201) }), 422),
        (json!({ "why": "a\u{0}b" }), 422),
        (json!({ "because": "x" }), 422),
        (json!([]), 400),
    ] {
        assert_eq!(
            app.post(&path(&ids[0], "discount"), &body).await.status,
            expect,
            "{body}"
        );
    }
    assert_eq!(total(&app, &domain).await, 36);
}

#[tokio::test]
async fn only_the_owner_with_a_key_that_writes_decides() {
    let (app, domain, ids) = app(&[10]).await;
    let (_, stranger) = app.stranger().await;
    let other = app.add_domain("example.net").await;
    let reader = app.key(Permission::ReadOnly, None).await;
    let report = format!("/domains/{domain}/dmarc/reports/{}", ids[0]);
    let paths = [
        ("POST", format!("{report}/discount"), json!({})),
        ("POST", format!("{report}/count"), json!({})),
        (
            "PATCH",
            format!("/domains/{domain}/dmarc/trust"),
            json!({ "report_messages_max": 1 }),
        ),
        (
            "POST",
            format!("/domains/{domain}/dmarc/reporters/accept"),
            json!({ "reporter": "x" }),
        ),
        (
            "POST",
            format!("/domains/{domain}/dmarc/reporters/withdraw"),
            json!({ "reporter": "x" }),
        ),
    ];
    for (method, path, body) in &paths {
        for (key, expect) in [(&stranger, 404), (&reader, 403)] {
            let answer = app.send(Ask::new(method, path).key(key).json(body)).await;
            assert_eq!(answer.status, expect, "{method} {path}");
        }
    }
    // A report of one domain is not one of another's, also of the same account.
    for action in ["discount", "count"] {
        let path = format!("/domains/{other}/dmarc/reports/{}/{action}", ids[0]);
        assert_eq!(app.post(&path, &json!({})).await.status, 404);
    }
    assert_eq!(total(&app, &domain).await, 13);
    let trust = app.get(&format!("/domains/{domain}/dmarc/trust")).await.expect(200);
    assert_eq!(
        trust,
        json!({ "report_messages_max": null, "accepted_reporters": [], "held_reports": 0 })
    );
}

#[tokio::test]
async fn a_report_beyond_the_limit_is_held_and_seen() {
    let (app, domain, _) = app(&[10]).await;
    let trust = format!("/domains/{domain}/dmarc/trust");
    let patch = |body: Value| app.send(Ask::new("PATCH", &trust).key(&app.key).json(&body));
    for wrong in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("many"),
        json!(1_000_000_000_001_u64),
        json!([]),
    ] {
        let answer = patch(json!({ "report_messages_max": wrong })).await;
        assert_eq!(answer.status, 422, "{wrong}");
    }
    assert_eq!(
        patch(json!({ "report_messages_max": 50 })).await.expect(200)["report_messages_max"],
        50
    );
    assert_eq!(patch(json!({})).await.expect(200)["report_messages_max"], 50);
    let mut sample = Sample::new("example.com", "huge", &[Row { count: 51, ..PASS }]);
    sample.begin -= 86_400;
    let taken = app.upload(&domain, sample.xml()).await;
    let report = &taken["reports"][0];
    assert_eq!(
        (&report["outcome"], &report["status"]),
        (&json!("held"), &json!("held"))
    );
    assert_eq!(report["held_because"], "implausible");
    assert_eq!(report["reporter"], "google.com");
    assert_eq!(total(&app, &domain).await, 13);
    let held = listed(&app, &domain, "held").await;
    assert_eq!((held.len(), &held[0]["id"]), (1, &report["id"]));
    let filtered = app
        .get(&format!("/domains/{domain}/dmarc/reports?status=held&org=nobody"))
        .await;
    assert_eq!(filtered.expect(200)["pagination"]["total"], 0);
    assert_eq!(
        app.get(&format!("/domains/{domain}/dmarc/reports?status=lost"))
            .await
            .status,
        422
    );
    // It waits for its owner.
    let attention = app.get("/attention").await.expect(200);
    assert_eq!(attention["totals"]["reports_held"], 1);
    let item = attention["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["kind"] == "reports_held");
    assert_eq!(
        (&item.unwrap()["domain_id"], &item.unwrap()["count"]),
        (&json!(domain), &json!(1))
    );
    assert_eq!(
        app.get("/attention?kind=reports_held").await.expect(200)["pagination"]["total"],
        1
    );
    assert_eq!(app.get(&trust).await.expect(200)["held_reports"], 1);
    let path = format!("/domains/{domain}/dmarc/reports/{}/count", report["id"]);
    assert_eq!(app.post(&path, &json!({})).await.expect(200)["status"], "counted");
    assert_eq!(total(&app, &domain).await, 13 + 51);
    assert_eq!(app.get("/attention").await.expect(200)["totals"]["reports_held"], 0);
    assert_eq!(
        patch(json!({ "report_messages_max": null })).await.expect(200)["report_messages_max"],
        json!(null)
    );
}

#[tokio::test]
async fn a_reporter_is_accepted_and_withdrawn() {
    let (app, domain, _) = app(&[10]).await;
    let post = async |action: &str, body: Value| {
        app.post(&format!("/domains/{domain}/dmarc/reporters/{action}"), &body)
            .await
    };
    for wrong in [
        json!({}),
        json!({ "reporter": "" }),
        json!({ "reporter": 7 }),
        json!({ "reporter": "x".repeat(513) }),
    ] {
        assert_eq!(post("accept", wrong.clone()).await.status, 422, "{wrong}");
    }
    let answer = post("accept", json!({ "reporter": "Google.com", "why": "known" }))
        .await
        .expect(200);
    assert_eq!((&answer["released"], &answer["more"]), (&json!(0), &json!(false)));
    let accepted = &answer["trust"]["accepted_reporters"][0];
    assert_eq!(
        (&accepted["reporter"], &accepted["why"]),
        (&json!("google.com"), &json!("known"))
    );
    // Again it is the same one.
    let answer = post("accept", json!({ "reporter": "google.com" })).await.expect(200);
    assert_eq!(answer["trust"]["accepted_reporters"].as_array().unwrap().len(), 1);
    let trust = post("withdraw", json!({ "reporter": "google.com" })).await.expect(200);
    assert_eq!(trust["accepted_reporters"], json!([]));
    assert_eq!(post("withdraw", json!({ "reporter": "google.com" })).await.status, 404);
}
