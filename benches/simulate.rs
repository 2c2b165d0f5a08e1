//! The simulator over 30 days of one domain, with `p=reject`. Prints the time, the memory that
//! comes on top of what is held before, and the slowest of the requests of another domain meanwhile, next to the goals.
//! `cargo bench --bench simulate [-- RECORDS]`, 1,000,000 without a number.

mod support;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::corpus::Random;
use support::year::{TODAY, message, report};
use support::{fresh, new_domain, peak_mebibytes, status_mebibytes};
use tallymark::base::clock::Clock;
use tallymark::base::{AccountId, Authenticated, Day, DayRange, DomainId, Mode};
use tallymark::enrich::Tables;
use tallymark::insight::{PolicyChange, Simulation, prepare, simulate};
use tallymark::report::aggregate::Policy;
use tallymark::store::{CommitOptions, Domain, KeepLimits, NewMessage, Store};

const DAYS: i64 = 30;
const REPORTERS: usize = 30;
const SOURCES: usize = 20_000;
/// Reports that are held before they are written, in bytes.
const HELD_MAX: usize = 64 << 20;
const DAY: i64 = 86_400;
/// Time between two requests of the other domain.
const ASKED_EVERY: Duration = Duration::from_millis(20);
/// Goals: records, seconds. Memory in MiB.
const GOALS: [(usize, f64); 2] = [(1_000_000, 1.0), (10_000_000, 8.0)];
const GOAL_MEBIBYTES: f64 = 200.0;

fn main() {
    tallymark::heap::set_up();
    let records = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let records: usize = records.unwrap_or(GOALS[0].0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(records));
}

async fn run(records: usize) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
    let store = Store::open(&folder.path().join("tallymark.sqlite"))
        .await
        .expect("a new database");
    let account = store.add_account("bench", Mode::Live, 0).await.expect("an account").id;
    let large = add(&store, account, "large.example", records).await;
    let small = add(&store, account, "small.example", 1_000).await;
    println!("{records} records of {DAYS} days are stored");
    let (tables, clock) = (Tables::built_in(), Clock::system());
    let change = PolicyChange {
        p: Some(Policy::Reject),
        ..PolicyChange::default()
    };
    let simulation = Simulation {
        change,
        ..Simulation::default()
    };
    let goal = GOALS
        .iter()
        .find(|(most, _)| records <= *most)
        .map(|(_, seconds)| *seconds);
    for nth in 0..3 {
        let held = status_mebibytes("self", "VmRSS:");
        // The kernel begins to measure the peak again.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let stop = Arc::new(AtomicBool::new(false));
        let other = tokio::spawn(ask(store.clone(), small.id, Arc::clone(&stop)));
        let began = clock.monotonic();
        let messages = once(&store, &large, &tables, &simulation).await;
        let took = (clock.monotonic() - began).as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        let (asked, slowest) = other.await.expect("requests");
        println!(
            "run {nth}: {took:.2} s{}, {messages} messages; {:.0} MiB more than before, goal {GOAL_MEBIBYTES:.0}; slowest of {asked} \
             other requests {:.1} ms",
            goal.map(|goal| format!(" (goal {goal:.0} s)")).unwrap_or_default(),
            peak_mebibytes() - held,
            slowest.as_secs_f64() * 1_000.0
        );
    }
    store.close().await;
}

fn range() -> DayRange {
    let last = Day(i32::try_from(TODAY).expect("a day"));
    DayRange {
        first: last.plus(1 - i32::try_from(DAYS).expect("a number of days")),
        last,
    }
}

/// Messages that one simulation judges.
async fn once(store: &Store, domain: &Domain, tables: &Tables, simulation: &Simulation) -> u64 {
    let prepared = prepare(store, domain, (range(), (TODAY + 1) * DAY * 1_000), simulation)
        .await
        .expect("a policy");
    let found = simulate((store, domain, tables), range(), simulation, (prepared, HashMap::new()));
    found.await.expect("an answer").total.now.messages()
}

/// Asks for the figures of another domain until it is stopped. Returns the number of requests, and the time of the slowest.
async fn ask(store: Store, domain: DomainId, stop: Arc<AtomicBool>) -> (u64, Duration) {
    let (clock, mut asked, mut slowest) = (Clock::system(), 0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let began = clock.monotonic();
        store.stats(domain, range()).await.expect("figures");
        slowest = slowest.max(clock.monotonic() - began);
        asked += 1;
        tokio::time::sleep(ASKED_EVERY).await;
    }
    (asked, slowest)
}

/// A domain with its reports, straight into the database.
async fn add(store: &Store, account: AccountId, name: &str, records: usize) -> Domain {
    let domain = store.add_domain(account, new_domain(name), 0).await.expect("a domain");
    let options = CommitOptions {
        now: (TODAY + 1) * DAY * 1_000,
        keep_originals: false,
        fresh: &fresh,
        limits: KeepLimits::default(),
    };
    let mut random = Random(7);
    let mut batch: Vec<NewMessage> = Vec::new();
    let mut held = 0;
    let reports = usize::try_from(DAYS).expect("a number of days") * REPORTERS;
    for nth in 0..reports {
        let day = TODAY - i64::try_from(nth / REPORTERS).expect("a number of days");
        let count = records * (nth + 1) / reports - records * nth / reports;
        let report = report(name, nth % REPORTERS, day * DAY, (count, SOURCES), &mut random);
        let one = message(account, day * DAY, report, Authenticated::Unknown);
        held += one.reports[0].1.bytes_held();
        batch.push(one);
        if held > HELD_MAX || nth + 1 == reports {
            held = 0;
            let all = std::mem::take(&mut batch);
            store.commit(all, &options).await.expect("it is stored");
        }
    }
    domain
}
