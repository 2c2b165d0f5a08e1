//! `/domains/{id}/dmarc/failure-reports`, and the switch.

use serde_json::{Value, json};

use super::{SECRETS, fixture, mail};
use crate::http::{Ask, TestApp};

pub async fn keep(app: &TestApp, id: &str, kept: &str) -> Value {
    let ask = Ask::new("PATCH", &format!("/domains/{id}")).key(&app.key);
    app.send(ask.json(&json!({ "failure_reports": kept })))
        .await
        .expect(200)
}

async fn dmarc_record(app: &TestApp, id: &str) -> String {
    let domain = app.get(&format!("/domains/{id}")).await.expect(200);
    let records = domain["dns_records"].as_array().unwrap();
    let record = records.iter().find(|record| record["purpose"] == "dmarc").unwrap();
    record["value"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn ruf_is_offered_only_to_domains_that_read_failure_reports() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    assert_eq!(
        app.get(&format!("/domains/{id}")).await.expect(200)["failure_reports"],
        "off"
    );
    assert!(!dmarc_record(&app, &id).await.contains("ruf"));
    assert_eq!(keep(&app, &id, "redacted").await["failure_reports"], "redacted");
    let record = dmarc_record(&app, &id).await;
    let (rua, ruf) = record.split_once("; ruf=").expect("ruf");
    assert!(rua.ends_with(&format!("rua={ruf}")), "{record}");
    keep(&app, &id, "off").await;
    assert!(!dmarc_record(&app, &id).await.contains("ruf"));
    let ask = Ask::new("PATCH", &format!("/domains/{id}")).key(&app.key);
    let wrong = app.send(ask.json(&json!({ "failure_reports": "all" }))).await;
    wrong.refused(422, "unprocessable_entity");
}

#[tokio::test]
async fn failure_reports_are_listed_without_local_parts() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let off = app.upload(&id, fixture("whole-mail.eml")).await;
    assert_eq!(off["quarantined"][0]["reason"], "failure_report");
    keep(&app, &id, "redacted").await;
    let taken = app.upload(&id, fixture("whole-mail.eml")).await;
    assert_eq!(taken["quarantined"], json!([]));
    let no = &taken["failure_reports"][0]["id"];
    assert_eq!(app.upload(&id, fixture("headers-only.eml")).await["duplicates"], 1);
    app.upload(&id, mail("198.51.100.9", "other")).await;

    let base = format!("/domains/{id}/dmarc/failure-reports");
    let list = app.get(&base).await.expect(200);
    assert_eq!(list["pagination"]["total"], 2);
    let one = app.get(&format!("{base}?source_ip=192.0.2.7")).await.expect(200);
    let row = &one["reports"][0];
    assert_eq!((&row["id"], &row["arrivals"]), (no, &json!(2)));
    assert_eq!(
        (&row["spf"], &row["dkim"], &row["auth_failure"], &row["delivery_result"]),
        (&json!("softfail"), &json!("fail"), &json!("dmarc"), &json!("reject"))
    );
    assert_eq!(row["happened_at"], "2026-03-23T09:35:00.000Z");
    let page = app.get(&format!("{base}?per_page=1")).await.expect(200);
    let next = page["pagination"]["next"].as_str().unwrap();
    let rest = app.get(&format!("{base}?per_page=1&after={next}")).await.expect(200);
    assert_ne!(rest["reports"][0]["id"], page["reports"][0]["id"]);
    for (query, total) in [
        ("from=2026-03-24", 0),
        ("to=2026-03-22", 0),
        ("from=2026-03-23&to=2026-03-23", 2),
    ] {
        let list = app.get(&format!("{base}?{query}")).await.expect(200);
        assert_eq!(list["pagination"]["total"], total, "{query}");
    }
    app.get(&format!("{base}?source_ip=x"))
        .await
        .refused(422, "unprocessable_entity");
    app.get(&format!("{base}/999999")).await.refused(404, "not_found");

    let detail = app.get(&format!("{base}/{no}")).await.expect(200);
    assert_eq!((&detail["header"], &detail["fields"]), (&json!(null), &json!(null)));
    assert_eq!(detail["mail_from"], "bounce.example.com");
    assert_eq!(detail["to"], json!(["victim.example", "other.example"]));
    assert_eq!(detail["list_id"], "friends.lists.example.com");
    assert_eq!(detail["results"][1]["method"], "spf");
    assert_eq!(
        (&detail["results"][1]["copied"], &detail["results"][1]["host"]),
        (&json!(true), &json!("mx.receiver.example"))
    );
    let csv = app.get(&format!("{base}?format=csv")).await;
    let csv = String::from_utf8(csv.body).unwrap();
    assert!(csv.starts_with("id,happened_at,reporter,domain,source_ip"), "{csv}");
    for text in [list.to_string(), detail.to_string(), csv] {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[tokio::test]
async fn header_fields_are_answered_where_they_are_kept() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    keep(&app, &id, "headers").await;
    let no = app.upload(&id, fixture("whole-mail.eml")).await["failure_reports"][0]["id"].clone();
    let path = format!("/domains/{id}/dmarc/failure-reports/{no}");
    let detail = app.get(&path).await.expect(200);
    let header = detail["header"].as_array().unwrap();
    let subject = header.iter().find(|field| field["name"] == "subject").unwrap();
    assert_eq!(subject["value"], "For wanda.vip, from jane.roe");
    assert!(!detail.to_string().contains("PLUGH"));
    // Switched back, they go.
    keep(&app, &id, "redacted").await;
    assert_eq!(app.get(&path).await.expect(200)["header"], json!(null));
}
