//! Amount of refused mail by day, account and reason.

use tallymark::base::Mode;
use tallymark::store::{REFUSED_DAYS, Refused, RefusedMail, Retention};

use super::{Database, NOW, on_both};

const DAY: i64 = 86_400_000;

on_both!(what_was_refused_adds_up_by_account_day_and_reason);
async fn what_was_refused_adds_up_by_account_day_and_reason(db: Database) {
    let other = db.store.add_account("other", Mode::Live, NOW).await.unwrap().id;
    let own = db.account.id;
    for turn in 0..3 {
        let mut mail = RefusedMail::default();
        mail.add(own, "loop", Refused::one(10, NOW - turn));
        mail.add(own, "loop", Refused::one(5, NOW + turn));
        mail.add(own, "too_large", Refused::one(1_000, NOW - DAY));
        mail.add(other, "loop", Refused::one(1, NOW));
        db.store.add_refused(&mail).await.unwrap();
    }
    let rows = db.store.refused(own, NOW).await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.reason.as_str(), row.refused.messages, row.refused.bytes))
        .collect();
    assert_eq!(told, [("loop", 6, 45), ("too_large", 3, 3_000)], "the latest day first");
    assert_eq!((rows[0].refused.first_at, rows[0].refused.last_at), (NOW - 2, NOW + 2));
    assert_eq!(db.store.refused(other, NOW).await.unwrap().len(), 1);

    // Days that are over are forgotten, and not shown before that.
    let last = NOW + i64::from(REFUSED_DAYS - 1) * DAY;
    assert_eq!(db.store.refused(own, last).await.unwrap().len(), 1);
    let keep = Retention {
        records_days: 0,
        failure_reports_days: 0,
        originals_days: 0,
        set_aside_days: 0,
    };
    db.store.purge(keep, last).await.unwrap();
    assert_eq!(db.store.refused(own, NOW).await.unwrap().len(), 1);
    db.store.purge(keep, last + DAY).await.unwrap();
    assert_eq!(db.store.refused(own, NOW).await.unwrap(), []);
}

on_both!(more_kinds_than_are_kept_apart_take_no_more_room);
async fn more_kinds_than_are_kept_apart_take_no_more_room(db: Database) {
    let mut mail = RefusedMail::default();
    for day in 0..20_000 {
        mail.add(db.account.id, "loop", Refused::one(1, day * DAY));
    }
    mail.add(db.account.id, "loop", Refused::one(1, 0));
    db.store.add_refused(&mail).await.unwrap();
    let rows = db.store.refused(db.account.id, 0).await.unwrap();
    assert_eq!(rows.len(), 10_000);
    assert_eq!(
        rows.last().unwrap().refused.messages,
        2,
        "what is known is still counted"
    );
}
