//! The owner of an account sees the mail that was refused for it, and no other.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::provenance::dns::{Dns, Has};
use crate::store::{NOW, fresh, new_domain};
use tallymark::base::{AccountId, Mode};
use tallymark::ingest::IntakeOptions;
use tallymark::store::{DayQuota, KeepLimits};

use super::{Client, Server, report};

/// A server that keeps two messages without a report per day, and the id and report address of a second account.
async fn server(dns: &Dns) -> (Server, AccountId, String) {
    dns.add("_dmarc.reporter.example", Has::Failure);
    let intake = IntakeOptions {
        authenticator: Some(dns.authenticator()),
        keep: KeepLimits {
            set_aside_day_max: DayQuota {
                messages: 2,
                bytes: 1 << 20,
            },
            ..KeepLimits::default()
        },
        ..IntakeOptions::new(fresh)
    };
    let server = Server::start_intake(|options| options.settings.message_bytes_max = 100_000, intake).await;
    let store = &server.database.store;
    let other = store.add_account("other", Mode::Live, NOW).await.unwrap().id;
    let domain = store.add_domain(other, new_domain("other.example"), NOW).await.unwrap();
    let rua = format!("{}@rua.tally.example", domain.rua_token);
    (server, other, rua)
}

/// Refused messages and bytes of an account by reason, once `count` messages are written.
async fn refused(server: &Server, account: AccountId, count: u64) -> BTreeMap<String, (u64, u64)> {
    let written = async {
        loop {
            let rows = server.database.store.refused(account, 0).await.unwrap();
            let messages: u64 = rows.iter().map(|row| row.refused.messages).sum();
            assert!(messages <= count, "{rows:?}");
            if messages == count {
                return rows;
            }
            tokio::task::yield_now().await;
        }
    };
    let rows = tokio::time::timeout(Duration::from_secs(60), written).await;
    let rows = rows.expect("it is written within a minute").into_iter();
    rows.map(|row| {
        assert!(row.refused.first_at <= row.refused.last_at);
        (row.reason, (row.refused.messages, row.refused.bytes))
    })
    .collect()
}

#[tokio::test]
async fn mail_that_was_not_taken_is_known_by_account_and_reason() {
    let dns = Dns::start().await;
    let (server, other, others) = server(&dns).await;
    let rua = server.rua();
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    // A declared size, a failed command and mail that is taken leave nothing.
    client.expect("MAIL FROM:<a@b> SIZE=200000\r\n", "552").await;
    client.expect("MAIL FROM:<a@b>\r\n", "250").await;
    client.expect("RCPT TO:<nobody@rua.tally.example>\r\n", "550").await;
    client.expect("RSET\r\n", "250").await;
    for nth in 0..2 {
        let broken =
            format!("From: a@plain.example\r\nSubject: {nth}\r\nContent-Type: text/xml\r\n\r\n<feedback>{nth}\r\n");
        assert!(client.mail(&[&rua], broken.as_bytes()).await.starts_with("250"));
    }
    for nth in 2..5 {
        let broken =
            format!("From: a@plain.example\r\nSubject: {nth}\r\nContent-Type: text/xml\r\n\r\n<feedback>{nth}\r\n");
        assert!(client.mail(&[&rua], broken.as_bytes()).await.starts_with("452 4.2.2"));
    }
    // To both accounts: one entry per account, also with two addresses in one.
    client.envelope(&[&rua, &others, &rua]).await;
    client
        .expect(b"Subject: a\r\n\r\none\ntwo\r\n.\r\n".as_slice(), "550 5.6.11")
        .await;
    client.envelope(&[&others]).await;
    let looped = b"Received: x\r\n".repeat(200);
    client.expect([&looped[..], b"\r\n.\r\n"].concat(), "554 5.4.6").await;
    client.envelope(&[&rua]).await;
    let long = [vec![b'x'; 990], b"\r\n".to_vec()].concat().repeat(200);
    client.expect([&long[..], b".\r\n"].concat(), "552").await;
    let got = client.mail(&[&rua], &report("1", "example.com", 7)).await;
    assert!(got.starts_with("451 4.7.5"), "{got}");

    let ours = refused(&server, server.database.account.id, 6).await;
    let counts: Vec<_> = ours
        .iter()
        .map(|(reason, (messages, _))| (reason.as_str(), *messages))
        .collect();
    assert_eq!(
        counts,
        [
            ("bare_newline", 1),
            ("over_quota", 3),
            ("too_large", 1),
            ("undecided", 1)
        ]
    );
    assert_eq!(
        ours["bare_newline"].1,
        b"Subject: a\r\n\r\none\ntwo\r\n.\r\n".len() as u64
    );
    let theirs = refused(&server, other, 2).await;
    assert_eq!(theirs.keys().collect::<Vec<_>>(), ["bare_newline", "loop"]);
    // The metric is for all accounts.
    assert!(server.metric("tallymark_smtp_refused_total{reason=\"over_quota\"} 3"));
}

#[tokio::test]
async fn of_a_message_that_some_take_only_the_others_have_not() {
    let dns = Dns::start().await;
    let (server, other, others) = server(&dns).await;
    let mut client = Client::connect(server.lmtp).await;
    client.expect("LHLO c\r\n", "250-").await;
    let broken = |nth: u32| {
        format!("From: a@plain.example\r\nSubject: {nth}\r\nContent-Type: text/xml\r\n\r\n<feedback>{nth}\r\n.\r\n")
    };
    // Our quota is used up, then both are sent one.
    for nth in 0..2 {
        client.envelope(&[&server.rua()]).await;
        client.expect(broken(nth), "250").await;
    }
    for nth in 2..4 {
        client.envelope(&[&server.rua(), &others]).await;
        client.expect(broken(nth), "452 4.2.2").await;
        assert!(client.reply().await.starts_with("250"), "{nth}");
    }
    let ours = refused(&server, server.database.account.id, 2).await;
    assert_eq!(ours["over_quota"].0, 2);
    assert_eq!(refused(&server, other, 0).await, BTreeMap::new());
}
