//! Each figure is what its label says: by day, by what was done with the mail, the newest report, the last day.

use tallymark::base::{Authenticated, Day, DayRange};
use tallymark::report::aggregate::{AuthResult, Disposition, DkimAuth, Evaluated, Evidence, Policy, Record, Report};
use tallymark::store::{DayTotals, ReportFilter, SourceQuery};
use tallymark::tally::Totals;

use super::{ALL_DAYS, Database, FIRST_PAGE, NOW, day, new_report, on_both, report, taken};

fn days_with_messages(days: &[DayTotals]) -> Vec<(i32, u64)> {
    let days = days.iter().filter(|day| day.totals.messages() > 0);
    days.map(|day| (day.day.0, day.totals.messages())).collect()
}

/// From noon to noon, over a number of days.
fn noon(nth: i64, days: i64) -> (i64, i64) {
    let begin = day(nth).0 + 43_200;
    (begin, begin + days * 86_400)
}

/// The figures of one report alone, as text: by day; by day and source; by signer with its days.
async fn figures_of(db: &Database, mut report: Report) -> String {
    let fresh = Database::start(db.dialect).await;
    report.metadata.report_id = "same".into();
    fresh.commit(vec![taken(report, Authenticated::Unknown)]).await;
    fresh.check_sums(fresh.domain.id).await;
    let mut told = String::new();
    let stats = fresh.store.stats(fresh.domain.id, ALL_DAYS).await.unwrap();
    for one in stats.days.iter().filter(|day| day.totals.messages() > 0) {
        let range = DayRange {
            first: one.day,
            last: one.day,
        };
        let query = SourceQuery::default();
        let sources = fresh.store.sources(fresh.domain.id, range, &query, FIRST_PAGE);
        told += &format!("{:?}\n{:?}\n", one, sources.await.unwrap());
        told += &format!("{:?}\n", fresh.store.signatures(fresh.domain.id, range).await.unwrap());
        told += &format!("{:?}\n", fresh.store.reporters(fresh.domain.id, range).await.unwrap());
    }
    told
}

on_both!(how_records_are_grouped_and_ordered_does_not_matter);
async fn how_records_are_grouped_and_ordered_does_not_matter(db: Database) {
    for (window, kinds) in [
        (noon(0, 1), vec![("192.0.2.1", 10, true)]),
        (
            noon(0, 7),
            vec![
                ("192.0.2.1", 35, true),
                ("192.0.2.2", 36, false),
                ("2001:db8::1", 3, true),
            ],
        ),
        (
            (day(0).0 + 72_000, day(1).0 + 72_000),
            vec![("192.0.2.1", 7, false), ("", 5, true)],
        ),
    ] {
        let one = report("1", window, &kinds);
        let singles: Vec<_> = kinds
            .iter()
            .flat_map(|(address, count, passes)| (0..*count).map(|_| (*address, 1, *passes)))
            .collect();
        let mut backwards = report("1", window, &singles);
        // Evidence in another order, and one of them twice.
        backwards.evidence.reverse();
        backwards.evidence.extend_from_within(..);
        let mut records: Vec<_> = backwards.records.iter().copied().collect();
        records.reverse();
        for (nth, record) in records.iter_mut().enumerate() {
            record.evidence = 1 - record.evidence + if nth % 3 == 0 { 2 } else { 0 };
        }
        backwards.records = records.into_iter().collect();
        let expect = figures_of(&db, one).await;
        assert_eq!(figures_of(&db, report("1", window, &singles)).await, expect);
        assert_eq!(figures_of(&db, backwards).await, expect);
    }
    let ones: Vec<_> = (1..=70).map(|nth| format!("192.0.2.{nth}")).collect();
    let ones: Vec<_> = ones.iter().map(|address| (&**address, 1, true)).collect();
    db.commit(vec![
        new_report("1", noon(0, 1), &ones[..10]),
        new_report("2", (day(7).0, day(14).0), &ones),
    ])
    .await;
    let stats = db.store.stats(db.domain.id, ALL_DAYS).await.unwrap();
    let first = Day::from_unix(day(0).0).0;
    let week = (7..14).map(|nth| (first + nth, 10));
    let expect: Vec<_> = [(first, 5), (first + 1, 5)].into_iter().chain(week).collect();
    assert_eq!(days_with_messages(&stats.days), expect);
    db.check_sums(db.domain.id).await;
}

