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
