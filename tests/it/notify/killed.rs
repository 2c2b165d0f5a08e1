//! The program is killed while reports come and events go: each event of what was committed arrives, and none of what was not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tallymark::base::AccountId;
use tallymark::store::{Page, Store};
use tokio::time::timeout;

use super::receiver::{Receiver, Reply};
use crate::client::{Server, prepare};
use crate::http::{Ask, PASS, Sample};

const KILLS: usize = 20;
/// Reports that are sent between two kills.
const REPORTS: usize = 4;
const ARRIVES_MAX: Duration = Duration::from_secs(60);

/// As another node finds it after the lease of a dead one ran out.
async fn release_lease(home: &Path) -> Store {
    let store = Store::open(&home.join("data/tallymark.sqlite")).await.unwrap();
    if let Some(lease) = store.lease("deliver").await.unwrap() {
        store.release_lease("deliver", &lease.holder).await.unwrap();
    }
    store
}

/// The deliveries in the database: the number of each event's report, and its id.
async fn written(store: &Store) -> BTreeMap<String, String> {
    let webhook = store.webhooks(AccountId(1)).await.unwrap().remove(0);
    let page = Page {
        page: 1,
        per_page: 10_000,
    };
    let (all, _) = store.deliveries(webhook.id, page).await.unwrap();
    let found: BTreeMap<_, _> = all
        .iter()
        .map(|delivery| (report_of(&delivery.payload), delivery.event_id.clone()))
        .collect();
    assert_eq!(found.len(), all.len(), "one event for each report");
    found
}

fn report_of(payload: &str) -> String {
    let payload: Value = serde_json::from_str(payload).unwrap();
    payload["data"]["report_id"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_however_often_the_program_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let [key, _] = prepare(home.path()).await;
    let receiver = Receiver::start(&[Reply::Status(200, "")]).await;
    let settings = format!(
        "[outbound]\nallow_networks = [\"127.0.0.1\"]\nallow_http = true\nports = [{}]\n[http]\nrate_per_second = 0\n",
        receiver.address.port()
    );
    let mut server = Server::start(home.path(), &settings);
    let ask = |method: &str, path: &str| Ask::new(method, path).key(&key);
    let body = json!({ "url": receiver.url(), "events": ["dmarc.report.received"] });
    ask("POST", "/webhooks")
        .json(&body)
        .send(server.address)
        .await
        .expect(201);
    let domain = ask("POST", "/domains").json(&json!({ "name": "example.com" }));
    let domain = domain.send(server.address).await.expect(201)["id"].clone();
    let path = format!("/domains/{}/dmarc/reports", domain.as_str().unwrap());
    let upload = |nth: usize| {
        let mut sample = Sample::new("example.com", &format!("r{nth}"), &[PASS]);
        sample.rows[0].count = 1 + nth as u64;
        ask("POST", &path).body("application/xml", sample.xml())
    };
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let before = receiver.received().len();
        for nth in 1..REPORTS {
            upload(kill * REPORTS + nth).send(server.address).await.expect(201);
            acknowledged += 1;
        }
        // Some die while events are on their way, others before the first of them.
        if kill % 2 == 0 {
            timeout(ARRIVES_MAX, receiver.wait_for(before + 1)).await.unwrap();
        }
        // And all while a report comes, whose answer is lost.
        let (last, address) = (upload(kill * REPORTS), server.address);
        let coming = tokio::spawn(async move { last.try_send(address).await.is_ok() });
        tokio::task::yield_now().await;
        drop(server);
        let _ = coming.await;
        release_lease(home.path()).await.close().await;
        server = Server::start(home.path(), &settings);
    }
    let store = Store::open(&home.path().join("data/tallymark.sqlite")).await.unwrap();
    let written = written(&store).await;
    store.close().await;
    assert!(written.len() >= acknowledged, "{} {acknowledged}", written.len());
    let ids = || {
        let received = receiver.received();
        received
            .iter()
            .map(|received| received.id().to_owned())
            .collect::<BTreeSet<_>>()
    };
    let everything = async {
        while ids().len() < written.len() {
            receiver.wait_for(receiver.received().len() + 1).await;
        }
    };
    timeout(ARRIVES_MAX, everything).await.unwrap();
    drop(server);
    // Nothing else came: what was rolled back has no row, and a repeat has the id of the first.
    let expect: BTreeSet<_> = written.values().cloned().collect();
    assert_eq!(ids(), expect);
    for received in receiver.received() {
        assert_eq!(written[&report_of(&received.body)], received.id());
    }
}
