//! The encoding below the keys of all kinds of reports: numbers in fixed width, texts and lists with their length before
//! them, hashed with SHA-256 and cut to 128 bits.

use sha2::{Digest, Sha256};

/// Collects small writes before they go to the hash: one call a field would cost more than the hashing.
pub(super) struct Encoder {
    hash: Sha256,
    buffer: [u8; Self::BUFFER_BYTES],
    used: usize,
}

impl Encoder {
    /// Bytes that are gathered before they are hashed.
    pub const BUFFER_BYTES: usize = 4096;

    /// An encoder whose input begins with a prefix, which names the key and its version.
    pub fn new(prefix: &[u8]) -> Self {
        let mut encoder = Self {
            hash: Sha256::new(),
            buffer: [0; Self::BUFFER_BYTES],
            used: 0,
        };
        encoder.length(prefix.len());
        encoder.bytes(prefix);
        encoder
    }

    /// The first 16 bytes of the hash.
    pub fn finish(mut self) -> [u8; 16] {
        self.flush();
        let digest: [u8; 32] = self.hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        key
    }

    fn flush(&mut self) {
        self.hash.update(&self.buffer[..self.used]);
        self.used = 0;
    }

    /// Adds bytes whose number is known.
    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.used + bytes.len() > Self::BUFFER_BYTES {
            self.flush();
            if bytes.len() > Self::BUFFER_BYTES {
                self.hash.update(bytes);
                return;
            }
        }
        self.buffer[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    /// Adds one byte.
    pub fn byte(&mut self, byte: u8) {
        self.bytes(&[byte]);
    }

    /// Adds the length of a text or a list.
    pub fn length(&mut self, length: usize) {
        self.bytes(&(length as u64).to_le_bytes());
    }

    /// Adds a text with its length.
    pub fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes(text.as_bytes());
    }

    /// Adds a text that may be missing.
    pub fn text_option(&mut self, text: Option<&str>) {
        self.byte(text.is_some().into());
        if let Some(text) = text {
            self.text(text);
        }
    }
}
