//! SM10, the rest of its kind: a log that goes missing is noticed, since the number of the last commit is kept outside of it.

use std::fs;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tallymark::base::{AccountId, DomainId};
use tallymark::store::{Behind, Location, Store, StoreError};

use super::{ALL_DAYS, Database, Dialect, KEEPING, NOW, day, message, new_domain, new_report, on_both};

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// A killed process: the files as they are while the database is open, in a folder of their own.
struct Crashed {
    folder: tempfile::TempDir,
    domain: DomainId,
    reports: u64,
}

impl Crashed {
    /// With this number of reports in the log, each in a commit of its own.
    async fn with(reports: u64) -> Self {
        let db = Database::start(Dialect::Sqlite).await;
        db.store.fold_log().await.unwrap();
        for nth in 0..reports {
            add(&db.store, db.account.id, nth).await;
        }
        let folder = tempfile::tempdir().unwrap();
        for ending in ["", "-wal", ".mark"] {
            let from = beside(&db.path(), ending);
            fs::copy(from, beside(&folder.path().join("t.sqlite"), ending)).unwrap();
        }
        Self {
            folder,
            domain: db.domain.id,
            reports,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("t.sqlite")
    }

    async fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.path()).await
    }

    async fn reports(&self, store: &Store) -> u64 {
        store.stats(self.domain, ALL_DAYS).await.unwrap().reports
    }

    /// It is not opened to be written to; gives what it lacks, which opening it to look and `verify` agree on.
    async fn behind(&self) -> Behind {
        let before = fs::read(self.path()).unwrap_or_default();
        let error = self.open().await.unwrap_err();
        let text = error.to_string();
        let StoreError::Behind { behind, .. } = error else {
            panic!("{text}");
        };
        assert!(text.contains("tallymark admin restored"), "{text}");
        if self.path().exists() {
            let store = Store::open_to_look(&self.path(), Default::default()).await.unwrap();
            let verified = store.verify(&|_, _| {}).await.unwrap();
            let told: Vec<_> = verified.discrepancies.iter().map(|found| found.what.clone()).collect();
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with("what was stored last is gone"), "{told:?}");
            let refused = store.add_account("x", tallymark::base::Mode::Live, NOW).await;
            assert!(matches!(refused, Err(StoreError::Behind { .. })), "{refused:?}");
            store.close().await;
        }
        let is_same = fs::read(self.path()).unwrap_or_default() == before;
        assert!(is_same, "nothing is written to it");
        behind
    }
}

async fn add(store: &Store, account: AccountId, nth: u64) {
    let report = new_report(&nth.to_string(), day(nth as i64), &[("192.0.2.1", nth + 1, true)]);
    store
        .commit(vec![message(account, vec![report])], &KEEPING)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_crash_that_leaves_the_log_lacks_nothing() {
    let crashed = Crashed::with(20).await;
    let store = crashed.open().await.unwrap();
    assert_eq!(crashed.reports(&store).await, crashed.reports);
    assert_eq!(store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
    store.close().await;
    // Nor does a clean end, nor one whose shared memory or mark has gone.
    fs::remove_file(beside(&crashed.path(), ".mark")).unwrap();
    let store = crashed.open().await.unwrap();
    assert_eq!(crashed.reports(&store).await, crashed.reports);
    store.close().await;
}

#[tokio::test]
async fn a_log_that_went_missing_after_a_crash_is_noticed() {
    for (name, lose) in [
        (
            "removed",
            Box::new(|log: &Path| fs::remove_file(log).unwrap()) as Box<dyn Fn(&Path)>,
        ),
        ("emptied", Box::new(|log: &Path| fs::write(log, b"").unwrap())),
        (
            "another one",
            Box::new(|log: &Path| {
                let mut bytes = fs::read(log).unwrap();
                bytes[16] ^= 1;
                fs::write(log, bytes).unwrap();
            }),
        ),
    ] {
        let crashed = Crashed::with(20).await;
        lose(&beside(&crashed.path(), "-wal"));
        let behind = crashed.behind().await;
        assert_eq!(behind.lost(), 20, "{name}: {behind:?}");
    }
}

#[tokio::test]
async fn a_log_that_was_cut_off_is_noticed_and_can_be_put_back() {
    let crashed = Crashed::with(20).await;
    let log = beside(&crashed.path(), "-wal");
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() / 2]).unwrap();
    let behind = crashed.behind().await;
    assert!((1..20).contains(&behind.lost()), "{behind:?}");
    // Nothing was written meanwhile: the log fits still.
    let _ = fs::remove_file(beside(&crashed.path(), "-shm"));
    fs::write(&log, &whole).unwrap();
    let store = crashed.open().await.unwrap();
    assert_eq!(crashed.reports(&store).await, 20);
    store.close().await;
}

