//! What goes wrong on our side, and what other accounts do: receivers and their owners notice nothing.

use std::time::Duration;

use serde_json::json;
use tallymark::dns::{Dns, DnsOptions};
use tallymark::domains::{Domains, DomainsOptions, Keyring, ServiceNames};
use tallymark::metrics::Metrics;
use tallymark::notify::{ChannelOptions, Secret, Targets};
use tallymark::outbound::{Client, Guard, connector};
use tallymark::store::{Delivery, Page, Target, Wanted, Webhook};
use tokio::time::timeout;

use super::receiver::{Receiver, Reply};
use super::{OK, add, app, deliver, deliveries, report};
use crate::http::{Ask, NOW, PASS, Sample, TestApp, outbound};
use crate::provenance::dns::{Dns as NameServer, Has};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const SOON: Duration = Duration::from_secs(15);

fn webhooks(app: &TestApp, metrics: &Metrics, key: Option<&str>, servers: Option<&NameServer>) -> Targets {
    let mut options = DomainsOptions::new(ServiceNames::new(None, None));
    options.keyring = key.map(|key| Keyring::from_keys([key], "a test").unwrap());
    let domains = Domains::new(app.store.clone(), app.clock.clone(), metrics.clone(), options);
    // Nothing answers at port 9.
    let server = servers.map_or("127.0.0.1:9".parse().unwrap(), |servers| servers.address);
    let dns = Dns::new(&DnsOptions {
        servers: vec![server],
        try_time_max: Duration::from_millis(200),
        ..DnsOptions::default()
    });
    let guard = Guard::new(outbound(), Some(dns.unwrap()));
    let client = Client::for_customers(connector(None).unwrap(), guard.clone());
    Targets::new(
        &domains,
        metrics.clone(),
        guard,
        Some(client),
        ChannelOptions::default(),
    )
}

async fn after(app: &TestApp, made: &Target<Webhook>) -> (Target<Webhook>, Delivery) {
    let webhook = app.store.webhook(app.account, made.id).await.unwrap().unwrap();
    let page = Page { page: 1, per_page: 10 };
    let (mut all, _) = app.store.deliveries(made.id, page).await.unwrap();
    (webhook, all.remove(0))
}

/// Without a master key, and without name servers that answer, events wait, and the receiver is not blamed.
#[tokio::test]
async fn own_faults_are_not_the_receivers() {
    let (app, domain) = app().await;
    let (receiver, names, metrics) = (Receiver::start(&[OK]).await, NameServer::start().await, Metrics::new());
    names.add("receiver.example", Has::Address([127, 0, 0, 1].into()));
    let whole = webhooks(&app, &metrics, Some(KEY), Some(&names));
    let url = receiver.url().replace("127.0.0.1", "receiver.example");
    let made = whole.create_webhook(
        app.account,
        url,
        Wanted::new(["*".to_owned()]),
        &[7; Secret::RANDOM_BYTES],
    );
    let (made, _) = made.await.unwrap().unwrap();
    report(&app, &domain, 1).await;
    let without_key = webhooks(&app, &metrics, None, Some(&names));
    let without_names = webhooks(&app, &metrics, Some(KEY), None);
    for (nth, at_fault) in [without_key, without_names].into_iter().enumerate() {
        for _ in 0..15 {
            at_fault.deliver(|| 100).await.unwrap();
            app.clock.advance(Duration::from_secs(3_600));
        }
        let (webhook, delivery) = after(&app, &made).await;
        assert_eq!(
            (webhook.active, webhook.failures, webhook.last),
            (true, 0, None),
            "{nth}"
        );
        assert_eq!(delivery.attempts, 0);
        assert!(delivery.next_at.is_some() && delivery.created_at == NOW, "{delivery:?}");
    }
    assert!(
        metrics.encode().0.contains("outcome=\"held_back\"} 30"),
        "{}",
        metrics.encode().0
    );
    assert_eq!(receiver.received().len(), 0);
    whole.deliver(|| 100).await.unwrap();
    assert_eq!(receiver.received().len(), 1);
    assert!(after(&app, &made).await.1.delivered_at.is_some());
    // The control: a name whose own servers fail is the owner's business.
    names.clear("receiver.example");
    names.add("receiver.example", Has::Failure);
    report(&app, &domain, 2).await;
    whole.deliver(|| 100).await.unwrap();
    let (webhook, delivery) = after(&app, &made).await;
    assert_eq!((webhook.failures, delivery.attempts), (1, 1), "{delivery:?}");
}

