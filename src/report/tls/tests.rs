//! Reports as they really come: the deviations, what is hostile, and the keys.

use proptest::prelude::*;

use super::*;
use crate::base::budget::{Budget, CostLimits};
use crate::report::aggregate::Window;

const DAY: &str = r#""date-range":{"start-datetime":"2026-03-23T00:00:00Z","end-datetime":"2026-03-23T23:59:59Z"}"#;

fn read(text: &[u8], hints: Hints<'_>) -> Result<Parsed, ParseError> {
    let budget = Budget::new(&CostLimits::NONE, text.len(), &|_| false);
    parse(&mut &*text, hints, &Limits::default(), &budget)
}

fn parsed(text: &str) -> Parsed {
    read(text.as_bytes(), Hints::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &[u8]) -> &'static str {
    let result = read(text, Hints::default());
    let text = String::from_utf8_lossy(&text[..text.len().min(100)]);
    result.err().unwrap_or_else(|| panic!("{text} is read")).kind.word()
}

fn warned(parsed: &Parsed) -> Vec<&'static str> {
    let mut words: Vec<_> = parsed.warnings.kept().iter().map(|one| one.kind.word()).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// A report with these policies, and nothing to warn of around them.
fn report(policies: &str) -> String {
    format!(
        r#"{{"organization-name":"Reporter",{DAY},"contact-info":"tls@reporter.example","report-id":"r1","policies":{policies}}}"#
    )
}

fn policy(policy: &str, rest: &str) -> String {
    report(&format!(
        r#"[{{"policy":{{"policy-type":"sts","policy-domain":"example.com"{policy}}},
            "summary":{{"total-successful-session-count":5,"total-failure-session-count":2}}{rest}}}]"#
    ))
}

fn failure(members: &str) -> String {
    policy(
        "",
        &format!(r#","failure-details":[{{"result-type":"certificate-expired",{members}}}]"#),
    )
}

#[test]
fn whole_report_is_read_without_a_warning() {
    let text = policy(
        r#","policy-string":["version: STSv1","mode: testing"],"mx-host":["*.mail.example.com"]"#,
        r#","failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"2001:db8:abcd:0012::1",
            "receiving-mx-hostname":"MX1.example.com","receiving-mx-helo":"mx1","receiving-ip":"192.0.2.1",
            "failed-session-count":2,"additional-information":"https://reporter.example/","failure-reason-code":"X509"}]"#,
    );
    let parsed = parsed(&text);
    assert_eq!(warned(&parsed), [""; 0]);
    let report = parsed.report;
    assert_eq!(&*report.domain, "example.com");
    assert_eq!(
        report.window,
        Window {
            begin: 1_774_224_000,
            end: 1_774_310_399
        }
    );
    let policy = &report.policies[0];
    assert_eq!((policy.successful, policy.failed), (5, 2));
    assert_eq!(*policy.lines, ["version: STSv1".into(), "mode: testing".into()]);
    let failure = &policy.failures[0];
    assert_eq!(failure.mx.as_deref(), Some("mx1.example.com"));
    assert_eq!(failure.sending_mta, "2001:db8:abcd:12::1".parse().ok());
    assert_eq!(failure.reason.as_deref(), Some("X509"));
    assert_eq!(reporter(&report).as_str(), "reporter.example");
}

/// A report with these warnings, and a first policy of which this is so.
fn check(text: &str, warnings: &[&str], is_so: &dyn Fn(&PolicyResult) -> bool) {
    let parsed = parsed(text);
    assert_eq!(warned(&parsed), warnings, "{text}");
    assert!(
        parsed.report.policies.first().is_some_and(is_so),
        "{text}: {:?}",
        parsed.report
    );
}

