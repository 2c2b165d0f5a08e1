//! Charts as SVG. Places across are parts of the width, heights and letters are in the style sheet's own dots: bars grow with
//! the page, letters do not. Colours are classes, so that a chart is right in the light, in the dark and on paper.

use std::borrow::Cow;
use std::fmt::Write as _;

use maud::{Markup, html};

use super::numbers::{date, decimal, grouped};
use super::parts::plain;
use super::query::Asked;
use crate::api::DayBody;

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

/// One part of all bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Series {
    /// Class of its rectangles.
    pub class: &'static str,
    /// What its messages are, after their number. Strangers may have written it.
    pub words: Cow<'static, str>,
}

impl Series {
    pub const fn new(class: &'static str, words: &'static str) -> Self {
        let words = Cow::Borrowed(words);
        Self { class, words }
    }
}

/// Whether messages passed, from the floor up.
pub(super) const RESULTS: &[Series] = &[Series::new("pass", "passed"), Series::new("fail", "failed")];

/// The messages of a day, a number for each series.
#[derive(Debug, Clone)]
pub(super) struct Day {
    pub date: String,
    pub counts: Vec<u64>,
    /// Present if a part of its messages is still to be reported.
    pub partial: Option<Partial>,
}

/// A day that was not wholly reported yet.
#[derive(Debug, Clone)]
pub(super) struct Partial {
    /// The part that was reported, from 0 to 1, by what reporters usually do.
    share: f64,
    /// Reporters that are still expected, the largest first.
    missing: Vec<String>,
}

/// Days of which less was reported are drawn as not wholly reported.
const WHOLE_FROM: f64 = 0.95;
/// Reporters that are named for a day.
const MISSING: usize = 3;

impl Partial {
    /// What is not there yet of a day; `None` if nothing much, or if that is not known.
    pub fn of_day(day: &DayBody) -> Option<Self> {
        let share = day.completeness.filter(|share| *share < WHOLE_FROM)?;
        let missing = day.missing.iter().take(MISSING);
        Some(Self {
            share,
            missing: missing.map(|one| one.reporter.clone()).collect(),
        })
    }

    /// `about 62% reported so far`.
    pub fn words(&self) -> String {
        match (self.share * 100.0).floor() {
            0.0 => "hardly anything reported so far".to_owned(),
            percent => format!("about {percent}% reported so far"),
        }
    }
}

/// What a chart shows of its days.
#[derive(Debug)]
pub(super) struct Drawn<'d> {
    pub days: &'d [Day],
    pub series: &'d [Series],
    /// Days on which something changed, and what.
    pub marks: &'d [(String, String)],
    /// The address of some of its days.
    pub link: Option<&'d DaysLink>,
}

/// The address of a page for days that are still to be chosen.
#[derive(Debug)]
pub(super) struct DaysLink {
    base: String,
    /// What else the address says, and its place in the page.
    rest: String,
}

impl DaysLink {
    /// `kept` are the parameters that stay as they are asked for.
    pub fn new(base: &str, asked: &Asked, kept: &[&str]) -> Self {
        Self {
            base: base.to_owned(),
            rest: asked.only(kept).replacen('?', "&", 1) + "#daily",
        }
    }

    pub fn to(&self, first: &str, last: &str) -> String {
        let Self { base, rest } = self;
        format!("{base}?from={first}&to={last}{rest}")
    }
}

/// Messages of some days together, a number for each series.
struct Bar {
    title: String,
    first: String,
    last: String,
    counts: Vec<u64>,
    /// What is not there yet.
    partial: Option<String>,
}

/// What one bar covers: `day`, `week`, `31 days`.
pub(super) fn unit(days: usize) -> String {
    match together(days) {
        1 => "day".to_owned(),
        7 => "week".to_owned(),
        days => format!("{days} days"),
    }
}

/// The days of an answer by result.
pub(super) fn by_result(days: &[DayBody]) -> Vec<Day> {
    let day = |day: &DayBody| Day {
        date: day.date.clone(),
        counts: vec![day.pass, day.fail],
        partial: Partial::of_day(day),
    };
    days.iter().map(day).collect()
}

/// A chart of messages by day: its series on each other, the first on the floor.
pub(super) fn daily(drawn: &Drawn<'_>, shape: Shape) -> Markup {
    let bars = bars(drawn.days);
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
                @let x = percent(left + wide * (nth as f64 + 0.1));
                @for (series, from, tall) in stacked(bar, drawn.series, (floor - TOP) / top) {
                    rect .(series.class) x=(x) width=(percent(wide * 0.8)) y=(dots(floor - from - tall)) height=(dots(tall)) {}
                }
            }
            @for (nth, bar) in bars.iter().enumerate() {
                @if bar.partial.is_some() {
                    rect .partial x=(percent(left + wide * (nth as f64 + 0.1))) width=(percent(wide * 0.8)) y=(dots(TOP)) height=(dots(floor - TOP)) {}
                }
            }
            @for (nth, bar) in bars.iter().enumerate() {
                @if !bar.notes(drawn.marks).is_empty() {
                    @let x = percent(left + wide * (nth as f64 + 0.5));
                    line .mark x1=(x) x2=(x) y1="0" y2=(dots(floor)) {}
                }
            }
            @for (nth, text) in &dates {
                @let middle = left + wide * (*nth as f64 + 0.5);
                @let (x, anchor) = if middle > 95.0 { (RIGHT, "end") } else { (middle, "middle") };
                text .date x=(percent(x)) y=(dots(high - 6.0)) text-anchor=(anchor) { (text) }
            }
            g .hits {
                @for (nth, bar) in bars.iter().enumerate() {
                    @let column = html! {
                        rect x=(percent(left + wide * nth as f64)) width=(percent(wide)) y="0" height=(high)
                            data-day=(bar.title) data-messages=(bar.all()) {
                            title { (bar.says(drawn)) }
                        }
                    };
                    @match drawn.link {
                        // The keyboard has the links of the table, or the arrow keys.
                        Some(link) => { a href=(link.to(&bar.first, &bar.last)) tabindex="-1" { (column) } }
                        None => { (column) }
                    }
                }
            }
        }
    }
}

