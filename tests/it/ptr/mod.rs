//! The names of sending addresses: what is asked of name servers, of which addresses, and how often.

mod answers;
mod budget;
mod relay;

use std::net::IpAddr;
use std::time::Duration;

use crate::store::{Database, NOW, day, message, report, taken};
use tallymark::base::clock::Clock;
use tallymark::base::{AccountId, Authenticated, DomainName};
use tallymark::dns::Dns;
use tallymark::enrich::{Ptr, PtrOptions};
use tallymark::metrics::Metrics;
use tallymark::report::aggregate::Report;
use tallymark::store::{AddressState, NewMessage, Provenance, Store};

const DAY: Duration = Duration::from_secs(86_400);

/// The job on a node of its own.
struct Node {
    clock: Clock,
    metrics: Metrics,
    ptr: Ptr,
}

impl Node {
    fn new(store: &Store, dns: Dns) -> Self {
        Self::with(store, dns, |_| {})
    }

    /// It does not wait between questions, unless `change` says so.
    fn with(store: &Store, dns: Dns, change: impl FnOnce(&mut PtrOptions)) -> Self {
        let mut options = PtrOptions {
            questions_per_second_max: 1_000,
            ..PtrOptions::default()
        };
        change(&mut options);
        let (clock, metrics) = (Clock::fixed(NOW), Metrics::new());
        let ptr = Ptr::new(store.clone(), dns, clock.clone(), metrics.clone(), options);
        Self { clock, metrics, ptr }
    }

    async fn run(&self) {
        self.ptr.run().await.unwrap();
    }

    fn has(&self, line: &str) -> bool {
        self.metrics.encode().0.lines().any(|other| other == line)
    }
}

/// What is known of an address.
async fn known(store: &Store, address: &str) -> Option<(AddressState, Option<String>)> {
    let known = store.address_name(address.parse().unwrap()).await.unwrap();
    known.map(|known| (known.state, known.name))
}

fn confirmed(name: &str) -> Option<(AddressState, Option<String>)> {
    Some((AddressState::Confirmed, Some(name.to_owned())))
}

fn without_name(state: AddressState) -> Option<(AddressState, Option<String>)> {
    Some((state, None))
}

/// The name in the reverse zone.
fn reverse(address: &str) -> String {
    match address.parse().unwrap() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let digits = format!("{:032x}", u128::from(address));
            let digits: Vec<_> = digits.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa", digits.join("."))
        }
    }
}

/// A report of a reporter about a domain, as it is handed in.
fn about(domain: &str, reporter: &str, id: &str, records: &[(&str, u64, bool)]) -> Report {
    let mut report = report(id, day(1), records);
    report.policy.domain = domain.into();
    report.metadata.org_name = Some(reporter.into());
    report.metadata.email = Some(format!("dmarc@{reporter}").into());
    report
}

/// A message without an envelope.
fn handed_in(account: AccountId, report: Report) -> NewMessage {
    message(account, vec![taken(report, Authenticated::Unknown)])
}

/// A message over SMTP, and what was found out about its sender.
fn mailed(account: AccountId, report: Report, authenticated: Authenticated) -> NewMessage {
    NewMessage {
        provenance: Some(Provenance {
            peer: Some(IpAddr::from([8, 8, 4, 4])),
            helo: "mail.example".to_owned(),
            mail_from: String::new(),
            queue_id: "1".to_owned(),
            dmarc: authenticated,
            ..Provenance::fetched()
        }),
        ..message(account, vec![taken(report, authenticated)])
    }
}

/// As it is now: writers take numbers for reports in the order of arrival.
fn arrived(clock: &Clock, message: NewMessage) -> NewMessage {
    NewMessage {
        received_at: clock.now(),
        ..message
    }
}

/// Adds a domain to the account.
async fn add(db: &Database, name: &str) {
    let domain = crate::store::new_domain(name);
    assert_eq!(domain.name, DomainName::parse(name).unwrap());
    db.store.add_domain(db.account.id, domain, NOW).await.unwrap();
}
