//! What pages are made of: texts of strangers, numbers, times, results, tables' heads and feet.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::api::Failure;
use super::numbers::{counted, date, grouped, percent};
use super::query::Asked;
use crate::api::Pagination;
use crate::base::text::{Piece, pieces};

/// A foreign text, kept from running into its surroundings: escaped, isolated from the direction of the text next to
/// it, and with what cannot be seen, or would turn the line around, written out.
pub(super) fn hostile(text: &str) -> Markup {
    html! { bdi { @for piece in pieces(text) {
        @match piece {
            Piece::Safe(text) => { (text) }
            Piece::Unsafe(sign) => { span .sign { (format_args!("U+{:04X}", u32::from(sign))) } }
        }
    } } }
}

/// As [`hostile`], or a dash.
pub(super) fn hostile_or_dash(text: Option<&str>) -> Markup {
    match text {
        Some(text) if !text.is_empty() => hostile(text),
        _ => dash(),
    }
}

/// As [`hostile`], for attributes and titles.
pub(super) fn plain(text: &str) -> String {
    pieces(text)
        .iter()
        .fold(String::with_capacity(text.len()), |mut plain, piece| {
            // Writing to a String cannot fail.
            let _ = match piece {
                Piece::Safe(text) => plain.write_str(text),
                Piece::Unsafe(sign) => write!(plain, "[U+{:04X}]", u32::from(*sign)),
            };
            plain
        })
}

/// A foreign word that must stay in one piece, such as a selector. It breaks only if it is too long for any column.
pub(super) fn token(text: Option<&str>) -> Markup {
    let is_short = text.is_some_and(|text| text.chars().count() <= 24);
    html! { span .whole[is_short] { (hostile_or_dash(text)) } }
}

pub(super) fn dash() -> Markup {
    html! { span .muted { "–" } }
}

/// A figure that stands by itself: its digits are never cut, and long ones are smaller.
pub(super) fn figure(number: u64) -> Markup {
    let number = grouped(number);
    let is_long = number.to_string().chars().count() > 11;
    html! { @if is_long { span .long { (number) } } @else { (number) } }
}

/// A domain's name, in Unicode and as DNS has it where the two differ.
pub(super) fn domain_name(name: &str, unicode_name: Option<&str>) -> Markup {
    html! {
        @match unicode_name {
            Some(unicode) => { (hostile(unicode)) " " span .small.muted { (hostile(name)) } }
            None => { (hostile(name)) }
        }
    }
}

/// An instant of the API, in UTC and to the minute.
pub(super) fn time(instant: &str) -> Markup {
    let minute = instant.get(11..16).unwrap_or_default();
    html! { time datetime=(instant) { (date(instant).to_string()) " " (minute) " UTC" } }
}

/// As [`time`], or a dash.
pub(super) fn time_or_dash(instant: Option<&str>) -> Markup {
    instant.map_or_else(dash, time)
}

/// A result, shown by sign, word and colour.
pub(super) fn result(word: &str) -> Markup {
    match word {
        "pass" => html! { span .result.pass { "pass" } },
        "fail" => html! { span .result.fail { "fail" } },
        other => html! { span .result { (hostile(other)) } },
    }
}

/// For an aligned result.
pub(super) fn aligned() -> Markup {
    html! { span .result.pass { "aligned" } }
}

/// For a result that is not aligned.
pub(super) fn not_aligned() -> Markup {
    html! { span .result.fail { "not aligned" } }
}

/// The share that passed: a bar with its number. A part never looks like all or none.
pub(super) fn rate(pass: u64, fail: u64) -> Markup {
    let width = match (pass, fail) {
        (_, 0) => 100.0,
        (0, _) => 0.0,
        _ => (100.0 * pass as f64 / (pass as f64 + fail as f64)).clamp(PART_MIN, 100.0 - PART_MIN),
    };
    html! {
        span .rate {
            svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                rect .fail width="100" height="8" {}
                rect .pass width=(format!("{width:.1}")) height="8" {}
            }
            span .n { (percent(pass, fail)) }
        }
    }
}

/// Smallest visible part of a bar, in per cent: three of its 67 pixels.
const PART_MIN: f64 = 5.0;

/// A domain's status.
pub(super) fn status(word: &str) -> Markup {
    match word {
        "verified" => html! { span .chip.good { "verified" } },
        "failed" => html! { span .chip.bad { "failed" } },
        _ => html! { span .chip { "pending" } },
    }
}

