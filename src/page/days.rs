//! The messages of a domain by day, split by what is asked, with what changed marked.

use maud::{Markup, html};

use super::authentic::{AUTHENTICATED, OF_STATS, is_on};
use super::chart::{self, Day, DaysLink, Drawn, Partial, RESULTS, Series};
use super::history::Change;
use super::numbers::{date, grouped};
use super::parts::{csv_link, hostile};
use super::query::Asked;
use super::tabs::done;
use crate::api::{DayBody, PartBody, StatsBody};

/// What bars are split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    Result,
    Flow,
    Service,
    Reporter,
    Disposition,
}

impl Split {
    const ALL: [Self; 5] = [
        Self::Result,
        Self::Flow,
        Self::Service,
        Self::Reporter,
        Self::Disposition,
    ];

    /// What the address says; anything that cannot be is the result.
    pub fn asked(asked: &Asked) -> Self {
        let word = asked.get("split").unwrap_or_default();
        Self::offered(asked)
            .find(|split| split.word() == word)
            .unwrap_or(Self::Result)
    }

    /// Reporters have no sums of their own without the reports that are not authentic.
    fn offered(asked: &Asked) -> impl Iterator<Item = Self> + use<> {
        let is_on = is_on(asked);
        Self::ALL
            .into_iter()
            .filter(move |split| *split != Self::Reporter || !is_on)
    }

    /// The value of `include` that it needs.
    pub const fn includes(self) -> &'static str {
        match self {
            Self::Result => "completeness",
            Self::Flow => "flows,completeness",
            Self::Service => "services,completeness",
            Self::Reporter => "reporters,completeness",
            Self::Disposition => "dispositions,completeness",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Result => "",
            Self::Flow => "flow",
            Self::Service => "service",
            Self::Reporter => "reporter",
            Self::Disposition => "disposition",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Result => "Result",
            Self::Flow => "Way",
            Self::Service => "Service",
            Self::Reporter => "Reporter",
            Self::Disposition => "Disposition",
        }
    }

    fn series(self, parts: &[PartBody]) -> Vec<Series> {
        match self {
            Self::Result => RESULTS.to_vec(),
            Self::Flow => FLOWS.to_vec(),
            Self::Service | Self::Reporter => {
                let classes = PARTS.iter().zip(parts);
                classes.map(|(class, part)| of_part(class, part)).collect()
            }
            Self::Disposition => DISPOSITIONS.to_vec(),
        }
    }

    /// The `nth` day.
    fn day(self, (nth, day): (usize, &DayBody), parts: &[PartBody]) -> Day {
        let counts = match self {
            Self::Service | Self::Reporter => {
                let of_part = |part: &PartBody| part.daily_messages.get(nth).copied().unwrap_or(0);
                parts.iter().map(of_part).collect()
            }
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
            partial: Partial::of_day(day),
        }
    }
}

/// The ways that mail came, what is well first.
const FLOWS: &[Series] = &[
    Series::new("part a", "from own hosts"),
    Series::new("part b", "from services that sign for the domain"),
    Series::new("part c", "passed on"),
    Series::new("part d", "to fix"),
    Series::new("part e", "of others"),
];
const DISPOSITIONS: &[Series] = &[
    Series::new("part a", "delivered"),
    Series::new("part b", "put into spam"),
    Series::new("part e", "refused"),
    Series::new("part c", "not known"),
];

/// Those with most messages, and all others.
const PARTS: [&str; 6] = ["part a", "part b", "part c", "part d", "part e", "part f"];
/// Longest name below a chart, in characters.
const NAME_CHARS_MAX: usize = 40;

fn of_part(class: &'static str, part: &PartBody) -> Series {
    let words = match &part.name {
        None => return Series::new("part f", "others"),
        Some(name) if name.chars().count() > NAME_CHARS_MAX => {
            let start: String = name.chars().take(NAME_CHARS_MAX - 1).collect();
            start + "…"
        }
        Some(name) => name.clone(),
    };
    Series {
        class,
        words: words.into(),
    }
}

