//! Events are rows of the transaction that causes them, in every database.

use tallymark::base::{DomainStatus, Mode};
use tallymark::store::{
    Attempt, AttemptOutcome, Decision, Delivery, DomainFinding, EventKind, NewWebhook, Problem, Replay, ReplayFilter,
    Rotation, Standing, Target, Wanted, Webhook, WebhookChanges,
};

use super::{Database, FIRST_PAGE, NOW, day, message, new_report, on_both};

fn wanted(words: &[&str]) -> Wanted {
    Wanted::new(words.iter().map(|word| (*word).to_owned()))
}

async fn add(db: &Database, words: &[&str]) -> Target<Webhook> {
    let new = NewWebhook {
        url: "https://example.com/".to_owned(),
        events: wanted(words),
        secret: b"sealed".to_vec(),
    };
    db.store.add_webhook(db.account.id, new, NOW).await.unwrap().unwrap()
}

async fn switch(db: &Database, webhook: &Target<Webhook>, on: bool) -> Target<Webhook> {
    let changes = WebhookChanges {
        active: Some(on),
        ..WebhookChanges::default()
    };
    let changed = db.store.change_webhook(db.account.id, webhook.id, changes, NOW).await;
    changed.unwrap().unwrap()
}

async fn deliveries(db: &Database, webhook: &Target<Webhook>) -> Vec<Delivery> {
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
        let changed = db.store.change_webhook(db.account.id, webhook.id, changes, NOW).await;
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
        .change_webhook(other, webhook.id, WebhookChanges::default(), NOW)
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
            selector: None,
            rotation: None,
        };
        let decide = |_: &Standing, found: &DomainFinding| Decision {
            status,
            verified_at: None,
            misses: 0,
            missed_at: None,
            next_check_at: found.at + 1,
            checks: Vec::new(),
            own_networks: Vec::new(),
            rotation: None,
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
    assert_eq!(db.store.targets_due(NOW - 1).await.unwrap(), []);
    assert_eq!(db.store.targets_due(NOW).await.unwrap(), [(webhook.clone().any(), NOW)]);
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
        let failing = db.store.keep_attempts(&[(&due[nth], &attempt)]).await.unwrap();
        let failing = failing.get(&webhook.id);
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

    assert!(db.store.disable_target(webhook.id, "410", NOW + 10).await.unwrap());
    assert!(!db.store.disable_target(webhook.id, "again", NOW + 11).await.unwrap());
    assert_eq!(db.store.deliveries_waiting().await.unwrap(), 0);
    let after = db.store.webhook(db.account.id, webhook.id).await.unwrap().unwrap();
    assert_eq!(
        (after.active, after.disabled),
        (false, Some((NOW + 10, "410".to_owned())))
    );
    // Off, nothing would be sent.
    let replay = async || db.store.replay_delivery(webhook.id, all[1].id, NOW + 12).await.unwrap();
    assert_eq!(replay().await, Replay::Off);
    let filter = ReplayFilter {
        since: 0,
        event: None,
        limit: 10,
    };
    let failed = db.store.replay_failed(webhook.id, &filter, NOW + 12).await.unwrap();
    assert_eq!(failed, Replay::Off);
    switch(&db, &webhook, true).await;
    assert_eq!(replay().await, Replay::Due { replayed: 1, left: 0 });
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
        (rotated.address.secret, rotated.address.previous),
        (b"second".to_vec(), Some((b"sealed".to_vec(), NOW + 9)))
    );
    let sealed = db.store.sealed_target_secrets(i64::MIN, 10).await.unwrap().remove(0);
    let mut again = sealed.clone();
    (again.secret, again.previous) = (b"second!".to_vec(), Some(b"sealed!".to_vec()));
    assert!(db.store.reseal_target(&sealed, &again).await.unwrap());
    assert!(
        !db.store.reseal_target(&sealed, &again).await.unwrap(),
        "it is another by now"
    );
    let rotated = rotate(b"third", None).await;
    assert_eq!(
        (rotated.address.secret, rotated.address.previous),
        (b"third".to_vec(), None)
    );
    assert_eq!(db.store.sealed_target_secrets(webhook.id.0, 10).await.unwrap().len(), 0);
}

fn attempt(at: i64, outcome: AttemptOutcome) -> Attempt {
    Attempt {
        at,
        status: (outcome == AttemptOutcome::Delivered).then_some(200),
        response: "said".to_owned(),
        outcome,
    }
}

