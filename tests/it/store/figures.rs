//! Sums against a brute-force recount, and what belongs to whom.

use proptest::prelude::*;
use tallymark::base::{Authenticated, Day, DayRange, Mode, SetAsideKind};
use tallymark::store::{Belonging, Page, ReportFilter, SourceQuery, Store};
use tallymark::tally::ResultFilter;

use super::{
    ALL_DAYS, Database, Dialect, Expected, FIRST_PAGE, NOW, day, message, new_domain, new_report, on_both, report,
    taken,
};

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

pub(super) fn dialects() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::Sqlite), Just(Dialect::Postgres)]
}

fn records() -> impl Strategy<Value = Vec<(String, u64, bool)>> {
    let address = prop_oneof![
        (0_u8..6).prop_map(|low| format!("198.51.100.{low}")),
        (0_u8..3).prop_map(|low| format!("2001:db8::{low}")),
        Just(String::new()),
    ];
    proptest::collection::vec((address, 0_u64..50, any::<bool>()), 0..8)
}

fn windows() -> impl Strategy<Value = (i64, i64)> {
    (
        0_i64..20,
        prop_oneof![Just(86_399), Just(86_400), 0_i64..900_000],
        0_i64..86_400,
    )
        .prop_map(|(nth, len, shift)| (day(nth).0 + shift, day(nth).0 + shift + len))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is sent in, in whatever batches: each sum is what counting by hand gives.
    #[test]
    fn sums_are_what_was_sent_in(dialect in dialects(), reports in proptest::collection::vec((windows(), records()), 1..12), split in 1_usize..5) {
        runtime().block_on(async {
            let db = Database::start(dialect).await;
            let mut expected = Expected::new();
            let mut batch = Vec::new();
            for (nth, (window, records)) in reports.iter().enumerate() {
                let borrowed: Vec<_> = records.iter().map(|(address, count, passes)| (&**address, *count, *passes)).collect();
                let new = new_report(&format!("report {nth}"), (window.0 + nth as i64, window.1 + nth as i64), &borrowed);
                batch.push(message(db.account.id, vec![new]));
                for (address, count, _) in records {
                    *expected.entry(address.parse().ok()).or_default() += count;
                }
            }
            while !batch.is_empty() {
                let rest = batch.split_off(split.min(batch.len()));
                db.commit_all(std::mem::replace(&mut batch, rest)).await;
            }
            expected.retain(|_, count| *count > 0);
            let totals = db.check_sums(db.domain.id).await;
            assert_eq!(totals.messages(), expected.values().sum::<u64>());
            let sources = db.store.sources(db.domain.id, ALL_DAYS, &SourceQuery::default(), FIRST_PAGE).await.unwrap();
            let found: Expected =
                sources.sources.iter().map(|source| (source.address, source.totals.messages())).collect();
            assert_eq!(found, expected);
            assert!(sources.sources.is_sorted_by_key(|source| std::cmp::Reverse(source.totals.messages())));
        });
    }
}

on_both!(a_window_over_two_days_is_spread_and_nothing_is_lost);
async fn a_window_over_two_days_is_spread_and_nothing_is_lost(db: Database) {
    let begin = day(0).0 + 64_800;
    db.commit(vec![new_report(
        "1",
        (begin, begin + 86_400),
        &[("192.0.2.1", 5, true)],
    )])
    .await;
    let first = Day::from_unix(begin);
    let stats = db
        .store
        .stats(
            db.domain.id,
            DayRange {
                first,
                last: first.plus(1),
            },
        )
        .await
        .unwrap();
    assert_eq!(stats.days.iter().map(|day| day.totals.pass).collect::<Vec<_>>(), [1, 4]);
    db.check_sums(db.domain.id).await;
}

