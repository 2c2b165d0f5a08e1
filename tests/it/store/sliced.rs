//! What domains get of a report about a name above them: no more than they are about, and no more than it may cost.

use tallymark::base::Authenticated;
use tallymark::report::aggregate::Report;
use tallymark::store::{Fate, MessageRoom, NewMessage, NewReport, Outcome};

use super::{Database, NOW, day, message, new_domain, on_both, report, taken};

/// A report about example.org with records about these names below it: each with an address of its own.
fn about(names: &[String], window: (i64, i64), count: u64) -> Report {
    let addresses: Vec<_> = (0..names.len())
        .map(|nth| format!("192.0.{}.{}", nth / 250, nth % 250))
        .collect();
    let records: Vec<_> = addresses.iter().map(|address| (&**address, count, true)).collect();
    let mut about = report("1", window, &records);
    about.policy.domain = "example.org".into();
    let evidence = about.evidence[0].clone();
    about.evidence.clear();
    for (nth, name) in names.iter().enumerate() {
        about.records[nth].evidence = u32::try_from(nth).unwrap();
        let mut evidence = evidence.clone();
        evidence.header_from = Some((**name).into());
        about.evidence.push(evidence);
    }
    about
}

fn names(count: usize, each: usize) -> Vec<String> {
    // Different names below each domain: each is a piece of evidence of its own.
    let names = (0..count * each).map(|nth| format!("n{nth}.d{}.example.org", nth % count));
    names.collect()
}

async fn domains(db: &Database, count: usize) -> Vec<tallymark::base::DomainId> {
    let mut domains = Vec::new();
    for nth in 0..count {
        let new = new_domain(&format!("d{nth}.example.org"));
        domains.push(db.store.add_domain(db.account.id, new, NOW).await.unwrap().id);
    }
    domains
}

/// With room for hardly anything.
fn short(db: &Database, reports: Vec<NewReport>) -> NewMessage {
    NewMessage {
        room: MessageRoom {
            bytes_max: 1_000,
            ..MessageRoom::default()
        },
        ..message(db.account.id, reports)
    }
}

async fn commit(db: &Database, new: NewMessage) -> Outcome {
    db.commit_all(vec![new]).await.remove(0)
}

on_both!(each_piece_of_evidence_is_kept_for_the_domain_that_it_is_about);
async fn each_piece_of_evidence_is_kept_for_the_domain_that_it_is_about(db: Database) {
    let rows = domains(&db, 4).await;
    let about = taken(about(&names(4, 6), day(0), 1), Authenticated::Unknown);
    let outcome = db.commit(vec![about]).await;
    assert_eq!(outcome.reports.len(), 4);
    let bytes = db.count("select sum(length(content)) from records").await;
    assert!(bytes < 24 * 60, "{bytes}: not 24 pieces for each of four");
    for (domain, stored) in rows.iter().zip(&outcome.reports) {
        assert_eq!(
            (stored.fate, stored.domain, stored.messages),
            (Fate::Stored, *domain, 6)
        );
        assert_eq!(db.check_sums(*domain).await.messages(), 6);
        let (records, _) = db.store.records(*domain, stored.no, super::FIRST_PAGE).await.unwrap();
        let below = format!(
            ".{}",
            db.store
                .domain_by_id(db.account.id, *domain)
                .await
                .unwrap()
                .unwrap()
                .name
        );
        let is_own = |name: &Option<Box<str>>| name.as_ref().is_some_and(|name| name.ends_with(&below));
        assert!(
            records.iter().all(|record| is_own(&record.evidence.header_from)),
            "{below}"
        );
        assert_eq!(records.len(), 6);
    }
}

/// What is refused is set aside whole, nothing of it is counted, and other reports of its message are.
async fn refused(db: &Database, about: Report, what: &str) {
    let before = db.count("select count(*) from reports").await;
    let other = super::new_report("other", day(1), &[("192.0.2.1", 3, true)]);
    let outcome = commit(db, short(db, vec![taken(about, Authenticated::Unknown), other])).await;
    let reasons: Vec<_> = outcome.set_aside.iter().map(|aside| &*aside.reason).collect();
    assert_eq!(reasons, ["too_many_slices", "unclaimed"], "{what}");
    assert!(
        outcome.set_aside[0].detail.contains(what),
        "{}",
        outcome.set_aside[0].detail
    );
    assert_eq!(outcome.reports.len(), 1, "{what}");
    let after = db.count("select count(*) from reports").await;
    assert!(after <= before + 1, "{what}");
}

on_both!(slices_cost_no_more_than_a_message_may);
async fn slices_cost_no_more_than_a_message_may(db: Database) {
    let rows = domains(&db, 40).await;
    // What a report says of itself is repeated in each row.
    let with_text = |count: usize, bytes: usize| {
        let mut about = about(&names(count, 1), day(0), 1);
        about.metadata.extra_contact_info = Some("x".repeat(bytes).into());
        about
    };
    refused(&db, with_text(40, 30_000), "a row for each takes more room").await;
    // Each day of each slice has sums of its own.
    let year = (day(0).0, day(0).0 + 300 * 86_400 - 1);
    refused(&db, about(&names(40, 18), year, 300), "the sums of each on each day").await;
    assert_eq!(db.check_sums(rows[0]).await.messages(), 0);
    // A larger message may have more of them; and what costs less is counted.
    let new = NewMessage {
        room: MessageRoom {
            bytes_max: 4 << 20,
            ..MessageRoom::default()
        },
        ..message(
            db.account.id,
            vec![taken(with_text(40, 30_000), Authenticated::Unknown)],
        )
    };
    let outcome = commit(&db, new).await;
    assert_eq!(
        (outcome.reports.len(), outcome.set_aside.len()),
        (40, 1),
        "{:?}",
        outcome.set_aside
    );
    assert_eq!(db.check_sums(rows[39]).await.messages(), 1);
}

on_both!(slices_that_cost_little_are_counted_however_short_the_message_is);
async fn slices_that_cost_little_are_counted_however_short_the_message_is(db: Database) {
    let rows = domains(&db, 40).await;
    let new = vec![taken(about(&names(40, 2), day(0), 1), Authenticated::Unknown)];
    assert_eq!(commit(&db, short(&db, new)).await.reports.len(), 40);
    assert_eq!(db.check_sums(rows[7]).await.messages(), 2);
}
