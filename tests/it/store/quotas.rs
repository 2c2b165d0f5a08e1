//! What is kept of what strangers send, and cannot be counted, has a quota for each account and day.

use tallymark::base::Authenticated;
use tallymark::store::{Acceptance, CommitOptions, DayQuota, KeepLimits, NewMessage, Provenance, Retention};

use super::{Database, KEEPING, NOW, day, message, new_report, on_both, report, taken};

const DAY: i64 = 86_400_000;
const KEEP: Retention = Retention {
    originals_days: 30,
    set_aside_days: 90,
    records_days: 400,
    failure_reports_days: 0,
};

fn by_mail(mut message: NewMessage, dmarc: Authenticated) -> NewMessage {
    message.provenance = Some(Provenance {
        peer: Some([192, 0, 2, 1].into()),
        helo: "mx.example".to_owned(),
        mail_from: "a@mx.example".to_owned(),
        queue_id: "1".to_owned(),
        dmarc,
        ..Provenance::fetched()
    });
    message
}

/// Commits with quotas of five messages or 6,000 bytes a day.
async fn commit(db: &Database, batch: Vec<NewMessage>) -> Vec<bool> {
    let quota = DayQuota {
        messages: 5,
        bytes: 6_000,
    };
    let limits = KeepLimits {
        set_aside_day_max: quota,
        held_day_max: quota,
        ..KeepLimits::default()
    };
    let options = CommitOptions { limits, ..KEEPING };
    let outcomes = db.store.commit(batch, &options).await.unwrap();
    outcomes.iter().map(|outcome| !outcome.over_quota).collect()
}

on_both!(what_is_set_aside_of_strangers_has_a_quota_a_day);
async fn what_is_set_aside_of_strangers_has_a_quota_a_day(db: Database) {
    let other = || message(db.account.id, Vec::new());
    let unclaimed = |name: &str| {
        let mut about = report("1", day(0), &[("192.0.2.1", 1, true)]);
        about.policy.domain = name.into();
        message(db.account.id, vec![taken(about, Authenticated::Unknown)])
    };
    let stranger = |message| by_mail(message, Authenticated::Fail);
    let rows = async || db.count("select count(*) from set_aside").await;
    // In one batch and over several.
    let first = stranger(other());
    let again = || {
        let mut again = stranger(other());
        (again.bytes, again.digest) = (first.bytes.clone(), first.digest);
        again
    };
    let known = again();
    assert_eq!(
        commit(&db, vec![again(), stranger(unclaimed("a.example"))]).await,
        [true, true]
    );
    let batch = (0..5).map(|nth| stranger(unclaimed(&format!("b{nth}.example"))));
    assert_eq!(
        commit(&db, batch.collect()).await.iter().filter(|kept| **kept).count(),
        3
    );
    assert_eq!(rows().await, 5);
    assert_eq!(commit(&db, vec![stranger(other())]).await, [false]);
    // What is kept already is known again; what is counted, vouched for, handed in or fed in again is not concerned.
    assert_eq!(commit(&db, vec![known]).await, [true]);
    let counted = new_report("1", day(0), &[("192.0.2.1", 3, true)]);
    assert_eq!(
        commit(&db, vec![stranger(message(db.account.id, vec![counted]))]).await,
        [true]
    );
    assert_eq!(
        commit(&db, vec![by_mail(other(), Authenticated::Pass), other()]).await,
        [true, true]
    );
    assert_eq!(rows().await, 7);
    // Of what is vouched for it is ten times as much.
    let batch = (0..60).map(|_| by_mail(other(), Authenticated::Pass));
    assert_eq!(
        commit(&db, batch.collect()).await.iter().filter(|kept| **kept).count(),
        49
    );
    // Another account, and the next day, have their own.
    let second = db
        .store
        .add_account("second", tallymark::base::Mode::Live, NOW)
        .await
        .unwrap();
    assert_eq!(
        commit(&db, vec![stranger(message(second.id, Vec::new()))]).await,
        [true]
    );
    let mut tomorrow = stranger(other());
    tomorrow.received_at += DAY;
    assert_eq!(commit(&db, vec![tomorrow]).await, [true]);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 3);
    db.store.purge(KEEP, NOW + 4 * DAY).await.unwrap();
    assert_eq!(db.count("select count(*) from set_aside_days").await, 0);
}

