//! Mails made to hurt: a verdict all the same, in no time, and never a pass.

use super::dns::Has;
use super::*;

/// A header field above a mail.
fn above(field: &str, mail: &[u8]) -> Vec<u8> {
    [field.as_bytes(), b"\r\n", mail].concat()
}

fn plain(id: &str) -> Vec<u8> {
    mail(AUTHOR, &report(id, 5))
}

#[tokio::test]
async fn hundreds_of_signatures_are_not_verified() {
    let world = World::start().await;
    world.publish();
    let field =
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=reporter.example; s=rsa; h=From; bh=QQ==; b=QQ==";
    let many = (0..500).fold(plain("1"), |mail, _| above(field, &mail));
    let (verdict, provenance) = world.verdict(many).await;
    assert_eq!(verdict, "unknown");
    assert_eq!(provenance.dkim.len(), 5);
}

#[tokio::test]
async fn a_header_beyond_the_limit_is_not_looked_at() {
    let world = World::start().await;
    world.publish();
    let signed = Key::Rsa.sign(&plain("1"), REPORTER, "rsa");
    for field in [
        format!("X-Long: {}", "x".repeat(110_000)),
        "X: y\r\n".repeat(1_000) + "X: y",
    ] {
        let raw = above(&field, &signed);
        // What cannot be read is named; a report behind it counts all the same.
        let outcome = world.submit(raw, envelope()).await;
        assert!(outcome.reports.len() <= 1 && outcome.set_aside.len() <= 1);
        assert!(outcome.reports.len() + outcome.set_aside.len() > 0);
        for stored in &outcome.reports {
            let detail = world.store.report(stored.domain, stored.no).await.unwrap().unwrap();
            assert_eq!(detail.summary.authenticated.word(), "unknown");
        }
    }
    assert_eq!(world.dns.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn signatures_that_prove_nothing_do_not_count() {
    let world = World::start().await;
    world.publish();
    let signed = |change: &dyn Fn(String) -> String, id: &str| {
        let mail = Key::Rsa.sign(&plain(id), REPORTER, "rsa");
        change(String::from_utf8(mail).unwrap()).into_bytes()
    };
    type Change = (&'static str, Box<dyn Fn(String) -> String>);
    let changes: Vec<Change> = vec![
        // RFC 6376, 8.2: what is behind the length is not signed.
        ("length", Box::new(|mail| mail.replacen("\th=", "\tl=1; h=", 1))),
        (
            "rsa-sha1",
            Box::new(|mail| mail.replacen("a=rsa-sha256", "a=rsa-sha1", 1)),
        ),
        ("no version", Box::new(|mail| mail.replacen("v=1; ", "", 1))),
        ("another version", Box::new(|mail| mail.replacen("v=1; ", "v=2; ", 1))),
        ("author unsigned", Box::new(|mail| mail.replacen(":From;", ";", 1))),
        ("expired", Box::new(|mail| mail.replacen("\th=", "\tx=1; h=", 1))),
        (
            "thousands of names",
            Box::new(|mail| mail.replacen("\th=", &format!("\th={}", "a:".repeat(9_000)), 1)),
        ),
    ];
    for (nth, (name, change)) in changes.iter().enumerate() {
        let before = signed(&|mail| mail, &nth.to_string());
        let after = signed(change, &nth.to_string());
        assert!(before != after, "{name} changes nothing");
        let (verdict, _) = world.verdict(after).await;
        assert_eq!(verdict, "fail", "{name}");
    }
}

#[tokio::test]
async fn weak_and_monstrous_keys_do_not_count() {
    let record = |bytes: usize| format!("v=DKIM1; k=rsa; p={}", mail::base64(&vec![0x30; bytes]));
    for (name, key) in [
        ("revoked", "v=DKIM1; k=rsa; p=".to_owned()),
        ("no key", "v=DKIM1; k=rsa".to_owned()),
        ("short", record(16)),
        ("monstrous", record(30_000)),
        ("no base64", "v=DKIM1; p=!!!!".to_owned()),
    ] {
        let world = World::start().await;
        world.dns.text("_dmarc.reporter.example", "v=DMARC1; p=none");
        world.dns.text("rsa._domainkey.reporter.example", &key);
        let signed = Key::Rsa.sign(&plain("1"), REPORTER, "rsa");
        let (verdict, _) = world.verdict(signed).await;
        assert_eq!(verdict, "fail", "{name}");
    }
}

#[tokio::test]
async fn names_that_cannot_be_are_not_asked_for() {
    let world = World::start().await;
    world.publish();
    let long = format!("{}.example", "x".repeat(64));
    let longer = format!("{}example", "abcdefg.".repeat(40));
    for (nth, name) in [long, longer, "..".to_owned(), "a..b".to_owned(), "\u{0}".to_owned()]
        .iter()
        .enumerate()
    {
        let field = format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={name}; s={name}; h=From; bh=QQ==; b=QQ=="
        );
        let raw = above(&field, &mail(&format!("a@{name}"), &report(&nth.to_string(), 5)));
        let strange = Envelope {
            helo: name.clone(),
            mail_from: format!("a@{name}"),
            ..envelope()
        };
        let detail = world.take(raw, strange).await;
        assert_ne!(detail.summary.authenticated.word(), "pass", "{name}");
        let provenance = detail.provenance.unwrap();
        assert_eq!(provenance.unchecked, None, "{name}");
        assert!(provenance.helo.len() <= 256 && provenance.mail_from.len() <= 256);
    }
}

#[tokio::test]
async fn spf_records_that_point_at_themselves_end() {
    let world = World::start().await;
    world.publish();
    world.dns.text(
        "reporter.example",
        "v=spf1 include:reporter.example redirect=reporter.example",
    );
    let (verdict, provenance) = world.verdict(plain("1")).await;
    assert_eq!(
        (verdict, provenance.spf.unwrap().result.as_str()),
        ("fail", "permerror")
    );
    // Macros that grow, and the reverse name of the peer.
    let world = World::start().await;
    world.publish();
    let macros = "%{l}%{o}%{d}%{i}%{v}%{h}".repeat(20);
    world.dns.text(
        "reporter.example",
        &format!("v=spf1 exists:{macros}.reporter.example ptr -all"),
    );
    world
        .dns
        .add("25.2.0.192.in-addr.arpa", Has::Ptr("x.reporter.example".to_owned()));
    let (verdict, _) = world.verdict(plain("2")).await;
    assert_ne!(verdict, "pass");
}

#[tokio::test]
async fn hostile_authors_do_not_pass() {
    let world = World::start().await;
    world.publish();
    for (nth, author) in [
        "a@evil.example".repeat(5_000),
        "a@evil.example, ".repeat(5_000),
        "(".repeat(60_000),
        format!("{}a@evil.example", "x:".repeat(30_000)),
        "<".repeat(60_000),
        "=?utf-8?q?=3Ca=40reporter.example=3E?= <a@evil.example>".to_owned(),
        "\"<a@reporter.example>\" <a@evil.example>".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let (verdict, provenance) = world.verdict(mail(author, &report(&nth.to_string(), 5))).await;
        assert_ne!(verdict, "pass");
        // What takes long to read is not read.
        let expect = (author.len() > 8 * 1_024).then_some("header_too_large");
        assert_eq!(provenance.unchecked.as_deref(), expect);
    }
}
