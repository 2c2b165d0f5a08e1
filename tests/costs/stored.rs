//! What storing a large mail adds to the process's memory: pages that are in use, which SQLite's are, too. No allocator
//! counts those.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tallymark::base::clock::Clock;
use tallymark::base::{DomainName, Mode, Region, TlsMode};
use tallymark::ingest::{Belonging, FreshDomain, Intake, IntakeOptions, RawMessage};
use tallymark::metrics::Metrics;
use tallymark::store::{CommitOptions, KeepLimits, MessageRoom, NewDomain, NewMessage, Store, message_digest};

use super::{alone, corpus::Random};

const NOW: i64 = 1_795_700_000_000;
/// The largest mail that is taken by default.
const MAIL_BYTES: usize = 25 << 20;
/// What it may take in memory by default, its own bytes among it.
const MEMORY_BYTES_MAX: usize = 64 << 20;
/// The pages that the writer's connection keeps, and what is allocated beside.
const WRITER_BYTES: usize = (16 << 20) + (4 << 20);

fn status(what: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim_matches([':', '\t', ' ', 'k', 'B']).parse::<usize>().unwrap() << 10
}

/// By how much the memory of this process rises above what it is now.
async fn grown(work: impl Future<Output = ()>) -> usize {
    // The peak becomes what is in use now.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS");
    work.await;
    status("VmHWM").saturating_sub(before)
}

/// A mail that cannot be made shorter, with `head` before it.
fn mail(head: &str, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes = head.as_bytes().to_vec();
    bytes.reserve_exact(MAIL_BYTES - bytes.len());
    while bytes.len() + 8 <= MAIL_BYTES {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes
}

fn fresh() -> FreshDomain {
    FreshDomain {
        public_id: "dom_0000000000000000".to_owned(),
        rua_token: "token".to_owned(),
    }
}

async fn store(folder: &Path) -> Store {
    Store::open(&folder.join("tallymark.sqlite")).await.unwrap()
}

fn block_on(test: impl Future<Output = ()>) {
    let _alone = alone();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(test);
}

#[test]
fn a_large_mail_is_stored_without_a_copy_of_it() {
    block_on(stored_without_a_copy());
}

async fn stored_without_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let account = store.add_account("default", Mode::Live, NOW).await.unwrap().id;
    let options = CommitOptions {
        now: NOW,
        keep_originals: true,
        fresh: &fresh,
        limits: KeepLimits::DEFAULT,
    };
    let bytes = mail("", 1);
    let message = NewMessage {
        belonging: Belonging::Account(account),
        digest: message_digest(&bytes),
        bytes: bytes.clone().into(),
        received_at: NOW,
        origin: "test".to_owned(),
        provenance: None,
        reports: Vec::new(),
        tls_reports: Vec::new(),
        failure: None,
        problems: Vec::new(),
        other: Some("mail"),
        replay: None,
        room: MessageRoom::default(),
    };
    let stored = async {
        store.commit(vec![message], &options).await.unwrap();
    };
    let taken = grown(Box::pin(stored)).await;
    assert!(taken <= WRITER_BYTES, "{} KiB", taken >> 10);

    // The control: the same value, given to SQLite as a whole, with the same pages kept.
    let conn = Connection::open(folder.path().join("other.sqlite")).unwrap();
    conn.execute_batch("pragma journal_mode = wal; pragma cache_size = -16384; create table mails (digest blob primary key, bytes blob)")
        .unwrap();
    let taken = grown(async {
        conn.execute("insert into mails values (?, ?)", (&[1; 16], &bytes))
            .map(drop)
            .unwrap();
    })
    .await;
    assert!(taken > 2 * MAIL_BYTES, "{} KiB", taken >> 10);
}

/// From the whole mail to its commit: kept with its report and set aside for the rest of it, and set aside only.
#[test]
fn a_large_mail_is_taken_in_within_the_memory_of_one() {
    block_on(taken_in_within_the_memory_of_one());
}

async fn taken_in_within_the_memory_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let account = store.add_account("default", Mode::Live, NOW).await.unwrap().id;
    let domain = NewDomain {
        public_id: "dom_1".to_owned(),
        name: DomainName::parse("example.com").unwrap(),
        region: Region::EuWest1,
        tls_mode: TlsMode::Opportunistic,
        open_tracking: false,
        click_tracking: false,
        custom_return_path: None,
        rua_token: "token1".to_owned(),
    };
    store.add_domain(account, domain, NOW).await.unwrap();
    let (intake, batches) = Intake::start(
        Clock::fixed(NOW),
        store.clone(),
        Metrics::new(),
        IntakeOptions::new(fresh),
    );
    let report = "<feedback><report_metadata><org_name>r.example</org_name><email>a@r.example</email><report_id>1</report_id>\
         <date_range><begin>1795564800</begin><end>1795651199</end></date_range></report_metadata>\
         <policy_published><domain>example.com</domain><p>none</p></policy_published>\
         <record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record></feedback>";
    let head = "From: a@r.example\r\nSubject: Report Domain: example.com\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    let part = |name: &str| format!("--b\r\nContent-Type: application/gzip; name=\"{name}\"\r\n\r\n");
    let with_report = format!(
        "{head}--b\r\nContent-Type: text/xml; name=\"r.xml\"\r\n\r\n{report}\r\n{}",
        part("noise.bin")
    );
    let broken = format!(
        "{head}{}\x1f\u{0}",
        part("r.example!example.com!1795564800!1795651199.xml.gz")
    );
    for (nth, head) in [(1, with_report), (2, broken)] {
        let bytes = mail(&head, nth);
        let raw = RawMessage {
            bytes,
            received_at: NOW,
            origin: "test".to_owned(),
            belonging: Belonging::Account(account),
            envelope: None,
        };
        let taken = grown(async {
            let outcome = intake.submit(raw).await.unwrap();
            let (reports, copies) = if nth == 1 { (1, 2) } else { (0, 1) };
            assert_eq!((outcome.reports.len(), outcome.set_aside.len()), (reports, 1));
            assert!(outcome.kept_bytes as usize > copies * (MAIL_BYTES - 8));
        })
        .await;
        assert!(MAIL_BYTES + taken <= MEMORY_BYTES_MAX, "{nth}: {} KiB", taken >> 10);
    }
    drop(intake);
    batches.await.unwrap();
}
