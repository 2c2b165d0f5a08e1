//! What the database promises, whatever the bytes were: each report counted once, and every sum the same sum.

mod acceptance;
mod aside_groups;
mod carriers;
mod channels;
mod clock;
mod conflicts;
mod copy;
mod crowded;
mod damaged;
mod decisions;
mod digests;
mod distributed;
mod facets;
mod faults;
mod figures;
mod findings;
pub mod full_disk;
mod kept;
mod labelled;
mod large;
mod leases;
mod lost_log;
mod mailboxes;
mod nodes;
mod paging;
mod quotas;
mod refused;
mod requests;
mod retention;
mod schema;
mod senders;
mod sliced;
mod sliced_carriers;
mod statements;
mod stored_bytes;
mod strangers;
mod stretches;
mod transactions;
mod webhooks;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::postgres::Server;
use tallymark::base::{AccountId, Authenticated, Day, DayRange, DomainId, DomainName, Mode, Region, TlsMode};
use tallymark::enrich::{Counts, FlowCounts, Gathered, Senders, Tables, flows_by_day};
use tallymark::report::aggregate::{
    AuthResult, Disposition, DkimAuth, Evaluated, Evidence, Metadata, Parsed, PassFail, Policy, PolicyPublished,
    Record, Report, Warnings, Window,
};
use tallymark::store::{
    Account, Belonging, CommitOptions, Domain, FreshDomain, KeepLimits, ListedMax, Location, MessageRoom, NewDomain,
    NewMessage, NewReport, Outcome, Page, ReportFilter, SourceQuery, Stats, Store,
};
use tallymark::tally::{Carriers, Totals};

pub const NOW: i64 = 1_760_000_000_000;
pub const ALL_DAYS: DayRange = DayRange {
    first: Day(0),
    last: Day(30_000),
};
pub const FIRST_PAGE: Page = Page {
    page: 1,
    per_page: 100_000,
};

/// Everything of every record.
pub const LISTED: ListedMax = ListedMax {
    results_bytes: usize::MAX,
    bytes: usize::MAX,
};

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
    /// PostgreSQL where each domain is on one of several servers: see `distributed.rs`.
    Distributed,
}

/// Commits as a program does that keeps the mails.
pub const KEEPING: CommitOptions<'static> = CommitOptions {
    now: NOW,
    keep_originals: true,
    fresh: &fresh,
    limits: KeepLimits::DEFAULT,
};

