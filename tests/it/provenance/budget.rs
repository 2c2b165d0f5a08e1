//! What strangers may make us do, and how long.

use std::time::Instant;

use super::dns::Has;
use super::*;

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
async fn a_name_server_that_never_answers_costs_the_time_of_the_budget_and_no_more() {
    for name in [
        "_dmarc.reporter.example",
        "rsa._domainkey.reporter.example",
        "reporter.example",
    ] {
        let world = World::start_with(|options| options.time_max = SHORT).await;
        world.publish();
        world.dns.clear(name);
        world.dns.add(name, Has::Silence);
        let mut signed = Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa");
        if name == "reporter.example" {
            signed.extend_from_slice(b"IA==\r\n");
        }
        let started = Instant::now();
        let (verdict, provenance) = world.verdict(signed).await;
        assert_eq!(verdict, "unknown", "{name}");
        assert_eq!(provenance.unchecked, None);
        // The rest is the commit's.
        assert!(started.elapsed() < SHORT * 10, "{name} took {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_good_signature_passes_though_all_else_is_silent() {
    let world = World::start_with(|options| options.time_max = SHORT).await;
    world.publish();
    world.dns.add("reporter.example", Has::Silence);
    world.dns.add("silent._domainkey.reporter.example", Has::Silence);
    let signed = Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa");
    let signed = Key::Rsa.sign(&signed, REPORTER, "silent");
    let (verdict, provenance) = world.verdict(signed).await;
    assert_eq!(verdict, "pass");
    assert_eq!(signatures(&provenance), [(REPORTER, "temperror"), (REPORTER, "pass")]);
    assert_eq!(provenance.spf.unwrap().result, "temperror");
}

#[tokio::test]
async fn mails_that_wait_for_silence_do_not_delay_others() {
    let world = World::start_with(|options| options.time_max = Duration::from_secs(60)).await;
    world.publish();
    world.dns.add("_dmarc.silent.example", Has::Silence);
    world.dns.add("silent.example", Has::Silence);
    let waiting = world.verdict(mail("a@silent.example", &report("1", 5)));
    let signed = Key::Rsa.sign(&mail(AUTHOR, &report("2", 5)), REPORTER, "rsa");
    tokio::select! {
        biased;
        _ = waiting => panic!("nobody answered it"),
        (verdict, _) = world.verdict(signed) => assert_eq!(verdict, "pass"),
    }
}

#[tokio::test]
async fn of_six_signatures_five_are_checked_and_those_of_the_author_first() {
    let world = World::start().await;
    world.publish();
    let good = || Key::Rsa.sign(&mail(AUTHOR, &report("1", 5)), REPORTER, "rsa");
    // Five foreign ones above it: its own is looked at all the same.
    let signed = (0..5).fold(good(), |mail, nth| {
        Key::Rsa.sign(&mail, &format!("foreign{nth}.example"), "s")
    });
    let (verdict, provenance) = world.verdict(signed).await;
    assert_eq!(verdict, "pass");
    assert_eq!(signatures(&provenance)[0], (REPORTER, "pass"));
    assert_eq!(provenance.dkim.len(), 5);
    // Five of its own that have no key: the sixth is unknown, so it is not called false.
    let world = World::start().await;
    world.publish();
    let signed = (0..5).fold(good(), |mail, nth| {
        Key::Rsa.sign(&mail, REPORTER, &format!("lost{nth}"))
    });
    let (verdict, provenance) = world.verdict(signed).await;
    assert_eq!(verdict, "unknown");
    assert_eq!(signatures(&provenance), [(REPORTER, "permerror"); 5]);
    assert!(!world.dns.asked().iter().any(|name| name.starts_with("rsa.")));
}

#[tokio::test]
async fn an_spf_record_with_eleven_includes_is_a_permanent_error() {
    let world = World::start().await;
    world.publish();
    let includes: String = (0..11).map(|nth| format!("include:i{nth}.reporter.example ")).collect();
    world
        .dns
        .text("reporter.example", &format!("v=spf1 {includes}ip4:192.0.2.25 -all"));
    for nth in 0..11 {
        world
            .dns
            .text(&format!("i{nth}.reporter.example"), "v=spf1 ip4:203.0.113.1 -all");
    }
    let (verdict, provenance) = world.verdict(mail(AUTHOR, &report("1", 5))).await;
    assert_eq!(
        (verdict, provenance.spf.unwrap().result.as_str()),
        ("fail", "permerror")
    );
    let asked = world.dns.asked();
    assert!(!asked.iter().any(|name| name.starts_with("i10.")), "{asked:?}");
}

#[tokio::test]
async fn an_spf_bomb_stops_at_the_budget() {
    let world = World::start().await;
    world.publish();
    // Ten mechanisms within the standard's limit, each with ten hosts: a hundred questions.
    let bomb: String = (0..10).map(|nth| format!("mx:m{nth}.reporter.example ")).collect();
    world.dns.text("reporter.example", &format!("v=spf1 {bomb}-all"));
    for nth in 0..10 {
        for host in 0..10 {
            let host = format!("h{nth}-{host}.reporter.example");
            world
                .dns
                .add(&format!("m{nth}.reporter.example"), Has::Mx(host.clone()));
            world.dns.add(&host, Has::Address([203, 0, 113, 7].into()));
        }
    }
    let (verdict, provenance) = world.verdict(mail(AUTHOR, &report("1", 5))).await;
    assert_eq!(
        (verdict, provenance.spf.unwrap().result.as_str()),
        ("unknown", "temperror")
    );
    assert!(world.dns.asked().len() <= 40, "{}", world.dns.asked().len());
    // It takes nothing from DKIM.
    let signed = Key::Ed25519.sign(&mail(AUTHOR, &report("2", 5)), REPORTER, "ed");
    assert_eq!(world.verdict(signed).await.0, "pass");
}

#[tokio::test]
async fn a_budget_that_ends_inside_spf_never_lets_it_pass() {
    let world = World::start_with(|options| options.questions_max = 6).await;
    world.publish();
    // Three questions for SPF: the record, and two hosts; the third, which would deny, is not asked.
    let record = "v=spf1 -a:a.reporter.example -a:b.reporter.example -a:c.reporter.example +all";
    world.dns.text("reporter.example", record);
    for host in ["a", "b", "c"] {
        let address = if host == "c" { [192, 0, 2, 25] } else { [203, 0, 113, 7] };
        world
            .dns
            .add(&format!("{host}.reporter.example"), Has::Address(address.into()));
    }
    let (verdict, provenance) = world.verdict(mail(AUTHOR, &report("1", 5))).await;
    assert_eq!(
        (verdict, provenance.spf.unwrap().result.as_str()),
        ("unknown", "temperror")
    );
}

#[tokio::test]
async fn answers_are_kept() {
    let world = World::start().await;
    world.publish();
    for id in ["1", "2", "3"] {
        world
            .verdict(Key::Rsa.sign(&mail(AUTHOR, &report(id, 5)), REPORTER, "rsa"))
            .await;
    }
    let asked = world.dns.asked();
    let mut distinct = asked.clone();
    distinct.sort();
    distinct.dedup();
    let known = |name: &&String| name.starts_with("_dmarc.reporter") || name.contains("_domainkey");
    assert_eq!(
        asked.iter().filter(known).count(),
        distinct.iter().filter(known).count(),
        "{asked:?}"
    );
}
