//! Any bytes as a message: every text that is found is read to its end.

#![no_main]

use std::cell::Cell;
use std::io::Read as _;

use libfuzzer_sys::fuzz_target;
use tallymark::unpack::{Limits, unpack};

fuzz_target!(|message: &[u8]| {
    let limits = Limits {
        xml_bytes_max: 1 << 20,
        inflated_bytes_max: 8 << 20,
        ..Limits::default()
    };
    // A bound on time that does not depend on the machine.
    let steps = Cell::new(0_u32);
    let stop = || {
        steps.set(steps.get() + 1);
        steps.get() > 20_000
    };
    let mut texts = 0;
    let unpacked = unpack(message, &limits, &stop, &mut |text| {
        texts += 1;
        let Ok(reader) = text.open() else { return };
        let mut read = Vec::new();
        // Fails where a limit or the archive says so.
        let _ = reader.take(limits.xml_bytes_max + 2).read_to_end(&mut read);
        // UTF-16 and single-byte charsets grow when they become UTF-8.
        assert!(read.len() as u64 <= limits.xml_bytes_max);
        let _ = (text.leaf(), text.file_name(), text.damage());
    });
    assert_eq!(unpacked.texts, texts);
});
