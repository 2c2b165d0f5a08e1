//! Who a report's mail is from: real signatures, a real name server, the whole way through the intake.

mod budget;
mod conflict;
mod costs;
pub mod dns;
mod fetched;
mod held;
mod hostile;
pub mod mail;
mod rechecks;
mod verdict;

use std::time::Duration;

use tallymark::base::Mode;
use tallymark::base::clock::Clock;
use tallymark::ingest::{
    Authenticator, AuthenticatorOptions, Belonging, Envelope, Intake, IntakeError, IntakeOptions, Outcome, PeerTls,
    RawMessage,
};
use tallymark::metrics::Metrics;
use tallymark::store::{Account, Domain, Provenance, ReportDetail, Store};

use crate::store::{NOW, fresh, new_domain};
use dns::Dns;
use mail::{Key, mail};

/// The reporter of every report here, and the author of its mail.
const REPORTER: &str = "reporter.example";
const AUTHOR: &str = "DMARC reports <dmarc@reporter.example>";

/// An intake that checks, with a database and a name server of its own.
struct World {
    dns: Dns,
    intake: Intake,
    store: Store,
    account: Account,
    domain: Domain,
    metrics: Metrics,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut AuthenticatorOptions)) -> Self {
        Self::start_intake(change, |_| {}).await
    }

    async fn start_intake(
        change: impl FnOnce(&mut AuthenticatorOptions),
        change_intake: impl FnOnce(&mut IntakeOptions),
    ) -> Self {
        let dns = Dns::start().await;
        let mut options = AuthenticatorOptions {
            servers: vec![dns.address],
            ..AuthenticatorOptions::default()
        };
        change(&mut options);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("tallymark.sqlite")).await.unwrap();
        let account = store.add_account("default", Mode::Live, NOW).await.unwrap();
        let domain = store
            .add_domain(account.id, new_domain("example.com"), NOW)
            .await
            .unwrap();
        let metrics = Metrics::new();
        let mut options = IntakeOptions {
            authenticator: Some(Authenticator::new(options).unwrap()),
            ..IntakeOptions::new(fresh)
        };
        change_intake(&mut options);
        let (intake, _) = Intake::start(Clock::system(), store.clone(), metrics.clone(), options);
        Self {
            dns,
            intake,
            store,
            account,
            domain,
            metrics,
            _folder: folder,
        }
    }

    /// The reporter publishes a policy and a key of each kind, `rsa` and `ed`.
    fn publish(&self) {
        self.dns.text("_dmarc.reporter.example", "v=DMARC1; p=reject");
        self.dns.text("rsa._domainkey.reporter.example", &Key::Rsa.record());
        self.dns.text("ed._domainkey.reporter.example", &Key::Ed25519.record());
    }

    async fn submit(&self, bytes: Vec<u8>, envelope: Envelope) -> Outcome {
        let raw = RawMessage {
            bytes,
            received_at: NOW,
            origin: "test".to_owned(),
            belonging: Belonging::Account(self.account.id),
            envelope: Some(envelope),
        };
        self.intake.submit(raw).await.unwrap()
    }

    /// Takes a mail with one report in and gives what is kept of it.
    async fn take(&self, bytes: Vec<u8>, envelope: Envelope) -> ReportDetail {
        let outcome = self.submit(bytes, envelope).await;
        let stored = &outcome.reports[0];
        let detail = self.store.report(stored.domain, stored.no).await.unwrap();
        detail.unwrap()
    }

    /// As [`Self::take`], with the usual envelope; the verdict on the report, and how the mail came.
    async fn verdict(&self, bytes: Vec<u8>) -> (&'static str, Provenance) {
        let detail = self.take(bytes, envelope()).await;
        (detail.summary.authenticated.word(), detail.provenance.unwrap())
    }

    /// The sums agree with the records; gives the domain's messages.
    async fn messages(&self) -> u64 {
        let verified = self.store.verify(&|_, _| {}).await.unwrap();
        assert_eq!(verified.discrepancies, []);
        let stats = self.store.stats(self.domain.id, crate::store::ALL_DAYS).await.unwrap();
        stats.totals.messages()
    }
}

fn envelope() -> Envelope {
    Envelope {
        peer: "192.0.2.25".parse().unwrap(),
        is_from_peer: true,
        helo: "mx.reporter.example".to_owned(),
        mail_from: "dmarc@reporter.example".to_owned(),
        tls: Some(PeerTls {
            version: "TLSv1.3".to_owned(),
            cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
        }),
        queue_id: "4242".to_owned(),
    }
}

/// A report by [`REPORTER`] about `messages`.
pub fn report(id: &str, count: u64) -> Vec<u8> {
    format!(
        "<feedback><report_metadata><org_name>Reporter</org_name><email>dmarc@{REPORTER}</email>\
         <report_id>{id}</report_id><date_range><begin>1758240000</begin><end>1758326399</end></date_range>\
         </report_metadata><policy_published><domain>example.com</domain><p>reject</p></policy_published>\
         <record><row><source_ip>192.0.2.1</source_ip><count>{count}</count><policy_evaluated>\
         <disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>\
         <identifiers><envelope_to>to{id}.example</envelope_to><header_from>example.com</header_from></identifiers><auth_results><dkim>\
         <domain>example.com</domain><result>pass</result></dkim></auth_results></record></feedback>"
    )
    .into_bytes()
}

/// The results of the signatures, in the order in which they were checked.
fn signatures(provenance: &Provenance) -> Vec<(&str, &str)> {
    provenance
        .dkim
        .iter()
        .map(|check| (&*check.domain, &*check.result))
        .collect()
}

/// Short enough for a test that waits for it to its end.
const SHORT: Duration = Duration::from_millis(400);
