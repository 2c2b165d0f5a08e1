//! The table of all domains: searched, filtered, folded and sorted, by forms and links.

use maud::{Markup, html};

use super::api::{Failure, Told};
use super::chart;
use super::comparison::share;
use super::numbers::{counted, date, grouped};
use super::parts::{csv_link, dash, described, domain_name, empty, field_error, hostile, no_rows, pages, rate, status};
use super::query::{Asked, RANGE};
use crate::api::{Overview, OverviewItem, PolicyBody};
use crate::base::clock::{format_instant, parse_instant};

/// All parameters of the table. Those that have a field come first, and of these the range before the rest.
pub(super) const NAMES: [&str; 14] = [
    "days",
    "from",
    "to",
    "search",
    "status",
    "policy",
    "failing_over",
    "data",
    "tag",
    "organisation",
    "fold",
    "sort",
    "order",
    "page",
];
/// Those that another choice of days keeps.
pub(super) const KEPT: &[&str] = NAMES.split_at(13).0.split_at(3).1;
/// Those that have a field, next to which its mistakes are shown.
pub(super) const FIELDS: &[&str] = NAMES.split_at(10).0;
/// Those that select domains.
const FILTERS: &[&str] = FIELDS.split_at(4).1;

/// A choice of the form: parameter, label, and its values with their titles.
type Choice = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const CHOICES: [Choice; 3] = [
    (
        "policy",
        "Policy",
        &[
            ("", "Any policy"),
            ("none", "none"),
            ("quarantine", "quarantine"),
            ("reject", "reject"),
            ("unknown", "not known"),
        ],
    ),
    (
        "status",
        "Status",
        &[
            ("", "Any status"),
            ("verified", "verified"),
            ("pending", "pending"),
            ("failed", "failed"),
        ],
    ),
    (
        "data",
        "Data",
        &[
            ("", "With data or without"),
            ("silent", "silent: nothing any more"),
            ("none", "no data, nor before"),
        ],
    ),
];

/// The columns that a click sorts by: the word of the API, the title, and whether it is a number.
const COLUMNS: [(&str, &str, Align); 9] = [
    ("name", "Domain", Align::Left),
    ("status", "Status", Align::Left),
    ("policy", "Policy", Align::Left),
    ("messages", "Messages", Align::Right),
    ("change", "Change", Align::Right),
    ("failed", "Fail", Align::Right),
    ("pass_rate", "Pass", Align::Left),
    ("last_report", "Last data", Align::Left),
    ("last_arrival", "Arrived", Align::Left),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// The table with its form.
pub(super) fn card(overview: &Told<Overview>, asked: &Asked) -> Markup {
    let to = |number: &str| format!("/{}", asked.with(&NAMES[..13], &[("page", number)]));
    html! {
        section .card aria-labelledby="domains" {
            div .head {
                h2 #domains { "All domains" }
                (folding(asked))
                (csv_link(&format!("/overview.csv{}", asked.only(&NAMES[..13]))))
            }
            (form(asked, overview.wrong()))
            @if let Told::Answer(overview) = overview {
                @if overview.domains.is_empty() { (no_rows(&overview.pagination, nothing(asked))) } @else { (table(overview, asked)) }
                (pages(&overview.pagination, ("domain", "domains"), to))
            }
        }
    }
}

/// Each domain, or each organisation with its domains.
fn folding(asked: &Asked) -> Markup {
    let is_folded = asked.get("fold").is_some();
    let href = |fold| format!("/{}", asked.with(&NAMES[..13], &[("fold", fold)]));
    html! {
        div .segments role="group" aria-label="Subdomains" {
            a href=(href("")) aria-current=[(!is_folded).then_some("true")] { "Every domain" }
            a href=(href("organisation")) aria-current=[is_folded.then_some("true")] { "Folded by organisation" }
        }
    }
}

fn form(asked: &Asked, wrong: Option<&Failure>) -> Markup {
    let hidden = RANGE.iter().chain(&["fold", "sort", "order", "organisation"]);
    let chosen = FILTERS.iter().filter(|name| asked.get(name).is_some()).count();
    let is_open = chosen > 0 || wrong.is_some();
    html! {
        form .filters method="get" action="/" role="search" aria-label="Domains" {
            @for name in hidden { @if let Some(text) = asked.get(name) { input type="hidden" name=(name) value=(text); } }
            div .inline {
                label .hidden for="search" { "Name contains" }
                input #search type="search" name="search" placeholder="Name contains" value=[asked.get("search")]
                    aria-keyshortcuts="/" aria-describedby=[described(wrong, "search")];
                button type="submit" { "Find" }
                span .small.muted.js { "Press " kbd { "/" } " to search." }
            }
            details open[is_open] {
                summary { "Filters" @if chosen > 0 { ": " (chosen) } }
                div .inline {
                    @for (name, title, values) in CHOICES {
                        label .hidden for=(name) { (title) }
                        select id=(name) name=(name) aria-describedby=[described(wrong, name)] {
                            @for (value, title) in values {
                                option value=(value) selected[asked.get(name).unwrap_or_default() == *value] { (title) }
                            }
                        }
                    }
                    label for="failing_over" { "Failing more than" }
                    input #failing_over .short name="failing_over" inputmode="numeric" value=[asked.get("failing_over")] placeholder="%"
                        aria-describedby=[described(wrong, "failing_over")];
                    label .hidden for="tag" { "Tag" }
                    input #tag .short name="tag" placeholder="Tag" value=[asked.get("tag")] autocapitalize="none"
                        aria-describedby=[described(wrong, "tag")];
                    button type="submit" { "Filter" }
                    @if chosen > 0 { a href=(format!("/{}", asked.with(&RANGE, &[]))) { "Remove all filters" } }
                }
                @for name in ["search", "policy", "status", "data", "failing_over", "tag", "organisation"] { (field_error(wrong, name)) }
            }
            @if let Some(top) = asked.get("organisation") {
                p .small {
                    "Shown are " b { (hostile(top)) } " and the domains below it. "
                    a href=(format!("/{}", asked.with(&NAMES[..13], &[("organisation", "")]))) { "Show all" }
                }
            }
        }
    }
}

fn nothing(asked: &Asked) -> Markup {
    let is_filtered = FILTERS.iter().any(|name| asked.get(name).is_some());
    let all = format!("/{}", asked.only(&RANGE));
    empty(
        if is_filtered {
            "No domain is like that"
        } else {
            "No domain has that in its name"
        },
        html! { p { a href=(all) { "Show all domains" } } },
    )
}

fn table(overview: &Overview, asked: &Asked) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of domains" {
            table .cards.tight {
                thead { tr {
                    @for (word, title, align) in COLUMNS { (column(asked, word, title, align)) }
                    th scope="col" { "Trend" }
                } }
                tbody { @for domain in &overview.domains { (row(domain, asked)) } }
            }
        }
    }
}