/// Default sort column of tables.
const FIRST_SORT: &str = "count";

/// The head of a column that a click sorts by: a link.
pub(super) fn sortable(asked: &Asked, names: &[&str], base: &str, (word, title): (&str, &str)) -> Markup {
    let current = asked.get("sort").unwrap_or(FIRST_SORT) == word;
    let ascending = current && asked.get("order") == Some("asc");
    // Names are looked for from A on, the most and the latest among all else.
    let order = match (current, ascending) {
        (false, _) if word.ends_with("_name") => "asc",
        (true, false) => "asc",
        _ => "desc",
    };
    let href = format!(
        "{base}{}",
        asked.with(names, &[("sort", word), ("order", order), ("page", "")])
    );
    let sorted = match (current, ascending) {
        (false, _) => None,
        (true, true) => Some("ascending"),
        (true, false) => Some("descending"),
    };
    let is_number = word.ends_with("count") || word == "reports";
    html! { th scope="col" .num[is_number] aria-sort=[sorted] { a href=(href) { (title) } } }
}

/// Links to the pages of a table.
pub(super) fn pages(pagination: &Pagination, (one, many): (&str, &str), to: impl Fn(&str) -> String) -> Markup {
    let (page, last) = (u64::from(pagination.page), pagination.total_pages);
    html! {
        nav .pages aria-label=(format!("Pages of {many}")) {
            span .muted { (counted(pagination.total, one, many)) }
            @if pagination.is_beyond() {
                a .button href=(to(&last.to_string())) rel="prev" { "Last page" }
            } @else if last > 1 {
                @if page > 1 { a .button href=(to(&(page - 1).to_string())) rel="prev" { "Previous" } }
                span { "Page " (grouped(page)) " of " (grouped(last)) }
                @if page < last { a .button href=(to(&(page + 1).to_string())) rel="next" { "Next" } }
            }
        }
    }
}

/// The same for a list that is stored in order: after the numbered pages it continues from place to place. `to` returns the address for
/// a parameter and its value.
pub(super) fn pages_and_places(
    pagination: &Pagination,
    asked: &Asked,
    (one, many): (&str, &str),
    to: impl Fn(&str, &str) -> String,
) -> Markup {
    let (page, is_behind) = (u64::from(pagination.page), asked.get("after").is_some());
    let last = pagination.total_pages.min(pagination.last_with_number());
    let numbered = |page: u64| to("page", &page.to_string());
    let next = match &pagination.next {
        Some(_) if page < last && !is_behind => Some(numbered(page + 1)),
        Some(next) => Some(to("after", next)),
        None => None,
    };
    html! {
        nav .pages aria-label=(format!("Pages of {many}")) {
            span .muted { @if pagination.more_than_total { "More than " } (counted(pagination.total, one, many)) }
            @if is_behind {
                a .button href=(numbered(1)) rel="first" { "First page" }
            } @else if pagination.is_beyond() {
                a .button href=(numbered(last)) rel="prev" { "Last page" }
            } @else if last > 1 {
                @if page > 1 { a .button href=(numbered(page - 1)) rel="prev" { "Previous" } }
                span { "Page " (grouped(page)) @if !pagination.more_than_total { " of " (grouped(pagination.total_pages)) } }
            }
            @if let Some(next) = next { a .button href=(next) rel="next" { "Next" } }
        }
    }
}

/// The replacement for a table without rows: `nothing`, unless earlier pages have rows.
pub(super) fn no_rows(pagination: &Pagination, nothing: Markup) -> Markup {
    if !pagination.is_beyond() {
        return nothing;
    }
    let (page, last) = (u64::from(pagination.page), pagination.total_pages);
    let text = if last == 1 {
        "There is one page.".to_owned()
    } else {
        format!("There are {} pages.", grouped(last))
    };
    empty(&format!("There is no page {}", grouped(page)), html! { p { (text) } })
}

