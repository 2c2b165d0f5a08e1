//! Decisions of an owner about senders: they move messages between flows, and never change a sum.

use tallymark::base::{Authenticated, DecisionId};
use tallymark::enrich::{Flow, Senders, Tables};
use tallymark::store::{Actor, Decided, Ruling, Subject, Whose};

use super::senders::signed;
use super::{ALL_DAYS, Database, NOW, day, new_domain, on_both, report, taken};

fn actor() -> Actor {
    Actor {
        by: "key test".to_owned(),
        why: Some("because".to_owned()),
        at: NOW,
    }
}

fn whose(whose: Whose) -> Ruling {
    Ruling {
        whose: Some(whose),
        name: None,
    }
}

async fn decide(db: &Database, subject: Subject, ruling: Ruling) -> DecisionId {
    let place = (db.account.id, db.domain.id);
    match db
        .store
        .decide_sender(place, &subject, &ruling, &actor())
        .await
        .unwrap()
    {
        Decided::Done(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Messages that pass and fail, of each flow that has some.
async fn flows(db: &Database) -> Vec<(&'static str, u64, u64)> {
    db.check_sums(db.domain.id).await;
    let tables = Tables::built_in();
    let senders = Senders::read(&db.store, &db.domain, ALL_DAYS, &tables).await.unwrap();
    let flows = senders.gather().flows.into_iter();
    let flows = flows.filter(|(_, counts)| counts.messages() > 0);
    flows
        .map(|(flow, counts)| (flow.word(), counts.pass, counts.fail))
        .collect()
}

on_both!(decisions_move_messages_between_flows_and_can_be_taken_back);
async fn decisions_move_messages_between_flows_and_can_be_taken_back(db: Database) {
    // Signed for the domain and by a service; by the domain alone; failing from two addresses.
    db.commit(vec![
        signed("1", day(1), "sendgrid.net", &[("8.8.8.8", 10, true)]),
        taken(
            report(
                "2",
                day(1),
                &[
                    ("192.0.2.1", 20, true),
                    ("192.0.2.2", 3, false),
                    ("198.51.100.9", 4, false),
                ],
            ),
            Authenticated::Unknown,
        ),
    ])
    .await;
    let plain = flows(&db).await;
    let unknown = plain.iter().find(|(flow, ..)| *flow == Flow::Unknown.word());
    assert_eq!(unknown, Some(&("unknown", 0, 7)), "{plain:?}");

    let network: Subject = Subject::Network("192.0.2.0/24".parse().unwrap());
    let place = (db.account.id, db.domain.id);
    for (ruling, fails) in [
        (Whose::Ours, "unaligned"),
        (Whose::NotOurs, "not_ours"),
        (Whose::Forwarder, "forwarded"),
    ] {
        decide(&db, network.clone(), whose(ruling)).await;
        let found = flows(&db).await;
        assert!(found.contains(&("unknown", 0, 4)), "{ruling:?} {found:?}");
        let moved = found.iter().find(|(flow, ..)| *flow == fails);
        assert_eq!(moved.map(|(_, _, fail)| *fail), Some(3), "{ruling:?} {found:?}");
        // Nothing that passed for the domain became a stranger's.
        assert_eq!(found.iter().map(|(_, pass, _)| pass).sum::<u64>(), 30);
    }
    // The address is closer than its network.
    let address = decide(
        &db,
        Subject::Network("192.0.2.2".parse().unwrap()),
        whose(Whose::NotOurs),
    )
    .await;
    assert!(flows(&db).await.contains(&("not_ours", 0, 3)));
    assert!(db.store.withdraw_decision(place, address).await.unwrap());
    assert!(!flows(&db).await.contains(&("not_ours", 0, 3)));
    assert!(!db.store.withdraw_decision(place, address).await.unwrap());
    let known = db.store.sender_decisions(db.domain.id).await.unwrap();
    assert_eq!(
        known.len(),
        1,
        "a decision replaces the one before about the same: {known:?}"
    );
    assert!(db.store.withdraw_decision(place, known[0].id).await.unwrap());
    assert_eq!(flows(&db).await, plain);
}

on_both!(sums_hold_whatever_is_decided);
async fn sums_hold_whatever_is_decided(db: Database) {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let signers = ["sendgrid.net", "mcsv.net", "vendor.example", "gmail.com"];
    let addresses = ["8.8.8.8", "192.0.2.1", "192.0.2.200", "2001:db8::7", "no address"];
    for nth in 0..8 {
        let records: Vec<_> = (0..3)
            .map(|_| (addresses[next(5) as usize], next(50) + 1, next(2) == 0))
            .collect();
        let new = signed(&nth.to_string(), day(1), signers[next(4) as usize], &records);
        db.commit(vec![new]).await;
    }
    let subjects = [
        Subject::Service("twilio sendgrid".to_owned()),
        Subject::Service("Google LLC".to_owned()),
        Subject::MailFrom("example.net".to_owned()),
        Subject::Network("192.0.2.0/24".parse().unwrap()),
        Subject::Network("192.0.2.1".parse().unwrap()),
        Subject::Network("2001:db8::/32".parse().unwrap()),
    ];
    let mut made = Vec::new();
    for _ in 0..25 {
        if next(3) == 0 && !made.is_empty() {
            let id = made.swap_remove(next(made.len() as u64) as usize);
            let place = (db.account.id, db.domain.id);
            assert!(db.store.withdraw_decision(place, id).await.unwrap());
        } else {
            let subject = subjects[next(6) as usize].clone();
            let name = matches!(subject, Subject::Network(_)).then(|| format!("Site {}", next(3)));
            let ruling = Ruling {
                whose: Whose::ALL.get(next(4) as usize).copied(),
                name,
            };
            let id = decide(&db, subject, ruling).await;
            made.retain(|known| *known != id);
            made.push(id);
        }
        db.check_sums(db.domain.id).await;
    }
}

on_both!(decisions_are_of_one_domain_and_go_with_it);
async fn decisions_are_of_one_domain_and_go_with_it(db: Database) {
    let other = db
        .store
        .add_domain(db.account.id, new_domain("other.example"), NOW)
        .await
        .unwrap();
    let stranger = db
        .store
        .add_account("stranger", tallymark::base::Mode::Live, NOW)
        .await
        .unwrap();
    let service = |name: &str| Subject::Service(name.to_owned());
    let id = decide(&db, service("Mailchimp"), whose(Whose::Ours)).await;
    assert_eq!(decide(&db, service("MAILCHIMP"), whose(Whose::NotOurs)).await, id);
    assert_eq!(db.store.sender_decisions(other.id).await.unwrap(), []);
    for place in [(stranger.id, db.domain.id), (db.account.id, other.id)] {
        assert!(!db.store.withdraw_decision(place, id).await.unwrap());
    }
    let foreign = (stranger.id, db.domain.id);
    let (subject, ruling, by) = (service("x"), whose(Whose::Ours), actor());
    let refused = db.store.decide_sender(foreign, &subject, &ruling, &by);
    assert_eq!(refused.await.unwrap(), Decided::Missing);
    let known = db.store.sender_decisions(db.domain.id).await.unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].ruling, whose(Whose::NotOurs));
    assert_eq!(known[0].actor, actor());
    let public_id = &db.domain.public_id;
    assert!(db.store.remove_domain(db.account.id, public_id, NOW).await.unwrap());
    assert_eq!(db.store.sender_decisions(db.domain.id).await.unwrap(), []);
}

on_both!(a_domain_has_at_most_a_thousand_decisions);
async fn a_domain_has_at_most_a_thousand_decisions(db: Database) {
    let subject = |nth: u32| Subject::Service(format!("service {nth}"));
    for nth in 0..1_000 {
        decide(&db, subject(nth), whose(Whose::Ours)).await;
    }
    let place = (db.account.id, db.domain.id);
    let (subject_more, ruling, actor) = (subject(1_000), whose(Whose::Ours), actor());
    let more = db.store.decide_sender(place, &subject_more, &ruling, &actor);
    assert_eq!(more.await.unwrap(), Decided::Full);
    // Those that are there can be changed.
    decide(&db, subject(7), whose(Whose::Forwarder)).await;
    assert_eq!(db.store.sender_decisions(db.domain.id).await.unwrap().len(), 1_000);
}
