//! Unpack and parse, from mails as they come to reports: beside mail-auth's own report parser on the same mails, and the
//! limits under it (a bare quick-xml event loop over the same XML, zlib-rs inflate of the same attachments).
//!
//! `cargo bench --bench parse [-- friendly | varied-70]`: the mixes of `support/corpus.rs`; both if none is named.

mod support;

use std::hint::black_box;
use std::io::Read as _;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use quick_xml::events::Event;
use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use support::corpus::{self, Mail, Mix, Xml};
use tallymark::base::clock::Clock;
use tallymark::ingest::{ProcessLimits, process};

/// mail-auth's own bound on inflated size, larger than any report here.
const MAIL_AUTH_BYTES_MAX: usize = 256 << 20;

fn ours(clock: &Clock, limits: &ProcessLimits, mail: &Mail) -> u64 {
    let processed = process(clock, &mail.bytes, limits);
    let records: usize = processed
        .reports
        .iter()
        .map(|found| found.parsed.report.records.len())
        .sum();
    assert_eq!((records as u64, processed.problems.len()), (mail.records, 0));
    records as u64
}

fn theirs(mail: &Mail) -> u64 {
    let report = mail_auth::report::Report::parse_rfc5322(&mail.bytes, MAIL_AUTH_BYTES_MAX).expect("a good report");
    assert_eq!(report.records().len() as u64, mail.records);
    report.records().len() as u64
}

fn bare_events(xml: &Xml) -> u64 {
    let mut reader = quick_xml::Reader::from_str(&xml.text);
    let mut events = 0;
    loop {
        match reader.read_event().expect("good XML") {
            Event::Eof => return events,
            event => {
                black_box(&event);
                events += 1;
            }
        }
    }
}

fn inflate(packed: &[u8], into: &mut Vec<u8>) -> u64 {
    into.clear();
    flate2::read::MultiGzDecoder::new(packed)
        .read_to_end(into)
        .expect("good gzip") as u64
}

fn friendly(criterion: &mut Criterion) {
    parse(criterion, "friendly", Mix::STANDARD);
}

fn varied(criterion: &mut Criterion) {
    parse(criterion, "varied-70", Mix::varied(70, 200));
}

fn parse(criterion: &mut Criterion, name: &str, mix: Mix) {
    let mails = corpus::mails(mix, 1);
    let xmls = corpus::xmls(mix, 1);
    let records: u64 = mails.iter().map(|mail| mail.records).sum();
    let xml_bytes: usize = mails.iter().map(|mail| mail.xml_bytes).sum();
    let mail_bytes: usize = mails.iter().map(|mail| mail.bytes.len()).sum();
    println!(
        "{name}: {} mails, {records} records, {:.1} MB of mail, {:.1} MB of XML",
        mails.len(),
        mail_bytes as f64 / 1e6,
        xml_bytes as f64 / 1e6
    );
    let (clock, limits) = (Clock::system(), ProcessLimits::default());
    let mut group = criterion.benchmark_group(format!("parse {name}"));
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(8))
        .throughput(Throughput::Elements(records));
    // Largest first on two threads, as a batch does it; for both the same.
    let mut order: Vec<&Mail> = mails.iter().collect();
    order.sort_by_key(|mail| std::cmp::Reverse(mail.bytes.len()));
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .stack_size(8 << 20)
            .build()
            .expect("threads");
        group.bench_function(BenchmarkId::new("tallymark", threads), |bench| {
            bench.iter(|| {
                pool.install(|| {
                    order
                        .par_iter()
                        .with_max_len(1)
                        .map(|mail| ours(&clock, &limits, mail))
                        .sum::<u64>()
                })
            });
        });
        group.bench_function(BenchmarkId::new("mail-auth 0.13.3", threads), |bench| {
            bench.iter(|| pool.install(|| order.par_iter().with_max_len(1).map(|mail| theirs(mail)).sum::<u64>()));
        });
    }
    group.bench_function("limit: bare quick-xml events, 1 thread", |bench| {
        bench.iter(|| xmls.iter().map(bare_events).sum::<u64>());
    });
    let packed: Vec<Vec<u8>> = xmls.iter().map(|xml| corpus::gzipped(&xml.text)).collect();
    let mut into = Vec::new();
    group.bench_function("limit: zlib-rs inflate, 1 thread", |bench| {
        bench.iter(|| packed.iter().map(|packed| inflate(packed, &mut into)).sum::<u64>());
    });
    group.finish();
}

criterion_group!(benches, friendly, varied);

fn main() {
    tallymark::heap::set_up();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
