//! Names of senders over a database: whatever is stored, they sum to the figures.

use tallymark::base::{Authenticated, Day, DayRange};
use tallymark::enrich::{Failed, Flow, Senders, Services, Tables, Wanted, home_range};
use tallymark::report::aggregate::{AuthResult, DkimAuth};
use tallymark::store::{NewReport, Retention, Rows, SourceOrder, SourceQuery, Stats, Store, View};
use tallymark::tally::{Carriers, ResultFilter};

use super::{ALL_DAYS, Database, KEEPING, NOW, day, message, new_domain, on_both, report, taken};

/// Services and flows have the messages of the figures, and so have the sources.
async fn check(db: &Database, range: DayRange, tables: &Tables) -> Vec<(String, u64, u64)> {
    let stats = db.store.stats(db.domain.id, range).await.unwrap();
    let found = Senders::read(&db.store, &db.domain, range, tables)
        .await
        .unwrap()
        .gather();
    assert_eq!(found.totals, stats.totals);
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.sum::<u64>();
    assert_eq!(
        sum(&mut found.services.iter().map(|one| one.counts.pass)),
        stats.totals.pass
    );
    assert_eq!(
        sum(&mut found.services.iter().map(|one| one.counts.fail)),
        stats.totals.fail
    );
    let messages = stats.totals.messages();
    assert_eq!(
        sum(&mut found.services.iter().map(|one| one.flows.messages())),
        messages
    );
    assert_eq!(sum(&mut found.sources.iter().map(|one| one.flows.messages())), messages);
    assert_eq!(found.sources.len() as u64, stats.sources);
    let aligned = (stats.totals.dkim_aligned, stats.totals.spf_aligned);
    for all in [
        found.services.iter().map(|one| one.counts).collect::<Vec<_>>(),
        found.subdomains.iter().map(|one| one.counts).collect(),
        found.flows.iter().map(|(_, counts)| *counts).collect(),
    ] {
        let passed = all.iter().map(|one| one.pass).sum::<u64>();
        let failed = all.iter().map(|one| one.fail).sum::<u64>();
        let dkim = all.iter().map(|one| one.dkim_aligned).sum::<u64>();
        let spf = all.iter().map(|one| one.spf_aligned).sum::<u64>();
        assert_eq!((passed, failed), (stats.totals.pass, stats.totals.fail));
        assert_eq!((dkim, spf), aligned);
    }
    for (nth, (flow, counts)) in found.flows.iter().enumerate() {
        assert_eq!(usize::from(flow.code()), nth);
        let of_services = found
            .services
            .iter()
            .map(|one| one.flows.messages_in(*flow))
            .sum::<u64>();
        assert_eq!(of_services, counts.messages(), "{flow:?}");
    }
    for one in &found.services {
        assert_eq!(one.flows.messages(), one.counts.messages(), "{one:?}");
        // Without a readable address and an identity there is no rule.
        let by_rule = one.rules.iter().map(|(_, count)| count).sum::<u64>();
        let expect = one.named.as_ref().map_or(0, |_| one.counts.messages());
        assert_eq!(by_rule, expect, "{one:?}");
    }
    check_pages(db, range, tables).await;
    check_each(db, range, tables).await;
    check_view(db, range, &stats).await;
    let rows = found.services.into_iter();
    rows.map(|one| {
        (
            one.named.map(|named| named.name.to_string()).unwrap_or_default(),
            one.counts.pass,
            one.counts.fail,
        )
    })
    .collect()
}

