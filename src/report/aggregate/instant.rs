//! Instants as reporters write them: unix seconds, and with a warning whatever else has one reading only.

use super::number::{Form, number};
use super::text::Read;
use crate::base::Day;

/// 9999-12-31T23:59:59Z.
const INSTANT_MAX: i64 = 253_402_300_799;
/// Numbers above are of a smaller unit: 10^11 seconds is the year 5138.
const SECONDS_MAX: u64 = 100_000_000_000;
/// What is written as digits of a date, or in a unit below milliseconds, is of these years; anything else is chance.
const YEARS: std::ops::Range<i64> = 2005..2106;
/// Longest text that can be an instant.
const BYTES_MAX: usize = 64;
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// 2005-01-01T00:00:00Z. DMARC is of 2012, its forerunners of 2010; whatever says it is older has been misread or is wrong.
pub(super) const FIRST_PLAUSIBLE: i64 = 1_104_537_600;

/// An instant in unix seconds (xs:integer: RFC 7489, appendix C; RFC 9990, appendix A). Fractions, which 163.com and
/// yeah.net wrote in 2012, are cut off. With a warning also other ways to write that number, milliseconds, and dates
/// (rows 98 and 99 of the deviations). What has two readings (`05/06/2026`) has none.
pub(crate) fn instant(text: &str) -> Option<Read<i64>> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let seconds = match compact(text) {
        Some(seconds) => Read::Odd(seconds),
        None => match number(text) {
            Some(number) => of_number(number.whole, number.form, text)?,
            None => Read::Odd(written(text)?),
        },
    };
    let (Read::Plain(value) | Read::Odd(value)) = seconds;
    (0..=INSTANT_MAX).contains(&value).then_some(seconds)
}

fn of_number(number: u64, form: Form, text: &str) -> Option<Read<i64>> {
    // Seconds with this number of digits are of 1973 or before: the point is one of a date (`25.11`), or between groups.
    if matches!(form, Form::Point | Form::PointOrGroup) && number < 100_000_000 {
        return None;
    }
    let value = i64::try_from(number).ok()?;
    if number <= SECONDS_MAX {
        return Some(if matches!(form, Form::Digits | Form::Point) {
            Read::Plain(value)
        } else {
            Read::Odd(value)
        });
    }
    let fine = |per_second: i64| {
        let seconds = value / per_second;
        (seconds >= FIRST_PLAUSIBLE && date(YEARS.end, 1, 1).is_some_and(|end| seconds < end)).then_some(seconds)
    };
    let seconds = match value / 1_000 {
        seconds if seconds <= INSTANT_MAX && text.len() <= 14 => seconds,
        seconds => fine(1_000_000)
            .or_else(|| fine(1_000_000_000))
            .or_else(|| (seconds <= INSTANT_MAX).then_some(seconds))?,
    };
    Some(Read::Odd(seconds))
}

/// `20261125`, `202611251430`, `20261125143000`, `20261125T143000Z`.
fn compact(text: &str) -> Option<i64> {
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let digits: String = match digits.split_once(['T', 't']) {
        Some((date, time)) if date.len() == 8 && !time.is_empty() => format!("{date}{time}"),
        Some(_) => return None,
        None if digits.len() < text.len() => return None,
        None => digits.to_owned(),
    };
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let field = |from: usize, to: usize| digits.get(from..to).map_or(Some(0), |part| part.parse::<i64>().ok());
    let (year, month, day) = (field(0, 4)?, field(4, 6)?, field(6, 8)?);
    let time = time_of_day(field(8, 10)?, field(10, 12)?, field(12, 14)?)?;
    let date = YEARS.contains(&year).then(|| date(year, month, day))??;
    Some(date + time)
}

/// A date in words and signs, with or without a time: `2024-03-05T06:07:08.9+01:00`, `25.11.2026 00:00`, `11/25/2026
/// 12:00:00 AM`, `Wed, 25 Nov 2026 00:00:00 +0000`, `Wed Nov 25 00:00:00 2026`. Without zone it is UTC.
fn written(text: &str) -> Option<i64> {
    let colon = text.find(':');
    let (mut before, mut time, mut zone) = (text.to_owned(), 0, 0);
    if let Some(colon) = colon {
        let digits = text[..colon].bytes().rev().take_while(u8::is_ascii_digit).count();
        let (day, clock) = text.split_at(colon - digits);
        let (seconds, rest) = clock_of(clock)?;
        let (offset, behind) = zone_of(rest)?;
        (time, zone) = (seconds, offset);
        let day = day.trim_end_matches(' ');
        let day = day.strip_suffix(['T', 't']).unwrap_or(day);
        before = format!("{} {behind}", day.trim_end_matches([' ', ',']));
    }
    Some(calendar_day(before.trim())? + time - zone)
}

