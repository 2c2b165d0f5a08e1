//! Duplicates and conflicts: counted once, and the right one.

use tallymark::base::Authenticated;
use tallymark::store::{Fate, ReportFilter};

use super::{Database, FIRST_PAGE, day, message, new_report, on_both, report, taken};

const RECORDS: [(&str, u64, bool); 3] = [("192.0.2.1", 7, true), ("2001:db8::1", 5, false), ("", 2, true)];

on_both!(the_same_contents_are_counted_once);
async fn the_same_contents_are_counted_once(db: Database) {
    let first = db.commit(vec![new_report("1", day(0), &RECORDS)]).await;
    assert_eq!(first.reports[0].fate, Fate::Stored);
    let before = db.check_sums(db.domain.id).await;
    assert_eq!((before.pass, before.fail, before.reject), (9, 5, 5));
    // Again, and once more under another id: some reporters send a report again with a new one.
    for id in ["1", "another"] {
        let again = db.commit(vec![new_report(id, day(0), &RECORDS)]).await;
        assert_eq!(
            (again.reports[0].fate, again.reports[0].no),
            (Fate::Duplicate, first.reports[0].no)
        );
    }
    assert_eq!(db.check_sums(db.domain.id).await, before);
    let detail = db
        .store
        .report(db.domain.id, first.reports[0].no)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(detail.summary.arrivals, 3);
    assert!(detail.original_kept);
}

on_both!(the_same_contents_in_one_batch_are_counted_once);
async fn the_same_contents_in_one_batch_are_counted_once(db: Database) {
    let batch = (0..5)
        .map(|_| message(db.account.id, vec![new_report("1", day(0), &RECORDS)]))
        .collect();
    let outcomes = db.commit_all(batch).await;
    let fates: Vec<_> = outcomes.iter().map(|outcome| outcome.reports[0].fate).collect();
    assert_eq!(fates[0], Fate::Stored);
    assert!(fates[1..].iter().all(|fate| *fate == Fate::Duplicate));
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 14);
    let detail = db
        .store
        .report(db.domain.id, outcomes[0].reports[0].no)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(detail.summary.arrivals, 5);
}

on_both!(another_window_or_reporter_is_another_report);
async fn another_window_or_reporter_is_another_report(db: Database) {
    db.commit(vec![new_report("1", day(0), &RECORDS)]).await;
    db.commit(vec![new_report("1", day(1), &RECORDS)]).await;
    let mut other = report("1", day(0), &RECORDS);
    other.metadata.email = Some("dmarc@other.example".into());
    db.commit(vec![taken(other, Authenticated::Unknown)]).await;
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 3 * 14);
}

on_both!(of_a_conflict_the_first_counts_until_an_authenticated_one_comes);
async fn of_a_conflict_the_first_counts_until_an_authenticated_one_comes(db: Database) {
    let first = db
        .commit(vec![new_report("1", day(0), &[("192.0.2.1", 100, true)])])
        .await
        .reports[0]
        .no;
    let second = db
        .commit(vec![new_report("1", day(0), &[("192.0.2.2", 10, false)])])
        .await
        .reports
        .remove(0);
    assert_eq!(second.fate, Fate::Conflict);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 100);
    let third = report("1", day(0), &[("192.0.2.3", 1, true)]);
    let third = db.commit(vec![taken(third, Authenticated::Pass)]).await.reports[0].no;
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 1);
    // A second authenticated one does not displace the first.
    let fourth = report("1", day(0), &[("192.0.2.4", 1_000, true)]);
    db.commit(vec![taken(fourth, Authenticated::Pass)]).await;
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 1);
    let detail = db.store.report(db.domain.id, first).await.unwrap().unwrap();
    assert!(!detail.summary.counted && detail.conflicts.len() == 3);
    let (listed, _) = db
        .store
        .reports(db.domain.id, &ReportFilter::default(), FIRST_PAGE)
        .await
        .unwrap();
    assert_eq!(listed.iter().map(|report| report.no).collect::<Vec<_>>(), [third]);
}

on_both!(a_duplicate_that_is_authenticated_lifts_the_one_it_repeats);
async fn a_duplicate_that_is_authenticated_lifts_the_one_it_repeats(db: Database) {
    db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 100, true)])])
        .await;
    let loser = [("192.0.2.2", 10, false)];
    db.commit(vec![new_report("1", day(0), &loser)]).await;
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 100);
    db.commit(vec![taken(report("1", day(0), &loser), Authenticated::Pass)])
        .await;
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 10);
}

on_both!(a_conflict_within_one_batch_is_decided_the_same_way);
async fn a_conflict_within_one_batch_is_decided_the_same_way(db: Database) {
    let forged = new_report("1", day(0), &[("192.0.2.1", 100, true)]);
    let real = taken(report("1", day(0), &[("192.0.2.2", 10, true)]), Authenticated::Pass);
    let again = taken(report("1", day(0), &[("192.0.2.2", 10, true)]), Authenticated::Unknown);
    db.commit(vec![forged, real, again]).await;
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 10);
}
