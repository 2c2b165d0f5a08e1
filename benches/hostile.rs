//! Hostile messages against the budget of one message: nothing may take more memory or processor time than a message may.
//!
//! ```text
//! cargo bench --bench hostile                                   the cases of full size, in a table
//! cargo bench --bench hostile -- messages --seconds 3600        whole messages of every kind (seed: --seed 7)
//! cargo bench --bench hostile -- save FOLDER                    the cases as files, to bring them in by other ways
//! cargo bench --bench hostile -- zip --executions 10000000      changed archives; also: unpack, xml, evidence, tls, failures,
//!                                                               mmdb
//! ```
//!
//! It ends at the first message that takes more, says which seed made it, and writes it to `target/hostile-SEED.bin`.
//! Without `--seconds` and `--executions` each runs for ten seconds. `fuzz/` drives the same readers by coverage.

#![allow(clippy::disallowed_methods, reason = "a bench takes the time")]

#[path = "../src/enrich/networks/testdata.rs"]
mod mmdb;
#[allow(dead_code, reason = "what other benches use")]
mod support {
    pub mod corpus;
    pub mod failure_mails;
    pub mod hostile;
    pub mod oracle;
    pub mod texts;
    pub mod tls_texts;
}

use std::path::Path;
use std::time::{Duration, Instant};

use mmdb::{Mmdb, ipinfo};
use support::corpus::Random;
use support::failure_mails::failure_mail;
use support::hostile::{self, Scale};
use support::oracle::{FIXED_BYTES, Spent, weigh, weigh_networks};
use support::texts;
use support::tls_texts::{TLS_TEXTS, tls_text};
use tallymark::base::clock::Clock;
use tallymark::ingest::ProcessLimits;

/// Beyond the time for reading: working out keys and sums, and what runs between two looks at the clock.
const PROCESSOR_SLACK: Duration = Duration::from_millis(1_000);

fn main() {
    tallymark::heap::set_up();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|text| text != "--bench").collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|text| text == name)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let run = Run {
        seed: number("--seed").unwrap_or(1),
        executions_max: number("--executions").unwrap_or(u64::MAX),
        seconds_max: number("--seconds").unwrap_or(match number("--executions") {
            None => 10,
            Some(_) => u64::MAX,
        }),
    };
    let full = Scale {
        message_bytes_max: 25 << 20,
        inflated_bytes_max: 2 << 30,
    };
    let small = Scale {
        message_bytes_max: 16 << 10,
        inflated_bytes_max: 128 << 10,
    };
    match arguments.first().map(String::as_str) {
        None => cases(),
        Some("save") => save(arguments.get(1).expect("save needs a folder").as_ref()),
        Some("messages") => run.go("messages", |random| hostile::message(random, full).bytes),
        Some("unpack") => run.go("unpack", |random| hostile::message(random, small).bytes),
        Some("zip") => run.go("zip", |random| {
            let bytes = random.skewed(16 << 10);
            changed(hostile::signatures(random, bytes.max(64)), random)
        }),
        Some("xml") => run.go("xml", |random| {
            let bytes = 1 << random.below(16);
            changed(
                texts::text(random.below(texts::TEXTS), bytes, random).flat(1 << 16),
                random,
            )
        }),
        Some("evidence") => run.go("evidence", |random| {
            let bytes = 1 << random.below(17);
            changed(texts::text(random.below(8), bytes, random).flat(1 << 17), random)
        }),
        Some("tls") => run.go("tls", |random| match random.below(4) {
            // Half of them reach the reader whole, or nearly so.
            0 | 1 => {
                let (kind, bytes) = (random.below(TLS_TEXTS), 1 << random.below(18));
                changed(tls_text(kind, bytes, random).flat(1 << 18), random)
            }
            2 => hostile::tls_message(random, small).bytes,
            _ => hostile::tls_message(random, full).bytes,
        }),
        Some("failures") => run.go("failures", |random| {
            let bytes = 1 << random.below(20);
            let mail = failure_mail(random, bytes);
            if random.percent(50) {
                changed(mail, random)
            } else {
                mail
            }
        }),
        Some("mmdb") => run.weighed(
            "mmdb",
            |random| changed(network_table(random), random),
            |bytes| weigh_networks(&Clock::system(), bytes),
        ),
        Some(other) => panic!("{other} is none of: save, messages, zip, unpack, xml, evidence, tls, failures, mmdb"),
    }
}

