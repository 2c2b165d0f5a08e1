//! Mail that no peer delivered: read from a mailbox or handed in.

use std::time::Duration;

use tallymark::base::Millis;
use tallymark::base::clock::format_mail_date;
use tallymark::store::ReportFilter;
use tallymark::tally::Carriers;

use super::*;
use crate::store::ALL_DAYS;

const DAY: Millis = 86_400_000;

/// A mail with a report as reporters write it, of some days ago, signed with a selector.
fn signed(xml: &[u8], days_ago: i64, selector: &str) -> Vec<u8> {
    Key::Rsa.sign(&dated(xml, days_ago), REPORTER, selector)
}

fn dated(xml: &[u8], days_ago: i64) -> Vec<u8> {
    let mail = String::from_utf8(mail(AUTHOR, xml)).unwrap();
    let subject = "Subject: Report Domain: example.com Submitter: reporter.example Report-ID: 1";
    let mail = mail.replace("Subject: Report domain: example.com", subject);
    let date = format_mail_date(Clock::system().now() - days_ago * DAY);
    format!("Date: {date}\r\n{mail}").into_bytes()
}

fn with_results(results: &str, mail: Vec<u8>) -> Vec<u8> {
    [format!("Authentication-Results: {results}\r\n").into_bytes(), mail].concat()
}

/// In which way a mail comes.
#[derive(Debug, Clone, Copy)]
enum Way {
    Mailbox,
    Folder,
    Upload,
}

impl World {
    async fn read(&self, bytes: Vec<u8>, way: Way) -> Outcome {
        let raw = RawMessage {
            bytes,
            received_at: NOW,
            origin: "test".to_owned(),
            belonging: Belonging::Account(self.account.id),
            envelope: None,
        };
        let outcome = match way {
            Way::Mailbox => self.intake.submit_mailbox(raw).await,
            Way::Folder => self.intake.submit_reports(raw).await,
            Way::Upload => self.intake.submit(raw).await,
        };
        outcome.unwrap()
    }

    /// The verdict on the report in a mail, whether it counts, and how it came.
    async fn found(&self, bytes: Vec<u8>, way: Way) -> (&'static str, bool, Option<Provenance>) {
        let outcome = self.read(bytes, way).await;
        let stored = &outcome.reports[0];
        let detail = self.store.report(stored.domain, stored.no).await.unwrap().unwrap();
        (
            detail.summary.authenticated.word(),
            detail.summary.counted,
            detail.provenance,
        )
    }
}

#[tokio::test]
async fn mail_from_anywhere_is_authenticated_by_its_signature() {
    let world = World::start().await;
    world.publish();
    for (nth, way) in (1..).zip([Way::Mailbox, Way::Folder, Way::Upload]) {
        let mail = signed(&report(&format!("{nth}"), 5), 1, "rsa");
        let (verdict, counted, found) = world.found(mail, way).await;
        let found = found.unwrap();
        assert_eq!((verdict, counted, found.peer), ("pass", true, None), "{way:?}");
        assert_eq!(found.domain.as_deref(), Some(REPORTER));
        assert!(found.spf.is_none(), "no peer is known");
    }
    let part = (ALL_DAYS.first, Carriers::Vouched);
    let (stats, _) = world
        .store
        .stats_and_before(world.domain.id, ALL_DAYS, part)
        .await
        .unwrap();
    assert_eq!((stats.totals.messages(), stats.unvouched_messages), (15, 0));
    assert_eq!(world.messages().await, 15);
}

