//! When the record of a key that no longer signs may go: mail on its way is over, as the reporters that saw the key say. Only a window
//! that begins after the change says something about it.

use hashbrown::HashMap;

use crate::base::{Day, DayRange, Millis};
use crate::report::aggregate::Evidence;
use crate::store::{RangeReader, RangeRecord, ReportSummary, RetiringKey, Store, StoreError};

/// Days before the change in which reporters that saw the key are looked for. Most report every day, and the rest every week.
const SEEN_DAYS: i32 = 30;
/// Keys that are read at a time.
const PAGE: u32 = 64;

/// Forgets every key that signed before, and is seen no more or kept for the longest time. Returns their number.
pub async fn end_rotations(store: &Store, now: Millis) -> Result<u64, StoreError> {
    let (mut after, mut ended) = (i64::MIN, 0);
    loop {
        let page = store.retiring_keys(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(ended);
        };
        after = last.domain.0;
        for key in &page {
            let is_over = now >= key.retire_after || is_unused(store, key, now).await?;
            if is_over && store.end_rotation(key.domain, &key.selector).await? {
                let (domain, selector) = (key.domain, &key.selector);
                tracing::info!(%domain, selector, "the record of a domain's DKIM key before is needed no longer");
                ended += 1;
            }
        }
    }
}

/// Whether every reporter that saw the key says that it sees it no more.
async fn is_unused(store: &Store, key: &RetiringKey, now: Millis) -> Result<bool, StoreError> {
    let day = |at: Millis| Day::from_unix(at.div_euclid(1_000));
    let range = DayRange {
        first: day(key.switched_at).plus(-SEEN_DAYS),
        last: day(now),
    };
    let mut reading = Reading {
        key,
        current: None,
        reporters: Reporters::default(),
    };
    store.read_range(key.domain, range, &mut reading).await?;
    Ok(reading.reporters.are_done())
}

/// A report: what it says about the key, if its records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    /// Its window began before the change.
    Before,
    /// It began at this Unix second, after the change.
    After(i64),
}

/// What is known of a reporter.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Whether it saw the key before the change.
    is_concerned: bool,
    /// Begin of its newest window after the change.
    newest: Option<i64>,
    /// Begin of the newest of these with messages under the key.
    newest_with: Option<i64>,
}

/// What is known of the reporters of a domain, by their names.
#[derive(Debug, Default)]
struct Reporters(HashMap<Box<str>, Seen>);

impl Reporters {
    fn seen(&mut self, reporter: &str) -> &mut Seen {
        self.0.entry(reporter.into()).or_default()
    }

    /// There is a report.
    fn reported(&mut self, reporter: &str, report: Report) {
        if let Report::After(begin) = report {
            let seen = self.seen(reporter);
            seen.newest = seen.newest.max(Some(begin));
        }
    }

    /// It has messages under the key, or may have.
    fn reported_key(&mut self, reporter: &str, report: Report) {
        let seen = self.seen(reporter);
        match report {
            Report::Before => seen.is_concerned = true,
            Report::After(begin) => seen.newest_with = seen.newest_with.max(Some(begin)),
        }
    }

    /// Whether any saw the key, and the newest window of each that did is after the change and without it. Where none did, time
    /// alone can tell.
    fn are_done(&self) -> bool {
        let mut concerned = self.0.values().filter(|seen| seen.is_concerned).peekable();
        concerned.peek().is_some() && concerned.all(|seen| seen.newest > seen.newest_with)
    }
}

struct Reading<'k> {
    key: &'k RetiringKey,
    /// `None` before the first one.
    current: Option<(Box<str>, Report)>,
    reporters: Reporters,
}

impl Reading<'_> {
    fn placed(&self, report: &ReportSummary) -> (Box<str>, Report) {
        let begin = report.window.begin;
        let place = match begin.saturating_mul(1_000) >= self.key.switched_at {
            true => Report::After(begin),
            false => Report::Before,
        };
        (report.org_name.as_deref().unwrap_or_default().into(), place)
    }
}