/// The parts of a bar that there are: the series, where its part begins above the floor, and how tall it is.
fn stacked<'s>(bar: &Bar, series: &'s [Series], scale: f64) -> Vec<(&'s Series, f64, f64)> {
    let mut from = 0.0;
    let heights = heights(&bar.counts, scale);
    let parts = series.iter().zip(heights).filter(|(_, tall)| *tall > 0.0);
    let parts = parts.map(|(series, tall)| {
        let part = (series, from, tall);
        from += tall;
        part
    });
    parts.collect()
}

/// An area over the days, without axes: all messages, and those that failed.
pub(super) fn trend(days: &[DayBody]) -> Markup {
    let bars = bars(&by_result(days));
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
            polygon .fail points=(area(|bar| bar.counts[1])) {}
        }
    }
}

/// How high the parts of a bar are: in proportion, but what is there is seen, and some never looks like all. What small parts
/// get too much, the largest gives.
fn heights(counts: &[u64], scale: f64) -> Vec<f64> {
    let seen = |number: u64, least: f64| match number {
        0 => 0.0,
        _ => (number as f64 * scale).max(least),
    };
    let parts = counts.iter().filter(|count| **count > 0).count();
    let all = seen(total(counts.iter().copied()), DOTS_MIN * parts as f64);
    let mut heights: Vec<f64> = counts.iter().map(|count| seen(*count, DOTS_MIN)).collect();
    let largest = (0..counts.len()).max_by_key(|nth| counts[*nth]);
    if let Some(largest) = largest {
        let others: f64 = heights.iter().sum::<f64>() - heights[largest];
        heights[largest] = if counts[largest] > 0 {
            (all - others).max(DOTS_MIN)
        } else {
            0.0
        };
    }
    heights
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

fn bars(days: &[Day]) -> Vec<Bar> {
    let bars = days.chunks(together(days.len())).map(|days| {
        let (first, last) = (&days[0].date, &days[days.len() - 1].date);
        let of = |nth: usize| total(days.iter().map(|day| day.counts.get(nth).copied().unwrap_or(0)));
        Bar {
            title: if days.len() == 1 {
                first.clone()
            } else {
                format!("{first} to {last}")
            },
            first: first.clone(),
            last: last.clone(),
            counts: (0..days[0].counts.len()).map(of).collect(),
            partial: partial(days),
        }
    });
    bars.collect()
}

/// What is not there yet of days that share a bar.
fn partial(days: &[Day]) -> Option<String> {
    let mut some = days.iter().filter_map(|day| day.partial.as_ref());
    let first = some.next()?;
    if days.len() > 1 {
        let count = 1 + some.count();
        let words = if count == 1 { "day is" } else { "days are" };
        return Some(format!("{count} {words} not wholly reported yet"));
    }
    let names: Vec<_> = first.missing.iter().map(|name| plain(name)).collect();
    Some(match names.is_empty() {
        true => first.words(),
        false => format!("{}, without {}", first.words(), names.join(", ")),
    })
}

/// Reports may claim any numbers.
fn total(mut numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.try_fold(0_u64, u64::checked_add).unwrap_or(u64::MAX)
}

impl Bar {
    fn all(&self) -> u64 {
        total(self.counts.iter().copied())
    }

    /// What changed on its days.
    fn notes<'m>(&self, marks: &'m [(String, String)]) -> Vec<&'m str> {
        let days = self.first.as_str()..=self.last.as_str();
        let of_these = marks.iter().filter(|(day, _)| days.contains(&day.as_str()));
        of_these.map(|(_, what)| what.as_str()).collect()
    }

    /// Its day, or the first and the last, as the visitor reads them.
    fn days(&self) -> String {
        let (first, last) = (date(&self.first), date(&self.last));
        if self.first == self.last {
            first.to_string()
        } else {
            format!("{first} to {last}")
        }
    }

    /// Its day, its numbers, and what changed, in lines: `12 passed`, `3 failed`, `changed: dmarc record in DNS`.
    fn says(&self, drawn: &Drawn<'_>) -> String {
        let mut lines = vec![self.days()];
        let counts = drawn.series.iter().zip(&self.counts);
        lines.extend(counts.map(|(series, count)| format!("{} {}", grouped(*count), plain(&series.words))));
        lines.extend(self.partial.clone());
        let notes = self.notes(drawn.marks);
        if !notes.is_empty() {
            lines.push(format!("changed: {}", notes.join(", ")));
        }
        lines.join("\n")
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
            (whole, tenths) => decimal(&format!("{whole}.{tenths}{name}")),
        },
    }
}

#[cfg(test)]
mod tests;
