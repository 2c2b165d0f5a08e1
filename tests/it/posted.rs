//! Reports are posted to the program while it is killed many times: what it answered 201 is there, and counts once.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::client::{Server, prepare, python, script};
use crate::http::Ask;

/// Kills, and reports that are delivered between two of them. `TALLYMARK_POST_KILLS=200` makes it thorough.
const KILLS: usize = 6;
const REPORTS: usize = 50;

/// A program with a domain that TLS reports are posted to, and a client of it.
struct Scene {
    home: tempfile::TempDir,
    settings: String,
    address: SocketAddr,
    /// Of the account.
    key: String,
    domain: String,
    tls_path: String,
    /// May only hand in reports.
    submit: String,
}

impl Scene {
    async fn set() -> (Self, Server) {
        let home = tempfile::tempdir().unwrap();
        let [key, _] = prepare(home.path()).await;
        // Free a moment ago. Each program that follows listens there.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let settings =
            "[http]\nrate_per_second = 0\npost_rate_per_second = 0\n[limits]\nposted_reports_per_day_max = 1000000\n\
            posted_bytes_per_day_max = 10000000000\n"
                .to_owned();
        let server = Server::start_at(home.path(), &settings, address);
        let ask = |path: &str, body: Value| Ask::new("POST", path).key(&key).json(&body);
        let domain = ask("/domains", json!({ "name": "example.com" })).send(address).await;
        let domain = domain.expect(201)["id"].as_str().unwrap().to_owned();
        let made = ask(&format!("/domains/{domain}/tls/address"), json!({}))
            .send(address)
            .await;
        let tls_path = made.expect(201)["path"].as_str().unwrap().to_owned();
        let wanted = json!({ "name": "hook", "permission": "submit" });
        let submit = ask("/api-keys", wanted).send(address).await.expect(201)["key"].clone();
        let scene = Self {
            settings,
            address,
            domain,
            tls_path,
            submit: submit.as_str().unwrap().to_owned(),
            key,
            home,
        };
        (scene, server)
    }

    fn poster(&self, last: usize, manner: &str) -> Child {
        let mut poster = python("python");
        poster
            .arg(script("poster.py"))
            .args([
                self.address.port().to_string(),
                "1".to_owned(),
                last.to_string(),
                manner.to_owned(),
            ])
            .env("TLS_PATH", &self.tls_path)
            .env("KEY", &self.submit)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        poster.spawn().unwrap()
    }

    /// Kills the program `kills` times while reports are posted, each time after some more were delivered. Returns the ids of all
    /// that count as delivered, and the number of posts.
    fn post_and_kill(&self, mut server: Server, kills: usize, manner: &str) -> (BTreeSet<String>, usize, Server) {
        let last = (kills + 1) * REPORTS;
        let mut poster = self.poster(last, manner);
        let lines = BufReader::new(poster.stdout.take().unwrap()).lines();
        let (mut delivered, mut posts, mut killed) = (BTreeSet::new(), 0, 0);
        for line in lines {
            let line = line.unwrap();
            let (id, tried) = line.split_once(' ').unwrap();
            posts += tried.parse::<usize>().unwrap();
            assert!(delivered.insert(id.to_owned()), "{id}");
            // Never the same distance twice in a row. Other posts are on their way.
            if killed < kills && delivered.len() >= killed * REPORTS + 1 + (killed * 17) % REPORTS {
                drop(server);
                server = Server::start_at(self.home.path(), &self.settings, self.address);
                killed += 1;
            }
        }
        let mut said = String::new();
        poster.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(poster.wait().unwrap().success(), "{said}");
        assert_eq!((killed, delivered.len()), (kills, last), "{said}");
        (delivered, posts, server)
    }

