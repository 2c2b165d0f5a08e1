//! What is taken from a report, and that no local part is.

use std::net::IpAddr;

use proptest::prelude::*;

use super::results::{hop, results, signature};
use super::values::{address, date, domains, name, without_comments, word};
use super::{AuthResult, Form, Hop, Parsed, Parts, Signature, parse};

fn arf(text: &str, copy: Option<&str>) -> Parsed {
    parse(&Parts {
        form: Form::Arf,
        text: text.as_bytes(),
        copy: copy.map(str::as_bytes),
        mail: b"",
    })
}

#[test]
fn domains_are_behind_the_at_sign_of_an_address() {
    for (text, expect) in [
        ("jane@example.com", &["example.com"][..]),
        (
            "<jane@example.com>, \"a@b.example\" <x@other.example>",
            &["example.com", "other.example"],
        ),
        ("jane@Example.COM (jane@comment.example)", &["example.com"]),
        ("\"jane@home.example\"@example.com", &["example.com"]),
        ("jane@home.example@example.com", &["example.com"]),
        ("bounce+jane=home.example@list.example", &["list.example"]),
        ("jane", &[]),
        ("jane@localhost", &[]),
        ("jane@exa mple.com", &[]),
        ("<>", &[]),
        ("=?utf-8?q?jane=40example.com?=", &[]),
        ("jane@m\u{fc}nchen.example", &["xn--mnchen-3ya.example"]),
    ] {
        let found = domains(text);
        assert_eq!(
            found.iter().map(|domain| &**domain).collect::<Vec<_>>(),
            expect,
            "{text}"
        );
    }
}

#[test]
fn values_have_closed_forms() {
    for (text, expect) in [
        ("example.com.", Some("example.com")),
        ("<friends.lists.example>", Some("friends.lists.example")),
        ("jane", None),
        ("jane@example.com", None),
        ("jane roe.example", None),
    ] {
        assert_eq!(name(text).as_deref(), expect, "{text}");
    }
    for (text, expect) in [
        ("DMARC", Some("dmarc")),
        ("smg-policy-action", Some("smg-policy-action")),
        ("fail (jane did it)", Some("fail")),
        ("jane@example.com", None),
        ("two words", None),
        ("", None),
    ] {
        assert_eq!(word(text).as_deref(), expect, "{text}");
    }
    let here: IpAddr = "192.0.2.1".parse().unwrap();
    for text in [
        "192.0.2.1",
        "192.0.2.1 (host.example)",
        "[192.0.2.1]",
        "::ffff:192.0.2.1",
        "[IPv6:::ffff:192.0.2.1]",
    ] {
        assert_eq!(address(text), Some(here), "{text}");
    }
    assert_eq!(address("jane@192.0.2.1"), None);
    for text in [
        "8 Oct 2011 20:15:58 +0000 (GMT)",
        "Sat,  8 Oct 2011 22:15:58 +0200 (CEST)",
    ] {
        assert_eq!(date(text), Some(1_318_104_958), "{text}");
    }
    assert_eq!(without_comments("a (b (c) \\) d) e \"(f)\""), "a  e \"(f)\"");
}

#[test]
fn results_of_both_orders_are_read() {
    let of = |method: &str, result: &str, domain: Option<&str>, host: Option<&str>| AuthResult {
        method: method.into(),
        result: result.into(),
        domain: domain.map(Into::into),
        host: host.map(Into::into),
        ..AuthResult::default()
    };
    let without_host = results("dmarc=fail (p=none; dis=none) header.from=example.org");
    assert_eq!(without_host, [of("dmarc", "fail", Some("example.org"), None)]);
    let value =
        "mx.example 1; spf=pass smtp.mailfrom=jane@a.example; dkim/1=fail reason=\"bad; very\" header.i=@b.example";
    let host = Some("mx.example");
    let found = results(value);
    assert_eq!(found[0], of("spf", "pass", Some("a.example"), host));
    assert_eq!((&*found[1].method, &*found[1].result), ("dkim", "fail"));
    for (quoted, domain) in [
        ("smtp.mailfrom=\"john.doe;x\"@corp.example", None),
        ("smtp.mailfrom=\"john.doe x\"@corp.example", None),
        ("smtp.mailfrom=john.doe @corp.example", None),
        ("smtp.mailfrom=\"john.doe", None),
        ("smtp.mailfrom=corp.example", Some("corp.example")),
    ] {
        let found = results(&format!("mx.example; spf=fail {quoted}; dkim=none"));
        assert_eq!(found[0].domain.as_deref(), domain, "{quoted}");
    }
    assert_eq!(results("mx.example; none"), []);
    assert_eq!(results(&"a=b;".repeat(10_000)).len(), 20);
    let signed = Signature {
        domain: Some("example.com".into()),
        selector: Some("s1".into()),
    };
    assert_eq!(signature("v=1; d=example.com; i=jane@example.com; s=s1"), Some(signed));
    let hop_of = |from: Option<&str>, address: Option<&str>, by: Option<&str>| Hop {
        from: from.map(Into::into),
        address: address.map(|text| text.parse().unwrap()),
        by: by.map(Into::into),
    };
    for (text, expect) in [
        (
            "from a.example (b.example [192.0.2.1]) by c.example (Postfix) with ESMTP for <jane@c.example>; Mon",
            hop_of(Some("a.example"), Some("192.0.2.1"), Some("c.example")),
        ),
        (
            "from [192.0.2.1] (helo=jane) by c.example",
            hop_of(Some("192.0.2.1"), Some("192.0.2.1"), Some("c.example")),
        ),
        (
            "by c.example (Postfix, from userid 116) id X",
            hop_of(None, None, Some("c.example")),
        ),
    ] {
        assert_eq!(hop(text), Some(expect), "{text}");
    }
    assert_eq!(hop("nothing"), None);
}

