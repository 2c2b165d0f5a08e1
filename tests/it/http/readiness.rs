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

/// A domain, what DNS has at names, what receivers find, and the verdict with its sentence.
type Found = (
    &'static str,
    &'static [(&'static str, &'static [&'static str])],
    [&'static str; 3],
);

const FOUND: [Found; 9] = [
    (
        "without.example",
        &[],
        [
            "none",
            "no_record",
            "No DMARC record is known: publish the one under DNS set-up first.",
        ],
    ),
    (
        "two.example",
        &[("two.example", &["v=DMARC1; p=reject", "v=DMARC1; p=none"])],
        [
            "several",
            "no_record",
            "DNS has 2 DMARC records, so receivers use none of them: keep one, as DNS set-up says.",
        ],
    ),
    (
        "near.example",
        &[("near.example", &["v=dmarc1; p=reject"])],
        [
            "faulty",
            "no_record",
            "Receivers do not take what DNS has for a DMARC record: correct it, as DNS set-up says.",
        ],
    ),
    (
        "faulty.example",
        &[("faulty.example", &["v=DMARC1; p=reject; p=none"])],
        [
            "faulty",
            "no_record",
            "Receivers ignore the DMARC record that DNS has, because it is faulty: correct it, as DNS set-up says.",
        ],
    ),
    (
        "news.odd.example",
        &[("odd.example", &["v=DMARC1; p=all"])],
        [
            "faulty",
            "no_record",
            "The domain has no DMARC record of its own, and receivers ignore that of odd.example, because it is \
             faulty: publish the one under DNS set-up first.",
        ],
    ),
    (
        "news.mild.example",
        // Two names are asked, and two records discarded, before the organization's is found.
        &[
            ("example", &["v=DMARC1; p=none", "v=DMARC1; p=reject"]),
            ("mild.example", &["v=DMARC1; p=reject; sp=quarantine"]),
        ],
        [
            "inherited",
            "no_record",
            "The domain has no record of its own; the policy is that of mild.example: publish a record of its own \
             first, with p=quarantine (see DNS set-up).",
        ],
    ),
    (
        "news.strict.example",
        &[("strict.example", &["v=DMARC1; p=reject"])],
        [
            "inherited",
            "done",
            "Nothing to do: receivers are asked to reject what fails, for subdomains too. The policy is that of \
             strict.example.",
        ],
    ),
    (
        // The server says SERVFAIL.
        "broken.example",
        &[],
        [
            "not_known",
            "no_record",
            "DNS could not be read at the last check, and no report has the policy: verify the domain again under \
             DNS set-up first.",
        ],
    ),
    (
        "own.example",
        &[("own.example", &["v=DMARC1; p=reject"])],
        [
            "own",
            "done",
            "Nothing to do: receivers are asked to reject what fails, for subdomains too.",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_receivers_find_in_dns_is_said() {
    let mut named = Named::start();
    for (_, zone, _) in &FOUND {
        for (name, texts) in *zone {
            named.text(&format!("_dmarc.{name}"), texts);
        }
    }
    let long = format!("v=DMARC1; p=reject; x={}; sp=none", "y".repeat(1_100));
    named.text("_dmarc.long.example", &[&long]);
    named.reload().await;
    let app = TestApp::start_as(|_| {}, Some(named.dns())).await;
    let cut = [
        "not_known",
        "no_record",
        "DNS has more or longer DMARC records than a check keeps, and no report has the policy: keep one, and shorten \
         it first.",
    ];
    let cases = FOUND.iter().map(|(name, _, expect)| (*name, *expect));
    for (name, expect) in cases.chain([("long.example", cut)]) {
        let id = app.add_domain(name).await;
        let path = format!("/domains/{id}/dmarc/readiness");
        let before = app.get(&path).await.expect(200);
        assert_eq!(
            before["says"],
            "DNS was not looked at yet, and no report has the policy: verify the domain under DNS set-up first."
        );
        app.post(&format!("/domains/{id}/verify"), &json!({})).await.expect(200);
        let found = app.get(&path).await.expect(200);
        let words = ["record", "verdict", "says"].map(|member| found[member].as_str().unwrap());
        assert_eq!(words, expect, "{name}");
        // The simulator starts from the same policy.
        let tried = app
            .post(&format!("/domains/{id}/dmarc/simulate"), &json!({}))
            .await
            .expect(200);
        for member in ["published", "origin"] {
            assert_eq!(tried[member], found[member], "{name}");
        }
    }
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
