//! TLS reports in the database: each is counted once, and every sum is that of its reports.

use std::collections::BTreeMap;

use tallymark::base::{Authenticated, DomainId, SetAsideKind};
use tallymark::report::aggregate::{Warnings, Window};
use tallymark::report::tls::{Failure, Parsed, PolicyResult, Report};
use tallymark::store::{
    Acceptance, Belonging, CommitOptions, DayQuota, Domain, Fate, KeepLimits, NewMessage, NewTlsReport, Outcome,
    Problem, Provenance, Retention, TlsReportFilter, TlsStanding,
};

use crate::store::{ALL_DAYS, Database, FIRST_PAGE, KEEPING, NOW, day, message, new_domain, on_both};

/// Policy, successful and failed sessions, and those of each host that failed.
type Sessions<'s> = (&'s str, u64, u64, &'s [(&'s str, u64)]);

fn report(about: &str, id: &str, window: (i64, i64), policies: &[Sessions<'_>]) -> Report {
    let policy = |(kind, successful, failed, failures): &Sessions<'_>| PolicyResult {
        kind: (*kind).into(),
        domain: Some(about.into()),
        successful: *successful,
        failed: *failed,
        failures: failures
            .iter()
            .map(|(mx, sessions)| Failure {
                result: "certificate-expired".into(),
                sessions: *sessions,
                mx: Some((*mx).into()),
                sending_mta: "192.0.2.1".parse().ok(),
                ..Failure::default()
            })
            .collect(),
        ..PolicyResult::default()
    };
    Report {
        org_name: Some("Reporter".into()),
        contact: Some("tls@reporter.example".into()),
        report_id: id.into(),
        window: Window {
            begin: window.0,
            end: window.1,
        },
        domain: about.into(),
        policies: policies.iter().map(policy).collect(),
        ..Report::default()
    }
}

fn new(report: Report, authenticated: Authenticated, acceptance: Acceptance) -> NewTlsReport {
    let warnings = Warnings::default();
    NewTlsReport::new(Parsed { report, warnings }, authenticated, acceptance)
}

fn mail(db: &Database, reports: Vec<NewTlsReport>) -> NewMessage {
    let reports = reports.into_iter();
    NewMessage {
        tls_reports: reports.map(|report| ("report.json".to_owned(), report)).collect(),
        ..message(db.account.id, Vec::new())
    }
}

async fn commit(db: &Database, report: Report) -> Outcome {
    commit_as(db, report, Authenticated::Unknown).await
}

async fn commit_as(db: &Database, report: Report, authenticated: Authenticated) -> Outcome {
    let report = new(report, authenticated, Acceptance::Open);
    db.commit_all(vec![mail(db, vec![report])]).await.remove(0)
}

/// Sessions by policy, over all days: successful, failed, failed by their details. Recounting must agree.
async fn sums(db: &Database, domain: DomainId) -> BTreeMap<String, [u64; 3]> {
    let mut sums: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    let days = db.store.tls_days(domain, ALL_DAYS).await.unwrap();
    for policy in days.iter().flat_map(|day| &day.policies) {
        let sum = sums.entry(policy.policy.clone()).or_default();
        sum[0] += policy.successful;
        sum[1] += policy.failed;
    }
    for failure in db.store.tls_failures(domain, ALL_DAYS).await.unwrap() {
        sums.entry(failure.policy).or_default()[2] += failure.sessions;
    }
    let reporters = db.store.tls_reporters(domain, ALL_DAYS).await.unwrap();
    let of_days: u64 = days.iter().map(|day| day.reports).sum();
    assert_eq!(reporters.iter().map(|one| one.reports).sum::<u64>(), of_days);
    let filter = TlsReportFilter::default();
    let (reports, total) = db.store.tls_reports(domain, &filter, FIRST_PAGE).await.unwrap();
    assert_eq!((total, of_days), (reports.len() as u64, reports.len() as u64));
    let verified = db.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(verified.discrepancies, []);
    sums
}

