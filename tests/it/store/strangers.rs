//! What strangers can send in any number stays bounded: versions of a report, evidence that no record needs.

use tallymark::base::Authenticated;
use tallymark::report::aggregate::{Evidence, Reason, ReasonKind, Records, Report};
use tallymark::store::{Acceptance, Fate, Outcome, Retention};

use super::{Database, FIRST_PAGE, NOW, day, message, new_report, on_both, report, taken};

const DAY: i64 = 86_400_000;
const KEEP: Retention = Retention {
    originals_days: 30,
    set_aside_days: 90,
    records_days: 400,
};

/// A report with a given number of kinds of evidence, one per record.
fn various(id: &str, window: (i64, i64), texts: impl Iterator<Item = String>) -> Report {
    let mut various = report(id, window, &[("192.0.2.1", 1, true)]);
    let (record, evidence) = (various.records[0], various.evidence[0].clone());
    various.evidence.clear();
    various.records = Records::default();
    for (nth, text) in (0..).zip(texts) {
        let mut record = record;
        record.evidence = nth;
        various.records.push(record);
        let reason = Reason {
            kind: ReasonKind::Other,
            kind_raw: None,
            comment: Some(text.into()),
        };
        various.evidence.push(Evidence {
            reasons: vec![reason],
            ..evidence.clone()
        });
    }
    various
}

fn unknown(report: Report) -> tallymark::store::NewReport {
    taken(report, Authenticated::Unknown)
}

async fn evidence(db: &Database) -> i64 {
    db.count("select count(*) from evidence").await
}

async fn comments(db: &Database, no: tallymark::base::ReportNo) -> Vec<String> {
    let (records, _) = db.store.records(db.domain.id, no, FIRST_PAGE).await.unwrap();
    let comments = records.iter().map(|record| {
        let reason = record.evidence.reasons.first();
        reason
            .and_then(|reason| reason.comment.as_deref())
            .unwrap_or_default()
            .to_owned()
    });
    comments.collect()
}

on_both!(evidence_goes_with_the_last_record_that_refers_to_it);
async fn evidence_goes_with_the_last_record_that_refers_to_it(db: Database) {
    let texts = |from: usize, to: usize| (from..to).map(|nth| format!("text {nth}"));
    db.commit(vec![unknown(various("1", day(0), texts(0, 3_000)))]).await;
    let second = db
        .commit(vec![unknown(various("2", day(30), texts(2_000, 4_000)))])
        .await;
    assert_eq!(evidence(&db).await, 4_000);
    // What the second report needs stays.
    db.store.purge(KEEP, NOW + 401 * DAY).await.unwrap();
    assert_eq!(evidence(&db).await, 2_000);
    let left: Vec<_> = texts(2_000, 4_000).collect();
    assert_eq!(comments(&db, second.reports[0].no).await, left);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 5_000);
    // Nothing more goes before its time.
    db.store.purge(KEEP, NOW + 402 * DAY).await.unwrap();
    assert_eq!(evidence(&db).await, 2_000);
    db.store.purge(KEEP, NOW + 500 * DAY).await.unwrap();
    assert_eq!(evidence(&db).await, 0);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 5_000);
    // The writer remembered all of it; what comes again has it again.
    let again = db.commit(vec![unknown(various("3", day(1), texts(0, 10)))]).await;
    assert_eq!(
        comments(&db, again.reports[0].no).await,
        texts(0, 10).collect::<Vec<_>>()
    );
    assert_eq!(evidence(&db).await, 10);
}

