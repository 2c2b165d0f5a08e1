//! From the bytes of a mail to the sums, through the way in that every origin uses.

mod claims;
mod crashed;
mod hostile;
mod killed;
mod several;
mod slow;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use tallymark::base::clock::Clock;
use tallymark::base::{AccountId, Day, DayRange, DomainId, DomainName, Mode, Region, ReportNo, TlsMode};
use tallymark::ingest::{Belonging, Fate, FreshDomain, Intake, IntakeOptions, Outcome, RawMessage};
use tallymark::metrics::Metrics;
use tallymark::store::{NewDomain, Page, ReportFilter, SourceQuery, Store};
use tallymark::tally::Totals;
use tokio::task::{JoinHandle, JoinSet};

/// 2026-03-23T10:00:00Z.
pub const NOW: i64 = 1_774_260_000_000;
const BEGIN: i64 = 1_772_323_200;
pub const ALL: Page = Page {
    page: 1,
    per_page: 100_000,
};
const ALL_DAYS: DayRange = DayRange {
    first: Day(0),
    last: Day(30_000),
};

/// An intake over a database in a folder of its own.
pub struct Way {
    pub store: Store,
    pub intake: Intake,
    pub account: AccountId,
    pub folder: tempfile::TempDir,
    pub metrics: Metrics,
    batches: JoinHandle<()>,
}

impl Way {
    pub async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut IntakeOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("tallymark.sqlite")).await.unwrap();
        let account = store.add_account("default", Mode::Live, NOW).await.unwrap().id;
        let mut options = IntakeOptions::new(fresh);
        change(&mut options);
        let metrics = Metrics::new();
        let (intake, batches) = Intake::start(Clock::fixed(NOW), store.clone(), metrics.clone(), options);
        Self {
            store,
            intake,
            account,
            folder,
            metrics,
            batches,
        }
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("tallymark.sqlite")
    }

    pub async fn domain(&self, name: &str) -> DomainId {
        self.store
            .add_domain(self.account, new_domain(name), NOW)
            .await
            .unwrap()
            .id
    }

    pub fn raw(&self, bytes: impl Into<Vec<u8>>) -> RawMessage {
        RawMessage {
            bytes: bytes.into(),
            received_at: NOW,
            origin: "test".to_owned(),
            belonging: Belonging::Account(self.account),
            envelope: None,
        }
    }

    pub async fn submit(&self, bytes: impl Into<Vec<u8>>) -> Outcome {
        self.intake.submit(self.raw(bytes)).await.unwrap()
    }

    /// Every sum is the same sum, and recounting agrees.
    pub async fn check(&self, domain: DomainId) -> Totals {
        let stats = self.store.stats(domain, ALL_DAYS).await.unwrap();
        let mut days = Totals::default();
        stats.days.iter().for_each(|day| days.add(&day.totals));
        let mut sources = Totals::default();
        let found = self
            .store
            .sources(domain, ALL_DAYS, &SourceQuery::default(), ALL)
            .await
            .unwrap();
        found.sources.iter().for_each(|source| sources.add(&source.totals));
        let mut reports = Totals::default();
        let (listed, total) = self.store.reports(domain, &ReportFilter::default(), ALL).await.unwrap();
        listed.iter().for_each(|report| reports.add(&report.totals));
        assert_eq!([days, sources, reports], [stats.totals; 3]);
        assert_eq!((stats.reports, total), (listed.len() as u64, listed.len() as u64));
        let verified = self.store.verify(&|_, _| {}).await.unwrap();
        assert_eq!(verified.discrepancies, []);
        stats.totals
    }

    async fn arrivals(&self, domain: DomainId, no: ReportNo) -> u64 {
        let detail = self.store.report(domain, no).await.unwrap().unwrap();
        detail.summary.arrivals
    }

    /// Ends the intake and closes the database.
    pub async fn close(self) {
        drop(self.intake);
        self.batches.await.unwrap();
        self.store.close().await;
    }
}

pub fn fresh() -> FreshDomain {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nth = NEXT.fetch_add(1, Ordering::Relaxed);
    FreshDomain {
        public_id: format!("dom_{nth:016}"),
        rua_token: format!("token{nth}"),
    }
}

pub fn new_domain(name: &str) -> NewDomain {
    let FreshDomain { public_id, rua_token } = fresh();
    NewDomain {
        public_id,
        name: DomainName::parse(name).unwrap(),
        region: Region::EuWest1,
        tls_mode: TlsMode::Opportunistic,
        open_tracking: false,
        click_tracking: false,
        custom_return_path: None,
        rua_token,
    }
}

