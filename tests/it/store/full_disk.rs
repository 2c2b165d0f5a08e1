//! A small disk of a test's own: what happens to an SQLite file when it is full.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use tallymark::base::{AccountId, DomainId, Mode};
use tallymark::store::{NewMessage, Retention, Store, StoreError, message_digest};

use super::{ALL_DAYS, KEEPING, NOW, day, message, new_domain, new_report};

/// A file system of `bytes` in memory, until it is dropped. Only root may make one.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub fn mount(bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={bytes},mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(folder.path())
            .status()
            .unwrap();
        assert!(mounted.success(), "these tests run as root");
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Others write until nothing more goes in.
    fn fill(&self) {
        let mut filler = File::create(self.path().join("filler")).unwrap();
        for block in [1 << 20, 4_096, 1] {
            while filler.write_all(&vec![1; block]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

const MIB: u64 = 1 << 20;

/// A mail of a mebibyte with a report about a given number of messages.
fn mail(account: AccountId, count: u64) -> NewMessage {
    let report = new_report(&count.to_string(), day(0), &[("192.0.2.1", count, true)]);
    let bytes = vec![count as u8; MIB as usize];
    NewMessage {
        digest: message_digest(&bytes),
        bytes: bytes.into(),
        ..message(account, vec![report])
    }
}

/// A database with such mails, as many as are taken.
struct Full {
    store: Store,
    account: AccountId,
    domain: DomainId,
    count: u64,
}

impl Full {
    async fn of_mails(disk: &SmallDisk) -> Self {
        let store = Store::open(&disk.path().join("t.sqlite")).await.unwrap();
        store.keep_ballast();
        let account = store.add_account("default", Mode::Live, NOW).await.unwrap().id;
        let domain = store
            .add_domain(account, new_domain("example.com"), NOW)
            .await
            .unwrap()
            .id;
        let mut count = 0;
        loop {
            let _admitted = match store.admit(MIB).await {
                Ok(admitted) => admitted,
                Err(StoreError::Full(room)) => {
                    assert!(room.free < room.needed);
                    return Self {
                        store,
                        account,
                        domain,
                        count,
                    };
                }
                Err(error) => panic!("{error}"),
            };
            count += 1;
            store.commit(vec![mail(account, count)], &KEEPING).await.unwrap();
        }
    }

    /// What all these mails sum up to.
    fn messages(&self) -> u64 {
        (1..=self.count).sum()
    }
}

async fn messages(store: &Store, domain: DomainId) -> u64 {
    let stats = store.stats(domain, ALL_DAYS).await.unwrap();
    stats.days.iter().map(|day| day.totals.messages()).sum()
}

#[tokio::test]
async fn mail_is_refused_while_the_log_can_still_be_folded_in() {
    let disk = SmallDisk::mount(64 << 20);
    let full = Full::of_mails(&disk).await;
    assert!(full.count > 5, "the disk takes {} mails", full.count);
    assert_eq!(messages(&full.store, full.domain).await, full.messages());
    full.store.fold_log().await.unwrap();
    let log = fs::metadata(disk.path().join("t.sqlite-wal")).unwrap();
    assert_eq!(log.len(), 0, "all of it went in");
    full.store.close().await;
    let store = Store::open(&disk.path().join("t.sqlite")).await.unwrap();
    assert_eq!(messages(&store, full.domain).await, full.messages());
    assert_eq!(store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

#[tokio::test]
async fn a_disk_that_others_have_filled_is_read_and_purged_after_a_new_start() {
    let disk = SmallDisk::mount(64 << 20);
    let path = disk.path().join("t.sqlite");
    let full = Full::of_mails(&disk).await;
    // Else folding the log in would make room for some more.
    full.store.fold_log().await.unwrap();
    full.store.close().await;
    disk.fill();
    assert!(disk.path().join("t.sqlite.ballast").exists());
    let store = Store::open(&path).await.unwrap();
    assert!(!disk.path().join("t.sqlite.ballast").exists(), "it was given up");
    assert!(store.is_disk_short());
    let refused = store.admit(1).await;
    assert!(matches!(refused, Err(StoreError::Full(_))), "{refused:?}");
    assert_eq!(messages(&store, full.domain).await, full.messages());
    let before = fs::metadata(&path).unwrap().len();
    let retention = Retention {
        originals_days: 1,
        set_aside_days: 0,
        records_days: 0,
        failure_reports_days: 0,
    };
    let purged = store.purge(retention, NOW + 90 * 86_400_000).await.unwrap();
    assert_eq!(purged.originals, full.count);
    store.fold_log().await.unwrap();
    let after = fs::metadata(&path).unwrap().len();
    assert!(after < before, "{before} bytes, then {after}");
    // As much is given back as intake needs, and the rest some at a time.
    assert!(!store.is_disk_short() || after + full.count * MIB * 3 / 4 < before);
    assert_eq!(messages(&store, full.domain).await, full.messages());
    disk.make_room();
    // The last look at the disk is believed for a moment.
    let admitted = loop {
        match store.admit(MIB).await {
            Ok(admitted) => break admitted,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    store
        .commit(vec![mail(full.account, full.count + 1)], &KEEPING)
        .await
        .unwrap();
    drop(admitted);
    assert_eq!(messages(&store, full.domain).await, full.messages() + full.count + 1);
    store.keep_ballast();
    assert!(disk.path().join("t.sqlite.ballast").exists());
}

/// The negative control: without the ballast the same disk cannot be opened.
#[tokio::test]
async fn without_the_ballast_a_full_disk_cannot_be_opened() {
    let disk = SmallDisk::mount(64 << 20);
    let full = Full::of_mails(&disk).await;
    full.store.close().await;
    fs::remove_file(disk.path().join("t.sqlite.ballast")).unwrap();
    disk.fill();
    let opened = Store::open(&disk.path().join("t.sqlite")).await;
    assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{opened:?}");
}