/// Of a damaged log a copy is kept, and `verify` names it: nothing can be lost by going on.
#[tokio::test]
async fn a_damaged_log_is_reported_and_work_continues() {
    let crashed = Crashed::with(20).await;
    let log = beside(&crashed.path(), "-wal");
    let mut bytes = fs::read(&log).unwrap();
    let frame = 24 + 4_096;
    let middle = 32 + (bytes.len() - 32) / frame / 2 * frame + 100;
    bytes[middle] ^= 1;
    fs::write(&log, bytes).unwrap();
    let store = crashed.open().await.unwrap();
    let reports = crashed.reports(&store).await;
    assert!((1..20).contains(&reports), "{reports}");
    let verified = store.verify(&|_, _| {}).await.unwrap();
    let told: Vec<_> = verified.discrepancies.iter().map(|found| found.what.clone()).collect();
    assert!(told.len() == 1 && told[0].contains("wal.damaged-1"), "{told:?}");
    store.close().await;
    crashed.open().await.unwrap().close().await;
}

#[tokio::test]
async fn an_older_copy_is_noticed_and_accepted_on_purpose() {
    let crashed = Crashed::with(20).await;
    let path = crashed.path();
    let store = crashed.open().await.unwrap();
    store.close().await;
    fs::copy(&path, crashed.folder.path().join("backup")).unwrap();
    let store = crashed.open().await.unwrap();
    let account = store.account_by_name("default").await.unwrap().unwrap().id;
    for nth in 20..25 {
        add(&store, account, nth).await;
    }
    store.close().await;
    fs::copy(crashed.folder.path().join("backup"), &path).unwrap();
    let behind = crashed.behind().await;
    assert_eq!(behind.lost(), 5);
    assert_eq!(Store::accept_restored(&path).unwrap(), Some(behind));
    assert_eq!(Store::accept_restored(&path).unwrap(), None, "once is enough");
    let store = crashed.open().await.unwrap();
    assert_eq!(crashed.reports(&store).await, 20);
    // What is lost then is noticed again.
    for nth in 20..23 {
        add(&store, account, nth).await;
    }
    store.close().await;
    fs::copy(crashed.folder.path().join("backup"), &path).unwrap();
    assert_eq!(crashed.behind().await.lost(), 3);
    // The file as a whole.
    fs::remove_file(&path).unwrap();
    assert!(crashed.behind().await.lost() > 3);
    assert!(!path.exists(), "no empty one takes its place");
}

#[tokio::test]
async fn a_log_that_is_removed_while_it_is_in_use_costs_nothing() {
    for is_made_again in [false, true] {
        let db = Database::start(Dialect::Sqlite).await;
        let log = beside(&db.path(), "-wal");
        add(&db.store, db.account.id, 0).await;
        drop(db.store.admit(1).await.unwrap());
        assert!(!db.store.is_log_gone().await);
        add(&db.store, db.account.id, 1).await;
        fs::remove_file(&log).unwrap();
        if is_made_again {
            fs::write(&log, b"").unwrap();
        }
        // Each transaction looks for the log before it begins.
        let refused = db.store.add_domain(db.account.id, new_domain("x.example"), NOW).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        let refused = db.store.admit(1).await;
        let Err(StoreError::Unavailable(fault)) = refused else {
            panic!("{refused:?}");
        };
        assert!(fault.to_string().contains("removed while it is in use"), "{fault}");
        assert!(db.store.is_log_gone().await);
        // Killed now, all is in the file.
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("t.sqlite");
        fs::copy(db.path(), &copy).unwrap();
        fs::copy(beside(&db.path(), ".mark"), beside(&copy, ".mark")).unwrap();
        let store = Store::open(&copy).await.unwrap();
        assert_eq!(store.stats(db.domain.id, ALL_DAYS).await.unwrap().reports, 2);
        store.close().await;
        db.store.close().await;
        let store = Store::open(&db.path()).await.unwrap();
        // The log that goes when a database is closed is not missed.
        drop(store.admit(1).await.unwrap());
        store.close().await;
        assert!(!log.exists() && !store.is_log_gone().await);
        drop(store.admit(1).await.unwrap());
        let store = Store::open(&db.path()).await.unwrap();
        assert_eq!(store.stats(db.domain.id, ALL_DAYS).await.unwrap().reports, 2);
        add(&store, db.account.id, 2).await;
        store.close().await;
    }
}

