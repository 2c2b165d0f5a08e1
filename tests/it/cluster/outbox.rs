//! Events on several nodes: one node sends each, and none is lost with the node that sends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::timeout;

use super::{Cluster, Node, STANDSTILL};
use crate::http::client::Ask;
use crate::notify::receiver::{Receiver, Reply};
use crate::postgres::Durability;

const REPORTS: u64 = 30;
/// Requests that are accepted before the receiver says nothing any more.
const ANSWERED: usize = 5;

/// A cluster that tells this receiver of reports.
async fn telling(receiver: &Receiver) -> Cluster {
    let mut cluster = Cluster::start(Durability::Hurried, "").await;
    cluster.settings = vec![
        ("TALLYMARK__DOMAINS__MASTER_KEYS", format!("[\"{}\"]", "11".repeat(32))),
        ("TALLYMARK__OUTBOUND__ALLOW_NETWORKS", "[\"127.0.0.1\"]".to_owned()),
        ("TALLYMARK__OUTBOUND__ALLOW_HTTP", "true".to_owned()),
        ("TALLYMARK__OUTBOUND__PORTS", format!("[{}]", receiver.address.port())),
        ("TALLYMARK__OUTBOUND__EXCHANGE_SECONDS_MAX", "30".to_owned()),
    ];
    let node = cluster.node(&["--roles", "api"]);
    let webhook = json!({ "url": receiver.url(), "events": ["dmarc.report.received"] });
    let ask = Ask::new("POST", "/webhooks").key(&cluster.key).json(&webhook);
    ask.send(node.http).await.expect(201);
    node.stop();
    cluster
}

async fn upload(cluster: &Cluster, node: &Node, report: u64) {
    let answer = cluster.upload(node.http, report).await;
    assert_eq!(answer.map(|answer| answer.status), Some(201), "{}", cluster.log());
}

/// Deliveries that were not made yet.
async fn waiting(cluster: &Cluster) -> i64 {
    let url = cluster.server.url(&cluster.database);
    let mut conn = url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
    let count = sqlx::query_scalar("select count(*) from deliveries where next_at is not null");
    let waiting = count.fetch_one(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    waiting
}

async fn all_delivered(cluster: &Cluster) {
    let all = async {
        while waiting(cluster).await > 0 {
            tokio::task::yield_now().await;
        }
    };
    let done = timeout(STANDSTILL, all).await;
    assert!(done.is_ok(), "deliveries wait for ever: {}", cluster.log());
}

/// The reports that the receiver accepted events of, each with the ids of these.
fn accepted(receiver: &Receiver) -> BTreeMap<String, BTreeSet<String>> {
    let mut accepted = BTreeMap::<_, BTreeSet<_>>::new();
    let received = receiver.received().into_iter();
    for request in received.filter(|request| request.reply == Reply::Status(200, "")) {
        let event: Value = serde_json::from_str(&request.body).unwrap();
        let report = event["data"]["report_id"].to_string();
        accepted.entry(report).or_default().insert(request.id().to_owned());
    }
    accepted
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_nodes_one_sends_each_event_and_sends_it_once() {
    let receiver = Receiver::start(&[Reply::Status(200, "")]).await;
    let cluster = telling(&receiver).await;
    let nodes = [(); 3].map(|()| cluster.node(&[]));
    for report in 0..REPORTS {
        upload(&cluster, &nodes[report as usize % nodes.len()], report).await;
    }
    all_delivered(&cluster).await;
    nodes.into_iter().for_each(Node::stop);
    assert_eq!(
        receiver.received().len() as u64,
        REPORTS,
        "an event was sent twice, or not at all"
    );
    let accepted = accepted(&receiver);
    assert_eq!(accepted.len() as u64, REPORTS);
    assert!(accepted.values().all(|ids| ids.len() == 1));
    assert_eq!(cluster.verify()["reports"], REPORTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_lost_with_the_node_that_sends() {
    let (mut answered, is_dead) = (0, Arc::new(AtomicBool::new(false)));
    let seen = Arc::clone(&is_dead);
    let receiver = Receiver::start_with(move |_| {
        answered += 1;
        match answered <= ANSWERED || seen.load(Ordering::Relaxed) {
            true => Reply::Status(200, ""),
            false => Reply::Hang,
        }
    })
    .await;
    let cluster = telling(&receiver).await;
    // The first node has the lease of the job that sends.
    let sender = cluster.node(&[]);
    upload(&cluster, &sender, 0).await;
    all_delivered(&cluster).await;
    let others = [(); 2].map(|()| cluster.node(&[]));
    for report in 1..REPORTS {
        upload(&cluster, &others[report as usize % others.len()], report).await;
    }
    // It waits for an answer when it dies.
    let sent = timeout(STANDSTILL, receiver.wait_for(ANSWERED + 1)).await;
    assert!(sent.is_ok(), "nothing is sent any more: {}", cluster.log());
    sender.kill();
    is_dead.store(true, Ordering::Relaxed);
    // Its lease runs out after 40 seconds, which pass here.
    cluster
        .execute("update leases set until_at = 0 where name = 'deliver'")
        .await;
    all_delivered(&cluster).await;
    let before = accepted(&receiver);
    assert_eq!(before.len() as u64, REPORTS, "an event is lost");
    assert!(before.values().all(|ids| ids.len() == 1), "a repeat has another id");

    // Control: an event that was not written with its report is missed.
    let drop = "create function nothing() returns trigger language plpgsql as 'begin return null; end'; \
                create trigger nothing before insert on deliveries for each row execute function nothing()";
    cluster.execute(drop).await;
    upload(&cluster, &others[0], REPORTS).await;
    cluster.execute("drop trigger nothing on deliveries").await;
    upload(&cluster, &others[1], REPORTS + 1).await;
    all_delivered(&cluster).await;
    assert_eq!(accepted(&receiver).len(), before.len() + 1);
}