/// The card.
pub(super) fn card(stats: &StatsBody, split: Split, changes: &[Change], (base, asked): (&str, &Asked)) -> Markup {
    let title = format!("Messages per {}", chart::unit(stats.daily_stats.len()));
    let label = format!(
        "{title} from {} to {}; the table below has the numbers",
        date(&stats.from),
        date(&stats.to)
    );
    let parts = stats.parts.as_deref().unwrap_or_default();
    // Where five are all there is, no others are shown.
    let parts = match parts.split_last() {
        Some((others, named)) if others.total_messages == 0 && !named.is_empty() => named,
        _ => parts,
    };
    let days = stats.daily_stats.iter().enumerate();
    let days: Vec<Day> = days.map(|day| split.day(day, parts)).collect();
    let (series, marks) = (split.series(parts), marks(changes, stats));
    let link = DaysLink::new(base, asked, &[AUTHENTICATED, "split"]);
    let drawn = Drawn {
        days: &days,
        series: &series,
        marks: &marks,
        // A single day is shown already.
        link: Some(&link).filter(|_| days.len() > 1),
    };
    let is_partial = days.iter().any(|day| day.partial.is_some());
    html! {
        section .card aria-labelledby="daily" {
            div .head {
                h2 #daily { (title) }
                div .segments role="group" aria-label="Split by" { @for other in Split::offered(asked) {
                    a href=(format!("{base}{}#daily", asked.with(&OF_STATS, &[("split", other.word())])))
                        aria-current=[(other == split).then_some("true")] { (other.title()) }
                } }
                (csv_link(&format!("{base}/days.csv{}", asked.only(&OF_STATS))))
            }
            p .legend { @for series in drawn.series { span { (swatch(series.class)) (hostile(&series.words)) } }
                @if is_partial { span { (frame()) "not wholly reported yet" } }
                @if !marks.is_empty() { span { (line()) "a record or policy changed" } } }
            @for (class, shape) in [("wide", chart::WIDE), ("slim", chart::SLIM)] {
                div .chart.(class) role="group" aria-label=(label) { (chart::daily(&drawn, shape)) }
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
            @for (nth, (day, what)) in marks.iter().rev().take(NAMED).enumerate() { @if nth > 0 { "; " } (hostile(what)) " on " (date(day)) }
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
        .filter(|day| day.partial.is_some() || day.counts.iter().any(|count| *count > 0));
    html! {
        details {
            summary { "As a table" }
            div .scroll.low tabindex="0" role="region" aria-label="Table of days" {
                table {
                    thead { tr { th scope="col" { "Day (UTC)" } @for series in drawn.series { th scope="col" .num { (hostile(&series.words)) } } } }
                    tbody { @for day in rows {
                        tr { th scope="row" { (row_head(day, drawn)) } @for count in &day.counts { td .num { (grouped(*count)) } } }
                    } }
                }
            }
        }
    }
}

/// A day, as a link to itself alone, and how much of it was reported.
fn row_head(day: &Day, drawn: &Drawn<'_>) -> Markup {
    html! {
        @match drawn.link {
            Some(link) => { a href=(link.to(&day.date, &day.date)) { (date(&day.date)) } }
            None => { (date(&day.date)) }
        }
        @if let Some(partial) = &day.partial { " " span .small.muted { (partial.words()) } }
    }
}

/// A piece of a bar: drawn, since paper has no backgrounds.
fn swatch(class: &str) -> Markup {
    html! { svg .swatch width="11" height="11" aria-hidden="true" { rect .(class) width="11" height="11" {} } }
}

fn frame() -> Markup {
    html! { svg .swatch width="11" height="11" aria-hidden="true" { rect .partial x="1" y="1" width="9" height="9" {} } }
}

fn line() -> Markup {
    html! { svg .swatch width="11" height="11" aria-hidden="true" { line .mark x1="5.5" x2="5.5" y1="0" y2="11" {} } }
}
