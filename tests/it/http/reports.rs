//! `/domains/{id}/dmarc/reports`: list, one report, original.

use serde_json::{Value, json};

use super::sample::{BEGIN, gzip};
use super::{FAIL, PASS, Sample, TestApp};

fn ids(list: &Value) -> Vec<&str> {
    list["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|report| report["report_id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_report_is_listed_with_every_field() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, Sample::new("mail.example.com", "r1", &[PASS, FAIL]).xml())
        .await;
    let list = app.get(&format!("/domains/{id}/dmarc/reports")).await.expect(200);
    let number = list["reports"][0]["id"].as_i64().unwrap();
    assert_eq!(
        list,
        json!({
            "reports": [{
                "id": number,
                "org_name": "google.com",
                "date_range_begin": "2026-03-22T00:00:00.000Z",
                "date_range_end": "2026-03-23T00:00:00.000Z",
                "total_count": 13,
                "pass_count": 10,
                "fail_count": 3,
                "report_id": "r1",
                "email": "noreply-dmarc-support@google.com",
                "domain": "mail.example.com",
                "policy": { "p": "reject", "sp": "none", "np": null, "adkim": "r", "aspf": "s", "pct": 100,
                    "testing": null },
                "dispositions": { "none": 10, "quarantine": 0, "reject": 3, "unknown": 0 },
                "received_at": "2026-03-23T10:00:00.000Z",
                "authenticated": "unknown",
                "authenticated_domain": null,
                "arrivals": 1,
                "warnings": 0,
                "partial": false,
                "counted": true,
                "status": "counted",
                "held_because": null,
                "reporter": "google.com",
                "record_count": 2,
                "records_kept": true,
                // As the provider's newest client reads it.
                "domainId": id,
                "reportId": "r1",
                "orgName": "google.com",
                "dateRangeStart": "2026-03-22T00:00:00.000Z",
                "dateRangeEnd": "2026-03-23T00:00:00.000Z",
                "policyPublished": { "p": "reject", "sp": "none", "np": null, "adkim": "r", "aspf": "s", "pct": 100,
                    "testing": null },
                "createdAt": "2026-03-23T10:00:00.000Z",
            }],
            "pagination": { "total": 1, "page": 1, "per_page": 20, "perPage": 20, "total_pages": 1, "totalPages": 1 },
        })
    );
}

#[tokio::test]
async fn the_list_is_paged_newest_window_first() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    for nth in 0..5 {
        let sample = Sample::new("example.com", &format!("r{nth}"), &[PASS]);
        app.upload(
            &id,
            Sample {
                begin: BEGIN - nth * 86_400,
                ..sample
            }
            .xml(),
        )
        .await;
    }
    let page = async |query: &str| {
        app.get(&format!("/domains/{id}/dmarc/reports?{query}"))
            .await
            .expect(200)
    };
    assert_eq!(ids(&page("").await), ["r0", "r1", "r2", "r3", "r4"]);
    for query in ["per_page=2&page=2", "perPage=2&page=2", "perPage=50&per_page=2&page=2"] {
        let list = page(query).await;
        assert_eq!(ids(&list), ["r2", "r3"]);
        assert_eq!(
            list["pagination"],
            json!({ "total": 5, "page": 2, "per_page": 2, "perPage": 2, "total_pages": 3, "totalPages": 3, "next": format!("{}_4", BEGIN - 3 * 86_400) })
        );
    }
    let beyond = page("per_page=2&page=9").await;
    assert_eq!(beyond["reports"], json!([]));
    assert_eq!(beyond["pagination"]["total"], 5);
    assert_eq!(page("per_page=1000").await["pagination"]["per_page"], 100);
    assert_eq!(ids(&page("from=2026-03-20&to=2026-03-21").await), ["r1", "r2"]);
    assert_eq!(ids(&page("from=2026-03-22").await), ["r0"]);
    assert_eq!(ids(&page("to=2026-03-18").await), ["r4"]);
}

#[tokio::test]
async fn the_list_is_filtered_by_reporter_and_result() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, Sample::new("example.com", "pass", &[PASS]).xml()).await;
    app.upload(&id, Sample::new("example.com", "fail", &[FAIL]).xml()).await;
    let mixed = Sample {
        org_name: "Yahoo! Inc.".to_owned(),
        ..Sample::new("example.com", "mixed", &[PASS, FAIL])
    };
    app.upload(&id, mixed.xml()).await;
    for (query, expect) in [
        ("result=pass", "pass"),
        ("result=fail", "fail"),
        ("result=mixed", "mixed"),
        ("org=Yahoo%21+Inc.", "mixed"),
        ("org=yahoo!%20inc.", "mixed"),
    ] {
        let list = app
            .get(&format!("/domains/{id}/dmarc/reports?{query}"))
            .await
            .expect(200);
        assert_eq!(ids(&list), [expect], "{query}");
        assert_eq!(list["pagination"]["total"], 1, "{query}");
    }
}

