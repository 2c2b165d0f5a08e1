//! Nodes and the server are killed at random under load: every report that was acknowledged is there, and counted once.
//!
//! A few rounds here; the long form, and another course of events:
//! `TALLYMARK_CHAOS_ROUNDS=50 TALLYMARK_CHAOS_SEED=7 cargo nextest run -E 'test(cluster::chaos)'`

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::timeout;

use super::{Cluster, Node, STANDSTILL, messages};
use crate::chance::{Chance, setting};
use crate::postgres::Durability;

const SMTP: [&str; 2] = ["--smtp", "127.0.0.1:0"];
const NODES: usize = 3;
const SENDERS: u64 = 12;
/// Number of reports per hundred that are handed to two nodes at the same instant.
const TWICE: u64 = 5;

/// What senders share with the thread that plays the disaster.
struct Load {
    cluster: Cluster,
    nodes: Mutex<Vec<Addresses>>,
    next: AtomicU64,
    stop: AtomicBool,
    /// Reports that were acknowledged.
    ledger: Mutex<Vec<u64>>,
    acknowledged: watch::Sender<usize>,
    /// Tries that got no acknowledgement.
    refused: AtomicU64,
}

/// Of a node: HTTP and SMTP.
type Addresses = (SocketAddr, SocketAddr);

fn addresses(node: &Node) -> Addresses {
    (node.http, node.smtp.expect("every node takes mail"))
}

impl Load {
    fn node(&self, nth: u64) -> Addresses {
        let nodes = self.nodes.lock().unwrap();
        nodes[nth as usize % nodes.len()]
    }

    /// Most come by mail, some through the API.
    async fn try_once(&self, (http, smtp): Addresses, report: u64) -> bool {
        let taken = if report.is_multiple_of(4) {
            let answer = self.cluster.upload(http, report).await;
            answer.is_some_and(|answer| answer.complete && answer.status == 201)
        } else {
            self.cluster.mail(smtp, report).await == Some(250)
        };
        self.refused.fetch_add(u64::from(!taken), Ordering::Relaxed);
        taken
    }

    /// Sends one report after another, each until it is acknowledged, as mail servers do.
    async fn send(self: Arc<Self>, sender: u64) {
        let mut tries = sender;
        while !self.stop.load(Ordering::Relaxed) {
            let report = self.next.fetch_add(1, Ordering::Relaxed);
            loop {
                tries += 1;
                let taken = if report % 100 < TWICE {
                    let both = (self.node(tries), self.node(tries + 1));
                    let both = tokio::join!(self.try_once(both.0, report), self.try_once(both.1, report));
                    both.0 || both.1
                } else {
                    self.try_once(self.node(tries), report).await
                };
                if taken {
                    break;
                }
                tokio::task::yield_now().await;
            }
            self.ledger.lock().unwrap().push(report);
            self.acknowledged.send_modify(|count| *count += 1);
        }
    }

    /// Waits until so many more were acknowledged.
    async fn more(&self, count: usize) {
        let mut acknowledged = self.acknowledged.subscribe();
        let target = *acknowledged.borrow() + count;
        let reached = timeout(STANDSTILL, acknowledged.wait_for(|count| *count >= target)).await;
        assert!(reached.is_ok(), "nothing is taken any more: {}", self.cluster.log());
    }

