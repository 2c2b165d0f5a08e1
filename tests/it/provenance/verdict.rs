//! Pass, fail, none, unknown.

use super::dns::Has;
use super::*;

#[tokio::test]
async fn an_aligned_signature_passes() {
    for (key, selector) in [(Key::Rsa, "rsa"), (Key::Ed25519, "ed")] {
        let world = World::start().await;
        world.publish();
        let signed = key.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, selector);
        let detail = world.take(signed, envelope()).await;
        assert_eq!(detail.summary.authenticated.word(), "pass");
        let provenance = detail.provenance.unwrap();
        assert_eq!(provenance.dmarc.word(), "pass");
        assert_eq!(provenance.domain.as_deref(), Some(REPORTER));
        assert_eq!(signatures(&provenance), [(REPORTER, "pass")]);
        assert_eq!(provenance.dkim[0].selector, selector);
        // No SPF record at all.
        assert_eq!(provenance.spf.unwrap().result, "none");
        // What was said on the way in.
        let said = envelope();
        assert_eq!(
            (
                provenance.peer,
                provenance.helo,
                provenance.mail_from,
                provenance.tls,
                provenance.queue_id
            ),
            (Some(said.peer), said.helo, said.mail_from, said.tls, said.queue_id)
        );
    }
}

#[tokio::test]
async fn aligned_spf_passes() {
    let world = World::start().await;
    world.publish();
    world
        .dns
        .text("reporter.example", "v=spf1 include:_spf.reporter.example -all");
    world
        .dns
        .text("_spf.reporter.example", "v=spf1 a:mx.reporter.example -all");
    world
        .dns
        .add("mx.reporter.example", Has::Address([192, 0, 2, 25].into()));
    let (verdict, provenance) = world.verdict(mail(AUTHOR, &report("1", 5))).await;
    assert_eq!((verdict, provenance.spf.unwrap().result.as_str()), ("pass", "pass"));
    // From another address.
    let other = Envelope {
        peer: "::ffff:198.51.100.1".parse().unwrap(),
        ..envelope()
    };
    let detail = world.take(mail(AUTHOR, &report("2", 5)), other).await;
    assert_eq!(detail.summary.authenticated.word(), "fail");
    let provenance = detail.provenance.unwrap();
    assert_eq!(provenance.spf.unwrap().result, "fail");
    assert_eq!(provenance.peer.unwrap().to_string(), "198.51.100.1");
    // From a server of ours, which hands on what others have sent: it says nothing, whatever its address.
    for peer in ["198.51.100.1", "192.0.2.25"] {
        let handed_on = Envelope {
            peer: peer.parse().unwrap(),
            is_from_peer: false,
            ..envelope()
        };
        let detail = world.take(mail(AUTHOR, &report(peer, 5)), handed_on).await;
        assert_eq!(detail.summary.authenticated.word(), "unknown", "{peer}");
        assert_eq!(detail.provenance.unwrap().spf.unwrap().result, "temperror", "{peer}");
    }
    // The null sender: the name in HELO counts (RFC 7208, 2.4).
    world.dns.text("mx.reporter.example", "v=spf1 ip4:192.0.2.0/24 -all");
    let bounce = Envelope {
        mail_from: String::new(),
        ..envelope()
    };
    let detail = world.take(mail(AUTHOR, &report("3", 5)), bounce).await;
    assert_eq!(detail.summary.authenticated.word(), "pass");
    assert_eq!(detail.provenance.unwrap().spf.unwrap().domain, "mx.reporter.example");
}

#[tokio::test]
async fn alignment_is_what_the_author_s_record_says() {
    for (policy, expect) in [
        ("v=DMARC1; p=none", "pass"),
        ("v=DMARC1; p=none; adkim=r", "pass"),
        ("v=DMARC1; p=none; adkim=s", "fail"),
    ] {
        let world = World::start().await;
        world.dns.text("_dmarc.reporter.example", policy);
        world
            .dns
            .text("rsa._domainkey.mail.reporter.example", &Key::Rsa.record());
        let signed = Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), "mail.reporter.example", "rsa");
        let (verdict, provenance) = world.verdict(signed).await;
        assert_eq!(verdict, expect, "{policy}");
        assert_eq!(signatures(&provenance), [("mail.reporter.example", "pass")]);
    }
}

#[tokio::test]
async fn unaligned_passes_fail() {
    let world = World::start().await;
    world.publish();
    world.dns.text("rsa._domainkey.evil.example", &Key::Rsa.record());
    world.dns.text("evil.example", "v=spf1 +all");
    let signed = Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), "evil.example", "rsa");
    let evil = Envelope {
        mail_from: "a@evil.example".to_owned(),
        ..envelope()
    };
    let detail = world.take(signed, evil).await;
    assert_eq!(detail.summary.authenticated.word(), "fail");
    let provenance = detail.provenance.unwrap();
    assert_eq!(signatures(&provenance), [("evil.example", "pass")]);
    assert_eq!(provenance.spf.unwrap().result, "pass");
}

