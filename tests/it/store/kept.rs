//! Nothing that arrived is thrown away unasked: records are kept from their arrival, 0 keeps for ever, and what retention
//! has dropped comes back with the report.

use tallymark::base::Authenticated;
use tallymark::report::aggregate::Window;
use tallymark::store::{Fate, NewMessage, NewReport, Page, Purged, Retention};

use super::{ALL_DAYS, Database, FIRST_PAGE, NOW, day, message, new_report, on_both, report, taken};

const DAY: i64 = 86_400_000;
const KEEP: Retention = Retention {
    originals_days: 30,
    set_aside_days: 90,
    records_days: 400,
    failure_reports_days: 0,
};

/// A window of a day that ended a number of days before [`NOW`].
fn ended(days_before: i64) -> (i64, i64) {
    let end = NOW / 1_000 - days_before * 86_400;
    (end - 86_399, end)
}

fn at(received_at: i64, account: tallymark::base::AccountId, reports: Vec<NewReport>) -> NewMessage {
    NewMessage {
        received_at,
        ..message(account, reports)
    }
}

const RECORDS: [(&str, u64, bool); 3] = [
    ("192.0.2.1", 3, true),
    ("2001:db8::1", 4, false),
    ("no address", 5, false),
];

on_both!(records_are_kept_from_the_later_of_their_windows_end_and_their_arrival);
async fn records_are_kept_from_the_later_of_their_windows_end_and_their_arrival(db: Database) {
    // (window, days after the arrival on which the records are still kept, and on which they are not)
    let far = 253_402_300_799;
    let cases = [
        (ended(1), 399, 401),
        (ended(399), 399, 401),
        (ended(401), 399, 401),
        (ended(5_000), 399, 401),
        // The first and the last second that a reporter can name.
        ((0, 86_399), 399, 401),
        // It ends ten days after it came; a week is a window, too.
        (ended(-10), 409, 411),
        ((ended(-10).0 - 6 * 86_400, ended(-10).1), 409, 411),
        // Records are not kept for eight thousand years because a reporter says so.
        ((ended(1).0, far), 765, 767),
    ];
    for (nth, (window, kept, gone)) in cases.into_iter().enumerate() {
        let no = db
            .commit(vec![new_report(&nth.to_string(), window, &RECORDS)])
            .await
            .reports[0]
            .no;
        let is_kept = async |days: i64| {
            db.store.purge(KEEP, NOW + days * DAY).await.unwrap();
            let detail = db.store.report(db.domain.id, no).await.unwrap().unwrap();
            let (records, total) = db.store.records(db.domain.id, no, FIRST_PAGE).await.unwrap();
            assert_eq!(records.len() as u64, total, "{window:?}");
            assert_eq!(total, if detail.summary.records_kept { 3 } else { 0 }, "{window:?}");
            detail.summary.records_kept
        };
        assert!(is_kept(0).await && is_kept(kept).await, "{window:?}");
        assert!(!is_kept(gone).await, "{window:?}");
    }
    let verified = db.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!((verified.reports, verified.not_recounted), (0, cases.len() as u64));
    assert_eq!(verified.discrepancies, []);
}

on_both!(zero_days_keep_for_ever);
async fn zero_days_keep_for_ever(db: Database) {
    db.commit(vec![new_report("1", ended(3_000), &RECORDS)]).await;
    let mut stray = report("2", ended(1), &RECORDS);
    stray.policy.domain = "example.org".into();
    db.commit(vec![taken(stray, Authenticated::Unknown)]).await;
    let later = NOW + 100_000 * DAY;
    let all = Purged {
        originals: 1,
        set_aside: 1,
        reports: 1,
        records: 3,
        tls_reports: 0,
        failure_reports: 0,
    };
    let for_ever = Retention {
        originals_days: 0,
        set_aside_days: 0,
        records_days: 0,
        failure_reports_days: 0,
    };
    assert_eq!(db.store.purge(for_ever, later).await.unwrap(), Purged::default());
    assert_eq!(db.store.due(for_ever, i64::MAX).await.unwrap(), Purged::default());
    // Each by itself; and what is not kept for ever goes (the negative control).
    for (retention, due) in [
        (
            Retention {
                originals_days: 0,
                ..KEEP
            },
            Purged { originals: 0, ..all },
        ),
        (
            Retention {
                set_aside_days: 0,
                ..KEEP
            },
            Purged { set_aside: 0, ..all },
        ),
        (
            Retention {
                records_days: 0,
                failure_reports_days: 0,
                ..KEEP
            },
            Purged {
                reports: 0,
                records: 0,
                ..all
            },
        ),
    ] {
        assert_eq!(db.store.due(retention, later).await.unwrap(), due, "{retention:?}");
    }
    assert_eq!(db.store.purge(KEEP, later).await.unwrap(), all);
}

