//! Reports that came before their domain was added, and messages that are fed in again.

use sqlx::{ConnectOptions as _, Row as _};
use tallymark::app::claim_all;
use tallymark::base::{Mode, SetAsideKind};
use tallymark::ingest::{Belonging, Fate};
use tokio::task::JoinSet;

use super::{ALL, NOW, Way, mail, new_domain, xml};

async fn unclaimed(way: &Way) -> Vec<String> {
    way.store.unclaimed_names(way.account).await.unwrap()
}

async fn set_aside(way: &Way) -> u64 {
    way.store.set_aside(None, None, ALL).await.unwrap().1
}

#[tokio::test]
async fn a_mail_about_several_domains_is_claimed_part_by_part() {
    let way = Way::open().await;
    let names = ["example.com", "example.net", "example.org"];
    let reports: Vec<_> = names.iter().zip(1..).map(|(name, nth)| xml(name, "1", nth)).collect();
    let mut parts: Vec<_> = reports.iter().map(|report| ("a.xml", &**report)).collect();
    parts.push(("broken.xml", "<feedback><report_metadata></feedback>"));
    let mail = mail(&parts);
    let first = way.submit(&*mail).await;
    assert_eq!((first.reports.len(), first.set_aside.len()), (0, 4));
    // The same mail again: no more rows, one more arrival.
    let mut again = first.set_aside.clone();
    again.iter_mut().for_each(|note| note.is_new = false);
    assert_eq!(way.submit(&*mail).await.set_aside, again);
    for (nth, name) in names.iter().enumerate() {
        let domain = way.domain(name).await;
        assert_eq!(way.intake.claim(way.account, domain).await.unwrap().messages, 1);
        assert_eq!(way.check(domain).await.messages(), nth as u64 + 1);
        assert_eq!(unclaimed(&way).await, names[nth + 1..]);
        assert_eq!(way.intake.claim(way.account, domain).await.unwrap().messages, 0);
    }
    // What could not be read stays, with its bytes; feeding it in counts nothing twice.
    let (left, _) = way.store.set_aside(None, None, ALL).await.unwrap();
    assert_eq!(
        (left.len(), left[0].kind, left[0].arrivals),
        (1, SetAsideKind::Quarantined, 2)
    );
    let again = way.intake.replay(left[0].id).await.unwrap().unwrap();
    assert!(again.reports.iter().all(|report| report.fate == Fate::Duplicate));
    assert_eq!((again.reports.len(), again.set_aside[0].id), (3, left[0].id));
    for report in &again.reports {
        assert_eq!(way.arrivals(report.domain, report.no).await, 1);
        way.check(report.domain).await;
    }
    assert_eq!(set_aside(&way).await, 1);
    way.close().await;
}

/// One mail with reports about many names below a domain must not be read once for each of them.
#[tokio::test]
async fn a_mail_about_many_names_is_claimed_at_once() {
    let way = Way::open().await;
    let reports: Vec<_> = (0..60).map(|nth| xml(&format!("s{nth}.example.com"), "1", 1)).collect();
    let parts: Vec<_> = reports.iter().map(|report| ("a.xml", &**report)).collect();
    let first = way.submit(mail(&parts)).await;
    assert_eq!(first.set_aside.len(), 60);
    let domain = way.domain("example.com").await;
    assert_eq!(way.intake.claim(way.account, domain).await.unwrap().messages, 1);
    assert_eq!(way.check(domain).await.messages(), 60);
    assert_eq!(set_aside(&way).await, 0);
    assert!(
        way.store
            .set_aside_by_id(first.set_aside[0].id)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(rows(&way, "select count(*) from set_aside_messages").await, 0);
    way.close().await;
}

async fn rows(way: &Way, question: &'static str) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(way.database());
    let mut conn = options.connect().await.unwrap();
    sqlx::query(question).fetch_one(&mut conn).await.unwrap().get(0)
}

#[tokio::test]
async fn a_mail_to_a_domain_that_has_gone_waits_and_comes_back() {
    let way = Way::open().await;
    let id = way.domain("example.com").await;
    let public_id = way
        .store
        .domain_by_id(way.account, id)
        .await
        .unwrap()
        .unwrap()
        .public_id;
    // Addressed to a domain that it is not about: it waits for its own.
    let mut stray = way.raw(mail(&[("a.xml", &xml("example.org", "1", 2))]));
    stray.belonging = Belonging::Domain(way.account, id);
    let aside = way.intake.submit(stray).await.unwrap().set_aside.remove(0);
    assert_eq!(&*aside.reason, "unclaimed");
    assert!(way.store.remove_domain(way.account, &public_id, NOW).await.unwrap());
    // Addressed to the row that has gone: kept, not lost.
    let mut late = way.raw(mail(&[("a.xml", &xml("example.com", "2", 3))]));
    late.belonging = Belonging::Domain(way.account, id);
    let late = way.intake.submit(late).await.unwrap();
    assert_eq!((late.reports.len(), &*late.set_aside[0].reason), (0, "unclaimed"));
    let again = way.intake.replay(aside.id).await.unwrap().unwrap();
    assert_eq!(&*again.set_aside[0].reason, "unclaimed");
    assert_eq!(unclaimed(&way).await, ["example.com", "example.org"]);
    for (name, messages) in [("example.com", 3), ("example.org", 2)] {
        let domain = way.domain(name).await;
        assert_eq!(way.intake.claim(way.account, domain).await.unwrap().messages, 1);
        assert_eq!(way.check(domain).await.messages(), messages);
    }
    assert_eq!(set_aside(&way).await, 0);
    way.close().await;
}

/// Reports arrive while their domain is added and its reports are claimed: each is counted, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_falls_between_adding_and_claiming() {
    let way = Way::open().await;
    let mut senders = JoinSet::new();
    for sender in 0..8 {
        let intake = way.intake.clone();
        let raws: Vec<_> = (0..40)
            .map(|nth| way.raw(xml("example.com", &format!("{sender}-{nth}"), 1 + sender * 40 + nth)))
            .collect();
        senders.spawn(async move {
            for raw in raws {
                intake.submit(raw).await.unwrap();
            }
        });
    }
    way.submit(xml("example.com", "first", 100_000)).await;
    let domain = way.domain("example.com").await;
    way.intake.claim(way.account, domain).await.unwrap();
    senders.join_all().await;
    assert_eq!(unclaimed(&way).await, [""; 0]);
    assert_eq!(way.check(domain).await.messages(), 100_000 + 320 * 321 / 2);
    way.close().await;
}

