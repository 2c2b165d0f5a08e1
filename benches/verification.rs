//! A round of checks over 100,000 pending domains, against a name server that answers after 50 ms, while a dashboard uses
//! the API. Prints how long the round took, how many questions waited at the server at the same time at most, and the
//! percentiles of the API before and during the round.
//! `cargo bench --bench verification [-- DOMAINS [DOMAINS_PER_SECOND]]`; without the second at the pace of the defaults.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use support::{fresh, peak_mebibytes, percentile};
use tallymark::base::clock::Clock;
use tallymark::base::{DomainName, Mode};
use tallymark::dns::{Dns, DnsOptions};
use tallymark::domains::{Domains, DomainsOptions, ServiceNames};
use tallymark::http::{AppState, HttpConfig};
use tallymark::ingest::{Intake, IntakeOptions};
use tallymark::keys::ApiSecret;
use tallymark::metrics::Metrics;
use tallymark::store::Store;

const ANSWER_AFTER: Duration = Duration::from_millis(50);
const IN_FLIGHT_MAX: usize = 200;
const ACCOUNTS: usize = 10;
/// Between two requests of a connection: a dashboard, not a load test.
const PAUSE: Duration = Duration::from_millis(10);
const CONNECTIONS: usize = 4;
/// What makes this program the name server: in a process of its own, so that it takes no time from the other.
const SERVE: &str = "--name-server";

fn main() {
    tallymark::heap::set_up();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == SERVE) {
        return NameServer::run();
    }
    let mut numbers = arguments.iter().filter_map(|text| text.parse::<u32>().ok());
    let domains = numbers.next().unwrap_or(100_000) as usize;
    let per_second = numbers.next();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(domains, per_second));
}

async fn run(count: usize, per_second: Option<u32>) {
    let (mut server, dns_address) = start_server();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
    let path = folder.path().join("tallymark.sqlite");
    let store = Store::open(&path).await.expect("a new database");
    let secret = ApiSecret::generate(Mode::Live, &[7; ApiSecret::RANDOM_BYTES]);
    let began = Instant::now();
    let shown = fill(&path, &store, &secret, count).await;
    println!(
        "{count} domains of {ACCOUNTS} accounts added in {:.0} s",
        began.elapsed().as_secs_f64()
    );

    let clock = Clock::system();
    let metrics = Metrics::new();
    let mut options = DomainsOptions::new(names());
    options.dns = Some(
        Dns::new(&DnsOptions {
            servers: vec![dns_address],
            in_flight_max: IN_FLIGHT_MAX,
            ..DnsOptions::default()
        })
        .expect("a server"),
    );
    options.domains_per_second_max = per_second.unwrap_or(options.domains_per_second_max);
    let domains = Domains::new(store.clone(), clock.clone(), metrics.clone(), options);
    let (intake, _running) = Intake::start(clock.clone(), store.clone(), metrics.clone(), IntakeOptions::new(fresh));
    let config = HttpConfig {
        rate: None,
        ..HttpConfig::default()
    };
    let state = AppState::new(store, intake, domains.clone(), clock, metrics, config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let serving = tokio::spawn(tallymark::http::serve(
        listener,
        tallymark::http::router(state),
        std::future::pending(),
    ));

    let dashboard = Dashboard::open(address, secret.reveal(), shown.clone());
    tokio::time::sleep(Duration::from_secs(10)).await;
    dashboard.close("the API alone").await;
    let dashboard = Dashboard::open(address, secret.reveal(), shown);
    let began = Instant::now();
    let round = domains.check_due().await.expect("a round");
    let took = began.elapsed().as_secs_f64();
    dashboard.close("the API during the round").await;
    serving.abort();

    drop(server.stdin.take());
    let output = server.wait_with_output().expect("what the server counted");
    println!("{round:?} in {took:.0} s, {:.0} domains a second", count as f64 / took);
    print!("{}", String::from_utf8_lossy(&output.stdout));
    println!("peak resident memory {:.0} MiB", peak_mebibytes());
}

/// Adds the domains with a key each, half of them in one account; gives the public id of one of the account that the
/// secret is for, which has twenty. Past the store: a hundred thousand transactions take longer than the round.
async fn fill(path: &Path, store: &Store, secret: &ApiSecret, count: usize) -> String {
    let mut accounts = Vec::new();
    for nth in 0..ACCOUNTS {
        let account = store.add_account(&format!("bench-{nth}"), Mode::Live, 0).await;
        accounts.push(account.expect("an account").id);
    }
    let (first, last) = (accounts[0], accounts[ACCOUNTS - 1]);
    support::add_key(store, last, secret).await;
    let now = Clock::system().now();
    let statements = format!(
        "begin;
        insert into domains (domain_id, public_id, account_id, name, status, region, tls_mode, open_tracking,
            click_tracking, inbound_enabled, catch_all, rua_token, created_at, updated_at, next_check_at, claim_due)
        with recursive n (i) as (select 0 union all select i + 1 from n where i + 1 < {count})
        select i + 1000, 'dom_' || printf('%016d', i),
            case when i < 20 then {last} when i % 2 = 0 then {first} else {first} + 1 + i / 2 % {others} end,
            'customer-' || i || '.example', 0, 0, 0, 0, 0, 0, 0, 'token' || i, {now}, {now}, 0, 1 from n;
        insert into dkim_keys (domain_id, selector, public_key, sealed_key, created_at)
        select domain_id, 'tallymark', zeroblob(294), zeroblob(1250), 0 from domains;
        commit;",
        others = ACCOUNTS - 2
    );
    let options = SqliteConnectOptions::new().filename(path);
    let mut conn = options.connect().await.expect("the database");
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&mut conn)
        .await
        .expect("rows");
    conn.close().await.expect("closed");
    format!("dom_{:016}", 7)
}

