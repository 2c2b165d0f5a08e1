//! The three views over loopback: a domain with 1,000,000 records, alone and then among 10,000,000 in the database.
//!
//! Makes the database (ten domains, each with 30 reporters a day for 365 days and 8,000 sources), serves it, and asks over
//! keep-alive connections as a dashboard would. Prints percentiles for each question, and what ten times the records do
//! to the same questions. `cargo bench --bench api [-- [sqlite] [tcp] [socket] [postgres] RECORDS_PER_DOMAIN]`.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use support::database::{Database, Kind, Server};
use support::year::{self, TODAY};
use support::{fresh, peak_mebibytes, percentile};
use tallymark::base::clock::Clock;
use tallymark::base::{DomainName, Mode};
use tallymark::domains::{Domains, DomainsOptions, ServiceNames};
use tallymark::http::{AppState, HttpConfig};
use tallymark::ingest::{Intake, IntakeOptions};
use tallymark::keys::ApiSecret;
use tallymark::metrics::Metrics;
use tallymark::store::Store;

const DOMAINS: usize = 10;
const SOURCES: usize = 8_000;
/// Requests a question.
const REQUESTS: usize = 400;

fn main() {
    tallymark::heap::set_up();
    let records = std::env::args()
        .skip(1)
        .find_map(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let kinds = Kind::asked_for();
    let server = kinds.iter().any(|kind| *kind != Kind::Sqlite).then(Server::start);
    for kind in kinds {
        println!("{}", kind.name());
        runtime.block_on(run(kind, server.as_ref(), records));
    }
    println!("peak resident memory {:.0} MiB", peak_mebibytes());
}

async fn run(kind: Kind, server: Option<&Server>, records: usize) {
    let database = Database::make(kind, server).await;
    let store = Store::open(database.location.clone()).await.expect("a new database");
    let account = store.add_account("bench", Mode::Live, 0).await.expect("an account").id;
    let secret = ApiSecret::generate(Mode::Live, &[7; ApiSecret::RANDOM_BYTES]);
    support::add_key(&store, account, &secret).await;
    let clock = Clock::fixed((TODAY * 86_400 + 43_200) * 1_000);
    let metrics = Metrics::new();
    let (intake, _running) = Intake::start(clock.clone(), store.clone(), metrics.clone(), IntakeOptions::new(fresh));
    let options = DomainsOptions::new(names());
    let domains = Domains::new(store.clone(), clock.clone(), metrics.clone(), options);
    let config = HttpConfig {
        rate: None,
        ..HttpConfig::default()
    };
    let state = AppState::new(store.clone(), intake, domains, clock, metrics, config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let serving = tokio::spawn(tallymark::http::serve(
        listener,
        tallymark::http::router(state),
        std::future::pending(),
    ));
    let mut domain = String::new();
    let mut alone = Vec::new();
    let key = secret.reveal().to_owned();
    let started = Instant::now();
    for nth in 0..DOMAINS {
        let name = format!("customer-{nth}.example");
        let added = store
            .add_domain(account, support::new_domain(&name), 0)
            .await
            .expect("a domain");
        year::fill(&store, account, &name, nth, records, SOURCES).await;
        if nth == 0 {
            domain = added.public_id;
            println!("{records} records");
            alone = ask_all(address, &key, &domain, &QUESTIONS[..2]).await;
        }
    }
    println!(
        "{} records, made in {:.0} s; {:.1} bytes a record",
        DOMAINS * records,
        started.elapsed().as_secs_f64(),
        database.bytes().await as f64 / (DOMAINS * records) as f64
    );
    let among = ask_all(address, &key, &domain, &QUESTIONS).await;
    for (question, (before, after)) in QUESTIONS.iter().zip(alone.iter().zip(&among)) {
        println!(
            "{question}: p99 among ten times the records {:.2} times that before",
            after / before
        );
    }
    serving.abort();
    store.close().await;
    database.remove().await;
}

fn names() -> ServiceNames {
    let name = |text| DomainName::parse(text).expect("a name");
    ServiceNames::of_one_node(&name("service.example"), &name("rua.service.example"))
}

const QUESTIONS: [&str; 17] = [
    "stats",
    "sources",
    "stats?authenticated=pass",
    "sources?authenticated=pass",
    "stats?days=7",
    "stats?days=365",
    "stats?days=365&authenticated=pass",
    "sources?days=7",
    "sources?days=365",
    "sources?days=365&authenticated=pass",
    "sources?page=100",
    "sources?result=fail",
    "reports",
    "reports?page=100&per_page=100",
    "reports?org=reporter-7.example",
    "reports?from=2026-10-01&to=2026-10-31",
    "reports?result=mixed",
];

/// Asks each question, alone and four at once; gives the p99 of each when alone, milliseconds.
async fn ask_all(address: SocketAddr, key: &str, domain: &str, questions: &'static [&str]) -> Vec<f64> {
    println!(
        "{:44} {:>9} {:>9} {:>9} {:>9}   bytes",
        "question", "p50 ms", "p90 ms", "p99 ms", "max ms"
    );
    let mut alone = Vec::new();
    for question in questions {
        for connections in [1, 4] {
            let asking = (0..connections).map(|_| {
                let request = format!(
                    "GET /domains/{domain}/dmarc/{question} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n"
                );
                tokio::task::spawn_blocking(move || ask(address, &request))
            });
            let mut millis = Vec::new();
            let mut bytes = 0;
            for asked in futures_util::future::join_all(asking).await {
                let (taken, length) = asked.expect("it asks to the end");
                millis.extend(taken);
                bytes = length;
            }
            millis.sort_by(f64::total_cmp);
            println!(
                "{:44} {:>9.2} {:>9.2} {:>9.2} {:>9.2}   {bytes}",
                format!("{question} ({connections} at once)"),
                percentile(&millis, 50.0),
                percentile(&millis, 90.0),
                percentile(&millis, 99.0),
                percentile(&millis, 100.0),
            );
            if connections == 1 {
                alone.push(percentile(&millis, 99.0));
            }
        }
    }
    alone
}

/// Asks the same over one connection; gives the milliseconds of each answer, and the length of the last.
fn ask(address: SocketAddr, request: &str) -> (Vec<f64>, usize) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a socket has it");
    let mut answer = Vec::new();
    let mut millis = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let started = Instant::now();
        stream.write_all(request.as_bytes()).expect("it listens");
        read_answer(&mut stream, &mut answer);
        millis.push(started.elapsed().as_secs_f64() * 1_000.0);
    }
    (millis, answer.len())
}

fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) {
    answer.clear();
    let mut piece = [0; 64 * 1024];
    loop {
        let read = stream.read(&mut piece).expect("it answers");
        assert!(read > 0, "it closed: {}", String::from_utf8_lossy(answer));
        answer.extend_from_slice(&piece[..read]);
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&answer[..head]).to_lowercase();
        assert!(text.starts_with("http/1.1 200"), "{text}");
        let length = text
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.and_then(|text| text.parse().ok()).expect("it tells the length");
        if answer.len() == head + 4 + length {
            return;
        }
    }
}
