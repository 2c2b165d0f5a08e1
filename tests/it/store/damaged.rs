//! A stored value that cannot be is said to be damaged, with its table and row, and is never read as another.

use tallymark::base::Authenticated;
use tallymark::store::StoreError;

use super::{ALL_DAYS, Database, Dialect, FIRST_PAGE, day, new_domain, new_report, on_both, report, taken};

const RECORDS: [(&str, u64, bool); 2] = [("192.0.2.1", 3, true), ("192.0.2.2", 4, false)];

on_both!(verify_lists_what_is_damaged_and_goes_on);
async fn verify_lists_what_is_damaged_and_goes_on(db: Database) {
    // What is changed, and what verify says of it.
    let cases = [
        (
            "update daily_facets set day = 99999999999 where kind = 0",
            "daily_facets kind=0 day=99999999999",
        ),
        ("update daily_facets set kind = 9 where kind = 1", "daily_facets kind=9"),
        (
            "update daily_totals set day = -99999999999",
            "daily_totals day=-99999999999",
        ),
        ("update daily_totals set pass = -1", "daily_totals day="),
        (
            "update daily_sources set slot = 999999999999",
            "daily_sources slot=999999999999",
        ),
        ("update reports set authenticated = 77", "reports report_no="),
        ("update reports set counted = 5", "reports report_no="),
        ("update reports set fail = -7", "reports report_no="),
        ("update reports set policy = '{}'", "reports "),
        (
            r#"update reports set policy = '{"domain":"example.com","p":"perhaps"}'"#,
            "reports ",
        ),
        ("update records set content = substr(content, 1, 30)", "records "),
    ];
    for (nth, (statement, says)) in cases.into_iter().enumerate() {
        let nth = nth as i64;
        let name = format!("d{nth}.example");
        let domain = db
            .store
            .add_domain(db.account.id, new_domain(&name), super::NOW)
            .await
            .unwrap();
        let mut about = report("1", day(nth), &RECORDS);
        about.policy.domain = (&*name).into();
        db.commit(vec![taken(about, Authenticated::Unknown)]).await;
        let place = if statement.contains(" where ") {
            " and"
        } else {
            " where"
        };
        db.execute(&format!("{statement}{place} domain_id = {}", domain.id))
            .await;
        let verified = db.store.verify(&|_, _| {}).await.unwrap();
        let of_domain: Vec<_> = verified
            .discrepancies
            .iter()
            .filter(|found| found.domain == name)
            .collect();
        assert!(
            of_domain
                .iter()
                .any(|found| found.what.starts_with(&format!("damaged: {says}"))),
            "{statement}: {of_domain:?}"
        );
        assert!(
            of_domain.iter().all(|found| !found.what.contains("Day(0)")),
            "{of_domain:?}"
        );
        assert_eq!(verified.domains, 2 + nth as u64);
    }
    // What is not damaged is recounted beside it.
    db.commit(vec![new_report("1", day(0), &RECORDS)]).await;
    let verified = db.store.verify(&|_, _| {}).await.unwrap();
    assert!(verified.messages >= 7);
    assert!(verified.discrepancies.iter().all(|found| found.domain != "example.com"));
}

on_both!(verify_finds_a_damaged_and_a_missing_block_of_evidence);
async fn verify_finds_a_damaged_and_a_missing_block_of_evidence(db: Database) {
    let texts = (0..3_000).map(|nth| format!("text {nth}"));
    let various = super::strangers::various("1", day(0), texts);
    let no = db.commit(vec![taken(various, Authenticated::Unknown)]).await.reports[0].no;
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
    for (statement, says) in [
        (
            "update evidence set content = substr(content, 1, 200) where block = 2",
            "cannot be read",
        ),
        ("delete from evidence where block = 2", "is missing"),
    ] {
        db.execute(statement).await;
        let verified = db.store.verify(&|_, _| {}).await.unwrap();
        let said = &verified.discrepancies[0].what;
        assert!(said.starts_with("damaged: evidence ") && said.contains(says), "{said}");
        let asked = db.store.records(db.domain.id, no, FIRST_PAGE).await;
        assert!(
            matches!(asked, Err(StoreError::Damaged { table: "evidence", .. })),
            "{asked:?}"
        );
        // The control: records whose evidence is in another block are read.
        let few = tallymark::store::Page {
            per_page: 20,
            ..FIRST_PAGE
        };
        assert_eq!(db.store.records(db.domain.id, no, few).await.unwrap().0.len(), 20);
    }
}

on_both!(a_damaged_value_is_an_error_to_every_question);
async fn a_damaged_value_is_an_error_to_every_question(db: Database) {
    let no = db.commit(vec![new_report("1", day(0), &RECORDS)]).await.reports[0].no;
    let id = db.domain.id;
    let damaged = |error: StoreError, of: &str| match error {
        StoreError::Damaged { table, row, what } => {
            assert_eq!(table, of, "{row}: {what}");
            assert!(!row.is_empty() && !what.is_empty());
        }
        other => panic!("{of}: {other:?}"),
    };
    db.execute("update daily_totals set fail = -1").await;
    damaged(db.store.stats(id, ALL_DAYS).await.unwrap_err(), "daily_totals");
    damaged(db.store.overview(&[id], ALL_DAYS).await.unwrap_err(), "daily_totals");
    db.execute("update reports set authenticated = 9").await;
    damaged(db.store.report(id, no).await.unwrap_err(), "reports");
    damaged(
        db.store.reports(id, &Default::default(), FIRST_PAGE).await.unwrap_err(),
        "reports",
    );
    // A report that comes again is not compared with an invalid verdict.
    let again = super::message(db.account.id, vec![new_report("1", day(0), &RECORDS)]);
    damaged(
        db.store.commit(vec![again], &super::KEEPING).await.unwrap_err(),
        "reports",
    );
    let other = super::message(db.account.id, vec![new_report("1", day(0), &RECORDS[..1])]);
    damaged(
        db.store.commit(vec![other], &super::KEEPING).await.unwrap_err(),
        "reports",
    );
    db.execute("update reports set authenticated = 0, partial = 2").await;
    damaged(db.store.report(id, no).await.unwrap_err(), "reports");
}

/// SQLite keeps any bytes as a text; PostgreSQL does not.
#[tokio::test]
async fn a_text_that_is_none_is_named() {
    let db = Database::start(Dialect::Sqlite).await;
    let no = db.commit(vec![new_report("1", day(0), &RECORDS)]).await.reports[0].no;
    db.execute("update reports set report_id = cast(x'ff41' as text)").await;
    let error = db.store.report(db.domain.id, no).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("reports report_no={no}")), "{error}");
    assert!(error.contains("report_id cannot be read"), "{error}");
    let verified = db.store.verify(&|_, _| {}).await.unwrap();
    assert!(
        verified.discrepancies[0].what.contains("report_id cannot be read"),
        "{verified:?}"
    );
}