/// One address, whose ways are read alone, is what it is among all.
async fn check_each(db: &Database, range: DayRange, tables: &Tables) {
    let senders = Senders::read(&db.store, &db.domain, range, tables).await.unwrap();
    let since = home_range(range).first;
    let all = db
        .store
        .sources_by_way(db.domain.id, range, (since, Carriers::All))
        .await
        .unwrap();
    for (source, ways) in &all.sources {
        let whose = (db.domain.id, source.address);
        let sent = db.store.source_by_way(whose, range, since).await.unwrap();
        assert_eq!(sent.by_way.sources, [(*source, ways.clone())]);
        let mut sums: Vec<_> = sent.by_way.all_ways.iter().collect();
        let mut expected: Vec<_> = all.all_ways.iter().collect();
        sums.sort_unstable();
        expected.sort_unstable();
        assert_eq!(sums, expected);
        let one = Senders::read_one(&db.store, &db.domain, tables, sent).await.unwrap();
        let (one, expected) = (one.source(source.address), senders.source(source.address));
        assert_eq!(format!("{one:?}"), format!("{expected:?}"));
    }
    let other = (db.domain.id, Some("203.0.113.77".parse().unwrap()));
    let nothing = db.store.source_by_way(other, range, since).await.unwrap();
    assert!(nothing.source().is_none() && nothing.by_way.sources.is_empty());
}

/// Queries of one view have the figures that each of them has alone, also while they share a walk.
async fn check_view(db: &Database, range: DayRange, alone: &Stats) {
    let view = View::default();
    let ways = (home_range(range).first, Carriers::All);
    let _in_use = view
        .scope(db.store.sources_by_way(db.domain.id, range, ways))
        .await
        .unwrap();
    let shared = view.scope(db.store.stats(db.domain.id, range)).await.unwrap();
    assert_eq!(format!("{shared:?}"), format!("{alone:?}"));
}

/// A page of few rows, whose ways are read apart, has what the same rows of the whole list have.
async fn check_pages(db: &Database, range: DayRange, tables: &Tables) {
    let senders = Senders::read(&db.store, &db.domain, range, tables).await.unwrap();
    let failed = Wanted {
        failed: Some(Failed::Both),
        ..Wanted::default()
    };
    let named = Wanted {
        search: Some("8.8".to_owned()),
        ..Wanted::default()
    };
    for wanted in [Wanted::default(), failed, named] {
        for (result, order) in [
            (None, SourceOrder::Messages),
            (Some(ResultFilter::Mixed), SourceOrder::Address),
            (Some(ResultFilter::Fail), SourceOrder::LastSeen),
        ] {
            let query = SourceQuery {
                result,
                order,
                ..SourceQuery::default()
            };
            for (before, count) in [(0, 200), (0, 2), (1, 1), (9_999, 5)] {
                let rows = Rows { before, count };
                let place = (&db.store, &db.domain, tables);
                let page = Senders::read_page(place, range, (&query, &wanted), rows).await.unwrap();
                let expected = senders.page(&query, &wanted, rows);
                assert_eq!(format!("{page:?}"), format!("{expected:?}"), "{query:?} {rows:?}");
            }
        }
    }
}

/// A report whose passing records are signed by a service, too.
pub(super) fn signed(id: &str, window: (i64, i64), signer: &str, records: &[(&str, u64, bool)]) -> NewReport {
    let mut report = report(id, window, records);
    report.evidence[0].dkim.push(DkimAuth {
        domain: Some(signer.into()),
        result: AuthResult::Pass,
        ..DkimAuth::default()
    });
    taken(report, Authenticated::Unknown)
}

