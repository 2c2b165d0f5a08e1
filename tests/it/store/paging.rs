//! Lists that continue behind a place: each row once, in the order of the pages, also in lists of several kinds.

use tallymark::base::{Authenticated, Day, ReportNo};
use tallymark::store::{
    Acceptance, COUNTED_ROWS_MAX, Cut, Page, ReportFilter, ReportPlace, ReportStanding, ReportSummary, Rows,
};
use tallymark::tally::ResultFilter;

use super::{ALL_DAYS, Database, NOW, day, new_domain, new_report, on_both, report, taken};

const HELD: ReportStanding = ReportStanding::Held;

fn standing(standing: ReportStanding) -> ReportFilter {
    ReportFilter {
        standing,
        ..ReportFilter::default()
    }
}

impl Database {
    /// Stores a held report; several begin at the same time.
    async fn hold(&self, nth: i64, acceptance: Acceptance) -> ReportNo {
        let records = [("192.0.2.1", 2_000 + nth.unsigned_abs(), nth % 3 == 0)];
        let text = report(&format!("held{nth}"), day(nth % 4), &records);
        let messages_max = match acceptance {
            Acceptance::Implausible => 1_000,
            _ => u64::MAX,
        };
        let acceptance = match acceptance {
            Acceptance::Implausible => Acceptance::Open,
            other => other,
        };
        let new = taken(text, Authenticated::Unknown).admitted(acceptance, messages_max);
        self.commit(vec![new]).await.reports[0].no
    }

    /// A list by places, `at_once` rows each.
    async fn by_places(&self, filter: &ReportFilter, at_once: u32) -> Vec<ReportNo> {
        let (mut seen, mut cut) = (
            Vec::new(),
            Cut::Page(Page {
                page: 1,
                per_page: at_once,
            }),
        );
        loop {
            let (rows, _) = self.store.reports(self.domain.id, filter, cut).await.unwrap();
            assert!(rows.len() <= at_once as usize);
            let Some(last) = rows.last() else { return seen };
            let place = ReportPlace {
                begin: last.window.begin,
                no: last.no,
            };
            seen.extend(rows.iter().map(|row| row.no));
            assert!(seen.len() < 1_000, "the list goes on for ever");
            cut = Cut::After(place, at_once);
        }
    }

    async fn by_pages(&self, filter: &ReportFilter, per_page: u32) -> Vec<ReportNo> {
        let mut seen = Vec::new();
        for page in 1.. {
            let cut = Page { page, per_page };
            let (rows, total) = self.store.reports(self.domain.id, filter, cut).await.unwrap();
            if rows.is_empty() {
                assert_eq!(total, seen.len() as u64);
                break;
            }
            seen.extend(rows.iter().map(|row| row.no));
        }
        seen
    }
}

on_both!(what_the_figures_do_not_have_is_listed_in_one_order_whatever_kinds_it_is_of);
async fn what_the_figures_do_not_have_is_listed_in_one_order_whatever_kinds_it_is_of(db: Database) {
    let mut expected = Vec::new();
    for nth in 0..17 {
        let kind = match nth % 5 {
            0 | 3 => Acceptance::Implausible,
            2 => Acceptance::Undecided,
            _ => Acceptance::Unvouched,
        };
        expected.push((day(nth % 4).0, db.hold(nth, kind).await));
    }
    // What counts is in none of these lists.
    db.commit(vec![new_report("counted", day(9), &[("192.0.2.1", 1, true)])])
        .await;
    expected.sort_unstable_by(|a, b| b.cmp(a));
    let expected: Vec<_> = expected.into_iter().map(|(_, no)| no).collect();
    for at_once in [1, 2, 5, 16, 17, 18] {
        assert_eq!(db.by_places(&standing(HELD), at_once).await, expected, "{at_once}");
        assert_eq!(db.by_pages(&standing(HELD), at_once).await, expected, "{at_once}");
    }
    let passed = ReportFilter {
        result: Some(ResultFilter::Pass),
        ..standing(HELD)
    };
    assert_eq!(db.by_places(&passed, 2).await, db.by_pages(&passed, 3).await);
    assert_eq!(db.by_places(&passed, 2).await.len(), 6);
    assert_eq!(db.by_places(&standing(ReportStanding::Counted), 2).await.len(), 1);
    assert_eq!(db.store.held_count(db.domain.id).await.unwrap(), 17);
}

on_both!(what_came_last_of_several_domains_goes_on_behind_any_report);
async fn what_came_last_of_several_domains_goes_on_behind_any_report(db: Database) {
    let mut domains = vec![db.domain.id];
    for name in ["b.example", "c.example", "quiet.example"] {
        let added = db.store.add_domain(db.account.id, new_domain(name), NOW).await;
        domains.push(added.unwrap().id);
    }
    // Runs of one domain, and turns of several.
    let of = |nth: i64| match nth {
        0..10 => "c.example",
        _ if nth % 3 == 0 => "b.example",
        _ => "example.com",
    };
    let mut expected = Vec::new();
    for nth in 0..24 {
        let mut text = report(&nth.to_string(), day(nth), &[("192.0.2.1", 1, true)]);
        text.policy.domain = of(nth).into();
        expected.push(db.commit(vec![taken(text, Authenticated::Unknown)]).await.reports[0].no);
    }
    expected.reverse();
    for at_once in [1, 3, 7, 24, 100] {
        let (mut seen, mut below) = (Vec::new(), None);
        loop {
            let rows = db.store.arrivals(&domains, below, at_once).await.unwrap();
            let Some((_, last)) = rows.last() else { break };
            below = Some(last.no);
            seen.extend(rows.iter().map(|(_, row)| row.no));
            assert!(seen.len() <= expected.len());
        }
        assert_eq!(seen, expected, "{at_once}");
    }
    // The control: another's domain has nothing in it.
    let rows = db.store.arrivals(&domains[3..], None, 100).await.unwrap();
    assert!(rows.is_empty());
}

