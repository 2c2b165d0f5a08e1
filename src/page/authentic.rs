//! The switch that leaves out the messages of reports that are not authentic.

use maud::{Markup, html};

use super::glossary::term;
use super::numbers::{grouped, percent};
use super::query::Asked;
use crate::api::StatsBody;

/// What says which reports sums are of.
pub(super) const AUTHENTICATED: &str = "authenticated";
/// What the sums of a domain are asked with.
pub(super) const OF_STATS: [&str; 4] = ["days", "from", "to", AUTHENTICATED];

/// What the switch keeps.
const OF_PAGE: [&str; 4] = ["days", "from", "to", "split"];

/// Whether only authentic reports are asked for.
pub(super) fn is_on(asked: &Asked) -> bool {
    asked.get(AUTHENTICATED).is_some()
}

/// Says which share of the messages the switch leaves out, or would; nothing where it leaves out nothing or all.
pub(super) fn switch(base: &str, asked: &Asked, stats: &StatsBody) -> Markup {
    let left_out = stats.unauthenticated_messages;
    let others = match is_on(asked) {
        true => stats.total_messages,
        false => stats.total_messages.saturating_sub(left_out),
    };
    let share = percent(left_out, others);
    let to = |word: &str| format!("{base}{}", asked.with(&OF_PAGE, &[(AUTHENTICATED, word)]));
    html! {
        @if is_on(asked) {
            p .notice #authentic {
                "Figures and chart are without " (grouped(left_out)) " messages (" (share) ") of reports that are "
                (term("authentic", "not authentic")) ". The lists have all. " a href=(to("")) { "Show all messages" }
            }
        } @else if left_out > 0 && others > 0 {
            p .small.muted #authentic {
                (share) " of the messages are of reports that are " (term("authentic", "not authentic")) ". "
                a href=(to("pass")) { "Leave them out" }
            }
        }
    }
}

/// The same choice in the form of a list.
pub(super) fn choice(asked: &Asked) -> Markup {
    html! {
        label .hidden for="authenticated" { "Reports" }
        select #authenticated name=(AUTHENTICATED) {
            option value="" { "All reports" }
            option value="pass" selected[is_on(asked)] { "Authentic only" }
        }
    }
}
