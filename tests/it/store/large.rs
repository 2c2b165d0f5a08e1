//! A mail that is written in pieces is stored as any other: whole, once, or not at all.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use tallymark::base::Authenticated;
use tallymark::store::{
    Fate, NewMessage, NewReport, Page, ReportFilter, SetAsideNote, Store, StoredBytes, message_digest,
};

use super::{
    Database, Dialect, FIRST_PAGE, KEEPING, NOW, day, message, new_domain, new_report, on_both, report, taken,
};

/// From this many bytes on a mail is written in pieces; the largest mail that is taken.
const PIECED: usize = (1 << 20) + 1;
const LARGEST: usize = 25 << 20;

/// Bytes without a pattern.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A mail as it is stored when it cannot be made shorter.
fn mail(db: &Database, received: &[u8], reports: Vec<NewReport>) -> NewMessage {
    NewMessage {
        digest: message_digest(received),
        bytes: StoredBytes::from(received.to_vec()),
        ..message(db.account.id, reports)
    }
}

fn numbered(nth: usize) -> NewReport {
    new_report(&nth.to_string(), day(nth as i64), &[("192.0.2.1", 3, true)])
}

async fn aside(store: &Store, note: &SetAsideNote) -> Vec<u8> {
    store.set_aside_bytes(note.id).await.unwrap().unwrap()
}

// Small and large ones side by side, in one transaction.
on_both!(mails_of_every_length_come_back_as_received);
async fn mails_of_every_length_come_back_as_received(db: Database) {
    let lens = [
        9,
        PIECED - 2,
        PIECED - 1,
        PIECED,
        70_000,
        3_333_333,
        LARGEST,
        PIECED + 1,
        12,
    ];
    let received: Vec<_> = (0..).zip(lens).map(|(seed, len)| noise(len, seed)).collect();
    let mut batch = Vec::new();
    for (nth, bytes) in received.iter().enumerate() {
        batch.push(mail(&db, bytes, vec![numbered(nth)]));
        batch.push(mail(&db, &[&bytes[1..], b"."].concat(), Vec::new()));
    }
    let outcomes = db.commit_all(batch).await;
    for (bytes, outcomes) in received.iter().zip(outcomes.chunks(2)) {
        let [kept, set_aside] = outcomes else {
            panic!("two outcomes of each")
        };
        let original = db
            .store
            .original(db.domain.id, kept.reports[0].no)
            .await
            .unwrap()
            .unwrap();
        assert!(original.bytes == *bytes, "{}", bytes.len());
        let found = aside(&db.store, &set_aside.set_aside[0]).await;
        assert!(found == [&bytes[1..], b"."].concat(), "{}", bytes.len());
        assert!(set_aside.kept_bytes >= bytes.len() as u64);
    }
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 3 * lens.len() as u64);
}

// By itself, in one transaction, and in two that run at once.
on_both!(a_large_mail_that_comes_again_is_stored_once);
async fn a_large_mail_that_comes_again_is_stored_once(db: Database) {
    for (seed, len) in [(1, PIECED), (2, LARGEST)] {
        let received = noise(len, seed);
        let twice = || vec![mail(&db, &received, Vec::new()), mail(&db, &received, Vec::new())];
        let (one, other) = tokio::join!(db.store.commit(twice(), &KEEPING), db.store.commit(twice(), &KEEPING));
        let outcomes = [one.unwrap(), other.unwrap(), db.commit_all(twice()).await].concat();
        let stored = outcomes.iter().filter(|one| one.kept_bytes >= len as u64);
        assert_eq!(stored.count(), 1, "{len}");
        for outcome in &outcomes {
            assert_eq!(outcome.set_aside[0].id, outcomes[0].set_aside[0].id);
        }
        assert!(aside(&db.store, &outcomes[0].set_aside[0]).await == received, "{len}");
    }
    assert_eq!(db.count("select count(*) from set_aside_messages").await, 2);
    // A report that comes again has its mail already.
    let received = noise(LARGEST, 3);
    let first = db.commit_all(vec![mail(&db, &received, vec![numbered(1)])]).await;
    db.commit_all(vec![mail(&db, &received, vec![numbered(1)])]).await;
    assert_eq!(db.count("select count(*) from originals").await, 1);
    let original = db.store.original(db.domain.id, first[0].reports[0].no).await.unwrap();
    assert!(original.unwrap().bytes == received);
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

on_both!(a_transaction_that_fails_behind_a_large_mail_leaves_nothing_of_it);
async fn a_transaction_that_fails_behind_a_large_mail_leaves_nothing_of_it(db: Database) {
    let first = db.commit(vec![numbered(0)]).await.reports[0].no.0;
    // The mail of the second report to come is there before it.
    let plant = format!(
        "insert into originals (domain_id, report_no, received_at, digest, bytes) \
         select domain_id, report_no + 2, received_at, digest, bytes from originals where report_no = {first}"
    );
    db.execute(&plant).await;
    let received = [noise(LARGEST, 1), noise(PIECED, 2)];
    let batch = || {
        let aside = mail(&db, &noise(PIECED, 3), Vec::new());
        let kept = (1..)
            .zip(&received)
            .map(|(nth, bytes)| mail(&db, bytes, vec![numbered(nth)]));
        kept.chain([aside]).collect::<Vec<_>>()
    };
    let refused = db.store.commit(batch(), &KEEPING).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(db.count("select count(*) from originals").await, 2);
    assert_eq!(db.count("select count(*) from set_aside_messages").await, 0);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 3);
    // It comes again, and nothing is in its way.
    db.execute(&format!("delete from originals where report_no = {}", first + 2))
        .await;
    let outcomes = db.commit_all(batch()).await;
    for (bytes, outcome) in received.iter().zip(&outcomes) {
        let original = db.store.original(db.domain.id, outcome.reports[0].no).await.unwrap();
        assert!(original.unwrap().bytes == *bytes);
    }
    assert!(aside(&db.store, &outcomes[2].set_aside[0]).await == noise(PIECED, 3));
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 9);
}

