//! Every page of a domain with 10,000,000 records from 50,000 addresses, and the first page of an account with 5,000 domains: how
//! long until it is there, and how long it is, as it is and packed.
//!
//! Makes the database, serves it, signs in, and asks for each page as a browser would.
//! `cargo bench --bench page [-- RECORDS]`.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use support::corpus::Random;
use support::year::{self, TODAY};
use support::{fresh, peak_mebibytes, percentile};
use tallymark::base::clock::Clock;
use tallymark::base::{Authenticated, DomainName, Mode};
use tallymark::domains::{Domains, DomainsOptions, ServiceNames};
use tallymark::http::{AppState, HttpConfig};
use tallymark::ingest::{Intake, IntakeOptions};
use tallymark::keys::ApiSecret;
use tallymark::metrics::Metrics;
use tallymark::store::{CommitOptions, KeepLimits, Store};

const SOURCES: usize = 50_000;
const DOMAINS: usize = 5_000;
const REQUESTS: usize = 20;

/// What a page may take, and ship packed.
#[derive(Debug, Clone, Copy)]
struct Limits {
    millis: f64,
    packed: usize,
}

/// The first page of all domains, a page of up to 90 days, and one of a year.
const FIRST: Limits = Limits {
    millis: 150.0,
    packed: 150 * 1024,
};
const MONTH: Limits = Limits {
    millis: 200.0,
    packed: 60 * 1024,
};
const YEAR: Limits = Limits {
    millis: 300.0,
    packed: 60 * 1024,
};

fn main() {
    tallymark::heap::set_up();
    let records = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(records.unwrap_or(10_000_000)));
}

async fn run(records: usize) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
    let path = folder.path().join("tallymark.sqlite");
    let store = Store::open(&path).await.expect("a new database");
    let account = store.add_account("bench", Mode::Live, 0).await.expect("an account").id;
    let secret = ApiSecret::generate(Mode::Live, &[7; ApiSecret::RANDOM_BYTES]);
    support::add_key(&store, account, &secret).await;
    let many = ApiSecret::generate(Mode::Live, &[8; ApiSecret::RANDOM_BYTES]);
    add_many(&store, &many).await;
    let name = "customer.example";
    let domain = support::new_domain(name);
    let domain = store.add_domain(account, domain, 0).await.expect("a domain");
    let started = Instant::now();
    year::fill(&store, account, name, 1, records, SOURCES).await;
    let bytes = std::fs::metadata(&path).expect("the database").len();
    println!(
        "{records} records made in {:.0} s; the file has {:.1} bytes a record",
        started.elapsed().as_secs_f64(),
        bytes as f64 / records as f64
    );
    let clock = Clock::fixed((TODAY * 86_400 + 43_200) * 1_000);
    let metrics = Metrics::new();
    let (intake, _running) = Intake::start(clock.clone(), store.clone(), metrics.clone(), IntakeOptions::new(fresh));
    let service = DomainName::parse("service.example").expect("a name");
    let options = DomainsOptions::new(ServiceNames::of_one_node(&service, &service));
    let domains = Domains::new(store.clone(), clock.clone(), metrics.clone(), options);
    let config = HttpConfig {
        rate: None,
        ..HttpConfig::default()
    };
    let state = AppState::new(store.clone(), intake, domains, clock.clone(), metrics, config);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let router = tallymark::page::router(tallymark::http::router(state), store, clock);
    let server = tokio::spawn(tallymark::http::serve(listener, router, std::future::pending()));
    let (key, many, id) = (secret.reveal().to_owned(), many.reveal().to_owned(), domain.public_id);
    tokio::task::spawn_blocking(move || {
        println!(
            "{:44} {:>9} {:>9} {:>9} {:>9}",
            "page", "p50 ms", "max ms", "bytes", "packed"
        );
        let first = ask_first(address, &many);
        let rest = ask_all(address, &key, &id);
        println!("every page within its limits: {}", first && rest);
    })
    .await
    .expect("the pages are asked for");
    server.abort();
    println!("peak resident memory {:.0} MiB", peak_mebibytes());
}

/// An account with [`DOMAINS`], each with two reports.
async fn add_many(store: &Store, secret: &ApiSecret) {
    let account = store.add_account("many", Mode::Live, 0).await.expect("an account").id;
    support::add_key(store, account, secret).await;
    let options = CommitOptions {
        now: TODAY * 86_400_000,
        keep_originals: false,
        fresh: &fresh,
        limits: KeepLimits::default(),
    };
    let mut random = Random(9);
    for first in (0..DOMAINS).step_by(250) {
        let mut batch = Vec::new();
        for nth in first..first + 250 {
            let name = format!("domain{nth}.example");
            let domain = support::new_domain(&name);
            store.add_domain(account, domain, 0).await.expect("a domain");
            for day in 1..3 {
                let begin = (TODAY - day) * 86_400;
                let report = year::report(&name, 0, begin, (10, 100), &mut random);
                batch.push(year::message(account, begin, report, Authenticated::Unknown));
            }
        }
        store.commit(batch, &options).await.expect("it is stored");
    }
}

