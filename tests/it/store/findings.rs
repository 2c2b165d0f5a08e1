//! Findings are told once, also by two nodes, and go with their domain.

use serde_json::{Value, json};
use tallymark::base::{AccountId, Day, DomainId, DomainStatus, Mode, Purpose};
use tallymark::enrich::Tables;
use tallymark::insight::apply_rules;
use tallymark::store::{
    Decision, Domain, DomainFinding, EventKind, FindingChange, FindingKind, NewWebhook, RecordCheck, RecordState,
    Standing, Store, StoredFinding, Wanted,
};

use super::{Database, FIRST_PAGE, NOW, new_domain, on_both};

const HOUR: i64 = 3_600_000;
/// The record that the domain has first.
const NONE: &str = "v=DMARC1; p=none";

/// The domain of the database, whose account has a webhook that wants everything.
async fn domain(db: &Database) -> Domain {
    webhook(db, db.account.id, "*").await;
    db.domain.clone()
}

async fn webhook(db: &Database, account: AccountId, wants: &str) {
    let new = NewWebhook {
        url: "https://hooks.example/".to_owned(),
        events: Wanted::new([wants.to_owned()]),
        secret: b"sealed".to_vec(),
    };
    db.store.add_webhook(account, new, NOW).await.unwrap().unwrap();
}

/// The kind and the data of every event, the oldest first.
async fn told(store: &Store, account: AccountId) -> Vec<(String, Value)> {
    let hook = &store.webhooks(account).await.unwrap()[0];
    let (deliveries, _) = store.deliveries(hook.id, FIRST_PAGE).await.unwrap();
    let events = deliveries.into_iter().rev().map(|delivery| {
        let payload: Value = serde_json::from_str(&delivery.payload).unwrap();
        (delivery.event, payload["data"].clone())
    });
    events.collect()
}

fn broken(at: i64) -> StoredFinding {
    StoredFinding {
        kind: FindingKind::ServiceBroken,
        subject: "Shop".to_owned(),
        is_open: true,
        opened_at: at,
        told_at: at,
        detail: json!({ "since": "2026-03-20" }),
    }
}

on_both!(two_that_judge_at_the_same_time_tell_once);
async fn two_that_judge_at_the_same_time_tell_once(db: Database) {
    let domain = domain(&db).await;
    let judge = |known: &[StoredFinding]| {
        let is_open = known
            .iter()
            .any(|one| one.kind == FindingKind::ServiceBroken && one.is_open);
        let change = FindingChange {
            finding: broken(NOW),
            event: Some((EventKind::ServiceBroken, json!({ "service": "Shop" }))),
        };
        if is_open { Vec::new() } else { vec![change] }
    };
    let (one, two) = tokio::join!(
        db.store.judge_domain(&domain, NOW, &judge),
        db.store.judge_domain(&domain, NOW, &judge)
    );
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    assert_eq!(db.store.findings(domain.id).await.unwrap(), [broken(NOW)]);
    let one = db
        .store
        .finding(domain.id, FindingKind::ServiceBroken, "Shop")
        .await
        .unwrap();
    assert_eq!(one, Some(broken(NOW)));
    let data = json!({ "domain_id": domain.public_id, "domain": domain.name.as_str(), "service": "Shop" });
    assert_eq!(
        told(&db.store, domain.account).await,
        [("dmarc.service.broken".to_owned(), data)]
    );

    // A finding that ended is forgotten after a year and a bit; an open one never.
    let later = NOW + 401 * 24 * HOUR;
    db.store.judge_domain(&domain, later, &|_| Vec::new()).await.unwrap();
    assert_eq!(db.store.findings(domain.id).await.unwrap().len(), 1);
    let ended = |_: &[StoredFinding]| {
        let finding = StoredFinding {
            is_open: false,
            ..broken(NOW)
        };
        vec![FindingChange { finding, event: None }]
    };
    db.store.judge_domain(&domain, later, &ended).await.unwrap();
    assert_eq!(db.store.findings(domain.id).await.unwrap(), []);
    // What was never told is what later states are compared with: it stays.
    let baseline = StoredFinding {
        kind: FindingKind::PolicyChanged,
        subject: String::new(),
        is_open: false,
        told_at: 0,
        ..broken(NOW)
    };
    let keep = |_: &[StoredFinding]| {
        vec![FindingChange {
            finding: baseline.clone(),
            event: None,
        }]
    };
    db.store.judge_domain(&domain, later, &keep).await.unwrap();
    db.store.judge_domain(&domain, later, &|_| Vec::new()).await.unwrap();
    assert_eq!(db.store.findings(domain.id).await.unwrap(), [baseline]);
    // Of a domain that is gone nothing is kept.
    let gone = Domain {
        id: DomainId(domain.id.0 + 1),
        ..domain
    };
    assert_eq!(db.store.judge_domain(&gone, NOW, &judge).await.unwrap(), 0);
    assert_eq!(db.store.findings(gone.id).await.unwrap(), []);
}

on_both!(a_damaged_row_keeps_no_other_account_from_its_summary);
async fn a_damaged_row_keeps_no_other_account_from_its_summary(db: Database) {
    let domain = domain(&db).await;
    let other = db.store.add_account("other", Mode::Live, NOW).await.unwrap();
    db.store
        .add_domain(other.id, new_domain("example.net"), NOW)
        .await
        .unwrap();
    webhook(&db, other.id, "dmarc.summary").await;
    let judge = |_: &[StoredFinding]| {
        vec![FindingChange {
            finding: broken(NOW),
            event: None,
        }]
    };
    db.store.judge_domain(&domain, NOW, &judge).await.unwrap();
    let tables = Tables::built_in();
    db.execute("update findings set detail = '{'").await;
    // `default` comes before `other`.
    let applied = Box::pin(apply_rules(&db.store, &tables, NOW)).await.unwrap();
    assert_eq!(applied.summaries, 1);
    db.execute("update findings set detail = '{}'").await;
    let applied = Box::pin(apply_rules(&db.store, &tables, NOW)).await.unwrap();
    assert_eq!(applied.summaries, 1);
    assert_eq!(told(&db.store, domain.account).await.len(), 1);
}

