//! Faults that pages had once, on an account large and old enough to show them: `tests/browser/many.mjs`.

use tallymark::store::Retention;

use super::browser::run;
use crate::http::{FAIL, PASS, Sample, TestApp};

const DAY: i64 = 86_400;
const KEEP: Retention = Retention {
    originals_days: 1,
    set_aside_days: 0,
    records_days: 400,
    failure_reports_days: 0,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_many_domains_is_told_of_all_of_them() {
    let app = TestApp::start().await;
    let old = app.add_domain("old.example").await;
    let taken = app
        .upload(&old, Sample::new("old.example", "old", &[PASS, FAIL]).xml())
        .await;
    let report = taken["reports"][0]["id"].to_string();
    let later = app.clock.now() + 401 * DAY * 1_000;
    assert_eq!(app.store.purge(KEEP, later).await.unwrap().records, 2);
    let late = app.add_domain("late.example").await;
    let mut sample = Sample::new("late.example", "late", &[PASS]);
    sample.begin -= 30 * DAY;
    app.upload(&late, sample.xml()).await;
    for nth in 0..241 {
        app.add_domain(&format!("d{nth:03}.example")).await;
    }
    let origin = format!("http://{}", app.address);
    run("many.mjs", &[&origin, &app.key, &report]).await;
}
