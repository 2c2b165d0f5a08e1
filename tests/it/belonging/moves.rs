//! Reports move when domains come and go, and are known wherever they came by.

use tallymark::base::SetAsideKind;
use tallymark::ingest::{Belonging, Fate};
use tallymark::store::StoreError;

use super::{NOW, World, cut, new_domain, on_both, xml};
use crate::store::{Database, FIRST_PAGE};

on_both!(a_report_counts_once_whichever_domains_are_added_around_it);
async fn a_report_counts_once_whichever_domains_are_added_around_it(db: Database) {
    let world = World::over(db).await;
    world.add("example.com").await;
    let report = xml(
        "x.mail.example.com",
        "1",
        &[("x.mail.example.com", 5), ("other.example", 2)],
    );
    let first = world.import(&report).await;
    world.expect(&[("example.com", 7)]).await;
    for name in ["mail.example.com", "x.mail.example.com"] {
        let domain = world.add(name).await;
        world.expect(&[(name, 7)]).await;
        let again = world.import(&report).await;
        assert_eq!(
            (again.reports[0].fate, again.reports[0].domain),
            (Fate::Duplicate, domain.id)
        );
        // Its number is still the same, its bytes are there, and its records say what they said.
        assert_eq!(again.reports[0].no, first.reports[0].no);
        let original = world.db.store.original(domain.id, first.reports[0].no).await.unwrap();
        assert_eq!(original.unwrap().bytes, report.as_bytes());
        let records = world.db.store.records(domain.id, first.reports[0].no, FIRST_PAGE);
        let (records, _) = records.await.unwrap();
        assert_eq!(records[1].evidence.header_from.as_deref(), Some("other.example"));
        assert_eq!(records[0].evidence.dkim[0].selector.as_deref(), Some("s0"));
    }
    let parent = world.domain("example.com").await;
    assert!(
        world
            .db
            .store
            .original(parent.id, first.reports[0].no)
            .await
            .unwrap()
            .is_none()
    );
    // Back up, level by level, to nowhere.
    world.remove("x.mail.example.com").await;
    world.expect(&[("mail.example.com", 7)]).await;
    world.remove("mail.example.com").await;
    world.expect(&[("example.com", 7)]).await;
    assert_eq!(world.import(&report).await.reports[0].fate, Fate::Duplicate);
    let detail = world
        .db
        .store
        .report(parent.id, first.reports[0].no)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(detail.summary.arrivals, 4);
    world.remove("example.com").await;
    world.expect(&[]).await;
    world.close().await;
}

on_both!(a_report_counts_for_the_domain_it_is_about_whatever_it_was_sent_to);
async fn a_report_counts_for_the_domain_it_is_about_whatever_it_was_sent_to(db: Database) {
    let world = World::over(db).await;
    let (a, b) = (world.add("a.example").await, world.add("b.example").await);
    let report = xml("b.example", "1", &[("b.example", 3)]);
    let fates = [
        world.send(&report, Belonging::Domain(world.account, a.id)).await,
        world.send(&report, Belonging::Domain(world.account, b.id)).await,
        world.import(&report).await,
    ]
    .map(|outcome| (outcome.reports[0].fate, outcome.reports[0].domain));
    assert_eq!(
        fates,
        [(Fate::Stored, b.id), (Fate::Duplicate, b.id), (Fate::Duplicate, b.id)]
    );
    // One about a domain that is not there waits for it.
    let stray = xml("c.example", "2", &[("c.example", 4)]);
    let stray = world.send(&stray, Belonging::Domain(world.account, a.id)).await;
    assert_eq!(stray.set_aside[0].kind, SetAsideKind::Unclaimed);
    assert_eq!(stray.set_aside[0].policy_domain.as_deref(), Some("c.example"));
    world.add("c.example").await;
    world.expect(&[("b.example", 3), ("c.example", 4)]).await;
    assert_eq!(world.db.store.set_aside(None, None, FIRST_PAGE).await.unwrap().1, 0);
    world.close().await;
}

