//! Slow peers: many connections held, each sending a byte now and then, while a normal sender sends mail. And costly
//! mails: one in a hundred, while twenty mails a second come.
//!
//! `cargo bench --bench slow [-- CONNECTIONS]`. The connections come from addresses of the loopback network, as many as
//! the limits a network let in from each. `cargo bench --bench slow -- neighbours [KIND]` measures how long the other mails
//! take with and without each kind of costly mail, one after the other on the same program.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

#[path = "support/neighbours.rs"]
mod neighbours;
mod support;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::percentile;
use support::serving::{Sender, Serving, connect_from, report_wire};

const MAILS: usize = 1_000;
/// From one /24, of which 150 are let in.
const A_NETWORK: usize = 100;
/// Bytes that all slow peers together send at once.
const AT_ONCE: usize = 500;

fn main() {
    tallymark::heap::set_up();
    if std::env::args().any(|text| text == "neighbours") {
        return neighbours::measure();
    }
    let count = std::env::args()
        .skip(1)
        .find_map(|text| text.parse().ok())
        .unwrap_or(5_000);
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    raised.expect("as many files as the system allows");
    let serving = Serving::start(false);
    println!("alone: {:.0} MiB", serving.resident_mebibytes());
    measure("alone", &serving, 0);
    let mut slow = Vec::with_capacity(count);
    for nth in 0..count {
        let (network, host) = (nth / A_NETWORK, nth % A_NETWORK + 1);
        let from = Ipv4Addr::new(127, 1 + (network / 250) as u8, (network % 250) as u8, host as u8);
        let stream = connect_from(IpAddr::V4(from), serving.smtp).expect("a connection");
        let kept = stream.try_clone().expect("a second handle");
        // Greeted, and in the middle of a command.
        let mut sender = Sender::over(stream).expect("a greeting");
        if nth % 2 == 0 {
            sender.say(b"MAIL FROM:<>\r\n", "250").expect("250");
            sender
                .say(format!("RCPT TO:<{}>\r\n", serving.rua).as_bytes(), "250")
                .expect("250");
            sender.say(b"DATA\r\n", "354").expect("354");
        }
        slow.push(kept);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut next = 0;
            while !done.load(Ordering::Relaxed) {
                for _ in 0..AT_ONCE.min(count) {
                    slow[next % count].write_all(b"x").expect("it is still held");
                    next += 1;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        measure(&format!("{count} held"), &serving, MAILS);
        done.store(true, Ordering::Relaxed);
    });
}

/// A connection a mail, one after the other.
fn measure(what: &str, serving: &Serving, first: usize) {
    let mut times: Vec<f64> = (0..MAILS)
        .map(|nth| {
            let wire = report_wire(first + nth);
            let started = Instant::now();
            let mut sender = Sender::connect(serving.smtp).expect("a connection");
            sender.send(&serving.rua, &wire).expect("250");
            sender.say(b"QUIT\r\n", "221").expect("221");
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "{what}: a mail takes p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms; {:.0} MiB resident",
        percentile(&times, 50.0),
        percentile(&times, 99.0),
        times[times.len() - 1],
        serving.resident_mebibytes()
    );
}
