//! Events reach the receivers of webhooks: signed, at least once, and whatever other receivers do.

mod channels;
mod digests;
mod faults;
mod killed;
pub mod letters;
pub mod mail;
pub mod receiver;
pub mod submission;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tallymark::domains::{Domains, DomainsOptions, Keyring, ServiceNames};
use tallymark::metrics::Metrics;
use tallymark::notify::{ChannelOptions, Secret, Targets, TargetsError, sign};
use tallymark::outbound::{Client, Guard, OutboundSettings, connector};
use tallymark::store::Wanted;

use self::receiver::{Receiver, Reply};
use crate::http::{NOW, PASS, Sample, TestApp, outbound};

const OK: Reply = Reply::Status(200, "");

struct Hook {
    id: Value,
    secret: Secret,
}

async fn add(app: &TestApp, receiver: &Receiver) -> Hook {
    let body = json!({ "url": receiver.url(), "events": ["*"] });
    let made = app.post("/webhooks", &body).await.expect(201);
    Hook {
        id: made["id"].clone(),
        secret: Secret::new(made["signingSecret"].as_str().unwrap()),
    }
}

/// An app with a domain that is about to get reports.
async fn app() -> (TestApp, String) {
    let app = TestApp::start().await;
    let domain = app.add_domain("example.com").await;
    (app, domain)
}

/// Reports of one content are one report, whatever their ids.
async fn report(app: &TestApp, domain: &str, nth: u64) {
    let mut sample = Sample::new("example.com", &format!("r{nth}"), &[PASS]);
    sample.rows[0].count = nth;
    app.upload(domain, sample.xml()).await;
}

async fn deliver(app: &TestApp) {
    app.targets.deliver(|| 100).await.unwrap();
}

async fn deliveries(app: &TestApp, hook: &Hook) -> Vec<Value> {
    let path = format!("/webhooks/{}/deliveries?per_page=100", hook.id);
    let list = app.get(&path).await.expect(200);
    list["deliveries"].as_array().unwrap().clone()
}

async fn shown(app: &TestApp, hook: &Hook) -> Value {
    app.get(&format!("/webhooks/{}", hook.id)).await.expect(200)
}

#[tokio::test]
async fn an_event_arrives_signed_for_both_kinds_of_clients() {
    let (app, domain) = app().await;
    let receiver = Receiver::start(&[OK]).await;
    let hook = add(&app, &receiver).await;
    report(&app, &domain, 1).await;
    deliver(&app).await;
    let old = hook.secret.clone();
    let rotated = app
        .post(&format!("/webhooks/{}/rotate-secret", hook.id), &json!({}))
        .await;
    let new = Secret::new(rotated.expect(200)["signingSecret"].as_str().unwrap());
    report(&app, &domain, 2).await;
    deliver(&app).await;
    // The grace period ends.
    app.clock.advance(Duration::from_secs(24 * 3_600));
    report(&app, &domain, 3).await;
    deliver(&app).await;

    let received = receiver.received();
    let secrets = [vec![old.clone()], vec![new.clone(), old], vec![new]];
    assert_eq!(received.len(), secrets.len());
    for (nth, (received, secrets)) in received.iter().zip(&secrets).enumerate() {
        assert_eq!(
            (received.path.as_str(), received.header("content-type")),
            ("/hook?a=b", "application/json")
        );
        assert_eq!(received.header("host"), receiver.address.to_string());
        let seconds = NOW / 1_000 + if nth == 2 { 24 * 3_600 } else { 0 };
        for (name, value) in sign(secrets, received.id(), seconds, &received.body) {
            assert_eq!(received.header(&name.to_lowercase()), value, "{nth} {name}");
        }
        let body: Value = serde_json::from_str(&received.body).unwrap();
        assert_eq!(
            (&body["id"], &body["type"]),
            (&json!(received.id()), &json!("dmarc.report.received"))
        );
    }
    let all = deliveries(&app, &hook).await;
    assert!(
        all.iter()
            .all(|delivery| delivery["deliveredAt"].is_string() && delivery["statusCode"] == 200)
    );
    assert_eq!(all[0]["responseBody"], "seen");
    let list = app.get("/webhooks").await.expect(200);
    assert_eq!(list["webhooks"][0]["lastDeliveryStatus"], 200);
}

