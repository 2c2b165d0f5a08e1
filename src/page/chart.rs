//! Charts as SVG. Places across are parts of the width, heights and letters are in the style sheet's own dots: bars grow with
//! the page, letters do not. Colours are classes, so that a chart is right in the light, in the dark and on paper.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::api::DayBody;
use crate::base::numbers::grouped;

/// Bars that are drawn; of more days several share one.
const BARS_MAX: usize = 120;
/// Dots above the highest label, below the axis (for the dates), and left of the bars (for the numbers).
const TOP: f64 = 12.0;
const BELOW: f64 = 26.0;
/// The bars end here, in parts of 100 of the width.
const RIGHT: f64 = 99.5;
/// The least that is drawn of what is there, in dots.
const DOTS_MIN: f64 = 2.0;

/// How a chart is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Dots.
    pub high: u32,
    /// Dates below it, at most.
    pub dates: usize,
    /// Where the bars begin, in parts of 100 of the width: left of it are the numbers.
    pub left: f64,
}

/// For screens that are wide, and for those of phones.
pub(super) const WIDE: Shape = Shape {
    high: 260,
    dates: 9,
    left: 6.0,
};
pub(super) const SLIM: Shape = Shape {
    high: 240,
    dates: 4,
    left: 14.0,
};

/// Messages of some days together.
struct Bar {
    title: String,
    first: String,
    pass: u64,
    fail: u64,
}

/// What one bar covers: `day`, `week`, `31 days`.
pub(super) fn unit(days: usize) -> String {
    match together(days) {
        1 => "day".to_owned(),
        7 => "week".to_owned(),
        days => format!("{days} days"),
    }
}

/// A chart of messages, passed below failed.
pub(super) fn daily(days: &[DayBody], shape: Shape) -> Markup {
    let bars = bars(days);
    let most = bars.iter().map(Bar::all).max().unwrap_or(0);
    let (step, steps) = steps(most);
    let top = step as f64 * f64::from(steps);
    let (left, high) = (shape.left, f64::from(shape.high));
    let floor = high - BELOW;
    let y = |number: f64| floor - (floor - TOP) * number / top;
    let wide = (RIGHT - left) / bars.len().max(1) as f64;
    let dates = dates(&bars, shape.dates);
    html! {
        svg .bars width="100%" height=(high) aria-hidden="true" {
            @for nth in 0..=steps {
                @let number = step.saturating_mul(u64::from(nth));
                line .grid x1=(percent(left)) x2=(percent(RIGHT)) y1=(dots(y(number as f64))) y2=(dots(y(number as f64))) {}
                text .number x=(percent(left - 0.8)) y=(dots(y(number as f64) + 4.0)) text-anchor="end" { (short(number)) }
            }
            @for (nth, bar) in bars.iter().enumerate() {
                @let (pass, fail) = heights(bar, (floor - TOP) / top);
                @let x = percent(left + wide * (nth as f64 + 0.1));
                @if pass > 0.0 { rect .pass x=(x) width=(percent(wide * 0.8)) y=(dots(floor - pass)) height=(dots(pass)) {} }
                @if fail > 0.0 { rect .fail x=(x) width=(percent(wide * 0.8)) y=(dots(floor - pass - fail)) height=(dots(fail)) {} }
            }
            @for (nth, text) in &dates {
                @let middle = left + wide * (*nth as f64 + 0.5);
                @let (x, anchor) = if middle > 95.0 { (RIGHT, "end") } else { (middle, "middle") };
                text .date x=(percent(x)) y=(dots(high - 6.0)) text-anchor=(anchor) { (text) }
            }
            g .hits {
                @for (nth, bar) in bars.iter().enumerate() {
                    rect x=(percent(left + wide * nth as f64)) width=(percent(wide)) y="0" height=(high)
                        data-day=(bar.title) data-pass=(grouped(bar.pass)) data-fail=(grouped(bar.fail)) {
                        title { (bar.title) ": " (grouped(bar.pass)) " passed, " (grouped(bar.fail)) " failed" }
                    }
                }
            }
        }
    }
}

/// An area over the days, without axes: all messages, and those that failed.
pub(super) fn trend(days: &[DayBody]) -> Markup {
    let bars = bars(days);
    let most = bars.iter().map(Bar::all).max().unwrap_or(0).max(1) as f64;
    let (wide, high) = (120.0, 28.0);
    let wide_each = wide / (bars.len().max(2) - 1) as f64;
    let area = |of: fn(&Bar) -> u64| {
        let mut points = format!("0,{high}");
        for (nth, bar) in bars.iter().enumerate() {
            let number = of(bar);
            let tall = if number == 0 {
                0.0
            } else {
                (high * number as f64 / most).max(DOTS_MIN)
            };
            // Writing to a String cannot fail.
            let _ = write!(points, " {:.1},{:.1}", wide_each * nth as f64, high - tall);
        }
        let _ = write!(points, " {:.1},{high}", wide_each * (bars.len().max(1) - 1) as f64);
        points
    };
    html! {
        svg viewBox="0 0 120 28" preserveAspectRatio="none" aria-hidden="true" {
            polygon .pass points=(area(Bar::all)) {}
            polygon .fail points=(area(|bar| bar.fail)) {}
        }
    }
}

