//! Whose mail an address is.

use tallymark::base::Mode;
use tallymark::ingest::IntakeOptions;
use tallymark::store::Domain;

use super::super::sqlite;
use super::super::store::{NOW, fresh, new_domain};
use super::{Client, Server, report, stuffed};

async fn check(server: &Server, cases: &[(&str, &str)]) {
    for (recipient, reply) in cases {
        let mut client = server.client().await;
        client.expect("EHLO c\r\n", "250-").await;
        client.expect("MAIL FROM:<a@b.example> SMTPUTF8\r\n", "250").await;
        client.expect(format!("RCPT TO:<{recipient}>\r\n"), reply).await;
    }
}

const OK: &str = "250 2.1.5";
const UNKNOWN: &str = "550 5.1.1";
const FOREIGN: &str = "550 5.7.1";

#[tokio::test]
async fn only_what_is_ours_is_accepted() {
    let server = Server::start(|_| {}).await;
    let token = server.database.domain.rua_token.clone();
    let own = |host: &str| format!("{token}@{host}");
    check(
        &server,
        &[
            (&own("rua.tally.example"), OK),
            (&own("RUA.us.Tally.example."), OK),
            (&own("rua.tally.example").to_uppercase(), OK),
            (&own("tally.example"), FOREIGN),
            (&own("example.com"), FOREIGN),
            ("nobody@rua.tally.example", UNKNOWN),
            ("\" or 1=1 --\"@rua.tally.example", UNKNOWN),
            (&format!("{}@rua.tally.example", "x".repeat(500)), UNKNOWN),
            ("reports@tally.example", OK),
            ("reports@rua.tally.example", UNKNOWN),
            ("postmaster", OK),
            ("PostMaster@rua.tally.example", OK),
            ("abuse@mx.tally.example", OK),
            ("x@mx.tally.example", UNKNOWN),
            ("postmaster@elsewhere.example", FOREIGN),
            ("dmarc@example.com", FOREIGN),
            ("a@[127.0.0.1]", FOREIGN),
            ("é@bücher.example", FOREIGN),
        ],
    )
    .await;
}

#[tokio::test]
async fn mail_to_a_domain_itself_comes_in_where_it_is_switched_on() {
    let server = Server::start(|_| {}).await;
    let store = &server.database.store;
    let account = server.database.account.id;
    for name in ["catch.example", "bücher.example", "off.example"] {
        store.add_domain(account, new_domain(name), NOW).await.unwrap();
    }
    let path = server.database.path();
    sqlite(
        &path,
        "update domains set inbound_enabled = 1 where name <> 'off.example'",
    )
    .await;
    sqlite(&path, "update domains set catch_all = 1 where name = 'catch.example'").await;
    check(
        &server,
        &[
            ("dmarc@example.com", OK),
            ("DMARC-reports@EXAMPLE.com", OK),
            ("postmaster@example.com", OK),
            ("abuse@example.com", OK),
            ("info@example.com", UNKNOWN),
            ("dmarc@sub.example.com", FOREIGN),
            ("info@catch.example", OK),
            ("dmarc@bücher.example", OK),
            ("dmarc@xn--bcher-kva.example", OK),
            ("dmarc@off.example", FOREIGN),
        ],
    )
    .await;
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    let reply = client
        .mail(&["dmarc@example.com"], &report("one", "example.com", 7))
        .await;
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(server.totals().await.pass, 7);
}

/// A second account with the same domain; its row is younger.
async fn rival(server: &Server) -> Domain {
    let store = &server.database.store;
    let other = store.add_account("other", Mode::Live, NOW).await.unwrap();
    store
        .add_domain(other.id, new_domain("example.com"), NOW)
        .await
        .unwrap()
}

#[tokio::test]
async fn of_several_owners_of_a_name_the_verified_one_gets_its_mail() {
    let server = Server::start(|_| {}).await;
    let rival = rival(&server).await;
    let path = server.database.path();
    sqlite(&path, "update domains set inbound_enabled = 1").await;
    check(&server, &[("dmarc@example.com", FOREIGN)]).await;
    // 1 is verified.
    sqlite(
        &path,
        "update domains set status = 1 where domain_id = (select max(domain_id) from domains)",
    )
    .await;
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    let reply = client
        .mail(&["dmarc@example.com"], &report("one", "example.com", 7))
        .await;
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(server.totals().await.pass, 0);
    assert_eq!(server.database.check_sums(rival.id).await.pass, 7);
}

#[tokio::test]
async fn a_message_to_several_domains_is_kept_for_each() {
    let server = Server::start(|_| {}).await;
    let rival = rival(&server).await;
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    let both = [
        &*server.rua(),
        &format!("{}@rua.us.tally.example", rival.rua_token),
        &*server.rua(),
    ];
    let reply = client.mail(&both, &report("one", "example.com", 7)).await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    assert_eq!((server.totals().await.pass, server.arrivals().await), (7, (1, 1)));
    assert_eq!(server.database.check_sums(rival.id).await.pass, 7);
}

