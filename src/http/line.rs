//! The line to a client. While an answer is made, the thread that makes it can ask whether the client is still there.

use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A client's connection, in the extensions of each request that came over it. Cheap to clone. Only one clone reads and
/// writes.
#[derive(Debug, Clone)]
pub struct Line(Arc<TcpStream>);

impl Line {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }

    /// Whether the client has closed its side. While another request waits to be read, this is false: the system reports the
    /// end only behind it.
    pub(super) fn is_closed(&self) -> bool {
        match SockRef::from(&*self.0).peek(&mut [MaybeUninit::uninit()]) {
            Ok(bytes) => bytes == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    /// Writes when the system has room for it.
    fn write(&self, cx: &mut Context<'_>, write: impl Fn(&TcpStream) -> io::Result<usize>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match write(&self.0) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read_buf(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(drop)),
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream| stream.try_write_vectored(pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Line, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (ours, _) = listener.accept().await.unwrap();
        (Line::new(ours), theirs)
    }

    #[tokio::test]
    async fn it_is_closed_when_the_client_has_gone() {
        let (mut ours, mut theirs) = pair().await;
        assert!(!ours.is_closed(), "nothing came yet");
        theirs.write_all(b"ab").await.unwrap();
        ours.0.readable().await.unwrap();
        assert!(!ours.is_closed(), "a request waits");
        let mut read = [0; 2];
        ours.read_exact(&mut read).await.unwrap();
        assert!(!ours.is_closed() && read == *b"ab", "looking took nothing away");
        drop(theirs);
        assert_eq!(ours.read(&mut read).await.unwrap(), 0);
        assert!(ours.is_closed());

        let (ours, theirs) = pair().await;
        socket2::SockRef::from(&theirs)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
        drop(theirs);
        ours.0.readable().await.unwrap();
        assert!(ours.is_closed(), "a connection that was reset");
    }

    #[tokio::test]
    async fn more_than_the_system_buffers_arrives_whole() {
        let (mut ours, mut theirs) = pair().await;
        let sent: Vec<u8> = (0..8 << 20)
            .map(|nth: u32| nth.to_le_bytes()[nth as usize % 3])
            .collect();
        let expect = sent.clone();
        let writing = tokio::spawn(async move {
            ours.write_all(&sent).await.unwrap();
            ours.shutdown().await.unwrap();
            let mut answer = Vec::new();
            ours.read_to_end(&mut answer).await.unwrap();
            answer
        });
        let mut got = Vec::new();
        theirs.read_to_end(&mut got).await.unwrap();
        assert!(got == expect);
        theirs.write_all(&got).await.unwrap();
        theirs.shutdown().await.unwrap();
        assert!(writing.await.unwrap() == expect);
    }
}
