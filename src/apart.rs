//! Slow work off the runtime's workers: there is one worker per processor, and all other answers wait for a worker.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::runtime::{Handle, RuntimeFlavor};

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

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_runtime_with_one_thread_works_all_the_same() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let say = |tell: &Sender<u32>| tell.send(7).is_ok();
        assert!(runtime.block_on(Apart::new(async { say(&tell) })) && aside(|| told.recv()) == Ok(7));
    }
}