/// How high a bar's two parts are: in proportion, but what is there is seen, and some never looks like all.
fn heights(bar: &Bar, scale: f64) -> (f64, f64) {
    let seen = |number: u64| {
        if number == 0 {
            0.0
        } else {
            (number as f64 * scale).max(DOTS_MIN)
        }
    };
    let all = seen(bar.all());
    match (bar.pass, bar.fail) {
        (_, 0) => (all, 0.0),
        (0, _) => (0.0, all),
        _ => {
            let all = all.max(2.0 * DOTS_MIN);
            let fail = (bar.fail as f64 * scale).clamp(DOTS_MIN, all - DOTS_MIN);
            (all - fail, fail)
        }
    }
}

fn percent(part: f64) -> String {
    format!("{part:.2}%")
}

fn dots(number: f64) -> String {
    format!("{number:.1}")
}

/// Days that share a bar.
fn together(days: usize) -> usize {
    match days {
        0..=BARS_MAX => 1,
        len if len <= 7 * BARS_MAX => 7,
        len => len.div_ceil(BARS_MAX),
    }
}

fn bars(days: &[DayBody]) -> Vec<Bar> {
    let bars = days.chunks(together(days.len())).map(|days| {
        let (first, last) = (&days[0].date, &days[days.len() - 1].date);
        Bar {
            title: if days.len() == 1 {
                first.clone()
            } else {
                format!("{first} to {last}")
            },
            first: first.clone(),
            pass: total(days.iter().map(|day| day.pass)),
            fail: total(days.iter().map(|day| day.fail)),
        }
    });
    bars.collect()
}

/// Reports may claim any numbers.
fn total(mut numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.try_fold(0_u64, u64::checked_add).unwrap_or(u64::MAX)
}

impl Bar {
    fn all(&self) -> u64 {
        self.pass.saturating_add(self.fail)
    }
}

/// The dates to write: evenly among the bars, with a year wherever it is another one than before.
fn dates(bars: &[Bar], labels: usize) -> Vec<(usize, String)> {
    let year = |date: &str| date.get(..4).unwrap_or_default().to_owned();
    let is_one_year = bars
        .first()
        .zip(bars.last())
        .is_none_or(|(a, b)| year(&a.first) == year(&b.first));
    // A year makes a date nearly twice as long.
    let labels = if is_one_year { labels } else { labels * 5 / 9 };
    let step = bars.len().div_ceil(labels.max(1)).max(1);
    let mut before = String::new();
    let shown = bars.iter().enumerate().step_by(step).map(|(nth, bar)| {
        let this = year(&bar.first);
        let has_year = !is_one_year && this != before;
        before.clone_from(&this);
        let day = day_label(&bar.first);
        (nth, if has_year { format!("{day} {this}") } else { day })
    });
    shown.collect()
}

/// `2026-03-23` as `23 Mar`.
fn day_label(date: &str) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let parts = date
        .get(5..7)
        .and_then(|month| month.parse::<usize>().ok())
        .zip(date.get(8..10));
    parts.map_or_else(
        || date.to_owned(),
        |(month, day)| {
            let month = MONTHS.get(month.wrapping_sub(1)).copied().unwrap_or_default();
            format!("{} {month}", day.trim_start_matches('0'))
        },
    )
}

/// Lines of a round distance, the last of them not below `most`: the distance, and how many there are above 0.
fn steps(most: u64) -> (u64, u32) {
    let mut unit = 1_u64;
    loop {
        for factor in [1, 2, 5] {
            let step = unit.saturating_mul(factor);
            let count = most.max(1).div_ceil(step);
            if count <= 5 {
                return (step, u32::try_from(count).unwrap_or(5).max(1));
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// `12500` as `12.5k`.
fn short(number: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (1_000_000_000_000_000_000, "E"),
        (1_000_000_000_000_000, "P"),
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    match UNITS.iter().find(|(unit, _)| number >= *unit) {
        None => number.to_string(),
        // Whole tenths: rounding cannot reach the next unit.
        Some((unit, name)) => match (number / unit, number % unit / (unit / 10)) {
            (whole, 0) => format!("{whole}{name}"),
            (whole, tenths) => format!("{whole}.{tenths}{name}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(count: u32) -> Vec<DayBody> {
        let day = |nth: u32| DayBody {
            date: format!("{}-{:02}-{:02}", 2026 + nth / 336, nth / 28 % 12 + 1, nth % 28 + 1),
            pass: u64::from(nth) * 1_000,
            fail: u64::from(nth % 3),
            completeness: None,
            missing: Vec::new(),
            flows: None,
        };
        (0..count).map(day).collect()
    }

    #[test]
    fn a_chart_has_a_column_a_day_and_nothing_that_the_policy_forbids() {
        let svg = daily(&days(30), WIDE).into_string();
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
            let svg = daily(&days(count), SLIM).into_string();
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
        let year = dates(&bars(&days(700)), 9);
        assert_eq!(year[0].1, "1 Jan 2026");
        assert!(year.iter().any(|(_, text)| text.ends_with("2027")), "{year:?}");
        assert_eq!(dates(&bars(&days(1)), 9), [(0, "1 Jan".to_owned())]);
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
        let bar = |pass, fail| Bar {
            title: String::new(),
            first: String::new(),
            pass,
            fail,
        };
        for (pass, fail) in [(1_000_000, 1), (1, 1_000_000), (1, 1), (999, 1)] {
            let (high, low) = heights(&bar(pass, fail), 200.0 / 1_000_001.0);
            assert!(high >= DOTS_MIN && low >= DOTS_MIN, "{pass} {fail}: {high} {low}");
        }
        assert_eq!(heights(&bar(0, 0), 1.0), (0.0, 0.0));
        assert_eq!(heights(&bar(10, 0), 1.0), (10.0, 0.0));
    }
}
