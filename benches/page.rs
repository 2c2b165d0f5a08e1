//! Every page of a domain with 10,000,000 records from 50,000 addresses: how long until it is there, and how long it is.
//!
//! Makes the database, serves it, signs in, and asks for each page as a browser would.
//! `cargo bench --bench page [-- RECORDS]`.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

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

const SOURCES: usize = 50_000;
const REQUESTS: usize = 20;
/// What a page may take, and ship.
const MILLIS_MAX: f64 = 300.0;
const BYTES_MAX: usize = 300 * 1024;

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
    let (key, id) = (secret.reveal().to_owned(), domain.public_id);
    tokio::task::spawn_blocking(move || ask_all(address, &key, &id))
        .await
        .expect("the pages are asked for");
    server.abort();
    println!("peak resident memory {:.0} MiB", peak_mebibytes());
}

#[expect(clippy::too_many_lines, reason = "a script of another language is in it")]
fn ask_all(address: SocketAddr, key: &str, id: &str) {
    let form = format!("key={key}");
    let head = "sec-fetch-site: same-origin\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let answer = ask(
        address,
        "POST",
        "/sign-in",
        &format!("{head}content-length: {}\r\n", form.len()),
        &form,
    );
    let (_, rest) = answer.split_once("set-cookie: ").expect("a session");
    let cookie = format!("cookie: {}\r\n", rest.split(';').next().unwrap_or_default());

    let view = format!("/view/{id}");
    let sources = ask(address, "GET", &format!("{view}/sources"), &cookie, "");
    let found = |page: &str, link: &str| {
        let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut fitting = links.filter(|href| href.starts_with(link)).map(str::to_owned);
        fitting.next().expect("a link")
    };
    let common = found(&sources, &format!("{view}/sources/"));
    let last = ask(
        address,
        "GET",
        &format!("{view}/sources?sort=count&order=asc"),
        &cookie,
        "",
    );
    let rare = found(&last, &format!("{view}/sources/"));
    let reports = ask(address, "GET", &format!("{view}/reports"), &cookie, "");
    let report = found(&reports, &format!("{view}/reports/"));

    println!("{:44} {:>9} {:>9} {:>9}", "page", "p50 ms", "max ms", "bytes");
    let below = |rest: &str| format!("{view}{rest}");
    let mut within = true;
    for (name, path) in [
        ("overview", "/".to_owned()),
        ("intake", "/intake".to_owned()),
        ("domain", view.clone()),
        ("domain, 7 days", below("?days=7")),
        ("domain, 90 days", below("?days=90")),
        ("domain, a year", below("?days=365")),
        ("sources", below("/sources")),
        ("sources, page 500", below("/sources?page=500")),
        ("sources, a year", below("/sources?days=365")),
        (
            "sources, by failures, a year",
            below("/sources?days=365&sort=fail_count"),
        ),
        ("sources, failing", below("/sources?result=fail")),
        ("organisations", below("/sources?group=organization")),
        ("organisations, a year", below("/sources?group=organization&days=365")),
        ("source, common", common.clone()),
        ("source, common, a year", format!("{common}?days=365")),
        (
            "source, rare, a year",
            format!("{}?days=365", rare.split('?').next().unwrap_or_default()),
        ),
        ("reporters", below("/reporters")),
        ("reporters, a year", below("/reporters?days=365")),
        ("dkim", below("/dkim")),
        ("dkim, a year", below("/dkim?days=365")),
        ("reports", below("/reports")),
        ("reports, page 200", below("/reports?page=200")),
        ("report", report.clone()),
        ("report, its last page", format!("{report}?page=18")),
        ("set-up", below("/setup")),
        ("settings", below("/settings")),
    ] {
        let mut millis = Vec::with_capacity(REQUESTS);
        let mut bytes = 0;
        for _ in 0..REQUESTS {
            let started = Instant::now();
            let answer = ask(address, "GET", &path, &cookie, "");
            millis.push(started.elapsed().as_secs_f64() * 1_000.0);
            assert!(
                answer.starts_with("HTTP/1.1 200"),
                "{path}: {}",
                answer.lines().next().unwrap_or_default()
            );
            bytes = answer.len();
        }
        millis.sort_by(f64::total_cmp);
        let max = percentile(&millis, 100.0);
        within &= max < MILLIS_MAX && bytes < BYTES_MAX;
        println!("{name:44} {:>9.2} {max:>9.2} {bytes:>9}", percentile(&millis, 50.0));
    }
    println!("every page within {MILLIS_MAX} ms and {BYTES_MAX} bytes: {within}");
}

/// The whole answer.
fn ask(address: SocketAddr, method: &str, path: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{head}\r\n{body}");
    stream.write_all(request.as_bytes()).expect("it listens");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    String::from_utf8_lossy(&answer).into_owned()
}
