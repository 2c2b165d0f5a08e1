//! Durable import: mails through the intake into SQLite (WAL, synchronous=FULL) or PostgreSQL (fsync, synchronous_commit
//! on; by TCP), each answered after its commit.
//!
//! Prints, for each run, reports and records a second, and the size of the database a record. Runs are whole imports into
//! a new database, so this is a plain loop. `cargo bench --bench import [-- [postgres] RUNS]`. The server is one of the
//! bench's own, on the same cores; or that of `TALLYMARK_BENCH_POSTGRES_URL`, where databases are made and dropped.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/postgres.rs"]
mod postgres;
mod support;

use std::time::Instant;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};

use support::corpus::{self, Mail, Mix};
use support::{fresh, peak_mebibytes};
use tallymark::clock::Clock;
use tallymark::ingest::{Belonging, Intake, IntakeOptions, RawMessage};
use tallymark::metrics::Metrics;
use tallymark::store::{Location, Mode, Store};

/// Messages in flight, as many as the import command has.
const IN_FLIGHT: usize = 1_024;

struct Figures {
    seconds: f64,
    bytes: u64,
    /// Bytes by table or index, largest first.
    tables: Vec<(String, i64)>,
}

fn main() {
    let is_postgres = std::env::args().any(|text| text == "postgres");
    let server = is_postgres.then(Server::start);
    let runs = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(5);
    let mails = corpus::mails(Mix::STANDARD, 1);
    let records: u64 = mails.iter().map(|mail| mail.records).sum();
    let mail_bytes: usize = mails.iter().map(|mail| mail.bytes.len()).sum();
    println!(
        "{} mails, {records} records, {:.1} MB of mail",
        mails.len(),
        mail_bytes as f64 / 1e6
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for keep_originals in [false, true] {
        println!("originals {}:", if keep_originals { "kept" } else { "not kept" });
        let mut rates = Vec::new();
        for run in 1..=runs {
            let figures = runtime.block_on(run_once(&mails, keep_originals, server.as_ref()));
            let rate = mails.len() as f64 / figures.seconds;
            println!(
                "  run {run}: {:.3} s, {rate:.0} reports/s, {:.0} records/s, {:.1} bytes a record",
                figures.seconds,
                records as f64 / figures.seconds,
                figures.bytes as f64 / records as f64,
            );
            if run == runs {
                for (table, bytes) in &figures.tables {
                    println!("    {:5.1} {table}", *bytes as f64 / records as f64);
                }
            }
            rates.push(rate);
        }
        rates.sort_by(f64::total_cmp);
        let median = rates[rates.len() / 2];
        println!(
            "  median {median:.0} reports/s, {:.0} records/s",
            median * records as f64 / mails.len() as f64
        );
    }
    println!(
        "peak resident memory {:.0} MiB (the mails themselves included)",
        peak_mebibytes()
    );
}

/// The bench's own server, or one that the environment names.
enum Server {
    Own(postgres::Server),
    Named(Box<PgConnectOptions>),
}

impl Server {
    fn start() -> Self {
        match std::env::var("TALLYMARK_BENCH_POSTGRES_URL") {
            Ok(url) => Self::Named(Box::new(url.parse().expect("a URL of PostgreSQL"))),
            Err(_) => Self::Own(postgres::Server::start(postgres::Durability::Durable)),
        }
    }

    fn url(&self, database: &str) -> String {
        match self {
            Self::Own(server) => server.tcp_url(database),
            Self::Named(options) => (**options).clone().database(database).to_url_lossy().to_string(),
        }
    }
}

/// Imports all into a new database, and takes it away again.
async fn run_once(mails: &[Mail], keep_originals: bool, server: Option<&Server>) -> Figures {
    const NAME: &str = "tallymark_bench";
    let Some(server) = server else {
        let folder = tempfile::tempdir_in(".").expect("a folder on a real disk");
        let location = Location::File(folder.path().join("tallymark.sqlite"));
        return import(mails, keep_originals, location).await;
    };
    let drop = format!("drop database if exists {NAME}");
    let admin = server.url("postgres");
    postgres::execute(&admin, &drop).await;
    postgres::execute(&admin, &format!("create database {NAME}")).await;
    let figures = import(mails, keep_originals, Location::Server(server.url(NAME))).await;
    postgres::execute(&admin, &drop).await;
    figures
}

async fn import(mails: &[Mail], keep_originals: bool, location: Location) -> Figures {
    let store = Store::open(location.clone()).await.expect("a new database");
    let account = store.add_account("bench", Mode::Live, 0).await.expect("an account").id;
    let options = IntakeOptions {
        keep_originals,
        ..IntakeOptions::new(fresh)
    };
    let (intake, running) = Intake::start(Clock::system(), store.clone(), Metrics::new(), options);
    let started = Instant::now();
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
    let seconds = started.elapsed().as_secs_f64();
    drop(intake);
    running.await.expect("the intake ends");
    store.close().await;
    let tables = tables(&location).await;
    let bytes = match &location {
        Location::File(path) => std::fs::metadata(path).expect("the database").len(),
        Location::Server(_) => tables.iter().map(|(_, bytes)| bytes.unsigned_abs()).sum(),
    };
    Figures { seconds, bytes, tables }
}

/// What takes the space. `dbstat` is a table that SQLite makes up.
async fn tables(location: &Location) -> Vec<(String, i64)> {
    match location {
        Location::File(path) => {
            let mut conn = SqliteConnectOptions::new()
                .filename(path)
                .connect()
                .await
                .expect("the database");
            let text = "select name, sum(pgsize) from dbstat group by name having sum(pgsize) > 100000 order by 2 desc";
            let rows = sqlx::query(text).fetch_all(&mut conn).await.expect("its pages");
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        }
        Location::Server(url) => {
            let options: PgConnectOptions = url.parse().expect("a URL of PostgreSQL");
            let mut conn = options.connect().await.expect("the database");
            let text = "select coalesce(of_toast.relname, c.relname)::text, sum(pg_relation_size(c.oid))::bigint
                from pg_class c left join pg_class of_toast on of_toast.reltoastrelid = c.oid
                where c.relkind in ('r', 'i', 't') and pg_relation_size(c.oid) > 100000
                    and (c.relnamespace = 'public'::regnamespace or of_toast.relnamespace = 'public'::regnamespace)
                group by 1 order by 2 desc";
            let rows = sqlx::query(text).fetch_all(&mut conn).await.expect("its pages");
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        }
    }
}
