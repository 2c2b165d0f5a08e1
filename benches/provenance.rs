//! What it costs to check who a mail is from: SPF, DKIM and DMARC, against a name server in this process.
//!
//! `cargo bench --bench provenance`: time for one mail, and how many times that is what a SHA-256 over its bytes takes
//! (which every mail costs anyway).

#[expect(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../tests/it/provenance/dns.rs"]
mod dns;
#[path = "../tests/it/provenance/mail.rs"]
mod mail;

use std::time::{Duration, Instant};

use mail_auth::dkim::Canonicalization;
use sha2::{Digest as _, Sha256};
use tallymark::base::clock::Clock;
use tallymark::ingest::{Authenticator, AuthenticatorOptions, Envelope};

use dns::{Dns, Has};
use mail::{Key, mail};

const AUTHOR: &str = "DMARC reports <dmarc@reporter.example>";
const ROUNDS: u32 = 5;
const SIGNATURES: usize = 5;

fn main() {
    tallymark::heap::set_up();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(measure_all());
}

async fn measure_all() {
    let dns = Dns::start().await;
    dns.text("_dmarc.reporter.example", "v=DMARC1; p=reject");
    dns.text("reporter.example", "v=spf1 mx -all");
    dns.add("reporter.example", Has::Mx("mx.reporter.example".to_owned()));
    dns.add("mx.reporter.example", Has::Address([192, 0, 2, 25].into()));
    dns.text("rsa._domainkey.reporter.example", &Key::Rsa.record());
    dns.text("ed._domainkey.reporter.example", &Key::Ed25519.record());
    let options = AuthenticatorOptions {
        servers: vec![dns.address],
        ..AuthenticatorOptions::default()
    };
    let authenticator = Authenticator::new(options).expect("servers are named");
    let (small, large) = (mail(AUTHOR, &vec![b'x'; 7_400]), mail(AUTHOR, &vec![b'x'; 19 << 20]));
    let once = |mail: &[u8]| Key::Rsa.sign(mail, "reporter.example", "rsa");
    let unsigned = [b"X: y\r\n".repeat(900), small.clone()].concat();
    let names = "x:".repeat(250);
    let field =
        format!("DKIM-Signature: v=1; a=rsa-sha256; d=reporter.example; s=rsa; h=From:{names}y; bh=QQ==; b=QQ==");
    let hostile = [format!("{field}\r\n").repeat(150).into_bytes(), small.clone()].concat();
    for (name, mail) in [
        ("10 KB, no signature", small.clone()),
        ("10 KB, RSA", once(&small)),
        ("10 KB, Ed25519", Key::Ed25519.sign(&small, "reporter.example", "ed")),
        ("10 KB, 5 signatures", several(&small)),
        ("10 KB, 900 fields", once(&unsigned)),
        ("10 KB, 150 signatures of 250 names", hostile),
        ("25 MB, RSA", once(&large)),
        ("25 MB, 5 signatures", several(&large)),
    ] {
        measure(&authenticator, name, mail).await;
    }
}

/// With both ways to see the body.
fn several(mail: &[u8]) -> Vec<u8> {
    (0..SIGNATURES).fold(mail.to_vec(), |mail, nth| {
        let body = [Canonicalization::Relaxed, Canonicalization::Simple][nth % 2];
        Key::Rsa.sign_with(body, &mail, "reporter.example", "rsa")
    })
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
async fn measure(authenticator: &Authenticator, name: &str, mut mail: Vec<u8>) {
    let envelope = Envelope {
        peer: [192, 0, 2, 25].into(),
        is_from_peer: true,
        helo: "mx.reporter.example".to_owned(),
        mail_from: "dmarc@reporter.example".to_owned(),
        tls: None,
        queue_id: String::new(),
    };
    let rounds = if mail.len() > 1 << 20 { ROUNDS } else { ROUNDS * 200 };
    let mut best = Duration::MAX;
    let mut hashing = Duration::MAX;
    let mut found = None;
    for _ in 0..rounds {
        let started = Instant::now();
        let checked = authenticator.check(&Clock::system(), mail, envelope.clone()).await;
        best = best.min(started.elapsed());
        let checked = checked.expect("the runtime runs");
        mail = checked.bytes;
        found = Some((checked.provenance, checked.cost.questions));
        let started = Instant::now();
        std::hint::black_box(Sha256::digest(&mail));
        hashing = hashing.min(started.elapsed());
    }
    let (provenance, questions) = found.expect("there are rounds");
    let passed = provenance.dkim.iter().filter(|check| check.result == "pass").count();
    println!(
        "{name:36} {:>9.3} ms, {:>5.2} times its SHA-256; {questions:>2} questions, {passed} good signatures, {}",
        best.as_secs_f64() * 1e3,
        best.as_secs_f64() / hashing.as_secs_f64(),
        provenance.dmarc.word(),
    );
}
