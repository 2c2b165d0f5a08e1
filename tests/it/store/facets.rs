//! Messages by reporter and signer, and the records behind an address.

use tallymark::base::{Authenticated, Day, DayRange, Network};
use tallymark::report::aggregate::{AuthResult, DkimAuth};
use tallymark::store::{SourceOrder, SourcePlace, SourceQuery};

use super::{ALL_DAYS, Database, FIRST_PAGE, LISTED, day, new_report, on_both, report, taken};

on_both!(messages_are_counted_by_reporter_and_by_signer);
async fn messages_are_counted_by_reporter_and_by_signer(db: Database) {
    let mut first = report("1", day(1), &[("192.0.2.1", 7, true), ("192.0.2.2", 2, false)]);
    first.metadata.org_name = Some("Alpha".into());
    // One message, two signers, one of them twice: each counts once, and one pass is a pass.
    let twice = |result| DkimAuth {
        domain: Some("list.example".into()),
        selector: Some("s1".into()),
        result,
        ..DkimAuth::default()
    };
    first.evidence[0]
        .dkim
        .extend([twice(AuthResult::Fail), twice(AuthResult::Pass)]);
    let mut second = report("2", day(2), &[("192.0.2.1", 5, true)]);
    second.metadata.org_name = None;
    db.commit(vec![
        taken(first, Authenticated::Unknown),
        taken(second, Authenticated::Unknown),
    ])
    .await;

    let reporters = db.store.reporters(db.domain.id, ALL_DAYS).await.unwrap();
    let told: Vec<_> = reporters
        .iter()
        .map(|one| (one.org_name.as_str(), one.pass, one.fail, one.reports))
        .collect();
    assert_eq!(told, [("Alpha", 7, 2, 1), ("", 5, 0, 1)]);
    let signatures = db.store.signatures(db.domain.id, ALL_DAYS).await.unwrap();
    let told: Vec<_> = signatures
        .iter()
        .map(|one| (one.domain.as_str(), one.selector.as_str(), one.pass, one.fail))
        .collect();
    assert_eq!(told, [("example.com", "", 12, 2), ("list.example", "s1", 7, 0)]);
    let first_day = Day::from_unix(day(1).0);
    assert_eq!(
        (signatures[1].first_seen, signatures[1].last_seen),
        (Some(first_day), Some(first_day))
    );
    let only = DayRange {
        first: first_day,
        last: first_day,
    };
    assert_eq!(db.store.reporters(db.domain.id, only).await.unwrap().len(), 1);
    db.check_sums(db.domain.id).await;
    assert!(
        db.store
            .remove_domain(db.account.id, &db.domain.public_id, super::NOW)
            .await
            .unwrap()
    );
    assert_eq!(db.store.reporters(db.domain.id, ALL_DAYS).await.unwrap(), []);
}

on_both!(a_report_cannot_make_signers_without_end);
async fn a_report_cannot_make_signers_without_end(db: Database) {
    let mut many = report("1", day(1), &[("192.0.2.1", 3, true)]);
    many.evidence[0].dkim = (0..100)
        .map(|nth| DkimAuth {
            domain: Some(format!("{}{nth:03}.example", "é".repeat(200)).into()),
            result: AuthResult::Pass,
            ..DkimAuth::default()
        })
        .collect();
    db.commit(vec![taken(many, Authenticated::Unknown)]).await;
    let signatures = db.store.signatures(db.domain.id, ALL_DAYS).await.unwrap();
    assert!(signatures.len() <= 65 && signatures.iter().all(|one| one.domain.len() <= 255));
    db.check_sums(db.domain.id).await;
}

on_both!(a_roll_up_that_was_changed_is_found);
async fn a_roll_up_that_was_changed_is_found(db: Database) {
    db.commit(vec![new_report("1", day(1), &[("192.0.2.1", 3, true)])])
        .await;
    db.execute("update daily_facets set pass = pass + 1 where kind = 1")
        .await;
    let verified = db.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(verified.discrepancies.len(), 1, "{:?}", verified.discrepancies);
    db.execute("delete from daily_facets").await;
    assert!(!db.store.verify(&|_, _| {}).await.unwrap().discrepancies.is_empty());
}

