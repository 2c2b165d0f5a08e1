//! Whose mail an address is.

use tallymark::store::{Domain, Mode};

use super::super::sqlite;
use super::super::store::{NOW, new_domain};
use super::{Server, report};

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