#[tokio::test]
async fn what_its_owner_reads_counts_whatever_its_signature_says() {
    let world = World::start().await;
    world.publish();
    let mut changed = signed(&report("1", 5), 1, "rsa");
    *changed.last_mut().unwrap() = b'x';
    changed.extend(b"\r\n");
    let unsigned = dated(&report("2", 5), 1);
    let unknown_key = signed(&report("3", 5), 1, "other");
    for mail in [changed, unsigned, unknown_key] {
        let (verdict, counted, _) = world.found(mail, Way::Mailbox).await;
        // SPF may have passed: without a peer nothing fails.
        assert_eq!((verdict, counted), ("unknown", true));
    }
    let held = ReportFilter {
        standing: tallymark::store::ReportStanding::Held,
        ..ReportFilter::default()
    };
    let page = crate::store::FIRST_PAGE;
    assert_eq!(world.store.reports(world.domain.id, &held, page).await.unwrap().1, 0);
    // The control: the same over SMTP is held.
    let outcome = world.submit(signed(&report("4", 5), 1, "other"), envelope()).await;
    assert!(!outcome.reports[0].acceptance.may_count());
    assert_eq!(world.messages().await, 15);
}

#[tokio::test]
async fn nothing_is_asked_for_old_mail_other_mail_and_files() {
    let world = World::start().await;
    world.publish();
    let (verdict, counted, found) = world.found(signed(&report("1", 5), 8, "rsa"), Way::Upload).await;
    assert_eq!((verdict, counted), ("unknown", true));
    assert_eq!(found.unwrap().unchecked.as_deref(), Some("too_old"));
    let (_, _, found) = world.found(report("2", 5), Way::Upload).await;
    assert_eq!(found, None, "a file was carried by nothing");
    let other = Key::Rsa.sign(
        format!(
            "Date: {}\r\nFrom: {AUTHOR}\r\n\r\nHello\r\n",
            format_mail_date(Clock::system().now())
        )
        .as_bytes(),
        REPORTER,
        "rsa",
    );
    assert!(world.read(other, Way::Mailbox).await.reports.is_empty());
    assert_eq!(world.dns.asked(), [] as [&str; 0]);
    // The control.
    world.read(signed(&report("3", 5), 6, "rsa"), Way::Upload).await;
    assert!(!world.dns.asked().is_empty());
}

#[tokio::test]
async fn an_import_asks_for_no_more_names_than_its_budget() {
    let world = World::start_with(|options| options.fetched.names_max = 4).await;
    world.publish();
    let (known, ..) = world.found(signed(&report("0", 5), 1, "rsa"), Way::Upload).await;
    assert_eq!(known, "pass");
    for nth in 1..20 {
        let mail = signed(&report(&format!("{nth}"), 5), 1, &format!("s{nth}"));
        world.read(mail, Way::Upload).await;
    }
    let mut asked = world.dns.asked();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 4, "{asked:?}");
    // What is known is free.
    let (known, ..) = world.found(signed(&report("20", 5), 1, "rsa"), Way::Upload).await;
    assert_eq!(known, "pass");
    assert_eq!(
        world.dns.asked().iter().filter(|name| name.starts_with("rsa.")).count(),
        1
    );
    // Mail that a peer delivers has a budget of its own.
    world.dns.text("late._domainkey.reporter.example", &Key::Rsa.record());
    let (verdict, _) = world.verdict(signed(&report("21", 5), 1, "late")).await;
    assert_eq!(verdict, "pass");
}

#[tokio::test]
async fn an_import_does_not_wait_for_a_silent_server_for_ever() {
    let world = World::start_with(|options| {
        options.time_max = Duration::from_millis(100);
        options.fetched.time_max = Duration::from_millis(150);
    })
    .await;
    world.dns.text("_dmarc.reporter.example", "v=DMARC1; p=reject");
    world.dns.add("rsa._domainkey.reporter.example", dns::Has::Silence);
    let mut unchecked = 0;
    for nth in 0..12 {
        let (verdict, _, found) = world
            .found(signed(&report(&format!("{nth}"), 5), 1, "rsa"), Way::Upload)
            .await;
        assert_eq!(verdict, "unknown");
        unchecked += usize::from(found.unwrap().unchecked.as_deref() == Some("over_budget"));
    }
    assert!((8..12).contains(&unchecked), "{unchecked}");
}

