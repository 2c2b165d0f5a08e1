//! `/dmarc/spf`: which terms of the record that DNS has now are used; each sentence with the case that causes it.

use serde_json::{Value, json};

use super::senders::{Sent, report};
use super::{PASS, Sample, TestApp};
use crate::domains::named;
use crate::provenance::dns::{Dns, Has};

/// The record of example.com, and those that it refers to.
const RECORD: &str = "v=spf1 ip4:198.51.100.0/24 include:inc.example ip4:203.0.113.7 include:unused.example -all";

async fn app() -> (TestApp, Dns) {
    let dns = Dns::start().await;
    dns.text("example.com", RECORD);
    dns.text("inc.example", "v=spf1 ip4:203.0.113.0/24 -all");
    dns.text("unused.example", "v=spf1 include:deep.example -all");
    dns.text("deep.example", "v=spf1 ip4:192.0.2.1 -all");
    let app = TestApp::start_as(|_| {}, Some(named::dns(dns.address))).await;
    (app, dns)
}

async fn usage(app: &TestApp, id: &str, days: u32) -> Value {
    app.get(&format!("/domains/{id}/dmarc/spf?days={days}"))
        .await
        .expect(200)
}

fn terms(usage: &Value) -> Vec<Value> {
    let rows = usage["terms"].as_array().unwrap().iter();
    rows.map(|one| {
        json!([
            one["term"],
            one["depth"],
            one["standing"],
            one["messages"],
            one["lookups"],
            one["would_lose"]
        ])
    })
    .collect()
}

fn sentences(usage: &Value) -> Vec<&str> {
    let rows = usage["terms"].as_array().unwrap().iter();
    rows.map(|one| one["says"].as_str().unwrap()).collect()
}