/// Makes tests of `async fn name(db: Database)`: one for each database.
macro_rules! on_both {
    ($name:ident) => {
        mod $name {
            use crate::store::{Database, Dialect};

            #[tokio::test]
            async fn sqlite() {
                super::$name(Database::start(Dialect::Sqlite).await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(Database::start(Dialect::Postgres).await).await;
            }

            #[tokio::test]
            async fn distributed() {
                super::$name(Database::start(Dialect::Distributed).await).await;
            }
        }
    };
}
pub(crate) use on_both;

/// A database of a test's own, with an account and a domain.
pub struct Database {
    pub dialect: Dialect,
    pub location: Location,
    pub store: Store,
    pub account: Account,
    pub domain: Domain,
    _folder: Option<tempfile::TempDir>,
}

impl Database {
    /// Where an empty database is, or will be once it is opened.
    pub async fn place(dialect: Dialect) -> (Location, Option<tempfile::TempDir>) {
        match dialect {
            Dialect::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                (Location::File(folder.path().join("tallymark.sqlite")), Some(folder))
            }
            Dialect::Postgres => {
                let server = Server::shared();
                (Location::Server(server.url(&server.database().await)), None)
            }
            Dialect::Distributed => (distributed::place().await, None),
        }
    }

    pub async fn start(dialect: Dialect) -> Self {
        let (location, folder) = Self::place(dialect).await;
        if dialect == Dialect::Distributed {
            let store = Store::open(location.clone()).await.unwrap();
            store.distribute().await.unwrap();
            store.close().await;
        }
        let store = Store::open(location.clone()).await.unwrap();
        let account = store.add_account("default", Mode::Live, NOW).await.unwrap();
        let domain = store
            .add_domain(account.id, new_domain("example.com"), NOW)
            .await
            .unwrap();
        Self {
            dialect,
            location,
            store,
            account,
            domain,
            _folder: folder,
        }
    }

    /// The file of SQLite's database.
    pub fn path(&self) -> PathBuf {
        match &self.location {
            Location::File(path) => path.clone(),
            Location::Server(_) => panic!("this test is about a file"),
        }
    }

    /// The folder of SQLite's database.
    pub fn folder(&self) -> PathBuf {
        let path = self.path();
        path.parent().expect("a file lies in a folder").to_owned()
    }

    /// Changes it behind the program's back.
    pub async fn execute(&self, statement: &str) {
        match &self.location {
            Location::File(path) => crate::sqlite(path, statement).await,
            Location::Server(url) => crate::postgres::execute(url, statement).await,
        }
    }

    /// Asks it for a number behind the program's back.
    pub async fn count(&self, statement: &str) -> i64 {
        use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
        let statement = AssertSqlSafe(statement.to_owned());
        match &self.location {
            Location::File(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut conn = options.connect().await.unwrap();
                let count = sqlx::query_scalar(statement).fetch_one(&mut conn).await.unwrap();
                conn.close().await.unwrap();
                count
            }
            Location::Server(url) => {
                let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
                let mut conn = options.connect().await.unwrap();
                let count = sqlx::query_scalar(statement).fetch_one(&mut conn).await.unwrap();
                conn.close().await.unwrap();
                count
            }
        }
    }

    pub async fn commit(&self, reports: Vec<NewReport>) -> Outcome {
        let message = message(self.account.id, reports);
        self.commit_all(vec![message]).await.remove(0)
    }

    pub async fn commit_all(&self, batch: Vec<NewMessage>) -> Vec<Outcome> {
        self.store.commit(batch, &KEEPING).await.unwrap()
    }

    /// Services, flows and subdomains have the messages of the domain.
    async fn check_senders(&self, domain: DomainId, totals: &Totals) {
        let Some(domain) = self.store.domain_by_id(self.account.id, domain).await.unwrap() else {
            return;
        };
        static TABLES: LazyLock<Tables> = LazyLock::new(Tables::built_in);
        let found = Senders::read(&self.store, &domain, ALL_DAYS, &TABLES).await.unwrap();
        let found = found.gather();
        assert_eq!(found.totals, *totals, "senders");
        self.check_days(&domain, &found, &TABLES).await;
        let sums = |of: &mut dyn Iterator<Item = Counts>| {
            of.fold([0; 4], |sum, one| {
                let more = [one.pass, one.fail, one.dkim_aligned, one.spf_aligned];
                std::array::from_fn(|nth| sum[nth] + more[nth])
            })
        };
        let expect = [totals.pass, totals.fail, totals.dkim_aligned, totals.spf_aligned];
        assert_eq!(
            sums(&mut found.services.iter().map(|one| one.counts)),
            expect,
            "services"
        );
        assert_eq!(
            sums(&mut found.flows.iter().map(|(_, counts)| *counts)),
            expect,
            "flows"
        );
        assert_eq!(
            sums(&mut found.subdomains.iter().map(|one| one.counts)),
            expect,
            "subdomains"
        );
    }

    /// Each day has its messages by flow, and the days sum to the flows of the range.
    async fn check_days(&self, domain: &Domain, found: &Gathered<'_>, tables: &Tables) {
        let days = flows_by_day(&self.store, domain, (ALL_DAYS, Carriers::All), tables)
            .await
            .unwrap();
        let stats = self.store.stats(domain.id, ALL_DAYS).await.unwrap();
        let messages = stats.days.iter().map(|day| day.totals.messages());
        assert!(messages.eq(days.iter().map(FlowCounts::messages)), "days by flow");
        let mut sum = FlowCounts::default();
        days.iter().for_each(|day| sum.merge(day));
        let flows = found.flows.iter().map(|(flow, counts)| (*flow, counts.messages()));
        assert!(sum.iter().eq(flows), "flows of all days");
    }

    /// Every sum that can be asked for is the same sum, and recounting agrees. Gives it.
    pub async fn check_sums(&self, domain: DomainId) -> Totals {
        let stats = self.store.stats(domain, ALL_DAYS).await.unwrap();
        let mut days = Totals::default();
        stats.days.iter().for_each(|day| days.add(&day.totals));
        assert_eq!(days, stats.totals, "days");
        let sources = self
            .store
            .sources(domain, ALL_DAYS, &SourceQuery::default(), FIRST_PAGE)
            .await
            .unwrap();
        let mut sum = Totals::default();
        sources.sources.iter().for_each(|source| sum.add(&source.totals));
        assert_eq!(sum, stats.totals, "sources");
        assert_eq!(sources.total, stats.sources);
        self.check_senders(domain, &stats.totals).await;
        let reporters = self.store.reporters(domain, ALL_DAYS).await.unwrap();
        let messages: u64 = reporters.iter().map(|reporter| reporter.pass + reporter.fail).sum();
        assert_eq!(messages, stats.totals.messages(), "reporters");
        assert_eq!(
            reporters.iter().map(|reporter| reporter.reports).sum::<u64>(),
            stats.reports
        );
        let (reports, total) = self
            .store
            .reports(domain, &ReportFilter::default(), FIRST_PAGE)
            .await
            .unwrap();
        let mut sum = Totals::default();
        reports.iter().for_each(|report| sum.add(&report.totals));
        assert_eq!(sum, stats.totals, "reports");
        assert_eq!((total, stats.reports), (reports.len() as u64, reports.len() as u64));
        self.check_carriers(domain, &stats).await;
        let verified = self.store.verify(&|_, _| {}).await.unwrap();
        assert_eq!(verified.discrepancies, []);
        stats.totals
    }

    /// The sums of reports whose mail vouches for them, and those of the others, are all sums.
    async fn check_carriers(&self, domain: DomainId, all: &Stats) {
        let (mut of_verdict, mut reports_of) = ([Totals::default(); 2], [0; 2]);
        for &verdict in Authenticated::ALL {
            let filter = ReportFilter {
                authenticated: Some(verdict),
                ..ReportFilter::default()
            };
            let (reports, total) = self.store.reports(domain, &filter, FIRST_PAGE).await.unwrap();
            let nth = usize::from(verdict == Authenticated::Pass);
            reports.iter().for_each(|report| of_verdict[nth].add(&report.totals));
            reports_of[nth] += total;
        }
        let [rest, vouched] = of_verdict;
        let mut sum = vouched;
        sum.add(&rest);
        assert_eq!(sum, all.totals, "vouched and the rest");
        assert_eq!(rest.messages(), all.unvouched_messages);
        let part = (ALL_DAYS.first, Carriers::Vouched);
        let (stats, _) = self.store.stats_and_before(domain, ALL_DAYS, part).await.unwrap();
        assert_eq!((stats.totals, stats.reports), (vouched, reports_of[1]), "vouched");
        let query = SourceQuery {
            carriers: Carriers::Vouched,
            ..SourceQuery::default()
        };
        let sources = self.store.sources(domain, ALL_DAYS, &query, FIRST_PAGE).await.unwrap();
        let mut sum = Totals::default();
        sources.sources.iter().for_each(|source| sum.add(&source.totals));
        assert_eq!((sum, sources.total), (vouched, stats.sources), "sources");
    }
}

