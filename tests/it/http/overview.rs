//! The overview: which domains it lists, in which order, and how they compare with the days before.

use serde_json::{Value, json};

use super::{Ask, FAIL, PASS, Row, Sample, TestApp};

/// Messages of a day, a number of days ago: passing and failing.
async fn report(app: &TestApp, (id, name): (&str, &str), days_ago: i64, (pass, fail): (u64, u64)) {
    let mut rows = Vec::new();
    rows.extend((pass > 0).then_some(Row { count: pass, ..PASS }));
    rows.extend((fail > 0).then_some(Row { count: fail, ..FAIL }));
    let mut sample = Sample::new(name, &format!("{days_ago}"), &rows);
    // The sample is about yesterday.
    sample.begin -= (days_ago - 1) * 86_400;
    app.upload(id, sample.xml()).await;
}

async fn patch(app: &TestApp, id: &str, body: &Value) -> super::Answer {
    let ask = Ask::new("PATCH", &format!("/domains/{id}")).key(&app.key);
    app.send(ask.json(body)).await
}

/// Five domains of three organisations; the clock stands on 2026-03-23.
async fn app() -> TestApp {
    let app = TestApp::start().await;
    for (name, days) in [
        ("a.example", &[(1, (100, 0)), (31, (50, 0))][..]),
        ("mail.a.example", &[(2, (30, 30))]),
        ("b.example", &[(3, (5, 15)), (29, (10, 10)), (40, (10, 70))]),
        ("silent.example", &[(45, (7, 0))]),
        ("none.example", &[]),
    ] {
        let id = app.add_domain(name).await;
        for (days_ago, messages) in days {
            report(&app, (&id, name), *days_ago, *messages).await;
        }
        if name == "b.example" {
            patch(&app, &id, &json!({ "tags": ["Shop", "de"] })).await.expect(200);
        }
    }
    app
}

