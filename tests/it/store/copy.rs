//! A copy has everything, whichever way it goes and however often it was interrupted, and is never taken for the whole.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};
use tallymark::base::{Authenticated, Mode, Permission};
use tallymark::store::{
    Copied, Fate, Location, NewKey, NewMessage, Page, Retention, SourceQuery, Store, StoreError, StoredBytes,
};

use super::{
    ALL_DAYS, Database, Dialect, FIRST_PAGE, KEEPING, NOW, day, message, new_domain, new_report, on_both, report, taken,
};

const SOURCES: [(&str, u64, bool); 3] = [("192.0.2.1", 3, true), ("2001:db8::1", 4, false), ("", 5, true)];

/// Some of everything: reports, conflicts, originals, messages set aside, keys, accounts, purged records.
async fn fill(db: &Database) {
    let other = db.store.add_account("other", Mode::Test, NOW).await.unwrap();
    db.store
        .add_domain(other.id, new_domain("example.net"), NOW)
        .await
        .unwrap();
    for (name, hash) in [("first", [7; 32]), ("second", [8; 32])] {
        let key = NewKey {
            name: name.to_owned(),
            permission: Permission::FullAccess,
            domain: Some(db.domain.id),
            prefix: "tm_live_abcd".to_owned(),
            hash,
        };
        db.store.add_key(db.account.id, key, NOW).await.unwrap();
    }
    for nth in 0..40 {
        db.commit(vec![new_report(&nth.to_string(), day(nth), &SOURCES)]).await;
    }
    // An original that is stored deflated, and a message set aside that is.
    for (nth, reports) in [(1, vec![new_report("packed", day(50), &SOURCES)]), (2, Vec::new())] {
        let received = format!("Subject: {nth}\r\n\r\n").repeat(200).into_bytes();
        let digest = tallymark::store::message_digest(&received);
        let bytes = StoredBytes::from(received).packed();
        assert!(bytes.stored().len() < bytes.len());
        let message = NewMessage {
            digest,
            bytes,
            ..message(db.account.id, reports)
        };
        db.commit_all(vec![message]).await;
    }
    // A duplicate, a conflict that is won, a report about a domain that is not registered, other mail.
    db.commit(vec![new_report("1", day(1), &SOURCES)]).await;
    let again = report("2", day(2), &SOURCES[..1]);
    db.commit(vec![taken(again, Authenticated::Pass)]).await;
    let mut unclaimed = report("3", day(3), &SOURCES);
    unclaimed.policy.domain = "example.org".into();
    db.commit(vec![taken(unclaimed, Authenticated::Unknown)]).await;
    db.commit_all(vec![message(other.id, Vec::new())]).await;
    let retention = Retention {
        originals_days: 10_000,
        records_days: 10,
        failure_reports_days: 0,
        set_aside_days: 10_000,
    };
    // Windows that end after they came are kept for longer.
    let now = NOW + 11 * 86_400_000;
    let purged = db.store.purge(retention, now).await.unwrap();
    assert!(purged.reports > 0 && purged.originals == 0, "{purged:?}");
}

/// Both databases answer every question alike.
async fn same(a: &Store, b: &Store) {
    let (accounts, others) = (a.accounts().await.unwrap(), b.accounts().await.unwrap());
    assert_eq!(accounts, others);
    for account in accounts {
        assert_eq!(a.keys(account.id).await.unwrap(), b.keys(account.id).await.unwrap());
        let domains = a.domains(account.id).await.unwrap();
        assert_eq!(domains, b.domains(account.id).await.unwrap());
        for domain in domains {
            let questions = |store: Store| async move {
                let stats = store.stats(domain.id, ALL_DAYS).await.unwrap();
                let sources = store
                    .sources(domain.id, ALL_DAYS, &SourceQuery::default(), FIRST_PAGE)
                    .await
                    .unwrap();
                format!("{stats:?} {sources:?}")
            };
            assert_eq!(questions(a.clone()).await, questions(b.clone()).await);
        }
    }
    let all = Page {
        page: 1,
        per_page: 1_000,
    };
    let asides = a.set_aside(None, None, all).await.unwrap();
    assert_eq!(asides, b.set_aside(None, None, all).await.unwrap());
    for aside in asides.0 {
        let bytes = a.set_aside_bytes(aside.id).await.unwrap();
        assert!(bytes.is_some() && bytes == b.set_aside_bytes(aside.id).await.unwrap());
    }
    let (verified, other) = (a.verify(&|_, _| {}).await.unwrap(), b.verify(&|_, _| {}).await.unwrap());
    assert_eq!(format!("{verified:?}"), format!("{other:?}"));
    assert_eq!(verified.discrepancies, []);
}

/// A copy of the database, open, and where it is.
async fn copy(from: &Store, dialect: Dialect) -> (Store, Location, Option<tempfile::TempDir>) {
    let (location, folder) = Database::place(dialect).await;
    let target = Store::open_to_copy(location.clone()).await.unwrap();
    let copied = from.copy_to(&target, &|_, _| {}).await.unwrap();
    assert!(copied.rows > 250 && copied.rows_before == 0, "{copied:?}");
    target.close().await;
    (Store::open(location.clone()).await.unwrap(), location, folder)
}

