//! Failure reports in the database: each once, for the domain that it belongs to, for a short time.

use tallymark::base::{FailureReports, SetAsideKind};
use tallymark::report::failure::{Form, Parts, parse};
use tallymark::store::{
    Domain, DomainChanges, FailureFilter, FailureSummary, Fate, NewFailure, NewMessage, Outcome, Problem, Retention,
};

use crate::store::{Database, FIRST_PAGE, NOW, message, new_domain, on_both};

fn failure(about: &str, source: &str, id: &str) -> NewFailure {
    let text = format!(
        "Feedback-Type: auth-failure\r\nReported-Domain: {about}\r\nSource-IP: {source}\r\n\
         Arrival-Date: Mon, 23 Mar 2026 09:35:00 +0000\r\n"
    );
    let copy = format!("From: Jane <jane.roe@{about}>\r\nMessage-ID: <{id}@{about}>\r\nSubject: hello\r\n");
    let parsed = parse(&Parts {
        form: Form::Arf,
        text: text.as_bytes(),
        copy: Some(copy.as_bytes()),
        mail: b"From: r@reporter.example\r\n",
    });
    NewFailure::new(parsed, None)
}

fn mail(db: &Database, failure: NewFailure) -> NewMessage {
    NewMessage {
        failure: Some(failure),
        other: Some("failure_report"),
        ..message(db.account.id, Vec::new())
    }
}

async fn commit(db: &Database, about: &str, source: &str, id: &str) -> Outcome {
    let message = mail(db, failure(about, source, id));
    db.commit_all(vec![message]).await.remove(0)
}

async fn keep(db: &Database, domain: &Domain, kept: FailureReports) {
    let changes = DomainChanges {
        failure_reports: Some(kept),
        ..DomainChanges::default()
    };
    let changed = db
        .store
        .update_domain(db.account.id, domain.id, changes, NOW)
        .await
        .unwrap();
    assert_eq!(changed.unwrap().failure_reports, kept);
}

async fn listed(db: &Database, domain: &Domain) -> Vec<FailureSummary> {
    let filter = FailureFilter::default();
    let (reports, total) = db.store.failure_reports(domain.id, &filter, FIRST_PAGE).await.unwrap();
    assert_eq!(total, reports.len() as u64);
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
    reports
}

on_both!(failure_report_is_stored_once);
async fn failure_report_is_stored_once(db: Database) {
    // Off by default.
    let off = commit(&db, "example.com", "192.0.2.1", "a").await;
    assert_eq!(
        (off.failure.is_none(), off.set_aside[0].kind),
        (true, SetAsideKind::Other)
    );
    assert_eq!(off.set_aside[0].reason, "failure_report");
    keep(&db, &db.domain, FailureReports::Redacted).await;
    let first = commit(&db, "example.com", "192.0.2.1", "a").await.failure.unwrap();
    assert_eq!((first.fate, first.domain), (Fate::Stored, db.domain.id));
    let again = || mail(&db, failure("example.com", "192.0.2.1", "a"));
    let new = || mail(&db, failure("shop.example.com", "192.0.2.2", "b"));
    let outcomes = db.commit_all(vec![again(), new(), new()]).await;
    let fates: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.failure.as_ref().unwrap().fate)
        .collect();
    assert_eq!(fates, [Fate::Duplicate, Fate::Stored, Fate::Duplicate]);
    let reports = listed(&db, &db.domain).await;
    assert_eq!(reports.iter().map(|one| one.arrivals).collect::<Vec<_>>(), [2, 2]);
    let filter = FailureFilter {
        source: "192.0.2.2".parse().ok(),
        ..FailureFilter::default()
    };
    let (of_source, total) = db
        .store
        .failure_reports(db.domain.id, &filter, FIRST_PAGE)
        .await
        .unwrap();
    assert_eq!((total, &*of_source[0].reported_domain), (1, "shop.example.com"));
    let detail = db.store.failure_report(db.domain.id, first.no).await.unwrap().unwrap();
    assert_eq!(
        (detail.texts, &*detail.report.message_id.unwrap()),
        (None, "example.com")
    );
    // It is in no figure.
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 0);
}

on_both!(nothing_else_of_its_mail_is_kept);
async fn nothing_else_of_its_mail_is_kept(db: Database) {
    keep(&db, &db.domain, FailureReports::Redacted).await;
    let problem = Problem {
        leaf: "a.zip".to_owned(),
        reason: "archive_damaged",
        detail: "it is damaged".to_owned(),
        offset: None,
    };
    let with_problem = |failure| NewMessage {
        problems: vec![problem.clone()],
        ..mail(&db, failure)
    };
    let kept = with_problem(failure("example.com", "192.0.2.1", "a"));
    let outcome = db.commit_all(vec![kept]).await.remove(0);
    assert!(outcome.failure.is_some() && outcome.set_aside.is_empty());
    // The control: without a domain that reads it, the same is quarantined, with its bytes.
    keep(&db, &db.domain, FailureReports::Off).await;
    let quarantined = with_problem(failure("example.com", "192.0.2.1", "b"));
    let outcome = db.commit_all(vec![quarantined]).await.remove(0);
    assert_eq!(outcome.set_aside[0].kind, SetAsideKind::Quarantined);
    assert_eq!(db.count("select count(*) from set_aside_messages").await, 1);
}

on_both!(failure_report_moves_with_its_domain);
async fn failure_report_moves_with_its_domain(db: Database) {
    let nobodys = commit(&db, "other.example", "192.0.2.1", "x").await;
    assert_eq!(nobodys.set_aside[0].kind, SetAsideKind::Other);
    keep(&db, &db.domain, FailureReports::Headers).await;
    for about in ["example.com", "shop.example.com"] {
        commit(&db, about, "192.0.2.1", "a").await;
    }
    let texts = "select count(*) from failure_reports where texts is not null";
    assert_eq!(db.count(texts).await, 2);
    let shop = db
        .store
        .add_domain(db.account.id, new_domain("shop.example.com"), NOW)
        .await
        .unwrap();
    assert_eq!(
        (listed(&db, &db.domain).await.len(), listed(&db, &shop).await.len()),
        (1, 1)
    );
    // Its owner has not asked for header fields there.
    assert_eq!(db.count(texts).await, 1);
    db.store
        .remove_domain(db.account.id, &shop.public_id, NOW)
        .await
        .unwrap();
    assert_eq!(listed(&db, &db.domain).await.len(), 2);
    keep(&db, &db.domain, FailureReports::Redacted).await;
    assert_eq!(db.count(texts).await, 0);
    db.store
        .remove_domain(db.account.id, &db.domain.public_id, NOW)
        .await
        .unwrap();
    assert_eq!(db.count("select count(*) from failure_reports").await, 0);
}

on_both!(failure_reports_are_kept_for_a_short_time);
async fn failure_reports_are_kept_for_a_short_time(db: Database) {
    const DAY: i64 = 86_400_000;
    let keeping = Retention {
        originals_days: 400,
        set_aside_days: 400,
        records_days: 400,
        failure_reports_days: 30,
    };
    keep(&db, &db.domain, FailureReports::Redacted).await;
    commit(&db, "example.com", "192.0.2.1", "a").await;
    let now = NOW + 30 * DAY;
    assert_eq!(db.store.purge(keeping, now).await.unwrap().failure_reports, 0);
    assert_eq!(db.store.due(keeping, now + DAY).await.unwrap().failure_reports, 1);
    assert_eq!(db.store.purge(keeping, now + DAY).await.unwrap().failure_reports, 1);
    assert_eq!(listed(&db, &db.domain).await, []);
}
