//! Events are rows of the transaction that causes them, in every database.

use tallymark::base::{DomainStatus, Mode};
use tallymark::store::{
    Attempt, AttemptOutcome, Decision, Delivery, DomainFinding, EventKind, NewWebhook, Problem, Rotation, Standing,
    Wanted, Webhook, WebhookChanges,
};

use super::{Database, FIRST_PAGE, NOW, day, message, new_report, on_both};

fn wanted(words: &[&str]) -> Wanted {
    Wanted::new(words.iter().map(|word| (*word).to_owned()))
}

async fn add(db: &Database, words: &[&str]) -> Webhook {
    let new = NewWebhook {
        url: "https://example.com/".to_owned(),
        events: wanted(words),
        secret: b"sealed".to_vec(),
    };
    db.store.add_webhook(db.account.id, new, NOW).await.unwrap().unwrap()
}

async fn deliveries(db: &Database, webhook: &Webhook) -> Vec<Delivery> {
    let (mut all, total) = db.store.deliveries(webhook.id, FIRST_PAGE).await.unwrap();
    assert_eq!(total, all.len() as u64);
    all.reverse();
    all
}

fn unreadable() -> Vec<Problem> {
    vec![Problem {
        leaf: "a.xml".to_owned(),
        reason: "not_xml",
        detail: "no tag".to_owned(),
        offset: None,
    }]
}

on_both!(a_commit_tells_of_what_it_counts_and_of_nothing_else);
async fn a_commit_tells_of_what_it_counts_and_of_nothing_else(db: Database) {
    // What happened before there was a webhook is not told later.
    db.commit(vec![new_report("r0", day(0), &[("192.0.2.1", 1, true)])])
        .await;
    let all = add(&db, &["*"]).await;
    let quarantined = add(&db, &["dmarc.quarantined"]).await;
    let none = add(&db, &["email.bounced"]).await;
    let mut bad = message(db.account.id, Vec::new());
    bad.problems = unreadable();
    bad.other = None;
    let good = |id| new_report(id, day(1), &[("192.0.2.1", 2, true), ("192.0.2.2", 3, false)]);
    let other = new_report("r2", day(2), &[("192.0.2.1", 1, true)]);
    let report = message(db.account.id, vec![good("r1"), other]);
    db.commit_all(vec![report, bad]).await;
    // A duplicate.
    db.commit(vec![good("r1")]).await;

    let told = deliveries(&db, &all).await;
    let kinds: Vec<_> = told.iter().map(|delivery| delivery.event.as_str()).collect();
    let received = EventKind::ReportReceived.word();
    assert_eq!(kinds, [received, received, EventKind::Quarantined.word()]);
    let payload: serde_json::Value = serde_json::from_str(&told[0].payload).unwrap();
    assert_eq!(payload["id"], told[0].event_id);
    assert_eq!(payload["data"]["domain_id"], db.domain.public_id);
    let counts = ["message_count", "pass_count", "fail_count"].map(|name| payload["data"][name].as_u64());
    assert_eq!(counts, [Some(5), Some(2), Some(3)]);
    assert!(
        told.iter()
            .all(|delivery| delivery.next_at == Some(NOW) && delivery.attempts == 0)
    );
    // One event is one id, for every webhook.
    let of_quarantine = deliveries(&db, &quarantined).await;
    assert_eq!(of_quarantine.len(), 1);
    assert_eq!(of_quarantine[0].event_id, told[2].event_id);
    assert_eq!(deliveries(&db, &none).await, []);
}

