//! The status of a domain after a check (pending, verified or failed), and the time of the next check. Pure.

use crate::base::{DomainStatus, Millis};
use crate::store::{CLOCKS_DIFFER_MAX, Decision, DomainFinding, RecordCheck, RecordFinding, Standing};

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
/// Age at which a domain that is not verified has failed. It is still checked.
pub const PENDING_MAX: Millis = 72 * HOUR;
/// Consecutive misses after which a verified domain fails.
pub const MISSES_MAX: i64 = 3;
/// Minimum time between two counted misses. A few minutes less count as well, because checks do not start exactly on time.
pub const MISS_APART: Millis = HOUR;
const MISS_SLACK: Millis = 5 * MINUTE;

const PENDING_EVERY: Millis = 30 * MINUTE;
const SETTLED_EVERY: Millis = 24 * HOUR;
/// Longest time from a check to the next.
pub const NEXT_CHECK_MAX: Millis = 2 * SETTLED_EVERY;

/// The standing of a domain after a check. A record that could not be read keeps its state, and never makes a domain fail.
pub fn decide(standing: &Standing, found: &DomainFinding, now: Millis) -> Decision {
    let checks = found.records.iter().map(|record| merged(standing, record));
    let checks: Vec<RecordCheck> = checks.collect();
    let required = || found.records.iter().zip(&checks).filter(|(record, _)| record.required);
    let is_complete = required().next().is_some() && required().all(|(_, check)| check.verified);
    let is_missing = required().any(|(record, check)| !record.unreadable && !check.verified);

    let mut decision = Decision {
        status: standing.status,
        verified_at: standing.verified_at,
        misses: standing.misses,
        missed_at: standing.missed_at,
        next_check_at: 0,
        checks,
        own_networks: found.own_networks.as_ref().unwrap_or(&standing.own_networks).clone(),
        rotation: None,
    };
    if is_complete {
        decision.status = DomainStatus::Verified;
        decision.verified_at = standing.verified_at.or(Some(now));
        (decision.misses, decision.missed_at) = (0, None);
    } else if is_missing {
        match standing.status {
            DomainStatus::Pending if now - standing.created_at >= PENDING_MAX => decision.status = DomainStatus::Failed,
            DomainStatus::Verified => miss(&mut decision, now),
            DomainStatus::Pending | DomainStatus::Failed => {}
        }
    }
    let every = match decision.status {
        DomainStatus::Pending => PENDING_EVERY,
        DomainStatus::Verified if decision.misses > 0 => MISS_APART,
        DomainStatus::Verified | DomainStatus::Failed => SETTLED_EVERY,
    };
    decision.next_check_at = now + jittered(every, standing.domain.0, now);
    decision
}

/// Counts one more miss of a verified domain, if the last is long enough ago.
fn miss(decision: &mut Decision, now: Millis) {
    // A miss in the future was counted under a clock that was ahead.
    if decision
        .missed_at
        .is_some_and(|last| last <= now.saturating_add(CLOCKS_DIFFER_MAX) && now - last < MISS_APART - MISS_SLACK)
    {
        return;
    }
    (decision.misses, decision.missed_at) = (decision.misses + 1, Some(now));
    if decision.misses >= MISSES_MAX {
        decision.status = DomainStatus::Failed;
        (decision.misses, decision.missed_at) = (0, None);
    }
}

fn merged(standing: &Standing, found: &RecordFinding) -> RecordCheck {
    let before = standing
        .checks
        .iter()
        .find(|check| check.expected == found.check.expected);
    match before {
        // The present record is unknown, so none is offered instead.
        Some(before) if found.unreadable => RecordCheck {
            problem: found.check.problem.clone(),
            state: found.check.state,
            suggestion: None,
            ..before.clone()
        },
        _ => found.check.clone(),
    }
}

