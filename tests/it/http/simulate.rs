//! `POST /dmarc/simulate`: shapes, sums, links and refusals.

use serde_json::{Value, json};
use tallymark::base::Permission;

use super::senders::app;
use super::{Ask, TestApp};

/// 3,080 messages under `p=reject; sp=none; aspf=s`, of which 208 from example.com fail. In two records SPF is reported as
/// aligned, and is not under `aspf=s`.
async fn simulated(app: &TestApp, id: &str, body: &Value) -> Value {
    app.post(&format!("/domains/{id}/dmarc/simulate?days=30"), body)
        .await
        .expect(200)
}

fn counts(counts: &Value) -> [u64; 5] {
    ["pass", "none", "quarantine", "reject", "unknown"].map(|name| counts[name].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_member_has_its_effect() {
    let (app, id) = app().await;
    let now = [2_872, 2_872, 0, 208, 0];
    for (body, after) in [
        (json!({}), now),
        (json!({ "p": "quarantine" }), [2_872, 2_872, 208, 0, 0]),
        (json!({ "p": "none" }), [2_872, 3_080, 0, 0, 0]),
        (json!({ "t": "y" }), [2_872, 2_872, 208, 0, 0]),
        (json!({ "pct": 50 }), [2_872, 2_872, 104, 104, 0]),
        (json!({ "adkim": "s" }), [2_012, 2_872, 0, 208, 0]),
        (json!({ "adkim": "s", "sp": "reject" }), [2_012, 2_012, 0, 1_068, 0]),
        (
            json!({ "adkim": "s", "aspf": "r", "sp": "quarantine" }),
            [2_812, 2_812, 60, 208, 0],
        ),
        (json!({ "fix": ["amazon ses"] }), [3_032, 3_032, 0, 48, 0]),
        (
            json!({ "fix": ["Amazon SES", "amazon ses", "Amazon SES"] }),
            [3_032, 3_032, 0, 48, 0],
        ),
        (json!({ "spf": "v=spf1 ip4:198.51.100.0/24 -all" }), now),
        (
            json!({ "spf": "v=spf1 -all", "adkim": "s", "aspf": "r", "sp": "reject" }),
            [2_012, 2_012, 0, 1_068, 0],
        ),
        (
            json!({ "spf": "v=spf1 ip4:167.89.0.1 -all", "adkim": "s", "aspf": "r", "sp": "reject" }),
            [2_812, 2_812, 0, 268, 0],
        ),
        // There are no name servers to ask.
        (
            json!({ "spf": "v=spf1 include:x.example -all", "adkim": "s", "aspf": "r", "sp": "reject" }),
            [2_012, 2_012, 0, 268, 800],
        ),
        (json!({ "p": null, "fix": null, "spf": null, "pct": null }), now),
    ] {
        let found = simulated(&app, &id, &body).await;
        assert_eq!((counts(&found["now"]), counts(&found["after"])), (now, after), "{body}");
        assert_eq!(found["messages"], 3_080);
        let difference = found["difference"]["reject"].as_i64().unwrap();
        assert_eq!(difference, after[3].cast_signed() - 208, "{body}");
        for list in ["services", "subdomains", "reporters"] {
            assert_eq!(
                (
                    &found[list]["more"],
                    found[list]["rows"].as_array().unwrap().len() as u64
                ),
                (&json!(false), found[list]["total"].as_u64().unwrap())
            );
            let rows = found[list]["rows"].as_array().unwrap();
            for (nth, name) in ["pass", "none", "quarantine", "reject", "unknown"].iter().enumerate() {
                let sum: u64 = rows.iter().map(|row| row["after"][name].as_u64().unwrap()).sum();
                assert_eq!(sum, after[nth], "{list} {name} {body}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_explains_itself() {
    let (app, id) = app().await;
    let found = simulated(&app, &id, &json!({ "p": "quarantine", "pct": 100 })).await;
    assert_eq!(found["origin"], "report");
    let published =
        json!({ "p": "reject", "sp": "none", "np": null, "adkim": "r", "aspf": "s", "t": null, "pct": 100 });
    assert_eq!(found["published"], published);
    assert_eq!(found["tried"]["p"], "quarantine");
    assert_eq!(found["contradictions"], json!({ "records": 2, "messages": 800 }));
    assert_eq!(
        (&found["records_kept"], &found["without_records"]["messages"]),
        (&json!(true), &json!(0))
    );
    // Nothing was done to any message.
    let overrides = json!({ "failing": 208, "overridden": 208, "rate": 100.0,
        "reasons": [{ "reason": "unstated", "messages": 208 }] });
    assert_eq!(found["overrides"], overrides);
    assert_eq!(counts(&found["expected_after"]), [2_872, 3_080, 0, 0, 0]);
    let first = &found["services"]["rows"][0];
    assert_eq!(
        (&first["name"], &first["flow"], &first["messages"]),
        (&json!("Amazon SES"), &json!("unaligned"), &json!(160))
    );
    let stats = app.get(found["rows"]["stats"].as_str().unwrap()).await.expect(200);
    assert_eq!(stats["total_messages"], found["messages"]);
    let mut paths = vec![found["rows"]["export"].clone()];
    for list in ["services", "subdomains", "reporters"] {
        paths.extend(
            found[list]["rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["rows"].clone()),
        );
    }
    paths.extend(found["flows"].as_array().unwrap().iter().map(|row| row["rows"].clone()));
    for path in paths {
        assert_eq!(app.get(path.as_str().unwrap()).await.status, 200, "{path}");
    }
    let of_service = app.get(first["rows"].as_str().unwrap()).await.expect(200);
    assert_eq!(of_service["sources"][0]["source_ip"], "54.240.8.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_named_and_nothing_is_changed() {
    let (app, id) = app().await;
    let path = format!("/domains/{id}/dmarc/simulate");
    let many: Vec<String> = (0..51).map(|nth| nth.to_string()).collect();
    // The longest record that is tried is not too long.
    let spf = |chars: usize| json!({ "spf": format!("v=spf1{:1$}-all", "", chars - 10) });
    app.post(&path, &spf(4_096)).await.expect(200);
    for (body, field) in [
        (spf(4_097), "spf"),
        (json!({ "p": "odd" }), "p"),
        (json!({ "adkim": "x" }), "adkim"),
        (json!({ "t": true }), "t"),
        (json!({ "pct": 101 }), "pct"),
        (json!({ "spf": "v=spf1 hello" }), "spf"),
        (json!({ "spf": "" }), "spf"),
        (json!({ "fix": "Amazon SES" }), "fix"),
        (json!({ "fix": [1] }), "fix"),
        (json!({ "fix": many }), "fix"),
        (json!({ "fix": ["Mailchimp"] }), "fix"),
        (json!({ "rua": "x" }), "rua"),
    ] {
        let fields = app.post(&path, &body).await.refused(422, "unprocessable_entity");
        assert_eq!(fields, [field], "{body}");
    }
    for query in ["days=0", "days=3&from=2026-03-01", "from=2026-03-02&to=2026-03-01"] {
        app.post(&format!("{path}?{query}"), &json!({}))
            .await
            .refused(422, "unprocessable_entity");
    }
    let (_, stranger) = app.stranger().await;
    let asked = Ask::new("POST", &path).json(&json!({}));
    app.send(asked.clone().key(&stranger)).await.refused(404, "not_found");
    app.send(asked.clone()).await.refused(401, "unauthorized");
    let reader = app.key(Permission::ReadOnly, None).await;
    app.send(asked.key(&reader)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_without_reports_has_zeros() {
    let (app, id) = app().await;
    let path = format!("/domains/{id}/dmarc/simulate?from=2020-01-01&to=2020-01-31");
    let found = app.post(&path, &json!({ "p": "reject" })).await.expect(200);
    assert_eq!((&found["messages"], counts(&found["after"])), (&json!(0), [0; 5]));
    assert_eq!(found["services"], json!({ "rows": [], "total": 0, "more": false }));
    assert_eq!(found["from"], "2020-01-01");
}