on_both!(a_report_cannot_cost_more_than_it_was_to_send);
/// 33 KB as gzip: a year of ten thousand addresses, four million of them by day.
async fn a_report_cannot_cost_more_than_it_was_to_send(db: Database) {
    const COUNT: u64 = 400;
    let addresses: Vec<_> = (0..10_900_u32)
        .map(|nth| std::net::Ipv4Addr::from(0x0a00_0000 + nth).to_string())
        .collect();
    let records: Vec<_> = addresses.iter().map(|address| (&**address, COUNT, true)).collect();
    let year = (day(0).0, day(365).1);
    db.commit(vec![new_report("1", year, &records)]).await;
    let stats = db.store.stats(db.domain.id, ALL_DAYS).await.unwrap();
    let days = stats.days.iter().filter(|day| day.totals.messages() > 0);
    let days: Vec<_> = days.map(|day| (day.day, day.totals.messages())).collect();
    assert_eq!(days, [(Day::from_unix(year.0), 10_900 * COUNT)]);
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 10_900 * COUNT);
}

on_both!(a_long_window_comes_and_goes_day_by_day);
/// More days than are moved at a time, added, and taken back when another report of the identity counts.
async fn a_long_window_comes_and_goes_day_by_day(db: Database) {
    let window = (day(0).0, day(299).1);
    let first = report("1", window, &[("192.0.2.1", 900, true), ("192.0.2.2", 600, false)]);
    db.commit(vec![taken(first, Authenticated::Unknown)]).await;
    let stats = db.store.stats(db.domain.id, ALL_DAYS).await.unwrap();
    let days = stats.days.iter().filter(|day| day.totals.messages() > 0).count();
    assert_eq!((days, db.check_sums(db.domain.id).await.messages()), (300, 1_500));
    let second = report("1", window, &[("192.0.2.2", 300, false), ("192.0.2.3", 330, true)]);
    db.commit(vec![taken(second, Authenticated::Pass)]).await;
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 630);
    assert_eq!(db.store.stats(db.domain.id, ALL_DAYS).await.unwrap().sources, 2);
}

on_both!(messages_set_aside_are_listed_by_account_and_kind);
async fn messages_set_aside_are_listed_by_account_and_kind(db: Database) {
    let own = db.account.id;
    let other = db.store.add_account("other", Mode::Live, NOW).await.unwrap().id;
    let mut batch = Vec::new();
    for (account, unclaimed, mails) in [(own, 3, 2), (other, 1, 0)] {
        for nth in 0..unclaimed {
            let mut stray = report("1", day(nth), &[("192.0.2.1", 1, true)]);
            stray.policy.domain = "example.org".into();
            batch.push(message(account, vec![taken(stray, Authenticated::Unknown)]));
        }
        batch.extend((0..mails).map(|_| message(account, Vec::new())));
    }
    db.commit_all(batch).await;
    for (account, kind, expect) in [
        (None, None, 6),
        (None, Some(SetAsideKind::Unclaimed), 4),
        (Some(own), None, 5),
        (Some(own), Some(SetAsideKind::Unclaimed), 3),
        (Some(own), Some(SetAsideKind::Other), 2),
        (Some(own), Some(SetAsideKind::Quarantined), 0),
        (Some(other), None, 1),
        (Some(other), Some(SetAsideKind::Other), 0),
    ] {
        let (all, total) = db.store.set_aside(account, kind, FIRST_PAGE).await.unwrap();
        assert_eq!((all.len(), total), (expect, expect as u64), "{account:?} {kind:?}");
        let fits =
            |account_of, kind_of| account.is_none_or(|one| one == account_of) && kind.is_none_or(|one| one == kind_of);
        assert!(all.iter().all(|aside| fits(aside.account, aside.kind)));
        assert!(all.is_sorted_by(|a, b| a.id > b.id));
        let mut paged = Vec::new();
        for page in 1..=4 {
            let page = Page { page, per_page: 2 };
            paged.extend(db.store.set_aside(account, kind, page).await.unwrap().0);
        }
        assert_eq!(paged, all);
    }
}

