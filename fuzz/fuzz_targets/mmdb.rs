//! Any bytes as an operator's network table: reading them takes time by the limits, whatever the file says of itself.

#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tallymark::base::clock::Clock;
use tallymark::enrich::{MmdbLimits, Networks};

/// Small enough that an input is done in some milliseconds.
const LIMITS: MmdbLimits = MmdbLimits {
    steps_max: 1_000_000,
    bounds_max: 100_000,
    systems_max: 10_000,
};

fuzz_target!(|bytes: &[u8]| {
    let clock = Clock::system();
    let began = clock.thread_time();
    if let Ok(networks) = Networks::from_mmdb(bytes, LIMITS) {
        for part in 0..=255 {
            networks.facts(Ipv4Addr::new(part, part, part, part).into());
            networks.facts(Ipv6Addr::from_bits(u128::from(part) << 120).into());
        }
    }
    let took = clock.thread_time() - began;
    assert!(took < Duration::from_secs(1), "{took:?} for {} bytes", bytes.len());
});
