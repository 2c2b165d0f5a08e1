//! What the queries of one view of a page share: a page asks about the same days of a domain several times at once.
//!
//! A walk over the days is shared as long as a query still uses it, and only within the view: nothing is kept for later, so nothing
//! has to be made invalid, and a view needs no more memory than its running queries need without it.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OnceCell;

use super::trail::Ways;
use super::{Source, StoreError};
use crate::base::{Day, DayRange, DomainId};
use crate::tally::{Carriers, PathList, WaySums};

tokio::task_local! {
    static CURRENT: View;
}

/// The queries of one view of a page. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct View(Arc<Mutex<Vec<(Walk, Weak<OnceCell<SourcesByWay>>)>>>);

/// The addresses of a range of days with the ways of their messages.
#[derive(Debug, Default)]
pub struct SourcesByWay {
    /// An address has the sum of its ways.
    pub sources: Vec<(Source, Ways)>,
    /// The ways of all addresses, since the day that was asked for.
    pub all_ways: WaySums,
    /// By number. All that the ways are on, unless the database is damaged.
    pub paths: PathList,
}

/// A walk over the days of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Walk {
    pub domain: DomainId,
    pub range: DayRange,
    /// The day from which the ways of all addresses are summed up.
    pub ways_since: Day,
    pub carriers: Carriers,
}

/// What a walk found. Others of the same view may use it, too.
#[derive(Debug)]
pub struct SharedSources(Arc<OnceCell<SourcesByWay>>);

impl View {
    /// Runs a task as one of the view's.
    pub fn scope<F: Future>(&self, task: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), task)
    }

    /// The walk that is in use and fits; a new one if there is none.
    fn cell(&self, walk: Walk) -> Arc<OnceCell<SourcesByWay>> {
        // A panic while the lock is held leaves nothing half done.
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks.retain(|(_, cell)| cell.strong_count() > 0);
        let known = walks.iter().find(|(other, _)| *other == walk);
        if let Some(cell) = known.and_then(|(_, cell)| cell.upgrade()) {
            return cell;
        }
        let cell = Arc::new(OnceCell::new());
        walks.push((walk, Arc::downgrade(&cell)));
        cell
    }
}

/// What a walk finds: `find` is waited for, unless another query of the view is at it or uses what it found.
///
/// # Errors
/// Those of `find`. The next query that waits then runs its own.
pub(super) async fn shared(
    walk: Walk,
    find: impl Future<Output = Result<SourcesByWay, StoreError>>,
) -> Result<SharedSources, StoreError> {
    let cell = CURRENT.try_with(|view| view.cell(walk)).unwrap_or_default();
    cell.get_or_try_init(|| find).await?;
    Ok(SharedSources(cell))
}

/// A walk of the running task's view that is in use and has the addresses of these days.
pub(super) fn in_use(domain: DomainId, range: DayRange, carriers: Carriers) -> Option<Walk> {
    let fits = |walk: &Walk| (walk.domain, walk.range, walk.carriers) == (domain, range, carriers);
    CURRENT
        .try_with(|view| {
            let walks = view.0.lock().unwrap_or_else(PoisonError::into_inner);
            let in_use = walks.iter().filter(|(_, cell)| cell.strong_count() > 0);
            in_use.map(|(walk, _)| *walk).find(fits)
        })
        .ok()
        .flatten()
}

impl From<SourcesByWay> for SharedSources {
    fn from(found: SourcesByWay) -> Self {
        Self(Arc::new(OnceCell::from(found)))
    }
}

impl Deref for SharedSources {
    type Target = SourcesByWay;

    fn deref(&self) -> &SourcesByWay {
        self.0
            .get()
            .expect("a value of this type is made after its cell is set")
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Poll;

    use tokio::sync::oneshot;

    use super::*;

    const WALK: Walk = Walk {
        domain: DomainId(1),
        range: DayRange {
            first: Day(3),
            last: Day(5),
        },
        ways_since: Day(2),
        carriers: Carriers::All,
    };

    fn find(walks: &AtomicU32) -> impl Future<Output = Result<SourcesByWay, StoreError>> {
        poll_fn(|_| {
            walks.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Ok(SourcesByWay::default()))
        })
    }

    #[tokio::test]
    async fn a_walk_is_shared_as_long_as_it_is_used() {
        let (view, walks) = (View::default(), AtomicU32::new(0));
        let walked = |walk| view.scope(shared(walk, find(&walks)));
        let first = walked(WALK).await.unwrap();
        let second = walked(WALK).await.unwrap();
        assert_eq!(walks.load(Ordering::Relaxed), 1);
        assert_eq!(
            view.scope(async { in_use(WALK.domain, WALK.range, WALK.carriers) })
                .await,
            Some(WALK)
        );
        drop((first, second));
        assert_eq!(
            view.scope(async { in_use(WALK.domain, WALK.range, WALK.carriers) })
                .await,
            None
        );
        let _third = walked(WALK).await.unwrap();
        assert_eq!(
            walks.load(Ordering::Relaxed),
            2,
            "what is not used any more is not kept"
        );
    }

    #[tokio::test]
    async fn other_walks_other_views_and_tasks_without_one_walk_themselves() {
        let (view, walks) = (View::default(), AtomicU32::new(0));
        let _first = view.scope(shared(WALK, find(&walks))).await.unwrap();
        let others = [
            Walk {
                domain: DomainId(2),
                ..WALK
            },
            Walk {
                ways_since: Day(1),
                ..WALK
            },
            Walk {
                carriers: Carriers::Vouched,
                ..WALK
            },
        ];
        for other in others {
            let _found = view.scope(shared(other, find(&walks))).await.unwrap();
        }
        let _found = View::default().scope(shared(WALK, find(&walks))).await.unwrap();
        let _found = shared(WALK, find(&walks)).await.unwrap();
        assert_eq!(walks.load(Ordering::Relaxed), 6);
    }

    #[tokio::test]
    async fn one_that_fails_or_is_dropped_leaves_the_walk_to_the_next() {
        let (view, walks) = (View::default(), AtomicU32::new(0));
        let (begun, is_begun) = oneshot::channel();
        let dropped = view.scope(shared(WALK, async {
            begun.send(()).unwrap();
            std::future::pending().await
        }));
        let dropped = tokio::spawn(dropped);
        is_begun.await.unwrap();
        let waiting = view.scope(shared(WALK, async { Err(StoreError::GivenUp) }));
        let next = view.scope(shared(WALK, find(&walks)));
        let all = async { tokio::join!(waiting, next) };
        dropped.abort();
        let (waiting, next) = all.await;
        assert!(matches!(waiting, Err(StoreError::GivenUp)) && next.is_ok());
        assert_eq!(walks.load(Ordering::Relaxed), 1);
    }
}
