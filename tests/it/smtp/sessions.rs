//! What mail servers say, and what becomes of it.

use tallymark::listeners::smtp::Acknowledge;
use tallymark::store::Store;

use super::super::store::ALL_DAYS;
use super::{Client, Server, report};

#[tokio::test]
async fn a_report_is_counted_once_however_often_it_comes() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    client.expect("EHLO reporter.example\r\n", "250-mx.tally.example").await;
    let message = report("one", "example.com", 7);
    for _ in 0..3 {
        let reply = client.mail(&[&server.rua()], &message).await;
        assert!(reply.starts_with("250 2.0.0 queued as "), "{reply}");
    }
    client.expect("QUIT\r\n", "221 2.0.0").await;
    assert_eq!((server.totals().await.pass, server.arrivals().await), (7, (1, 3)));
    assert!(server.metric(r#"tallymark_smtp_messages_total{answer="kept"} 3"#));
}

#[tokio::test]
async fn unreadable_reports_are_still_kept() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    client.expect("HELO reporter.example\r\n", "250 ").await;
    let broken = b"Content-Type: application/gzip; name=a!example.com!1!2.xml.gz\r\n\r\nno gzip\r\n";
    for (message, reason) in [
        (&broken[..], None),
        (&report("two", "elsewhere.example", 1), Some("unclaimed")),
        (b"Subject: hello\r\n\r\nhello\r\n", None),
    ] {
        let reply = client.mail(&[&server.rua()], message).await;
        assert!(reply.starts_with("250 2.0.0"), "{reply}");
        let (last, bytes) = server.set_aside().await.pop().unwrap();
        assert_eq!(bytes, message);
        assert!(reason.is_none_or(|reason| last.reason == reason), "{}", last.reason);
        assert!(
            last.origin
                .contains("reporter.example, from <noreply@reporter.example>"),
            "{}",
            last.origin
        );
    }
    assert_eq!(server.totals().await.pass, 0);
}

#[tokio::test]
async fn messages_arrive_byte_for_byte() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    client.expect("EHLO reporter.example\r\n", "250-").await;
    let large: Vec<u8> = (0..24 << 20)
        .map(|nth: u32| if nth % 64 == 62 { b'\r' } else { b'\n' })
        .collect();
    let large: Vec<u8> = large
        .iter()
        .zip(0_u32..)
        .map(|(end, nth)| if nth % 64 < 62 { (nth / 64) as u8 | 0x80 } else { *end })
        .collect();
    let messages: [&[u8]; 6] = [
        b"Subject: seven\r\n\r\nbits\r\n",
        b"Subject: eight\r\n\r\n\xe4\xf6\xfc\x80\xff\0\r\n",
        "Subject: grüße\r\nFrom: é@bücher.example\r\n\r\n".as_bytes(),
        b"Subject: dots\r\n\r\n.\r\n..\r\n...a\r\n.\r\n\r\n.b",
        b"",
        &large,
    ];
    for message in messages {
        // The last line ends, or it could not be followed by the dot.
        let message = if message.is_empty() || message.ends_with(b"\r\n") {
            message.to_vec()
        } else {
            [message, b"\r\n"].concat()
        };
        let reply = client.mail(&["postmaster"], &message).await;
        assert!(reply.starts_with("250 2.0.0"), "{reply}");
        let (_, bytes) = server.set_aside().await.pop().unwrap();
        assert!(bytes == message, "{} bytes came as {}", message.len(), bytes.len());
    }
    let left = std::fs::read_dir(server.database.folder())
        .unwrap()
        .map(|file| file.unwrap().file_name());
    let left: Vec<_> = left
        .filter(|name| !name.to_string_lossy().starts_with("tallymark.sqlite"))
        .collect();
    assert_eq!(left.len(), 2, "the certificate and its key: {left:?}");
}