/// The cookie of a new session.
fn sign_in(address: SocketAddr, key: &str) -> String {
    let form = format!("key={key}");
    let head = "sec-fetch-site: same-origin\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let head = format!("{head}content-length: {}\r\n", form.len());
    let answer = text(&ask(address, "POST", "/sign-in", &head, &form));
    let (_, rest) = answer.split_once("set-cookie: ").expect("a session");
    format!("cookie: {}\r\n", rest.split(';').next().unwrap_or_default())
}

fn ask_first(address: SocketAddr, key: &str) -> bool {
    let cookie = sign_in(address, key);
    let mut within = true;
    for (name, path) in [
        ("5,000 domains", "/"),
        ("5,000 domains, by name, folded", "/?sort=name&fold=organisation"),
        ("5,000 domains, by policy", "/?sort=policy"),
        ("5,000 domains, by last data", "/?sort=last_report"),
        ("5,000 domains, failing over 5%", "/?failing_over=5"),
        ("5,000 domains, 90 days", "/?days=90"),
        ("5,000 domains, searched", "/?search=domain49"),
    ] {
        within &= measured(address, (name, path), &cookie, FIRST);
    }
    within
}

fn ask_all(address: SocketAddr, key: &str, id: &str) -> bool {
    let cookie = sign_in(address, key);
    let view = format!("/view/{id}");
    let get = |path: &str| text(&ask(address, "GET", path, &cookie, ""));
    let found = |page: &str, link: &str| {
        let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut fitting = links.filter(|href| href.starts_with(link)).map(str::to_owned);
        fitting.next().expect("a link")
    };
    let sources = format!("{view}/sources?group=address");
    let without_range = |href: String| href.split('?').next().unwrap_or_default().to_owned();
    let common = without_range(found(&get(&sources), &format!("{view}/sources/")));
    let rare = get(&format!("{sources}&sort=count&order=asc"));
    let rare = without_range(found(&rare, &format!("{view}/sources/")));
    let report = found(&get(&format!("{view}/reports")), &format!("{view}/reports/"));

    let mut within = true;
    for (name, path) in [
        ("first page", "/".to_owned()),
        ("intake", "/intake".to_owned()),
        ("search, an address", "/find?q=11.0.0.1".to_owned()),
        ("report", report.clone()),
        ("report, its last page", format!("{report}?page=18")),
        ("set-up", format!("{view}/setup")),
        ("settings", format!("{view}/settings")),
        ("decisions", format!("{view}/decisions")),
        ("summary", format!("{view}/summary")),
    ] {
        within &= measured(address, (name, &path), &cookie, MONTH);
    }
    for (days, limits) in [(30, MONTH), (365, YEAR)] {
        for (name, path) in [
            ("domain", view.clone()),
            ("domain, by way", format!("{view}?split=flow")),
            ("domain, by service", format!("{view}?split=service")),
            ("domain, by reporter", format!("{view}?split=reporter")),
            ("services", format!("{view}/sources")),
            ("services, unknown", format!("{view}/sources?show=unknown")),
            ("addresses", sources.clone()),
            ("addresses, page 500", format!("{sources}&page=500")),
            ("addresses, by failures", format!("{sources}&sort=fail_count")),
            ("addresses, failing", format!("{sources}&result=fail")),
            ("source, common", common.clone()),
            ("source, rare", rare.clone()),
            ("reporters", format!("{view}/reporters")),
            ("plausibility", format!("{view}/plausibility")),
            ("dkim", format!("{view}/dkim")),
            ("spf", format!("{view}/spf")),
            ("receipts", format!("{view}/receipts")),
            ("reports", format!("{view}/reports")),
            ("reports, page 200", format!("{view}/reports?page=200")),
            ("tls", format!("{view}/tls")),
        ] {
            let mark = if path.contains('?') { '&' } else { '?' };
            let (name, path) = (format!("{name}, {days} days"), format!("{path}{mark}days={days}"));
            within &= measured(address, (&name, &path), &cookie, limits);
        }
    }
    within
}

/// Asks for a page some times and prints how long it took and is; whether it kept within its limits.
fn measured(address: SocketAddr, (name, path): (&str, &str), cookie: &str, limits: Limits) -> bool {
    let packing = format!("{cookie}sec-fetch-site: same-origin\r\naccept-encoding: gzip\r\n");
    let mut millis = Vec::with_capacity(REQUESTS);
    let mut packed = 0;
    for _ in 0..REQUESTS {
        let started = Instant::now();
        let answer = ask(address, "GET", path, &packing, "");
        millis.push(started.elapsed().as_secs_f64() * 1_000.0);
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{path}: {}",
            text(&answer).lines().next().unwrap_or_default()
        );
        packed = answer.len();
    }
    millis.sort_by(f64::total_cmp);
    let max = percentile(&millis, 100.0);
    let bytes = ask(address, "GET", path, cookie, "").len();
    let within = max < limits.millis && packed < limits.packed;
    let mark = if within { "" } else { " over its limits" };
    println!(
        "{name:44} {:>9.2} {max:>9.2} {bytes:>9} {packed:>9}{mark}",
        percentile(&millis, 50.0)
    );
    within
}

/// The whole answer.
fn ask(address: SocketAddr, method: &str, path: &str, head: &str, body: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{head}\r\n{body}");
    stream.write_all(request.as_bytes()).expect("it listens");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    answer
}

fn text(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).into_owned()
}
