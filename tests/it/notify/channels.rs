//! Channels are told of events in words: in the form of each platform, at least once, and as long as it wants to hear.

use std::time::Duration;

use serde_json::{Value, json};
use tallymark::domains::{Domains, DomainsOptions, Keyring, ServiceNames};
use tallymark::metrics::Metrics;
use tallymark::notify::{ChannelOptions, PlatformPlaces, Targets};
use tallymark::outbound::{Client, Guard, connector};

use super::receiver::{Received, Receiver, Reply};
use super::{OK, app, deliver, report};
use crate::http::{Ask, PASS, Sample, TestApp, outbound};

/// What a stranger calls itself in every way that a platform could misread.
const HOSTILE: &str = "<!channel> @everyone **b** <b>x</b> [a](http://evil.example) `c`";

async fn add(app: &TestApp, platform: &str, config: &Value) -> String {
    let body = json!({ "type": platform, "name": "Our alerts", "events": ["*"], "config": config });
    let made = app.post("/notification-channels", &body).await.expect(201);
    made["channel"]["publicId"].as_str().unwrap().to_owned()
}

async fn deliveries(app: &TestApp, id: &str) -> Vec<Value> {
    let list = app
        .get(&format!("/notification-channels/{id}/deliveries"))
        .await
        .expect(200);
    list["deliveries"].as_array().unwrap().clone()
}

async fn shown(app: &TestApp, id: &str) -> Value {
    app.get(&format!("/notification-channels/{id}")).await.expect(200)
}

/// What serves channels where Telegram is a receiver of this test.
fn targets(app: &TestApp, telegram: &Receiver) -> Targets {
    let key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let mut options = DomainsOptions::new(ServiceNames::new(None, None));
    options.keyring = Some(Keyring::from_keys([key], "a test").unwrap());
    let domains = Domains::new(app.store.clone(), app.clock.clone(), Metrics::new(), options);
    let guard = Guard::new(outbound(), None);
    let client = Client::for_customers(connector(None).unwrap(), guard.clone());
    let options = ChannelOptions {
        page: Some("https://tally.example".to_owned()),
        places: PlatformPlaces {
            telegram: format!("http://{}", telegram.address),
        },
    };
    Targets::new(&domains, Metrics::new(), guard, Some(client), options)
}

fn body(received: &Received) -> Value {
    assert_eq!(received.header("content-type"), "application/json");
    serde_json::from_str(&received.body).unwrap()
}

/// A report whose sender has a hostile name.
async fn hostile_report(app: &TestApp, domain: &str) {
    let mut sample = Sample::new("example.com", "r1", &[PASS]);
    // As XML has it.
    sample.org_name = HOSTILE.replace('<', "&lt;");
    app.upload(domain, sample.xml()).await;
}

