//! `/stats` and `/sources`

use serde_json::{Value, json};

use super::sample::{BEGIN, Row};
use super::{FAIL, PASS, Sample, TestApp};

async fn app() -> (TestApp, String) {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let forwarded = Row {
        source: "2001:db8::25",
        count: 7,
        dkim: "pass",
        spf: "fail",
        disposition: "none",
    };
    app.upload(&id, Sample::new("example.com", "r1", &[PASS, FAIL]).xml())
        .await;
    let older = Sample::new("example.com", "r2", &[PASS, forwarded]);
    app.upload(
        &id,
        Sample {
            begin: BEGIN - 3 * 86_400,
            ..older
        }
        .xml(),
    )
    .await;
    (app, id)
}

#[tokio::test]
async fn stats_have_every_day_and_the_sums() {
    let (app, id) = app().await;
    let stats = app.get(&format!("/domains/{id}/dmarc/stats?days=5")).await.expect(200);
    assert_eq!(
        stats,
        json!({
            "total_messages": 30,
            "pass_rate": 90.0,
            "failed_messages": 3,
            "daily_stats": [
                { "date": "2026-03-19", "pass": 17, "fail": 0 },
                { "date": "2026-03-20", "pass": 0, "fail": 0 },
                { "date": "2026-03-21", "pass": 0, "fail": 0 },
                { "date": "2026-03-22", "pass": 10, "fail": 3 },
                { "date": "2026-03-23", "pass": 0, "fail": 0 },
            ],
            "from": "2026-03-19",
            "to": "2026-03-23",
            "last_day": "2026-03-22",
            "comparison": {
                "complete": { "from": "2026-03-19", "to": "2026-03-22", "total_messages": 30, "failed_messages": 3, "pass_rate": 90.0 },
                "before": { "from": "2026-03-15", "to": "2026-03-18", "total_messages": 0, "failed_messages": 0, "pass_rate": 0.0 },
            },
            "dispositions": { "none": 27, "quarantine": 0, "reject": 3, "unknown": 0 },
            "dkim_aligned": 27,
            "spf_aligned": 20,
            "unauthenticated_messages": 30,
            "reports": 2,
            "sources": 3,
            // As the provider's newest client reads it.
            "totals": { "totalMessages": 30, "passed": 27, "spfPassed": 20, "dkimPassed": 27 },
            "daily": [
                { "date": "2026-03-19", "total": 17, "passed": 17, "failed": 0 },
                { "date": "2026-03-20", "total": 0, "passed": 0, "failed": 0 },
                { "date": "2026-03-21", "total": 0, "passed": 0, "failed": 0 },
                { "date": "2026-03-22", "total": 13, "passed": 10, "failed": 3 },
                { "date": "2026-03-23", "total": 0, "passed": 0, "failed": 0 },
            ],
        })
    );
}

#[tokio::test]
async fn a_range_is_days_or_from_and_to() {
    let (app, id) = app().await;
    for (query, days, total) in [
        ("", 30, 30),
        ("?days=1", 1, 0),
        ("?days=2", 2, 13),
        ("?days=3650", 3650, 30),
        ("?from=2026-03-19&to=2026-03-19", 1, 17),
        ("?from=2026-03-20", 4, 13),
        ("?to=2026-03-21", 30, 17),
        ("?from=2026-04-01&to=2026-04-02", 2, 0),
    ] {
        let stats = app.get(&format!("/domains/{id}/dmarc/stats{query}")).await.expect(200);
        assert_eq!(stats["daily_stats"].as_array().unwrap().len(), days, "{query}");
        assert_eq!(stats["total_messages"], total, "{query}");
    }
    let empty = app.get(&format!("/domains/{id}/dmarc/stats?days=1")).await;
    assert!(empty.text().contains("\"pass_rate\":0.0,"), "{}", empty.text());
}

