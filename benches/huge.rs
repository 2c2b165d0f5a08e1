//! One report of 1,000,000 records (about 700 MB of XML) in one gzip: how long, and with how much memory.
//!
//! The report is written to a file first; then this program starts itself again to read it, so that the memory is that of
//! unpacking and parsing alone. `cargo bench --bench huge [-- RECORDS]`.

#![allow(clippy::disallowed_methods, reason = "a bench takes the time")]

mod support;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

use support::corpus::{self, Random};
use support::peak_mebibytes;
use tallymark::base::budget::CostLimits;
use tallymark::base::clock::Clock;
use tallymark::ingest::{ProcessLimits, process};

const READ: &str = "--read";

fn main() {
    tallymark::heap::set_up();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, path] = &arguments[..]
        && first == READ
    {
        return read(path);
    }
    let records = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let path = folder.path().join("huge.xml.gz");
    let file = BufWriter::new(File::create(&path).expect("a file"));
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    let mut random = Random(1);
    let mut bytes = 0;
    corpus::huge(records, &mut random, &mut |piece| {
        bytes += piece.len();
        packed.write_all(piece.as_bytes()).expect("room on the disk");
    });
    packed
        .finish()
        .and_then(|mut file| file.flush())
        .expect("room on the disk");
    let size = std::fs::metadata(&path).expect("the file").len();
    println!(
        "{records} records, {:.0} MB of XML, {:.1} MB of gzip",
        bytes as f64 / 1e6,
        size as f64 / 1e6
    );
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        let status = child.arg(READ).arg(&path).status().expect("it starts");
        assert!(status.success());
    }
}

fn read(path: &str) {
    let packed = std::fs::read(path).expect("the file");
    let mut limits = ProcessLimits::default();
    limits.unpack.xml_bytes_max = u64::MAX;
    limits.unpack.inflated_bytes_max = u64::MAX;
    // More than mail from strangers may cost.
    limits.cost = CostLimits::NONE;
    limits.time_max = Duration::from_secs(3_600);
    let started = Instant::now();
    let processed = process(&Clock::system(), &packed, &limits);
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!((processed.reports.len(), processed.problems.len()), (1, 0));
    let report = &processed.reports[0].parsed.report;
    println!(
        "{} records, {} kinds of evidence: {seconds:.2} s, {:.0} records/s, peak resident memory {:.0} MiB, the {:.0} MiB of \
         gzip included",
        report.records.len(),
        report.evidence.len(),
        report.records.len() as f64 / seconds,
        peak_mebibytes(),
        packed.len() as f64 / 1024.0 / 1024.0,
    );
}