/// Messages of each kind.
const SENT: [Sent<'static>; 7] = [
    ("example.com", "198.51.100.1", 1_000, true, "", "example.com"),
    ("example.com", "198.51.100.9", 5, false, "", "example.com"),
    // Without the include, the term behind it matches the first one. The second is not aligned: aspf=s.
    ("example.com", "203.0.113.7", 7, false, "", "example.com"),
    ("news.example.com", "203.0.113.8", 4, false, "", "example.com"),
    // It passed by an earlier record.
    ("example.com", "192.0.2.99", 3, true, "", "example.com"),
    (
        "example.com",
        "54.240.8.1",
        80,
        false,
        "amazonses.com",
        "eu-west-1.amazonses.com",
    ),
    ("example.com", "203.0.113.50", 41, false, "", ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_given_to_the_term_that_matches() {
    let (app, _dns) = app().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, report("r1", 0, &SENT)).await;
    let found = usage(&app, &id, 30).await;
    assert_eq!((&found["state"], &found["record"]), (&json!("record"), &json!(RECORD)));
    assert_eq!(
        terms(&found),
        [
            json!(["ip4:198.51.100.0/24", 0, "needed", 1_005, 0, 5]),
            json!(["include:inc.example", 0, "used", 11, 1, 0]),
            json!(["ip4:203.0.113.7", 0, "not_seen", 0, 0, 0]),
            json!(["include:unused.example", 0, "not_seen", 0, 2, 0]),
            json!(["include:deep.example", 1, "not_seen", 0, 1, 0]),
            json!(["-all", 0, "end", 3, 0, 0]),
        ]
    );
    assert_eq!(
        sentences(&found),
        [
            "5 messages of 1,005 lose their only aligned pass without it.",
            "11 messages matched it, and none loses its only aligned pass without it.",
            "No message matched it on the 1 day that reports are known of; look at 90 before you remove it.",
            "No message matched it on the 1 day that reports are known of; look at 90 before you remove it.",
            "No message matched it on the 1 day that reports are known of; look at 90 before you remove it.",
            "3 messages matched nothing before it.",
        ]
    );
    assert_eq!(found["terms"][0]["last_day"], "2026-03-22");
    assert_eq!(found["says"], "The record needs 3 of 10 DNS lookups.");
    let sums = ["messages", "decided", "unmatched", "not_known", "given_up", "differing"]
        .map(|name| found[name].as_u64().unwrap());
    assert_eq!(sums, [1_140, 1_019, 0, 0, 0, 3]);
    let domains = found["mail_from"].as_array().unwrap().iter();
    let domains: Vec<_> = domains
        .map(|one| json!([one["domain"], one["messages"], one["pass_count"], one["aligned_count"]]))
        .collect();
    assert_eq!(
        domains,
        [
            json!(["example.com", 1_019, 1_019, 1_015]),
            json!(["eu-west-1.amazonses.com", 80, 80, 0]),
            json!(["spoofer.example", 41, 0, 0]),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_enough_days_it_is_known_that_terms_are_not_used() {
    let (app, _dns) = app().await;
    let id = app.add_domain("example.com").await;
    app.upload(&id, report("r1", 0, &SENT)).await;
    for day in 1..95 {
        app.upload(&id, report(&format!("r1.{day}"), day, &SENT[..1])).await;
    }
    let found = usage(&app, &id, 120).await;
    assert_eq!(
        terms(&found)[2..5],
        [
            json!(["ip4:203.0.113.7", 0, "unused", 0, 0, 0]),
            json!(["include:unused.example", 0, "unused", 0, 2, 0]),
            json!(["include:deep.example", 1, "unused", 0, 1, 0]),
        ]
    );
    assert_eq!(sentences(&found)[3], "It was not used for 95 days.");
    assert_eq!(
        found["says"],
        "The record needs 3 of 10 DNS lookups; 2 terms, with 2 of them, were not used for 90 days or more."
    );
}

/// Domains, what their records are, and what is said of them.
const STATES: [(&str, &str, &str); 8] = [
    ("none.example", "none", "none.example has no SPF record."),
    (
        "two.example",
        "several",
        "two.example has 2 SPF records, and receivers use none of them: keep one.",
    ),
    (
        "bad.example",
        "faulty",
        "Receivers cannot read the SPF record of bad.example: \u{201c}hello\u{201d} is not a term of SPF.",
    ),
    (
        "silent.example",
        "not_known",
        "DNS did not answer, so the SPF record is not known.",
    ),
    (
        "long.example",
        "record",
        "Receivers give up on the SPF record before its end: it needs more than 10 DNS lookups.",
    ),
    (
        "plain.example",
        "record",
        "The record needs 0 of 10 DNS lookups, and no message of these days has plain.example as its MAIL FROM.",
    ),
    (
        "one.example",
        "record",
        "The record needs 1 of 10 DNS lookups; 1 term, with 1 of them, was not used for 90 days or more.",
    ),
    ("open.example", "record", "The record needs 1 of 10 DNS lookups."),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_record_has_its_sentence() {
    let (app, dns) = app().await;
    let eleven: String = (0..11).map(|nth| format!(" include:i{nth}.long.example")).collect();
    for nth in 0..11 {
        dns.text(&format!("i{nth}.long.example"), "v=spf1 ip4:192.0.2.1 -all");
    }
    for (name, texts) in [
        ("two.example", &["v=spf1 -all", "v=spf1 +all"][..]),
        ("bad.example", &["v=spf1 hello"]),
        ("plain.example", &["v=spf1 ip4:192.0.2.1 -all"]),
        ("one.example", &["v=spf1 ip4:198.51.100.0/24 include:inc.example"]),
        ("open.example", &["v=spf1 exists:%{i}.x.example -all"]),
        ("long.example", &[&*format!("v=spf1{eleven} -all")]),
    ] {
        for text in texts {
            dns.text(name, text);
        }
    }
    dns.add("silent.example", Has::Failure);
    for (name, state, says) in STATES {
        let id = app.add_domain(name).await;
        if ["one.example", "open.example", "long.example"].contains(&name) {
            for day in 0..95 {
                let mut sample = Sample::new(name, &format!("{name}-{day}"), &[PASS]);
                sample.begin -= day * 86_400;
                app.upload(&id, sample.xml()).await;
            }
        }
        let found = usage(&app, &id, 120).await;
        assert_eq!(
            (&found["state"], &found["says"]),
            (&json!(state), &json!(says)),
            "{found}"
        );
        match name {
            "plain.example" => assert_eq!(sentences(&found)[0], "There is no report about these days."),
            "open.example" => {
                assert_eq!(found["not_known"], 950);
                let says =
                    "Which messages match it is not known: it depends on more than the address, or DNS did not answer.";
                assert_eq!(sentences(&found)[0], says);
            }
            "long.example" => assert_eq!((&found["given_up"], &found["unmatched"]), (&json!(950), &json!(0))),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_an_end_leaves_messages_unmatched() {
    let (app, dns) = app().await;
    dns.text("open.example", "v=spf1 ip4:192.0.2.0/24");
    let id = app.add_domain("open.example").await;
    app.upload(&id, Sample::new("open.example", "r", &[PASS]).xml()).await;
    let found = usage(&app, &id, 30).await;
    assert_eq!((&found["decided"], &found["unmatched"]), (&json!(10), &json!(10)));
    assert_eq!(found["differing"], 10, "it passed when it was reported");
}
