//! The program is killed at random moments while reports come and receivers fail in every way: each event of what was committed
//! is accepted by every target that stays on, and none of what was not is sent.
//!
//! A few rounds here; the long form, and another course of events:
//! `TALLYMARK_KILLS=200 TALLYMARK_KILLS_SEED=7 cargo nextest run -E 'test(notify::killed)' --no-capture`

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tallymark::base::{AccountId, TargetId};
use tallymark::store::Store;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::receiver::{Received, Receiver, Reply};
use crate::chance::{Chance, setting};
use crate::client::{Server, prepare};
use crate::http::{Ask, PASS, Sample};

/// Reports that come at the same time, each round.
const REPORTS: u64 = 5;
/// The program dies at some time up to this after they began to come.
const ALIVE_MILLIS_MAX: u64 = 1_000;
/// Failures of a receiver with one event before it accepts it. A delivery is given up after nine.
const FAILURES_MAX: u64 = 3;
/// Requests that the receiver that goes away accepts before.
const BEFORE_GONE: usize = 10;
/// Whose reports the database refuses after their events were written.
const ROLLED_BACK: &str = "rolled-back.example";

/// What is told of events.
struct Target {
    name: &'static str,
    id: TargetId,
    receiver: Receiver,
}

impl Target {
    /// Waits for one more request, for a moment.
    async fn hears_more(&self) {
        let count = self.receiver.received().len() + 1;
        let _ = timeout(Duration::from_millis(300), self.receiver.wait_for(count)).await;
    }
}

struct Course {
    home: tempfile::TempDir,
    key: String,
    settings: String,
    domain: String,
    targets: Vec<Target>,
    gone: Target,
    chance: Chance,
    next: u64,
    acknowledged: usize,
}

/// What a course of events came to.
#[derive(Debug)]
struct Outcome {
    acknowledged: usize,
    committed: usize,
    refused: usize,
    requests: usize,
    accepted: usize,
    repeats: usize,
}