on_both!(filters_and_pages_agree_with_the_whole);
async fn filters_and_pages_agree_with_the_whole(db: Database) {
    for nth in 0..30_u64 {
        let mixed = [("192.0.2.1", nth + 1, true), ("192.0.2.2", nth, nth % 3 == 0)];
        db.commit(vec![new_report(&nth.to_string(), day(nth as i64 % 7), &mixed)])
            .await;
    }
    let id = db.domain.id;
    let (all, total) = db
        .store
        .reports(id, &ReportFilter::default(), FIRST_PAGE)
        .await
        .unwrap();
    assert_eq!((all.len(), total), (30, 30));
    let mut paged = Vec::new();
    for page in 1..=8 {
        let (reports, _) = db
            .store
            .reports(id, &ReportFilter::default(), Page { page, per_page: 4 })
            .await
            .unwrap();
        paged.extend(reports);
    }
    assert_eq!(paged, all);
    assert!(all.is_sorted_by_key(|report| std::cmp::Reverse((report.window.begin, report.no))));
    let mut by_result = 0;
    for result in [ResultFilter::Pass, ResultFilter::Fail, ResultFilter::Mixed] {
        let filter = ReportFilter {
            result: Some(result),
            org: Some("REPORTER".to_owned()),
            ..ReportFilter::default()
        };
        let (reports, total) = db.store.reports(id, &filter, FIRST_PAGE).await.unwrap();
        assert!(reports.iter().all(|report| report.totals.matches(Some(result))));
        assert_eq!(reports.len() as u64, total);
        by_result += total;
    }
    assert_eq!(by_result, 30);
    let sources = db
        .store
        .sources(id, ALL_DAYS, &SourceQuery::default(), Page { page: 2, per_page: 1 })
        .await
        .unwrap();
    let whole = db
        .store
        .sources(id, ALL_DAYS, &SourceQuery::default(), FIRST_PAGE)
        .await
        .unwrap();
    assert_eq!((sources.total, &sources.sources[0]), (2, &whole.sources[1]));
}

on_both!(reports_go_to_the_closest_registered_parent_or_wait);
async fn reports_go_to_the_closest_registered_parent_or_wait(db: Database) {
    let about = |name: &str, nth: i64| {
        let mut report = super::report(name, day(nth), &[("192.0.2.1", 1, true)]);
        report.policy.domain = name.into();
        super::taken(report, tallymark::base::Authenticated::Unknown)
    };
    let below = db
        .store
        .add_domain(db.account.id, new_domain("mail.example.com"), super::NOW)
        .await
        .unwrap();
    let outcome = db
        .commit(vec![
            about("a.mail.example.com", 0),
            about("example.com", 1),
            about("b.example.com", 2),
            about("example.org", 3),
        ])
        .await;
    let domains: Vec<_> = outcome.reports.iter().map(|report| report.domain).collect();
    assert_eq!(domains, [below.id, db.domain.id, db.domain.id]);
    assert_eq!(outcome.set_aside[0].kind, SetAsideKind::Unclaimed);
    assert_eq!(db.store.unclaimed_names(db.account.id).await.unwrap(), ["example.org"]);
    // Addressed to a domain that it is not about: it counts for its own.
    let mut stray = message(db.account.id, vec![about("example.com", 5)]);
    stray.belonging = Belonging::Domain(db.account.id, below.id);
    let outcome = db.commit_all(vec![stray]).await.remove(0);
    assert_eq!((outcome.reports[0].domain, outcome.set_aside.len()), (db.domain.id, 0));
    // Added on sight, but never a public suffix.
    let mut adding = message(db.account.id, vec![about("example.net", 6), about("co.uk", 7)]);
    adding.belonging = Belonging::AddDomains(db.account.id);
    let outcome = db.commit_all(vec![adding]).await.remove(0);
    assert_eq!((outcome.reports.len(), outcome.set_aside.len()), (1, 1));
    assert_eq!(db.store.domains(db.account.id).await.unwrap().len(), 3);
}

