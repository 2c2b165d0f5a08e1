//! What finding out who a mail is from may cost, in bytes that are hashed and names that are asked for.

use mail_auth::dkim::Canonicalization;
use tallymark::ingest::{Checked, Cost};

use super::*;

/// Checks a mail with a name server of its own.
struct Check {
    dns: Dns,
    authenticator: Authenticator,
}

impl Check {
    async fn start() -> Self {
        let dns = Dns::start().await;
        let authenticator = dns.authenticator();
        Self { dns, authenticator }
    }

    async fn run(&self, bytes: Vec<u8>, envelope: Envelope) -> Checked {
        let before = bytes.clone();
        let checked = self
            .authenticator
            .check(&Clock::system(), bytes, envelope)
            .await
            .unwrap();
        assert!(checked.bytes == before, "the mail comes back as it was");
        checked
    }

    fn asked(&self, name: &str) -> bool {
        self.dns.asked().iter().any(|asked| asked.starts_with(name))
    }
}

/// A mail with a body of `bytes` bytes below these fields.
fn with_body(fields: &str, body: &str, bytes: usize) -> Vec<u8> {
    let mut mail = format!("{fields}From: {AUTHOR}\r\nSubject: x\r\n\r\n").into_bytes();
    mail.extend(body.bytes().cycle().take(bytes));
    mail
}

fn signature(algorithm: &str, ways: &str, more: &str) -> String {
    format!(
        "DKIM-Signature: v=1; a={algorithm}; c={ways}; d=reporter.example; s=rsa; h=From; bh=QQ==; b=QQ==; {more}\r\n"
    )
}

#[tokio::test]
async fn a_body_is_hashed_twice_at_most_whatever_signs_it() {
    const BODY: usize = 300_000;
    let check = Check::start().await;
    let algorithms = ["rsa-sha256", "ed25519-sha256", "rsa-sha1"];
    let ways = [
        "simple/simple",
        "relaxed/relaxed",
        "simple/relaxed",
        "relaxed/simple",
        "simple",
    ];
    let all = algorithms
        .iter()
        .flat_map(|algorithm| ways.iter().map(move |ways| (algorithm, ways)));
    let all: String = all.map(|(algorithm, ways)| signature(algorithm, ways, "")).collect();
    let lengths: String = (1..200)
        .map(|length| signature("rsa-sha256", "simple/simple", &format!("l={length}")))
        .collect();
    let old = signature("rsa-sha1", "relaxed/relaxed", "");
    for (case, fields, passes) in [
        ("none", String::new(), 0),
        ("all", all.clone(), 2),
        ("all, many times", all.repeat(30), 2),
        ("lengths", lengths, 0),
        ("what nobody may verify", old.repeat(300), 0),
        (
            "no author",
            signature("rsa-sha256", "simple/simple", "").replace("h=From", "h=To"),
            0,
        ),
    ] {
        for body in ["a\n", " \r\n", "x  y\t", "longer lines of text\r\n"] {
            let checked = check.run(with_body(&fields, body, BODY), envelope()).await;
            assert_eq!(checked.provenance.unchecked, None, "{case}");
            let hashed = checked.cost.hashed_bytes;
            assert_eq!(hashed, passes * BODY as u64, "{case} {body:?}");
            assert_ne!(checked.provenance.dmarc.word(), "pass", "{case}");
        }
    }
}

/// The control: large bodies of every kind are still verified.
#[tokio::test]
async fn signatures_of_large_mails_are_good_and_a_changed_byte_is_found() {
    let check = Check::start().await;
    check.dns.text("_dmarc.reporter.example", "v=DMARC1; p=reject");
    check.dns.text("rsa._domainkey.reporter.example", &Key::Rsa.record());
    check.dns.text("ed._domainkey.reporter.example", &Key::Ed25519.record());
    for (key, selector) in [(Key::Rsa, "rsa"), (Key::Ed25519, "ed")] {
        for way in [Canonicalization::Simple, Canonicalization::Relaxed] {
            for (body, bytes) in [("a\r\n", 3_000_000), ("b  c \r\n\r\n", 40_000), ("d", 1), ("", 0)] {
                let mail = with_body("To: a@example.com\r\nContent-Type: text/plain\r\n", body, bytes);
                let mut signed = key.sign_with(way, &mail, REPORTER, selector);
                let checked = check.run(signed.clone(), envelope()).await;
                assert_eq!(checked.provenance.dmarc.word(), "pass", "{key:?} {way:?} {body:?}");
                assert_eq!(checked.cost.hashed_bytes, bytes as u64);
                signed.extend_from_slice(b"more\r\n");
                let checked = check.run(signed, envelope()).await;
                assert_eq!(checked.provenance.dmarc.word(), "fail", "{key:?} {way:?} {body:?}");
            }
        }
    }
}