impl RangeReader for Reading<'_> {
    /// Whether a signature is under the key, whatever came of it.
    type Made = bool;

    fn make(&mut self, evidence: &Evidence, _: &str) -> bool {
        evidence.dkim.iter().any(|one| {
            let is = |text: &Option<Box<str>>, other: &str| {
                text.as_ref().is_some_and(|text| text.eq_ignore_ascii_case(other))
            };
            is(&one.domain, &self.key.name) && is(&one.selector, &self.key.selector)
        })
    }

    fn report(&mut self, report: &ReportSummary) {
        let (reporter, place) = self.placed(report);
        self.reporters.reported(&reporter, place);
        self.current = Some((reporter, place));
    }

    fn record(&mut self, record: RangeRecord, is_under_key: bool) {
        if let Some((reporter, place)) = &self.current
            && is_under_key
            && record.messages > 0
        {
            self.reporters.reported_key(reporter, *place);
        }
    }

    /// Whether it had messages under the key is not known: it may have had some.
    fn without_records(&mut self, report: &ReportSummary, _: u64) {
        let (reporter, place) = self.placed(report);
        self.reporters.reported(&reporter, place);
        self.reporters.reported_key(&reporter, place);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    use Report::{After, Before};

    /// What a report says of the key: reporter, report, whether it has messages under it.
    type Said = (&'static str, Report, bool);

    fn reporters(said: &[Said]) -> Reporters {
        let mut reporters = Reporters::default();
        for &(reporter, report, has_key) in said {
            reporters.reported(reporter, report);
            if has_key {
                reporters.reported_key(reporter, report);
            }
        }
        reporters
    }

    #[test]
    fn every_reporter_that_saw_the_key_must_have_seen_it_no_more() {
        for (said, expect) in [
            (&[][..], false),
            (&[("g", Before, true)], false),
            (&[("g", Before, true), ("g", After(1), false)], true),
            (&[("g", Before, true), ("g", After(1), true)], false),
            (
                &[("g", Before, true), ("g", After(1), true), ("g", After(2), false)],
                true,
            ),
            // It was seen again: mail was late.
            (
                &[("g", Before, true), ("g", After(1), false), ("g", After(2), true)],
                false,
            ),
            // Two reports about one window.
            (
                &[("g", Before, true), ("g", After(1), false), ("g", After(1), true)],
                false,
            ),
            (
                &[("g", Before, true), ("y", Before, true), ("g", After(1), false)],
                false,
            ),
            // A reporter that never saw it is not waited for, and says nothing.
            (
                &[("g", Before, true), ("y", Before, false), ("g", After(1), false)],
                true,
            ),
            (&[("g", Before, true), ("y", After(1), false)], false),
            (&[("y", Before, false), ("y", After(1), false)], false),
        ] {
            assert_eq!(reporters(said).are_done(), expect, "{said:?}");
        }
    }

    fn any_said() -> impl Strategy<Value = Vec<Said>> {
        let report = prop_oneof![Just(Before), (0_i64..4).prop_map(After)];
        proptest::collection::vec((prop_oneof![Just("g"), Just("y")], report, any::<bool>()), 0..12)
    }

    proptest! {
        /// The control is in the table above: reports about windows after the change do end it.
        #[test]
        fn windows_that_began_before_the_change_end_nothing(said in any_said()) {
            let before: Vec<_> = said.iter().copied().filter(|(_, report, _)| *report == Before).collect();
            prop_assert!(!reporters(&before).are_done());
            // Nor do those without the key count among others.
            let rest: Vec<_> = said.iter().copied().filter(|(_, report, has_key)| *report != Before || *has_key).collect();
            prop_assert_eq!(reporters(&said).are_done(), reporters(&rest).are_done());
        }

        #[test]
        fn the_order_of_reports_means_nothing(said in any_said(), seed in any::<u64>()) {
            let mut other = said.clone();
            other.sort_by_key(|(reporter, report, has_key)| {
                let at = match report { Before => -1, After(begin) => *begin };
                (seed.rotate_left(at.unsigned_abs() as u32) ^ u64::from(*has_key), *reporter)
            });
            prop_assert_eq!(reporters(&said).are_done(), reporters(&other).are_done());
        }
    }
}
