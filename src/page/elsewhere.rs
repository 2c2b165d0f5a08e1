//! For which other domains of the account an address sent, on its page.

use maud::{Markup, html};

use super::numbers::{counted, date, grouped};
use super::parts::{domain_name, rate};
use super::query::{Asked, RANGE, query_escaped};
use crate::api::{SourceDomain, SourceDomainList};

/// The card; nothing where the account has no other domain with messages.
pub(super) fn card(found: &SourceDomainList, address: &str, asked: &Asked) -> Markup {
    if found.total_domains == 0 {
        return Markup::default();
    }
    html! {
        section .card aria-labelledby="elsewhere" {
            @if found.total == 0 {
                h2 #elsewhere { "Seen for this domain alone" }
            } @else {
                h2 #elsewhere { "Seen for " (counted(found.total + 1, "domain", "of your domains")) }
                (table(&found.domains, address, asked))
            }
            @if found.searched_domains < found.total_domains {
                p .small.muted {
                    "Only the " (grouped(found.searched_domains)) " other domains with the most messages were looked through. Choose fewer days to look through more."
                }
            }
            @let listed = found.domains.len() as u64;
            @if listed < found.total { p .small.muted { "and " (grouped(found.total - listed)) " more" } }
        }
    }
}

fn table(domains: &[SourceDomain], address: &str, asked: &Asked) -> Markup {
    let source = |id: &str| format!("/view/{id}/sources/{}{}", query_escaped(address), asked.only(&RANGE));
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of other domains" {
            table .cards {
                thead { tr {
                    th scope="col" { "Other domain" }
                    th scope="col" .num { "Messages" }
                    th scope="col" { "Pass" }
                    th scope="col" { "First seen" }
                    th scope="col" { "Last seen" }
                } }
                tbody { @for one in domains { tr {
                    th scope="row" { a href=(source(&one.id)) { (domain_name(&one.name, one.unicode_name.as_deref())) } }
                    td .num data-label="Messages" { (grouped(one.count)) }
                    td data-label="Pass" { (rate(one.pass_count, one.fail_count)) }
                    td .day data-label="First seen" { (date(&one.first_seen)) }
                    td .day data-label="Last seen" { (date(&one.last_seen)) }
                } } }
            }
        }
    }
}
