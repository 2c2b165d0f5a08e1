//! `/stats?include=services` and `include=reporters`: days split by the five with the most messages.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::sample::BEGIN;
use super::{PASS, Row, Sample, TestApp};

const DAY: i64 = 86_400;

/// Seven reporters and seven networks on three days: of the nth, n messages a day, and of the seventh another one on the last.
async fn app() -> (TestApp, String) {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    for day in 0..3 {
        for (nth, source) in SOURCES.iter().enumerate() {
            let count = nth as u64 + 1 + u64::from(nth == 6 && day == 2);
            let row = Row {
                source,
                count,
                ..FAILING
            };
            let mut sample = Sample::new("example.com", &format!("{nth}-{day}"), &[row]);
            sample.org_name = format!("reporter {nth}");
            sample.begin = BEGIN - (2 - day) * DAY;
            app.upload(&id, sample.xml()).await;
        }
    }
    (app, id)
}

const SOURCES: [&str; 7] = [
    "198.51.100.1",
    "203.0.113.1",
    "192.0.2.1",
    "198.18.1.1",
    "198.18.2.1",
    "198.18.3.1",
    "198.18.4.1",
];
const FAILING: Row = Row {
    dkim: "fail",
    spf: "fail",
    ..PASS
};

fn names(parts: &Value) -> Vec<Option<&str>> {
    let parts = parts.as_array().unwrap().iter();
    parts.map(|part| part["name"].as_str()).collect()
}

/// The messages of each day, added up over the parts.
fn sums(parts: &Value) -> Vec<u64> {
    let mut sums = vec![0; 4];
    for part in parts.as_array().unwrap() {
        let days: Vec<u64> = part["daily_messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_u64().unwrap())
            .collect();
        assert_eq!(part["total_messages"].as_u64(), Some(days.iter().sum()), "{part}");
        for (sum, messages) in sums.iter_mut().zip(days) {
            *sum += messages;
        }
    }
    sums
}

#[tokio::test]
async fn the_five_largest_are_told_apart_and_every_message_is_in_one_part() {
    let (app, id) = app().await;
    let stats = format!("/domains/{id}/dmarc/stats?days=4");
    let by_reporter = app.get(&format!("{stats}&include=reporters")).await.expect(200);
    let parts = &by_reporter["parts"];
    let expected = ["reporter 6", "reporter 5", "reporter 4", "reporter 3", "reporter 2"];
    let expected: Vec<_> = expected.map(Some).into_iter().chain([None]).collect();
    assert_eq!(names(parts), expected);
    assert_eq!(parts[0]["daily_messages"], json!([7, 7, 8, 0]));
    assert_eq!(
        parts[5],
        json!({ "name": null, "total_messages": 9, "daily_messages": [3, 3, 3, 0] })
    );
    assert_eq!(sums(parts), [28, 28, 29, 0]);

    let by_service = app.get(&format!("{stats}&include=services")).await.expect(200);
    let parts = &by_service["parts"];
    assert_eq!(sums(parts), [28, 28, 29, 0]);
    // They are the first rows of the list of services.
    let list = app
        .get(&format!("/domains/{id}/dmarc/services?days=4"))
        .await
        .expect(200);
    for nth in 0..5 {
        let (part, service) = (&parts[nth], &list["services"][nth]);
        assert_eq!(
            (&part["name"], &part["total_messages"]),
            (&service["name"], &service["count"]),
            "{nth}"
        );
    }
    assert_eq!(parts[0]["daily_messages"], json!([7, 7, 8, 0]));
    assert_eq!(parts[5]["name"], Value::Null);
    // Without being asked for they are not there.
    assert!(app.get(&stats).await.expect(200).get("parts").is_none());
    assert!(
        app.get(&format!("{stats}&include=all"))
            .await
            .expect(200)
            .get("parts")
            .is_none()
    );
}

#[tokio::test]
async fn parts_follow_what_carried_the_reports_and_come_as_csv() {
    let (app, id) = app().await;
    let stats = format!("/domains/{id}/dmarc/stats?days=4");
    // No mail vouches for uploads: nothing is left, and others are all there is.
    let vouched = app
        .get(&format!("{stats}&include=services&authenticated=pass"))
        .await
        .expect(200);
    assert_eq!(
        vouched["parts"],
        json!([{ "name": null, "total_messages": 0, "daily_messages": [0, 0, 0, 0] }])
    );
    app.get(&format!("{stats}&include=reporters&authenticated=pass"))
        .await
        .refused(422, "unprocessable_entity");
    // How complete days are comes with any of them, and changes nothing else.
    for include in ["services", "reporters", "flows", "dispositions"] {
        let alone = app.get(&format!("{stats}&include={include}")).await.expect(200);
        let mut both = app
            .get(&format!("{stats}&include={include},completeness"))
            .await
            .expect(200);
        let shares = both["daily_stats"].as_array_mut().unwrap();
        let shares = shares
            .iter_mut()
            .map(|day| day.as_object_mut().unwrap().remove("completeness"));
        let shares: Vec<_> = shares.collect();
        assert_eq!(shares.len(), 4);
        assert_eq!(both, alone, "{include}");
    }
    for wrong in [
        "services,reporters",
        "completeness,services",
        "services,",
        "all,completeness",
    ] {
        app.get(&format!("{stats}&include={wrong}"))
            .await
            .refused(422, "unprocessable_entity");
    }
    app.get(&format!("{stats}&include=reporters,completeness&authenticated=pass"))
        .await
        .refused(422, "unprocessable_entity");
    let csv = app.get(&format!("{stats}&include=reporters&format=csv")).await;
    assert_eq!(
        csv.header("content-disposition"),
        Some("attachment; filename=\"example.com_days-by-reporter_2026-03-20_2026-03-23.csv\"")
    );
    let mut expected = String::from("date,name,messages\r\n2026-03-20,reporter 6,7\r\n");
    for nth in [5, 4, 3, 2] {
        write!(expected, "2026-03-20,reporter {nth},{}\r\n", nth + 1).unwrap();
    }
    expected += "2026-03-20,,3\r\n";
    assert!(csv.text().starts_with(&expected), "{}", csv.text());
}

#[tokio::test]
async fn reporters_come_in_the_order_that_is_asked_for() {
    let (app, id) = app().await;
    let order = async |query: &str| {
        let path = format!("/domains/{id}/dmarc/reporters?days=4&per_page=3{query}");
        let list = app.get(&path).await.expect(200);
        let names = list["reporters"].as_array().unwrap().iter();
        let names = names.map(|one| {
            one["org_name"]
                .as_str()
                .unwrap()
                .trim_start_matches("reporter ")
                .to_owned()
        });
        names.collect::<Vec<_>>().join("")
    };
    for (query, expect) in [
        ("", "654"),
        ("&order=asc", "012"),
        ("&sort=count", "654"),
        ("&sort=fail_count&order=asc", "012"),
        ("&sort=org_name", "654"),
        ("&sort=org_name&order=asc", "012"),
        // All are equal: by messages.
        ("&sort=reports", "654"),
        ("&sort=reports&order=asc", "654"),
        ("&sort=last_report", "654"),
        ("&sort=pass_rate", "654"),
    ] {
        assert_eq!(order(query).await, expect, "{query}");
    }
    for wrong in ["sort=odd", "order=odd"] {
        app.get(&format!("/domains/{id}/dmarc/reporters?{wrong}"))
            .await
            .refused(422, "unprocessable_entity");
    }
}
