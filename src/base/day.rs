//! UTC days as numbers. Proleptic Gregorian; leap seconds do not exist in unix time.

use std::fmt;
use std::str::FromStr;

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
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        // Days from civil: years begin in March, so that the leap day is the last one; eras are 400 years.
        let year = i64::from(year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = i64::from((153 * ((month + 9) % 12) + 2) / 5 + day - 1);
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        i32::try_from(era * 146_097 + day_of_era - 719_468).ok().map(Self)
    }

    /// Year, month (1 to 12) and day of the month (1 to 31).
    pub const fn date(self) -> (i32, u32, u32) {
        let days = self.0 as i64 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + (month <= 2) as i64;
        (year as i32, month as u32, day as u32)
    }
}

/// `YYYY-MM-DD`; years outside 0 to 9999 (which do not parse back) are signed.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        if (0..=9999).contains(&year) {
            write!(f, "{year:04}-{month:02}-{day:02}")
        } else {
            write!(f, "{year:+05}-{month:02}-{day:02}")
        }
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
            return Err(DayError);
        };
        let year = number(&[y1, y2, y3, y4])?;
        let date = (
            i32::try_from(year).map_err(|_| DayError)?,
            number(&[m1, m2])?,
            number(&[d1, d2])?,
        );
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

fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn number(digits: &[u8]) -> Result<u32, DayError> {
    digits.iter().try_fold(0, |sum, b| {
        b.is_ascii_digit()
            .then(|| sum * 10 + u32::from(b - b'0'))
            .ok_or(DayError)
    })
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
        assert_eq!(Day(2_932_897).to_string(), "+10000-01-01");
        assert_eq!(Day(-719_529).to_string(), "-0001-12-31");
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
        assert_eq!(Day(i32::MAX).to_string().parse::<Day>(), Err(DayError));
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
        fn dates_round_trip(day in any::<i32>()) {
            let (year, month, of_month) = Day(day).date();
            prop_assert_eq!(Day::from_date(year, month, of_month), Some(Day(day)));
        }

        #[test]
        fn texts_round_trip(day in -719_528..=2_932_896) {
            prop_assert_eq!(Day(day).to_string().parse(), Ok(Day(day)));
        }

        #[test]
        fn dates_go_up_by_one(day in i32::MIN..i32::MAX) {
            prop_assert!(Day(day).date() < Day(day + 1).date());
        }

        #[test]
        fn an_instant_lies_in_its_day(unix in -100_000_000_000_000i64..100_000_000_000_000) {
            let day = Day::from_unix(unix);
            prop_assert!(day.begin() <= unix && unix < day.end());
        }
    }
}
