//! Background jobs: on one node at a time, and on another when that node has gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::store::{Database, NOW, day, message, new_report, on_both};
use tallymark::app::{Purge, Purging};
use tallymark::base::clock::Clock;
use tallymark::jobs::{Held, Jobs, Leases, Pace};
use tallymark::metrics::Metrics;
use tallymark::store::{Retention, Store};
use tokio::sync::mpsc;

/// As in life, but faster: a lease lasts a second.
const PACE: Pace = Pace {
    lease_lasts: Duration::from_millis(1_000),
    lease_asked_every: Duration::from_millis(100),
    retry_after: Duration::from_millis(10),
};
const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_job_moves_within_a_minute() {
    let pace = Pace::default();
    assert!(pace.lease_lasts + pace.lease_asked_every < Duration::from_secs(60));
    // A renewal may fail, and the next is in time.
    assert!(pace.lease_asked_every * 3 < pace.lease_lasts);
}

fn node(db: &Database, name: &str) -> (Jobs, Metrics) {
    let metrics = Metrics::new();
    let jobs = Jobs::new(leases(db, name), metrics.clone());
    (jobs, metrics)
}

/// The leases of a process of its own.
fn leases(db: &Database, name: &str) -> Leases {
    static PROCESSES: AtomicUsize = AtomicUsize::new(0);
    Leases {
        store: db.store.clone(),
        clock: Clock::system(),
        pace: PACE,
        holder: format!("{name} {}", PROCESSES.fetch_add(1, Ordering::Relaxed)),
        random: || 4,
    }
}

/// A job that says when it runs, and then never ends.
fn run_for_ever(jobs: &Jobs, name: &'static str) -> mpsc::UnboundedReceiver<Event> {
    let (say, hear) = mpsc::unbounded_channel();
    jobs.start(name, HOUR, move |now| {
        let say = say.clone();
        async move {
            say.send(Event::Began(now)).unwrap();
            let _ended = Ended(say);
            std::future::pending().await
        }
    });
    hear
}

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Began(i64),
    Ended,
}

struct Ended(mpsc::UnboundedSender<Event>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Ended);
    }
}

fn has(metrics: &Metrics, line: &str) -> bool {
    metrics.encode().0.lines().any(|other| other == line)
}