on_both!(a_conflict_takes_back_just_what_it_added);
async fn a_conflict_takes_back_just_what_it_added(db: Database) {
    let ones = [
        ("192.0.2.1", 1, true),
        ("192.0.2.2", 1, true),
        ("192.0.2.3", 1, false),
        ("192.0.2.4", 2, false),
    ];
    db.commit(vec![new_report("1", noon(0, 4), &ones)]).await;
    let other = report("1", noon(0, 4), &[("192.0.2.9", 3, true)]);
    db.commit(vec![taken(other, Authenticated::Pass)]).await;
    assert_eq!(db.check_sums(db.domain.id).await.messages(), 3);
}

on_both!(dispositions_add_up);
async fn dispositions_add_up(db: Database) {
    let said = [
        Some(Disposition::None),
        Some(Disposition::Pass),
        Some(Disposition::Quarantine),
        Some(Disposition::Reject),
        Some(Disposition::Unknown),
        None,
    ];
    let mut mixed = report("1", noon(0, 2), &[]);
    let cases = said.iter().flat_map(|said| [true, false].map(|passes| (*said, passes)));
    for (nth, (disposition, passes)) in cases.enumerate() {
        mixed.records.push(Record {
            source: format!("192.0.2.{nth}").parse().ok(),
            evaluated: Evaluated {
                disposition,
                ..report("", day(0), &[("192.0.2.1", 1, passes)]).records[0].evaluated
            },
            evidence: u32::from(!passes),
            count: 1 << nth,
        });
    }
    db.commit(vec![taken(mixed, Authenticated::Unknown)]).await;
    let totals = db.check_sums(db.domain.id).await;
    assert_eq!(totals.messages(), (1 << 12) - 1);
    // Of what passed and has no word, nothing was asked for; of what failed it is not known.
    assert_eq!(totals.none, 0b0100_0000_1111);
    assert_eq!((totals.quarantine, totals.reject), (0b0011_0000, 0b1100_0000));
    assert_eq!(totals.unknown(), 0b1011_0000_0000);
    let adds_up =
        |totals: &Totals| totals.none + totals.quarantine + totals.reject + totals.unknown() == totals.messages();
    let stats = db.store.stats(db.domain.id, ALL_DAYS).await.unwrap();
    assert!(stats.days.iter().all(|day| adds_up(&day.totals)));
    let sources = db
        .store
        .sources(db.domain.id, ALL_DAYS, &SourceQuery::default(), FIRST_PAGE)
        .await
        .unwrap();
    assert!(sources.sources.iter().all(|source| adds_up(&source.totals)));
    let (reports, _) = db
        .store
        .reports(db.domain.id, &tallymark::store::ReportFilter::default(), FIRST_PAGE)
        .await
        .unwrap();
    assert!(reports.iter().all(|report| adds_up(&report.totals)));
}