fn expect(policies: &[(&str, [u64; 3])]) -> BTreeMap<String, [u64; 3]> {
    let policies = policies.iter();
    policies.map(|(kind, sums)| ((*kind).to_owned(), *sums)).collect()
}

on_both!(tls_report_is_counted_once);
async fn tls_report_is_counted_once(db: Database) {
    let one = || {
        let policies: [Sessions<'_>; 2] = [("sts", 10, 3, &[("mx1", 2), ("mx2", 2)]), ("tlsa", 11, 2, &[])];
        report("example.com", "1", day(0), &policies)
    };
    let stored = commit(&db, one()).await;
    let first = &stored.tls_reports[0];
    assert_eq!((first.fate, first.domain), (Fate::Stored, db.domain.id));
    assert!(stored.reports.is_empty() && stored.set_aside.is_empty());
    let all = expect(&[("sts", [10, 3, 4]), ("tlsa", [11, 2, 0])]);
    assert_eq!(sums(&db, db.domain.id).await, all);
    // The same contents, twice in a batch, and under another id.
    let other = Report {
        report_id: "2".into(),
        ..one()
    };
    let again = [one(), one(), other].map(|report| new(report, Authenticated::Unknown, Acceptance::Open));
    let again = db.commit_all(vec![mail(&db, again.into())]).await.remove(0);
    for report in &again.tls_reports {
        assert_eq!((report.fate, report.no), (Fate::Duplicate, first.no));
    }
    assert_eq!(sums(&db, db.domain.id).await, all);
    let detail = db.store.tls_report(db.domain.id, first.no).await.unwrap().unwrap();
    assert_eq!((detail.summary.arrivals, detail.summary.failing), (4, 2));
    assert_eq!(detail.policies.unwrap(), one().policies);
    let original = db.store.tls_original(db.domain.id, first.no).await.unwrap();
    assert!(original.is_some_and(|original| original.bytes.len() == 16));
    // Nothing of it is an aggregate report.
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 0);
}

on_both!(one_of_contradicting_tls_reports_counts);
async fn one_of_contradicting_tls_reports_counts(db: Database) {
    let of = |successful| report("example.com", "1", day(0), &[("sts", successful, 0, &[])]);
    let first = commit(&db, of(1)).await.tls_reports[0].no;
    let second = commit(&db, of(2)).await;
    assert_eq!(second.tls_reports[0].fate, Fate::Conflict);
    assert_eq!(sums(&db, db.domain.id).await, expect(&[("sts", [1, 0, 0])]));
    // What is vouched for wins, also if it is known already.
    commit_as(&db, of(2), Authenticated::Pass).await;
    assert_eq!(sums(&db, db.domain.id).await, expect(&[("sts", [2, 0, 0])]));
    commit_as(&db, of(3), Authenticated::Pass).await;
    assert_eq!(sums(&db, db.domain.id).await, expect(&[("sts", [2, 0, 0])]));
    let detail = db.store.tls_report(db.domain.id, first).await.unwrap().unwrap();
    assert!(!detail.summary.counted);
    assert_eq!(detail.conflicts.len(), 2);
    let losers = TlsReportFilter {
        standing: TlsStanding::NotCounted,
        ..TlsReportFilter::default()
    };
    assert_eq!(
        db.store.tls_reports(db.domain.id, &losers, FIRST_PAGE).await.unwrap().1,
        2
    );
}

on_both!(held_tls_report_is_in_no_sum_until_it_is_vouched_for);
async fn held_tls_report_is_in_no_sum_until_it_is_vouched_for(db: Database) {
    let one = || report("example.com", "1", day(0), &[("sts", 7, 0, &[])]);
    let held = new(one(), Authenticated::Fail, Acceptance::Unvouched);
    db.commit_all(vec![mail(&db, vec![held])]).await;
    assert_eq!(sums(&db, db.domain.id).await, expect(&[]));
    commit_as(&db, one(), Authenticated::Pass).await;
    assert_eq!(sums(&db, db.domain.id).await, expect(&[("sts", [7, 0, 0])]));
}