on_both!(a_job_runs_on_one_node_and_moves_when_that_stops);
async fn a_job_runs_on_one_node_and_moves_when_that_stops(db: Database) {
    let ((first, figures), (second, _)) = (node(&db, "a"), node(&db, "a"));
    let mut on_first = run_for_ever(&first, "purge");
    assert!(matches!(on_first.recv().await, Some(Event::Began(_))));
    let holder = db.store.lease("purge").await.unwrap().unwrap().holder;
    assert!(holder.starts_with("a "), "{holder}");
    assert!(has(&figures, r#"tallymark_job_held{job="purge"} 1"#));
    let mut on_second = run_for_ever(&second, "purge");
    // Another job is another lease.
    let mut other = run_for_ever(&second, "check");
    assert!(matches!(other.recv().await, Some(Event::Began(_))));
    assert!(on_second.try_recv().is_err());
    first.stop().await;
    assert_eq!(on_first.recv().await, Some(Event::Ended));
    assert!(has(&figures, r#"tallymark_job_held{job="purge"} 0"#));
    // Given back, not run out: it is the second node's turn as soon as it asks again.
    assert!(matches!(on_second.recv().await, Some(Event::Began(_))));
    assert_ne!(db.store.lease("purge").await.unwrap().unwrap().holder, holder);
    second.stop().await;
    assert_eq!(on_second.recv().await, Some(Event::Ended));
    assert_eq!(db.store.lease("purge").await.unwrap(), None);
}

on_both!(a_job_of_a_node_that_died_moves_when_its_lease_has_run_out);
async fn a_job_of_a_node_that_died_moves_when_its_lease_has_run_out(db: Database) {
    let now = Clock::system().now();
    assert!(db.store.take_lease("purge", "dead", now, 1_500).await.unwrap());
    let (jobs, _) = node(&db, "b");
    let Some(Event::Began(at)) = run_for_ever(&jobs, "purge").recv().await else {
        panic!("it begins");
    };
    assert!(at >= now + 1_500, "{} early", now + 1_500 - at);
    jobs.stop().await;
}

on_both!(a_node_that_lost_the_lease_stops_working);
async fn a_node_that_lost_the_lease_stops_working(db: Database) {
    let (jobs, figures) = node(&db, "b");
    let mut events = run_for_ever(&jobs, "purge");
    assert!(matches!(events.recv().await, Some(Event::Began(_))));
    // As if the node had stood still, and another had taken the lease meanwhile.
    let until = Clock::system().now() + 900;
    db.execute(&format!("update leases set holder = 'other', until_at = {until}"))
        .await;
    assert_eq!(events.recv().await, Some(Event::Ended));
    assert_eq!(db.store.lease("purge").await.unwrap().unwrap().holder, "other");
    // The other gives it back, and the work goes on here.
    assert!(db.store.release_lease("purge", "other").await.unwrap());
    assert!(matches!(events.recv().await, Some(Event::Began(_))));
    assert!(has(&figures, r#"tallymark_job_held{job="purge"} 1"#));
    jobs.stop().await;
}

on_both!(a_job_that_fails_or_panics_is_counted_and_tried_again);
async fn a_job_that_fails_or_panics_is_counted_and_tried_again(db: Database) {
    let (jobs, figures) = node(&db, "b");
    let (say, mut hear) = mpsc::unbounded_channel();
    let runs = Arc::new(AtomicUsize::new(0));
    jobs.start("purge", HOUR, move |_| {
        let (nth, say) = (runs.fetch_add(1, Ordering::Relaxed), say.clone());
        async move {
            say.send(nth).unwrap();
            match nth {
                0 => Err("a test".into()),
                1 => panic!("a test"),
                _ => std::future::pending().await,
            }
        }
    });
    for expected in 0..3 {
        assert_eq!(hear.recv().await, Some(expected));
    }
    assert!(has(
        &figures,
        r#"tallymark_job_runs_total{job="purge",outcome="failed"} 2"#
    ));
    jobs.stop().await;
}

on_both!(a_job_that_waits_first_has_its_lease_and_does_not_run_yet);
async fn a_job_that_waits_first_has_its_lease_and_does_not_run_yet(db: Database) {
    let (jobs, figures) = node(&db, "a");
    let (say, mut waiting) = mpsc::unbounded_channel();
    jobs.start_after("purge", HOUR, HOUR, move |_| {
        say.send(()).unwrap();
        std::future::ready(Ok(()))
    });
    // Another job begins repeatedly, while this one has its lease and waits.
    let (say, mut hear) = mpsc::unbounded_channel();
    jobs.start_after("check", Duration::ZERO, Duration::from_millis(50), move |_| {
        say.send(()).unwrap();
        std::future::ready(Ok(()))
    });
    while !has(&figures, r#"tallymark_job_held{job="purge"} 1"#) {
        hear.recv().await.unwrap();
    }
    hear.recv().await.unwrap();
    hear.recv().await.unwrap();
    assert!(waiting.try_recv().is_err());
    jobs.stop().await;
}

on_both!(one_holder_works_under_a_lease_at_a_time);
async fn one_holder_works_under_a_lease_at_a_time(db: Database) {
    for name in [
        "purge",
        "feed reports maildir:/var/mail/reports",
        "feed ü imap:a@b/INBOX",
    ] {
        let (first, second) = (leases(&db, "a"), leases(&db, "a"));
        assert_eq!(first.hold(name, async { 1 }).await.unwrap(), Held::Done(1));
        // Work that has ended leaves the lease with its holder.
        let begun = AtomicUsize::new(0);
        let work = async { begun.fetch_add(1, Ordering::Relaxed) };
        assert_eq!(second.hold(name, work).await.unwrap(), Held::Elsewhere);
        assert_eq!(begun.load(Ordering::Relaxed), 0);
        second.give_back(name).await;
        assert_eq!(db.store.lease(name).await.unwrap().unwrap().holder, first.holder);
        first.give_back(name).await;
        assert_eq!(second.hold(name, async { 2 }).await.unwrap(), Held::Done(2));
        second.give_back(name).await;
        assert_eq!(db.store.lease(name).await.unwrap(), None);
    }
}

on_both!(work_ends_when_its_lease_is_taken_or_runs_out);
async fn work_ends_when_its_lease_is_taken_or_runs_out(db: Database) {
    let leases = leases(&db, "a");
    let taken_away = async {
        let until = Clock::system().now() + 900;
        db.execute(&format!("update leases set holder = 'other', until_at = {until}"))
            .await;
        std::future::pending::<()>().await;
    };
    assert_eq!(Box::pin(leases.hold("purge", taken_away)).await.unwrap(), Held::Lost);
    assert_eq!(db.store.lease("purge").await.unwrap().unwrap().holder, "other");

    // The node stood still for longer than a lease lasts, and no one has asked for it meanwhile.
    let clock = Clock::fixed(NOW);
    let still = Leases {
        clock: clock.clone(),
        ..leases
    };
    let stands_still = async {
        clock.advance(PACE.lease_lasts + Duration::from_millis(1));
        std::future::pending::<()>().await;
    };
    assert_eq!(still.hold("feed x", stands_still).await.unwrap(), Held::RanOut);
    // As long as it can be renewed, work goes on.
    let renewed = async {
        let until = || async { db.store.lease("feed y").await.unwrap().unwrap().until };
        let begun = until().await;
        clock.advance(Duration::from_millis(500));
        while until().await == begun {
            tokio::task::yield_now().await;
        }
        3
    };
    assert_eq!(Box::pin(still.hold("feed y", renewed)).await.unwrap(), Held::Done(3));
}

const DAY: Duration = Duration::from_secs(86_400);
const KEEP: Retention = Retention {
    originals_days: 30,
    set_aside_days: 400,
    records_days: 400,
    failure_reports_days: 0,
};

fn purging(store: &Store, clock: &Clock) -> (Purging, Metrics) {
    let metrics = Metrics::new();
    (
        Purging::new(store.clone(), clock.clone(), metrics.clone(), KEEP),
        metrics,
    )
}

fn days(count: i64) -> i64 {
    count * 86_400_000
}

async fn is_all_kept(db: &Database) -> bool {
    let reports = db
        .store
        .reports(db.domain.id, &Default::default(), crate::store::FIRST_PAGE)
        .await;
    reports.unwrap().0.iter().all(|report| report.records_kept)
}

on_both!(a_clock_that_is_ahead_drops_nothing);
async fn a_clock_that_is_ahead_drops_nothing(db: Database) {
    db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 3, true)])])
        .await;
    for ahead in [731, 5, 10, 400, 4_000, 30_000] {
        let clock = Clock::fixed(NOW + days(ahead));
        let (purging, metrics) = purging(&db.store, &clock);
        purging.begin().await.unwrap();
        // For an hour, and for a day of hours.
        for _ in 0..24 {
            clock.advance(HOUR);
            let came = purging.run().await.unwrap();
            assert_eq!(came, Purge::Skipped { believed: NOW }, "{ahead}");
        }
        assert!(
            has(&metrics, "tallymark_purges_skipped_total 24"),
            "{}",
            metrics.encode().0
        );
        assert!(is_all_kept(&db).await);
    }
    // What arrives under the wrong clock does not vouch for it.
    let clock = Clock::fixed(NOW + days(731));
    let (purging, _) = purging(&db.store, &clock);
    purging.begin().await.unwrap();
    let mut young = message(db.account.id, vec![new_report("2", day(1), &[("192.0.2.1", 4, true)])]);
    young.received_at = clock.now();
    db.commit_all(vec![young]).await;
    clock.advance(HOUR);
    assert!(matches!(purging.run().await.unwrap(), Purge::Skipped { .. }));
    assert!(is_all_kept(&db).await);
}

on_both!(a_clock_that_is_a_day_ahead_or_behind_drops_nothing_young);
async fn a_clock_that_is_a_day_ahead_or_behind_drops_nothing_young(db: Database) {
    db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 3, true)])])
        .await;
    // The last two are before 1970 and at its begin.
    for clock in [NOW + days(1), NOW - days(1), NOW - days(400), -days(400), 0] {
        let fixed = Clock::fixed(clock);
        let (purging, _) = purging(&db.store, &fixed);
        purging.begin().await.unwrap();
        for _ in 0..24 {
            fixed.advance(HOUR);
            assert_eq!(purging.run().await.unwrap(), Purge::Done(Default::default()), "{clock}");
        }
        assert!(is_all_kept(&db).await, "{clock}");
    }
    let believed = db.store.purge_believed().await.unwrap();
    assert!(
        believed >= Some(NOW),
        "a clock that is behind is not believed: {believed:?}"
    );
}

