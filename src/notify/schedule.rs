//! When a delivery is tried again, and when a target is switched off.

use std::time::Duration;

use crate::base::Millis;
use crate::jobs::jittered;
use crate::store::{AttemptOutcome, Failing};

/// Pauses after the first attempt, the second and so on. Together a day, less what jitter adds.
const PAUSES: [Duration; 8] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(4 * 3_600),
    Duration::from_secs(8 * 3_600),
    Duration::from_secs(9 * 3_600),
];
/// How much a pause varies: what failed together does not come back together.
const SPREAD_PERMILLE: u32 = 100;
/// A receiver that asks for a longer pause gets this one.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(9 * 3_600);
/// Pauses of what this installation cannot send.
const HELD_BACK_MIN: Duration = Duration::from_secs(10);
const HELD_BACK_MAX: Duration = Duration::from_secs(10 * 60);
/// Attempts that fail in a row, over at least [`FAILING_TIME_MIN`], before a target is switched off.
const FAILURES_MAX: u64 = 20;
const FAILING_TIME_MIN: Millis = 24 * 3_600_000;

/// Attempts at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// To all targets together.
    pub in_flight_max: usize,
    /// To one target. One whose last attempt failed gets one, and all of these together half of `in_flight_max`. An
    /// account gets no more than it leaves free (`places.rs`).
    pub per_target_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            in_flight_max: 32,
            per_target_max: 4,
        }
    }
}

/// What follows an attempt that failed: `attempts` have been made, with this one.
pub(super) fn after_failure(attempts: u64, retry_after: Option<Duration>, now: Millis, random: u64) -> AttemptOutcome {
    let nth = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(pause) = PAUSES.get(nth) else {
        return AttemptOutcome::GivenUp;
    };
    let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    let pause = jittered(*pause, SPREAD_PERMILLE, random).max(asked);
    AttemptOutcome::Again(now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)))
}

/// When is tried again what this installation could not send: after half of the time that the delivery has waited, within
/// bounds. It needs no count of attempts, and is given up only with age.
pub(super) fn after_own_fault(created_at: Millis, now: Millis, random: u64) -> AttemptOutcome {
    let waited = u64::try_from(now.saturating_sub(created_at)).unwrap_or(0);
    let pause = Duration::from_millis(waited / 2).clamp(HELD_BACK_MIN, HELD_BACK_MAX);
    let pause = jittered(pause, SPREAD_PERMILLE, random);
    AttemptOutcome::HeldBack(now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)))
}

/// Whether a target has failed often and long enough to be switched off.
pub(super) fn is_hopeless(failing: Failing, now: Millis) -> bool {
    failing.attempts >= FAILURES_MAX && now.saturating_sub(failing.since) >= FAILING_TIME_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The middle of the jitter.
    const EVEN: u64 = SPREAD_PERMILLE as u64;

    #[test]
    fn attempts_are_spread_over_a_day() {
        let (mut now, mut pauses) = (0, Vec::new());
        for attempts in 1.. {
            match after_failure(attempts, None, now, EVEN) {
                AttemptOutcome::Again(at) => {
                    pauses.push((at - now) / 1_000);
                    now = at;
                }
                outcome => {
                    assert_eq!(outcome, AttemptOutcome::GivenUp);
                    break;
                }
            }
        }
        assert_eq!(pauses, [5, 60, 300, 1_800, 7_200, 14_400, 28_800, 32_400]);
        assert!(now < 24 * 3_600_000);
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_and_not_for_a_shorter_one() {
        let pause = |attempts, seconds| after_failure(attempts, Some(Duration::from_secs(seconds)), 0, EVEN);
        assert_eq!(pause(1, 90), AttemptOutcome::Again(90_000));
        assert_eq!(pause(2, 1), AttemptOutcome::Again(60_000));
        assert_eq!(pause(1, u64::MAX), AttemptOutcome::Again(9 * 3_600_000));
        assert_eq!(pause(9, 1), AttemptOutcome::GivenUp);
        assert_eq!(after_failure(1, None, 0, 0), AttemptOutcome::Again(4_500));
    }

    #[test]
    fn what_could_not_be_sent_is_tried_less_and_less() {
        for (waited, expect) in [(0, 10), (30, 15), (600, 300), (7_200, 600), (-5, 10)] {
            let now = waited * 1_000;
            let outcome = after_own_fault(0, now, EVEN);
            assert_eq!(outcome, AttemptOutcome::HeldBack(now + expect * 1_000), "{waited}");
        }
    }

    #[test]
    fn a_burst_of_failures_switches_nothing_off() {
        let failing = |attempts| Failing { attempts, since: 1_000 };
        assert!(!is_hopeless(failing(10_000), 2_000));
        assert!(!is_hopeless(failing(FAILURES_MAX - 1), 1_000 + FAILING_TIME_MIN));
        assert!(is_hopeless(failing(FAILURES_MAX), 1_000 + FAILING_TIME_MIN));
    }
}
