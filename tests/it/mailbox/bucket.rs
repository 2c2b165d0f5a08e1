//! Buckets: what is in them is taken, moved or tagged, and counted once, whatever happens in between.

use std::time::Duration;

use serde_json::json;

use super::proxy::{Point, Proxy};
use super::s3::{MOVES, S3, config, credentials};
use super::{Home, Tallymark, broken_mail, other_mail, quarantined, report_mail, sum, until, until_or, verify};
use crate::intake::xml_at;

const MAILS: u32 = 8;

struct Bucket {
    s3: S3,
    proxy: Proxy,
    home: Home,
}

fn bucket(more: &str) -> Bucket {
    let s3 = S3::start();
    let proxy = Proxy::start(s3.port);
    let home = Home::new();
    config(&home, proxy.port, more);
    credentials(&home, &s3.keys);
    Bucket { s3, proxy, home }
}

/// The mails of reports with these numbers, in the order of their contents.
fn reports(numbers: std::ops::Range<u32>) -> Vec<String> {
    let mut mails: Vec<_> = numbers.map(report_mail).collect();
    mails.sort();
    mails
}

#[test]
fn mixed_objects_are_taken_moved_and_left_alone() {
    let Bucket { s3, proxy, home } = bucket(MOVES);
    for nth in 0..20 {
        s3.put(&format!("in/report {nth}.eml"), &report_mail(nth));
    }
    for nth in 0..3 {
        s3.put(&format!("in/other{nth}"), &other_mail(nth));
        s3.put(&format!("in/deep/broken{nth}"), &broken_mail(nth));
    }
    // A file, not a mail; what is not below the prefix; an object of another content where one of ours would go.
    s3.put(
        "in/file.xml",
        &xml_at("example.com", "file", 5, (1_704_067_200, 1_704_153_599)),
    );
    s3.put("out/report.eml", &report_mail(99));
    s3.put("processed/report 3.eml", "someone else's");
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("all is put away: {:?} {}", s3.objects(""), tallymark.log()),
        || s3.objects("in/").len() == 3 && tallymark.source("bucket")["condition"] == "reading",
    );
    assert_eq!(
        tallymark.metric("tallymark_feed_messages_total{feed=\"bucket\",outcome=\"taken\"}"),
        21
    );
    assert_eq!(tallymark.metric("tallymark_feed_up{feed=\"bucket\"}"), 1);
    // What comes later is found as well, and what was left is not fetched again.
    proxy.commands();
    s3.put("in/later", &report_mail(20));
    until("the next one is taken", || {
        // It is copied first, and removed then.
        s3.objects("processed/").contains_key("later") && s3.objects("in/").len() == 3
    });
    assert!(proxy.lines("GET /mail/in/other").is_empty());
    tallymark.stop();
    let processed = s3.objects("processed/");
    assert_eq!(processed["report 3.eml"], "someone else's");
    let aside: Vec<_> = processed
        .keys()
        .filter(|key| key.starts_with("report 3.eml."))
        .collect();
    assert_eq!((aside.len(), &processed[aside[0]]), (1, &report_mail(3)));
    assert_eq!((processed.len(), s3.objects("failed/deep/").len()), (23, 3));
    assert_eq!(s3.contents("in/"), (0..3).map(other_mail).collect::<Vec<_>>());
    assert_eq!(s3.objects("out/").len(), 1);
    verify(&home, 22, sum(0..21) + 5);
    assert_eq!(quarantined(&home, "malformed_xml"), 3);
}

