//! Numbers, texts and the compressed part of a network table.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

/// How a table begins.
pub(super) const MAGIC: &[u8] = b"TMNETS1\n";
/// Longest text of the origin, in bytes.
pub(super) const SOURCE_BYTES_MAX: usize = 1_024;
/// Longest inflated table, in bytes: ten times ours.
const INFLATED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Reads from bytes, front to back; `None` where they end or cannot be what is asked for.
pub(super) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// An unsigned LEB128 number.
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if bits.checked_shl(shift)? >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number of things that take a byte each, or more.
    pub fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    pub fn take(&mut self, bytes: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    /// A text behind its length.
    pub fn text(&mut self, bytes_max: usize) -> Option<&'b str> {
        let bytes = self.count()?;
        let text = self.take(bytes)?;
        std::str::from_utf8(text).ok().filter(|text| text.len() <= bytes_max)
    }

    /// All that was not read.
    pub fn rest(&self) -> &'b [u8] {
        self.0
    }
}

pub(super) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

pub(super) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// The whole of a zlib stream.
pub(super) fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut inflated = Vec::new();
    let mut decoder = ZlibDecoder::new(bytes).take(INFLATED_BYTES_MAX);
    decoder.read_to_end(&mut inflated).ok()?;
    ((inflated.len() as u64) < INFLATED_BYTES_MAX).then_some(inflated)
}

pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail")
}
