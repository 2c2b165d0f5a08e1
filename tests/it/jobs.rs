//! Background jobs: on one node at a time, and on another when that node has gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tallymark::app::{Jobs, Pace};
use tallymark::clock::Clock;
use tallymark::metrics::Metrics;
use tokio::sync::mpsc;

use crate::store::{Database, on_both};

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
    let jobs = Jobs::new(db.store.clone(), Clock::system(), metrics.clone(), name, PACE);
    (jobs, metrics)
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
    // As if the node had stood still for an hour, and another had taken the lease meanwhile.
    let later = Clock::system().now() + 3_600_000;
    assert!(db.store.take_lease("purge", "other", later, 1_000).await.unwrap());
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
                0 => Err(anyhow::anyhow!("a test")),
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