    /// What is wrong in the database.
    async fn complaints(&self) -> Vec<String> {
        let url = self.cluster.server.url(&self.cluster.database);
        let mut conn = url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
        let rows = sqlx::query("select report_id, (pass + fail)::bigint from reports where counted = 1")
            .fetch_all(&mut conn)
            .await
            .unwrap();
        let mut there: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
        for row in &rows {
            let report = row.get::<String, _>(0).parse().unwrap();
            there.entry(report).or_default().push(row.get(1));
        }
        let mut complaints = Vec::new();
        let ledger = self.ledger.lock().unwrap();
        for report in &*ledger {
            match there.remove(report).as_deref() {
                Some([sum]) if *sum == messages(*report).cast_signed() => {}
                Some(found) => complaints.push(format!("{report} is there as {found:?}")),
                None => complaints.push(format!("{report} was acknowledged and is lost")),
            }
        }
        complaints.extend(
            there
                .keys()
                .map(|report| format!("{report} is there and nobody was told")),
        );
        let sum: u64 = ledger.iter().map(|report| messages(*report)).sum();
        let verified = block_in_place(|| self.cluster.verify());
        if verified["messages"] != sum || verified["discrepancies"] != serde_json::json!([]) {
            complaints.push(format!("{sum} messages were sent: {verified}"));
        }
        complaints
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one story, in its order")]
async fn nothing_that_was_acknowledged_is_lost_or_counted_twice() {
    let (rounds, seed) = (setting("TALLYMARK_CHAOS_ROUNDS", 6), setting("TALLYMARK_CHAOS_SEED", 1));
    let mut chance = Chance(seed);
    // A node that stands still keeps its locks for as long as this; 20 s in life.
    let options = "options[idle_in_transaction_session_timeout]=3s";
    let cluster = Cluster::start(Durability::Durable, options).await;
    let mut nodes: Vec<Node> = (0..NODES).map(|_| cluster.node(&SMTP)).collect();
    let load = Arc::new(Load {
        cluster,
        nodes: Mutex::new(nodes.iter().map(addresses).collect()),
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        ledger: Mutex::default(),
        acknowledged: watch::Sender::new(0),
        refused: AtomicU64::new(0),
    });
    let mut senders = JoinSet::new();
    (0..SENDERS).for_each(|nth| _ = senders.spawn(Arc::clone(&load).send(nth)));
    for round in 0..rounds {
        load.more(20 + chance.below(100) as usize).await;
        let nth = chance.below(NODES as u64) as usize;
        let restart = |nodes: &mut Vec<Node>, nth: usize| {
            block_in_place(|| {
                let old = std::mem::replace(&mut nodes[nth], load.cluster.node(&SMTP));
                drop(old);
            });
            load.nodes.lock().unwrap()[nth] = addresses(&nodes[nth]);
        };
        // Each at least once, then as it comes.
        match if round < 4 { round } else { chance.below(4) } {
            0 => {
                nodes[nth].signal("KILL");
                load.more(10).await;
                restart(&mut nodes, nth);
            }
            1 => block_in_place(|| {
                load.cluster.server.stop();
                load.cluster.server.start_again();
            }),
            2 => {
                nodes[nth].signal("STOP");
                load.more(40).await;
                nodes[nth].signal("CONT");
            }
            _ => {
                // The server and most nodes at once.
                nodes[nth].signal("KILL");
                nodes[(nth + 1) % NODES].signal("KILL");
                block_in_place(|| {
                    load.cluster.server.stop();
                    load.cluster.server.start_again();
                });
                restart(&mut nodes, nth);
                restart(&mut nodes, (nth + 1) % NODES);
            }
        }
    }
    load.more(50).await;
    load.stop.store(true, Ordering::Relaxed);
    while let Some(done) = timeout(STANDSTILL, senders.join_next()).await.expect("senders end") {
        done.unwrap();
    }
    block_in_place(|| nodes.into_iter().for_each(Node::stop));
    let refused = load.refused.load(Ordering::Relaxed);
    println!(
        "{rounds} rounds, {} reports acknowledged, {refused} tries refused",
        load.ledger.lock().unwrap().len()
    );
    assert!(refused > 0, "nothing was ever refused: the test proves nothing");
    assert_eq!(load.complaints().await, Vec::<String>::new());
    // The same look finds what is missing, and what is wrong.
    let tamper = "delete from reports where report_no = (select min(report_no) from reports);
        update reports set pass = pass * 2 where report_no = (select max(report_no) from reports)";
    load.cluster.execute(tamper).await;
    let complaints = load.complaints().await;
    for expected in ["is lost", "is there as", "messages were sent"] {
        let found = complaints.iter().filter(|complaint| complaint.contains(expected));
        assert_eq!(found.count(), 1, "{expected}: {complaints:?}");
    }
}
