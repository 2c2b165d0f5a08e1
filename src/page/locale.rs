//! In which form numbers and days are written: in that of the visitor's browser, by `Accept-Language`. Words stay English, and files
//! and the API have one form for all.
//!
//! The form is kept with the task that answers a request: nearly every line of every page has a number, and none of them chooses
//! its form.

use std::cmp::Reverse;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

tokio::task_local! {
    static CURRENT: Locale;
}

/// The marks of numbers and days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Locale {
    /// In lower case. A tag without a region stands for all regions that have no row of their own.
    tag: &'static str,
    /// Between groups of three digits.
    pub group: &'static str,
    /// Digits of the shortest number that is grouped.
    pub grouped_from: usize,
    pub decimal: &'static str,
    /// After a percentage.
    pub percent: &'static str,
    pub order: DayOrder,
}

/// The order of the parts of a day, and what is between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayOrder {
    YearFirst(&'static str),
    DayFirst(&'static str),
}

use DayOrder::{DayFirst, YearFirst};

/// No-break spaces: numbers stay in one piece.
const WIDE: &str = "\u{a0}";
const NARROW: &str = "\u{202f}";

const fn locale(
    tag: &'static str,
    (group, grouped_from): (&'static str, usize),
    (decimal, percent): (&'static str, &'static str),
    order: DayOrder,
) -> Locale {
    Locale {
        tag,
        group,
        grouped_from,
        decimal,
        percent,
        order,
    }
}

/// The form for everyone else. Readers of English disagree about the order of a day: ISO 8601 cannot be misread.
const ENGLISH: Locale = locale("en", (",", 4), (".", "%"), YearFirst("-"));

/// The known forms, after the Common Locale Data Repository. Spanish has a comma for thousands in some regions and for decimals in
/// others, where a wrong mark would be another number.
const LOCALES: [Locale; 28] = [
    ENGLISH,
    locale("de", (".", 4), (",", "\u{a0}%"), DayFirst(".")),
    locale("de-ch", ("’", 4), (".", "%"), DayFirst(".")),
    locale("de-li", ("’", 4), (".", "%"), DayFirst(".")),
    locale("de-at", (WIDE, 4), (",", "\u{a0}%"), DayFirst(".")),
    locale("fr", (NARROW, 4), (",", "\u{202f}%"), DayFirst("/")),
    locale("fr-ca", (WIDE, 4), (",", "\u{a0}%"), YearFirst("-")),
    locale("fr-ch", (NARROW, 4), (",", "%"), DayFirst(".")),
    locale("es", (".", 5), (",", "\u{a0}%"), DayFirst("/")),
    locale("es-419", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-do", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-gt", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-hn", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-mx", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-ni", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-pa", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-pe", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-pr", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-sv", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-us", (",", 4), (".", "%"), DayFirst("/")),
    locale("es-cr", (WIDE, 4), (",", "\u{a0}%"), DayFirst("/")),
    locale("it", (".", 4), (",", "%"), DayFirst("/")),
    locale("it-ch", ("’", 4), (".", "%"), DayFirst(".")),
    locale("nl", (".", 4), (",", "%"), DayFirst("-")),
    locale("pt", (".", 4), (",", "%"), DayFirst("/")),
    locale("pt-pt", (WIDE, 5), (",", "%"), DayFirst("/")),
    locale("pl", (WIDE, 5), (",", "%"), DayFirst(".")),
    locale("ja", (",", 4), (".", "%"), YearFirst("/")),
];

/// How much of the header is read: browsers send far less.
const HEADER_BYTES_MAX: usize = 512;
const LANGUAGES_MAX: usize = 16;

/// The form that is written now: that of the request, if it is for one.
pub(super) fn current() -> Locale {
    CURRENT.try_with(|locale| *locale).unwrap_or(ENGLISH)
}

/// Answers in the form that the browser asks for; caches are told that pages differ by it.
pub(super) async fn localised(request: Request, next: Next) -> Response {
    let mut response = CURRENT.scope(asked(request.headers()), next.run(request)).await;
    let headers = response.headers_mut();
    let is_page = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|media_type| media_type.as_bytes().starts_with(b"text/html"));
    if is_page {
        headers.append(header::VARY, HeaderValue::from_static("Accept-Language"));
    }
    response
}

/// The first known language of the header, in the order that the browser prefers.
fn asked(headers: &HeaderMap) -> Locale {
    let text = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.get(..text.len().min(HEADER_BYTES_MAX)));
    let ranges = text.unwrap_or_default().split(',').take(LANGUAGES_MAX);
    let mut wanted: Vec<_> = ranges.filter_map(weighed).collect();
    // Those with the same weight stay in their order.
    wanted.sort_by_key(|(_, weight)| Reverse(*weight));
    wanted.iter().find_map(|(tag, _)| known(tag)).unwrap_or(ENGLISH)
}

/// A language range with its weight in thousandths (RFC 9110, 12.5.4); `None` for what is not wanted or cannot be read.
fn weighed(range: &str) -> Option<(String, u32)> {
    let (tag, parameters) = range.split_once(';').unwrap_or((range, "q=1"));
    let weight: f64 = parameters.trim().strip_prefix("q=")?.parse().ok()?;
    let is_wanted = weight > 0.0 && weight <= 1.0;
    // Truncation is exact enough: weights have up to three digits.
    is_wanted.then(|| (tag.trim().to_ascii_lowercase(), (weight * 1_000.0) as u32))
}

fn known(tag: &str) -> Option<Locale> {
    let find = |tag: &str| LOCALES.iter().find(|locale| locale.tag == tag).copied();
    find(tag).or_else(|| find(tag.split('-').next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_decides() {
        for (header, expect) in [
            ("", "en"),
            ("de", "de"),
            ("DE-de,de;q=0.9,en;q=0.8", "de"),
            ("de-CH", "de-ch"),
            ("en-US,de;q=0.9", "en"),
            ("sv-SE,sv;q=0.9,fr;q=0.5", "fr"),
            ("en;q=0.5, fr;q=0.7", "fr"),
            ("de;q=0, it", "it"),
            ("es-MX", "es-mx"),
            ("es-AR", "es"),
            ("pt-BR", "pt"),
            ("*", "en"),
            ("ja;q=2", "en"),
            ("ja;q=NaN, nl;q=0.001", "nl"),
            ("zh-CN,zh", "en"),
            ("de<script>", "en"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, header.parse().unwrap());
            assert_eq!(asked(&headers).tag, expect, "{header}");
        }
        assert_eq!(asked(&HeaderMap::new()), ENGLISH);
        // A header without an end costs no more than its beginning.
        let mut headers = HeaderMap::new();
        let long = "xx,".repeat(10_000) + "de";
        headers.insert(header::ACCEPT_LANGUAGE, long.parse().unwrap());
        assert_eq!(asked(&headers), ENGLISH);
    }

    #[test]
    fn no_form_can_be_misread() {
        for (nth, locale) in LOCALES.iter().enumerate() {
            assert_ne!(locale.group, locale.decimal, "{}", locale.tag);
            assert!(
                LOCALES[..nth].iter().all(|other| other.tag != locale.tag),
                "{}",
                locale.tag
            );
        }
    }
}
