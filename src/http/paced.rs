//! A connection that ends when its client reads next to nothing of an answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Duration, Sleep, sleep};

use super::seats::Seat;

/// Less than this in the time that a client has is taken for nothing, bytes.
const MOVED_BYTES_MIN: usize = 1_024;

/// A stream that says in its seat whom it waits for.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    seat: Arc<Seat>,
    stall_time_max: Duration,
    /// Runs while the client has not read what was written.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Bytes since it began to run.
    moved: usize,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, seat: Arc<Seat>, stall_time_max: Duration) -> Self {
        Self {
            stream,
            seat,
            stall_time_max,
            stalled: None,
            moved: 0,
        }
    }

    /// What a try to write gave, unless the client has had its time.
    fn written(&mut self, cx: &mut Context<'_>, tried: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match tried {
            Poll::Pending => {
                self.seat.waits();
                let time_max = self.stall_time_max;
                let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(time_max)));
                ready!(stalled.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Ready(Ok(bytes)) => {
                match self.stalled {
                    // Who is slow all the time waits all the time, as long as the answer takes.
                    Some(_) => {
                        self.moved = self.moved.saturating_add(bytes);
                        if self.moved >= MOVED_BYTES_MIN {
                            (self.stalled, self.moved) = (Some(Box::pin(sleep(self.stall_time_max))), 0);
                        }
                    }
                    None => self.seat.moves(),
                }
                Poll::Ready(Ok(bytes))
            }
            failed => failed,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_pending() && !this.seat.is_busy() {
            this.seat.waits();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let tried = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(cx, tried)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let tried = Pin::new(&mut this.stream).poll_write_vectored(cx, pieces);
        this.written(cx, tried)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Nothing is left to be written.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        if flushed.is_ready() && this.stalled.take().is_some() {
            this.moved = 0;
            this.seat.goes_on();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::super::seats::{ConnectionLimits, Seats};
    use super::*;
    use crate::base::clock::Clock;

    /// How long a client of these tests may do nothing, and a pause of one that is slow.
    const STALL: Duration = Duration::from_secs(1);
    const PAUSE: Duration = Duration::from_millis(100);

    /// A stream whose other side may have 4 KiB unread.
    fn pair() -> (Paced<DuplexStream>, DuplexStream) {
        let seats = Seats::new(ConnectionLimits::default(), Clock::fixed(0));
        let seated = seats.admit("192.0.2.1".parse().unwrap());
        let (ours, theirs) = duplex(4_096);
        (Paced::new(ours, Arc::clone(&seated.seat), STALL), theirs)
    }

    /// Reads `at_once` bytes at a time, up to `all`, with a pause before each. Returns the bytes read.
    async fn read_slowly(mut stream: DuplexStream, at_once: usize, all: usize) -> usize {
        let mut read = 0;
        let mut bytes = vec![0; at_once];
        while read < all {
            sleep(PAUSE).await;
            match stream.read(&mut bytes).await {
                Ok(0) | Err(_) => break,
                Ok(more) => read += more,
            }
        }
        read
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_left() {
        let (mut ours, _theirs) = pair();
        let error = ours.write_all(&[0; 10_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_reads_next_to_nothing_is_left_too() {
        let (mut ours, theirs) = pair();
        let reading = tokio::spawn(read_slowly(theirs, 10, 100_000));
        let error = ours.write_all(&[0; 10_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(ours);
        assert!(reading.await.unwrap() > 0);
    }

    #[tokio::test]
    async fn a_slow_client_has_all_the_time_that_it_needs() {
        let (mut ours, theirs) = pair();
        let reading = tokio::spawn(read_slowly(theirs, 1_500, 30_000));
        ours.write_all(&[0; 30_000]).await.unwrap();
        ours.flush().await.unwrap();
        assert!(ours.stalled.is_none(), "nothing is left that could be waited for");
        assert_eq!(reading.await.unwrap(), 30_000);
    }
}
