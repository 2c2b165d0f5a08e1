//! A forged report and the real one: the real one counts, whichever comes first.

use tallymark::store::Fate;

use super::*;

#[tokio::test]
async fn the_authenticated_report_displaces_the_forged_one() {
    let world = World::start().await;
    world.publish();
    world.dns.text("_dmarc.evil.example", "v=DMARC1; p=reject");
    world.dns.text("rsa._domainkey.evil.example", &Key::Rsa.record());

    let forged = world.take(mail(AUTHOR, &report("1", 1_000)), envelope()).await;
    assert_eq!(forged.summary.authenticated.word(), "fail");
    // It is held.
    assert_eq!(world.messages().await, 0);
    // A forger's mail passes for the forger's domain: it counts as long as the reporter's own has not come.
    let own = Key::Rsa.sign(&mail("a@evil.example", &report("1", 2_000)), "evil.example", "rsa");
    assert_eq!(
        world.take(own, envelope()).await.provenance.unwrap().dmarc.word(),
        "pass"
    );
    assert_eq!(world.messages().await, 2_000);

    let real = Key::Ed25519.sign(&mail(AUTHOR, &report("1", 7)), REPORTER, "ed");
    let outcome = world.submit(real.clone(), envelope()).await;
    assert_eq!(outcome.reports[0].fate, Fate::Conflict);
    assert_eq!(world.messages().await, 7);
    let forged = world
        .store
        .report(world.domain.id, forged.summary.no)
        .await
        .unwrap()
        .unwrap();
    assert!(!forged.summary.counted);

    // Neither comes back.
    world.take(mail(AUTHOR, &report("1", 1_000)), envelope()).await;
    world.take(mail(AUTHOR, &report("1", 3_000)), envelope()).await;
    assert_eq!(world.messages().await, 7);
    assert_eq!(world.submit(real, envelope()).await.reports[0].fate, Fate::Duplicate);
    assert_eq!(world.messages().await, 7);
}

#[tokio::test]
async fn a_mail_that_vouches_for_a_known_report_is_the_one_that_is_shown() {
    let world = World::start().await;
    world.publish();
    let first = Envelope {
        queue_id: "first".to_owned(),
        ..envelope()
    };
    let before = world.take(mail(AUTHOR, &report("1", 5)), first).await;
    assert_eq!(before.provenance.unwrap().queue_id, "first");
    let second = Envelope {
        queue_id: "second".to_owned(),
        ..envelope()
    };
    let signed = Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa");
    let after = world.take(signed, second).await;
    assert_eq!((after.summary.no, after.summary.arrivals), (before.summary.no, 2));
    assert_eq!(after.summary.authenticated.word(), "pass");
    assert_eq!(after.provenance.unwrap().queue_id, "second");
    // One that does not vouch changes nothing.
    let third = Envelope {
        queue_id: "third".to_owned(),
        ..envelope()
    };
    let again = world.take(mail(AUTHOR, &report("1", 5)), third).await;
    assert_eq!(again.summary.authenticated.word(), "pass");
    assert_eq!(again.provenance.unwrap().queue_id, "second");
}

#[tokio::test]
async fn an_unclaimed_report_keeps_its_verdict_until_it_is_claimed() {
    let world = World::start().await;
    world.publish();
    let about_other = |count| {
        String::from_utf8(report("1", count))
            .unwrap()
            .replace("example.com", "other.example")
    };
    let forged = mail(AUTHOR, about_other(100).as_bytes());
    let real = Key::Rsa.sign(&mail(AUTHOR, about_other(7).as_bytes()), REPORTER, "rsa");
    for bytes in [forged, real] {
        assert_eq!(world.submit(bytes, envelope()).await.set_aside[0].reason, "unclaimed");
    }
    // By then the key is gone.
    world.dns.clear("rsa._domainkey.reporter.example");
    let other = new_domain("other.example");
    let other = world.store.add_domain(world.account.id, other, NOW).await.unwrap();
    assert_eq!(
        world.intake.claim(world.account.id, other.id).await.unwrap().messages,
        2
    );
    let stats = world.store.stats(other.id, crate::store::ALL_DAYS).await.unwrap();
    assert_eq!(stats.totals.messages(), 7);
    assert_eq!(world.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

#[tokio::test]
async fn a_mail_to_several_is_checked_once() {
    let world = World::start().await;
    world.publish();
    let stranger = world.store.add_account("stranger", Mode::Live, NOW).await.unwrap();
    let theirs = world
        .store
        .add_domain(stranger.id, new_domain("example.com"), NOW)
        .await
        .unwrap();
    let raw = RawMessage {
        bytes: Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa"),
        received_at: NOW,
        origin: "test".to_owned(),
        belonging: Belonging::Account(world.account.id),
        envelope: Some(envelope()),
    };
    let all = [
        Belonging::Domain(world.account.id, world.domain.id),
        Belonging::Domain(stranger.id, theirs.id),
    ];
    let outcomes = world.intake.submit_to(raw, &all).await;
    assert_eq!(outcomes.len(), 2);
    for (outcome, domain) in outcomes.into_iter().zip([world.domain.id, theirs.id]) {
        let stored = &outcome.unwrap().reports[0];
        assert_eq!((stored.domain, stored.fate), (domain, Fate::Stored));
        let detail = world.store.report(domain, stored.no).await.unwrap().unwrap();
        assert_eq!(detail.summary.authenticated.word(), "pass");
    }
    assert!(
        world
            .metrics
            .encode()
            .0
            .contains("tallymark_provenance_seconds_count 1\n")
    );
}
