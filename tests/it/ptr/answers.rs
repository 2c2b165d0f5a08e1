//! What name servers say, and what becomes of it.

use std::net::UdpSocket;

use crate::domains::named::{self, Named};
use crate::provenance::dns::{Dns, Has};
use crate::store::{Database, on_both};
use tallymark::enrich::PtrError;
use tallymark::store::AddressState;

use super::{DAY, Node, about, arrived, confirmed, handed_in, known, reverse, without_name};

on_both!(every_answer_is_told_from_the_others);
#[expect(clippy::too_many_lines, reason = "a table")]
async fn every_answer_is_told_from_the_others(db: Database) {
    let mut named = Named::start();
    let mut set = |address: &str, records: &[&str]| named.set(&reverse(address), records);
    set("8.0.0.1", &["PTR mail.one.example."]);
    set("8.0.0.3", &["PTR forged.three.example.", "PTR MAIL.Three.example."]);
    set("8.0.0.4", &["PTR mail.one.example."]);
    set("8.0.0.5", &["PTR x.broken.example."]);
    // RFC 2317: the zone of a part of a /24.
    set("8.0.0.6", &["CNAME 6.0-25.0.0.8.in-addr.arpa."]);
    set("8.0.0.7", &["CNAME loop.example."]);
    set("2a00:1450::25", &["PTR six.example."]);
    set("8.0.0.8", &["PTR alias.example."]);
    set("8.0.0.9", &["PTR nowhere.example."]);
    set("8.0.0.10", &["PTR not\\032a\\032host.example.", "PTR ."]);
    set("8.0.0.11", &["TXT \"no name\""]);
    set(
        "8.0.0.12",
        &["PTR a.x.", "PTR b.x.", "PTR c.x.", "PTR d.x.", "PTR e.x.", "PTR f.x."],
    );
    // It is confirmed by one name, whatever another says.
    set("8.0.0.13", &["PTR x.broken.example.", "PTR mail.thirteen.example."]);
    for (name, record) in [
        ("mail.one.example", "A 8.0.0.1"),
        ("forged.three.example", "A 8.0.0.1"),
        ("mail.three.example", "A 8.0.0.3"),
        ("6.0-25.0.0.8.in-addr.arpa", "PTR mail.six.example."),
        ("mail.six.example", "A 8.0.0.6"),
        ("loop.example", "CNAME pool.example."),
        ("pool.example", "CNAME loop.example."),
        ("six.example", "AAAA 2a00:1450::25"),
        ("alias.example", "CNAME real.example."),
        ("real.example", "A 8.0.0.8"),
        ("mail.thirteen.example", "A 8.0.0.13"),
    ] {
        named.set(name, &[record]);
    }
    named.reload().await;
    let addresses: Vec<String> = (1..=13).map(|nth| format!("8.0.0.{nth}")).collect();
    let mut records: Vec<_> = addresses.iter().map(|address| (&**address, 1, true)).collect();
    records.push(("2a00:1450::25", 1, true));
    let report = about("example.com", "reporter.example", "1", &records);
    db.commit_all(vec![handed_in(db.account.id, report)]).await;
    let node = Node::new(&db.store, named.dns());
    assert_eq!(known(&db.store, "8.0.0.1").await, None);
    node.run().await;
    for (address, expect) in [
        ("8.0.0.1", confirmed("mail.one.example")),
        ("8.0.0.2", without_name(AddressState::Nameless)),
        ("8.0.0.3", confirmed("mail.three.example")),
        ("8.0.0.4", without_name(AddressState::Unconfirmed)),
        ("8.0.0.5", without_name(AddressState::Unanswered)),
        ("8.0.0.6", confirmed("mail.six.example")),
        ("2a00:1450::25", confirmed("six.example")),
        ("8.0.0.8", confirmed("alias.example")),
        ("8.0.0.9", without_name(AddressState::Unconfirmed)),
        ("8.0.0.10", without_name(AddressState::Unconfirmed)),
        ("8.0.0.11", without_name(AddressState::Nameless)),
        ("8.0.0.12", without_name(AddressState::Unconfirmed)),
        ("8.0.0.13", confirmed("mail.thirteen.example")),
    ] {
        assert_eq!(known(&db.store, address).await, expect, "{address}");
    }
    // A circle has no name at its end.
    let (state, name) = known(&db.store, "8.0.0.7").await.unwrap();
    assert!(
        matches!(state, AddressState::Nameless | AddressState::Unanswered),
        "{state:?}"
    );
    assert_eq!(name, None);
    let names = db.store.confirmed_names().await.unwrap();
    let name = |address: &str| names.find(address.parse().unwrap()).map(|name| name.to_string());
    assert_eq!(name("8.0.0.3").as_deref(), Some("mail.three.example"));
    assert_eq!(name("8.0.0.4"), None);
    assert!(node.has(r#"tallymark_ptr_answers_total{answer="confirmed"} 6"#));
    assert!(node.has("tallymark_ptr_waiting 0"));
}

on_both!(no_answer_is_not_no_name);
async fn no_answer_is_not_no_name(db: Database) {
    let server = Dns::start().await;
    server.add(&reverse("8.0.0.1"), Has::Failure);
    server.add(&reverse("8.0.0.2"), Has::Silence);
    server.add(&reverse("8.0.0.3"), Has::Ptr("mail.example".to_owned()));
    server.add("mail.example", Has::Address([8, 0, 0, 3].into()));
    let records = [("8.0.0.1", 1, true), ("8.0.0.2", 1, true), ("8.0.0.3", 1, true)];
    let report = about("example.com", "reporter.example", "1", &records);
    db.commit_all(vec![handed_in(db.account.id, report)]).await;
    let node = Node::new(&db.store, named::dns(server.address));
    node.run().await;
    for address in ["8.0.0.1", "8.0.0.2"] {
        assert_eq!(known(&db.store, address).await, without_name(AddressState::Unanswered));
    }
    // Not before a day has passed.
    let asked = server.asked().len();
    node.clock.advance(DAY / 2);
    node.run().await;
    assert_eq!(server.asked().len(), asked);
    server.clear(&reverse("8.0.0.1"));
    server.clear(&reverse("8.0.0.2"));
    server.add(&reverse("8.0.0.2"), Has::Ptr("two.example".to_owned()));
    server.add("two.example", Has::Address([8, 0, 0, 2].into()));
    node.clock.advance(DAY);
    node.run().await;
    assert_eq!(known(&db.store, "8.0.0.1").await, without_name(AddressState::Nameless));
    assert_eq!(known(&db.store, "8.0.0.2").await, confirmed("two.example"));
    assert_eq!(known(&db.store, "8.0.0.3").await, confirmed("mail.example"));
}

on_both!(a_name_stays_while_no_server_answers);
async fn a_name_stays_while_no_server_answers(db: Database) {
    let server = Dns::start().await;
    server.add(&reverse("8.0.0.3"), Has::Ptr("mail.example".to_owned()));
    server.add("mail.example", Has::Address([8, 0, 0, 3].into()));
    let node = Node::new(&db.store, named::dns(server.address));
    let commit = async |messages: u64| {
        let (id, records) = (messages.to_string(), [("8.0.0.3", messages, true)]);
        let mut report = about("example.com", "reporter.example", &id, &records);
        // Of a day on which it is still new when the name is due again.
        report.metadata.window = tallymark::report::aggregate::Window {
            begin: crate::store::day(30).0,
            end: crate::store::day(30).1,
        };
        let message = handed_in(db.account.id, report);
        db.commit_all(vec![arrived(&node.clock, message)]).await;
    };
    commit(1).await;
    node.run().await;
    assert_eq!(known(&db.store, "8.0.0.3").await, confirmed("mail.example"));
    let asked = server.asked().len();
    // A report that mentions it does not make it due.
    node.clock.advance(29 * DAY);
    commit(2).await;
    node.run().await;
    assert_eq!(server.asked().len(), asked);
    server.clear("mail.example");
    server.add("mail.example", Has::Failure);
    node.clock.advance(2 * DAY);
    commit(3).await;
    node.run().await;
    assert!(server.asked().len() > asked);
    assert_eq!(known(&db.store, "8.0.0.3").await, confirmed("mail.example"));
    let names = db.store.confirmed_names().await.unwrap();
    assert!(names.find([8, 0, 0, 3].into()).is_some());
    // An answer replaces it.
    server.clear("mail.example");
    server.add("mail.example", Has::Address([8, 0, 0, 9].into()));
    node.clock.advance(2 * DAY);
    node.run().await;
    assert_eq!(
        known(&db.store, "8.0.0.3").await,
        without_name(AddressState::Unconfirmed)
    );
    assert!(
        db.store
            .confirmed_names()
            .await
            .unwrap()
            .find([8, 0, 0, 3].into())
            .is_none()
    );
}

/// What is known of an address does not depend on an outage of the own name servers.
#[tokio::test]
async fn a_server_that_never_answers_is_left_alone_and_says_nothing_about_addresses() {
    let db = Database::start(crate::store::Dialect::Sqlite).await;
    let report = about("example.com", "reporter.example", "1", &[("8.0.0.3", 1, true)]);
    db.commit_all(vec![handed_in(db.account.id, report)]).await;
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let node = Node::new(&db.store, named::dns(silent.local_addr().unwrap()));
    assert!(matches!(node.ptr.run().await, Err(PtrError::NoServer)));
    assert_eq!(known(&db.store, "8.0.0.3").await, None);
    assert!(node.has("tallymark_ptr_waiting 1"));
    // It rests, and still finds what is new.
    silent.set_nonblocking(true).unwrap();
    let mut buffer = [0; 512];
    while silent.recv(&mut buffer).is_ok() {}
    node.run().await;
    assert!(silent.recv(&mut buffer).is_err(), "nothing was asked");
    // Another node has servers that answer: nothing was lost.
    let server = Dns::start().await;
    let other = Node::new(&db.store, named::dns(server.address));
    other.run().await;
    assert_eq!(known(&db.store, "8.0.0.3").await, without_name(AddressState::Nameless));
}
