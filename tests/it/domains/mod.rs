//! A domain's life against a real name server: what is found, what is said about it, and where it leaves the domain.

mod failures;
mod hosts;
mod ips;
mod keys;
mod lifecycle;
pub mod named;
mod offers;
mod problems;
mod rotation;
mod rounds;
mod tls;

use std::time::Duration;

use crate::store::{Database, NOW};
use tallymark::base::clock::Clock;
use tallymark::base::{DomainName, DomainStatus};
use tallymark::dns::Dns;
use tallymark::domains::{DnsRecord, Domains, DomainsOptions, Keyring, Purpose, ServiceNames};
use tallymark::metrics::Metrics;
use tallymark::store::Domain;

use named::Named;

const MASTER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A database with example.com, and what looks after it.
struct World {
    db: Database,
    clock: Clock,
    metrics: Metrics,
    domains: Domains,
}

impl World {
    fn new(db: Database, dns: Dns, required: &[Purpose]) -> Self {
        Self::with(db, dns, required, |_| {})
    }

    fn with(db: Database, dns: Dns, required: &[Purpose], change: impl FnOnce(&mut DomainsOptions)) -> Self {
        let (clock, metrics) = (Clock::fixed(NOW), Metrics::new());
        let mut options = DomainsOptions::new(names(required));
        options.keyring = Some(Keyring::from_keys([MASTER], "the test").unwrap());
        options.dns = Some(dns);
        options.domains_per_second_max = 10_000;
        change(&mut options);
        let domains = Domains::new(db.store.clone(), clock.clone(), metrics.clone(), options);
        Self {
            db,
            clock,
            metrics,
            domains,
        }
    }

    async fn domain(&self) -> Domain {
        let domain = self.db.store.domain_by_id(self.db.account.id, self.db.domain.id).await;
        domain.unwrap().unwrap()
    }

    async fn record(&self, purpose: Purpose) -> DnsRecord {
        let published = self.domains.published(&self.domain().await).await.unwrap();
        let mut records = published.records.into_iter();
        records.find(|record| record.purpose == purpose).expect("it is listed")
    }

    /// Lets time pass and everything that is due then be looked at; gives how the domain stands.
    async fn after(&self, time: Duration) -> DomainStatus {
        self.clock.advance(time);
        self.domains.check_due().await.unwrap();
        self.domain().await.status
    }

    /// Looks now; gives what was found of the purpose's record.
    async fn look(&self, purpose: Purpose) -> DnsRecord {
        // Two looks at one instant would be one.
        self.clock.advance(Duration::from_millis(1));
        let (_, published) = self.domains.verify(&self.domain().await).await.unwrap();
        let mut records = published.records.into_iter();
        records.find(|record| record.purpose == purpose).expect("it is listed")
    }
}

fn names(required: &[Purpose]) -> ServiceNames {
    let name = |text| DomainName::parse(text).unwrap();
    let mut names = ServiceNames::of_one_node(&name("tally.example"), &name("rua.tally.example"));
    names.required = required.to_vec();
    names
}

/// Publishes the record as it is wanted.
fn publish(named: &mut Named, record: &DnsRecord) {
    match record.kind.word() {
        "TXT" => named.text(&record.name, &[&record.value]),
        "MX" => named.set(&record.name, &[&format!("MX 10 {}.", record.value)]),
        kind => named.set(&record.name, &[&format!("{kind} {}.", record.value)]),
    }
}
