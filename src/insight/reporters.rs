//! What reporters do.

use crate::base::DayRange;
use crate::store::{Reporter, StoredFinding};

/// The reporters, in lower case, that a finding about most of them remembers.
pub fn reporters_in(finding: &StoredFinding) -> impl Iterator<Item = &str> {
    finding.detail["reporters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_str)
}

/// Whether the reporter reported on many days, and then paused much longer than usual.
pub fn is_silent(reporter: &Reporter, range: DayRange) -> bool {
    let Some(last) = reporter.last_report else { return false };
    let quiet = i64::from(range.last.0 - last.0);
    let spoken = i64::from(last.0 - range.first.0) + 1;
    let days = i64::try_from(reporter.report_days).unwrap_or(i64::MAX);
    // Reports of a day come on the next one, or the one after.
    days >= 4 && quiet >= 5 && quiet > 3 * spoken / days
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Day;

    #[test]
    fn silence_is_measured_by_what_was_usual() {
        let range = DayRange {
            first: Day(100),
            last: Day(129),
        };
        for (report_days, last, silent) in [
            (25, 128, false),
            (20, 125, false),
            (20, 124, true),
            (3, 110, false),
            (4, 124, false),
            (4, 110, true),
        ] {
            let reporter = Reporter {
                org_name: String::new(),
                pass: 1,
                fail: 0,
                reports: report_days,
                report_days,
                last_report: Some(Day(last)),
            };
            assert_eq!(is_silent(&reporter, range), silent, "{report_days} days, last {last}");
        }
    }
}
