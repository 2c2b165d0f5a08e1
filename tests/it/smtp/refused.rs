//! What is refused leaves a trace: a figure with the reason, and a line in the log; also when the disk is nearly full.

use std::process::Command;

use std::collections::BTreeSet;

use tallymark::base::SetAsideKind;
use tallymark::listeners::smtp::BareNewline;

use super::{Client, Server, report};
use crate::cli::Home;
use crate::mailbox::ordinary::{Numbers, ordinary};

#[tokio::test]
async fn each_refusal_is_counted_by_its_reason() {
    let server = Server::start(|options| options.settings.message_bytes_max = 100_000).await;
    let rua = server.rua();
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    client.envelope(&[&rua]).await;
    client
        .expect(b"Subject: a\r\n\r\none\ntwo\r\n.\r\n".as_slice(), "550 5.6.11")
        .await;
    client.envelope(&[&rua]).await;
    let long = [vec![b'x'; 990], b"\r\n".to_vec()].concat().repeat(200);
    client.expect([&long[..], b".\r\n"].concat(), "552").await;
    client.expect("MAIL FROM:<a@b> SIZE=200000\r\n", "552").await;
    client.expect("MAIL FROM:<a@b>\r\n", "250").await;
    client
        .expect("RCPT TO:<nobody@rua.tally.example>\r\n", "550 5.1.1")
        .await;
    client.expect("RCPT TO:<a@elsewhere.example>\r\n", "550 5.7.1").await;
    client.expect("RSET\r\n", "250").await;
    client.envelope(&[&rua]).await;
    let looped = b"Received: x\r\n".repeat(200);
    client.expect([&looped[..], b"\r\n.\r\n"].concat(), "554 5.4.6").await;
    for (reason, count) in [
        ("bare_newline", 1),
        ("too_large", 2),
        ("no_such_user", 1),
        ("no_relay", 1),
        ("loop", 1),
    ] {
        let line = format!("tallymark_smtp_refused_total{{reason=\"{reason}\"}} {count}");
        assert!(server.metric(&line), "{line}");
    }
    assert!(!server.metric("tallymark_smtp_refused_total{reason=\"no_room\"}"));
    // What is taken is not among them.
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    assert!(
        client
            .mail(&[&rua], &report("1", "example.com", 1))
            .await
            .starts_with("250")
    );
    assert!(server.metric("tallymark_smtp_messages_total{answer=\"kept\"} 1"));
}

/// The program with this in its settings; gives what it logged when `session` has ended, and what it answered to it.
async fn log_of(settings: &str, session: impl AsyncFnOnce(&str, u16)) -> String {
    let home = Home::new();
    home.file("t.toml", format!("[http]\nlisten = \"127.0.0.1:0\"\n[smtp]\nlisten = [\"127.0.0.1:0\"]\nlmtp_listen = [\"127.0.0.1:0\"]\n{settings}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tallymark"));
    command.current_dir(home.path()).args(["--config", "t.toml", "serve"]);
    let program = crate::mail::Program::start(command);
    session(&program.smtp.to_string(), program.http.port()).await;
    program.stop().join("\n")
}

#[tokio::test]
async fn refused_mail_leaves_a_line_and_not_a_thousand() {
    let log = log_of("", async |smtp, _| {
        for nth in 0..40 {
            let mut client = Client::connect_silently(smtp.parse().unwrap()).await;
            client.reply().await;
            client.expect("EHLO mx.reporter.example\r\n", "250-").await;
            client
                .expect(format!("MAIL FROM:<dmarc{nth}@reporter.example>\r\n"), "250")
                .await;
            client.expect("RCPT TO:<postmaster>\r\n", "250").await;
            client.expect("DATA\r\n", "354").await;
            client
                .expect(b"Subject: a\r\n\r\none\ntwo\r\n.\r\n".as_slice(), "550 5.6.11")
                .await;
        }
    })
    .await;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("bare_newline")).collect();
    assert!((1..=10).contains(&lines.len()), "{log}");
    for part in [
        "mail refused",
        "127.0.0.1:",
        "dmarc0@reporter.example",
        "mx.reporter.example",
        "5.6.11",
    ] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
}

#[tokio::test]
async fn a_nearly_full_disk_is_reported_everywhere() {
    // More than any disk has must be free.
    let log = log_of("free_disk_bytes_min = 9000000000000000000\n", async |smtp, http| {
        let mut client = Client::connect_silently(smtp.parse().unwrap()).await;
        client.reply().await;
        client.expect("EHLO c\r\n", "250-").await;
        client.expect("MAIL FROM:<a@b>\r\n", "452 4.3.1").await;
        let get = async |path: &str| {
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", http)).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
                .await
                .unwrap();
            let mut answer = String::new();
            tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer)
                .await
                .unwrap();
            answer
        };
        let ready = get("/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("disk"), "{ready}");
        let metrics = get("/metrics").await;
        assert!(metrics.contains("tallymark_smtp_disk_short 1"), "{metrics}");
        assert!(
            metrics.contains("tallymark_smtp_refused_total{reason=\"no_room\"} 1"),
            "{metrics}"
        );
    })
    .await;
    assert_eq!(log.matches("the disk is nearly full").count(), 1, "{log}");
}

/// Ordinary mail to our own addresses is kept as other mail; only what is broken in it might be a report.
#[tokio::test]
async fn ordinary_mail_is_kept_as_other_mail() {
    let server = Server::start(|options| {
        options.settings.bare_newline = BareNewline::Accept;
        options.settings.hops_max = 10_000;
    })
    .await;
    let mut numbers = Numbers::new(4);
    let rua = server.rua();
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    for nth in 0..300 {
        let mut mail = ordinary(&mut numbers, nth);
        if !mail.ends_with(b"\r\n") {
            mail.extend(b"\r\n");
        }
        let reply = client.mail(&[&rua], &mail).await;
        assert!(reply.starts_with("250"), "{reply}");
    }
    let kept = server.set_aside().await;
    assert_eq!(kept.len(), 300);
    let quarantined = kept
        .iter()
        .filter(|(message, _)| message.kind == SetAsideKind::Quarantined);
    let reasons: BTreeSet<_> = quarantined.map(|(message, _)| message.reason.as_str()).collect();
    let may_be = BTreeSet::from(["archive_damaged", "malformed_xml", "mime_too_complex"]);
    assert!(reasons.is_subset(&may_be), "{reasons:?}");
}

/// The control: with room there is nothing to say.
#[tokio::test]
async fn a_disk_with_room_is_not_mentioned() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    let reply = client.mail(&[&server.rua()], &report("1", "example.com", 1)).await;
    assert!(reply.starts_with("250"), "{reply}");
    assert!(!server.metric("tallymark_smtp_disk_short 1"));
    assert!(server.metric("tallymark_smtp_disk_short 0"));
}