on_both!(the_records_behind_an_address_are_found);
async fn the_records_behind_an_address_are_found(db: Database) {
    let wanted = "192.0.2.7";
    for nth in 0_i64..300 {
        let records = [
            ("192.0.2.1", nth.unsigned_abs() + 1, true),
            (if nth % 3 == 0 { wanted } else { "2001:db8::9" }, 2, false),
        ];
        db.commit(vec![new_report(&nth.to_string(), day(nth % 40), &records)])
            .await;
    }
    let mut before: Option<SourcePlace> = None;
    let (mut messages, mut answers) = (0, 0);
    loop {
        let address = Some(wanted.parse().unwrap());
        let found = db
            .store
            .source_records(db.domain.id, address, ALL_DAYS, before, (20, LISTED))
            .await
            .unwrap();
        assert!(found.records.iter().all(|one| one.record.record.source == address));
        assert!(
            found
                .records
                .is_sorted_by(|a, b| a.report.window.begin >= b.report.window.begin)
        );
        messages += found.records.iter().map(|one| one.record.record.count).sum::<u64>();
        answers += 1;
        assert_eq!(found.source.unwrap().totals.fail, 200);
        before = found.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(messages, 200);
    assert!(answers > 1, "it goes on where it ended");
    let none = db
        .store
        .source_records(db.domain.id, None, ALL_DAYS, None, (20, LISTED))
        .await
        .unwrap();
    assert_eq!((none.source, none.records.len()), (None, 0));
}

on_both!(sources_are_sorted_filtered_and_gathered);
async fn sources_are_sorted_filtered_and_gathered(db: Database) {
    let records = [
        ("192.0.2.1", 9, true),
        ("192.0.2.200", 4, false),
        ("198.51.100.1", 6, true),
        ("2001:db8::1", 1, false),
        ("?", 3, true),
    ];
    db.commit(vec![
        new_report("1", day(1), &records),
        new_report("2", day(2), &[("192.0.2.1", 1, false)]),
    ])
    .await;
    let id = db.domain.id;
    let addresses = async |query: SourceQuery| {
        let found = db.store.sources(id, ALL_DAYS, &query, FIRST_PAGE).await.unwrap();
        let address = |address: Option<std::net::IpAddr>| address.map_or("?".to_owned(), |address| address.to_string());
        found
            .sources
            .iter()
            .map(|source| address(source.address))
            .collect::<Vec<_>>()
    };
    let sorted = |order, ascending| SourceQuery {
        order,
        ascending,
        ..SourceQuery::default()
    };
    assert_eq!(
        addresses(SourceQuery::default()).await,
        ["192.0.2.1", "198.51.100.1", "192.0.2.200", "?", "2001:db8::1"]
    );
    assert_eq!(
        addresses(sorted(SourceOrder::Fail, false)).await[..2],
        ["192.0.2.200", "192.0.2.1"]
    );
    assert_eq!(
        addresses(sorted(SourceOrder::PassRate, true)).await[..3],
        ["192.0.2.200", "2001:db8::1", "192.0.2.1"]
    );
    assert_eq!(addresses(sorted(SourceOrder::LastSeen, false)).await[0], "192.0.2.1");
    let network: Network = "192.0.2.0/24".parse().unwrap();
    let within = SourceQuery {
        network: Some(network),
        ..SourceQuery::default()
    };
    assert_eq!(addresses(within).await, ["192.0.2.1", "192.0.2.200"]);
    let senders = db.store.senders(id, ALL_DAYS).await.unwrap();
    assert_eq!(
        (senders[0].network, senders[0].sources, senders[0].totals.messages()),
        (Some(network), 2, 14)
    );
    assert_eq!(senders.iter().map(|sender| sender.totals.messages()).sum::<u64>(), 24);
}
