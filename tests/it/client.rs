//! The program as clients meet it: the provider's official client and a fuzzer of its document, both from PyPI, against
//! `tallymark serve`.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::http::Ask;
use crate::provenance::dns::Dns;
use serde_json::json;
use tallymark::base::{AccountId, Mode, Permission};
use tallymark::keys::ApiSecret;
use tallymark::store::{NewKey, Store};

const TREE: &str = env!("CARGO_MANIFEST_DIR");
/// 2026-03-23T10:00:00Z
const NOW: i64 = 1_774_260_000_000;

/// A running `tallymark serve`, killed when it is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// With its database in `home` and these settings.
    pub fn start(home: &Path, settings: &str) -> Self {
        Self::start_at(home, settings, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// As [`Self::start`], at this address.
    pub fn start_at(home: &Path, settings: &str, listen: SocketAddr) -> Self {
        std::fs::write(home.join("settings.toml"), settings).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tallymark"))
            .current_dir(home)
            .args([
                "--config",
                "settings.toml",
                "--data",
                "data",
                "serve",
                "--listen",
                &listen.to_string(),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| Some(line.unwrap().split_once("http://")?.1.parse().unwrap()));
        Self {
            child,
            address: address.expect("it says where it listens"),
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A database in `home/data` with two accounts, and their keys; the first has an address of its own.
pub async fn prepare(home: &Path) -> [String; 2] {
    std::fs::create_dir(home.join("data")).unwrap();
    let store = Store::open(&home.join("data/tallymark.sqlite")).await.unwrap();
    let account = store.add_account("default", Mode::Live, NOW).await.unwrap().id;
    let stranger = store.add_account("stranger", Mode::Live, NOW).await.unwrap().id;
    store.add_ip(account, "192.0.2.77".parse().unwrap(), NOW).await.unwrap();
    // The numbers from 1 on are what a fuzzer tries first.
    add_key(&store, account).await;
    let keys = [add_key(&store, account).await, add_key(&store, stranger).await];
    store.close().await;
    keys
}

pub async fn add_key(store: &Store, account: AccountId) -> String {
    let mut random = [0; ApiSecret::RANDOM_BYTES];
    getrandom::fill(&mut random).unwrap();
    let secret = ApiSecret::generate(Mode::Live, &random);
    let key = NewKey {
        name: "test".to_owned(),
        permission: Permission::FullAccess,
        domain: None,
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
    };
    store.add_key(account, key, NOW).await.unwrap();
    secret.reveal().to_owned()
}

/// A program of the Python environment below `target/`, made when what it must hold has changed.
pub fn python(program: &str) -> Command {
    let folder = Path::new(TREE).join("target/client-venv");
    let wanted = std::fs::read_to_string(Path::new(TREE).join("tests/client/requirements.txt")).unwrap();
    // Several tests, each a process of its own, want it at the same time.
    let lock = std::fs::File::create(Path::new(TREE).join("target/client-venv.lock")).unwrap();
    lock.lock().unwrap();
    let made = folder.join("made-of.txt");
    if std::fs::read_to_string(&made).ok().as_deref() != Some(&wanted) {
        let _ = std::fs::remove_dir_all(&folder);
        run(
            Command::new("python3").args(["-m", "venv"]).arg(&folder),
            "python3-venv is needed",
        );
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
        run(
            pip.arg(Path::new(TREE).join("tests/client/requirements.txt")),
            "PyPI is needed",
        );
        std::fs::write(&made, &wanted).unwrap();
    }
    Command::new(folder.join("bin").join(program))
}

fn run(command: &mut Command, need: &str) -> Output {
    let done = command
        .output()
        .unwrap_or_else(|error| panic!("{need}: {command:?}: {error}"));
    assert!(
        done.status.success(),
        "{need}: {command:?}\n{}\n{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    done
}

pub fn script(name: &str) -> PathBuf {
    Path::new(TREE).join("tests/client").join(name)
}

fn settings(dns: &Dns, rate: &str) -> String {
    format!(
        "[http]\n{rate}\n[installation]\nhost = \"tally.example\"\nrua_host = \"rua.tally.example\"\n\
         [domains]\nresolvers = [\"{}\"]\n",
        dns.address
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_is_served() {
    let (home, slow_home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dns = Dns::start().await;
    let [key, stranger] = prepare(home.path()).await;
    let [slow_key, _] = prepare(slow_home.path()).await;
    let server = Server::start(home.path(), &settings(&dns, "rate_per_second = 0"));
    let slow = Server::start(slow_home.path(), &settings(&dns, "rate_per_second = 1\nrate_burst = 1"));
    let report = home.path().join("report.xml");
    std::fs::write(&report, crate::cli::report("r1", 3).replace("example.com", "DOMAIN")).unwrap();
    let report = report.to_str().unwrap().to_owned();
    let arguments = [
        server.url(),
        key,
        stranger,
        slow.url(),
        slow_key,
        "1".to_owned(),
        report,
    ];
    let mut client = python("python");
    client.arg(script("poststack_domains.py")).args(arguments);
    let done = tokio::task::spawn_blocking(move || run(&mut client, "the official client fails"))
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&done.stdout).contains("the official client is served"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_accepts_our_webhooks_and_channels() {
    let home = tempfile::tempdir().unwrap();
    let dns = Dns::start().await;
    let [key, _] = prepare(home.path()).await;
    // Free a moment ago: the client's receiver takes it.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let outbound = format!("[outbound]\nallow_networks = [\"127.0.0.1\"]\nallow_http = true\nports = [{port}]\n");
    let server = Server::start(home.path(), &(settings(&dns, "rate_per_second = 0") + &outbound));
    let report = home.path().join("report.xml");
    std::fs::write(&report, crate::cli::report("r1", 3).replace("example.com", "DOMAIN")).unwrap();
    let mut client = python("python");
    client.arg(script("poststack_webhooks.py"));
    client.args([server.url(), key, port.to_string(), report.display().to_string()]);
    let done = tokio::task::spawn_blocking(move || run(&mut client, "the official client fails"))
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&done.stdout).contains("the official client's webhooks and channels are served"));
}

/// `TALLYMARK_FUZZ_EXAMPLES=500` makes it thorough.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_matches_the_answers() {
    let home = tempfile::tempdir().unwrap();
    let dns = Dns::start().await;
    let [key, _] = prepare(home.path()).await;
    let server = Server::start(
        home.path(),
        &settings(&dns, "rate_per_second = 0\npost_rate_per_second = 0"),
    );
    #[expect(clippy::disallowed_methods, reason = "how long the test takes is no setting")]
    let examples = std::env::var("TALLYMARK_FUZZ_EXAMPLES");
    let (examples, seed) = match examples {
        Ok(examples) => (examples, Vec::new()),
        Err(_) => ("10".to_owned(), vec!["--seed", "1"]),
    };
    let ask = |path: &str| Ask::new("POST", path).key(&key);
    let domain = ask("/domains").json(&json!({ "name": "seeded.example" }));
    let domain = domain.send(server.address).await.expect(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let report = crate::cli::report("r1", 3).replace("example.com", "seeded.example");
    let report = ask(&format!("/domains/{domain}/dmarc/reports")).body("application/xml", report);
    let report = report.send(server.address).await.expect(201)["reports"][0]["id"].to_string();
    let mut fuzzer = python("schemathesis");
    fuzzer
        .current_dir(home.path())
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", script(""))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("KEY_ID", "2")
        .env("DOMAIN", domain)
        .env("REPORT", report)
        .args([
            "run",
            &format!("{}/openapi.json", server.url()),
            "--checks",
            "all",
            "--continue-on-failure",
        ])
        .args([
            "--max-examples",
            &examples,
            "--header",
            &format!("Authorization: Bearer {key}"),
        ])
        .args(seed);
    let done = tokio::task::spawn_blocking(move || run(&mut fuzzer, "schemathesis found something"))
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    // It tested what it should: every operation, with a key that was accepted.
    assert!(!said.contains("Authentication failed"), "{said}");
    // The origin of the document is not counted.
    let operations = tallymark::http::routes().len() - 1;
    assert!(said.contains(&format!("Tested: {operations}")), "{said}");
}

#[tokio::test]
async fn an_answer_is_given_again_after_the_program_was_killed() {
    let home = tempfile::tempdir().unwrap();
    let dns = Dns::start().await;
    let [key, _] = prepare(home.path()).await;
    let body = json!({ "name": "example.com" });
    let ask = Ask::new("POST", "/domains")
        .key(&key)
        .header("Idempotency-Key", "k")
        .json(&body);
    let first = {
        let server = Server::start(home.path(), &settings(&dns, ""));
        ask.send(server.address).await
    };
    let server = Server::start(home.path(), &settings(&dns, ""));
    let again = ask.send(server.address).await;
    assert_eq!(
        (first.expect(201), again.header("idempotent-replayed")),
        (again.expect(201), Some("true"))
    );
}
