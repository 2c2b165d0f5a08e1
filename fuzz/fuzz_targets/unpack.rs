//! Any bytes as a message: every text that is found is read to its end.

#![no_main]

mod bounds;

use std::io::Read as _;

use libfuzzer_sys::fuzz_target;
use tallymark::unpack::unpack;

fuzz_target!(|message: &[u8]| {
    let limits = bounds::limits();
    let mut texts = 0;
    let unpacked = unpack(message, &limits, &bounds::steps(), &mut |text| {
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
