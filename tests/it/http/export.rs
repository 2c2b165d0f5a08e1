//! `/domains/{id}/dmarc/export`

use serde_json::{Value, json};

use super::sample::{BEGIN, Row};
use super::{FAIL, PASS, Sample, TestApp};

#[tokio::test]
async fn csv_has_a_line_a_row_and_no_formula() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let hostile = Sample {
        org_name: "=HYPERLINK(\"http://evil.example\",\"click\")".to_owned(),
        comment: Some("+cmd|' /C calc'!A0, \"x\"".to_owned()),
        ..Sample::new("example.com", "@SUM(1+1)", &[PASS, FAIL])
    };
    app.upload(&id, hostile.xml()).await;
    let answer = app.get(&format!("/domains/{id}/dmarc/export?format=csv")).await;
    assert_eq!((answer.status, answer.complete), (200, true));
    assert!(answer.header("content-type").unwrap().starts_with("text/csv"));
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"example.com.csv\"")
    );
    let lines: Vec<&str> = answer.text().split("\r\n").collect();
    assert_eq!(lines.len(), 4, "{}", answer.text());
    assert!(lines[0].starts_with("id,report_id,org_name,"), "{}", lines[0]);
    let expect = "'@SUM(1+1),\"'=HYPERLINK(\"\"http://evil.example\"\",\"\"click\"\")\",noreply-dmarc-support@google.com,\
        example.com,2026-03-22T00:00:00.000Z,2026-03-23T00:00:00.000Z,2026-03-23T10:00:00.000Z,unknown,reject,none,,r,s,100,,\
        203.0.113.50,3,fail,reject,false,false,example.com,,,fail example.com/s1,fail example.com,\
        \"local_policy (+cmd|' /C calc'!A0, \"\"x\"\")\",true";
    let (number, rest) = lines[2].split_once(',').unwrap();
    assert!(number.parse::<i64>().is_ok());
    assert_eq!(rest, expect);
    assert_eq!(lines[3], "");
}

#[tokio::test]
async fn ndjson_has_a_row_a_line_with_all_evidence() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, Sample::new("example.com", "r1", &[PASS, FAIL]).xml())
        .await;
    let answer = app.get(&format!("/domains/{id}/dmarc/export?format=ndjson")).await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["report"]["report_id"], "r1");
    assert_eq!(lines[0]["report"]["policy"]["p"], "reject");
    assert_eq!(
        (&lines[1]["source_ip"], &lines[1]["count"]),
        (&json!("203.0.113.50"), &json!(3))
    );
    assert_eq!(lines[1]["dkim"][0]["selector"], "s1");
}

#[tokio::test]
async fn an_export_is_limited_by_days_and_by_nothing_else() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let many: Vec<Row> = (1..=9_000).map(|count| Row { count, ..PASS }).collect();
    app.upload(&id, Sample::new("example.com", "many", &many).xml()).await;
    let older = Sample {
        begin: BEGIN - 86_400,
        ..Sample::new("example.com", "older", &[FAIL])
    };
    app.upload(&id, older.xml()).await;
    for (query, rows) in [
        ("", 9_001),
        ("&from=2026-03-22", 9_000),
        ("&to=2026-03-21", 1),
        ("&from=2026-03-21&to=2026-03-21", 1),
        ("&from=2026-03-23", 0),
    ] {
        let answer = app
            .get(&format!("/domains/{id}/dmarc/export?format=ndjson{query}"))
            .await;
        assert!(answer.complete, "{query}");
        assert_eq!(answer.text().lines().count(), rows, "{query}");
    }
    let csv = app.get(&format!("/domains/{id}/dmarc/export?from=2026-03-23")).await;
    assert_eq!(
        csv.text().lines().count(),
        1,
        "an export without rows still has its header"
    );
}

#[tokio::test]
async fn only_so_many_exports_run_at_once() {
    let app = TestApp::start_with(|config| config.exports_max = 0).await;
    let id = app.add_domain("example.com").await;
    let answer = app.get(&format!("/domains/{id}/dmarc/export")).await;
    answer.refused(429, "rate_limit_exceeded");
    assert!(answer.header("retry-after").is_some());
}
