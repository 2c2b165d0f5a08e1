//! Digests: about the right days, once per period on any number of nodes, to readers who agreed, and the same figures as everywhere.

use std::time::Duration;

use serde_json::{Value, json};
use tallymark::app::tell_digests;
use tallymark::enrich::{LiveTables, NamesFiles};
use tallymark::outbound::Protection;

use super::deliver;
use super::letters::{agree, field, parts};
use super::mail::{READER, mailing, submission};
use crate::http::{Ask, FAIL, PASS, Sample, TestApp};

const DAY: u64 = 86_400;

fn tables() -> LiveTables {
    LiveTables::new(NamesFiles::default())
}

async fn tell(app: &TestApp) -> u64 {
    tell_digests(&app.store, &tables(), app.clock.now()).await.unwrap()
}

async fn add(app: &TestApp, body: &Value) -> String {
    let made = app.post("/digests", body).await.expect(201);
    assert_eq!((&made["active"], &made["email"]), (&json!(false), &json!(READER)));
    made["id"].as_str().unwrap().to_owned()
}

async fn shown(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/digests/{id}")).await.expect(200)
}

/// Reports about the week before the one that runs: 8 messages, 5 of which passed.
async fn week(app: &TestApp, domain: &str) {
    let mut sample = Sample::new("example.org", "week", &[PASS, FAIL]);
    (sample.rows[0].count, sample.rows[1].count) = (5, 3);
    app.upload(domain, sample.xml()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_mailed_once_per_period() {
    let submission = submission().await;
    let targets = mailing(submission.settings(Protection::Tls), Some(submission.ca_file()));
    let app = TestApp::start_telling(targets).await;
    let domain = app.add_domain("example.org").await;
    week(&app, &domain).await;
    let id = add(
        &app,
        &json!({ "name": "For the board", "email": READER, "period": "weekly" }),
    )
    .await;
    let mails = |count| tokio::task::block_in_place(|| submission.mails(count));
    agree(&app, &mails(1)[0]).await;
    assert_eq!(shown(&app, &id).await["active"], true);
    // It was made on a Monday: the week before is over and not its own.
    assert_eq!(tell(&app).await, 0);
    app.clock.advance(Duration::from_secs(7 * DAY));
    assert_eq!(tell(&app).await, 0, "Monday morning is too early");
    app.clock.advance(Duration::from_secs(DAY));
    // Two nodes at the same time.
    let both = tokio::join!(tell(&app), tell(&app));
    assert_eq!(both.0 + both.1, 1);
    assert_eq!(tell(&app).await, 0);
    deliver(&app).await;
    let mail = mails(2).remove(1);
    assert_eq!(
        field(&mail, "Subject"),
        "DMARC of example.org, 2026-03-23 to 2026-03-29"
    );
    assert_eq!(field(&mail, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let [text, html] = parts(&mail);
    assert!(text.contains("no messages were reported"), "{text}");
    assert!(
        html.contains("prefers-color-scheme:dark") && !html.contains("http://"),
        "{html}"
    );
    // The next week, and a month that is left out while it is off.
    app.clock.advance(Duration::from_secs(7 * DAY));
    assert_eq!(tell(&app).await, 1);
    // A week that began in the month that is told of next.
    app.clock.advance(Duration::from_secs(7 * DAY));
    assert_eq!(tell(&app).await, 1);
    let put = |body: Value| Ask::new("PUT", &format!("/digests/{id}")).key(&app.key).json(&body);
    let off = app
        .send(put(json!({ "enabled": false, "period": "monthly", "name": "Ours" })))
        .await
        .expect(200);
    assert_eq!(
        (&off["active"], &off["period"], &off["name"]),
        (&json!(false), &json!("monthly"), &json!("Ours"))
    );
    app.clock.advance(Duration::from_secs(40 * DAY));
    assert_eq!(tell(&app).await, 0);
    app.send(put(json!({ "enabled": true }))).await.expect(200);
    assert_eq!(tell(&app).await, 1);
    app.delete(&format!("/digests/{id}")).await.expect(200);
    app.get(&format!("/digests/{id}")).await.refused(404, "not_found");
}

/// An account without domains has nothing to tell of, and may get some.
#[tokio::test(flavor = "multi_thread")]
async fn a_digest_of_all_domains_waits_for_the_first() {
    let submission = submission().await;
    let targets = mailing(submission.settings(Protection::Tls), Some(submission.ca_file()));
    let app = TestApp::start_telling(targets).await;
    let id = add(&app, &json!({ "name": "All", "email": READER, "period": "weekly" })).await;
    agree(&app, &tokio::task::block_in_place(|| submission.mails(1))[0]).await;
    app.clock.advance(Duration::from_secs(8 * DAY));
    assert_eq!(tell(&app).await, 0);
    assert_eq!(shown(&app, &id).await["active"], true);
    let domain = app.add_domain("example.org").await;
    assert_eq!(tell(&app).await, 0, "this week is over");
    app.clock.advance(Duration::from_secs(7 * DAY));
    assert_eq!(tell(&app).await, 1);
    // One that is about a domain which was removed is switched off.
    let body = json!({ "domains": [domain] });
    let put = Ask::new("PUT", &format!("/digests/{id}")).key(&app.key).json(&body);
    app.send(put).await.expect(200);
    app.delete(&format!("/domains/{domain}")).await.expect(200);
    app.clock.advance(Duration::from_secs(7 * DAY));
    assert_eq!(tell(&app).await, 0);
    assert_eq!(shown(&app, &id).await["active"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_has_the_figures_of_the_page() {
    let submission = submission().await;
    let targets = mailing(submission.settings(Protection::Tls), Some(submission.ca_file()));
    let app = TestApp::start_telling(targets).await;
    let domain = app.add_domain("example.org").await;
    let other = app.add_domain("example.net").await;
    week(&app, &domain).await;
    let body = json!({ "name": "One", "email": READER, "period": "monthly", "domains": [domain, domain] });
    let id = add(&app, &body).await;
    assert_eq!(shown(&app, &id).await["domains"], json!([domain]));
    app.clock.advance(Duration::from_secs(10 * DAY));
    let preview = app.get(&format!("/digests/{id}/preview")).await.expect(200);
    let data = &preview["data"];
    let path = format!(
        "/domains/{domain}/dmarc/stats?from={}&to={}",
        data["from"].as_str().unwrap(),
        data["to"].as_str().unwrap()
    );
    let stats = app.get(&path).await.expect(200);
    assert_eq!(data["message_count"], stats["total_messages"], "{stats}");
    assert_eq!(data["fail_count"], stats["failed_messages"], "{stats}");
    assert_eq!((&data["message_count"], &data["pass_count"]), (&json!(8), &json!(5)));
    assert_eq!(
        (&data["from"], &data["to"], &data["domains_total"]),
        (&json!("2026-03-01"), &json!("2026-03-31"), &json!(1))
    );
    let ready = app.get(&format!("/domains/{domain}/dmarc/readiness")).await.expect(200);
    assert_eq!(data["domains"][0]["readiness"], ready["says"]);
    let attention = app.get("/attention").await.expect(200);
    let reasons = |items: &Value| -> Vec<Value> {
        let of_domain = items
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item["domain"] == "example.org");
        of_domain.map(|item| item["reason"].clone()).collect()
    };
    assert_eq!(reasons(&data["to_do"]), reasons(&attention["items"]));
    assert!(!reasons(&data["to_do"]).is_empty());
    assert_eq!(data["nothing_to_do"], false);
    assert!(
        preview["text"]
            .as_str()
            .unwrap()
            .contains("8 messages, 62.5% passed DMARC."),
        "{preview}"
    );
    assert!(!preview["html"].as_str().unwrap().contains("example.net"));
    // All domains, and one that goes.
    let put = |body: Value| Ask::new("PUT", &format!("/digests/{id}")).key(&app.key).json(&body);
    assert_eq!(
        app.send(put(json!({ "domains": null }))).await.expect(200)["domains"],
        json!(null)
    );
    let all = app.get(&format!("/digests/{id}/preview")).await.expect(200);
    assert_eq!(all["data"]["domains_total"], 2);
    app.send(put(json!({ "domains": [other] }))).await.expect(200);
    app.delete(&format!("/domains/{other}")).await.expect(200);
    assert_eq!(shown(&app, &id).await["domains"], json!([]));
    app.get(&format!("/digests/{id}/preview"))
        .await
        .refused(409, "conflict");
}

/// What is wrong is named, and another account's digests cannot be reached.
#[tokio::test(flavor = "multi_thread")]
async fn digests_are_checked_and_belong_to_an_account() {
    let submission = submission().await;
    let targets = mailing(submission.settings(Protection::Tls), Some(submission.ca_file()));
    let app = TestApp::start_telling(targets).await;
    let domain = app.add_domain("example.org").await;
    let (_, stranger) = app.stranger().await;
    for (field, value) in [
        ("email", json!("Me <me@reader.example>")),
        ("email", json!("me@reader.example\r\nBcc: a@b.example")),
        ("period", json!("daily")),
        ("domains", json!([])),
        ("name", json!("")),
    ] {
        let mut body = json!({ "name": "x", "email": READER, "period": "weekly" });
        body[field] = value;
        let refused = app.post("/digests", &body).await;
        assert_eq!(refused.refused(422, "unprocessable_entity"), [field]);
    }
    let foreign = json!({ "name": "x", "email": READER, "period": "weekly", "domains": [domain] });
    let ask = Ask::new("POST", "/digests").key(&stranger).json(&foreign);
    app.send(ask).await.refused(404, "not_found");
    let id = add(&app, &foreign).await;
    for method in ["GET", "PUT", "DELETE"] {
        let ask = Ask::new(method, &format!("/digests/{id}")).key(&stranger);
        let ask = if method == "PUT" {
            ask.json(&json!({ "name": "y" }))
        } else {
            ask
        };
        app.send(ask).await.refused(404, "not_found");
    }
    let list = app.send(Ask::new("GET", "/digests").key(&stranger)).await.expect(200);
    assert_eq!(list["digests"], json!([]));
    assert_eq!(shown(&app, &id).await["name"], "x");
}
