//! Weeks and months.

use super::{Day, DayRange, words};

words! {
    /// How often something is told.
    Period: i64 {
        /// From Monday to Sunday.
        Weekly = 1 "weekly",
        /// A month of the calendar.
        Monthly = 2 "monthly",
    }
}

impl Period {
    /// The newest period that was over before a day began.
    pub fn last_before(self, day: Day) -> DayRange {
        let last = match self {
            // 1970-01-01 was a Thursday.
            Self::Weekly => day.plus(-1 - (day.0 + 3).rem_euclid(7)),
            Self::Monthly => first_of_month(day).plus(-1),
        };
        self.ending(last)
    }

    /// The period before another one.
    pub fn before(self, range: DayRange) -> DayRange {
        self.ending(range.first.plus(-1))
    }

    fn ending(self, last: Day) -> DayRange {
        match self {
            Self::Weekly => DayRange::ending(last, 7),
            Self::Monthly => DayRange {
                first: first_of_month(last),
                last,
            },
        }
    }
}

fn first_of_month(day: Day) -> Day {
    day.plus(1 - day.of_month())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_whole_and_over() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        for (period, today, first, last, before) in [
            (Period::Weekly, "2026-03-23", "2026-03-16", "2026-03-22", "2026-03-09"),
            (Period::Weekly, "2026-03-22", "2026-03-09", "2026-03-15", "2026-03-02"),
            (Period::Weekly, "2026-01-01", "2025-12-22", "2025-12-28", "2025-12-15"),
            (Period::Monthly, "2026-03-01", "2026-02-01", "2026-02-28", "2026-01-01"),
            (Period::Monthly, "2026-03-31", "2026-02-01", "2026-02-28", "2026-01-01"),
            (Period::Monthly, "2026-01-02", "2025-12-01", "2025-12-31", "2025-11-01"),
        ] {
            let range = period.last_before(day(today));
            assert_eq!(
                range,
                DayRange {
                    first: day(first),
                    last: day(last)
                },
                "{today}"
            );
            let other = period.before(range);
            assert_eq!((other.first, other.last), (day(before), range.first.plus(-1)));
        }
    }
}