/// The head of a column: a link that sorts by it, and the other way round at the second click.
fn column(asked: &Asked, word: &str, title: &str, align: Align) -> Markup {
    let is_current = asked.get("sort").unwrap_or("messages") == word;
    let usual = if ["name", "status", "policy"].contains(&word) {
        "asc"
    } else {
        "desc"
    };
    let order = asked.get("order").unwrap_or(usual);
    let next = match (is_current, order) {
        (false, _) => usual,
        (true, "asc") => "desc",
        (true, _) => "asc",
    };
    let sorted = is_current.then_some(if order == "asc" { "ascending" } else { "descending" });
    let href = format!("/{}", asked.with(&NAMES[..13], &[("sort", word), ("order", next)]));
    html! { th scope="col" .num[align == Align::Right] aria-sort=[sorted] { a href=(href) { (title) } } }
}

fn row(domain: &OverviewItem, asked: &Asked) -> Markup {
    let (all, fail) = (domain.total_messages, domain.failed_messages);
    let view = format!("/view/{}{}", domain.id, asked.only(&RANGE));
    html! {
        tr {
            th scope="row" {
                a href=(view) { (domain_name(&domain.name, domain.unicode_name.as_deref())) }
                @for tag in &domain.tags { " " a .chip href=(format!("/{}", asked.with(&RANGE, &[("tag", tag)]))) { (tag) } }
                @if domain.folded_domains > 1 {
                    div .small { a href=(format!("/{}", asked.with(&RANGE, &[("organisation", &domain.organisation)]))) {
                        (counted(domain.folded_domains, "domain", "domains")) " together"
                    } }
                }
            }
            td data-label="Status" { (status(&domain.status)) }
            td data-label="Policy" { (policy(domain.policy.as_ref())) }
            td .num data-label="Messages" { (grouped(all)) }
            td .num data-label="Change" title=(counted(domain.messages_before, "message before", "messages before").to_string()) { (share(domain.change, all)) }
            td .num data-label="Fail" { (grouped(fail)) }
            td data-label="Pass" { @if all > 0 { (rate(all.saturating_sub(fail), fail)) } @else { (dash()) } }
            td .day data-label="Last data" { (day(domain.last_report_at.as_deref().and_then(before).as_deref())) }
            td .day data-label="Arrived" { (day(domain.last_arrived_at.as_deref())) }
            td .trend data-label="Trend" { @if all > 0 { (chart::trend(&domain.daily_stats)) } @else { (dash()) } }
        }
    }
}

/// The last instant before one: a window that ends at midnight is about the day before.
fn before(instant: &str) -> Option<String> {
    parse_instant(instant).map(|at| format_instant(at - 1))
}

/// The day of an instant; the time is in its title.
fn day(instant: Option<&str>) -> Markup {
    html! { @match instant {
        Some(instant) => { span title=(instant) { (date(instant)) } }
        None => { (dash()) }
    } }
}

/// What is published, in a word.
pub(super) fn policy(policy: Option<&PolicyBody>) -> Markup {
    match policy.and_then(|policy| policy.p.as_deref()) {
        None => dash(),
        Some("none") => html! { span .chip title="Failing mail is delivered" { "none" } },
        Some(word) => html! { span .chip.good { (word) } },
    }
}