on_both!(a_list_that_is_made_as_a_whole_has_rows_from_any_on);
async fn a_list_that_is_made_as_a_whole_has_rows_from_any_on(db: Database) {
    let addresses: Vec<_> = (1..=23).map(|nth| format!("198.51.100.{nth}")).collect();
    let records: Vec<_> = addresses
        .iter()
        .enumerate()
        .map(|(nth, address)| (address.as_str(), 1 + (nth as u64 * 7) % 11, nth % 2 == 0))
        .collect();
    db.commit(vec![new_report("1", day(0), &records)]).await;
    let query = Default::default();
    let all = Rows { before: 0, count: 100 };
    let all = db.store.sources(db.domain.id, ALL_DAYS, &query, all).await.unwrap();
    assert_eq!(all.sources.len(), 23);
    for (before, count) in [(0, 1), (5, 7), (22, 5), (23, 5), (u64::MAX, 5)] {
        let some = Rows { before, count };
        let some = db.store.sources(db.domain.id, ALL_DAYS, &query, some).await.unwrap();
        let shown = Rows { before, count }.within(23);
        assert_eq!(some.sources, all.sources[shown], "{before} {count}");
        assert_eq!(some.total, 23);
    }
}

/// Those of a list that a filter lets through.
fn let_through<'r>(all: &'r [ReportSummary], filter: &ReportFilter) -> Vec<&'r ReportSummary> {
    let org = filter.org.as_deref().filter(|org| !org.is_empty());
    let fits = |one: &&ReportSummary| {
        let name = one.org_name.as_deref().unwrap_or_default().to_lowercase();
        let begin = Day::from_unix(one.window.begin);
        org.is_none_or(|org| org == name)
            && one.totals.matches(filter.result)
            && filter.from.is_none_or(|from| begin >= from)
            && filter.to.is_none_or(|to| begin <= to)
    };
    all.iter().filter(fits).collect()
}

impl Database {
    /// Every page of a filter has its rows and the same total, also pages beyond the end and rows behind a place.
    async fn assert_paged(&self, filter: &ReportFilter, whole: &[&ReportSummary], total: u64) {
        for per_page in [1, 3, whole.len().max(1), whole.len() + 1] {
            let mut rows = whole.chunks(per_page);
            for page in 1..=whole.len().div_ceil(per_page) + 2 {
                let cut = Page {
                    page: page as u32,
                    per_page: per_page as u32,
                };
                let (found, counted) = self.store.reports(self.domain.id, filter, cut).await.unwrap();
                let expected = rows.next().unwrap_or_default();
                assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?} {cut:?}");
                assert_eq!(counted, total, "{filter:?} {cut:?}");
            }
        }
        let [first, rest @ ..] = whole else { return };
        let place = ReportPlace {
            begin: first.window.begin,
            no: first.no,
        };
        let cut = Cut::After(place, 5);
        let (found, counted) = self.store.reports(self.domain.id, filter, cut).await.unwrap();
        assert_eq!(
            found.iter().collect::<Vec<_>>(),
            &rest[..rest.len().min(5)],
            "{filter:?}"
        );
        assert_eq!(counted, total, "{filter:?}");
    }
}

on_both!(filtered_reports_are_counted_alike_on_every_page);
async fn filtered_reports_are_counted_alike_on_every_page(db: Database) {
    for nth in 0..14_u64 {
        let records = [("192.0.2.1", nth + 1, true), ("192.0.2.2", nth % 3, false)];
        let mut one = report(&nth.to_string(), day(nth as i64 % 5), &records);
        one.metadata.org_name = Some(if nth % 4 == 0 { "Rare" } else { "Common" }.into());
        db.commit(vec![taken(one, Authenticated::Unknown)]).await;
    }
    let all = Page { page: 1, per_page: 100 };
    let (all, _) = db
        .store
        .reports(db.domain.id, &ReportFilter::default(), all)
        .await
        .unwrap();
    assert_eq!(all.len(), 14);
    let third = Day::from_unix(day(2).0);
    let orgs = [None, Some("rare"), Some("common"), Some("unknown"), Some("")];
    let results = [
        None,
        Some(ResultFilter::Pass),
        Some(ResultFilter::Mixed),
        Some(ResultFilter::Fail),
    ];
    let filters = orgs
        .into_iter()
        .flat_map(|org| results.map(|result| (org, result, None, None)));
    let of_days = [
        (Some("common"), None, Some(third), None),
        (None, None, None, Some(third)),
    ];
    let filters: Vec<_> = filters
        .chain(of_days)
        .map(|(org, result, from, to)| ReportFilter {
            from,
            to,
            org: org.map(str::to_owned),
            result,
            ..ReportFilter::default()
        })
        .collect();
    for filter in &filters {
        let whole = let_through(&all, filter);
        db.assert_paged(filter, &whole, whole.len() as u64).await;
    }
    // As in a range that has more reports than are counted.
    db.execute("update daily_totals set reports = 200000").await;
    for filter in &filters {
        let whole = let_through(&all, filter);
        let is_filtered = filter.result.is_some() || filter.org.as_ref().is_some_and(|org| !org.is_empty());
        let total = match is_filtered {
            true => whole.len() as u64,
            false => COUNTED_ROWS_MAX + 1,
        };
        db.assert_paged(filter, &whole, total).await;
    }
}
