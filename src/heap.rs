//! What becomes of memory that is freed.
//!
//! The C library keeps what was freed below anything that is still in use: after ten thousand connections hundreds of
//! megabytes stay with a process that uses few. Only `malloc_trim` gives them back.
//!
//! The C library decides what else to keep from the sizes of the blocks freed so far. After one large mail it keeps the
//! next. Before that, a query over a month takes a third longer, because each returns its pages and takes them again.

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

/// Freed memory that each arena keeps at its end for the next query, bytes. `malloc_trim` does not reach it in the arenas of
/// threads, so this times [`ARENAS_PER_PROCESSOR`] stays with the process for each processor.
#[cfg(target_env = "gnu")]
const KEPT_AT_END_BYTES: std::ffi::c_int = 4 << 20;
#[cfg(target_env = "gnu")]
const ARENAS_PER_PROCESSOR: usize = 2;
/// Size from which a block is mapped by itself and returned when it is freed, bytes.
#[cfg(target_env = "gnu")]
const OWN_BYTES_MIN: std::ffi::c_int = 4 << 20;

/// Sets what the C library keeps of freed memory. The caller calls it before it starts threads.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the only way to reach the C library's function")]
pub fn set_up() {
    const M_TRIM_THRESHOLD: std::ffi::c_int = -1;
    const M_MMAP_THRESHOLD: std::ffi::c_int = -3;
    const M_ARENA_MAX: std::ffi::c_int = -8;
    unsafe extern "C" {
        fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
    }
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let arenas = std::ffi::c_int::try_from(ARENAS_PER_PROCESSOR * processors).unwrap_or(std::ffi::c_int::MAX);
    // SAFETY: it takes numbers and no pointer, and touches no memory that is in use. It returns 0 for a value out of range,
    // and sets nothing then.
    unsafe {
        mallopt(M_ARENA_MAX, arenas);
        // Either alone would end the C library's own decision and leave the other at a small value.
        if mallopt(M_MMAP_THRESHOLD, OWN_BYTES_MIN) == 1 {
            mallopt(M_TRIM_THRESHOLD, KEPT_AT_END_BYTES);
        }
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

/// Returns the free pages to the system, except those at the end of a thread's arena.
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
    use std::process::Command;

    use super::*;

    /// Runs a test in a process of its own, because it looks at the memory of the whole process.
    #[expect(clippy::disallowed_methods, reason = "the child is told that it is one")]
    fn alone(name: &str, test: fn()) {
        const IS_CHILD: &str = "TALLYMARK_HEAP_TEST";
        if std::env::var_os(IS_CHILD).is_some() {
            return test();
        }
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", &format!("heap::tests::{name}"), "--nocapture"])
            .env(IS_CHILD, "1");
        let run = child.output().unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(
            run.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }

    /// Without [`set_up`], the C library keeps later blocks, because the first raised its threshold.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn large_blocks_are_returned_every_time() {
        alone("large_blocks_are_returned_every_time", || {
            // Below 32 MiB: larger blocks are never kept.
            const BLOCK: usize = 24 << 20;
            const BLOCKS: usize = 4;
            set_up();
            for nth in 0..3 {
                let before = resident_bytes();
                let blocks = [1_u8; BLOCKS].map(|byte| vec![byte; BLOCK]);
                let in_use = vec![2_u8; 8 << 10];
                let with = resident_bytes();
                drop(blocks);
                let after = resident_bytes();
                assert_eq!(in_use.len(), 8 << 10);
                let most = (BLOCKS * BLOCK) as u64 / 2;
                assert!(with > before + most, "{nth}: {before}, {with}");
                assert!(after + most < with, "{nth}: {with}, {after}");
            }
        });
    }

    /// What stays at the ends of the threads' arenas, which trimming does not reach.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn threads_keep_little_at_the_ends_of_their_arenas() {
        alone("threads_keep_little_at_the_ends_of_their_arenas", || {
            const BLOCK: usize = 64 << 10;
            const THREADS: usize = 24;
            const BLOCKS: usize = 60;
            set_up();
            let before = resident_bytes();
            let filled = std::sync::Barrier::new(THREADS);
            let fill_and_free = |blocks| {
                let mut blocks: Vec<Vec<u8>> = (0..blocks).map(|_| vec![1; BLOCK]).collect();
                filled.wait();
                while blocks.pop().is_some() {}
            };
            // A small block that ends with its thread may be above all that was freed before; trimming then puts all of it at the
            // end. The next block that is freed there gives it back.
            for blocks in [BLOCKS, 1] {
                std::thread::scope(|scope| {
                    for _ in 0..THREADS {
                        scope.spawn(|| fill_and_free(blocks));
                    }
                });
                trim();
            }
            let all = (THREADS * BLOCKS * BLOCK) as u64;
            let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let kept = (ARENAS_PER_PROCESSOR * processors) as u64 * KEPT_AT_END_BYTES as u64;
            let after = resident_bytes();
            let for_threads = 16 << 20;
            assert!(
                after < before + kept.min(all) + for_threads,
                "{before}, {after}, at most {kept}"
            );
        });
    }

    /// Without trimming the same pages stay: a block in use is above them.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn memory_freed_below_a_used_block_is_returned() {
        alone("memory_freed_below_a_used_block_is_returned", || {
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
        });
    }
}
