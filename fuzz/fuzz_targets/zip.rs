//! Any bytes as a zip archive: finding and reading its files takes time by its length, whatever it says of itself.

#![no_main]

mod bounds;

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tallymark::base::clock::Clock;
use tallymark::unpack::unpack;

fuzz_target!(|archive: &[u8]| {
    // What follows is the format by these four bytes.
    let message = [b"PK\x03\x04", archive].concat();
    let clock = Clock::system();
    let began = clock.thread_time();
    unpack(&message, &bounds::limits(), &bounds::steps(), &mut |text| {
        let _ = text.open().map(|mut reader| std::io::copy(&mut reader, &mut std::io::sink()));
    });
    let took = clock.thread_time() - began;
    // 8 MiB are inflated in some milliseconds; the sanitizer makes them many.
    assert!(took < Duration::from_millis(500), "{took:?} for {} bytes", message.len());
});