on_both!(a_webhook_that_changes_is_heeded_by_the_next_commit);
async fn a_webhook_that_changes_is_heeded_by_the_next_commit(db: Database) {
    let webhook = add(&db, &["*"]).await;
    let mut nth = 0;
    let mut commit = async || {
        nth += 1;
        db.commit(vec![new_report(&nth.to_string(), day(nth), &[("192.0.2.1", 1, true)])])
            .await;
        deliveries(&db, &webhook).await.len()
    };
    assert_eq!(commit().await, 1);
    let change = async |changes| {
        let changed = db.store.change_webhook(db.account.id, webhook.id, changes).await;
        changed.unwrap().unwrap()
    };
    let off = WebhookChanges {
        active: Some(false),
        ..WebhookChanges::default()
    };
    assert!(!change(off).await.active);
    assert_eq!(commit().await, 1);
    let on = WebhookChanges {
        active: Some(true),
        events: Some(wanted(&["domain.failed"])),
        ..WebhookChanges::default()
    };
    assert!(change(on).await.active);
    assert_eq!(commit().await, 1);
    let more = WebhookChanges {
        events: Some(wanted(&["dmarc.report.received"])),
        ..WebhookChanges::default()
    };
    change(more).await;
    assert_eq!(commit().await, 2);
    // Another account's webhook hears nothing, and cannot be reached from here.
    let other = db.store.add_account("other", Mode::Live, NOW).await.unwrap().id;
    assert_eq!(db.store.webhook(other, webhook.id).await.unwrap(), None);
    let none = db
        .store
        .change_webhook(other, webhook.id, WebhookChanges::default())
        .await;
    assert_eq!(none.unwrap(), None);
    assert!(!db.store.remove_webhook(other, webhook.id).await.unwrap());
    assert!(db.store.remove_webhook(db.account.id, webhook.id).await.unwrap());
    assert_eq!(commit().await, 0);
}

on_both!(a_domain_that_changes_its_status_is_told_once);
async fn a_domain_that_changes_its_status_is_told_once(db: Database) {
    let webhook = add(&db, &["domain.verified", "domain.failed"]).await;
    let keep = async |at, status| {
        let found = DomainFinding {
            domain: db.domain.id,
            at,
            updated_at: db.domain.updated_at,
            records: Vec::new(),
            own_networks: None,
        };
        let decide = |_: &Standing, found: &DomainFinding| Decision {
            status,
            verified_at: None,
            misses: 0,
            missed_at: None,
            next_check_at: found.at + 1,
            checks: Vec::new(),
            own_networks: Vec::new(),
        };
        assert_eq!(db.store.keep_checks(&[found], &decide).await.unwrap().len(), 1);
        deliveries(&db, &webhook).await.len()
    };
    assert_eq!(keep(NOW + 1, DomainStatus::Pending).await, 0);
    assert_eq!(keep(NOW + 2, DomainStatus::Verified).await, 1);
    assert_eq!(keep(NOW + 3, DomainStatus::Verified).await, 1);
    assert_eq!(keep(NOW + 4, DomainStatus::Failed).await, 2);
    let told = deliveries(&db, &webhook).await;
    assert_eq!(
        (told[0].event.as_str(), told[1].event.as_str()),
        ("domain.verified", "domain.failed")
    );
    let payload: serde_json::Value = serde_json::from_str(&told[1].payload).unwrap();
    assert_eq!(payload["data"]["domain"], "example.com");
    assert_eq!(payload["data"]["previous_status"], "verified");
}

/// On one server the whole batch is one transaction.
#[tokio::test]
async fn what_is_rolled_back_was_never_told() {
    let db = Database::start(super::Dialect::Sqlite).await;
    let webhook = add(&db, &["*"]).await;
    db.execute("create trigger t before insert on set_aside begin select raise(abort, 'no'); end")
        .await;
    let batch = || {
        let mut bad = message(db.account.id, Vec::new());
        (bad.problems, bad.other) = (unreadable(), None);
        let report = new_report("r1", day(0), &[("192.0.2.1", 1, true)]);
        vec![message(db.account.id, vec![report]), bad]
    };
    assert!(db.store.commit(batch(), &super::KEEPING).await.is_err());
    assert_eq!(deliveries(&db, &webhook).await, []);
    // The control.
    db.execute("drop trigger t").await;
    db.commit_all(batch()).await;
    assert_eq!(deliveries(&db, &webhook).await.len(), 2);
}