on_both!(a_removed_domain_takes_everything_with_it);
async fn a_removed_domain_takes_everything_with_it(db: Database) {
    db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 1, true)])])
        .await;
    let other = db
        .store
        .add_account("other", tallymark::base::Mode::Live, super::NOW)
        .await
        .unwrap();
    assert!(
        !db.store
            .remove_domain(other.id, &db.domain.public_id, super::NOW)
            .await
            .unwrap()
    );
    assert!(
        db.store
            .remove_domain(db.account.id, &db.domain.public_id, super::NOW)
            .await
            .unwrap()
    );
    assert_eq!(
        db.store.stats(db.domain.id, ALL_DAYS).await.unwrap().totals.messages(),
        0
    );
    // Added again, it starts from nothing: the same report is new again.
    let again = db
        .store
        .add_domain(db.account.id, new_domain("example.com"), super::NOW)
        .await
        .unwrap();
    db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 1, true)])])
        .await;
    assert_eq!(db.check_sums(again.id).await.messages(), 1);
}

on_both!(what_was_committed_is_there_after_opening_again);
async fn what_was_committed_is_there_after_opening_again(db: Database) {
    let outcome = db
        .commit(vec![new_report(
            "1",
            day(0),
            &[("192.0.2.1", 3, true), ("192.0.2.9", 4, false)],
        )])
        .await;
    db.store.close().await;
    let store = Store::open(db.location.clone()).await.unwrap();
    let (records, total) = store
        .records(db.domain.id, outcome.reports[0].no, FIRST_PAGE)
        .await
        .unwrap();
    assert_eq!((total, records.iter().map(|record| record.count).sum::<u64>()), (2, 7));
    assert_eq!(records[1].source, "192.0.2.9".parse().ok());
    assert_eq!(records[0].evidence.header_from.as_deref(), Some("example.com"));
    assert_eq!(
        store
            .original(db.domain.id, outcome.reports[0].no)
            .await
            .unwrap()
            .unwrap()
            .bytes
            .len(),
        16
    );
    assert!(store.verify(&|_, _| {}).await.unwrap().discrepancies.is_empty());
}

on_both!(a_day_with_thousands_of_sources_lies_in_parts_and_is_summed_up_over_them);
/// Reports of few and of many addresses, all of which also name one address, on one day; then one report's figures go.
async fn a_day_with_thousands_of_sources_lies_in_parts_and_is_summed_up_over_them(db: Database) {
    let addresses = |first: u32, count: u32| {
        let mut texts: Vec<_> = (first..first + count)
            .map(|nth| std::net::Ipv4Addr::from(0x0a00_0000 + nth).to_string())
            .collect();
        texts.push("192.0.2.1".to_owned());
        texts
    };
    let of = |texts: &[String]| texts.iter().map(|text| (text.clone(), 2, true)).collect::<Vec<_>>();
    let mut first = 0;
    let counts = [3, 250, 7, 300, 2_000, 1, 16_000, 40, 255, 256, 2_300];
    for (nth, count) in counts.into_iter().enumerate() {
        let records = of(&addresses(first, count));
        let records: Vec<_> = records
            .iter()
            .map(|(text, count, passes)| (&**text, *count, *passes))
            .collect();
        db.commit(vec![new_report(&nth.to_string(), day(0), &records)]).await;
        first += count;
        let stats = db.store.stats(db.domain.id, ALL_DAYS).await.unwrap();
        assert_eq!(stats.sources, u64::from(first) + 1, "after {nth}");
        assert_eq!(
            stats.totals.messages(),
            2 * (u64::from(first) + nth as u64 + 1),
            "after {nth}"
        );
    }
    let verified = db.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(verified.discrepancies, []);
    let sources = db
        .store
        .sources(db.domain.id, ALL_DAYS, &SourceQuery::default(), FIRST_PAGE)
        .await
        .unwrap();
    let common = &sources.sources[0];
    assert_eq!(common.address, "192.0.2.1".parse().ok());
    assert_eq!(common.totals.messages(), 2 * counts.len() as u64);
    assert_eq!(
        (common.first_seen, common.last_seen),
        (Day::from_unix(day(0).0), Day::from_unix(day(0).0))
    );

    // The report of 2,000 loses to one of a single address: it is taken from whichever parts it went to.
    let winner = report("4", day(0), &[("192.0.2.9", 1, true)]);
    db.commit(vec![taken(winner, Authenticated::Pass)]).await;
    let stats = db.store.stats(db.domain.id, ALL_DAYS).await.unwrap();
    assert_eq!(stats.sources, u64::from(first - 2_000) + 2);
    let verified = db.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(verified.discrepancies, []);
    // And a small one comes after all.
    db.commit(vec![new_report("last", day(0), &[("192.0.2.1", 5, true)])])
        .await;
    let verified = db.store.verify(&|_, _| {}).await.unwrap();
    assert_eq!(verified.discrepancies, []);
}