on_both!(tls_report_moves_with_its_domain);
async fn tls_report_moves_with_its_domain(db: Database) {
    let one = || report("mail.example.com", "1", day(0), &[("sts", 5, 1, &[("mx", 1)])]);
    let no = commit(&db, one()).await.tls_reports[0].no;
    commit(&db, report("example.com", "2", day(0), &[("sts", 3, 0, &[])])).await;
    let both = expect(&[("sts", [8, 1, 1])]);
    assert_eq!(sums(&db, db.domain.id).await, both);
    let below = db
        .store
        .add_domain(db.account.id, new_domain("mail.example.com"), NOW)
        .await
        .unwrap();
    assert_eq!(sums(&db, below.id).await, expect(&[("sts", [5, 1, 1])]));
    assert_eq!(sums(&db, db.domain.id).await, expect(&[("sts", [3, 0, 0])]));
    assert!(db.store.tls_original(below.id, no).await.unwrap().is_some());
    assert_eq!(commit(&db, one()).await.tls_reports[0].domain, below.id);
    let removed = db
        .store
        .remove_domain(db.account.id, &below.public_id, NOW)
        .await
        .unwrap();
    assert!(removed);
    assert_eq!(sums(&db, db.domain.id).await, both);
    let again = commit(&db, one()).await;
    assert_eq!(
        (again.tls_reports[0].fate, again.tls_reports[0].no),
        (Fate::Duplicate, no)
    );
    let removed = db
        .store
        .remove_domain(db.account.id, &db.domain.public_id, NOW)
        .await
        .unwrap();
    assert!(removed);
    for table in ["tls_reports", "daily_tls", "originals"] {
        assert_eq!(db.count(&format!("select count(*) from {table}")).await, 0, "{table}");
    }
}

on_both!(tls_report_about_an_unknown_domain_waits);
async fn tls_report_about_an_unknown_domain_waits(db: Database) {
    let outcome = commit(&db, report("example.org", "1", day(0), &[("sts", 5, 1, &[])])).await;
    assert!(outcome.tls_reports.is_empty());
    let note = &outcome.set_aside[0];
    assert_eq!(
        (note.kind, note.policy_domain.as_deref()),
        (SetAsideKind::Unclaimed, Some("example.org"))
    );
    // A report that names only a server belongs where its address does.
    let host = Report {
        is_host: true,
        ..report("mx.example.org", "2", day(0), &[("tlsa", 5, 1, &[])])
    };
    let host = NewMessage {
        belonging: Belonging::Domain(db.account.id, db.domain.id),
        ..mail(&db, vec![new(host, Authenticated::Unknown, Acceptance::Open)])
    };
    let outcome = db.commit_all(vec![host]).await.remove(0);
    assert_eq!(outcome.tls_reports[0].domain, db.domain.id);
    assert_eq!(sums(&db, db.domain.id).await, expect(&[("tlsa", [5, 1, 0])]));
}

on_both!(details_of_tls_reports_go_and_their_sums_stay);
async fn details_of_tls_reports_go_and_their_sums_stay(db: Database) {
    const DAY: i64 = 86_400_000;
    let keep = Retention {
        originals_days: 30,
        set_aside_days: 90,
        records_days: 400,
        failure_reports_days: 0,
    };
    let one = || report("example.com", "1", day(0), &[("sts", 5, 1, &[("mx", 1)])]);
    let no = commit(&db, one()).await.tls_reports[0].no;
    let all = sums(&db, db.domain.id).await;
    let then = NOW + 401 * DAY;
    assert_eq!(db.store.due(keep, then).await.unwrap().tls_reports, 1);
    assert_eq!(db.store.purge(keep, then).await.unwrap().tls_reports, 1);
    assert_eq!(sums(&db, db.domain.id).await, all);
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().not_recounted, 1);
    let detail = db.store.tls_report(db.domain.id, no).await.unwrap().unwrap();
    assert!(detail.policies.is_none());
    // What was counted cannot be displaced; the same again brings its details back.
    let other = report("example.com", "1", day(0), &[("sts", 9, 0, &[])]);
    commit_as(&db, other, Authenticated::Pass).await;
    assert_eq!(sums(&db, db.domain.id).await, all);
    assert_eq!(commit(&db, one()).await.tls_reports[0].fate, Fate::Duplicate);
    let detail = db.store.tls_report(db.domain.id, no).await.unwrap().unwrap();
    assert_eq!(detail.policies.unwrap(), one().policies);
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().not_recounted, 0);
}