#[tokio::test]
async fn fields_that_take_long_to_read_are_not_read() {
    let check = Check::start().await;
    let tags: String = (0..9_000).map(|nth| format!("{nth:05};")).collect();
    for fields in [
        format!("From: {}\r\n", "=?a?q?x ".repeat(1_100)),
        format!("F R O M: {}\r\n", "=?utf-8?b?x\r\n ".repeat(1_000)),
        format!("From: {}\r\n", "a@b:".repeat(2_100)),
        format!("From: {}a\r\n", "(".repeat(9_000)),
        format!("From: {}\r\n", "a@b.example, ".repeat(40)).repeat(20),
        format!("DKIM2-Signature: {tags}\r\n"),
        format!("Message-Instance: {tags}\r\n"),
        format!("DKIM-Signature: v=1; z={}\r\n", "=41".repeat(12_000)),
    ] {
        let checked = check.run(with_body(&fields, "x\r\n", 1_000), envelope()).await;
        let about = &fields[..40];
        assert_eq!(
            checked.provenance.unchecked.as_deref(),
            Some("header_too_large"),
            "{about}"
        );
        assert_eq!(checked.cost, Cost::default(), "{about}");
        // The control: the same, shorter.
        let short: String = fields.chars().take(300).collect();
        let checked = check
            .run(
                with_body(&format!("{}\r\n", short.trim_end()), "x\r\n", 1_000),
                envelope(),
            )
            .await;
        assert_eq!(checked.provenance.unchecked, None, "{about}");
    }
    // Others may be as long as the header.
    let checked = check
        .run(with_body(&format!("X-Tags: {tags}\r\n"), "x\r\n", 10), envelope())
        .await;
    assert_eq!(checked.provenance.unchecked, None);
}

#[tokio::test]
async fn keys_beyond_4096_bits_and_names_beyond_255_octets_are_not_asked_for() {
    let key = "rsa._domainkey.reporter.example";
    let long = "x.".repeat(130) + "example";
    for (case, bytes, domain, is_asked) in [
        ("4,096 bits", 512, REPORTER, true),
        ("8,192 bits", 1_024, REPORTER, false),
        ("no key has that", 20_000, REPORTER, false),
        ("a long name", 256, &*long, false),
    ] {
        let check = Check::start().await;
        let mail = with_body("To: a@example.com\r\nContent-Type: text/plain\r\n", "x\r\n", 100);
        let signed = String::from_utf8(Key::Rsa.sign(&mail, REPORTER, "rsa")).unwrap();
        // The hash of the body stays right: else no key is asked for.
        let start = signed.find("b=").unwrap();
        let is_tag = |at: &usize| signed[..*at].ends_with([' ', ';', '\t']);
        let tag = signed
            .match_indices("b=")
            .map(|(at, _)| at)
            .find(is_tag)
            .unwrap_or(start);
        let end = tag + signed[tag..].find(';').unwrap();
        let value = format!("b={}", mail::base64(&vec![7; bytes]));
        let changed = [&signed[..tag], &value, &signed[end..]].concat();
        let changed = changed.replacen("d=reporter.example", &format!("d={domain}"), 1);
        let checked = check.run(changed.into_bytes(), envelope()).await;
        assert_eq!(checked.provenance.unchecked, None, "{case}");
        assert_eq!(check.asked(key), is_asked, "{case}: {:?}", check.dns.asked());
        assert_eq!(checked.provenance.dkim.len(), usize::from(is_asked), "{case}");
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_is_not_put_into_macros() {
    let macros = "%{l}%{s}%{h}".repeat(1_000);
    for (local, asked) in [(10, true), (300, false), (2_000, false)] {
        let check = Check::start().await;
        check
            .dns
            .text(REPORTER, &format!("v=spf1 exists:{macros}.reporter.example -all"));
        let long = Envelope {
            mail_from: format!("{}@{REPORTER}", "a".repeat(local)),
            ..envelope()
        };
        let checked = check.run(with_body("", "x\r\n", 100), long).await;
        assert_eq!(check.asked("reporter.example"), asked, "{local}");
        assert_ne!(checked.provenance.spf.unwrap().result, "pass", "{local}");
    }
}