on_both!(the_policy_is_that_of_the_newest_window);
async fn the_policy_is_that_of_the_newest_window(db: Database) {
    let with = |id: &str, window, policy| {
        let mut one = report(id, window, &[("192.0.2.1", 1, true)]);
        one.policy.p = Some(policy);
        one
    };
    let unknown = Authenticated::Unknown;
    let latest = async || {
        db.store
            .latest(&[db.domain.id], NOW)
            .await
            .unwrap()
            .remove(&db.domain.id)
    };
    assert_eq!(latest().await, None);
    let (old, new) = (day(2), day(20));
    let told = async || latest().await.map(|latest| (latest.policy.p, latest.until / 1_000));
    db.commit(vec![taken(with("new", new, Policy::Reject), unknown)]).await;
    db.commit(vec![taken(with("old", old, Policy::None), unknown)]).await;
    assert_eq!(told().await, Some((Some(Policy::Reject), new.1)));
    // A week that ends later though it begins earlier is newer; one that arrives twice is not.
    let week = (day(15).0, day(21).1);
    db.commit(vec![taken(with("week", week, Policy::Quarantine), unknown)])
        .await;
    db.commit(vec![taken(with("new", new, Policy::Reject), unknown)]).await;
    assert_eq!(told().await, Some((Some(Policy::Quarantine), week.1)));
    // Of a conflict the one that counts, whichever came first.
    let mut vouched = with("week", week, Policy::Reject);
    vouched.records[0].count = 2;
    db.commit(vec![taken(vouched, Authenticated::Pass)]).await;
    assert_eq!(told().await, Some((Some(Policy::Reject), week.1)));
    let mut forged = with("week", week, Policy::None);
    forged.records[0].count = 3;
    db.commit(vec![taken(forged, unknown)]).await;
    assert_eq!(told().await, Some((Some(Policy::Reject), week.1)));
    // A clock that is years ahead decides nothing, as long as there is another.
    let ahead = (NOW / 1_000 + 400 * 86_400, NOW / 1_000 + 401 * 86_400);
    db.commit(vec![taken(with("ahead", ahead, Policy::None), unknown)])
        .await;
    assert_eq!(told().await, Some((Some(Policy::Reject), week.1)));
    // What came last is another matter.
    assert_eq!(latest().await.unwrap().arrived_at, NOW);
    let arrivals = db.store.arrivals(&[db.domain.id], None, 3).await.unwrap();
    let ids: Vec<_> = arrivals
        .iter()
        .map(|(_, report)| (report.report_id.as_str(), report.counted))
        .collect();
    assert_eq!(ids, [("ahead", true), ("week", false), ("week", true)]);
}

on_both!(windows_of_every_length_are_compared_by_their_ends);
async fn windows_of_every_length_are_compared_by_their_ends(db: Database) {
    // An hour, a day, the longest and the shortest on either side of what is found by its begin, a week, and a month.
    let lengths = [3_600, 86_399, 90_000, 90_001, 7 * 86_400, 30 * 86_400];
    let mut last = i64::MIN;
    for step in 0_i64..42 {
        let begin = day(-60).0 + step * 7_919 % 42 * 21_600;
        let window = (begin, begin + lengths[step as usize % lengths.len()]);
        db.commit(vec![taken(
            report(&step.to_string(), window, &[("192.0.2.1", 1, true)]),
            Authenticated::Unknown,
        )])
        .await;
        last = last.max(window.1);
        let latest = db.store.latest(&[db.domain.id], NOW).await.unwrap();
        assert_eq!(latest[&db.domain.id].until, last * 1_000, "step {step}");
    }
}

on_both!(the_last_report_is_the_end_of_its_window);
async fn the_last_report_is_the_end_of_its_window(db: Database) {
    let by = |id: &str, org: &str, window, records: &[(&str, u64, bool)]| {
        let mut one = report(id, window, records);
        one.metadata.org_name = Some(org.into());
        taken(one, Authenticated::Unknown)
    };
    let long = "é".repeat(200);
    let week = (day(0).0, day(6).1);
    db.commit(vec![
        by("1", "Weekly", week, &[("192.0.2.1", 1, true)]),
        by("2", "Daily", day(1), &[("192.0.2.1", 1, true)]),
        by("3", "Daily", day(3), &[("192.0.2.1", 1, false)]),
        // An end at midnight is of the day before; without a message there is a report all the same.
        by("4", "Empty", (day(2).0, day(4).0), &[]),
        by("5", &long, (day(2).0, day(3).0 + 1), &[("192.0.2.1", 1, true)]),
    ])
    .await;
    // The window of the weekly one counts once; the same again changes nothing.
    db.commit(vec![by("1", "Weekly", week, &[("192.0.2.1", 1, true)])])
        .await;
    let range = DayRange {
        first: Day::from_unix(day(0).0),
        last: Day::from_unix(day(30).0),
    };
    let mut told: Vec<_> = db.store.reporters(db.domain.id, range).await.unwrap();
    told.sort_by(|a, b| a.org_name.cmp(&b.org_name));
    let told: Vec<_> = told
        .iter()
        .map(|one| one.last_report.unwrap().0 - range.first.0)
        .collect();
    assert_eq!(told, [3, 3, 6, 3]);
    // A roll-up that says too little is found.
    db.execute("update daily_facets set until_day = day where kind = 0")
        .await;
    let found = db.store.verify(&|_, _| {}).await.unwrap().discrepancies;
    assert_eq!(found.len(), 3, "{found:?}");
}

