//! Lists over the API that say when they are cut, and how to have the rest.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{Ask, FAIL, PASS, Row, Sample, TestApp};

fn texts(list: &Value, member: &str) -> Vec<String> {
    let items = list.as_array().unwrap().iter();
    items
        .map(|item| item[member].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn attention_counts_all_of_each_kind_and_lists_all_that_are_asked_for() {
    let app = TestApp::start().await;
    for nth in 0..215 {
        app.add_domain(&format!("quiet{nth}.example")).await;
    }
    // Thirty domains with a new failing source, the worst added last and with fewer messages in all than others have.
    for nth in 0..30_u64 {
        let name = format!("busy{nth}.example");
        let id = app.add_domain(&name).await;
        let failing = Row {
            count: 10 + nth,
            ..FAIL
        };
        let passing = Row {
            count: 5_000 - 100 * nth,
            ..PASS
        };
        app.upload(&id, Sample::new(&name, "1", &[failing, passing]).xml())
            .await;
    }
    app.upload(&app.add_domain("broken.example").await, "<feedback>").await;
    let all = app.get("/attention").await.expect(200);
    let totals = &all["totals"];
    assert_eq!(
        (&totals["records_missing"], &totals["failing_sources"]),
        (&246.into(), &30.into())
    );
    assert_eq!(
        (&totals["quarantined"], &totals["reporter_silent"]),
        (&1.into(), &0.into())
    );
    assert!(all["pagination"].is_null());
    assert_eq!(
        all["items"][0]["domain"], "busy29.example",
        "the most failed messages first, whatever the domain's size"
    );
    assert_eq!(
        texts(&all["items"], "kind")
            .iter()
            .filter(|kind| *kind == "failing_sources")
            .count(),
        20
    );
    for (kind, total) in [
        ("records_missing", 246),
        ("failing_sources", 30),
        ("reporter_silent", 0),
        ("quarantined", 1),
    ] {
        let mut seen = HashSet::new();
        for page in 1..=3 {
            let list = app
                .get(&format!("/attention?kind={kind}&per_page=100&page={page}"))
                .await
                .expect(200);
            assert_eq!(list["pagination"]["total"], total, "{kind}");
            assert!(texts(&list["items"], "kind").iter().all(|other| other == kind));
            seen.extend(texts(&list["items"], "domain"));
        }
        assert_eq!(seen.len(), total, "{kind}");
    }
    app.get("/attention?kind=all")
        .await
        .refused(422, "unprocessable_entity");
}

#[tokio::test(flavor = "multi_thread")]
async fn arrivals_are_of_all_domains_and_go_on() {
    let app = TestApp::start().await;
    for nth in 0..230 {
        app.add_domain(&format!("d{nth}.example")).await;
    }
    // The report that comes last is about a domain without messages in the last days.
    let last = app.add_domain("last.example").await;
    let busy = app.add_domain("busy.example").await;
    for nth in 0..120_u64 {
        let row = Row {
            count: 10 + nth,
            ..PASS
        };
        let mut sample = Sample::new("busy.example", &nth.to_string(), &[row]);
        sample.begin -= (nth % 25) as i64 * 86_400;
        app.upload(&busy, sample.xml()).await;
    }
    app.clock.advance(std::time::Duration::from_secs(1));
    let mut old = Sample::new("last.example", "old", &[PASS]);
    old.begin -= 300 * 86_400;
    app.upload(&last, old.xml()).await;
    let first = app.get("/arrivals").await.expect(200);
    assert_eq!(first["reports"].as_array().unwrap().len(), 50);
    assert_eq!(
        (&first["more"], &first["reports"][0]["domain_name"]),
        (&true.into(), &"last.example".into())
    );
    let mut seen = HashSet::new();
    for page in 1..=3 {
        let list = app.get(&format!("/arrivals?page={page}")).await.expect(200);
        seen.extend(texts(&list["reports"], "report_id"));
        assert_eq!(list["more"], page < 3);
    }
    assert_eq!(seen.len(), 121, "each report once");
    assert_eq!(
        app.get("/arrivals?per_page=100&page=2").await.expect(200)["reports"]
            .as_array()
            .unwrap()
            .len(),
        21
    );
    let behind = app.get("/arrivals?per_page=100&page=101").await.expect(200);
    assert_eq!((&behind["reports"], &behind["more"]), (&json!([]), &json!(false)));
    assert!(app.send(Ask::new("GET", "/arrivals")).await.status == 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_found_in_both_of_its_forms() {
    let app = TestApp::start().await;
    for name in ["münchner.example", "пример.example", "example.com"] {
        app.add_domain(name).await;
    }
    for (search, found) in [
        ("m%C3%BCnchner", &["xn--mnchner-n2a.example"][..]),
        ("M%C3%9CNCHNER.EXAMPLE", &["xn--mnchner-n2a.example"]),
        ("%D0%9F%D0%A0%D0%98%D0%9C", &["xn--e1afmkfd.example"]),
        ("xn--", &["xn--e1afmkfd.example", "xn--mnchner-n2a.example"]),
        ("xn--e1afmkfd.example", &["xn--e1afmkfd.example"]),
        ("COM", &["example.com"]),
        ("%C3%BC%C3%BC", &[]),
    ] {
        let list = app.get(&format!("/overview?search={search}")).await.expect(200);
        let mut names = texts(&list["domains"], "name");
        names.sort();
        assert_eq!(names, found, "{search}");
        assert_eq!(
            (&list["total_domains"], &list["pagination"]["total"]),
            (&3.into(), &found.len().into())
        );
    }
    let list = app.get("/overview?search=xn--m").await.expect(200);
    assert_eq!(list["domains"][0]["unicode_name"], "münchner.example");
}