on_both!(a_moved_report_takes_its_large_mail_along);
async fn a_moved_report_takes_its_large_mail_along(db: Database) {
    let received: Vec<_> = (0..)
        .zip([PIECED, LARGEST, 100])
        .map(|(seed, len)| noise(len, seed))
        .collect();
    for (nth, bytes) in received.iter().enumerate() {
        let mut about = report(&nth.to_string(), day(nth as i64), &[("192.0.2.1", 3, true)]);
        about.policy.domain = "mail.example.com".into();
        let about = taken(about, Authenticated::Unknown);
        db.commit_all(vec![mail(&db, bytes, vec![about])]).await;
    }
    // To a domain below, and back to the one above.
    let child = new_domain("mail.example.com");
    let child = db.store.add_domain(db.account.id, child, NOW).await.unwrap();
    for domain in [child.id, db.domain.id] {
        let every = ReportFilter::default();
        let (reports, _) = db.store.reports(domain, &every, FIRST_PAGE).await.unwrap();
        assert_eq!(reports.len(), received.len());
        for moved in reports {
            let original = db.store.original(domain, moved.no).await.unwrap().unwrap();
            let nth: usize = moved.report_id.parse().unwrap();
            assert!(original.bytes == received[nth], "{nth}");
        }
        assert_eq!(db.count("select count(*) from originals").await, 3);
        db.store
            .remove_domain(db.account.id, &child.public_id, NOW)
            .await
            .unwrap();
    }
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

on_both!(a_copy_has_the_large_mails);
async fn a_copy_has_the_large_mails(db: Database) {
    let received: Vec<_> = (0..)
        .zip([PIECED, LARGEST, 3 << 20, 10])
        .map(|(seed, len)| noise(len, seed))
        .collect();
    let mut kept = Vec::new();
    for (nth, bytes) in received.iter().enumerate() {
        let outcome = db.commit_all(vec![
            mail(&db, bytes, vec![numbered(nth)]),
            mail(&db, &bytes[1..], Vec::new()),
        ]);
        kept.push(outcome.await);
    }
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let (location, _folder) = Database::place(dialect).await;
        let target = Store::open_to_copy(location.clone()).await.unwrap();
        db.store.copy_to(&target, &|_, _| {}).await.unwrap();
        target.close().await;
        let copy = Store::open(location).await.unwrap();
        for (bytes, outcomes) in received.iter().zip(&kept) {
            let original = copy.original(db.domain.id, outcomes[0].reports[0].no).await.unwrap();
            assert!(original.unwrap().bytes == *bytes, "{dialect:?}");
            assert!(
                aside(&copy, &outcomes[1].set_aside[0]).await == bytes[1..],
                "{dialect:?}"
            );
        }
        let all = Page {
            page: 1,
            per_page: 1_000,
        };
        assert_eq!(copy.set_aside(None, None, all).await.unwrap().1, received.len() as u64);
        assert_eq!(copy.verify(&|_, _| {}).await.unwrap().discrepancies, []);
    }
}

/// A call that is dropped while the pieces are sent has committed or not, and the connection is not used again.
#[tokio::test]
async fn a_commit_of_a_large_mail_that_is_dropped_leaves_all_of_it_or_nothing() {
    let db = Database::start(Dialect::Postgres).await;
    let mut dropped = 0;
    for nth in 0..16 {
        let received = [noise(LARGEST / 4, nth), noise(LARGEST / 4, nth + 100)];
        let batch = || {
            let kept = mail(&db, &received[0], vec![numbered(nth as usize)]);
            vec![kept, mail(&db, &received[1], Vec::new())]
        };
        let mut finished = false;
        {
            let mut commit = pin!(db.store.commit(batch(), &KEEPING));
            for _ in 0..=nth * 4 {
                let polled = commit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                finished |= polled.is_ready();
                if finished {
                    break;
                }
                // Lets the server answer.
                db.store.ping().await.unwrap();
            }
        }
        dropped += u32::from(!finished);
        let outcomes = db.commit_all(batch()).await;
        let (report, note) = (&outcomes[0].reports[0], &outcomes[1].set_aside[0]);
        assert!(!finished || report.fate == Fate::Duplicate);
        let original = db.store.original(db.domain.id, report.no).await.unwrap().unwrap();
        assert!(
            original.bytes == received[0] && aside(&db.store, note).await == received[1],
            "{nth}"
        );
        let count = "select count(*) from originals union all select count(*) from set_aside_messages order by 1";
        assert_eq!(db.count(count).await, nth as i64 + 1);
    }
    assert!(dropped >= 4, "{dropped}");
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}
