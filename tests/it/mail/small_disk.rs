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

/// Sends mails from the one of this number on until one is refused. Returns the number of that one.
async fn fill(program: &Program, rua: &str, first: u64) -> u64 {
    for nth in first.. {
        let reply = send(program, rua, &mail(nth)).await;
        if !reply.starts_with("250 2.0.0") {
            assert!(reply.starts_with("452 4.3.1"), "{reply}");
            return nth;
        }
    }
    unreachable!("the disk is small")
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
    let taken = fill(&program, &installation.rua, 0).await;
    assert!(taken > 10, "{taken} mails");
    let messages = |count: u64| (0..count).map(messages_of).sum::<u64>();
    assert_eq!(shown(&program, &key).await, messages(taken));
    program.kill();

    // The new start folds the log in, which makes room for some more.
    let program = installation.start();
    let taken = fill(&program, &installation.rua, taken).await;
    assert_eq!(shown(&program, &key).await, messages(taken));
    program.stop();

    let file_bytes = || {
        std::fs::metadata(installation.path().join("tallymark.sqlite"))
            .unwrap()
            .len()
    };
    let store = installation.store().await;
    let before = file_bytes();
    let retention = Retention {
        originals_days: 1,
        set_aside_days: 0,
        records_days: 0,
        failure_reports_days: 0,
    };
    let purged = store.purge(retention, Clock::system().now() + 2 * DAY).await.unwrap();
    assert_eq!(purged.originals, taken);
    store.fold_log().await.unwrap();
    assert!(file_bytes() < before, "{before} bytes before, {} after", file_bytes());
    store.close().await;

    let program = installation.start();
    let all = fill(&program, &installation.rua, taken).await;
    assert!(all > taken, "{taken} mails, then {all}");
    program.stop();
    let counted = installation.counted().await;
    assert_eq!(counted.len() as u64, all);
    assert_eq!(counted.values().sum::<u64>(), messages(all));
}
