//! How much is asked, about which addresses, and by which node.

use std::sync::Arc;
use std::time::Duration;

use crate::domains::named::{self, Named};
use crate::provenance::dns::Dns;
use crate::store::{Database, Dialect, NOW, on_both};
use tallymark::app::App;
use tallymark::base::Authenticated;
use tallymark::base::clock::Clock;
use tallymark::config::Config;
use tallymark::jobs::{Jobs, Leases, Pace};
use tallymark::metrics::Metrics;
use tallymark::store::{Acceptance, AddressState};

use super::relay::Relay;
use super::{Node, about, add, arrived, handed_in, known, mailed, reverse, without_name};

#[tokio::test]
async fn questions_come_at_a_steady_pace_and_answers_are_kept() {
    let db = Database::start(Dialect::Sqlite).await;
    let mut named = Named::start();
    let addresses: Vec<String> = (0..40).map(|nth| format!("8.0.0.{nth}")).collect();
    for address in &addresses {
        let name = format!("mail-{}.example", address.replace('.', "-"));
        named.set(&reverse(address), &[&format!("PTR {name}.")]);
        named.set(&name, &[&format!("A {address}")]);
    }
    named.reload().await;
    let relay = Relay::before(named.address).await;
    let records: Vec<_> = addresses.iter().map(|address| (&**address, 1, true)).collect();
    let report = about("example.com", "reporter.example", "1", &records);
    db.commit_all(vec![handed_in(db.account.id, report)]).await;
    let node = Node::with(&db.store, named::dns(relay.address), |options| {
        options.questions_per_second_max = 50;
    });
    node.run().await;
    let asked = relay.asked();
    assert_eq!(asked.len(), 80, "a name, and its address");
    assert!(node.has("tallymark_ptr_questions_total 80"));
    assert!(node.has(r#"tallymark_ptr_answers_total{answer="confirmed"} 40"#));
    // Of any 26 questions the last comes half a second after the first, but for how long the way to the relay took.
    for some in asked.windows(26) {
        let took = some[25].0 - some[0].0;
        assert!(took >= Duration::from_millis(450), "{took:?}");
    }
    // The table is the cache: nothing more is asked, by another node neither.
    node.run().await;
    Node::new(&db.store, named::dns(relay.address)).run().await;
    assert_eq!(relay.count(), 80);
}

on_both!(only_addresses_of_reports_that_someone_stands_up_for_are_asked_about);
async fn only_addresses_of_reports_that_someone_stands_up_for_are_asked_about(db: Database) {
    let server = Dns::start().await;
    let account = db.account.id;
    let one = |id: &str, address: &'static str| about("example.com", "reporter.example", id, &[(address, 1, true)]);
    let mut held = mailed(account, one("held", "8.0.0.3"), Authenticated::None);
    let (leaf, report) = held.reports.remove(0);
    held.reports
        .push((leaf, report.admitted(Acceptance::Unvouched, u64::MAX)));
    let mut old = one("old", "8.0.0.5");
    let ago = NOW / 1_000 - 40 * 86_400;
    (old.metadata.window.begin, old.metadata.window.end) = (ago, ago + 86_399);
    db.commit_all(vec![
        handed_in(account, one("handed in", "8.0.0.1")),
        mailed(account, one("vouched", "8.0.0.2"), Authenticated::Pass),
        held,
        // It counts: the installation may not hold any.
        mailed(account, one("unvouched", "8.0.0.4"), Authenticated::None),
        handed_in(account, old),
        handed_in(
            account,
            about(
                "example.com",
                "reporter.example",
                "private",
                &[("10.0.0.1", 9, true), ("192.0.2.1", 9, true)],
            ),
        ),
    ])
    .await;
    let node = Node::new(&db.store, named::dns(server.address));
    node.run().await;
    let mut asked = server.asked();
    asked.sort();
    let expect = ["8.0.0.1", "8.0.0.2"].map(|address| format!("{}. PTR", reverse(address)));
    assert_eq!(asked, expect);
}

on_both!(a_flood_asks_no_more_than_its_part_and_delays_others_by_one_turn);
async fn a_flood_asks_no_more_than_its_part_and_delays_others_by_one_turn(db: Database) {
    let server = Dns::start().await;
    let account = db.account.id;
    add(&db, "small.example").await;
    let addresses: Vec<String> = (0..3_000)
        .map(|nth| format!("9.0.{}.{}", nth / 250, nth % 250))
        .collect();
    let records: Vec<_> = (1..)
        .zip(&addresses)
        .map(|(nth, address)| (&**address, nth, true))
        .collect();
    db.commit_all(vec![
        handed_in(account, about("example.com", "flood.example", "1", &records)),
        handed_in(
            account,
            about(
                "example.com",
                "other.example",
                "2",
                &[("8.0.0.1", 1, true), ("8.0.0.2", 2, true)],
            ),
        ),
        handed_in(
            account,
            about("small.example", "other.example", "3", &[("8.0.0.3", 1, true)]),
        ),
    ])
    .await;
    let node = Node::with(&db.store, named::dns(server.address), |options| {
        options.domain_addresses_per_day_max = 20;
    });
    node.run().await;
    let asked = server.asked();
    let place = |address: &str| {
        let name = format!("{}. PTR", reverse(address));
        asked.iter().position(|asked| *asked == name)
    };
    let flood = asked.iter().filter(|name| name.contains(".0.9.in-addr")).count();
    assert_eq!((flood, asked.len()), (10, 13), "half of what the domain may ask");
    let busiest = addresses.last().unwrap();
    // They are under way at the same time: of one turn any may come first.
    assert!(
        place(busiest) < Some(4) && place("8.0.0.2") < Some(6) && place("8.0.0.3") < Some(4),
        "{asked:?}"
    );
    assert!(place("8.0.0.1").is_some());
    // Nothing is new; then a report is, and the reporter has had its part of the day.
    node.clock.advance(Duration::from_secs(900));
    node.run().await;
    let more = handed_in(account, about("example.com", "flood.example", "4", &records[1..]));
    db.commit_all(vec![arrived(&node.clock, more)]).await;
    node.clock.advance(Duration::from_secs(900));
    node.run().await;
    assert_eq!(server.asked().len(), 13);
    // On another day it is the turn of the next busiest that a new report mentions.
    node.clock.advance(super::DAY);
    let more = handed_in(account, about("example.com", "flood.example", "5", &records[2..]));
    db.commit_all(vec![arrived(&node.clock, more)]).await;
    node.run().await;
    assert_eq!(server.asked().len(), 23);
}

on_both!(the_oldest_answers_go_first);
async fn the_oldest_answers_go_first(db: Database) {
    let server = Dns::start().await;
    let node = Node::with(&db.store, named::dns(server.address), |options| {
        options.addresses_max = 2
    });
    for (id, address) in [("1", "8.0.0.1"), ("2", "8.0.0.2"), ("3", "8.0.0.3")] {
        let report = about("example.com", "reporter.example", id, &[(address, 1, true)]);
        let message = handed_in(db.account.id, report);
        db.commit_all(vec![arrived(&node.clock, message)]).await;
        node.run().await;
        node.clock.advance(Duration::from_secs(1_200));
    }
    assert_eq!(db.count("select count(*) from addresses").await, 3);
    // Reports below the mark are not looked through again.
    node.run().await;
    assert_eq!(db.count("select count(*) from addresses").await, 2);
    assert_eq!(known(&db.store, "8.0.0.1").await, None);
    assert_eq!(known(&db.store, "8.0.0.3").await, without_name(AddressState::Nameless));
    assert_eq!(server.asked().len(), 3);
}

on_both!(the_node_that_has_the_lease_asks);
async fn the_node_that_has_the_lease_asks(db: Database) {
    let report = about("example.com", "reporter.example", "1", &[("8.0.0.1", 1, true)]);
    db.commit_all(vec![handed_in(db.account.id, report)]).await;
    let servers = [Dns::start().await, Dns::start().await];
    let mut jobs = Vec::new();
    for (server, holder) in servers.iter().zip(["a", "b"]) {
        let node = Arc::new(Node::new(&db.store, named::dns(server.address)));
        let leases = Leases {
            store: db.store.clone(),
            clock: Clock::system(),
            pace: Pace {
                lease_lasts: Duration::from_secs(1),
                lease_asked_every: Duration::from_millis(50),
                ..Pace::default()
            },
            holder: holder.to_owned(),
            random: || 4,
        };
        let node_jobs = Jobs::new(leases, Metrics::new());
        node_jobs.start("ptr", Duration::from_millis(20), move |_| {
            let node = Arc::clone(&node);
            async move { Ok(node.ptr.run().await?) }
        });
        jobs.push(node_jobs);
    }
    let is_known = async |address: &str| known(&db.store, address).await.is_some();
    while !is_known("8.0.0.1").await {
        tokio::task::yield_now().await;
    }
    let counts = || servers.each_ref().map(|server| server.asked().len());
    let first = counts();
    assert!(first == [1, 0] || first == [0, 1], "{first:?}");
    // It is the other's turn when the first stops.
    let had = usize::from(first == [0, 1]);
    jobs.remove(had).stop().await;
    let report = about("example.com", "reporter.example", "2", &[("8.0.0.2", 1, true)]);
    db.commit_all(vec![handed_in(db.account.id, report)]).await;
    while !is_known("8.0.0.2").await {
        tokio::task::yield_now().await;
    }
    assert_eq!(counts(), [1, 1]);
    jobs.remove(0).stop().await;
}

#[tokio::test]
async fn the_setting_switches_it_off() {
    let server = Dns::start().await;
    for (is_on, questions) in [(false, 0), (true, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.database.dir = folder.path().to_owned();
        config.enrich.ptr = is_on;
        config.domains.dns.servers = vec![server.address];
        let app = App::open(config, Clock::fixed(NOW)).await.unwrap();
        let mode = tallymark::base::Mode::Live;
        let account = app.store.add_account("default", mode, NOW).await.unwrap().id;
        let domain = crate::store::new_domain("example.com");
        app.store.add_domain(account, domain, NOW).await.unwrap();
        let report = about("example.com", "reporter.example", "1", &[("8.0.0.1", 1, true)]);
        let committed = app
            .store
            .commit(vec![handed_in(account, report)], &crate::store::KEEPING);
        committed.await.unwrap();
        let ptr = app.ptr();
        assert_eq!(ptr.is_some(), is_on);
        if let Some(ptr) = ptr {
            ptr.run().await.unwrap();
        }
        assert_eq!(server.asked().len(), questions);
        app.close().await;
    }
}
