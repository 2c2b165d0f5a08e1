//! Slow work off the runtime's workers: there is one worker per processor, and all other answers wait for a worker.

use std::num::NonZero;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;
use tokio_util::sync::PollSemaphore;

/// Runs `work` on the calling thread. The other tasks of a worker move to another thread first; a runtime with one thread has
/// no other.
pub fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// A future or stream that runs each of its steps [`aside`]. It holds no thread while it waits. A step costs a few microseconds
/// more; a call of [`aside`] inside it costs nothing.
#[derive(Debug)]
pub struct Apart<F>(Pin<Box<F>>);

impl<F> Apart<F> {
    /// Wraps a future or stream.
    pub fn new(work: F) -> Self {
        Self(Box::pin(work))
    }
}

impl<F: Future> Future for Apart<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let work = self.get_mut().0.as_mut();
        aside(|| work.poll(cx))
    }
}

impl<S: Stream> Stream for Apart<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let work = self.get_mut().0.as_mut();
        aside(|| work.poll_next(cx))
    }
}

/// One turn per processor. With more threads at work, other requests wait longer and the work itself ends no sooner.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    Arc::new(Semaphore::new(processors))
});

/// A future that works for a long time, such as an export. It runs as [`Apart`] does, and each step waits for a turn. While
/// the future waits for something else, it holds no turn.
#[derive(Debug)]
pub struct InTurn<F> {
    work: Apart<F>,
    turns: PollSemaphore,
}

impl<F> InTurn<F> {
    /// Wraps a future.
    pub fn new(work: F) -> Self {
        Self::among(&TURNS, work)
    }

    fn among(turns: &Arc<Semaphore>, work: F) -> Self {
        Self {
            work: Apart::new(work),
            turns: PollSemaphore::new(Arc::clone(turns)),
        }
    }
}

impl<F: Future> Future for InTurn<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // The semaphore is never closed.
        let _turn = ready!(self.turns.poll_acquire(cx));
        Pin::new(&mut self.work).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Sender, sync_channel};
    use std::time::Duration;

    use futures_util::{StreamExt as _, stream};

    use super::*;

    /// Longer than another task needs to run, if it can.
    const SOON: Duration = Duration::from_millis(500);
    /// Longer than any test.
    const LATE: Duration = Duration::from_secs(60);

    /// Work that keeps its thread until another task of the same runtime has run: whether one did in time.
    fn work(time_max: Duration) -> bool {
        let (tell, told) = sync_channel(1);
        tokio::spawn(async move { tell.send(()) });
        told.recv_timeout(time_max).is_ok()
    }

    fn with_one_worker(check: impl Future<Output = bool> + Send + 'static) -> bool {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { tokio::spawn(check).await.unwrap() })
    }

    #[test]
    fn other_tasks_run_while_a_future_a_stream_or_a_step_works() {
        assert!(with_one_worker(Apart::new(async { work(LATE) })));
        assert!(with_one_worker(async { aside(|| work(LATE)) }), "a step of its own");
        assert!(
            with_one_worker(Apart::new(async {
                tokio::task::yield_now().await;
                work(LATE) && aside(|| work(LATE))
            })),
            "behind a wait, and within it once more"
        );
        assert!(with_one_worker(async {
            let mut steps = Apart::new(stream::iter(0..3).map(|_| work(LATE)));
            let mut done = 0;
            while steps.next().await == Some(true) {
                done += 1;
            }
            done == 3
        }));
        assert!(
            !with_one_worker(async { work(SOON) }),
            "the control: the only worker is at work"
        );
    }

    /// Eight exports of two tasks each had 16 threads at work on two processors (SM7).
    #[test]
    fn no_more_steps_run_at_once_than_there_are_turns() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let most = |run: fn(&Arc<Semaphore>, Steps) -> tokio::task::JoinHandle<()>| {
            let (turns, at_work) = (
                Arc::new(Semaphore::new(2)),
                Arc::new([const { AtomicUsize::new(0) }; 2]),
            );
            runtime.block_on(async {
                let steps = (0..8).map(|_| run(&turns, Box::pin(steps(Arc::clone(&at_work)))));
                futures_util::future::join_all(steps).await
            });
            at_work[1].load(Ordering::SeqCst)
        };
        assert!(most(|turns, steps| tokio::spawn(InTurn::among(turns, steps))) <= 2);
        assert!(most(|_, steps| tokio::spawn(Apart::new(steps))) > 2, "the control");
    }

    type Steps = Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Works in steps, and counts how many do so at once, and the most that ever did.
    async fn steps(at_work: Arc<[AtomicUsize; 2]>) {
        for _ in 0..20 {
            let now = at_work[0].fetch_add(1, Ordering::SeqCst) + 1;
            at_work[1].fetch_max(now, Ordering::SeqCst);
            let (_tell, told) = sync_channel::<()>(0);
            let _ = told.recv_timeout(Duration::from_millis(2));
            at_work[0].fetch_sub(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_runtime_with_one_thread_works_all_the_same() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let say = |tell: &Sender<u32>| tell.send(7).is_ok();
        assert!(runtime.block_on(Apart::new(async { say(&tell) })) && aside(|| told.recv()) == Ok(7));
    }
}
