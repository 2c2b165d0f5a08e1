//! A day of the rules over 10,000 domains, each with three reporters and 46 days of reports. Two reporters report at different
//! times of that day; the job runs every 15 minutes. Prints the processor time of the day next to its goal of 60 s, and what
//! twice the domains cost. `cargo bench --bench rules [-- DOMAINS]`.

mod support;

use support::corpus::Random;
use support::database::cpu_seconds;
use support::year::{TODAY, message, report};
use support::{fresh, new_domain, peak_mebibytes};
use tallymark::base::{AccountId, Authenticated, Mode};
use tallymark::enrich::{LiveTables, NamesFiles};
use tallymark::insight::{Applied, apply_rules};
use tallymark::store::{CommitOptions, KeepLimits, NewMessage, NewWebhook, Store, Wanted};

const DAYS: i64 = 46;
const REPORTERS: usize = 3;
/// Rows of a report, and addresses of a domain.
const RECORDS: usize = 5;
const SOURCES: usize = 20;
/// Messages of a transaction.
const BATCH: usize = 240;
const DAY: i64 = 86_400;
const RUN_EVERY: i64 = 15 * 60;
/// Runs of the day before which a reporter reports.
const REPORTS_AT: [i64; 2] = [24, 56];
const GOAL_SECONDS: f64 = 60.0;

fn main() {
    tallymark::heap::set_up();
    let domains = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let domains: usize = domains.unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let half = day(domains / 2).await;
        let whole = day(domains).await;
        println!("twice the domains cost {:.2} times as much", whole / half);
        println!("{domains} domains: {whole:.1} s of one core per day, goal {GOAL_SECONDS:.0} s");
    });
    println!("peak resident memory {:.0} MiB", peak_mebibytes());
}

/// An account that is told of every event.
async fn listening_account(store: &Store) -> AccountId {
    let account = store.add_account("bench", Mode::Live, 0).await.expect("an account").id;
    let hook = NewWebhook {
        url: "https://hooks.example/".to_owned(),
        events: Wanted::new(["*".to_owned()]),
        secret: b"sealed".to_vec(),
    };
    store
        .add_webhook(account, hook, 0)
        .await
        .expect("an answer")
        .expect("room");
    account
}

/// Seconds of processor time that the runs of a day take.
async fn day(domains: usize) -> f64 {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on a real disk");
    let store = Store::open(&folder.path().join("tallymark.sqlite"))
        .await
        .expect("a new database");
    let account = listening_account(&store).await;
    let names: Vec<_> = (0..domains).map(|nth| format!("customer-{nth}.example")).collect();
    for name in &names {
        store.add_domain(account, new_domain(name), 0).await.expect("a domain");
    }
    let mut random = Random(7);
    let mut batch = Batch::new(&store, account);
    for name in &names {
        for day in TODAY - DAYS..TODAY {
            for reporter in 0..REPORTERS {
                let report = report(name, reporter, day * DAY, (RECORDS, SOURCES), &mut random);
                batch.add(report, (day + 1) * DAY).await;
            }
        }
    }
    batch.commit().await;
    println!("{domains} domains with {} reports each", DAYS as usize * REPORTERS);

    let tables = LiveTables::new(NamesFiles::default());
    let mut kinds = [("runs with news", 0.0, 0), ("other runs", 0.0, 0)];
    let mut all = Applied::default();
    // The day before is caught up with first.
    let run = async |at: i64| {
        let before = cpu_seconds("self");
        let applied = apply_rules(&store, &tables.current(), at * 1_000)
            .await
            .expect("the rules");
        (cpu_seconds("self") - before, applied)
    };
    run(TODAY * DAY - RUN_EVERY).await;
    for nth in 0..DAY / RUN_EVERY {
        let at = TODAY * DAY + nth * RUN_EVERY;
        let reporter = REPORTS_AT.iter().position(|run| *run == nth);
        if let Some(reporter) = reporter {
            for name in &names {
                let report = report(name, reporter, TODAY * DAY, (RECORDS, SOURCES), &mut random);
                batch.add(report, at).await;
            }
            batch.commit().await;
        }
        let (took, applied) = run(at).await;
        let kind = &mut kinds[usize::from(applied.domains == 0)];
        kind.1 += took;
        kind.2 += 1;
        all.domains += applied.domains;
        all.events += applied.events;
        all.summaries += applied.summaries;
    }
    for (what, seconds, runs) in kinds {
        println!("{runs} {what}: {seconds:.2} s");
    }
    println!(
        "{} domains judged, {} events, {} summaries",
        all.domains, all.events, all.summaries
    );
    store.close().await;
    kinds.iter().map(|(_, seconds, _)| seconds).sum()
}

/// Mails that are stored together.
struct Batch<'s> {
    store: &'s Store,
    account: AccountId,
    messages: Vec<NewMessage>,
}

impl<'s> Batch<'s> {
    fn new(store: &'s Store, account: AccountId) -> Self {
        Self {
            store,
            account,
            messages: Vec::new(),
        }
    }

    /// `at`: Unix seconds of its arrival.
    async fn add(&mut self, report: tallymark::report::aggregate::Report, at: i64) {
        self.messages
            .push(message(self.account, at, report, Authenticated::Unknown));
        if self.messages.len() >= BATCH {
            self.commit().await;
        }
    }

    async fn commit(&mut self) {
        let options = CommitOptions {
            now: TODAY * DAY * 1_000,
            keep_originals: false,
            fresh: &fresh,
            limits: KeepLimits::default(),
        };
        let messages = std::mem::take(&mut self.messages);
        self.store.commit(messages, &options).await.expect("it is stored");
    }
}