/// The two files hold the same rows, to the byte.
async fn same_rows(a: &Path, b: &Path) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(a);
    let mut conn = options.connect().await.unwrap();
    let attach = format!("attach '{}' as other", b.display());
    sqlx::query(AssertSqlSafe(attach)).execute(&mut conn).await.unwrap();
    let tables = "select name from main.sqlite_schema where type = 'table' and name not like '%sqlx%' \
        and name not like 'sqlite%'";
    let tables = sqlx::query(tables).fetch_all(&mut conn).await.unwrap();
    assert!(tables.len() > 10);
    for table in tables {
        let name: String = table.get(0);
        let count = format!("select (select count(*) from main.{name}), (select count(*) from other.{name})");
        let count = sqlx::query(AssertSqlSafe(count)).fetch_one(&mut conn).await.unwrap();
        assert_eq!(count.get::<i64, _>(0), count.get::<i64, _>(1), "{name}");
        // How often each was written to is its own.
        let all = match &*name {
            "counters" => "name <> 'commits'",
            _ => "true",
        };
        let differ =
            format!("select count(*) from (select * from main.{name} where {all} except select * from other.{name})");
        let differ = sqlx::query(AssertSqlSafe(differ)).fetch_one(&mut conn).await.unwrap();
        assert_eq!(differ.get::<i64, _>(0), 0, "{name}");
    }
}

async fn a_copy_has_everything_and_goes_on_from_there(db: Database) {
    fill(&db).await;
    let chain = match db.dialect {
        Dialect::Sqlite => vec![Dialect::Postgres, Dialect::Sqlite],
        _ => vec![Dialect::Sqlite, Dialect::Postgres, Dialect::Sqlite],
    };
    let mut files = Vec::new();
    let mut folders = Vec::new();
    let (mut store, mut location) = (db.store.clone(), db.location.clone());
    for dialect in chain {
        let (next, place, folder) = copy(&store, dialect).await;
        same(&store, &next).await;
        store.close().await;
        if let Location::File(path) = location {
            files.push(path);
        }
        (store, location) = (next, place);
        folders.push(folder);
    }
    let Location::File(last) = &location else {
        panic!("every chain ends with a file")
    };
    assert!(!files.is_empty());
    for file in &files {
        same_rows(file, last).await;
    }

    // What is known is known, and no number is given twice.
    let sent = vec![
        new_report("39", day(39), &SOURCES),
        new_report("new", day(50), &[("192.0.2.9", 1, true)]),
    ];
    let outcome = store.commit(vec![message(db.account.id, sent)], &KEEPING).await;
    let fates: Vec<_> = outcome.unwrap()[0].reports.iter().map(|report| report.fate).collect();
    assert_eq!(fates, [Fate::Duplicate, Fate::Stored]);
    assert_eq!(store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}
on_both!(a_copy_has_everything_and_goes_on_from_there);

/// Copies until a number of rows are written, then is dropped; `None` if it was.
async fn interrupted(from: &Store, to: &Location, after: u64) -> Option<Copied> {
    let target = Store::open_to_copy(to.clone()).await.unwrap();
    let (stop, stopped) = (tokio::sync::Notify::new(), AtomicU64::new(0));
    let progress = |done, _| {
        if done >= after {
            stopped.store(done, Ordering::Relaxed);
            stop.notify_one();
        }
    };
    let copied = tokio::select! {
        biased;
        () = stop.notified() => None,
        copied = from.copy_to(&target, &progress) => Some(copied.unwrap()),
    };
    target.close().await;
    copied
}

async fn a_copy_that_was_interrupted_goes_on_and_until_then_is_no_database(db: Database) {
    fill(&db).await;
    let to = match db.dialect {
        Dialect::Sqlite => Dialect::Postgres,
        _ => Dialect::Sqlite,
    };
    let (place, _folder) = Database::place(to).await;
    let mut interruptions = 0;
    let last = loop {
        // After every table, as none of them is larger than a piece.
        match interrupted(&db.store, &place, 1).await {
            Some(copied) => break copied,
            None => interruptions += 1,
        }
        let opened = Store::open(place.clone()).await;
        let Err(StoreError::Location { what }) = opened else {
            panic!("half a copy was taken for a database: {opened:?}")
        };
        assert!(what.contains("not finished"), "{what}");
    };
    assert!(interruptions >= 8, "{interruptions}");
    assert!(last.rows_before > 250, "{last:?}");
    let target = Store::open(place).await.unwrap();
    same(&db.store, &target).await;
}
on_both!(a_copy_that_was_interrupted_goes_on_and_until_then_is_no_database);

async fn a_target_that_holds_something_else_is_left_alone(db: Database) {
    fill(&db).await;
    let refused = |error: Result<Copied, StoreError>, say: &str| {
        let Err(StoreError::Location { what }) = error else {
            panic!("{error:?}")
        };
        assert!(what.contains(say), "{what}");
    };
    let (place, _folder) = Database::place(db.dialect).await;
    let target = Store::open(place.clone()).await.unwrap();
    target.add_account("somebody", Mode::Live, NOW).await.unwrap();
    refused(
        db.store.copy_to(&target, &|_, _| {}).await,
        "not empty: there are rows in accounts",
    );
    assert_eq!(target.accounts().await.unwrap().len(), 1);

    // A copy that goes on must be of the same state.
    let (place, _folder) = Database::place(db.dialect).await;
    assert_eq!(interrupted(&db.store, &place, 1).await, None);
    db.commit(vec![new_report("1", day(1), &SOURCES)]).await;
    let target = Store::open_to_copy(place).await.unwrap();
    refused(db.store.copy_to(&target, &|_, _| {}).await, "before it was written to");
}
on_both!(a_target_that_holds_something_else_is_left_alone);
