//! `tallymark simulate` and `verify --simulator`.

use std::path::Path;

use serde_json::Value;

use super::senders::home;
use super::{Home, fails, stdout};

fn answer(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(&home.run(arguments).success())).unwrap()
}

#[test]
fn a_sentence_says_what_would_happen_to_which_messages() {
    let home = home();
    let text = stdout(&home.run(&["simulate", "example.com", "--p", "reject"]).success());
    let first = text.lines().next().unwrap();
    assert!(
        first.starts_with("At p=reject, 12 of 87 messages of the last 30 days would be rejected: 7 of "),
        "{text}"
    );
    assert!(text.contains("Published now: p=none (by the newest report"), "{text}");
    assert!(!text.contains('\u{202e}'), "{text}");
    let text = stdout(&home.run(&["simulate", "example.com"]).success());
    assert!(text.starts_with("At p=none, 0 of 87 messages"), "{text}");
}

#[test]
fn the_json_is_the_answer_of_the_api() {
    let home = home();
    let found = answer(
        &home,
        &["simulate", "example.com", "--p", "quarantine", "--days", "7", "--json"],
    );
    assert_eq!(
        (&found["messages"], &found["after"]["quarantine"]),
        (&87.into(), &12.into())
    );
    let service = found["services"]["rows"][0]["name"].as_str().unwrap().to_owned();
    let fixed = answer(
        &home,
        &[
            "simulate",
            "example.com",
            "--p",
            "quarantine",
            "--fix",
            &service,
            "--json",
        ],
    );
    assert!(fixed["after"]["quarantine"].as_u64() < Some(12), "{service}");
    let (upper, lower) = (service.to_uppercase(), service.to_lowercase());
    let mut twice = vec!["simulate", "example.com", "--p", "quarantine", "--json"];
    twice.extend(
        [&service, &service, &upper, &lower]
            .into_iter()
            .flat_map(|name| ["--fix", name]),
    );
    assert_eq!(answer(&home, &twice)["after"], fixed["after"], "{service}");
    let arguments = [
        "simulate",
        "example.com",
        "--p",
        "reject",
        "--t",
        "y",
        "--adkim",
        "s",
        "--pct",
        "50",
        "--json",
    ];
    let found = answer(&home, &arguments);
    assert_eq!(
        (&found["after"]["quarantine"], &found["tried"]["t"]),
        (&6.into(), &"y".into())
    );
    let spf = ["simulate", "example.com", "--spf", "v=spf1 ip4:8.8.8.8 -all", "--json"];
    assert_eq!(answer(&home, &spf)["spf"]["lookups"], 0);
}

#[test]
fn mistakes_are_named() {
    let home = home();
    fails(
        &home,
        &["simulate", "example.com", "--fix", "Nobody", "--fix", "NOBODY"],
        1,
        "no messages of this range are from Nobody\n",
    );
    let long = format!("v=spf1{:1$}-all", "", 4_087);
    fails(
        &home,
        &["simulate", "example.com", "--spf", &long],
        1,
        "an SPF record of more than 4096 bytes cannot be published",
    );
    fails(
        &home,
        &["simulate", "example.com", "--spf", "v=spf1 hello"],
        1,
        "is not a term of SPF",
    );
    fails(
        &home,
        &["simulate", "example.com", "--p", "odd"],
        2,
        "possible values: none, quarantine, reject",
    );
}

/// The contradictions of the fixtures. Each is there on purpose: aligned by the reporter's word, with no result (rows 135, 144),
/// without its domain (143), with another word than `pass` (134, 142), or with a failure (148); not aligned, with a signature
/// that passed (125).
const CONTRADICTIONS: &[(&str, &str, u64)] = &[
    ("Reporter Example", "dkim_pass_without_evidence", 11),
    ("Reporter Example", "dkim_fail_despite_evidence", 2),
];

/// Simulated with the policy in it, every report of the fixtures says what it says, except for these contradictions.
#[test]
fn the_fixtures_are_what_their_policies_ask_for() {
    let home = Home::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for folder in ["reports", "demo", "archives"] {
        let folder = fixtures.join(folder).display().to_string();
        // What cannot be read in it is set aside.
        home.run(&["import", "--add-domains", &folder]);
    }
    let found = answer(&home, &["verify", "--simulator", "--json"]);
    assert_eq!(found["discrepancies"], serde_json::json!([]));
    let simulator = &found["simulator"];
    let number = |name: &str| simulator[name].as_u64().unwrap();
    assert!(number("records") > 500, "{simulator}");
    assert_eq!(
        number("records"),
        number("agreeing") + number("overridden") + number("contradicting")
    );
    let contradictions = simulator["contradictions"].as_array().unwrap();
    let told: Vec<_> = contradictions
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            (text("reporter"), text("kind"), one["records"].as_u64().unwrap())
        })
        .collect();
    let expected: Vec<_> = CONTRADICTIONS
        .iter()
        .map(|(reporter, kind, records)| ((*reporter).to_owned(), (*kind).to_owned(), *records))
        .collect();
    assert_eq!(told, expected);
    let text = stdout(&home.run(&["verify", "--simulator"]).success());
    assert!(text.contains("contradict their own evidence"), "{text}");
}