fn addresses(list: &Value) -> Vec<&str> {
    list["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| source["source_ip"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn sources_are_listed_largest_first_with_their_sums() {
    let (app, id) = app().await;
    let list = app.get(&format!("/domains/{id}/dmarc/sources")).await.expect(200);
    assert_eq!(addresses(&list), ["198.51.100.1", "2001:db8::25", "203.0.113.50"]);
    assert_eq!(list["total"], 3);
    assert_eq!(
        list["sources"][0],
        json!({
            "source_ip": "198.51.100.1",
            "org_name": null,
            "count": 20,
            "pass_count": 20,
            "fail_count": 0,
            "sourceIp": "198.51.100.1",
            "total": 20,
            "passed": 20,
            "failed": 0,
            "ptr": null,
            "asn": null,
            "country": null,
            "first_seen": "2026-03-19",
            "last_seen": "2026-03-22",
            "dkim_aligned": 20,
            "spf_aligned": 20,
            "dispositions": { "none": 20, "quarantine": 0, "reject": 0, "unknown": 0 },
            "as_name": null,
            "service": null,
            "category": null,
            "evidence": "network",
            "evidence_fact": "198.51.100.0/24",
            "class": "own",
            "flow": "direct",
            "flows": {
                "direct": 20, "service": 0, "list": 0, "forwarded": 0, "own_missing_in_spf": 0, "open": 0, "unaligned": 0,
                "unknown": 0,
                "not_ours": 0
            },
            "decision": null,
        })
    );
}

#[tokio::test]
async fn sources_are_paged_and_filtered() {
    let (app, id) = app().await;
    let sources = async |query: &str| {
        app.get(&format!("/domains/{id}/dmarc/sources?{query}"))
            .await
            .expect(200)
    };
    let second = sources("per_page=2&page=2").await;
    assert_eq!(addresses(&second), ["203.0.113.50"]);
    assert_eq!(
        second["pagination"],
        json!({ "total": 3, "page": 2, "per_page": 2, "perPage": 2, "total_pages": 2, "totalPages": 2 })
    );
    let failing = sources("result=fail").await;
    assert_eq!(
        (addresses(&failing), &failing["total"]),
        (vec!["203.0.113.50"], &json!(1))
    );
    assert_eq!(addresses(&sources("days=2").await), ["198.51.100.1", "203.0.113.50"]);
    assert_eq!(sources("").await["pagination"]["per_page"], 100);
}

#[tokio::test]
async fn every_way_of_asking_gives_the_same_sum() {
    let (app, id) = app().await;
    let stats = app.get(&format!("/domains/{id}/dmarc/stats")).await.expect(200);
    let sources = app.get(&format!("/domains/{id}/dmarc/sources")).await.expect(200);
    let reports = app.get(&format!("/domains/{id}/dmarc/reports")).await.expect(200);
    let sum = |list: &Value, name: &str| {
        list.as_array()
            .unwrap()
            .iter()
            .map(|row| row[name].as_u64().unwrap())
            .sum::<u64>()
    };
    let total = stats["total_messages"].as_u64().unwrap();
    assert_eq!(
        sum(&stats["daily_stats"], "pass") + sum(&stats["daily_stats"], "fail"),
        total
    );
    assert_eq!(sum(&sources["sources"], "count"), total);
    assert_eq!(sum(&reports["reports"], "total_count"), total);
}

/// Words outside the standards, and one of RFC 9990's.
#[tokio::test]
async fn dispositions_add_up_wherever_they_are_shown() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let row = |count, disposition, dkim| Row {
        source: "198.51.100.9",
        count,
        dkim,
        spf: "fail",
        disposition,
    };
    let rows = [
        row(1, "none", "pass"),
        row(2, "pass", "pass"),
        row(4, "", "pass"),
        row(8, "", "fail"),
        row(16, "softfail", "fail"),
        row(32, "discarded", "pass"),
        row(64, "quarantine", "fail"),
    ];
    app.upload(&id, Sample::new("example.com", "r1", &rows).xml()).await;
    let expect = json!({ "none": 7, "quarantine": 64, "reject": 0, "unknown": 56 });
    let base = format!("/domains/{id}/dmarc");
    let stats = app.get(&format!("{base}/stats?days=5")).await.expect(200);
    assert_eq!(
        (&stats["dispositions"], &stats["total_messages"]),
        (&expect, &json!(127))
    );
    for (path, list) in [("sources?days=5", "sources"), ("reports", "reports")] {
        let shown = app.get(&format!("{base}/{path}")).await.expect(200);
        assert_eq!(shown[list][0]["dispositions"], expect, "{path}");
    }
    let export = app.get(&format!("{base}/export?format=csv&days=5")).await;
    let unknown = |line: &&str| line.contains(",fail,unknown,") || line.contains(",pass,unknown,");
    assert_eq!(export.text().lines().filter(unknown).count(), 3, "{}", export.text());
}

/// The newest window decides, whatever came last; and each instant is what it is called.
#[tokio::test]
async fn the_overview_shows_the_newest_window_and_when_the_last_report_arrived() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let xml = |id: &str, days_ago: i64, policy: &str| {
        let sample = Sample {
            begin: BEGIN - days_ago * 86_400,
            ..Sample::new("example.com", id, &[PASS])
        };
        let text = String::from_utf8(sample.xml()).unwrap();
        let (before, behind) = text.split_once("<p>").unwrap();
        format!("{before}<p>{policy}{}", &behind[behind.find("</p>").unwrap()..]).into_bytes()
    };
    app.upload(&id, xml("new", 0, "reject")).await;
    app.upload(&id, xml("older", 20, "none")).await;
    app.upload(&id, xml("old", 9, "quarantine")).await;
    let overview = app.get("/overview").await.expect(200);
    let domain = &overview["domains"][0];
    assert_eq!(domain["policy"]["p"], "reject");
    assert_eq!(domain["last_report_at"], "2026-03-23T00:00:00.000Z");
    assert_eq!(domain["last_arrived_at"], "2026-03-23T10:00:00.000Z");
    let arrivals = app.get("/arrivals").await.expect(200);
    let ids: Vec<_> = arrivals["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["report_id"].clone())
        .collect();
    assert_eq!(ids, ["old", "older", "new"]);
    let reporters = app.get(&format!("/domains/{id}/dmarc/reporters")).await.expect(200);
    assert_eq!(reporters["reporters"][0]["last_report"], "2026-03-22");
}