on_both!(a_clock_that_is_right_drops_what_is_old);
async fn a_clock_that_is_right_drops_what_is_old(db: Database) {
    db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 3, true)])])
        .await;
    // It runs all the time: nothing is ever far ahead.
    let clock = Clock::fixed(NOW);
    let (running, metrics) = purging(&db.store, &clock);
    assert_eq!(running.begin().await.unwrap(), Default::default());
    for _ in 0..400 {
        clock.advance(DAY);
        assert!(matches!(running.run().await.unwrap(), Purge::Done(_)));
    }
    assert!(is_all_kept(&db).await);
    clock.advance(DAY);
    let Purge::Done(purged) = running.run().await.unwrap() else {
        panic!("it runs")
    };
    assert_eq!((purged.reports, purged.records), (1, 1));
    assert!(has(&metrics, "tallymark_purges_skipped_total 0"));
}

on_both!(an_installation_that_was_off_for_weeks_drops_what_is_old_after_some_days);
async fn an_installation_that_was_off_for_weeks_drops_what_is_old_after_some_days(db: Database) {
    db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 3, true)])])
        .await;
    let clock = Clock::fixed(NOW + days(500));
    let (purging, _) = purging(&db.store, &clock);
    assert_eq!(purging.begin().await.unwrap().reports, 1);
    let mut hours = 0;
    while matches!(purging.run().await.unwrap(), Purge::Skipped { .. }) {
        assert!(is_all_kept(&db).await);
        clock.advance(HOUR);
        hours += 1;
    }
    assert_eq!(hours, 72);
    assert!(!is_all_kept(&db).await);
    // A clock that went back drops nothing either, and what was believed stays.
    let back = Clock::fixed(-days(1));
    let (behind, _) = self::purging(&db.store, &back);
    behind.begin().await.unwrap();
    assert!(matches!(behind.run().await.unwrap(), Purge::Done(_)));
    assert!(
        matches!(purging.run().await.unwrap(), Purge::Done(_))
            || db.store.purge_believed().await.unwrap() < Some(NOW + days(500))
    );
}
