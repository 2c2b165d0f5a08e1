//! What is different from the days before.

use maud::{Markup, html};

use super::numbers::{counted, date, decimal, grouped, percent};
use super::parts::figure;
use crate::api::ComparisonBody;

/// The tiles with messages and what became of them, each with its difference from the days before. `below` is shown below the
/// failing ones.
pub(super) fn figures((all, fail): (u64, u64), comparison: Option<&ComparisonBody>, below: &Markup) -> Markup {
    let pass = all.saturating_sub(fail);
    let change = |of: fn(&crate::api::PeriodBody) -> u64| {
        html! { @if let Some(both) = comparison { (change(of(&both.complete), of(&both.before))) } }
    };
    html! {
        div { dt { "Messages" } dd { (figure(all)) } (change(|period| period.total_messages)) }
        div {
            dt { "Pass DMARC" } dd { (percent(pass, fail)) }
            @if let Some(both) = comparison { (points(both)) }
        }
        div {
            dt { "Fail" } dd .bad[fail > 0] { (figure(fail)) }
            (change(|period| period.failed_messages))
            (below)
        }
    }
}

/// What the differences are between. `week`: where the last week is compared with the one before, if it is not here.
pub(super) fn explained(comparison: Option<&ComparisonBody>, week: Option<&String>) -> Markup {
    html! {
        @if let Some(ComparisonBody { complete, before }) = comparison {
            p .small.muted #compared {
                "Compared are complete days: " (date(&complete.from)) " to " (date(&complete.to)) " with " (date(&before.from)) " to " (date(&before.to)) "."
                @if let Some(week) = week { " " a href=(week) { "What changed since last week" } }
            }
        }
    }
}

/// A number against one before it.
fn change(now: u64, before: u64) -> Markup {
    if before == 0 {
        return html! { @if now > 0 { dd .small.muted { "none before" } } };
    }
    let (sign, text) = told(now, before);
    html! { dd .small.muted title=(counted(before, "message before", "messages before").to_string()) { span aria-hidden="true" { (sign) " " } (text) } }
}

/// A percentage of change with its sign, as tables show it. `None`: there was nothing before.
pub(super) fn share(change: Option<f64>, now: u64) -> Markup {
    html! {
        @match change {
            None if now > 0 => { span .chip { "new" } }
            None => { span .muted { "–" } }
            Some(change) if change <= -100.0 => { span .chip.odd { "gone" } }
            Some(change) => { span .whole { (in_words(change)) } }
        }
    }
}

fn told(now: u64, before: u64) -> (&'static str, String) {
    let change = (now as f64 - before as f64) * 100.0 / before as f64;
    let sign = match now.cmp(&before) {
        std::cmp::Ordering::Less => "▼",
        std::cmp::Ordering::Equal => "=",
        std::cmp::Ordering::Greater => "▲",
    };
    (sign, in_words(change))
}

/// `+12.3%`, `-4%`, or how many times as many.
fn in_words(change: f64) -> String {
    match change {
        _ if change == 0.0 => "no change".to_owned(),
        1_000.0.. => format!("{}-fold", grouped((change / 100.0 + 1.0).round() as u64)),
        _ if change.abs() < 0.1 => decimal(if change > 0.0 { "under +0.1%" } else { "under -0.1%" }),
        _ if change.abs() < 10.0 => decimal(&format!("{change:+.1}%")),
        _ => decimal(&format!("{change:+.0}%")),
    }
}

/// Percentage points that more pass than before.
fn points(both: &ComparisonBody) -> Markup {
    if both.before.total_messages == 0 || both.complete.total_messages == 0 {
        return Markup::default();
    }
    let points = both.complete.pass_rate - both.before.pass_rate;
    let sign = match points {
        _ if points > 0.0 => "▲",
        _ if points < 0.0 => "▼",
        _ => "=",
    };
    let text = match points {
        _ if points == 0.0 => "no change".to_owned(),
        _ => decimal(&format!("{points:+.1} points")),
    };
    html! {
        dd .small.muted title=(decimal(&format!("{:.1}%", both.before.pass_rate)) + " before") { span aria-hidden="true" { (sign) " " } (text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_few_words() {
        for (now, before, expect) in [
            (100, 100, ("=", "no change")),
            (150, 100, ("▲", "+50%")),
            (103, 100, ("▲", "+3.0%")),
            (40, 100, ("▼", "-60%")),
            (0, 100, ("▼", "-100%")),
            (5_000, 100, ("▲", "50-fold")),
            (1_000_001, 1_000_000, ("▲", "under +0.1%")),
            (u64::MAX, 1, ("▲", "18,446,744,073,709,551,615-fold")),
        ] {
            let (sign, text) = told(now, before);
            assert_eq!((sign, text.as_str()), expect, "{now} {before}");
        }
        assert!(change(0, 0).into_string().is_empty());
        assert!(change(5, 0).into_string().contains("none before"));
        assert!(share(Some(-100.0), 0).into_string().contains("gone"));
        assert!(share(None, 5).into_string().contains("new"));
    }
}