async fn names(app: &TestApp, query: &str) -> Vec<String> {
    let overview = app.get(&format!("/overview{query}")).await.expect(200);
    let domains = overview["domains"].as_array().unwrap().iter();
    domains
        .map(|domain| domain["name"].as_str().unwrap().replace(".example", ""))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_are_selected_and_sorted() {
    let app = app().await;
    for (query, expect) in [
        ("", "a mail.a b none silent"),
        ("?order=asc", "none silent b mail.a a"),
        ("?sort=name", "a b mail.a none silent"),
        ("?sort=name&order=desc", "silent none mail.a b a"),
        ("?sort=failed", "mail.a b a none silent"),
        ("?sort=pass_rate", "a mail.a b none silent"),
        ("?sort=change", "a b silent mail.a none"),
        ("?sort=last_report", "a mail.a b silent none"),
        ("?sort=policy&order=desc", "a b mail.a silent none"),
        ("?failing_over=0", "mail.a b"),
        ("?failing_over=50", "b"),
        ("?failing_over=62", "b"),
        ("?failing_over=63", ""),
        ("?data=silent", "silent"),
        ("?data=none", "none"),
        ("?tag=shop", "b"),
        ("?tag=other", ""),
        ("?organisation=a.example", "a mail.a"),
        ("?organisation=mail.a.example", "mail.a"),
        ("?search=A.EX", "a mail.a"),
        ("?status=verified", ""),
        ("?status=pending&search=b.", "b"),
        ("?policy=unknown", "none"),
        ("?fold=organisation", "a b none silent"),
        ("?fold=organisation&failing_over=0", "mail.a b"),
        ("?per_page=2&page=2", "b none"),
    ] {
        let expect: Vec<_> = expect.split_whitespace().collect();
        assert_eq!(names(&app, query).await, expect, "{query}");
    }
    for query in [
        "?sort=size",
        "?failing_over=101",
        "?data=some",
        "?fold=all",
        "?tag=",
        "?order=up",
    ] {
        app.get(&format!("/overview{query}"))
            .await
            .refused(422, "unprocessable_entity");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn complete_days_are_compared_with_as_many_before() {
    let app = app().await;
    let overview = app.get("/overview?days=30&search=b.example").await.expect(200);
    // The 29 days to yesterday, and the 29 before them: of all domains, whatever is searched for.
    let period = |from: &str, to: &str, total: u64, failed: u64, rate: f64| json!({ "from": from, "to": to, "total_messages": total, "failed_messages": failed, "pass_rate": rate });
    assert_eq!(
        overview["comparison"],
        json!({
            "complete": period("2026-02-22", "2026-03-22", 200, 55, 72.5),
            "before": period("2026-01-24", "2026-02-21", 137, 70, 48.9),
        })
    );
    assert_eq!(
        (&overview["total_messages"], &overview["total_domains"]),
        (&200.into(), &5.into())
    );
    let b = &overview["domains"][0];
    assert_eq!(
        (&b["messages_before"], &b["failed_before"], &b["change"], &b["tags"]),
        (&80.into(), &70.into(), &json!(-50.0), &json!(["de", "shop"]))
    );
    assert_eq!(
        (&b["organisation"], &b["folded_domains"]),
        (&"b.example".into(), &1.into())
    );
    assert_eq!(b["daily_stats"].as_array().unwrap().len(), 30);
    // A domain's own figures say the same.
    let stats = app
        .get(&format!("/domains/{}/dmarc/stats?days=30", b["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(
        stats["comparison"],
        json!({
            "complete": period("2026-02-22", "2026-03-22", 40, 25, 37.5),
            "before": period("2026-01-24", "2026-02-21", 80, 70, 12.5),
        })
    );
    let today = app.get("/overview?days=1").await.expect(200);
    assert!(today["comparison"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folded_entry_has_the_sums_of_its_domains() {
    let app = app().await;
    let overview = app
        .get("/overview?fold=organisation&search=a.example")
        .await
        .expect(200);
    let a = &overview["domains"][0];
    assert_eq!((&a["name"], &a["folded_domains"]), (&"a.example".into(), &2.into()));
    assert_eq!((&a["total_messages"], &a["failed_messages"]), (&160.into(), &30.into()));
    let days = a["daily_stats"].as_array().unwrap().iter();
    let sum: u64 = days
        .map(|day| day["pass"].as_u64().unwrap() + day["fail"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 160);
}

#[tokio::test]
async fn tags_are_kept_as_the_owner_gave_them_and_checked() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let domain = app.get(&format!("/domains/{id}")).await.expect(200);
    assert_eq!(domain["tags"], json!([]));
    let changed = patch(&app, &id, &json!({ "tags": ["b", "A", "b"] })).await.expect(200);
    assert_eq!(changed["tags"], json!(["a", "b"]));
    for wrong in [
        json!(["a b"]),
        json!("a"),
        json!(null),
        json!([1]),
        json!([""]),
        json!(vec!["x"; 11]),
    ] {
        let answer = patch(&app, &id, &json!({ "tags": wrong })).await;
        assert_eq!(answer.refused(422, "unprocessable_entity"), ["tags"], "{wrong}");
    }
    // What is not said stays; an empty list takes all away.
    let changed = patch(&app, &id, &json!({ "catch_all": true })).await.expect(200);
    assert_eq!(changed["tags"], json!(["a", "b"]));
    let list = app.get("/overview").await.expect(200);
    assert_eq!(list["domains"][0]["tags"], json!(["a", "b"]));
    let changed = patch(&app, &id, &json!({ "tags": [] })).await.expect(200);
    assert_eq!(changed["tags"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_of_another_account_is_in_no_sum() {
    let app = app().await;
    let (_, stranger) = app.stranger().await;
    let overview = app.send(Ask::new("GET", "/overview").key(&stranger)).await.expect(200);
    assert_eq!(
        (&overview["total_messages"], &overview["total_domains"]),
        (&0.into(), &0.into())
    );
    assert_eq!(overview["comparison"]["before"]["total_messages"], 0);
}

/// What the owner can make pass comes first, with the service that sends it.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_fixed_needs_attention() {
    let (app, id) = super::senders::app().await;
    let attention = app.get("/attention").await.expect(200);
    assert_eq!(attention["totals"]["to_fix"], 1);
    let first = &attention["items"][0];
    assert_eq!(
        (&first["kind"], &first["domain_id"]),
        (&"to_fix".into(), &id.clone().into())
    );
    assert_eq!(attention["found_at"], "2026-03-23T10:00:00.000Z");
    // As many messages as the readiness of the domain says.
    let readiness = app.get(&format!("/domains/{id}/dmarc/readiness")).await.expect(200);
    assert_eq!(first["messages"], readiness["failing"]["to_fix"], "{attention}");
    assert_eq!(first["org_name"], readiness["to_fix"][0]["service"]);
    assert_eq!(first["count"], readiness["to_fix_total"]);
    let importance = |item: &Value| match item["kind"].as_str().unwrap() {
        "quarantined" => (3, 0),
        "records_missing" => (2, -item["messages"].as_i64().unwrap()),
        "reports_held" => (1, 0),
        _ => (0, -item["messages"].as_i64().unwrap()),
    };
    assert!(
        attention["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(importance)
            .is_sorted()
    );
}