/// Seconds of the day at the start of a text, and what follows: `6:07`, `06:07:08.9`, `12:00:00 AM`.
fn clock_of(text: &str) -> Option<(i64, &str)> {
    let (mut fields, mut count, mut rest) = ([0; 3], 0, text);
    loop {
        let len = rest.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=2).contains(&len) {
            return None;
        }
        *fields.get_mut(count)? = rest[..len].parse().ok()?;
        count += 1;
        rest = &rest[len..];
        match rest.strip_prefix(':') {
            Some(next) => rest = next,
            None => break,
        }
    }
    if let Some(fraction) = rest.strip_prefix(['.', ',']).filter(|_| count == 3) {
        rest = fraction.trim_start_matches(|char: char| char.is_ascii_digit());
        if rest.len() == fraction.len() {
            return None;
        }
    }
    let [mut hour, minute, second] = fields;
    rest = rest.trim_start();
    if let Some((half, behind)) = rest.split_at_checked(2)
        && (half.eq_ignore_ascii_case("am") || half.eq_ignore_ascii_case("pm"))
    {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if half.eq_ignore_ascii_case("pm") { 12 } else { 0 };
        rest = behind.trim_start();
    }
    Some((time_of_day(hour, minute, second)?, rest))
}

fn time_of_day(hour: i64, minute: i64, second: i64) -> Option<i64> {
    // ISO 8601: 24:00:00 is the end of the day. A leap second is a second of the next day.
    let is_end = (hour, minute, second) == (24, 0, 0);
    (is_end || hour < 24 && minute < 60 && second <= 60).then_some(hour * 3_600 + minute * 60 + second)
}

/// Seconds east of Greenwich at the start of a text, and what follows: the year of `Wed Nov 25 00:00:00 UTC 2026`.
fn zone_of(text: &str) -> Option<(i64, &str)> {
    for name in ["utc", "gmt", "ut", "z"] {
        if let Some((zone, rest)) = text.split_at_checked(name.len())
            && zone.eq_ignore_ascii_case(name)
            && !rest.starts_with(|char: char| char.is_ascii_alphanumeric() || char == '+' || char == '-')
        {
            return Some((0, rest.trim_start()));
        }
    }
    let Some(digits) = text.strip_prefix(['+', '-']) else {
        return Some((0, text));
    };
    let len = digits
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b':')
        .count();
    let (digits, rest) = digits.split_at(len);
    let (hours, minutes) = match digits.len() {
        2 => (digits, "0"),
        4 => digits.split_at(2),
        5 => digits.split_once(':').filter(|(hours, _)| hours.len() == 2)?,
        _ => return None,
    };
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let offset = hours * 3_600 + minutes * 60;
    let east = if text.starts_with('-') { -offset } else { offset };
    (hours < 24 && minutes < 60).then(|| (east, rest.trim_start()))
}

/// The first second of a day: `2026-11-25`, `25.11.2026`, `25 Nov 2026`, `Wed, Nov 25, 2026`.
fn calendar_day(text: &str) -> Option<i64> {
    let mut fields: Vec<&str> = text
        .split(['-', '/', '.', ',', ' '])
        .filter(|field| !field.is_empty())
        .collect();
    if fields.len() == 4 && is_weekday(fields[0]) {
        fields.remove(0);
    }
    let [first, second, third] = *fields else { return None };
    let number = |field: &str, digits: std::ops::RangeInclusive<usize>| -> Option<i64> {
        let is_number = digits.contains(&field.len()) && field.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| field.parse().ok())?
    };
    let (year, small) = (|field| number(field, 4..=4), |field| number(field, 1..=2));
    if let Some(year) = year(first) {
        return date(year, month(second).or_else(|| small(second))?, small(third)?);
    }
    let year = year(third)?;
    match (month(first), month(second)) {
        (Some(month), None) => date(year, month, small(second)?),
        (None, Some(month)) => date(year, month, small(first)?),
        // With points the day comes first, wherever points are written; with other signs it does for some.
        _ if text.contains('.') => date(year, small(second)?, small(first)?),
        _ => match (small(first)?, small(second)?) {
            (day, month) if day == month => date(year, month, day),
            (day, month) if day > 12 => date(year, month, day),
            (month, day) if day > 12 => date(year, month, day),
            _ => None,
        },
    }
}

fn is_weekday(text: &str) -> bool {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let begins = |day: &str| text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(day));
    text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) && days.iter().any(|day| begins(day))
}

fn month(text: &str) -> Option<i64> {
    if text.len() > 9 || !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let start = text.get(..3)?;
    let nth = MONTHS.iter().position(|month| start.eq_ignore_ascii_case(month))?;
    i64::try_from(nth + 1).ok()
}

