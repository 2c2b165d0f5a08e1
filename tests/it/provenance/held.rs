//! What nothing vouches for is held: kept and listed, and in no figure.

use tallymark::ingest::{Admission, Unvouched};
use tallymark::store::{Acceptance, Actor, Fate, Judged, Judgement, Page, ReportFilter, ReportStanding, ReportSummary};

use super::dns::Has;
use super::*;

const PAGE: Page = Page { page: 1, per_page: 50 };

fn actor() -> Actor {
    Actor {
        by: "test".to_owned(),
        why: None,
        at: NOW,
    }
}

impl World {
    async fn held(&self) -> Vec<ReportSummary> {
        let filter = ReportFilter {
            standing: ReportStanding::Held,
            ..ReportFilter::default()
        };
        let (held, total) = self.store.reports(self.domain.id, &filter, PAGE).await.unwrap();
        assert_eq!(held.len() as u64, total);
        assert_eq!(self.store.held_count(self.domain.id).await.unwrap(), total);
        held
    }
}

/// An unsigned mail, and the verdict on it.
fn forged(verdict: &str, xml: &[u8]) -> Vec<u8> {
    let author = match verdict {
        "fail" => AUTHOR,
        "none" => "a@nopolicy.example",
        "unknown" => "a@broken.example",
        other => panic!("{other}"),
    };
    mail(author, xml)
}

