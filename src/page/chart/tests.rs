use super::*;

fn days(count: u32) -> Vec<DayBody> {
    let day = |nth: u32| DayBody {
        date: format!("{}-{:02}-{:02}", 2026 + nth / 336, nth / 28 % 12 + 1, nth % 28 + 1),
        pass: u64::from(nth) * 1_000,
        fail: u64::from(nth % 3),
        completeness: None,
        missing: Vec::new(),
        flows: None,
        dispositions: None,
    };
    (0..count).map(day).collect()
}

fn drawn(days: &[DayBody], shape: Shape) -> String {
    let days = by_result(days);
    let drawn = Drawn {
        days: &days,
        series: RESULTS,
        marks: &[],
        link: None,
    };
    daily(&drawn, shape).into_string()
}

#[test]
fn a_chart_has_a_column_a_day_and_nothing_that_the_policy_forbids() {
    let svg = drawn(&days(30), WIDE);
    assert_eq!(svg.matches("<title>").count(), 30);
    assert!(
        !svg.contains("style=") && !svg.contains("<style") && !svg.contains("<script"),
        "{svg}"
    );
    let text = trend(&days(30)).into_string();
    assert!(!text.contains("style=") && text.len() < 3_000, "{} {text}", text.len());
}

#[test]
fn long_ranges_and_empty_ones_are_drawn_too() {
    for count in [0, 1, 121, 365, 3_650] {
        let svg = drawn(&days(count), SLIM);
        assert!(svg.matches("<title>").count() <= BARS_MAX, "{count}");
        assert!(svg.len() < 60_000, "{count}: {}", svg.len());
        let dates = svg.matches("class=\"date\"").count();
        assert!(dates <= 4 && (dates > 0 || count == 0), "{count}: {dates} dates");
        trend(&days(count));
    }
}

#[test]
fn a_title_says_what_a_bar_is_and_dates_of_several_years_have_years() {
    for (days, expect) in [
        (1, "day"),
        (30, "day"),
        (120, "day"),
        (121, "week"),
        (365, "week"),
        (3_650, "31 days"),
    ] {
        assert_eq!(unit(days), expect, "{days}");
    }
    let year = dates(&bars(&by_result(&days(700))), 9);
    assert_eq!(year[0].1, "1 Jan 2026");
    assert!(year.iter().any(|(_, text)| text.ends_with("2027")), "{year:?}");
    assert_eq!(dates(&bars(&by_result(&days(1))), 9), [(0, "1 Jan".to_owned())]);
}

#[test]
fn no_bar_is_higher_than_the_highest_label() {
    for most in [
        0,
        1,
        3,
        4,
        7,
        11,
        41,
        44_000,
        101,
        9_100,
        10_000,
        10_001,
        988_888_888_988,
        u64::MAX,
    ] {
        let (step, count) = steps(most);
        let top = u128::from(step) * u128::from(count);
        assert!(top >= u128::from(most) && count <= 5, "{most}: {count} times {step}");
        let digits = step.to_string();
        assert!(
            digits.trim_end_matches('0').len() == 1 || step == u64::MAX,
            "{step} is round"
        );
    }
    for (number, expect) in [
        (0, "0"),
        (999, "999"),
        (12_500, "12.5k"),
        (999_999, "999.9k"),
        (2_000_000, "2M"),
        (1_000_000_000_000, "1T"),
        (10_u64.pow(15), "1P"),
        (u64::MAX, "18.4E"),
    ] {
        assert_eq!(short(number), expect);
    }
    assert_eq!(day_label("2026-03-05"), "5 Mar");
}

#[test]
fn small_parts_are_visible_and_never_look_like_all() {
    for counts in [[1_000_000, 1], [1, 1_000_000], [1, 1], [999, 1]] {
        let heights = heights(&counts, 200.0 / 1_000_001.0);
        assert!(heights.iter().all(|tall| *tall >= DOTS_MIN), "{counts:?}: {heights:?}");
    }
    // Together they are as high as the bar, however many there are.
    let heights_of = |counts: &[u64]| heights(counts, 0.1);
    let parts = heights_of(&[900, 1, 99]);
    assert!(
        (parts.iter().sum::<f64>() - 100.0).abs() < 1e-9 && parts[1] == DOTS_MIN,
        "{parts:?}"
    );
    assert_eq!(heights_of(&[0, 0, 50]), [0.0, 0.0, 5.0]);
    assert_eq!(heights(&[0, 0], 1.0), [0.0, 0.0]);
    assert_eq!(heights(&[10, 0], 1.0), [10.0, 0.0]);
}

#[test]
fn a_change_is_marked_on_the_bar_of_its_day() {
    let marks = [("2026-01-03".to_owned(), "dmarc record in DNS".to_owned())];
    for (count, bar) in [(30, "2026-01-03\n"), (140, "2026-01-01 to 2026-01-07\n")] {
        let days = by_result(&days(count));
        let drawn = Drawn {
            days: &days,
            series: RESULTS,
            marks: &marks,
            link: None,
        };
        let svg = daily(&drawn, WIDE).into_string();
        assert_eq!(svg.matches("class=\"mark\"").count(), 1, "{count}");
        let titles = svg
            .split("<title>")
            .skip(1)
            .filter_map(|rest| rest.split("</title>").next());
        let titles: Vec<_> = titles.filter(|title| title.contains("changed: ")).collect();
        let title = titles[0];
        assert!(
            title.starts_with(bar) && title.ends_with("\nchanged: dmarc record in DNS"),
            "{titles:?}"
        );
    }
}
