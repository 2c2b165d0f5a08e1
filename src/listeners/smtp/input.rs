//! Bytes from a peer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Most bytes that one read returns.
pub(super) const READ_BYTES: usize = 64 << 10;

thread_local! {
    /// The buffer of every read on this thread. Thousands of connections wait for their peers, and none of them holds a buffer.
    static LANDING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Waits for the peer and returns what it sent, at most [`READ_BYTES`]; nothing at the end. Dropping the future loses
/// nothing.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    poll_fn(|cx| {
        LANDING.with_borrow_mut(|landing| {
            landing.resize(READ_BYTES, 0);
            let mut read = ReadBuf::new(landing);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))?;
            Poll::Ready(Ok(read.filled().to_vec()))
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn input_is_whole_and_in_order_and_ends_empty() {
        let (mut ours, mut theirs) = tokio::io::duplex(3 * READ_BYTES);
        let sent: Vec<u8> = (0..2 * READ_BYTES + 17)
            .map(|nth| nth.to_le_bytes()[0] ^ 0x5a)
            .collect();
        theirs.write_all(&sent).await.unwrap();
        drop(theirs);
        let (mut received, mut lengths) = (Vec::new(), Vec::new());
        loop {
            let bytes = read(&mut ours).await.unwrap();
            if bytes.is_empty() {
                break;
            }
            // Exactly what came is held.
            assert_eq!(bytes.capacity(), bytes.len());
            lengths.push(bytes.len());
            received.extend(bytes);
        }
        assert_eq!(received, sent);
        assert_eq!(lengths, [READ_BYTES, READ_BYTES, 17]);
    }

    #[tokio::test]
    async fn a_read_that_is_given_up_loses_nothing() {
        let (mut ours, mut theirs) = tokio::io::duplex(READ_BYTES);
        tokio::select! {
            biased;
            _ = read(&mut ours) => unreachable!("nothing was sent"),
            () = std::future::ready(()) => {}
        }
        theirs.write_all(b"MAIL").await.unwrap();
        assert_eq!(read(&mut ours).await.unwrap(), b"MAIL");
    }
}