on_both!(evidence_of_what_was_replaced_goes_and_that_of_what_stays_does_not);
async fn evidence_of_what_was_replaced_goes_and_that_of_what_stays_does_not(db: Database) {
    let texts = |count: usize| (0..count).map(|nth| format!("text {nth}"));
    let mut piece = various("1", day(0), texts(20).chain(["cut off".to_owned()]));
    piece.partial = true;
    db.commit(vec![unknown(piece)]).await;
    let whole = db.commit(vec![unknown(various("1", day(0), texts(40)))]).await;
    assert_eq!(whole.reports[0].fate, Fate::Completed);
    assert_eq!(evidence(&db).await, 41);
    db.store.purge(KEEP, NOW).await.unwrap();
    assert_eq!(evidence(&db).await, 40);
    assert_eq!(comments(&db, whole.reports[0].no).await, texts(40).collect::<Vec<_>>());
    // A domain that takes reports over leaves evidence where they were.
    let below = super::new_domain("mail.example.com");
    let below = db.store.add_domain(db.account.id, below, NOW).await.unwrap();
    let mut about = various("2", day(0), texts(5));
    about.policy.domain = "news.example.com".into();
    db.commit(vec![unknown(about)]).await;
    let news = super::new_domain("news.example.com");
    db.store.add_domain(db.account.id, news, NOW).await.unwrap();
    db.store
        .remove_domain(db.account.id, &below.public_id, NOW)
        .await
        .unwrap();
    db.store.purge(KEEP, NOW).await.unwrap();
    assert_eq!(evidence(&db).await, 45, "40 of the domain, five of the one below");
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

// As if a purge was between its two looks: what a report needs by then is not dropped.
on_both!(condemned_evidence_that_a_report_needs_stays);
async fn condemned_evidence_that_a_report_needs_stays(db: Database) {
    let texts = |range: std::ops::Range<usize>| range.map(|nth| format!("text {nth}"));
    db.commit(vec![unknown(various("1", day(0), texts(0..10)))]).await;
    db.execute("delete from records").await;
    db.execute("update reports set records_kept = 0, records_since = null")
        .await;
    db.execute("update evidence set condemned = 1").await;
    db.execute("update counters set value = value + 1 where name = 'domains_version'")
        .await;
    let needed = db.commit(vec![unknown(various("2", day(1), texts(5..10)))]).await;
    assert_eq!(db.count("select count(*) from evidence where condemned = 1").await, 5);
    db.execute("delete from evidence where condemned = 1").await;
    assert_eq!(
        comments(&db, needed.reports[0].no).await,
        texts(5..10).collect::<Vec<_>>()
    );
    // The control: without a lookup that asks, they would have gone.
    db.execute("update evidence set condemned = 1").await;
    db.execute("delete from evidence where condemned = 1").await;
    assert!(
        db.store
            .records(db.domain.id, needed.reports[0].no, FIRST_PAGE)
            .await
            .is_err()
    );
}

on_both!(a_domain_with_a_damaged_row_keeps_its_evidence);
async fn a_domain_with_a_damaged_row_keeps_its_evidence(db: Database) {
    let texts = |range: std::ops::Range<usize>| range.map(|nth| format!("text {nth}"));
    db.commit(vec![unknown(various("1", day(0), texts(0..10)))]).await;
    let kept = db.commit(vec![unknown(various("2", day(30), texts(10..20)))]).await;
    let bytes = if db.dialect == super::Dialect::Sqlite {
        "x'ff'"
    } else {
        "'\\xff'"
    };
    db.execute(&format!(
        "update records set content = {bytes} where report_no = {}",
        kept.reports[0].no.0
    ))
    .await;
    db.store
        .purge(
            Retention {
                originals_days: 0,
                ..KEEP
            },
            NOW + 401 * DAY,
        )
        .await
        .unwrap();
    assert_eq!(evidence(&db).await, 20);
}

/// Contradicting versions of one report: `count` messages each.
fn version(count: u64, authenticated: Authenticated) -> tallymark::store::NewReport {
    taken(report("1", day(0), &[("192.0.2.1", count, true)]), authenticated)
}

on_both!(only_so_many_versions_of_a_report_are_kept);
async fn only_so_many_versions_of_a_report_are_kept(db: Database) {
    let reports = async || db.count("select count(*) from reports").await;
    let aside = |outcome: &Outcome| {
        outcome
            .set_aside
            .iter()
            .map(|note| note.reason.clone())
            .collect::<Vec<_>>()
    };
    for count in 1..=20 {
        let kept = db.commit(vec![version(count, Authenticated::Unknown)]).await;
        assert_eq!((kept.reports.len(), kept.set_aside.len()), (1, 0), "{count}");
    }
    for count in 21..=30 {
        let authenticated = if count % 2 == 0 {
            Authenticated::Fail
        } else {
            Authenticated::Unknown
        };
        let refused = db.commit(vec![version(count, authenticated)]).await;
        assert_eq!(
            (refused.reports.len(), aside(&refused)),
            (0, vec!["too_many_versions".to_owned()])
        );
    }
    assert_eq!(reports().await, 20);
    // What is known is a duplicate, also of these.
    let again = db.commit(vec![version(7, Authenticated::Unknown)]).await;
    assert_eq!(again.reports[0].fate, Fate::Duplicate);
    // The reporter's own word cannot be kept out: it counts, and is bounded, too.
    let own = db.commit(vec![version(1_000, Authenticated::Pass)]).await;
    assert_eq!(own.reports[0].fate, Fate::Conflict);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 1_000);
    let batch = (1_001..=1_030).map(|count| message(db.account.id, vec![version(count, Authenticated::Pass)]));
    let outcomes = db.commit_all(batch.collect()).await;
    let kept = outcomes.iter().filter(|outcome| outcome.set_aside.is_empty()).count();
    assert_eq!((kept, reports().await), (19, 40));
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 1_000);
    // Another report is another.
    let other = db
        .commit(vec![new_report("2", day(0), &[("192.0.2.1", 5_000, true)])])
        .await;
    assert_eq!(other.reports[0].fate, Fate::Stored);
}