on_both!(attempts_move_a_delivery_and_its_webhook);
async fn attempts_move_a_delivery_and_its_webhook(db: Database) {
    let webhook = add(&db, &["*"]).await;
    let reports = (0..3).map(|nth| new_report(&nth.to_string(), day(nth), &[("192.0.2.1", 1, true)]));
    db.commit(reports.collect()).await;
    assert_eq!(db.store.deliveries_waiting().await.unwrap(), 3);
    assert_eq!(db.store.webhooks_due(NOW - 1).await.unwrap(), []);
    assert_eq!(db.store.webhooks_due(NOW).await.unwrap().len(), 1);
    let due = db.store.deliveries_due(webhook.id, NOW, 2).await.unwrap();
    assert_eq!(due.len(), 2);
    let keep = async |nth: usize, at, status, outcome| {
        let response = "é".repeat(2_000);
        let attempt = Attempt {
            at,
            status,
            response,
            outcome,
        };
        let failing = db.store.keep_attempt(&due[nth], &attempt).await.unwrap();
        failing.map(|failing| (failing.attempts, failing.since))
    };
    assert_eq!(
        keep(0, NOW, Some(500), AttemptOutcome::Again(NOW + 5)).await,
        Some((1, NOW))
    );
    assert_eq!(
        keep(0, NOW + 5, None, AttemptOutcome::Again(NOW + 9)).await,
        Some((2, NOW))
    );
    assert_eq!(keep(1, NOW + 6, Some(204), AttemptOutcome::Delivered).await, None);
    let after = db.store.webhook(db.account.id, webhook.id).await.unwrap().unwrap();
    assert_eq!((after.failures, after.failing_since), (0, None));
    assert_eq!(after.last, Some((NOW + 6, Some(204))));
    let all = deliveries(&db, &webhook).await;
    assert_eq!(
        (all[0].attempts, all[0].next_at, all[0].status),
        (2, Some(NOW + 9), None)
    );
    assert_eq!(
        (all[1].attempts, all[1].next_at, all[1].delivered_at),
        (1, None, Some(NOW + 6))
    );
    assert_eq!(all[0].response.as_ref().unwrap().len(), 2_048);

    assert!(db.store.disable_webhook(webhook.id, "410", NOW + 10).await.unwrap());
    assert!(!db.store.disable_webhook(webhook.id, "again", NOW + 11).await.unwrap());
    assert_eq!(db.store.deliveries_waiting().await.unwrap(), 0);
    let after = db.store.webhook(db.account.id, webhook.id).await.unwrap().unwrap();
    assert_eq!(
        (after.active, after.disabled),
        (false, Some((NOW + 10, "410".to_owned())))
    );
    assert!(db.store.replay_delivery(webhook.id, all[1].id, NOW + 12).await.unwrap());
    assert_eq!(deliveries(&db, &webhook).await[1].attempts, 0);
    assert_eq!(db.store.purge_deliveries(NOW - 1).await.unwrap(), 0);
    assert_eq!(db.store.purge_deliveries(NOW).await.unwrap(), 3);
}

on_both!(secrets_are_replaced_and_encrypted_again);
async fn secrets_are_replaced_and_encrypted_again(db: Database) {
    let webhook = add(&db, &["*"]).await;
    let rotate = async |secret: &[u8], previous_until| {
        let rotation = Rotation {
            secret: secret.to_vec(),
            at: NOW + 1,
            previous_until,
        };
        let rotated = db.store.rotate_webhook(db.account.id, webhook.id, &rotation).await;
        rotated.unwrap().unwrap()
    };
    let rotated = rotate(b"second", Some(NOW + 9)).await;
    assert_eq!(
        (rotated.secret, rotated.previous),
        (b"second".to_vec(), Some((b"sealed".to_vec(), NOW + 9)))
    );
    let sealed = db.store.sealed_webhook_secrets(i64::MIN, 10).await.unwrap().remove(0);
    let mut again = sealed.clone();
    (again.secret, again.previous) = (b"second!".to_vec(), Some(b"sealed!".to_vec()));
    assert!(db.store.reseal_webhook(&sealed, &again).await.unwrap());
    assert!(
        !db.store.reseal_webhook(&sealed, &again).await.unwrap(),
        "it is another by now"
    );
    let rotated = rotate(b"third", None).await;
    assert_eq!((rotated.secret, rotated.previous), (b"third".to_vec(), None));
    assert_eq!(
        db.store.sealed_webhook_secrets(webhook.id.0, 10).await.unwrap().len(),
        0
    );
}