// What changes nothing costs no commit, and no mark.
on_both!(only_what_changes_something_is_counted);
async fn only_what_changes_something_is_counted(db: Database) {
    let commits = async || db.count("select value from counters where name = 'commits'").await;
    let before = commits().await;
    add(&db.store, db.account.id, 1).await;
    let is_counted = i64::from(db.dialect == Dialect::Sqlite);
    assert_eq!(commits().await, before + is_counted);
    assert_eq!(db.store.take_lease("x", "y", NOW, 1_000).await.ok(), Some(true));
    assert_eq!(db.store.take_lease("x", "z", NOW, 1_000).await.ok(), Some(false));
    assert_eq!(commits().await, before + 2 * is_counted);
}

/// A copy counts on from where its source was, or from its own beginning.
#[tokio::test]
async fn a_copied_database_has_a_mark_of_its_own() {
    let source = Database::start(Dialect::Postgres).await;
    for nth in 0..3 {
        add(&source.store, source.account.id, nth).await;
    }
    let (location, _folder) = Database::place(Dialect::Sqlite).await;
    let target = Store::open_to_copy(location.clone()).await.unwrap();
    source.store.copy_to(&target, &|_, _| {}).await.unwrap();
    target.close().await;
    let target = Store::open(location.clone()).await.unwrap();
    add(&target, source.account.id, 3).await;
    let Location::File(path) = location else {
        panic!("it is a file");
    };
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("t.sqlite");
    fs::copy(&path, &copy).unwrap();
    fs::copy(beside(&path, ".mark"), beside(&copy, ".mark")).unwrap();
    let opened = Store::open(&copy).await;
    assert!(matches!(opened, Err(StoreError::Behind { .. })), "{opened:?}");
    target.close().await;
    assert!(Store::open(&path).await.is_ok());
}

/// The last process to close the database leaves no log: what was asked last, and how, makes no difference.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_closed_database_has_no_log() {
    for round in 0..12_u64 {
        let db = Database::start(Dialect::Sqlite).await;
        let (store, domain, account) = (db.store.clone(), db.domain.id, db.account.id);
        let mut asking = tokio::task::JoinSet::new();
        for nth in 0..24 {
            let store = store.clone();
            asking.spawn(async move {
                for _ in 0..5 {
                    // Refused once the database is closed.
                    let _ = store.stats(domain, ALL_DAYS).await;
                    let _ = store.ping().await;
                    if nth == 0 {
                        let write = message(account, vec![new_report(&round.to_string(), day(0), &[("", 1, true)])]);
                        let _ = store.commit(vec![write], &KEEPING).await;
                    }
                }
            });
        }
        for nth in 0..round {
            add(&store, account, nth).await;
        }
        store.close().await;
        let log = beside(&db.path(), "-wal");
        assert!(!log.exists(), "round {round}: {:?}", fs::metadata(&log));
        while asking.join_next().await.is_some() {}
        assert!(!log.exists(), "round {round}, when all have been answered");
    }
}

/// A connection that outlives the store, as that of a copy or of another program, leaves nothing in the log alone.
#[tokio::test]
async fn a_database_that_is_closed_beside_another_reader_is_whole_without_its_log() {
    let db = Database::start(Dialect::Sqlite).await;
    let path = db.path();
    db.store.fold_log().await.unwrap();
    for nth in 0..3 {
        add(&db.store, db.account.id, nth).await;
    }
    let options = SqliteConnectOptions::new().filename(&path).read_only(true);
    let mut other = options.connect().await.unwrap();
    let ask = "select count(*) from reports";
    let count: i64 = sqlx::query_scalar(ask).fetch_one(&mut other).await.unwrap();
    assert_eq!(count, 3);
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("t.sqlite");
    // The control: without its log it has none of them yet.
    fs::copy(&path, &copy).unwrap();
    let store = Store::open(&copy).await.unwrap();
    assert_eq!(store.stats(db.domain.id, ALL_DAYS).await.unwrap().reports, 0);
    store.close().await;
    db.store.close().await;
    fs::copy(&path, &copy).unwrap();
    fs::copy(beside(&path, ".mark"), beside(&copy, ".mark")).unwrap();
    let store = Store::open(&copy).await.unwrap();
    assert_eq!(store.stats(db.domain.id, ALL_DAYS).await.unwrap().reports, 3);
    store.close().await;
    let count: i64 = sqlx::query_scalar(ask).fetch_one(&mut other).await.unwrap();
    assert_eq!(count, 3);
    other.close().await.unwrap();
}
