//! Transactions that end otherwise than by a commit, and other processes at the same file.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use tallymark::store::{Fate, Store, StoreError};

use super::super::writing;
use super::{Database, Dialect, KEEPING, NOW, day, message, new_domain, new_report};

const RECORDS: [(&str, u64, bool); 2] = [("192.0.2.1", 7, true), ("2001:db8::1", 5, false)];

/// What ends without a commit lets other processes write, even if this process does not write again.
#[tokio::test]
async fn a_refused_change_leaves_the_database_free() {
    let db = Database::start(Dialect::Sqlite).await;
    let path = db.path();
    let again = db.store.add_domain(db.account.id, new_domain("example.com"), NOW).await;
    assert!(matches!(again, Err(StoreError::Exists(_))));
    drop(writing(&path).await);
    assert!(!db.store.remove_domain(db.account.id, "dom_none", NOW).await.unwrap());
    drop(writing(&path).await);
    db.commit(vec![new_report("1", day(0), &RECORDS)]).await;
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 12);
}

/// A call that is dropped at any of its waits has committed or not; what comes next is right, and numbers that were
/// taken and given back are not used twice.
#[tokio::test]
async fn a_commit_dropped_at_any_moment_leaves_sums_right() {
    let db = Database::start(Dialect::Postgres).await;
    let mut dropped = 0;
    for nth in 0..12 {
        let id = nth.to_string();
        let batch = vec![
            message(db.account.id, vec![new_report(&id, day(nth), &RECORDS)]),
            message(db.account.id, vec![new_report(&id, day(nth), &RECORDS)]),
        ];
        let mut finished = false;
        {
            let mut commit = pin!(db.store.commit(batch, &KEEPING));
            // How far it comes in a number of polls depends on how fast the server answers; in one it cannot have begun.
            for _ in 0..=nth % 6 {
                if commit.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    finished = true;
                    break;
                }
                // Lets the server answer.
                db.store.ping().await.unwrap();
            }
        }
        dropped += u32::from(!finished);
        // Waits for the transaction that holds the domain.
        let outcome = db.commit(vec![new_report(&id, day(nth), &RECORDS)]).await;
        assert!(!finished || outcome.reports[0].fate == Fate::Duplicate);
        let messages = db.check_sums(db.domain.id).await.messages();
        assert_eq!(messages, 12 * (nth.unsigned_abs() + 1));
    }
    assert!(dropped >= 2, "{dropped}");
}

/// SQLite runs where it is asked: there is no moment within a commit at which it could be dropped.
#[tokio::test]
async fn a_commit_in_this_process_is_done_when_it_has_begun() {
    let db = Database::start(Dialect::Sqlite).await;
    let batch = vec![message(db.account.id, vec![new_report("1", day(1), &RECORDS)])];
    let mut commit = pin!(db.store.commit(batch, &KEEPING));
    let polled = commit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, std::task::Poll::Ready(Ok(_))));
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 12);
}

/// Two processes that start on an empty folder at once, say `serve` and `import`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_database_can_be_opened_by_several_at_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tallymark.sqlite");
        let mut opening = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let path = path.clone();
            opening.spawn(async move { Store::open(&path).await.map(drop) });
        }
        for opened in opening.join_all().await {
            opened.unwrap();
        }
    }
}

/// Two programs on one file, each with its memory: domains that come and go, and the same reports from both.
#[tokio::test]
async fn two_programs_on_one_file_count_once() {
    let db = Database::start(Dialect::Sqlite).await;
    let other = Store::open(&db.path()).await.unwrap();
    let mut domain = db.domain.clone();
    for round in 0..4 {
        for nth in 0..5 {
            let one = new_report(&nth.to_string(), day(nth), &RECORDS);
            let same = new_report(&nth.to_string(), day(nth), &RECORDS);
            let here = db.commit(vec![one]).await.reports.remove(0);
            let there = other.commit(vec![message(db.account.id, vec![same])], &KEEPING).await;
            let there = there.unwrap().remove(0).reports.remove(0);
            assert_eq!(
                (here.no, here.domain, there.fate),
                (there.no, domain.id, Fate::Duplicate)
            );
            assert_eq!(here.fate, Fate::Stored, "round {round}");
        }
        assert_eq!(db.check_sums(domain.id).await.messages(), 60);
        assert!(
            other
                .remove_domain(db.account.id, &domain.public_id, NOW)
                .await
                .unwrap()
        );
        domain = other
            .add_domain(db.account.id, new_domain("example.com"), NOW)
            .await
            .unwrap();
    }
    other.close().await;
}

/// A recount that is given up leaves no reader behind that sees the past.
#[tokio::test]
async fn a_recount_given_up_leaves_readers_fresh() {
    let db = Database::start(Dialect::Sqlite).await;
    db.commit(vec![new_report("0", day(0), &RECORDS)]).await;
    for polls in 0..8 {
        let recount = pin!(db.store.verify(&|_, _| {}));
        give_up_after(polls, recount, &db).await;
        let before = db
            .store
            .stats(db.domain.id, super::ALL_DAYS)
            .await
            .unwrap()
            .totals
            .messages();
        db.commit(vec![new_report(
            &format!("{polls} more"),
            day(i64::from(polls) + 1),
            &RECORDS,
        )])
        .await;
        // More than there are readers: each is asked.
        let asking = (0..32).map(|_| db.store.stats(db.domain.id, super::ALL_DAYS));
        for stats in futures_util::future::join_all(asking).await {
            assert_eq!(stats.unwrap().totals.messages(), before + 12, "after {polls} waits");
        }
    }
}

async fn give_up_after<T>(polls: u32, mut call: std::pin::Pin<&mut impl Future<Output = T>>, db: &Database) {
    for _ in 0..polls {
        if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        // Lets the database's threads answer.
        db.store.ping().await.unwrap();
    }
}