on_both!(versions_that_are_held_keep_no_other_out);
async fn versions_that_are_held_keep_no_other_out(db: Database) {
    let held = |count| version(count, Authenticated::Fail).admitted(Acceptance::Unvouched, u64::MAX);
    for count in 1..=20 {
        assert_eq!(db.commit(vec![held(count)]).await.reports.len(), 1, "{count}");
    }
    // The negative control: of held ones there is none more.
    assert_eq!(db.commit(vec![held(21)]).await.reports.len(), 0);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 0);
    let imported = db.commit(vec![version(30, Authenticated::Unknown)]).await;
    assert_eq!(imported.reports.len(), 1);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 30);
}

on_both!(pieces_that_become_longer_and_longer_end_as_one);
async fn pieces_that_become_longer_and_longer_end_as_one(db: Database) {
    const COUNT: usize = 200;
    let records: Vec<_> = (0..=COUNT).map(|nth| (format!("192.0.2.{nth}"), 1_u64, true)).collect();
    let piece = |count: usize| {
        let records: Vec<_> = records[..count]
            .iter()
            .map(|(address, count, passes)| (&**address, *count, *passes))
            .collect();
        let mut piece = report("1", day(0), &records);
        piece.partial = count <= COUNT;
        message(db.account.id, vec![unknown(piece)])
    };
    // In one batch, each takes the place of the one before.
    let outcomes = db.commit_all((1..=COUNT + 1).map(piece).collect()).await;
    let last = outcomes[COUNT].reports[0].no;
    assert!(
        outcomes.iter().all(|outcome| outcome.reports[0].no == last),
        "all are the last one"
    );
    assert_eq!(db.count("select count(*) from reports").await, 1);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), COUNT as u64 + 1);
    let detail = db.store.report(db.domain.id, last).await.unwrap().unwrap();
    assert_eq!(detail.summary.arrivals, COUNT as u64 + 1);
}

on_both!(records_about_names_without_end_are_looked_up_in_what_the_account_has);
async fn records_about_names_without_end_are_looked_up_in_what_the_account_has(db: Database) {
    let deep = format!("{}shop.example.org", "a.".repeat(100));
    let mut sliced = various("1", day(0), (0..300).map(|nth| format!("{nth}")));
    sliced.policy.domain = "example.org".into();
    for (nth, evidence) in sliced.evidence.iter_mut().enumerate() {
        let name = match nth % 3 {
            0 => deep.clone(),
            1 => format!("{nth}.{}example.org", "b.".repeat(100)),
            _ => "shop.example.org".to_owned(),
        };
        evidence.header_from = Some(name.into());
    }
    let waits = db.commit(vec![unknown(sliced.clone())]).await;
    assert_eq!((waits.reports.len(), waits.set_aside.len()), (0, 1));
    let shop = db
        .store
        .add_domain(db.account.id, super::new_domain("shop.example.org"), NOW)
        .await
        .unwrap();
    let counted = db.commit(vec![unknown(sliced)]).await;
    assert_eq!((counted.reports[0].domain, counted.reports[0].messages), (shop.id, 200));
    assert_eq!(db.check_sums(shop.id).await.messages(), 200);
}
