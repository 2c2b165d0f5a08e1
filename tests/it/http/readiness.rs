//! Whether the policy of a domain may be stricter: the verdict, its checks, and the record to publish.

use serde_json::{Value, json};

use super::senders::app;
use super::{PASS, Sample, TestApp};
use crate::domains::named::Named;

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_named_and_goes_with_a_decision() {
    let (app, id) = app().await;
    let readiness = async || {
        app.get(&format!("/domains/{id}/dmarc/readiness?days=30"))
            .await
            .expect(200)
    };
    let found = readiness().await;
    assert_eq!(found["verdict"], "not_yet", "{found}");
    let to_fix: Vec<_> = found["to_fix"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["service"].clone())
        .collect();
    assert_eq!(to_fix, ["Amazon SES"]);
    assert_eq!(found["to_fix"][0]["messages"], 160);
    let flows = app.get(&format!("/domains/{id}/dmarc/flows?days=30")).await.expect(200);
    let fails = |name: &str| {
        let rows = flows["flows"].as_array().unwrap().iter();
        rows.filter(|row| row["flow"] == name)
            .map(|row| row["fail_count"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(
        found["failing"],
        json!({ "to_fix": fails("unaligned"), "forwarded": fails("list") + fails("forwarded"), "unknown": fails("unknown"), "not_ours": 0 })
    );
    // The check of the owner's messages is what /flows says, and a decision changes both.
    let own = |found: &Value| {
        found["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["check"] == "own_pass")
            .unwrap()["figure"]
            .clone()
    };
    let before = own(&found);
    let body = json!({ "kind": "service", "subject": "Amazon SES", "decision": "not_ours" });
    app.post(&format!("/domains/{id}/dmarc/decisions"), &body)
        .await
        .expect(200);
    let after = readiness().await;
    assert_eq!(after["to_fix"], json!([]));
    assert_eq!(after["failing"]["not_ours"], 160);
    assert!(own(&after).as_u64() > before.as_u64(), "{before} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_to_publish_keeps_what_the_owner_published() {
    let mut named = Named::start();
    named.text(
        "_dmarc.new.example",
        &["v=DMARC1; p=none; sp=reject; rua=mailto:own@new.example; fo=1"],
    );
    named.reload().await;
    let app = TestApp::start_as(|_| {}, Some(named.dns())).await;
    let id = app.add_domain("new.example").await;
    app.post(&format!("/domains/{id}/verify"), &json!({})).await.expect(200);
    app.upload(&id, Sample::new("new.example", "r1", &[PASS]).xml()).await;
    let found = app
        .get(&format!("/domains/{id}/dmarc/readiness?days=30"))
        .await
        .expect(200);
    assert_eq!(
        (&found["origin"], &found["published"]["p"]),
        (&json!("dns"), &json!("none"))
    );
    assert_eq!(
        found["next"],
        json!({ "tag": "p", "value": "quarantine",
            "record": "v=DMARC1; p=quarantine; sp=reject; rua=mailto:own@new.example; fo=1" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_seen_from_the_day_on_which_reports_have_it() {
    let app = TestApp::start().await;
    let id = app.add_domain("example.com").await;
    for (nth, policy) in ["reject", "reject", "none", "reject"].into_iter().enumerate() {
        let sample = Sample::new("example.com", &format!("r{nth}"), &[PASS]);
        let begin = sample.begin - nth as i64 * 86_400;
        let xml = String::from_utf8(Sample { begin, ..sample }.xml()).unwrap();
        let with = xml.replace("<p>reject</p><sp>none</sp>", &format!("<p>{policy}</p>"));
        assert_ne!(with, xml);
        app.upload(&id, with.into_bytes()).await;
    }
    let found = app
        .get(&format!("/domains/{id}/dmarc/readiness?days=30"))
        .await
        .expect(200);
    assert_eq!(
        (&found["origin"], &found["published"]["p"]),
        (&json!("report"), &json!("reject"))
    );
    let reports = app.get(&format!("/domains/{id}/dmarc/reports")).await.expect(200);
    let second = reports["reports"][1]["date_range_begin"].as_str().unwrap();
    assert_eq!(found["seen_since"].as_str(), second.get(..10));
    assert_eq!((&found["verdict"], &found["next"]), (&json!("done"), &json!(null)));
}
