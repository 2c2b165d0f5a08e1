//! Texts of TLS reports that cost more than they look, made by rule.

#![allow(dead_code, reason = "each user takes its part")]

use std::fmt::Write as _;

use super::corpus::Random;
use super::texts::Text;

const HEAD: &str = "{\"organization-name\":\"Reporter\",\"date-range\":{\"start-datetime\":\"2026-11-25T00:00:00Z\",\
                    \"end-datetime\":\"2026-11-25T23:59:59Z\"},\"contact-info\":\"tls@reporter.example\",\"report-id\":\"hostile\"";
const POLICY: &str = "{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"example.com\"},\
                      \"summary\":{\"total-successful-session-count\":5,\"total-failure-session-count\":1}";
const FAILURE: &str =
    "{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"192.0.2.1\",\"failed-session-count\":1}";

/// How many kinds of [`tls_text`] there are.
pub const TLS_TEXTS: usize = 15;

/// The head of a report, `block` repeated to about `bytes` between `before` and `behind`.
fn repeated(name: &'static str, before: &str, block: &str, behind: &str, bytes: u64) -> Text {
    let times = (bytes / block.len() as u64).max(1);
    let piece = |text: &str| text.as_bytes().to_vec();
    Text {
        name,
        pieces: vec![
            (piece(HEAD), 1),
            (piece(before), 1),
            (piece(block), times),
            (piece(behind), 1),
        ],
    }
}

/// A text of one kind that is about `bytes` long, as far as its kind goes.
pub fn tls_text(kind: usize, bytes: u64, random: &mut Random) -> Text {
    let policies =
        |name, block: &str, last: &str| repeated(name, ",\"policies\":[", block, &format!("{last}]}}"), bytes);
    let member =
        |name, before: &str, block: &str, behind: &str| repeated(name, before, block, &format!("{behind}}}"), bytes);
    match kind {
        1 => member("deep lists", ",\"policies\":", "[", ""),
        2 => member("deep objects", ",\"policies\":", "{\"policy\":", "1"),
        3 => member("deep values passed over", ",\"unknown\":", "[", ""),
        4 => member(
            "a number of many digits",
            ",\"policies\":[{\"summary\":{\"total-failure-session-count\":1",
            "0",
            "}}]",
        ),
        5 => member("repeated members", "", ",\"policies\":[],\"report-id\":\"r\"", ""),
        6 => policies("policies", &format!("{POLICY}}},"), &format!("{POLICY}}}")),
        7 => member(
            "failures",
            &format!(",\"policies\":[{POLICY},\"failure-details\":["),
            &format!("{FAILURE},"),
            &format!("{FAILURE}]}}]"),
        ),
        8 => member("one text", ",\"policies\":[],\"contact\":\"", "a", "\""),
        9 => member(
            "escapes",
            ",\"policies\":[],\"contact-info\":\"",
            "\\u0000\\ud83d\\ude00\\n",
            "\"",
        ),
        10 => policies("empty values", "[],{},\"\",null,", "0"),
        11 => repeated("white space", ",\"policies\":[]", " \n", "}", bytes),
        12 => member(
            "lines of a policy",
            ",\"policies\":[{\"policy\":{\"policy-string\":[",
            "\"mode: testing\",",
            "\"\"]}}]",
        ),
        13 => repeated("objects one after the other", "}", &format!("{HEAD}}}"), "", bytes),
        14 => member(
            "names of members",
            ",\"policies\":[]",
            ",\"policies-of-no-standard\":1",
            "",
        ),
        _ => Text {
            name: "a drawn report",
            pieces: vec![(drawn(bytes.min(16 << 20), random).into_bytes(), 1)],
        },
    }
}

/// A report whose members are drawn: absent, of another type, repeated, huge, or as they should be.
fn drawn(bytes: u64, random: &mut Random) -> String {
    let mut out = "{".to_owned();
    let members = [
        ("organization-name", "\"Reporter\""),
        (
            "date-range",
            "{\"start-datetime\":\"2026-11-25T00:00:00Z\",\"end-datetime\":\"2026-11-25T23:59:59Z\"}",
        ),
        ("contact-info", "\"tls@reporter.example\""),
        ("report-id", "\"drawn\""),
    ];
    for (name, value) in members {
        member(&mut out, name, value, random);
    }
    out.push_str("\"policies\":[");
    while (out.len() as u64) < bytes {
        out.push_str("{\"policy\":{");
        for (name, value) in [
            ("policy-type", "\"sts\""),
            ("policy-domain", "\"example.com\""),
            ("policy-string", "[\"version: STSv1\",\"mode: enforce\"]"),
            ("mx-host", "[\"*.example.com\"]"),
        ] {
            member(&mut out, name, value, random);
        }
        out.push_str("\"x\":1},\"summary\":{");
        for name in ["total-successful-session-count", "total-failure-session-count"] {
            let count = random.skewed(1_000_000).to_string();
            member(&mut out, name, &count, random);
        }
        out.push_str("\"x\":1},\"failure-details\":[");
        for _ in 0..random.skewed(40) {
            failure(&mut out, random);
        }
        out.push_str("{}]},");
    }
    out.push_str("{}]}");
    out
}

fn failure(out: &mut String, random: &mut Random) {
    out.push('{');
    let nth = random.below(1 << 16);
    for (name, value) in [
        ("result-type", "\"certificate-host-mismatch\"".to_owned()),
        ("sending-mta-ip", format!("\"2001:db8::{nth:x}\"")),
        ("receiving-mx-hostname", format!("\"mx{nth}.example.com\"")),
        ("receiving-mx-helo", "\"mx.example.com\"".to_owned()),
        ("receiving-ip", "\"192.0.2.1\"".to_owned()),
        ("failed-session-count", random.skewed(1_000).to_string()),
        ("additional-information", "\"https://reporter.example/x\"".to_owned()),
        ("failure-reason-code", "\"X509_V_ERR\"".to_owned()),
    ] {
        member(out, name, &value, random);
    }
    out.push_str("\"x\":1},");
}

/// One member with its comma, mostly as it should be.
fn member(out: &mut String, name: &str, value: &str, random: &mut Random) {
    const WRONG: [&str; 14] = [
        "null",
        "true",
        "-1",
        "18446744073709551615",
        "18446744073709551616",
        "1e308",
        "1e-400",
        "\"\"",
        "\"\\u0000\\u202e\"",
        "\"9999-99-99T99:99:99Z\"",
        "\"1,000\"",
        "[[[[]]]]",
        "{\"policy\":{\"policy\":{}}}",
        "[\"\",null,{},0]",
    ];
    match random.below(40) {
        0 => {}
        1 => {
            _ = write!(
                out,
                "\"{name}\":{value},\"{name}\":{},",
                WRONG[random.below(WRONG.len())]
            )
        }
        2 | 3 => _ = write!(out, "\"{name}\":{},", WRONG[random.below(WRONG.len())]),
        4 => _ = write!(out, "\"{name}\":\"{}\",", "long ".repeat(random.skewed(10_000))),
        5 => _ = write!(out, "\"{name}\":[{value},{value}],"),
        _ => _ = write!(out, "\"{name}\":{value},"),
    }
}