on_both!(names_sum_to_the_figures_whatever_is_stored);
#[expect(clippy::too_many_lines, reason = "one story")]
async fn names_sum_to_the_figures_whatever_is_stored(db: Database) {
    let tables = Tables::built_in();
    let first = Day::from_unix(day(1).0);
    let one_day = DayRange { first, last: first };
    let week = DayRange {
        first,
        last: first.plus(6),
    };
    assert_eq!(check(&db, week, &tables).await, []);

    let seven_days = (first.plus(-3).begin(), first.plus(4).begin());
    db.commit(vec![
        signed(
            "1",
            day(1),
            "sendgrid.net",
            &[("8.8.8.8", 10, true), ("192.0.2.1", 4, false)],
        ),
        signed(
            "2",
            day(1),
            "amazonses.com",
            &[("8.8.8.8", 5, true), ("54.240.8.1", 3, false)],
        ),
        // Over a week, of which a part is in each range; and over months.
        signed(
            "3",
            seven_days,
            "mandrillapp.com",
            &[("8.8.8.8", 70, true), ("no address", 7, false)],
        ),
        signed(
            "4",
            (first.plus(-40).begin(), first.plus(40).begin()),
            "mcsv.net",
            &[("192.0.2.7", 801, true)],
        ),
    ])
    .await;
    for range in [
        one_day,
        week,
        ALL_DAYS,
        DayRange {
            first: first.plus(-3),
            last: first.plus(-1),
        },
    ] {
        check(&db, range, &tables).await;
    }
    let rows = check(&db, one_day, &tables).await;
    for expect in [
        ("Twilio SendGrid", 10),
        ("Amazon SES", 5),
        ("Mailchimp Transactional (Mandrill)", 10),
    ] {
        assert!(
            rows.iter().any(|(name, pass, _)| (name.as_str(), *pass) == expect),
            "{expect:?} in {rows:?}"
        );
    }

    // A duplicate, and another content of the same report.
    let again = signed(
        "1",
        day(1),
        "sendgrid.net",
        &[("8.8.8.8", 10, true), ("192.0.2.1", 4, false)],
    );
    db.commit(vec![again]).await;
    db.commit(vec![signed("1", day(1), "mailgun.org", &[("8.8.8.8", 999, true)])])
        .await;
    check(&db, week, &tables).await;

    // A better table renames the past, and nothing else changes.
    let header = "name\tcategory\tdkim_domains\tspf_domains\tptr_suffixes\tasns\tsources";
    let services = format!("{header}\nOur sender\trelay\tsendgrid.net amazonses.com\t\t\t\tours\n");
    let mut renamed = Tables::built_in();
    renamed.services = Services::with_file(&services).unwrap().into();
    let rows = check(&db, one_day, &renamed).await;
    assert!(
        rows.iter().any(|(name, pass, _)| name == "Our sender" && *pass == 15),
        "{rows:?}"
    );
}

on_both!(names_stay_when_records_are_dropped);
async fn names_stay_when_records_are_dropped(db: Database) {
    let tables = Tables::built_in();
    db.commit(vec![signed("1", day(1), "sendgrid.net", &[("8.8.8.8", 10, true)])])
        .await;
    let rows = check(&db, ALL_DAYS, &tables).await;
    assert_eq!(rows, [("Twilio SendGrid".to_owned(), 10, 0)]);
    let keep = Retention {
        originals_days: 30,
        set_aside_days: 90,
        records_days: 400,
        failure_reports_days: 0,
    };
    let dropped = db.store.purge(keep, NOW + 500 * 86_400_000).await.unwrap();
    assert_eq!(dropped.records, 1);
    let rows = check(&db, ALL_DAYS, &tables).await;
    assert_eq!(rows, [("Twilio SendGrid".to_owned(), 10, 0)]);
    let found = Senders::read(&db.store, &db.domain, ALL_DAYS, &tables)
        .await
        .unwrap()
        .gather();
    assert_eq!(found.sources[0].flows.messages_in(Flow::Unknown), 0);
}

/// The names of services with their messages, without those of networks.
async fn named(db: &Database, tables: &Tables) -> Vec<(String, u64)> {
    let rows = check(db, ALL_DAYS, tables).await.into_iter();
    let mut named: Vec<_> = rows
        .filter(|(name, ..)| name.ends_with(".example"))
        .map(|(name, pass, fail)| (name, pass + fail))
        .collect();
    named.sort();
    named
}