on_both!(sums_stay_below_where_they_would_overflow);
#[expect(clippy::too_many_lines, reason = "one story, in its order")]
async fn sums_stay_below_where_they_would_overflow(db: Database) {
    const MAX: u64 = Totals::SUM_MAX;
    assert_eq!(
        MAX, 9_007_199_254_740_991,
        "as in daily_totals_add, daily_facets_add, daily_facets_range and daily_totals_reports"
    );
    let columns = [
        "pass",
        "fail",
        "dkim_aligned",
        "spf_aligned",
        "none",
        "quarantine",
        "reject",
        "reports",
    ];
    for value in [i64::MAX, 1 << 62, MAX as i64, MAX as i64 - 2] {
        let db = Database::start(db.dialect).await;
        let mut signed = report("1", noon(0, 3), &[("192.0.2.1", 5, true), ("192.0.2.2", 5, false)]);
        signed.evidence.push(Evidence {
            dkim: vec![DkimAuth {
                domain: Some("list.example".into()),
                result: AuthResult::Pass,
                ..DkimAuth::default()
            }],
            ..Evidence::default()
        });
        db.commit(vec![taken(signed, Authenticated::Unknown)]).await;
        for column in columns {
            db.execute(&format!("update daily_totals set {column} = {value}")).await;
        }
        for column in ["pass", "fail", "reports"] {
            db.execute(&format!("update daily_facets set {column} = {value}")).await;
        }
        for (nth, passes) in [(2, true), (3, false), (4, true)] {
            let records = [("192.0.2.1", 1_000_000_000_000, passes)];
            db.commit(vec![new_report(&nth.to_string(), noon(0, 3), &records)])
                .await;
        }
        let stats = db.store.stats(db.domain.id, ALL_DAYS).await.unwrap();
        assert_eq!((stats.totals.pass, stats.totals.fail), (MAX, MAX), "{value}");
        assert!(
            stats
                .days
                .iter()
                .all(|day| day.totals.pass <= MAX && day.totals.fail <= MAX)
        );
        let ten_days = DayRange {
            first: Day::from_unix(day(0).0),
            last: Day::from_unix(day(9).0),
        };
        let (_, total) = db
            .store
            .reports(db.domain.id, &ReportFilter::default(), FIRST_PAGE)
            .await
            .unwrap();
        assert!(total > 4, "{value}: {total}");
        let domains = [db.domain.id];
        let overview = db.store.overview(&domains, ten_days);
        assert_eq!(overview.await.unwrap()[&db.domain.id].totals.messages(), 2 * MAX);
        let reporters = db.store.reporters(db.domain.id, ALL_DAYS).await.unwrap();
        assert!(
            reporters.iter().all(|one| one.pass < 1 << 60 && one.pass >= MAX),
            "{reporters:?}"
        );
        assert!(!db.store.signatures(db.domain.id, ALL_DAYS).await.unwrap().is_empty());
        // Recounting says what is wrong, and does not fail.
        assert!(!db.store.verify(&|_, _| {}).await.unwrap().discrepancies.is_empty());
        // Taking away what a conflict loses fails no more than adding did.
        let winner = report("2", noon(0, 3), &[("192.0.2.1", 7, true)]);
        db.commit(vec![taken(winner, Authenticated::Pass)]).await;
        assert!(db.store.stats(db.domain.id, ALL_DAYS).await.unwrap().totals.pass <= MAX);
        // No column has changed its type; the server would not have let it.
        if let super::Dialect::Sqlite = db.dialect {
            for column in columns {
                db.execute(&format!(
                    "create table odd_{column} (one integer check (one = 0));
                     insert into odd_{column} select count(*) from daily_totals where typeof({column}) <> 'integer'"
                ))
                .await;
            }
        }
    }
}