/// Nine reports, of a mail that came long before now.
async fn old_reports(db: &Database, from: i64) {
    let reports = (from..from + 9).map(|nth| new_report(&nth.to_string(), day(nth), &[("192.0.2.1", 1, true)]));
    let mut mail = message(db.account.id, reports.collect());
    mail.received_at = NOW - 90 * 24 * 3_600_000;
    db.commit_all(vec![mail]).await;
}

on_both!(what_came_of_several_attempts_is_kept_at_once);
async fn what_came_of_several_attempts_is_kept_at_once(db: Database) {
    let (first, second) = (add(&db, &["*"]).await, add(&db, &["*"]).await);
    old_reports(&db, 0).await;
    let one = db.store.deliveries_due(first.id, NOW, 9).await.unwrap();
    let two = db.store.deliveries_due(second.id, NOW, 9).await.unwrap();
    let (again, held) = (AttemptOutcome::Again(NOW + 50), AttemptOutcome::HeldBack(NOW + 60));
    let attempts = [
        attempt(NOW + 1, again),
        attempt(NOW + 2, AttemptOutcome::Delivered),
        attempt(NOW + 3, again),
        attempt(NOW + 4, AttemptOutcome::GivenUp),
        attempt(NOW + 5, held),
    ];
    let mut batch: Vec<_> = one.iter().zip(&attempts).collect();
    batch.extend(two.iter().zip(&attempts[4..]));
    let failing = db.store.keep_attempts(&batch).await.unwrap();
    assert_eq!(failing.len(), 1, "{failing:?}");
    let failing = failing[&first.id];
    assert_eq!(
        (failing.attempts, failing.since),
        (2, NOW + 3),
        "after the last success"
    );
    let after = db.store.webhook(db.account.id, first.id).await.unwrap().unwrap();
    assert_eq!((after.failures, after.failing_since), (2, Some(NOW + 3)));
    assert_eq!(after.last, Some((NOW + 4, None)));
    // What we could not send says nothing of the receiver.
    let after = db.store.webhook(db.account.id, second.id).await.unwrap().unwrap();
    assert_eq!((after.failures, after.failing_since, after.last), (0, None, None));
    let all = deliveries(&db, &second).await;
    let held = all.iter().find(|delivery| delivery.id == two[0].id).unwrap();
    assert_eq!(
        (held.attempts, held.next_at, held.response.as_deref()),
        (0, Some(NOW + 60), Some("said"))
    );
}

on_both!(a_row_is_as_old_as_its_commit_and_an_event_as_old_as_its_mail);
async fn a_row_is_as_old_as_its_commit_and_an_event_as_old_as_its_mail(db: Database) {
    let webhook = add(&db, &["*"]).await;
    old_reports(&db, 0).await;
    let all = deliveries(&db, &webhook).await;
    assert_eq!(all.len(), 9);
    for delivery in &all {
        assert_eq!((delivery.created_at, delivery.next_at), (NOW, Some(NOW)));
        let payload: serde_json::Value = serde_json::from_str(&delivery.payload).unwrap();
        assert_eq!(payload["timestamp"], "2025-07-11T08:53:20.000Z");
    }
    assert_eq!(db.store.purge_deliveries(NOW - 1).await.unwrap(), 0);
}

on_both!(what_is_under_way_waits_for_no_webhook_that_is_off);
async fn what_is_under_way_waits_for_no_webhook_that_is_off(db: Database) {
    let (off, gone, on) = (add(&db, &["*"]).await, add(&db, &["*"]).await, add(&db, &["*"]).await);
    old_reports(&db, 0).await;
    let mut flying = Vec::new();
    for webhook in [&off, &gone, &on] {
        flying.extend(db.store.deliveries_due(webhook.id, NOW, 1).await.unwrap());
    }
    assert!(!switch(&db, &off, false).await.active);
    assert!(db.store.remove_webhook(db.account.id, gone.id).await.unwrap());
    let failed = attempt(NOW + 1, AttemptOutcome::Again(NOW + 5));
    let batch: Vec<_> = flying.iter().map(|delivery| (delivery, &failed)).collect();
    db.store.keep_attempts(&batch).await.unwrap();
    let waiting =
        |webhook: i64| format!("select count(*) from deliveries where target_id = {webhook} and next_at is not null");
    assert_eq!(db.count(&waiting(off.id.0)).await, 0);
    assert_eq!(db.count(&waiting(gone.id.0)).await, 0);
    assert_eq!(db.count(&waiting(on.id.0)).await, 9, "the control");
    assert_eq!(db.store.targets_due(NOW + 5).await.unwrap().len(), 1);
}