pub fn fresh() -> FreshDomain {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nth = NEXT.fetch_add(1, Ordering::Relaxed);
    FreshDomain {
        public_id: format!("dom_{nth:016}"),
        rua_token: format!("token{nth}"),
    }
}

pub fn new_domain(name: &str) -> NewDomain {
    let FreshDomain { public_id, rua_token } = fresh();
    NewDomain {
        public_id,
        name: DomainName::parse(name).unwrap(),
        region: Region::EuWest1,
        tls_mode: TlsMode::Opportunistic,
        open_tracking: false,
        click_tracking: false,
        custom_return_path: None,
        rua_token,
    }
}

pub fn message(account: AccountId, reports: Vec<NewReport>) -> NewMessage {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let bytes = format!("{:016}", NEXT.fetch_add(1, Ordering::Relaxed)).into_bytes();
    NewMessage {
        belonging: Belonging::Account(account),
        digest: tallymark::store::message_digest(&bytes),
        bytes: bytes.into(),
        received_at: NOW,
        origin: "test".to_owned(),
        provenance: None,
        reports: reports
            .into_iter()
            .map(|report| ("report.xml".to_owned(), report))
            .collect(),
        tls_reports: Vec::new(),
        failure: None,
        problems: Vec::new(),
        other: Some("mail"),
        replay: None,
        room: MessageRoom::default(),
    }
}

/// `(address, count, passes)` as a record whose evidence depends on the verdict.
pub fn report(id: &str, window: (i64, i64), records: &[(&str, u64, bool)]) -> Report {
    let evidence = [true, false].map(|passes| Evidence {
        header_from: Some("example.com".into()),
        dkim: vec![DkimAuth {
            domain: Some("example.com".into()),
            result: if passes { AuthResult::Pass } else { AuthResult::Fail },
            ..DkimAuth::default()
        }],
        ..Evidence::default()
    });
    let record = |(address, count, passes): &(&str, u64, bool)| Record {
        source: address.parse::<IpAddr>().ok(),
        evaluated: Evaluated {
            disposition: Some(if *passes {
                Disposition::None
            } else {
                Disposition::Reject
            }),
            dkim: Some(if *passes { PassFail::Pass } else { PassFail::Fail }),
            spf: Some(PassFail::Fail),
        },
        evidence: u32::from(!passes),
        count: *count,
    };
    Report {
        metadata: Metadata {
            org_name: Some("Reporter".into()),
            email: Some("dmarc@reporter.example".into()),
            report_id: id.into(),
            window: Window {
                begin: window.0,
                end: window.1,
            },
            ..Metadata::default()
        },
        policy: PolicyPublished {
            domain: "example.com".into(),
            p: Some(Policy::Reject),
            ..PolicyPublished::default()
        },
        records: records.iter().map(record).collect(),
        evidence: evidence.into(),
        ..Report::default()
    }
}

pub fn taken(report: Report, authenticated: Authenticated) -> NewReport {
    NewReport::new(
        Parsed {
            report,
            warnings: Warnings::default(),
        },
        authenticated,
    )
}

pub fn new_report(id: &str, window: (i64, i64), records: &[(&str, u64, bool)]) -> NewReport {
    taken(report(id, window, records), Authenticated::Unknown)
}

/// The n-th day of a range that every test uses.
pub fn day(nth: i64) -> (i64, i64) {
    let begin = 1_758_240_000 + nth * 86_400;
    (begin, begin + 86_399)
}

/// Messages by source, as a brute-force recount of what was sent in would have them.
pub type Expected = BTreeMap<Option<IpAddr>, u64>;