/// The mistake of a field, shown below it.
pub(super) fn field_error(failure: Option<&Failure>, name: &str) -> Markup {
    let error = failure.and_then(|failure| failure.field(name));
    html! { @if let Some(error) = error { p #(error_id(name)) .bad.small role="alert" { "This " (hostile(error)) "." } } }
}

/// The id of [`field_error`], for the field that it describes.
pub(super) fn described(failure: Option<&Failure>, name: &str) -> Option<String> {
    failure.and_then(|failure| failure.field(name)).map(|_| error_id(name))
}

fn error_id(name: &str) -> String {
    format!("{name}-error")
}

/// The mistakes of parameters that have no field in the form, with their names.
pub(super) fn other_errors(failure: Option<&Failure>, fields: &[&str]) -> Markup {
    let errors = failure.into_iter().flat_map(|failure| &failure.fields);
    html! {
        @for one in errors.filter(|one| !fields.contains(&one.field.as_str())) {
            p .notice.bad role="alert" { b { (hostile(&one.field)) } " " (hostile(&one.error)) "." }
        }
    }
}

/// A button that copies a text; `what` says which.
pub(super) fn copy(text: &str, what: &str) -> Markup {
    html! { button .copy.js type="button" data-copy=(text) aria-label=(format!("Copy the {what}")) { "Copy" } }
}

/// A link to a table as CSV.
pub(super) fn csv_link(href: &str) -> Markup {
    html! { a .small.csv href=(href) download { "CSV" } }
}

/// The content of a page that is still empty.
pub(super) fn empty(title: &str, text: Markup) -> Markup {
    html! { div .empty { h2 { (title) } (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::NewestPagination;

    #[test]
    fn foreign_texts_stay_text_in_their_place() {
        for (text, expect) in [
            ("Google Inc.", "<bdi>Google Inc.</bdi>"),
            (
                "<script>alert(1)</script>",
                "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>",
            ),
            ("a\u{202e}b", "<bdi>a<span class=\"sign\">U+202E</span>b</bdi>"),
            ("\u{0}", "<bdi><span class=\"sign\">U+0000</span></bdi>"),
            (
                "é\u{200b}\u{feff}",
                "<bdi>é<span class=\"sign\">U+200B</span><span class=\"sign\">U+FEFF</span></bdi>",
            ),
            ("", "<bdi></bdi>"),
        ] {
            assert_eq!(hostile(text).into_string(), expect, "{text:?}");
        }
        assert_eq!(plain("a\u{202e}\"b"), "a[U+202E]\"b");
    }

    #[test]
    fn a_list_goes_on_behind_the_pages_that_have_a_number() {
        let shown = |page: u32, total: u64, next: Option<&str>, after: Option<&str>| {
            let pagination = Pagination {
                total,
                more_than_total: total >= 100_000,
                page,
                per_page: 50,
                total_pages: total.div_ceil(50),
                next: next.map(str::to_owned),
                newest: NewestPagination::default(),
            };
            let pairs = after.map(|after| ("after".to_owned(), after.to_owned()));
            let asked = Asked::new(pairs.into_iter().collect());
            let to = |name: &str, value: &str| format!("/?{name}={value}");
            pages_and_places(&pagination, &asked, ("row", "rows"), to).into_string()
        };
        for (html, has, has_not) in [
            (shown(1, 60, Some("9_1"), None), "/?page=2", "after="),
            (shown(2, 60, None, None), "/?page=1", "Next"),
            (shown(9, 60, None, None), "/?page=2\" rel=\"prev\">Last page", "Next"),
            (shown(200, 20_000, Some("9_1"), None), "/?after=9_1", "page=201"),
            (
                shown(999, 20_000, None, None),
                "/?page=200\" rel=\"prev\">Last page",
                "page=400",
            ),
            (shown(1, 20_000, Some("8_1"), Some("9_1")), "/?after=8_1", "page=2\""),
            (shown(1, 20_000, None, Some("9_1")), "/?page=1\" rel=\"first\"", "Next"),
            (
                shown(3, 100_000, Some("9_1"), None),
                "More than <data value=\"100000\">100,000</data> rows",
                "</data> of",
            ),
            (shown(1, 10, None, None), "10</data> rows", "href"),
        ] {
            assert!(html.contains(has) && !html.contains(has_not), "{has}: {html}");
        }
    }

    #[test]
    fn less_than_all_never_looks_like_all() {
        let width = |pass, fail| {
            let bar = rate(pass, fail).into_string();
            let (_, rest) = bar.split_once("class=\"pass\" width=\"").unwrap();
            rest.split('"').next().unwrap().parse::<f64>().unwrap()
        };
        assert_eq!((width(5, 0), width(0, 5), width(1, 1)), (100.0, 0.0, 50.0));
        for (pass, fail) in [(97, 3), (999, 1), (u64::MAX / 2, 1), (99_999_999, 1)] {
            assert!(width(pass, fail) <= 95.0, "{pass} {fail}");
            assert!(width(fail, pass) >= 5.0, "{fail} {pass}");
        }
    }
}
