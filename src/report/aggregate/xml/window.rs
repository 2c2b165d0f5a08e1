//! A sliding window over the text of a report: the buffer below the tokenizer.
//!
//! It counts bytes, so that every oddity can be given its offset, and it bounds a single token: whatever the
//! tokenizer would have to gather beyond `token_bytes_max` ends in an error instead of in memory.

use super::plain;
use std::io::{self, BufRead, Read};

/// How many bytes one read asks for. Two windows fit in the second-level cache of one core.
const WINDOW_BYTES: usize = 128 * 1024;

/// Longest run of white space. Reports with 20 MB of it occur (row 47 of the deviations).
pub(super) const SPACE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Why the window could give no more.
#[derive(Debug)]
pub(crate) enum WindowError {
    /// The reader's own error.
    Read(io::Error),
    /// One token is larger than allowed.
    TokenTooLarge,
    /// More white space follows than is skipped.
    SpaceTooLong,
}

/// See the module's comment.
pub(crate) struct Window<'a> {
    inner: Box<dyn Read + 'a>,
    /// Bytes `start..end` wait to be read; the bytes before `start` are still there until the next read.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Offset in the text of `buffer[0]`.
    base: u64,
    ended: bool,
    /// The reader failed: what it gave before is still read, then this is said.
    failed: Option<io::Error>,
    token_bytes_max: usize,
    token_bytes: usize,
    /// Set together with the error that the tokenizer is given, which is a dummy.
    error: Option<WindowError>,
}

impl<'a> Window<'a> {
    /// A window at the start of `inner`, working in `buffer`, whose content does not matter.
    pub(crate) fn new(inner: Box<dyn Read + 'a>, mut buffer: Vec<u8>, token_bytes_max: usize) -> Self {
        if buffer.len() < WINDOW_BYTES {
            buffer.resize(WINDOW_BYTES, 0);
        }
        Self {
            inner,
            buffer,
            start: 0,
            end: 0,
            base: 0,
            ended: false,
            failed: None,
            token_bytes_max,
            token_bytes: 0,
            error: None,
        }
    }

    /// Gives the buffer back for the next text.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// What is there without reading.
    pub(crate) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The bytes from offset `from` to offset `to`, if all of them are still in the buffer.
    pub(crate) fn slice(&self, from: u64, to: u64) -> Option<&[u8]> {
        let from = usize::try_from(from.checked_sub(self.base)?).ok()?;
        let to = usize::try_from(to.checked_sub(self.base)?).ok()?;
        self.buffer[..self.end].get(from..to)
    }

    /// Consumes `len` buffered bytes. Returns `keep` of them, after the first `skip`.
    pub(crate) fn take(&mut self, skip: usize, keep: usize, len: usize) -> &[u8] {
        let from = self.start + skip;
        self.start = (self.start + len).min(self.end);
        &self.buffer[from..from + keep]
    }

    /// Skips buffered bytes without giving them to anyone.
    pub(crate) fn advance(&mut self, len: usize) {
        self.start = (self.start + len).min(self.end);
    }

    /// Skips XML white space (production S), reading on where needed, up to [`SPACE_BYTES_MAX`].
    #[inline]
    pub(crate) fn skip_space(&mut self) -> Result<(), WindowError> {
        let rest = &self.buffer[self.start..self.end];
        let len = plain::space_len(rest);
        let found = len < rest.len();
        self.start += len;
        match found {
            true => Ok(()),
            false => self.skip_more_space(len),
        }
    }

    /// Skips white space beyond the window, after `len` bytes were skipped within it.
    fn skip_more_space(&mut self, mut len: usize) -> Result<(), WindowError> {
        loop {
            if len > SPACE_BYTES_MAX {
                return Err(WindowError::SpaceTooLong);
            }
            if self.start < self.end {
                return Ok(());
            }
            if self.ended {
                return self.end_well();
            }
            self.read_more();
            let more = plain::space_len(&self.buffer[self.start..self.end]);
            self.start += more;
            len += more;
        }
    }

    /// Reads until `len` bytes are buffered or the text ends. `len` is capped at half the window, so that moving
    /// the rest to the front stays cheaper than reading.
    pub(crate) fn ensure(&mut self, len: usize) -> Result<(), WindowError> {
        let len = len.min(WINDOW_BYTES / 2);
        while self.end - self.start < len && !self.ended {
            self.read_more();
        }
        self.end_well()
    }

    /// Starts the budget of the next token.
    pub(crate) fn begin_token(&mut self) {
        self.token_bytes = 0;
    }

    /// The error behind the dummy error that the tokenizer was given.
    pub(crate) fn take_error(&mut self) -> Option<WindowError> {
        self.error.take()
    }

    fn end_well(&mut self) -> Result<(), WindowError> {
        match self.failed.take_if(|_| self.start == self.end) {
            Some(error) => Err(WindowError::Read(error)),
            None => Ok(()),
        }
    }

    fn read_more(&mut self) {
        // Move the rest to the front only when the back is used up: each byte is moved a bounded number of times.
        if self.start == self.end || self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.end -= self.start;
            self.start = 0;
        }
        loop {
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(len) => self.end += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.ended = true;
                    self.failed = Some(error);
                }
            }
            return;
        }
    }
}

impl Read for Window<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let len = available.len().min(out.len());
        out[..len].copy_from_slice(&available[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl BufRead for Window<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.token_bytes > self.token_bytes_max {
            self.error = Some(WindowError::TokenTooLarge);
            return Err(io::Error::other("token too large"));
        }
        if self.start == self.end && !self.ended {
            self.read_more();
        }
        if let Err(error) = self.end_well() {
            self.error = Some(error);
            return Err(io::Error::other("text could not be read"));
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, len: usize) {
        self.token_bytes += len;
        self.advance(len);
    }
}