on_both!(a_webhook_that_changes_touches_no_memory_of_domains);
async fn a_webhook_that_changes_touches_no_memory_of_domains(db: Database) {
    let webhook = add(&db, &["*"]).await;
    let version = |name: &str| format!("select value from counters where name = '{name}'");
    let versions = async || {
        (
            db.count(&version("domains_version")).await,
            db.count(&version("targets_version")).await,
        )
    };
    let before = versions().await;
    let change = async |changes| {
        let changed = db.store.change_webhook(db.account.id, webhook.id, changes, NOW).await;
        changed.unwrap().unwrap()
    };
    // The same values change nothing, and another URL changes nothing that writers remember.
    assert_eq!(change(WebhookChanges::default()).await, webhook);
    let same = WebhookChanges {
        url: Some(webhook.address.url.clone()),
        events: Some(webhook.events.clone()),
        active: Some(true),
    };
    assert_eq!(change(same).await, webhook);
    let moved = WebhookChanges {
        url: Some("https://example.net/".to_owned()),
        ..WebhookChanges::default()
    };
    assert_eq!(change(moved).await.address.url, "https://example.net/");
    assert_eq!(versions().await, before);
    // The controls.
    switch(&db, &webhook, false).await;
    assert_eq!(versions().await, (before.0, before.1 + 1));
    db.store
        .add_domain(db.account.id, super::new_domain("example.org"), NOW)
        .await
        .unwrap();
    assert!(versions().await.0 > before.0);
}

on_both!(an_account_has_no_more_webhooks_than_it_may);
async fn an_account_has_no_more_webhooks_than_it_may(db: Database) {
    for _ in 0..18 {
        add(&db, &["*"]).await;
    }
    let new = || NewWebhook {
        url: "https://example.com/".to_owned(),
        events: wanted(&["*"]),
        secret: b"sealed".to_vec(),
    };
    let at_once = (0..8).map(|_| db.store.add_webhook(db.account.id, new(), NOW));
    let added = futures_util::future::join_all(at_once).await;
    let added = added.into_iter().filter(|added| added.as_ref().unwrap().is_some());
    assert_eq!(added.count(), 2);
    assert_eq!(db.store.webhooks(db.account.id).await.unwrap().len(), 20);
}

// The owner, the attempts and the replays all write at once: none waits for another for ever, and no count is lost.
on_both!(what_is_written_at_once_neither_blocks_nor_is_lost);
async fn what_is_written_at_once_neither_blocks_nor_is_lost(db: Database) {
    let webhooks = [add(&db, &["*"]).await, add(&db, &["*"]).await];
    for round in 0..6 {
        old_reports(&db, round * 9).await;
        let mut due = Vec::new();
        for webhook in &webhooks {
            due.extend(db.store.deliveries_due(webhook.id, NOW, 9).await.unwrap());
        }
        due.reverse();
        let failed = attempt(NOW + 1, AttemptOutcome::GivenUp);
        let batch: Vec<_> = due.iter().map(|delivery| (delivery, &failed)).collect();
        let filter = ReplayFilter {
            since: 0,
            event: None,
            limit: 100,
        };
        let moved = WebhookChanges {
            url: Some(format!("https://example.com/{round}")),
            ..WebhookChanges::default()
        };
        let before = db.store.webhook(db.account.id, webhooks[0].id).await.unwrap().unwrap();
        let (kept, disabled, moved, replayed) = tokio::join!(
            db.store.keep_attempts(&batch),
            db.store.disable_target(webhooks[1].id, "why", NOW),
            db.store.change_webhook(db.account.id, webhooks[0].id, moved, NOW),
            db.store.replay_failed(webhooks[0].id, &filter, NOW),
        );
        assert_eq!(kept.unwrap().len(), 2);
        assert!(disabled.unwrap());
        moved.unwrap().unwrap();
        assert_ne!(replayed.unwrap(), Replay::Off);
        let after = db.store.webhook(db.account.id, webhooks[0].id).await.unwrap().unwrap();
        let of_first = due.iter().filter(|delivery| delivery.target == webhooks[0].id).count() as u64;
        assert_eq!(after.failures, before.failures + of_first);
        let second = switch(&db, &webhooks[1], true).await;
        assert_eq!((second.active, second.failures), (true, 0));
    }
}