/// An event at a target: the number of its report.
type Arrival = (&'static str, u64);

/// A receiver that accepts with `accepts`, and fails at random before.
async fn moody(seed: u64, accepts: Reply) -> Receiver {
    let (mut chance, mut failed) = (Chance(seed), BTreeMap::<u64, u64>::new());
    let reply = move |received: &Received| {
        // A test message is of no report.
        let Some(report) = report_of(&received.body) else {
            return accepts;
        };
        let failures = failed.entry(report).or_default();
        if *failures == FAILURES_MAX {
            return accepts;
        }
        let reply = match chance.below(20) {
            0..10 => return accepts,
            10..13 => Reply::Status(500, ""),
            13..15 => Reply::Status(429, "Retry-After: 1\r\n"),
            15 => Reply::Hang,
            16 => Reply::Status(302, "Location: http://127.0.0.1:9/\r\n"),
            _ => Reply::Reset,
        };
        *failures += 1;
        reply
    };
    Receiver::start_with(reply).await
}

/// The number of the report of an event: a webhook gets it in the body, a channel in the link to its page.
fn report_of(body: &str) -> Option<u64> {
    let event: Value = serde_json::from_str(body).unwrap();
    if let Some(report) = event["data"]["report_id"].as_u64() {
        return Some(report);
    }
    let (_, rest) = body.split_once("/reports/")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The request for a channel of that platform, or for a webhook.
fn new_target(name: &str, receiver: &Receiver) -> (&'static str, Value) {
    let events = ["dmarc.report.received"];
    let config = match name {
        "slack" => json!({ "webhookUrl": receiver.url() }),
        "telegram" => json!({ "botToken": "123:abc", "chatId": "1" }),
        _ => return ("/webhooks", json!({ "url": receiver.url(), "events": events })),
    };
    let body = json!({ "type": name, "name": name, "events": events, "config": config });
    ("/notification-channels", body)
}

impl Course {
    async fn start(seed: u64) -> (Self, Server) {
        let home = tempfile::tempdir().unwrap();
        let [key, _] = prepare(home.path()).await;
        let telegram = moody(seed + 3, Reply::Says(200, "{\"ok\":true}")).await;
        let mut before = BEFORE_GONE;
        let gone = Receiver::start_with(move |_| {
            before = before.saturating_sub(1);
            Reply::Status(if before == 0 { 410 } else { 200 }, "")
        });
        let receivers = [
            Receiver::start(&[Reply::Status(200, "")]).await,
            moody(seed, Reply::Status(204, "")).await,
            moody(seed + 1, Reply::Status(202, "")).await,
            moody(seed + 2, Reply::Says(200, "ok")).await,
            telegram.clone(),
            gone.await,
        ];
        let ports = receivers.each_ref().map(|receiver| receiver.address.port());
        let settings = format!(
            "[outbound]\nallow_networks = [\"127.0.0.1\"]\nallow_http = true\nports = {ports:?}\n\
             exchange_seconds_max = 1\n[http]\nrate_per_second = 0\n[notify]\npage_url = \"https://tally.example\"\n\
             telegram_url = \"http://{}\"\n",
            telegram.address
        );
        let server = Server::start(home.path(), &settings);
        let ask = async |path: &str, body: &Value| {
            let ask = Ask::new("POST", path).key(&key).json(body);
            ask.send(server.address).await
        };
        let domain = ask("/domains", &json!({ "name": "example.com" })).await.expect(201)["id"].clone();
        let names = ["steady", "moody", "moody too", "slack", "telegram", "gone"];
        let mut targets = Vec::new();
        for (name, receiver) in names.into_iter().zip(receivers) {
            let (path, body) = new_target(name, &receiver);
            let made = ask(path, &body).await.expect(201)["id"].clone();
            let number = made
                .to_string()
                .trim_matches('"')
                .trim_start_matches("nc_")
                .parse()
                .unwrap();
            targets.push(Target {
                name,
                id: TargetId(number),
                receiver,
            });
        }
        let course = Self {
            key,
            settings,
            domain: domain.as_str().unwrap().to_owned(),
            gone: targets.pop().unwrap(),
            targets,
            chance: Chance(seed),
            next: 1,
            acknowledged: 0,
            home,
        };
        // The whole transaction ends after the event was written.
        let refuse = format!(
            "create trigger refuse after insert on deliveries when instr(new.payload, '{ROLLED_BACK}') > 0 \
             begin select raise(abort, 'no'); end"
        );
        crate::sqlite(&course.file(), &refuse).await;
        (course, server)
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("data/tallymark.sqlite")
    }

    fn upload(&mut self, org_name: &str) -> Ask {
        let mut sample = Sample::new("example.com", &format!("r{}", self.next), &[PASS]);
        sample.rows[0].count = self.next;
        sample.org_name = org_name.to_owned();
        self.next += 1;
        let path = format!("/domains/{}/dmarc/reports", self.domain);
        Ask::new("POST", &path)
            .key(&self.key)
            .body("application/xml", sample.xml())
    }

    /// Reports come until the program dies, at a moment of its own.
    async fn round(&mut self, server: Server) {
        if self.chance.below(4) == 0 {
            let answer = self.upload(ROLLED_BACK).try_send(server.address).await.unwrap();
            // The mail is kept, and its report is nowhere.
            assert_eq!(answer.expect(201)["quarantined"][0]["reason"], "not_storable");
        }
        let mut coming = JoinSet::new();
        for _ in 0..REPORTS {
            let (upload, address): (_, SocketAddr) = (self.upload("google.com"), server.address);
            coming.spawn(async move { upload.try_send(address).await.is_ok_and(|answer| answer.status == 201) });
        }
        // Until all have come and been told of, or until its moment.
        let (steady, moment) = (&self.targets[0].receiver, self.chance.below(ALIVE_MILLIS_MAX));
        let told = steady.received().len() + REPORTS as usize;
        let mut acknowledged = 0;
        let all = async {
            while let Some(done) = coming.join_next().await {
                acknowledged += usize::from(done.unwrap());
            }
            steady.wait_for(told).await;
        };
        let _ = timeout(Duration::from_millis(moment), all).await;
        drop(server);
        acknowledged += coming.join_all().await.into_iter().filter(|done| *done).count();
        self.acknowledged += acknowledged;
    }

    /// As another node finds it after the lease of a dead one ran out, and after the pauses of what waits.
    async fn start_again(&self) -> Server {
        let store = Store::open(&self.file()).await.unwrap();
        if let Some(lease) = store.lease("deliver").await.unwrap() {
            store.release_lease("deliver", &lease.holder).await.unwrap();
        }
        store.close().await;
        self.let_time_pass().await;
        Server::start(self.home.path(), &self.settings)
    }

    async fn let_time_pass(&self) {
        crate::sqlite(
            &self.file(),
            "update deliveries set next_at = 1 where next_at is not null",
        )
        .await;
    }

    /// Numbers of the reports that are in the database and count.
    async fn committed(&self) -> BTreeSet<u64> {
        let rows = self.rows("select report_no from reports where counted = 1").await;
        rows.into_iter().map(|[number]| number).collect()
    }

    async fn rows<const COLUMNS: usize>(&self, statement: &'static str) -> Vec<[u64; COLUMNS]> {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file());
        let mut conn = options.connect().await.unwrap();
        let rows = sqlx::query(statement).fetch_all(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        let columns = |row: &sqlx::sqlite::SqliteRow| std::array::from_fn(|nth| row.get::<i64, _>(nth).unsigned_abs());
        rows.iter().map(columns).collect()
    }

    /// Events that each target accepted.
    fn accepted(&self) -> BTreeMap<Arrival, usize> {
        let mut accepted = BTreeMap::new();
        for target in &self.targets {
            let received = target.receiver.received();
            let taken = received
                .iter()
                .filter(|received| matches!(received.reply, Reply::Status(200..300, _) | Reply::Says(200..300, _)));
            for report in taken.filter_map(|received| report_of(&received.body)) {
                *accepted.entry((target.name, report)).or_default() += 1;
            }
        }
        accepted
    }

    /// Events of committed reports that a target has not accepted.
    async fn missing(&self) -> BTreeSet<Arrival> {
        let (accepted, committed) = (self.accepted(), self.committed().await);
        let all = self
            .targets
            .iter()
            .flat_map(|target| committed.iter().map(|report| (target.name, *report)));
        all.filter(|arrival| !accepted.contains_key(arrival)).collect()
    }

    /// Waits until nothing is missing but `lost`.
    async fn settle(&self, lost: &BTreeSet<Arrival>, rounds: u64) {
        let settled = async {
            loop {
                let missing = self.missing().await;
                if missing == *lost {
                    return;
                }
                // Pauses of a minute and more are over sooner.
                self.let_time_pass().await;
                let late = missing.difference(lost).next().map(|(name, _)| *name);
                let late = self.targets.iter().find(|target| Some(target.name) == late);
                late.unwrap_or(&self.targets[0]).hears_more().await;
            }
        };
        let settled = timeout(Duration::from_secs(60 + 3 * rounds), settled).await;
        assert!(settled.is_ok(), "lost {lost:?}, and missing {:?}", self.missing().await);
    }

    /// Checks what was sent, and counts it.
    async fn check(&self) -> Outcome {
        let committed = self.committed().await;
        let mut requests = 0;
        for target in self.targets.iter().chain([&self.gone]) {
            let mut bodies = BTreeMap::new();
            for received in target.receiver.received() {
                requests += 1;
                assert!(
                    !received.body.contains(ROLLED_BACK),
                    "{}: {}",
                    target.name,
                    received.body
                );
                let report = report_of(&received.body).unwrap();
                assert!(
                    committed.contains(&report),
                    "{} heard of {report}, which is not there",
                    target.name
                );
                let (id, body) = (received.id().to_owned(), received.body);
                let first = bodies.entry(report).or_insert_with(|| (id.clone(), body.clone()));
                assert_eq!(*first, (id, body), "{}: a repeat has another id or body", target.name);
            }
            let ids: BTreeSet<_> = bodies.values().collect();
            assert_eq!(ids.len(), bodies.len(), "{}: two events have one id", target.name);
        }
        let accepted = self.accepted();
        Outcome {
            acknowledged: self.acknowledged,
            committed: committed.len(),
            refused: (self.next - 1) as usize - committed.len(),
            requests,
            accepted: accepted.len(),
            repeats: accepted.values().map(|times| times - 1).sum(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_arrives_however_often_the_program_is_killed() {
    let (kills, seed) = (setting("TALLYMARK_KILLS", 10), setting("TALLYMARK_KILLS_SEED", 1));
    let (mut course, mut server) = Course::start(seed).await;
    for _ in 0..kills {
        course.round(server).await;
        server = course.start_again().await;
    }
    course.settle(&BTreeSet::new(), kills).await;
    let gone = async {
        while is_on(&course).await {
            course.gone.hears_more().await;
        }
    };
    timeout(Duration::from_secs(30), gone)
        .await
        .expect("410 switches it off");
    drop(server);
    let outcome = course.check().await;
    println!(
        "{kills} kills: {} reports acknowledged, {} committed, {} not; {} requests, {} events accepted, {} of them again",
        outcome.acknowledged, outcome.committed, outcome.refused, outcome.requests, outcome.accepted, outcome.repeats
    );
    assert!(outcome.committed >= outcome.acknowledged, "{outcome:?}");
    assert!(outcome.requests > outcome.accepted, "no receiver failed: {outcome:?}");
    let store = Store::open(&course.file()).await.unwrap();
    for target in store.webhooks(AccountId(1)).await.unwrap() {
        assert_eq!(target.active, target.id != course.gone.id, "{target:?}");
        let reason = target.disabled.map(|(_, why)| why);
        assert_eq!(
            reason.is_some_and(|why| why.contains("410")),
            target.id == course.gone.id
        );
    }
    assert!(
        store
            .channels(AccountId(1))
            .await
            .unwrap()
            .iter()
            .all(|channel| channel.active)
    );
    store.close().await;
}

/// Whether the webhook whose receiver is gone is on.
async fn is_on(course: &Course) -> bool {
    let on = course.rows("select target_id from targets where active = 1").await;
    on.contains(&[course.gone.id.0.unsigned_abs()])
}

/// The negative control: a program that marks a delivery as made before it is sent loses events when it is killed in between, and
/// the test above sees each of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_marked_before_it_is_sent_is_missed() {
    let (mut course, mut server) = Course::start(5).await;
    let mut lost = BTreeSet::new();
    for _ in 0..4 {
        course.round(server).await;
        let waiting = "select target_id, delivery_id, json_extract(payload, '$.data.report_id') from deliveries \
             where next_at is not null";
        let accepted = course.accepted();
        for [target, delivery, report] in course.rows(waiting).await {
            let target = course.targets.iter().find(|other| other.id.0.unsigned_abs() == target);
            let Some(arrival) = target.map(|target| (target.name, report)) else {
                continue;
            };
            if !accepted.contains_key(&arrival) {
                let mark =
                    format!("update deliveries set delivered_at = 1, next_at = null where delivery_id = {delivery}");
                crate::sqlite(&course.file(), &mark).await;
                lost.insert(arrival);
                break;
            }
        }
        server = course.start_again().await;
    }
    assert!(!lost.is_empty(), "nothing waited when the program died");
    course.settle(&lost, 4).await;
    drop(server);
}