/// The body of the mail is never looked at, and neither is what a reporter made of it.
#[test]
fn parts_of_the_mail_itself_are_left_out_of_the_texts() {
    let text =
        "Feedback-Type: auth-failure\r\nDKIM-Canonicalized-Body: U0VD\r\n UkVU\r\nDKIM-Canonicalized-Header: SEFS\r\n";
    let parsed = arf(text, Some("Subject: hello\r\n"));
    let names: Vec<_> = parsed.texts.fields.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["feedback-type"]);
    assert_eq!(parsed.texts.header, [("subject".to_owned(), "hello".to_owned())]);
}

#[test]
fn content_is_the_same_by_every_way() {
    let (text, copy) = (
        "Feedback-Type: auth-failure\nSource-IP: 192.0.2.1\n",
        "From: a@example.com\nTo: b@example.net\n",
    );
    let other_ends = (text.replace('\n', "\r\n"), copy.replace('\n', "  \r\n"));
    let one = arf(text, Some(copy));
    assert_eq!(arf(&other_ends.0, Some(&other_ends.1)).content, one.content);
    assert_ne!(arf(text, Some("From: c@example.com\n")).content, one.content);
    let carried = |mail: &[u8], copy: Option<&str>| {
        let copy = copy.map(str::as_bytes);
        let parts = Parts {
            form: Form::Arf,
            text: text.as_bytes(),
            copy,
            mail,
        };
        parse(&parts).content
    };
    // Without a copy the fields may be those of any mail from that host.
    let ids = [&b"Message-ID: <1@r.example>\n"[..], b"Message-ID: <2@r.example>\n"];
    assert_ne!(carried(ids[0], None), carried(ids[1], None));
    assert_eq!(carried(ids[0], Some(copy)), carried(ids[1], Some(copy)));
}

const NAMES: [&str; 16] = [
    "From",
    "To",
    "Reply-To",
    "Message-ID",
    "Received",
    "Authentication-Results",
    "DKIM-Signature",
    "List-Id",
    "Original-Mail-From",
    "Original-Rcpt-To",
    "DKIM-Identity",
    "Reporting-MTA",
    "User-Agent",
    "Identity-Alignment",
    "Auth-Failure",
    "Return-Path",
];
/// Where addresses are put.
const FRAMES: [&str; 10] = [
    "{}",
    "<{}>",
    "\"Jane\" <{}>",
    "x ({}) y",
    "from a.example by b.example for <{}>; today",
    "mx.example; spf=fail smtp.mailfrom={}",
    "mx.example; dkim=fail header.i={} header.d=example.com",
    "v=1; d=example.com; i={}; s=s1",
    "rfc822;{}",
    "a@x.example, {}, <b@y.example>",
];

proptest! {
    #[test]
    fn no_local_part_is_in_a_report(
        local in "qz[a-z]{4}(\\.[a-z]{1,4})?", name in 0..NAMES.len(), frame in 0..FRAMES.len(),
        domain in "[a-z]{1,8}\\.example",
    ) {
        let field = format!("{}: {}\r\n", NAMES[name], FRAMES[frame].replace("{}", &format!("{local}@{domain}")));
        let text = format!("Feedback-Type: auth-failure\r\n{field}");
        let parsed = arf(&text, Some(&field));
        let shown = format!("{:?} {:?}", parsed.report, parsed.warnings);
        prop_assert!(!shown.contains(&local), "{} in {}", local, shown);
        // They are in the texts, or the test would show nothing.
        let texts = format!("{:?}", parsed.texts);
        prop_assert!(texts.contains(&local));
    }

    #[test]
    fn any_bytes_are_read(text: Vec<u8>, copy: Vec<u8>, mail: Vec<u8>, is_plain: bool) {
        let form = if is_plain { Form::Plain } else { Form::Arf };
        let _ = parse(&Parts { form, text: &text, copy: Some(&copy), mail: &mail });
    }

    #[test]
    fn any_value_is_read(value in "[ -~]{0,60}", name in 0..NAMES.len()) {
        let field = format!("{}: {value}\n", NAMES[name]);
        let _ = arf(&field, Some(&field));
    }
}
