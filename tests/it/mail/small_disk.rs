//! A disk of 120 MB under the whole program: it refuses mail in time, shows what it has, gives back and takes again.

use std::process::Command;

use tallymark::base::clock::Clock;
use tallymark::store::Retention;

use super::super::http::Ask;
use super::super::smtp::{Client, report};
use super::super::store::full_disk::SmallDisk;
use super::{Installation, Program};

const DISK_BYTES: usize = 120 << 20;
/// What fills a mail, and does not become shorter by much when it is stored.
const NOISE_BYTES: usize = 2 << 20;
const DAY: i64 = 86_400_000;

/// The messages that a mail's report is about: no two alike.
fn messages_of(nth: u64) -> u64 {
    1 + nth
}

fn mail(nth: u64) -> Vec<u8> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64 ^ (nth + 1);
    let mut noise = String::with_capacity(NOISE_BYTES + NOISE_BYTES / 8);
    while noise.len() < NOISE_BYTES {
        noise += "<!--";
        for _ in 0..4 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            noise += &format!("{random:016x}");
        }
        noise += "-->\r\n";
    }
    let text = String::from_utf8(report(&nth.to_string(), "example.com", messages_of(nth))).unwrap();
    text.replace("</feedback>", &format!("{noise}</feedback>")).into_bytes()
}

/// Sends a mail over a connection of its own. Returns the reply that refuses it, or the reply to the whole mail.
async fn send(program: &Program, rua: &str, mail: &[u8]) -> String {
    let mut client = Client::connect_silently(program.smtp).await;
    client.reply().await;
    client.expect("EHLO c\r\n", "250-").await;
    let reply = client.say("MAIL FROM:<noreply@reporter.example>\r\n").await;
    if !reply.starts_with("250") {
        return reply;
    }
    client.expect("RSET\r\n", "250").await;
    client.mail(&[rua], mail).await
}

/// What the API says of the number of messages.
async fn shown(program: &Program, key: &str) -> u64 {
    let get = async |path: &str| Ask::new("GET", path).key(key).send(program.http).await.expect(200);
    let domains = get("/domains").await;
    let id = domains["domains"][0]["id"].as_str().unwrap();
    let stats = get(&format!("/domains/{id}/dmarc/stats?from=2025-09-19&to=2025-09-19")).await;
    stats["total_messages"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_disk_fills_up_is_purged_and_loses_nothing() {
    let disk = SmallDisk::mount(DISK_BYTES);
    let installation = Installation::new_in(disk.path()).await;
    let made = Command::new(env!("CARGO_BIN_EXE_tallymark"))
        .args(["keys", "create", "--quiet"])
        .env("TALLYMARK__DATABASE__DIR", installation.path())
        .output()
        .unwrap();
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();

    let program = installation.start();
    let mut taken = 0;
    let refused = loop {
        let reply = send(&program, &installation.rua, &mail(taken)).await;
        match reply.starts_with("250") {
            true => taken += 1,
            false => break reply,
        }
    };
    assert!(refused.starts_with("452 4.3.1"), "{refused}");
    assert!(taken > 10, "{taken} mails");
    let messages = |count: u64| (0..count).map(messages_of).sum::<u64>();
    assert_eq!(shown(&program, &key).await, messages(taken));
    program.kill();

    // After the end and a new start, as before it.
    let program = installation.start();
    let refused = send(&program, &installation.rua, &mail(taken)).await;
    assert!(refused.starts_with("452 4.3.1"), "{refused}");
    assert_eq!(shown(&program, &key).await, messages(taken));
    program.stop();

    let store = installation.store().await;
    let retention = Retention {
        originals_days: 1,
        set_aside_days: 0,
        records_days: 0,
    };
    let purged = store.purge(retention, Clock::system().now() + 2 * DAY).await.unwrap();
    assert_eq!(purged.originals, taken);
    store.fold_log().await.unwrap();
    store.close().await;

    let program = installation.start();
    let reply = send(&program, &installation.rua, &mail(taken)).await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    program.stop();
    let counted = installation.counted().await;
    assert_eq!(counted.len() as u64, taken + 1);
    assert_eq!(counted.values().sum::<u64>(), messages(taken + 1));
}
