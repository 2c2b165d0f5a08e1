//! Mail a second: report mails of 10 KB over 20 sessions, each answered after its commit in SQLite; beside Postfix
//! delivering the same mails to a Maildir, in the same run.
//!
//! `cargo bench --bench smtp [-- MAILS] [reconnect] [check]`; with `reconnect`, each mail has a connection of its own; with
//! `check`, once more with SPF, DKIM and DMARC looked up, which measures the system's name servers above all. Postfix has
//! to be installed, and wants to be root.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/postfix.rs"]
mod postfix;
mod support;

use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use postfix::Postfix;
use support::serving::{Sender, Serving, report_wire};

const SESSIONS: usize = 20;
const NOBODY: u32 = 65_534;
const ROUNDS: usize = 3;

fn main() {
    tallymark::heap::set_up();
    let count = std::env::args()
        .skip(1)
        .find_map(|text| text.parse().ok())
        .unwrap_or(20_000);
    let is_asked = |word: &str| std::env::args().any(|text| text == word);
    let reconnects = is_asked("reconnect");
    let mails: Vec<_> = (0..count).map(report_wire).collect();
    let bytes: usize = mails.iter().map(Vec::len).sum();
    println!(
        "{count} mails of {:.1} KB, {SESSIONS} sessions, {}",
        bytes as f64 / count as f64 / 1e3,
        if reconnects {
            "a connection a mail"
        } else {
            "connections kept"
        }
    );
    for round in 1..=ROUNDS {
        let (ours, cpu) = tallymark(&mails, false, reconnects);
        let theirs = postfix(&mails[..count.min(4_000)], reconnects);
        println!(
            "round {round}: Tallymark {ours:.0}/s ({cpu:.3} ms of processor time each), Postfix {theirs:.0}/s, ratio {:.1}",
            ours / theirs
        );
        if is_asked("check") {
            let (checked, _) = tallymark(&mails, true, reconnects);
            println!("  with SPF, DKIM and DMARC looked up: {checked:.0}/s");
        }
    }
}

/// Sends all; gives the time.
#[expect(clippy::fn_params_excessive_bools, reason = "a row of data")]
fn send(to: SocketAddr, recipient: &str, mails: &[Vec<u8>], reconnects: bool) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..SESSIONS {
            scope.spawn(|| {
                let mut sender = Sender::connect(to).expect("a connection");
                while let Some(wire) = mails.get(next.fetch_add(1, Ordering::Relaxed)) {
                    sender.send(recipient, wire).expect("250");
                    if reconnects {
                        sender.say(b"QUIT\r\n", "221").expect("221");
                        sender = Sender::connect(to).expect("a connection");
                    }
                }
            });
        }
    });
}

/// Mails a second, and milliseconds of processor time each.
#[expect(clippy::fn_params_excessive_bools, reason = "a row of data")]
fn tallymark(mails: &[Vec<u8>], check: bool, reconnects: bool) -> (f64, f64) {
    let serving = Serving::start(check);
    let (started, cpu) = (Instant::now(), serving.cpu_seconds());
    send(serving.smtp, &serving.rua, mails, reconnects);
    let (elapsed, cpu) = (started.elapsed().as_secs_f64(), serving.cpu_seconds() - cpu);
    (mails.len() as f64 / elapsed, cpu * 1e3 / mails.len() as f64)
}

/// Until the last mail has left the queue for the Maildir.
#[expect(clippy::fn_params_excessive_bools, reason = "a row of data")]
fn postfix(mails: &[Vec<u8>], reconnects: bool) -> f64 {
    let mut postfix = Postfix::start(|folder| {
        let mail = folder.join("mail");
        std::fs::create_dir(&mail).expect("a folder");
        chown(&mail, Some(NOBODY), Some(NOBODY)).expect("root");
        format!(
            "virtual_mailbox_domains = rua.example\nvirtual_mailbox_base = {}\nvirtual_mailbox_maps = static:box/\n\
             virtual_uid_maps = static:{NOBODY}\nvirtual_gid_maps = static:{NOBODY}\nvirtual_transport = virtual\n\
             virtual_mailbox_limit = 0\nvirtual_destination_concurrency_limit = {SESSIONS}\n",
            mail.display()
        )
    });
    let log = postfix.log();
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| send(postfix.smtp, "dmarc@rua.example", mails, reconnects));
        let removed = log.filter(|line| line.ends_with(": removed")).take(mails.len()).count();
        assert_eq!(removed, mails.len());
    });
    mails.len() as f64 / started.elapsed().as_secs_f64()
}
