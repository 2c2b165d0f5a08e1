//! Rules, from reports that are uploaded to what a webhook is told.

use std::time::Duration;

use serde_json::{Value, json};
use tallymark::base::Day;
use tallymark::enrich::{LiveTables, NamesFiles};
use tallymark::insight::{Applied, apply_rules};

use crate::http::{FAIL, NOW, PASS, Row, Sample, TestApp};

pub const DAY: Duration = Duration::from_secs(86_400);

/// An app with a domain whose only sender has a name, and a webhook that wants everything.
pub async fn app() -> (TestApp, String) {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let named = json!({ "kind": "network", "subject": "198.51.100.0/24", "name": "Shop" });
    app.post(&format!("/domains/{id}/dmarc/decisions"), &named)
        .await
        .expect(200);
    let hook = json!({ "url": "https://hooks.example/", "events": ["*"] });
    app.post("/webhooks", &hook).await.expect(201);
    (app, id)
}

/// A report about yesterday, which comes now.
pub async fn report(app: &TestApp, id: &str, rows: &[Row]) {
    let yesterday = Day::from_unix(app.clock.now() / 1_000).plus(-1);
    let mut sample = Sample::new("example.com", &yesterday.to_string(), rows);
    sample.begin = yesterday.begin();
    app.upload(id, sample.xml()).await;
}

pub async fn apply(app: &TestApp) -> Applied {
    let tables = LiveTables::new(NamesFiles::default());
    Box::pin(apply_rules(&app.store, &tables.current(), app.clock.now()))
        .await
        .unwrap()
}

/// The events of these kinds that wait for the webhook, the oldest first.
pub async fn told(app: &TestApp, kinds: &str) -> Vec<Value> {
    let hooks = app.get("/webhooks").await.expect(200);
    let path = format!("/webhooks/{}/deliveries?per_page=100", hooks["webhooks"][0]["id"]);
    let list = app.get(&path).await.expect(200);
    let payloads = list["deliveries"].as_array().unwrap().iter().rev();
    let payloads = payloads.map(|delivery| delivery["payload"].clone());
    payloads
        .filter(|event| event["type"].as_str().unwrap().starts_with(kinds))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_breaks_is_told_once_and_so_is_its_recovery() {
    let (app, id) = app().await;
    let many = Row { count: 60, ..PASS };
    let broken = Row {
        source: PASS.source,
        count: 60,
        ..FAIL
    };
    for day in 0..26 {
        report(&app, &id, &[if (20..23).contains(&day) { broken } else { many }]).await;
        apply(&app).await;
        // Nothing new: nothing is judged, and nothing is told again.
        assert_eq!(apply(&app).await, Applied::default());
        app.clock.advance(DAY);
    }
    let told = told(&app, "dmarc.service").await;
    let kinds: Vec<_> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["dmarc.service.broken", "dmarc.service.recovered"], "{told:?}");
    let broken_on = Day::from_unix(NOW / 1_000).plus(19).to_string();
    let data = &told[0]["data"];
    assert_eq!(
        (&data["domain_id"], &data["domain"], &data["service"], &data["since"]),
        (&json!(id), &json!("example.com"), &json!("Shop"), &json!(broken_on))
    );
    assert_eq!(told[1]["data"]["failed_since"], json!(broken_on));
    // The domain takes its findings along.
    let domain = app.store.all_domains().await.unwrap()[0];
    assert!(!app.store.findings(domain).await.unwrap().is_empty());
    app.delete(&format!("/domains/{id}")).await;
    assert!(app.store.findings(domain).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_policy_is_told_once() {
    let (app, id) = app().await;
    for policy in ["none", "none", "reject", "reject"] {
        let yesterday = Day::from_unix(app.clock.now() / 1_000).plus(-1);
        let mut sample = Sample::new("example.com", &yesterday.to_string(), &[PASS]);
        sample.begin = yesterday.begin();
        let xml = String::from_utf8(sample.xml()).unwrap();
        let (before, after) = xml.split_once("<p>").unwrap();
        let (_, after) = after.split_once("</p>").unwrap();
        app.upload(&id, format!("{before}<p>{policy}</p>{after}")).await;
        apply(&app).await;
        app.clock.advance(DAY);
    }
    let told = told(&app, "dmarc.policy").await;
    assert_eq!(told.len(), 1, "{told:?}");
    let data = &told[0]["data"];
    assert_eq!(
        (&data["policy"]["p"], &data["previous_policy"]["p"]),
        (&json!("reject"), &json!("none"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_is_told_once_per_day_and_says_when_nothing_is_to_do() {
    let (app, id) = app().await;
    report(&app, &id, &[Row { count: 60, ..PASS }]).await;
    assert_eq!(apply(&app).await.summaries, 1);
    assert_eq!(apply(&app).await.summaries, 0);
    // Too early on the next day: most reports have not come.
    app.clock.advance(Duration::from_secs(15 * 3_600));
    assert_eq!(apply(&app).await.summaries, 0);
    app.clock.advance(Duration::from_secs(9 * 3_600));
    assert_eq!(apply(&app).await.summaries, 1);
    let told = told(&app, "dmarc.summary").await;
    assert_eq!(told.len(), 2);
    let data = &told[0]["data"];
    assert_eq!(
        (&data["day"], &data["message_count"]),
        (&json!("2026-03-22"), &json!(60))
    );
    // The domain is not verified.
    assert_eq!(
        (&data["nothing_to_do"], &data["attention_totals"]["records_missing"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(data["attention"][0]["kind"], "records_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn stats_say_how_complete_a_day_is_and_who_is_missing() {
    let (app, id) = app().await;
    for _ in 0..30 {
        report(&app, &id, &[PASS]).await;
        app.clock.advance(DAY);
    }
    // Yesterday's report has not come.
    let stats = app
        .get(&format!("/domains/{id}/dmarc/stats?days=20&include=completeness"))
        .await
        .expect(200);
    let days = stats["daily_stats"].as_array().unwrap();
    assert_eq!(
        (&days[0]["completeness"], &days[17]["completeness"]),
        (&json!(1.0), &json!(1.0))
    );
    assert_eq!(days[17].get("missing"), None);
    assert_eq!(days[18]["completeness"], 0.0);
    assert_eq!(days[18]["missing"], json!([{ "reporter": "google.com", "share": 1.0 }]));
    // With it the day is complete.
    report(&app, &id, &[PASS]).await;
    let stats = app
        .get(&format!("/domains/{id}/dmarc/stats?days=20&include=completeness"))
        .await
        .expect(200);
    assert_eq!(stats["daily_stats"][18]["completeness"], 1.0);
    // Without being asked for, it is left out.
    let plain = app.get(&format!("/domains/{id}/dmarc/stats?days=20")).await.expect(200);
    let overview = app.get("/overview").await.expect(200);
    for days in [&plain["daily_stats"], &overview["domains"][0]["daily_stats"]] {
        assert_eq!(days[0].as_object().unwrap().len(), 3, "{days}");
    }
}
