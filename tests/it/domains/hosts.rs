//! Where the installation's own hosts come in: which records there are, and where receivers ask for leave.

use crate::store::{Database, Dialect, on_both};
use tallymark::base::{DomainName, DomainStatus};
use tallymark::domains::{Purpose, ServiceNames};

use super::offers::check;
use super::{Named, World, publish};

/// Receivers ask for leave at the name where they found the record (RFC 9990, 4).
#[tokio::test]
async fn leave_to_receive_reports_is_looked_for_where_receivers_ask() {
    let mut named = Named::start();
    let db = Database::start(Dialect::Sqlite).await;
    db.execute("update domains set name = 'news.one.example.com'").await;
    let world = World::new(db, named.dns(), &[Purpose::Dmarc]);
    let ours = format!(
        "v=DMARC1; p=none; rua=mailto:{}@rua.tally.example",
        world.domain().await.rua_token
    );
    for (at, expect) in [
        ("one.example.com", "one.example.com"),
        ("example.com", "example.com"),
        ("news.one.example.com", "news.one.example.com"),
    ] {
        named.text(&format!("_dmarc.{at}"), &[&ours]);
        // For the domain itself, which is not asked for if the record is above.
        let own = "news.one.example.com._report._dmarc.rua.tally.example";
        if at != "news.one.example.com" {
            named.text(own, &["v=DMARC1;"]);
        }
        named.reload().await;
        assert!(world.look(Purpose::Dmarc).await.verified, "{at}");
        let record = world.look(Purpose::DmarcAuthorization).await;
        let name = format!("{expect}._report._dmarc.rua.tally.example");
        assert_eq!((record.name.as_str(), record.verified), (name.as_str(), false), "{at}");
        assert!(record.problem.clone().unwrap().contains(&name), "{record:?}");
        check(&world, &mut named, &record).await;
        named.set(own, &[]);
        named.set(&format!("_dmarc.{at}"), &[]);
    }
    // A wildcard is for all; with no record anywhere the domain's own name is asked for.
    named.text("*._report._dmarc.rua.tally.example", &["v=DMARC1"]);
    named.text("_dmarc.example.com", &[&ours]);
    named.reload().await;
    assert!(world.look(Purpose::DmarcAuthorization).await.verified);
    named.set("_dmarc.example.com", &[]);
    named.reload().await;
    let record = world.look(Purpose::DmarcAuthorization).await;
    assert_eq!(record.name, "news.one.example.com._report._dmarc.rua.tally.example");
}

on_both!(an_installation_that_only_collects_asks_for_dmarc_alone);
async fn an_installation_that_only_collects_asks_for_dmarc_alone(db: Database) {
    let mut named = Named::start();
    let rua = DomainName::parse("rua.tally.example").unwrap();
    let world = World::with(db, named.dns(), &[], |options| {
        options.names = ServiceNames::new(None, Some(&rua));
    });
    assert_eq!(world.domains.names().advice(), Vec::<String>::new());
    let published = world.domains.published(&world.domain().await).await.unwrap();
    let purposes: Vec<_> = published
        .records
        .iter()
        .map(|record| (record.purpose, record.required))
        .collect();
    let optional = [Purpose::DmarcAuthorization, Purpose::TlsReports].map(|purpose| (purpose, false));
    assert_eq!(purposes, [&[(Purpose::Dmarc, true)][..], &optional].concat());
    publish(&mut named, &published.records[0]);
    named.reload().await;
    let (domain, _) = world.domains.verify(&world.domain().await).await.unwrap();
    assert_eq!(domain.status, DomainStatus::Verified);
}

on_both!(without_a_host_for_reports_no_domain_is_verified_and_none_fails);
async fn without_a_host_for_reports_no_domain_is_verified_and_none_fails(db: Database) {
    let mut named = Named::start();
    let service = DomainName::parse("tally.example").unwrap();
    let mut world = World::new(db, named.dns(), &[]);
    for host in [None, Some(&service)] {
        world = World::with(world.db, named.dns(), &[], |options| {
            options.names = ServiceNames::new(host, None);
        });
        let published = world.domains.published(&world.domain().await).await.unwrap();
        assert_eq!(published.rua_address, None);
        assert!(
            published.advice[0].contains("installation.rua_host"),
            "{:?}",
            published.advice
        );
        assert!(world.domains.names().advice()[0].contains("installation.rua_host"));
        for record in &published.records {
            assert!(matches!(record.purpose, Purpose::Spf | Purpose::Dkim), "{record:?}");
            publish(&mut named, record);
        }
        assert_eq!(published.records.is_empty(), host.is_none());
        named.reload().await;
        // Three days: as long as a domain may be pending.
        world.clock.advance(80 * super::HOUR);
        let (domain, _) = world.domains.verify(&world.domain().await).await.unwrap();
        assert_eq!(domain.status, DomainStatus::Pending);
    }
    // What the settings ask for all the same is named.
    let mut names = ServiceNames::new(None, Some(&DomainName::parse("rua.tally.example").unwrap()));
    names.required = vec![Purpose::Spf, Purpose::Dmarc];
    assert!(
        names.advice()[0].contains("domains.required names spf"),
        "{:?}",
        names.advice()
    );
}