on_both!(what_retention_dropped_comes_back_with_the_report_and_is_counted_once);
async fn what_retention_dropped_comes_back_with_the_report_and_is_counted_once(db: Database) {
    let many: Vec<_> = (0..3_000).map(|_| ("192.0.2.7", 1, true)).collect();
    let old = || {
        vec![
            new_report("1", ended(900), &RECORDS),
            // More than a row of packed records, and a report without any.
            new_report("2", ended(800), &many),
            new_report("3", ended(700), &[]),
        ]
    };
    // Of a conflict one counts, and the records of both are kept.
    let other = || {
        taken(
            report("1", ended(900), &[("192.0.2.9", 7, true)]),
            Authenticated::Unknown,
        )
    };
    let young = || new_report("4", day(0), &RECORDS);
    let first = db.commit(old()).await;
    let loser = db.commit(vec![other()]).await.reports[0].clone();
    assert_eq!(loser.fate, Fate::Conflict);
    let records = async |no| db.store.records(db.domain.id, no, FIRST_PAGE).await.unwrap().0;
    let mut before = Vec::new();
    for stored in &first.reports {
        before.push(records(stored.no).await);
    }
    let sums = db.check_sums(db.domain.id).await;
    let then = NOW + 401 * DAY;
    let purged = db.store.purge(KEEP, then).await.unwrap();
    assert_eq!((purged.reports, purged.records), (4, 3 + 3_000 + 1));
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().not_recounted, 4);

    // All of it again, twice in one batch, and with something new beside it.
    let again = |reports| at(then, db.account.id, reports);
    let mut reports = old();
    reports.extend([other(), young()]);
    let outcomes = db.commit_all(vec![again(reports), again(old())]).await;
    let fates: Vec<_> = outcomes[0].reports.iter().map(|one| (one.fate, one.restored)).collect();
    let restored = (Fate::Duplicate, true);
    assert_eq!(fates, [restored, restored, restored, restored, (Fate::Stored, false)]);
    assert!(outcomes[1].reports.iter().all(|one| !one.restored));
    for (stored, before) in first.reports.iter().zip(&before) {
        assert_eq!(&records(stored.no).await, before);
        let original = db.store.original(db.domain.id, stored.no).await.unwrap().unwrap();
        assert_eq!(original.received_at, then);
        let detail = db.store.report(db.domain.id, stored.no).await.unwrap().unwrap();
        assert!(detail.summary.records_kept && detail.original_kept);
        assert_eq!((detail.summary.arrivals, detail.summary.received_at), (3, NOW));
    }
    assert_eq!(records(loser.no).await.len(), 1);
    let verified = db.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!((verified.reports, verified.not_recounted), (5, 0));
    assert_eq!(db.check_sums(db.domain.id).await.messages(), sums.messages() + 12);
    // Their age counts from this arrival.
    assert_eq!(db.store.due(KEEP, then + 399 * DAY).await.unwrap().reports, 0);
    assert_eq!(db.store.purge(KEEP, then + 401 * DAY).await.unwrap().reports, 5);
}

on_both!(records_that_would_contradict_the_sums_do_not_come_back);
async fn records_that_would_contradict_the_sums_do_not_come_back(db: Database) {
    let no = db.commit(vec![new_report("1", ended(900), &RECORDS)]).await.reports[0].no;
    db.store.purge(KEEP, NOW + 401 * DAY).await.unwrap();
    // As if it had been read otherwise then.
    db.execute(&format!(
        "update reports set pass = pass + 1 where report_no = {}",
        no.0
    ))
    .await;
    let again = db.commit(vec![new_report("1", ended(900), &RECORDS)]).await;
    assert_eq!(
        (again.reports[0].fate, again.reports[0].restored),
        (Fate::Duplicate, false)
    );
    let detail = db.store.report(db.domain.id, no).await.unwrap().unwrap();
    assert!(!detail.summary.records_kept);
}

on_both!(answers_say_which_records_are_no_longer_kept);
async fn answers_say_which_records_are_no_longer_kept(db: Database) {
    let window = day(0);
    let old = db.commit(vec![new_report("1", window, &RECORDS)]).await.reports[0].no;
    db.store.purge(KEEP, NOW + 401 * DAY).await.unwrap();
    let young = at(
        NOW + 401 * DAY,
        db.account.id,
        vec![new_report("2", window, &RECORDS[..1])],
    );
    let young = db.commit_all(vec![young]).await[0].reports[0].no;

    let mut exported = db.store.export(db.domain.id, ALL_DAYS);
    let mut lines = Vec::new();
    while let Some(piece) = exported.recv().await {
        lines.extend(piece.unwrap());
    }
    let shape: Vec<_> = lines
        .iter()
        .map(|line| (line.report.no, line.record.is_some()))
        .collect();
    assert_eq!(shape, [(old, false), (young, true)]);

    let address = "192.0.2.1".parse().unwrap();
    let found = db
        .store
        .source_records(db.domain.id, Some(address), ALL_DAYS, None, (50, super::LISTED))
        .await
        .unwrap();
    assert_eq!((found.records.len(), found.without_records), (1, 1));
    let page = Page { page: 1, per_page: 2 };
    assert_eq!(
        db.store.records(db.domain.id, old, page).await.unwrap(),
        (Vec::new(), 0)
    );
    let window = Window {
        begin: window.0,
        end: window.1,
    };
    let (reports, _) = db
        .store
        .reports(db.domain.id, &Default::default(), FIRST_PAGE)
        .await
        .unwrap();
    let kept: Vec<_> = reports
        .iter()
        .map(|report| (report.window, report.records_kept))
        .collect();
    assert_eq!(kept, [(window, true), (window, false)]);
}