#[tokio::test]
async fn the_results_of_a_known_host_are_believed_and_no_others() {
    let world = World::start_with(|options| options.fetched.results_hosts = vec!["mx.example.net".to_owned()]).await;
    let dmarc = "dmarc=pass header.from=reporter.example";
    let old = |id: &str| dated(&report(id, 5), 400);
    let known = with_results(&format!("mx.example.net; {dmarc}"), old("1"));
    let (verdict, _, found) = world.found(known, Way::Mailbox).await;
    assert_eq!(
        (verdict, found.unwrap().results_from.as_deref()),
        ("pass", Some("mx.example.net"))
    );
    let other = with_results(&format!("mx.evil.example; {dmarc}"), old("2"));
    assert_eq!(world.found(other, Way::Mailbox).await.0, "unknown");
    // A pass for another author is not one for this mail.
    let of_another = with_results("mx.example.net; dmarc=pass header.from=evil.example", old("3"));
    assert_eq!(world.found(of_another, Way::Mailbox).await.0, "unknown");
    let failed = with_results("mx.example.net; dmarc=fail header.from=reporter.example", old("4"));
    let (verdict, counted, _) = world.found(failed, Way::Mailbox).await;
    assert_eq!((verdict, counted), ("fail", true));
    assert_eq!(world.dns.asked(), [] as [&str; 0]);
}

#[tokio::test]
async fn the_keys_of_a_mail_are_kept_beside_it() {
    let world = World::start().await;
    world.publish();
    let mail = signed(&report("1", 5), 1, "rsa");
    let outcome = world.read(mail.clone(), Way::Mailbox).await;
    let delivered = world.submit(signed(&report("2", 5), 1, "rsa"), envelope()).await;
    // They are the keys of that day, whatever the DNS has later.
    world.dns.clear("rsa._domainkey.reporter.example");
    for outcome in [&outcome, &delivered] {
        let stored = &outcome.reports[0];
        let proof = world.store.proof(stored.domain, stored.no).await.unwrap().unwrap();
        assert_eq!(proof.keys.len(), 1);
        assert_eq!(proof.keys[0].name, "rsa._domainkey.reporter.example");
        assert_eq!(proof.keys[0].record, Key::Rsa.record());
        assert!((Clock::system().now() - proof.keys[0].found_at).abs() < DAY);
        assert_eq!(proof.report.no, stored.no);
        let detail = world.store.report(stored.domain, stored.no).await.unwrap().unwrap();
        assert!(detail.is_provable && detail.provenance.unwrap().dkim[0].key.is_none());
    }
    let stored = &outcome.reports[0];
    assert_eq!(
        world
            .store
            .proof(stored.domain, stored.no)
            .await
            .unwrap()
            .unwrap()
            .mail
            .bytes,
        mail
    );
    // Nothing proves what was not signed, nor what its mail is not kept of.
    let unsigned = world
        .read(dated(&report("3", 5), 1), Way::Mailbox)
        .await
        .reports
        .remove(0);
    assert_eq!(world.store.proof(unsigned.domain, unsigned.no).await.unwrap(), None);
}

/// The report waits until its domain is added, and so do its keys.
#[tokio::test]
async fn keys_wait_with_an_unclaimed_report() {
    let world = World::start().await;
    world.publish();
    let xml = String::from_utf8(report("1", 5))
        .unwrap()
        .replace("example.com", "example.org");
    let outcome = world.read(signed(xml.as_bytes(), 1, "rsa"), Way::Mailbox).await;
    assert!(outcome.reports.is_empty());
    let added = world
        .store
        .add_domain(world.account.id, new_domain("example.org"), NOW)
        .await
        .unwrap();
    world.intake.claim(world.account.id, added.id).await.unwrap();
    let no = world.store.latest_report(added.id).await.unwrap().unwrap();
    let proof = world.store.proof(added.id, no).await.unwrap().unwrap();
    assert_eq!(proof.keys[0].record, Key::Rsa.record());
}
