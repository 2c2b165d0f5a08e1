//! What goes with age, and what stays.

use tallymark::base::Authenticated;
use tallymark::store::{Fate, Purged, Retention};

use super::{ALL_DAYS, Database, NOW, day, message, new_report, on_both, report, taken};

const DAY: i64 = 86_400_000;
const KEEP: Retention = Retention {
    originals_days: 30,
    set_aside_days: 90,
    records_days: 400,
    failure_reports_days: 0,
};

on_both!(records_go_and_their_sums_stay);
async fn records_go_and_their_sums_stay(db: Database) {
    let old = db
        .commit(vec![new_report("1", day(0), &[("192.0.2.1", 3, true)])])
        .await
        .reports[0]
        .no;
    db.commit(vec![new_report("2", day(30), &[("192.0.2.1", 4, false)])])
        .await;
    assert_eq!(db.store.purge(KEEP, NOW).await.unwrap(), Purged::default());
    let then = NOW + 401 * DAY;
    let dropped = Purged {
        originals: 2,
        set_aside: 0,
        reports: 1,
        records: 1,
        tls_reports: 0,
        failure_reports: 0,
    };
    assert_eq!(db.store.due(KEEP, then).await.unwrap(), dropped);
    assert_eq!(db.store.purge(KEEP, then).await.unwrap(), dropped);
    assert_eq!(db.store.due(KEEP, then).await.unwrap(), Purged::default());
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 7);
    let detail = db.store.report(db.domain.id, old).await.unwrap().unwrap();
    assert!(!detail.summary.records_kept && !detail.original_kept);
    // What was counted cannot be displaced by what claims to be the same.
    db.commit(vec![taken(
        report("1", day(0), &[("192.0.2.9", 50, true)]),
        Authenticated::Pass,
    )])
    .await;
    assert_eq!(
        db.store.stats(db.domain.id, ALL_DAYS).await.unwrap().totals.messages(),
        7
    );
    // It is still known.
    let again = db
        .commit(vec![new_report("1", day(0), &[("192.0.2.1", 3, true)])])
        .await;
    assert_eq!((again.reports[0].fate, again.reports[0].no), (Fate::Duplicate, old));
}

on_both!(originals_go_some_at_a_time_until_none_is_left);
async fn originals_go_some_at_a_time_until_none_is_left(db: Database) {
    // Two transactions full, and a third that finds nothing.
    let batch = (1..=400_u64).map(|nth| {
        let new = new_report(&nth.to_string(), day(0), &[("192.0.2.1", nth, true)]);
        message(db.account.id, vec![new])
    });
    let outcomes = db.commit_all(batch.collect()).await;
    assert!(outcomes.iter().all(|outcome| outcome.reports[0].fate == Fate::Stored));
    let purged = db.store.purge(KEEP, NOW + 31 * DAY).await.unwrap();
    assert_eq!(
        purged,
        Purged {
            originals: 400,
            ..Purged::default()
        }
    );
    for outcome in [&outcomes[0], &outcomes[399]] {
        let original = db.store.original(db.domain.id, outcome.reports[0].no).await.unwrap();
        assert!(original.is_none());
    }
    assert_eq!(db.store.purge(KEEP, NOW + 31 * DAY).await.unwrap(), Purged::default());
}

on_both!(reports_of_one_mail_share_its_original);
async fn reports_of_one_mail_share_its_original(db: Database) {
    let new = |id, nth| new_report(id, day(nth), &[("192.0.2.1", 3, true)]);
    let messages = [
        vec![new("0", 0)],
        vec![new("1", 1), new("2", 2)],
        vec![new("1", 1), new("3", 3)],
    ]
    .map(|reports| message(db.account.id, reports));
    let bytes = messages.each_ref().map(|message| message.bytes.clone());
    let outcomes = db.commit_all(messages.into()).await;
    assert_eq!(outcomes[2].reports[0].fate, Fate::Duplicate);
    let brought = [(0, 0, 0), (1, 0, 1), (1, 1, 1), (2, 0, 1), (2, 1, 2)];
    for (outcome, report, message) in brought {
        let no = outcomes[outcome].reports[report].no;
        let original = db.store.original(db.domain.id, no).await.unwrap().unwrap();
        assert_eq!(original.bytes, bytes[message].stored());
    }
    let purged = db.store.purge(KEEP, NOW + 31 * DAY).await.unwrap();
    assert_eq!(purged.originals, 3, "one a mail");
}

on_both!(messages_set_aside_go_with_their_bytes);
async fn messages_set_aside_go_with_their_bytes(db: Database) {
    let mut stray = report("1", day(0), &[("192.0.2.1", 3, true)]);
    stray.policy.domain = "example.org".into();
    let outcome = db.commit(vec![taken(stray, Authenticated::Unknown)]).await;
    let id = outcome.set_aside[0].id;
    assert!(db.store.set_aside_bytes(id).await.unwrap().is_some());
    let purged = db.store.purge(KEEP, NOW + 91 * DAY).await.unwrap();
    assert_eq!(purged.set_aside, 1);
    assert!(db.store.set_aside_bytes(id).await.unwrap().is_none());
    assert!(db.store.set_aside_by_id(id).await.unwrap().is_none());
}
