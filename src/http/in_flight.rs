//! Answers that are made and not yet read, counted in bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::response::Response;
use futures_util::TryStreamExt as _;

/// A shorter piece of an answer is not counted: a connection has one at a time.
const COUNTED_BYTES_MIN: usize = 16 * 1024;

/// The answers of one account, or to one address, that have not been written to their connections yet. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct InFlight(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    bytes: AtomicUsize,
    bytes_max: usize,
}

/// Counts as long as it is there.
struct Held {
    bytes: Bytes,
    of: InFlight,
}

impl InFlight {
    pub(super) fn new(bytes_max: usize) -> Self {
        let bytes = AtomicUsize::new(0);
        Self(Arc::new(Counted { bytes, bytes_max }))
    }

    /// Whether those that are on their way must be read first. How large an answer is shows when it is made: the last
    /// that is let in may go beyond the limit.
    pub(super) fn is_full(&self) -> bool {
        self.bytes() >= self.0.bytes_max
    }

    /// Bytes of answers that are on their way.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Returns the answer, counted until it is written.
    pub(super) async fn count(&self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        let body = match body.size_hint().exact() {
            Some(bytes) if bytes < COUNTED_BYTES_MIN as u64 => body,
            Some(_) => match to_bytes(body, usize::MAX).await {
                Ok(bytes) => Body::from(self.hold(bytes)),
                // Only bodies that are there as a whole have an exact length, and these do not fail.
                Err(error) => Body::from_stream(futures_util::stream::once(async { Err::<Bytes, _>(error) })),
            },
            None => {
                let of = self.clone();
                Body::from_stream(body.into_data_stream().map_ok(move |bytes| of.hold(bytes)))
            }
        };
        Response::from_parts(parts, body)
    }

    fn hold(&self, bytes: Bytes) -> Bytes {
        if bytes.len() < COUNTED_BYTES_MIN {
            return bytes;
        }
        self.0.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        Bytes::from_owner(Held {
            bytes,
            of: self.clone(),
        })
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.0.bytes.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn an_answer_counts_until_its_bytes_are_gone() {
        let answers = InFlight::new(100_000);
        let whole = |bytes: usize| Response::new(Body::from(vec![b'x'; bytes]));
        let small = answers.count(whole(100)).await;
        assert_eq!(answers.bytes(), 0, "not worth counting");
        drop(small);
        let large = answers.count(whole(60_000)).await;
        assert_eq!(large.body().size_hint().exact(), Some(60_000), "its length stays known");
        let piece = large.into_body().into_data_stream().next().await.unwrap().unwrap();
        assert_eq!((answers.bytes(), answers.is_full()), (60_000, false));
        let other = answers.count(whole(50_000)).await;
        assert!(answers.is_full());
        drop((piece, other));
        assert_eq!(answers.bytes(), 0);
    }

    #[tokio::test]
    async fn a_stream_counts_piece_by_piece() {
        let answers = InFlight::new(1);
        let pieces = (0..3).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![0; 20_000])));
        let response = Response::new(Body::from_stream(futures_util::stream::iter(pieces)));
        let mut pieces = answers.count(response).await.into_body().into_data_stream();
        for _ in 0..3 {
            assert_eq!(answers.bytes(), 0);
            let piece = pieces.next().await.unwrap().unwrap();
            assert_eq!((piece.len(), answers.bytes()), (20_000, 20_000));
        }
        assert!(pieces.next().await.is_none());
    }
}
