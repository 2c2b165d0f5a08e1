//! DKIM selectors: which sign, which fail, and whose keys are no longer needed.

use maud::{Markup, html};

use super::glossary::term;
use super::numbers::{counted, date, grouped};
use super::parts::{hostile, rate, token};
use crate::api::{SelectorBody, SelectorList};

/// Standings: the word of the API, its title and its colour.
const STANDINGS: [(&str, &str, &str); 4] = [
    ("failing", "active, failing", "bad"),
    ("passing", "active", "good"),
    ("recent", "pausing", ""),
    ("historical", "no longer used", "odd"),
];
/// Selectors that are shown.
const SHOWN: usize = 50;

/// The card; nothing for a domain without selectors.
pub(super) fn card(list: &SelectorList) -> Markup {
    html! {
        @if let (Some(until), false) = (&list.known_until, list.selectors.is_empty()) {
            section .card aria-labelledby="selectors" {
                h2 #selectors { "Your " (term("selector", "selectors")) " and their keys" }
                p .muted { "By the signatures of the last 400 days, whatever days are chosen above. Reports are known up to " (until) "." }
                div .scroll tabindex="0" role="region" aria-label="Table of selectors" {
                    table .cards {
                        thead { tr {
                            th scope="col" { "Selector" }
                            th scope="col" { "Standing" }
                            th scope="col" .num { "Messages" }
                            th scope="col" { "Signature passes" }
                            th scope="col" { "Last seen" }
                        } }
                        tbody { @for one in list.selectors.iter().take(SHOWN) { (row(one)) } }
                    }
                }
                @if list.total > SHOWN as u64 {
                    p .small.muted { "These are the first of " (counted(list.total, "selector", "selectors")) "; " code { "tallymark selectors" } " has more." }
                }
            }
        }
    }
}

fn row(one: &SelectorBody) -> Markup {
    let (_, title, class) = STANDINGS
        .iter()
        .find(|(word, ..)| *word == one.standing)
        .copied()
        .unwrap_or(("", "not known", ""));
    html! { tr {
        th scope="row" {
            (token(Some(&one.selector))) " " span .muted { (hostile(&one.domain)) }
            div .small.muted { (hostile(&one.says)) }
        }
        td data-label="Standing" { span .chip.(class) { (title) } }
        td .num data-label="Messages" { (grouped(one.pass_count.saturating_add(one.fail_count))) }
        td data-label="Signature passes" { (rate(one.pass_count, one.fail_count)) }
        td .day data-label="Last seen" { (date(&one.last_seen)) }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SELECTOR_STANDINGS;

    #[test]
    fn every_standing_has_a_title() {
        assert!(STANDINGS.iter().map(|(word, ..)| *word).eq(SELECTOR_STANDINGS));
    }
}