/// A report about `domain`: one record, `count` messages.
pub fn xml(domain: &str, report_id: &str, count: u64) -> String {
    xml_at(domain, report_id, count, (BEGIN, BEGIN + 86_399))
}

pub fn xml_at(domain: &str, report_id: &str, count: u64, (begin, end): (i64, i64)) -> String {
    format!(
        "<feedback><report_metadata><org_name>Reporter</org_name><email>dmarc@reporter.example</email>\
         <report_id>{report_id}</report_id><date_range><begin>{begin}</begin><end>{end}</end></date_range>\
         </report_metadata><policy_published><domain>{domain}</domain><p>none</p></policy_published>\
         <record><row><source_ip>192.0.2.1</source_ip><count>{count}</count><policy_evaluated>\
         <disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>\
         <identifiers><header_from>{domain}</header_from></identifiers></record></feedback>\n"
    )
}

/// A mail with these attachments: name, content type, text.
pub fn mail(attachments: &[(&str, &str)]) -> String {
    let mut mail =
        "From: dmarc@reporter.example\r\nTo: rua@tally.example\r\nSubject: Report Domain\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=edge\r\n\r\n--edge\r\nContent-Type: text/plain\r\n\r\nsee below\r\n"
            .to_owned();
    for (name, text) in attachments {
        mail.push_str(&format!(
            "--edge\r\nContent-Type: application/xml\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n{text}\r\n"
        ));
    }
    mail.push_str("--edge--\r\n");
    mail
}

#[tokio::test]
async fn mails_become_sums() {
    let way = Way::open().await;
    let domain = way.domain("example.com").await;
    let one = way.submit(mail(&[("a.xml", &xml("example.com", "1", 3))])).await;
    let two = [
        ("b.xml", &*xml("example.com", "2", 4)),
        ("c.xml", &xml("sub.example.com", "3", 5)),
    ];
    let two = way.submit(mail(&two)).await;
    assert_eq!((one.reports.len(), two.reports.len()), (1, 2));
    let nothing = way.submit("Subject: hello\r\n\r\nno report\r\n").await;
    assert_eq!((nothing.reports.len(), nothing.set_aside.len()), (0, 1));
    assert_eq!(way.check(domain).await.messages(), 12);
    way.close().await;
}

/// Sixteen senders send the same hundred mails at the same time, each in another order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_arrivals_are_counted_once() {
    let way = Way::open().await;
    let domain = way.domain("example.com").await;
    let mails: Vec<String> = (0..100)
        .map(|nth| mail(&[("a.xml", &xml("example.com", &nth.to_string(), nth + 1))]))
        .collect();
    let mut senders = JoinSet::new();
    for sender in 0..16 {
        let (intake, mut raws): (_, Vec<_>) = (way.intake.clone(), mails.iter().map(|mail| way.raw(&**mail)).collect());
        raws.rotate_left(sender * 6);
        senders.spawn(async move {
            let mut outcomes = Vec::new();
            for raw in raws {
                outcomes.push(intake.submit(raw).await.unwrap());
            }
            outcomes
        });
    }
    let outcomes: Vec<Outcome> = senders.join_all().await.into_iter().flatten().collect();
    let stored = outcomes
        .iter()
        .filter(|outcome| outcome.reports[0].fate == Fate::Stored);
    let stored: Vec<_> = stored.map(|outcome| outcome.reports[0].no).collect();
    assert_eq!((outcomes.len(), stored.len()), (1_600, 100));
    assert_eq!(way.check(domain).await.messages(), 5_050);
    for no in stored {
        assert_eq!(way.arrivals(domain, no).await, 16);
    }
    way.close().await;
}

/// A sender that stops waiting changes nothing, and what is waiting when the intake ends is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submitted_messages_are_stored_even_if_no_caller_waits() {
    let way = Way::open().await;
    let domain = way.domain("example.com").await;
    let mut waiting = JoinSet::new();
    for nth in 0..50 {
        let (intake, raw) = (
            way.intake.clone(),
            way.raw(xml("example.com", &nth.to_string(), nth + 2)),
        );
        waiting.spawn(async move { intake.submit(raw).await });
    }
    way.submit(xml("example.com", "last", 1)).await;
    waiting.abort_all();
    let mut answered = 0;
    while let Some(joined) = waiting.join_next().await {
        answered += u64::from(joined.is_ok_and(|outcome| outcome.is_ok()));
    }
    let Way {
        store,
        intake,
        batches,
        folder,
        ..
    } = way;
    drop(intake);
    batches.await.unwrap();
    let reports = store.stats(domain, ALL_DAYS).await.unwrap().reports;
    assert!(reports > answered && reports <= 51, "{reports} {answered}");
    assert_eq!(store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
    store.close().await;
    drop(folder);
}
