//! Whose a report is, whatever comes in whichever order: counted once in the account, and whole.

mod fragments;
mod model;
mod moves;

use crate::store::{ALL_DAYS, Database, NOW, fresh, new_domain, on_both};
use tallymark::base::clock::Clock;
use tallymark::base::{AccountId, DomainName};
use tallymark::ingest::{Belonging, Intake, IntakeOptions, Outcome, RawMessage};
use tallymark::metrics::Metrics;
use tallymark::store::Domain;
use tokio::task::JoinHandle;

/// The first instant of the windows.
const BEGIN: i64 = 1_772_323_200;

/// A way in over a database.
struct World {
    db: Database,
    intake: Intake,
    account: AccountId,
    batches: JoinHandle<()>,
}

impl World {
    /// Over a database whose account has no domain.
    async fn over(db: Database) -> Self {
        let (intake, batches) = Intake::start(
            Clock::fixed(NOW),
            db.store.clone(),
            Metrics::new(),
            IntakeOptions::new(fresh),
        );
        let account = db.account.id;
        let removed = db.store.remove_domain(account, &db.domain.public_id, NOW);
        assert!(removed.await.unwrap());
        Self {
            db,
            intake,
            account,
            batches,
        }
    }

    async fn send(&self, bytes: impl AsRef<[u8]>, belonging: Belonging) -> Outcome {
        let raw = RawMessage {
            bytes: bytes.as_ref().to_vec(),
            received_at: NOW,
            origin: "test".to_owned(),
            belonging,
            envelope: None,
        };
        self.intake.submit(raw).await.unwrap()
    }

    async fn import(&self, text: &str) -> Outcome {
        self.send(text, Belonging::Account(self.account)).await
    }

    async fn bytes(&self, bytes: Vec<u8>) -> Outcome {
        self.send(bytes, Belonging::Account(self.account)).await
    }

    /// Adds a domain, and counts what waited for it.
    async fn add(&self, name: &str) -> Domain {
        let added = self.db.store.add_domain(self.account, new_domain(name), NOW).await;
        let domain = added.unwrap();
        self.intake.claim(self.account, domain.id).await.unwrap();
        domain
    }

    async fn remove(&self, name: &str) {
        let domain = self.domain(name).await;
        let removed = self.db.store.remove_domain(self.account, &domain.public_id, NOW);
        assert!(removed.await.unwrap());
    }

    async fn domain(&self, name: &str) -> Domain {
        let name = DomainName::parse(name).unwrap();
        let found = self.db.store.domain_by_name(self.account, &name).await.unwrap();
        found.unwrap_or_else(|| panic!("{name} is not there"))
    }

    /// Messages of each domain of the account that has any, by name.
    async fn messages(&self) -> Vec<(String, u64)> {
        let mut messages = Vec::new();
        for domain in self.db.store.domains(self.account).await.unwrap() {
            let stats = self.db.store.stats(domain.id, ALL_DAYS).await.unwrap();
            messages.push((domain.name.to_string(), stats.totals.messages()));
        }
        messages.retain(|(_, messages)| *messages > 0);
        messages.sort();
        messages
    }

    /// These domains have these messages, no other has any, and recounting agrees.
    #[track_caller]
    fn expect<'w>(&'w self, expect: &'w [(&'w str, u64)]) -> impl Future<Output = ()> + 'w {
        let at = std::panic::Location::caller();
        async move {
            let found = self.messages().await;
            let found: Vec<_> = found.iter().map(|(name, messages)| (&**name, *messages)).collect();
            assert_eq!(found, expect, "{at}");
            assert_eq!(self.discrepancies().await, [""; 0], "{at}");
            for domain in self.db.store.domains(self.account).await.unwrap() {
                self.db.check_sums(domain.id).await;
            }
        }
    }

    async fn discrepancies(&self) -> Vec<String> {
        let verified = self.db.store.verify(&|_, _| {}).await.unwrap();
        verified.discrepancies.into_iter().map(|found| found.what).collect()
    }

    async fn close(self) {
        drop(self.intake);
        self.batches.await.unwrap();
        self.db.store.close().await;
    }
}

/// A record: whom it is about, and how many messages.
type Sent<'r> = (&'r str, u64);

/// A report, without an id if that is empty.
fn xml(policy_domain: &str, id: &str, records: &[Sent<'_>]) -> String {
    let id = match id {
        "" => String::new(),
        id => format!("<report_id>{id}</report_id>"),
    };
    let mut text = format!(
        "<feedback><report_metadata><org_name>Reporter</org_name><email>dmarc@reporter.example</email>{id}<date_range>\
         <begin>{BEGIN}</begin><end>{}</end></date_range></report_metadata><policy_published><domain>{policy_domain}\
         </domain><p>none</p></policy_published>\n",
        BEGIN + 86_399
    );
    for (nth, (header_from, count)) in records.iter().enumerate() {
        text += &format!(
            "<record><row><source_ip>192.0.2.{nth}</source_ip><count>{count}</count><policy_evaluated><disposition>none\
             </disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>{header_from}\
             </header_from></identifiers><auth_results><dkim><domain>{header_from}</domain><selector>s{nth}</selector>\
             <result>pass</result></dkim></auth_results></record>\n"
        );
    }
    text + "</feedback>\n"
}

/// The text up to the middle of the record behind the first `records`.
fn cut(text: &str, records: usize) -> String {
    let (at, _) = text
        .match_indices("<record>")
        .nth(records)
        .expect("it has more records");
    text[..at + "<record><row><source_ip>192.0".len()].to_owned()
}
