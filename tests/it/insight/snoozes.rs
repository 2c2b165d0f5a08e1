//! Snoozes and lists of findings, from reports that are uploaded to what a webhook is told.

use std::time::Duration;

use serde_json::{Value, json};
use tallymark::base::clock::format_instant;

use super::rules::{DAY, app, apply, report, told};
use crate::http::{Answer, Ask, FAIL, PASS, Row, TestApp};

const MANY: Row = Row { count: 60, ..PASS };
const BROKEN: Row = Row {
    source: PASS.source,
    count: 60,
    ..FAIL
};

/// Twenty good days, and one on which the only service fails. It was told of.
async fn broken() -> (TestApp, String) {
    let (app, id) = app().await;
    // What it fails with is theirs to fix.
    let ours = json!({ "kind": "network", "subject": "198.51.100.0/24", "name": "Shop", "decision": "ours" });
    app.post(&format!("/domains/{id}/dmarc/decisions"), &ours)
        .await
        .expect(200);
    for day in 0..21 {
        report(&app, &id, &[if day == 20 { BROKEN } else { MANY }]).await;
        apply(&app).await;
        app.clock.advance(DAY);
    }
    assert_eq!(kinds(&app).await, ["dmarc.service.broken"]);
    (app, id)
}

async fn day(app: &TestApp, id: &str, row: Row) {
    report(app, id, &[row]).await;
    apply(app).await;
    app.clock.advance(DAY);
}