fn names() -> ServiceNames {
    let name = |text| DomainName::parse(text).expect("a name");
    ServiceNames::of_one_node(&name("service.example"), &name("rua.service.example"))
}

/// Connections that ask what a dashboard asks, until they are told to stop.
struct Dashboard {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<Vec<f64>>>,
}

impl Dashboard {
    fn open(address: SocketAddr, key: &str, domain: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let requests: Vec<String> = [
            "/domains".to_owned(),
            format!("/domains/{domain}"),
            format!("/domains/{domain}/dmarc/stats"),
            format!("/domains/{domain}/dmarc/sources"),
        ]
        .iter()
        .map(|path| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n"))
        .collect();
        let threads = (0..CONNECTIONS).map(|_| {
            let (stop, requests) = (Arc::clone(&stop), requests.clone());
            std::thread::spawn(move || ask(address, &requests, &stop))
        });
        Self {
            threads: threads.collect(),
            stop,
        }
    }

    async fn close(self, what: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let joined = tokio::task::spawn_blocking(move || {
            let threads = self.threads.into_iter();
            threads
                .flat_map(|thread| thread.join().expect("it asks"))
                .collect::<Vec<f64>>()
        });
        let mut millis = joined.await.expect("they are joined");
        millis.sort_by(f64::total_cmp);
        println!(
            "{what}: {} requests, p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
            millis.len(),
            percentile(&millis, 50.0),
            percentile(&millis, 90.0),
            percentile(&millis, 99.0),
            millis.last().copied().unwrap_or_default()
        );
    }
}

fn ask(address: SocketAddr, requests: &[String], stop: &AtomicBool) -> Vec<f64> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    let mut millis = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    for request in requests.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let began = Instant::now();
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut got = Vec::new();
        while !is_whole(&got) {
            let len = stream.read(&mut buffer).expect("it answers");
            assert!(len > 0, "it closed the connection");
            got.extend_from_slice(&buffer[..len]);
        }
        assert!(got.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&got));
        millis.push(began.elapsed().as_secs_f64() * 1_000.0);
        std::thread::sleep(PAUSE);
    }
    millis
}

/// Every answer here has a content-length.
fn is_whole(got: &[u8]) -> bool {
    let text = String::from_utf8_lossy(got);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length
        .and_then(|(_, value)| value.trim().parse().ok())
        .expect("a length");
    body.len() >= length
}

fn start_server() -> (Child, SocketAddr) {
    let program = std::env::current_exe().expect("this program");
    let mut server = Command::new(program)
        .arg(SERVE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("itself again");
    let mut line = Vec::new();
    let out = server.stdout.as_mut().expect("piped");
    let mut byte = [0];
    while byte != *b"\n" {
        out.read_exact(&mut byte).expect("it says its address");
        line.push(byte[0]);
    }
    let address = String::from_utf8_lossy(&line).trim().parse().expect("an address");
    (server, address)
}

/// Says NXDOMAIN to everything, 50 ms after it was asked, until its standard input ends.
struct NameServer {
    socket: UdpSocket,
    waiting: AtomicUsize,
    waiting_max: AtomicUsize,
    asked: AtomicU64,
}

struct Waits {
    until: Instant,
    peer: SocketAddr,
    answer: Vec<u8>,
}

impl NameServer {
    fn run() {
        let server = Arc::new(Self {
            socket: UdpSocket::bind("127.0.0.1:0").expect("a port"),
            waiting: AtomicUsize::new(0),
            waiting_max: AtomicUsize::new(0),
            asked: AtomicU64::new(0),
        });
        println!("{}", server.socket.local_addr().expect("its address"));
        let (sender, receiver) = std::sync::mpsc::channel();
        let listening = Arc::clone(&server);
        std::thread::spawn(move || listening.listen(&sender));
        let answering = Arc::clone(&server);
        std::thread::spawn(move || answering.answer(&receiver));
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        println!(
            "{} questions at the server, at most {} at the same time",
            server.asked.load(Ordering::SeqCst),
            server.waiting_max.load(Ordering::SeqCst)
        );
    }

    fn listen(&self, sender: &std::sync::mpsc::Sender<Waits>) {
        let mut buffer = [0; 512];
        loop {
            let (len, peer) = self.socket.recv_from(&mut buffer).expect("a question");
            let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
            self.waiting_max.fetch_max(waiting, Ordering::SeqCst);
            self.asked.fetch_add(1, Ordering::SeqCst);
            let wait = Waits {
                until: Instant::now() + ANSWER_AFTER,
                peer,
                answer: nxdomain(&buffer[..len]),
            };
            if sender.send(wait).is_err() {
                return;
            }
        }
    }

    fn answer(&self, receiver: &std::sync::mpsc::Receiver<Waits>) {
        // All wait equally long: first come, first answered.
        while let Ok(wait) = receiver.recv() {
            std::thread::sleep(wait.until.saturating_duration_since(Instant::now()));
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            self.socket.send_to(&wait.answer, wait.peer).expect("it is sent");
        }
    }
}

/// The question again, as a response, authoritative, with code 3, and nothing else behind it.
fn nxdomain(question: &[u8]) -> Vec<u8> {
    let mut answer = question.to_vec();
    let name_end = 12 + question[12..].iter().position(|&byte| byte == 0).expect("a root label");
    answer.truncate(name_end + 5);
    answer[2] = 0x85;
    answer[3] = 0x83;
    answer[6..12].fill(0);
    answer
}
