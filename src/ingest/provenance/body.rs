//! The hashes of a mail's body that its signatures are compared with.
//!
//! The library hashes the body once for each combination of algorithm and canonicalization that any signature names, and
//! hands each line and each gap to the hash by itself. Here the body is hashed for chosen signatures only, once for each
//! canonicalization: twice at most, with SHA-256, in large pieces.

use mail_auth::common::crypto::{HashAlgorithm, HashContext, HashImpl, HashOutput, Sha256};
use mail_auth::common::headers::Writer;
use mail_auth::dkim::Canonicalization;
use mail_auth::dkim::canonicalize::BodyHasher;

/// Bytes that are collected before they are hashed.
const PIECE_BYTES: usize = 16 * 1024;

/// A hash of the body, as the library looks it up: canonicalization, algorithm, length (0: all of it), hash.
pub(super) type BodyHash = (Canonicalization, HashAlgorithm, u64, Vec<u8>);

/// The hashes of a body for these canonicalizations, each once, and how many bytes of the body were read for them.
pub(super) fn hashes(body: &[u8], wanted: impl Iterator<Item = Canonicalization>) -> (Vec<BodyHash>, u64) {
    let (mut hashes, mut read) = (Vec::<BodyHash>::new(), 0);
    for canonicalization in wanted {
        if hashes.iter().any(|(known, ..)| *known == canonicalization) {
            continue;
        }
        let mut hasher = BodyHasher::new(Pieces::new(), canonicalization, 0);
        hasher.write(body);
        let (pieces, bytes) = hasher.finish();
        read += bytes;
        let hash = pieces.complete().as_ref().to_vec();
        hashes.push((canonicalization, HashAlgorithm::Sha256, 0, hash));
    }
    (hashes, read)
}

/// SHA-256 that takes small writes together.
struct Pieces {
    hash: <Sha256 as HashImpl>::Context,
    waiting: Vec<u8>,
}

impl Pieces {
    fn new() -> Self {
        Self {
            hash: Sha256::hasher(),
            waiting: Vec::new(),
        }
    }

    fn hash_waiting(&mut self) {
        self.hash.write(&self.waiting);
        self.waiting.clear();
    }
}

impl Writer for Pieces {
    fn write(&mut self, bytes: &[u8]) {
        if self.waiting.len() + bytes.len() > PIECE_BYTES {
            self.hash_waiting();
        }
        match bytes.len() >= PIECE_BYTES {
            true => self.hash.write(bytes),
            false => self.waiting.extend_from_slice(bytes),
        }
    }
}

impl HashContext for Pieces {
    fn complete(mut self) -> HashOutput {
        self.hash_waiting();
        self.hash.complete()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Canonicalization; 2] = [Canonicalization::Simple, Canonicalization::Relaxed];

    #[test]
    fn hashes_are_those_of_the_library() {
        let long = "x".repeat(2 * PIECE_BYTES);
        let bodies = [
            "",
            "\r\n",
            "\n",
            "a",
            "a \t b  \r\n\r\n\r\n",
            " \r\n \r\n",
            "a\rb\nc\r\n\r\nd",
            "\t\r\n\r\nx\r\n ",
            &long,
            &format!("{long}\r\n  {long} \r\n\r\n"),
            &"a  b\n".repeat(10_000),
        ];
        for body in bodies {
            let (found, read) = hashes(body.as_bytes(), BOTH.into_iter());
            assert_eq!(read, 2 * body.len() as u64);
            for (canonicalization, algorithm, length, hash) in found {
                let expect = algorithm.hash(canonicalization.canonical_body(body.as_bytes(), length));
                let about = &body[..body.len().min(20)];
                assert_eq!(hash, expect.as_ref(), "{canonicalization:?} {about:?} {}", body.len());
            }
        }
    }

    #[test]
    fn a_body_is_hashed_once_for_each_canonicalization() {
        let body = vec![b'a'; 100_000];
        let many = (0..1_000).map(|nth| BOTH[nth % 2]);
        let (found, read) = hashes(&body, many);
        assert_eq!((found.len(), read), (2, 200_000));
        let (found, read) = hashes(&body, std::iter::empty());
        assert_eq!((found.len(), read), (0, 0));
    }
}