#[test]
fn a_bucket_killed_at_each_step_loses_nothing_and_counts_nothing_twice() {
    let Bucket { s3, proxy, home } = bucket(MOVES);
    let points = [
        // Before it is listed, in a page, between two pages, before and in a fetch.
        Point::Before("GET /mail/?encoding-type"),
        Point::Inside("GET /mail/?encoding-type", 400),
        Point::Before("continuation-token"),
        Point::Before("GET /mail/in/"),
        Point::Inside("GET /mail/in/", 500),
        // Committed, not copied; copied, not removed; removed, not said.
        Point::Before("HEAD /mail/processed/"),
        Point::Before("PUT /mail/processed/"),
        Point::Inside("PUT /mail/processed/", 10),
        Point::Before("DELETE /mail/in/"),
        Point::Inside("DELETE /mail/in/", 10),
    ];
    let mut rounds = 0;
    for point in &points {
        for nth in 0..MAILS {
            s3.put(&format!("in/{rounds}-{nth}"), &report_mail(rounds * MAILS + nth));
        }
        s3.put(&format!("in/other{rounds}"), &other_mail(rounds));
        s3.put(&format!("in/broken{rounds}"), &broken_mail(rounds));
        rounds += 1;
        let frozen = proxy.freeze(point.clone());
        let tallymark = Tallymark::start(home.path());
        let reached = frozen.recv_timeout(super::PATIENCE);
        assert!(reached.is_ok(), "{point:?} was not reached: {}", tallymark.log());
        tallymark.kill();
        proxy.cut();
    }
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("all is put away: {}", tallymark.log()),
        || s3.objects("in/").len() == rounds as usize && tallymark.source("bucket")["condition"] == "reading",
    );
    tallymark.stop();
    let all = rounds * MAILS;
    assert!(s3.contents("processed/") == reports(0..all), "each once");
    assert_eq!(s3.objects("failed/").len(), rounds as usize);
    verify(&home, all.into(), sum(0..all));
    assert_eq!(quarantined(&home, "malformed_xml"), rounds as usize);
}

#[test]
fn objects_that_others_take_or_replace_meanwhile_are_counted_as_they_were_read() {
    let Bucket { s3, proxy, home } = bucket(MOVES);
    for nth in 0..4 {
        s3.put(&format!("in/{nth}"), &report_mail(nth));
    }
    let server = s3.clone();
    proxy.before("GET /mail/in/0", move || server.remove("in/0"));
    let server = s3.clone();
    proxy.before("GET /mail/in/1", move || server.put("in/1", &report_mail(11)));
    let server = s3.clone();
    proxy.before("HEAD /mail/processed/2", move || server.remove("in/2"));
    let server = s3.clone();
    proxy.before("PUT /mail/processed/3", move || server.put("in/3", &report_mail(13)));
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("all is put away: {:?} {}", s3.objects(""), tallymark.log()),
        || s3.objects("in/").is_empty() && proxy.interruptions_left() == 0,
    );
    until("it is read on", || tallymark.source("bucket")["condition"] == "reading");
    tallymark.stop();
    // 0 and the first 1 were never seen; 2 was read before it was taken away; of 3 both were read.
    let seen = [2, 3, 11, 13];
    verify(&home, 4, sum(seen));
    let processed = s3.objects("processed/");
    assert!(
        processed.values().any(|content| *content == report_mail(13)),
        "{:?}",
        processed.keys()
    );
}

