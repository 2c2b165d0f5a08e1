//! Durable import: mails through the intake into SQLite (WAL, synchronous=FULL) and PostgreSQL (fsync, synchronous_commit
//! on; through TCP and through its socket), each answered after its commit.
//!
//! Prints, for each run, reports and records a second, the CPU time of both sides, and the size of the database a record.
//! Runs are whole imports into a new database, so this is a plain loop. On PostgreSQL two nodes share the work as well.
//! `cargo bench --bench import [-- [sqlite] [tcp] [socket] [postgres] [MIX] RUNS]`; all databases if none is named. MIX is
//! `friendly` (if none is named), `varied-5`, `varied-40` or `varied-70`, or `wide-` instead of `varied-`: see
//! `support/corpus.rs`. `-- save FOLDER MIX` writes the mails into a folder, for `tallymark parse` and others.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::path::{Path, PathBuf};
use std::time::Instant;

use support::corpus::{self, Mail, Mix};
use support::database::{Database, Kind, Server, cpu_seconds};
use support::{fresh, peak_mebibytes};
use tallymark::base::clock::Clock;
use tallymark::base::{AccountId, Mode};
use tallymark::ingest::{Belonging, Intake, IntakeOptions, RawMessage};
use tallymark::metrics::Metrics;
use tallymark::store::Store;

/// Messages in flight, as many as the import command has.
const IN_FLIGHT: usize = 1_024;

struct Figures {
    seconds: f64,
    /// CPU time of this process and of the server.
    cpu: (f64, f64),
    bytes: u64,
    tables: Vec<(String, i64)>,
}

fn main() {
    tallymark::heap::set_up();
    let kinds = Kind::asked_for();
    let runs = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(5);
    let (name, mix) = mix_asked_for();
    let mails = corpus::mails(mix, 1);
    if let Some(folder) = folder_asked_for() {
        return save(&mails, &folder);
    }
    let server = kinds.iter().any(|kind| *kind != Kind::Sqlite).then(Server::start);
    let records: u64 = mails.iter().map(|mail| mail.records).sum();
    let mail_bytes: usize = mails.iter().map(|mail| mail.bytes.len()).sum();
    println!(
        "{name}: {} mails, {records} records, {:.1} MB of mail",
        mails.len(),
        mail_bytes as f64 / 1e6
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for kind in kinds {
        for nodes in if kind == Kind::Sqlite { 1..=1 } else { 1..=2 } {
            for keep_originals in [false, true] {
                let with = if keep_originals { "with" } else { "without" };
                println!("{}, {nodes} node(s), {with} originals:", kind.name());
                let run = || runtime.block_on(run_once(&mails, keep_originals, kind, nodes, server.as_ref()));
                report((0..runs).map(|_| run()), mails.len() as f64, records as f64);
            }
        }
    }
    println!(
        "peak resident memory {:.0} MiB (the mails themselves included)",
        peak_mebibytes()
    );
}

fn mix_asked_for() -> (&'static str, Mix) {
    let named = |name: String| Mix::NAMED.into_iter().find(|(of_mix, _)| *of_mix == name);
    std::env::args().find_map(named).unwrap_or(Mix::NAMED[0])
}

/// What follows `save`.
fn folder_asked_for() -> Option<PathBuf> {
    std::env::args()
        .skip_while(|text| text != "save")
        .nth(1)
        .map(PathBuf::from)
}

fn save(mails: &[Mail], folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    for (nth, mail) in mails.iter().enumerate() {
        std::fs::write(folder.join(format!("{nth:05}.eml")), &mail.bytes).expect("a file");
    }
}

fn report(runs: impl Iterator<Item = Figures>, reports: f64, records: f64) {
    let mut rates = Vec::new();
    let mut last = None;
    for figures in runs {
        let rate = reports / figures.seconds;
        println!(
            "  {:.3} s, {rate:.0} reports/s, {:.0} records/s; CPU {:.2} s here, {:.2} s in the server; {:.1} bytes a record",
            figures.seconds,
            records / figures.seconds,
            figures.cpu.0,
            figures.cpu.1,
            figures.bytes as f64 / records,
        );
        rates.push(rate);
        last = Some(figures);
    }
    rates.sort_by(f64::total_cmp);
    let median = rates[rates.len() / 2];
    println!(
        "  median {median:.0} reports/s, {:.0} records/s",
        median * records / reports
    );
    let tables = last.map(|figures| figures.tables).unwrap_or_default();
    let tables = tables
        .iter()
        .map(|(table, bytes)| format!("{:.1} {table}", *bytes as f64 / records));
    println!("  bytes a record: {}", tables.collect::<Vec<_>>().join(", "));
}

/// Imports all into a new database, and takes it away again.
#[expect(clippy::fn_params_excessive_bools, reason = "a row of data")]
async fn run_once(mails: &[Mail], keep_originals: bool, kind: Kind, nodes: usize, server: Option<&Server>) -> Figures {
    let database = Database::make(kind, server).await;
    let mut intakes = Vec::new();
    let mut account = None;
    for _ in 0..nodes {
        let store = Store::open(database.location.clone()).await.expect("a new database");
        let account = match account {
            Some(account) => account,
            None => *account.insert(store.add_account("bench", Mode::Live, 0).await.expect("an account").id),
        };
        let options = IntakeOptions {
            keep_originals,
            ..IntakeOptions::new(fresh)
        };
        let (intake, running) = Intake::start(Clock::system(), store.clone(), Metrics::new(), options);
        intakes.push((intake, running, store, account));
    }
    let server_cpu = async || match server {
        Some(server) if kind != Kind::Sqlite => server.cpu_seconds().await,
        _ => 0.0,
    };
    let before = (cpu_seconds("self"), server_cpu().await);
    let started = Instant::now();
    let share = mails.len().div_ceil(nodes);
    let sending = intakes.iter().zip(mails.chunks(share));
    let sending = sending.map(|((intake, _, _, account), mails)| send(intake, *account, mails));
    futures_util::future::join_all(sending).await;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = (cpu_seconds("self") - before.0, server_cpu().await - before.1);
    for (intake, running, store, _) in intakes {
        drop(intake);
        running.await.expect("the intake ends");
        store.close().await;
    }
    let (bytes, tables) = (database.bytes().await, database.tables().await);
    database.remove().await;
    Figures {
        seconds,
        cpu,
        bytes,
        tables,
    }
}

/// Hands the mails in, many at once; returns when all are committed.
async fn send(intake: &Intake, account: AccountId, mails: &[Mail]) {
    let mut senders = tokio::task::JoinSet::new();
    for mail in mails {
        if senders.len() >= IN_FLIGHT {
            senders.join_next().await;
        }
        let raw = RawMessage {
            bytes: mail.bytes.clone(),
            received_at: 1_760_000_000_000,
            origin: String::new(),
            belonging: Belonging::AddDomains(account),
            envelope: None,
        };
        let intake = intake.clone();
        senders.spawn(async move {
            let outcome = intake.submit(raw).await.expect("it is taken");
            assert_eq!((outcome.reports.len(), outcome.set_aside.len()), (1, 0));
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.expect("no sender fails");
    }
}