/// A domain is removed and added again while its reports arrive: none is counted for a row that is no more, and what
/// waits can be claimed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_domain_may_go_while_its_reports_arrive() {
    let way = Way::open().await;
    let mut domain = way.domain("example.com").await;
    let mut senders = JoinSet::new();
    for sender in 0..4 {
        let intake = way.intake.clone();
        let raws: Vec<_> = (0..40)
            .map(|nth| way.raw(xml("example.com", &format!("{sender}-{nth}"), 1 + sender * 40 + nth)))
            .collect();
        senders.spawn(async move {
            for raw in raws {
                intake.submit(raw).await.unwrap();
            }
        });
    }
    for _ in 0..10 {
        let row = way.store.domain_by_id(way.account, domain).await.unwrap().unwrap();
        assert!(way.store.remove_domain(way.account, &row.public_id, NOW).await.unwrap());
        way.submit(xml("example.com", "between", 1_000_000)).await;
        domain = way.domain("example.com").await;
    }
    senders.join_all().await;
    way.intake.claim(way.account, domain).await.unwrap();
    assert!(way.check(domain).await.messages() >= 1_000_000);
    assert_eq!(set_aside(&way).await, 0);
    // Nothing is left of the rows that went.
    let left = "select count(*) from records where domain_id not in (select domain_id from domains)";
    assert_eq!(rows(&way, left).await, 0);
    way.close().await;
}

/// What was not claimed although its domain is there (a batch of another node, a domain added on sight, a claim that was
/// cut off) is counted by the job that comes by, and once.
#[tokio::test]
async fn leftover_unclaimed_reports_are_counted_by_any_process() {
    let way = Way::open().await;
    for (name, id, messages) in [
        ("a.example.com", "1", 1),
        ("example.com", "2", 2),
        ("example.org", "3", 4),
    ] {
        way.submit(xml(name, id, messages)).await;
    }
    let other = way.store.add_account("other", Mode::Live, NOW).await.unwrap().id;
    let mut theirs = way.raw(xml("example.com", "4", 8));
    theirs.belonging = Belonging::Account(other);
    way.intake.submit(theirs).await.unwrap();
    assert_eq!(claim_all(&way.store, &way.intake).await.unwrap(), 0);

    let domain = way.domain("example.com").await;
    assert_eq!(claim_all(&way.store, &way.intake).await.unwrap(), 2);
    assert_eq!(way.check(domain).await.messages(), 3);
    assert_eq!(unclaimed(&way).await, ["example.org"]);
    assert_eq!(claim_all(&way.store, &way.intake).await.unwrap(), 0);
    let theirs = way
        .store
        .add_domain(other, new_domain("example.com"), NOW)
        .await
        .unwrap()
        .id;
    assert_eq!(claim_all(&way.store, &way.intake).await.unwrap(), 1);
    assert_eq!(way.check(theirs).await.messages(), 8);
    assert_eq!(way.check(domain).await.messages(), 3);
    way.close().await;
}
