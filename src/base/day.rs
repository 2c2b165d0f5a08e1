//! UTC days as numbers. Proleptic Gregorian; leap seconds do not exist in unix time.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::{Date, date};

/// Day 0.
const EPOCH: Date = date(1970, 1, 1);

/// A UTC day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Day(pub i32);

/// The text is not a day of the form `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a day; write it as YYYY-MM-DD, such as 2026-03-23")]
pub struct DayError;

impl Day {
    /// Seconds of a UTC day.
    pub const SECONDS: i64 = 86_400;

    /// The day that holds the instant `unix` (seconds); instants beyond what a `Day` can hold give its first or last one.
    pub const fn from_unix(unix: i64) -> Self {
        let days = unix.div_euclid(Self::SECONDS);
        if days > i32::MAX as i64 {
            Self(i32::MAX)
        } else if days < i32::MIN as i64 {
            Self(i32::MIN)
        } else {
            Self(days as i32)
        }
    }

    /// First second of the day.
    pub const fn begin(self) -> i64 {
        self.0 as i64 * Self::SECONDS
    }

    /// First second after the day.
    pub const fn end(self) -> i64 {
        self.begin() + Self::SECONDS
    }

    /// The day `days` later (earlier if negative), stopping at the ends of the scale.
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The day of a date, if there is such a date: month 1 to 12, day 1 to 31.
    pub fn from_date(year: i32, month: u32, day: u32) -> Option<Self> {
        let (month, day) = (month.try_into().ok()?, day.try_into().ok()?);
        let date = Date::new(year.try_into().ok()?, month, day).ok()?;
        let days = EPOCH.duration_until(date).as_secs() / Self::SECONDS;
        i32::try_from(days).ok().map(Self)
    }

    /// Its number in its month, from 1 on.
    pub fn of_month(self) -> i32 {
        self.date().day().into()
    }

    /// Its date; that of a day beyond the year 9999, or before -9999, is the last or first date.
    fn date(self) -> Date {
        let last = if self.0 < 0 { Date::MIN } else { Date::MAX };
        let since = SignedDuration::from_secs(self.begin());
        EPOCH.checked_add(since).unwrap_or(last)
    }
}

/// `YYYY-MM-DD`; years before 0, which do not parse back, are signed.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.date();
        let (year, month, day) = (date.year(), date.month(), date.day());
        match year {
            0.. => write!(f, "{year:04}-{month:02}-{day:02}"),
            _ => write!(f, "{year:+05}-{month:02}-{day:02}"),
        }
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
            return Err(DayError);
        };
        let date = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
        Self::from_date(date.0, date.1, date.2).ok_or(DayError)
    }
}

/// Days from `first` to `last`, both included; empty if `last` is before `first`. Iterates by ascending day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DayRange {
    pub first: Day,
    pub last: Day,
}

impl DayRange {
    /// This many days up to a day.
    pub const fn ending(last: Day, days: i32) -> Self {
        Self {
            first: last.plus(1 - days),
            last,
        }
    }

    /// How many days.
    pub const fn len(self) -> u64 {
        let days = self.last.0 as i64 - self.first.0 as i64 + 1;
        if days > 0 { days as u64 } else { 0 }
    }

    pub const fn is_empty(self) -> bool {
        self.last.0 < self.first.0
    }

    pub const fn contains(self, day: Day) -> bool {
        self.first.0 <= day.0 && day.0 <= self.last.0
    }

    /// The days, ascending.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Day> + use<> {
        (self.first.0..=self.last.0).map(Day)
    }
}

impl IntoIterator for DayRange {
    type Item = Day;
    type IntoIter = std::iter::Map<std::ops::RangeInclusive<i32>, fn(i32) -> Day>;

    fn into_iter(self) -> Self::IntoIter {
        (self.first.0..=self.last.0).map(Day)
    }
}

fn number<T: FromStr>(digits: &[u8]) -> Result<T, DayError> {
    let text = std::str::from_utf8(digits).map_err(|_| DayError)?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten().ok_or(DayError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn same(day: i32, text: &str) {
        assert_eq!(Day(day).to_string(), text);
        assert_eq!(text.parse(), Ok(Day(day)));
    }

    #[test]
    fn known_days() {
        same(0, "1970-01-01");
        same(-1, "1969-12-31");
        same(11_016, "2000-02-29");
        same(11_017, "2000-03-01");
        same(19_782, "2024-02-29");
        same(19_783, "2024-03-01");
        same(-25_508, "1900-03-01");
        same(-25_509, "1900-02-28");
        same(-719_528, "0000-01-01");
        same(2_932_896, "9999-12-31");
        // Beyond the calendar: its last and first date.
        assert_eq!(Day(2_932_897).to_string(), "9999-12-31");
        assert_eq!(Day(i32::MAX).to_string(), "9999-12-31");
        assert_eq!(Day(-719_529).to_string(), "-0001-12-31");
        assert_eq!(Day(i32::MIN).to_string(), "-9999-01-01");
    }

    #[test]
    fn texts_that_are_no_days() {
        for text in [
            "",
            "2024-2-29",
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-04-31",
            "2024-01-00",
            "2024-01-32",
            "24-01-01",
            "2024/01/01",
            "2024-01-01T00:00:00Z",
            "+024-01-01",
            " 2024-01-01",
            "２０24-1-1",
        ] {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text:?}");
        }
    }

    #[test]
    fn instants() {
        assert_eq!(Day::from_unix(-1), Day(-1));
        assert_eq!(Day::from_unix(0), Day(0));
        assert_eq!(Day::from_unix(86_399), Day(0));
        assert_eq!(Day::from_unix(86_400), Day(1));
        assert_eq!(Day::from_unix(i64::MAX), Day(i32::MAX));
        assert_eq!(Day::from_unix(i64::MIN), Day(i32::MIN));
    }

    #[test]
    fn ranges() {
        let range = DayRange {
            first: Day(-1),
            last: Day(1),
        };
        assert_eq!(range.iter().collect::<Vec<_>>(), [Day(-1), Day(0), Day(1)]);
        assert_eq!(range.into_iter().count() as u64, range.len());
        let empty = DayRange {
            first: Day(1),
            last: Day(0),
        };
        assert_eq!((empty.len(), empty.is_empty(), empty.iter().count()), (0, true, 0));
        assert_eq!(
            DayRange {
                first: Day(i32::MIN),
                last: Day(i32::MAX)
            }
            .len(),
            1 << 32
        );
    }

    proptest! {
        #[test]
        fn texts_round_trip(day in -719_528..=2_932_896) {
            prop_assert_eq!(Day(day).to_string().parse(), Ok(Day(day)));
        }

        #[test]
        fn dates_go_up_by_one(day in -4_371_587..2_932_896) {
            prop_assert!(Day(day).date() < Day(day + 1).date());
        }

        #[test]
        fn an_instant_lies_in_its_day(unix in -100_000_000_000_000i64..100_000_000_000_000) {
            let day = Day::from_unix(unix);
            prop_assert!(day.begin() <= unix && unix < day.end());
        }
    }
}
