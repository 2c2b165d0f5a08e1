//! Lists over the API that say when they are cut, and how to have the rest.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::sample::wide;
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
    // In the same order, from any report on.
    let all = app.get("/arrivals?per_page=100").await.expect(200);
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let list = app.get(&format!("/arrivals?per_page=17{after}")).await.expect(200);
        ids.extend(texts(&list["reports"], "report_id"));
        assert_eq!(list["more"], list["next"].is_string());
        let Some(next) = list["next"].as_str() else { break };
        after = format!("&page=9&after={next}");
    }
    assert_eq!(
        (ids.len(), &ids[..100]),
        (121, &texts(&all["reports"], "report_id")[..])
    );
    for after in ["", "x", "0", "1_1", "-1"] {
        let refused = app.get(&format!("/arrivals?after={after}")).await;
        refused.refused(422, "unprocessable_entity");
    }
    let behind = app.get("/arrivals?per_page=100&page=101").await.expect(200);
    assert_eq!((&behind["reports"], &behind["more"]), (&json!([]), &json!(false)));
    assert!(app.send(Ask::new("GET", "/arrivals")).await.status == 401);
}

/// Nine domains; the last one, whose id this is, has eight reporters, sources and signers.
async fn nine_domains(app: &TestApp) -> String {
    let mut id = String::new();
    for nth in 0..9_u64 {
        let name = format!("d{nth}.example");
        id = app.add_domain(&name).await;
        app.upload(
            &id,
            Sample::new(
                &name,
                "1",
                &[
                    Row {
                        count: 1 + nth % 4,
                        ..PASS
                    },
                    FAIL,
                ],
            )
            .xml(),
        )
        .await;
    }
    let sources: Vec<_> = (1..=8).map(|nth| format!("198.51.100.{nth}")).collect();
    for (nth, source) in sources.iter().enumerate() {
        let source: &'static str = source.clone().leak();
        let mut sample = Sample::new("d8.example", &format!("r{nth}"), &[Row { source, ..PASS }]);
        sample.org_name = format!("reporter{nth}.example");
        app.upload(&id, sample.xml()).await;
    }
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_are_made_as_a_whole_go_on_behind_any_row() {
    let app = TestApp::start().await;
    let id = nine_domains(&app).await;
    for (path, list) in [
        (format!("/domains/{id}/dmarc/sources"), "sources"),
        (
            format!("/domains/{id}/dmarc/sources?sort=pass_count&order=asc"),
            "sources",
        ),
        (format!("/domains/{id}/dmarc/senders"), "senders"),
        (format!("/domains/{id}/dmarc/sources?search=a"), "sources"),
        (format!("/domains/{id}/dmarc/services"), "services"),
        (format!("/domains/{id}/dmarc/subdomains"), "subdomains"),
        (format!("/domains/{id}/dmarc/reporters"), "reporters"),
        (format!("/domains/{id}/dmarc/dkim"), "signatures"),
        ("/overview".to_owned(), "domains"),
        ("/attention?kind=records_missing".to_owned(), "items"),
    ] {
        let joint = if path.contains('?') { '&' } else { '?' };
        let all = app.get(&format!("{path}{joint}per_page=100")).await.expect(200);
        let all = all[list]
            .as_array()
            .unwrap_or_else(|| panic!("{path} has no {list}: {all}"));
        for per_page in [1, 3, 4] {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let body = app
                    .get(&format!("{path}{joint}per_page={per_page}{after}"))
                    .await
                    .expect(200);
                assert_eq!(body["pagination"]["total"], all.len(), "{path}");
                seen.extend(body[list].as_array().unwrap().iter().cloned());
                assert!(seen.len() <= all.len(), "{path}");
                let Some(next) = body["pagination"]["next"].as_str() else {
                    break;
                };
                after = format!("&after={next}");
            }
            assert_eq!(seen, *all, "{path} by {per_page}");
        }
        let behind = app.get(&format!("{path}{joint}after=1000000000000")).await.expect(200);
        assert_eq!(
            (&behind[list], &behind["pagination"]["next"]),
            (&json!([]), &Value::Null)
        );
        for after in ["", "0", "x", "1_1", "-3"] {
            let refused = app.get(&format!("{path}{joint}after={after}")).await;
            refused.refused(422, "unprocessable_entity");
        }
    }
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

/// A list that would be too long ends early, and says where it goes on.
#[tokio::test]
async fn a_list_that_ends_early_goes_on() {
    let app = TestApp::start_with(|config| config.page_bytes_max = 20_000).await;
    let id = app.add_domain("example.com").await;
    let taken = app.upload(&id, wide(60, 8, 100)).await;
    let report = format!("/domains/{id}/dmarc/reports/{}", taken["reports"][0]["id"]);
    let (mut numbers, mut answers, mut after) = (Vec::new(), 0, String::new());
    loop {
        let body = app.get(&format!("{report}?per_page=50{after}")).await.expect(200);
        assert_eq!(body["pagination"]["total"], 60);
        let records = body["records"].as_array().unwrap();
        numbers.extend(records.iter().map(|record| record["number"].as_u64().unwrap()));
        answers += 1;
        let Some(next) = body["pagination"]["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(numbers, (1..=60).collect::<Vec<_>>());
    assert!(answers > 3, "{answers}");
}

/// The members of a list from page to page, by `next`.
async fn walked(app: &TestApp, path: &str, list: &str) -> Vec<i64> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let joint = if path.contains('?') { '&' } else { '?' };
        let body = app.get(&format!("{path}{joint}per_page=7{after}")).await.expect(200);
        let rows = body[list].as_array().unwrap();
        assert!(rows.len() <= 7);
        ids.extend(rows.iter().map(|row| row["id"].as_i64().unwrap()));
        assert!(body["pagination"]["total"].as_u64().unwrap() as usize >= ids.len());
        match body["pagination"]["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return ids,
        }
    }
}

async fn paged(app: &TestApp, path: &str, list: &str) -> Vec<i64> {
    let mut ids = Vec::new();
    for page in 1.. {
        let joint = if path.contains('?') { '&' } else { '?' };
        let body = app
            .get(&format!("{path}{joint}per_page=7&page={page}"))
            .await
            .expect(200);
        let rows = body[list].as_array().unwrap();
        if rows.is_empty() {
            break;
        }
        ids.extend(rows.iter().map(|row| row["id"].as_i64().unwrap()));
    }
    ids
}

/// Uploads `held` reports that are held and `discounted` reports that are discounted.
async fn not_in_the_figures(app: &TestApp, id: &str, held: u64, discounted: u64) {
    let limit = Ask::new("PATCH", &format!("/domains/{id}/dmarc/trust")).key(&app.key);
    app.send(limit.json(&json!({ "report_messages_max": 1_000 })))
        .await
        .expect(200);
    for nth in 0..held + discounted {
        let count = if nth < held { 5_000 + nth } else { 500 + nth };
        let mut sample = Sample::new("example.com", &format!("out{nth}"), &[Row { count, ..PASS }]);
        sample.begin -= (nth % 3) as i64 * 86_400;
        let taken = app.upload(id, sample.xml()).await;
        if nth >= held {
            let number = &taken["reports"][0]["id"];
            let path = format!("/domains/{id}/dmarc/reports/{number}/discount");
            app.post(&path, &json!({})).await.expect(200);
        }
    }
}

/// SL6: what is behind a place is found without what is before it, and pages go on as they did.
#[tokio::test(flavor = "multi_thread")]
async fn lists_go_on_behind_a_place_as_they_do_page_by_page() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    for nth in 0..30_i64 {
        // Many begin at the same instant.
        let row = Row {
            count: nth.unsigned_abs() + 1,
            ..if nth % 3 == 0 { FAIL } else { PASS }
        };
        let mut sample = Sample::new("example.com", &nth.to_string(), &[row]);
        sample.begin -= (nth % 4) * 86_400;
        app.upload(&id, sample.xml()).await;
        app.upload(&id, format!("<feedback>{nth}")).await;
        app.mail(&id, format!("Subject: {nth}\r\n\r\n")).await;
    }
    for nth in 0..9 {
        let row = Row { count: nth + 1, ..PASS };
        app.upload(&id, Sample::new("unknown.example", &nth.to_string(), &[row]).xml())
            .await;
    }
    let reports = format!("/domains/{id}/dmarc/reports");
    not_in_the_figures(&app, &id, 11, 12).await;
    for (path, list, count) in [
        (reports.clone(), "reports", 30),
        (format!("{reports}?from=2026-03-20&to=2026-03-21"), "reports", 15),
        (format!("{reports}?result=fail&org=GOOGLE.com"), "reports", 10),
        (format!("{reports}?status=held"), "reports", 11),
        (format!("{reports}?status=discounted"), "reports", 12),
        ("/quarantine".to_owned(), "messages", 30),
        ("/quarantine?kind=all".to_owned(), "messages", 69),
        ("/quarantine?kind=unclaimed".to_owned(), "messages", 9),
        (format!("/domains/{id}/inbound"), "messages", 30),
    ] {
        let by_next = walked(&app, &path, list).await;
        assert_eq!(by_next.len(), count, "{path}: {by_next:?}");
        assert_eq!(by_next, paged(&app, &path, list).await, "{path}");
    }
    // What comes meanwhile, in front, moves nothing behind a place.
    let first = app.get(&format!("{reports}?per_page=10")).await.expect(200);
    let next = first["pagination"]["next"].as_str().unwrap().to_owned();
    let behind = app
        .get(&format!("{reports}?per_page=10&after={next}"))
        .await
        .expect(200);
    let mut sample = Sample::new("example.com", "late", &[PASS]);
    sample.begin += 86_400;
    app.upload(&id, sample.xml()).await;
    let again = app
        .get(&format!("{reports}?per_page=10&after={next}"))
        .await
        .expect(200);
    assert_eq!(behind["reports"], again["reports"]);
}

