//! `tallymark spf` and `tallymark selectors`: what of a domain's records is used.

use serde_json::Value;
use tallymark::base::clock::{Clock, format_instant};

use super::senders::home;
use super::{Home, fails, stdout};
use crate::provenance::dns::Dns;

/// Runs the program with these name servers.
async fn run(home: Home, dns: &Dns, arguments: &'static [&'static str]) -> (Home, String) {
    home.file(
        "settings.toml",
        format!("[domains]\nresolvers = [\"{}\"]\n", dns.address),
    );
    let run = move || {
        let arguments: Vec<_> = ["--config", "settings.toml"].iter().chain(arguments).copied().collect();
        let text = stdout(&home.run(&arguments).success());
        (home, text)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_are_listed_with_their_messages() {
    let dns = Dns::start().await;
    dns.text("example.com", "v=spf1 include:inc.example -all");
    dns.text("inc.example", "v=spf1 ip4:8.8.8.8 -all");
    let home = tokio::task::spawn_blocking(home).await.unwrap();
    let (home, text) = run(home, &dns, &["spf", "example.com"]).await;
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "The record needs 1 of 10 DNS lookups.", "{text}");
    assert_eq!(lines[1], "v=spf1 include:inc.example -all");
    let words: Vec<_> = lines[3].split_whitespace().collect();
    assert_eq!(
        (words[0], words[1], words[3], *words.last().unwrap()),
        ("include:inc.example", "40", "1", "used"),
        "{text}"
    );
    assert!(
        text.ends_with(
            "42 of 87 messages have the domain as their MAIL FROM: 0 match no term, 0 are not known, and 0 were reported otherwise.\n"
        ),
        "{text}"
    );
    let (home, text) = run(home, &dns, &["spf", "example.com", "--json", "--days", "7"]).await;
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&found["decided"], &found["terms"][0]["messages"]),
        (&42.into(), &40.into())
    );
    let refused = tokio::task::spawn_blocking(move || fails(&home, &["spf", "other.example"], 1, "other.example"));
    refused.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_are_listed_with_their_sentences() {
    let dns = Dns::start().await;
    dns.text("s1._domainkey.example.com", "v=DKIM1; p=MIIB");
    let home = tokio::task::spawn_blocking(home).await.unwrap();
    let (home, text) = run(home, &dns, &["selectors", "example.com"]).await;
    assert!(
        text.contains("s1 of example.com: 75 of 75 messages of its last 30 days passed.\n"),
        "{text}"
    );
    let (_, text) = run(home, &dns, &["selectors", "example.com", "--json"]).await;
    let found: Value = serde_json::from_str(&text).unwrap();
    let first = &found["selectors"][0];
    assert_eq!(
        (&first["standing"], &first["key"]),
        (&"passing".into(), &"found".into()),
        "{found}"
    );
}

#[test]
fn reporters_that_contradict_themselves_are_named() {
    let home = home();
    let text = stdout(&home.run(&["plausibility", "example.com"]).success());
    assert!(
        text.starts_with("The only reporter agrees with its own evidence"),
        "{text}"
    );
    assert!(
        text.contains("\nReporter: 87 messages, and all agree with their evidence.\n"),
        "{text}"
    );
    let text = stdout(&home.run(&["plausibility", "example.com", "--json"]).success());
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["all"]["messages"], 87);
}

#[test]
fn a_receipt_says_who_confirms_a_change() {
    let home = home();
    let text = stdout(&home.run(&["receipts", "example.com"]).success());
    assert_eq!(
        text,
        "No change of the last 90 days is known. --at asks about another instant.\n"
    );
    let now = Clock::system().now();
    let at = format_instant(now);
    let text = stdout(&home.run(&["receipts", "example.com", "--at", &at]).success());
    assert!(text.contains("You changed something: 0 of "), "{text}");
    assert!(
        text.contains("Waiting for Reporter; last failing message before the change "),
        "{text}"
    );
    let found = stdout(&home.run(&["receipts", "example.com", "--at", &at, "--json"]).success());
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(
        (&found["receipts"][0]["at"], &found["receipts"][0]["is_closed"]),
        (&at.into(), &false.into())
    );
    fails(
        &home,
        &["receipts", "example.com", "--at", "soon"],
        1,
        "--at must be an instant of the last 365 days",
    );
}

#[test]
fn a_change_is_noted_once_listed_and_removed() {
    let home = home();
    let add = ["changes", "add", "example.com", "--kind", "dkim", "--at"];
    let now = format_instant(Clock::system().now());
    let add: Vec<&str> = add
        .into_iter()
        .chain([&*now, "--service", "Mailchimp", "--note", "Switched on"])
        .collect();
    for _ in 0..2 {
        let text = stdout(&home.run(&add).success());
        assert!(text.starts_with("Change 1 of example.com is noted."), "{text}");
    }
    let text = stdout(&home.run(&["changes", "list", "example.com"]).success());
    for expect in ["dkim", "Mailchimp", "Switched on", "command line"] {
        assert!(text.contains(expect), "{expect}: {text}");
    }
    let text = stdout(&home.run(&["receipts", "example.com"]).success());
    assert!(
        text.contains("You changed DKIM for Mailchimp, and no service failed before or since."),
        "{text}"
    );
    fails(
        &home,
        &[
            "changes",
            "add",
            "example.com",
            "--kind",
            "spf",
            "--at",
            "2001-01-01T00:00:00Z",
        ],
        1,
        "--at must be an instant of the last 90 days",
    );
    fails(
        &home,
        &["changes", "add", "example.com", "--kind", "dns"],
        2,
        "must be one of dkim, spf, dmarc, other",
    );
    let text = stdout(&home.run(&["changes", "remove", "example.com", "1"]).success());
    assert_eq!(text, "Change 1 is removed.\n");
    fails(
        &home,
        &["changes", "remove", "example.com", "1"],
        1,
        "there is no change 1 of example.com",
    );
    let text = stdout(&home.run(&["changes", "list", "example.com", "--json"]).success());
    assert_eq!(text, "{\"changes\":[]}\n");
}