#[tokio::test]
async fn a_smuggled_message_is_not_taken() {
    let server = Server::start(|_| {}).await;
    for ending in [
        &b"\n.\n"[..],
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\r\n.\r\r\n",
    ] {
        let mut client = server.client().await;
        client.expect("EHLO reporter.example\r\n", "250-").await;
        let inner = format!("MAIL FROM:<a@b>\r\nRCPT TO:<{}>\r\nDATA\r\n", server.rua());
        let smuggled = report("smuggled", "example.com", 1);
        let wire = [
            &b"Subject: a\r\n\r\na"[..],
            ending,
            inner.as_bytes(),
            &smuggled,
            b".\r\n",
        ]
        .concat();
        client.envelope(&["postmaster"]).await;
        client.expect(wire, "550 5.6.11").await;
        client.expect("QUIT\r\n", "221").await;
        assert_eq!(client.rest().await, "");
    }
    assert_eq!((server.arrivals().await.0, server.set_aside().await.len()), (0, 0));
    assert!(server.metric(r#"tallymark_smtp_messages_total{answer="refused"} 7"#));
}

#[tokio::test]
async fn a_peer_that_talks_too_soon_is_shown_out() {
    let server = Server::start(|_| {}).await;
    let early = server.rua();
    for (begin, line) in [
        ("EHLO c\r\n", "STARTTLS\r\nMAIL FROM:<a@b>\r\n".to_owned()),
        ("EHLO c\r\n", "EHLO c\r\nMAIL FROM:<a@b>\r\n".to_owned()),
        (
            "EHLO c\r\n",
            format!("MAIL FROM:<a@b>\r\nRCPT TO:<{early}>\r\nDATA\r\nSubject: a\r\n\r\n.\r\n"),
        ),
    ] {
        let mut client = server.client().await;
        client.expect(begin, "250-").await;
        client.send(line).await;
        let rest = client.rest().await;
        assert!(
            rest.ends_with("554 5.5.0 input came before it was asked for\r\n"),
            "{rest}"
        );
    }
    assert_eq!(server.set_aside().await.len(), 0);
}

#[tokio::test]
async fn lmtp_answers_for_each_recipient() {
    let server = Server::start(|_| {}).await;
    let mut client = Client::connect(server.lmtp).await;
    client.expect("EHLO c\r\n", "500 5.5.1").await;
    client.expect("LHLO c\r\n", "250-mx.tally.example").await;
    client.expect("MAIL FROM:<>\r\n", "250").await;
    client.expect(format!("RCPT TO:<{}>\r\n", server.rua()), "250").await;
    client
        .expect("RCPT TO:<nobody@rua.tally.example>\r\n", "550 5.1.1")
        .await;
    client.expect("RCPT TO:<reports@tally.example>\r\n", "250").await;
    client.expect("DATA\r\n", "354").await;
    client
        .expect(
            [&report("one", "example.com", 7)[..], b".\r\n"].concat(),
            "250 2.0.0 queued",
        )
        .await;
    assert!(client.reply().await.starts_with("250 2.0.0 queued"));
    client.expect("QUIT\r\n", "221").await;
    assert_eq!((server.totals().await.pass, server.arrivals().await.0), (7, 1));
}

#[tokio::test]
async fn a_database_that_fails_is_the_senders_to_wait_for() {
    let server = Server::start(|_| {}).await;
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    client.envelope(&[&server.rua()]).await;
    server.database.store.close().await;
    client
        .expect([&report("one", "example.com", 7)[..], b".\r\n"].concat(), "451 4.3.0")
        .await;
    client.expect("MAIL FROM:<>\r\n", "250").await;
    // Not the token that it has just been told about: that one is remembered for a moment.
    client
        .expect("RCPT TO:<another@rua.tally.example>\r\n", "451 4.3.0")
        .await;
    assert!(server.metric(r#"tallymark_smtp_messages_total{answer="not_stored"} 1"#));
}

/// The negative control of every test that kills the server: with the switch that only tests can set, mail is lost.
#[tokio::test]
async fn acknowledging_before_the_commit_loses_mail() {
    let server = Server::start(|options| options.acknowledge = Acknowledge::BeforeCommitWhichLosesMail).await;
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    client.envelope(&[&server.rua()]).await;
    server.database.store.close().await;
    client
        .expect(
            [&report("one", "example.com", 7)[..], b".\r\n"].concat(),
            "250 2.0.0 queued",
        )
        .await;
    drop(client);
    let store = Store::open(&*server.database.path()).await.unwrap();
    assert_eq!(
        store.stats(server.database.domain.id, ALL_DAYS).await.unwrap().reports,
        0
    );
}