#[tokio::test]
async fn an_invalid_place_is_a_mistake_and_an_unknown_one_is_not() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    let taken = app.upload(&id, Sample::new("example.com", "1", &[PASS]).xml()).await;
    let report = format!("/domains/{id}/dmarc/reports/{}", taken["reports"][0]["id"]);
    for path in [
        format!("/domains/{id}/dmarc/reports"),
        report.clone(),
        "/quarantine".to_owned(),
        format!("/domains/{id}/inbound"),
    ] {
        app.get(&format!("{path}?page=100&per_page=100")).await.expect(200);
        for query in ["page=101&per_page=100", "page=4294967295", "page=10001&per_page=1"] {
            let beyond = app.get(&format!("{path}?{query}")).await.expect(200);
            assert_eq!(
                beyond["pagination"]["next"],
                Value::Null,
                "a page behind the last is empty"
            );
        }
        for after in ["", "x", "1_", "-1", "1_2_3", "99999999999999999999"] {
            let refused = app.get(&format!("{path}?after={after}")).await;
            refused.refused(422, "unprocessable_entity");
        }
    }
    // A place that is nowhere is behind everything, or before it.
    let list = app
        .get(&format!("/domains/{id}/dmarc/reports?after=0_1"))
        .await
        .expect(200);
    assert_eq!(
        (&list["reports"], &list["pagination"]["total"]),
        (&json!([]), &json!(1))
    );
    let path = format!("/domains/{id}/dmarc/reports?after=999999999999_1&page=4294967295");
    let list = app.get(&path).await.expect(200);
    assert_eq!(list["reports"].as_array().unwrap().len(), 1);
    let rows = app.get(&format!("{report}?after=100")).await.expect(200);
    assert_eq!(
        (&rows["records"], &rows["pagination"]["next"]),
        (&json!([]), &Value::Null)
    );
}