#[tokio::test]
async fn what_fails_is_tried_again_under_the_same_id() {
    let (app, domain) = app().await;
    let slow = Reply::Status(429, "Retry-After: 90\r\n");
    let redirect = Reply::Status(302, "Location: http://127.0.0.1:9/\r\n");
    let receiver = Receiver::start(&[Reply::Status(500, ""), slow, Reply::Reset, redirect, OK]).await;
    let hook = add(&app, &receiver).await;
    report(&app, &domain, 1).await;
    // Pauses of the schedule, but for the one that the receiver asked for.
    for (status, pause) in [
        (json!(500), 5),
        (json!(429), 90),
        (json!(null), 300),
        (json!(302), 1_800),
    ] {
        deliver(&app).await;
        let delivery = deliveries(&app, &hook).await.remove(0);
        assert_eq!(delivery["statusCode"], status);
        let before = receiver.received().len();
        app.clock.advance(Duration::from_millis(pause * 1_000 - 1));
        deliver(&app).await;
        assert_eq!(receiver.received().len(), before, "not yet: {status}");
        app.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(shown(&app, &hook).await["consecutiveFailures"], 4);
    deliver(&app).await;
    let received = receiver.received();
    assert_eq!(received.len(), 5);
    let ids: BTreeSet<_> = received.iter().map(|received| received.id()).collect();
    assert_eq!(ids.len(), 1);
    assert_ne!(
        received[0].header("webhook-signature"),
        received[4].header("webhook-signature")
    );
    let delivery = deliveries(&app, &hook).await.remove(0);
    assert_eq!((&delivery["attempts"], &delivery["success"]), (&json!(5), &json!(true)));
    assert_eq!(shown(&app, &hook).await["consecutiveFailures"], 0);
}

#[tokio::test]
async fn a_delivery_is_given_up_after_a_day_and_a_dead_webhook_is_switched_off() {
    let (app, domain) = app().await;
    let receiver = Receiver::start(&[Reply::Status(503, "")]).await;
    let hook = add(&app, &receiver).await;
    for nth in 1..=3 {
        report(&app, &domain, nth).await;
    }
    for _ in 0..9 {
        deliver(&app).await;
        app.clock.advance(Duration::from_secs(9 * 3_600));
    }
    let all = deliveries(&app, &hook).await;
    assert!(
        all.iter()
            .all(|delivery| delivery["nextRetryAt"].is_null() && delivery["success"] == false)
    );
    let webhook = shown(&app, &hook).await;
    assert_eq!(webhook["active"], false);
    let reason = webhook["disabledReason"].as_str().unwrap();
    assert!(reason.starts_with("20 attempts in a row failed"), "{reason}");
    let sent = receiver.received().len();
    // Nothing is written for it, and nothing sent.
    report(&app, &domain, 4).await;
    deliver(&app).await;
    assert_eq!(
        (receiver.received().len(), deliveries(&app, &hook).await.len()),
        (sent, 3)
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_switches_its_webhook_off() {
    let (app, domain) = app().await;
    let receiver = Receiver::start(&[Reply::Status(410, "")]).await;
    let hook = add(&app, &receiver).await;
    report(&app, &domain, 1).await;
    deliver(&app).await;
    let webhook = shown(&app, &hook).await;
    assert_eq!(
        (&webhook["active"], &webhook["disabledReason"]),
        (&json!(false), &json!("The receiver answered 410 Gone"))
    );
}

/// Dead receivers take seats, and never all of them.
#[tokio::test]
async fn receivers_that_hang_delay_no_other() {
    let (app, domain) = app().await;
    let mut dead = Vec::new();
    for _ in 0..3 {
        let receiver = Receiver::start(&[Reply::Hang]).await;
        add(&app, &receiver).await;
        dead.push(receiver);
    }
    let alive = Receiver::start(&[OK]).await;
    let hook = add(&app, &alive).await;
    for nth in 1..=12 {
        report(&app, &domain, nth).await;
    }
    let webhooks = app.targets.clone();
    let delivering = tokio::spawn(async move { webhooks.deliver(|| 100).await });
    // The living receiver has everything before one of the dead ones is given up.
    alive.wait_for(12).await;
    for receiver in &dead {
        receiver.wait_for(4).await;
        assert_eq!(receiver.received().len(), 4, "so many at a time");
    }
    // What happens meanwhile is delivered meanwhile.
    report(&app, &domain, 13).await;
    alive.wait_for(13).await;
    delivering.abort();
    let ids: BTreeSet<_> = alive
        .received()
        .iter()
        .map(|received| received.id().to_owned())
        .collect();
    assert_eq!(ids.len(), 13, "each of them once");
    assert_eq!(deliveries(&app, &hook).await.len(), 13);
}

#[tokio::test]
async fn a_test_tells_what_the_receiver_said() {
    let (app, _) = app().await;
    let receiver = Receiver::start(&[OK, Reply::Status(500, ""), Reply::Reset]).await;
    let hook = add(&app, &receiver).await;
    let path = format!("/webhooks/{}/test", hook.id);
    for expect in [
        (json!(true), json!(200)),
        (json!(false), json!(500)),
        (json!(false), json!(null)),
    ] {
        let tested = app.post(&path, &json!({})).await.expect(200);
        assert_eq!((tested["success"].clone(), tested["status_code"].clone()), expect);
    }
    let received = receiver.received().remove(0);
    let body: Value = serde_json::from_str(&received.body).unwrap();
    assert_eq!(body["type"], "webhook.test");
    let fields = sign(
        std::slice::from_ref(&hook.secret),
        received.id(),
        NOW / 1_000,
        &received.body,
    );
    assert_eq!(received.header("x-poststack-signature"), fields[0].1);
    assert_eq!(deliveries(&app, &hook).await.len(), 0);
    assert_eq!(shown(&app, &hook).await["consecutiveFailures"], 0);
}

/// A secret is never stored in plain text, so that without a master key there is none.
#[tokio::test]
async fn without_a_master_key_no_webhook_is_made() {
    let app = TestApp::start().await;
    let metrics = Metrics::new();
    let options = DomainsOptions::new(ServiceNames::new(None, None));
    let domains = Domains::new(app.store.clone(), app.clock.clone(), metrics.clone(), options);
    let guard = Guard::new(OutboundSettings::default(), None);
    let webhooks = Targets::new(&domains, metrics, guard, None, ChannelOptions::default());
    let events = Wanted::new(["*".to_owned()]);
    let url = "https://example.com/".to_owned();
    let refused = webhooks
        .create_webhook(app.account, url, events, &[7; Secret::RANDOM_BYTES])
        .await;
    assert!(matches!(refused, Err(TargetsError::Keys(_))), "{refused:?}");
    assert_eq!(app.store.webhooks(app.account).await.unwrap(), []);
}

/// Without this, taking an old master key out would silence every webhook.
#[tokio::test]
async fn secrets_are_encrypted_with_the_newest_master_key() {
    let app = TestApp::start().await;
    let receiver = Receiver::start(&[OK]).await;
    let old = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let new = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
    let with = |keys: &[&str]| {
        let mut options = DomainsOptions::new(ServiceNames::new(None, None));
        options.keyring = Some(Keyring::from_keys(keys.iter().copied(), "a test").unwrap());
        let domains = Domains::new(app.store.clone(), app.clock.clone(), Metrics::new(), options);
        let guard = Guard::new(outbound(), None);
        let client = Client::for_customers(connector(None).unwrap(), guard.clone());
        Targets::new(&domains, Metrics::new(), guard, Some(client), ChannelOptions::default())
    };
    let events = Wanted::new(["*".to_owned()]);
    let before = with(&[old]);
    let made = before.create_webhook(app.account, receiver.url(), events, &[7; Secret::RANDOM_BYTES]);
    let (webhook, secret) = made.await.unwrap().unwrap();
    let rotated = before.rotate(app.account, webhook.id, 24, &[8; Secret::RANDOM_BYTES]);
    rotated.await.unwrap().unwrap();
    let current = async || app.store.webhook(app.account, webhook.id).await.unwrap().unwrap();
    let refused = with(&[new]).test(&current().await.any()).await;
    assert!(
        matches!(refused, Err(TargetsError::Keys(_))),
        "the control: {refused:?}"
    );
    let both = with(&[new, old]);
    assert_eq!((both.reseal().await.unwrap(), both.reseal().await.unwrap()), (1, 0));
    assert!(with(&[new]).test(&current().await.any()).await.unwrap().is_delivered);
    // The one before is encrypted again, too: it signs as well.
    let received = receiver.received().remove(0);
    let of_old = sign(&[secret], received.id(), NOW / 1_000, &received.body)[0].1.clone();
    assert!(received.header("x-poststack-signature").ends_with(&of_old));
}