on_both!(what_may_only_go_to_one_domain_goes_to_no_other);
async fn what_may_only_go_to_one_domain_goes_to_no_other(db: Database) {
    let world = World::over(db).await;
    let (a, _) = (world.add("a.example").await, world.add("b.example").await);
    let only = Belonging::Only(world.account, a.id);
    let own = world.send(&xml("x.a.example", "1", &[("a.example", 3)]), only).await;
    assert_eq!((own.reports[0].domain, own.set_aside.len()), (a.id, 0));
    for (about, said) in [
        (
            "b.example",
            "the report is about b.example, and this API key may only hand in reports of a.example",
        ),
        (
            "x.b.example",
            "the report is about x.b.example and belongs to b.example, and this API key",
        ),
        ("c.example", "the report is about c.example, and this API key"),
    ] {
        let report = xml(about, "2", &[(about, 9)]);
        let refused = world.send(&report, only).await;
        assert_eq!(
            (refused.reports.len(), &*refused.set_aside[0].reason),
            (0, "misaddressed")
        );
        assert!(
            refused.set_aside[0].detail.starts_with(said),
            "{}",
            refused.set_aside[0].detail
        );
    }
    world.expect(&[("a.example", 3)]).await;
    // The same mail by another way is counted, and what was set aside of it is no longer in the way.
    let refused = world.db.store.set_aside(None, None, FIRST_PAGE).await.unwrap().1;
    world.import(&xml("b.example", "2", &[("b.example", 9)])).await;
    world.expect(&[("a.example", 3), ("b.example", 9)]).await;
    assert_eq!(
        world.db.store.set_aside(None, None, FIRST_PAGE).await.unwrap().1,
        refused - 1
    );
    world.close().await;
}

on_both!(domains_added_on_sight_do_not_depend_on_the_order_of_reports);
async fn domains_added_on_sight_do_not_depend_on_the_order_of_reports(db: Database) {
    let mut world = World::over(db).await;
    let names = ["example.com", "mail.example.com", "x.mail.example.com"];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let account = format!("order {order:?}");
        world.account = world
            .db
            .store
            .add_account(&account, tallymark::base::Mode::Live, NOW)
            .await
            .unwrap()
            .id;
        for nth in order {
            let report = xml(names[nth], &format!("{nth}"), &[(names[nth], 1 + nth as u64)]);
            world.send(&report, Belonging::AddDomains(world.account)).await;
        }
        world.expect(&[(names[0], 1), (names[1], 2), (names[2], 3)]).await;
    }
    // Never a public suffix or an invalid name.
    let suffix = world
        .send(
            &xml("co.uk", "4", &[("co.uk", 1)]),
            Belonging::AddDomains(world.account),
        )
        .await;
    assert_eq!(suffix.set_aside[0].kind, SetAsideKind::Unclaimed);
    world.close().await;
}

on_both!(records_about_a_domain_below_count_until_the_whole_report_does);
async fn records_about_a_domain_below_count_until_the_whole_report_does(db: Database) {
    let world = World::over(db).await;
    let report = xml(
        "one.example",
        "1",
        &[
            ("one.example", 1),
            ("news.one.example", 2),
            ("a.news.one.example", 4),
            ("shop.one.example", 8),
        ],
    );
    world.add("news.one.example").await;
    let first = world.import(&report).await;
    assert_eq!(
        (first.reports[0].messages, first.set_aside[0].kind),
        (6, SetAsideKind::Unclaimed)
    );
    world.expect(&[("news.one.example", 6)]).await;
    let again = world.import(&report).await;
    assert_eq!(again.reports[0].fate, Fate::Duplicate);
    // Domains beside, below and in between take what is theirs.
    world.add("shop.one.example").await;
    world.add("a.news.one.example").await;
    world
        .expect(&[
            ("a.news.one.example", 4),
            ("news.one.example", 2),
            ("shop.one.example", 8),
        ])
        .await;
    world.remove("a.news.one.example").await;
    world.expect(&[("news.one.example", 6), ("shop.one.example", 8)]).await;
    world.remove("shop.one.example").await;
    world.expect(&[("news.one.example", 6)]).await;
    // The whole of it, once.
    world.add("one.example").await;
    world.expect(&[("one.example", 15)]).await;
    assert_eq!(world.db.store.set_aside(None, None, FIRST_PAGE).await.unwrap().1, 0);
    assert_eq!(world.import(&report).await.reports[0].fate, Fate::Duplicate);
    world.expect(&[("one.example", 15)]).await;
    world.close().await;
}

on_both!(what_waits_for_good_is_not_read_again_and_again);
async fn what_waits_for_good_is_not_read_again_and_again(db: Database) {
    let world = World::over(db).await;
    world.add("news.one.example").await;
    world.import(&xml("one.example", "1", &[("news.one.example", 2)])).await;
    assert_eq!(
        tallymark::app::claim_all(&world.db.store, &world.intake).await.unwrap(),
        0
    );
    // A claim that was cut off is made up for, once.
    let added = world
        .db
        .store
        .add_domain(world.account, new_domain("x.news.one.example"), NOW);
    added.await.unwrap();
    assert_eq!(
        tallymark::app::claim_all(&world.db.store, &world.intake).await.unwrap(),
        1
    );
    assert_eq!(
        tallymark::app::claim_all(&world.db.store, &world.intake).await.unwrap(),
        0
    );
    world.expect(&[("news.one.example", 2)]).await;
    world.close().await;
}

