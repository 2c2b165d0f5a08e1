//! What a message costs, counted: memory, processor time, steps. The oracle of the hostile messages.
//!
//! Memory is counted by the allocator of the program that includes this, for the whole process; so one message is weighed
//! at a time.

#![allow(dead_code, reason = "each user takes its part")]

use std::time::Duration;

use peak_alloc::PeakAlloc;
use tallymark::base::Authenticated;
use tallymark::base::clock::Clock;
use tallymark::enrich::{MmdbLimits, Networks};
use tallymark::ingest::{Context, ProcessLimits, process_as};
use tallymark::store::{Acceptance, NewFailure, NewReport, NewTlsReport};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What it took to read one message and to work out its sums.
#[derive(Debug, Clone)]
pub struct Spent {
    /// Most bytes that were allocated at one time, beyond those before.
    pub memory_bytes: usize,
    /// Of this thread.
    pub processor: Duration,
    /// Of any kind.
    pub reports: usize,
    pub records: usize,
    /// The stable words of what is wrong with it.
    pub reasons: Vec<&'static str>,
}

/// Buffers that a thread keeps from one message to the next, and what is allocated for a message of any kind, bytes.
pub const FIXED_BYTES: usize = 12 << 20;

/// Reads one message, as mail to an address for reports.
pub fn weigh(clock: &Clock, message: &[u8], limits: &ProcessLimits) -> Spent {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let began = clock.thread_time();
    let processed = process_as(Context::ReportAddress, clock, message, limits);
    let reasons = processed.problems.iter().map(|problem| problem.reason).collect();
    let (mut reports, mut records) = (Vec::new(), 0);
    let tls_reports = processed.tls_reports.into_iter();
    let tls_reports =
        tls_reports.map(|found| NewTlsReport::new(found.parsed, Authenticated::Unknown, Acceptance::Open));
    let tls_reports: Vec<_> = tls_reports.collect();
    let failure = processed.failure.map(|parsed| NewFailure::new(parsed, None));
    for found in processed.reports {
        records += found.parsed.report.records.len();
        reports.push(NewReport::new(found.parsed, Authenticated::Unknown));
    }
    Spent {
        memory_bytes: MEMORY.peak_usage().saturating_sub(before),
        processor: clock.thread_time() - began,
        reports: reports.len() + tls_reports.len() + usize::from(failure.is_some()),
        records,
        reasons,
    }
}

/// Reads a network table; one that is read counts as a report.
pub fn weigh_networks(clock: &Clock, bytes: &[u8]) -> Spent {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let began = clock.thread_time();
    let read = Networks::from_mmdb(bytes, MmdbLimits::default());
    Spent {
        memory_bytes: MEMORY.peak_usage().saturating_sub(before),
        processor: clock.thread_time() - began,
        reports: usize::from(read.is_ok()),
        records: 0,
        reasons: Vec::new(),
    }
}