/// Up to a tenth more or less, by the domain and the hour, so that domains that were added together are not checked
/// together. The hour between misses is never shorter.
fn jittered(every: Millis, domain: i64, now: Millis) -> Millis {
    // SplitMix64: neighbours get distant values.
    let mut mixed = (domain as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (now / HOUR) as u64;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let share = ((mixed ^ (mixed >> 31)) % 1_000) as Millis;
    if every == MISS_APART {
        return every + share * MISS_SLACK / 1_000;
    }
    every * 9 / 10 + every / 5 * share / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AccountId, DomainId, Purpose};
    use crate::store::RecordState;

    const NOW: Millis = 1_760_000_000_000;

    #[derive(Clone, Copy)]
    enum Dns {
        There,
        Missing,
        Silent,
    }
    use Dns::{Missing, Silent, There};

    fn standing() -> Standing {
        Standing {
            domain: DomainId(7),
            account: AccountId(1),
            status: DomainStatus::Pending,
            created_at: NOW,
            verified_at: None,
            last_checked_at: None,
            misses: 0,
            missed_at: None,
            checks: Vec::new(),
            own_networks: Vec::new(),
            selector: None,
            rotation: None,
        }
    }

    fn record(purpose: Purpose, dns: Dns) -> RecordFinding {
        RecordFinding {
            check: RecordCheck {
                purpose,
                expected: purpose.word().to_owned(),
                verified: matches!(dns, There),
                found: if matches!(dns, There) {
                    vec!["it".to_owned()]
                } else {
                    Vec::new()
                },
                problem: matches!(dns, Silent).then(|| "could not be read".to_owned()),
                state: match dns {
                    There => RecordState::Found,
                    Missing => RecordState::Missing,
                    Silent => RecordState::Unreadable,
                },
                at: None,
                suggestion: None,
            },
            required: purpose != Purpose::Bimi,
            unreadable: matches!(dns, Silent),
        }
    }

    /// Checks at these minutes with what SPF and DKIM were; expects the status after each.
    #[track_caller]
    fn check(steps: &[(i64, Dns, Dns, DomainStatus)]) -> Standing {
        let mut standing = standing();
        for &(minute, spf, dkim, expect) in steps {
            let now = NOW + minute * MINUTE;
            let found = DomainFinding {
                domain: standing.domain,
                at: now,
                updated_at: now,
                records: vec![
                    record(Purpose::Spf, spf),
                    record(Purpose::Dkim, dkim),
                    record(Purpose::Bimi, Missing),
                ],
                own_networks: None,
                selector: None,
                rotation: None,
            };
            let decision = decide(&standing, &found, now);
            assert_eq!(decision.status, expect, "at {minute}");
            standing = Standing {
                status: decision.status,
                verified_at: decision.verified_at,
                last_checked_at: Some(now),
                misses: decision.misses,
                missed_at: decision.missed_at,
                checks: decision.checks,
                ..standing
            };
        }
        standing
    }
    use DomainStatus::{Failed, Pending, Verified};

    #[test]
    fn a_domain_is_verified_when_all_that_is_required_is_there() {
        let standing = check(&[
            (0, Missing, Missing, Pending),
            (30, There, Missing, Pending),
            (60, There, There, Verified),
        ]);
        assert_eq!(standing.verified_at, Some(NOW + HOUR));
    }

    #[test]
    fn a_pending_domain_fails_after_three_days_and_can_still_be_verified() {
        let day = 24 * 60;
        check(&[
            (0, Missing, Missing, Pending),
            (3 * day - 1, There, Missing, Pending),
            (3 * day, There, Missing, Failed),
            (9 * day, There, Missing, Failed),
            (10 * day, There, There, Verified),
        ]);
    }

    #[test]
    fn silence_keeps_known_records_and_fails_no_domain() {
        let day = 24 * 60;
        let standing = check(&[
            (0, Missing, Silent, Pending),
            (9 * day, Silent, Silent, Pending),
            (9 * day + 1, There, There, Verified),
            (10 * day, Silent, There, Verified),
            (11 * day, Silent, Silent, Verified),
            (12 * day, Silent, Silent, Verified),
            (13 * day, Silent, Silent, Verified),
        ]);
        assert_eq!(standing.misses, 0);
        let spf = &standing.checks[0];
        assert!(spf.verified);
        assert_eq!(
            (&*spf.found, spf.problem.as_deref()),
            (&["it".to_owned()][..], Some("could not be read"))
        );
    }

    #[test]
    fn a_verified_domain_fails_at_the_third_miss_an_hour_apart() {
        check(&[
            (0, There, There, Verified),
            (100, There, Missing, Verified),
            (101, There, Missing, Verified),
            (102, Missing, Missing, Verified),
            (160, There, Missing, Verified),
            (214, There, Missing, Verified),
            (215, There, Missing, Failed),
        ]);
    }

    #[test]
    fn misses_count_in_a_row() {
        let standing = check(&[
            (0, There, There, Verified),
            (100, There, Missing, Verified),
            (160, There, Missing, Verified),
            // Unknown: neither one more nor none.
            (220, There, Silent, Verified),
            (280, There, There, Verified),
            (340, There, Missing, Verified),
            (400, There, Missing, Verified),
            (460, There, There, Verified),
        ]);
        assert_eq!(standing.verified_at, Some(NOW), "since the first time");
    }

    #[test]
    fn the_next_look_is_where_the_status_says_within_a_tenth() {
        for (status, misses, low, high) in [
            (Pending, 0, 27 * MINUTE, 33 * MINUTE),
            (Verified, 0, 21 * HOUR, 27 * HOUR),
            (Verified, 1, HOUR, HOUR + 5 * MINUTE),
            (Failed, 0, 21 * HOUR, 27 * HOUR),
        ] {
            let mut seen = std::collections::BTreeSet::new();
            for domain in 0..500 {
                let standing = Standing {
                    domain: DomainId(domain),
                    status,
                    misses,
                    missed_at: (misses > 0).then_some(NOW),
                    ..standing()
                };
                let found = DomainFinding {
                    domain: standing.domain,
                    at: NOW,
                    updated_at: NOW,
                    records: vec![record(Purpose::Spf, Silent)],
                    own_networks: None,
                    selector: None,
                    rotation: None,
                };
                let next = decide(&standing, &found, NOW).next_check_at - NOW;
                assert!((low..=high).contains(&next), "{next}");
                seen.insert(next);
            }
            assert!(seen.len() > 300, "spread: {}", seen.len());
        }
    }
}