async fn kinds(app: &TestApp) -> Vec<String> {
    let told = told(app, "dmarc.service").await;
    told.iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

async fn findings(app: &TestApp, query: &str) -> Vec<Value> {
    let list = app.get(&format!("/findings{query}")).await.expect(200);
    list["findings"].as_array().unwrap().clone()
}

async fn snooze(app: &TestApp, finding: &Value, body: &Value) -> Answer {
    let path = format!("/findings/{}/snooze", finding["id"].as_str().unwrap());
    app.send(Ask::new("PUT", &path).key(&app.key).json(body)).await
}

fn after(app: &TestApp, time: Duration) -> String {
    format_instant(app.clock.now() + i64::try_from(time.as_millis()).unwrap())
}

/// How many services `/attention` says fail, and the open findings of the last summary.
async fn shown(app: &TestApp) -> (u64, u64) {
    let attention = app.get("/attention").await.expect(200);
    let summaries = told(app, "dmarc.summary").await;
    let last = &summaries.last().unwrap()["data"];
    let to_fix = attention["totals"]["to_fix"].as_u64().unwrap();
    assert_eq!(last["attention_totals"]["to_fix"], to_fix);
    (to_fix, last["findings_total"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_after_a_snooze_is_told_once_and_before_it_nothing() {
    let (app, id) = broken().await;
    day(&app, &id, BROKEN).await;
    assert_eq!(shown(&app).await, (1, 1), "the control");
    let found = &findings(&app, "").await[0];
    let until = after(&app, 3 * DAY - Duration::from_secs(3_600));
    let body = json!({ "until": until, "note": "The vendor is on it" });
    let snoozed = snooze(&app, found, &body).await.expect(200);
    assert_eq!(
        (&snoozed["state"], &snoozed["snooze"]["until"]),
        (&json!("snoozed"), &json!(until))
    );
    assert_eq!(snoozed["snooze"]["note"], "The vendor is on it");
    assert!(snoozed["snooze"]["by"].as_str().unwrap().starts_with("key "));
    for _ in 0..2 {
        day(&app, &id, BROKEN).await;
        assert_eq!(shown(&app).await, (0, 0));
    }
    assert_eq!(findings(&app, "?state=open").await, Vec::<Value>::new());
    assert_eq!(findings(&app, "?state=snoozed").await.len(), 1);
    assert_eq!(kinds(&app).await.len(), 1);
    // On the third day it is over, an hour before the end: not told before, and then without new reports.
    report(&app, &id, &[BROKEN]).await;
    apply(&app).await;
    app.clock.advance(Duration::from_secs(23 * 3_600 - 60));
    apply(&app).await;
    assert_eq!(kinds(&app).await.len(), 1);
    app.clock.advance(Duration::from_secs(60));
    for _ in 0..3 {
        apply(&app).await;
        assert_eq!(kinds(&app).await, ["dmarc.service.broken"; 2]);
    }
    let told = told(&app, "dmarc.service").await;
    assert_eq!(told[0]["data"], told[1]["data"]);
    assert_ne!(told[0]["id"], told[1]["id"]);
    for _ in 0..2 {
        app.clock.advance(DAY);
        day(&app, &id, MANY).await;
    }
    assert_eq!(kinds(&app).await.last().unwrap(), "dmarc.service.recovered");
    assert_eq!(kinds(&app).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_in_a_snooze_is_not_told() {
    let (app, id) = broken().await;
    let found = &findings(&app, "").await[0];
    let body = json!({ "until": after(&app, 5 * DAY) });
    snooze(&app, found, &body).await.expect(200);
    for _ in 0..8 {
        day(&app, &id, MANY).await;
    }
    assert_eq!(kinds(&app).await, ["dmarc.service.broken"]);
    let ended = &findings(&app, "?state=ended").await[0];
    assert_eq!(ended["id"], found["id"]);
    assert!(ended["ended_at"].as_str() > ended["began_at"].as_str());
    snooze(&app, ended, &json!({ "until": after(&app, DAY) }))
        .await
        .refused(409, "conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_again_in_a_snooze_is_told_of_when_the_snooze_is_ended_by_hand() {
    let (app, id) = broken().await;
    let found = &findings(&app, "").await[0];
    snooze(&app, found, &json!({ "until": after(&app, 60 * DAY) }))
        .await
        .expect(200);
    // It ends, and begins again after its cool-down and another clean history.
    for nth in 0..30 {
        day(&app, &id, if nth < 29 { MANY } else { BROKEN }).await;
    }
    assert_eq!(kinds(&app).await.len(), 1);
    let again = &findings(&app, "?state=snoozed").await[0];
    assert_ne!(again["id"], found["id"]);
    // The old one has ended; the snooze of the subject is that of the new one.
    assert_eq!(findings(&app, "?kind=service_broken").await.len(), 2);
    let path = format!("/findings/{}/snooze", again["id"].as_str().unwrap());
    let woken = app.delete(&path).await.expect(200);
    assert_eq!(woken["state"], "open");
    apply(&app).await;
    assert_eq!(kinds(&app).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_are_listed_with_pages_and_as_csv() {
    let (app, id) = broken().await;
    let list = app.get(&format!("/domains/{id}/dmarc/findings")).await.expect(200);
    let found = &list["findings"][0];
    for (member, expect) in [
        ("domain_id", json!(id)),
        ("domain", json!("example.com")),
        ("kind", json!("service_broken")),
        ("subject", json!("Shop")),
        ("state", json!("open")),
        ("title", json!("A service fails for example.com")),
        ("text", json!("Shop since 2026-04-11. 180 messages, 60 failed.")),
        ("ended_at", json!(null)),
        ("snooze", json!(null)),
    ] {
        assert_eq!(found[member], expect, "{member}");
    }
    assert_eq!((&list["more"], list.get("next")), (&json!(false), None));
    assert_eq!(found["began_at"], found["told_at"]);
    // A service that is new is a finding that has ended.
    for _ in 0..2 {
        let other = Row {
            source: "203.0.113.9",
            count: 30,
            ..PASS
        };
        let named = json!({ "kind": "network", "subject": "203.0.113.0/24", "name": "=News" });
        app.post(&format!("/domains/{id}/dmarc/decisions"), &named)
            .await
            .expect(200);
        report(&app, &id, &[MANY, other]).await;
        apply(&app).await;
        app.clock.advance(DAY);
    }
    let page = app.get("/findings?per_page=1").await.expect(200);
    assert_eq!(
        (&page["findings"][0]["subject"], &page["more"]),
        (&json!("=News"), &json!(true))
    );
    let next = page["next"].as_str().unwrap();
    let rest = app.get(&format!("/findings?per_page=1&after={next}")).await.expect(200);
    assert_eq!(
        (&rest["findings"][0]["subject"], &rest["more"]),
        (&json!("Shop"), &json!(false))
    );
    let second = app.get("/findings?per_page=1&page=2").await.expect(200);
    assert_eq!(second["findings"], rest["findings"]);
    let csv = app.get("/findings?format=csv").await;
    let text = csv.text();
    assert!(text.starts_with("id,domain,kind,subject,state,"), "{text}");
    assert!(text.contains("service_new,'=News,ended"), "no formula: {text}");
    assert_eq!(text.lines().count(), 3);
    for wrong in ["state=x", "kind=judged", "after=x", "page=0"] {
        app.get(&format!("/findings?{wrong}"))
            .await
            .refused(422, "unprocessable_entity");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snooze_ends_within_ninety_days_and_has_a_plain_note() {
    let (app, _) = broken().await;
    let found = &findings(&app, "").await[0];
    for (until, note, wrong) in [
        (after(&app, 91 * DAY), json!(null), "until"),
        (after(&app, Duration::ZERO), json!(null), "until"),
        ("tomorrow".to_owned(), json!(null), "until"),
        (after(&app, DAY), json!("a\nb"), "note"),
        (after(&app, DAY), json!("x".repeat(501)), "note"),
    ] {
        let body = json!({ "until": until, "note": note });
        let fields = snooze(&app, found, &body).await.refused(422, "unprocessable_entity");
        assert_eq!(fields, [wrong], "{body}");
    }
    let fields = snooze(&app, found, &json!({}))
        .await
        .refused(422, "unprocessable_entity");
    assert_eq!(fields, ["until"]);
    let body = json!({ "until": after(&app, 90 * DAY), "note": null });
    snooze(&app, found, &body).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_are_those_of_the_domain_else_of_the_account_else_the_defaults() {
    let (app, id) = app().await;
    let path = format!("/domains/{id}/dmarc/thresholds");
    let patch = async |path: &str, body: Value| app.send(Ask::new("PATCH", path).key(&app.key).json(&body)).await;
    let name = "volume_changed_times_min";
    let of = |list: &Value| {
        let mut all = list["thresholds"].as_array().unwrap().iter();
        let one = all.find(|one| one["name"] == name).unwrap().clone();
        (
            one["value"].as_u64().unwrap(),
            one["set_by"].as_str().unwrap().to_owned(),
        )
    };
    let shown = async |path: &str| of(&app.get(path).await.expect(200));
    assert_eq!(shown(&path).await, (3, "default".to_owned()));
    assert_eq!(
        of(&patch("/thresholds", json!({ name: 5 })).await.expect(200)),
        (5, "account".to_owned())
    );
    assert_eq!(shown(&path).await, (5, "account".to_owned()));
    assert_eq!(
        of(&patch(&path, json!({ name: 7 })).await.expect(200)),
        (7, "domain".to_owned())
    );
    assert_eq!(shown("/thresholds").await, (5, "account".to_owned()));
    assert_eq!(
        of(&patch(&path, json!({ name: null })).await.expect(200)),
        (5, "account".to_owned())
    );
    for (member, value) in [
        (name, json!(1)),
        (name, json!(101)),
        (name, json!("7")),
        ("other", json!(1)),
    ] {
        let fields = patch(&path, json!({ member: value }))
            .await
            .refused(422, "unprocessable_entity");
        assert_eq!(fields, [member]);
    }
}