/// What senders leave out or write otherwise, and what the report then is.
#[test]
fn deviations_are_read_with_a_warning() {
    // Blank is absent, and null is absent.
    let blank =
        failure(r#""failed-session-count":1,"sending-mta-ip":"","receiving-mx-hostname":" ","receiving-ip":null"#);
    check(&blank, &[], &|policy| {
        let failure = &policy.failures[0];
        failure.sending_mta.is_none() && failure.mx.is_none() && failure.receiving_ip.is_none()
    });
    check(&policy("", r#","failure-details":[]"#), &[], &|policy| {
        policy.failures.is_empty()
    });
    check(&policy("", r#","failure-details":null"#), &[], &|policy| {
        policy.failures.is_empty()
    });
    check(
        &policy(r#","mx-host":"*.example.com""#, ""),
        &["wrong_type"],
        &|policy| *policy.mx == ["*.example.com".into()],
    );
    check(
        &policy(r#","mx-host-pattern":["mx.example.com"]"#, ""),
        &[],
        &|policy| policy.mx.len() == 1,
    );
    let uri = failure(r#""failed-session-count":1,"additional-info-uri":"see it""#);
    check(&uri, &[], &|policy| {
        policy.failures[0].information.as_deref() == Some("see it")
    });
    // Microsoft, 2024: the TLSA records are one text.
    let packed = policy(r#","policy-string":["[\"3 1 1 AA\",\"3 1 1 BB\"]"]"#, "");
    check(&packed, &[], &|policy| {
        *policy.lines == ["3 1 1 AA".into(), "3 1 1 BB".into()]
    });
    check(
        &failure(r#""failed-session-count":1,"sending-mta-ip":"nine""#),
        &["odd_source_ip"],
        &|policy| policy.failures[0].sending_mta.is_none(),
    );
}

#[test]
fn odd_counts_and_words_are_read_with_a_warning() {
    let counts = policy("", "").replace(":5,", r#":"5","#).replace(":2}", ":2.0}");
    check(&counts, &["wrong_type"], &|policy| {
        (policy.successful, policy.failed) == (5, 2)
    });
    let half = policy("", "").replace(r#""total-successful-session-count":5,"#, "");
    check(&half, &["missing"], &|policy| {
        (policy.successful, policy.failed) == (0, 2)
    });
    for number in ["-1", "1.5", "1e300", "99999999999999999999", "10000000000000"] {
        let huge = policy("", "").replace(":5,", &format!(":{number},"));
        let parsed = parsed(&huge);
        assert!(
            warned(&parsed).contains(&"not_a_number"),
            "{number}: {:?}",
            warned(&parsed)
        );
        assert_eq!(parsed.report.policies[0].successful, 0, "{number}");
    }
    let capitals = policy("", "").replace(r#""sts""#, r#""STS""#);
    check(&capitals, &[], &|policy| &*policy.kind == "sts");
    let unknown = policy("", "").replace(r#""sts""#, r#""tls""#);
    check(&unknown, &["unknown_word"], &|policy| &*policy.kind == "tls");
    let overlapping = policy(
        "",
        r#","failure-details":[{"result-type":"dane-required","failed-session-count":7}]"#,
    );
    check(&overlapping, &[], &|policy| {
        policy.failed == 2 && policy.failures[0].sessions == 7
    });
    let repeated = policy("", "").replace(":5,", r#":5,"total-successful-session-count":6,"#);
    check(&repeated, &["repeated_element"], &|policy| policy.successful == 5);
    check(&(policy("", "") + "\n{}"), &["trailing_data"], &|policy| {
        policy.successful == 5
    });
    check(&failure(r#""failed-session-count":true"#), &["wrong_type"], &|policy| {
        policy.failures[0].sessions == 0
    });
}

#[test]
fn window_may_lack_its_zone_or_be_swapped() {
    let with = |begin: &str, end: &str| {
        policy("", "")
            .replace("2026-03-23T00:00:00Z", "BEGIN")
            .replace("2026-03-23T23:59:59Z", end)
            .replace("BEGIN", begin)
    };
    let day = |end| Window {
        begin: 1_774_224_000,
        end,
    };
    for (begin, end, window, warnings) in [
        (
            "2026-03-23T00:00:00",
            "2026-03-23T23:59:59",
            day(1_774_310_399),
            &["odd_date"][..],
        ),
        ("2026-03-23T00:00:00Z", "2026-03-24T00:00:00Z", day(1_774_310_400), &[]),
        (
            "2026-03-23T02:00:00+02:00",
            "2026-03-24T02:00:00+02:00",
            day(1_774_310_400),
            &[],
        ),
        (
            "2026-03-23T23:59:59Z",
            "2026-03-23T00:00:00Z",
            day(1_774_310_399),
            &["window_swapped"],
        ),
    ] {
        let parsed = parsed(&with(begin, end));
        assert_eq!((parsed.report.window, &*warned(&parsed)), (window, warnings), "{begin}");
    }
    assert_eq!(refused(with("soon", "later").as_bytes()), "no_date_range");
    assert_eq!(
        refused(report("[]").replace(DAY, r#""date-range":7"#).as_bytes()),
        "no_date_range"
    );
    let hints = Hints {
        file_name: Some("reporter.example!example.com!1774224000!1774310399.json.gz"),
        ..Hints::default()
    };
    let parsed = read(report("[]").replace(DAY, r#""x":7"#).as_bytes(), hints).unwrap();
    assert_eq!(parsed.report.window, day(1_774_310_399));
}

/// RFC 8460, 5.6: the report wins over what is around it.
#[test]
fn domain_is_that_of_the_report_else_of_what_is_around_it() {
    let header = Hints {
        domain: Some("Header.example"),
        submitter: Some("submitter.example"),
        file_name: Some("reporter.example!file.example!1774224000!1774310399.json.gz"),
    };
    let file = Hints { domain: None, ..header };
    let sts = policy("", "");
    let tlsa = sts
        .replace(r#""sts""#, r#""tlsa""#)
        .replace("example.com\"", "mx.example.com\"");
    let none = sts.replace(r#""policy-domain":"example.com""#, r#""x":1"#);
    for (text, hints, domain, is_host) in [
        (&sts, header, "example.com", false),
        (&tlsa, header, "header.example", false),
        (&tlsa, file, "file.example", false),
        (&tlsa, Hints::default(), "mx.example.com", true),
        (&none, header, "header.example", false),
    ] {
        let report = read(text.as_bytes(), hints).unwrap().report;
        assert_eq!((&*report.domain, report.is_host), (domain, is_host), "{text} {hints:?}");
    }
    let nowhere = parsed(&none);
    assert_eq!((&*nowhere.report.domain, nowhere.report.is_host), ("", true));
    assert_eq!(warned(&nowhere), ["missing"]);
    let nameless = sts.replace("tls@reporter.example", "").replace("\"Reporter\"", "null");
    let report = read(nameless.as_bytes(), header).unwrap().report;
    assert_eq!(reporter(&report).as_str(), "submitter.example");
}

#[test]
fn hostile_texts_end_in_a_reason() {
    let deep = |open: &str, count: usize| format!(r#"{{"policies":{}"#, open.repeat(count));
    for (text, word) in [
        ("", "malformed_json"),
        ("[]", "not_a_report"),
        ("7", "not_a_report"),
        ("{}", "not_a_report"),
        (r#"{"policies":7}"#, "not_a_report"),
        (r#"{"policies":[]"#, "malformed_json"),
        (r#"{"policies":[]}"#, "no_date_range"),
        (r#"{"report-id":"1","date-range":null}"#, "no_date_range"),
        (&deep("[", 100_000), "too_deep"),
        (&deep(r#"[{"policy":"#, 100_000), "too_deep"),
        (&policy("", "").replace(":5,", ":1e999,"), "malformed_json"),
    ] {
        assert_eq!(refused(text.as_bytes()), word, "{text:.100}");
    }
    // What is not read may be as deep as it likes.
    let aside = policy("", &format!(r#","x":{}{}"#, "[".repeat(100_000), "]".repeat(100_000)));
    assert_eq!(parsed(&aside).report.policies[0].successful, 5);
    let many = |count: usize| report(&format!("[{}]", vec!["{}"; count].join(",")));
    assert_eq!(refused(many(1_001).as_bytes()), "too_many_policies");
    let details = vec!["{}"; 50_001].join(",");
    assert_eq!(
        refused(policy("", &format!(r#","failure-details":[{details}]"#)).as_bytes()),
        "too_many_failures"
    );
    let long = policy(&format!(r#","x":"{}""#, "a".repeat(17 << 20)), "");
    assert_eq!(refused(long.as_bytes()), "too_large");
    let broken = [policy("", "").as_bytes(), b"\xff\xfe"].concat();
    let broken = read(&broken, Hints::default()).unwrap();
    assert_eq!(warned(&broken), ["invalid_utf8", "trailing_data"]);
}

#[test]
fn memory_and_steps_are_drawn_from_the_budget() {
    let text = policy("", &format!(r#","failure-details":[{}]"#, vec!["{}"; 10_000].join(",")));
    let of = |limits: CostLimits| {
        let budget = Budget::new(&limits, text.len(), &|_| false);
        let result = parse(&mut text.as_bytes(), Hints::default(), &Limits::default(), &budget);
        (
            result.map_err(|error| error.kind.word()).map(drop),
            budget.drawn().memory,
        )
    };
    let limits = CostLimits::NONE;
    let (result, held) = of(limits);
    assert_eq!(result, Ok(()));
    assert!((1_000_000..20_000_000).contains(&held), "{held}");
    let memory_bytes_max = 100_000;
    assert_eq!(
        of(CostLimits {
            memory_bytes_max,
            ..limits
        })
        .0,
        Err("too_much_memory")
    );
    assert_eq!(
        of(CostLimits {
            events_max: 100,
            ..limits
        })
        .0,
        Err("too_many_events")
    );
}

#[test]
fn keys_tell_the_same_report_from_another() {
    let one = parsed(&policy("", "")).report;
    let of = |text: &str| {
        let report = parsed(text).report;
        (
            identity_key(&report) == identity_key(&one),
            content_key(&report) == content_key(&one),
        )
    };
    let text = policy("", "");
    assert_eq!(of(&text.replace("tls@", "other@")), (true, true));
    assert_eq!(of(&text.replace("r1", "r2")), (false, true));
    assert_eq!(of(&text.replace(":5,", ":6,")), (true, false));
    assert_eq!(of(&text.replace("23:59:59", "23:59:58")), (false, false));
    assert_eq!(of(&failure(r#""failed-session-count":1"#)), (true, false));
    let nameless = parsed(&text.replace("r1", "")).report;
    assert!(nameless.report_id.starts_with("synthesised-"), "{}", nameless.report_id);
    // What is around a report changes its identity at most.
    let hints = Hints {
        submitter: Some("reporter.example"),
        ..Hints::default()
    };
    let around = read(text.as_bytes(), hints).unwrap().report;
    assert_eq!(content_key(&around), content_key(&one));
}

#[test]
fn stored_form_of_policies_is_read_back() {
    let text = failure(r#""failed-session-count":3,"sending-mta-ip":"192.0.2.1","failure-reason-code":"\u202e""#);
    let policies = parsed(&text).report.policies;
    let json = serde_json::to_string(&policies).unwrap();
    assert_eq!(serde_json::from_str::<Vec<PolicyResult>>(&json).unwrap(), policies);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = read(text.as_bytes(), Hints::default());
    }

    /// One byte of a report is another one, or the report ends there.
    #[test]
    fn any_damage_is_read_or_refused(at in 0_usize..600, byte: u8, cut: bool) {
        let mut text = failure(r#""failed-session-count":3,"sending-mta-ip":"192.0.2.1""#).into_bytes();
        let at = at % text.len();
        text[at] = byte;
        if cut {
            text.truncate(at);
        }
        let _ = read(&text, Hints::default());
    }
}