#[test]
fn a_server_that_asks_for_patience_is_left_alone() {
    let Bucket { s3, proxy, home } = bucket(MOVES);
    for nth in 0..5 {
        s3.put(&format!("in/{nth}"), &report_mail(nth));
    }
    let slow_down = |seconds: &str| {
        let body = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
        let length = body.len();
        format!("HTTP/1.1 503 x\r\nRetry-After: {seconds}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    // While it is listed, while one is fetched, and between commit and move.
    proxy.answer("GET /mail/?", slow_down("3"));
    proxy.answer("GET /mail/in/2", slow_down("3"));
    proxy.answer("PUT /mail/processed/4", slow_down("3"));
    let tallymark = Tallymark::start(home.path());
    tallymark.fails("bucket", "throttled");
    until_or(
        || format!("all is put away: {}", tallymark.log()),
        || s3.objects("in/").is_empty() && tallymark.source("bucket")["condition"] == "reading",
    );
    let lists = proxy.lines("GET /mail/?encoding");
    let throttled = tallymark.metric("tallymark_feed_failures_total{feed=\"bucket\",reason=\"throttled\"}");
    assert_eq!(throttled, 3);
    assert!(
        lists[1].1.duration_since(lists[0].1) >= Duration::from_secs(3),
        "it did not wait"
    );
    // A time of a year is not waited for.
    proxy.answer("GET /mail/?", slow_down("31536000"));
    tallymark.fails("bucket", "throttled");
    until("it says for how long", || {
        tallymark.log().contains("again_in_ms=900000")
    });
    tallymark.stop();
    verify(&home, 5, sum(0..5));
    // What was committed before is not fetched again for its move.
    assert_eq!(proxy.lines("GET /mail/in/4").len(), 1);
}

#[test]
fn keys_that_run_out_are_replaced_while_it_runs() {
    let Bucket { s3, home, .. } = bucket(MOVES);
    let keys = s3.session();
    credentials(&home, &keys);
    s3.put("in/0", &report_mail(0));
    let tallymark = Tallymark::start(home.path());
    until_or(|| tallymark.log(), || s3.objects("in/").is_empty());
    s3.expire();
    s3.put("in/1", &report_mail(1));
    until("it is refused", || tallymark.source("bucket")["condition"] == "failing");
    credentials(&home, &s3.session());
    until_or(|| tallymark.log(), || s3.objects("in/").is_empty());
    let log = tallymark.log();
    for secret in &keys[1..] {
        assert!(!log.contains(secret.as_str()), "a secret is in the log: {log}");
    }
    tallymark.stop();
    verify(&home, 2, sum(0..2));
}

#[test]
fn without_permission_nothing_is_given_up() {
    let Bucket { s3, home, .. } = bucket(MOVES);
    s3.put("in/0", &report_mail(0));
    s3.put("in/1", &report_mail(1));
    s3.allow(&["s3:ListBucket"]);
    let tallymark = Tallymark::start(home.path());
    tallymark.fails("bucket", "folder_refused");
    let log = tallymark.log();
    assert!(log.contains("s3://mail/in/0: the server answers 403"), "{log}");
    s3.allow(&["s3:ListBucket", "s3:GetObject"]);
    until_or(|| tallymark.log(), || tallymark.log().contains("cannot be put away"));
    s3.allow(&["s3:*"]);
    until_or(|| tallymark.log(), || s3.objects("in/").is_empty());
    tallymark.stop();
    verify(&home, 2, sum(0..2));
    assert_eq!(quarantined(&home, "unfetchable"), 0);

    for (keys, reason) in [
        ([s3.keys[0].clone(), "wrong/secret".to_owned()], "login_refused"),
        (["AKIAUNKNOWN".to_owned(), s3.keys[1].clone()], "login_refused"),
    ] {
        credentials(&home, &keys);
        let tallymark = Tallymark::start(home.path());
        tallymark.fails("bucket", reason);
        assert!(!tallymark.log().contains(&keys[1]), "the secret is in the log");
        tallymark.stop();
    }
    home.file("keys", "");
    let tallymark = Tallymark::start(home.path());
    tallymark.fails("bucket", "secret_unreadable");
    tallymark.stop();
}

#[test]
fn an_object_that_cannot_be_read_stops_no_other() {
    let Bucket { s3, proxy, home } = bucket(MOVES);
    for nth in 0..3 {
        s3.put(&format!("in/{nth}"), &report_mail(nth));
    }
    // As one that is encrypted with a key of its owner, at each of the three attempts.
    let body = "<Error><Code>InvalidRequest</Code><Message>The object was stored using SSE-C.</Message></Error>";
    let refusal = format!("HTTP/1.1 400 x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for _ in 0..3 {
        proxy.answer("GET /mail/in/0", refusal.clone());
    }
    let tallymark = Tallymark::start(home.path());
    until_or(|| tallymark.log(), || s3.objects("in/").is_empty());
    tallymark.stop();
    assert_eq!(s3.objects("failed/").into_keys().collect::<Vec<_>>(), ["0"]);
    verify(&home, 2, sum(1..3));
    assert_eq!(quarantined(&home, "unfetchable"), 1);
}

#[test]
fn what_cannot_be_looked_at_is_not_replaced() {
    let Bucket { s3, proxy, home } = bucket(MOVES);
    s3.put("processed/0", "another object");
    s3.put("in/0", &report_mail(0));
    proxy.answer(
        "HEAD /mail/processed/0",
        "HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n".to_owned(),
    );
    let tallymark = Tallymark::start(home.path());
    until_or(|| tallymark.log(), || s3.objects("in/").is_empty());
    tallymark.stop();
    let processed = s3.objects("processed/");
    assert_eq!((processed.len(), &*processed["0"]), (2, "another object"));
    verify(&home, 1, sum(0..1));
}

#[test]
fn hostile_names_and_lengths_are_taken_like_others() {
    let Bucket { s3, proxy, home } = bucket(&format!("{MOVES}[limits]\nmessage_bytes_max = 20000\n"));
    let long = format!("{}{}", "in/", "x".repeat(900));
    let keys = [
        "in/",
        "in/%2e%2e/ü?#&=+.eml",
        "in/<Key>&amp;\"'",
        "in/\u{1b}[31mred\u{202e}",
        "in/a  b\t",
        &long,
    ];
    for (nth, key) in (0..).zip(keys) {
        s3.put(key, &report_mail(nth));
    }
    s3.put("in/large", &"x".repeat(30_000));
    let tallymark = Tallymark::start(home.path());
    until_or(
        || format!("all is put away: {:?} {}", s3.objects("").keys(), tallymark.log()),
        || s3.objects("in/").is_empty(),
    );
    tallymark.stop();
    let processed = s3.objects("processed/");
    for (nth, key) in (0..).zip(keys) {
        assert_eq!(processed[&key[3..]], report_mail(nth), "{key:?}");
    }
    assert_eq!(s3.objects("failed/").into_keys().collect::<Vec<_>>(), ["large"]);
    assert!(proxy.lines("GET /mail/in/large").is_empty(), "it was fetched");
    verify(&home, 6, sum(0..6));
    assert_eq!(quarantined(&home, "message_too_large"), 1);
}

#[test]
fn objects_that_stay_are_tagged_and_read_once() {
    let Bucket { s3, proxy, home } = bucket("tag = \"dmarc\"\n");
    s3.put("in/0", &report_mail(0));
    s3.tag("in/0", &json!({ "team": "a b" }));
    s3.put("in/1", &broken_mail(0));
    let tallymark = Tallymark::start(home.path());
    until_or(|| tallymark.log(), || s3.tags("in/1") == json!({ "dmarc": "failed" }));
    until("a round", || tallymark.source("bucket")["condition"] == "reading");
    assert_eq!(s3.tags("in/0"), json!({ "team": "a b", "dmarc": "processed" }));
    // Not again, not even after a restart; with another content it is another message.
    tallymark.stop();
    proxy.commands();
    s3.put("in/0", &report_mail(1));
    let tallymark = Tallymark::start(home.path());
    // It gets its tag after the commit.
    until_or(|| tallymark.log(), || !proxy.lines("PUT /mail/in/0?tagging").is_empty());
    tallymark.stop();
    assert!(proxy.lines("GET /mail/in/1").is_empty());
    verify(&home, 2, sum(0..2));
}

#[test]
fn what_is_not_object_storage_is_named() {
    let Bucket { s3, proxy, home } = bucket(MOVES);
    s3.put("in/0", &report_mail(0));
    let page = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let outside = "<ListBucketResult><Contents><Key>secret/0</Key><ETag>1</ETag></Contents></ListBucketResult>";
    proxy.answer("GET /mail/?", page("<html>hello</html>"));
    proxy.answer("GET /mail/?", page(outside));
    proxy.answer(
        "GET /mail/?",
        "HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n".to_owned(),
    );
    let tallymark = Tallymark::start(home.path());
    tallymark.fails("bucket", "bad_answer");
    until_or(|| tallymark.log(), || s3.objects("in/").is_empty());
    let log = tallymark.log();
    assert!(
        log.contains("does not begin with prefix") && log.contains("the server answers 307"),
        "{log}"
    );
    tallymark.stop();
    verify(&home, 1, sum(0..1));
}
