//! The page of findings, webhooks, channels and digests.

use serde_json::{Value, json};
use tallymark::base::Permission;
use tallymark::notify::channel_fields;
use tallymark::store::Platform;

use super::app;
use super::protection::Session;
use crate::http::{PASS, Sample, TestApp};
use crate::notify::receiver::{Receiver, Reply};

pub(super) async fn text(session: &Session, app: &TestApp, path: &str) -> String {
    let page = session.get(app, path).await;
    assert_eq!(page.status, 200, "{path}");
    page.text().to_owned()
}

/// Part of an address.
pub(super) fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_and_channels_are_listed_tested_and_their_deliveries_seen() {
    let (app, domain) = app().await;
    let replies = [Reply::Says(200, "ok"), Reply::Says(404, "<b>gone</b>")];
    let receiver = Receiver::start(&replies).await;
    let url = receiver.url();
    let body = json!({ "type": "slack", "name": "<b>us", "events": ["*"], "config": { "webhookUrl": url } });
    let made = app.post("/notification-channels", &body).await.expect(201);
    let body = json!({ "url": url, "events": ["tls.failure"] });
    let webhook = app.post("/webhooks", &body).await.expect(201)["id"].to_string();
    let session = Session::sign_in(&app, &app.key).await;
    let page = text(&session, &app, "/alerts").await;
    assert!(page.contains("&lt;b&gt;us") && page.contains("tls.failure"), "{page}");
    let channel = format!("/alerts/channel/{}", made["id"].as_str().unwrap());
    let hook = format!("/alerts/webhook/{webhook}");
    let tested = session.post(&app, &format!("{channel}/test"), "").await;
    let place = |base: &str, done: &str| Some(format!("{base}?done={done}"));
    assert_eq!(
        tested.header("location").map(str::to_owned),
        place(&channel, "taken&status=200")
    );
    let tested = session.post(&app, &format!("{hook}/test"), "").await;
    assert_eq!(
        tested.header("location").map(str::to_owned),
        place(&hook, "refused&status=404")
    );
    let page = text(&session, &app, &format!("{hook}?done=refused&status=404")).await;
    assert!(page.contains("It answered 404."));

    assert!(text(&session, &app, &channel).await.contains("No deliveries"));
    let mut sample = Sample::new("example.com", "new", &[PASS]);
    sample.rows[0].count = 77;
    app.upload(&domain, sample.xml()).await;
    app.targets.deliver(|| 100).await.unwrap();
    let page = text(&session, &app, &channel).await;
    assert!(
        page.contains("dmarc.report.received") && page.contains("404 "),
        "{page}"
    );
    assert!(page.contains("&lt;b&gt;gone") && page.contains("failed"));
    // The request is there, too.
    assert!(page.contains("message_count") && page.contains(": 77,"), "{page}");
    let list = text(&session, &app, "/alerts").await;
    assert!(list.contains("the channel does not exist any more"));
    // It is off: nothing can be sent again before it is on.
    assert!(!page.contains("Send again"));
    session.post(&app, &format!("{channel}/switch/on"), "").await;
    let page = text(&session, &app, &channel).await;
    let (_, rest) = page.split_once("/deliveries/").unwrap();
    let number = rest.split('/').next().unwrap();
    let replayed = session
        .post(&app, &format!("{channel}/deliveries/{number}/replay"), "")
        .await;
    assert_eq!(
        replayed.header("location").map(str::to_owned),
        place(&channel, "replayed")
    );
    assert!(text(&session, &app, &channel).await.contains("next attempt"));

    for path in [
        "/alerts/channel/nc_999",
        "/alerts/other/1",
        "/alerts/channel/..%2f..",
        "/alerts/webhook/x",
        "/alerts/new/email.",
    ] {
        assert_eq!(session.get(&app, path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_added_changed_switched_and_removed_and_its_secret_is_shown_once() {
    let (app, _) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    // What is wrong is said next to its field, with what was typed.
    for (form, wrong, kept) in [
        ("url=ftp%3A%2F%2Fx&events=*", "url-error", "value=\"ftp://x\""),
        (
            "url=http%3A%2F%2F127.0.0.1%3A9%2F",
            "events-error",
            "value=\"http://127.0.0.1:9/\"",
        ),
        ("url=http%3A%2F%2F127.0.0.1%3A9%2F&events=a+b", "events-error", "a b"),
    ] {
        let refused = session.post(&app, "/alerts/new/webhook", form).await;
        let page = refused.text();
        assert_eq!(refused.status, 422, "{form}");
        assert!(
            page.contains(&format!("id=\"{wrong}\"")) && page.contains(kept),
            "{form}: {page}"
        );
    }
    let form = "url=http%3A%2F%2F127.0.0.1%3A9%2F&events=tls.failure&events=domain.failed";
    let made = session.post(&app, "/alerts/new/webhook", form).await;
    assert_eq!(made.status, 200);
    let (_, secret) = made.text().split_once("id=\"secret\">").unwrap();
    let secret = secret.split('<').next().unwrap();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let hooks = app.get("/webhooks").await.expect(200);
    let hook = &hooks["webhooks"][0];
    assert_eq!(hook["events"], json!(["tls.failure", "domain.failed"]));
    let path = format!("/alerts/webhook/{}", hook["id"]);
    for page in ["/alerts", &path] {
        assert!(!text(&session, &app, page).await.contains(secret), "{page}");
    }
    let saved = session
        .post(&app, &path, "url=http%3A%2F%2F127.0.0.1%3A9%2Fother&events=*")
        .await;
    assert_eq!(saved.status, 303);
    let refused = session.post(&app, &path, "url=nonsense&events=*").await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("value=\"nonsense\"") && refused.text().contains("id=\"url-error\""));
    let shown = async || app.get(&format!("/webhooks/{}", hook["id"])).await;
    let now = shown().await.expect(200);
    assert_eq!(
        (&now["url"], &now["events"]),
        (&json!("http://127.0.0.1:9/other"), &json!(["*"]))
    );
    for (action, active) in [("off", false), ("on", true)] {
        session.post(&app, &format!("{path}/switch/{action}"), "").await;
        assert_eq!(shown().await.expect(200)["active"], active);
    }
    let rotated = session.post(&app, &format!("{path}/secret"), "").await;
    assert!(rotated.text().contains("id=\"secret\">whsec_") && !rotated.text().contains(secret));
    let replayed = session.post(&app, &format!("{path}/replay-failed"), "").await;
    assert_eq!(
        replayed.header("location"),
        Some(&*format!("{path}?done=replayed&count=0"))
    );
    let removed = session.post(&app, &format!("{path}/remove"), "").await;
    assert_eq!(removed.header("location"), Some("/alerts?done=removed"));
    assert_eq!(shown().await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_each_platform_is_asked_for_what_it_needs() {
    let (app, domain) = app().await;
    let session = Session::sign_in(&app, &app.key).await;
    for platform in Platform::ALL {
        let page = text(&session, &app, &format!("/alerts/new/{}", platform.word())).await;
        let asked = page.matches("name=\"config.").count();
        assert_eq!(asked, channel_fields(*platform).len(), "{platform:?}");
        for field in channel_fields(*platform) {
            let name = format!("name=\"config.{}\"", field.name);
            assert!(page.contains(&name), "{platform:?} {name}");
        }
    }
    let url = escaped("http://127.0.0.1:9/hushhushhush");
    for (form, wrong) in [
        ("name=x&events=*".to_owned(), "config.webhookUrl-error"),
        (
            format!("name=x&events=*&config.webhookUrl={url}&domain=other.example"),
            "domain-error",
        ),
        (format!("name=&events=*&config.webhookUrl={url}"), "name-error"),
    ] {
        let refused = session.post(&app, "/alerts/new/slack", &form).await;
        assert_eq!(refused.status, 422, "{form}");
        assert!(
            refused.text().contains(&format!("id=\"{wrong}\"")),
            "{form}: {}",
            refused.text()
        );
    }
    let form = format!("name=Ours&events=tls.failure&config.webhookUrl={url}&domain=EXAMPLE.com");
    let made = session.post(&app, "/alerts/new/slack", &form).await;
    let place = made.header("location").unwrap().split('?').next().unwrap().to_owned();
    let shown = async || {
        let list = app.get("/notification-channels").await.expect(200);
        list["channels"][0].clone()
    };
    assert_eq!(shown().await["domainId"], json!(domain));
    let page = text(&session, &app, &place).await;
    assert!(
        page.contains("value=\"example.com\"") && !page.contains("hushhush"),
        "{page}"
    );
    // What is left empty stays; without a domain it hears of all.
    let form = "name=Others&events=*&config.webhookUrl=&domain=";
    assert_eq!(session.post(&app, &place, form).await.status, 303);
    let now = shown().await;
    assert_eq!((&now["name"], &now["domainId"]), (&json!("Others"), &Value::Null));
    assert_eq!(now["configSummary"]["webhookUrl"], "http://127.0.0.1:9/\u{2026}");
}

/// An installation that mails, and the id of its domain.
#[tokio::test(flavor = "multi_thread")]
async fn findings_are_listed_and_snoozed_with_a_click() {
    let (app, domain) = app().await;
    app.find(&domain, "<b>Shop").await;
    let session = Session::sign_in(&app, &app.key).await;
    let page = text(&session, &app, "/alerts").await;
    assert!(
        page.contains("&lt;b&gt;Shop") && page.contains("1,200 messages, 340 failed"),
        "{page}"
    );
    let list = app.get("/findings").await.expect(200);
    let id = list["findings"][0]["id"].as_str().unwrap();
    let state = async || app.get("/findings").await.expect(200)["findings"][0]["state"].clone();
    let snooze = format!("/alerts/findings/{id}/snooze");
    for (days, status) in [("2", 404), ("x", 404), ("7", 303)] {
        assert_eq!(
            session.post(&app, &snooze, &format!("days={days}")).await.status,
            status
        );
    }
    assert_eq!(state().await, "snoozed");
    let page = text(&session, &app, "/alerts?done=snoozed").await;
    assert!(page.contains("No findings") && page.contains("is snoozed"), "{page}");
    let page = text(&session, &app, "/alerts?state=snoozed").await;
    assert!(
        page.contains("2026-03-30 10:00 UTC") && page.contains("End the snooze"),
        "{page}"
    );
    let csv = text(&session, &app, "/findings.csv?state=snoozed").await;
    assert_eq!(csv.lines().count(), 2, "{csv}");
    session.post(&app, &format!("/alerts/findings/{id}/wake"), "").await;
    assert_eq!(state().await, "open");
    assert!(
        text(&session, &app, "/alerts?state=ended")
            .await
            .contains("No findings")
    );
    for path in ["/alerts/findings/x/snooze", "/alerts/findings/..%2f/snooze"] {
        assert_eq!(session.post(&app, path, "days=1").await.status, 404, "{path}");
    }
    assert_eq!(session.get(&app, "/alerts?state=other").await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_keys_see_findings_and_change_no_targets() {
    let (app, domain) = app().await;
    app.find(&domain, "Shop").await;
    let body = json!({ "url": "http://127.0.0.1:9/", "events": ["*"] });
    let webhook = app.post("/webhooks", &body).await.expect(201)["id"].to_string();
    let list = app.get("/findings").await.expect(200);
    let finding = list["findings"][0]["id"].as_str().unwrap();
    let reading = app.key(Permission::ReadOnly, None).await;
    let other = app.add_domain("other.example").await;
    let bound = app.key(Permission::FullAccess, Some(app.domain_id(&other).await)).await;
    let (_, stranger) = app.stranger().await;
    for (key, sees) in [(&reading, true), (&bound, false), (&stranger, false)] {
        let session = Session::sign_in(&app, key).await;
        let page = text(&session, &app, "/alerts").await;
        assert_eq!(page.contains("A service fails for example.com"), sees);
        assert!(!page.contains("days\" value=\"7\""), "nothing to click");
        for path in [
            format!("/alerts/webhook/{webhook}/remove"),
            format!("/alerts/webhook/{webhook}/secret"),
            format!("/alerts/webhook/{webhook}/switch/off"),
            format!("/alerts/findings/{finding}/wake"),
        ] {
            let status = session.post(&app, &path, "").await.status;
            assert!([403, 404].contains(&status), "{path} {status}");
        }
    }
    // A form of elsewhere.
    let session = Session::sign_in(&app, &app.key).await;
    for path in [
        format!("/alerts/webhook/{webhook}"),
        format!("/alerts/webhook/{webhook}/remove"),
        format!("/alerts/webhook/{webhook}/secret"),
        format!("/alerts/webhook/{webhook}/test"),
        format!("/alerts/webhook/{webhook}/switch/off"),
        format!("/alerts/webhook/{webhook}/replay-failed"),
        format!("/alerts/webhook/{webhook}/deliveries/1/replay"),
        format!("/alerts/findings/{finding}/snooze"),
        format!("/alerts/findings/{finding}/wake"),
        "/alerts/new/webhook".to_owned(),
    ] {
        let foreign = Session {
            cookie: session.cookie.clone(),
            form_token: "0".repeat(128),
        };
        let form = "days=1&url=http%3A%2F%2F127.0.0.1%3A9%2F&events=*";
        assert_eq!(foreign.post(&app, &path, form).await.status, 403, "{path}");
    }
    let hooks = app.get("/webhooks").await.expect(200);
    assert_eq!(hooks["webhooks"].as_array().unwrap().len(), 1);
    assert_eq!(hooks["webhooks"][0]["active"], true);
}
