//! SPF records that are tried out, against a real name server.

use std::net::Ipv4Addr;
use std::time::Duration;

use tallymark::base::DomainName;
use tallymark::base::clock::Clock;
use tallymark::dns::DnsOptions;
use tallymark::domains::{Domains, DomainsOptions, ServiceNames, SpfTrial, Tried};
use tallymark::metrics::Metrics;

use crate::provenance::dns::{Dns, Has};
use crate::store::{Database, Dialect, NOW};

pub fn domains(db: &Database, dns: &Dns) -> Domains {
    domains_with(db, dns, |_| {})
}

fn domains_with(db: &Database, dns: &Dns, change: impl FnOnce(&mut DomainsOptions)) -> Domains {
    let name = |text| DomainName::parse(text).unwrap();
    let mut options = DomainsOptions::new(ServiceNames::of_one_node(
        &name("tally.example"),
        &name("rua.tally.example"),
    ));
    let asking = DnsOptions {
        servers: vec![dns.address],
        ..DnsOptions::default()
    };
    options.dns = Some(tallymark::dns::Dns::new(&asking).unwrap());
    change(&mut options);
    Domains::new(db.store.clone(), Clock::fixed(NOW), Metrics::new(), options)
}

fn tried(trial: &SpfTrial, address: &str) -> Tried {
    trial.tried(address.parse().unwrap())
}

#[tokio::test]
async fn what_a_record_refers_to_is_looked_up_once() {
    use Tried::{Fail, Pass, Unknown};
    let (db, dns) = (Database::start(Dialect::Sqlite).await, Dns::start().await);
    dns.text("inc.example", "v=spf1 ip4:198.51.100.0/24 -ip4:203.0.113.0/24 -all");
    dns.text("next.example", "v=spf1 include:inc.example ip4:203.0.113.9 ~all");
    dns.text("loop.example", "v=spf1 include:loop.example -all");
    dns.text("twice.example", "v=spf1 -all");
    dns.text("twice.example", "v=spf1 +all");
    dns.add("host.example", Has::Address(Ipv4Addr::new(192, 0, 2, 40)));
    dns.add("example.com", Has::Mx("host.example".to_owned()));
    dns.add("broken.example", Has::Failure);
    let domains = domains(&db, &dns);
    for (text, address, expect) in [
        ("v=spf1 include:inc.example -all", "198.51.100.7", Pass),
        ("v=spf1 include:inc.example -all", "192.0.2.7", Fail),
        // What an included record fails goes on.
        ("v=spf1 include:inc.example ip4:203.0.113.9 -all", "203.0.113.9", Pass),
        ("v=spf1 -include:inc.example +all", "198.51.100.7", Fail),
        ("v=spf1 redirect=next.example", "203.0.113.9", Pass),
        ("v=spf1 redirect=next.example", "192.0.2.1", Fail),
        ("v=spf1 a:host.example -all", "192.0.2.40", Pass),
        ("v=spf1 a:host.example/24 -all", "192.0.2.99", Pass),
        ("v=spf1 a:host.example -all", "192.0.2.99", Fail),
        ("v=spf1 mx -all", "192.0.2.40", Pass),
        ("v=spf1 mx -all", "192.0.2.41", Fail),
        ("v=spf1 include:broken.example -all", "192.0.2.1", Unknown),
        ("v=spf1 ip4:192.0.2.1 include:broken.example -all", "192.0.2.1", Pass),
        // Permanent errors, behind what matches.
        (
            "v=spf1 ip4:192.0.2.1 include:nothing.example ip4:192.0.2.2 -all",
            "192.0.2.1",
            Pass,
        ),
        (
            "v=spf1 ip4:192.0.2.1 include:nothing.example ip4:192.0.2.2 -all",
            "192.0.2.2",
            Fail,
        ),
        ("v=spf1 include:twice.example ip4:192.0.2.2 -all", "192.0.2.2", Fail),
        ("v=spf1 include:loop.example ip4:192.0.2.2 -all", "192.0.2.2", Fail),
    ] {
        let trial = domains.try_spf(&db.domain.name, text).await.unwrap();
        assert_eq!(tried(&trial, address), expect, "{text} {address} {trial:?}");
        assert_eq!(trial.is_uncertain, text.contains("broken"), "{text}");
        let fails = ["nothing", "twice", "loop"].iter().any(|name| text.contains(name));
        assert_eq!(trial.fault.is_some(), fails, "{text}");
    }
    let trial = domains
        .try_spf(&db.domain.name, "v=spf1 redirect=next.example")
        .await
        .unwrap();
    assert_eq!(trial.lookups, 2);
}