on_both!(what_is_posted_has_a_quota_for_each_domain_and_day);
async fn what_is_posted_has_a_quota_for_each_domain_and_day(db: Database) {
    let other = db
        .store
        .add_domain(db.account.id, new_domain("other.example"), NOW)
        .await
        .unwrap();
    let limits = KeepLimits {
        posted_day_max: DayQuota {
            messages: 3,
            bytes: 1 << 20,
        },
        ..KeepLimits::default()
    };
    let commit = async |batch: Vec<NewMessage>| -> Vec<bool> {
        let options = CommitOptions { limits, ..KEEPING };
        let outcomes = db.store.commit(batch, &options).await.unwrap();
        outcomes.iter().map(|outcome| !outcome.over_quota).collect()
    };
    let posted_to = |domain: &Domain, reports: Vec<NewTlsReport>| NewMessage {
        belonging: Belonging::Domain(db.account.id, domain.id),
        provenance: Some(Provenance::posted([192, 0, 2, 1].into())),
        ..mail(&db, reports)
    };
    let about = |name: &str, id: u64| {
        let report = report(name, &id.to_string(), day(0), &[("sts", id, 0, &[])]);
        new(report, Authenticated::Unknown, Acceptance::Open)
    };
    // What counts, what waits for its domain and what is broken, in one batch and over several.
    let broken = || NewMessage {
        problems: vec![Problem {
            leaf: String::new(),
            reason: "malformed_json",
            detail: String::new(),
            offset: None,
        }],
        ..posted_to(&db.domain, Vec::new())
    };
    let batch = vec![
        posted_to(&db.domain, vec![about("example.com", 1)]),
        posted_to(&db.domain, vec![about("nobody.example", 2)]),
    ];
    assert_eq!(commit(batch).await, [true, true]);
    assert_eq!(commit(vec![broken()]).await, [true]);
    for more in [about("example.com", 3), about("nobody.example", 4)] {
        assert_eq!(commit(vec![posted_to(&db.domain, vec![more])]).await, [false]);
    }
    assert_eq!(commit(vec![broken()]).await, [false]);
    // What is known takes no more. Mail, other domains and the next day have their own.
    assert_eq!(
        commit(vec![posted_to(&db.domain, vec![about("example.com", 1)])]).await,
        [true]
    );
    assert_eq!(commit(vec![mail(&db, vec![about("example.com", 5)])]).await, [true]);
    assert_eq!(
        commit(vec![posted_to(&other, vec![about("other.example", 6)])]).await,
        [true]
    );
    let mut tomorrow = posted_to(&db.domain, vec![about("example.com", 7)]);
    tomorrow.received_at += 86_400_000;
    assert_eq!(commit(vec![tomorrow]).await, [true]);
    assert_eq!(sums(&db, db.domain.id).await, expect(&[("sts", [13, 0, 0])]));
    assert_eq!(db.count("select count(*) from set_aside").await, 2);
    // Bytes are those of the message and of what it becomes.
    let mut large = posted_to(&other, vec![about("other.example", 8)]);
    large.room.reports_bytes = 1 << 20;
    assert_eq!(commit(vec![large]).await, [false]);
}

on_both!(a_vouched_report_counts_before_one_that_was_posted);
async fn a_vouched_report_counts_before_one_that_was_posted(db: Database) {
    let one = |sessions| report("example.com", "1", day(0), &[("sts", sessions, 0, &[])]);
    let forged = NewMessage {
        provenance: Some(Provenance::posted([192, 0, 2, 1].into())),
        belonging: Belonging::Domain(db.account.id, db.domain.id),
        ..mail(&db, vec![new(one(9), Authenticated::Unknown, Acceptance::Open)])
    };
    db.commit_all(vec![forged]).await;
    assert_eq!(sums(&db, db.domain.id).await, expect(&[("sts", [9, 0, 0])]));
    commit_as(&db, one(5), Authenticated::Pass).await;
    let days = db.store.tls_days(db.domain.id, ALL_DAYS).await.unwrap();
    assert_eq!(days[0].policies[0].successful, 5);
}

