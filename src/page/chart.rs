//! Charts as SVG, drawn by plotters. Colours are those of the style sheet: plotters writes the ones below into attributes,
//! which any rule of the sheet overrides, so that a chart is right in the light and in the dark.

use std::fmt::Write as _;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::data::DayFigures;
use super::parts::grouped;

/// Each of these stands for a rule in `assets/page.css`.
const PASS: RGBColor = RGBColor(0, 0, 1);
const FAIL: RGBColor = RGBColor(0, 0, 2);
const LINE: RGBColor = RGBColor(0, 0, 3);
const TEXT: RGBColor = RGBColor(0, 0, 4);

/// Dots of the drawing for one of the style sheet: plotters knows whole ones only.
const SCALE: u32 = 4;
/// Bars that are drawn; of more days several share one.
const BARS_MAX: usize = 120;

/// Messages of some days together.
struct Bar {
    title: String,
    label: String,
    pass: u64,
    fail: u64,
}

/// A chart of messages per day, passed below failed, `width` by `height` dots. `None` if it cannot be drawn.
pub(super) fn daily(days: &[DayFigures], width: u32, height: u32) -> Option<String> {
    let bars = bars(days);
    let mut svg = String::new();
    let hits = {
        let area = SVGBackend::with_string(&mut svg, (width * SCALE, height * SCALE)).into_drawing_area();
        draw(&area, &bars, width).ok()?
    };
    let end = svg.rfind("</svg>")?;
    svg.truncate(end);
    let _ = write!(svg, "<g class=\"hits\">");
    for (bar, (left, right)) in bars.iter().zip(hits) {
        let (wide, high) = (right - left, height * SCALE);
        let _ = write!(
            svg,
            "<rect x=\"{left}\" y=\"0\" width=\"{wide}\" height=\"{high}\" data-day=\"{}\" data-pass=\"{}\" data-fail=\"{}\"><title>{}: {} passed, {} failed</title></rect>",
            bar.title,
            grouped(bar.pass),
            grouped(bar.fail),
            bar.title,
            grouped(bar.pass),
            grouped(bar.fail),
        );
    }
    svg.push_str("</g></svg>");
    Some(svg)
}

/// A line over the days, without axes: all messages, and those that failed.
pub(super) fn trend(days: &[DayFigures]) -> Option<String> {
    let (width, height) = (120 * SCALE, 28 * SCALE);
    let bars = bars(days);
    let most = bars.iter().map(|bar| bar.all()).max().unwrap_or(0).max(1) as f64;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        let last = (bars.len().max(2) - 1) as f64;
        let mut chart = ChartBuilder::on(&area)
            .margin(SCALE)
            .build_cartesian_2d(0.0..last, 0.0..most)
            .ok()?;
        let line = |of: fn(&Bar) -> u64| {
            let points = bars.iter().enumerate();
            points
                .map(move |(nth, bar)| (nth as f64, of(bar) as f64))
                .collect::<Vec<_>>()
        };
        let all = AreaSeries::new(line(|bar| bar.all()), 0.0, PASS.filled());
        chart.draw_series(all).ok()?;
        chart
            .draw_series(AreaSeries::new(line(|bar| bar.fail), 0.0, FAIL.filled()))
            .ok()?;
        area.present().ok()?;
    }
    Some(svg)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws, and gives where each bar's column begins and ends.