#[tokio::test]
async fn a_trial_has_the_limits_of_receivers() {
    let (db, dns) = (Database::start(Dialect::Sqlite).await, Dns::start().await);
    for nth in 0..11 {
        dns.text(&format!("i{nth}.example"), "v=spf1 ip4:198.51.100.0/24 -all");
    }
    for nth in 0..11 {
        dns.add("many.example", Has::Mx(format!("host{nth}.example")));
    }
    let networks: String = (0..2_000_u32)
        .map(|nth| format!(" ip4:10.{}.{}.0/24", nth / 256, nth % 256))
        .collect();
    dns.text("long.example", &format!("v=spf1{networks} -all"));
    let domains = domains(&db, &dns);
    let includes = |count: usize| -> String { (0..count).map(|nth| format!(" include:i{nth}.example")).collect() };
    let voids = |count: usize| -> String { (0..count).map(|nth| format!(" a:void{nth}.example")).collect() };
    for (terms, fault) in [
        (includes(10), None),
        (includes(11), Some("it needs more than 10 DNS lookups")),
        (voids(2), None),
        (voids(3), Some("it looks up more than 2 names that have nothing")),
        (" mx:many.example".to_owned(), Some("has more than 10 mail hosts")),
        (" include:long.example".to_owned(), None),
    ] {
        let text = format!("v=spf1 ip4:192.0.2.1{terms} ip4:192.0.2.2 -all");
        let trial = domains.try_spf(&db.domain.name, &text).await.unwrap();
        let found = trial.fault.as_deref();
        let is_said = |fault| found.is_some_and(|found| found.contains(fault));
        assert!(fault.map_or(found.is_none(), is_said), "{text}: {found:?}");
        assert_eq!(tried(&trial, "192.0.2.1"), Tried::Pass, "it is listed before: {text}");
        let behind = if fault.is_some() { Tried::Fail } else { Tried::Pass };
        assert_eq!(tried(&trial, "192.0.2.2"), behind, "{text}");
        if text.contains("long") {
            assert_eq!(tried(&trial, "10.7.207.9"), Tried::Pass);
            assert_eq!(tried(&trial, "10.7.208.9"), Tried::Fail, "the control");
        }
    }
}

#[tokio::test]
async fn a_trial_ends_when_its_time_is_over() {
    let (db, dns) = (Database::start(Dialect::Sqlite).await, Dns::start().await);
    dns.text("inc.example", "v=spf1 ip4:198.51.100.0/24 -all");
    dns.add("silent.example", Has::Silence);
    let domains = domains_with(&db, &dns, |options| options.check_time_max = Duration::from_millis(50));
    let text = "v=spf1 ip4:192.0.2.1 include:inc.example include:silent.example -all";
    let trial = domains.try_spf(&db.domain.name, text).await.unwrap();
    assert!(trial.is_uncertain);
    assert_eq!(tried(&trial, "192.0.2.1"), Tried::Pass);
    assert_eq!(tried(&trial, "192.0.2.2"), Tried::Unknown);
}

#[tokio::test]
async fn names_exist_or_do_not_or_are_not_known() {
    let (db, dns) = (Database::start(Dialect::Sqlite).await, Dns::start().await);
    dns.add("a.example.com", Has::Address(Ipv4Addr::new(192, 0, 2, 40)));
    dns.add("silent.example.com", Has::Failure);
    let domains = domains(&db, &dns);
    let names = ["a.example.com", "b.example.com", "silent.example.com"].map(Box::from);
    let found = domains.existing(&names).await;
    let expect = [("a.example.com".into(), true), ("b.example.com".into(), false)];
    assert_eq!(found, expect.into());
}
