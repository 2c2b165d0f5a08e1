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
    failure_reports_days: 0,
};

/// A report with a given number of kinds of evidence, one per record.
pub(super) fn various(id: &str, window: (i64, i64), texts: impl Iterator<Item = String>) -> Report {
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

/// Blocks of evidence that have a row of their own.
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

on_both!(evidence_goes_with_its_records);
async fn evidence_goes_with_its_records(db: Database) {
    let texts = |from: usize, to: usize| (from..to).map(|nth| format!("text {nth}"));
    db.commit(vec![unknown(various("1", day(0), texts(0, 3_000)))]).await;
    let of_first = evidence(&db).await;
    assert!((10..60).contains(&of_first), "{of_first} blocks of about a page");
    let second = db
        .commit(vec![unknown(various("2", day(30), texts(2_000, 4_000)))])
        .await;
    let of_second = evidence(&db).await - of_first;
    assert!(of_second > 0);
    db.store.purge(KEEP, NOW + 401 * DAY).await.unwrap();
    assert_eq!(evidence(&db).await, of_second);
    let left: Vec<_> = texts(2_000, 4_000).collect();
    assert_eq!(comments(&db, second.reports[0].no).await, left);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 5_000);
    // Nothing more goes before its time.
    db.store.purge(KEEP, NOW + 402 * DAY).await.unwrap();
    assert_eq!(evidence(&db).await, of_second);
    db.store.purge(KEEP, NOW + 500 * DAY).await.unwrap();
    assert_eq!(evidence(&db).await, 0);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 5_000);
    // What comes again has it again.
    let again = db.commit(vec![unknown(various("3", day(1), texts(0, 10)))]).await;
    assert_eq!(
        comments(&db, again.reports[0].no).await,
        texts(0, 10).collect::<Vec<_>>()
    );
    let restored = db.commit(vec![unknown(various("1", day(0), texts(0, 3_000)))]).await;
    assert!(restored.reports[0].restored);
    assert_eq!(evidence(&db).await, of_first);
    assert_eq!(
        comments(&db, restored.reports[0].no).await,
        texts(0, 3_000).collect::<Vec<_>>()
    );
}

on_both!(evidence_of_what_was_replaced_goes_and_that_of_what_stays_does_not);
async fn evidence_of_what_was_replaced_goes_and_that_of_what_stays_does_not(db: Database) {
    let texts = |count: usize| (0..count).map(|nth| format!("text {nth}"));
    let mut piece = various("1", day(0), texts(2_000).chain(["cut off".to_owned()]));
    piece.partial = true;
    db.commit(vec![unknown(piece)]).await;
    assert!(evidence(&db).await > 0);
    let whole = db.commit(vec![unknown(various("1", day(0), texts(3_000)))]).await;
    assert_eq!(whole.reports[0].fate, Fate::Completed);
    let of_whole = evidence(&db).await;
    let blocks_of = format!(
        "select count(*) from evidence where report_no = {}",
        whole.reports[0].no.0
    );
    assert_eq!(db.count(&blocks_of).await, of_whole);
    assert_eq!(
        comments(&db, whole.reports[0].no).await,
        texts(3_000).collect::<Vec<_>>()
    );
    // A domain that takes reports over takes their evidence, and leaves none where they were.
    let below = super::new_domain("mail.example.com");
    let below = db.store.add_domain(db.account.id, below, NOW).await.unwrap();
    let mut about = various("2", day(0), texts(2_500));
    about.policy.domain = "news.example.com".into();
    let about = db.commit(vec![unknown(about)]).await.reports[0].no;
    let news = super::new_domain("news.example.com");
    let news = db.store.add_domain(db.account.id, news, NOW).await.unwrap();
    let of_news = format!("select count(*) from evidence where domain_id = {}", news.id);
    assert!(db.count(&of_news).await > 0);
    assert_eq!(evidence(&db).await, of_whole + db.count(&of_news).await);
    let (records, _) = db.store.records(news.id, about, FIRST_PAGE).await.unwrap();
    assert_eq!(records[1].evidence.reasons[0].comment.as_deref(), Some("text 1"));
    db.store
        .remove_domain(db.account.id, &below.public_id, NOW)
        .await
        .unwrap();
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
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
