//! Findings are told once, also by two nodes, and go with their domain.

use serde_json::{Value, json};
use tallymark::base::{AccountId, Day, DomainId, DomainStatus, FindingNo, Mode, Purpose};
use tallymark::enrich::Tables;
use tallymark::insight::apply_rules;
use tallymark::store::{
    Actor, Decision, Domain, DomainFinding, EventKind, FindingChange, FindingFilter, FindingKind, FindingState,
    NewWebhook, NewsFilter, RecordCheck, RecordState, Snooze, Snoozed, Standing, Store, StoredFinding, Threshold,
    Wanted,
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
        no: None,
        kind: FindingKind::ServiceBroken,
        subject: "Shop".to_owned(),
        is_open: true,
        opened_at: at,
        ended_at: None,
        told_at: at,
        detail: json!({ "since": "2026-03-20" }),
        data: json!({ "service": "Shop" }),
        snooze: None,
    }
}

/// The newest findings about a domain, without their numbers.
async fn known(store: &Store, domain: &Domain) -> Vec<StoredFinding> {
    let findings = store.findings(domain.id).await.unwrap();
    let unnumbered = findings.into_iter().map(|one| StoredFinding { no: None, ..one });
    unnumbered.collect()
}

/// Keeps findings as they are.
async fn keep(store: &Store, domain: &Domain, findings: Vec<StoredFinding>) {
    let judge = |_: &[StoredFinding]| {
        let change = |finding: &StoredFinding| FindingChange {
            finding: finding.clone(),
            event: None,
        };
        findings.iter().map(change).collect()
    };
    store.judge_domain(domain, NOW, &judge).await.unwrap();
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
    assert_eq!(known(&db.store, &domain).await, [broken(NOW)]);
    let no = db.store.findings(domain.id).await.unwrap()[0].no;
    let data = json!({ "domain_id": domain.public_id, "domain": domain.name.as_str(), "service": "Shop" });
    assert_eq!(
        told(&db.store, domain.account).await,
        [("dmarc.service.broken".to_owned(), data)]
    );
    // A finding that ended is forgotten after a year and a bit; an open one never.
    let later = NOW + 401 * 24 * HOUR;
    db.store.judge_domain(&domain, later, &|_| Vec::new()).await.unwrap();
    assert_eq!(db.store.findings(domain.id).await.unwrap().len(), 1);
    for (ended_at, kept) in [(later - HOUR, 1), (NOW, 0)] {
        let ended = |_: &[StoredFinding]| {
            let finding = StoredFinding {
                no,
                is_open: false,
                ended_at: Some(ended_at),
                ..broken(NOW)
            };
            vec![FindingChange { finding, event: None }]
        };
        db.store.judge_domain(&domain, later, &ended).await.unwrap();
        assert_eq!(known(&db.store, &domain).await.len(), kept);
    }
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
    assert_eq!(known(&db.store, &domain).await, [baseline]);
    // Of a domain that is gone nothing is kept.
    let gone = Domain {
        id: DomainId(domain.id.0 + 1),
        ..domain
    };
    assert_eq!(db.store.judge_domain(&gone, NOW, &judge).await.unwrap(), 0);
    assert_eq!(db.store.findings(gone.id).await.unwrap(), []);
}

/// A finding that ended.
fn over(at: i64) -> StoredFinding {
    StoredFinding {
        is_open: false,
        ended_at: Some(at + HOUR),
        ..broken(at)
    }
}