on_both!(a_day_is_summed_up_for_who_wants_it);
async fn a_day_is_summed_up_for_who_wants_it(db: Database) {
    webhook(&db, db.account.id, "domain.failed").await;
    let tables = Tables::built_in();
    let yesterday = Day::from_unix(NOW / 1_000).plus(-1);
    assert_eq!(db.store.accounts_to_sum_up(yesterday).await.unwrap(), [db.account.id]);
    let applied = Box::pin(apply_rules(&db.store, &tables, NOW)).await.unwrap();
    assert_eq!((applied.domains, applied.summaries), (1, 0));
    // It is not looked at again, and one who comes later does not hear of the past.
    assert_eq!(db.store.accounts_to_sum_up(yesterday).await.unwrap(), []);
    webhook(&db, db.account.id, "dmarc.summary").await;
    let applied = Box::pin(apply_rules(&db.store, &tables, NOW)).await.unwrap();
    assert_eq!(applied.summaries, 0);
    let applied = Box::pin(apply_rules(&db.store, &tables, NOW + 24 * HOUR))
        .await
        .unwrap();
    assert_eq!(applied.summaries, 1);
}

on_both!(a_day_is_summed_up_once);
async fn a_day_is_summed_up_once(db: Database) {
    let domain = domain(&db).await;
    let day = |nth| Day(20_000 + nth);
    let tell = async |nth| {
        let data = json!({ "day": nth });
        db.store
            .tell_summary(domain.account, day(nth), data, NOW)
            .await
            .unwrap()
    };
    let waiting = async |nth| {
        db.store
            .accounts_to_sum_up(day(nth))
            .await
            .unwrap()
            .contains(&domain.account)
    };
    assert!(waiting(1).await);
    assert_eq!((tell(1).await, tell(1).await, tell(0).await), (true, false, false));
    assert_eq!((waiting(1).await, waiting(2).await), (false, true));
    assert!(tell(2).await);
    assert_eq!(told(&db.store, domain.account).await.len(), 2);
}

/// A look at the DMARC record that found these texts; `None`: DNS did not answer, so that what was found before is kept.
async fn look(store: &Store, domain: &Domain, at: i64, expected: &str, found: Option<&[&str]>) {
    let texts = found.unwrap_or(&[NONE]).iter().map(|text| (*text).to_owned());
    let check = RecordCheck {
        purpose: Purpose::Dmarc,
        expected: expected.to_owned(),
        verified: found.is_some(),
        found: texts.collect(),
        problem: None,
        state: match found {
            Some([]) => RecordState::Missing,
            Some(_) => RecordState::Found,
            None => RecordState::Unreadable,
        },
        at: None,
        suggestion: None,
    };
    let finding = DomainFinding {
        domain: domain.id,
        at,
        updated_at: domain.updated_at,
        records: Vec::new(),
        own_networks: None,
    };
    let decide = move |standing: &Standing, _: &DomainFinding| Decision {
        status: DomainStatus::Pending,
        verified_at: standing.verified_at,
        misses: 0,
        missed_at: None,
        next_check_at: at + HOUR,
        checks: vec![check.clone()],
        own_networks: Vec::new(),
    };
    assert_eq!(store.keep_checks(&[finding], &decide).await.unwrap().len(), 1);
}

on_both!(a_record_that_changes_is_told_with_what_it_was);
async fn a_record_that_changes_is_told_with_what_it_was(db: Database) {
    let domain = domain(&db).await;
    let (none, reject) = (NONE, "v=DMARC1; p=reject");
    let mut told_before = 0;
    for (hours, expected, found, tells) in [
        // The first look changes nothing.
        (1, "a", Some(&[none][..]), false),
        // The record moves while its name servers do not answer.
        (2, "a", None, false),
        (3, "a", Some(&[reject]), true),
        (4, "a", Some(&[reject]), false),
        // Name servers that disagree: not again within the day, and then what differs from what was told.
        (5, "a", Some(&[none]), false),
        (6, "a", Some(&[reject]), false),
        (20, "a", Some(&[none]), false),
        (29, "a", Some(&[none]), true),
        // The order of answers means nothing.
        (60, "a", Some(&[none, "x"]), true),
        (90, "a", Some(&["x", none]), false),
        // Another record is looked for: the settings changed, and not DNS.
        (120, "b", Some(&[reject]), false),
        (150, "b", Some(&[reject]), false),
        (180, "b", Some(&[]), true),
    ] {
        look(&db.store, &domain, NOW + hours * HOUR, expected, found).await;
        let told = told(&db.store, domain.account).await;
        assert_eq!(told.len() - told_before, usize::from(tells), "hour {hours}: {told:?}");
        told_before = told.len();
    }
    let told = told(&db.store, domain.account).await;
    assert!(told.iter().all(|(kind, _)| kind == "domain.record_changed"));
    let changes: Vec<_> = told.iter().map(|(_, data)| (&data["before"], &data["after"])).collect();
    assert_eq!(
        changes,
        [
            (&json!([none]), &json!([reject])),
            (&json!([reject]), &json!([none])),
            (&json!([none]), &json!([none, "x"])),
            (&json!([reject]), &json!([])),
        ]
    );
    assert_eq!(told[0].1["record"], "dmarc");
}