#[tokio::test]
async fn an_event_arrives_in_the_form_of_every_platform() {
    let (app, domain) = app().await;
    let receiver = Receiver::start(&[Reply::Says(200, "{\"ok\":true}")]).await;
    let targets = targets(&app, &receiver);
    let url = format!("http://{}/", receiver.address);
    for (platform, config) in [
        ("slack", json!({ "webhookUrl": format!("{url}slack") })),
        ("discord", json!({ "webhookUrl": format!("{url}discord") })),
        ("telegram", json!({ "botToken": "123:abc", "chatId": -100 })),
        ("teams", json!({ "webhookUrl": format!("{url}teams") })),
        ("mattermost", json!({ "webhookUrl": format!("{url}mattermost") })),
        (
            "ntfy",
            json!({ "webhookUrl": format!("{url}alerts"), "accessToken": "tk_1" }),
        ),
        (
            "pagerduty",
            json!({ "webhookUrl": format!("{url}pagerduty"), "routingKey": "key" }),
        ),
    ] {
        add(&app, platform, &config).await;
    }
    hostile_report(&app, &domain).await;
    targets.deliver(|| 100).await.unwrap();
    let received = receiver.received();
    let at = |path: &str| {
        let mut all = received.iter().filter(|received| received.path == path);
        let found = all.next().unwrap_or_else(|| panic!("nothing came to {path}"));
        assert!(all.next().is_none(), "{path} got it twice");
        body(found)
    };
    assert_eq!(received.len(), 7);
    let page = format!("https://tally.example/view/{domain}/reports/1");
    let slack = at("/slack");
    assert_eq!(slack["text"], "DMARC report for example.com");
    let text = slack["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(text.contains("&lt;!channel&gt; @everyone"), "{text}");
    assert_eq!(
        slack["blocks"][2]["elements"][0]["text"],
        format!("<{page}|Open in Tallymark>")
    );
    let discord = at("/discord");
    assert_eq!(discord["embeds"][0]["url"], page);
    let text = discord["embeds"][0]["description"].as_str().unwrap();
    assert!(text.contains("\\@everyone \\*\\*b\\*\\*"), "{text}");
    let telegram = at("/bot123:abc/sendMessage");
    assert_eq!(
        (&telegram["chat_id"], &telegram["parse_mode"]),
        (&json!("-100"), &json!("HTML"))
    );
    let text = telegram["text"].as_str().unwrap();
    assert!(text.contains("<code>&lt;!channel&gt; @everyone"), "{text}");
    assert!(at("/teams")["attachments"][0]["content"]["body"].is_array());
    assert!(
        at("/mattermost")["text"]
            .as_str()
            .unwrap()
            .contains("`` <!channel> @everyone")
    );
    assert_eq!(at("/")["topic"], "alerts");
    let pagerduty = at("/pagerduty");
    assert_eq!(
        (&pagerduty["routing_key"], &pagerduty["payload"]["source"]),
        (&json!("key"), &json!("example.com"))
    );
    check_delivered(&app).await;
}

/// Every channel has its one event.
async fn check_delivered(app: &TestApp) {
    for channel in app.get("/notification-channels").await.expect(200)["channels"]
        .as_array()
        .unwrap()
    {
        let delivery = deliveries(app, channel["id"].as_str().unwrap()).await.remove(0);
        assert_eq!(
            (&delivery["success"], &delivery["statusCode"]),
            (&json!(true), &json!(200))
        );
        assert_eq!(delivery["payload"]["type"], "dmarc.report.received");
        assert!(channel["lastUsedAt"].is_string());
    }
}

/// The platform's own pause counts, wherever it is named.
#[tokio::test]
async fn what_a_platform_refuses_for_now_is_tried_again_when_it_says() {
    let (app, domain) = app().await;
    let busy = Reply::Says(429, "{\"ok\":false,\"parameters\":{\"retry_after\":90}}");
    let lies = Reply::Says(200, "{\"ok\":false}");
    let telegram = Receiver::start(&[busy, lies, Reply::Says(200, "{\"ok\":true}")]).await;
    let slack = Receiver::start(&[Reply::Status(429, "Retry-After: 90\r\n"), Reply::Says(200, "ok")]).await;
    let targets = targets(&app, &telegram);
    let first = add(&app, "telegram", &json!({ "botToken": "123:abc", "chatId": "@us" })).await;
    let other = add(
        &app,
        "slack",
        &json!({ "webhookUrl": format!("http://{}/", slack.address) }),
    )
    .await;
    report(&app, &domain, 1).await;
    targets.deliver(|| 100).await.unwrap();
    for id in [&first, &other] {
        let delivery = deliveries(&app, id).await.remove(0);
        assert_eq!(
            (&delivery["statusCode"], &delivery["success"]),
            (&json!(429), &json!(false))
        );
        assert_eq!(delivery["nextRetryAt"], "2026-03-23T10:01:30.000Z");
    }
    app.clock.advance(Duration::from_secs(89));
    targets.deliver(|| 100).await.unwrap();
    assert_eq!((telegram.received().len(), slack.received().len()), (1, 1), "not yet");
    app.clock.advance(Duration::from_secs(1));
    targets.deliver(|| 100).await.unwrap();
    assert_eq!(deliveries(&app, &other).await[0]["success"], true);
    let lied = deliveries(&app, &first).await.remove(0);
    assert_eq!((&lied["statusCode"], &lied["success"]), (&json!(200), &json!(false)));
    app.clock.advance(Duration::from_secs(60));
    targets.deliver(|| 100).await.unwrap();
    assert_eq!(deliveries(&app, &first).await[0]["success"], true);
    let same = telegram.received();
    assert!(same.iter().all(|received| received.body == same[0].body) && same.len() == 3);
}

#[tokio::test]
async fn a_place_that_is_gone_switches_its_channel_off_and_no_other() {
    let (app, domain) = app().await;
    let gone = Receiver::start(&[Reply::Status(404, "")]).await;
    let telegram = Receiver::start(&[Reply::Says(403, "{\"ok\":false}")]).await;
    let targets = targets(&app, &telegram);
    let url = json!({ "webhookUrl": format!("http://{}/", gone.address) });
    let discord = add(&app, "discord", &url).await;
    let bot = add(&app, "telegram", &json!({ "botToken": "123:abc", "chatId": "1" })).await;
    let own = add(&app, "mattermost", &url).await;
    report(&app, &domain, 1).await;
    targets.deliver(|| 100).await.unwrap();
    for (id, active, reason) in [
        (
            &discord,
            false,
            json!("Discord answered 404: the channel does not exist any more"),
        ),
        (
            &bot,
            false,
            json!("Telegram answered 403: the bot may not write to the chat"),
        ),
        (&own, true, json!(null)),
    ] {
        let channel = shown(&app, id).await;
        assert_eq!(
            (&channel["active"], &channel["disabledReason"]),
            (&json!(active), &reason)
        );
    }
    // Switched on again it begins without failures; the event is sent when its owner asks for it.
    let path = format!("/notification-channels/{discord}");
    let lost = deliveries(&app, &discord).await.remove(0)["id"].clone();
    let replay = format!("{path}/deliveries/{lost}/replay");
    app.post(&replay, &json!({})).await.refused(409, "conflict");
    let put = Ask::new("PUT", &path).key(&app.key).json(&json!({ "enabled": true }));
    let on = app.send(put).await.expect(200);
    assert_eq!(
        (&on["consecutiveFailures"], &on["disabledAt"]),
        (&json!(0), &json!(null))
    );
    assert_eq!(
        app.post(&replay, &json!({})).await.expect(200),
        json!({ "success": true })
    );
}

/// Events of one domain, and those that are not of a domain at all.
#[tokio::test]
async fn a_channel_of_a_domain_hears_of_no_other() {
    let (app, domain) = app().await;
    let other = app.add_domain("example.net").await;
    let receiver = Receiver::start(&[OK]).await;
    let url = json!({ "webhookUrl": format!("http://{}/", receiver.address) });
    let all = add(&app, "slack", &url).await;
    let body = json!({ "type": "slack", "name": "x", "events": ["*"], "config": url, "domainId": other });
    let made = app.post("/notification-channels", &body).await.expect(201);
    let one = made["id"].as_str().unwrap();
    assert_eq!(made["domainId"], other);
    report(&app, &domain, 1).await;
    app.upload(&domain, "no report").await;
    assert_eq!(
        (deliveries(&app, &all).await.len(), deliveries(&app, one).await.len()),
        (2, 0)
    );
    let mut sample = Sample::new("example.net", "r2", &[PASS]);
    sample.rows[0].count = 7;
    app.upload(&other, sample.xml()).await;
    app.upload(&other, "no report either").await;
    assert_eq!(
        (deliveries(&app, &all).await.len(), deliveries(&app, one).await.len()),
        (4, 2)
    );
    // A channel for that domain alone is not told of all others when it goes.
    app.delete(&format!("/domains/{other}")).await.expect(200);
    let channel = shown(&app, one).await;
    let seen = (&channel["active"], &channel["disabledReason"], &channel["domainId"]);
    assert_eq!(seen, (&json!(false), &json!("The domain was removed"), &json!(null)));
    assert_eq!(shown(&app, &all).await["active"], true);
    assert!(
        deliveries(&app, one)
            .await
            .iter()
            .all(|delivery| delivery["nextRetryAt"].is_null())
    );
}

#[tokio::test]
async fn a_test_tells_what_the_platform_said() {
    let (app, _) = app().await;
    let receiver = Receiver::start(&[Reply::Says(200, "ok"), Reply::Says(403, "invalid_token"), Reply::Reset]).await;
    let id = add(
        &app,
        "slack",
        &json!({ "webhookUrl": format!("http://{}/", receiver.address) }),
    )
    .await;
    let path = format!("/notification-channels/{id}/test");
    let tested = app.post(&path, &json!({})).await.expect(200);
    assert_eq!(
        tested,
        json!({ "success": true, "statusCode": 200, "responseBody": "ok" })
    );
    let tested = app.post(&path, &json!({})).await.expect(200);
    assert_eq!(
        tested,
        json!({ "success": false, "statusCode": 403, "responseBody": "invalid_token" })
    );
    let tested = app.post(&path, &json!({})).await.expect(200);
    assert_eq!(
        (&tested["success"], &tested["statusCode"]),
        (&json!(false), &json!(null))
    );
    assert_eq!(body(&receiver.received()[0])["text"], "Test message from Tallymark");
    assert_eq!(deliveries(&app, &id).await.len(), 0);
    deliver(&app).await;
    assert_eq!(receiver.received().len(), 3);
}