/// Two orders, the same contents or others, three verdicts on the forged mail.
#[tokio::test]
async fn forged_reports_change_no_total_in_any_order_with_any_verdict() {
    let mut cells = 0;
    for verdict in ["fail", "none", "unknown"] {
        for is_same in [true, false] {
            for is_forged_first in [true, false] {
                let cell = format!("{verdict}, same contents: {is_same}, forged first: {is_forged_first}");
                let world = World::start().await;
                world.publish();
                world.dns.add("_dmarc.broken.example", Has::Failure);
                let genuine = Key::Rsa.sign(&mail(AUTHOR, &report("1", 7)), REPORTER, "rsa");
                let forged = forged(verdict, &report("1", if is_same { 7 } else { 1_000_000 }));
                if is_forged_first {
                    let detail = world.take(forged.clone(), envelope()).await;
                    assert_eq!(detail.summary.authenticated.word(), verdict, "{cell}");
                    let expect = match verdict {
                        "unknown" => Acceptance::Undecided,
                        _ => Acceptance::Unvouched,
                    };
                    assert_eq!(detail.summary.acceptance, expect, "{cell}");
                    assert_eq!((world.messages().await, world.held().await.len()), (0, 1), "{cell}");
                    let genuine = world.take(genuine, envelope()).await;
                    assert!(genuine.summary.counted, "{cell}");
                    assert_eq!(genuine.summary.authenticated.word(), "pass", "{cell}");
                } else {
                    assert!(world.take(genuine, envelope()).await.summary.counted, "{cell}");
                }
                world.take(forged.clone(), envelope()).await;
                // It cannot be worn down.
                world.take(forged, envelope()).await;
                assert_eq!(world.messages().await, 7, "{cell}");
                let held = world.held().await;
                assert_eq!(held.len(), usize::from(!is_same), "{cell}");
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 12);
}

/// A forger passes for their own domain: their report counts until the reporter's own comes.
#[tokio::test]
async fn a_pass_for_another_domain_loses_to_the_reporters_own_in_any_order() {
    for is_forged_first in [true, false] {
        let world = World::start().await;
        world.publish();
        world.dns.text("_dmarc.evil.example", "v=DMARC1; p=reject");
        world.dns.text("rsa._domainkey.evil.example", &Key::Rsa.record());
        let forged = Key::Rsa.sign(&mail("a@evil.example", &report("1", 900)), "evil.example", "rsa");
        let genuine = Key::Rsa.sign(&mail(AUTHOR, &report("1", 7)), REPORTER, "rsa");
        let mut both = [forged, genuine];
        if !is_forged_first {
            both.reverse();
        }
        for bytes in both {
            world.take(bytes, envelope()).await;
        }
        assert_eq!((world.messages().await, world.held().await.len()), (7, 0));
    }
}

#[tokio::test]
async fn an_aligned_pass_without_a_policy_is_enough_and_a_foreign_one_is_not() {
    let world = World::start().await;
    world.dns.text("rsa._domainkey.reporter.example", &Key::Rsa.record());
    world
        .dns
        .text("rsa._domainkey.mail.reporter.example", &Key::Rsa.record());
    world.dns.text("rsa._domainkey.evil.example", &Key::Rsa.record());
    world.dns.text("reporter.example", "v=spf1 ip4:192.0.2.25 -all");
    world.dns.text("mx.reporter.example", "v=spf1 ip4:192.0.2.25 -all");
    world.dns.text("evil.example", "v=spf1 ip4:198.51.100.7 -all");
    let from = |peer: &str, mail_from: &str| Envelope {
        peer: peer.parse().unwrap(),
        mail_from: mail_from.to_owned(),
        ..envelope()
    };
    let elsewhere = || from("198.51.100.7", "a@evil.example");
    let signed = |id: &str, domain: &str| Key::Rsa.sign(&mail(AUTHOR, &report(id, 1)), domain, "rsa");
    let two_authors = |id: &str| {
        let both = format!("{AUTHOR}, a@evil.example");
        Key::Rsa.sign(&mail(&both, &report(id, 1)), REPORTER, "rsa")
    };
    for (id, bytes, envelope, counts) in [
        ("spf", mail(AUTHOR, &report("spf", 1)), envelope(), true),
        (
            "any case",
            mail("x@REPORTER.Example", &report("any case", 1)),
            from("192.0.2.25", "a@Reporter.EXAMPLE"),
            true,
        ),
        ("helo", mail(AUTHOR, &report("helo", 1)), from("192.0.2.25", ""), true),
        ("dkim", signed("dkim", REPORTER), elsewhere(), true),
        ("relaxed", signed("relaxed", "mail.reporter.example"), elsewhere(), true),
        // They pass, for another domain.
        (
            "foreign spf",
            mail(AUTHOR, &report("foreign spf", 1)),
            elsewhere(),
            false,
        ),
        (
            "foreign dkim",
            signed("foreign dkim", "evil.example"),
            elsewhere(),
            false,
        ),
        ("two authors", two_authors("two authors"), elsewhere(), false),
        ("no author", mail("nobody", &report("no author", 1)), envelope(), false),
    ] {
        let detail = world.take(bytes, envelope).await;
        assert_eq!(detail.summary.counted, counts, "{id}: {:?}", detail.provenance);
        assert_eq!(detail.summary.acceptance.may_count(), counts, "{id}");
    }
    assert_eq!((world.messages().await, world.held().await.len()), (5, 4));
}

#[tokio::test]
async fn mail_without_an_envelope_counts_and_releases_what_it_repeats() {
    let world = World::start().await;
    world.publish();
    world.take(mail(AUTHOR, &report("1", 5)), envelope()).await;
    assert_eq!(world.messages().await, 0);
    let raw = |bytes| RawMessage {
        bytes,
        received_at: NOW,
        origin: "test".to_owned(),
        belonging: Belonging::Account(world.account.id),
        envelope: None,
    };
    let again = world.intake.submit(raw(report("1", 5))).await.unwrap();
    assert_eq!(again.reports[0].fate, Fate::Duplicate);
    assert_eq!((world.messages().await, world.held().await.len()), (5, 0));
    // And the other way round, with an unsigned mail.
    world.intake.submit(raw(mail(AUTHOR, &report("2", 6)))).await.unwrap();
    world.take(mail(AUTHOR, &report("2", 6)), envelope()).await;
    assert_eq!((world.messages().await, world.held().await.len()), (11, 0));
}

#[tokio::test]
async fn the_setting_counts_what_nothing_vouches_for() {
    let options = |options: &mut IntakeOptions| {
        options.limits.admission = Admission {
            unvouched: Unvouched::Count,
            ..Admission::default()
        };
    };
    let world = World::start_intake(|_| {}, options).await;
    world.publish();
    assert!(
        world
            .take(mail(AUTHOR, &report("1", 5)), envelope())
            .await
            .summary
            .counted
    );
    assert_eq!(world.messages().await, 5);
    // Nor is anything held where no mail is checked.
    let world = World::start_intake(|_| {}, |options| options.authenticator = None).await;
    let detail = world.take(mail(AUTHOR, &report("1", 5)), envelope()).await;
    assert_eq!(detail.provenance.unwrap().unchecked.as_deref(), Some("not_configured"));
    assert_eq!(world.messages().await, 5);
}

#[tokio::test]
async fn an_accepted_reporter_counts_from_then_on_until_it_is_withdrawn() {
    let world = World::start().await;
    world.publish();
    let place = (world.account.id, world.domain.id);
    let other = |id: &str| {
        let text = String::from_utf8(report(id, 100)).unwrap();
        mail(
            AUTHOR,
            text.replace(&format!("dmarc@{REPORTER}"), "x@other.example").as_bytes(),
        )
    };
    for id in ["1", "2"] {
        world.take(mail(AUTHOR, &report(id, 5)), envelope()).await;
        world.take(other(id), envelope()).await;
    }
    assert_eq!((world.messages().await, world.held().await.len()), (0, 4));
    let accepted = world.store.accept_reporter(place.0, place.1, REPORTER, &actor()).await;
    assert!(accepted.unwrap());
    let released = world.store.release_reporter(place, REPORTER, &actor(), 1_000).await;
    assert_eq!(released.unwrap(), (2, false));
    assert_eq!((world.messages().await, world.held().await.len()), (10, 2));
    let detail = world.take(mail(AUTHOR, &report("3", 7)), envelope()).await;
    assert!(detail.summary.counted && detail.history.is_empty());
    assert_eq!(world.messages().await, 17);
    assert!(!world.take(other("3"), envelope()).await.summary.counted);
    // The reporter's own report still wins over what was accepted in its name.
    let genuine = Key::Rsa.sign(&mail(AUTHOR, &report("1", 4)), REPORTER, "rsa");
    assert!(world.take(genuine, envelope()).await.summary.counted);
    assert_eq!(world.messages().await, 16);
    let withdraw = || world.store.withdraw_reporter(place.0, place.1, REPORTER);
    assert!(withdraw().await.unwrap());
    assert!(!withdraw().await.unwrap());
    assert!(
        !world
            .take(mail(AUTHOR, &report("4", 5)), envelope())
            .await
            .summary
            .counted
    );
    assert_eq!(world.messages().await, 16);
}

#[tokio::test]
async fn an_unclaimed_report_is_held_when_its_domain_is_added() {
    let world = World::start().await;
    world.publish();
    let text = String::from_utf8(report("1", 100)).unwrap();
    let about_other = text.replace("example.com", "other.example");
    world.submit(mail(AUTHOR, about_other.as_bytes()), envelope()).await;
    let other = new_domain("other.example");
    let other = world.store.add_domain(world.account.id, other, NOW).await.unwrap();
    let claimed = world.intake.claim(world.account.id, other.id).await.unwrap();
    assert_eq!((claimed.messages, claimed.counted, claimed.held), (1, 0, 1));
    assert_eq!(world.store.held_count(other.id).await.unwrap(), 1);
    assert_eq!(world.messages().await, 0);
}

#[tokio::test]
async fn held_reports_are_in_no_figure_and_never_newest() {
    let world = World::start().await;
    world.publish();
    let genuine = Key::Rsa.sign(&mail(AUTHOR, &report("1", 7)), REPORTER, "rsa");
    world.take(genuine, envelope()).await;
    let latest = || world.store.latest(std::slice::from_ref(&world.domain.id), NOW);
    let before = latest().await.unwrap();
    // A later window, another policy, another reporter, later.
    let later = String::from_utf8(report("2", 900)).unwrap();
    let later = later
        .replace("1758240000", "1758326400")
        .replace("1758326399", "1758412799")
        .replace("<p>reject</p>", "<p>none</p>")
        .replace("<org_name>Reporter", "<org_name>Forger");
    for nth in 0..3_i64 {
        let raw = RawMessage {
            bytes: mail(AUTHOR, later.replace(">900<", &format!(">90{nth}<")).as_bytes()),
            received_at: NOW + 1_000 + nth,
            origin: "test".to_owned(),
            belonging: Belonging::Account(world.account.id),
            envelope: Some(envelope()),
        };
        world.intake.submit(raw).await.unwrap();
    }
    assert_eq!((world.messages().await, world.held().await.len()), (7, 3));
    assert_eq!(latest().await.unwrap(), before);
    let reporters = world
        .store
        .reporters(world.domain.id, crate::store::ALL_DAYS)
        .await
        .unwrap();
    assert_eq!(
        reporters.iter().map(|one| &*one.org_name).collect::<Vec<_>>(),
        ["Reporter"]
    );
    // What came is listed as what came.
    let arrivals = world.store.arrivals(&[world.domain.id], None, 10).await.unwrap();
    assert_eq!(arrivals.len(), 4);
    // Accepted, it is in all of them.
    let held = world.held().await;
    let place = (world.account.id, world.domain.id);
    let judged = world.store.judge(place, held[0].no, Judgement::Count, &actor()).await;
    assert_eq!(judged.unwrap(), Judged::Done);
    assert!((907..=909).contains(&world.messages().await));
    assert_ne!(latest().await.unwrap(), before);
}

/// 720 mails from six networks whose name server never answers: as many checks as may run, and more.
#[tokio::test]
async fn silence_from_a_few_networks_leaves_seats_for_others() {
    let world = World::start_with(|options| options.time_max = Duration::from_secs(60)).await;
    world.publish();
    world.dns.add("_dmarc.silent.example", Has::Silence);
    world.dns.add("silent.example", Has::Silence);
    let flood = (0..720_u32).map(|nth| {
        let network = u8::try_from(nth % 6).unwrap();
        let envelope = Envelope {
            peer: [127, 0, network, u8::try_from(nth % 18 / 6 + 1).unwrap()].into(),
            mail_from: "a@silent.example".to_owned(),
            ..envelope()
        };
        world.submit(mail("a@silent.example", &report(&nth.to_string(), 1)), envelope)
    });
    let mut flood: futures_util::stream::FuturesUnordered<_> = flood.collect();
    let genuine = async {
        for nth in 0..20 {
            let signed = Key::Rsa.sign(&mail(AUTHOR, &report(&format!("g{nth}"), 1)), REPORTER, "rsa");
            let (verdict, provenance) = world.verdict(signed).await;
            assert_eq!((verdict, provenance.unchecked), ("pass", None), "{nth}");
        }
    };
    // The flood goes on all the while, unanswered.
    tokio::select! {
        _ = futures_util::StreamExt::next(&mut flood) => panic!("nobody answered it"),
        () = genuine => {}
    }
    drop(flood);
    assert_eq!(world.messages().await, 20);
}

#[tokio::test]
async fn a_mail_whose_sender_cannot_be_found_out_is_deferred_once() {
    let world = World::start_with(|options| options.time_max = SHORT).await;
    world.publish();
    world.dns.add("_dmarc.broken.example", Has::Failure);
    world.dns.add("_dmarc.silent.example", Has::Silence);
    let all = [Belonging::Account(world.account.id)];
    let submit = |bytes: Vec<u8>, is_from_peer| {
        let raw = RawMessage {
            bytes,
            received_at: NOW,
            origin: "test".to_owned(),
            belonging: all[0],
            envelope: Some(Envelope {
                is_from_peer,
                ..envelope()
            }),
        };
        world.intake.submit_or_defer(raw, &all)
    };
    for author in ["a@broken.example", "a@silent.example"] {
        let bytes = mail(author, &report(author, 5));
        let first = submit(bytes.clone(), true).await.remove(0);
        assert!(matches!(first, Err(IntakeError::Undecided)), "{author}: {first:?}");
        // Nothing of it is kept, and the next try is taken.
        assert_eq!(world.held().await.len(), usize::from(author == "a@silent.example"));
        let second = submit(bytes, true).await.remove(0).unwrap();
        assert!(second.reports[0].acceptance.is_held());
    }
    // What fails, or passes, or says nothing, is decided.
    for (nth, (author, is_held)) in [(AUTHOR, true), ("a@nopolicy.example", true)].into_iter().enumerate() {
        let taken = submit(mail(author, &report(&nth.to_string(), 5)), true).await.remove(0);
        assert_eq!(taken.unwrap().reports[0].acceptance.is_held(), is_held);
    }
    let signed = Key::Rsa.sign(&mail(AUTHOR, &report("signed", 5)), REPORTER, "rsa");
    assert!(
        submit(signed, true).await.remove(0).unwrap().reports[0]
            .acceptance
            .may_count()
    );
    // Of a mail server of ours SPF says nothing, today and tomorrow.
    let taken = submit(mail(AUTHOR, &report("relayed", 5)), false).await.remove(0);
    assert!(taken.unwrap().reports[0].acceptance.is_held());
    assert_eq!(world.messages().await, 5);
}