fn draw(area: &Area<'_>, bars: &[Bar], width: u32) -> Result<Vec<(i32, i32)>, Box<dyn std::error::Error>> {
    let most = bars.iter().map(|bar| bar.all()).max().unwrap_or(0);
    let (count, top) = (bars.len().max(1) as f64, nice(most.max(4)) as f64);
    let mut chart = ChartBuilder::on(area)
        .margin(SCALE * 4)
        .margin_right(SCALE * 10)
        .x_label_area_size(SCALE * 28)
        .y_label_area_size(SCALE * 46)
        .build_cartesian_2d(-0.5..count - 0.5, 0.0..top)?;
    let label = |x: &f64| {
        let bar = (x.fract() == 0.0 && *x >= 0.0).then(|| bars.get(*x as usize)).flatten();
        bar.map(|bar| bar.label.clone()).unwrap_or_default()
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(LINE)
        .axis_style(LINE)
        .label_style(("sans-serif", SCALE * 15).into_font().color(&TEXT))
        .x_labels(if width > 500 { 9 } else { 4 })
        .y_labels(5)
        .x_label_formatter(&label)
        .y_label_formatter(&|y| short(*y))
        .draw()?;
    for (nth, bar) in bars.iter().enumerate() {
        let (left, right) = (nth as f64 - 0.4, nth as f64 + 0.4);
        let (pass, all) = (bar.pass as f64, (bar.all()) as f64);
        let parts = [(0.0, pass, PASS), (pass, all, FAIL)];
        let drawn = parts.into_iter().filter(|(from, to, _)| to > from);
        chart.draw_series(
            drawn.map(|(from, to, colour)| Rectangle::new([(left, to), (right, from)], colour.filled())),
        )?;
    }
    let columns = (0..bars.len()).map(|nth| {
        let at = |x: f64| chart.backend_coord(&(x, 0.0)).0;
        (at(nth as f64 - 0.5), at(nth as f64 + 0.5))
    });
    let columns = columns.collect();
    area.present()?;
    Ok(columns)
}

fn bars(days: &[DayFigures]) -> Vec<Bar> {
    let together = match days.len() {
        0..=BARS_MAX => 1,
        len if len <= 7 * BARS_MAX => 7,
        len => len.div_ceil(BARS_MAX),
    };
    let bars = days.chunks(together.max(1)).map(|days| {
        let (first, last) = (&days[0].date, &days[days.len() - 1].date);
        Bar {
            title: if days.len() == 1 {
                first.clone()
            } else {
                format!("{first} to {last}")
            },
            label: day_label(first),
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

/// The next number that begins with 1, 2, 2.5, 3, 4, 5, 6 or 8.
fn nice(number: u64) -> u64 {
    let mut unit = 1_u64;
    while unit <= number / 10 {
        unit *= 10;
    }
    let steps = [10_u64, 12, 16, 20, 25, 30, 40, 50, 60, 80, 100];
    let at_least = |tenths: &&u64| unit.saturating_mul(**tenths) / 10 >= number;
    steps
        .iter()
        .find(at_least)
        .map_or(number, |tenths| unit.saturating_mul(*tenths) / 10)
}

/// `12500` as `12.5k`.
fn short(number: f64) -> String {
    let (number, unit) = match number {
        number if number >= 1e9 => (number / 1e9, "G"),
        number if number >= 1e6 => (number / 1e6, "M"),
        number if number >= 1e3 => (number / 1e3, "k"),
        number => (number, ""),
    };
    let text = format!("{number:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(count: u32) -> Vec<DayFigures> {
        let day = |nth: u32| DayFigures {
            date: format!("2026-{:02}-{:02}", nth / 28 % 12 + 1, nth % 28 + 1),
            pass: u64::from(nth) * 1_000,
            fail: u64::from(nth % 3),
        };
        (0..count).map(day).collect()
    }

    #[test]
    fn a_chart_has_a_column_a_day_and_nothing_that_the_policy_forbids() {
        let svg = daily(&days(30), 960, 260).unwrap();
        assert_eq!(svg.matches("<title>").count(), 30);
        assert!(
            !svg.contains("style=") && !svg.contains("<style") && !svg.contains("<script"),
            "{svg}"
        );
        let text = trend(&days(30)).unwrap();
        assert!(!text.contains("style=") && text.len() < 3_000, "{} {text}", text.len());
    }

    #[test]
    fn long_ranges_and_empty_ones_are_drawn_too() {
        for count in [0, 1, 121, 365, 3_650] {
            let svg = daily(&days(count), 360, 220).unwrap();
            assert!(svg.matches("<title>").count() <= BARS_MAX, "{count}");
            assert!(svg.len() < 60_000, "{count}: {}", svg.len());
            trend(&days(count)).unwrap();
        }
    }

    #[test]
    fn axes_have_round_numbers() {
        for (number, expect) in [
            (4, 4),
            (7, 8),
            (11, 12),
            (101, 120),
            (9_100, 10_000),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(nice(number), expect, "{number}");
        }
        for (number, expect) in [(0.0, "0"), (999.0, "999"), (12_500.0, "12.5k"), (2e6, "2M")] {
            assert_eq!(short(number), expect);
        }
        assert_eq!(day_label("2026-03-05"), "5 Mar");
    }
}
