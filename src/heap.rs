//! Memory that a peak has left behind goes back to the system.
//!
//! The C library keeps what was freed below anything that is still in use: after ten thousand connections hundreds of
//! megabytes stay with a process that uses few. Only `malloc_trim` gives them back.

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
#[expect(
    unsafe_code,
    reason = "the only way to reach the C library's function, and the only unsafe code here"
)]
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