fn changed(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    hostile::mutate(&mut bytes, random);
    bytes
}

/// An mmdb file with some networks, to be changed.
fn network_table(random: &mut Random) -> Vec<u8> {
    let networks = [
        "0.0.0.0/1",
        "192.0.2.0/24",
        "192.0.3.0/26",
        "2001:db8::/32",
        "2a00::/12",
        "2a10::/66",
    ];
    let count = random.below(networks.len()) + 1;
    let value = || ipinfo(["AS1", "AS64500", "AS4200000000"][count % 3], "One", "IE");
    let networks = networks.iter().take(count).map(|network| (*network, value()));
    let written = Mmdb {
        record_bits: [24, 28, 32][random.below(3)],
        aliases: if random.percent(50) {
            vec!["2002::/16"]
        } else {
            Vec::new()
        },
        ..Mmdb::new(networks.collect())
    };
    written.bytes()
}

struct Run {
    seed: u64,
    executions_max: u64,
    seconds_max: u64,
}

impl Run {
    fn go(&self, what: &str, make: impl Fn(&mut Random) -> Vec<u8>) {
        let (clock, limits) = (Clock::system(), ProcessLimits::default());
        self.weighed(what, make, |message| weigh(&clock, message, &limits));
    }

    fn weighed(&self, what: &str, make: impl Fn(&mut Random) -> Vec<u8>, weigh: impl Fn(&[u8]) -> Spent) {
        let limits = ProcessLimits::default();
        let began = Instant::now();
        let (mut executions, mut reports) = (0, 0);
        let (mut slowest, mut largest) = (Duration::ZERO, 0);
        while executions < self.executions_max && began.elapsed().as_secs() < self.seconds_max {
            let seed = self.seed + executions;
            let message = make(&mut Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d)));
            let spent = weigh(&message);
            judge(seed, &message, &spent, &limits);
            reports += spent.reports;
            slowest = slowest.max(spent.processor);
            largest = largest.max(spent.memory_bytes);
            executions += 1;
        }
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "{what}: {executions} executions in {seconds:.0} s ({:.0}/s), {reports} reports read; most processor time {:.0} ms, \
             most memory {:.1} MiB; nothing above the budget",
            executions as f64 / seconds,
            slowest.as_secs_f64() * 1e3,
            largest as f64 / 1_048_576.0
        );
    }
}

/// Ends the program if a message took more than one may.
fn judge(seed: u64, message: &[u8], spent: &Spent, limits: &ProcessLimits) {
    let memory_max = usize::try_from(limits.cost.memory_bytes_max).unwrap_or(usize::MAX) + FIXED_BYTES;
    if spent.memory_bytes <= memory_max && spent.processor <= limits.time_max + PROCESSOR_SLACK {
        return;
    }
    let path = format!("{}/hostile-{seed}.bin", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, message).expect("a file");
    panic!("the message of seed {seed} took too much: {spent:?}; it is in {path}");
}

fn save(folder: &Path) {
    for (name, message, _) in hostile::cases().into_iter().chain(hostile::tls_cases()) {
        std::fs::write(folder.join(name.replace([' ', '/'], "-")), message).expect("a file");
    }
}

fn cases() {
    let (clock, limits) = (Clock::system(), ProcessLimits::default());
    println!(
        "{:<28} {:>11} {:>10} {:>10} {:>8} {:>8}  refused as",
        "case", "bytes", "ms", "MiB", "reports", "records"
    );
    for (name, message, reason) in hostile::cases().into_iter().chain(hostile::tls_cases()) {
        let spent = weigh(&clock, &message, &limits);
        println!(
            "{name:<28} {:>11} {:>10.1} {:>10.1} {:>8} {:>8}  {}",
            message.len(),
            spent.processor.as_secs_f64() * 1e3,
            spent.memory_bytes as f64 / 1_048_576.0,
            spent.reports,
            spent.records,
            spent.reasons.join(", ")
        );
        judge(0, &message, &spent, &limits);
        if let Some(reason) = reason {
            assert!(
                spent.reasons.contains(&reason),
                "{name}: {:?}, expected {reason}",
                spent.reasons
            );
        }
    }
}