    /// The ids of the reports that are stored, each once, and what their sums say.
    async fn stored(&self) -> BTreeSet<String> {
        let get = async |path: &str| {
            let ask = Ask::new("GET", &format!("/domains/{}{path}", self.domain)).key(&self.key);
            ask.send(self.address).await.expect(200)
        };
        let mut ids = BTreeSet::new();
        let (mut sessions, mut messages) = (0, 0);
        for list in ["/tls/reports", "/dmarc/reports"] {
            let mut after = String::new();
            loop {
                let page = get(&format!("{list}?per_page=100{after}")).await;
                let reports = page["reports"].as_array().unwrap();
                for report in reports {
                    let id = report["report_id"].as_str().unwrap().to_owned();
                    let number: u64 = id[1..].parse().unwrap();
                    *(if list == "/tls/reports" {
                        &mut sessions
                    } else {
                        &mut messages
                    }) += number;
                    assert!(ids.insert(id), "stored twice: {report}");
                }
                match page["pagination"]["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
        }
        let stats = get("/tls/stats?days=3650").await;
        let policy = &stats["policies"][0];
        assert_eq!(
            policy["successful_sessions"].as_u64().unwrap_or_default(),
            sessions,
            "{stats}"
        );
        let stats = get("/dmarc/stats?days=3650").await;
        assert_eq!(stats["total_messages"], messages, "{stats}");
        ids
    }
}

fn kills() -> usize {
    #[expect(clippy::disallowed_methods, reason = "how long the test takes is no setting")]
    let kills = std::env::var("TALLYMARK_POST_KILLS");
    kills.ok().map_or(KILLS, |kills| kills.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_201_is_stored_once_however_often_the_program_is_killed() {
    let (scene, server) = Scene::set().await;
    let (delivered, posts, server) = tokio::task::block_in_place(|| scene.post_and_kill(server, kills(), "patient"));
    // Some were posted again, because a program that was killed did not answer them.
    assert!(posts > delivered.len(), "{posts}");
    println!("{} kills, {} reports, {posts} posts", kills(), delivered.len());
    assert_eq!(scene.stored().await, delivered);
    drop(server);
    let verified = verify(scene.home.path());
    assert_eq!(verified["discrepancies"], json!([]), "{verified}");
}

/// The negative control: the kills lose what was not answered.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_answered_may_be_lost() {
    let (scene, server) = Scene::set().await;
    let (delivered, posts, _server) = tokio::task::block_in_place(|| scene.post_and_kill(server, KILLS, "careless"));
    assert_eq!(posts, delivered.len());
    let stored = scene.stored().await;
    assert!(stored.is_subset(&delivered));
    assert!(
        stored.len() < delivered.len(),
        "nothing was lost: the test proves nothing"
    );
}

fn verify(home: &Path) -> Value {
    let done = Command::new(env!("CARGO_BIN_EXE_tallymark"))
        .current_dir(home)
        .args(["--data", "data", "verify", "--json"])
        .output()
        .unwrap();
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Beyond what an address may take on one day, nothing more is kept of what anyone posts.
#[tokio::test(flavor = "multi_thread")]
async fn a_poster_does_not_fill_the_disk() {
    let home = tempfile::tempdir().unwrap();
    let [key, _] = prepare(home.path()).await;
    let server = Server::start(
        home.path(),
        "[http]\nrate_per_second = 0\n[limits]\nposted_reports_per_day_max = 5\n",
    );
    let ask = |path: &str| Ask::new("POST", path).key(&key);
    let domain = ask("/domains")
        .json(&json!({ "name": "example.com" }))
        .send(server.address)
        .await;
    let domain = domain.expect(201)["id"].as_str().unwrap().to_owned();
    let made = ask(&format!("/domains/{domain}/tls/address"))
        .send(server.address)
        .await;
    let path = made.expect(201)["path"].as_str().unwrap().to_owned();
    let mut answers = Vec::new();
    for nth in 0..12 {
        let body = match nth % 3 {
            0 => format!("{{\"policies\": {nth}"),
            1 => crate::http::posts::report_about("example.com", nth),
            _ => crate::http::posts::report_about("unclaimed.example", nth),
        };
        let post = Ask::new("POST", &path).body("application/tlsrpt+json", body);
        answers.push(post.send(server.address).await.status);
    }
    assert_eq!(answers, [400, 201, 201, 400, 201, 429, 429, 429, 429, 429, 429, 429]);
    // The first again is known.
    let again = Ask::new("POST", &path).body(
        "application/tlsrpt+json",
        crate::http::posts::report_about("example.com", 1),
    );
    again.send(server.address).await.expect(201);
    // What the owner brings has no such limit, and the metrics count both.
    let upload = ask("/reports").body("application/json", crate::http::posts::report_about("example.com", 50));
    upload.send(server.address).await.expect(201);
    let metrics = Ask::new("GET", "/metrics").send(server.address).await;
    for line in [
        "tallymark_posts_total{outcome=\"over_quota\"} 7",
        "tallymark_posts_total{outcome=\"stored\"} 2",
        "tallymark_posts_total{outcome=\"duplicate\"} 1",
        "tallymark_posts_total{outcome=\"unclaimed\"} 1",
        "tallymark_posts_total{outcome=\"unreadable\"} 2",
    ] {
        assert!(metrics.text().contains(line), "{line}: {}", metrics.text());
    }
    assert!(!metrics.text().contains(path.strip_prefix("/tlsrpt/").unwrap()));
}