/// The slow receivers are older, have waited longer, and are of one account.
#[tokio::test]
async fn slow_receivers_of_one_account_delay_no_other() {
    let (app, domain) = app().await;
    let slow = Receiver::start(&[Reply::Hang]).await;
    for _ in 0..20 {
        add(&app, &slow).await;
    }
    for nth in 1..=6 {
        report(&app, &domain, nth).await;
    }
    let (_, key) = app.stranger().await;
    let quick = Receiver::start(&[OK]).await;
    let ask = |path: &str| Ask::new("POST", path).key(&key);
    let body = json!({ "url": quick.url(), "events": ["dmarc.report.received"] });
    app.send(ask("/webhooks").json(&body)).await.expect(201);
    let other = app
        .send(ask("/domains").json(&json!({ "name": "example.net" })))
        .await
        .expect(201);
    let path = format!("/domains/{}/dmarc/reports", other["id"].as_str().unwrap());
    for nth in 1..=12 {
        let mut sample = Sample::new("example.net", &format!("r{nth}"), &[PASS]);
        sample.rows[0].count = nth;
        app.send(ask(&path).body("application/xml", sample.xml()))
            .await
            .expect(201);
    }
    let webhooks = app.targets.clone();
    let delivering = tokio::spawn(async move { webhooks.deliver(|| 100).await });
    timeout(SOON, quick.wait_for(12)).await.unwrap();
    timeout(SOON, slow.wait_for(16)).await.unwrap();
    assert_eq!(slow.received().len(), 16, "half of the places, and no more");
    delivering.abort();
}

/// What came of attempts is kept once the database takes it again.
#[tokio::test]
async fn what_cannot_be_kept_at_once_is_kept_later_and_not_sent_again() {
    let (app, domain) = app().await;
    let receiver = Receiver::start(&[OK]).await;
    let hook = add(&app, &receiver).await;
    for nth in 1..=12 {
        report(&app, &domain, nth).await;
    }
    let file = app.folder.path().join("tallymark.sqlite");
    let refuses = "create trigger t before update on deliveries begin select raise(abort, 'no'); end";
    crate::sqlite(&file, refuses).await;
    let webhooks = app.targets.clone();
    let delivering = tokio::spawn(async move { webhooks.deliver(|| 100).await });
    receiver.wait_for(4).await;
    assert!(
        deliveries(&app, &hook)
            .await
            .iter()
            .all(|delivery| delivery["success"] == false),
        "the control"
    );
    crate::sqlite(&file, "drop trigger t").await;
    delivering.await.unwrap().unwrap();
    assert!(
        deliveries(&app, &hook)
            .await
            .iter()
            .all(|delivery| delivery["success"] == true)
    );
    let mut ids: Vec<_> = receiver
        .received()
        .iter()
        .map(|received| received.id().to_owned())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), receiver.received().len()), (12, 12), "each of them once");
}

/// Each transaction that keeps attempts writes to their webhook once.
#[tokio::test]
async fn attempts_are_kept_in_batches() {
    let (app, domain) = app().await;
    let receiver = Receiver::start(&[OK]).await;
    let hook = add(&app, &receiver).await;
    for nth in 1..=48 {
        report(&app, &domain, nth).await;
    }
    let file = app.folder.path().join("tallymark.sqlite");
    let counts = "create trigger t after update on targets begin \
        update targets set rotated_at = coalesce(rotated_at, 0) + 1 where target_id = new.target_id; end";
    crate::sqlite(&file, counts).await;
    deliver(&app).await;
    assert_eq!(receiver.received().len(), 48);
    let webhook = app.store.webhooks(app.account).await.unwrap().remove(0);
    let batches = webhook.address.rotated_at.unwrap();
    assert!((1..24).contains(&batches), "{batches}");
    assert!(
        deliveries(&app, &hook)
            .await
            .iter()
            .all(|delivery| delivery["success"] == true)
    );
}