on_both!(each_begin_is_listed_and_the_newest_is_gone_on_from);
async fn each_begin_is_listed_and_the_newest_is_gone_on_from(db: Database) {
    let domain = domain(&db).await;
    let other = db
        .store
        .add_domain(domain.account, new_domain("example.net"), NOW)
        .await
        .unwrap();
    keep(&db.store, &domain, vec![over(NOW)]).await;
    keep(&db.store, &other, vec![over(NOW)]).await;
    keep(&db.store, &domain, vec![broken(NOW + 9 * HOUR)]).await;
    // A state that later ones are compared with is not listed.
    let state = StoredFinding {
        kind: FindingKind::PolicyChanged,
        ended_at: None,
        data: Value::Null,
        told_at: 0,
        ..over(NOW)
    };
    keep(&db.store, &domain, vec![state.clone()]).await;
    assert_eq!(known(&db.store, &domain).await, [state, broken(NOW + 9 * HOUR)]);
    let plain = FindingFilter {
        kind: None,
        state: None,
        below: None,
        now: NOW,
    };
    let listed = async |filter: FindingFilter, count| {
        let all = [domain.id, other.id];
        let found = db.store.findings_of(&all, &filter, count).await.unwrap();
        found
            .into_iter()
            .map(|(of, one)| (of, one.opened_at, one.no))
            .collect::<Vec<_>>()
    };
    let all = listed(plain, 10).await;
    let begins: Vec<_> = all.iter().map(|(of, at, _)| (*of, *at)).collect();
    assert_eq!(begins, [(domain.id, NOW + 9 * HOUR), (other.id, NOW), (domain.id, NOW)]);
    assert_eq!(listed(plain, 2).await, all[..2]);
    let below = FindingFilter {
        below: all[0].2,
        ..plain
    };
    assert_eq!(listed(below, 1).await, all[1..2]);
    for (state, kind, found) in [
        (Some(FindingState::Open), None, &all[..1]),
        (Some(FindingState::Ended), None, &all[1..]),
        (Some(FindingState::Snoozed), None, &[][..]),
        (None, Some(FindingKind::ServiceBroken), &all[..]),
        (None, Some(FindingKind::VolumeChanged), &[]),
    ] {
        assert_eq!(
            listed(FindingFilter { state, kind, ..plain }, 10).await,
            found,
            "{state:?} {kind:?}"
        );
    }
}

on_both!(news_are_what_began_in_a_time_and_is_not_snoozed);
async fn news_are_what_began_in_a_time_and_is_not_snoozed(db: Database) {
    let domain = domain(&db).await;
    let (account, name) = (domain.account, new_domain("example.net"));
    let other = db.store.add_domain(account, name, NOW).await.unwrap();
    let at = |hours| over(NOW + hours * HOUR);
    // A policy that was first seen is a state.
    let state = StoredFinding {
        kind: FindingKind::PolicyChanged,
        ended_at: None,
        ..at(2)
    };
    let silent = StoredFinding {
        kind: FindingKind::ReporterSilent,
        ..at(2)
    };
    for one in [at(0), at(1), at(3), at(4), state, silent] {
        keep(&db.store, &domain, vec![one]).await;
    }
    let snooze = Snooze {
        until: NOW + 9 * HOUR,
        actor: Actor {
            by: "key test".to_owned(),
            why: None,
            at: NOW,
        },
    };
    let snoozed = StoredFinding {
        snooze: Some(snooze),
        ..broken(NOW + 2 * HOUR)
    };
    keep(&db.store, &other, vec![snoozed]).await;
    let news = async |now, count| {
        let filter = NewsFilter {
            from: NOW + HOUR,
            until: NOW + 4 * HOUR,
            but: FindingKind::ReporterSilent,
            now,
        };
        let ids = [domain.id, other.id];
        let (found, total) = db.store.findings_begun(&ids, &filter, count).await.unwrap();
        let hours = found.iter().map(|(_, one)| (one.opened_at - NOW) / HOUR);
        (hours.collect::<Vec<_>>(), total)
    };
    assert_eq!(news(NOW, 9).await, (vec![3, 1], 2));
    assert_eq!(news(NOW + 9 * HOUR, 9).await, (vec![3, 1, 2], 3));
    assert_eq!(news(NOW + 9 * HOUR, 1).await, (vec![3], 3));
}

on_both!(the_history_of_a_domain_is_bounded);
async fn the_history_of_a_domain_is_bounded(db: Database) {
    let domain = domain(&db).await;
    keep(&db.store, &domain, (0..600).map(|nth| over(NOW + nth)).collect()).await;
    // Another one, so that it is looked at what is too much.
    keep(&db.store, &domain, vec![broken(NOW + 700)]).await;
    let filter = FindingFilter {
        kind: None,
        state: None,
        below: None,
        now: NOW,
    };
    let found = db.store.findings_of(&[domain.id], &filter, 10_000).await.unwrap();
    // The newest when it was looked, 500 before it, and the new one.
    assert_eq!(found.len(), 502);
    assert_eq!(found.last().unwrap().1.opened_at, NOW + 99);
}