/// The first second of a day that there is, from 1970.
fn date(year: i64, month: i64, day: i64) -> Option<i64> {
    let (month, of_month) = (month.try_into().ok()?, day.try_into().ok()?);
    let day = Day::from_date(year.try_into().ok()?, month, of_month)?;
    (year >= 1970).then(|| day.begin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn unix_seconds() {
        for (text, expect) in [
            ("1337270400", Some(Read::Plain(1_337_270_400))),
            ("1337270400.0", Some(Read::Plain(1_337_270_400))),
            ("1795564800.123", Some(Read::Plain(1_795_564_800))),
            ("0", Some(Read::Plain(0))),
            ("1337270400000", Some(Read::Odd(1_337_270_400))),
            ("1795564800123456", Some(Read::Odd(1_795_564_800))),
            ("1795564800123456789", Some(Read::Odd(1_795_564_800))),
            ("-1", None),
            ("", None),
            ("99999999999999999", None),
            ("9E18", None),
        ] {
            assert_eq!(instant(text), expect, "{text}");
        }
    }

    /// 2026-11-25T00:00:00Z in every form that says so.
    #[test]
    fn a_date_is_read_as_it_is_meant() {
        for text in [
            "1.7955648E9",
            "1.7955648e+09",
            "17955648E2",
            "1,7955648E9",
            "1,795,564,800",
            "1.795.564.800",
            "1 795 564 800",
            "1795564800,5",
            "1795564800.",
            "+1795564800",
            "1.7955648E12",
            "1795564800000.5",
            "25.11.2026 00:00:00",
            "25.11.2026",
            "25.11.2026, 0:00",
            "25/11/2026",
            "11/25/2026 12:00:00 AM",
            "25-11-2026 00:00",
            "2026/11/25",
            "2026.11.25 00:00:00",
            "2026-11-25",
            "2026-11-25T00:00",
            "2026-11-25T00:00:00Z",
            "2026-11-25t00:00:00.000z",
            "2026-11-25 00:00:00 UTC",
            "2026-11-25T00:00:00,123",
            "2026-11-25T01:00:00+01:00",
            "2026-11-25 01:00:00 +0100",
            "2026-11-24T23:00:00-01",
            "2026-11-24T24:00:00Z",
            "20261125",
            "202611250000",
            "20261125000000",
            "20261125T000000Z",
            "Wed, 25 Nov 2026 00:00:00 +0000",
            "Wed, 25 Nov 2026 00:00:00 GMT",
            "Wed Nov 25 00:00:00 2026",
            "Wed Nov 25 00:00:00 UTC 2026",
            "25-Nov-2026",
            "November 25, 2026",
        ] {
            assert_eq!(instant(text), Some(Read::Odd(1_795_564_800)), "{text}");
        }
    }

    #[test]
    fn instants_without_exactly_one_reading_are_refused() {
        for text in [
            "integer",
            "25.11",
            "25.11.26",
            "1.795",
            "12.5",
            "05/06/2026",
            "05-06-2026",
            "31.02.2026",
            "2026-02-29",
            "2026-13-01",
            "2026-11-25T25:00:00",
            "2026-11-25T24:00:01",
            "2026-11-25T00:61",
            "2026-11-25 00:00:00 CET",
            "2026-11-25 00:00:00 +1",
            "2026-11-25T00:00:00+25:00",
            "13:00 PM 25.11.2026",
            "0:00",
            ":",
            "11/25",
            "Nov 2026",
            "25 Foo 2026",
            "1969-12-31",
            "1795564800s",
            "1795564800 1795651199",
            "1795564800-1795651199",
            "0x6B062E00",
            "\u{e9}:00",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
        assert_eq!(instant(&"1".repeat(1_000_000)), None);
    }

    #[test]
    fn as_before() {
        for (text, expect) in [
            ("2012-05-17T16:00:00Z", 1_337_270_400),
            ("2012-05-17 18:00:00.123+02:00", 1_337_270_400),
            ("2012-05-17T11:30:00-0430", 1_337_270_400),
            ("1970-01-01", 0),
            ("2024-02-29", 1_709_164_800),
        ] {
            assert_eq!(instant(text), Some(Read::Odd(expect)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-0-9a-zA-Z:./, +\u{A0}\u{e9}]{0,40}") {
            let _ = instant(&text);
        }

        #[test]
        fn a_number_means_the_same_in_each_form(seconds in 1_104_537_600_i64..4_000_000_000) {
            let grouped = |sign: char| {
                let digits = seconds.to_string();
                let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
                groups.join(&sign.to_string())
            };
            let digits = seconds.to_string();
            let (first, rest) = digits.split_at(1);
            for text in [grouped(','), grouped(' '), grouped('.'), format!("{first}.{rest}E9"), format!("{seconds}000")] {
                prop_assert_eq!(instant(&text), Some(Read::Odd(seconds)), "{}", text);
            }
        }
    }
}