on_both!(what_is_held_of_strangers_has_a_quota_a_day);
async fn what_is_held_of_strangers_has_a_quota_a_day(db: Database) {
    let of = |id: usize, count| {
        taken(
            report(&id.to_string(), day(id as i64), &[("192.0.2.1", count, true)]),
            Authenticated::Fail,
        )
    };
    let held = |id: usize, acceptance, dmarc| {
        let held = message(db.account.id, vec![of(id, 1).admitted(acceptance, u64::MAX)]);
        by_mail(held, dmarc)
    };
    let forged = |id: usize| held(id, Acceptance::Unvouched, Authenticated::Fail);
    let kept = |admitted: Vec<bool>| admitted.iter().filter(|kept| **kept).count();
    let rows = async || db.count("select count(*) from reports").await;
    // In one batch and over several; nothing is left of what is refused.
    assert_eq!(kept(commit(&db, (0..3).map(forged).collect()).await), 3);
    assert_eq!(
        commit(&db, (3..7).map(forged).collect()).await,
        [true, true, false, false]
    );
    assert_eq!(commit(&db, vec![forged(7)]).await, [false]);
    assert_eq!((rows().await, db.count("select count(*) from originals").await), (5, 5));
    assert_eq!(db.store.held_count(db.domain.id).await.unwrap(), 5);
    // What is known takes no more room, and genuine reports of the same mail, or of others, are not concerned.
    assert_eq!(commit(&db, vec![forged(2)]).await, [true]);
    let genuine = |id: usize| by_mail(message(db.account.id, vec![of(id, 10)]), Authenticated::Pass);
    assert_eq!(commit(&db, vec![genuine(8)]).await, [true]);
    let mut both = forged(9);
    both.reports.extend(genuine(10).reports);
    assert_eq!(
        commit(&db, vec![both]).await,
        [false],
        "it is to come again, for what is held"
    );
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 20);
    // Whatever holds it: those of mail that passed DMARC have ten times as much.
    let implausible = |id: usize| held(id, Acceptance::Implausible, Authenticated::Pass);
    assert_eq!(kept(commit(&db, (20..80).map(implausible).collect()).await), 50);
    // What is handed in has none, nor has what was set aside for its own quota.
    let handed_in = |id| {
        message(
            db.account.id,
            vec![of(id, 1).admitted(Acceptance::Implausible, u64::MAX)],
        )
    };
    assert_eq!(kept(commit(&db, (80..90).map(handed_in).collect()).await), 10);
    let other = by_mail(message(db.account.id, Vec::new()), Authenticated::Fail);
    assert_eq!(commit(&db, vec![other]).await, [true]);
    // Another day, and another account.
    let mut tomorrow = forged(7);
    tomorrow.received_at += DAY;
    assert_eq!(commit(&db, vec![tomorrow]).await, [true]);
    let second = db
        .store
        .add_account("second", tallymark::base::Mode::Live, NOW)
        .await
        .unwrap();
    let theirs = db
        .store
        .add_domain(second.id, super::new_domain("example.com"), NOW)
        .await
        .unwrap();
    let mut for_them = forged(7);
    for_them.belonging = tallymark::store::Belonging::Account(second.id);
    assert_eq!(commit(&db, vec![for_them]).await, [true]);
    assert_eq!(db.store.held_count(theirs.id).await.unwrap(), 1);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 20);
}

// A text that counts in one domain and is held in another: what counts is never kept out.
on_both!(a_slice_that_counts_is_kept_beyond_the_quota_of_held_ones);
async fn a_slice_that_counts_is_kept_beyond_the_quota_of_held_ones(db: Database) {
    let add = async |name: &str| {
        db.store
            .add_domain(db.account.id, super::new_domain(name), NOW)
            .await
            .unwrap()
    };
    let (one, two) = (add("one.other.example").await, add("two.other.example").await);
    let actor = tallymark::store::Actor {
        by: "test".to_owned(),
        why: None,
        at: NOW,
    };
    let accepted = db
        .store
        .accept_reporter(db.account.id, one.id, "reporter.example", &actor)
        .await;
    assert!(accepted.unwrap());
    let sliced = |id: usize| {
        let mut text = report(
            &id.to_string(),
            day(id as i64),
            &[("192.0.2.1", 3, true), ("192.0.2.2", 5, false)],
        );
        text.policy.domain = "other.example".into();
        for (nth, name) in ["one.other.example", "two.other.example"].into_iter().enumerate() {
            text.evidence[nth].header_from = Some(name.into());
        }
        let text = taken(text, Authenticated::Fail).admitted(Acceptance::Unvouched, u64::MAX);
        by_mail(message(db.account.id, vec![text]), Authenticated::Fail)
    };
    let mut admitted = Vec::new();
    for id in 0..8 {
        let limits = KeepLimits {
            held_day_max: DayQuota {
                messages: 5,
                bytes: 1 << 20,
            },
            ..KeepLimits::default()
        };
        let options = CommitOptions { limits, ..KEEPING };
        let outcome = db.store.commit(vec![sliced(id)], &options).await.unwrap().remove(0);
        admitted.push(!outcome.over_quota);
    }
    assert_eq!(admitted.iter().filter(|kept| **kept).count(), 5);
    assert_eq!(db.check_sums(one.id).await.messages(), 24);
    assert_eq!(db.check_sums(two.id).await.messages(), 0);
    assert_eq!(db.store.held_count(two.id).await.unwrap(), 5);
}

on_both!(the_quota_counts_bytes_as_well);
async fn the_quota_counts_bytes_as_well(db: Database) {
    let large = |fill: u8| {
        let mut large = by_mail(message(db.account.id, Vec::new()), Authenticated::Unknown);
        let bytes = vec![fill; 2_400];
        large.digest = tallymark::store::message_digest(&bytes);
        large.bytes = bytes.into();
        large
    };
    assert_eq!(
        commit(&db, vec![large(1), large(2), large(3)])
            .await
            .iter()
            .filter(|kept| **kept)
            .count(),
        2
    );
    // A message with many names takes as many rows.
    let named = |nth: usize| {
        let mut about = report(&nth.to_string(), day(0), &[("192.0.2.1", 1, true)]);
        about.policy.domain = format!("c{nth}.example").into();
        taken(about, Authenticated::Unknown)
    };
    let second = db
        .store
        .add_account("second", tallymark::base::Mode::Live, NOW)
        .await
        .unwrap();
    let many = |count: usize| by_mail(message(second.id, (0..count).map(named).collect()), Authenticated::None);
    assert_eq!(commit(&db, vec![many(6)]).await, [false]);
    assert_eq!(commit(&db, vec![many(4)]).await, [true]);
    assert_eq!(db.count("select count(*) from set_aside").await, 6);
}
