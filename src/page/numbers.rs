//! Numbers and days as the visitor reads them ([`super::locale`]), each with its value for machines.
//!
//! In HTML these are elements; in a text, such as that of an attribute, they are texts: `.to_string()`.

use std::fmt::{self, Write as _};

use maud::{Escaper, Render};

use super::locale::{DayOrder, Locale, current};
use crate::base::clock::parse_instant;
use crate::base::numbers;

/// A number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number(u64);

/// A number with its noun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted<'w>(u64, &'w str);

/// The share of messages that passed.
#[derive(Debug, Clone)]
pub(super) struct Percent(String);

/// A day, written `2026-03-23` where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Date(String);

/// Digits in groups: `1,234,567`.
pub(super) fn grouped(number: u64) -> Number {
    Number(number)
}

/// A number with its noun: `1 report`, `2 reports`.
pub(super) fn counted<'w>(number: u64, one: &'w str, many: &'w str) -> Counted<'w> {
    Counted(number, if number == 1 { one } else { many })
}

/// As [`numbers::percent`].
pub(super) fn percent(pass: u64, fail: u64) -> Percent {
    Percent(numbers::percent(pass, fail))
}

/// A number of bytes, in the largest unit that it fills.
pub(super) fn bytes(number: u64) -> String {
    decimal(&numbers::bytes(number))
}

/// A day, or the day of an instant. What is neither stays as it is.
pub(super) fn date(text: &str) -> Date {
    Date(text.get(..10).unwrap_or(text).to_owned())
}

/// A text with one decimal mark, such as `12.5k` or `+3.0%`.
pub(super) fn decimal(text: &str) -> String {
    let Locale { decimal, percent, .. } = current();
    match text.strip_suffix('%') {
        Some(number) => number.replace('.', decimal) + percent,
        None => text.replace('.', decimal),
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Locale {
            group, grouped_from, ..
        } = current();
        let digits = self.0.to_string();
        if digits.len() < grouped_from {
            return f.write_str(&digits);
        }
        f.write_str(&numbers::grouped(self.0).replace(',', group))
    }
}

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Number(self.0), self.1)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal(&self.0))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some([year, month, day]) = parts(&self.0) else {
            return f.write_str(&self.0);
        };
        match current().order {
            DayOrder::YearFirst(mark) => write!(f, "{year}{mark}{month}{mark}{day}"),
            DayOrder::DayFirst(mark) => write!(f, "{day}{mark}{month}{mark}{year}"),
        }
    }
}

/// Year, month and day of a day.
fn parts(day: &str) -> Option<[&str; 3]> {
    parse_instant(&format!("{day}T00:00:00Z"))?;
    Some([day.get(..4)?, day.get(5..7)?, day.get(8..10)?])
}

impl Render for Number {
    fn render_to(&self, html: &mut String) {
        element(html, ("data", "value"), &self.0.to_string(), &self.to_string());
    }
}

impl Render for Counted<'_> {
    fn render_to(&self, html: &mut String) {
        Number(self.0).render_to(html);
        text(html, &format!(" {}", self.1));
    }
}

impl Render for Percent {
    fn render_to(&self, html: &mut String) {
        match self.0.ends_with('%') {
            true => element(html, ("data", "value"), &self.0, &self.to_string()),
            false => text(html, &self.0),
        }
    }
}

impl Render for Date {
    fn render_to(&self, html: &mut String) {
        match parts(&self.0) {
            Some(_) => element(html, ("time", "datetime"), &self.0, &self.to_string()),
            None => text(html, &self.0),
        }
    }
}

/// An element whose attribute has the value for machines. Neither the value nor what is shown has a sign that HTML needs escaped.
fn element(html: &mut String, (name, attribute): (&str, &str), value: &str, shown: &str) {
    for part in ["<", name, " ", attribute, "=\"", value, "\">", shown, "</", name, ">"] {
        html.push_str(part);
    }
}

fn text(html: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = Escaper::new(html).write_str(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use maud::html;

    #[test]
    fn machines_have_the_value_and_people_the_form() {
        let shown = html! { (grouped(1_234_567)) " " (counted(1, "report", "reports")) " " (percent(2, 1)) " " (date("2026-03-05T10:00:00Z")) };
        assert_eq!(
            shown.into_string(),
            "<data value=\"1234567\">1,234,567</data> <data value=\"1\">1</data> report <data value=\"66.7%\">66.7%</data> \
             <time datetime=\"2026-03-05\">2026-03-05</time>"
        );
        assert_eq!(
            format!("{}, {}", counted(2_000, "report", "reports"), percent(0, 0)),
            "2,000 reports, –"
        );
    }

    #[test]
    fn what_is_no_day_stays_text() {
        for text in ["<b>", "2026-13-01", "", "2026-03-0", "é26-03-05xx"] {
            let shown = html! { (date(text)) }.into_string();
            assert!(!shown.contains("<time") && !shown.contains("<b>"), "{text}: {shown}");
        }
    }
}
