//! What becomes of memory that is freed.
//!
//! The C library keeps what was freed below anything that is still in use: after ten thousand connections hundreds of
//! megabytes stay with a process that uses few. Only `malloc_trim` gives them back.
//!
//! Of the rest it guesses what to keep from the blocks that were freed so far. After one large mail it keeps the next, and
//! before it a question about a month costs a third more, because each gives its pages back and takes them again.

use std::time::Duration;

use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::{MissedTickBehavior, interval};

/// Between looks.
const EVERY: Duration = Duration::from_secs(10);
/// With less than this, bytes, nothing is worth giving back: it would only be taken again.
const KEPT_BYTES: u64 = 64 << 20;
/// Processor time within [`EVERY`] above which the process is busy: what it has freed it is about to need.
const BUSY: Duration = Duration::from_secs(2);

/// Freed memory that each thread's heap keeps at its end for the next question, bytes.
#[cfg(target_env = "gnu")]
const KEPT_AT_END_BYTES: std::ffi::c_int = 16 << 20;
/// A block from this size on is taken from the system and goes back when it is freed, bytes.
#[cfg(target_env = "gnu")]
const OWN_BYTES_MIN: std::ffi::c_int = 4 << 20;

/// Sets what is kept of the memory that is freed. To be called before there are threads.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the only way to reach the C library's function")]
pub fn set_up() {
    const M_TRIM_THRESHOLD: std::ffi::c_int = -1;
    const M_MMAP_THRESHOLD: std::ffi::c_int = -3;
    unsafe extern "C" {
        fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
    }
    // SAFETY: it takes numbers and no pointer, and touches no memory that is in use. It fails only for values that are out of
    // range, and then the C library goes on guessing.
    unsafe {
        mallopt(M_TRIM_THRESHOLD, KEPT_AT_END_BYTES);
        mallopt(M_MMAP_THRESHOLD, OWN_BYTES_MIN);
    }
}

/// Other C libraries have nothing to set.
#[cfg(not(target_env = "gnu"))]
pub fn set_up() {}

/// Gives memory back whenever the process has more than it needs and little to do. Never ends.
pub async fn keep_small() {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut spent = processor_time();
    loop {
        ticks.tick().await;
        let now = processor_time();
        let is_busy = now.saturating_sub(spent) > BUSY;
        spent = now;
        let before = resident_bytes();
        // Again each time: connections that end one by one leave pages after any one look.
        if is_busy || before < KEPT_BYTES {
            continue;
        }
        if tokio::task::spawn_blocking(trim).await.is_err() {
            return;
        }
        tracing::debug!(before, after = resident_bytes(), "memory was given back to the system");
    }
}

/// Memory of this process that is in use or kept, bytes; 0 where the system does not say.
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages * page_size() as u64
}

/// Processor time of all threads since the process began.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Gives every free page back.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the only way to reach the C library's function")]
fn trim() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> std::ffi::c_int;
    }
    // SAFETY: it takes a number and no pointer, may be called from any thread at any time, and touches no memory that is
    // in use.
    unsafe {
        malloc_trim(0);
    }
}

/// Other C libraries give memory back by themselves.
#[cfg(not(target_env = "gnu"))]
fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it is, the C library keeps the second: it has learned from the first.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_large_block_is_returned_every_time() {
        const BLOCK: usize = 24 << 20;
        set_up();
        for nth in 0..3 {
            let before = resident_bytes();
            let block = vec![1_u8; BLOCK];
            let in_use = vec![2_u8; 8 << 10];
            let with = resident_bytes();
            drop(block);
            let after = resident_bytes();
            assert_eq!(in_use.len(), 8 << 10);
            assert!(with > before + BLOCK as u64 / 2, "{nth}: {before}, {with}");
            assert!(after + BLOCK as u64 / 2 < with, "{nth}: {with}, {after}");
        }
    }

    /// Without trimming the same pages stay: a block in use is above them.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn memory_freed_below_a_used_block_is_returned() {
        const BLOCK: usize = 8 << 10;
        let blocks: Vec<Vec<u8>> = (0..16_000).map(|_| vec![1; BLOCK]).collect();
        let in_use = vec![2_u8; BLOCK];
        let peak = resident_bytes();
        drop(blocks);
        let kept = resident_bytes();
        trim();
        let after = resident_bytes();
        assert_eq!(in_use.len(), BLOCK);
        let all = 16_000 * BLOCK as u64;
        assert!(kept + all / 4 > peak, "the C library has kept it: {peak}, {kept}");
        assert!(after + all / 2 < peak, "{peak}, {kept}, {after}");
    }
}
