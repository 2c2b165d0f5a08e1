//! Mail whose sender cannot be authenticated now: 451 once, then taken and held.

use tallymark::ingest::IntakeOptions;

use super::{Server, report};
use crate::provenance::dns::{Dns, Has};
use crate::store::fresh;

#[tokio::test]
async fn a_sender_that_cannot_be_authenticated_now_comes_again_once() {
    let dns = Dns::start().await;
    dns.add("_dmarc.reporter.example", Has::Failure);
    let intake = IntakeOptions {
        authenticator: Some(dns.authenticator()),
        ..IntakeOptions::new(fresh)
    };
    let server = Server::start_intake(|_| {}, intake).await;
    let held = async || {
        server
            .database
            .store
            .held_count(server.database.domain.id)
            .await
            .unwrap()
    };
    let rua = server.rua();
    for (nth, id) in (1..).zip(["1", "2"]) {
        let mail = report(id, "example.com", 7 + nth);
        // Over connections of their own, as senders do.
        for (reply, kept) in [("451 4.7.5 ", nth - 1), ("250 2.0.0 ", nth), ("250 2.0.0 ", nth)] {
            let mut client = server.client().await;
            client.expect("EHLO c\r\n", "250-").await;
            let got = client.mail(&[&rua], &mail).await;
            assert!(got.starts_with(reply), "{id}: {got}");
            assert_eq!(held().await, kept, "{id}: {got}");
        }
    }
    assert!(server.metric("tallymark_smtp_messages_total{answer=\"undecided\"} 2"));
    assert_eq!(server.totals().await.messages(), 0);
    // The name server works again: nothing is deferred, and what has failed is held.
    dns.clear("_dmarc.reporter.example");
    dns.text("_dmarc.reporter.example", "v=DMARC1; p=reject");
    let mut client = server.client().await;
    client.expect("EHLO c\r\n", "250-").await;
    let got = client.mail(&[&rua], &report("3", "example.com", 70)).await;
    assert!(got.starts_with("250 2.0.0 "), "{got}");
    assert_eq!(held().await, 3);
}
