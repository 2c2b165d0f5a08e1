//! Any bytes as a report's text: what is read is the same the second time.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tallymark::report::aggregate::{ContentKey, Limits, Reporter, parse};

fuzz_target!(|text: &[u8]| {
    let limits = Limits::default();
    let again = || parse(&mut || Ok(text), None, &limits);
    match (again(), again()) {
        (Ok(one), Ok(two)) => {
            assert_eq!(one.report, two.report);
            let reporter = Reporter::from_metadata(&one.report.metadata);
            assert!(ContentKey::new(&reporter, &one.report) == ContentKey::new(&reporter, &two.report));
            for record in &one.report.records {
                assert!((record.evidence as usize) < one.report.evidence.len());
                let _ = one.report.verdict(record);
            }
        }
        (Err(one), Err(two)) => assert_eq!(one.to_string(), two.to_string()),
        _ => panic!("not the same twice"),
    }
});