on_both!(records_are_paged_across_packed_rows);
async fn records_are_paged_across_packed_rows(db: Database) {
    let mut addresses: Vec<_> = (0..2_500_u32)
        .map(|nth| std::net::Ipv4Addr::from(0x0a00_0000 + nth).to_string())
        .collect();
    addresses.extend(["2001:db8::1".to_owned(), "unreadable".to_owned()]);
    let records: Vec<_> = addresses.iter().map(|text| (&**text, 2, true)).collect();
    let no = db.commit(vec![new_report("1", day(0), &records)]).await.reports[0].no;
    let page = async |page, per_page| {
        let page = Page { page, per_page };
        db.store.records(db.domain.id, no, page).await.unwrap()
    };
    let (all, total) = page(1, 5_000).await;
    assert_eq!((all.len(), total), (2_502, 2_502));
    assert_eq!(db.store.verify(&|_, _| {}).await.unwrap().discrepancies, []);
    // A page from the middle of a row into the next.
    assert_eq!(page(2, 1_000).await.0, all[1_000..2_000]);
    assert_eq!(page(3, 1_000).await.0, all[2_000..]);
    assert_eq!(page(9, 1_000).await.0, []);
}

on_both!(recounting_finds_what_was_changed_behind_our_back);
/// A negative control: recounting does see a sum that is not the records'.
async fn recounting_finds_what_was_changed_behind_our_back(db: Database) {
    // Behind a head byte, the verdict and the address: the count of the only record.
    let recounted = match db.dialect {
        Dialect::Sqlite => {
            "update records set content = cast(substr(content, 1, 6) || x'04' || substr(content, 8) as blob)"
        }
        Dialect::Postgres | Dialect::Distributed => "update records set content = set_byte(content, 6, 4)",
    };
    for statement in [
        "update daily_totals set pass = pass + 1",
        recounted,
        "delete from records",
        "delete from daily_sources",
        "update reports set counted = 0",
        "update originals set bytes = digest",
    ] {
        let db = Database::start(db.dialect).await;
        db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 3, true)])])
            .await;
        db.execute(statement).await;
        let verified = db.store.verify(&|_, _| {}).await.unwrap();
        assert!(!verified.discrepancies.is_empty(), "{statement}");
    }
}

on_both!(verify_finds_a_missing_day_without_messages);
/// The list of reports is counted by days, so that a day that is gone hides reports.
async fn verify_finds_a_missing_day_without_messages(db: Database) {
    db.commit(vec![new_report("1", day(0), &[("192.0.2.1", 0, true)])])
        .await;
    let said = async || {
        let verified = db.store.verify(&|_, _| {}).await.unwrap();
        verified
            .discrepancies
            .iter()
            .map(|one| one.what.clone())
            .collect::<Vec<_>>()
    };
    assert!(said().await.is_empty(), "the control");
    db.execute("delete from daily_totals").await;
    let said = said().await;
    assert!(
        said.iter()
            .any(|what| what.contains("1 reports begin, daily_totals has no such day")),
        "{said:?}"
    );
}