on_both!(a_snooze_is_of_an_open_finding_of_the_account);
async fn a_snooze_is_of_an_open_finding_of_the_account(db: Database) {
    let domain = domain(&db).await;
    let stranger = db.store.add_account("stranger", Mode::Live, NOW).await.unwrap();
    keep(&db.store, &domain, vec![over(NOW)]).await;
    let ended = db.store.findings(domain.id).await.unwrap()[0].no.unwrap();
    keep(&db.store, &domain, vec![broken(NOW + HOUR)]).await;
    let open = db.store.findings(domain.id).await.unwrap()[0].no.unwrap();
    let snooze = Snooze {
        until: NOW + 5 * HOUR,
        actor: Actor {
            by: "key test".to_owned(),
            why: Some("known".to_owned()),
            at: NOW + 2 * HOUR,
        },
    };
    let place = (domain.account, domain.id);
    for (place, no, expect) in [
        ((stranger.id, domain.id), open, Snoozed::Missing),
        (place, FindingNo(open.0 + 1), Snoozed::Missing),
        (place, ended, Snoozed::Ended),
    ] {
        assert_eq!(db.store.snooze(place, no, &snooze).await.unwrap(), expect);
    }
    assert_eq!(
        db.store.wake((stranger.id, domain.id), open, NOW).await.unwrap(),
        Snoozed::Missing
    );
    let Snoozed::Done(done) = db.store.snooze(place, open, &snooze).await.unwrap() else {
        panic!("it holds");
    };
    assert_eq!(done.snooze.as_ref(), Some(&snooze));
    let states = [NOW + 5 * HOUR - 1, NOW + 5 * HOUR].map(|now| done.state(now));
    assert_eq!(states, [FindingState::Snoozed, FindingState::Open]);
    let snoozed = async |now| db.store.snoozed_findings(domain.id, now).await.unwrap().len();
    assert_eq!((snoozed(NOW + 4 * HOUR).await, snoozed(NOW + 5 * HOUR).await), (1, 0));
    let Snoozed::Done(woken) = db.store.wake(place, open, NOW + 3 * HOUR).await.unwrap() else {
        panic!("it is there");
    };
    // Who wanted it stays known.
    let until = NOW + 3 * HOUR;
    assert_eq!(woken.snooze, Some(Snooze { until, ..snooze }));
    assert_eq!(snoozed(NOW + 4 * HOUR).await, 0);
}

on_both!(thresholds_are_of_an_account_and_of_a_domain);
async fn thresholds_are_of_an_account_and_of_a_domain(db: Database) {
    let domain = domain(&db).await;
    let stranger = db.store.add_account("stranger", Mode::Live, NOW).await.unwrap();
    let one = Threshold::VolumeChangedTimes;
    let value = async |account, of| db.store.thresholds(account, of).await.unwrap().value(one);
    let set = async |account, of, value| db.store.set_thresholds(account, of, &vec![(one, value)]).await.unwrap();
    set(domain.account, None, Some(5)).await;
    set(domain.account, Some(domain.id), Some(7)).await;
    // A foreign domain has none.
    set(stranger.id, Some(domain.id), Some(9)).await;
    let values = (
        value(domain.account, None).await,
        value(domain.account, Some(domain.id)).await,
    );
    assert_eq!((values, value(stranger.id, Some(domain.id)).await), ((5, 7), 3));
    set(domain.account, Some(domain.id), None).await;
    assert_eq!(value(domain.account, Some(domain.id)).await, 5);
    set(domain.account, None, None).await;
    assert_eq!(value(domain.account, Some(domain.id)).await, 3);
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
    let check = RecordCheck {
        purpose: Purpose::Dmarc,
        expected: expected.to_owned(),
        verified: found.is_some(),
        found: found.unwrap_or(&[NONE]).iter().map(|text| (*text).to_owned()).collect(),
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
        selector: None,
        rotation: None,
    };
    let decide = move |standing: &Standing, _: &DomainFinding| Decision {
        status: DomainStatus::Pending,
        verified_at: standing.verified_at,
        misses: 0,
        missed_at: None,
        next_check_at: at + HOUR,
        checks: vec![check.clone()],
        own_networks: Vec::new(),
        rotation: None,
    };
    assert_eq!(store.keep_checks(&[finding], &decide).await.unwrap().len(), 1);
}

on_both!(a_record_that_changes_is_told_with_what_it_was);
async fn a_record_that_changes_is_told_with_what_it_was(db: Database) {
    let domain = domain(&db).await;
    let (none, reject, mut told_before) = (NONE, "v=DMARC1; p=reject", 0);
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