/// Adds `count` domains, in turn to another account and to that of every test; gives all report addresses.
async fn many(server: &Server, count: usize) -> Vec<String> {
    let store = &server.database.store;
    let other = store.add_account("other", Mode::Live, NOW).await.unwrap();
    let mut addresses = vec![server.rua()];
    for nth in 0..count {
        let account = [other.id, server.database.account.id][nth % 2];
        let name = if nth == 0 {
            "example.com".to_owned()
        } else {
            format!("d{nth}.example")
        };
        let added = store.add_domain(account, new_domain(&name), NOW).await.unwrap();
        addresses.push(format!("{}@rua.tally.example", added.rua_token));
    }
    addresses
}

/// The replies to a message over LMTP: one for each recipient.
async fn replies(client: &mut Client, recipients: &[&str], message: &[u8]) -> Vec<String> {
    client.envelope(recipients).await;
    client.send(stuffed(message)).await;
    let mut replies = Vec::new();
    for _ in recipients {
        replies.push(client.reply().await);
    }
    replies
}

fn read(server: &Server, times: usize) -> bool {
    server.metric(&format!("tallymark_messages_read_total {times}"))
}

#[tokio::test]
async fn a_message_to_41_domains_is_read_once_over_smtp_and_lmtp() {
    for slow_bytes in [1, u64::MAX] {
        let mut intake = IntakeOptions::new(fresh);
        intake.settings.slow.bytes = slow_bytes;
        // The first may hold its seat for a moment after it was answered; a message without a seat is read again.
        intake.settings.slow.seats = 2;
        let server = Server::start_intake(|_| {}, intake).await;
        let addresses = many(&server, 40).await;
        let addresses: Vec<_> = addresses.iter().map(|address| &**address).collect();
        let message = report("one", "example.com", 7);
        let mut client = server.client().await;
        client.expect("EHLO c\r\n", "250-").await;
        let reply = client.mail(&addresses, &message).await;
        assert!(reply.starts_with("250 2.0.0"), "{reply}");
        assert!(read(&server, 1), "{}", server.metrics.encode().0);
        let mut client = Client::connect(server.lmtp).await;
        client.expect("LHLO c\r\n", "250-").await;
        let replies = replies(&mut client, &addresses, &message).await;
        assert!(
            replies.iter().all(|reply| reply.starts_with("250 2.0.0")),
            "{replies:?}"
        );
        assert!(read(&server, 2), "{}", server.metrics.encode().0);
        // Of the account of every test are 21 of them.
        assert_eq!((server.totals().await.pass, server.arrivals().await), (7, (1, 2 * 21)));
        let reports = server.database.count("select count(*) from reports").await;
        assert_eq!(reports, 2, "one for each account");
    }
}

/// What one large message may take is given to its recipients in turn; the others are told to come again, and then taken.
#[tokio::test]
async fn a_large_message_to_many_accounts_is_taken_for_some_at_a_time() {
    let server = Server::start(|_| {}).await;
    let store = &server.database.store;
    let mut addresses = Vec::new();
    for nth in 0..9 {
        let account = store
            .add_account(&format!("account {nth}"), Mode::Live, NOW)
            .await
            .unwrap();
        let added = store
            .add_domain(account.id, new_domain("example.com"), NOW)
            .await
            .unwrap();
        addresses.push(format!("{}@rua.tally.example", added.rua_token));
    }
    let addresses: Vec<_> = addresses.iter().map(|address| &**address).collect();
    let large = |subject: &str| {
        let filler = "The quick brown fox jumps over the lazy dog.\r\n".repeat(4_000);
        format!("Subject: {subject}\r\n\r\n{filler}").into_bytes()
    };
    let mut client = Client::connect(server.lmtp).await;
    client.expect("LHLO c\r\n", "250-").await;
    let (mut left, mut attempts, message) = (addresses.clone(), 0, large("over LMTP"));
    while !left.is_empty() {
        let replies = replies(&mut client, &left, &message).await;
        let taken = replies.iter().filter(|reply| reply.starts_with("250 2.0.0")).count();
        assert!((1..=4).contains(&taken), "{replies:?}");
        assert!(
            replies[taken..].iter().all(|reply| reply.starts_with("452 4.5.3")),
            "{replies:?}"
        );
        left.drain(..taken);
        attempts += 1;
    }
    assert_eq!(attempts, 3);
    // Over SMTP one answer is for all: it is 250 when the last has it.
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    let (mut replies, message) = (Vec::new(), large("over SMTP"));
    while replies
        .last()
        .is_none_or(|reply: &String| reply.starts_with("452 4.5.3"))
    {
        replies.push(client.mail(&addresses, &message).await);
    }
    assert_eq!(replies.len(), 3, "{replies:?}");
    assert!(replies[2].starts_with("250 2.0.0"), "{replies:?}");
    assert!(server.metric(r#"tallymark_smtp_messages_total{answer="too_much_for_others"} 4"#));
    let kept = server.set_aside().await;
    assert_eq!(kept.len(), 18, "each has both, and once");
    assert!(kept.iter().all(|(aside, _)| aside.reason == "mail"));
}

#[tokio::test]
async fn without_its_account_general_mail_has_to_wait() {
    let server = Server::start(|_| {}).await;
    let path = server.database.path();
    sqlite(&path, "update accounts set name = 'renamed'").await;
    check(
        &server,
        &[
            ("postmaster", "451 4.3.5"),
            ("reports@tally.example", "451 4.3.5"),
            (&server.rua(), OK),
        ],
    )
    .await;
}