#[tokio::test]
async fn one_report_has_its_rows_with_all_evidence() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let comment = Some("&lt;script&gt; arc=pass".to_owned());
    let taken = app
        .upload(
            &id,
            Sample {
                comment,
                ..Sample::new("example.com", "r1", &[PASS, FAIL])
            }
            .xml(),
        )
        .await;
    let path = format!("/domains/{id}/dmarc/reports/{}", taken["reports"][0]["id"]);
    let report = app.get(&path).await.expect(200);
    assert_eq!(report["total_count"], 13);
    assert_eq!(report["warning_list"], json!([]));
    assert_eq!(report["conflicts"], json!([]));
    assert_eq!(
        report["provenance"],
        json!({ "received_at": "2026-03-23T10:00:00.000Z", "arrivals": 1, "authenticated": "unknown",
            "original_kept": true, "provable": false, "mail": null })
    );
    assert_eq!(
        report["pagination"],
        json!({ "total": 2, "page": 1, "per_page": 20, "perPage": 20, "total_pages": 1, "totalPages": 1 })
    );
    assert_eq!(
        report["records"][1],
        json!({
            "source_ip": "203.0.113.50",
            "count": 3,
            "result": "fail",
            "disposition": "reject",
            "dkim_aligned": false,
            "spf_aligned": false,
            "derived": false,
            "header_from": "example.com",
            "envelope_from": null,
            "envelope_to": null,
            "dkim": [{ "domain": "example.com", "selector": "s1", "result": "fail", "result_raw": null,
                "human_result": null }],
            "spf": [{ "domain": "example.com", "scope": null, "result": "fail", "result_raw": null,
                "human_result": null }],
            "reasons": [{ "type": "local_policy", "type_raw": null, "comment": "<script> arc=pass" }],
            "raw": [],
            "number": 2,
            "omitted": null,
        })
    );
    let second = app.get(&format!("{path}?per_page=1&page=2")).await.expect(200);
    assert_eq!(second["records"].as_array().unwrap().len(), 1);
    assert_eq!(second["records"][0]["source_ip"], "203.0.113.50");
}

#[tokio::test]
async fn the_original_is_what_was_handed_in() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let bytes = gzip(&Sample::new("example.com", "r1", &[PASS]).xml());
    let taken = app.upload(&id, bytes.clone()).await;
    let number = &taken["reports"][0]["id"];
    let answer = app.get(&format!("/domains/{id}/dmarc/reports/{number}/original")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, bytes);
    assert_eq!(answer.header("content-type"), Some("application/gzip"));
    let disposition = format!("attachment; filename=\"report-{number}.xml.gz\"");
    assert_eq!(answer.header("content-disposition"), Some(disposition.as_str()));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

/// Everything that shows records says so where retention has dropped them, and the figures stay.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, in its order")]
async fn every_answer_says_which_records_are_no_longer_kept() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let old = Sample::new("example.com", "old", &[PASS, FAIL]).xml();
    app.upload(&id, old.clone()).await;
    let retention = tallymark::store::Retention {
        originals_days: 1,
        set_aside_days: 0,
        records_days: 400,
        failure_reports_days: 0,
    };
    let later = app.clock.now() + 401 * 86_400_000;
    assert_eq!(app.store.purge(retention, later).await.unwrap().records, 2);
    app.upload(&id, Sample::new("example.com", "young", &[PASS]).xml())
        .await;
    let dmarc = format!("/domains/{id}/dmarc");
    let list = app.get(&format!("{dmarc}/reports")).await.expect(200);
    let of = |name: &str| {
        let reports = list["reports"].as_array().unwrap();
        reports
            .iter()
            .find(|report| report["report_id"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (&of("old")["records_kept"], &of("old")["record_count"]),
        (&json!(false), &json!(2))
    );
    assert_eq!(of("young")["records_kept"], true);

    let number = of("old")["id"].as_i64().unwrap();
    let report = app.get(&format!("{dmarc}/reports/{number}")).await.expect(200);
    assert_eq!(
        (&report["records"], &report["pagination"]["total"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(
        (&report["records_kept"], &report["total_count"]),
        (&json!(false), &json!(13))
    );
    assert_eq!(report["provenance"]["original_kept"], false);

    let csv = app.get(&format!("{dmarc}/export")).await;
    let lines: Vec<&str> = csv.text().split("\r\n").filter(|line| !line.is_empty()).collect();
    let columns = |line: &str| line.matches(',').count();
    assert!(lines[0].ends_with(",records_kept") && lines.len() == 3, "{lines:?}");
    assert!(
        lines[1].ends_with(",,,,,,,,,,,,,false") && lines[2].ends_with(",true"),
        "{lines:?}"
    );
    assert_eq!(columns(lines[0]), columns(lines[1]));
    let export = app.get(&format!("{dmarc}/export?format=ndjson")).await;
    let lines: Vec<Value> = export
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&lines[0]["report"]["records_kept"], lines[0].get("source_ip")),
        (&json!(false), None)
    );
    assert_eq!(
        (&lines[1]["report"]["records_kept"], &lines[1]["count"]),
        (&json!(true), &json!(10))
    );

    let source = format!("{dmarc}/sources/{}?from=2026-03-01&to=2026-03-31", PASS.source);
    let found = app.get(&source).await.expect(200);
    assert_eq!(
        (&found["source"]["count"], &found["reports_without_records"]),
        (&json!(20), &json!(1))
    );
    assert_eq!(found["records"].as_array().unwrap().len(), 1);

    // The same again: nothing is counted, and the records are back.
    let taken = app.upload(&id, old).await;
    assert_eq!((&taken["duplicates"], &taken["restored"]), (&json!(1), &json!(1)));
    let report = app.get(&format!("{dmarc}/reports/{number}")).await.expect(200);
    assert_eq!(
        (&report["records_kept"], &report["pagination"]["total"]),
        (&json!(true), &json!(2))
    );
    assert_eq!((&report["total_count"], &report["arrivals"]), (&json!(13), &json!(2)));
    assert_eq!(report["provenance"]["original_kept"], true);
    assert_eq!(app.get(&source).await.expect(200)["reports_without_records"], 0);
}
