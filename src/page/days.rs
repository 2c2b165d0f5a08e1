//! The messages of a domain by day, split by what is asked, with what changed marked.

use maud::{Markup, html};

use super::authentic::OF_STATS;
use super::chart::{self, Day, Drawn, RESULTS, Series};
use super::history::Change;
use super::parts::{csv_link, hostile};
use super::query::Asked;
use super::tabs::done;
use crate::api::{DayBody, StatsBody};
use crate::base::numbers::grouped;

/// What bars are split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    Result,
    Flow,
    Disposition,
}

impl Split {
    const ALL: [Self; 3] = [Self::Result, Self::Flow, Self::Disposition];

    /// What the address says; anything unknown is the result.
    pub fn asked(asked: &Asked) -> Self {
        let word = asked.get("split").unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|split| split.word() == word)
            .unwrap_or(Self::Result)
    }

    /// The value of `include` that it needs.
    pub const fn includes(self) -> &'static str {
        match self {
            Self::Result => "",
            Self::Flow => "flows",
            Self::Disposition => "dispositions",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Result => "",
            Self::Flow => "flow",
            Self::Disposition => "disposition",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Result => "Result",
            Self::Flow => "Way",
            Self::Disposition => "Disposition",
        }
    }

    const fn series(self) -> &'static [Series] {
        match self {
            Self::Result => RESULTS,
            Self::Flow => FLOWS,
            Self::Disposition => DISPOSITIONS,
        }
    }

    fn day(self, day: &DayBody) -> Day {
        let counts = match self {
            Self::Result => vec![day.pass, day.fail],
            Self::Flow => {
                let flows = day.flows.unwrap_or_default();
                let passed_on = [flows.list, flows.forwarded, flows.open];
                vec![
                    flows.direct,
                    flows.service,
                    passed_on.into_iter().fold(0, u64::saturating_add),
                    flows.own_missing_in_spf.saturating_add(flows.unaligned),
                    flows.unknown.saturating_add(flows.not_ours),
                ]
            }
            Self::Disposition => day.dispositions.map_or_else(
                || vec![0; DISPOSITIONS.len()],
                |done| vec![done.none, done.quarantine, done.reject, done.unknown],
            ),
        };
        Day {
            date: day.date.clone(),
            counts,
        }
    }
}

/// The ways that mail came, what is well first.
const FLOWS: &[Series] = &[
    series("part a", "from own hosts"),
    series("part b", "from services that sign for the domain"),
    series("part c", "passed on"),
    series("part d", "to fix"),
    series("part e", "of others"),
];
const DISPOSITIONS: &[Series] = &[
    series("part a", "delivered"),
    series("part b", "put into spam"),
    series("part e", "refused"),
    series("part c", "not known"),
];

const fn series(class: &'static str, words: &'static str) -> Series {
    Series { class, words }
}

/// The card.
pub(super) fn card(stats: &StatsBody, split: Split, changes: &[Change], (base, asked): (&str, &Asked)) -> Markup {
    let title = format!("Messages per {}", chart::unit(stats.daily_stats.len()));
    let label = format!(
        "{title} from {} to {}; the table below has the numbers",
        stats.from, stats.to
    );
    let days: Vec<Day> = stats.daily_stats.iter().map(|day| split.day(day)).collect();
    let marks = marks(changes, stats);
    let drawn = Drawn {
        days: &days,
        series: split.series(),
        marks: &marks,
    };
    html! {
        section .card aria-labelledby="daily" {
            div .head {
                h2 #daily { (title) }
                div .segments role="group" aria-label="Split by" { @for other in Split::ALL {
                    a href=(format!("{base}{}#daily", asked.with(&OF_STATS, &[("split", other.word())])))
                        aria-current=[(other == split).then_some("true")] { (other.title()) }
                } }
                (csv_link(&format!("{base}/days.csv{}", asked.only(&OF_STATS))))
            }
            p .legend { @for series in drawn.series { span { (swatch(series.class)) (series.words) } }
                @if !marks.is_empty() { span { (line()) "a record or policy changed" } } }
            @for (class, shape) in [("wide", chart::WIDE), ("slim", chart::SLIM)] {
                div .chart.(class) role="img" aria-label=(label) { (chart::daily(&drawn, shape)) }
            }
            @if !marks.is_empty() { (changed(&marks, base)) }
            (done(&stats.dispositions))
            (table(&drawn))
        }
    }
}

/// The changes on the days of a range, the oldest first.
fn marks(changes: &[Change], stats: &StatsBody) -> Vec<(String, String)> {
    let days = stats.from.as_str()..=stats.to.as_str();
    let dated = changes
        .iter()
        .rev()
        .filter_map(|change| Some((change.at.get(..10)?, &change.what)));
    let within = dated.filter(|(day, _)| days.contains(day));
    within.map(|(day, what)| (day.to_owned(), what.clone())).collect()
}

/// Changes that are named below the chart.
const NAMED: usize = 5;

fn changed(marks: &[(String, String)], base: &str) -> Markup {
    html! {
        p .small.muted {
            "Changed: "
            @for (nth, (day, what)) in marks.iter().rev().take(NAMED).enumerate() { @if nth > 0 { "; " } (hostile(what)) " on " (day) }
            @if marks.len() > NAMED { "; and " (marks.len() - NAMED) " more" }
            ". " a href=(format!("{base}/setup#history")) { "Before and after" }
        }
    }
}

fn table(drawn: &Drawn<'_>) -> Markup {
    let rows = drawn
        .days
        .iter()
        .rev()
        .filter(|day| day.counts.iter().any(|count| *count > 0));
    html! {
        details {
            summary { "As a table" }
            div .scroll.low tabindex="0" role="region" aria-label="Table of days" {
                table {
                    thead { tr { th scope="col" { "Day (UTC)" } @for series in drawn.series { th scope="col" .num { (series.words) } } } }
                    tbody { @for day in rows {
                        tr { th scope="row" { (day.date) } @for count in &day.counts { td .num { (grouped(*count)) } } }
                    } }
                }
            }
        }
    }
}

/// A piece of a bar: drawn, since paper has no backgrounds.
fn swatch(class: &str) -> Markup {
    html! { svg .swatch width="11" height="11" aria-hidden="true" { rect .(class) width="11" height="11" {} } }
}

fn line() -> Markup {
    html! { svg .swatch width="11" height="11" aria-hidden="true" { line .mark x1="5.5" x2="5.5" y1="0" y2="11" {} } }
}
