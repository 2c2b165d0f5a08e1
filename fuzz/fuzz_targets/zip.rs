//! Any bytes as a zip archive: finding and reading its files takes time by its length, whatever it says of itself.

#![no_main]

use std::cell::Cell;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tallymark::clock::Clock;
use tallymark::unpack::{Limits, unpack};

fuzz_target!(|archive: &[u8]| {
    // What follows is the format by these four bytes.
    let message = [b"PK\x03\x04", archive].concat();
    let limits = Limits {
        xml_bytes_max: 1 << 20,
        inflated_bytes_max: 8 << 20,
        ..Limits::default()
    };
    let steps = Cell::new(0_u32);
    let stop = || {
        steps.set(steps.get() + 1);
        steps.get() > 20_000
    };
    let clock = Clock::system();
    let began = clock.thread_time();
    unpack(&message, &limits, &stop, &mut |text| {
        let _ = text.open().map(|mut reader| std::io::copy(&mut reader, &mut std::io::sink()));
    });
    let took = clock.thread_time() - began;
    // 8 MiB are inflated in some milliseconds; the sanitizer makes them many.
    assert!(took < Duration::from_millis(500), "{took:?} for {} bytes", message.len());
});
