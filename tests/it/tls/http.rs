//! `/domains/{id}/tls/`: what is answered about TLS reports, and that they are told of.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::http::{Ask, TestApp};

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn upload(app: &TestApp, id: &str, name: &str) -> Value {
    let path = format!("/domains/{id}/dmarc/reports");
    let media_type = if name.ends_with(".json") {
        "application/tlsrpt+json"
    } else {
        "message/rfc822"
    };
    let ask = Ask::new("POST", &path).key(&app.key).body(media_type, fixture(name));
    app.send(ask).await.expect(201)
}

/// An app with a report that came twice, and one that contradicts it.
async fn app_with_reports() -> (TestApp, String) {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let taken = upload(&app, &id, "two-policies.json").await;
    let new = &taken["tls_reports"][0];
    assert_eq!(
        (&new["outcome"], &new["domain_name"]),
        (&json!("stored"), &json!("example.com"))
    );
    assert_eq!(
        (new["policy_count"].as_u64(), new["failing_count"].as_u64()),
        (Some(2), Some(2))
    );
    assert_eq!(upload(&app, &id, "two-policies.json").await["duplicates"], 1);
    // Without failures, by mail, and contradicting the first.
    let other = upload(&app, &id, "success.json").await;
    assert_eq!(other["tls_reports"][0]["outcome"], "conflict");
    (app, id)
}

#[tokio::test]
async fn uploaded_tls_report_is_listed() {
    let (app, id) = app_with_reports().await;
    let broken = upload(&app, &id, "hostile-cut.json").await;
    assert_eq!(broken["quarantined"][0]["reason"], "malformed_json");

    let base = format!("/domains/{id}/tls");
    let list = app.get(&format!("{base}/reports")).await.expect(200);
    assert_eq!(list["pagination"]["total"], 1);
    let report = &list["reports"][0];
    assert_eq!(report["org_name"], "Reporter Example");
    assert_eq!((&report["arrivals"], &report["status"]), (&json!(2), &json!("counted")));
    let lost = app.get(&format!("{base}/reports?status=not_counted")).await.expect(200);
    assert_eq!(lost["reports"][0]["status"], "conflict");
    let none = app
        .get(&format!("{base}/reports?status=not_counted&result=fail"))
        .await
        .expect(200);
    assert_eq!(none["reports"], json!([]));
    app.get(&format!("{base}/reports?status=some"))
        .await
        .refused(422, "unprocessable_entity");

    let one = app.get(&format!("{base}/reports/{}", report["id"])).await.expect(200);
    assert_eq!(one["policies"][0]["policy_type"], "sts");
    assert_eq!(one["policies"][0]["failures"][0]["receiving_mx"], "mx1.example.com");
    assert_eq!(one["policies"][1]["policy_domain"], "mx.example.com");
    assert_eq!(one["conflicts"].as_array().map(Vec::len), Some(1));
    let original = app.get(&format!("{base}/reports/{}/original", report["id"])).await;
    assert_eq!(original.body, fixture("two-policies.json"));
    app.get(&format!("{base}/reports/999999"))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn uploaded_tls_report_is_summed() {
    let (app, id) = app_with_reports().await;
    let base = format!("/domains/{id}/tls");
    let stats = app.get(&format!("{base}/stats")).await.expect(200);
    assert_eq!(stats["reports"], 1);
    // Never added: the same sessions may be in both.
    let sums = |nth: usize| {
        let of = &stats["policies"][nth];
        (
            of["policy_type"].clone(),
            of["successful_sessions"].clone(),
            of["failed_sessions"].clone(),
        )
    };
    assert_eq!(sums(0), (json!("sts"), json!(5_326), json!(303)));
    assert_eq!(sums(1), (json!("tlsa"), json!(5_626), json!(3)));
    assert_eq!(stats["daily_stats"][0]["date"], "2026-03-23");
    assert_eq!(stats["pagination"]["total"], 2);

    let failures = app.get(&format!("{base}/failures")).await.expect(200);
    let first = &failures["failures"][0];
    assert_eq!(
        (&first["result_type"], &first["sessions"]),
        (&json!("certificate-expired"), &json!(100))
    );
    assert_eq!(first["sending_mta_ip"], "2001:db8::1");
    let by_type = app.get(&format!("{base}/failures?group=result_type")).await.expect(200);
    assert_eq!(by_type["failures"][1]["result_type"], "sts-policy-fetch-error");
    assert_eq!(by_type["failures"][1]["sessions"], 6);
    assert_eq!(by_type["failures"][1]["policy_type"], json!(null));
    let csv = app.get(&format!("{base}/failures?format=csv")).await;
    let csv = String::from_utf8(csv.body).unwrap();
    assert!(
        csv.starts_with("policy_type,result_type,receiving_mx,sending_mta_ip,sessions"),
        "{csv}"
    );
    // The figures of aggregate reports have nothing of it.
    let dmarc = app.get(&format!("/domains/{id}/dmarc/stats")).await.expect(200);
    assert_eq!((&dmarc["total_messages"], &dmarc["reports"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn webhook_is_told_of_tls_failures_only() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let body = json!({ "url": "http://127.0.0.1:9/", "events": ["tls.failure"] });
    let webhook = app.post("/webhooks", &body).await.expect(201)["id"].clone();
    upload(&app, &id, "no-policy-found.json").await;
    upload(&app, &id, "15-week.json").await;
    upload(&app, &id, "15-week.json").await;
    let path = format!("/webhooks/{webhook}/deliveries");
    let deliveries = app.get(&path).await.expect(200);
    let deliveries = deliveries["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    let event = &deliveries[0]["payload"];
    assert_eq!(
        (&event["type"], &event["data"]["domain"]),
        (&json!("tls.failure"), &json!("example.com"))
    );
    let policy = &event["data"]["policies"][0];
    assert_eq!(
        (&policy["policy_type"], &policy["failed_sessions"]),
        (&json!("sts"), &json!(70))
    );
    assert_eq!(policy["failures"][0]["result_type"], "certificate-expired");
}

#[tokio::test]
async fn tls_report_by_mail_is_counted_for_its_domain() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    for name in ["mail-gzip.eml", "24-octets.eml", "mail-json.eml"] {
        upload(&app, &id, name).await;
    }
    // The same report, however it is packed.
    let list = app.get(&format!("/domains/{id}/tls/reports")).await.expect(200);
    assert_eq!(list["pagination"]["total"], 1);
    assert_eq!(list["reports"][0]["arrivals"], 3);
    // It names only the receiving host, and the header of its mail names the domain.
    let other = upload(&app, &id, "10-domain-of-the-header.eml").await;
    let other = &other["tls_reports"][0];
    assert_eq!(
        (&other["domain"], &other["outcome"]),
        (&json!("example.com"), &json!("conflict"))
    );
}