#[tokio::test]
async fn a_changed_body_fails() {
    let world = World::start().await;
    world.publish();
    let mut signed = Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa");
    signed.extend_from_slice(b"IA==\r\n");
    let (verdict, provenance) = world.verdict(signed).await;
    assert_eq!(verdict, "fail");
    assert_eq!(signatures(&provenance), [(REPORTER, "fail")]);
    // A changed header.
    let signed = Key::Rsa.sign(&mail(AUTHOR, &report("2", 5)), REPORTER, "rsa");
    let changed = String::from_utf8(signed).unwrap().replace("Subject: R", "Subject: r");
    let (verdict, provenance) = world.verdict(changed.into_bytes()).await;
    assert_eq!((verdict, signatures(&provenance)[0].1), ("fail", "fail"));
}

#[tokio::test]
async fn no_policy_is_none() {
    let world = World::start().await;
    world.dns.text("rsa._domainkey.reporter.example", &Key::Rsa.record());
    let signed = Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa");
    let (verdict, provenance) = world.verdict(signed).await;
    assert_eq!((verdict, signatures(&provenance)[0].1), ("none", "pass"));
    let (verdict, _) = world.verdict(mail("nobody", &report("2", 5))).await;
    assert_eq!(verdict, "none");
}

#[tokio::test]
async fn two_authors_of_two_domains_are_no_author() {
    let world = World::start().await;
    world.publish();
    // RFC 9989, 4.2 would let neither pass; a second, unsigned From field is the usual trick.
    let signed = Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa");
    let two = [b"From: a@evil.example\r\n".as_slice(), &signed].concat();
    let (verdict, _) = world.verdict(two).await;
    assert_ne!(verdict, "pass");
}

#[tokio::test]
async fn a_fault_of_the_dns_is_unknown() {
    for name in [
        "_dmarc.reporter.example",
        "rsa._domainkey.reporter.example",
        "reporter.example",
    ] {
        let world = World::start().await;
        world.publish();
        world.dns.clear(name);
        world.dns.add(name, Has::Failure);
        let mut signed = Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa");
        if name == "reporter.example" {
            // With a good signature SPF would not matter.
            signed.extend_from_slice(b"IA==\r\n");
        }
        let (verdict, provenance) = world.verdict(signed).await;
        assert_eq!((verdict, provenance.dmarc.word()), ("unknown", "unknown"), "{name}");
        assert_eq!(provenance.unchecked, None);
    }
}

#[tokio::test]
async fn a_pass_for_another_domain_than_the_reporter_s_does_not_vouch() {
    let world = World::start().await;
    world.dns.text("_dmarc.evil.example", "v=DMARC1; p=reject");
    world.dns.text("rsa._domainkey.evil.example", &Key::Rsa.record());
    let signed = Key::Rsa.sign(&mail("a@evil.example", &report("1", 5)), "evil.example", "rsa");
    let (verdict, provenance) = world.verdict(signed).await;
    assert_eq!((verdict, provenance.dmarc.word()), ("unknown", "pass"));
    assert_eq!(provenance.domain.as_deref(), Some("evil.example"));
}

#[tokio::test]
async fn a_key_too_long_for_udp_is_asked_for_over_tcp() {
    let world = World::start().await;
    world.publish();
    world.dns.clear("rsa._domainkey.reporter.example");
    let long = format!("{}; n={}", Key::Rsa.record(), "x".repeat(3_000));
    world.dns.text("rsa._domainkey.reporter.example", &long);
    let signed = Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa");
    assert_eq!(world.verdict(signed).await.0, "pass");
}

#[tokio::test]
async fn a_message_without_an_envelope_is_not_checked() {
    let world = World::start().await;
    world.publish();
    let raw = RawMessage {
        bytes: Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa"),
        received_at: NOW,
        origin: "file".to_owned(),
        belonging: Belonging::Account(world.account.id),
        envelope: None,
    };
    let stored = world.intake.submit(raw).await.unwrap().reports.remove(0);
    let detail = world.store.report(stored.domain, stored.no).await.unwrap().unwrap();
    assert_eq!(
        (detail.summary.authenticated.word(), detail.provenance),
        ("unknown", None)
    );
    assert_eq!(world.dns.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn it_is_counted_by_verdict() {
    let world = World::start().await;
    world.publish();
    world
        .verdict(Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa"))
        .await;
    world.verdict(mail(AUTHOR, &report("2", 5))).await;
    let (text, _) = world.metrics.encode();
    for line in [
        r#"tallymark_provenance_total{verdict="pass"} 1"#,
        r#"tallymark_provenance_total{verdict="fail"} 1"#,
        "tallymark_provenance_seconds_count 2",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
}
