//! Mails are stored deflated where that saves room, and come back as they were received.

use tallymark::base::Authenticated;
use tallymark::store::{NewMessage, NewReport, ReportFilter, StoreError, StoredBytes, message_digest};

use super::{Database, FIRST_PAGE, NOW, day, message, new_domain, new_report, on_both, report, taken};

/// A mail as it is stored after it was read.
fn mail(db: &Database, received: &[u8], reports: Vec<NewReport>) -> NewMessage {
    NewMessage {
        digest: message_digest(received),
        bytes: StoredBytes::from(received.to_vec()).packed(),
        ..message(db.account.id, reports)
    }
}

/// Text, what does not shrink, and what is short.
fn mails() -> [Vec<u8>; 5] {
    let random = (0..3_000_u32).map(|nth| (nth.wrapping_mul(2_654_435_761) >> 23) as u8);
    [
        b"<feedback><report_metadata><org_name>reporter.example</org_name></report_metadata></feedback>\r\n".repeat(60),
        "Sehr geehrte Damen und Herren,\r\nanbei die Übersicht. <p>Grüße</p>\r\n"
            .repeat(90)
            .into_bytes(),
        random.collect(),
        b"Subject: short\r\n\r\nshort".to_vec(),
        vec![b' '; 300_000],
    ]
}

on_both!(stored_mails_come_back_as_received);
async fn stored_mails_come_back_as_received(db: Database) {
    let mut packed = 0;
    for (nth, received) in mails().iter().enumerate() {
        let new = new_report(&nth.to_string(), day(nth as i64), &[("192.0.2.1", 3, true)]);
        let kept = mail(&db, received, vec![new]);
        packed += i64::from(kept.bytes.stored().len() < received.len());
        let no = db.commit_all(vec![kept]).await[0].reports[0].no;
        let original = db.store.original(db.domain.id, no).await.unwrap().unwrap();
        assert!(original.bytes == *received, "{nth}");

        let mut aside = received.clone();
        aside.push(b'.');
        let outcome = db.commit_all(vec![mail(&db, &aside, Vec::new())]).await.remove(0);
        let bytes = db.store.set_aside_bytes(outcome.set_aside[0].id).await.unwrap();
        assert!(bytes.unwrap() == aside, "{nth}");
    }
    // The length of a message set aside is that as received.
    let (asides, _) = db.store.set_aside(None, None, FIRST_PAGE).await.unwrap();
    let mut lengths: Vec<_> = asides.iter().map(|aside| aside.bytes_len).collect();
    let mut expected: Vec<_> = mails().iter().map(|mail| mail.len() as u64 + 1).collect();
    lengths.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lengths, expected);
    assert_eq!(packed, 3);
    for table in ["originals", "set_aside_messages"] {
        let count = format!("select count(*) from {table} where unpacked_len is not null");
        assert_eq!(db.count(&count).await, packed, "{table}");
    }
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

on_both!(a_moved_report_takes_its_mail_along);
async fn a_moved_report_takes_its_mail_along(db: Database) {
    for (nth, received) in mails().iter().enumerate() {
        let mut about = report(&nth.to_string(), day(nth as i64), &[("192.0.2.1", 3, true)]);
        about.policy.domain = "mail.example.com".into();
        let outcome = db
            .commit_all(vec![mail(&db, received, vec![taken(about, Authenticated::Unknown)])])
            .await;
        assert_eq!(outcome[0].reports[0].domain, db.domain.id);
    }
    let child = new_domain("mail.example.com");
    let child = db.store.add_domain(db.account.id, child, NOW).await.unwrap().id;
    let every = ReportFilter::default();
    let (reports, _) = db.store.reports(child, &every, FIRST_PAGE).await.unwrap();
    assert_eq!(reports.len(), mails().len());
    for moved in reports {
        let original = db.store.original(child, moved.no).await.unwrap().unwrap();
        let nth: usize = moved.report_id.parse().unwrap();
        assert!(original.bytes == mails()[nth], "{nth}");
    }
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
    // A digest came along as well: the control.
    db.execute("update originals set unpacked_len = unpacked_len + 1").await;
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies.len(), 3);
}

on_both!(a_damaged_mail_is_named_and_never_another_mail);
async fn a_damaged_mail_is_named_and_never_another_mail(db: Database) {
    let new = new_report("1", day(0), &[("192.0.2.1", 3, true)]);
    let [text, ..] = mails();
    let kept = db.commit_all(vec![mail(&db, &text, vec![new])]).await.remove(0);
    let aside = db.commit_all(vec![mail(&db, &mails()[1], Vec::new())]).await.remove(0);
    let (no, id) = (kept.reports[0].no, aside.set_aside[0].id);
    for damage in [
        "unpacked_len = unpacked_len - 1",
        "unpacked_len = unpacked_len * 1000000",
        "unpacked_len = -1",
        "bytes = digest",
    ] {
        for table in ["originals", "set_aside_messages"] {
            db.execute(&format!("update {table} set {damage}")).await;
        }
        let original = db.store.original(db.domain.id, no).await;
        assert!(
            matches!(original, Err(StoreError::Damaged { table: "originals", .. })),
            "{original:?}"
        );
        let bytes = db.store.set_aside_bytes(id).await;
        let is_named = matches!(
            bytes,
            Err(StoreError::Damaged {
                table: "set_aside_messages",
                ..
            })
        );
        assert!(is_named, "{bytes:?}");
        let found = db.store.verify(&|_, _| {}).await.unwrap().discrepancies;
        assert_eq!(found.len(), 2, "{damage}: {found:?}");
        assert!(
            found
                .iter()
                .all(|one| one.what.contains("are not those that were stored")),
            "{found:?}"
        );
    }
}