on_both!(more_paths_than_a_row_has_stay_apart);
async fn more_paths_than_a_row_has_stay_apart(db: Database) {
    let tables = Tables::built_in();
    let signer = |nth: usize| format!("signer{nth:03}.example");
    for nth in 0..100 {
        let new = signed(
            &nth.to_string(),
            day(1),
            &signer(nth),
            &[("192.0.2.1", nth as u64 + 1, true)],
        );
        db.commit(vec![new]).await;
        // A store that remembers nothing goes on with the numbers of the one before.
        if nth % 30 == 29 {
            let other = Store::open(db.location.clone()).await.unwrap();
            let new = signed(
                &format!("{nth}b"),
                day(2),
                &signer(nth / 2),
                &[("192.0.2.1", 1_000, true)],
            );
            other
                .commit(vec![message(db.account.id, vec![new])], &KEEPING)
                .await
                .unwrap();
            other.close().await;
        }
    }
    let mut expect: Vec<_> = (0..100).map(|nth| (signer(nth), nth as u64 + 1)).collect();
    for nth in [29, 59, 89] {
        expect[nth / 2].1 += 1_000;
    }
    assert_eq!(named(&db, &tables).await, expect);
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
}

on_both!(recounting_finds_ways_that_no_record_has);
async fn recounting_finds_ways_that_no_record_has(db: Database) {
    db.commit(vec![
        signed("1", day(1), "one.example", &[("192.0.2.1", 5, true)]),
        signed("2", day(2), "two.example", &[("192.0.2.1", 7, true)]),
    ])
    .await;
    let found = async || {
        let verified = db.store.verify(&|_, _| {}).await.unwrap();
        verified
            .discrepancies
            .into_iter()
            .map(|one| one.what)
            .collect::<Vec<_>>()
    };
    assert_eq!(found().await, [""; 0]);
    db.execute("create table kept as select * from paths").await;
    db.execute("delete from paths").await;
    let lost = found().await;
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert!(
        lost[0].contains("a path that paths does not have") && lost[0].contains("one.example"),
        "{lost:?}"
    );
    db.execute("insert into paths select * from kept").await;
    assert_eq!(found().await, [""; 0]);
    db.execute("delete from daily_sources").await;
    let lost = found().await;
    assert!(lost.iter().any(|what| what.contains("two.example")), "{lost:?}");
}

on_both!(names_move_with_reports_between_domains);
async fn names_move_with_reports_between_domains(db: Database) {
    let tables = Tables::built_in();
    let about = |name: &str, id: &str, signer: &str| {
        let mut new = report(id, day(1), &[("192.0.2.1", 9, true)]);
        new.policy.domain = name.into();
        new.evidence[0].dkim.push(DkimAuth {
            domain: Some(signer.into()),
            result: AuthResult::Pass,
            ..DkimAuth::default()
        });
        taken(new, Authenticated::Unknown)
    };
    db.commit(vec![
        about("example.com", "1", "one.example"),
        about("mail.example.com", "2", "two.example"),
    ])
    .await;
    let all = [("one.example".to_owned(), 9), ("two.example".to_owned(), 9)];
    assert_eq!(named(&db, &tables).await, all);
    let below = new_domain("mail.example.com");
    let below = db.store.add_domain(db.account.id, below, NOW).await.unwrap();
    assert_eq!(named(&db, &tables).await, all[..1]);
    let of_below = Senders::read(&db.store, &below, ALL_DAYS, &tables)
        .await
        .unwrap()
        .gather();
    assert_eq!(&*of_below.services[0].named.as_ref().unwrap().name, "two.example");
    // Also where the records have gone, and the sums move as a whole.
    let keep = Retention {
        originals_days: 30,
        set_aside_days: 90,
        records_days: 400,
        failure_reports_days: 0,
    };
    db.store.purge(keep, NOW + 500 * 86_400_000).await.unwrap();
    assert!(
        db.store
            .remove_domain(db.account.id, &below.public_id, NOW)
            .await
            .unwrap()
    );
    assert_eq!(named(&db, &tables).await, all);
}
