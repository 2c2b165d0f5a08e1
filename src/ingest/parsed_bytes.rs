//! The memory of what is parsed and not yet written.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What parsed messages take in memory until they are written: a few kilobytes of mail may unfold to hundreds of
/// megabytes, so counting messages, or their bytes, is not enough.
pub(super) struct ParsedBytes {
    taken: AtomicUsize,
    /// The total of all batches.
    pub all: Arc<AtomicUsize>,
}

impl ParsedBytes {
    pub fn new(all: &Arc<AtomicUsize>) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            all: Arc::clone(all),
        }
    }

    pub fn take(&self, bytes: usize) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What is taken.
    pub fn bytes(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub fn absorb(&mut self, mut other: Self) {
        *self.taken.get_mut() += std::mem::take(other.taken.get_mut());
    }
}

impl Drop for ParsedBytes {
    fn drop(&mut self) {
        self.all.fetch_sub(*self.taken.get_mut(), Ordering::Relaxed);
    }
}
