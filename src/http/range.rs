//! Ranges of days: `days`, or `from` and `to`.

use serde_json::json;

use super::doc::Parameter;
use super::fields::Parameters;
use crate::base::{Day, DayRange};

/// The longest look-back, and the longest range whose days are listed.
const DAYS_MAX: u32 = 3_650;
const DAYS_DEFAULT: u32 = 30;

/// The longest range of questions about all domains, which look at each day of each domain.
const DAYS_OF_ALL_MAX: u64 = 92;

const FROM: Parameter = Parameter {
    name: "from",
    says: "First day, included.",
    schema: || json!({ "type": "string", "format": "date", "examples": ["2026-03-01"] }),
};
const TO: Parameter = Parameter {
    name: "to",
    says: "Last day, included; not before `from`.",
    schema: || json!({ "type": "string", "format": "date", "examples": ["2026-03-31"] }),
};

/// What [`day_range`] reads.
pub(super) const DAYS: &[Parameter] = &[
    Parameter {
        name: "days",
        says: "The last N days, including today. Default: 30. Cannot be combined with `from` and `to`.",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": DAYS_MAX }),
    },
    FROM,
    TO,
];

/// What [`range_of_all`] reads.
pub(super) const DAYS_OF_ALL: &[Parameter] = &[
    Parameter {
        name: "days",
        says: "The last N days, including today. Default: 30. Cannot be combined with `from` and `to`, which \
               are at most 92 days.",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": DAYS_OF_ALL_MAX }),
    },
    FROM,
    TO,
];

/// What [`open_range`] reads.
pub(super) const OPEN: &[Parameter] = &[
    Parameter {
        name: "days",
        says: "The last N days, including today. Default: all. Cannot be combined with `from` and `to`.",
        schema: || json!({ "type": "integer", "minimum": 1, "maximum": DAYS_MAX }),
    },
    FROM,
    TO,
];

/// The range that is asked for: the last `days` days up to `today`, or from `from` to `to`, both included. Of `from` alone the
/// range goes on to today; of `to` alone, and of none, it is 30 days long.
pub(super) fn day_range(parameters: &mut Parameters, today: Day) -> DayRange {
    let days = parameters.number("days", 1..=DAYS_MAX);
    let (from, to) = (parameters.parsed::<Day>("from"), parameters.parsed::<Day>("to"));
    refuse_both(parameters);
    let last = to.unwrap_or(today);
    let back = days.unwrap_or(DAYS_DEFAULT) as i32;
    let range = DayRange {
        first: from.unwrap_or(last.plus(1 - back)),
        last,
    };
    if range.is_empty() {
        parameters.refuse("from", "must not be after to (which is today if it is not given)");
    } else if range.len() > u64::from(DAYS_MAX) {
        parameters.refuse("from", format!("must be less than {DAYS_MAX} days before to"));
    }
    range
}

/// As [`day_range`], for all domains of an account: shorter.
pub(super) fn range_of_all(parameters: &mut Parameters, today: Day) -> DayRange {
    let range = day_range(parameters, today);
    if range.len() > DAYS_OF_ALL_MAX {
        parameters.refuse(
            "days",
            format!("must not ask for more than {DAYS_OF_ALL_MAX} days of all domains"),
        );
    }
    range
}

/// `from` and `to`, both included, each of which may be absent; or the last `days` days up to `today`.
pub(super) fn open_range(parameters: &mut Parameters, today: Day) -> (Option<Day>, Option<Day>) {
    let days = parameters.number("days", 1..=DAYS_MAX);
    let (from, to) = (parameters.parsed::<Day>("from"), parameters.parsed::<Day>("to"));
    refuse_both(parameters);
    if let Some(days) = days {
        return (Some(today.plus(1 - days as i32)), Some(today));
    }
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        parameters.refuse("from", "must not be after to");
    }
    (from, to)
}

fn refuse_both(parameters: &mut Parameters) {
    if parameters.text("days").is_some() && (parameters.text("from").is_some() || parameters.text("to").is_some()) {
        parameters.refuse("days", "cannot be combined with from and to");
    }
}