// The negative control of all that asks for no discrepancies.
on_both!(recounting_finds_what_is_wrong_with_tls_sums);
async fn recounting_finds_what_is_wrong_with_tls_sums(db: Database) {
    commit(&db, report("example.com", "1", day(0), &[("sts", 5, 1, &[("mx", 1)])])).await;
    for (change, back) in [
        (
            "failed = failed + 1 where kind = 1",
            "failed = failed - 1 where kind = 1",
        ),
        ("place = 'other' where kind = 2", "place = 'mx' where kind = 2"),
        ("reports = 0 where kind = 0", "reports = 1 where kind = 0"),
    ] {
        db.execute(&format!("update daily_tls set {change}")).await;
        let found = db.store.verify(&|_, _| {}).await.unwrap().discrepancies;
        assert!(!found.is_empty(), "{change}");
        db.execute(&format!("update daily_tls set {back}")).await;
    }
    db.execute("update tls_reports set content = replace(content, '\"successful\":5', '\"successful\":6')")
        .await;
    let found = db.store.verify(&|_, _| {}).await.unwrap().discrepancies;
    assert!(
        found.iter().any(|one| one.what.contains("not the one that was stored")),
        "{found:?}"
    );
}

/// What a model knows of one identity: its texts in the order of arrival, with whether each is vouched for, and which counts.
#[derive(Default)]
struct Texts {
    known: Vec<(u64, bool)>,
    counted: usize,
}

impl Texts {
    fn arrives(&mut self, text: u64, is_vouched: bool) {
        let at = self.known.iter().position(|(known, _)| *known == text);
        let at = at.unwrap_or_else(|| {
            self.known.push((text, false));
            self.known.len() - 1
        });
        self.known[at].1 |= is_vouched;
        if is_vouched && !self.known[self.counted].1 {
            self.counted = at;
        }
    }
}

// Any order of reports, duplicates and contradictions gives the sums of those that a model counts.
on_both!(tls_sums_are_those_of_a_model);
async fn tls_sums_are_those_of_a_model(db: Database) {
    // A linear congruential generator: the same reports on each database.
    let mut state = 12_345_u64;
    let mut next = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut model: BTreeMap<(u64, u64), Texts> = BTreeMap::new();
    for _ in 0..12 {
        let mut batch = Vec::new();
        for _ in 0..next(6) {
            let (id, first, text, is_vouched) = (next(4), next(3), next(3), next(4) == 0);
            // Every second identity is about a week.
            let window = (day(first as i64).0, day((first + id % 2 * 6) as i64).1);
            let policies: [Sessions<'_>; 2] = [("sts", 10 + text, 1 + text, &[("mx", text)]), ("tlsa", 100, 0, &[])];
            let mut one = report("example.com", &format!("{id}-{first}"), window, &policies);
            // So that two identities never have the same contents.
            one.policies[0].lines = vec![one.report_id.clone()];
            model.entry((id, first)).or_default().arrives(text, is_vouched);
            let authenticated = if is_vouched {
                Authenticated::Pass
            } else {
                Authenticated::Unknown
            };
            batch.push(mail(&db, vec![new(one, authenticated, Acceptance::Open)]));
        }
        db.commit_all(batch).await;
        let winners: Vec<u64> = model.values().map(|texts| texts.known[texts.counted].0).collect();
        let (count, sum) = (winners.len() as u64, winners.iter().sum::<u64>());
        let expected = match count {
            0 => expect(&[]),
            _ => expect(&[
                ("sts", [10 * count + sum, count + sum, sum]),
                ("tlsa", [100 * count, 0, 0]),
            ]),
        };
        assert_eq!(sums(&db, db.domain.id).await, expected);
    }
    assert!(model.values().any(|texts| texts.counted > 0), "a vouched text has won");
}