on_both!(of_conflicting_reports_one_counts_wherever_their_records_lie);
async fn of_conflicting_reports_one_counts_wherever_their_records_lie(db: Database) {
    let world = World::over(db).await;
    world.add("a.one.example").await;
    world.add("b.one.example").await;
    world.import(&xml("one.example", "1", &[("a.one.example", 5)])).await;
    let other = world.import(&xml("one.example", "1", &[("b.one.example", 7)])).await;
    assert_eq!(other.reports[0].fate, Fate::Conflict);
    world.expect(&[("a.one.example", 5)]).await;
    world.add("one.example").await;
    world.expect(&[("one.example", 5)]).await;
    world.add("x.one.example").await;
    world.remove("one.example").await;
    world.expect(&[]).await;
    world.close().await;
}

on_both!(a_removed_domain_leaves_its_reports_to_the_one_above_also_without_records);
async fn a_removed_domain_leaves_its_reports_to_the_one_above_also_without_records(db: Database) {
    let world = World::over(db).await;
    world.add("example.com").await;
    let report = xml("mail.example.com", "1", &[("mail.example.com", 5)]);
    world.import(&report).await;
    let retention = tallymark::store::Retention {
        originals_days: 1,
        set_aside_days: 1,
        records_days: 1,
        failure_reports_days: 0,
    };
    world.db.store.purge(retention, NOW + (1 << 40)).await.unwrap();
    // Its share of the sums is not known any more: it stays, and is known.
    world.add("mail.example.com").await;
    let again = world.import(&report).await;
    assert_eq!(again.reports[0].fate, Fate::Duplicate);
    assert_eq!(world.messages().await, [("example.com".to_owned(), 5)]);
    // In the domain itself, it goes with the sums.
    world
        .import(&xml("mail.example.com", "2", &[("mail.example.com", 7)]))
        .await;
    world.db.store.purge(retention, NOW + (1 << 40)).await.unwrap();
    world.remove("mail.example.com").await;
    assert_eq!(world.messages().await, [("example.com".to_owned(), 12)]);
    assert_eq!(world.discrepancies().await, [""; 0]);
    world.close().await;
}

on_both!(recounting_finds_a_report_that_counts_twice);
/// The negative control: such pairs are made behind the program's back.
async fn recounting_finds_a_report_that_counts_twice(db: Database) {
    let world = World::over(db).await;
    let (a, b) = (world.add("a.example").await, world.add("b.example").await);
    for (name, id) in [("a.example", "1"), ("b.example", "2"), ("b.example", "3")] {
        world.import(&xml(name, id, &[(name, 3 + id.len() as u64)])).await;
    }
    let same = |column: &str| {
        format!(
            "update reports set {column} = (select {column} from reports where domain_id = {}) where domain_id = {} and \
             report_id = '2'",
            a.id, b.id
        )
    };
    assert_eq!(world.discrepancies().await, [""; 0]);
    world.db.execute(&same("identity_key")).await;
    let found = world.discrepancies().await;
    assert!(found.len() == 1 && found[0].contains("the same identity"), "{found:?}");
    world.db.execute(&same("content_key")).await;
    let found = world.discrepancies().await;
    assert!(found.len() == 2 && found[1].contains("the same contents"), "{found:?}");
    // Slices are no such pair, if they have no record in common.
    world.db.execute("update reports set sliced = 1").await;
    assert_eq!(world.discrepancies().await, [""; 0]);
    world
        .db
        .execute(&format!(
            "update domains set name = 'x.a.example' where domain_id = {}",
            b.id
        ))
        .await;
    let found = world.discrepancies().await;
    assert!(found.len() >= 2, "{found:?}");
}

on_both!(a_domain_is_added_once);
async fn a_domain_is_added_once(db: Database) {
    let world = World::over(db).await;
    world.add("example.com").await;
    let again = world.db.store.add_domain(world.account, new_domain("example.com"), NOW);
    assert!(matches!(again.await, Err(StoreError::Exists(_))));
    let report = cut(&xml("example.com", "1", &[("example.com", 1), ("example.com", 2)]), 1);
    world.import(&report).await;
    world.expect(&[("example.com", 1)]).await;
    world.close().await;
}
